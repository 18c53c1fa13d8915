//! `X-Request-Id`: the name under which one request stands in every log.

use std::cell::RefCell;
use std::fmt;

use http::HeaderMap;
use http::header::HeaderName;
use http::header::HeaderValue;

use crate::base::Entropy;

/// `X-Request-Id`
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of one request: 1 to 128 of `A-Z a-z 0-9 - _ . : / + =`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

/// Whether what the peer sends is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// A front proxy of ours.
    Trusted,
    /// Anybody.
    Anybody,
}

impl RequestId {
    /// The id that a trusted front proxy gave, or a new one: 128 random bits.
    ///
    /// A stranger's id is not taken over: they could give many requests the same one, or that of
    /// somebody else's request.
    pub fn of(headers: &HeaderMap, trust: Trust, entropy: &dyn Entropy) -> Self {
        let mut given = headers.get_all(X_REQUEST_ID).iter();
        if trust == Trust::Trusted
            && let (Some(value), None) = (given.next(), given.next())
            && let Ok(text) = value.to_str()
            && is_sane(text)
        {
            return Self(value.clone());
        }
        let digits = digits(draw(entropy));
        Self(HeaderValue::from_bytes(&digits).unwrap_or(HeaderValue::from_static("0")))
    }

    /// The id, for logs and pages.
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// The id, for a header.
    pub const fn value(&self) -> &HeaderValue {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Random bytes from a store of this thread's: an id needs few, and asking the generator is what
/// costs.
fn draw(entropy: &dyn Entropy) -> [u8; 16] {
    DRAWN.with_borrow_mut(|(bytes, used)| {
        if let Some(drawn) = bytes.get(*used..).and_then(<[u8]>::first_chunk) {
            *used = used.saturating_add(drawn.len());
            return *drawn;
        }
        entropy.fill(bytes);
        *used = 16;
        bytes.first_chunk().copied().unwrap_or_default()
    })
}

fn digits(bytes: [u8; 16]) -> [u8; 32] {
    let digit = |value: u8| {
        if value < 10 {
            b'0' + value
        } else {
            b'a' + (value - 10)
        }
    };
    let mut digits = [b'0'; 32];
    for (pair, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *pair = [digit(byte >> 4), digit(byte & 15)];
    }
    digits
}

thread_local! {
    static DRAWN: RefCell<([u8; 1024], usize)> = const { RefCell::new(([0; 1024], 1024)) };
}

fn is_sane(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(&byte);
    (1..=128).contains(&text.len()) && text.bytes().all(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::entropy::SystemEntropy;

    fn id(given: &[&str], trust: Trust) -> String {
        let mut headers = HeaderMap::new();
        for value in given {
            headers.append(X_REQUEST_ID, value.parse().unwrap());
        }
        RequestId::of(&headers, trust, &SystemEntropy).to_string()
    }

    #[test]
    fn a_trusted_peer_s_id_is_kept_when_it_is_sane() {
        assert_eq!(id(&["01J-abc"], Trust::Trusted), "01J-abc");
        let odd: [&[&str]; 5] = [&["a b"], &["a", "a"], &[""], &["<b>"], &[]];
        for given in odd {
            assert_eq!(id(given, Trust::Trusted).len(), 32, "{given:?}");
        }
        assert_ne!(id(&[&"a".repeat(129)], Trust::Trusted), "a".repeat(129));
        assert_ne!(id(&["01J-abc"], Trust::Anybody), "01J-abc");
    }
}
