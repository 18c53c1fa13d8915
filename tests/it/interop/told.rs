//! The file by which the servers in `tests/peers` are told something, and what it names.
//!
//! They read it again before each request. Each time it names other files, so that what is read at the
//! same moment is never half old and half new.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::peer::{Key, Sp};

/// Where it is, and the how-manieth it is.
pub(super) struct Told<'f> {
    pub(super) folder: &'f Path,
    pub(super) number: usize,
}

impl Told<'_> {
    /// Which file a server is to read.
    pub(super) fn file(folder: &Path) -> PathBuf {
        folder.join("told.json")
    }

    /// A file that this names.
    pub(super) fn write(&self, name: &str, text: &str) -> String {
        let path = self.folder.join(format!("{}-{name}", self.number));
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// A file for each certificate.
    pub(super) fn certificates(&self, keys: &[Key]) -> Vec<String> {
        let file =
            |(at, key): (usize, &Key)| self.write(&format!("published-{at}.crt"), &key.certificate);
        keys.iter().enumerate().map(file).collect()
    }

    /// A file for each service provider.
    pub(super) fn metadata(&self, sps: &[Sp]) -> Vec<String> {
        let file = |(at, sp): (usize, &Sp)| self.write(&format!("sp-{at}.xml"), &sp.metadata);
        sps.iter().enumerate().map(file).collect()
    }

    /// Tells it: as a whole.
    pub(super) fn says(&self, options: &Value) {
        let new = self.folder.join("new");
        std::fs::write(&new, options.to_string()).unwrap();
        std::fs::rename(new, Self::file(self.folder)).unwrap();
    }
}
