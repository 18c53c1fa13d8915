//! The one clock.
//!
//! In: the system's time. Out: [`Timestamp`], a point in UTC with microseconds. Code that decides
//! takes `now: Timestamp` as its last argument; only the edge of the program owns a [`Clock`].

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const MICROS: i64 = 1_000_000;

/// A point in time: microseconds since 1970-01-01T00:00:00Z, without leap seconds.
///
/// ```
/// use samlgate::base::Timestamp;
/// let issued = Timestamp::parse_saml("2026-11-21T09:30:00.250Z").unwrap();
/// assert_eq!(issued.to_rfc3339(), "2026-11-21T09:30:00.25Z");
/// // Core 1.3.3: UTC, and nothing that merely looks like it.
/// assert!(Timestamp::parse_saml("2026-11-21T09:30:00+00:00").is_none());
/// assert!(Timestamp::parse_saml("2026-11-21T24:00:00Z").is_none());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);
    /// The end of year 9999: later than every date that SAML or X.509 can write.
    pub const FAR_FUTURE: Self = Self(253_402_300_799 * MICROS);

    /// From whole seconds since 1970; saturates.
    pub const fn from_unix_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(MICROS))
    }

    /// From microseconds since 1970, the form in which the store keeps times.
    pub const fn from_unix_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Whole seconds since 1970, rounded down.
    pub const fn unix_seconds(self) -> i64 {
        self.0.div_euclid(MICROS)
    }

    /// Microseconds since 1970.
    pub const fn unix_micros(self) -> i64 {
        self.0
    }

    /// Reads `YYYY-MM-DDThh:mm:ss[.f{1,9}]Z`, years 1970 to 9999, and nothing else.
    ///
    /// Core 1.3.3: times are UTC and carry no other zone. 24:00 and leap seconds are refused,
    /// since two readers could disagree about them. Digits after the microsecond are dropped.
    pub fn parse_saml(text: &str) -> Option<Self> {
        let (months, rest) = text.as_bytes().split_first_chunk()?;
        let ([tens, ones, sign], rest) = rest.split_first_chunk()?;
        let (time, rest) = rest.split_first_chunk()?;
        let [c, y, z, a, _, m, n, _] = digits(*months, *b"0000-00-")?;
        let [d, e, ..] = digits([*tens, *ones, *sign, 0, 0, 0, 0, 0], *b"00T\0\0\0\0\0")?;
        let [h, i, _, j, k, _, s, t] = digits(*time, *b"00:00:00")?;
        let two = |tens, ones| u32::from(tens) * 10 + u32::from(ones);
        let (year, month, day) = (two(c, y) * 100 + two(z, a), two(m, n), two(d, e));
        let (hour, minute, second) = (two(h, i), two(j, k), two(s, t));
        if year < 1970 || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let micros = match rest {
            [b'Z'] => 0,
            [b'.', digits @ .., b'Z'] if (1..=9).contains(&digits.len()) => micros(digits)?,
            _ => return None,
        };
        let in_day = hour * 3600 + minute * 60 + second;
        let seconds = i64::from(days(year, month, day)?) * 86_400 + i64::from(in_day);
        Some(Self(seconds.checked_mul(MICROS)?.checked_add(micros)?))
    }

    /// Reads any RFC 3339 time, and a day, which is its first moment in UTC: what people write.
    ///
    /// ```
    /// use samlgate::base::Timestamp;
    /// let day = Timestamp::parse_moment("2026-11-21").unwrap();
    /// assert_eq!(day.to_rfc3339(), "2026-11-21T00:00:00Z");
    /// assert_eq!(Timestamp::parse_moment("2026-11-21T01:00:00+01:00"), Some(day));
    /// assert!(Timestamp::parse_moment("21.11.2026").is_none());
    /// ```
    pub fn parse_moment(text: &str) -> Option<Self> {
        if text.len() == 10 {
            return Self::parse_saml(&format!("{text}T00:00:00Z"));
        }
        let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        let micros = time.unix_timestamp_nanos().div_euclid(1000);
        i64::try_from(micros).ok().map(Self)
    }

    /// `2026-11-21T09:30:00Z`, with a fraction only where there is one.
    pub fn to_rfc3339(self) -> String {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1000)
            .ok()
            .and_then(|time| time.format(&Rfc3339).ok())
            .unwrap_or_else(|| format!("{}us", self.0))
    }

    /// The same, rounded down to whole seconds: the form in which our own messages carry times.
    pub fn to_saml(self) -> String {
        Self::from_unix_seconds(self.unix_seconds()).to_rfc3339()
    }

    /// This much later; saturates.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// This much earlier; saturates.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// How long ago `earlier` was; zero when it lies ahead.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Whole days from `now` until this time, rounded down; negative once it has passed.
    pub const fn days_left(self, now: Self) -> i64 {
        self.0.saturating_sub(now.0).div_euclid(86_400 * MICROS)
    }
}

/// What the digits say that stand where the pattern has `0`; its other characters stand there too.
fn digits(text: [u8; 8], pattern: [u8; 8]) -> Option<[u8; 8]> {
    // A digit differs from `0` by no more than 9, and nothing else does. All eight at once: what
    // differs by more than it may gets its highest bit set, and none has an influence on the next.
    const HIGHEST: u64 = 0x8080_8080_8080_8080;
    let found = u64::from_le_bytes(text) ^ u64::from_le_bytes(pattern);
    let room = pattern.map(|byte| if byte == b'0' { 0x7f - 9 } else { 0x7f });
    let more = (found & !HIGHEST) + u64::from_le_bytes(room);
    ((found | more) & HIGHEST == 0).then(|| found.to_le_bytes())
}

/// The first six digits of a fraction; the others are digits as well.
fn micros(digits: &[u8]) -> Option<i64> {
    let first = digits.iter().chain(std::iter::repeat(&b'0')).take(6);
    let micros = first.fold(0, |sum, digit| {
        sum * 10 + i64::from(digit.wrapping_sub(b'0'))
    });
    digits.iter().all(u8::is_ascii_digit).then_some(micros)
}

/// The days from 1970-01-01 to a day of a year from then on, if there is such a day.
fn days(year: u32, month: u32, day: u32) -> Option<u32> {
    // Years that begin in March, so that the day that may be missing is the last one.
    const FROM_YEAR_0: u32 = 719_469;
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let longest = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return None,
    };
    if !(1..=longest).contains(&day) {
        return None;
    }
    let (year, months) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let years = year * 365 + year / 4 - year / 100 + year / 400;
    Some(years + (months * 153 + 2) / 5 + day - FROM_YEAR_0)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Where `now` comes from.
pub trait Clock: Send + Sync + 'static {
    /// The time at this moment.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that asks the system"
    )]
    fn now(&self) -> Timestamp {
        // A clock before 1970 is a broken machine; the epoch makes every message "not yet valid".
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::EPOCH.plus(since_epoch)
    }
}

/// How long the program has run, more or less: by a clock that nobody sets.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that asks the system"
)]
pub fn uptime() -> Duration {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    let now = Instant::now();
    now.saturating_duration_since(*FIRST.get_or_init(|| now))
}

/// A clock that is stepped by hand.
#[derive(Debug)]
pub struct TestClock(AtomicI64);

impl TestClock {
    /// Stands still at `start` until it is stepped.
    pub fn at(start: Timestamp) -> Self {
        Self(AtomicI64::new(start.0))
    }

    /// Moves on by `duration`.
    pub fn step(&self, duration: Duration) {
        self.0.store(self.now().plus(duration).0, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// A stop-watch for measuring how long something took. It never decides anything.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now, on the monotonic clock.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that asks the system"
    )]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Time since [`Stopwatch::start`].
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saml_time_is_read_to_the_microsecond() {
        let time = Timestamp::parse_saml("2026-11-21T09:30:00.123456789Z").unwrap();
        assert_eq!(time.unix_micros(), 1_795_253_400_123_456);
        assert_eq!(time.to_saml(), "2026-11-21T09:30:00Z");
    }

    #[test]
    fn what_only_looks_like_a_saml_time_is_refused() {
        for text in [
            "",
            "2026",
            "2026-11-21",
            "2026-11-21T09:30:00",
            "2026-11-21t09:30:00Z",
            "2026-11-21T09:30:00z",
            "2026-11-21T09:30Z",
            "2026-02-30T09:30:00Z",
            "2026-11-21T09:30:60Z",
            "2026-11-21T24:00:00Z",
            "1969-12-31T23:59:59Z",
            "2026-11-21T09:30:00.Z",
            "2026-11-21T09:30:00.1234567890Z",
            "2026-11-21T09:30:00.1x2Z",
            "12026-11-21T09:30:00Z",
            " 2026-11-21T09:30:00Z",
            "2026-11-21T09:30:00Z ",
            "2026-11-21T09:30:00+01:00",
            "-026-11-21T09:30:00Z",
            "2026-13-01T00:00:00Z",
        ] {
            assert!(Timestamp::parse_saml(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn a_day_is_the_one_of_every_other_calendar() {
        // Every day that SAML can write, against the calendar that writes them.
        const EPOCH: i32 = 2_440_588;
        let mut read = 0;
        for year in 1970..=9999 {
            for month in 1..=12_u8 {
                let month = time::Month::try_from(month).unwrap();
                for day in 0..=32_u8 {
                    let date = time::Date::from_calendar_date(year, month, day);
                    let at = date.map(|date| date.to_julian_day() - EPOCH).ok();
                    let days = days(year.unsigned_abs(), u8::from(month).into(), day.into());
                    assert_eq!(days, at.map(i32::unsigned_abs), "{year}-{month}-{day}");
                    read += u32::from(days.is_some());
                }
            }
        }
        assert_eq!(read, 2_932_897);
        assert_eq!((days(2026, 0, 1), days(2026, 13, 1)), (None, None));
        let last = Timestamp::parse_saml("9999-12-31T23:59:59Z");
        assert_eq!(last, Some(Timestamp::FAR_FUTURE));
    }

    #[test]
    fn a_digit_is_a_digit_and_a_sign_is_that_sign_in_each_of_eight_places() {
        let pattern = *b"00-00T0:";
        let right = *b"12-34T5:";
        assert_eq!(digits(right, pattern), Some([1, 2, 0, 3, 4, 0, 5, 0]));
        for place in 0..8 {
            for byte in 0..=255 {
                let mut text = right;
                text[place] = byte;
                let fits = match pattern[place] {
                    b'0' => byte.is_ascii_digit(),
                    sign => byte == sign,
                };
                assert_eq!(digits(text, pattern).is_some(), fits, "{byte} at {place}");
            }
        }
    }

    #[test]
    fn a_fraction_has_up_to_nine_digits() {
        for (fraction, micros) in [
            ("", 0),
            (".1", 100_000),
            (".000001", 1),
            (".0000019", 1),
            (".999999999", 999_999),
            (".100000000", 100_000),
        ] {
            let time = Timestamp::parse_saml(&format!("1970-01-01T00:00:01{fraction}Z"));
            assert_eq!(time, Some(Timestamp(MICROS + micros)), "{fraction}");
        }
        for fraction in [".", ".1234567890", ".x", ".12345678x", ".-1", ",1", ".1Z"] {
            let time = Timestamp::parse_saml(&format!("1970-01-01T00:00:01{fraction}Z"));
            assert_eq!(time, None, "{fraction}");
        }
    }

    #[test]
    fn days_left_counts_down_through_zero() {
        let now = Timestamp::from_unix_seconds(1_000_000);
        assert_eq!(
            now.plus(Duration::from_secs(86_400 * 3 + 5)).days_left(now),
            3
        );
        assert_eq!(now.minus(Duration::from_secs(1)).days_left(now), -1);
    }
}
