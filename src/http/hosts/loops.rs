//! A browser that is signed in again and again.
//!
//! In: each sign-in that was completed for a browser, and each time that it has to sign in. Out:
//! whether that is a loop: something keeps its session from coming back, or it comes back and what
//! is asked for never does. It is noted in memory: a loop goes round in seconds. What other nodes
//! did, the store of sessions tells ([`Gateway::ask_other_nodes`](crate::http::Gateway)).

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use moka::sync::Cache;

use crate::base::Timestamp;

/// Browsers that have signed in lately.
#[derive(Debug)]
pub struct Loops(Cache<[u8; 32], Arc<Mutex<Turns>>>);

/// Signing in within this long after signing in is odd …
const SOON: Duration = Duration::from_secs(60);
/// … and this often in a row it is a loop. Once may be a second tab that was slow, and twice
/// somebody who pressed the button again.
const OFTEN: usize = 3;
/// Somebody with a session may be asked for one thing after the other, and bring each. Nobody does
/// so this often within a minute; two scripts that take turns do.
const MOST: usize = 10;
/// Browsers that are noted at most; beyond, the oldest is forgotten, and its loop is found later.
const BROWSERS: u64 = 50_000;

/// What one browser did.
#[derive(Debug)]
struct Turns {
    signed_in: Timestamp,
    /// How often it came without a session since.
    returned: usize,
    /// How often it came with one; the last is the latest.
    sent_back: VecDeque<SentBack>,
}

/// Somebody who has a session was to sign in once more.
#[derive(Clone, Copy, Debug)]
struct SentBack {
    at: Timestamp,
    session: u64,
    asked: u64,
}

impl Turns {
    const fn new(signed_in: Timestamp) -> Self {
        Self { signed_in, returned: 0, sent_back: VecDeque::new() }
    }
}

impl Default for Loops {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(BROWSERS).time_to_idle(SOON * 2).build())
    }
}

impl Loops {
    /// A sign-in of this browser was completed.
    pub fn signed_in(&self, browser: [u8; 32], now: Timestamp) {
        let turns = self.turns(browser, now);
        let mut turns = lock(&turns);
        if now >= turns.signed_in.plus(SOON) {
            turns.returned = 0;
        }
        turns.signed_in = turns.signed_in.max(now);
    }

    /// The browser has no session and is to sign in. Whether it has been here too often, shortly
    /// after signing in.
    pub fn is_looping(&self, browser: &[u8; 32], now: Timestamp) -> bool {
        let Some(turns) = self.0.get(browser) else {
            return false;
        };
        let mut turns = lock(&turns);
        if now >= turns.signed_in.plus(SOON) {
            return false;
        }
        turns.returned = turns.returned.saturating_add(1);
        turns.returned >= OFTEN
    }

    /// The browser has this session, and is to sign in for what is asked of it. Whether it has signed
    /// in for that several times in a row and is as far as it was; or goes to and fro between several
    /// things that are asked.
    ///
    /// Whoever was asked for something else in between has got what they came for, and who comes with
    /// the same session again, in another tab, has not signed in since.
    pub fn is_going_round(
        &self,
        browser: [u8; 32],
        session: impl Hash,
        asked: impl Hash,
        now: Timestamp,
    ) -> bool {
        let (session, asked) = (digest(session), digest(asked));
        let turns = self.turns(browser, Timestamp::EPOCH);
        let sent_back = &mut lock(&turns).sent_back;
        if sent_back.back().is_some_and(|last| now >= last.at.plus(SOON)) {
            sent_back.clear();
        }
        match sent_back.back_mut().filter(|last| last.session == session) {
            Some(last) => last.asked = asked,
            None => sent_back.push_back(SentBack { at: now, session, asked }),
        }
        if sent_back.len() > MOST {
            sent_back.pop_front();
        }
        let often = sent_back.iter().rev().take_while(|one| one.asked == asked);
        let lately = sent_back.iter().filter(|one| now < one.at.plus(SOON));
        often.count() >= OFTEN || lately.count() >= MOST
    }

    /// What this browser did; where that is nothing, it signed in then.
    fn turns(&self, browser: [u8; 32], signed_in: Timestamp) -> Arc<Mutex<Turns>> {
        self.0.get_with(browser, || Arc::new(Mutex::new(Turns::new(signed_in))))
    }

    /// It was shown why it may not go on: that was no round.
    pub fn stopped(&self, browser: &[u8; 32]) {
        if let Some(turns) = self.0.get(browser) {
            let mut turns = lock(&turns);
            turns.returned = turns.returned.saturating_sub(1);
        }
    }

    /// It signed out: signing in again is what people then do.
    pub fn signed_out(&self, browser: &[u8; 32]) {
        self.0.invalidate(browser);
    }
}

fn lock(turns: &Mutex<Turns>) -> MutexGuard<'_, Turns> {
    turns.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Which of several it is; nothing is decided by it but whether it is the same again.
fn digest(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: [u8; 32] = [1; 32];
    const BOB: [u8; 32] = [2; 32];

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(1_795_000_000 + seconds)
    }

    #[test]
    fn the_third_return_within_a_minute_of_signing_in_is_a_loop() {
        let loops = Loops::default();
        for second in 0..10 {
            assert!(!loops.is_looping(&ALICE, at(second)), "never signed in");
        }
        loops.signed_in(ALICE, at(10));
        assert!(!loops.is_looping(&ALICE, at(11)));
        loops.signed_in(ALICE, at(12));
        assert!(!loops.is_looping(&ALICE, at(13)));
        loops.signed_in(ALICE, at(14));
        assert!(loops.is_looping(&ALICE, at(15)));
        assert!(loops.is_looping(&ALICE, at(16)), "it stays one");
        assert!(!loops.is_looping(&BOB, at(15)), "somebody else's");
        assert!(
            !loops.is_looping(&ALICE, at(74)),
            "after a minute it may try again"
        );
    }

    #[test]
    fn sign_ins_that_are_far_apart_are_none() {
        let loops = Loops::default();
        for minute in 0..10 {
            loops.signed_in(ALICE, at(minute * 61));
            assert!(!loops.is_looping(&ALICE, at(minute * 61 + 30)));
        }
    }

    #[test]
    fn whoever_signs_out_may_sign_in_at_once() {
        let loops = Loops::default();
        for second in 0..10 {
            loops.signed_in(ALICE, at(second));
            assert!(!loops.is_looping(&ALICE, at(second)));
            loops.signed_out(&ALICE);
        }
    }

    #[test]
    fn whoever_is_told_why_and_tries_again_goes_round_nowhere() {
        let loops = Loops::default();
        loops.signed_in(ALICE, at(0));
        for second in 0..10 {
            assert!(!loops.is_looping(&ALICE, at(second)));
            loops.stopped(&ALICE);
        }
        loops.stopped(&BOB);
    }

    #[test]
    fn tabs_that_were_opened_at_once_are_none() {
        let loops = Loops::default();
        for _ in 0..5 {
            assert!(!loops.is_looping(&ALICE, at(0)));
        }
        for second in 1..6 {
            loops.signed_in(ALICE, at(second));
        }
        assert!(!loops.is_looping(&ALICE, at(7)));
    }

    #[test]
    fn who_signs_in_for_the_same_again_and_again_goes_round() {
        let loops = Loops::default();
        assert!(!loops.is_going_round(ALICE, "first", "mfa", at(0)));
        assert!(!loops.is_going_round(ALICE, "second", "mfa", at(20)));
        assert!(loops.is_going_round(ALICE, "third", "mfa", at(40)));
        assert!(
            loops.is_going_round(ALICE, "third", "mfa", at(99)),
            "it stays one"
        );
        assert!(!loops.is_going_round(BOB, "third", "mfa", at(41)));
        assert!(
            !loops.is_going_round(ALICE, "third", "mfa", at(100)),
            "after a minute it may try again"
        );
        // Without a session it is counted apart.
        loops.signed_in(ALICE, at(100));
        assert!(!loops.is_looping(&ALICE, at(101)));
        loops.signed_out(&ALICE);
        for second in 102..104 {
            assert!(!loops.is_going_round(ALICE, second, "mfa", at(second)));
        }
    }

    #[test]
    fn who_is_asked_for_one_thing_after_the_other_goes_round_nowhere() {
        let loops = Loops::default();
        for (second, asked) in ["mfa", "key", "age", "mfa", "", "mfa", "", "age"].iter().enumerate()
        {
            let now = at(second.try_into().unwrap());
            assert!(!loops.is_going_round(ALICE, second, asked, now), "{second}");
        }
        // Nor does another tab.
        for _ in 0..20 {
            assert!(!loops.is_going_round(BOB, "first", "mfa", at(0)));
        }
        assert!(!loops.is_going_round(BOB, "second", "mfa", at(1)));
    }

    #[test]
    fn who_goes_to_and_fro_too_often_within_a_minute_goes_round() {
        let turns = |apart: i64| {
            let loops = Loops::default();
            let goes_round =
                |turn: &i64| loops.is_going_round(ALICE, turn, turn % 2, at(turn * apart));
            (1..100).find(goes_round)
        };
        assert_eq!(turns(1), Some(10));
        assert_eq!(turns(6), Some(10));
        assert_eq!(turns(7), None);
    }
}
