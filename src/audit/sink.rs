//! Where events go.

use async_trait::async_trait;

use crate::audit::{Event, LoginAttempt, RecordedEvent};
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

    /// Removes login attempts of before a moment; how many.
    async fn forget_attempts(&self, before: Timestamp) -> Result<u64, StoreError>;

    /// Events that were recorded before a moment, from the first on.
    async fn older(&self, before: Timestamp) -> Result<Option<Older>, StoreError>;

    /// Says in the chain that it begins behind this event from now on. Whether it did not before.
    async fn prune(&self, last: i64, now: Timestamp) -> Result<bool, StoreError>;

    /// Removes some of the events before the beginning of the chain; how many.
    async fn remove_pruned(&self) -> Result<u64, StoreError>;
}

/// Events that a moment has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Older {
    /// The last one.
    pub last: i64,
    /// How many.
    pub events: u64,
}

/// What [`AuditSink::verify`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chain {
    /// Nothing was changed or removed between the first and the last event, but for what the chain
    /// itself says was erased or pruned.
    Whole {
        /// How many events were ever recorded.
        events: i64,
        /// The hash of the last one: whoever wrote it down elsewhere can tell whether events were
        /// cut off at the end.
        head: [u8; 32],
        /// How many of them are gone from the beginning, as an `audit.pruned` says.
        pruned: i64,
        /// How many of them are without their content, as a `user.erased` says.
        erased: i64,
    },
    /// From here on the chain can not be trusted.
    Broken {
        /// The first event that does not fit.
        sequence: i64,
    },
}
