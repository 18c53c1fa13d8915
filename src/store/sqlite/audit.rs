//! The end of the audit chain, and what a login adds to it.

use sqlx::sqlite::SqliteRow;

use super::row::{Columns, failed, hash, integer};
use super::writer::Batch;
use crate::audit::{Event, LoginAttempt};
use crate::base::entropy::SystemEntropy;
use crate::base::{IdpName, StoreError, Timestamp, UserId};
use crate::store::chain::{Head, Link, Unchained, detail_json};
use crate::store::sql;

/// Adds an event to the chain.
pub(super) async fn append(
    batch: &mut Batch,
    event: &Event,
    now: Timestamp,
) -> Result<(), StoreError> {
    let unchained = unchained(event, &detail_json(&event.detail)?, now)?;
    let link = link_columns(Columns::default(), batch.head.append(&unchained));
    let waiting = std::mem::take(&mut batch.waiting);
    link.bind(sql::bind(waiting.and(APPEND)))
        .execute(&mut batch.connection)
        .await
        .map_err(failed)?;
    Ok(())
}

/// An event that waits for its place; `detail` is that of the event as JSON.
pub(super) fn unchained(
    event: &Event,
    detail: &str,
    now: Timestamp,
) -> Result<Unchained, StoreError> {
    Unchained::new(event, detail, &SystemEntropy, now)
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
    "INSERT INTO audit_event (sequence, at, kind, json, private, hash) VALUES (?, ?, ?, ?, ?, ?)";
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
        .with(link.public)
        .with(link.private)
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
