//! The audit chain, and login attempts.

use async_trait::async_trait;
use openssl::sha::Sha256;
use serde_json::json;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::SqliteStore;
use super::row::{begin, commit, failed, hash, integer, optional_text, text, time, unreadable};
use crate::audit::{AuditSink, Chain, Event, LoginAttempt, LoginOutcome, RecordedEvent};
use crate::base::{ErrorCode, IdpName, StoreError, Timestamp, UserId};

/// How many events [`AuditSink::verify`] reads at once.
const PAGE: u32 = 1000;

#[async_trait]
impl AuditSink for SqliteStore {
    async fn record(&self, event: &Event, now: Timestamp) -> Result<(), StoreError> {
        let mut transaction = begin(&self.writer).await?;
        let last =
            sqlx::query("SELECT sequence, hash FROM audit_event ORDER BY sequence DESC LIMIT 1")
                .fetch_optional(&mut *transaction)
                .await
                .map_err(failed)?;
        let (before, previous) = match &last {
            Some(row) => (integer(row, "sequence")?, hash(row, "hash")?),
            None => (0, BEGINNING),
        };
        let sequence = before.saturating_add(1);
        let json = to_json(event, sequence, now);
        sqlx::query(
            "INSERT INTO audit_event (sequence, at, kind, json, hash) VALUES (?, ?, ?, ?, ?)",
        )
        .bind(sequence)
        .bind(now.unix_micros())
        .bind(event.kind.as_str())
        .bind(&json)
        .bind(&link(&previous, &json)[..])
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
        sqlx::query("UPDATE meta SET value = ? WHERE key = 'audit_events'")
            .bind(sequence)
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        commit(transaction).await
    }

    async fn record_attempt(&self, attempt: &LoginAttempt) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO login_attempt (reference, at, idp, outcome, user, request_id, detail)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&attempt.reference)
        .bind(attempt.at.unix_micros())
        .bind(attempt.idp.as_ref().map(IdpName::as_str))
        .bind(attempt.outcome.as_str())
        .bind(attempt.user.as_ref().map(UserId::as_str))
        .bind(&attempt.request_id)
        .bind(attempt.detail.to_string())
        .execute(&self.writer)
        .await
        .map_err(failed)?;
        Ok(())
    }

    async fn attempt(&self, reference: &str) -> Result<Option<LoginAttempt>, StoreError> {
        let row = sqlx::query(
            "SELECT * FROM login_attempt WHERE reference = ? ORDER BY number DESC LIMIT 1",
        )
        .bind(reference)
        .fetch_optional(&self.readers)
        .await
        .map_err(failed)?;
        row.as_ref().map(read_attempt).transpose()
    }

    async fn attempts(&self, limit: u32) -> Result<Vec<LoginAttempt>, StoreError> {
        let rows = sqlx::query("SELECT * FROM login_attempt ORDER BY number DESC LIMIT ?")
            .bind(limit)
            .fetch_all(&self.readers)
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
        .fetch_all(&self.readers)
        .await
        .map_err(failed)?;
        rows.iter().map(read_event).collect()
    }

    async fn verify(&self) -> Result<Chain, StoreError> {
        // The count is read first: events that are recorded meanwhile may be more, never fewer.
        let recorded: i64 = sqlx::query_scalar("SELECT value FROM meta WHERE key = 'audit_events'")
            .fetch_one(&self.readers)
            .await
            .map_err(failed)?;
        let mut head = BEGINNING;
        let mut events = 0_i64;
        loop {
            let rows = sqlx::query(
                "SELECT * FROM audit_event WHERE sequence > ? ORDER BY sequence LIMIT ?",
            )
            .bind(events)
            .bind(PAGE)
            .fetch_all(&self.readers)
            .await
            .map_err(failed)?;
            if rows.is_empty() {
                break;
            }
            for row in &rows {
                let sequence = events.saturating_add(1);
                let event = read_event(row)?;
                if event.sequence != sequence
                    || event.hash != link(&head, &event.json)
                    || !repeats(&event)
                {
                    return Ok(Chain::Broken { sequence });
                }
                (head, events) = (event.hash, sequence);
            }
        }
        if events < recorded {
            return Ok(Chain::Broken { sequence: events.saturating_add(1) });
        }
        Ok(Chain::Whole { events, head })
    }
}

/// What the first event is linked to.
const BEGINNING: [u8; 32] = [0; 32];

fn link(previous: &[u8; 32], json: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(previous);
    hash.update(json.as_bytes());
    hash.finish()
}

/// One line. Place and time are inside, so that the hash covers them.
fn to_json(event: &Event, sequence: i64, now: Timestamp) -> String {
    json!({
        "sequence": sequence,
        "at": now.to_rfc3339(),
        "type": event.kind.as_str(),
        "code": event.code.map(ErrorCode::as_str),
        "reference": event.reference,
        "request_id": event.request_id,
        "idp": event.idp,
        "user": event.user,
        "client": event.client,
        "detail": event.detail,
    })
    .to_string()
}

/// Whether the columns that queries use say the same as the JSON that is hashed.
fn repeats(event: &RecordedEvent) -> bool {
    let json: serde_json::Value = serde_json::from_str(&event.json).unwrap_or_default();
    json.get("sequence").and_then(serde_json::Value::as_i64) == Some(event.sequence)
        && json.get("at").and_then(serde_json::Value::as_str) == Some(&event.at.to_rfc3339())
        && json.get("type").and_then(serde_json::Value::as_str) == Some(&event.kind)
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
