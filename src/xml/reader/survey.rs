//! What can be said about a document without reading it: which characters it has, and how many tags.

use memchr::{memchr, memchr_iter};

use super::super::XmlError;
use super::super::chars::is_white;

/// White space that is read as something else: XML 1.0, 2.11 and 3.3.3.
#[derive(Clone, Copy)]
pub(super) struct Odd {
    /// There is a carriage return somewhere.
    pub(super) returns: bool,
    /// There is a tab or a line end somewhere, and so perhaps in an attribute.
    pub(super) breaks: bool,
}

pub(super) struct Survey {
    pub(super) odd: Odd,
    /// How often `<` occurs; perhaps less often, in what is no document.
    pub(super) tags: usize,
}

/// XML 1.0, 2.2: the characters of a document.
pub(super) fn survey(source: &str) -> Result<Survey, XmlError> {
    let bytes = source.as_bytes();
    let (least, tags) = bytes.chunks(PIECE).fold((u8::MAX, 0_usize), |(least, tags), piece| {
        let (found, more) = least_and_tags(piece);
        (least.min(found), tags.saturating_add(more.into()))
    });
    let breaks = least < b' ';
    // In UTF-8 these are all that a text can hold and `Char` does not: U+FFFE, U+FFFF, controls.
    let beyond = memchr_iter(0xef, bytes)
        .find(|at| matches!(bytes.get(*at..), Some([_, 0xbf, 0xbe | 0xbf, ..])));
    let control = || bytes.iter().position(|byte| *byte < b' ' && !is_white(*byte));
    match beyond.or_else(|| if breaks { control() } else { None }) {
        Some(at) => Err(XmlError::Syntax { what: "a character that XML does not have", at }),
        None => {
            let returns = breaks && memchr(b'\r', bytes).is_some();
            Ok(Survey { odd: Odd { returns, breaks }, tags })
        }
    }
}

/// So many bytes have no more than 255 tags, since no tag is shorter than `<a/>`, but for some that
/// are inside each other.
const PIECE: usize = 960;

/// Its least byte, and how often `<` occurs. Without a way out in between, this becomes a loop over
/// vectors.
fn least_and_tags(piece: &[u8]) -> (u8, u8) {
    piece.iter().fold((u8::MAX, 0), |(least, tags), byte| {
        (least.min(*byte), tags.wrapping_add(u8::from(*byte == b'<')))
    })
}
