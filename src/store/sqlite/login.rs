//! Logins: the rows of many in one request to the driver, all of each or nothing.
//!
//! Most logins meet nothing that refuses them. So they are first written without precautions, table
//! by table, and if a single one can not be, the whole transaction is given up and they are written
//! again with savepoints: to be ready for that each time would cost a copy of every page.

use std::sync::LazyLock;

use async_trait::async_trait;
use tokio::sync::oneshot;

use super::SqliteStore;
use super::audit::{self, attempt_columns, link_columns};
use super::login_sql::{self, Kind, Part};
use super::row::{Columns, failed, hash};
use super::writer::{Batch, Order};
use super::{sessions, users};
use crate::audit::Event;
use crate::base::{StoreError, Timestamp, entropy};
use crate::identity::Person;
use crate::session::{Login, LoginStore, TokenHash, Written};
use crate::store::chain::{Unchained, detail_json};

#[async_trait]
impl LoginStore for SqliteStore {
    async fn log_in(&self, login: &Login<'_>, now: Timestamp) -> Result<Written, StoreError> {
        let (known, user) = match login.person {
            Person::New(user) => (false, user),
            Person::Known(user) => (true, user),
        };
        let (answer, told) = oneshot::channel();
        let detail = detail_json(&login.attempt.detail)?;
        let unchained = |event: &Event| -> Result<_, StoreError> {
            if event.detail == login.attempt.detail {
                audit::unchained(event, &detail, now)
            } else {
                audit::unchained(event, &detail_json(&event.detail)?, now)
            }
        };
        let entry = Entry {
            kind: Kind { known, created: login.created.is_some() },
            one_use: Columns::for_up_to(3)
                .with(login.issuer)
                .with(login.assertion_id)
                .with(login.expires.unix_micros()),
            user: users::columns(Columns::for_up_to(13), user)?,
            // Without a revision nobody is found: whoever is switched off gets no session.
            session: sessions::columns(Columns::for_up_to(12), login.session)?
                .with(user.may_enter().then_some(user.revision)),
            accepted: unchained(&login.accepted)?,
            created: login.created.as_ref().map(unchained).transpose()?,
            attempt: attempt_columns(Columns::for_up_to(7), &login.attempt, detail),
            browser: login.session.browser,
            person: user.id.as_str().into(),
            now,
            answer,
            result: Ok(Written::Done { replaced: None }),
        };
        self.writer.ask(Order::Login(Box::new(entry)), told).await
    }
}

/// A login that waits to be written, then for the commit.
pub(super) struct Entry {
    kind: Kind,
    one_use: Columns,
    user: Columns,
    session: Columns,
    attempt: Columns,
    accepted: Unchained,
    created: Option<Unchained>,
    browser: Option<[u8; 32]>,
    person: Box<str>,
    now: Timestamp,
    answer: oneshot::Sender<Result<Written, StoreError>>,
    result: Result<Written, StoreError>,
}

impl Entry {
    /// Tells what came of it, once it is known whether the commit came to be.
    pub(super) fn tell(self, committed: Result<(), StoreError>) {
        // Whoever asked may have gone; what was written stays written.
        let _ = self.answer.send(committed.and(self.result));
    }

    /// Not written: there is no transaction.
    pub(super) fn refuse(&mut self, error: &StoreError) {
        self.result = Err(error.clone());
    }
}

/// Writes logins of a transaction that is given up if one of them can not be.
pub(super) async fn write(
    batch: &mut Batch,
    entries: &mut [Box<Entry>],
) -> Result<(), sqlx::Error> {
    // Who comes first among those who wait together is nobody's right.
    entries.sort_by_key(|entry| entry.kind);
    let mut rest = entries;
    while !rest.is_empty() {
        let (some, others) = rest.split_at_mut(alike(rest));
        rest = others;
        write_alike(batch, some).await?;
    }
    Ok(())
}

/// Writes logins one by one, each of which may fail without the others.
pub(super) async fn write_carefully(batch: &mut Batch, entries: &mut [Box<Entry>]) {
    for entry in entries {
        entry.result = match batch.goes_on() {
            Ok(()) => write_one(batch, entry).await,
            Err(error) => Err(error),
        };
    }
}

async fn write_one(batch: &mut Batch, entry: &mut Box<Entry>) -> Result<Written, StoreError> {
    let head = batch.set_savepoint().await?;
    match write_alike(batch, std::slice::from_mut(entry)).await {
        Ok(()) => {
            batch.release().await?;
            entry.result.clone()
        }
        Err(error) => {
            batch.take_back(head).await;
            refusal(batch, error)
        }
    }
}

/// How many from the first on can be written together: those of its kind, as many as there is a
/// statement for. No two of one browser, since the second ends the session that the first one
/// opens; and no two of one person, since the second would write over a revision that is gone.
fn alike(entries: &[Box<Entry>]) -> usize {
    let Some(first) = entries.first() else {
        return 0;
    };
    let mut alike = 0_usize;
    for (place, entry) in entries.iter().enumerate().take(login_sql::MOST) {
        let mut before = entries.iter().take(place);
        let met = |other: &Entry| {
            (entry.kind.known && other.person == entry.person)
                || (entry.browser.is_some() && other.browser == entry.browser)
        };
        if entry.kind != first.kind || before.any(|other| met(other)) {
            break;
        }
        alike = alike.saturating_add(1);
    }
    login_sql::SIZES.into_iter().find(|size| *size <= alike).unwrap_or(1)
}

/// Writes logins that are alike. In an error some of it may be written.
async fn write_alike(batch: &mut Batch, entries: &mut [Box<Entry>]) -> Result<(), sqlx::Error> {
    let replaced = newest(batch, entries).await?;
    if !replaced.is_empty() {
        end(batch, entries, &replaced).await?;
    }
    let Some(kind) = entries.first().map(|entry| entry.kind) else {
        return Ok(());
    };
    let statement = STATEMENTS
        .iter()
        .find(|(of, rows, _)| (*of, *rows) == (kind, entries.len()))
        .map(|(_, _, statement)| statement.as_str())
        .ok_or(sqlx::Error::WorkerCrashed)?;
    let mut query = sqlx::query(statement);
    for entry in &*entries {
        query = entry.one_use.bind(query);
    }
    for part in kind.person_and_session() {
        for entry in &*entries {
            query = match part {
                Part::Person => entry.user.bind(query),
                Part::Session => entry.session.bind(query),
            };
        }
    }
    for entry in &*entries {
        query = entry.attempt.bind(query);
    }
    for entry in &*entries {
        let accepted = batch.head.append(&entry.accepted);
        query = link_columns(Columns::for_up_to(6), accepted).bind(query);
        if let Some(created) = &entry.created {
            let created = batch.head.append(created);
            query = link_columns(Columns::for_up_to(6), created).bind(query);
        }
    }
    query.execute(&mut batch.connection).await?;
    for entry in entries {
        let of_this = replaced.iter().find(|(browser, _)| Some(*browser) == entry.browser);
        entry.result = Ok(Written::Done { replaced: of_this.map(|(_, hash)| *hash) });
    }
    Ok(())
}

static STATEMENTS: LazyLock<Vec<(Kind, usize, String)>> = LazyLock::new(login_sql::all);

/// The newest session of each of these browsers.
const NEWEST: &str = "
    SELECT browser, hash, max(opened_at) FROM session
    WHERE browser IN (SELECT unhex(value) FROM json_each(?)) GROUP BY browser";

/// The sessions that are going to be replaced, by browser.
async fn newest(
    batch: &mut Batch,
    entries: &[Box<Entry>],
) -> Result<Vec<([u8; 32], TokenHash)>, sqlx::Error> {
    let browsers = entries.iter().filter_map(|entry| entry.browser);
    let browsers: Vec<_> = browsers.map(|browser| entropy::hex(&browser)).collect();
    if browsers.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query(NEWEST)
        .bind(serde_json::Value::from(browsers).to_string())
        .fetch_all(&mut batch.connection)
        .await?;
    let read = |row| Ok((hash(row, "browser")?, TokenHash(hash(row, "hash")?)));
    rows.iter()
        .map(|row| read(row).map_err(|error: StoreError| sqlx::Error::Protocol(error.detail)))
        .collect()
}

/// Each session, and the others of its family, with the time of its end.
const END: &str = "
    INSERT INTO session_end (hash, at)
        SELECT session.hash, ended.value ->> 1 FROM json_each(?) AS ended JOIN session
        ON session.sid = (SELECT sid FROM session WHERE hash = unhex(ended.value ->> 0));
    DELETE FROM session WHERE sid IN (
        SELECT sid FROM session WHERE hash IN (SELECT unhex(value ->> 0) FROM json_each(?)))";

async fn end(
    batch: &mut Batch,
    entries: &[Box<Entry>],
    replaced: &[([u8; 32], TokenHash)],
) -> Result<(), sqlx::Error> {
    let now_of = |browser: &[u8; 32]| {
        let entry = entries.iter().find(|entry| entry.browser.as_ref() == Some(browser));
        entry.map(|entry| entry.now.unix_micros())
    };
    let ended: Vec<_> = replaced
        .iter()
        .map(|(browser, hash)| serde_json::json!([entropy::hex(&hash.0), now_of(browser)]))
        .collect();
    let ended = serde_json::Value::from(ended).to_string();
    sqlx::query(END)
        .bind(ended.clone())
        .bind(ended)
        .execute(&mut batch.connection)
        .await
        .map(|_| ())
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
