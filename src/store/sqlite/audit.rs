//! The audit chain, and login attempts.

use async_trait::async_trait;
use openssl::sha::Sha256;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::SqliteStore;
use super::row::{Columns, failed, hash, integer, optional_text, text, time, unreadable};
use super::writer::Batch;
use crate::audit::{AuditSink, Chain, Event, EventKind, LoginAttempt, LoginOutcome, RecordedEvent};
use crate::base::{ErrorCode, IdpName, StoreError, Timestamp, UserId, json};

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
        let mut head = BEGINNING;
        let mut events = 0_i64;
        loop {
            let rows = sqlx::query(
                "SELECT * FROM audit_event WHERE sequence > ? ORDER BY sequence LIMIT ?",
            )
            .bind(events)
            .bind(PAGE)
            .fetch_all(&mut *self.readers.lend().await?)
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

/// Adds an event to the chain.
pub(super) async fn append(
    batch: &mut Batch,
    event: &Event,
    now: Timestamp,
) -> Result<(), StoreError> {
    let unchained = Unchained::new(event, &detail_json(&event.detail)?, now);
    let link = batch.head.append(&unchained).columns(Columns::default());
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

/// The end of the chain while a batch is written.
#[derive(Clone, Debug)]
pub(super) struct Head {
    sequence: i64,
    hash: [u8; 32],
    appended: bool,
}

impl Default for Head {
    fn default() -> Self {
        Self { sequence: 0, hash: BEGINNING, appended: false }
    }
}

impl Head {
    /// As the database has it.
    pub(super) fn read(last: Option<&SqliteRow>) -> Result<Self, StoreError> {
        last.map_or_else(
            || Ok(Self::default()),
            |row| {
                Ok(Self {
                    sequence: integer(row, "sequence")?,
                    hash: hash(row, "hash")?,
                    appended: false,
                })
            },
        )
    }

    /// How many events there are, if that has changed.
    pub(super) const fn appended(&self) -> Option<i64> {
        if self.appended {
            Some(self.sequence)
        } else {
            None
        }
    }

    /// The next event of the chain.
    pub(super) fn append(&mut self, event: &Unchained) -> Link {
        self.sequence = self.sequence.saturating_add(1);
        let json = event.json(self.sequence);
        self.hash = link(&self.hash, &json);
        self.appended = true;
        Link {
            sequence: self.sequence,
            at: event.at,
            kind: event.kind,
            json,
            hash: self.hash,
        }
    }
}

/// An event in its place.
pub(super) struct Link {
    sequence: i64,
    at: Timestamp,
    kind: EventKind,
    json: String,
    hash: [u8; 32],
}

impl Link {
    /// All columns, in their order.
    pub(super) fn columns(self, columns: Columns) -> Columns {
        columns
            .with(self.sequence)
            .with(self.at.unix_micros())
            .with(self.kind.as_str())
            .with(self.json)
            .with(self.hash)
    }
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

/// The detail of an event or an attempt. Both of a login have the same, and it is written once.
pub(super) fn detail_json(detail: &serde_json::Value) -> Result<String, StoreError> {
    json::to_string(detail).map_err(StoreError::new)
}

/// What the first event is linked to.
const BEGINNING: [u8; 32] = [0; 32];

fn link(previous: &[u8; 32], json: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(previous);
    hash.update(json.as_bytes());
    hash.finish()
}

/// An event whose place in the chain is not known yet: its line of JSON, but for the number.
pub(super) struct Unchained {
    at: Timestamp,
    kind: EventKind,
    before: Vec<u8>,
    after: Vec<u8>,
}

impl Unchained {
    /// `detail` is that of the event as JSON.
    pub(super) fn new(event: &Event, detail: &str, now: Timestamp) -> Self {
        let mut before = Vec::with_capacity(detail.len().saturating_add(256));
        // In the order of the names.
        before.extend_from_slice(b"{\"at\":");
        json::string(&mut before, &now.to_rfc3339());
        let texts = [
            ("client", event.client.as_deref()),
            ("code", event.code.map(ErrorCode::as_str)),
        ];
        add(&mut before, &texts);
        before.extend_from_slice(b",\"detail\":");
        before.extend_from_slice(detail.as_bytes());
        let texts = [
            ("idp", event.idp.as_ref().map(IdpName::as_str)),
            ("reference", event.reference.as_deref()),
            ("request_id", event.request_id.as_deref()),
        ];
        add(&mut before, &texts);
        let mut after = Vec::with_capacity(96);
        let user = event.user.as_ref().map(UserId::as_str);
        add(
            &mut after,
            &[("type", Some(event.kind.as_str())), ("user", user)],
        );
        after.push(b'}');
        Self { at: now, kind: event.kind, before, after }
    }

    /// One line. Place and time are inside, so that the hash covers them.
    fn json(&self, sequence: i64) -> String {
        let Self { before, after, .. } = self;
        let length = before.len().saturating_add(after.len()).saturating_add(32);
        let mut line = Vec::with_capacity(length);
        line.extend_from_slice(before);
        line.extend_from_slice(b",\"sequence\":");
        json::integer(&mut line, sequence);
        line.extend_from_slice(after);
        // It is put together from texts. What was none would break the chain, visibly.
        String::from_utf8(line).unwrap_or_default()
    }
}

/// Adds members to an object that has some.
fn add(out: &mut Vec<u8>, members: &[(&str, Option<&str>)]) {
    for (name, text) in members {
        out.push(b',');
        json::string(out, name);
        out.push(b':');
        match text {
            Some(text) => json::string(out, text),
            None => out.extend_from_slice(b"null"),
        }
    }
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
