//! Sessions, with those in use in memory.
//!
//! In: an [`Identity`], once; afterwards the token that a browser sends. Out: the [`Session`].
//!
//! Two promises. A request of a session in use costs one hash and one look-up in memory, and asks
//! no store. A session that was ended is not found any more: at once when it was ended here, and
//! after the next [`Sessions::forget_ended`] when another process ended it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metrics::counter;
use moka::notification::RemovalCause;
use moka::sync::Cache;

use crate::base::{Entropy, StoreError, Timestamp, UserId, entropy};
use crate::identity::Identity;
use crate::session::{EndReason, Lifetimes, Session, SessionStore, SessionToken, TokenHash};

/// Opens, finds and ends sessions.
pub struct Sessions {
    store: Arc<dyn SessionStore>,
    lifetimes: Lifetimes,
    cache: Cache<TokenHash, Arc<Session>>,
    /// When sessions were last seen that fell out of the cache before that was stored.
    unstored: Arc<Mutex<HashMap<TokenHash, Timestamp>>>,
    /// Grows with each ending. A look-up that began before an ending does not keep what it found.
    endings: AtomicU64,
    /// How far the endings of other processes are known.
    mark: Mutex<Option<i64>>,
}

impl Sessions {
    /// Over a store, with up to `capacity` sessions in memory.
    pub fn new(store: Arc<dyn SessionStore>, lifetimes: Lifetimes, capacity: u64) -> Self {
        let unstored = Arc::new(Mutex::new(HashMap::new()));
        let kept = Arc::clone(&unstored);
        let on_eviction =
            move |hash: Arc<TokenHash>, session: Arc<Session>, cause: RemovalCause| {
                if cause.was_evicted()
                    && let Some(seen) = session.take_unstored()
                {
                    lock(&kept).insert(*hash, seen);
                }
            };
        let cache = Cache::builder().max_capacity(capacity).eviction_listener(on_eviction).build();
        Self {
            store,
            lifetimes,
            cache,
            unstored,
            endings: AtomicU64::new(0),
            mark: Mutex::new(None),
        }
    }

    /// How long sessions last.
    pub const fn lifetimes(&self) -> Lifetimes {
        self.lifetimes
    }

    /// Opens a session. The token is new each time, so that nobody can have planted it before.
    pub async fn open(
        &self,
        identity: Identity,
        browser: Option<[u8; 32]>,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Result<(SessionToken, Arc<Session>), StoreError> {
        let token = SessionToken::draw(entropy);
        let not_after = self.lifetimes.not_after(identity.session_not_on_or_after, now);
        let sid = entropy::uuid(entropy);
        let session = Session::new(sid, token.hash(), identity, browser, now, not_after, now);
        self.store.insert(&session).await?;
        let session = Arc::new(session);
        self.cache.insert(session.hash, Arc::clone(&session));
        Ok((token, session))
    }

    /// The session of a token, if it is in memory and live; notes that it was seen. `None` says
    /// nothing: ask [`Sessions::resolve`].
    pub fn cached(&self, token: &str, now: Timestamp) -> Option<Arc<Session>> {
        // What has another length was not given out by us; it is not worth a hash.
        if token.len() != SessionToken::LENGTH {
            return None;
        }
        let session = self.cached_hash(&TokenHash::of(token), now)?;
        session.see(now);
        counter!("samlgate_session_lookups_total", "source" => "cache", "result" => "hit")
            .increment(1);
        Some(session)
    }

    /// The session of a token, from memory or from the store. Ends it when its time is over.
    pub async fn resolve(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<Option<Arc<Session>>, StoreError> {
        if let Some(session) = self.cached(token, now) {
            return Ok(Some(session));
        }
        let found = if token.len() == SessionToken::LENGTH {
            self.load(&TokenHash::of(token), now).await?
        } else {
            None
        };
        let result = if found.is_some() { "hit" } else { "miss" };
        counter!("samlgate_session_lookups_total", "source" => "store", "result" => result)
            .increment(1);
        Ok(found)
    }

    /// Ends a session, here and for every other process; whether it still existed.
    pub async fn end(
        &self,
        session: &Session,
        reason: EndReason,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        session.mark_ended();
        self.forget(&session.hash);
        let existed = self.store.end(&session.hash, now).await?;
        // Once more: a look-up that found it in the store before it was gone.
        self.forget(&session.hash);
        if existed {
            count_ended(reason, 1);
        }
        Ok(existed)
    }

    /// Ends all sessions of a person; how many.
    pub async fn end_user(
        &self,
        user: &UserId,
        reason: EndReason,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let ended = self.store.end_user(user, now).await?;
        for hash in &ended {
            self.forget(hash);
        }
        let number = u64::try_from(ended.len()).unwrap_or(u64::MAX);
        count_ended(reason, number);
        Ok(number)
    }

    /// The live session that a browser opened last: where an answer leads that was sent twice.
    pub async fn newest_of_browser(
        &self,
        browser: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<Arc<Session>>, StoreError> {
        let Some(found) = self.store.newest_of_browser(browser).await? else {
            return Ok(None);
        };
        // In memory is known better when it was last seen.
        let session = self.cache.get(&found.hash).unwrap_or_else(|| Arc::new(found));
        Ok(self.is_live(&session, now).then_some(session))
    }

    /// Forgets what another process ended: the command line, another node. To be called every
    /// second or two; an ended session stops working that soon.
    pub async fn forget_ended(&self) -> Result<(), StoreError> {
        let mark = *lock(&self.mark);
        let ended = self.store.ended_after(mark).await?;
        *lock(&self.mark) = Some(ended.mark);
        if mark.is_none() {
            // The first time: what was ended since we began is not known, so nothing is believed.
            self.endings.fetch_add(1, Ordering::SeqCst);
            self.keep_unstored();
            self.cache.invalidate_all();
        }
        for hash in &ended.hashes {
            self.forget(hash);
        }
        Ok(())
    }

    /// Writes back when sessions were last seen. Between two calls a crash forgets it, and
    /// sessions end that much earlier.
    pub async fn flush_touched(&self, _now: Timestamp) -> Result<(), StoreError> {
        self.keep_unstored();
        let seen: Vec<_> = lock(&self.unstored).drain().collect();
        if seen.is_empty() {
            return Ok(());
        }
        let stored = self.store.touch(&seen).await;
        if stored.is_err() {
            let mut unstored = lock(&self.unstored);
            for (hash, seen) in seen {
                let latest = unstored.entry(hash).or_insert(seen);
                *latest = seen.max(*latest);
            }
        }
        stored
    }

    /// Removes what is due to end; how many.
    pub async fn sweep(&self, now: Timestamp) -> Result<u64, StoreError> {
        // First, or the store would end sessions of which only we know that they are in use.
        self.flush_touched(now).await?;
        let swept = self.store.sweep(self.lifetimes.idle, now).await?;
        for (hash, session) in &self.cache {
            if !self.is_live(&session, now) {
                self.forget(&hash);
            }
        }
        count_ended(EndReason::Lifetime, swept.lifetime);
        count_ended(EndReason::Idle, swept.idle);
        Ok(swept.lifetime.saturating_add(swept.idle))
    }

    /// How many sessions are live, as the store knows them.
    pub async fn count(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.store.count(self.lifetimes.idle, now).await
    }

    fn cached_hash(&self, hash: &TokenHash, now: Timestamp) -> Option<Arc<Session>> {
        self.cache.get(hash).filter(|session| self.is_live(session, now))
    }

    async fn load(
        &self,
        hash: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<Arc<Session>>, StoreError> {
        loop {
            let endings = self.endings.load(Ordering::SeqCst);
            let Some(found) = self.store.find(hash).await? else {
                // Not `forget` for every guess: it would make all other look-ups ask again.
                if self.cache.contains_key(hash) {
                    self.forget(hash);
                }
                return Ok(None);
            };
            if let Some(seen) = lock(&self.unstored).get(hash) {
                found.see(*seen);
            }
            // What is in memory already was seen later than the store knows.
            let session = self.cache.get(hash).unwrap_or_else(|| Arc::new(found));
            if let Some(reason) = self.over(&session, now) {
                self.end(&session, reason, now).await?;
                return Ok(None);
            }
            session.see(now);
            let session = self.cache.entry(*hash).or_insert(session).into_value();
            if self.endings.load(Ordering::SeqCst) == endings {
                return Ok(self.is_live(&session, now).then_some(session));
            }
            // Some session was ended meanwhile, perhaps this one after it was found: ask again.
            if let Some(seen) = self.cache.remove(hash).and_then(|kept| kept.take_unstored()) {
                lock(&self.unstored).insert(*hash, seen);
            }
        }
    }

    /// Drops a session from memory, and tells whoever still holds it.
    fn forget(&self, hash: &TokenHash) {
        self.endings.fetch_add(1, Ordering::SeqCst);
        if let Some(session) = self.cache.remove(hash) {
            session.mark_ended();
        }
    }

    /// Collects what the store does not know of the sessions in memory.
    fn keep_unstored(&self) {
        for (hash, session) in &self.cache {
            if let Some(seen) = session.take_unstored() {
                lock(&self.unstored).insert(*hash, seen);
            }
        }
    }

    fn over(&self, session: &Session, now: Timestamp) -> Option<EndReason> {
        self.lifetimes.over(session.not_after, session.last_seen(), now)
    }

    fn is_live(&self, session: &Session, now: Timestamp) -> bool {
        !session.has_ended() && self.over(session, now).is_none()
    }
}

fn count_ended(reason: EndReason, number: u64) {
    counter!("samlgate_sessions_ended_total", "reason" => reason.as_str()).increment(number);
}

/// A thread that panicked in here left a plain map or number behind, which is still good.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
