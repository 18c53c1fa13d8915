//! Which texts can be values, and which of those can be identifiers.

/// Longest identifier, in characters. Directories stop at 256, and so do the databases of most
/// applications behind us.
pub const MAX_IDENTIFIER: usize = 256;

/// What is wrong with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nothing, or nothing but white space.
    #[error("is empty")]
    Empty,
    /// More than [`MAX_IDENTIFIER`] characters.
    #[error("is too long")]
    TooLong,
    /// White space at its beginning or end: two identifiers that look the same.
    #[error("begins or ends with white space")]
    OuterSpace,
    /// Control characters, line separators or bidirectional controls: it reads as another one.
    #[error("holds a control character")]
    Control,
    /// A character that is not shown: it looks like the same identifier without it.
    #[error("holds a character that nobody sees")]
    Invisible,
}

/// Checks a value by which people are told apart (rules N2 of saml2int's SDP-G02).
///
/// ```
/// use samlgate::identity::value::{Fault, check_identifier};
/// assert_eq!(check_identifier("alice@example.com"), Ok(()));
/// assert_eq!(check_identifier("alice@example.com "), Err(Fault::OuterSpace));
/// assert_eq!(check_identifier("alice\u{202e}moc"), Err(Fault::Control));
/// assert_eq!(check_identifier("al\u{200b}ice"), Err(Fault::Invisible));
/// ```
pub fn check_identifier(text: &str) -> Result<(), Fault> {
    if !text.is_empty() && text.len() <= MAX_IDENTIFIER && all(text, |byte| byte.is_ascii_graphic())
    {
        return Ok(());
    }
    if text.chars().all(char::is_whitespace) {
        return Err(Fault::Empty);
    }
    check_value(text)?;
    if text.chars().any(is_invisible) {
        return Err(Fault::Invisible);
    }
    if text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace) {
        return Err(Fault::OuterSpace);
    }
    if text.chars().count() > MAX_IDENTIFIER {
        return Err(Fault::TooLong);
    }
    Ok(())
}

/// Checks any value that is mapped to something of ours (rule N2): it goes into headers, logs and
/// pages, and there nothing may end a line or turn one around.
///
/// ```
/// use samlgate::identity::value::{Fault, check_value};
/// assert_eq!(check_value(" Zoë 👩\u{200d}💻 "), Ok(()));
/// assert_eq!(check_value("staff\nadmins"), Err(Fault::Control));
/// ```
pub fn check_value(text: &str) -> Result<(), Fault> {
    let plain = all(text, |byte| byte.is_ascii_graphic() | (byte == b' '));
    match !plain && text.chars().any(is_forbidden) {
        true => Err(Fault::Control),
        false => Ok(()),
    }
}

/// Whether every byte is so. It goes to the end in any case: without a way out in the middle, many
/// bytes are looked at together.
fn all(text: &str, so: impl Fn(u8) -> bool) -> bool {
    text.bytes().fold(true, |all, byte| all & so(byte))
}

/// Soft hyphen, zero-width characters, invisible operators, byte order mark, tags, selectors of
/// variants.
const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{00ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// C0, DEL and C1; line and paragraph separator; everything that turns the direction of text.
fn is_forbidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{061c}' | '\u{200e}' | '\u{200f}'
                | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}
