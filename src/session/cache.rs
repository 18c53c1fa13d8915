//! The sessions in memory.
//!
//! In: sessions. Out: the same by their hashes. A map of pointers, in parts that each have a lock of
//! their own: sessions have their hash in them, and a hash is as good a number as any. A full part
//! forgets those that were seen least lately.
#![expect(
    clippy::mutable_key_type,
    reason = "the hash of a session never changes"
)]

use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::{Arc, PoisonError, RwLock};

use crate::session::{OpenSession, TokenHash};

/// Sessions, as many as there may be.
pub(in crate::session) struct Cache {
    parts: Box<[Part]>,
    /// Of one part.
    capacity: usize,
}

/// On lines of its own: a lock that one core takes must not slow another one's down.
#[repr(align(128))]
#[derive(Default)]
struct Part(RwLock<Kept>);

type Kept = HashSet<ByHash, BuildHasherDefault<First>>;

struct ByHash(Arc<OpenSession>);

impl Cache {
    pub(in crate::session) fn new(capacity: u64) -> Self {
        let capacity = usize::try_from(capacity).unwrap_or(usize::MAX);
        let parts = if capacity < PARTS * 64 { 1 } else { PARTS };
        Self {
            parts: std::iter::repeat_with(Part::default).take(parts).collect(),
            capacity: capacity / parts,
        }
    }

    pub(in crate::session) fn get(&self, hash: &TokenHash) -> Option<Arc<OpenSession>> {
        let kept = self.part(hash)?.0.read().unwrap_or_else(PoisonError::into_inner);
        kept.get(hash).map(|ByHash(session)| Arc::clone(session))
    }

    /// Keeps a session, in place of what was kept under its hash; what had to go for it.
    #[must_use]
    pub(in crate::session) fn insert(&self, session: Arc<OpenSession>) -> Vec<Arc<OpenSession>> {
        let Some(part) = self.part(&session.hash) else {
            return Vec::new();
        };
        let mut kept = part.0.write().unwrap_or_else(PoisonError::into_inner);
        kept.replace(ByHash(session));
        make_room(&mut kept, self.capacity)
    }

    /// Keeps a session, unless one is kept under its hash: the one that is kept, and what had to go.
    pub(in crate::session) fn or_insert(
        &self,
        session: Arc<OpenSession>,
    ) -> (Arc<OpenSession>, Vec<Arc<OpenSession>>) {
        let Some(part) = self.part(&session.hash) else {
            return (session, Vec::new());
        };
        let mut kept = part.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(ByHash(held)) = kept.get(&session.hash) {
            return (Arc::clone(held), Vec::new());
        }
        kept.insert(ByHash(Arc::clone(&session)));
        (session, make_room(&mut kept, self.capacity))
    }

    pub(in crate::session) fn remove(&self, hash: &TokenHash) -> Option<Arc<OpenSession>> {
        let mut kept = self.part(hash)?.0.write().unwrap_or_else(PoisonError::into_inner);
        kept.take(hash).map(|ByHash(session)| session)
    }

    /// Forgets all.
    pub(in crate::session) fn clear(&self) {
        for part in &self.parts {
            let kept = std::mem::take(&mut *part.0.write().unwrap_or_else(PoisonError::into_inner));
            // Not behind the lock.
            drop(kept);
        }
    }

    /// Looks at each. Those that come and go meanwhile are seen or not.
    pub(in crate::session) fn each(&self, mut look: impl FnMut(&Arc<OpenSession>)) {
        for part in &self.parts {
            let kept: Vec<_> = {
                let kept = part.0.read().unwrap_or_else(PoisonError::into_inner);
                kept.iter().map(|ByHash(session)| Arc::clone(session)).collect()
            };
            kept.iter().for_each(&mut look);
        }
    }

    fn part(&self, hash: &TokenHash) -> Option<&Part> {
        // Not by the bytes that place it in its part.
        let last = hash.0.last().copied().map(usize::from)?;
        self.parts.get(last % self.parts.len().max(1))
    }
}

/// A sixteenth at once: to look for the oldest takes a look at all.
fn make_room(kept: &mut Kept, capacity: usize) -> Vec<Arc<OpenSession>> {
    if kept.len() <= capacity {
        return Vec::new();
    }
    let goes = kept.len().saturating_sub(capacity).saturating_add(capacity / 16);
    let mut seen: Vec<_> =
        kept.iter().map(|ByHash(session)| (session.last_seen(), session.hash)).collect();
    if goes < seen.len() {
        seen.select_nth_unstable_by_key(goes, |(seen, _)| *seen);
    }
    let oldest = seen.iter().take(goes);
    oldest
        .filter_map(|(_, hash)| kept.take(hash))
        .map(|ByHash(session)| session)
        .collect()
}

impl Borrow<TokenHash> for ByHash {
    fn borrow(&self) -> &TokenHash {
        &self.0.hash
    }
}

impl Hash for ByHash {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash.hash(state);
    }
}

impl PartialEq for ByHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.hash == other.0.hash
    }
}

impl Eq for ByHash {}

/// The first bytes of a SHA-256: nobody can choose them.
#[derive(Default)]
struct First(u64);

impl Hasher for First {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    /// How many bytes follow: always as many.
    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

const PARTS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Timestamp;
    use crate::identity::Identity;
    use crate::session::Session;

    fn session(number: u32, seen: i64) -> Arc<OpenSession> {
        let at = Timestamp::from_unix_seconds;
        let hash = TokenHash::of(&number.to_string());
        let identity = Identity::for_test("alice", at(0));
        let sid = number.to_string();
        Arc::new(OpenSession::from(&Session::new(
            sid,
            hash,
            identity,
            None,
            at(0),
            at(9),
            at(seen),
        )))
    }

    #[test]
    fn a_session_is_found_until_it_is_removed() {
        let cache = Cache::new(100_000);
        for number in 0..1000 {
            assert!(cache.insert(session(number, 0)).is_empty());
        }
        for number in 0..1000 {
            let hash = TokenHash::of(&number.to_string());
            assert_eq!(cache.get(&hash).unwrap().hash, hash);
            let (held, _) = cache.or_insert(session(number, 5));
            assert_eq!(held.last_seen(), Timestamp::from_unix_seconds(0));
        }
        let one = TokenHash::of("1");
        assert!(cache.remove(&one).is_some() && cache.remove(&one).is_none());
        let mut count = 0;
        cache.each(|_| count += 1);
        assert_eq!(count, 999);
        cache.clear();
        assert!(cache.get(&TokenHash::of("2")).is_none());
    }

    #[test]
    fn who_was_seen_least_lately_makes_room() {
        let cache = Cache::new(160);
        let mut gone = Vec::new();
        for number in 0..161 {
            // The later ones were seen earlier.
            gone.extend(cache.insert(session(number, 1000 - i64::from(number))));
        }
        assert_eq!(gone.len(), 11);
        let latest = Timestamp::from_unix_seconds(1000 - 149);
        assert!(gone.iter().all(|session| session.last_seen() < latest));
        assert!(cache.get(&TokenHash::of("0")).is_some());
        assert!(cache.get(&TokenHash::of("160")).is_none());
    }
}
