//! `keys.toml`: which key is at which step.
//!
//! Without the file, or for a use that it does not name, the key that was there before anybody counted
//! is the active one.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::KeyFolderError;
use super::files;
use crate::base::Timestamp;
use crate::keys::{Held, Ring, Step, Use};

/// Its name.
const NAME: &str = "keys.toml";
const HEAD: &str = "\
# Written by samlgate: which key is at which step. `samlgate keys list` says what that means, and
# `samlgate keys rotate`, `promote`, `retire` and `remove` change it.

";

/// What the file says.
#[derive(Clone, Debug, Default)]
pub(super) struct Manifest(Vec<Ring>);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u32,
    #[serde(default, rename = "key")]
    keys: Vec<WrittenKey>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenKey {
    #[serde(rename = "use")]
    usage: String,
    name: String,
    step: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<String>,
}

impl Manifest {
    /// Where it is.
    pub(super) fn path(folder: &Path) -> PathBuf {
        folder.join(NAME)
    }

    /// What the file says, or nothing where it is not there.
    pub(super) fn read(folder: &Path) -> Result<Self, KeyFolderError> {
        let path = folder.join(NAME);
        let Some(bytes) = files::read(&path)? else {
            return Ok(Self::default());
        };
        let wrong = |reason: String| KeyFolderError::Key { path: path.clone(), reason };
        let text = String::from_utf8(bytes).map_err(|error| wrong(error.to_string()))?;
        let written: Written = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        if written.version != 1 {
            return Err(wrong(format!(
                "it is of version {}, and this samlgate knows 1",
                written.version
            )));
        }
        let mut keys: Vec<(Use, Held)> = Vec::new();
        for key in written.keys {
            let read = key.read().ok_or_else(|| {
                wrong(format!(
                    "the key {:?} has a use, name, step or time that nobody knows",
                    key.name
                ))
            })?;
            if keys.iter().any(|(_, other)| other.name == read.1.name) {
                return Err(wrong(format!("the key {:?} is there twice", key.name)));
            }
            keys.push(read);
        }
        let mut rings = Vec::new();
        for usage in Use::ALL {
            let of_use = keys.iter().filter(|(other, _)| *other == usage);
            let held: Vec<Held> = of_use.map(|(_, held)| held.clone()).collect();
            if held.is_empty() {
                continue;
            }
            let ring = Ring::new(usage, held).ok_or_else(|| {
                wrong(format!(
                    "of the keys for {} not one is active",
                    usage.as_str()
                ))
            })?;
            rings.push(ring);
        }
        Ok(Self(rings))
    }

    /// The keys of a use; `None` where nobody has counted yet.
    pub(super) fn ring(&self, usage: Use) -> Option<&Ring> {
        self.0.iter().find(|ring| ring.usage() == usage)
    }

    /// Puts these in the place of those of the same use.
    pub(super) fn replace(&mut self, ring: Ring) {
        self.0.retain(|other| other.usage() != ring.usage());
        self.0.push(ring);
        self.0.sort_by_key(Ring::usage);
    }

    /// Writes the file.
    pub(super) fn write(&self, folder: &Path) -> Result<(), KeyFolderError> {
        let path = folder.join(NAME);
        let keys = self.0.iter().flat_map(|ring| ring.iter().map(|key| (ring.usage(), key)));
        let keys = keys.map(|(usage, key)| WrittenKey {
            usage: usage.as_str().to_owned(),
            name: key.name.clone(),
            step: key.step.as_str().to_owned(),
            since: key.since.map(Timestamp::to_rfc3339),
        });
        let written = Written { version: 1, keys: keys.collect() };
        let text = toml::to_string(&written).map_err(|error| KeyFolderError::Key {
            path: path.clone(),
            reason: error.to_string(),
        })?;
        files::write(&path, format!("{HEAD}{text}").as_bytes(), 0o600)
    }
}

impl WrittenKey {
    fn read(&self) -> Option<(Use, Held)> {
        // It becomes a file's name.
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let is_name = !self.name.is_empty() && !self.name.starts_with('.');
        if !is_name || !self.name.chars().all(plain) {
            return None;
        }
        let since = match &self.since {
            Some(text) => Some(Timestamp::parse_moment(text)?),
            None => None,
        };
        let held = Held {
            name: self.name.clone(),
            step: Step::find(&self.step)?,
            since,
        };
        Some((Use::find(&self.usage)?, held))
    }
}
