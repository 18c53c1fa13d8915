//! Sessions for whose end somebody waits.
//!
//! In: sessions with an open stream. Out: the same, to whoever ends sessions. The promise: a session
//! in here is found as long as anybody holds it, also when it fell out of the cache.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::session::{OpenSession, TokenHash};

/// The list. A session is noted once, however many streams it has; there may be several of one hash,
/// when it was made anew for what changed about its person.
#[derive(Debug, Default)]
pub(in crate::session) struct Watched(Mutex<HashMap<TokenHash, Vec<Weak<OpenSession>>>>);

impl Watched {
    /// Notes a session.
    pub(in crate::session) fn note(&self, session: &Arc<OpenSession>) {
        let mut watched = self.lock();
        let same = watched.entry(session.hash).or_default();
        same.retain(|other| other.strong_count() > 0);
        same.push(Arc::downgrade(session));
    }

    /// The sessions of this hash that anybody holds.
    pub(in crate::session) fn find(&self, hash: &TokenHash) -> Vec<Arc<OpenSession>> {
        let watched = self.lock();
        watched.get(hash).into_iter().flatten().filter_map(Weak::upgrade).collect()
    }

    /// Has what waits for the end of one session wait for that of another instead, for those of
    /// which `same` says that nothing ends for them.
    pub(in crate::session) fn hand_on(
        &self,
        from: &TokenHash,
        to: TokenHash,
        same: impl Fn(&OpenSession) -> bool,
    ) -> Vec<Arc<OpenSession>> {
        let mut watched = self.lock();
        let sessions = watched.remove(from).unwrap_or_default();
        let (on, stay): (Vec<_>, Vec<_>) = sessions
            .into_iter()
            .partition(|session| session.upgrade().is_some_and(|session| same(&session)));
        if !stay.is_empty() {
            watched.insert(*from, stay);
        }
        let handed_on = on.iter().filter_map(Weak::upgrade).collect();
        if !on.is_empty() {
            watched.entry(to).or_default().extend(on);
        }
        handed_on
    }

    /// All that anybody holds, with the session whose end counts for it; the others are forgotten.
    pub(in crate::session) fn held(&self) -> Vec<(TokenHash, Arc<OpenSession>)> {
        let mut held = Vec::new();
        self.lock().retain(|hash, sessions| {
            sessions.retain(|session| {
                let session = session.upgrade();
                held.extend(session.iter().map(|session| (*hash, Arc::clone(session))));
                session.is_some()
            });
            !sessions.is_empty()
        });
        held
    }

    /// A thread that panicked in here left a plain map behind, which is still good.
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<TokenHash, Vec<Weak<OpenSession>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
