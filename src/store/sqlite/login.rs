//! A login: every row of it in one statement, all or nothing.

use async_trait::async_trait;
use sqlx::SqliteConnection;

use super::SqliteStore;
use super::audit::{bind_attempt, bind_nothing};
use super::row::{failed, hash};
use super::sessions::bind_rest;
use super::users::{bind_user, taken};
use super::writer::Batch;
use crate::base::{StoreError, Timestamp};
use crate::identity::Person;
use crate::session::{Login, LoginStore, TokenHash, Written};

const LOGIN: &str = "INSERT INTO login VALUES (
    ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
    ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// Teaches the writer's connection the statement.
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
        let session = login.session;
        let (known, user) = match login.person {
            Person::New(user) => (false, user),
            Person::Known(user) => (true, user),
        };
        let query = sqlx::query(LOGIN)
            .bind(login.issuer)
            .bind(login.assertion_id)
            .bind(login.expires.unix_micros())
            .bind(known);
        let query = bind_user(query, user)?.bind(&session.hash.0[..]).bind(&session.sid);
        let query = bind_attempt(bind_rest(query, session)?, &login.attempt);
        let (accepted, created) = (login.accepted.clone(), login.created.clone());
        let browser = session.browser;
        self.writer
            .run_whole(move |batch| {
                Box::pin(async move {
                    let replaced = match browser {
                        Some(browser) => newest(batch, browser).await?,
                        None => None,
                    };
                    let before = batch.head.clone();
                    let query = batch.head.append(&accepted, now).bind(query);
                    let query = match &created {
                        Some(created) => batch.head.append(created, now).bind(query),
                        None => bind_nothing(query),
                    };
                    match query.execute(&mut batch.connection).await {
                        Ok(_) => Ok(Written::Done { replaced }),
                        Err(error) => {
                            batch.head = before;
                            refusal(batch, error)
                        }
                    }
                })
            })
            .await
    }
}

/// The session that is going to be replaced.
async fn newest(batch: &mut Batch, browser: [u8; 32]) -> Result<Option<TokenHash>, StoreError> {
    let newest = "SELECT hash FROM session WHERE browser = ? ORDER BY opened_at DESC LIMIT 1";
    let row = sqlx::query(newest)
        .bind(&browser[..])
        .fetch_optional(&mut batch.connection)
        .await
        .map_err(failed)?;
    row.map(|row| hash(&row, "hash").map(TokenHash)).transpose()
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
    if let Some(field) = taken(&error) {
        return Ok(Written::Taken(field));
    }
    let error = failed(error);
    batch.give_up(&error);
    Err(error)
}
