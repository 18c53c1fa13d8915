//! A signature by a key that is not in the metadata: perhaps the metadata is old.
//!
//! In: the name of an identity provider, from a sign-in that waits. Out: word that its metadata was
//! asked for again. Once in a minute for each of them, and for each address ([`Pauses`]), however many
//! sign-ins there are, so that whoever sends us forgeries can not make us ask all day. Those that
//! come while it is asked for wait for the same answer.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use crate::base::{IdpName, Timestamp};

/// Between two questions for the metadata of one identity provider, and two for one address.
const PAUSE: Duration = Duration::from_secs(60);

/// When addresses were asked because of a sign-in. An aggregate has many identity providers: forgeries
/// that name one after another get one question in a minute.
#[derive(Debug, Default)]
pub struct Pauses(HashMap<String, Timestamp>);

impl Pauses {
    /// Whether an address may be asked now; if so, it may not for the next minute.
    pub fn begin(&mut self, url: &str, now: Timestamp) -> bool {
        self.0.retain(|_, asked| is_recent(*asked, now));
        if self.0.contains_key(url) {
            return false;
        }
        self.0.insert(url.to_owned(), now);
        true
    }
}

fn is_recent(asked: Timestamp, now: Timestamp) -> bool {
    now < asked.plus(PAUSE) && asked <= now
}

/// What is wanted, and who waits for it.
#[derive(Debug, Default)]
pub struct Renewals {
    inner: Mutex<Inner>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    asked: HashMap<IdpName, Timestamp>,
    wanted: HashSet<IdpName>,
    waiting: HashMap<IdpName, Vec<oneshot::Sender<()>>>,
}

impl Renewals {
    /// Wants the metadata of one to be asked for again. What comes back tells when that is done;
    /// `None` when it was done within the last minute.
    pub fn want(&self, idp: &IdpName, now: Timestamp) -> Option<oneshot::Receiver<()>> {
        let mut inner = self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !inner.waiting.contains_key(idp) {
            if inner.asked.get(idp).is_some_and(|asked| is_recent(*asked, now)) {
                return None;
            }
            inner.asked.insert(idp.clone(), now);
            inner.wanted.insert(idp.clone());
        }
        let (tell, told) = oneshot::channel();
        inner.waiting.entry(idp.clone()).or_default().push(tell);
        drop(inner);
        self.wake.notify_one();
        Some(told)
    }

    /// Those that are wanted, and were not taken before; waits for some.
    pub async fn wanted(&self) -> Vec<IdpName> {
        loop {
            let taken: Vec<IdpName> = self
                .inner
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .wanted
                .drain()
                .collect();
            if !taken.is_empty() {
                return taken;
            }
            self.wake.notified().await;
        }
    }

    /// Tells those who wait for one that it was asked for, whatever came of it.
    pub fn done(&self, idp: &IdpName) {
        let mut inner = self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for tell in inner.waiting.remove(idp).unwrap_or_default() {
            // They may have stopped waiting.
            let _ = tell.send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corp() -> IdpName {
        IdpName::parse("corp").unwrap()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds)
    }

    #[tokio::test]
    async fn one_question_answers_all_who_wait_and_the_next_is_a_minute_later() {
        let renewals = Renewals::default();
        let first = renewals.want(&corp(), at(0)).unwrap();
        let second = renewals.want(&corp(), at(1)).unwrap();
        assert_eq!(renewals.wanted().await, [corp()]);
        let third = renewals.want(&corp(), at(2)).unwrap();
        renewals.done(&corp());
        for told in [first, second, third] {
            told.await.unwrap();
        }
        assert!(renewals.want(&corp(), at(59)).is_none());
        assert!(renewals.want(&corp(), at(60)).is_some());
        assert_eq!(renewals.wanted().await, [corp()]);
    }

    #[test]
    fn an_address_is_asked_once_in_a_minute_whoever_is_named() {
        let mut pauses = Pauses::default();
        let (all, other) = (
            "https://federation.example.com/all",
            "https://idp.example.com/",
        );
        assert!(pauses.begin(all, at(0)));
        assert!(!pauses.begin(all, at(1)));
        assert!(pauses.begin(other, at(1)));
        assert!(!pauses.begin(all, at(59)));
        assert!(pauses.begin(all, at(60)));
        // A clock that was set back holds nobody up.
        assert!(pauses.begin(all, at(30)));
    }

    #[tokio::test]
    async fn one_identity_provider_does_not_hold_up_another() {
        let renewals = Renewals::default();
        let other = IdpName::parse("other").unwrap();
        assert!(renewals.want(&corp(), at(0)).is_some());
        assert!(renewals.want(&other, at(0)).is_some());
        assert_eq!(renewals.wanted().await.len(), 2);
        renewals.done(&other);
        assert!(renewals.want(&corp(), at(1)).is_some());
        assert!(renewals.want(&other, at(1)).is_none());
    }
}
