//! The end of the audit chain, and what a login adds to it.

use serde_json::json;
use sqlx::PgConnection;

use super::row::{failed, hash, integer};
use crate::audit::{Event, LoginAttempt};
use crate::base::entropy::{SystemEntropy, hex};
use crate::base::{StoreError, Timestamp};
use crate::store::chain::{Head, Unchained, detail_json};

const LOCK_HEAD: &str = "SELECT sequence, hash FROM audit_head FOR UPDATE";
/// `$1` are events, `$2` and `$3` the end of the chain after them.
const APPEND: &str = "
    WITH recorded AS (
        INSERT INTO audit_event (sequence, at, kind, json, private, hash)
        SELECT sequence, at, kind, line, private, decode(hash, 'hex')
        FROM json_to_recordset($1::json) AS event
             (sequence bigint, at bigint, kind text, line text, private text, hash text)
    )
    UPDATE audit_head SET sequence = $2, hash = $3";
const KEEP: &str = r#"
    INSERT INTO login_attempt (reference, at, idp, outcome, "user", request_id, detail)
    VALUES ($1, $2, $3, $4, $5, $6, $7)"#;

/// An event that waits for its place.
pub(super) fn unchained(event: &Event, now: Timestamp) -> Result<Unchained, StoreError> {
    Unchained::new(event, &detail_json(&event.detail)?, &SystemEntropy, now)
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
                "line": link.public,
                "private": &*link.private,
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
