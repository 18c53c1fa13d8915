//! The audit chain, and login attempts.

use async_trait::async_trait;
use serde_json::json;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};

use super::PostgresStore;
use super::row::{failed, findable, hash, integer, optional_text, text, time, unreadable};
use crate::audit::{AuditSink, Chain, Event, LoginAttempt, LoginOutcome, RecordedEvent};
use crate::base::entropy::hex;
use crate::base::{IdpName, StoreError, Timestamp, UserId};
use crate::store::chain::{BEGINNING, Head, Unchained, Walk, detail_json};

/// How many events [`AuditSink::verify`] reads at once.
const PAGE: i64 = 1000;

const LOCK_HEAD: &str = "SELECT sequence, hash FROM audit_head FOR UPDATE";
/// `$1` are events, `$2` and `$3` the end of the chain after them.
const APPEND: &str = "
    WITH recorded AS (
        INSERT INTO audit_event (sequence, at, kind, json, hash)
        SELECT sequence, at, kind, line, decode(hash, 'hex')
        FROM json_to_recordset($1::json) AS event
             (sequence bigint, at bigint, kind text, line text, hash text)
    )
    UPDATE audit_head SET sequence = $2, hash = $3";
const KEEP: &str = r#"
    INSERT INTO login_attempt (reference, at, idp, outcome, "user", request_id, detail)
    VALUES ($1, $2, $3, $4, $5, $6, $7)"#;
const ATTEMPT: &str =
    "SELECT * FROM login_attempt WHERE reference = $1 ORDER BY number DESC LIMIT 1";
const ATTEMPTS: &str = "SELECT * FROM login_attempt ORDER BY number DESC LIMIT $1";
const EVENTS: &str =
    "SELECT * FROM audit_event WHERE at >= $1 AND sequence > $2 ORDER BY sequence LIMIT $3";

#[async_trait]
impl AuditSink for PostgresStore {
    async fn record(&self, event: &Event, now: Timestamp) -> Result<(), StoreError> {
        let event = unchained(event, now)?;
        self.transact(move |connection| {
            Box::pin(async move {
                let mut head = lock_head(connection).await?;
                append(connection, &mut head, &[&event]).await
            })
        })
        .await
    }

    async fn record_attempt(&self, attempt: &LoginAttempt) -> Result<(), StoreError> {
        let attempt = attempt.clone();
        self.run(move |connection| Box::pin(async move { keep(connection, attempt).await }))
            .await
    }

    async fn record_refusal(
        &self,
        attempt: &LoginAttempt,
        event: &Event,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (attempt, event) = (attempt.clone(), unchained(event, now)?);
        self.transact(move |connection| {
            Box::pin(async move {
                let mut head = lock_head(connection).await?;
                keep(connection, attempt).await?;
                append(connection, &mut head, &[&event]).await
            })
        })
        .await
    }

    async fn attempt(&self, reference: &str) -> Result<Option<LoginAttempt>, StoreError> {
        let Some(reference) = findable(reference).map(str::to_owned) else {
            return Ok(None);
        };
        let row = self.run(move |connection| {
            Box::pin(async move {
                let find = sqlx::query(ATTEMPT).bind(reference);
                find.fetch_optional(connection).await.map_err(failed)
            })
        });
        row.await?.as_ref().map(read_attempt).transpose()
    }

    async fn attempts(&self, limit: u32) -> Result<Vec<LoginAttempt>, StoreError> {
        let rows = self.run(move |connection| {
            Box::pin(async move {
                let find = sqlx::query(ATTEMPTS).bind(i64::from(limit));
                find.fetch_all(connection).await.map_err(failed)
            })
        });
        rows.await?.iter().map(read_attempt).collect()
    }

    async fn events(
        &self,
        since: Timestamp,
        after: i64,
        limit: u32,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        self.events_after(since.unix_micros(), after, i64::from(limit)).await
    }

    async fn verify(&self) -> Result<Chain, StoreError> {
        // The count is read first: events that are recorded meanwhile may be more, never fewer.
        let recorded = self.run(|connection| {
            Box::pin(async {
                let recorded = sqlx::query_scalar("SELECT sequence FROM audit_head");
                recorded.fetch_one(connection).await.map_err(failed)
            })
        });
        let recorded: i64 = recorded.await?;
        let mut walk = Walk::new();
        loop {
            let events = self.events_after(i64::MIN, walk.passed(), PAGE).await?;
            if events.is_empty() {
                return Ok(walk.end(recorded));
            }
            for event in &events {
                if let Err(broken) = walk.pass(event) {
                    return Ok(broken);
                }
            }
        }
    }
}

impl PostgresStore {
    async fn events_after(
        &self,
        since: i64,
        after: i64,
        limit: i64,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        let rows = self.run(move |connection| {
            Box::pin(async move {
                let find = sqlx::query(EVENTS).bind(since).bind(after).bind(limit);
                find.fetch_all(connection).await.map_err(failed)
            })
        });
        rows.await?.iter().map(read_event).collect()
    }
}

/// An event that waits for its place.
pub(super) fn unchained(event: &Event, now: Timestamp) -> Result<Unchained, StoreError> {
    Ok(Unchained::new(event, &detail_json(&event.detail)?, now))
}

/// The end of the chain, which nobody else changes until this transaction is over. The first lock of
/// a transaction that adds to it.
pub(super) async fn lock_head(connection: &mut PgConnection) -> Result<Head, StoreError> {
    let row = sqlx::query(LOCK_HEAD).fetch_one(connection).await.map_err(failed)?;
    Ok(Head::at(integer(&row, "sequence")?, hash(&row, "hash")?))
}

/// Adds events to the chain.
pub(super) async fn append(
    connection: &mut PgConnection,
    head: &mut Head,
    events: &[&Unchained],
) -> Result<(), StoreError> {
    let events: Vec<_> = events
        .iter()
        .map(|event| {
            let link = head.append(event);
            json!({
                "sequence": link.sequence,
                "at": link.at.unix_micros(),
                "kind": link.kind.as_str(),
                "line": link.json,
                "hash": hex(&link.hash),
            })
        })
        .collect();
    let Some(last) = head.appended() else {
        return Ok(());
    };
    sqlx::query(APPEND)
        .bind(serde_json::Value::from(events).to_string())
        .bind(last)
        .bind(head.hash().to_vec())
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(failed)
}

/// Adds a login attempt.
pub(super) async fn keep(
    connection: &mut PgConnection,
    attempt: LoginAttempt,
) -> Result<(), StoreError> {
    let detail = detail_json(&attempt.detail)?;
    sqlx::query(KEEP)
        .bind(attempt.reference)
        .bind(attempt.at.unix_micros())
        .bind(attempt.idp.map(|idp| idp.as_str().to_owned()))
        .bind(attempt.outcome.as_str())
        .bind(attempt.user.map(|user| user.as_str().to_owned()))
        .bind(attempt.request_id)
        .bind(detail)
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(failed)
}

fn read_event(row: &PgRow) -> Result<RecordedEvent, StoreError> {
    Ok(RecordedEvent {
        sequence: integer(row, "sequence")?,
        at: time(row, "at")?,
        kind: text(row, "kind")?,
        json: text(row, "json")?,
        // A hash of another length was not written by us: no hash at all, which breaks the chain.
        hash: row
            .try_get::<Vec<u8>, _>("hash")
            .map_err(failed)?
            .try_into()
            .unwrap_or(BEGINNING),
    })
}

fn read_attempt(row: &PgRow) -> Result<LoginAttempt, StoreError> {
    let outcome = text(row, "outcome")?;
    Ok(LoginAttempt {
        reference: text(row, "reference")?,
        at: time(row, "at")?,
        idp: optional_text(row, "idp")?.as_deref().and_then(IdpName::parse),
        outcome: LoginOutcome::parse(&outcome).ok_or_else(|| unreadable("outcome"))?,
        user: optional_text(row, "user")?.map(UserId::new),
        request_id: optional_text(row, "request_id")?,
        detail: serde_json::from_str(&text(row, "detail")?).map_err(|_| unreadable("detail"))?,
    })
}
