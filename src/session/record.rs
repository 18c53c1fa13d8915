//! One session.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use tokio::sync::Notify;

use crate::base::Timestamp;
use crate::identity::Identity;
use crate::session::Ready;
use crate::session::TokenHash;
use crate::session::watched::Watched;

/// A signed-in browser.
///
/// Everything is fixed when it is opened, but for two marks that requests leave without a lock:
/// when it was last seen, and that it has ended.
#[derive(Debug)]
pub struct Session {
    /// Its id for people and logs, a UUID; no secret, opens nothing. One login has one, whatever
    /// hosts its sessions are for: they are a family, and end together.
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
    /// The one host that it is good for, if it was handed over to one; `None` is the host of
    /// `public_url`, where the login was.
    pub host: Option<String>,
    /// What applications are told of it, ready to be sent.
    pub ready: Ready,
    last_seen: AtomicI64,
    stored_last_seen: AtomicI64,
    ended: AtomicBool,
    ending: Notify,
    watched: Option<Arc<Watched>>,
    is_watched: AtomicBool,
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
            host: None,
            ready: Ready::new(),
            last_seen: AtomicI64::new(last_seen.unix_micros()),
            stored_last_seen: AtomicI64::new(last_seen.unix_micros()),
            ended: AtomicBool::new(false),
            ending: Notify::const_new(),
            watched: None,
            is_watched: AtomicBool::new(false),
        }
    }

    /// The same, for one other host.
    #[must_use]
    pub fn at_host(self, host: Option<String>) -> Self {
        Self { host, ..self }
    }

    /// The same, with a list that whoever waits for its end is noted in.
    pub(in crate::session) fn watched_by(self, watched: &Arc<Watched>) -> Self {
        Self { watched: Some(Arc::clone(watched)), ..self }
    }

    /// Whether a request to `host` may use it. `auth_host` is the host of `public_url`. Both as
    /// in a `Host` field without its port; they are compared as DNS compares them.
    pub fn is_for(&self, host: &str, auth_host: &str) -> bool {
        self.host.as_deref().unwrap_or(auth_host).eq_ignore_ascii_case(host)
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
        self.ended.store(true, Ordering::SeqCst);
        self.ending.notify_waiters();
    }

    /// Resolves when it has ended, for whatever reason and wherever that was: for what stays open
    /// beyond its request. Costs next to nothing until somebody waits; whoever waits is no visitor,
    /// and keeps no idle session alive.
    pub fn ended(self: &Arc<Self>) -> impl Future<Output = ()> + Send + 'static {
        let session = Arc::clone(self);
        async move {
            // Before the look at the mark: an ending in between would be heard by nobody.
            let ending = session.ending.notified();
            if session.has_ended() {
                return;
            }
            if let Some(watched) = &session.watched
                && !session.is_watched.swap(true, Ordering::AcqRel)
            {
                watched.note(&session);
                // It may have ended before it was in the list.
                if session.has_ended() {
                    return;
                }
            }
            ending.await;
        }
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
