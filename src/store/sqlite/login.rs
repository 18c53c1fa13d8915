//! Logins: every row of one by one trigger, all or nothing, and many logins in one statement.

use std::sync::LazyLock;

use async_trait::async_trait;
use sqlx::SqliteConnection;
use tokio::sync::oneshot;

use super::SqliteStore;
use super::audit::{attempt_columns, no_event};
use super::row::{Columns, failed, hash};
use super::writer::{Batch, Order};
use super::{sessions, users};
use crate::audit::Event;
use crate::base::{StoreError, Timestamp, entropy};
use crate::identity::Person;
use crate::session::{Login, LoginStore, TokenHash, Written};

/// Columns of the view in `login.sql`.
const WIDTH: usize = 44;

/// Statements for so many logins, the largest first: to ask the driver costs as much as half a
/// login.
static STATEMENTS: LazyLock<[(usize, String); 3]> =
    LazyLock::new(|| [16, 4, 1].map(|rows| (rows, insert(rows))));

/// The newest session of each of these browsers.
const NEWEST: &str = "
    SELECT browser, hash, max(opened_at) FROM session
    WHERE browser IN (SELECT unhex(value) FROM json_each(?)) GROUP BY browser";

/// Teaches the writer's connection what a login is.
pub(super) async fn prepare(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    sqlx::raw_sql(include_str!("login.sql"))
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(failed)
}

#[async_trait]
impl LoginStore for SqliteStore {
    async fn log_in(&self, login: &Login<'_>, now: Timestamp) -> Result<Written, StoreError> {
        let (known, user) = match login.person {
            Person::New(user) => (false, user),
            Person::Known(user) => (true, user),
        };
        let columns = Columns::default()
            .with(login.issuer)
            .with(login.assertion_id)
            .with(login.expires.unix_micros())
            .with(known);
        let columns = sessions::columns(users::columns(columns, user)?, login.session)?;
        let (answer, told) = oneshot::channel();
        let entry = Entry {
            columns: attempt_columns(columns, &login.attempt),
            browser: login.session.browser,
            accepted: login.accepted.clone(),
            created: login.created.clone(),
            now,
            answer,
        };
        self.writer.ask(Order::Login(Box::new(entry)), told).await
    }
}

/// A login that waits to be written.
pub(super) struct Entry {
    /// All but the events, whose place is not known before.
    columns: Columns,
    browser: Option<[u8; 32]>,
    accepted: Event,
    created: Option<Event>,
    now: Timestamp,
    /// To be told after the commit.
    pub(super) answer: oneshot::Sender<Result<Written, StoreError>>,
}

/// Writes logins, and says what came of each.
pub(super) async fn write(
    batch: &mut Batch,
    entries: &[Box<Entry>],
) -> Vec<Result<Written, StoreError>> {
    let mut results = Vec::with_capacity(entries.len());
    let mut rest = entries;
    while !rest.is_empty() {
        let (some, others) = rest.split_at(alike(rest));
        rest = others;
        write_some(batch, some, &mut results).await;
    }
    results
}

/// How many can be written together: no two of one browser, since the second ends the session that
/// the first one opens.
fn alike(entries: &[Box<Entry>]) -> usize {
    let most = STATEMENTS.iter().map(|(rows, _)| *rows).find(|rows| *rows <= entries.len());
    let some = entries.get(..most.unwrap_or(1)).unwrap_or(entries);
    let twice = some.iter().enumerate().any(|(place, entry)| {
        let before = some.iter().take(place);
        entry.browser.is_some() && before.into_iter().any(|other| other.browser == entry.browser)
    });
    if twice { 1 } else { some.len() }
}

/// As many as there is a statement for.
async fn write_some(
    batch: &mut Batch,
    entries: &[Box<Entry>],
    results: &mut Vec<Result<Written, StoreError>>,
) {
    if let Err(error) = batch.goes_on() {
        results.extend(entries.iter().map(|_| Err(error.clone())));
        return;
    }
    let replaced = match newest(batch, entries).await {
        Ok(replaced) => replaced,
        Err(error) => {
            results.extend(entries.iter().map(|_| Err(error.clone())));
            return;
        }
    };
    let done = |entry: &Entry| {
        let replaced = replaced.iter().find(|(browser, _)| Some(*browser) == entry.browser);
        Ok(Written::Done { replaced: replaced.map(|(_, hash)| *hash) })
    };
    match together(batch, entries).await {
        Ok(()) => results.extend(entries.iter().map(|entry| done(entry))),
        Err(error) if entries.len() == 1 => results.push(refusal(batch, error)),
        // One of them can not be: nothing of any is written, and each is tried alone.
        Err(_) => {
            for entry in entries {
                let written = match batch.goes_on() {
                    Err(error) => Err(error),
                    Ok(()) => match together(batch, std::slice::from_ref(entry)).await {
                        Ok(()) => done(entry),
                        Err(error) => refusal(batch, error),
                    },
                };
                results.push(written);
            }
        }
    }
}

/// All of them, or none.
async fn together(batch: &mut Batch, entries: &[Box<Entry>]) -> Result<(), sqlx::Error> {
    let statement = STATEMENTS.iter().find(|(rows, _)| *rows == entries.len());
    let (_, statement) = statement.ok_or(sqlx::Error::WorkerCrashed)?;
    let before = batch.head.clone();
    let mut query = sqlx::query(statement.as_str());
    for entry in entries {
        query = entry.columns.bind(query);
        let events = batch.head.append(&entry.accepted, entry.now).columns(Columns::default());
        let events = match &entry.created {
            Some(created) => batch.head.append(created, entry.now).columns(events),
            None => no_event(events),
        };
        query = events.bind(query);
    }
    let written = query.execute(&mut batch.connection).await;
    if written.is_err() {
        batch.head = before;
    }
    written.map(|_| ())
}

/// The sessions that are going to be replaced, by browser.
async fn newest(
    batch: &mut Batch,
    entries: &[Box<Entry>],
) -> Result<Vec<([u8; 32], TokenHash)>, StoreError> {
    let browsers = entries.iter().filter_map(|entry| entry.browser);
    let browsers: Vec<_> = browsers.map(|browser| entropy::hex(&browser)).collect();
    if browsers.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query(NEWEST)
        .bind(serde_json::to_string(&browsers).map_err(StoreError::new)?)
        .fetch_all(&mut batch.connection)
        .await
        .map_err(failed)?;
    rows.iter()
        .map(|row| Ok((hash(row, "browser")?, TokenHash(hash(row, "hash")?))))
        .collect()
}

/// What the violated constraint means.
fn refusal(batch: &mut Batch, error: sqlx::Error) -> Result<Written, StoreError> {
    let message = error.as_database_error().map(|error| error.message()).unwrap_or_default();
    if message.contains("one_use.") {
        return Ok(Written::Replayed);
    }
    if message.contains("NOT NULL") && message.contains("session.user") {
        return Ok(Written::Stale);
    }
    if let Some(field) = users::taken(&error) {
        return Ok(Written::Taken(field));
    }
    let error = failed(error);
    batch.give_up(&error);
    Err(error)
}

fn insert(rows: usize) -> String {
    let row = format!("({})", ["?"; WIDTH].join(", "));
    format!("INSERT INTO login VALUES {}", vec![row; rows].join(", "))
}
