//! `[session]`: how long a session may last. Pure: times in, times out.

use std::time::Duration;

use crate::base::Timestamp;
use crate::session::EndReason;

/// Idle and absolute lifetime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// Ends after this long without a request (`idle_timeout`).
    pub idle: Duration,
    /// Ends this long after sign-in whatever happens (`lifetime`), and never later than
    /// SessionNotOnOrAfter.
    pub absolute: Duration,
}

impl Lifetimes {
    /// When a session that is opened now ends at the latest.
    ///
    /// SessionNotOnOrAfter is taken literally (profiles 4.1.4.3). `PingOne` sends five minutes by
    /// default; the remedy is its own setting for the session length, not our disobedience.
    pub fn not_after(
        &self,
        session_not_on_or_after: Option<Timestamp>,
        now: Timestamp,
    ) -> Timestamp {
        let ours = now.plus(self.absolute);
        session_not_on_or_after.map_or(ours, |theirs| theirs.min(ours))
    }

    /// Why a session is over, if it is. Both limits are exclusive, like every NotOnOrAfter.
    pub fn over(
        &self,
        not_after: Timestamp,
        last_seen: Timestamp,
        now: Timestamp,
    ) -> Option<EndReason> {
        if now >= not_after {
            Some(EndReason::Lifetime)
        } else if now >= last_seen.plus(self.idle) {
            Some(EndReason::Idle)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFETIMES: Lifetimes = Lifetimes {
        idle: Duration::from_secs(3600),
        absolute: Duration::from_secs(12 * 3600),
    };

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_unix_seconds(1_795_000_000 + hours * 3600)
    }

    #[test]
    fn the_earlier_of_lifetime_and_session_not_on_or_after_counts() {
        assert_eq!(LIFETIMES.not_after(None, at(0)), at(12));
        assert_eq!(LIFETIMES.not_after(Some(at(8)), at(0)), at(8));
        assert_eq!(LIFETIMES.not_after(Some(at(24)), at(0)), at(12));
    }

    #[test]
    fn both_limits_are_exclusive() {
        let moment = Duration::from_micros(1);
        let over = |last_seen, now| LIFETIMES.over(at(12), last_seen, now);
        assert_eq!(over(at(0), at(1).minus(moment)), None);
        assert_eq!(over(at(0), at(1)), Some(EndReason::Idle));
        assert_eq!(over(at(12), at(12).minus(moment)), None);
        assert_eq!(over(at(12), at(12)), Some(EndReason::Lifetime));
    }

    #[test]
    fn a_clock_that_was_set_back_ends_nothing() {
        assert_eq!(LIFETIMES.over(at(12), at(3), at(1)), None);
    }
}
