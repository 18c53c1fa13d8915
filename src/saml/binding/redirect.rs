//! HTTP-Redirect (bindings 3.4): a message of ours → the address to send the browser to.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use url::form_urlencoded::byte_serialize;

use crate::dsig::{self, DsigError, SigningKey};

/// The address that carries `xml` as a `SAMLRequest` to `location`.
///
/// Bindings 3.4.4.1: DEFLATE, base64, percent-encoding; the signature is over
/// `SAMLRequest=…&RelayState=…&SigAlg=…` exactly as it stands in the address.
pub fn request_url(
    location: &str,
    xml: &str,
    relay_state: &str,
    key: Option<&SigningKey>,
) -> Result<String, DsigError> {
    url("SAMLRequest", location, xml, Some(relay_state), key)
}

/// The same, signed and without a RelayState.
pub fn signed_request_url(
    location: &str,
    xml: &str,
    key: &SigningKey,
) -> Result<String, DsigError> {
    url("SAMLRequest", location, xml, None, Some(key))
}

/// The address that carries `xml` as a `SAMLResponse`, signed, to `location`; with the RelayState
/// that came with the request, if one did (bindings 3.4.3).
pub fn response_url(
    location: &str,
    xml: &str,
    relay_state: Option<&str>,
    key: &SigningKey,
) -> Result<String, DsigError> {
    url("SAMLResponse", location, xml, relay_state, Some(key))
}

fn url(
    parameter: &str,
    location: &str,
    xml: &str,
    relay_state: Option<&str>,
    key: Option<&SigningKey>,
) -> Result<String, DsigError> {
    let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let message = encode(&STANDARD.encode(deflate(xml.as_bytes())));
    let mut query = format!("{parameter}={message}");
    if let Some(relay_state) = relay_state {
        query.push_str("&RelayState=");
        query.push_str(&encode(relay_state));
    }
    if let Some(key) = key {
        query = dsig::sign_query(&query, key)?;
    }
    let separator = if location.contains('?') { '&' } else { '?' };
    Ok(format!("{location}{separator}{query}"))
}

/// Raw DEFLATE (RFC 1951), as bindings 3.4.4.1 has it.
pub fn deflate(xml: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    // Writing into memory can not fail; if it did, the message would be short and be refused.
    let _ = encoder.write_all(xml);
    encoder.finish().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_is_appended_to_what_the_address_has() {
        let plain = request_url("https://idp.example.com/sso", "<a/>", "a b", None).unwrap();
        assert_eq!(
            plain,
            "https://idp.example.com/sso?SAMLRequest=s0nUtwMA&RelayState=a+b"
        );
        let query = request_url("https://idp.example.com/sso?at=x", "<a/>", "", None).unwrap();
        assert!(query.starts_with("https://idp.example.com/sso?at=x&SAMLRequest="));
    }
}
