//! Sizes as people write them: `64KiB`, `10MiB`, `2GB`.

/// Reads a whole number and a unit, without spaces; `None` for anything else.
///
/// ```
/// use samlgate::config::parse_size;
/// assert_eq!(parse_size("10MiB"), Some(10 * 1024 * 1024));
/// assert_eq!(parse_size("2GB"), Some(2_000_000_000));
/// assert_eq!(parse_size("0B"), Some(0));
/// assert_eq!(parse_size("10"), None);
/// assert_eq!(parse_size("10M"), None);
/// ```
pub fn parse_size(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let bytes = match unit {
        "B" => 1,
        "KB" => 1000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(bytes)
}
