//! Durations as people write them: `180s`, `15m`, `1h`, `7d`.

use std::time::Duration;

/// Reads a whole number and a unit, without spaces; `None` for anything else.
///
/// ```
/// use std::time::Duration;
/// use samlgate::config::parse_duration;
/// assert_eq!(parse_duration("15m"), Some(Duration::from_secs(900)));
/// assert_eq!(parse_duration("7d"), Some(Duration::from_secs(604_800)));
/// assert_eq!(parse_duration("15"), None);
/// assert_eq!(parse_duration("1h30m"), None);
/// assert_eq!(parse_duration("-1h"), None);
/// ```
pub fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    // A hundred years are enough for every key, and keep sums of times in range.
    let number = number.parse::<u64>().ok().filter(|number| *number <= 3_155_760_000)?;
    number
        .checked_mul(seconds)
        .filter(|sum| *sum <= 3_155_760_000)
        .map(Duration::from_secs)
}
