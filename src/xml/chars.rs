//! Which characters may stand where: XML 1.0 (fifth edition) 2.2, 2.3; Namespaces in XML 1.0, 4.

/// `S`: space, tab, line feed, carriage return.
pub(super) const fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// `Char`: what a document may hold at all, also by reference.
pub(super) const fn is_char(char: char) -> bool {
    matches!(char, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
}

/// `NameStartChar` without the colon.
pub(super) const fn is_name_start(char: char) -> bool {
    matches!(char,
        'A'..='Z' | '_' | 'a'..='z'
        | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}'
        | '\u{370}'..='\u{37d}' | '\u{37f}'..='\u{1fff}' | '\u{200c}'..='\u{200d}'
        | '\u{2070}'..='\u{218f}' | '\u{2c00}'..='\u{2fef}' | '\u{3001}'..='\u{d7ff}'
        | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}' | '\u{10000}'..='\u{effff}')
}

/// `NameChar` without the colon.
pub(super) const fn is_name_char(char: char) -> bool {
    is_name_start(char)
        || matches!(char,
            '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
}

/// Whether a text is an `NCName`, which is what every ID has to be.
///
/// ```
/// use samlgate::xml::is_ncname;
/// assert!(is_ncname("_a1.b-c"));
/// assert!(!is_ncname("1a") && !is_ncname("a:b") && !is_ncname(""));
/// ```
pub fn is_ncname(text: &str) -> bool {
    if text.is_ascii() {
        let starts = text.bytes().next().is_some_and(|byte| class(byte) & NAME_START != 0);
        return starts && name_length(text.as_bytes()) == text.len();
    }
    let mut chars = text.chars();
    chars.next().is_some_and(is_name_start) && chars.all(is_name_char)
}

/// How many ASCII characters at the beginning may stand in a name.
#[inline]
pub(super) fn name_length(text: &[u8]) -> usize {
    let mut length = 0_usize;
    let mut rest = text;
    loop {
        if let Some((eight, behind)) = rest.split_first_chunk() {
            let found = alphanumerics(*eight);
            if found == eight.len() {
                length = length.saturating_add(found);
                rest = behind;
                continue;
            }
            length = length.saturating_add(found);
            rest = rest.get(found..).unwrap_or_default();
        }
        match rest {
            [byte, behind @ ..] if class(*byte) & NAME != 0 => {
                length = length.saturating_add(1);
                rest = behind;
            }
            _ => return length,
        }
    }
}

/// How many of eight bytes are letters or digits of ASCII, up to the first that is not: all eight
/// looked at together, each with a bit to carry into.
#[inline]
fn alphanumerics(eight: [u8; 8]) -> usize {
    const EACH: u64 = u64::from_le_bytes([1; 8]);
    const TOP: u64 = EACH << 7;
    /// Sets the topmost bit of each byte (which has none) that is not below this one.
    const fn from(bytes: u64, least: u8) -> u64 {
        bytes.wrapping_add(u64::from_le_bytes([0x80_u8.wrapping_sub(least); 8]))
    }
    let bytes = u64::from_le_bytes(eight);
    let ascii = bytes & !TOP;
    let lower = ascii | (EACH << 5);
    let letters = from(lower, b'a') & !from(lower, b'z'.wrapping_add(1));
    let digits = from(ascii, b'0') & !from(ascii, b'9'.wrapping_add(1));
    let others = (!(letters | digits) | bytes) & TOP;
    usize::try_from(others.trailing_zeros() / 8).unwrap_or(8)
}

/// Flags of [`class`]: an ASCII character that may stand in a name, without the colon.
pub(super) const NAME: u8 = 1;
/// One that may begin a name.
pub(super) const NAME_START: u8 = 2;

/// One that may stand in a URI (RFC 3986, 2), but for the brackets of an IPv6 address.
pub(super) const URI: u8 = 4;

/// What a byte may be, looked up.
pub(super) fn class(byte: u8) -> u8 {
    CLASSES.get(usize::from(byte)).copied().unwrap_or(0)
}

static CLASSES: [u8; 256] = classes();

#[expect(
    clippy::as_conversions,
    clippy::indexing_slicing,
    reason = "evaluated by the compiler"
)]
const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        if is_name_char(byte as char) {
            classes[byte as usize] |= NAME;
        }
        if is_name_start(byte as char) {
            classes[byte as usize] |= NAME_START;
        }
        if byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'-' | b'.'
                    | b'_'
                    | b'~'
                    | b':'
                    | b'/'
                    | b'?'
                    | b'#'
                    | b'@'
                    | b'!'
                    | b'$'
                    | b'&'
                    | b'\''
                    | b'('
                    | b')'
                    | b'*'
                    | b'+'
                    | b','
                    | b';'
                    | b'='
                    | b'%'
            )
        {
            classes[byte as usize] |= URI;
        }
        byte = byte.saturating_add(1);
    }
    classes
}

#[cfg(test)]
mod tests {
    use super::{NAME, NAME_START, URI};
    use super::{alphanumerics, class, is_char, is_name_char, is_name_start, name_length};

    #[test]
    fn letters_and_digits_are_counted_up_to_the_first_byte_that_is_neither() {
        for byte in 0..=u8::MAX {
            for place in 0..8 {
                let mut eight = *b"aZ09zAm5";
                eight[place] = byte;
                let expected = if byte.is_ascii_alphanumeric() {
                    8
                } else {
                    place
                };
                assert_eq!(alphanumerics(eight), expected, "{byte} at {place}");
            }
        }
    }

    #[test]
    fn a_name_is_as_long_as_its_characters_go() {
        for byte in 0..=u8::MAX {
            for place in 0..20 {
                let mut text = *b"a-bcdefghi.jklmnopq_";
                text[place] = byte;
                let is_name = byte.is_ascii() && is_name_char(byte.into());
                let expected = if is_name { 20 } else { place };
                assert_eq!(name_length(&text), expected, "{byte} at {place}");
                assert_eq!(name_length(&text[..place]), place);
            }
        }
    }

    #[test]
    fn what_a_byte_may_be_is_what_its_character_may_be() {
        for byte in 0..=u8::MAX {
            let (ascii, char) = (byte.is_ascii(), char::from(byte));
            let is = |flag| class(byte) & flag != 0;
            assert_eq!(is(NAME), ascii && is_name_char(char), "{byte}");
            assert_eq!(is(NAME_START), ascii && is_name_start(char), "{byte}");
            let is_uri = char.is_ascii_alphanumeric() || "-._~:/?#@!$&'()*+,;=%".contains(char);
            assert_eq!(is(URI), is_uri, "{byte}");
        }
    }

    #[test]
    fn characters_have_the_borders_that_xml_gives_them() {
        for (first, last) in [
            ('\t', '\n'),
            ('\r', '\r'),
            (' ', '\u{d7ff}'),
            ('\u{e000}', '\u{fffd}'),
            ('\u{10000}', '\u{10ffff}'),
        ] {
            assert!(is_char(first) && is_char(last));
        }
        for char in [
            '\0', '\u{8}', '\u{b}', '\u{c}', '\u{e}', '\u{1f}', '\u{fffe}', '\u{ffff}',
        ] {
            assert!(!is_char(char));
        }
    }
}
