//! Sessions for whose end somebody waits.
//!
//! In: sessions with an open stream. Out: the same, to whoever ends sessions. The promise: a session
//! in here is found as long as anybody holds it, also when it fell out of the cache.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::session::{OpenSession, TokenHash};

/// The list. A session is noted once, however many streams it has.
#[derive(Debug, Default)]
pub(in crate::session) struct Watched(Mutex<HashMap<TokenHash, Weak<OpenSession>>>);

impl Watched {
    /// Notes a session.
    pub(in crate::session) fn note(&self, session: &Arc<OpenSession>) {
        self.lock().insert(session.hash, Arc::downgrade(session));
    }

    /// The session of this hash, if anybody holds it.
    pub(in crate::session) fn find(&self, hash: &TokenHash) -> Option<Arc<OpenSession>> {
        self.lock().get(hash).and_then(Weak::upgrade)
    }

    /// All that anybody holds; the others are forgotten.
    pub(in crate::session) fn held(&self) -> Vec<Arc<OpenSession>> {
        let mut held = Vec::new();
        self.lock().retain(|_, session| {
            let session = session.upgrade();
            held.extend(session.iter().map(Arc::clone));
            session.is_some()
        });
        held
    }

    /// A thread that panicked in here left a plain map behind, which is still good.
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<TokenHash, Weak<OpenSession>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
