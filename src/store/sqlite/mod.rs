//! Everything in one SQLite file.

use crate::base::{StoreError, Timestamp};

/// One database file; cheap to clone.
#[derive(Clone, Debug)]
pub struct SqliteStore {}

impl SqliteStore {
    /// Opens a file, creating it (0600) and its folder (0700); or `:memory:`.
    pub async fn open(_path: &str) -> Result<Self, StoreError> {
        Err(StoreError::new("not yet"))
    }

    /// Removes rows whose time is over; how many. Sessions have their own sweep.
    pub async fn sweep(&self, _now: Timestamp) -> Result<u64, StoreError> {
        Ok(0)
    }
}
