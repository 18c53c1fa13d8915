//! Sessions, with those in use in memory.

use std::sync::Arc;

use crate::base::{Entropy, StoreError, Timestamp, UserId};
use crate::identity::Identity;
use crate::session::{EndReason, Lifetimes, Session, SessionStore, SessionToken};

/// Opens, finds and ends sessions.
pub struct Sessions {
    store: Arc<dyn SessionStore>,
    lifetimes: Lifetimes,
}

impl Sessions {
    /// Over a store, with up to `capacity` sessions in memory.
    pub fn new(store: Arc<dyn SessionStore>, lifetimes: Lifetimes, _capacity: u64) -> Self {
        Self { store, lifetimes }
    }

    /// How long sessions last.
    pub const fn lifetimes(&self) -> Lifetimes {
        self.lifetimes
    }

    /// Opens a session.
    pub async fn open(
        &self,
        _identity: Identity,
        _browser: Option<[u8; 32]>,
        _entropy: &dyn Entropy,
        _now: Timestamp,
    ) -> Result<(SessionToken, Arc<Session>), StoreError> {
        Err(StoreError::new("not yet"))
    }

    /// The hot path.
    pub fn cached(&self, _token: &str, _now: Timestamp) -> Option<Arc<Session>> {
        None
    }

    /// Cache, else store.
    pub async fn resolve(
        &self,
        _token: &str,
        _now: Timestamp,
    ) -> Result<Option<Arc<Session>>, StoreError> {
        Err(StoreError::new("not yet"))
    }

    /// Ends a session; whether it existed.
    pub async fn end(
        &self,
        session: &Session,
        _reason: EndReason,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.store.end(&session.hash, now).await
    }

    /// Ends all sessions of a person; how many.
    pub async fn end_user(
        &self,
        _user: &UserId,
        _reason: EndReason,
        _now: Timestamp,
    ) -> Result<usize, StoreError> {
        Err(StoreError::new("not yet"))
    }

    /// The live session that a browser opened last.
    pub async fn newest_of_browser(
        &self,
        _browser: &[u8; 32],
        _now: Timestamp,
    ) -> Result<Option<Arc<Session>>, StoreError> {
        Err(StoreError::new("not yet"))
    }

    /// Drops what another process ended. Call it every second or two.
    pub async fn forget_ended(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Writes back when sessions were last seen.
    pub async fn flush_touched(&self, _now: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }

    /// Removes what is due to end; how many.
    pub async fn sweep(&self, _now: Timestamp) -> Result<u64, StoreError> {
        Ok(0)
    }

    /// How many sessions are live.
    pub async fn count(&self, _now: Timestamp) -> Result<u64, StoreError> {
        Ok(0)
    }
}
