//! Logins: all of each or nothing, many in one transaction.
//!
//! Everybody's logins wait for the end of the audit chain, one transaction after another, and each of
//! those for the disk. So those that come while one is written share the next. They are written
//! table by table, in one statement, as if nothing refused them; if a single one is refused, all is
//! taken back and each is written by itself, and told why.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};
use sqlx::{PgConnection, PgPool};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use super::audit::{self, lock_head};
use super::one_use::short;
use super::open::PATIENCE;
use super::row::{failed, hash, integer, taken};
use super::{Decision, PostgresStore, sessions};
use crate::base::entropy::hex;
use crate::base::{IdpName, StoreError, Timestamp, UserId, json};
use crate::identity::Person;
use crate::scim::fold::fold;
use crate::session::{Login, LoginStore, TokenHash, Written};
use crate::store::chain::{Unchained, detail_json};
use crate::store::identity;

/// How many logins may wait: about a second of work. Who comes later is told to come again, which is
/// better than to wait longer than browsers do.
const QUEUE: usize = 2048;

/// How many logins share a transaction: some milliseconds of work, while other nodes wait.
const MOST: usize = 64;

#[async_trait]
impl LoginStore for PostgresStore {
    async fn log_in(&self, login: &Login<'_>, now: Timestamp) -> Result<Written, StoreError> {
        let (answer, told) = oneshot::channel();
        let entry = Entry {
            row: row(login)?,
            browser: login.session.browser,
            accepted: audit::unchained(&login.accepted, now)?,
            created: login
                .created
                .as_ref()
                .map(|event| audit::unchained(event, now))
                .transpose()?,
            now,
        };
        let waiting = Waiting { entry: Arc::new(entry), answer };
        self.logins.queue.try_send(waiting).map_err(|refusal| match refusal {
            mpsc::error::TrySendError::Full(_) => StoreError::new("too many logins wait already"),
            mpsc::error::TrySendError::Closed(_) => closed(),
        })?;
        told.await.map_err(|_| closed())?
    }
}

/// Where logins wait; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Logins {
    queue: mpsc::Sender<Waiting>,
}

impl Logins {
    /// Begins to write them. It ends with the last clone.
    pub(super) fn start(home: &Handle, pool: PgPool) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        home.spawn(write_all(pool, waiting));
        Self { queue }
    }
}

fn closed() -> StoreError {
    StoreError::new("the database was closed")
}

/// A login that waits to be written.
#[derive(Debug)]
struct Waiting {
    entry: Arc<Entry>,
    answer: oneshot::Sender<Result<Written, StoreError>>,
}

struct Entry {
    /// As [`WRITE`] wants it.
    row: Value,
    browser: Option<[u8; 32]>,
    accepted: Unchained,
    created: Option<Unchained>,
    now: Timestamp,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Entry")
    }
}

async fn write_all(pool: PgPool, mut queue: mpsc::Receiver<Waiting>) {
    let mut waiting = Vec::with_capacity(MOST);
    while queue.recv_many(&mut waiting, MOST).await > 0 {
        while !waiting.is_empty() {
            let together = together(&waiting);
            let some: Vec<_> = waiting.drain(..together).collect();
            write_some(&pool, some).await;
        }
    }
}

async fn write_some(pool: &PgPool, waiting: Vec<Waiting>) {
    let entries: Vec<_> = waiting.iter().map(|waiting| Arc::clone(&waiting.entry)).collect();
    let alone = entries.len() == 1;
    match patiently(write(pool, &entries)).await {
        Ok(Outcome::Written(replaced)) => {
            for Waiting { entry, answer } in waiting {
                let of_this = replaced.iter().find(|(browser, _)| Some(*browser) == entry.browser);
                let replaced = of_this.map(|(_, hash)| *hash);
                // Whoever asked may have gone; what was written stays written.
                let _ = answer.send(Ok(Written::Done { replaced }));
            }
        }
        Ok(Outcome::Refused(_)) if !alone => {
            for Waiting { entry, answer } in waiting {
                let outcome = patiently(write(pool, &[entry])).await;
                let _ = answer.send(outcome.map(Outcome::of_one));
            }
        }
        outcome => {
            let outcome = outcome.map(Outcome::of_one);
            for Waiting { answer, .. } in waiting {
                let _ = answer.send(outcome.clone());
            }
        }
    }
}

async fn patiently<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(result) => result,
        Err(_) => Err(StoreError::new("the database did not answer in time")),
    }
}

/// What came of a transaction.
enum Outcome {
    /// All of it, and these sessions ended, by browser.
    Written(Vec<([u8; 32], TokenHash)>),
    /// Nothing: one of them is refused. For a single one, this is why.
    Refused(Written),
}

impl Outcome {
    fn of_one(self) -> Written {
        match self {
            Self::Written(replaced) => {
                Written::Done { replaced: replaced.first().map(|(_, hash)| *hash) }
            }
            Self::Refused(why) => why,
        }
    }
}

/// How many from the first on can be written together: no two of one browser, since the second ends
/// the session that the first one opens; and no two of one person, since one update would count for
/// both, and the second would be over what the first has changed. Two by one assertion are refused and
/// then written one by one.
fn together(waiting: &[Waiting]) -> usize {
    let mut browsers = HashSet::with_capacity(waiting.len());
    let mut people = HashSet::with_capacity(waiting.len());
    for (number, Waiting { entry, .. }) in waiting.iter().enumerate() {
        let person = entry.row.get("id").and_then(Value::as_str);
        let same_browser = entry.browser.is_some_and(|browser| !browsers.insert(browser));
        let same_person = person.is_some_and(|person| !people.insert(person));
        if same_browser || same_person {
            return number;
        }
    }
    waiting.len()
}

async fn write(pool: &PgPool, entries: &[Arc<Entry>]) -> Result<Outcome, StoreError> {
    let mut transaction = pool.begin().await.map_err(failed)?;
    let decided = write_in(&mut transaction, entries).await?;
    match decided {
        Decision::Keep(outcome) => {
            transaction.commit().await.map_err(failed)?;
            Ok(outcome)
        }
        Decision::TakeBack(outcome) => {
            transaction.rollback().await.map_err(failed)?;
            Ok(outcome)
        }
    }
}

async fn write_in(
    connection: &mut PgConnection,
    entries: &[Arc<Entry>],
) -> Result<Decision<Outcome>, StoreError> {
    let refused = |why| Ok(Decision::TakeBack(Outcome::Refused(why)));
    let mut head = lock_head(connection).await?;
    let replaced = newest(connection, entries).await?;
    if !replaced.is_empty()
        && let Some(now) = entries.iter().map(|entry| entry.now).max()
    {
        let hashes = replaced.iter().map(|(_, hash)| hash.0.to_vec()).collect();
        sessions::end_families_of(connection, hashes, now).await?;
    }
    let rows: Vec<_> = entries.iter().map(|entry| &entry.row).collect();
    let written = sqlx::query(WRITE)
        .bind(serde_json::to_string(&rows).map_err(StoreError::new)?)
        .fetch_one(&mut *connection)
        .await;
    let written = match written {
        Ok(written) => written,
        Err(error) => match taken(&error) {
            Some(field) => return refused(Written::Taken(field)),
            // Of the same person twice, for instance: alone there is a better answer.
            None if is_unique_violation(&error) && entries.len() > 1 => {
                return refused(Written::Stale);
            }
            None => return Err(failed(error)),
        },
    };
    let all = i64::try_from(entries.len()).unwrap_or(i64::MAX);
    if integer(&written, "used")? != all {
        return refused(Written::Replayed);
    }
    if integer(&written, "opened")? != all {
        return refused(Written::Stale);
    }
    let of_one = |entry: &'_ Arc<Entry>| Arc::clone(entry);
    let entries: Vec<_> = entries.iter().map(of_one).collect();
    let mut events = Vec::with_capacity(entries.len().saturating_mul(2));
    for entry in &entries {
        events.push(&entry.accepted);
        events.extend(&entry.created);
    }
    audit::append(connection, &mut head, &events).await?;
    Ok(Decision::Keep(Outcome::Written(replaced)))
}

fn is_unique_violation(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.is_unique_violation())
}

/// The newest session of each of these browsers.
const NEWEST: &str = "
    SELECT DISTINCT ON (browser) browser, hash FROM session
    WHERE browser = ANY ($1) ORDER BY browser, opened_at DESC";

/// The sessions that are going to be replaced, by browser.
async fn newest(
    connection: &mut PgConnection,
    entries: &[Arc<Entry>],
) -> Result<Vec<([u8; 32], TokenHash)>, StoreError> {
    let browsers = entries.iter().filter_map(|entry| entry.browser);
    let browsers: Vec<_> = browsers.map(|browser| browser.to_vec()).collect();
    if browsers.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query(NEWEST).bind(browsers).fetch_all(connection).await.map_err(failed)?;
    rows.iter()
        .map(|row| Ok((hash(row, "browser")?, TokenHash(hash(row, "hash")?))))
        .collect()
}

/// Each table takes what the one before let pass: an assertion that was used before leads to no
/// person, and a person who was changed meanwhile to no session. What is less than all is refused.
///
/// Of who is provisioned, names and address are not a login's to change. Whoever signs in holds their
/// name, or is refused. `is_seen`: it changes what a client sees of them.
const WRITE: &str = r#"
    WITH login AS MATERIALIZED (
        SELECT * FROM json_to_recordset($1::json) AS login (
            issuer text, assertion text, expires bigint,
            known boolean, id text, user_name text, user_name_key text, external_id text, user_idp text,
            user_name_id text, email text, profile text, active bigint, created_at bigint,
            updated_at bigint, last_login_at bigint, revision bigint,
            hash text, sid text, idp text, name_id text, session_index text, identity text,
            browser text, opened_at bigint, not_after bigint, last_seen bigint,
            reference text, at bigint, attempt_idp text, outcome text, attempt_user text,
            request_id text, detail text)
    ), used AS (
        INSERT INTO one_use (issuer, id, expires)
        SELECT issuer, assertion, expires FROM login ORDER BY issuer, assertion
        ON CONFLICT DO NOTHING
        RETURNING issuer, id
    ), first AS MATERIALIZED (
        SELECT login.*, coalesce((SELECT 'c:' || name FROM connection WHERE idp = login.user_idp),
                                 'i:' || coalesce(login.user_idp, '')) AS tenant
        FROM login JOIN used ON used.issuer = login.issuer AND used.id = login.assertion
    ), created AS (
        INSERT INTO "user" (id, user_name, user_name_key, external_id, idp, name_id, email, profile,
                            active, created_at, updated_at, last_login_at, revision, tenant,
                            claimed, changed_at)
        SELECT id, user_name, user_name_key, external_id, user_idp, user_name_id, email, profile,
               active, created_at, updated_at, last_login_at, revision, tenant, 1, updated_at
        FROM first WHERE NOT known AND active = 1
        RETURNING id
    ), updated AS (
        UPDATE "user" AS u
        SET user_name = CASE WHEN u.managed = 1 THEN u.user_name ELSE first.user_name END,
            user_name_key = CASE WHEN u.managed = 1 THEN u.user_name_key
                                 ELSE first.user_name_key END,
            external_id = CASE WHEN u.managed = 1 THEN u.external_id ELSE first.external_id END,
            email = CASE WHEN u.managed = 1 THEN u.email ELSE first.email END,
            tenant = CASE WHEN u.tenant = 'i:' THEN first.tenant ELSE u.tenant END,
            idp = first.user_idp, name_id = first.user_name_id, claimed = 1,
            changed_at = CASE WHEN is_seen THEN first.updated_at ELSE u.changed_at END,
            version = u.version + CASE WHEN is_seen THEN 1 ELSE 0 END,
            indexed = CASE WHEN is_seen AND u.indexed <> 0 AND u.tenant <> 'i:'
                           THEN 2 ELSE u.indexed END,
            profile = first.profile, updated_at = first.updated_at,
            last_login_at = first.last_login_at, revision = u.revision + 1
        FROM (
            SELECT first.*, was.managed = 0 AND (
                was.claimed = 0
                OR (was.user_name, was.external_id, was.idp, was.name_id, was.email)
                   IS DISTINCT FROM (first.user_name, first.external_id, first.user_idp,
                                     first.user_name_id, first.email)
                OR (was.tenant < 'd' AND was.updated_at <> first.updated_at)) AS is_seen
            FROM first JOIN "user" AS was ON was.id = first.id
            WHERE first.known AND first.active = 1
        ) AS first
        WHERE u.id = first.id AND u.revision = first.revision
          AND u.active = 1 AND u.locked = 0 AND u.deleted_at IS NULL
        RETURNING u.id
    ), opened AS (
        INSERT INTO session (hash, sid, "user", idp, name_id, session_index, identity, browser,
                             opened_at, not_after, last_seen)
        SELECT decode(hash, 'hex'), sid, id, idp, name_id, session_index, identity,
               decode(browser, 'hex'), opened_at, not_after, last_seen
        FROM first JOIN (SELECT id FROM created UNION ALL SELECT id FROM updated) AS entered
             USING (id)
        RETURNING 1
    ), attempted AS (
        INSERT INTO login_attempt (reference, at, idp, outcome, "user", request_id, detail)
        SELECT reference, at, attempt_idp, outcome, attempt_user, request_id, detail FROM first
    )
    SELECT (SELECT count(*) FROM used) AS used, (SELECT count(*) FROM opened) AS opened"#;

/// A login by the names of [`WRITE`].
fn row(login: &Login<'_>) -> Result<Value, StoreError> {
    let (Person::New(user) | Person::Known(user)) = login.person;
    let (session, attempt) = (login.session, &login.attempt);
    let identity = &session.identity;
    Ok(json!({
        "issuer": short(login.issuer),
        "assertion": short(login.assertion_id),
        "expires": login.expires.unix_micros(),
        "known": matches!(login.person, Person::Known(_)),
        "id": user.id.as_str(),
        "user_name": user.user_name,
        "user_name_key": fold(&user.user_name),
        "external_id": user.external_id,
        "user_idp": user.idp.as_ref().map(IdpName::as_str),
        "user_name_id": user.name_id,
        "email": user.profile.email,
        "profile": json::to_string(&user.profile).map_err(StoreError::new)?,
        "active": i64::from(user.may_enter()),
        "created_at": user.created_at.unix_micros(),
        "updated_at": user.updated_at.unix_micros(),
        "last_login_at": user.last_login_at.map(Timestamp::unix_micros),
        "revision": user.revision,
        "hash": hex(&session.hash.0),
        "sid": session.sid,
        "idp": identity.idp.as_str(),
        "name_id": identity.name_id.as_ref().map(|name_id| name_id.value.as_str()),
        "session_index": identity.session_index,
        "identity": identity::write(identity)?,
        "browser": session.browser.map(|browser| hex(&browser)),
        "opened_at": session.opened_at.unix_micros(),
        "not_after": session.not_after.unix_micros(),
        "last_seen": session.last_seen().unix_micros(),
        "reference": attempt.reference,
        "at": attempt.at.unix_micros(),
        "attempt_idp": attempt.idp.as_ref().map(IdpName::as_str),
        "outcome": attempt.outcome.as_str(),
        "attempt_user": attempt.user.as_ref().map(UserId::as_str),
        "request_id": attempt.request_id,
        "detail": detail_json(&attempt.detail)?,
    }))
}
