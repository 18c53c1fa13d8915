//! SOAP: an envelope holds one message or none; and what verifies in it is what one of the seeds says.

use std::collections::HashSet;
use std::sync::LazyLock;
use std::time::Duration;

use samlgate::base::Checks;
use samlgate::dsig::{Allowed, Trust};
use samlgate::saml::artifact::ArtifactDelivery;
use samlgate::saml::binding::soap::{MAX_BODY, SoapMessage, envelope};
use samlgate::saml::discovery::{Chosen, RETURN_ID_PARAM};
use samlgate::saml::logout::{LogoutExpectations, SignedMessage, ValidLogoutRequest};
use samlgate::xmlenc::{Decryption, DecryptionKeys};

use super::seeds::{IDP, SEEDS, now};

static SAID: LazyLock<HashSet<String>> =
    LazyLock::new(|| seeds().iter().filter_map(|bytes| said(bytes)).collect());

pub fn check(bytes: &[u8]) {
    if let Some(request) = said(bytes) {
        assert!(SAID.contains(&request), "a forged request is accepted");
    }
    // The same stranger's bytes, where they would be an artifact or a choice.
    let _ = ArtifactDelivery::read(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = Chosen::read(text, RETURN_ID_PARAM);
    }
}

/// Those of the corpus, and what it has for HTTP-POST.
pub fn seeds() -> Vec<Vec<u8>> {
    let of = |kind: &'static str| SEEDS.iter().filter(move |seed| seed.kind == kind);
    let posted = of("logout_post").filter_map(|seed| String::from_utf8(seed.bytes.clone()).ok());
    let mut seeds = of("logout_soap").map(|seed| seed.bytes.clone()).collect::<Vec<_>>();
    seeds.extend(posted.map(|xml| envelope(&xml).into_bytes()));
    seeds.push(
        b"SAMLart=AAQAAMh48%2F1oXIM%2BsDo7Dh2qMp1HM4IF5DaRNmDj6RdUmllwn9jJHyEgIi8%3D".to_vec(),
    );
    seeds.push(b"entityID=https%3A%2F%2Fidp.example.com%2Fmetadata".to_vec());
    seeds
}

/// Whose sessions would end.
fn said(bytes: &[u8]) -> Option<String> {
    let soap = SoapMessage::read(bytes).ok()?;
    assert!(bytes.len() <= MAX_BODY);
    let body = soap.message().parent().expect("a message stands in a Body");
    assert!(body.local_name() == "Body" && body.children().count() == 1);
    let trust = Trust {
        keys: &IDP.signing_keys,
        allowed: Allowed { sha1: true, inclusive_c14n: true },
    };
    let message = SignedMessage::in_soap(&soap, trust, &mut Checks::off()).ok()?;
    let ours = DecryptionKeys::default();
    let expected = LogoutExpectations {
        slo_url: "https://sp.example.com/saml/slo",
        idp_entity_id: &IDP.entity_id,
        vendor: IDP.vendor,
        decryption: Decryption {
            keys: &ours,
            allow_cbc_unsigned: false,
            allow_tripledes: false,
            required: false,
        },
        clock_skew: Duration::from_secs(180),
    };
    let request = ValidLogoutRequest::read(&message, &expected, &mut Checks::off(), now());
    request.ok().map(|request| format!("{request:?}"))
}
