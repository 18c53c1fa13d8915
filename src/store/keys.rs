//! The folder of our own keys (`saml.keys`).
//!
//! In: a folder. Out: the keys in it; those that are missing are made, once, with permissions that
//! keep them from everybody else. A key that is there is never overwritten.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use openssl::x509::X509;

use crate::base::certificate::{KeyPurpose, self_signed};
use crate::base::{ErrorCode, Secret, Timestamp};
use crate::dsig::{SigningKey, TrustedKey};
use crate::proxy::{JwtError, JwtKey};
use crate::xmlenc::{DecryptionKey, DecryptionKeys};

/// RSA, since every identity provider can verify it; 3072 bits, which NIST SP 800-57 deems good
/// beyond 2030 at a third of the signing cost of 4096.
const RSA_BITS: u32 = 3072;

/// Our keys.
#[derive(Debug)]
pub struct SpKeys {
    /// Signs `AuthnRequest`s and metadata.
    pub signing: SigningKey,
    /// Decrypts what identity providers encrypt to us.
    pub encryption: EncryptionKeys,
    /// Signs the identity header.
    pub jwt: JwtKey,
    /// What was made just now.
    pub made: Vec<PathBuf>,
    /// What looks wrong without being an error.
    pub warnings: Vec<String>,
}

/// Our keys for decryption.
#[derive(Clone, Debug)]
pub struct EncryptionKeys {
    /// All of them; the published one first.
    pub keys: Vec<DecryptionKey>,
    /// The certificate of the published one, as metadata carries it before base64.
    pub certificate_der: Vec<u8>,
    /// What is known about it.
    pub certificate: TrustedKey,
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
    /// Each key is tried for each message, so that there is an end to them.
    #[error("{} holds {found} keys sp-encryption*.key; {} are tried: move those away that identity providers do not encrypt to any more", folder.display(), DecryptionKeys::MOST)]
    TooMany {
        /// Where.
        folder: PathBuf,
        /// How many.
        found: usize,
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
    let encryption = open_encryption(folder, common_name, &mut remarks, now)?;
    let jwt = open_jwt(folder, &mut remarks)?;
    let Remarks { made, warnings } = remarks;
    Ok(SpKeys { signing, encryption, jwt, made, warnings })
}

fn open_signing(
    folder: &Path,
    common_name: &str,
    remarks: &mut Remarks,
    now: Timestamp,
) -> Result<SigningKey, KeyFolderError> {
    let read = |pair: &Pair| SigningKey::from_pem(pair.key.reveal(), &pair.certificate);
    let make = || {
        let key = SigningKey::generate_rsa(RSA_BITS, common_name, now)?;
        let certificate = key.certificate_pem()?.into_bytes();
        Ok(Pair { key: key.key_pem()?, certificate })
    };
    open_pair(folder, "sp-signing", remarks, read, make)
}

/// `sp-encryption.key` and its certificate, which are published, and every other
/// `sp-encryption*.key`, by name: a key that was published before, or will be.
fn open_encryption(
    folder: &Path,
    common_name: &str,
    remarks: &mut Remarks,
    now: Timestamp,
) -> Result<EncryptionKeys, KeyFolderError> {
    const NAME: &str = "sp-encryption";
    let read_pair = |pair: &Pair| -> Result<EncryptionKeys, BoxedError> {
        let key = DecryptionKey::from_pem(pair.key.reveal())?;
        let certificate_der = X509::from_pem(&pair.certificate)?.to_der()?;
        let certificate = TrustedKey::from_certificate_der(&certificate_der)?;
        if !key.belongs_to(certificate.public_key()) {
            return Err("the certificate belongs to another key".into());
        }
        Ok(EncryptionKeys { keys: vec![key], certificate_der, certificate })
    };
    let make = || -> Result<Pair, BoxedError> {
        let key = DecryptionKey::generate(DecryptionKey::RSA_BITS)?;
        let purpose = KeyPurpose::Encryption;
        let certificate = self_signed(key.private_key(), common_name, purpose, now)?.to_pem()?;
        Ok(Pair { key: key.key_pem()?, certificate })
    };
    let mut encryption = open_pair(folder, NAME, remarks, read_pair, make)?;
    let io = |error| KeyFolderError::Io { path: folder.to_owned(), error };
    let mut others = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with(NAME) && name.ends_with(".key") && name != "sp-encryption.key" {
            others.push(path);
        }
    }
    others.sort();
    let found = others.len().saturating_add(1);
    if found > DecryptionKeys::MOST {
        return Err(KeyFolderError::TooMany { folder: folder.to_owned(), found });
    }
    for path in others {
        let Some(pem) = read(&path)?.map(Secret::new) else {
            continue;
        };
        remarks.warnings.extend(loose_permissions(&path));
        let key = DecryptionKey::from_pem(pem.reveal());
        let key = key.map_err(|reason| KeyFolderError::Key { path, reason: reason.to_string() })?;
        encryption.keys.push(key);
    }
    Ok(encryption)
}

type BoxedError = Box<dyn std::error::Error>;

/// A private key and its certificate, both in PEM.
struct Pair {
    key: Secret<Vec<u8>>,
    certificate: Vec<u8>,
}

/// Reads `NAME.key` and `NAME.crt`, or makes both.
fn open_pair<K, E: ToString>(
    folder: &Path,
    name: &str,
    remarks: &mut Remarks,
    read_pair: impl Fn(&Pair) -> Result<K, E>,
    make: impl FnOnce() -> Result<Pair, E>,
) -> Result<K, KeyFolderError> {
    let key_path = folder.join(name).with_extension("key");
    let certificate_path = folder.join(name).with_extension("crt");
    let refused =
        |reason: E| KeyFolderError::Key { path: key_path.clone(), reason: reason.to_string() };
    match (read(&key_path)?, read(&certificate_path)?) {
        (Some(key), Some(certificate)) => {
            remarks.warnings.extend(loose_permissions(&key_path));
            read_pair(&Pair { key: Secret::new(key), certificate }).map_err(refused)
        }
        (None, None) => {
            let pair = make().map_err(refused)?;
            let opened = read_pair(&pair).map_err(refused)?;
            write(&key_path, pair.key.reveal(), 0o600)?;
            write(&certificate_path, &pair.certificate, 0o644)?;
            remarks.made.push(key_path);
            Ok(opened)
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
