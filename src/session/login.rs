//! Everything that a login writes down, at once.
//!
//! In: a [`Login`], which is one use of an assertion and all that follows from it. Out: whether it is
//! written. The promise: all of it or nothing. Whoever has a session has used an assertion up, and
//! is in the audit; an assertion that was used before writes nothing.

use async_trait::async_trait;

use crate::audit::{Event, LoginAttempt};
use crate::base::{StoreError, Timestamp};
use crate::directory::UniqueField;
use crate::identity::Person;
use crate::session::{Session, TokenHash};

/// What one login writes down.
#[derive(Debug)]
pub struct Login<'a> {
    /// Who issued the assertion.
    pub issuer: &'a str,
    /// Its ID.
    pub assertion_id: &'a str,
    /// Until when its use is remembered.
    pub expires: Timestamp,
    /// The person as they are after this login.
    pub person: &'a Person,
    /// Their session. The one that its browser opened last ends.
    pub session: &'a Session,
    /// For whoever looks up the reference.
    pub attempt: LoginAttempt,
    /// [`crate::audit::EventKind::LoginAccepted`].
    pub accepted: Event,
    /// [`crate::audit::EventKind::UserCreated`], for a new person.
    pub created: Option<Event>,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Written {
    /// All of it is durable.
    Done {
        /// The session that ended.
        replaced: Option<TokenHash>,
    },
    /// Nothing: the assertion was used before.
    Replayed,
    /// Nothing: the person was changed since they were read.
    Stale,
    /// Nothing: somebody else has this already.
    Taken(UniqueField),
}

/// Writes logins.
#[async_trait]
pub trait LoginStore: Send + Sync {
    /// Writes all of it or nothing. Atomic: of any number of racing logins by one assertion, one is
    /// written.
    async fn log_in(&self, login: &Login<'_>, now: Timestamp) -> Result<Written, StoreError>;
}
