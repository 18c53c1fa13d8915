//! Settings → connections to a database with today's tables.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, PgPool};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::login::Logins;
use super::{PostgresSettings, PostgresStore};
use crate::base::StoreError;
use crate::scim::fold::fold;

/// Every migration in order; each sets `schema` in `meta` to its place, counting from 1.
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_begin.sql"),
    include_str!("migrations/0002_directory.sql"),
    include_str!("migrations/0003_provisioning_log.sql"),
    include_str!("migrations/0004_guard.sql"),
    include_str!("migrations/0005_halves.sql"),
    include_str!("migrations/0006_client_keys.sql"),
    include_str!("migrations/0007_keys.sql"),
    include_str!("migrations/0008_links.sql"),
    include_str!("migrations/0009_notices.sql"),
    include_str!("migrations/0010_refresh.sql"),
    include_str!("migrations/0011_settled.sql"),
    include_str!("migrations/0012_asked.sql"),
    include_str!("migrations/0013_addresses.sql"),
];

/// In `meta`, so that our tables can be told from those of others: `samL`. Also the number of the
/// lock under which tables are made.
pub(super) const APPLICATION_ID: i64 = 1_935_764_812;

/// Sessions in use are in memory and logins share their transactions, so few connections do; and
/// PostgreSQL has a hundred for everybody, of which each is a process.
const CONNECTIONS: u32 = 10;

/// As many of them change people at once: one does, and the next ones are ready to.
const CHANGES: usize = 4;

/// How long a request waits for a connection, new or used, before it answers 503. A server that is
/// restarted within it is not noticed; one that is away should not keep people waiting.
const ACQUIRE: Duration = Duration::from_secs(2);

/// How long a start or a command waits for its connection.
const CONNECT: Duration = Duration::from_secs(5);

/// How long anything may take from our side. Longer than what the server is told below, so that its
/// words are heard; this one is for a server that says nothing any more.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// What the server is told for each connection. A statement that takes longer than its time is one
/// that nobody waits for any more: browsers and balancers give up about then. A lock is held for
/// milliseconds; five seconds are a sign of something else, and queueing behind it helps nobody. And
/// a node that is gone without a word must not keep its locks.
const TIMEOUTS: [(&str, &str); 3] = [
    ("statement_timeout", "15s"),
    ("lock_timeout", "5s"),
    ("idle_in_transaction_session_timeout", "10s"),
];

/// A connection that was not used for this long is asked whether it is still there.
const FRESH: Duration = Duration::from_secs(1);
/// Connections are closed after this long without use, and in any case after their lifetime: what a
/// name resolves to changes, and a server's memory for a connection only grows.
const IDLE: Duration = Duration::from_secs(5 * 60);
const LIFETIME: Duration = Duration::from_secs(30 * 60);

pub(super) async fn open(settings: &PostgresSettings) -> Result<PostgresStore, StoreError> {
    let mut connection = connect(settings, &settings.options()).await?;
    let migrated = migrate(settings, &mut connection).await;
    // It is gone either way.
    let _ = connection.close().await;
    migrated?;
    Ok(store(settings.options()))
}

pub(super) async fn open_to_read(settings: &PostgresSettings) -> Result<PostgresStore, StoreError> {
    let read_only = [("default_transaction_read_only", "on")];
    let options = settings.options().options(read_only);
    let mut connection = connect(settings, &options).await?;
    let version = known_version(settings, &mut connection).await;
    let _ = connection.close().await;
    if version? == 0 {
        return Err(StoreError::new(format_args!(
            "{settings} has no tables of samlgate yet; they are made at the first start, or by \
             samlgate storage migrate"
        )));
    }
    Ok(store(options))
}

pub(super) async fn version(settings: &PostgresSettings) -> Result<i64, StoreError> {
    let mut connection = connect(settings, &settings.options()).await?;
    let version = known_version(settings, &mut connection).await;
    let _ = connection.close().await;
    version
}

/// A connection by itself, on which things take as long as they take.
pub(in crate::store) async fn alone(
    settings: &PostgresSettings,
) -> Result<PgConnection, StoreError> {
    connect(settings, &settings.options()).await
}

/// Has the server remove what was written over from the pages of tables, while others use them.
pub(in crate::store) async fn compact(settings: &PostgresSettings) -> Result<(), StoreError> {
    let mut connection = alone(settings).await?;
    let tables = sqlx::query_scalar::<_, String>(
        "SELECT format('%I', table_name) FROM information_schema.tables
         WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'",
    );
    let done = async {
        for table in tables.fetch_all(&mut connection).await? {
            let vacuum = sqlx::AssertSqlSafe(format!("VACUUM {table}"));
            sqlx::query(vacuum).execute(&mut connection).await?;
        }
        Ok(())
    };
    let done = done.await;
    let _ = connection.close().await;
    done.map_err(|error| explain(settings, error))
}

pub(super) fn newest() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

fn store(options: PgConnectOptions) -> PostgresStore {
    let home = Handle::current();
    let pool = pool(options);
    let changes = Arc::new(Semaphore::new(CHANGES));
    PostgresStore {
        logins: Logins::start(&home, pool.clone()),
        pool,
        home,
        changes,
    }
}

fn pool(options: PgConnectOptions) -> PgPool {
    PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(ACQUIRE)
        .idle_timeout(IDLE)
        .max_lifetime(LIFETIME)
        // Asked below, when there is a reason: to ask each time doubles the way of each question.
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for < FRESH {
                    return Ok(true);
                }
                // Also after a failover: what was the primary may be a standby now.
                is_primary(connection).await
            })
        })
        .after_connect(|connection, _| {
            Box::pin(async move {
                let durable = "SELECT set_config('synchronous_commit', 'on', false)
                               WHERE current_setting('synchronous_commit') = 'off'";
                sqlx::query(durable).execute(&mut *connection).await.map(|_| ())
            })
        })
        .connect_lazy_with(options.options(TIMEOUTS))
}

async fn is_primary(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT NOT pg_is_in_recovery()").fetch_one(connection).await
}

/// One connection, without the timeouts: a migration takes as long as it takes.
async fn connect(
    settings: &PostgresSettings,
    options: &PgConnectOptions,
) -> Result<PgConnection, StoreError> {
    match tokio::time::timeout(CONNECT, options.connect()).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(explain(settings, error)),
        Err(_) => Err(StoreError::new(format_args!("{settings} does not answer"))),
    }
}

/// Runs the migrations that the database has not seen, all of them in one transaction.
async fn migrate(
    settings: &PostgresSettings,
    connection: &mut PgConnection,
) -> Result<(), StoreError> {
    let explain = |error| explain(settings, error);
    let mut transaction = connection.begin().await.map_err(explain)?;
    // Nodes that start at once come one after another, and the second finds everything done.
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(APPLICATION_ID)
        .execute(&mut *transaction)
        .await
        .map_err(explain)?;
    let present = known_version(settings, &mut transaction).await?;
    let encoding: String = sqlx::query_scalar("SHOW server_encoding")
        .fetch_one(&mut *transaction)
        .await
        .map_err(explain)?;
    if encoding != "UTF8" {
        return Err(StoreError::new(format_args!(
            "{settings} has the encoding {encoding}; create it with ENCODING 'UTF8'"
        )));
    }
    for (version, migration) in (1_i64..).zip(MIGRATIONS) {
        if present < version {
            sqlx::raw_sql(*migration)
                .execute(&mut *transaction)
                .await
                .map_err(|error| StoreError::new(format_args!("migration {version}: {error}")))?;
            if version == FOLDED {
                fold_names(&mut transaction).await.map_err(explain)?;
            }
        }
    }
    transaction.commit().await.map_err(explain)
}

/// The migration after which names are folded that PostgreSQL folds otherwise than we do.
const FOLDED: i64 = 2;

async fn fold_names(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let others = sqlx::query_as::<_, (i64, String)>(
        r#"SELECT number, user_name FROM "user"
           WHERE octet_length(user_name) <> char_length(user_name)
           ORDER BY last_login_at IS NULL, created_at"#,
    );
    for (number, name) in others.fetch_all(&mut *connection).await? {
        let fold_it = r#"
            UPDATE "user" SET user_name_key = $1,
                claimed = CASE WHEN EXISTS (SELECT 1 FROM "user" AS holder
                                            WHERE holder.user_name_key = $1 AND holder.claimed = 1)
                               THEN 0 ELSE 1 END
            WHERE number = $2"#;
        let fold_it = sqlx::query(fold_it).bind(fold(&name)).bind(number);
        fold_it.execute(&mut *connection).await?;
    }
    Ok(())
}

/// The version of the tables. What is another program's, or of a later version, is refused.
async fn known_version(
    settings: &PostgresSettings,
    connection: &mut PgConnection,
) -> Result<i64, StoreError> {
    let explain = |error| explain(settings, error);
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()",
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(explain)?;
    if tables.is_empty() {
        return Ok(0);
    }
    let other = || {
        StoreError::new(format_args!(
            "{settings} has the tables of another program; give samlgate a database of its own"
        ))
    };
    if !tables.iter().any(|table| table == "meta") {
        return Err(other());
    }
    let meta = sqlx::query_as::<_, (String, i64)>("SELECT key, value FROM meta");
    // Another program's `meta` has other columns.
    let meta = meta.fetch_all(&mut *connection).await.map_err(|error| match error {
        sqlx::Error::Database(_) | sqlx::Error::ColumnDecode { .. } => other(),
        error => explain(error),
    })?;
    let value = |wanted: &str| meta.iter().find(|(key, _)| key == wanted).map(|(_, value)| *value);
    if value("application") != Some(APPLICATION_ID) {
        return Err(other());
    }
    let version = value("schema").unwrap_or(0);
    if version > newest() {
        return Err(StoreError::new(format_args!(
            "{settings} was written by a newer samlgate (schema {version}, this one knows {}); \
             run that version, or restore a backup",
            newest()
        )));
    }
    Ok(version)
}

/// PostgreSQL's words, and what they mean for whoever reads the log.
fn explain(settings: &PostgresSettings, error: sqlx::Error) -> StoreError {
    let code = error.as_database_error().and_then(|error| error.code());
    let hint = match (&error, code.as_deref()) {
        (_, Some("28P01" | "28000")) => "it does not let us in; look at user and password",
        (_, Some("3D000")) => "there is no such database; create it",
        (_, Some("42501")) => "the user may not do that; let it own the database",
        (_, Some("53300")) => "it has no connection left",
        (_, Some("57P03")) => "it is starting or stopping",
        (_, Some("25006")) => "it is a standby, or read-only",
        (sqlx::Error::Tls(_), _) => "it can not prove who it is; look at sslrootcert",
        (sqlx::Error::Io(_), _) => "it can not be reached",
        _ => "PostgreSQL refused it",
    };
    StoreError::new(format_args!("{settings}: {hint} ({error})"))
}
