//! What is read from a query, and what is verified of it.

use std::io::Write as _;
use std::sync::LazyLock;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::*;
use crate::base::Timestamp;
use crate::dsig::{SigningKey, TrustedKeys, sign_query};

static IDP: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate_ec("idp", Timestamp::EPOCH).unwrap());
static OTHER: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate_ec("other", Timestamp::EPOCH).unwrap());

fn deflated(xml: &[u8]) -> String {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(xml).unwrap();
    parameter(&encoder.finish().unwrap())
}

fn parameter(bytes: &[u8]) -> String {
    utf8_percent_encode(&STANDARD.encode(bytes), NON_ALPHANUMERIC).to_string()
}

fn code(query: &str) -> &'static str {
    let keys = TrustedKeys::one(IDP.trusted().unwrap());
    match QueryMessage::read(query).and_then(|query| query.verify(Trust::only(&keys))) {
        Ok(Some(_)) => "verified",
        Ok(None) => "unsigned",
        Err(error) => error.code().as_str(),
    }
}

fn signed(query: &str) -> String {
    sign_query(query, &IDP).unwrap()
}

#[test]
fn a_signed_query_is_verified_and_its_message_is_read() {
    let query = signed(&format!(
        "SAMLRequest={}&RelayState=x",
        deflated(b"<a>Alice</a>")
    ));
    let keys = TrustedKeys::one(IDP.trusted().unwrap());
    let message = QueryMessage::read(&query).unwrap();
    assert_eq!(message.carries, Carries::Request);
    assert_eq!(message.xml(), b"<a>Alice</a>");
    assert!(message.is_signed());
    let verified = message.verify(Trust::only(&keys)).unwrap().unwrap();
    assert_eq!(verified.relay_state(), Some("x"));
    assert_eq!(
        verified.parse().unwrap().get().root().text().unwrap(),
        "Alice"
    );
}

#[test]
fn an_unsigned_message_is_read_and_never_verified() {
    let query = format!("SAMLResponse={}&RelayState=a+b%26c", deflated(b"<a/>"));
    let message = QueryMessage::read(&query).unwrap();
    assert_eq!(message.carries, Carries::Response);
    assert_eq!(message.relay_state.as_deref(), Some("a b&c"));
    assert_eq!(message.xml(), b"<a/>");
    assert!(!message.is_signed());
    let keys = TrustedKeys::one(IDP.trusted().unwrap());
    assert!(message.verify(Trust::only(&keys)).unwrap().is_none());
}

#[test]
fn the_octets_are_verified_as_they_came() {
    let deflated = deflated(b"<a/>").replace("%2B", "%2b").replace("%3D", "%3d");
    let lower = signed(&format!("SAMLRequest={deflated}"));
    assert_eq!(code(&lower), "verified");
    let upper = lower.replace("http%3A", "http%3a");
    assert_eq!(code(&upper), "binding.query_signature");
}

#[test]
fn a_changed_query_is_binding_query_signature() {
    let message = deflated(b"<a/>");
    let query = signed(&format!("SAMLRequest={message}&RelayState=x"));
    assert_eq!(code(&query), "verified");
    assert_eq!(code(&format!("{query}&lang=de")), "verified");
    for (from, to) in [
        ("RelayState=x", "RelayState=y"),
        ("&RelayState=x", ""),
        (message.as_str(), &deflated(b"<b/>")),
        ("SAMLRequest", "SAMLResponse"),
    ] {
        let changed = query.replacen(from, to, 1);
        assert_ne!(changed, query);
        assert_eq!(code(&changed), "binding.query_signature", "{from}");
    }
    let (front, _) = query.split_once("&Signature=").unwrap();
    assert_eq!(
        code(&format!("{front}&Signature=")),
        "binding.query_signature"
    );
    assert_eq!(
        code(&format!("{front}&Signature=!!")),
        "binding.query_signature"
    );
    let stranger = sign_query(&format!("SAMLRequest={message}"), &OTHER).unwrap();
    assert_eq!(code(&stranger), "binding.query_signature");
}

#[test]
fn an_algorithm_that_is_not_on_the_list_is_sig_algorithm() {
    let query = signed(&format!("SAMLRequest={}", deflated(b"<a/>")));
    for name in ["rsa-sha1", "hmac-sha256", "none"] {
        assert_eq!(
            code(&query.replace("ecdsa-sha256", name)),
            "sig.algorithm",
            "{name}"
        );
    }
    // There is no RSA key that could have made it.
    assert_eq!(
        code(&query.replace("ecdsa-sha256", "rsa-sha256")),
        "sig.algorithm"
    );
}

#[test]
fn other_parameters_than_bindings_has_are_binding_query() {
    let message = deflated(b"<a/>");
    let query = signed(&format!("SAMLRequest={message}&RelayState=x"));
    for wrong in [
        String::new(),
        "RelayState=x".to_owned(),
        format!("{query}&SAMLRequest={message}"),
        format!("SAMLRequest={message}&{query}"),
        format!("{query}&SAMLResponse={message}"),
        format!("{query}&RelayState=y"),
        format!("{query}&SAMLart=AAQ"),
        format!("{query}&Signature2=AAQ"),
        format!("{query}&SAML%52equest={message}"),
        format!("SAML%52equest={message}"),
        format!("RelayState=x&SAMLRequest={message}"),
        query.split_once("&Signature=").unwrap().0.to_owned(),
        format!("SAMLRequest={message}&Signature=AAAA"),
    ] {
        assert_eq!(code(&wrong), "binding.query", "{wrong}");
    }
    assert_eq!(code(&format!("SAMLRequest={message}")), "unsigned");
}

#[test]
fn what_is_not_one_deflate_stream_is_binding_inflate() {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(b"<a/>").unwrap();
    let stream = encoder.finish().unwrap();
    for wrong in [
        parameter(&[&stream[..], b"\0"].concat()),
        parameter(&[&stream[..], &stream[..]].concat()),
        parameter(&stream[..stream.len() - 1]),
        parameter(&[&[0x78, 0x9c], &stream[..]].concat()),
        parameter(b"<a/>"),
        parameter(b"\x03\x00"),
    ] {
        assert_eq!(
            code(&format!("SAMLRequest={wrong}")),
            "binding.inflate",
            "{wrong}"
        );
    }
    let message = deflated(b"<a/>");
    assert_eq!(
        code(&format!("SAMLRequest={message}&SAMLEncoding=gzip")),
        "binding.inflate"
    );
    let encoding = format!(
        "SAMLRequest={message}&SAMLEncoding={}",
        DEFLATE.replace(':', "%3A")
    );
    assert_eq!(code(&encoding), "unsigned");
    assert_eq!(code("SAMLRequest=-_"), "binding.base64");
}

#[test]
fn a_query_of_64_kib_that_inflates_to_256_kib_is_read_and_no_more() {
    let sized = |length: usize| {
        let query = format!("SAMLRequest={}&RelayState=", deflated(b"<a/>"));
        format!("{query}{}", "x".repeat(length - query.len()))
    };
    assert_eq!(code(&sized(65_536)), "unsigned");
    assert_eq!(code(&sized(65_537)), "binding.size");
    let inflated = |length| code(&format!("SAMLRequest={}", deflated(&vec![b' '; length])));
    assert_eq!(inflated(262_144), "unsigned");
    assert_eq!(inflated(262_145), "binding.inflate");
}
