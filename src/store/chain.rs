//! The audit chain, whatever keeps it.
//!
//! In: an event and the end of the chain. Out: its place, one line of JSON, and its hash, which is
//! `SHA-256(hash of the event before, line)`. The promise: who changes or removes an event breaks
//! the chain at it.

use openssl::sha::Sha256;

use crate::audit::{Chain, Event, EventKind, RecordedEvent};
use crate::base::{ErrorCode, IdpName, StoreError, Timestamp, UserId, json};

/// The end of the chain while a batch is written.
#[derive(Clone, Debug)]
pub(in crate::store) struct Head {
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
    pub(in crate::store) const fn at(sequence: i64, hash: [u8; 32]) -> Self {
        Self { sequence, hash, appended: false }
    }

    /// Hash of the last event.
    pub(in crate::store) const fn hash(&self) -> [u8; 32] {
        self.hash
    }

    /// How many events there are, if that has changed.
    pub(in crate::store) const fn appended(&self) -> Option<i64> {
        if self.appended {
            Some(self.sequence)
        } else {
            None
        }
    }

    /// The next event of the chain.
    pub(in crate::store) fn append(&mut self, event: &Unchained) -> Link {
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
pub(in crate::store) struct Link {
    pub(in crate::store) sequence: i64,
    pub(in crate::store) at: Timestamp,
    pub(in crate::store) kind: EventKind,
    pub(in crate::store) json: String,
    pub(in crate::store) hash: [u8; 32],
}

/// Goes through a chain from its first event, and says where it is broken.
#[derive(Debug)]
pub(in crate::store) struct Walk {
    head: [u8; 32],
    events: i64,
}

impl Walk {
    /// Before the first event.
    pub(in crate::store) const fn new() -> Self {
        Self { head: BEGINNING, events: 0 }
    }

    /// How many events were passed: the next are those behind.
    pub(in crate::store) const fn passed(&self) -> i64 {
        self.events
    }

    /// Passes the next event; what is wrong, if it does not follow.
    pub(in crate::store) fn pass(&mut self, event: &RecordedEvent) -> Result<(), Chain> {
        let sequence = self.events.saturating_add(1);
        let follows = event.sequence == sequence
            && event.hash == link(&self.head, &event.json)
            && repeats(event);
        if !follows {
            return Err(Chain::Broken { sequence });
        }
        (self.head, self.events) = (event.hash, sequence);
        Ok(())
    }

    /// The end; `recorded` events there have to be at least.
    pub(in crate::store) const fn end(self, recorded: i64) -> Chain {
        if self.events < recorded {
            return Chain::Broken { sequence: self.events.saturating_add(1) };
        }
        Chain::Whole { events: self.events, head: self.head }
    }
}

/// The detail of an event or an attempt. Both of a login have the same, and it is written once.
pub(in crate::store) fn detail_json(detail: &serde_json::Value) -> Result<String, StoreError> {
    json::to_string(detail).map_err(StoreError::new)
}

/// What the first event is linked to.
pub(in crate::store) const BEGINNING: [u8; 32] = [0; 32];

fn link(previous: &[u8; 32], json: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(previous);
    hash.update(json.as_bytes());
    hash.finish()
}

/// An event whose place in the chain is not known yet: its line of JSON, but for the number.
pub(in crate::store) struct Unchained {
    at: Timestamp,
    kind: EventKind,
    before: Vec<u8>,
    after: Vec<u8>,
}

impl Unchained {
    /// `detail` is that of the event as JSON.
    pub(in crate::store) fn new(event: &Event, detail: &str, now: Timestamp) -> Self {
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
