//! Columns to types, and driver errors to ours.

use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Row as _, Sqlite};

use crate::base::{StoreError, Timestamp};

/// A statement that is being given its values.
pub(super) type Statement = sqlx::query::Query<'static, Sqlite, SqliteArguments>;

/// What the driver said, for the log.
pub(super) fn failed(error: sqlx::Error) -> StoreError {
    StoreError::new(error)
}

/// A column that holds what we never wrote: somebody else changed the file.
pub(super) fn unreadable(column: &str) -> StoreError {
    StoreError::new(format_args!(
        "column {column} can not be read; was the database edited?"
    ))
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
