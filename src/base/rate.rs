//! How often something may happen: `30/m`.

use std::num::NonZeroU32;
use std::time::Duration;

/// So many times in a second, a minute or an hour.
///
/// ```
/// use samlgate::base::Rate;
/// let rate = Rate::parse("30/m").unwrap();
/// assert_eq!((rate.count.get(), rate.per.as_secs()), (30, 60));
/// assert_eq!(Rate::parse("0/s"), None);
/// assert_eq!(Rate::parse("30/d"), None);
/// assert_eq!(Rate::parse("30"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// This many times, all at once if need be …
    pub count: NonZeroU32,
    /// … in this time.
    pub per: Duration,
}

impl Rate {
    /// Reads a whole number, `/`, and `s`, `m` or `h`.
    pub fn parse(text: &str) -> Option<Self> {
        let (count, unit) = text.split_once('/')?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return None,
        };
        let digits = count.bytes().all(|byte| byte.is_ascii_digit());
        let count = count.parse().ok().filter(|_| digits)?;
        Some(Self { count, per: Duration::from_secs(seconds) })
    }
}
