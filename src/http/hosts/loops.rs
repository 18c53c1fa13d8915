//! A browser that is signed in again and again, since something keeps its session from coming back.
//!
//! In: each sign-in that was completed for a browser, and each time that it has to sign in. Out:
//! whether that is a loop. It is noted in memory: a loop goes round in seconds. What other nodes
//! did, the store of sessions tells ([`Gateway::ask_other_nodes`](crate::http::Gateway)).

use std::sync::{Arc, Mutex, PoisonError};
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
const OFTEN: u32 = 3;
/// Browsers that are noted at most; beyond, the oldest is forgotten, and its loop is found later.
const BROWSERS: u64 = 50_000;

#[derive(Debug)]
struct Turns {
    signed_in: Timestamp,
    returned: u32,
}

impl Default for Loops {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(BROWSERS).time_to_idle(SOON * 2).build())
    }
}

impl Loops {
    /// A sign-in of this browser was completed.
    pub fn signed_in(&self, browser: [u8; 32], now: Timestamp) {
        let fresh = || Arc::new(Mutex::new(Turns { signed_in: now, returned: 0 }));
        let turns = self.0.get_with(browser, fresh);
        let mut turns = turns.lock().unwrap_or_else(PoisonError::into_inner);
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
        let mut turns = turns.lock().unwrap_or_else(PoisonError::into_inner);
        if now >= turns.signed_in.plus(SOON) {
            return false;
        }
        turns.returned = turns.returned.saturating_add(1);
        turns.returned >= OFTEN
    }

    /// It was shown why it may not go on: that was no round.
    pub fn stopped(&self, browser: &[u8; 32]) {
        if let Some(turns) = self.0.get(browser) {
            let mut turns = turns.lock().unwrap_or_else(PoisonError::into_inner);
            turns.returned = turns.returned.saturating_sub(1);
        }
    }

    /// It signed out: signing in again is what people then do.
    pub fn signed_out(&self, browser: &[u8; 32]) {
        self.0.invalidate(browser);
    }
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
}
