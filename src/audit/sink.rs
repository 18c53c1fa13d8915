//! Where events go.

use async_trait::async_trait;

use crate::audit::{Event, LoginAttempt};
use crate::base::{StoreError, Timestamp};

/// Keeps events in a chain: each carries a hash over itself and the one before, so that a record
/// which was changed or removed afterwards shows.
#[async_trait]
pub trait AuditSink: Send + Sync {
    /// Appends an event.
    async fn record(&self, event: &Event, now: Timestamp) -> Result<(), StoreError>;

    /// Keeps a login attempt for whoever looks up its reference.
    async fn record_attempt(&self, attempt: &LoginAttempt) -> Result<(), StoreError>;

    /// Both for one login that was refused, at once.
    async fn record_refusal(
        &self,
        attempt: &LoginAttempt,
        event: &Event,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// The login attempt with this reference.
    async fn attempt(&self, reference: &str) -> Result<Option<LoginAttempt>, StoreError>;

    /// The latest login attempts, newest first.
    async fn attempts(&self, limit: u32) -> Result<Vec<LoginAttempt>, StoreError>;

    /// Events from `since` on, oldest first, those behind `after`, at most `limit`.
    async fn events(
        &self,
        since: Timestamp,
        after: i64,
        limit: u32,
    ) -> Result<Vec<RecordedEvent>, StoreError>;

    /// Reads the whole chain and recomputes every hash.
    async fn verify(&self) -> Result<Chain, StoreError>;
}

/// An event as it is kept. Texts, since a later version may read what an earlier one wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedEvent {
    /// Its place in the chain, counting from 1 without gaps.
    pub sequence: i64,
    /// When it was recorded.
    pub at: Timestamp,
    /// [`crate::audit::EventKind::as_str`].
    pub kind: String,
    /// The event as one line of JSON: exactly the text that is hashed.
    pub json: String,
    /// SHA-256 over the hash before it and the JSON.
    pub hash: [u8; 32],
}

/// What [`AuditSink::verify`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chain {
    /// Nothing was changed or removed between the first and the last event.
    Whole {
        /// How many events.
        events: i64,
        /// The hash of the last one: whoever wrote it down elsewhere can tell whether events were
        /// cut off at the end.
        head: [u8; 32],
    },
    /// From here on the chain can not be trusted.
    Broken {
        /// The first event that does not fit.
        sequence: i64,
    },
}
