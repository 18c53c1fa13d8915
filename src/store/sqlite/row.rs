//! Columns to types, and driver errors to ours.

use std::sync::Arc;

use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Row as _, Sqlite};

use crate::base::{StoreError, Timestamp};

/// A statement that is being given its values.
pub(super) type Statement = sqlx::query::Query<'static, Sqlite, SqliteArguments>;

/// One value of a row that is going to be written; cheap to clone, so that a row can be written
/// with others, and again alone.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Null,
    Integer(i64),
    Text(Arc<str>),
    Hash([u8; 32]),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Integer(value.into())
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.into())
    }
}

impl From<&String> for Value {
    fn from(value: &String) -> Self {
        Self::Text(value.as_str().into())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value.into())
    }
}

impl From<&Option<String>> for Value {
    fn from(value: &Option<String>) -> Self {
        value.as_deref().into()
    }
}

impl From<Arc<str>> for Value {
    fn from(value: Arc<str>) -> Self {
        Self::Text(value)
    }
}

impl From<[u8; 32]> for Value {
    fn from(value: [u8; 32]) -> Self {
        Self::Hash(value)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// The values of a row, column by column.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns(Vec<Value>);

impl Columns {
    /// None yet, and room for some.
    pub(super) fn for_up_to(columns: usize) -> Self {
        Self(Vec::with_capacity(columns))
    }

    /// The next column.
    pub(super) fn with(mut self, value: impl Into<Value>) -> Self {
        self.0.push(value.into());
        self
    }

    /// Gives a statement these values.
    pub(super) fn bind(&self, statement: Statement) -> Statement {
        self.0.iter().fold(statement, |statement, value| match value {
            Value::Null => statement.bind(None::<i64>),
            Value::Integer(value) => statement.bind(*value),
            Value::Text(value) => statement.bind(Arc::clone(value)),
            Value::Hash(value) => statement.bind(value.to_vec()),
        })
    }
}

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
