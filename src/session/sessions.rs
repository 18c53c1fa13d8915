//! Sessions, with those in use in memory.
//!
//! In: an [`Identity`], once; afterwards the token that a browser sends. Out: the [`Session`].
//!
//! Two promises. A request of a session in use costs one hash and one look-up in memory, and asks
//! no store. A session that was ended is not found any more: at once when it was ended here, and
//! after the next [`Sessions::forget_ended`] when another process ended it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use metrics::{Counter, counter};
use tokio::sync::mpsc;

use crate::base::{Entropy, IdpName, StoreError, Timestamp, UserId, entropy};
use crate::identity::{Identity, has_lost};
use crate::saml::{Accepted, NameId};
use crate::session::cache::Cache;
use crate::session::watched::Watched;
use crate::session::{
    EndReason, Lifetimes, OpenSession, People, Session, SessionStore, SessionToken, TokenHash,
};
use crate::telemetry::{SESSION_LOOKUPS, SESSIONS_ENDED};

/// Opens, finds and ends sessions.
pub struct Sessions {
    store: Arc<dyn SessionStore>,
    lifetimes: Lifetimes,
    cache: Cache,
    /// When sessions were last seen that fell out of the cache before that was stored.
    unstored: Mutex<HashMap<TokenHash, Timestamp>>,
    /// Grows with each ending. A look-up that began before an ending does not keep what it found.
    endings: AtomicU64,
    /// How far the endings of other processes are known.
    mark: Mutex<Option<i64>>,
    /// Those for whose end somebody waits: they are found here when they fell out of the cache.
    watched: Arc<Watched>,
    /// How long memory is believed while the store, which others end sessions in, is away. `None`:
    /// nobody else does.
    grace: Option<Duration>,
    /// Until when memory is believed, in microseconds.
    believed_until: AtomicI64,
    /// Who somebody is today; `None`: who they were when they signed in.
    people: Option<Arc<dyn People>>,
    lookups: Lookups,
}

/// Handles, so that no request looks a counter up by its name.
struct Lookups {
    cached: Counter,
    found: Counter,
    missed: Counter,
    failed: Counter,
}

impl Lookups {
    fn new() -> Self {
        let lookups = |source: &'static str, result: &'static str| counter!(SESSION_LOOKUPS, "source" => source, "result" => result);
        Self {
            cached: lookups("cache", "hit"),
            found: lookups("store", "hit"),
            missed: lookups("store", "miss"),
            failed: lookups("store", "error"),
        }
    }
}

/// What became of the sessions of one NameID.
#[derive(Debug)]
pub struct EndedByName {
    /// Those that ended: one of each family.
    pub sessions: Vec<Session>,
    /// Some others could not be ended; why.
    pub failed: Option<StoreError>,
}

/// A session that nobody can use yet: its token is in here.
pub struct Prepared {
    token: SessionToken,
    session: Session,
}

impl Prepared {
    /// What there is to be written.
    pub fn session(&self) -> &Session {
        &self.session
    }
}

impl Sessions {
    /// Over a store, with up to `capacity` sessions in memory.
    pub fn new(store: Arc<dyn SessionStore>, lifetimes: Lifetimes, capacity: u64) -> Self {
        Self {
            store,
            lifetimes,
            cache: Cache::new(capacity),
            unstored: Mutex::default(),
            endings: AtomicU64::new(0),
            mark: Mutex::new(None),
            watched: Arc::default(),
            grace: None,
            believed_until: AtomicI64::new(i64::MAX),
            people: None,
            lookups: Lookups::new(),
        }
    }

    /// With somebody to ask who the people in them are by now.
    #[must_use]
    pub fn knowing(self, people: Arc<dyn People>) -> Self {
        Self { people: Some(people), ..self }
    }

    /// Over a store that other nodes end sessions in: while it is away, sessions that are in memory
    /// go on for `grace`, and nobody is signed out.
    #[must_use]
    pub fn shared(self, grace: Duration) -> Self {
        Self {
            grace: Some(grace),
            believed_until: AtomicI64::new(0),
            ..self
        }
    }

    /// Whether other nodes open and end sessions in the same store.
    pub const fn is_shared(&self) -> bool {
        self.grace.is_some()
    }

    /// Whether sessions in memory may be used without asking the store: always, unless others end
    /// sessions there, and we have not heard of it for too long.
    pub fn is_believed(&self, now: Timestamp) -> bool {
        now.unix_micros() < self.believed_until.load(Ordering::Relaxed)
    }

    /// How often when sessions were last seen is to be written back. Other nodes know of a visit
    /// that much later, so it is a small part of the time after which a session is idle.
    pub fn write_back(&self) -> Duration {
        match self.grace {
            Some(_) => WRITE_BACK.min(self.lifetimes.idle / 10),
            None => WRITE_BACK,
        }
    }

    /// What the store may not know yet of a visit elsewhere: one round of writing back, and one of
    /// the task that does it.
    fn slack(&self) -> Duration {
        match self.grace {
            Some(_) => self.write_back().saturating_mul(2),
            None => Duration::ZERO,
        }
    }

    /// How long sessions last.
    pub const fn lifetimes(&self) -> Lifetimes {
        self.lifetimes
    }

    /// A session that is not open yet. The token is new each time, so that nobody can have planted
    /// it before.
    pub fn prepare(
        &self,
        identity: Identity,
        browser: Option<[u8; 32]>,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Prepared {
        let token = SessionToken::draw(entropy);
        let not_after = self.lifetimes.not_after(identity.session_not_on_or_after, now);
        // In the order of time, so that the store's index of them grows at its end.
        let sid = entropy::uuid_in_order(entropy, now);
        let session = Session::new(sid, token.hash(), identity, browser, now, not_after, now);
        Prepared { token, session }
    }

    /// Opens a session of the same login for another host. `None`: the parent has ended.
    pub async fn hand_over(
        &self,
        parent: &OpenSession,
        host: &str,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Result<Option<(SessionToken, Arc<OpenSession>)>, StoreError> {
        let token = SessionToken::draw(entropy);
        let (sid, identity) = (parent.sid().to_owned(), parent.identity());
        // No browser: it is the parent that a later login of this browser replaces, with its family.
        let child = Session::new(
            sid,
            token.hash(),
            identity,
            None,
            now,
            parent.not_after,
            now,
        )
        .at_host(Some(host.to_owned()));
        let endings = self.endings.load(Ordering::SeqCst);
        if !self.store.hand_over(&parent.hash, &child).await? {
            return Ok(None);
        }
        let child = self.in_memory(&child);
        // What ended meanwhile may be the family. The first request then asks the store.
        if self.endings.load(Ordering::SeqCst) == endings {
            self.keep_seen(self.cache.insert(Arc::clone(&child)));
            if self.endings.load(Ordering::SeqCst) != endings {
                self.cache.remove(&child.hash);
            }
        }
        Ok(Some((token, child)))
    }

    /// Opens a session that is in the store by now; `replaced` is the one that this ended there.
    ///
    /// Whoever is given the token has shown an assertion that was accepted.
    pub fn open(
        &self,
        prepared: Prepared,
        replaced: Option<TokenHash>,
        _accepted: &Accepted,
    ) -> (SessionToken, Arc<OpenSession>) {
        if let Some(replaced) = replaced {
            self.hand_on(&replaced, prepared.session());
            self.forget(&replaced);
            count_ended(EndReason::Replaced, 1);
        }
        self.admit(prepared)
    }

    /// The same person has signed in once more, and may do no less: what they have open here goes
    /// on, and ends with the session that they have now; what needs more of a sign-in than this was
    /// ends now ([`OpenSession::ended_unless`]). On other nodes, and on other hosts, whose sessions
    /// begin anew, it ends with the one that it was opened by.
    fn hand_on(&self, replaced: &TokenHash, by: &Session) {
        let heir = Arc::new(by.clone());
        let same = |before: &OpenSession| {
            let before_that = before.identity();
            let is_same =
                before_that.user == by.identity.user && before_that.idp == by.identity.idp;
            let goes_on = is_same && !before.has_ended() && !has_lost(&before_that, &by.identity);
            if goes_on {
                before.hand_on(Arc::clone(&heir));
            }
            goes_on
        };
        let cached = self.cache.remove(replaced);
        self.keep_seen(cached.iter());
        let handed_on = self.watched.hand_on(replaced, by.hash, same);
        let is_open =
            |session: &Arc<OpenSession>| handed_on.iter().any(|on| Arc::ptr_eq(on, session));
        if let Some(cached) = cached.filter(|cached| !is_open(cached)) {
            cached.mark_ended();
        }
    }

    fn admit(&self, Prepared { token, session }: Prepared) -> (SessionToken, Arc<OpenSession>) {
        let session = self.in_memory(&session);
        self.keep_seen(self.cache.insert(Arc::clone(&session)));
        (token, session)
    }

    /// The session of a token, if it is in memory and live; notes that it was seen. `None` says
    /// nothing: ask [`Sessions::resolve`].
    pub fn cached(&self, token: &str, now: Timestamp) -> Option<Arc<OpenSession>> {
        // What has another length was not given out by us; it is not worth a hash.
        if token.len() != SessionToken::LENGTH {
            return None;
        }
        let session = self.cached_hash(&TokenHash::of(token), now)?;
        session.see(now);
        self.lookups.cached.increment(1);
        Some(session)
    }

    /// The session of a token, from memory or from the store. Ends it when its time is over.
    pub async fn resolve(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<Option<Arc<OpenSession>>, StoreError> {
        if let Some(session) = self.cached(token, now) {
            return Ok(Some(session));
        }
        let found = if token.len() == SessionToken::LENGTH {
            self.load(&TokenHash::of(token), now).await
        } else {
            Ok(None)
        };
        let counter = match &found {
            Ok(Some(_)) => &self.lookups.found,
            Ok(None) => &self.lookups.missed,
            Err(_) => &self.lookups.failed,
        };
        counter.increment(1);
        found
    }

    /// Whether a session goes on, without counting as a visit: for what stays open beyond its
    /// request. A store that can not answer ends nothing.
    pub async fn goes_on(&self, session: &OpenSession, now: Timestamp) -> bool {
        if session.has_ended() {
            return false;
        }
        if self.cached_hash(&session.hash, now).is_some() {
            return true;
        }
        match self.store.find(&session.hash).await {
            Ok(found) => found.is_some_and(|found| self.is_live_in_store(&found, now)),
            Err(_) => true,
        }
    }

    /// Ends a session with its whole family, here and for every other process; whether any of them
    /// still existed. One that was idle too long ends alone.
    pub async fn end(
        &self,
        session: &OpenSession,
        reason: EndReason,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        session.mark_ended();
        self.end_by(&session.hash, session.sid(), reason, now).await
    }

    async fn end_by(
        &self,
        hash: &TokenHash,
        sid: &str,
        reason: EndReason,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.forget(hash);
        let ended = if reason == EndReason::Idle {
            let existed = self.store.end(hash, now).await?;
            if existed { vec![*hash] } else { Vec::new() }
        } else {
            self.store.end_family(sid, now).await?
        };
        // Once more: a look-up that found it in the store before it was gone.
        self.forget(hash);
        Ok(self.ended(&ended, reason) > 0)
    }

    /// Ends every session that began with this NameID of this identity provider, and with one of
    /// these SessionIndex; with any, when none is named. What ended, and whether all did: one that
    /// can not be ended leaves the others no longer.
    pub async fn end_named(
        &self,
        idp: &IdpName,
        idp_entity_id: &str,
        name_id: &NameId,
        session_indexes: &[String],
        reason: EndReason,
        now: Timestamp,
    ) -> Result<EndedByName, StoreError> {
        // By the name alone: the store's index knows the first SessionIndex of each.
        let found = self.store.find_named(idp_entity_id, &name_id.value, &[]).await?;
        let is_meant = |identity: &Identity| {
            let known = identity.name_id.as_ref();
            let mut indexes = identity.session_indexes();
            identity.idp == *idp
                && known.is_some_and(|known| known.is_meant_by(name_id))
                && (session_indexes.is_empty() || indexes.any(|own| session_indexes.contains(own)))
        };
        let mut ended: Vec<Session> = Vec::new();
        let mut failed = None;
        for session in found {
            if !is_meant(&session.identity) {
                continue;
            }
            // Another one of a family that has just ended, or somebody else was quicker.
            let gone = ended.iter().any(|other| other.sid == session.sid);
            if gone {
                continue;
            }
            match self.end_by(&session.hash, &session.sid, reason, now).await {
                Ok(true) => ended.push(session),
                Ok(false) => {}
                Err(error) => failed = Some(error),
            }
        }
        match failed {
            Some(error) if ended.is_empty() => Err(error),
            failed => Ok(EndedByName { sessions: ended, failed }),
        }
    }

    /// Ends all sessions of a person; how many.
    pub async fn end_user(
        &self,
        user: &UserId,
        reason: EndReason,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let ended = self.store.end_user(user, now).await?;
        Ok(self.ended(&ended, reason))
    }

    /// Forgets what the store has ended; how many.
    fn ended(&self, ended: &[TokenHash], reason: EndReason) -> u64 {
        for hash in ended {
            self.forget(hash);
        }
        let number = u64::try_from(ended.len()).unwrap_or(u64::MAX);
        count_ended(reason, number);
        number
    }

    /// The live session that a browser opened last: where an answer leads that was sent twice.
    pub async fn newest_of_browser(
        &self,
        browser: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<Arc<OpenSession>>, StoreError> {
        let Some(found) = self.store.newest_of_browser(browser).await? else {
            return Ok(None);
        };
        // In memory it may be known better when it was last seen.
        let session = match self.cache.get(&found.hash) {
            Some(cached) => {
                cached.see(found.last_seen());
                cached
            }
            None => Arc::new(OpenSession::from(&found)),
        };
        Ok(self.is_live_as_stored(&session, now).then_some(session))
    }

    /// Forgets what another process ended: the command line, another node. To be called every
    /// second or two; an ended session stops working that soon.
    pub async fn forget_ended(&self, now: Timestamp) -> Result<(), StoreError> {
        let mark = *lock(&self.mark);
        let ended = self.store.ended_after(mark).await?;
        *lock(&self.mark) = Some(ended.mark);
        if mark.is_none() || ended.incomplete {
            // What was ended since we began is not known, so nothing is believed.
            self.endings.fetch_add(1, Ordering::SeqCst);
            self.keep_unstored();
            self.cache.clear();
        }
        for hash in &ended.hashes {
            self.forget(hash);
        }
        if let Some(grace) = self.grace {
            // Last, so that nothing is believed before it was heard what is not true any more.
            let until = now.plus(grace).unix_micros();
            self.believed_until.fetch_max(until, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Forgets at once what any process ends, as long as the store can tell; then an error.
    pub async fn hear_endings(&self) -> Result<(), StoreError> {
        let (tell, mut told) = mpsc::channel(64);
        let hear = self.store.hear(tell);
        tokio::pin!(hear);
        loop {
            tokio::select! {
                broken = &mut hear => return broken,
                Some(hashes) = told.recv() => {
                    for hash in &hashes {
                        self.forget(hash);
                    }
                }
            }
        }
    }

    /// Tells whoever waits for the end of a session that it has come: its time is over, or the
    /// store does not know it any more. To be called every second or two.
    pub async fn end_watched(&self, now: Timestamp) -> Result<(), StoreError> {
        for (hash, session) in self.watched.held() {
            if session.has_ended() || self.cached_hash(&hash, now).is_some() {
                continue;
            }
            let found = self.store.find(&hash).await?;
            if let Some(found) = &found {
                session.see(found.last_seen());
            }
            let goes_on = match &found {
                None => false,
                Some(_) if hash == session.hash => self.is_live_as_stored(&session, now),
                // It was handed on: the other one's times count.
                Some(found) => self.is_live_in_store(found, now),
            };
            if !goes_on {
                self.forget(&hash);
            }
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
        let idle = self.lifetimes.idle.saturating_add(self.slack());
        let swept = self.store.sweep(idle, now).await?;
        self.cache.each(|session| {
            session.ready.tidy(now);
            if !self.is_live(session, now) {
                // Not ended: another node may have seen it since. Whoever waits for its end hears of
                // it in the next round.
                self.cache.remove(&session.hash);
            }
        });
        count_ended(EndReason::Lifetime, swept.lifetime);
        count_ended(EndReason::Idle, swept.idle);
        Ok(swept.lifetime.saturating_add(swept.idle))
    }

    /// How many sessions are live, as the store knows them.
    pub async fn count(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.store.count(self.lifetimes.idle, now).await
    }

    fn cached_hash(&self, hash: &TokenHash, now: Timestamp) -> Option<Arc<OpenSession>> {
        if !self.is_believed(now) {
            return None;
        }
        self.cache.get(hash).filter(|session| self.is_live(session, now))
    }

    async fn load(
        &self,
        hash: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<Arc<OpenSession>>, StoreError> {
        loop {
            let endings = self.endings.load(Ordering::SeqCst);
            let Some(mut found) = self.store.find(hash).await? else {
                // Not `forget` for every guess: it would make all other look-ups ask again.
                if self.cache.get(hash).is_some() {
                    self.forget(hash);
                }
                return Ok(None);
            };
            match self.today(found.identity).await? {
                Some(identity) => found.identity = identity,
                None => {
                    self.end_by(hash, &found.sid, EndReason::UserDisabled, now).await?;
                    return Ok(None);
                }
            }
            // In memory it may have been seen later than the store knows, and by another process
            // later than memory knows.
            let seen = lock(&self.unstored).get(hash).copied();
            let session = match self.cache.get(hash).or_else(|| self.held(hash)) {
                Some(held) => {
                    held.see(found.last_seen());
                    held
                }
                None => self.in_memory(&found),
            };
            session.see(seen.unwrap_or(Timestamp::EPOCH));
            if let Some(reason) = self.over_as_stored(&session, now) {
                self.end(&session, reason, now).await?;
                return Ok(None);
            }
            session.see(now);
            let (session, gone) = self.cache.or_insert(session);
            self.keep_seen(gone);
            if self.endings.load(Ordering::SeqCst) == endings {
                return Ok(self.is_live(&session, now).then_some(session));
            }
            // Some session was ended meanwhile, perhaps this one after it was found: ask again.
            if let Some(seen) = self.cache.remove(hash).and_then(|kept| kept.take_unstored()) {
                lock(&self.unstored).insert(*hash, seen);
            }
        }
    }

    async fn today(&self, identity: Identity) -> Result<Option<Identity>, StoreError> {
        match &self.people {
            Some(people) => people.today(identity).await,
            None => Ok(Some(identity)),
        }
    }

    /// A session that somebody holds, and that is as its person is today.
    fn held(&self, hash: &TokenHash) -> Option<Arc<OpenSession>> {
        self.watched.find(hash).into_iter().find(|session| !session.is_outdated())
    }

    /// Has the sessions of a person made anew, whose standing has changed: whoever asks next is
    /// looked up again. Where they may do less than before, what is open by them ends; where they
    /// may not enter any more, all of them end.
    pub async fn renew_user(&self, user: &UserId, now: Timestamp) -> Result<(), StoreError> {
        // Those that the store takes for idle as well: memory may know better.
        let any = self.lifetimes.absolute;
        let found = self.store.list(Some(user), any, OF_ONE_USER, now).await?;
        for session in found {
            let Some(identity) = self.today(session.identity).await? else {
                self.end_by(&session.hash, &session.sid, EndReason::UserDisabled, now).await?;
                continue;
            };
            // A look-up that has begun does not keep what it found.
            self.endings.fetch_add(1, Ordering::SeqCst);
            let cached = self.cache.remove(&session.hash);
            self.keep_seen(cached.iter());
            for held in cached.into_iter().chain(self.watched.find(&session.hash)) {
                held.mark_outdated();
                if has_lost(&held.identity(), &identity) {
                    held.mark_ended();
                }
            }
        }
        Ok(())
    }

    /// Has all sessions made anew: the rules have changed, or the standing of more people than
    /// anybody counted. What is open by those who may do less now ends.
    pub async fn renew_all(&self, now: Timestamp) -> Result<(), StoreError> {
        self.endings.fetch_add(1, Ordering::SeqCst);
        self.keep_unstored();
        self.cache.each(|session| session.mark_outdated());
        let held = self.watched.held();
        held.iter().for_each(|(_, session)| session.mark_outdated());
        self.cache.clear();
        for (_, session) in held.iter().filter(|(_, session)| !session.has_ended()) {
            let before = session.identity();
            match self.today(before.clone()).await? {
                None => {
                    self.end(session, EndReason::UserDisabled, now).await?;
                }
                Some(today) if has_lost(&before, &today) => session.mark_ended(),
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Drops a session from memory, and tells whoever still holds it.
    fn forget(&self, hash: &TokenHash) {
        self.endings.fetch_add(1, Ordering::SeqCst);
        let watched = self.watched.find(hash);
        for session in self.cache.remove(hash).into_iter().chain(watched) {
            session.mark_ended();
        }
    }

    /// Collects what the store does not know of the sessions in memory.
    fn keep_unstored(&self) {
        self.cache.each(|session| self.keep_seen([session]));
    }

    /// Collects what the store does not know of these.
    fn keep_seen(&self, sessions: impl IntoIterator<Item = impl AsRef<OpenSession>>) {
        for session in sessions {
            let session = session.as_ref();
            if let Some(seen) = session.take_unstored() {
                lock(&self.unstored).insert(session.hash, seen);
            }
        }
    }

    fn in_memory(&self, session: &Session) -> Arc<OpenSession> {
        Arc::new(OpenSession::from(session).watched_by(&self.watched))
    }

    fn over(&self, session: &OpenSession, now: Timestamp) -> Option<EndReason> {
        self.lifetimes.over(session.not_after, session.last_seen(), now)
    }

    fn is_live(&self, session: &OpenSession, now: Timestamp) -> bool {
        !session.has_ended() && self.over(session, now).is_none()
    }

    /// The same, of what the store says of a session: another node may have seen it since.
    fn over_as_stored(&self, session: &OpenSession, now: Timestamp) -> Option<EndReason> {
        self.over_in_store(session.not_after, session.last_seen(), now)
    }

    fn is_live_as_stored(&self, session: &OpenSession, now: Timestamp) -> bool {
        !session.has_ended() && self.over_as_stored(session, now).is_none()
    }

    fn is_live_in_store(&self, found: &Session, now: Timestamp) -> bool {
        self.over_in_store(found.not_after, found.last_seen(), now).is_none()
    }

    fn over_in_store(
        &self,
        not_after: Timestamp,
        last_seen: Timestamp,
        now: Timestamp,
    ) -> Option<EndReason> {
        let idle = self.lifetimes.idle.saturating_add(self.slack());
        let lifetimes = Lifetimes { idle, ..self.lifetimes };
        lifetimes.over(not_after, last_seen, now)
    }
}

/// As many sessions as one person may be thought to have, on all their devices and hosts.
const OF_ONE_USER: u32 = 10_000;
/// How often when sessions were last seen is written back: at most this much is lost by a `kill -9`.
const WRITE_BACK: Duration = Duration::from_secs(30);

fn count_ended(reason: EndReason, number: u64) {
    counter!(SESSIONS_ENDED, "reason" => reason.as_str()).increment(number);
}

/// A thread that panicked in here left a plain map or number behind, which is still good.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use tokio::task::JoinSet;

    use super::*;
    use crate::base::RoleName;
    use crate::base::entropy::SystemEntropy;
    use crate::store::SqliteStore;

    const LIFETIMES: Lifetimes = Lifetimes {
        idle: Duration::from_secs(3600),
        absolute: Duration::from_secs(12 * 3600),
    };

    /// Minutes after sign-in.
    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_unix_seconds(1_795_000_000 + minutes * 60)
    }

    async fn store() -> Arc<SqliteStore> {
        Arc::new(SqliteStore::open(":memory:").await.unwrap())
    }

    fn sized(store: &Arc<SqliteStore>, capacity: u64) -> Sessions {
        let store: Arc<SqliteStore> = Arc::clone(store);
        Sessions::new(store, LIFETIMES, capacity)
    }

    fn over(store: &Arc<SqliteStore>) -> Sessions {
        sized(store, 1000)
    }

    async fn open(sessions: &Sessions, user_name: &str) -> (String, Arc<OpenSession>) {
        let identity = Identity::for_test(user_name, at(0));
        let (token, session) = enter(sessions, identity, Some([7; 32])).await;
        (token.reveal().to_owned(), session)
    }

    /// What a login does, without one.
    async fn enter(
        sessions: &Sessions,
        identity: Identity,
        browser: Option<[u8; 32]>,
    ) -> (SessionToken, Arc<OpenSession>) {
        let prepared = sessions.prepare(identity, browser, &SystemEntropy, at(0));
        sessions.store.insert(prepared.session()).await.unwrap();
        sessions.admit(prepared)
    }

    async fn is_live(sessions: &Sessions, token: &str, now: Timestamp) -> bool {
        sessions.resolve(token, now).await.unwrap().is_some()
    }

    #[tokio::test]
    async fn an_open_session_is_found_in_memory_and_after_a_restart() {
        let store = store().await;
        let sessions = over(&store);
        let (token, session) = open(&sessions, "alice").await;
        assert_eq!(sessions.cached(&token, at(1)).unwrap().sid(), session.sid());
        let restarted = over(&store);
        assert!(restarted.cached(&token, at(2)).is_none());
        let found = restarted.resolve(&token, at(2)).await.unwrap().unwrap();
        assert_eq!(
            (found.sid(), found.identity()),
            (session.sid(), session.identity())
        );
        assert!(restarted.cached(&token, at(2)).is_some());
    }

    /// People of whom everything is as they said, until somebody says otherwise.
    #[derive(Default)]
    struct Changeable {
        gone: Mutex<Vec<UserId>>,
        roles: Mutex<Option<Vec<RoleName>>>,
    }

    #[async_trait]
    impl People for Changeable {
        async fn today(&self, identity: Identity) -> Result<Option<Identity>, StoreError> {
            let roles = lock(&self.roles).clone().unwrap_or_else(|| identity.roles.clone());
            let gone = lock(&self.gone).contains(&identity.user);
            Ok((!gone).then_some(Identity { roles, ..identity }))
        }
    }

    fn role(name: &str) -> RoleName {
        RoleName::parse(name).unwrap()
    }

    #[tokio::test]
    async fn a_change_of_a_person_is_in_force_with_the_next_request() {
        let people = Arc::new(Changeable::default());
        let sessions = over(&store().await).knowing(people.clone());
        let (token, before) = open(&sessions, "alice").await;
        let user = before.identity().user;
        *lock(&people.roles) = Some(vec![role("it-manager"), role("board")]);
        sessions.renew_user(&user, at(1)).await.unwrap();
        assert!(sessions.cached(&token, at(1)).is_none());
        let after = sessions.resolve(&token, at(1)).await.unwrap().unwrap();
        assert_eq!(after.identity().roles, [role("it-manager"), role("board")]);
        assert_eq!(after.sid(), before.sid());
        // They may do more: what is open goes on.
        assert!(!before.has_ended());
        *lock(&people.roles) = Some(Vec::new());
        sessions.renew_user(&user, at(2)).await.unwrap();
        // They may do less: what is open ends, the session does not.
        assert!(after.has_ended());
        let less = sessions.resolve(&token, at(2)).await.unwrap().unwrap();
        assert!(less.identity().roles.is_empty() && !less.has_ended());
    }

    #[tokio::test]
    async fn whoever_may_not_enter_any_more_is_signed_out() {
        let people = Arc::new(Changeable::default());
        let store = store().await;
        let sessions = over(&store).knowing(people.clone());
        sessions.forget_ended(at(0)).await.unwrap();
        let (token, session) = open(&sessions, "alice").await;
        let (other, _) = open(&sessions, "bob").await;
        lock(&people.gone).push(session.identity().user);
        // Also where nobody was told: what is not in memory is asked for.
        let restarted = over(&store).knowing(people.clone());
        assert!(!is_live(&restarted, &token, at(1)).await);
        sessions.renew_user(&session.identity().user, at(1)).await.unwrap();
        sessions.forget_ended(at(1)).await.unwrap();
        assert!(session.has_ended() && !is_live(&sessions, &token, at(1)).await);
        assert!(is_live(&sessions, &other, at(1)).await);
    }

    #[tokio::test]
    async fn a_stream_is_told_of_the_end_of_a_session_that_was_made_anew() {
        let people = Arc::new(Changeable::default());
        let sessions = over(&store().await).knowing(people.clone());
        let (token, before) = open(&sessions, "alice").await;
        let mut streams = JoinSet::new();
        streams.spawn(before.ended());
        tokio::task::yield_now().await;
        *lock(&people.roles) = Some(vec![role("it-manager"), role("board")]);
        sessions.renew_user(&before.identity().user, at(1)).await.unwrap();
        let after = sessions.resolve(&token, at(1)).await.unwrap().unwrap();
        streams.spawn(after.ended());
        tokio::task::yield_now().await;
        assert!(streams.try_join_next().is_none());
        sessions.end(&after, EndReason::SignOut, at(2)).await.unwrap();
        streams.join_all().await;
    }

    #[tokio::test]
    async fn what_is_open_goes_on_with_the_session_that_the_same_person_has_next() {
        let store = store().await;
        let sessions = over(&store);
        let mut streams = JoinSet::new();
        let entered =
            async |name: &'static str, next: &str, streams: &mut JoinSet<&'static str>| {
                let (_, before) = open(&sessions, name).await;
                let ended = before.ended();
                streams.spawn(async move {
                    ended.await;
                    name
                });
                tokio::task::yield_now().await;
                let identity = Identity::for_test(next, at(1));
                let next = sessions.prepare(identity, Some([7; 32]), &SystemEntropy, at(1));
                store.insert(next.session()).await.unwrap();
                store.end(&before.hash, at(1)).await.unwrap();
                sessions.hand_on(&before.hash, next.session());
                sessions.forget(&before.hash);
                sessions.admit(next).1
            };
        sessions.forget_ended(at(0)).await.unwrap();
        let alice = entered("alice", "alice", &mut streams).await;
        // Somebody else at the same browser does not go on with what was hers.
        entered("bob", "carol", &mut streams).await;
        assert_eq!(streams.join_next().await.unwrap().unwrap(), "bob");
        sessions.forget_ended(at(2)).await.unwrap();
        sessions.end_watched(at(2)).await.unwrap();
        tokio::task::yield_now().await;
        assert!(streams.try_join_next().is_none());
        let found = sessions.cached_hash(&alice.hash, at(2)).unwrap();
        assert!(Arc::ptr_eq(&found, &alice));
        // Nor is what was handed on taken for the session that it waits for.
        assert!(sessions.held(&alice.hash).is_none());
        sessions.end(&alice, EndReason::SignOut, at(3)).await.unwrap();
        assert_eq!(streams.join_next().await.unwrap().unwrap(), "alice");
    }

    #[tokio::test]
    async fn what_needs_more_than_the_next_sign_in_was_ends_with_the_session_before() {
        let store = store().await;
        let sessions = over(&store);
        sessions.forget_ended(at(0)).await.unwrap();
        let next_as = async |before: &OpenSession, class: Option<&str>, minute| {
            let mut identity = Identity::for_test("alice", at(minute));
            identity.authn_context = class.map(str::to_owned);
            let next = sessions.prepare(identity, Some([7; 32]), &SystemEntropy, at(minute));
            store.insert(next.session()).await.unwrap();
            store.end(&before.hash, at(minute)).await.unwrap();
            sessions.hand_on(&before.hash, next.session());
            sessions.forget(&before.hash);
            sessions.admit(next).1
        };
        let (_, first) = open(&sessions, "alice").await;
        let mut streams = JoinSet::new();
        let mut wait = |name, class: Option<&'static str>| {
            let ended = first.ended_unless(move |next| match class {
                Some(class) => next.identity.authn_context.as_deref() == Some(class),
                None => true,
            });
            streams.spawn(async move {
                ended.await;
                name
            });
        };
        wait("any", None);
        wait("strong", Some("strong"));
        tokio::task::yield_now().await;
        let second = next_as(&first, Some("strong"), 1).await;
        tokio::task::yield_now().await;
        assert!(streams.try_join_next().is_none());
        // The one after that counts as well.
        let third = next_as(&second, Some("weak"), 2).await;
        assert_eq!(streams.join_next().await.unwrap().unwrap(), "strong");
        // What begins to wait only now, by the first one, is not better off.
        first.ended_unless(|next| next.identity.authn_context.is_none()).await;
        sessions.end_watched(at(3)).await.unwrap();
        tokio::task::yield_now().await;
        assert!(streams.try_join_next().is_none());
        sessions.end(&third, EndReason::SignOut, at(3)).await.unwrap();
        assert_eq!(streams.join_next().await.unwrap().unwrap(), "any");
    }

    #[tokio::test]
    async fn other_rules_are_in_force_with_the_next_request() {
        let people = Arc::new(Changeable::default());
        let sessions = over(&store().await).knowing(people.clone());
        let (token, before) = open(&sessions, "alice").await;
        let mut streams = JoinSet::new();
        streams.spawn(before.ended());
        tokio::task::yield_now().await;
        *lock(&people.roles) = Some(vec![role("board")]);
        sessions.renew_all(at(1)).await.unwrap();
        let after = sessions.resolve(&token, at(1)).await.unwrap().unwrap();
        assert_eq!(after.identity().roles, [role("board")]);
    }

    #[tokio::test]
    async fn what_is_no_token_of_ours_is_nobody() {
        let sessions = over(&store().await);
        open(&sessions, "alice").await;
        for token in ["", "x", &"a".repeat(43), &"a".repeat(44), &"é".repeat(43)] {
            assert!(sessions.cached(token, at(1)).is_none());
            assert!(!is_live(&sessions, token, at(1)).await);
        }
    }

    #[tokio::test]
    async fn an_ended_session_is_gone_at_once_and_stays_gone() {
        let store = store().await;
        let sessions = over(&store);
        let (token, session) = open(&sessions, "alice").await;
        sessions.cached(&token, at(1)).unwrap();
        assert!(sessions.end(&session, EndReason::SignOut, at(1)).await.unwrap());
        assert!(sessions.cached(&token, at(1)).is_none());
        assert!(!is_live(&sessions, &token, at(1)).await);
        assert!(session.has_ended());
        // A request that was under way when it ended.
        session.see(at(2));
        store.touch(&[(session.hash, at(2))]).await.unwrap();
        sessions.flush_touched(at(2)).await.unwrap();
        assert!(!is_live(&over(&store), &token, at(2)).await);
        assert!(!sessions.end(&session, EndReason::SignOut, at(2)).await.unwrap());
    }

    #[tokio::test]
    async fn a_session_ends_when_it_was_idle_or_its_lifetime_is_over() {
        let store = store().await;
        let sessions = over(&store);
        let (token, _) = open(&sessions, "alice").await;
        for minutes in (0..12 * 60).step_by(59) {
            assert!(sessions.cached(&token, at(minutes)).is_some(), "{minutes}");
        }
        assert!(sessions.cached(&token, at(12 * 60)).is_none());
        assert!(!is_live(&sessions, &token, at(12 * 60)).await);
        let (token, _) = open(&sessions, "bob").await;
        assert!(sessions.cached(&token, at(60)).is_none());
        assert!(!is_live(&sessions, &token, at(60)).await);
        assert!(
            !is_live(&sessions, &token, at(1)).await,
            "an ended session is deleted"
        );
    }

    #[tokio::test]
    async fn session_not_on_or_after_ends_a_session_early() {
        let sessions = over(&store().await);
        let mut identity = Identity::for_test("alice", at(0));
        identity.session_not_on_or_after = Some(at(5));
        let (token, _) = enter(&sessions, identity, None).await;
        assert!(sessions.cached(token.reveal(), at(4)).is_some());
        assert!(!is_live(&sessions, token.reveal(), at(5)).await);
    }

    #[tokio::test]
    async fn what_another_process_ended_is_forgotten() {
        let store = store().await;
        let (server, command) = (over(&store), over(&store));
        let (alices, alice) = open(&server, "alice").await;
        let (bobs, _) = open(&server, "bob").await;
        // Even what was ended before the server asked for the first time.
        command.end(&alice, EndReason::Revoked, at(1)).await.unwrap();
        server.forget_ended(at(1)).await.unwrap();
        assert!(!is_live(&server, &alices, at(1)).await);
        assert!(is_live(&server, &bobs, at(1)).await);
        let user = Identity::for_test("bob", at(0)).user;
        assert_eq!(
            command.end_user(&user, EndReason::UserDisabled, at(2)).await.unwrap(),
            1
        );
        assert!(server.cached(&bobs, at(2)).is_some(), "not yet known");
        server.forget_ended(at(1)).await.unwrap();
        assert!(server.cached(&bobs, at(2)).is_none());
        assert!(!is_live(&server, &bobs, at(2)).await);
    }

    #[tokio::test]
    async fn a_session_for_another_host_lives_and_ends_with_its_family() {
        let store = store().await;
        let sessions = over(&store);
        let (parents, parent) = open(&sessions, "alice").await;
        let hand_over = async |parent: &OpenSession, host: &str| {
            sessions.hand_over(parent, host, &SystemEntropy, at(1)).await.unwrap()
        };
        let (token, child) = hand_over(&parent, "wiki.example.com").await.unwrap();
        assert_eq!(
            (child.sid(), child.identity()),
            (parent.sid(), parent.identity())
        );
        assert_eq!(
            (child.opened_at, child.not_after),
            (at(1), parent.not_after)
        );
        let auth = "auth.example.com";
        assert!(child.is_for("Wiki.Example.com", auth) && !child.is_for(auth, auth));
        assert!(parent.is_for(auth, auth) && !parent.is_for("wiki.example.com", auth));
        let restarted = over(&store);
        let found = restarted.resolve(token.reveal(), at(2)).await.unwrap().unwrap();
        assert_eq!(found.host.as_deref(), Some("wiki.example.com"));
        // It ends alone when it was idle, and with everybody when somebody ended one of them.
        let (other, _) = hand_over(&parent, "forum.example.com").await.unwrap();
        sessions.cached(&parents, at(50)).unwrap();
        sessions.cached(other.reveal(), at(50)).unwrap();
        assert!(!is_live(&sessions, token.reveal(), at(62)).await);
        assert!(is_live(&sessions, &parents, at(62)).await);
        let (token, child) = hand_over(&parent, "wiki.example.com").await.unwrap();
        assert!(sessions.end(&child, EndReason::SignOut, at(63)).await.unwrap());
        for token in [&parents, token.reveal(), other.reveal()] {
            assert!(!is_live(&sessions, token, at(63)).await);
            assert!(!is_live(&over(&store), token, at(63)).await);
        }
        assert!(parent.has_ended());
        assert!(hand_over(&parent, "wiki.example.com").await.is_none());
    }

    #[tokio::test]
    async fn whoever_waits_for_the_end_of_a_session_hears_of_it_whatever_it_was() {
        let store = store().await;
        let (sessions, command) = (over(&store), over(&store));
        sessions.forget_ended(at(1)).await.unwrap();
        let mut waiting = JoinSet::new();
        for name in ["alice", "bob", "carol"] {
            let (_, session) = open(&sessions, name).await;
            let ended = session.ended();
            waiting.spawn(async move {
                ended.await;
                session.identity().user_name
            });
            tokio::task::yield_now().await;
        }
        // They fall out of the cache, and are watched all the same.
        sessions.cache.clear();
        let end = async |name: &str| {
            let user = Identity::for_test(name, at(0)).user;
            command.end_user(&user, EndReason::Revoked, at(1)).await.unwrap();
        };
        sessions.end_watched(at(1)).await.unwrap();
        end("alice").await;
        sessions.forget_ended(at(1)).await.unwrap();
        assert_eq!(waiting.join_next().await.unwrap().unwrap(), "alice");
        // A message was lost.
        end("bob").await;
        sessions.end_watched(at(1)).await.unwrap();
        assert_eq!(waiting.join_next().await.unwrap().unwrap(), "bob");
        sessions.end_watched(at(60)).await.unwrap();
        assert_eq!(waiting.join_next().await.unwrap().unwrap(), "carol");
    }

    #[tokio::test]
    async fn the_sessions_of_a_name_id_end_by_what_the_identity_provider_calls_them() {
        let store = store().await;
        let sessions = over(&store);
        let named = async |index: &str, qualifier: Option<&str>| {
            let mut identity = Identity::for_test("alice", at(0));
            identity.session_index = Some(index.to_owned());
            identity.other_session_indexes = vec![format!("{index}b")];
            if let Some(name_id) = &mut identity.name_id {
                name_id.sp_name_qualifier = qualifier.map(str::to_owned);
            }
            enter(&sessions, identity, None).await.0.reveal().to_owned()
        };
        let (first, second) = (named("_s1", None).await, named("_s2", None).await);
        let elsewhere = named("_s1", Some("https://other.example.com")).await;
        let name_id = Identity::for_test("alice", at(0)).name_id.unwrap();
        let sp = "https://app.example.com";
        let named = NameId { sp_name_qualifier: Some(sp.to_owned()), ..name_id.clone() };
        let name_id = named.between(|_| false, sp);
        let corp = Identity::for_test("alice", at(0)).idp;
        let end = async |idp: &str, name_id: &NameId, indexes: &[&str]| {
            let indexes: Vec<_> = indexes.iter().map(|index| (*index).to_owned()).collect();
            let reason = EndReason::SingleLogout;
            let ended =
                sessions.end_named(&corp, idp, name_id, &indexes, reason, at(1)).await.unwrap();
            ended.sessions.len()
        };
        let idp = "https://idp.example.com";
        assert_eq!(end("https://other.example.com", &name_id, &[]).await, 0);
        assert_eq!(end(idp, &name_id, &["_s3"]).await, 0);
        for strangers in [true, false] {
            let (name, sp) = (Some("https://other.example".to_owned()), None);
            let (name_qualifier, sp_name_qualifier) =
                if strangers { (name, sp) } else { (sp, name) };
            let theirs = NameId { name_qualifier, sp_name_qualifier, ..name_id.clone() };
            assert_eq!(end(idp, &theirs, &[]).await, 0);
        }
        assert_eq!(end(idp, &name_id, &["_s3", "_s2b"]).await, 1);
        assert!(!is_live(&sessions, &second, at(1)).await);
        let theirs = NameId {
            sp_name_qualifier: Some("https://other.example.com".to_owned()),
            ..name_id.clone()
        };
        assert_eq!(end(idp, &theirs, &[]).await, 1);
        assert!(!is_live(&sessions, &elsewhere, at(1)).await);
        assert_eq!(end(idp, &name_id, &[]).await, 1);
        assert!(!is_live(&sessions, &first, at(1)).await);
        let format = NameId { format: Some(NameId::PERSISTENT.to_owned()), ..name_id };
        assert_eq!(end(idp, &format, &[]).await, 0);
    }

    #[tokio::test]
    async fn the_sweep_spares_sessions_of_which_only_memory_knows_that_they_are_in_use() {
        let store = store().await;
        let sessions = over(&store);
        let (used, _) = open(&sessions, "alice").await;
        let (idle, _) = open(&sessions, "bob").await;
        sessions.cached(&used, at(50)).unwrap();
        assert_eq!(sessions.sweep(at(70)).await.unwrap(), 1);
        assert!(is_live(&over(&store), &used, at(70)).await);
        assert!(!is_live(&over(&store), &idle, at(1)).await);
        assert_eq!(sessions.count(at(70)).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_session_that_falls_out_of_memory_keeps_when_it_was_seen() {
        let store = store().await;
        let small = sized(&store, 1);
        let (token, _) = open(&small, "alice").await;
        small.resolve(&token, at(50)).await.unwrap().unwrap();
        for other in 0..50 {
            let (token, _) = open(&small, &format!("user{other}")).await;
            small.resolve(&token, at(50)).await.unwrap().unwrap();
        }
        assert!(is_live(&small, &token, at(100)).await);
        small.flush_touched(at(100)).await.unwrap();
        assert!(is_live(&over(&store), &token, at(150)).await);
    }

    #[tokio::test]
    async fn the_newest_session_of_a_browser_is_found_while_it_lives() {
        let sessions = over(&store().await);
        let (_, session) = open(&sessions, "alice").await;
        let newest = |now| sessions.newest_of_browser(&[7; 32], now);
        assert_eq!(newest(at(1)).await.unwrap().unwrap().sid(), session.sid());
        assert!(sessions.newest_of_browser(&[8; 32], at(1)).await.unwrap().is_none());
        assert!(newest(at(60)).await.unwrap().is_none());
        sessions.end(&session, EndReason::SignOut, at(1)).await.unwrap();
        assert!(newest(at(1)).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_store_that_is_down_is_an_error_and_not_a_missing_session() {
        let store = store().await;
        let sessions = over(&store);
        let (token, _) = open(&sessions, "alice").await;
        store.close().await;
        assert!(
            is_live(&sessions, &token, at(1)).await,
            "memory still knows"
        );
        let failed = sessions.resolve(&"a".repeat(43), at(1)).await.unwrap_err();
        assert_eq!(failed.code().as_str(), "store.unavailable");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn look_ups_that_race_an_ending_do_not_bring_the_session_back() {
        let store = store().await;
        for _ in 0..50 {
            let sessions = Arc::new(over(&store));
            let (token, session) = open(&sessions, "alice").await;
            sessions.cache.clear();
            let mut tasks = JoinSet::new();
            for _ in 0..4 {
                let (sessions, token) = (Arc::clone(&sessions), token.clone());
                tasks.spawn(async move { sessions.resolve(&token, at(1)).await.map(|_| ()) });
            }
            sessions.end(&session, EndReason::SignOut, at(1)).await.unwrap();
            assert!(tasks.join_all().await.iter().all(Result::is_ok));
            assert!(sessions.cached(&token, at(1)).is_none());
        }
    }
}
