//! The one source of randomness, and the identifiers drawn from it.
//!
//! In: OpenSSL's generator. Out: bytes, and the few forms in which the program writes them down.

use std::cell::RefCell;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use zeroize::Zeroize as _;

use super::Timestamp;

/// Where random bytes come from.
pub trait Entropy: Send + Sync + 'static {
    /// Fills `bytes` with unpredictable values.
    fn fill(&self, bytes: &mut [u8]);
}

/// OpenSSL's random generator.
///
/// To ask it costs as much for 16 bytes as for 512. So each thread asks for some more than it needs
/// and gives them out one by one; what was given out is wiped.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        // No thread-local any more: the thread is ending.
        let given = STOCK.try_with(|stock| stock.borrow_mut().give(bytes));
        if given.is_err() {
            draw(bytes);
        }
    }
}

thread_local! {
    static STOCK: RefCell<Stock> = const { RefCell::new(Stock { bytes: [0; STOCKED], left: 0 }) };
}

/// A dozen identifiers: what two logins need.
const STOCKED: usize = 256;

/// Random bytes that nobody has seen; those at the end were given out.
struct Stock {
    bytes: [u8; STOCKED],
    left: usize,
}

impl Stock {
    fn give(&mut self, wanted: &mut [u8]) {
        if wanted.len() > STOCKED {
            return draw(wanted);
        }
        if wanted.len() > self.left {
            draw(&mut self.bytes);
            self.left = STOCKED;
        }
        let rest = self.left.saturating_sub(wanted.len());
        if let Some(given) = self.bytes.get_mut(rest..self.left) {
            wanted.copy_from_slice(given);
            given.zeroize();
        }
        self.left = rest;
    }
}

#[expect(
    clippy::expect_used,
    reason = "a machine without randomness must not go on"
)]
fn draw(bytes: &mut [u8]) {
    openssl::rand::rand_bytes(bytes).expect("the system has no randomness to give");
}

/// `N` random bytes.
pub fn bytes<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}

/// An identifier for a SAML message: `_` and 40 hexadecimal digits.
///
/// Core 1.3.4: at least 128 random bits, better 160. And an XML ID must not begin with a digit,
/// on which some identity providers insist.
pub fn message_id(entropy: &dyn Entropy) -> String {
    format!("_{}", hex(&bytes::<20>(entropy)))
}

/// 256 random bits as 43 characters that are safe in a cookie, a form and a URL.
pub fn token(entropy: &dyn Entropy) -> String {
    URL_SAFE_NO_PAD.encode(bytes::<32>(entropy))
}

/// Characters in a [`token`]: 32 bytes as base64url without padding.
pub const TOKEN_LENGTH: usize = 43;

/// Whether a text has the form of a [`token`]; whether we gave it out, a store knows.
///
/// ```
/// use samlgate::base::entropy::{SystemEntropy, is_token, token};
/// assert!(is_token(token(&SystemEntropy).as_bytes()));
/// assert!(!is_token(b"/reports"));
/// ```
pub fn is_token(text: &[u8]) -> bool {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() | (byte == b'-') | (byte == b'_');
    // To the end in any case: without a way out in the middle it takes many bytes at a time.
    text.len() == TOKEN_LENGTH && text.iter().fold(true, |all, byte| all & safe(*byte))
}

/// A UUID, version 4 (RFC 9562, 5.4).
pub fn uuid(entropy: &dyn Entropy) -> String {
    uuid_text(u128::from_be_bytes(bytes(entropy)), 4)
}

/// A UUID, version 7 (RFC 9562, 5.7): those made later are greater, so that an index of them grows
/// at its end. It tells when it was made.
pub fn uuid_in_order(entropy: &dyn Entropy, now: Timestamp) -> String {
    let random = u128::from_be_bytes(bytes(entropy)) & ((1 << 80) - 1);
    let millis = u128::try_from(now.unix_micros() / 1000).unwrap_or(0) & ((1 << 48) - 1);
    uuid_text(millis << 80 | random, 7)
}

fn uuid_text(mut value: u128, version: u128) -> String {
    value = (value & !(0xf << 76)) | (version << 76);
    value = (value & !(0x3 << 62)) | (0x2 << 62);
    let digits = hex(&value.to_be_bytes());
    let mut text = String::with_capacity(36);
    for (place, digit) in digits.chars().enumerate() {
        if matches!(place, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(digit);
    }
    text
}

/// A reference that a person can read out on the telephone: `7F3K-92QA`.
///
/// Crockford's alphabet, which has no I, L, O or U. 40 bits: enough to find a log line by, and
/// nothing is protected by it.
pub fn reference(entropy: &dyn Entropy) -> String {
    const ALPHABET: [char; 32] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H',
        'J', 'K', 'M', 'N', 'P', 'Q', 'R', 'S', 'T', 'V', 'W', 'X', 'Y', 'Z',
    ];
    let mut text = String::with_capacity(9);
    for (place, byte) in bytes::<8>(entropy).into_iter().enumerate() {
        if place == 4 {
            text.push('-');
        }
        text.extend(ALPHABET.get(usize::from(byte & 31)));
    }
    text
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let digit = |value: u8| DIGITS.get(usize::from(value & 15)).copied().unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts up from zero: tests that print identifiers stay the same.
    struct Counting;
    impl Entropy for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            for (value, byte) in (0_u8..).zip(bytes) {
                *byte = value;
            }
        }
    }

    #[test]
    fn identifiers_have_the_form_their_standards_ask_for() {
        assert_eq!(
            message_id(&Counting),
            "_000102030405060708090a0b0c0d0e0f10111213"
        );
        assert_eq!(uuid(&Counting), "00010203-0405-4607-8809-0a0b0c0d0e0f");
        let now = Timestamp::from_unix_micros(0x0198_7654_3210 * 1000 + 999);
        assert_eq!(
            uuid_in_order(&Counting, now),
            "01987654-3210-7607-8809-0a0b0c0d0e0f"
        );
        assert_eq!(reference(&Counting), "0123-4567");
        assert_eq!(token(&Counting).len(), 43);
    }

    #[test]
    fn the_system_does_not_repeat_itself() {
        assert_ne!(token(&SystemEntropy), token(&SystemEntropy));
    }
}
