//! PostgreSQL's side of [`super::Sql`].
//!
//! In: a statement with `?`. Out: the same with `$1`, `$2`, …; its values and rows are numbers, texts
//! and octets as everywhere.

use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgArguments, PgRow, PgTypeInfo};
use sqlx::query::Query;
use sqlx::{
    AssertSqlSafe, Encode, PgConnection, Postgres, Row as _, Type, TypeInfo as _, ValueRef as _,
};

use super::index;
use super::row::{Ends, Row, Statement, Value, Words};
use crate::base::{StoreError, Timestamp};
use crate::store::postgres::end_sessions_of;

/// How PostgreSQL says what not all databases say alike.
pub(super) const WORDS: Words = Words {
    position: "strpos",
    octets: " COLLATE \"C\"",
    // The planner counts the elements of an array, but not those of a text of JSON.
    integers: "SELECT e.value FROM unnest(CAST(translate(?, '[]', '{}') AS BIGINT[])) AS e (value)",
    texts: "SELECT e.value FROM json_array_elements_text(CAST(? AS JSON)) AS e (value)",
    json_rows: ("CAST(json_agg(json_build_array(", ")) AS TEXT)"),
    found_first: (" = ANY (ARRAY(", "))"),
    for_update: " FOR UPDATE",
    recorded: "SELECT sequence FROM audit_head",
    next_group: "DEFAULT",
    last_change: "SELECT greatest((SELECT max(sequence) FROM person_change),
                                  (SELECT value FROM meta WHERE key = 'person_changes'))",
    ends: Ends::Right,
};

/// A connection, and whether what it refused may go well when it is done again from the beginning.
pub(in crate::store) struct PostgresSql<'c> {
    connection: &'c mut PgConnection,
    again: &'c AtomicBool,
}

impl<'c> PostgresSql<'c> {
    /// `again` becomes true when others were in the way.
    pub(in crate::store) const fn new(
        connection: &'c mut PgConnection,
        again: &'c AtomicBool,
    ) -> Self {
        Self { connection, again }
    }

    pub(super) async fn fetch(&mut self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        let rows = bind(statement).fetch_all(&mut *self.connection).await;
        let rows = rows.map_err(|error| self.failed(error))?;
        rows.iter().map(read).collect()
    }

    pub(super) async fn execute(&mut self, statement: Statement) -> Result<u64, StoreError> {
        let done = bind(statement).execute(&mut *self.connection).await;
        done.map(|done| done.rows_affected()).map_err(|error| self.failed(error))
    }

    pub(super) async fn end_sessions(
        &mut self,
        person: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        end_sessions_of(self.connection, person, now).await
    }

    fn failed(&self, error: sqlx::Error) -> StoreError {
        let code = error.as_database_error().and_then(|error| error.code());
        if code.is_some_and(|code| AGAIN.contains(&&*code)) {
            self.again.store(true, Ordering::Relaxed);
        }
        StoreError::new(error)
    }
}

/// Somebody else has it since we looked; a serialization failure; a circle of those who wait.
const AGAIN: [&str; 3] = ["23505", "40001", "40P01"];

fn bind(statement: Statement) -> Query<'static, Postgres, PgArguments> {
    let query = sqlx::query(AssertSqlSafe(numbered(&statement.text)));
    statement.values.into_iter().fold(query, |query, value| match value {
        Value::Null => query.bind(Nothing),
        Value::Integer(value) => query.bind(value),
        // Texts hold no NUL here.
        Value::Text(value) if value.contains('\0') => query.bind(index::kept(&value)),
        Value::Text(value) => query.bind(value),
        Value::Bytes(value) => query.bind(value),
    })
}

/// `?` → `$1`, but not in texts.
fn numbered(text: &str) -> String {
    let mut numbered = String::with_capacity(text.len().saturating_add(16));
    let (mut number, mut in_text) = (0_u32, false);
    for character in text.chars() {
        in_text ^= character == '\'';
        if character == '?' && !in_text {
            number = number.saturating_add(1);
            numbered.push('$');
            numbered.push_str(&number.to_string());
        } else {
            numbered.push(character);
        }
    }
    numbered
}

/// NULL of whichever type belongs there: PostgreSQL is told none.
struct Nothing;

impl Type<Postgres> for Nothing {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(0))
    }
}

impl Encode<'_, Postgres> for Nothing {
    fn encode_by_ref(&self, _: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Ok(IsNull::Yes)
    }
}

fn read(row: &PgRow) -> Result<Row, StoreError> {
    let mut values = Vec::with_capacity(row.len());
    for column in 0..row.len() {
        values.push(read_value(row, column).map_err(StoreError::new)?);
    }
    Ok(Row::new(values))
}

fn read_value(row: &PgRow, column: usize) -> Result<Value, sqlx::Error> {
    let value = row.try_get_raw(column)?;
    if value.is_null() {
        return Ok(Value::Null);
    }
    let kind = value.type_info();
    Ok(match kind.name() {
        "INT8" => Value::Integer(row.try_get(column)?),
        "INT4" => Value::Integer(row.try_get::<i32, _>(column)?.into()),
        "BOOL" => Value::Integer(row.try_get::<bool, _>(column)?.into()),
        "BYTEA" => Value::Bytes(row.try_get(column)?),
        _ => Value::Text(row.try_get(column)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_numbered_but_not_in_texts() {
        assert_eq!(
            numbered("a = ? AND b = '?''?' OR ? < 'W/\"'"),
            "a = $1 AND b = '?''?' OR $2 < 'W/\"'"
        );
    }
}
