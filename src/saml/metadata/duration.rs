//! `xs:duration`, which `cacheDuration` is.

use std::time::Duration;

/// Reads a duration of XML Schema that is not negative; `None` for anything else.
///
/// A year and a month have no fixed length. For how long a copy may be kept the shorter reading is
/// the careful one: 365 and 28 days. A fraction of a second is dropped.
///
/// ```
/// use std::time::Duration;
/// use samlgate::saml::metadata::parse_duration;
/// assert_eq!(parse_duration("PT6H"), Some(Duration::from_secs(6 * 3600)));
/// assert_eq!(parse_duration("P1DT0.5S"), Some(Duration::from_secs(86_400)));
/// assert_eq!(parse_duration("6h"), None);
/// ```
pub fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    let rest = text.strip_prefix('P')?;
    let (days, time) = match rest.split_once('T') {
        Some((days, time)) if !time.is_empty() => (days, time),
        Some(_) => return None,
        None => (rest, ""),
    };
    if days.is_empty() && time.is_empty() {
        return None;
    }
    let days = sum(days, &[('Y', 365 * DAY), ('M', 28 * DAY), ('D', DAY)])?;
    let time = sum(time, &[('H', 3600), ('M', 60), ('S', 1)])?;
    Some(Duration::from_secs(days.checked_add(time)?))
}

const DAY: u64 = 86_400;

/// Numbers with these letters behind them, each at most once and in this order.
fn sum(text: &str, units: &[(char, u64)]) -> Option<u64> {
    let mut rest = text;
    let mut sum = 0_u64;
    for (letter, seconds) in units {
        let Some((number, behind)) = rest.split_once(*letter) else {
            continue;
        };
        let whole = match number.split_once('.') {
            Some((whole, fraction)) if *letter == 'S' && is_number(fraction) => whole,
            Some(_) => return None,
            None => number,
        };
        if !is_number(whole) {
            return None;
        }
        let number: u64 = whole.parse().ok()?;
        sum = sum.checked_add(number.checked_mul(*seconds)?)?;
        rest = behind;
    }
    rest.is_empty().then_some(sum)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_read_as_xml_schema_writes_it() {
        for (text, seconds) in [
            ("PT0S", 0),
            ("PT1H", 3600),
            ("P1D", 86_400),
            ("PT604800S", 604_800),
            ("P1DT2H3M4.5S", 86_400 + 7200 + 180 + 4),
            ("P1M", 28 * 86_400),
            ("P1Y", 365 * 86_400),
            (" PT5M\n", 300),
        ] {
            let expected = Some(Duration::from_secs(seconds));
            assert_eq!(parse_duration(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_none() {
        for text in [
            "",
            "P",
            "PT",
            "P1",
            "1D",
            "-P1D",
            "P-1D",
            "P1H",
            "PT1D",
            "PT1H2H",
            "PT1M1H",
            "PT1.5H",
            "PT.5S",
            "PT5.S",
            "P1D2",
            "p1d",
            "PT99999999999999999999S",
            "P99999999999999999D",
            "P1DT",
        ] {
            assert_eq!(parse_duration(text), None, "{text:?}");
        }
    }
}
