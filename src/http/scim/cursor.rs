//! Cursors, as clients hold them (RFC 9865, 2).
//!
//! A cursor says where the last page ended, for which question, and when it was given out. It is no
//! secret and opens nothing: whoever makes one up reads a list of their own from another place.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::sha::Sha256;

use crate::base::Timestamp;
use crate::directory::Cursor;
use crate::scim::list::CURSOR_SECONDS;
use crate::scim::{ScimError, ScimType};

/// What a list is asked by: a cursor is good for the same question alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http::scim) struct Question([u8; 8]);

impl Question {
    /// Of these words.
    pub(in crate::http::scim) fn of(words: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for word in words {
            hash.update(&word.len().to_be_bytes());
            hash.update(word.as_bytes());
        }
        let [a, b, c, d, e, f, g, h, ..] = hash.finish();
        Self([a, b, c, d, e, f, g, h])
    }
}

/// Writes a cursor: of unreserved characters alone.
pub(in crate::http::scim) fn write(cursor: &Cursor, question: Question, now: Timestamp) -> String {
    let mut bytes = question.0.to_vec();
    bytes.extend_from_slice(&now.unix_micros().to_be_bytes());
    bytes.extend_from_slice(&cursor.number.to_be_bytes());
    if let Some(value) = &cursor.value {
        bytes.push(b'=');
        bytes.extend_from_slice(value.as_bytes());
    }
    let check = Question::of(&[&as_text(&bytes)]);
    bytes.extend_from_slice(&check.0);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads one.
pub(in crate::http::scim) fn read(
    text: &str,
    question: Question,
    now: Timestamp,
) -> Result<Cursor, ScimError> {
    let invalid = || ScimError::bad(ScimType::InvalidCursor, "this is no cursor of this list");
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| invalid())?;
    let (bytes, check) = bytes.split_last_chunk::<8>().ok_or_else(invalid)?;
    if Question::of(&[&as_text(bytes)]).0 != *check {
        return Err(invalid());
    }
    let (asked, rest) = bytes.split_first_chunk::<8>().ok_or_else(invalid)?;
    let (at, rest) = rest.split_first_chunk::<8>().ok_or_else(invalid)?;
    let (number, rest) = rest.split_first_chunk::<8>().ok_or_else(invalid)?;
    if *asked != question.0 {
        return Err(invalid());
    }
    let at = Timestamp::from_unix_micros(i64::from_be_bytes(*at));
    if now.since(at) > Duration::from_secs(CURSOR_SECONDS) {
        let detail = "this cursor is too old; begin again";
        return Err(ScimError::bad(ScimType::ExpiredCursor, detail));
    }
    let value = match rest.split_first() {
        None => None,
        Some((b'=', value)) => Some(str::from_utf8(value).map_err(|_| invalid())?.to_owned()),
        Some(_) => return Err(invalid()),
    };
    Ok(Cursor { value, number: i64::from_be_bytes(*number) })
}

/// Bytes as a text to be hashed.
fn as_text(bytes: &[u8]) -> String {
    crate::base::entropy::hex(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(1_795_000_000 + seconds)
    }

    #[test]
    fn a_cursor_is_good_for_its_own_question_for_an_hour() {
        let question = Question::of(&["c:okta", "Users", "active eq true"]);
        for value in [None, Some(String::new()), Some("ännchen".to_owned())] {
            let cursor = Cursor { value, number: -7 };
            let text = write(&cursor, question, at(0));
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
            assert_eq!(read(&text, question, at(3600)).unwrap(), cursor);
            let kind = |result: Result<Cursor, ScimError>| result.unwrap_err().scim_type;
            assert_eq!(
                kind(read(&text, question, at(3601))),
                Some(ScimType::ExpiredCursor)
            );
            let other = Question::of(&["c:okta", "Users", "active eq false"]);
            assert_eq!(
                kind(read(&text, other, at(1))),
                Some(ScimType::InvalidCursor)
            );
            let cut = text.get(1..).unwrap();
            assert_eq!(
                kind(read(cut, question, at(1))),
                Some(ScimType::InvalidCursor)
            );
        }
        for text in ["", "x", "AAAA", "%%"] {
            let error = read(text, question, at(0)).unwrap_err();
            assert_eq!(error.scim_type, Some(ScimType::InvalidCursor));
        }
    }
}
