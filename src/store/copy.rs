//! Everything of an SQLite database, into an empty PostgreSQL database.
//!
//! In: a file that nobody uses, and where it goes. Out: what was copied. The promises: all of it is
//! there or nothing; the tables have as many rows as before; the chain of the audit is whole, and ends
//! where it ended. Which tables and columns there are is asked of the databases, so that none is
//! forgotten.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use sqlx::{Connection as _, PgConnection, SqliteConnection};

use super::file;
use super::postgres::{PostgresSettings, PostgresStore, alone, short};
use super::sql::{PostgresSql, Sql, Statement, Value, audit, without_nul};
use super::sqlite::SqliteStore;
use super::walk::{Begin, Walk};
use crate::audit::Chain;
use crate::base::StoreError;

/// A table, and how many rows it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Its name.
    pub table: String,
    /// How many.
    pub rows: u64,
}

/// How far it is.
pub type Tell<'t> = &'t mut (dyn FnMut(&str, u64, u64) + Send);

/// How many rows are read and sent at once.
const PAGE: i64 = 2000;

/// What would be copied; says what stands against it. Changes nothing.
pub async fn plan(from: &Path, to: &PostgresSettings) -> Result<Vec<Copied>, StoreError> {
    is_of_today(from).await?;
    if PostgresStore::version(to).await? != 0 {
        let mut target = alone(to).await?;
        let again = AtomicBool::new(false);
        let empty = is_empty(&mut Sql::Postgres(PostgresSql::new(&mut target, &again))).await;
        let _ = target.close().await;
        empty?;
    }
    let mut source = file::connection(from).await?;
    let counted = count_all(&mut Sql::sqlite(&mut source)).await;
    let _ = source.close().await;
    counted
}

/// Copies everything; in one transaction, which takes as long as it takes.
pub async fn copy(
    from: &Path,
    to: &PostgresSettings,
    tell: Tell<'_>,
) -> Result<Vec<Copied>, StoreError> {
    is_of_today(from).await?;
    let mut source = file::locked(from).await?;
    PostgresStore::open(to).await?.close().await;
    let mut target = alone(to).await?;
    let copied = copy_by(&mut source, &mut target, tell).await;
    // What was not committed is gone with it.
    let _ = target.close().await;
    let _ = source.close().await;
    copied
}

async fn is_of_today(from: &Path) -> Result<(), StoreError> {
    let (version, newest) = (file::version(from).await?, SqliteStore::newest_version());
    if version != newest {
        return Err(StoreError::new(format_args!(
            "{} is of schema {version}, this samlgate knows {newest}: samlgate storage migrate",
            from.display()
        )));
    }
    Ok(())
}

async fn copy_by(
    source: &mut SqliteConnection,
    target: &mut PgConnection,
    tell: Tell<'_>,
) -> Result<Vec<Copied>, StoreError> {
    let mut from = Sql::sqlite(source);
    let mut transaction = target.begin().await.map_err(StoreError::new)?;
    let again = AtomicBool::new(false);
    {
        let mut to = Sql::Postgres(PostgresSql::new(&mut transaction, &again));
        // Whoever signs in or changes something waits here, and so does another copy.
        ask(
            &mut to,
            Statement::new("SELECT sequence FROM audit_head FOR UPDATE"),
        )
        .await?;
        is_empty(&mut to).await?;
    }
    let tables = count_all(&mut from).await?;
    for Copied { table, rows } in &tables {
        let columns = {
            let mut to = Sql::Postgres(PostgresSql::new(&mut transaction, &again));
            columns(&mut from, &mut to, table).await?
        };
        rows_of(&mut from, &mut transaction, table, &columns, |done| {
            tell(table, done, *rows)
        })
        .await?;
    }
    {
        let mut to = Sql::Postgres(PostgresSql::new(&mut transaction, &again));
        counters(&mut from, &mut to).await?;
        verify(&mut from, &mut to, &tables).await?;
        // Without it the first hours would be slow.
        to.execute(Statement::new("ANALYZE")).await?;
    }
    transaction.commit().await.map_err(StoreError::new)?;
    Ok(tables)
}

async fn ask(sql: &mut Sql<'_>, statement: Statement) -> Result<Vec<Vec<Value>>, StoreError> {
    let rows = sql.fetch(statement).await?;
    Ok(rows.into_iter().map(super::sql::Row::values).collect())
}

async fn texts(sql: &mut Sql<'_>, statement: Statement) -> Result<Vec<String>, StoreError> {
    let rows = sql.fetch(statement).await?;
    rows.into_iter().map(|mut row| row.text()).collect()
}

async fn number(sql: &mut Sql<'_>, statement: Statement) -> Result<i64, StoreError> {
    let row = sql.fetch_one(statement).await?;
    row.map_or(Ok(0), |mut row| Ok(row.optional_integer()?.unwrap_or(0)))
}

/// Tables of both, but for `meta`, of which each has its own.
const SOURCE: &str = "SELECT name FROM sqlite_master
    WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name <> 'meta' ORDER BY name";
const TARGET: &str = "SELECT CAST(table_name AS text) FROM information_schema.tables
    WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'
      AND table_name NOT IN ('meta', 'audit_head')";

async fn is_empty(to: &mut Sql<'_>) -> Result<(), StoreError> {
    for table in texts(to, Statement::new(TARGET)).await? {
        let asked = format!("SELECT 1 FROM \"{table}\" LIMIT 1");
        if !to.fetch(Statement::new(asked)).await?.is_empty() {
            return Err(StoreError::new(format_args!(
                "the database to copy to is not empty: there is something in {table}"
            )));
        }
    }
    Ok(())
}

async fn count_all(from: &mut Sql<'_>) -> Result<Vec<Copied>, StoreError> {
    let mut counted = Vec::new();
    for table in texts(from, Statement::new(SOURCE)).await? {
        let rows = count(from, &table).await?;
        counted.push(Copied { table, rows });
    }
    Ok(counted)
}

async fn count(sql: &mut Sql<'_>, table: &str) -> Result<u64, StoreError> {
    let asked = format!("SELECT count(*) FROM \"{table}\"");
    Ok(u64::try_from(number(sql, Statement::new(asked)).await?).unwrap_or(0))
}

/// Columns of a table, and by which its rows are read in an order.
struct Columns {
    all: Vec<String>,
    order: Vec<String>,
}

async fn columns(from: &mut Sql<'_>, to: &mut Sql<'_>, table: &str) -> Result<Columns, StoreError> {
    let known = Statement::new(
        "SELECT CAST(column_name AS text) FROM information_schema.columns
         WHERE table_schema = current_schema() AND table_name = ?",
    );
    let known = texts(to, known.with(table)).await?;
    let all = Statement::new("SELECT name FROM pragma_table_info(?) ORDER BY cid").with(table);
    let all = texts(from, all).await?;
    if let Some(missing) = all.iter().find(|column| !known.contains(column)) {
        return Err(StoreError::new(format_args!(
            "PostgreSQL's {table} has no column {missing}"
        )));
    }
    let keyed = Statement::new("SELECT wr FROM pragma_table_list WHERE name = ?").with(table);
    let order = match number(from, keyed).await? {
        0 => vec!["rowid".to_owned()],
        _ => {
            let key = "SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk";
            texts(from, Statement::new(key).with(table)).await?
        }
    };
    Ok(Columns { all, order })
}

async fn rows_of(
    from: &mut Sql<'_>,
    to: &mut PgConnection,
    table: &str,
    columns: &Columns,
    mut tell: impl FnMut(u64),
) -> Result<(), StoreError> {
    let names = |names: &[String]| {
        names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
    };
    let (all, order) = (names(&columns.all), names(&columns.order));
    let places = vec!["?"; columns.order.len()].join(", ");
    let mut copying = to
        .copy_in_raw(&format!("COPY \"{table}\" ({all}) FROM STDIN"))
        .await
        .map_err(StoreError::new)?;
    let (mut behind, mut done): (Option<Vec<Value>>, u64) = (None, 0);
    loop {
        let mut page = Statement::new(format!("SELECT {order}, {all} FROM \"{table}\""));
        if let Some(last) = behind.take() {
            page = page.and(&format!(" WHERE ({order}) > ({places})"));
            page = last.into_iter().fold(page, Statement::with);
        }
        let page = page.and(&format!(" ORDER BY {order} LIMIT ?")).with(PAGE);
        let mut lines = Vec::new();
        for mut row in ask(from, page).await? {
            let values = row.split_off(columns.order.len());
            write_row(&mut lines, table, values);
            behind = Some(row);
            done = done.saturating_add(1);
        }
        if behind.is_none() {
            break;
        }
        copying.send(lines).await.map_err(StoreError::new)?;
        tell(done);
    }
    copying.finish().await.map(|_| ()).map_err(StoreError::new)
}

/// One line of what `COPY` reads.
fn write_row(lines: &mut Vec<u8>, table: &str, values: Vec<Value>) {
    for (place, value) in values.into_iter().enumerate() {
        if place > 0 {
            lines.push(b'\t');
        }
        match value {
            Value::Null => lines.extend_from_slice(b"\\N"),
            Value::Integer(value) => lines.extend_from_slice(value.to_string().as_bytes()),
            Value::Bytes(bytes) => {
                lines.extend_from_slice(b"\\\\x");
                lines.extend_from_slice(crate::base::entropy::hex(&bytes).as_bytes());
            }
            Value::Text(text) => {
                let text = without_nul(&text);
                let text = match table {
                    "one_use" => short(&text),
                    _ => text,
                };
                for byte in text.bytes() {
                    match byte {
                        b'\\' => lines.extend_from_slice(b"\\\\"),
                        b'\t' => lines.extend_from_slice(b"\\t"),
                        b'\n' => lines.extend_from_slice(b"\\n"),
                        b'\r' => lines.extend_from_slice(b"\\r"),
                        _ => lines.push(byte),
                    }
                }
            }
        }
    }
    lines.push(b'\n');
}

/// Where both count on, each in its way.
async fn counters(from: &mut Sql<'_>, to: &mut Sql<'_>) -> Result<(), StoreError> {
    let meta = "SELECT key, value FROM meta WHERE key <> 'audit_events'";
    let mut counters = ask(from, Statement::new(meta)).await?;
    let given = "SELECT name, seq FROM sqlite_sequence";
    let given = ask(from, Statement::new(given)).await?;
    let last = |table: &str| {
        let of = |row: &&Vec<Value>| row.first() == Some(&Value::from(table));
        match given.iter().find(of).and_then(|row| row.get(1)) {
            Some(Value::Integer(last)) => *last,
            _ => 0,
        }
    };
    for (key, table) in [
        ("session_ends", "session_end"),
        ("person_changes", "person_change"),
    ] {
        counters.push(vec![key.into(), last(table).into()]);
    }
    for counter in counters {
        let write = Statement::new(
            "INSERT INTO meta (key, value) VALUES (?, ?)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        );
        to.execute(counter.into_iter().fold(write, Statement::with)).await?;
    }
    let head = "UPDATE audit_head SET sequence = e.sequence, hash = e.hash FROM audit_event e
                WHERE e.sequence = (SELECT max(sequence) FROM audit_event)";
    to.execute(Statement::new(head)).await?;
    let identities = "SELECT CAST(table_name AS text), CAST(column_name AS text),
                          CASE WHEN identity_increment LIKE '-%' THEN 'min' ELSE 'max' END
                      FROM information_schema.columns
                      WHERE table_schema = current_schema() AND is_identity = 'YES'";
    for mut row in to.fetch(Statement::new(identities)).await? {
        let (table, column, end) = (row.text()?, row.text()?, row.text()?);
        // COPY does not move what numbers come from.
        let set = format!(
            "SELECT setval(pg_get_serial_sequence('\"{table}\"', '{column}'), last)
             FROM (SELECT nullif(CASE WHEN ? > 0 THEN greatest(?, {end}(\"{column}\"))
                                      ELSE {end}(\"{column}\") END, 0) AS last
                   FROM \"{table}\") AS known
             WHERE last IS NOT NULL"
        );
        let last = last(&table);
        ask(to, Statement::new(set).with(last).with(last)).await?;
    }
    Ok(())
}

/// As many rows as before, and a whole chain with the same end.
async fn verify(from: &mut Sql<'_>, to: &mut Sql<'_>, tables: &[Copied]) -> Result<(), StoreError> {
    for Copied { table, rows } in tables {
        let found = count(to, table).await?;
        if found != *rows {
            return Err(StoreError::new(format_args!(
                "{table}: {rows} rows became {found}"
            )));
        }
    }
    let (before, after) = (chain(from).await?, chain(to).await?);
    match (&before, &after) {
        (Chain::Whole { .. }, same) if *same == before => Ok(()),
        (Chain::Broken { sequence }, _) => Err(StoreError::new(format_args!(
            "event {sequence} was changed or removed before: see samlgate audit --verify"
        ))),
        _ => Err(StoreError::new(
            "the chain of the audit is another than before",
        )),
    }
}

async fn chain(sql: &mut Sql<'_>) -> Result<Chain, StoreError> {
    let begin: Begin = match audit::beginning(sql, &()).await? {
        Ok(begin) => begin,
        Err(broken) => return Ok(broken),
    };
    let mut walk = Walk::new(&begin, audit::recorded(sql, &()).await?);
    loop {
        let events = audit::events(sql, &(None, walk.passed(), 1000)).await?;
        if events.is_empty() {
            return Ok(walk.end());
        }
        for event in &events {
            if let Err(broken) = walk.pass(event) {
                return Ok(broken);
            }
        }
    }
}
