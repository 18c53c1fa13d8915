//! A login: every row of it in one trip to the writer, all or nothing.

use async_trait::async_trait;

use super::SqliteStore;
use super::audit::bind_attempt;
use super::row::{failed, hash};
use super::sessions::bind_rest;
use super::statements::{append, claim, create, keep, update};
use super::users::{bind_changed, bind_new, taken};
use crate::audit::Event;
use crate::base::{StoreError, Timestamp};
use crate::identity::Person;
use crate::session::{Login, LoginStore, TokenHash, Written};

/// One text, so that the driver is asked once. The first statement that fails ends it, and its
/// constraint says why: the claim is the first of them. The session asks for its person as they
/// are after this login; if they are not, its `user` would be NULL.
macro_rules! login {
    ($person:ident, $($more:expr),*) => {
        concat!(
            "SAVEPOINT work;", claim!(), ";", $person!(), ";",
            "INSERT INTO session_end (hash, at)
                 SELECT hash, ? FROM session WHERE browser = ?
                 ORDER BY opened_at DESC LIMIT 1;
             DELETE FROM session WHERE hash = (
                 SELECT hash FROM session WHERE browser = ? ORDER BY opened_at DESC LIMIT 1)
                 RETURNING hash;
             INSERT INTO session (hash, sid, user, idp, name_id, session_index, identity, browser,
                                  opened_at, not_after, last_seen)
                 VALUES (?, ?, (SELECT id FROM user WHERE id = ? AND revision = ? AND active = 1),
                         ?, ?, ?, ?, ?, ?, ?, ?);",
            keep!(), ";", append!(), ";", $($more,)* "RELEASE work"
        )
    };
}

const NEW: &str = login!(create, append!(), ";");
const KNOWN: &str = login!(update,);

#[async_trait]
impl LoginStore for SqliteStore {
    async fn log_in(&self, login: &Login<'_>, now: Timestamp) -> Result<Written, StoreError> {
        let (session, browser) = (
            login.session,
            login.session.browser.as_ref().map(|hash| &hash[..]),
        );
        let text = if login.created.is_some() { NEW } else { KNOWN };
        let query = sqlx::query(text)
            .bind(login.issuer)
            .bind(login.assertion_id)
            .bind(login.expires.unix_micros());
        let (query, user, revision) = match login.person {
            Person::New(user) => (bind_new(query, user)?, user, user.revision),
            Person::Known(user) => (
                bind_changed(query, user)?,
                user,
                user.revision.saturating_add(1),
            ),
        };
        let query = query
            .bind(now.unix_micros())
            .bind(browser)
            .bind(browser)
            .bind(&session.hash.0[..])
            .bind(&session.sid)
            .bind(user.id.as_str())
            .bind(revision);
        let query = bind_attempt(bind_rest(query, session)?, &login.attempt);
        let events: Vec<Event> =
            std::iter::once(&login.accepted).chain(&login.created).cloned().collect();
        self.writer
            .run_whole(move |batch| {
                Box::pin(async move {
                    let before = batch.head.clone();
                    let mut query = query;
                    for event in &events {
                        query = batch.head.append(event, now).bind(query);
                    }
                    match query.fetch_all(&mut batch.connection).await {
                        Ok(replaced) => {
                            let replaced = replaced.first().map(|row| hash(row, "hash"));
                            Ok(Written::Done { replaced: replaced.transpose()?.map(TokenHash) })
                        }
                        Err(error) => {
                            batch.take_back(before).await;
                            refusal(error)
                        }
                    }
                })
            })
            .await
    }
}

/// What the violated constraint means.
fn refusal(error: sqlx::Error) -> Result<Written, StoreError> {
    let message = error.as_database_error().map(|error| error.message()).unwrap_or_default();
    if message.contains("one_use.") {
        return Ok(Written::Replayed);
    }
    if message.contains("NOT NULL") && message.contains("session.user") {
        return Ok(Written::Stale);
    }
    taken(&error).map(Written::Taken).ok_or_else(|| failed(error))
}
