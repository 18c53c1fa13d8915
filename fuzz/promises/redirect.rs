//! HTTP-Redirect: whatever the query holds, it is inflated within bounds; and what verifies is what
//! one of the seeds says.

use std::collections::HashSet;
use std::sync::LazyLock;

use samlgate::dsig::{Allowed, Trust};
use samlgate::saml::binding::query::{MAX_MESSAGE, QueryMessage};
use samlgate::saml::logout::SignedMessage;

use super::seeds::{IDP, SEEDS};

static SIGNED: LazyLock<HashSet<Vec<u8>>> =
    LazyLock::new(|| SEEDS.iter().filter_map(|seed| verified(&seed.bytes)).collect());

pub fn check(bytes: &[u8]) {
    if let Some(xml) = verified(bytes) {
        assert!(SIGNED.contains(&xml), "a forged query is accepted");
    }
}

/// The message in a query that verifies.
fn verified(bytes: &[u8]) -> Option<Vec<u8>> {
    let message = QueryMessage::read(std::str::from_utf8(bytes).ok()?).ok()?;
    let xml = message.xml().to_vec();
    assert!(!xml.is_empty() && xml.len() <= MAX_MESSAGE);
    let trust = Trust {
        keys: &IDP.signing_keys,
        allowed: Allowed { sha1: true, inclusive_c14n: true },
    };
    let verified = message.verify(trust).ok()??;
    if let Ok(document) = verified.parse() {
        let _ = SignedMessage::from(&document);
    }
    Some(xml)
}
