//! Clocks of identity providers that run away.
//!
//! In: `IssueInstant` of verified assertions that answer a request of ours, so that each counts once.
//! Out: how far the clock of each identity provider is ahead, which is the median of the last
//! sign-ins: one browser that lay asleep between two pages does not move it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::json;

use crate::base::{IdpName, Timestamp};
use crate::notice::Notice;

/// Sign-ins that count.
const LAST: usize = 31;
/// As few say nothing.
const LEAST: usize = 5;
/// All of these keys begin with it.
pub const PREFIX: &str = "idp-clock/";

/// The offsets of all identity providers, in microseconds. In memory: a clock that is wrong is so
/// after a restart too.
#[derive(Debug, Default)]
pub struct Clocks(Mutex<BTreeMap<IdpName, VecDeque<i64>>>);

/// How far a clock is ahead of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offset {
    /// In microseconds; below 0 it is behind.
    pub micros: i64,
}

impl Clocks {
    /// A verified assertion was made at `issued`.
    pub fn record(&self, idp: &IdpName, issued: Timestamp, now: Timestamp) {
        let offset = issued.unix_micros().saturating_sub(now.unix_micros());
        let mut clocks = self.lock();
        let ring = clocks.entry(idp.clone()).or_default();
        if ring.len() >= LAST {
            ring.pop_front();
        }
        ring.push_back(offset);
    }

    /// The medians, of those that can be told.
    pub fn offsets(&self) -> Vec<(IdpName, Offset)> {
        let clocks = self.lock();
        let offsets = clocks.iter().filter(|(_, ring)| ring.len() >= LEAST);
        let offsets = offsets.filter_map(|(name, ring)| {
            let mut sorted: Vec<i64> = ring.iter().copied().collect();
            sorted.sort_unstable();
            let micros = *sorted.get(sorted.len() / 2)?;
            Some((name.clone(), Offset { micros }))
        });
        offsets.collect()
    }

    /// Forgets those that are not there any more.
    pub fn keep(&self, is_there: impl Fn(&IdpName) -> bool) {
        self.lock().retain(|name, _| is_there(name));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<IdpName, VecDeque<i64>>> {
        // Whoever panicked in here left plain numbers behind.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Offset {
    /// In seconds, with the sign.
    #[expect(
        clippy::as_conversions,
        clippy::cast_precision_loss,
        reason = "microseconds of a gauge: exact for 285 years"
    )]
    pub fn seconds(self) -> f64 {
        self.micros as f64 / 1_000_000.0
    }

    /// What is to be done about it.
    pub fn verdict(self, skew: Duration) -> Verdict {
        let off = Duration::from_micros(self.micros.unsigned_abs());
        match () {
            () if off > skew / 3 => Verdict::Drifts,
            // Somewhere in between it stays as it was, so that nobody is told again and again.
            () if off > skew / 4 => Verdict::Unclear,
            () => Verdict::Right,
        }
    }

    /// What is said of it.
    pub fn notice(self, idp: &IdpName, skew: Duration, now: Timestamp) -> Notice {
        let seconds = Duration::from_micros(self.micros.unsigned_abs()).as_secs();
        let side = if self.micros < 0 {
            "behind ours"
        } else {
            "ahead of ours"
        };
        let skew = skew.as_secs();
        Notice {
            key: format!("{PREFIX}{idp}"),
            text: format!(
                "the clock of {idp} is {seconds} seconds {side}, and {skew} are allowed: \
                 beyond that nobody signs in"
            ),
            advice:
                "see that this machine has its time from a time server (timedatectl), then ask \
                     the administrator of the identity provider to do the same"
                    .to_owned(),
            detail: json!({ "idp": idp, "offset_seconds": self.seconds(), "skew_seconds": skew }),
            at: now,
        }
    }
}

/// Whether a clock is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// By more than a third of what is allowed.
    Drifts,
    /// By hardly less.
    Unclear,
    /// No.
    Right,
}

#[cfg(test)]
mod tests {
    use super::*;

    const SKEW: Duration = Duration::from_secs(180);

    fn corp() -> IdpName {
        IdpName::parse("corp").unwrap()
    }

    fn after(offsets: &[i64]) -> Option<Offset> {
        let clocks = Clocks::default();
        for offset in offsets {
            let now = Timestamp::from_unix_seconds(1_800_000_000);
            let issued = Timestamp::from_unix_seconds(1_800_000_000 + offset);
            clocks.record(&corp(), issued, now);
        }
        clocks.offsets().first().map(|(_, offset)| *offset)
    }

    #[test]
    fn a_few_sign_ins_say_nothing_of_a_clock() {
        assert_eq!(after(&[90, 90, 90, 90]), None);
        assert_eq!(after(&[90, 90, 90, 90, 90]).unwrap().seconds(), 90.0);
    }

    #[test]
    fn one_browser_that_slept_does_not_move_the_median() {
        let mut offsets = vec![-1; 20];
        offsets.extend([-86_400, -3600, -7200]);
        assert_eq!(after(&offsets).unwrap().seconds(), -1.0);
    }

    #[test]
    fn the_last_sign_ins_count() {
        let mut offsets = vec![0; 100];
        offsets.extend([70; 31]);
        assert_eq!(after(&offsets).unwrap().seconds(), 70.0);
    }

    #[test]
    fn a_third_of_the_skew_is_told_and_a_quarter_is_right_again() {
        let verdict = |seconds: i64| Offset { micros: seconds * 1_000_000 }.verdict(SKEW);
        for (seconds, expected) in [
            (61, Verdict::Drifts),
            (-61, Verdict::Drifts),
            (60, Verdict::Unclear),
            (45, Verdict::Right),
            (-1, Verdict::Right),
        ] {
            assert_eq!(verdict(seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn it_says_whose_clock_is_on_which_side() {
        let now = Timestamp::from_unix_seconds(1_800_000_000);
        let said = |seconds: i64| {
            let offset = after(&[seconds; 5]).unwrap();
            offset.notice(&corp(), SKEW, now).text
        };
        assert!(
            said(90).contains("90 seconds ahead of ours, and 180"),
            "{}",
            said(90)
        );
        assert!(
            said(-90).contains("90 seconds behind ours, and 180"),
            "{}",
            said(-90)
        );
    }
}
