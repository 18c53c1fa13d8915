//! Everything in one SQLite file.
//!
//! In: a path. Out: [`SqliteStore`], which is all the stores that the modules below ask for. The
//! promise: what was answered with `Ok` survives a crash of the machine, and everything that must
//! happen once (an assertion, a pending login, a first login) happens once, whichever of several
//! processes on the file asks.
//!
//! **Deployment caveat.** The file must be on a local file system: WAL needs shared memory, which
//! NFS and SMB do not have.

use crate::base::{StoreError, Timestamp};

mod audit;
mod directory;
mod kept;
mod login;
mod login_sql;
mod one_use;
mod open;
mod pending;
mod readers;
mod record;
mod row;
mod sessions;
mod sweep;
#[cfg(test)]
mod tests;
mod users;
mod writer;

use readers::Readers;
use writer::Writer;

/// One database file; cheap to clone.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    /// One connection, and many writes in each commit. Other processes on the file (our own command
    /// line) wait for SQLite's lock, up to `busy_timeout`.
    writer: Writer,
    /// A few connections, which WAL lets read while the writer writes. Every commit that was
    /// answered is visible to them.
    readers: Readers,
}

impl SqliteStore {
    /// Opens a file, creating it (0600) and its folder (0700), and brings its tables up to date;
    /// or `:memory:`, which is empty and gone with the last clone.
    pub async fn open(path: &str) -> Result<Self, StoreError> {
        open::open(path).await
    }

    /// Opens a file only to read it, and changes nothing: not the tables of an older version, not
    /// the files beside it. For a moment in the life of a command, not for a gateway.
    pub async fn open_to_read(path: &str) -> Result<Self, StoreError> {
        open::open_to_read(path).await
    }

    /// The version of the tables that this program makes.
    pub fn newest_version() -> i64 {
        i64::try_from(open::MIGRATIONS.len()).unwrap_or(i64::MAX)
    }

    /// Whether the database answers: for `/readyz`.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT value FROM meta LIMIT 1")
            .fetch_optional(&mut *self.readers.lend().await?)
            .await
            .map_err(row::failed)?;
        Ok(())
    }

    /// Removes rows whose time is over, but for sessions, which [`crate::session::Sessions`]
    /// sweeps; how many.
    pub async fn sweep(&self, now: Timestamp) -> Result<u64, StoreError> {
        sweep::sweep(self, now).await
    }

    /// Writes the WAL back into the file and closes it. Nothing is lost without it.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}
