//! Path → open database with today's tables.

use std::fs::{DirBuilder, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::str::FromStr as _;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Row as _, SqliteConnection};

use super::SqliteStore;
use super::readers::Readers;
use super::row::failed;
use super::writer::Writer;
use crate::base::StoreError;
use crate::base::clock::uptime;
use crate::scim::fold::fold;

/// Every migration in order; each sets `user_version` to its place, counting from 1.
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_begin.sql"),
    include_str!("migrations/0002_append.sql"),
    include_str!("migrations/0003_families.sql"),
    include_str!("migrations/0004_directory.sql"),
    include_str!("migrations/0005_provisioning_log.sql"),
    include_str!("migrations/0006_guard.sql"),
    include_str!("migrations/0007_halves.sql"),
    include_str!("migrations/0008_client_keys.sql"),
    include_str!("migrations/0009_keys.sql"),
    include_str!("migrations/0010_links.sql"),
    include_str!("migrations/0011_notices.sql"),
    include_str!("migrations/0012_refresh.sql"),
    include_str!("migrations/0013_settled.sql"),
    include_str!("migrations/0014_asked.sql"),
    include_str!("migrations/0015_addresses.sql"),
];

/// `samL` in the header of the file, so that `file(1)` and we can tell our databases from others.
const APPLICATION_ID: i64 = 1_935_764_812;

/// How long another process may hold the write lock before a request gives up. Our command line
/// holds it for milliseconds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two attempts to switch a new file to WAL, which takes a few milliseconds.
const SWITCH_PAUSE: Duration = Duration::from_millis(10);
/// `SQLITE_BUSY`
const BUSY: i32 = 5;

/// Sessions in use are in memory, so few requests read here at all.
const READERS: usize = 4;

/// Rows that a connection reads ahead of whoever asked: a page of people, which then costs no change
/// of threads for each few.
const ROWS: usize = 1024;

/// 64 MB of pages, in KiB and negative as SQLite wants it. Identifiers are random, so that each
/// login touches pages all over the file; with the usual 2 MB most are read again each time.
const WRITER_CACHE: &str = "-65536";

/// Statements that the writer keeps ready, at some 10 KB each: those for logins, and those for people
/// with so many values.
const STATEMENTS: usize = 256;

/// Pages in the WAL before they are written back to the file, 16 MB: the same page is then written
/// back once for many logins.
const CHECKPOINT: &str = "4000";

/// Larger files are not checked page by page when they are opened: a restart must not take long.
const QUICK_CHECK_UP_TO: u64 = 64 * 1024 * 1024;

pub(super) async fn open(path: &str) -> Result<SqliteStore, StoreError> {
    if path == ":memory:" {
        // A name of its own, by which several connections find the same memory.
        let memory = SqliteConnectOptions::from_str("sqlite::memory:")
            .map(durable)
            .map_err(|error| explain(path, error))?;
        return connect(path, memory.clone(), memory).await;
    }
    prepare_file(Path::new(path))?;
    // Looked at before WAL is switched on, since that changes the file, which may not be ours.
    inspect(path).await?;
    let written = options(path)
        .journal_mode(SqliteJournalMode::Wal)
        .statement_cache_capacity(STATEMENTS)
        .pragma("cache_size", WRITER_CACHE)
        .pragma("wal_autocheckpoint", CHECKPOINT)
        // What is removed is not left on the pages: somebody may have had a right to that.
        .pragma("secure_delete", "ON")
        // What a statement would take back is kept in memory, not in a file beside.
        .pragma("temp_store", "MEMORY");
    let read = options(path).pragma("query_only", "ON").row_buffer_size(ROWS);
    connect(path, written, read).await
}

async fn connect(
    path: &str,
    written: SqliteConnectOptions,
    read: SqliteConnectOptions,
) -> Result<SqliteStore, StoreError> {
    let mut connection = switched(&written).await.map_err(|error| explain(path, error))?;
    migrate(&mut connection).await?;
    let readers = Readers::open(&read, READERS).await.map_err(|error| explain(path, error))?;
    Ok(SqliteStore { writer: Writer::start(connection)?, readers })
}

/// A connection that has switched the file to WAL. While another process does that, or begins its first
/// transaction, SQLite refuses at once instead of waiting.
async fn switched(options: &SqliteConnectOptions) -> Result<SqliteConnection, sqlx::Error> {
    let begun = uptime();
    loop {
        match options.connect().await {
            Err(error)
                if primary_code(&error) == Some(BUSY)
                    && uptime().saturating_sub(begun) < BUSY_TIMEOUT =>
            {
                tokio::time::sleep(SWITCH_PAUSE).await;
            }
            connected => return connected,
        }
    }
}

pub(super) async fn open_to_read(path: &str) -> Result<SqliteStore, StoreError> {
    // While a gateway runs, or where one was killed, what was written last is in the WAL. A reader
    // would note in the index of it (`-shm`) how far it reads, or make that index again;
    // `readonly_shm` has it take the locks and keep its notes to itself. Without a WAL SQLite would
    // make one to read, and `immutable` keeps it from that.
    let wal = Path::new(&format!("{path}-wal")).exists();
    if wal && !Path::new(&format!("{path}-shm")).exists() {
        return Err(StoreError::new(format_args!(
            "{path}-wal is there without its {path}-shm, which reading would have to make; \
             samlgate idp list clears up"
        )));
    }
    let how = if wal { "readonly_shm" } else { "immutable" };
    let file = percent_encode(path.as_bytes(), NON_ALPHANUMERIC);
    let options = options(&format!("file:{file}?{how}=1")).read_only(true);
    let mut connection = options.connect().await.map_err(|error| explain(path, error))?;
    let application = number(&mut connection, "PRAGMA application_id").await;
    if application.map_err(|error| explain(path, error))? != APPLICATION_ID {
        return Err(StoreError::new(format_args!(
            "{path} is not a database of samlgate"
        )));
    }
    let readers = Readers::open(&options, 1).await.map_err(|error| explain(path, error))?;
    // What is written here is refused by SQLite.
    Ok(SqliteStore { writer: Writer::start(connection)?, readers })
}

fn options(path: &str) -> SqliteConnectOptions {
    durable(SqliteConnectOptions::new().filename(path))
}

fn durable(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options
        // The driver's default, NORMAL in WAL, may lose the last commits in a power cut: a used
        // assertion could be used again, an ended session could come back.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging()
}

/// Creates folder and file for nobody else to read. What exists keeps its permissions: an
/// operator may have chosen them. SQLite gives its `-wal` and `-shm` files those of the database.
fn prepare_file(path: &Path) -> Result<(), StoreError> {
    let failed = |error: std::io::Error| {
        StoreError::new(format_args!(
            "{} can not be created: {error}",
            path.display()
        ))
    };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(failed(error)),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Refuses a file that is damaged, another program's, or from a later version.
async fn inspect(path: &str) -> Result<(), StoreError> {
    let size = std::fs::metadata(path)
        .map_err(|error| StoreError::new(format_args!("{path} can not be read: {error}")))?
        .len();
    if size == 0 {
        return Ok(());
    }
    let explain = |error| explain(path, error);
    let mut connection = options(path).connect().await.map_err(explain)?;
    let tables = number(&mut connection, "SELECT count(*) FROM sqlite_master").await;
    let application = number(&mut connection, "PRAGMA application_id").await;
    let version = number(&mut connection, "PRAGMA user_version").await;
    let (tables, application) = (tables.map_err(explain)?, application.map_err(explain)?);
    if tables > 0 && application != APPLICATION_ID {
        return Err(StoreError::new(format_args!(
            "{path} is the database of another program; choose another path"
        )));
    }
    let version = version.map_err(explain)?;
    if usize::try_from(version).is_ok_and(|version| version > MIGRATIONS.len()) {
        return Err(StoreError::new(format_args!(
            "{path} was written by a newer samlgate (schema {version}, this one knows {}); \
             run that version, or restore a backup",
            MIGRATIONS.len()
        )));
    }
    if size <= QUICK_CHECK_UP_TO {
        let found: String = sqlx::query_scalar("PRAGMA quick_check(1)")
            .fetch_one(&mut connection)
            .await
            .map_err(explain)?;
        if found != "ok" {
            return Err(StoreError::new(format_args!(
                "{path} is damaged ({found}); restore a backup"
            )));
        }
    }
    connection.close().await.map_err(explain)
}

/// Runs the migrations that the file has not seen, each in a transaction of its own.
async fn migrate(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    for (version, migration) in (1_i64..).zip(MIGRATIONS) {
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        // Asked inside the transaction: another process may be doing the same.
        let present = number(&mut transaction, "PRAGMA user_version").await;
        if present.map_err(failed)? < version {
            sqlx::raw_sql(*migration)
                .execute(&mut *transaction)
                .await
                .map_err(|error| StoreError::new(format_args!("migration {version}: {error}")))?;
            if version == FOLDED {
                fold_names(&mut transaction).await.map_err(failed)?;
            }
        }
        transaction.commit().await.map_err(failed)?;
    }
    Ok(())
}

/// The migration after which names are folded that SQLite can not fold.
const FOLDED: i64 = 4;

async fn fold_names(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let rows = sqlx::query(
        "SELECT number, user_name FROM user
         WHERE user_name GLOB ('*[^' || char(1) || '-' || char(127) || ']*')
         ORDER BY last_login_at IS NULL, number",
    )
    .fetch_all(&mut *connection)
    .await?;
    for row in rows {
        let (number, name): (i64, String) = (row.try_get(0)?, row.try_get(1)?);
        for fold_it in [
            "UPDATE user SET user_name_key = ? WHERE number = ?",
            "UPDATE OR IGNORE user SET claimed = 1 WHERE user_name_key = ? AND number = ?",
        ] {
            sqlx::query(fold_it)
                .bind(fold(&name))
                .bind(number)
                .execute(&mut *connection)
                .await?;
        }
    }
    Ok(())
}

async fn number(
    connection: &mut SqliteConnection,
    question: &'static str,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(question).fetch_one(connection).await
}

/// The low byte of SQLite's code; the rest says more exactly where.
fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let code = error.as_database_error()?.code()?;
    Some(code.parse::<i32>().unwrap_or(0) & 0xff)
}

/// SQLite's words, and what they mean for whoever reads the log.
fn explain(path: &str, error: sqlx::Error) -> StoreError {
    let hint = match primary_code(&error) {
        Some(26) => "it is not an SQLite database",
        Some(11) => "it is damaged; restore a backup",
        Some(14) => "it can not be opened; look at the permissions of the file and its folder",
        Some(8 | 23) => "it can not be written; look at the permissions of the file and its folder",
        Some(5 | 6) => "another process has locked it",
        Some(13) => "the disk is full",
        _ => "SQLite refused it",
    };
    StoreError::new(format_args!("{path}: {hint} ({error})"))
}
