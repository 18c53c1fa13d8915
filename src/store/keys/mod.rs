//! Our own keys: the folder `saml.keys`, or what the configuration gives in its place.
//!
//! In: [`KeySettings`]. Out: [`SpKeys`], all keys with their steps; those that are missing are made,
//! once, with permissions that keep them from everybody else. A key that is there is never
//! overwritten. [`change()`] takes one a step further, as `keys::Ring` decides it.
//!
//! ```text
//! sp-signing.key      sp-signing.crt        made on the first start
//! sp-encryption.key   sp-encryption.crt
//! jwt-signing.key
//! sp-signing-2026-11-22.key   ….crt         made by `samlgate keys rotate`
//! keys.toml                                 which is at which step, once anything was changed
//! keys.lock                                 whoever changes something holds it
//! seal.key                                  what the first JWT key sealed, once that is not the first
//! ```

mod change;
mod files;
mod given;
mod manifest;
mod open;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

pub use change::{Changed, change, new_name};
pub use files::FolderAge;
pub use open::{check_keys, look, open_keys, own_decryption_keys, reopen_keys};

use crate::base::{ErrorCode, Secret, Timestamp};
use crate::dsig::{Certificate, SigningKey};
use crate::keys::{Held, JWT_AGE, Refusal, Ring, Step, Use};
use crate::proxy::JwtKey;
use crate::xmlenc::{DecryptionKey, DecryptionKeys};

/// Where our keys are.
#[derive(Clone, Debug, Default)]
pub struct KeySettings {
    /// The folder.
    pub folder: PathBuf,
    /// Goes into new certificates.
    pub common_name: String,
    /// PEM in the place of files.
    pub given: GivenKeys,
}

/// Keys that the configuration gives itself, in PEM.
#[derive(Clone, Debug, Default)]
pub struct GivenKeys {
    /// `saml.signing_key`
    pub signing: Option<Secret<String>>,
    /// `saml.encryption_key`
    pub encryption: Option<Secret<String>>,
    /// `saml.jwt_key`
    pub jwt: Option<Secret<String>>,
}

impl GivenKeys {
    /// Those of a use.
    pub const fn of(&self, usage: Use) -> Option<&Secret<String>> {
        match usage {
            Use::Signing => self.signing.as_ref(),
            Use::Encryption => self.encryption.as_ref(),
            Use::Jwt => self.jwt.as_ref(),
        }
    }
}

/// Our keys.
#[derive(Debug)]
pub struct SpKeys {
    /// Signs messages and metadata.
    pub signing: Arc<SigningKey>,
    /// Certificates for signing as metadata carries them, the active one first, in DER.
    pub signing_certificates: Vec<Vec<u8>>,
    /// Certificates to encrypt to, in DER: the one that is to be used first.
    pub encryption_certificates: Vec<Vec<u8>>,
    /// Everything that decrypts, likeliest first.
    pub decryption: Vec<DecryptionKey>,
    /// Signs the identity header.
    pub jwt: JwtKey,
    /// Further keys of the key set.
    pub jwt_published: Vec<JwtKey>,
    /// What else is derived from the JWT key, and does not change with it.
    pub seal: Secret<[u8; 32]>,
    /// Each key with its step.
    pub known: Vec<KnownKey>,
    /// What was made just now.
    pub made: Vec<PathBuf>,
    /// What looks wrong without being an error.
    pub warnings: Vec<String>,
}

impl SpKeys {
    /// The keys of a use.
    pub fn of(&self, usage: Use) -> impl Iterator<Item = &KnownKey> {
        self.known.iter().filter(move |key| key.usage == usage)
    }

    /// The active key of a use.
    pub fn active(&self, usage: Use) -> Option<&KnownKey> {
        self.of(usage).find(|key| key.held.step == Step::Active)
    }

    /// The ring of a use; `None` where the configuration gives its keys.
    pub fn ring(&self, usage: Use) -> Option<Ring> {
        let mut keys = Vec::new();
        for key in self.of(usage) {
            if key.origin == Origin::Configuration {
                return None;
            }
            keys.push(key.held.clone());
        }
        Ring::new(usage, keys)
    }
}

/// What is known about a key, besides itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownKey {
    /// What it is for.
    pub usage: Use,
    /// Its name, its step, and since when.
    pub held: Held,
    /// When its certificate ends; a key without one does not end.
    pub not_after: Option<Timestamp>,
    /// Its certificate, if it has one.
    pub certificate: Option<Certificate>,
    /// SHA-256 of its certificate, or the `kid` of a JWT key; nothing for a key without a certificate.
    pub fingerprint: Option<String>,
    /// Where it is.
    pub origin: Origin,
}

impl KnownKey {
    /// When it should have a successor: its certificate ends, or the key of the identity header has
    /// signed for [`JWT_AGE`].
    pub fn ends(&self) -> Option<Timestamp> {
        self.not_after.or_else(|| Some(self.jwt_since()?.plus(JWT_AGE)))
    }

    /// Since when it signs the identity header, if it does.
    pub fn jwt_since(&self) -> Option<Timestamp> {
        let signs = self.usage == Use::Jwt && self.held.step == Step::Active;
        match (&self.origin, self.held.since) {
            _ if !signs => None,
            (_, Some(since)) => Some(since),
            (Origin::File(path), None) => made(path),
            (Origin::Configuration, None) => None,
        }
    }
}

fn made(path: &Path) -> Option<Timestamp> {
    let made = std::fs::metadata(path).and_then(|file| file.modified()).ok()?;
    let made = Timestamp::EPOCH.plus(made.duration_since(UNIX_EPOCH).ok()?);
    // In images that are built the same every time, files are of 1970 or so.
    (made > REAL).then_some(made)
}

/// No file of ours is older: 2026-01-01.
const REAL: Timestamp = Timestamp::from_unix_seconds(1_767_225_600);

/// Where a key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In the folder, in this file.
    File(PathBuf),
    /// In the configuration; nobody but the operator changes it.
    Configuration,
}

/// Why the keys can not be used, or not be changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyFolderError {
    /// The file system said no.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What it said.
        error: io::Error,
    },
    /// One of the two files of a pair is missing.
    #[error("{} is there, but {} is not: put it back, or move the other one away to get new keys", found.display(), missing.display())]
    Half {
        /// The file that is there.
        found: PathBuf,
        /// The file that is not.
        missing: PathBuf,
    },
    /// `keys.toml` names a key whose files are gone.
    #[error("{} is missing, and keys.toml says that it is {step}: put it back, or take it out of keys.toml", missing.display())]
    Gone {
        /// The file.
        missing: PathBuf,
        /// Its step.
        step: &'static str,
    },
    /// What was there when the gateway started is gone.
    #[error("{} is gone: put it back; a new one is made by nothing but a new start", missing.display())]
    Vanished {
        /// The file.
        missing: PathBuf,
    },
    /// Not a key that we use.
    #[error("{}: {reason}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The configuration gives something else than a key.
    #[error("saml.{}_key: {reason}", usage.as_str())]
    Given {
        /// Which.
        usage: Use,
        /// Why.
        reason: String,
    },
    /// Each key is tried for each message, so that there is an end to them.
    #[error("{} holds {found} keys sp-encryption*.key; {} are tried: move those away that identity providers do not encrypt to any more", folder.display(), DecryptionKeys::MOST)]
    TooMany {
        /// Where.
        folder: PathBuf,
        /// How many.
        found: usize,
    },
    /// The step is not taken.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// What the configuration gives is changed there.
    #[error("the keys for {} come from the configuration (saml.{}_key): change them there", usage.as_str(), usage.as_str())]
    NotOurs {
        /// Which.
        usage: Use,
    },
}

impl KeyFolderError {
    /// `config.value`: the folder is part of the configuration.
    pub const fn code(&self) -> ErrorCode {
        ErrorCode::ConfigValue
    }

    fn io(path: &Path, error: io::Error) -> Self {
        Self::Io { path: path.to_owned(), error }
    }
}

type BoxedError = Box<dyn std::error::Error>;

/// A private key, and its certificate where there is one, in PEM.
struct PemKey {
    key: Secret<Vec<u8>>,
    certificate: Option<Vec<u8>>,
}

/// A private key and its certificate, both in PEM.
struct Pair {
    key: Secret<Vec<u8>>,
    certificate: Vec<u8>,
}
