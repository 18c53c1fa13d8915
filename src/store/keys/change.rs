//! A key takes a step: the folder is changed so that whoever reads it at any moment finds keys that
//! fit together.

use super::manifest::Manifest;
use super::open::{certificate_path, is_needed, keep_seal, key_path, make_files, ring};
use super::{KeyFolderError, KeySettings, files};
use crate::base::Timestamp;
use crate::keys::{Command, Held, Ring, Step, Use, Waits};
use crate::xmlenc::DecryptionKeys;

/// What has changed.
#[derive(Clone, Debug)]
pub struct Changed {
    /// The keys of the use as they are now.
    pub ring: Ring,
    /// Those that took a step, as they are now; a removed one as it was.
    pub moved: Vec<Held>,
}

/// Takes the keys of one use a step further. Whoever else changes the folder waits, and finds it as it
/// is afterwards.
///
/// `decide` sees the keys as they are under the lock: two nodes that want the same at the same moment do
/// it once.
pub fn change(
    settings: &KeySettings,
    usage: Use,
    waits: Waits,
    decide: impl FnOnce(&Ring) -> Option<Command>,
    now: Timestamp,
) -> Result<Option<Changed>, KeyFolderError> {
    if settings.given.of(usage).is_some() {
        return Err(KeyFolderError::NotOurs { usage });
    }
    let folder = &settings.folder;
    files::make_folder(folder)?;
    let _lock = files::lock(folder)?;
    let mut manifest = Manifest::read(folder)?;
    let before = ring(folder, &manifest, usage)?;
    let Some(command) = decide(&before) else {
        return Ok(None);
    };
    let after = before.after(&command, waits, now)?;
    match &command {
        // The key first: who reads the folder in between finds a file too many, not one too few.
        Command::Rotate { name, .. } => {
            let needed = before.iter().filter(|key| is_needed(key)).count();
            if usage == Use::Encryption && needed >= DecryptionKeys::MOST {
                let found = needed.saturating_add(1);
                return Err(KeyFolderError::TooMany { folder: folder.clone(), found });
            }
            first_key(settings, &before, now)?;
            if usage == Use::Jwt {
                keep_seal(folder)?;
            }
            make_files(settings, usage, name, now)?;
        }
        Command::Promote { .. } | Command::Retire { .. } | Command::Remove { .. } => {}
    }
    manifest.replace(after.clone());
    manifest.write(folder)?;
    if let Command::Remove { name } = &command {
        files::remove(&key_path(folder, name))?;
        files::remove(&certificate_path(folder, name))?;
    }
    let moved = |key: &&Held| !before.iter().any(|known| known == *key);
    let gone = |key: &&Held| !after.iter().any(|known| known.name == key.name);
    let moved = after.iter().filter(moved).chain(before.iter().filter(gone));
    let moved = moved.cloned().collect();
    Ok(Some(Changed { ring: after, moved }))
}

/// The name of a key that is made now; no key and no file has it.
pub fn new_name(settings: &KeySettings, ring: &Ring, now: Timestamp) -> String {
    let day = now.to_rfc3339();
    let day = day.split('T').next().unwrap_or_default();
    let first = format!("{}-{day}", ring.usage().first_name());
    let is_free = |name: &String| {
        ring.iter().all(|key| key.name != *name) && !key_path(&settings.folder, name).exists()
    };
    let further = (2_u32..).map(|number| format!("{first}-{number}"));
    let mut names = std::iter::once(first.clone()).chain(further);
    names.find(is_free).unwrap_or(first)
}

/// A gateway that never ran has no key yet from which another one could take over.
fn first_key(settings: &KeySettings, ring: &Ring, now: Timestamp) -> Result<(), KeyFolderError> {
    let Some(active) = ring.at(Step::Active) else {
        return Ok(());
    };
    let is_there = key_path(&settings.folder, &active.name).exists();
    if is_there || active.name != ring.usage().first_name() || active.since.is_some() {
        return Ok(());
    }
    make_files(settings, ring.usage(), &active.name, now)
}
