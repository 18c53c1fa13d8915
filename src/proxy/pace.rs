//! Bodies that come too slowly.
//!
//! In: how long we had to wait for a client, and what it brought. Out: when it is too late.
//! Promised: only time counts in which the client was waited for, so that a slow application costs
//! nobody their upload.

use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

use crate::proxy::h1::Alarm;

/// A pace, and what rings when it is not kept.
pub(crate) struct Paced {
    pace: Pace,
    alarm: Alarm,
}

impl Paced {
    /// For a body that begins now: [`LEAST`] bytes of it may take so long, again and again.
    pub(crate) const fn new(limit: Duration, now: Instant) -> Self {
        Self { pace: Pace::new(limit), alarm: Alarm::since(now) }
    }

    /// Something came.
    pub(crate) fn came(&mut self, bytes: u64, now: impl FnOnce() -> Instant) {
        self.pace.came(bytes, now);
    }

    /// Nothing came. Ready when that has lasted too long.
    pub(crate) fn poll(
        &mut self,
        context: &mut Context<'_>,
        now: impl FnOnce() -> Instant,
    ) -> Poll<()> {
        let limit = self.pace.limit;
        let Some(begun) = self.pace.waits(now).and_then(|due| due.checked_sub(limit)) else {
            return Poll::Pending;
        };
        self.alarm.moved(begun);
        self.alarm.poll(context, limit)
    }
}

/// How a body comes.
#[derive(Debug)]
struct Pace {
    limit: Duration,
    /// For the bytes that have come since there were enough of them.
    waited: Duration,
    brought: u64,
    /// We are waiting at the moment.
    since: Option<Instant>,
}

impl Pace {
    const fn new(limit: Duration) -> Self {
        Self { limit, waited: Duration::ZERO, brought: 0, since: None }
    }

    fn came(&mut self, bytes: u64, now: impl FnOnce() -> Instant) {
        if let Some(since) = self.since.take() {
            self.waited = self.waited.saturating_add(now().saturating_duration_since(since));
        }
        self.brought = self.brought.saturating_add(bytes);
        if self.brought >= LEAST {
            (self.waited, self.brought) = (Duration::ZERO, 0);
        }
    }

    /// When the waiting has lasted too long.
    fn waits(&mut self, now: impl FnOnce() -> Instant) -> Option<Instant> {
        let since = *self.since.get_or_insert_with(now);
        since.checked_add(self.limit.saturating_sub(self.waited))
    }
}

/// With the default of a minute, 273 bytes a second: Kestrel and IIS ask for 240, Apache's
/// reqtimeout for 500, and a modem brings 5,000. The minute itself is as long as nginx lets a client
/// be silent: people go through tunnels.
const LEAST: u64 = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    /// Whether a body is too slow that brings so many bytes after so many seconds, one after the
    /// other.
    fn is_too_slow(waits: &[(u64, u64)]) -> bool {
        let mut now = Instant::now();
        let mut pace = Pace::new(LIMIT);
        waits.iter().any(|(wait, bytes)| {
            let due = pace.waits(|| now).unwrap();
            now += seconds(*wait);
            assert_eq!(pace.waits(|| now), Some(due), "asked again meanwhile");
            pace.came(*bytes, || now);
            now >= due
        })
    }

    #[test]
    fn whoever_brings_little_for_long_is_too_slow_and_nobody_else_is() {
        assert!(!is_too_slow(&[(59, 1)]));
        assert!(is_too_slow(&[(60, 1)]));
        assert!(is_too_slow(&[(1, 1); 60]), "a byte each second");
        assert!(
            !is_too_slow(&[(1, 1); 59]),
            "a short body may take a minute"
        );
        assert!(is_too_slow(&[(1, 273); 60]));
        assert!(!is_too_slow(&[(1, 278); 600]), "16 KiB in a minute");
        assert!(is_too_slow(&[(30, 1), (0, 1), (30, 1)]), "two silences");
        assert!(!is_too_slow(&[(59, LEAST); 5]), "silent, then quick");
    }

    #[test]
    fn time_in_which_nobody_waits_for_the_client_does_not_count() {
        let mut now = Instant::now();
        let mut pace = Pace::new(LIMIT);
        for _ in 0..10 {
            assert!(pace.waits(|| now) > Some(now + seconds(1)));
            now += seconds(1);
            pace.came(1, || now);
            // The application takes its time.
            now += LIMIT * 2;
        }
        assert_eq!(pace.waits(|| now), Some(now + seconds(50)));
    }
}
