//! The audit chain, and login attempts.

use async_trait::async_trait;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::SqliteStore;
use super::row::{Columns, failed, hash, integer, optional_text, text, time, unreadable};
use super::writer::Batch;
use crate::audit::{AuditSink, Chain, Event, LoginAttempt, LoginOutcome, RecordedEvent};
use crate::base::{IdpName, StoreError, Timestamp, UserId};
use crate::store::chain::{BEGINNING, Head, Link, Unchained, Walk, detail_json};

/// How many events [`AuditSink::verify`] reads at once.
const PAGE: u32 = 1000;

#[async_trait]
impl AuditSink for SqliteStore {
    async fn record(&self, event: &Event, now: Timestamp) -> Result<(), StoreError> {
        let event = event.clone();
        self.writer
            .run(move |batch| Box::pin(async move { append(batch, &event, now).await }))
            .await
    }

    async fn record_attempt(&self, attempt: &LoginAttempt) -> Result<(), StoreError> {
        let attempt = attempt.clone();
        self.writer
            .run(move |batch| Box::pin(async move { keep(batch, &attempt).await }))
            .await
    }

    async fn record_refusal(
        &self,
        attempt: &LoginAttempt,
        event: &Event,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (attempt, event) = (attempt.clone(), event.clone());
        self.writer
            .run(move |batch| {
                Box::pin(async move {
                    keep(batch, &attempt).await?;
                    append(batch, &event, now).await
                })
            })
            .await
    }

    async fn attempt(&self, reference: &str) -> Result<Option<LoginAttempt>, StoreError> {
        let row = sqlx::query(
            "SELECT * FROM login_attempt WHERE reference = ? ORDER BY number DESC LIMIT 1",
        )
        .bind(reference)
        .fetch_optional(&mut *self.readers.lend().await?)
        .await
        .map_err(failed)?;
        row.as_ref().map(read_attempt).transpose()
    }

    async fn attempts(&self, limit: u32) -> Result<Vec<LoginAttempt>, StoreError> {
        let rows = sqlx::query("SELECT * FROM login_attempt ORDER BY number DESC LIMIT ?")
            .bind(limit)
            .fetch_all(&mut *self.readers.lend().await?)
            .await
            .map_err(failed)?;
        rows.iter().map(read_attempt).collect()
    }

    async fn events(
        &self,
        since: Timestamp,
        after: i64,
        limit: u32,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM audit_event WHERE at >= ? AND sequence > ? ORDER BY sequence LIMIT ?",
        )
        .bind(since.unix_micros())
        .bind(after)
        .bind(limit)
        .fetch_all(&mut *self.readers.lend().await?)
        .await
        .map_err(failed)?;
        rows.iter().map(read_event).collect()
    }

    async fn verify(&self) -> Result<Chain, StoreError> {
        // The count is read first: events that are recorded meanwhile may be more, never fewer.
        let recorded: i64 = sqlx::query_scalar("SELECT value FROM meta WHERE key = 'audit_events'")
            .fetch_one(&mut *self.readers.lend().await?)
            .await
            .map_err(failed)?;
        let mut walk = Walk::new();
        loop {
            let rows = sqlx::query(
                "SELECT * FROM audit_event WHERE sequence > ? ORDER BY sequence LIMIT ?",
            )
            .bind(walk.passed())
            .bind(PAGE)
            .fetch_all(&mut *self.readers.lend().await?)
            .await
            .map_err(failed)?;
            if rows.is_empty() {
                return Ok(walk.end(recorded));
            }
            for row in &rows {
                if let Err(broken) = walk.pass(&read_event(row)?) {
                    return Ok(broken);
                }
            }
        }
    }
}

/// Adds an event to the chain.
pub(super) async fn append(
    batch: &mut Batch,
    event: &Event,
    now: Timestamp,
) -> Result<(), StoreError> {
    let unchained = Unchained::new(event, &detail_json(&event.detail)?, now);
    let link = link_columns(Columns::default(), batch.head.append(&unchained));
    link.bind(sqlx::query(APPEND))
        .execute(&mut batch.connection)
        .await
        .map_err(failed)?;
    Ok(())
}

/// Adds a login attempt.
pub(super) async fn keep(batch: &mut Batch, attempt: &LoginAttempt) -> Result<(), StoreError> {
    attempt_columns(Columns::default(), attempt, detail_json(&attempt.detail)?)
        .bind(sqlx::query(KEEP))
        .execute(&mut batch.connection)
        .await
        .map_err(failed)?;
    Ok(())
}

const APPEND: &str =
    "INSERT INTO audit_event (sequence, at, kind, json, hash) VALUES (?, ?, ?, ?, ?)";
const KEEP: &str = "
    INSERT INTO login_attempt (reference, at, idp, outcome, user, request_id, detail)
    VALUES (?, ?, ?, ?, ?, ?, ?)";

/// The end of the chain, as the database has it.
pub(super) fn read_head(last: Option<&SqliteRow>) -> Result<Head, StoreError> {
    last.map_or_else(
        || Ok(Head::default()),
        |row| Ok(Head::at(integer(row, "sequence")?, hash(row, "hash")?)),
    )
}

/// All columns of an event, in their order.
pub(super) fn link_columns(columns: Columns, link: Link) -> Columns {
    columns
        .with(link.sequence)
        .with(link.at.unix_micros())
        .with(link.kind.as_str())
        .with(link.json)
        .with(link.hash)
}

/// All columns of a login attempt, in their order.
pub(super) fn attempt_columns(columns: Columns, attempt: &LoginAttempt, detail: String) -> Columns {
    columns
        .with(&attempt.reference)
        .with(attempt.at.unix_micros())
        .with(attempt.idp.as_ref().map(IdpName::as_str))
        .with(attempt.outcome.as_str())
        .with(attempt.user.as_ref().map(UserId::as_str))
        .with(&attempt.request_id)
        .with(detail)
}

fn read_event(row: &SqliteRow) -> Result<RecordedEvent, StoreError> {
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

fn read_attempt(row: &SqliteRow) -> Result<LoginAttempt, StoreError> {
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
