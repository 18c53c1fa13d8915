//! Sessions.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;

use super::SqliteStore;
use super::row::{
    Columns, count, failed, hash, integer, optional_hash, optional_text, text, time, unreadable,
};
use crate::base::entropy::hex;
use crate::base::{IdpName, StoreError, Timestamp, UserId};
use crate::session::{Ended, Session, SessionStore, Swept, TokenHash};
use crate::store::identity::{self, Beside};

/// The condition closes a gap: the person may have been switched off, and their sessions ended,
/// after this login found them active.
const INSERT: &str = "
    INSERT INTO session (hash, sid, idp, name_id, session_index, identity, browser,
                         opened_at, not_after, last_seen, user, host)
    SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?
    WHERE NOT EXISTS (SELECT 1 FROM user WHERE id = ?
                      AND (active = 0 OR locked = 1 OR deleted_at IS NOT NULL))";

/// The condition closes the same gap, for whatever else may have ended the parent.
const HAND_OVER: &str = "
    INSERT INTO session (hash, sid, idp, name_id, session_index, identity, browser,
                         opened_at, not_after, last_seen, user, host)
    SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?
    WHERE EXISTS (SELECT 1 FROM session WHERE hash = ?)";

const END: &str = "
    INSERT INTO session_end (hash, at) SELECT hash, ?1 FROM session WHERE hash = ?2;
    DELETE FROM session WHERE hash = ?2 RETURNING hash";

const END_FAMILY: &str = "
    INSERT INTO session_end (hash, at) SELECT hash, ?1 FROM session WHERE sid = ?2;
    DELETE FROM session WHERE sid = ?2 RETURNING hash";

const END_USER: &str = "
    INSERT INTO session_end (hash, at) SELECT hash, ?1 FROM session WHERE user = ?2;
    DELETE FROM session WHERE user = ?2 RETURNING hash";

/// UPDATE, never INSERT: what was ended meanwhile must not come back.
const TOUCH: &str = "
    UPDATE session SET last_seen = seen.at
    FROM (SELECT unhex(value ->> 0) AS hash, value ->> 1 AS at FROM json_each(?)) AS seen
    WHERE session.hash = seen.hash AND session.last_seen < seen.at";

/// How many sessions one transaction touches: a few milliseconds.
const SEEN_AT_ONCE: usize = 1000;

#[async_trait]
impl SessionStore for SqliteStore {
    async fn insert(&self, session: &Session) -> Result<(), StoreError> {
        let user = session.identity.user.as_str();
        let insert = with_host(session)?.with(user);
        if self.write(INSERT, insert).await? {
            Ok(())
        } else {
            Err(StoreError::new(
                "the person was switched off during the login",
            ))
        }
    }

    async fn hand_over(&self, parent: &TokenHash, child: &Session) -> Result<bool, StoreError> {
        self.write(HAND_OVER, with_host(child)?.with(parent.0)).await
    }

    async fn find(&self, hash: &TokenHash) -> Result<Option<Session>, StoreError> {
        let row = sqlx::query("SELECT * FROM session WHERE hash = ?")
            .bind(&hash.0[..])
            .fetch_optional(&mut *self.readers.lend().await?)
            .await
            .map_err(failed)?;
        row.as_ref().map_or(Ok(None), read)
    }

    async fn touch(&self, seen: &[(TokenHash, Timestamp)]) -> Result<(), StoreError> {
        // In pieces, so that nobody's login waits for the visits of a hundred thousand others.
        for piece in seen.chunks(SEEN_AT_ONCE) {
            let rows = piece.iter().map(|(hash, seen)| (hex(&hash.0), seen.unix_micros()));
            let rows = rows.collect::<Vec<_>>();
            let rows = serde_json::to_string(&rows).map_err(StoreError::new)?;
            self.writer
                .run(move |batch| {
                    Box::pin(async move {
                        let touch = sqlx::query(TOUCH).bind(rows);
                        touch.execute(&mut batch.connection).await.map(|_| ()).map_err(failed)
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
        let indexes = serde_json::to_string(session_indexes).map_err(StoreError::new)?;
        let rows = sqlx::query(
            "SELECT * FROM session WHERE name_id = ?1
             AND (?2 = '[]' OR session_index IN (SELECT value FROM json_each(?2)))",
        )
        .bind(name_id)
        .bind(indexes)
        .fetch_all(&mut *self.readers.lend().await?)
        .await
        .map_err(failed)?;
        let sessions = rows.iter().filter_map(|row| read(row).transpose());
        let theirs = |session: &Session| session.identity.idp_entity_id == idp_entity_id;
        sessions.filter(|session| session.as_ref().map_or(true, theirs)).collect()
    }

    async fn end(&self, hash: &TokenHash, now: Timestamp) -> Result<bool, StoreError> {
        let which = Columns::default().with(now.unix_micros()).with(hash.0);
        self.end_those(END, which).await.map(|ended| !ended.is_empty())
    }

    async fn end_family(&self, sid: &str, now: Timestamp) -> Result<Vec<TokenHash>, StoreError> {
        let which = Columns::default().with(now.unix_micros()).with(sid);
        self.end_those(END_FAMILY, which).await
    }

    async fn end_user(&self, user: &UserId, now: Timestamp) -> Result<Vec<TokenHash>, StoreError> {
        let which = Columns::default().with(now.unix_micros()).with(user.as_str());
        self.end_those(END_USER, which).await
    }

    async fn end_all(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.writer
            .run(move |batch| {
                Box::pin(async move {
                    sqlx::query("INSERT INTO session_end (hash, at) SELECT hash, ? FROM session")
                        .bind(now.unix_micros())
                        .execute(&mut batch.connection)
                        .await
                        .map_err(failed)?;
                    let ended = sqlx::query("DELETE FROM session")
                        .execute(&mut batch.connection)
                        .await
                        .map_err(failed)?;
                    Ok(ended.rows_affected())
                })
            })
            .await
    }

    async fn ended_after(&self, mark: Option<i64>) -> Result<Ended, StoreError> {
        let Some(mark) = mark else {
            // SQLite's own record of the last number: it stays when the rows are swept.
            let last =
                sqlx::query_scalar("SELECT seq FROM sqlite_sequence WHERE name = 'session_end'")
                    .fetch_optional(&mut *self.readers.lend().await?)
                    .await
                    .map_err(failed)?;
            return Ok(Ended { mark: last.unwrap_or(0), ..Ended::default() });
        };
        let rows = sqlx::query(
            "SELECT sequence, hash FROM session_end WHERE sequence > ? ORDER BY sequence",
        )
        .bind(mark)
        .fetch_all(&mut *self.readers.lend().await?)
        .await
        .map_err(failed)?;
        let mut ended = Ended { mark, ..Ended::default() };
        for row in &rows {
            ended.mark = integer(row, "sequence")?;
            ended.hashes.push(TokenHash(hash(row, "hash")?));
        }
        Ok(ended)
    }

    async fn newest_of_browser(&self, browser: &[u8; 32]) -> Result<Option<Session>, StoreError> {
        let row =
            sqlx::query("SELECT * FROM session WHERE browser = ? ORDER BY opened_at DESC LIMIT 1")
                .bind(&browser[..])
                .fetch_optional(&mut *self.readers.lend().await?)
                .await
                .map_err(failed)?;
        row.as_ref().map_or(Ok(None), read)
    }

    async fn list(
        &self,
        user: Option<&UserId>,
        idle: Duration,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM session
             WHERE (?1 IS NULL OR user = ?1) AND not_after > ?2 AND last_seen > ?3
             ORDER BY opened_at DESC, sid LIMIT ?4",
        )
        .bind(user.map(UserId::as_str))
        .bind(now.unix_micros())
        .bind(now.minus(idle).unix_micros())
        .bind(limit)
        .fetch_all(&mut *self.readers.lend().await?)
        .await
        .map_err(failed)?;
        rows.iter().filter_map(|row| read(row).transpose()).collect()
    }

    async fn sweep(&self, idle: Duration, now: Timestamp) -> Result<Swept, StoreError> {
        self.writer
            .run(move |batch| {
                Box::pin(async move {
                    // Once through the table for both.
                    let swept = sqlx::query_scalar::<_, bool>(
                        "DELETE FROM session WHERE not_after <= ?1 OR last_seen <= ?2
                         RETURNING not_after <= ?1",
                    )
                    .bind(now.unix_micros())
                    .bind(now.minus(idle).unix_micros())
                    .fetch_all(&mut batch.connection)
                    .await
                    .map_err(failed)?;
                    let mut ended = Swept { lifetime: 0, idle: 0 };
                    for lifetime in swept {
                        let reason = if lifetime {
                            &mut ended.lifetime
                        } else {
                            &mut ended.idle
                        };
                        *reason = reason.saturating_add(1);
                    }
                    Ok(ended)
                })
            })
            .await
    }

    async fn count(&self, idle: Duration, now: Timestamp) -> Result<u64, StoreError> {
        let live: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM session WHERE not_after > ? AND last_seen > ?",
        )
        .bind(now.unix_micros())
        .bind(now.minus(idle).unix_micros())
        .fetch_one(&mut *self.readers.lend().await?)
        .await
        .map_err(failed)?;
        Ok(count(live))
    }
}

impl SqliteStore {
    /// One row; whether it was written.
    async fn write(&self, statement: &'static str, row: Columns) -> Result<bool, StoreError> {
        let write = self.writer.run(move |batch| {
            Box::pin(async move {
                let write = row.bind(sqlx::query(statement));
                write.execute(&mut batch.connection).await.map_err(failed)
            })
        });
        Ok(write.await?.rows_affected() == 1)
    }

    /// Ends sessions, and notes that for other processes.
    async fn end_those(
        &self,
        statement: &'static str,
        which: Columns,
    ) -> Result<Vec<TokenHash>, StoreError> {
        let end = self.writer.run(move |batch| {
            Box::pin(async move {
                let end = which.bind(sqlx::query(statement));
                end.fetch_all(&mut batch.connection).await.map_err(failed)
            })
        });
        end.await?.iter().map(|row| hash(row, "hash").map(TokenHash)).collect()
    }
}

/// All columns of a session that may be for one host.
fn with_host(session: &Session) -> Result<Columns, StoreError> {
    Ok(columns(Columns::default(), session)?.with(&session.host))
}

/// All columns of a session but the host; its person is the last, since they are looked for.
pub(super) fn columns(columns: Columns, session: &Session) -> Result<Columns, StoreError> {
    let identity = &session.identity;
    Ok(columns
        .with(session.hash.0)
        .with(&session.sid)
        .with(identity.idp.as_str())
        .with(identity.name_id.as_ref().map(|name_id| name_id.value.as_str()))
        .with(&identity.session_index)
        .with(identity::write(identity)?)
        .with(session.browser)
        .with(session.opened_at.unix_micros())
        .with(session.not_after.unix_micros())
        .with(session.last_seen().unix_micros())
        .with(identity.user.as_str()))
}

/// `None` for an identity in a form that this version does not read: its person signs in again,
/// which is better than an error page at each request.
fn read(row: &SqliteRow) -> Result<Option<Session>, StoreError> {
    let sid = text(row, "sid")?;
    let beside = Beside {
        user: UserId::new(text(row, "user")?),
        idp: IdpName::parse(&text(row, "idp")?).ok_or_else(|| unreadable("idp"))?,
        session_index: optional_text(row, "session_index")?,
    };
    let identity = match identity::read(&text(row, "identity")?, beside) {
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
