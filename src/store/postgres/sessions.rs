//! Sessions.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{PgConnection, Postgres, Row as _};
use tokio::sync::mpsc;

use super::PostgresStore;
use super::row::{
    count, failed, findable, hash, integer, optional_hash, optional_text, text, time, unreadable,
};
use crate::base::{IdpName, StoreError, Timestamp, UserId};
use crate::session::{Ended, Session, SessionStore, Swept, TokenHash};
use crate::store::identity::{self, Beside};

const INSERT: &str = r#"
    INSERT INTO session (hash, sid, idp, name_id, session_index, identity, browser,
                         opened_at, not_after, last_seen, "user", host)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"#;

/// Locks the person, and says whether they may have a session. Who switches them off comes before,
/// and is seen, or after, and finds the session to end.
const MAY_ENTER: &str = r#"
    SELECT active = 1 AND locked = 0 AND deleted_at IS NULL FROM "user" WHERE id = $1 FOR SHARE"#;

/// Whether the parent goes on. Whoever is about to end it comes before or after.
const PARENT: &str = "SELECT 1 FROM session WHERE hash = $1 FOR SHARE";

/// The lock of those who end sessions, and the last number that was given.
const LOCK_ENDS: &str = "SELECT value FROM meta WHERE key = 'session_ends' FOR UPDATE";
const SHARE_ENDS: &str = "SELECT value FROM meta WHERE key = 'session_ends' FOR SHARE";

/// Ends the sessions of a condition on `$1`. More than a few are not told one by one: other nodes
/// read them in the table.
macro_rules! end {
    ($condition:literal) => {
        concat!(
            "WITH gone AS (
                 DELETE FROM session WHERE hash IN (
                     SELECT hash FROM session WHERE ",
            $condition,
            " ORDER BY hash FOR UPDATE)
                 RETURNING hash
             ), noted AS (
                 INSERT INTO session_end (sequence, hash, at)
                 SELECT $2 + row_number() OVER (), hash, $3 FROM gone
             ), counted AS (
                 UPDATE meta SET value = $2 + (SELECT count(*) FROM gone)
                 WHERE key = 'session_ends' AND EXISTS (SELECT 1 FROM gone)
             )
             SELECT hash, CASE WHEN (SELECT count(*) FROM gone) <= 1000
                               THEN pg_notify('samlgate_ended', encode(hash, 'hex'))::text END
             FROM gone"
        )
    };
}

const END: &str = end!("hash = $1");
const END_FAMILY: &str = end!("sid = $1");
const END_USER: &str = end!(r#""user" = $1"#);
const END_FAMILIES_OF: &str =
    end!("sid IN (SELECT family.sid FROM session AS family WHERE family.hash = ANY ($1))");
const END_ALL: &str = end!("$1::text IS NULL");

/// UPDATE, never INSERT: what was ended meanwhile must not come back. Rows are locked in the order
/// of their hashes, as they are by whoever ends them.
const TOUCH: &str = "
    UPDATE session SET last_seen = seen.at
    FROM (SELECT session.hash, told.at
          FROM unnest($1::bytea[], $2::bigint[]) AS told (hash, at)
          JOIN session ON session.hash = told.hash AND session.last_seen < told.at
          ORDER BY session.hash FOR UPDATE OF session) AS seen
    WHERE session.hash = seen.hash AND session.last_seen < seen.at";

/// How many sessions one statement touches: a few milliseconds.
const SEEN_AT_ONCE: usize = 1000;

const FIND: &str = "SELECT * FROM session WHERE hash = $1";
const FIND_NAMED: &str = "
    SELECT * FROM session
    WHERE left(name_id, 256) = left($1, 256) AND name_id = $1
      AND (cardinality($2::text[]) = 0 OR session_index = ANY ($2))";
const ENDED_AFTER: &str =
    "SELECT sequence, hash FROM session_end WHERE sequence > $1 ORDER BY sequence";
const LAST_ENDED: &str = "SELECT value FROM meta WHERE key = 'session_ends'";
const NEWEST_OF_BROWSER: &str =
    "SELECT * FROM session WHERE browser = $1 ORDER BY opened_at DESC LIMIT 1";
const LIST: &str = r#"
    SELECT * FROM session
    WHERE ($1::text IS NULL OR "user" = $1) AND not_after > $2 AND last_seen > $3
    ORDER BY opened_at DESC, sid LIMIT $4"#;
/// What somebody else has in hand is left for the next time.
const SWEEP: &str = "
    WITH gone AS (
        DELETE FROM session WHERE hash IN (
            SELECT hash FROM session WHERE not_after <= $1 OR last_seen <= $2
            FOR UPDATE SKIP LOCKED)
        RETURNING not_after <= $1 AS lifetime
    )
    SELECT count(*) FILTER (WHERE lifetime) AS lifetime,
           count(*) FILTER (WHERE NOT lifetime) AS idle FROM gone";
const COUNT: &str = "SELECT count(*) FROM session WHERE not_after > $1 AND last_seen > $2";

#[async_trait]
impl SessionStore for PostgresStore {
    async fn insert(&self, session: &Session) -> Result<(), StoreError> {
        let row = Row::of(session)?;
        self.transact(move |connection| {
            Box::pin(async move {
                let may_enter: Option<bool> = sqlx::query_scalar(MAY_ENTER)
                    .bind(row.user())
                    .fetch_optional(&mut *connection)
                    .await
                    .map_err(failed)?;
                if may_enter == Some(false) {
                    return Err(StoreError::new(
                        "the person was switched off during the login",
                    ));
                }
                row.insert(connection).await
            })
        })
        .await
    }

    async fn hand_over(&self, parent: &TokenHash, child: &Session) -> Result<bool, StoreError> {
        let (parent, row) = (parent.0, Row::of(child)?);
        self.transact(move |connection| {
            Box::pin(async move {
                sqlx::query(SHARE_ENDS).execute(&mut *connection).await.map_err(failed)?;
                let parent = sqlx::query(PARENT).bind(&parent[..]);
                if parent.fetch_optional(&mut *connection).await.map_err(failed)?.is_none() {
                    return Ok(false);
                }
                row.insert(connection).await.map(|()| true)
            })
        })
        .await
    }

    async fn find(&self, hash: &TokenHash) -> Result<Option<Session>, StoreError> {
        self.one_session(FIND, hash.0).await
    }

    async fn touch(&self, seen: &[(TokenHash, Timestamp)]) -> Result<(), StoreError> {
        for piece in seen.chunks(SEEN_AT_ONCE) {
            let (hashes, times): (Vec<_>, Vec<_>) =
                piece.iter().map(|(hash, seen)| (hash.0.to_vec(), seen.unix_micros())).unzip();
            self.run(move |connection| {
                Box::pin(async move {
                    let touch = sqlx::query(TOUCH).bind(hashes).bind(times);
                    touch.execute(connection).await.map(|_| ()).map_err(failed)
                })
            })
            .await?;
        }
        Ok(())
    }

    async fn find_named(
        &self,
        idp_entity_id: &str,
        name_id: &str,
        session_indexes: &[String],
    ) -> Result<Vec<Session>, StoreError> {
        let Some(name_id) = findable(name_id).map(str::to_owned) else {
            return Ok(Vec::new());
        };
        let findable = |index: &&String| findable(index).is_some();
        let indexes: Vec<_> = session_indexes.iter().filter(findable).cloned().collect();
        if indexes.is_empty() && !session_indexes.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.run(move |connection| {
            Box::pin(async move {
                let find = sqlx::query(FIND_NAMED).bind(name_id).bind(indexes);
                find.fetch_all(connection).await.map_err(failed)
            })
        });
        let rows = rows.await?;
        let sessions = rows.iter().filter_map(|row| read(row).transpose());
        let theirs = |session: &Session| session.identity.idp_entity_id == idp_entity_id;
        sessions.filter(|session| session.as_ref().map_or(true, theirs)).collect()
    }

    async fn end(&self, hash: &TokenHash, now: Timestamp) -> Result<bool, StoreError> {
        let hash = hash.0;
        let end = move || sqlx::query(END).bind(hash.to_vec());
        self.end_those(end, now).await.map(|ended| !ended.is_empty())
    }

    async fn end_family(&self, sid: &str, now: Timestamp) -> Result<Vec<TokenHash>, StoreError> {
        let sid = sid.to_owned();
        self.end_those(move || sqlx::query(END_FAMILY).bind(sid), now).await
    }

    async fn end_user(&self, user: &UserId, now: Timestamp) -> Result<Vec<TokenHash>, StoreError> {
        let user = user.as_str().to_owned();
        self.end_those(move || sqlx::query(END_USER).bind(user), now).await
    }

    async fn end_all(&self, now: Timestamp) -> Result<u64, StoreError> {
        let ended = self.end_those(|| sqlx::query(END_ALL).bind(None::<String>), now).await?;
        Ok(u64::try_from(ended.len()).unwrap_or(u64::MAX))
    }

    async fn ended_after(&self, mark: Option<i64>) -> Result<Ended, StoreError> {
        let ended = self.run(move |connection| {
            Box::pin(async move {
                let Some(mark) = mark else {
                    let last = sqlx::query_scalar(LAST_ENDED).fetch_one(connection).await;
                    return Ok((last.map_err(failed)?, Vec::new()));
                };
                let rows = sqlx::query(ENDED_AFTER).bind(mark).fetch_all(connection).await;
                Ok((mark, rows.map_err(failed)?))
            })
        });
        let (mark, rows) = ended.await?;
        let mut ended = Ended { mark, ..Ended::default() };
        for row in &rows {
            ended.mark = integer(row, "sequence")?;
            ended.hashes.push(TokenHash(hash(row, "hash")?));
        }
        Ok(ended)
    }

    async fn hear(&self, ended: mpsc::Sender<Vec<TokenHash>>) -> Result<(), StoreError> {
        self.hear_endings(ended).await
    }

    async fn newest_of_browser(&self, browser: &[u8; 32]) -> Result<Option<Session>, StoreError> {
        self.one_session(NEWEST_OF_BROWSER, *browser).await
    }

    async fn list(
        &self,
        user: Option<&UserId>,
        idle: Duration,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        let user = user.map(|user| user.as_str().to_owned());
        let rows = self.run(move |connection| {
            Box::pin(async move {
                sqlx::query(LIST)
                    .bind(user)
                    .bind(now.unix_micros())
                    .bind(now.minus(idle).unix_micros())
                    .bind(i64::from(limit))
                    .fetch_all(connection)
                    .await
                    .map_err(failed)
            })
        });
        rows.await?.iter().filter_map(|row| read(row).transpose()).collect()
    }

    async fn sweep(&self, idle: Duration, now: Timestamp) -> Result<Swept, StoreError> {
        let swept = self.run(move |connection| {
            Box::pin(async move {
                sqlx::query(SWEEP)
                    .bind(now.unix_micros())
                    .bind(now.minus(idle).unix_micros())
                    .fetch_one(connection)
                    .await
                    .map_err(failed)
            })
        });
        let swept = swept.await?;
        Ok(Swept {
            lifetime: count(integer(&swept, "lifetime")?),
            idle: count(integer(&swept, "idle")?),
        })
    }

    async fn count(&self, idle: Duration, now: Timestamp) -> Result<u64, StoreError> {
        let live = self.run(move |connection| {
            Box::pin(async move {
                sqlx::query_scalar(COUNT)
                    .bind(now.unix_micros())
                    .bind(now.minus(idle).unix_micros())
                    .fetch_one(connection)
                    .await
                    .map_err(failed)
            })
        });
        Ok(count(live.await?))
    }
}

type Statement = Query<'static, Postgres, PgArguments>;

impl PostgresStore {
    async fn one_session(
        &self,
        statement: &'static str,
        by: [u8; 32],
    ) -> Result<Option<Session>, StoreError> {
        let row = self.run(move |connection| {
            Box::pin(async move {
                let find = sqlx::query(statement).bind(by.to_vec());
                find.fetch_optional(connection).await.map_err(failed)
            })
        });
        row.await?.as_ref().map_or(Ok(None), read)
    }

    async fn end_those(
        &self,
        which: impl FnOnce() -> Statement + Send + 'static,
        now: Timestamp,
    ) -> Result<Vec<TokenHash>, StoreError> {
        self.transact(move |connection| {
            Box::pin(async move { end(connection, which(), now).await })
        })
        .await
    }
}

/// Ends sessions, and notes and tells that for other nodes. The statement has its first value.
async fn end(
    connection: &mut PgConnection,
    which: Statement,
    now: Timestamp,
) -> Result<Vec<TokenHash>, StoreError> {
    // A statement of its own: the next one then sees what others wrote before they let go.
    let last: i64 = sqlx::query_scalar(LOCK_ENDS)
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
    let ended = which.bind(last).bind(now.unix_micros()).fetch_all(connection).await;
    ended
        .map_err(failed)?
        .iter()
        .map(|row| hash(row, "hash").map(TokenHash))
        .collect()
}

/// Ends all sessions of a person.
pub(in crate::store) async fn end_sessions_of(
    connection: &mut PgConnection,
    user: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let which = sqlx::query(END_USER).bind(user.to_owned());
    end(connection, which, now).await.map(|_| ())
}

/// Ends each of these sessions, and the others of its family.
pub(super) async fn end_families_of(
    connection: &mut PgConnection,
    sessions: Vec<Vec<u8>>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let which = sqlx::query(END_FAMILIES_OF).bind(sessions);
    end(connection, which, now).await.map(|_| ())
}

/// All columns of a session.
struct Row {
    session: Session,
    identity: String,
}

impl Row {
    fn of(session: &Session) -> Result<Self, StoreError> {
        let identity = identity::write(&session.identity)?;
        Ok(Self { session: session.clone(), identity })
    }

    fn user(&self) -> String {
        self.session.identity.user.as_str().to_owned()
    }

    async fn insert(self, connection: &mut PgConnection) -> Result<(), StoreError> {
        let user = self.user();
        let Self { session, identity } = self;
        let last_seen = session.last_seen().unix_micros();
        let name_id = session.identity.name_id.map(|name_id| name_id.value);
        sqlx::query(INSERT)
            .bind(session.hash.0.to_vec())
            .bind(session.sid)
            .bind(session.identity.idp.as_str().to_owned())
            .bind(name_id)
            .bind(session.identity.session_index)
            .bind(identity)
            .bind(session.browser.map(|browser| browser.to_vec()))
            .bind(session.opened_at.unix_micros())
            .bind(session.not_after.unix_micros())
            .bind(last_seen)
            .bind(user)
            .bind(session.host)
            .execute(connection)
            .await
            .map(|_| ())
            .map_err(failed)
    }
}

/// `None` for an identity in a form that this version does not read: its person signs in again,
/// which is better than an error page at each request.
fn read(row: &PgRow) -> Result<Option<Session>, StoreError> {
    let sid = text(row, "sid")?;
    let beside = Beside {
        user: UserId::new(text(row, "user")?),
        idp: IdpName::parse(&text(row, "idp")?).ok_or_else(|| unreadable("idp"))?,
        session_index: optional_text(row, "session_index")?,
    };
    let kept: &str = row.try_get("identity").map_err(failed)?;
    let identity = match identity::read(kept, beside) {
        Ok(identity) => identity,
        Err(error) => {
            tracing::warn!(sid, %error, "a session that can not be read is taken as ended");
            return Ok(None);
        }
    };
    Ok(Some(
        Session::new(
            sid,
            TokenHash(hash(row, "hash")?),
            identity,
            optional_hash(row, "browser")?,
            time(row, "opened_at")?,
            time(row, "not_after")?,
            time(row, "last_seen")?,
        )
        .at_host(optional_text(row, "host")?),
    ))
}
