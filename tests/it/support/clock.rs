//! A clock that a test steps, for a program that asks the system for the time.
//!
//! In: a program that is about to be started. Out: the same, for which it is as much later as the test
//! says. libfaketime (a package of Debian) stands between that one program and the C library. How long
//! something takes it still measures by the machine's clock: pauses and time limits are real.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use samlgate::base::clock::SystemClock;
use samlgate::base::{Clock as _, Timestamp};
use tempfile::TempDir;

/// A clock ahead of the machine's. Clones are the same clock.
#[derive(Clone)]
pub(crate) struct SteppedClock {
    ahead: Arc<AtomicU64>,
    folder: Arc<TempDir>,
}

impl SteppedClock {
    /// Shows what the machine's does, until it is stepped.
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("samlgate-it-").tempdir().unwrap();
        let clock = Self { ahead: Arc::default(), folder: Arc::new(folder) };
        clock.write(0);
        clock
    }

    /// What it shows.
    pub(crate) fn now(&self) -> Timestamp {
        SystemClock.now().plus(Duration::from_secs(self.ahead.load(SeqCst)))
    }

    /// Steps it, for whoever goes by it: at once, in the middle of whatever they do.
    pub(crate) fn step(&self, by: Duration) {
        let before = self.ahead.fetch_add(by.as_secs(), SeqCst);
        self.write(before + by.as_secs());
    }

    /// The program will go by it, and so will those that it starts.
    pub(crate) fn shown_to(&self, command: &mut Command) {
        command
            .env("LD_PRELOAD", library())
            .env("FAKETIME_TIMESTAMP_FILE", self.file())
            // A step counts at once.
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            // Ages of files are only compared with each other.
            .env("NO_FAKE_STAT", "1");
    }

    /// Takes away what a program that was killed has left.
    pub(crate) fn swept_after(id: u32) {
        for name in [
            format!("sem.faketime_sem_{id}"),
            format!("faketime_shm_{id}"),
        ] {
            // Whoever could end by itself has done so.
            let _ = std::fs::remove_file(PathBuf::from("/dev/shm").join(name));
        }
    }

    fn write(&self, ahead: u64) {
        // As a whole: it may be read at any moment.
        let new = self.folder.path().join("ahead.new");
        std::fs::write(&new, format!("+{ahead}\n")).unwrap();
        std::fs::rename(new, self.file()).unwrap();
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("ahead")
    }
}

/// In the folder of this machine's architecture.
fn library() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap();
    let libraries = folders.map(|it| it.unwrap().path().join("faketime/libfaketimeMT.so.1"));
    let found = libraries.into_iter().find(|library| library.exists());
    found.expect("libfaketime is not there. Run `make packages`?")
}
