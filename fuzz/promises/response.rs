//! Whole Responses: what is accepted says exactly what one of the seeds says.

use std::sync::LazyLock;
use std::time::Duration;

use samlgate::base::{Checks, IdpName, PublicUrl, ReturnTo};
use samlgate::dsig::{Allowed, Trust};
use samlgate::saml::asked::AskedBoth;
use samlgate::saml::keys::Keys;
use samlgate::saml::pending::PendingLogin;
use samlgate::saml::profile::{Expectations, Origin, Permission};
use samlgate::saml::response::ResponseMessage;
use samlgate::saml::{Claims, ServiceProvider};
use samlgate::xml::{Document, Limits, Mode};
use samlgate::xmlenc::{Decryption, DecryptionKey, DecryptionKeys};

use super::seeds::{IDP, SEEDS, corpus, now};

/// What the identity provider has really said.
static SAID: LazyLock<Vec<Claims>> = LazyLock::new(|| {
    let whole = SEEDS.iter().filter_map(|seed| claims(&seed.bytes));
    whole.chain(each_alone().iter().filter_map(|bytes| claims(bytes))).collect()
});

/// Two assertions in one Response are refused; each of them was said and signed, and is accepted
/// where the other one is cut away.
fn each_alone() -> Vec<Vec<u8>> {
    const BEGIN: &str = "<saml:Assertion ";
    const END: &str = "</saml:Assertion>";
    let genuine = SEEDS.iter().filter_map(|seed| {
        let text = std::str::from_utf8(&seed.bytes).ok()?;
        let both = text.contains("ID=\"_first\"") && text.contains("ID=\"_second\"");
        (both && text.matches(BEGIN).count() == 2).then_some(text)
    });
    let cut = |text: &str| {
        let begins: Vec<usize> = text.match_indices(BEGIN).map(|(at, _)| at).collect();
        let ends: Vec<usize> = text.match_indices(END).map(|(at, end)| at + end.len()).collect();
        let without = |(begin, end): (usize, usize)| [&text[..begin], &text[end..]].concat();
        begins
            .into_iter()
            .zip(ends)
            .map(without)
            .map(String::into_bytes)
            .collect::<Vec<_>>()
    };
    genuine.flat_map(cut).collect()
}

pub fn check(bytes: &[u8]) {
    if let Some(claims) = claims(bytes) {
        assert!(
            SAID.contains(&claims),
            "accepted, and said by nobody: {claims:?}"
        );
    }
}

/// The claims of a Response, if it is accepted, under every exception that there is.
pub fn claims(bytes: &[u8]) -> Option<Claims> {
    static SP: LazyLock<ServiceProvider> = LazyLock::new(|| ServiceProvider {
        public_url: PublicUrl::parse("https://sp.example.com").expect("an address"),
        entity_id: "https://sp.example.com/saml/metadata".to_owned(),
        clock_skew: Duration::from_secs(180),
        other_acs: None,
    });
    let checks = &mut Checks::off();
    let document = Document::parse(bytes, Mode::Message, &Limits::default()).ok()?;
    let message = ResponseMessage::parse(&document, checks).ok()?;
    // The gateway has sent one request, and no other.
    let asked = message.in_response_to_hint().map(|_| "_request".to_owned());
    let keys = Keys {
        signing: Trust {
            keys: &IDP.signing_keys,
            allowed: Allowed { sha1: true, inclusive_c14n: true },
        },
        decryption: Decryption {
            keys: &OURS,
            allow_cbc_unsigned: true,
            allow_tripledes: true,
            required: false,
        },
    };
    let signed = message.verify(keys, checks).ok()?;
    let expected = Expectations {
        sp: &SP,
        idp_entity_id: &IDP.entity_id,
        clock_skew: SP.clock_skew,
        asked: AskedBoth::default(),
        scopes: None,
        affiliation: None,
    };
    let origin = match asked {
        Some(request_id) => Origin::Requested(PendingLogin {
            request_id,
            idp: IdpName::parse("corp")?,
            return_to: ReturnTo::root(),
            wish: samlgate::saml::Wish::default(),
            created_at: now(),
        }),
        None => Origin::IdpInitiated(Permission::from_setting(true)?),
    };
    let valid = signed.validate(origin, &expected, checks, now()).ok()?;
    Some(valid.claims().clone())
}

/// Ours, as the corpus has them.
pub static OURS: LazyLock<DecryptionKeys> = LazyLock::new(|| {
    let keys = ["sp.key", "sp-next.key"].map(|name| {
        let pem = std::fs::read(corpus().join("keys").join(name)).expect("a key");
        DecryptionKey::from_pem(&pem).expect("a key")
    });
    DecryptionKeys::from_vec(keys.into())
});
