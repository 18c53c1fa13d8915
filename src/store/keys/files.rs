//! Files of the folder of keys: read, and written so that a power cut leaves a whole one or none.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::KeyFolderError;
use crate::base::Secret;

/// A file, if it is there.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, KeyFolderError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(KeyFolderError::io(path, error)),
    }
}

/// A private key, if it is there; `warnings` hear when others can read it.
pub(super) fn read_private(
    path: &Path,
    warnings: &mut Vec<String>,
) -> Result<Option<Secret<Vec<u8>>>, KeyFolderError> {
    let read = read(path)?.map(Secret::new);
    if read.is_some() {
        warnings.extend(loose(path, 0o077, "can be read by others: chmod 600 it"));
    }
    Ok(read)
}

/// Writes a private key.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), KeyFolderError> {
    write(path, bytes, 0o600)
}

/// Writes a certificate.
pub(super) fn write_public(path: &Path, bytes: &[u8]) -> Result<(), KeyFolderError> {
    write(path, bytes, 0o644)
}

/// Writes beside it and renames, under the lock of the folder.
pub(super) fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), KeyFolderError> {
    // A key and its certificate differ in nothing but the extension.
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    // Of somebody who was stopped: whoever has the lock is the only one who writes.
    remove(&beside)?;
    let attempt = || -> io::Result<()> {
        let mut file =
            fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    attempt().map_err(|error| KeyFolderError::io(path, error))
}

/// Takes a file away, if it is there.
pub(super) fn remove(path: &Path) -> Result<(), KeyFolderError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(KeyFolderError::io(path, error))
        }
        _ => Ok(()),
    }
}

/// Makes the folder, for nobody else.
pub(super) fn make_folder(folder: &Path) -> Result<(), KeyFolderError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| KeyFolderError::io(folder, error))
}

/// Says when others can change what is in the folder.
pub(super) fn complaint(folder: &Path) -> Option<String> {
    loose(
        folder,
        0o022,
        "can be changed by others, who could put keys of theirs there: chmod 700 it",
    )
}

/// Every file of the folder whose name ends so, sorted.
pub(super) fn with_extension(
    folder: &Path,
    extension: &str,
) -> Result<Vec<PathBuf>, KeyFolderError> {
    let io = |error| KeyFolderError::io(folder, error);
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path.extension().is_some_and(|found| found == extension) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Keeps everybody else from changing the folder as long as it lives: other nodes, the gateway
/// beside a command. They wait.
pub(super) fn lock(folder: &Path) -> Result<File, KeyFolderError> {
    let path = folder.join("keys.lock");
    let attempt = || -> io::Result<File> {
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).mode(0o600).open(&path)?;
        file.lock()?;
        Ok(file)
    };
    attempt().map_err(|error| KeyFolderError::io(&path, error))
}

/// What changes when somebody changes keys: names, ages and lengths of the files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FolderAge(Vec<(PathBuf, SystemTime, u64)>);

impl FolderAge {
    /// As it is now; of what can not be looked at nothing is seen.
    pub fn of(folder: &Path) -> Self {
        let mut ages = Vec::new();
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let counts = path.extension().is_some_and(|found| {
                ["key", "crt", "toml"].into_iter().any(|extension| found == extension)
            });
            // Behind symbolic links too: Kubernetes swaps them.
            if let (true, Ok(about)) = (counts, fs::metadata(&path)) {
                let age = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                ages.push((path, age, about.len()));
            }
        }
        ages.sort();
        Self(ages)
    }
}

/// Who else may do what.
fn loose(path: &Path, bits: u32, complaint: &str) -> Option<String> {
    let mode = fs::metadata(path).ok()?.permissions().mode() & bits;
    (mode != 0).then(|| format!("{} {complaint}", path.display()))
}
