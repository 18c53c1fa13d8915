//! What sessions ask of a store.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::base::{StoreError, Timestamp, UserId};
use crate::session::{Session, TokenHash};

/// Keeps sessions beyond a restart, and is the one place that says whether a session exists.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Adds a session.
    async fn insert(&self, session: &Session) -> Result<(), StoreError>;

    /// The session of a token, whether or not it is due to end.
    async fn find(&self, hash: &TokenHash) -> Result<Option<Session>, StoreError>;

    /// Notes when sessions were last seen. A session that is gone stays gone.
    async fn touch(&self, seen: &[(TokenHash, Timestamp)]) -> Result<(), StoreError>;

    /// Adds a session of the family of `parent`, if that has not ended; whether it was added.
    async fn hand_over(&self, parent: &TokenHash, child: &Session) -> Result<bool, StoreError>;

    /// Ends one session alone; whether it existed.
    async fn end(&self, hash: &TokenHash, now: Timestamp) -> Result<bool, StoreError>;

    /// Ends all sessions of one login; which ones.
    async fn end_family(&self, sid: &str, now: Timestamp) -> Result<Vec<TokenHash>, StoreError>;

    /// The sessions that began with this NameID of this identity provider (by its entityID), and
    /// with one of these SessionIndex; all of them, when none is named. By index, never a scan.
    /// Qualifiers are left to the caller.
    async fn find_named(
        &self,
        idp_entity_id: &str,
        name_id: &str,
        session_indexes: &[String],
    ) -> Result<Vec<Session>, StoreError>;

    /// Ends all sessions of a person; which ones.
    async fn end_user(&self, user: &UserId, now: Timestamp) -> Result<Vec<TokenHash>, StoreError>;

    /// Ends every session; how many.
    async fn end_all(&self, now: Timestamp) -> Result<u64, StoreError>;

    /// Sessions that any process ended after `mark`. Begin with a mark of `None`, which tells the
    /// present mark and no session.
    async fn ended_after(&self, mark: Option<i64>) -> Result<Ended, StoreError>;

    /// Hears at once what any process ends, where the store can tell, until that breaks: then an
    /// error. Told with no hashes when it begins to listen. A short cut and no more: what
    /// [`SessionStore::ended_after`] says is what counts.
    async fn hear(&self, ended: mpsc::Sender<Vec<TokenHash>>) -> Result<(), StoreError> {
        // Nothing is to be heard; the channel stays open.
        let _ended = ended;
        std::future::pending().await
    }

    /// The session that was last opened by a browser.
    async fn newest_of_browser(&self, browser: &[u8; 32]) -> Result<Option<Session>, StoreError>;

    /// Sessions that are not due to end, newest first: of one person or of all.
    async fn list(
        &self,
        user: Option<&UserId>,
        idle: Duration,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError>;

    /// Removes the sessions that are due to end; how many.
    async fn sweep(&self, idle: Duration, now: Timestamp) -> Result<Swept, StoreError>;

    /// How many sessions are not due to end.
    async fn count(&self, idle: Duration, now: Timestamp) -> Result<u64, StoreError>;
}

/// Sessions that were ended since somebody last asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Ask again with this.
    pub mark: i64,
    /// Which sessions.
    pub hashes: Vec<TokenHash>,
    /// There were more, of which the store does not know any longer.
    pub incomplete: bool,
}

/// Sessions that were removed because their time was over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// At the end of their lifetime.
    pub lifetime: u64,
    /// Without a request for too long.
    pub idle: u64,
}
