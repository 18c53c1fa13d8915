//! When metadata is asked for again.
//!
//! In: how it went so far, what the metadata says about itself, and a random number. Out: a moment.
//! New keys are published days before their use, so once in an hour is soon enough where nothing
//! else is said; and what says that it is good for a week is asked for every day all the same.

use std::time::Duration;

use crate::base::Timestamp;

/// Where metadata does not say how long it may be kept.
const USUALLY: Duration = Duration::from_secs(3600);
/// However long it may be kept.
const AT_MOST: Duration = Duration::from_secs(24 * 3600);
/// However short.
const AT_LEAST: Duration = Duration::from_secs(60);
/// After the first failure; twice as long after each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(60);
/// However many failures.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// How it went so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History {
    /// When it was tried last.
    pub tried_at: Timestamp,
    /// How often it went wrong since it went well.
    pub failures: u32,
    /// What the metadata that we have asks for.
    pub cache_duration: Option<Duration>,
    /// When the metadata that we have ends.
    pub valid_until: Option<Timestamp>,
}

/// When to try again. `random` spreads it by a tenth to either side, so that many gateways, or many
/// identity providers of one gateway, do not ask at the same moment.
///
/// ```
/// use samlgate::base::Timestamp;
/// use samlgate::trust::schedule::{History, next};
/// let tried_at = Timestamp::from_unix_seconds(0);
/// let history = History { tried_at, failures: 0, cache_duration: None, valid_until: None };
/// let middle = u16::MAX / 2;
/// assert_eq!(next(&history, middle).unix_seconds(), 3600);
/// assert_eq!(next(&History { failures: 1, ..history }, middle).unix_seconds(), 60);
/// ```
pub fn next(history: &History, random: u16) -> Timestamp {
    let pause = match history.failures {
        0 => fresh(history),
        failures => {
            let doublings = failures.saturating_sub(1).min(16);
            FIRST_PAUSE.saturating_mul(1_u32 << doublings).min(LONGEST_PAUSE)
        }
    };
    history.tried_at.plus(spread(pause, random).min(AT_MOST))
}

/// At three quarters of the time that is left, if that is sooner: then there is time to try again.
fn fresh(history: &History) -> Duration {
    let usual = history.cache_duration.unwrap_or(USUALLY).min(AT_MOST);
    let left = history.valid_until.map(|until| until.since(history.tried_at));
    let soon = left.map_or(usual, |left| usual.min(left.saturating_mul(3) / 4));
    soon.max(AT_LEAST)
}

/// Nine to eleven tenths.
fn spread(pause: Duration, random: u16) -> Duration {
    let tenth = pause / 10;
    let share = tenth.saturating_mul(2).saturating_mul(u32::from(random)) / u32::from(u16::MAX);
    let spread = pause.saturating_sub(tenth).saturating_add(share);
    // Whole seconds: nobody gains by less.
    Duration::from_secs(spread.saturating_add(Duration::from_millis(500)).as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_unix_seconds(1_795_000_000);
    const MIDDLE: u16 = u16::MAX / 2;

    fn history() -> History {
        History {
            tried_at: START,
            failures: 0,
            cache_duration: None,
            valid_until: None,
        }
    }

    fn pause(history: &History, random: u16) -> u64 {
        next(history, random).since(START).as_secs()
    }

    #[test]
    fn it_is_once_an_hour_unless_the_metadata_says_otherwise_and_at_least_once_a_day() {
        assert_eq!(pause(&history(), MIDDLE), 3600);
        let caching = |seconds| History {
            cache_duration: Some(Duration::from_secs(seconds)),
            ..history()
        };
        assert_eq!(pause(&caching(6 * 3600), MIDDLE), 6 * 3600);
        assert_eq!(pause(&caching(0), MIDDLE), 60);
        assert_eq!(pause(&caching(7 * 86_400), MIDDLE), 86_400);
        assert_eq!(pause(&caching(7 * 86_400), u16::MAX), 86_400);
    }

    #[test]
    fn chance_moves_it_by_a_tenth_at_most() {
        assert_eq!(pause(&history(), 0), 3240);
        assert_eq!(pause(&history(), u16::MAX), 3960);
        for random in (0..u16::MAX).step_by(997) {
            let pause = pause(&history(), random);
            assert!((3240..=3960).contains(&pause), "{pause}");
        }
    }

    #[test]
    fn it_is_asked_for_before_it_ends() {
        let ending = |seconds| History {
            cache_duration: Some(Duration::from_secs(86_400)),
            valid_until: Some(START.plus(Duration::from_secs(seconds))),
            ..history()
        };
        assert_eq!(pause(&ending(4000), MIDDLE), 3000);
        for random in [0, MIDDLE, u16::MAX] {
            assert!(pause(&ending(4000), random) < 4000);
        }
        // What has ended is asked for like what ends now.
        assert_eq!(pause(&ending(0), MIDDLE), 60);
    }

    #[test]
    fn failures_double_the_pause_up_to_an_hour_whatever_the_metadata_says() {
        let pauses = (1..9).map(|failures| {
            let history = History {
                failures,
                valid_until: Some(START),
                cache_duration: Some(Duration::from_secs(1)),
                ..history()
            };
            pause(&history, MIDDLE)
        });
        let pauses: Vec<u64> = pauses.collect();
        assert_eq!(pauses, [60, 120, 240, 480, 960, 1920, 3600, 3600]);
        let many = History { failures: u32::MAX, ..history() };
        assert_eq!(pause(&many, MIDDLE), 3600);
    }
}
