//! Columns to types, and driver errors to ours.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, Sqlite, SqlitePool, Transaction};

use crate::base::{StoreError, Timestamp};

/// What the driver said, for the log.
pub(super) fn failed(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::PoolTimedOut => StoreError::new("no connection was free in time"),
        sqlx::Error::PoolClosed => StoreError::new("the database was closed"),
        other => StoreError::new(other),
    }
}

/// A column that holds what we never wrote: somebody else changed the file.
pub(super) fn unreadable(column: &str) -> StoreError {
    StoreError::new(format_args!(
        "column {column} can not be read; was the database edited?"
    ))
}

/// Begins a transaction that already holds the write lock. A deferred one would ask for it at its
/// first write, and be refused without waiting if another process wrote since its first read.
pub(super) async fn begin(pool: &SqlitePool) -> Result<Transaction<'static, Sqlite>, StoreError> {
    pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed)
}

pub(super) async fn commit(transaction: Transaction<'static, Sqlite>) -> Result<(), StoreError> {
    transaction.commit().await.map_err(failed)
}

pub(super) fn text(row: &SqliteRow, column: &str) -> Result<String, StoreError> {
    row.try_get(column).map_err(failed)
}

pub(super) fn optional_text(row: &SqliteRow, column: &str) -> Result<Option<String>, StoreError> {
    row.try_get(column).map_err(failed)
}

pub(super) fn integer(row: &SqliteRow, column: &str) -> Result<i64, StoreError> {
    row.try_get(column).map_err(failed)
}

pub(super) fn time(row: &SqliteRow, column: &str) -> Result<Timestamp, StoreError> {
    integer(row, column).map(Timestamp::from_unix_micros)
}

pub(super) fn optional_time(
    row: &SqliteRow,
    column: &str,
) -> Result<Option<Timestamp>, StoreError> {
    let micros: Option<i64> = row.try_get(column).map_err(failed)?;
    Ok(micros.map(Timestamp::from_unix_micros))
}

pub(super) fn hash(row: &SqliteRow, column: &str) -> Result<[u8; 32], StoreError> {
    optional_hash(row, column)?.ok_or_else(|| unreadable(column))
}

pub(super) fn optional_hash(row: &SqliteRow, column: &str) -> Result<Option<[u8; 32]>, StoreError> {
    let bytes: Option<Vec<u8>> = row.try_get(column).map_err(failed)?;
    bytes.map(|bytes| bytes.try_into().map_err(|_| unreadable(column))).transpose()
}

/// A count, which is never negative.
pub(super) fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
