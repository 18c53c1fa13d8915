//! Columns to types, and driver errors to ours.

use sqlx::Row as _;
use sqlx::postgres::PgRow;

use crate::base::{StoreError, Timestamp};
use crate::directory::UniqueField;

/// What the driver said, for the log.
pub(super) fn failed(error: sqlx::Error) -> StoreError {
    match &error {
        sqlx::Error::PoolTimedOut => StoreError::new("PostgreSQL gave no connection in time"),
        sqlx::Error::PoolClosed => StoreError::new("the database was closed"),
        _ => StoreError::new(error),
    }
}

/// A column that holds what we never wrote: somebody else changed the database.
pub(super) fn unreadable(column: &str) -> StoreError {
    StoreError::new(format_args!(
        "column {column} can not be read; was the database edited?"
    ))
}

/// Which column was not unique, by the names of the constraints.
pub(super) fn taken(error: &sqlx::Error) -> Option<UniqueField> {
    let error = error.as_database_error().filter(|error| error.is_unique_violation())?;
    match error.constraint()? {
        "user_claimed" | "user_named" => Some(UniqueField::UserName),
        "user_external_id" => Some(UniqueField::ExternalId),
        "user_name_id" => Some(UniqueField::NameId),
        _ => None,
    }
}

/// What may be looked for. PostgreSQL's texts hold no NUL, and it refuses to compare with one:
/// nothing is found by it.
pub(super) fn findable(text: &str) -> Option<&str> {
    (!text.contains('\0')).then_some(text)
}

pub(super) fn text(row: &PgRow, column: &str) -> Result<String, StoreError> {
    row.try_get(column).map_err(failed)
}

pub(super) fn optional_text(row: &PgRow, column: &str) -> Result<Option<String>, StoreError> {
    row.try_get(column).map_err(failed)
}

pub(super) fn integer(row: &PgRow, column: &str) -> Result<i64, StoreError> {
    row.try_get(column).map_err(failed)
}

pub(super) fn time(row: &PgRow, column: &str) -> Result<Timestamp, StoreError> {
    integer(row, column).map(Timestamp::from_unix_micros)
}

pub(super) fn optional_time(row: &PgRow, column: &str) -> Result<Option<Timestamp>, StoreError> {
    let micros: Option<i64> = row.try_get(column).map_err(failed)?;
    Ok(micros.map(Timestamp::from_unix_micros))
}

pub(super) fn hash(row: &PgRow, column: &str) -> Result<[u8; 32], StoreError> {
    optional_hash(row, column)?.ok_or_else(|| unreadable(column))
}

pub(super) fn optional_hash(row: &PgRow, column: &str) -> Result<Option<[u8; 32]>, StoreError> {
    let bytes: Option<Vec<u8>> = row.try_get(column).map_err(failed)?;
    bytes.map(|bytes| bytes.try_into().map_err(|_| unreadable(column))).transpose()
}

/// A count, which is never negative.
pub(super) fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
