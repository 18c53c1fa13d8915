//! The requests that we sent and that wait for their answer.
//!
//! In: a [`PendingLogin`] under the hash of its RelayState handle and of the browser's login
//! cookie. Out: the same, once. The promise: an answer counts only in the browser that asked
//! (profiles 4.1.4.3, login CSRF), and one request is answered at most once.

use std::time::Duration;

use async_trait::async_trait;

use super::wish::Wish;
use crate::base::{IdpName, ReturnTo, StoreError, Timestamp};

/// An `AuthnRequest` of ours that has not been answered. Not `Clone`: an answer uses it up.
#[derive(Debug, PartialEq, Eq)]
pub struct PendingLogin {
    /// The request's ID, which `InResponseTo` must repeat.
    pub request_id: String,
    /// To whom it was sent.
    pub idp: IdpName,
    /// Where the person wanted to go.
    pub return_to: ReturnTo,
    /// What the link asked for with which they came.
    pub wish: Wish,
    /// When it was sent.
    pub created_at: Timestamp,
}

impl PendingLogin {
    /// How long an answer is waited for: time enough to find a second factor.
    pub const LIFETIME: Duration = Duration::from_secs(15 * 60);
    /// How many open requests one browser may have; tabs restored at once are why it is not one.
    pub const PER_BROWSER: u32 = 5;
}

/// What became of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    /// Open until now, begun in this browser.
    Login(PendingLogin),
    /// Begun in another browser. It stays open for that one.
    OtherBrowser,
    /// Answered before or too old; where its person wanted to go, so that a reload leads there.
    UsedOrExpired(Option<ReturnTo>),
    /// Not one of ours, or forgotten.
    Unknown,
}

/// Where open requests wait. Hashes are SHA-256, so that a copy of the store answers nothing.
#[async_trait]
pub trait PendingStore: Send + Sync {
    /// Keeps a request, and drops this browser's oldest beyond [`PendingLogin::PER_BROWSER`].
    async fn keep(
        &self,
        handle_hash: [u8; 32],
        browser: [u8; 32],
        login: &PendingLogin,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Uses a request up, found by its RelayState handle. Atomic: of any number of racing calls
    /// one gets [`Taken::Login`].
    async fn take(
        &self,
        handle_hash: [u8; 32],
        browser: [u8; 32],
        now: Timestamp,
    ) -> Result<Taken, StoreError>;

    /// The same, found by the request's ID: for an answer that comes without RelayState.
    async fn take_by_request(
        &self,
        request_id: &str,
        browser: [u8; 32],
        now: Timestamp,
    ) -> Result<Taken, StoreError>;
}
