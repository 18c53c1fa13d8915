//! The folder of our own keys (`saml.keys`).
//!
//! In: a folder. Out: the keys in it; those that are missing are made, once, with permissions that
//! keep them from everybody else. A key that is there is never overwritten.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::base::{ErrorCode, Timestamp};
use crate::dsig::{KeyRefusal, SigningKey};
use crate::proxy::{JwtError, JwtKey};

/// RSA, since every identity provider can verify it; 3072 bits, which NIST SP 800-57 deems good
/// beyond 2030 at a third of the signing cost of 4096.
const RSA_BITS: u32 = 3072;

/// Our keys.
#[derive(Debug)]
pub struct SpKeys {
    /// Signs `AuthnRequest`s and metadata.
    pub signing: SigningKey,
    /// Signs the identity header.
    pub jwt: JwtKey,
    /// What was made just now.
    pub made: Vec<PathBuf>,
    /// What looks wrong without being an error.
    pub warnings: Vec<String>,
}

/// Why the keys can not be used.
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
    /// Not a key that we use.
    #[error("{}: {reason}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl KeyFolderError {
    /// `config.value`: the folder is part of the configuration.
    pub const fn code(&self) -> ErrorCode {
        ErrorCode::ConfigValue
    }
}

#[derive(Default)]
struct Remarks {
    made: Vec<PathBuf>,
    warnings: Vec<String>,
}

/// Reads the keys in `folder`, and makes those that are missing. `common_name` goes into new
/// certificates.
pub fn open_keys(
    folder: &Path,
    common_name: &str,
    now: Timestamp,
) -> Result<SpKeys, KeyFolderError> {
    let mut remarks = Remarks::default();
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| KeyFolderError::Io { path: folder.to_owned(), error })?;
    let signing = open_signing(folder, common_name, &mut remarks, now)?;
    let jwt = open_jwt(folder, &mut remarks)?;
    Ok(SpKeys { signing, jwt, made: remarks.made, warnings: remarks.warnings })
}

fn open_signing(
    folder: &Path,
    common_name: &str,
    remarks: &mut Remarks,
    now: Timestamp,
) -> Result<SigningKey, KeyFolderError> {
    let key_path = folder.join("sp-signing.key");
    let certificate_path = folder.join("sp-signing.crt");
    let refused = |reason: KeyRefusal| KeyFolderError::Key {
        path: key_path.clone(),
        reason: reason.to_string(),
    };
    match (read(&key_path)?, read(&certificate_path)?) {
        (Some(key), Some(certificate)) => {
            remarks.warnings.extend(loose_permissions(&key_path));
            SigningKey::from_pem(&key, &certificate).map_err(refused)
        }
        (None, None) => {
            let key = SigningKey::generate_rsa(RSA_BITS, common_name, now).map_err(refused)?;
            let pem = key.key_pem().map_err(refused)?;
            write(&key_path, pem.reveal(), 0o600)?;
            let certificate = key.certificate_pem().map_err(refused)?;
            write(&certificate_path, certificate.as_bytes(), 0o644)?;
            remarks.made.push(key_path);
            Ok(key)
        }
        (Some(_), None) => Err(KeyFolderError::Half { found: key_path, missing: certificate_path }),
        (None, Some(_)) => Err(KeyFolderError::Half { found: certificate_path, missing: key_path }),
    }
}

fn open_jwt(folder: &Path, remarks: &mut Remarks) -> Result<JwtKey, KeyFolderError> {
    let path = folder.join("jwt-signing.key");
    let refused =
        |reason: JwtError| KeyFolderError::Key { path: path.clone(), reason: reason.to_string() };
    if let Some(key) = read(&path)? {
        remarks.warnings.extend(loose_permissions(&path));
        return JwtKey::from_pem(&String::from_utf8_lossy(&key)).map_err(refused);
    }
    let key = JwtKey::generate().map_err(refused)?;
    let pem = key.to_pem().map_err(refused)?;
    write(&path, pem.reveal().as_bytes(), 0o600)?;
    remarks.made.push(path);
    Ok(key)
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, KeyFolderError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(KeyFolderError::Io { path: path.to_owned(), error }),
    }
}

/// Writes beside it and renames, so that a power cut leaves a whole file or none.
fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), KeyFolderError> {
    let beside = path.with_extension("new");
    let attempt = || -> io::Result<()> {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(mode)
            .open(&beside)?;
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    attempt().map_err(|error| KeyFolderError::Io { path: path.to_owned(), error })
}

/// A private key that others on this machine can read.
fn loose_permissions(path: &Path) -> Option<String> {
    let mode = fs::metadata(path).ok()?.permissions().mode() & 0o077;
    (mode != 0).then(|| format!("{} can be read by others: chmod 600 it", path.display()))
}
