//! `X-Request-Id`: the name under which one request stands in every log.

use std::fmt;

use http::HeaderMap;
use http::header::HeaderName;
use http::header::HeaderValue;

use crate::base::Entropy;
use crate::base::entropy;

/// `X-Request-Id`
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of one request: 1 to 128 of `A-Z a-z 0-9 - _ . : / + =`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId {
    text: String,
    value: HeaderValue,
}

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
            return Self { text: text.to_owned(), value: value.clone() };
        }
        let text = entropy::hex(&entropy::bytes::<16>(entropy));
        let value = HeaderValue::try_from(&text).unwrap_or(HeaderValue::from_static("0"));
        Self { text, value }
    }

    /// The id, for logs and pages.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The id, for a header.
    pub const fn value(&self) -> &HeaderValue {
        &self.value
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
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
