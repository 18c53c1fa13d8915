//! An SQLite database as a file: which version it is, whether it is sound, a copy of it, another one
//! in its place.
//!
//! For commands of an operator; a gateway knows [`super::SqliteStore`] alone.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use super::SqliteStore;
use crate::base::{StoreError, Timestamp};
use crate::session::SessionStore as _;

/// A gateway holds its locks for milliseconds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Which version its tables are of; 0 where there is no file yet, or an empty one.
pub async fn version(path: &Path) -> Result<i64, StoreError> {
    if !path.exists() {
        return Ok(0);
    }
    let mut connection = connect(path, BUSY_TIMEOUT).await?;
    let version = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut connection).await;
    close(connection).await;
    version.map_err(|error| failed(path, error))
}

/// What is wrong with its pages and indexes; nothing, in a sound one.
pub async fn damages(path: &Path) -> Result<Vec<String>, StoreError> {
    let mut connection = connect(path, BUSY_TIMEOUT).await?;
    let found = sqlx::query_scalar("PRAGMA quick_check(10)").fetch_all(&mut connection).await;
    close(connection).await;
    let mut found: Vec<String> = found.map_err(|error| failed(path, error))?;
    found.retain(|line| line != "ok");
    Ok(found)
}

/// Writes the file anew, without what was removed or written over and is still on its pages, and
/// empties the WAL. Others may read meanwhile, and wait to write.
pub async fn compact(path: &Path) -> Result<(), StoreError> {
    let mut connection = connect(path, BUSY_TIMEOUT).await?;
    let done = sqlx::raw_sql("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);");
    let done = done.execute(&mut connection).await;
    close(connection).await;
    done.map(|_| ()).map_err(|error| failed(path, error))
}

/// Writes the WAL back into the file and empties it, if nobody reads just now.
pub async fn checkpoint(path: &Path) -> Result<(), StoreError> {
    let mut connection = connect(path, BUSY_TIMEOUT).await?;
    let done = sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE);").execute(&mut connection).await;
    close(connection).await;
    done.map(|_| ()).map_err(|error| failed(path, error))
}

/// A connection, to read by.
pub(in crate::store) async fn connection(path: &Path) -> Result<SqliteConnection, StoreError> {
    connect(path, BUSY_TIMEOUT).await
}

/// A connection to a database that nobody else has open, nor opens while it is there.
pub(in crate::store) async fn locked(path: &Path) -> Result<SqliteConnection, StoreError> {
    be_alone(path)
        .await?
        .ok_or_else(|| StoreError::new(format_args!("{} is damaged", path.display())))
}

/// Writes a copy, as of one moment, while whoever uses the database goes on. The copy is for nobody
/// else to read (0600); what is there already is not written over.
pub async fn copy(path: &Path, to: &Path) -> Result<(), StoreError> {
    let told = to
        .to_str()
        .ok_or_else(|| StoreError::new(format_args!("{} is not UTF-8", to.display())))?;
    // SQLite writes into an empty file, and keeps its permissions.
    let file = own_file(to)?;
    let mut connection = connect(path, BUSY_TIMEOUT).await?;
    let copied = sqlx::query("VACUUM INTO ?").bind(told).execute(&mut connection).await;
    close(connection).await;
    let kept = match copied {
        Ok(_) => file.sync_all().map_err(|error| unwritable(to, &error)),
        Err(error) => Err(failed(path, error)),
    };
    if kept.is_err() {
        // What is half written is of no use to anybody.
        let _ = fs::remove_file(to);
    }
    kept
}

/// What is done with the sessions of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptSessions {
    /// They go on, also those that were ended after the copy was made.
    All,
    /// Everybody signs in again.
    None,
}

/// Puts a copy in the place of a database that nobody uses. The copy is checked and brought up to
/// date first; the database of before is kept, at the path that is returned.
pub async fn exchange(
    path: &Path,
    copy: &Path,
    sessions: KeptSessions,
    now: Timestamp,
) -> Result<Option<PathBuf>, StoreError> {
    if beside(copy, "-wal").metadata().is_ok_and(|wal| wal.len() > 0) {
        return Err(StoreError::new(format_args!(
            "{} is no backup but a database in use: what it has in {}-wal would be missing",
            copy.display(),
            copy.display()
        )));
    }
    let coming = beside(path, ".restoring");
    let prepared = prepare(copy, &coming, sessions, now).await;
    let exchanged = match prepared {
        Ok(()) => put_in_place(path, &coming, now).await,
        Err(error) => Err(error),
    };
    if exchanged.is_err() {
        for ending in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(beside(&coming, ending));
        }
    }
    exchanged
}

async fn prepare(
    copy: &Path,
    coming: &Path,
    sessions: KeptSessions,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut from = File::open(copy)
        .map_err(|error| StoreError::new(format_args!("{}: {error}", copy.display())))?;
    let length = from.metadata().map(|metadata| metadata.len()).unwrap_or(0);
    if length == 0 {
        return Err(StoreError::new(format_args!("{} is empty", copy.display())));
    }
    let mut to = own_file(coming)?;
    io::copy(&mut from, &mut to).map_err(|error| unwritable(coming, &error))?;
    let damages = damages(coming).await.map_err(|error| about(copy, coming, &error))?;
    if let Some(damage) = damages.first() {
        return Err(StoreError::new(format_args!(
            "{} is damaged ({damage})",
            copy.display()
        )));
    }
    let store = SqliteStore::open(&coming.display().to_string())
        .await
        .map_err(|error| about(copy, coming, &error))?;
    let ended = match sessions {
        KeptSessions::All => Ok(0),
        KeptSessions::None => store.end_all(now).await,
    };
    store.close().await;
    ended?;
    to.sync_all().map_err(|error| unwritable(coming, &error))
}

async fn put_in_place(
    path: &Path,
    coming: &Path,
    now: Timestamp,
) -> Result<Option<PathBuf>, StoreError> {
    let mut aside = None;
    // Held until the end: who opens the old one meanwhile waits, and finds it locked.
    let mut alone = None;
    if path.exists() {
        alone = be_alone(path).await?;
        let stamp: String = now.to_rfc3339().chars().filter(char::is_ascii_alphanumeric).collect();
        let old = beside(path, &format!(".before-{stamp}"));
        if old.exists() {
            return Err(StoreError::new(format_args!(
                "{} is there already",
                old.display()
            )));
        }
        for ending in ["-wal", "-shm", ""] {
            let from = beside(path, ending);
            match fs::rename(&from, beside(&old, ending)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(unwritable(&from, &error));
                }
                Ok(()) | Err(_) => {}
            }
        }
        aside = Some(old);
    }
    fs::rename(coming, path).map_err(|error| unwritable(path, &error))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = File::open(folder.unwrap_or_else(|| Path::new(".")));
    folder
        .and_then(|folder| folder.sync_all())
        .map_err(|error| unwritable(path, &error))?;
    if let Some(connection) = alone {
        close(connection).await;
    }
    Ok(aside)
}

/// Locks a database that nobody else has open; nothing, if it is too damaged for that.
async fn be_alone(path: &Path) -> Result<Option<SqliteConnection>, StoreError> {
    let mut connection = connect(path, Duration::ZERO).await?;
    // In WAL mode everybody who has the file open holds a lock on it, and to leave that mode needs
    // to be alone. It also writes the WAL back.
    let left = sqlx::query_scalar::<_, String>("PRAGMA journal_mode = DELETE");
    let locked = match left.fetch_one(&mut connection).await {
        Ok(mode) if mode == "delete" => {
            sqlx::raw_sql("BEGIN EXCLUSIVE").execute(&mut connection).await.map(|_| true)
        }
        Ok(_) => Ok(false),
        Err(error) => Err(error),
    };
    match locked {
        Ok(true) => Ok(Some(connection)),
        Err(error) if is_damage(&error) => Ok(None),
        Ok(false) | Err(_) => Err(StoreError::new(format_args!(
            "{} is in use: stop the gateway first",
            path.display()
        ))),
    }
}

fn is_damage(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    let code = code.and_then(|code| code.parse::<i32>().ok()).unwrap_or(0);
    // SQLITE_CORRUPT and SQLITE_NOTADB, with what they say more in the bits above.
    matches!(code & 0xff, 11 | 26)
}

async fn connect(path: &Path, busy: Duration) -> Result<SqliteConnection, StoreError> {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(busy)
        .disable_statement_logging()
        .connect()
        .await
        .map_err(|error| failed(path, error))
}

async fn close(connection: SqliteConnection) {
    if let Err(error) = connection.close().await {
        tracing::warn!(%error, "the database was not closed well; nothing is lost");
    }
}

/// A new file for nobody else to read.
fn own_file(path: &Path) -> Result<File, StoreError> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    file.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            StoreError::new(format_args!("{} is there already", path.display()))
        }
        _ => unwritable(path, &error),
    })
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// An error about the copy of a copy, in words about the copy.
fn about(copy: &Path, coming: &Path, error: &StoreError) -> StoreError {
    let (copy, coming) = (copy.display().to_string(), coming.display().to_string());
    StoreError::new(error.detail.replace(&coming, &copy))
}

fn failed(path: &Path, error: sqlx::Error) -> StoreError {
    StoreError::new(format_args!("{}: {error}", path.display()))
}

fn unwritable(path: &Path, error: &io::Error) -> StoreError {
    StoreError::new(format_args!(
        "{} can not be written: {error}",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{AuditSink as _, Chain};
    use crate::session::{SessionStore, TokenHash};
    use crate::store::suite::{Entering, at};

    struct Place {
        folder: tempfile::TempDir,
    }

    impl Place {
        fn new() -> Self {
            Self { folder: tempfile::tempdir().unwrap() }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        async fn open(&self, name: &str) -> SqliteStore {
            SqliteStore::open(self.path(name).to_str().unwrap()).await.unwrap()
        }
    }

    async fn is_signed_in(store: &SqliteStore, number: u8) -> bool {
        SessionStore::find(store, &TokenHash([number; 32])).await.unwrap().is_some()
    }

    #[tokio::test]
    async fn a_copy_of_a_database_in_use_is_put_back_when_nobody_uses_it() {
        let place = Place::new();
        let (path, backup) = (place.path("people.db"), place.path("backup.db"));
        let store = place.open("people.db").await;
        let _ = Entering::new(1, "alice").log_in(&store).await.unwrap();
        copy(&path, &backup).await.unwrap();
        let again = copy(&path, &backup).await.unwrap_err();
        assert!(
            again.detail.contains("is there already"),
            "{}",
            again.detail
        );
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&backup.metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        let _ = Entering::new(2, "bob").log_in(&store).await.unwrap();
        let refused = exchange(&path, &backup, KeptSessions::All, at(9)).await.unwrap_err();
        assert!(refused.detail.contains("is in use"), "{}", refused.detail);
        store.close().await;
        let aside = exchange(&path, &backup, KeptSessions::All, at(9)).await.unwrap().unwrap();
        let store = place.open("people.db").await;
        assert!(is_signed_in(&store, 1).await && !is_signed_in(&store, 2).await);
        store.close().await;
        let name = aside.file_name().unwrap().to_str().unwrap().to_owned();
        let old = place.open(&name).await;
        assert!(is_signed_in(&old, 2).await, "kept as it was");
        assert!(matches!(
            old.verify().await.unwrap(),
            Chain::Whole { events: 4, .. }
        ));
        old.close().await;
        assert!(!place.path("people.db.restoring").exists());
        let _ = exchange(&path, &backup, KeptSessions::None, at(10)).await.unwrap();
        let store = place.open("people.db").await;
        assert!(
            !is_signed_in(&store, 1).await,
            "what was ended may be in a copy"
        );
        store.close().await;
    }

    #[tokio::test]
    async fn what_is_no_copy_is_not_put_in_place() {
        let place = Place::new();
        let path = place.path("people.db");
        place.open("people.db").await.close().await;
        let diary = place.path("diary.txt");
        fs::write(&diary, "dear diary, ".repeat(500)).unwrap();
        let in_use = place.open("other.db").await;
        let _ = Entering::new(1, "alice").log_in(&in_use).await.unwrap();
        fs::write(place.path("empty.db"), "").unwrap();
        for copy in ["diary.txt", "missing.db", "other.db", "empty.db"] {
            let copy = place.path(copy);
            let refused = exchange(&path, &copy, KeptSessions::All, at(9)).await.unwrap_err();
            assert!(
                refused.detail.contains(copy.to_str().unwrap()),
                "{}",
                refused.detail
            );
            assert!(!place.path("people.db.restoring").exists());
        }
        place.open("people.db").await.close().await;
    }

    #[tokio::test]
    async fn a_damaged_database_is_found_and_makes_way() {
        let place = Place::new();
        let (path, backup) = (place.path("people.db"), place.path("backup.db"));
        let store = place.open("people.db").await;
        copy(&path, &backup).await.unwrap();
        store.close().await;
        assert_eq!(damages(&path).await, Ok(vec![]));
        assert_eq!(version(&path).await, version(&backup).await);
        assert_eq!(version(&place.path("missing.db")).await, Ok(0));
        let mut bytes = fs::read(&path).unwrap();
        for byte in bytes.iter_mut().skip(4096).take(8192) {
            *byte = 0xa5;
        }
        fs::write(&path, bytes).unwrap();
        assert!(damages(&path).await.map_or(true, |found| !found.is_empty()));
        exchange(&path, &backup, KeptSessions::None, at(9)).await.unwrap().unwrap();
        assert_eq!(damages(&path).await, Ok(vec![]));
    }
}
