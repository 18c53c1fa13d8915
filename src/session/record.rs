//! One session.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use crate::base::Timestamp;
use crate::identity::Identity;
use crate::session::TokenHash;

/// A signed-in browser.
///
/// Everything is fixed when it is opened, but for two marks that requests leave without a lock:
/// when it was last seen, and that it has ended.
#[derive(Debug)]
pub struct Session {
    /// Its id for people and logs, a UUID; no secret, opens nothing.
    pub sid: String,
    /// The hash of the browser's token.
    pub hash: TokenHash,
    /// Who is signed in.
    pub identity: Identity,
    /// SHA-256 of the login cookie of the browser that began the login.
    pub browser: Option<[u8; 32]>,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it ends at the latest.
    pub not_after: Timestamp,
    last_seen: AtomicI64,
    stored_last_seen: AtomicI64,
    ended: AtomicBool,
}

impl Session {
    /// A session as it was opened, or as the store kept it.
    pub const fn new(
        sid: String,
        hash: TokenHash,
        identity: Identity,
        browser: Option<[u8; 32]>,
        opened_at: Timestamp,
        not_after: Timestamp,
        last_seen: Timestamp,
    ) -> Self {
        Self {
            sid,
            hash,
            identity,
            browser,
            opened_at,
            not_after,
            last_seen: AtomicI64::new(last_seen.unix_micros()),
            stored_last_seen: AtomicI64::new(last_seen.unix_micros()),
            ended: AtomicBool::new(false),
        }
    }

    /// When a request last came.
    pub fn last_seen(&self) -> Timestamp {
        Timestamp::from_unix_micros(self.last_seen.load(Ordering::Relaxed))
    }

    /// Notes that a request came. Never goes back.
    pub(in crate::session) fn see(&self, now: Timestamp) {
        self.last_seen.fetch_max(now.unix_micros(), Ordering::Relaxed);
    }

    /// What the store does not know yet; asking marks it as known.
    pub(in crate::session) fn take_unstored(&self) -> Option<Timestamp> {
        let seen = self.last_seen.load(Ordering::Relaxed);
        let stored = self.stored_last_seen.swap(seen, Ordering::Relaxed);
        (seen != stored).then(|| Timestamp::from_unix_micros(seen))
    }

    /// Whether somebody ended it since it was read: for streams that stay open.
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Marks it as ended for everyone who holds it.
    pub(in crate::session) fn mark_ended(&self) {
        self.ended.store(true, Ordering::Release);
    }
}

/// Why a session ended: a label of `samlgate_sessions_ended_total` and a word in the audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// The person signed out here.
    SignOut,
    /// The identity provider asked for it.
    SingleLogout,
    /// The same browser signed in again.
    Replaced,
    /// No request for `session.idle_timeout`.
    Idle,
    /// `session.lifetime` or SessionNotOnOrAfter was reached.
    Lifetime,
    /// An admin ended it.
    Revoked,
    /// The person was switched off.
    UserDisabled,
}

impl EndReason {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignOut => "sign_out",
            Self::SingleLogout => "slo",
            Self::Replaced => "replaced",
            Self::Idle => "idle",
            Self::Lifetime => "lifetime",
            Self::Revoked => "revoked",
            Self::UserDisabled => "user_disabled",
        }
    }
}
