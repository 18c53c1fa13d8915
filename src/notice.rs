//! What an administrator has to be told once.
//!
//! In: a [`Notice`] under a key that says what it is about. Out: the same, kept until it is cleared.
//! The promise: however often a key is raised, by however many nodes, and across restarts, one of
//! them hears that it is new. With it goes an entry of the [`outbox`], in the same transaction: from
//! there it is sent to every channel of the [`settings`], once.

pub mod outbox;
pub mod settings;

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use crate::audit::Event;
use crate::base::{StoreError, Timestamp};

/// Something to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What it is about, with `/` between its parts, the most general first:
    /// `scim-token/okta/5d0c77e1/30`.
    pub key: String,
    /// What happened, in one sentence.
    pub text: String,
    /// What to do, in one sentence.
    pub advice: String,
    /// Values, for programs.
    pub detail: Value,
    /// When it was raised.
    pub at: Timestamp,
}

impl Notice {
    /// When it gets serious: the end that it tells of (`expires` of its detail), or when it was
    /// raised. What comes first is the most urgent.
    pub fn urgent_at(&self) -> Timestamp {
        let end = self.detail.get("expires").and_then(Value::as_str);
        end.and_then(Timestamp::parse_moment).unwrap_or(self.at)
    }
}

/// Keeps notices.
#[async_trait]
pub trait Notices: Send + Sync {
    /// Raises a notice; whether it is new. The audit is told in the same transaction, if it is.
    async fn raise(
        &self,
        notice: &Notice,
        event: Option<&Event>,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Raises a notice that stood before, maybe, and was cleared; whether it is told. Within `quiet` of
    /// the last time it was raised it stands again and nobody is told again.
    async fn raise_again(
        &self,
        notice: &Notice,
        quiet: Duration,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Clears the notice with this key, and those whose keys begin with it and `/`; whether there
    /// was any.
    async fn clear(&self, key: &str, now: Timestamp) -> Result<bool, StoreError>;

    /// All that are raised, the oldest first.
    async fn notices(&self) -> Result<Vec<Notice>, StoreError>;
}
