//! The audit chain, whatever keeps it.
//!
//! In: an event and the end of the chain. Out: its place, its two halves as lines of JSON, and its
//! hash, which is `SHA-256(hash of the event before, public half)`. The public half has the digest of
//! the private one: `SHA-256(private half)`, with a salt inside. The promise: who changes or removes
//! an event breaks the chain at it; [`super::walk`] has the exceptions.

use std::sync::Arc;

use openssl::sha::{Sha256, sha256};

use crate::audit::recorded::{DIGEST, SALT};
use crate::audit::{Event, EventKind};
use crate::base::entropy::{self, hex};
use crate::base::{Entropy, ErrorCode, IdpName, StoreError, Timestamp, UserId, json};

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
        let public = event.public(self.sequence);
        self.hash = link(&self.hash, &public);
        self.appended = true;
        Link {
            sequence: self.sequence,
            at: event.at,
            kind: event.kind,
            public,
            private: Arc::clone(&event.private),
            hash: self.hash,
        }
    }
}

/// An event in its place.
pub(in crate::store) struct Link {
    pub(in crate::store) sequence: i64,
    pub(in crate::store) at: Timestamp,
    pub(in crate::store) kind: EventKind,
    pub(in crate::store) public: String,
    pub(in crate::store) private: Arc<str>,
    pub(in crate::store) hash: [u8; 32],
}

/// The detail of an event or an attempt. Both of a login have the same, and it is written once.
pub(in crate::store) fn detail_json(detail: &serde_json::Value) -> Result<String, StoreError> {
    json::to_string(detail).map_err(StoreError::new)
}

/// What the first event is linked to.
pub(in crate::store) const BEGINNING: [u8; 32] = [0; 32];

/// The hash of an event.
pub(super) fn link(previous: &[u8; 32], public: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(previous);
    hash.update(public.as_bytes());
    hash.finish()
}

/// What the public half says of the private one.
pub(super) fn digest(private: &str) -> String {
    hex(&sha256(private.as_bytes()))
}

/// An event whose place in the chain is not known yet: its halves, but for the number.
pub(in crate::store) struct Unchained {
    at: Timestamp,
    kind: EventKind,
    before: Vec<u8>,
    after: Vec<u8>,
    private: Arc<str>,
}

impl Unchained {
    /// `detail` is that of the event as JSON.
    pub(in crate::store) fn new(
        event: &Event,
        detail: &str,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let private = private(event, detail, &entropy::bytes(entropy));
        let mut before = Vec::with_capacity(256);
        // In the order of the names.
        before.extend_from_slice(b"{\"at\":");
        json::string(&mut before, &now.to_rfc3339());
        let texts = [
            ("code", event.code.map(ErrorCode::as_str)),
            ("idp", event.idp.as_ref().map(IdpName::as_str)),
            (DIGEST, Some(&*digest(&private))),
        ];
        add(&mut before, &texts);
        if !event.public.is_null() {
            before.extend_from_slice(b",\"public\":");
            before.extend_from_slice(detail_json(&event.public)?.as_bytes());
        }
        add(&mut before, &[("request_id", event.request_id.as_deref())]);
        let mut after = Vec::with_capacity(96);
        let user = event.user.as_ref().map(UserId::as_str);
        add(
            &mut after,
            &[("type", Some(event.kind.as_str())), ("user", user)],
        );
        after.push(b'}');
        Ok(Self { at: now, kind: event.kind, before, after, private })
    }

    /// One line. Place and time are inside, so that the hash covers them.
    fn public(&self, sequence: i64) -> String {
        let Self { before, after, .. } = self;
        let length = before.len().saturating_add(after.len()).saturating_add(32);
        let mut line = Vec::with_capacity(length);
        line.extend_from_slice(before);
        line.extend_from_slice(b",\"sequence\":");
        json::integer(&mut line, sequence);
        line.extend_from_slice(after);
        text(line)
    }
}

/// What may have to be erased one day. 128 bits of salt: what was erased can not be found out by
/// trying.
fn private(event: &Event, detail: &str, salt: &[u8; 16]) -> Arc<str> {
    let mut line = Vec::with_capacity(detail.len().saturating_add(160));
    line.extend_from_slice(b"{\"client\":");
    match &event.client {
        Some(client) => json::string(&mut line, client),
        None => line.extend_from_slice(b"null"),
    }
    line.extend_from_slice(b",\"detail\":");
    line.extend_from_slice(detail.as_bytes());
    let texts = [
        ("reference", event.reference.as_deref()),
        (SALT, Some(&*hex(salt))),
    ];
    add(&mut line, &texts);
    line.push(b'}');
    text(line).into()
}

/// It is put together from texts. What was none would break the chain, visibly.
fn text(line: Vec<u8>) -> String {
    String::from_utf8(line).unwrap_or_default()
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
