//! Connections, statements, values and rows, of whichever database.

use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{AssertSqlSafe, Row as _, Sqlite, SqliteConnection, TypeInfo as _, ValueRef as _};

use super::postgres;
pub(in crate::store) use super::postgres::PostgresSql;
use crate::base::{StoreError, Timestamp};

/// A connection.
pub(in crate::store) enum Sql<'c> {
    /// To a file.
    Sqlite(SqliteSql<'c>),
    /// To a server.
    Postgres(PostgresSql<'c>),
}

/// A connection to a file. Each statement is handed to another thread and back, which is as dear as
/// a small one itself.
pub(in crate::store) struct SqliteSql<'c> {
    /// It.
    pub(in crate::store) connection: &'c mut SqliteConnection,
    /// What is done before anything else, in one go with it. In a transaction what is only done, and
    /// answers nothing, waits here; whoever lent the connection does what is left at the end.
    pub(in crate::store) waiting: Option<&'c mut Statement>,
}

impl SqliteSql<'_> {
    fn take_waiting(&mut self) -> Statement {
        self.waiting
            .as_mut()
            .map(|waiting| std::mem::take(*waiting))
            .unwrap_or_default()
    }
}

impl<'c> Sql<'c> {
    /// Of a file, where nothing waits.
    pub(in crate::store) const fn sqlite(connection: &'c mut SqliteConnection) -> Self {
        Self::Sqlite(SqliteSql { connection, waiting: None })
    }
}

impl Sql<'_> {
    /// Asks.
    pub(in crate::store) async fn fetch(
        &mut self,
        statement: Statement,
    ) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Sqlite(sql) => {
                let all = sql.take_waiting().piece(statement);
                let query = bind(all).fetch_all(&mut *sql.connection).await;
                query.map_err(StoreError::new)?.iter().map(Row::read).collect()
            }
            Self::Postgres(connection) => connection.fetch(statement).await,
        }
    }

    /// Asks for one row.
    pub(in crate::store) async fn fetch_one(
        &mut self,
        statement: Statement,
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.fetch(statement).await?.into_iter().next())
    }

    /// Does something; with how many rows.
    pub(in crate::store) async fn execute(
        &mut self,
        statement: Statement,
    ) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(sql) => {
                // The rows of those that wait would be counted with it.
                let waiting = sql.take_waiting();
                if !waiting.text.is_empty() {
                    bind(waiting).execute(&mut *sql.connection).await.map_err(StoreError::new)?;
                }
                let done = bind(statement).execute(&mut *sql.connection).await;
                done.map(|done| done.rows_affected()).map_err(StoreError::new)
            }
            Self::Postgres(connection) => connection.execute(statement).await,
        }
    }

    /// Does one thing after another: in one go, if the database can.
    pub(in crate::store) async fn execute_all(
        &mut self,
        statements: Vec<Statement>,
    ) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(sql) => {
                let mut all = sql.take_waiting();
                for statement in statements {
                    all = all.piece(statement).and(";\n");
                }
                if let Some(waiting) = &mut sql.waiting {
                    **waiting = all;
                } else if !all.text.is_empty() {
                    bind(all).execute(&mut *sql.connection).await.map_err(StoreError::new)?;
                }
                Ok(())
            }
            Self::Postgres(connection) => {
                for statement in statements {
                    connection.execute(statement).await?;
                }
                Ok(())
            }
        }
    }

    /// The words in which this database says what not all say alike.
    pub(in crate::store) const fn words(&self) -> Words {
        match self {
            Self::Sqlite(_) => Words {
                position: "instr",
                octets: "",
                integers: "SELECT CAST(value AS INTEGER) AS value FROM json_each(?)",
                texts: "SELECT value FROM json_each(?)",
                json_rows: ("json_group_array(json_array(", "))"),
                found_first: (" IN (", ")"),
                for_update: "",
                recorded: "SELECT value FROM meta WHERE key = 'audit_events'",
                next_group: "(SELECT coalesce(min(number), 0) - 1 FROM grp)",
                last_change: "SELECT seq FROM sqlite_sequence WHERE name = 'person_change'",
                ends: Ends::NegativeSubstr,
            },
            Self::Postgres(_) => postgres::WORDS,
        }
    }

    /// Ends all sessions of a person, and says so to other processes.
    pub(in crate::store) async fn end_sessions(
        &mut self,
        person: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => {
                let note = Statement::new(
                    "INSERT INTO session_end (hash, at)
                     SELECT hash, ? FROM session WHERE \"user\" = ?",
                );
                let end = Statement::new("DELETE FROM session WHERE \"user\" = ?");
                let note = note.with(now.unix_micros()).with(person);
                self.execute_all(vec![note, end.with(person)]).await
            }
            Self::Postgres(connection) => connection.end_sessions(person, now).await,
        }
    }
}

/// What not all databases say alike.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Words {
    /// The function that finds a text in another.
    pub(in crate::store) position: &'static str,
    /// Behind a text that is not of a column, and is compared octet by octet.
    pub(in crate::store) octets: &'static str,
    /// A question for the numbers in a JSON list that is its value.
    pub(in crate::store) integers: &'static str,
    /// A question for the texts in a JSON list that is its value.
    pub(in crate::store) texts: &'static str,
    /// Around the columns of a question, for a list of its rows as JSON.
    pub(in crate::store) json_rows: (&'static str, &'static str),
    /// Around a question for numbers, behind the number that has to be one of them: they are found
    /// first, whatever the database believes of how many they are.
    pub(in crate::store) found_first: (&'static str, &'static str),
    /// What locks the rows of a question that are going to be changed.
    pub(in crate::store) for_update: &'static str,
    /// A question for how many events there are in the audit.
    pub(in crate::store) recorded: &'static str,
    /// The number of the next group.
    pub(in crate::store) next_group: &'static str,
    /// A question for the last number that [`crate::directory::People::changes_after`] tells of,
    /// also when its row is gone.
    pub(in crate::store) last_change: &'static str,
    /// How the end of a text is said.
    pub(in crate::store) ends: Ends,
}

/// How the end of a text is said.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) enum Ends {
    /// `substr(text, -3)`
    NegativeSubstr,
    /// `right(text, 3)`
    Right,
}

/// A statement that is being put together, and its values.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct Statement {
    pub(in crate::store) text: String,
    pub(in crate::store) values: Vec<Value>,
}

impl Statement {
    /// Text with `?`.
    pub(in crate::store) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), values: Vec::new() }
    }

    /// The value of the next `?`.
    pub(in crate::store) fn with(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// More text.
    pub(in crate::store) fn and(mut self, text: &str) -> Self {
        self.text.push_str(text);
        self
    }

    /// Another piece, in its place.
    pub(in crate::store) fn piece(mut self, piece: Self) -> Self {
        self.text.push_str(&piece.text);
        self.values.extend(piece.values);
        self
    }

    /// Pieces with a text between each two.
    pub(in crate::store) fn joined(pieces: Vec<Self>, between: &str) -> Self {
        let mut pieces = pieces.into_iter();
        let first = pieces.next().unwrap_or_default();
        pieces.fold(first, |all, piece| all.and(between).piece(piece))
    }
}

/// A statement for the driver.
pub(in crate::store) fn bind(
    statement: Statement,
) -> sqlx::query::Query<'static, Sqlite, SqliteArguments> {
    let query = sqlx::query(AssertSqlSafe(statement.text));
    statement.values.into_iter().fold(query, |query, value| match value {
        Value::Null => query.bind(None::<i64>),
        Value::Integer(value) => query.bind(value),
        Value::Text(value) => query.bind(value),
        Value::Bytes(value) => query.bind(value),
    })
}

/// A value, going in or coming out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) enum Value {
    Null,
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
}

macro_rules! into_value {
    ($($from:ty, $value:ident => $into:expr;)*) => {
        $(impl From<$from> for Value {
            fn from($value: $from) -> Self {
                $into
            }
        })*
    };
}

into_value! {
    i64, value => Self::Integer(value);
    bool, value => Self::Integer(value.into());
    &str, value => Self::Text(value.to_owned());
    &String, value => Self::Text(value.clone());
    String, value => Self::Text(value);
    Timestamp, value => Self::Integer(value.unix_micros());
    &[u8; 32], value => Self::Bytes(value.to_vec());
    Vec<u8>, value => Self::Bytes(value);
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A row, column by column. Reading one takes the next column, so that it is read in the order in
/// which it was asked for.
#[derive(Clone, Debug)]
pub(in crate::store) struct Row(std::vec::IntoIter<Value>);

impl Row {
    fn read(row: &SqliteRow) -> Result<Self, StoreError> {
        let mut values = Vec::with_capacity(row.len());
        for column in 0..row.len() {
            values.push(read_value(row, column).map_err(StoreError::new)?);
        }
        Ok(Self(values.into_iter()))
    }

    /// A row of these values.
    pub(super) fn new(values: Vec<Value>) -> Self {
        Self(values.into_iter())
    }

    /// All columns that were not taken.
    pub(in crate::store) fn values(self) -> Vec<Value> {
        self.0.collect()
    }

    fn next(&mut self) -> Result<Value, StoreError> {
        self.0.next().ok_or_else(unreadable)
    }

    /// The next column, which is a number.
    pub(in crate::store) fn integer(&mut self) -> Result<i64, StoreError> {
        self.optional_integer()?.ok_or_else(unreadable)
    }

    /// The next column, which may be a number.
    pub(in crate::store) fn optional_integer(&mut self) -> Result<Option<i64>, StoreError> {
        match self.next()? {
            Value::Null => Ok(None),
            Value::Integer(value) => Ok(Some(value)),
            Value::Text(_) | Value::Bytes(_) => Err(unreadable()),
        }
    }

    /// The next column, which is true unless it is 0.
    pub(in crate::store) fn truth(&mut self) -> Result<bool, StoreError> {
        self.integer().map(|value| value != 0)
    }

    /// The next column, which counts something.
    pub(in crate::store) fn count(&mut self) -> Result<u64, StoreError> {
        self.integer().map(|value| u64::try_from(value).unwrap_or(0))
    }

    /// The next column, which is a text.
    pub(in crate::store) fn text(&mut self) -> Result<String, StoreError> {
        self.optional_text()?.ok_or_else(unreadable)
    }

    /// The next column, which may be a text.
    pub(in crate::store) fn optional_text(&mut self) -> Result<Option<String>, StoreError> {
        match self.next()? {
            Value::Null => Ok(None),
            Value::Text(value) => Ok(Some(value)),
            Value::Integer(_) | Value::Bytes(_) => Err(unreadable()),
        }
    }

    /// The next column as a text, whichever it is.
    pub(in crate::store) fn as_text(&mut self) -> Result<Option<String>, StoreError> {
        match self.next()? {
            Value::Null => Ok(None),
            Value::Text(value) => Ok(Some(value)),
            Value::Integer(value) => Ok(Some(value.to_string())),
            Value::Bytes(_) => Err(unreadable()),
        }
    }

    /// The next column, which is a time.
    pub(in crate::store) fn time(&mut self) -> Result<Timestamp, StoreError> {
        self.integer().map(Timestamp::from_unix_micros)
    }

    /// The next column, which may be a time.
    pub(in crate::store) fn optional_time(&mut self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.optional_integer()?.map(Timestamp::from_unix_micros))
    }

    /// The next column, which is octets of any number.
    pub(in crate::store) fn octets(&mut self) -> Result<Vec<u8>, StoreError> {
        match self.next()? {
            Value::Bytes(bytes) => Ok(bytes),
            Value::Null | Value::Integer(_) | Value::Text(_) => Err(unreadable()),
        }
    }

    /// The next column, which is a hash.
    pub(in crate::store) fn hash(&mut self) -> Result<[u8; 32], StoreError> {
        self.octets()?.try_into().map_err(|_| unreadable())
    }
}

fn read_value(row: &SqliteRow, column: usize) -> Result<Value, sqlx::Error> {
    let value = row.try_get_raw(column)?;
    if value.is_null() {
        return Ok(Value::Null);
    }
    let kind = value.type_info();
    Ok(match kind.name() {
        "TEXT" => Value::Text(row.try_get_unchecked(column)?),
        "BLOB" => Value::Bytes(row.try_get_unchecked(column)?),
        _ => Value::Integer(row.try_get_unchecked(column)?),
    })
}

/// A row of another form than was asked for: somebody else changed the database.
pub(in crate::store) fn unreadable() -> StoreError {
    StoreError::new("a row can not be read; was the database edited?")
}
