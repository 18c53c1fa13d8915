//! One session, as it lies in memory.
//!
//! What every request looks at stands in front; what applications are told of it is made once
//! ([`Ready`]); and the person is packed, since hardly anybody asks.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::base::Timestamp;
use crate::identity::Identity;
use crate::session::packed::Packed;
use crate::session::watched::Watched;
use crate::session::{Ready, Session, TokenHash};

/// A signed-in browser.
///
/// Everything is fixed when it is opened, but for two marks that requests leave without a lock:
/// when it was last seen, and that it has ended.
#[repr(C)]
pub struct OpenSession {
    /// The hash of the browser's token.
    pub hash: TokenHash,
    last_seen: AtomicI64,
    /// When it ends at the latest.
    pub not_after: Timestamp,
    ended: AtomicBool,
    is_outdated: AtomicBool,
    is_watched: AtomicBool,
    /// The one host that it is good for, if it was handed over to one.
    pub host: Option<Box<str>>,
    /// What applications are told of it, ready to be sent.
    pub ready: Ready,
    stored_last_seen: AtomicI64,
    /// When it was opened.
    pub opened_at: Timestamp,
    packed: Packed,
    ending: Notify,
    watched: Option<Arc<Watched>>,
    heir: Mutex<Option<Arc<Session>>>,
}

impl From<&Session> for OpenSession {
    fn from(session: &Session) -> Self {
        let last_seen = session.last_seen().unix_micros();
        Self {
            hash: session.hash,
            last_seen: AtomicI64::new(last_seen),
            not_after: session.not_after,
            ended: AtomicBool::new(false),
            is_outdated: AtomicBool::new(false),
            is_watched: AtomicBool::new(false),
            host: session.host.as_deref().map(Box::from),
            ready: Ready::new(),
            stored_last_seen: AtomicI64::new(last_seen),
            opened_at: session.opened_at,
            packed: Packed::of(&session.sid, &session.identity),
            ending: Notify::const_new(),
            watched: None,
            heir: Mutex::new(None),
        }
    }
}

impl OpenSession {
    /// Its id for people and logs, a UUID; no secret, opens nothing.
    pub fn sid(&self) -> &str {
        self.packed.sid()
    }

    /// Who is signed in. Unpacks it: not for every request.
    pub fn identity(&self) -> Identity {
        self.packed.identity()
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

    /// Whether its person is another one by now: who asks next is to have it made anew.
    pub(in crate::session) fn is_outdated(&self) -> bool {
        self.is_outdated.load(Ordering::Acquire)
    }

    /// Marks it as outdated. What goes on by it goes on.
    pub(in crate::session) fn mark_outdated(&self) {
        self.is_outdated.store(true, Ordering::Release);
    }

    /// Marks it as ended for everyone who holds it.
    pub(in crate::session) fn mark_ended(&self) {
        self.ended.store(true, Ordering::SeqCst);
        self.ending.notify_waiters();
    }

    /// What is open by it waits for the end of this session instead: of the same person, who has signed
    /// in once more.
    pub(in crate::session) fn hand_on(&self, heir: Arc<Session>) {
        // Nobody is to find it under the hash of the other one.
        self.mark_outdated();
        *self.heir.lock().unwrap_or_else(PoisonError::into_inner) = Some(heir);
        self.ending.notify_waiters();
    }

    fn heir(&self) -> Option<Arc<Session>> {
        self.heir.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Resolves when it has ended, for whatever reason and wherever that was: for what stays open
    /// beyond its request. Costs next to nothing until somebody waits; whoever waits is no visitor,
    /// and keeps no idle session alive.
    pub fn ended(self: &Arc<Self>) -> impl Future<Output = ()> + Send + 'static {
        self.ended_unless(|_| true)
    }

    /// The same, for what goes on with the next session of the same person only if the sign-in by which
    /// that began is `enough` for it.
    pub fn ended_unless(
        self: &Arc<Self>,
        enough: impl Fn(&Session) -> bool + Send + Sync + 'static,
    ) -> impl Future<Output = ()> + Send + 'static {
        let session = Arc::clone(self);
        async move {
            loop {
                // Before the look at the marks: an ending in between would be heard by nobody.
                let ending = session.ending.notified();
                let is_over =
                    || session.has_ended() || session.heir().is_some_and(|heir| !enough(&heir));
                if is_over() {
                    return;
                }
                if let Some(watched) = &session.watched
                    && !session.is_watched.swap(true, Ordering::AcqRel)
                {
                    watched.note(&session);
                    // It may have ended before it was in the list.
                    if is_over() {
                        return;
                    }
                }
                ending.await;
            }
        }
    }
}

impl fmt::Debug for OpenSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenSession")
            .field("sid", &self.sid())
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}
