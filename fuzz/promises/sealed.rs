//! What is kept with a session: a value opens where we sealed it and says what we sealed; a record is
//! read as it was written.

use std::sync::LazyLock;

use samlgate::base::Entropy;
use samlgate::base::IdpName;
use samlgate::base::UserId;
use samlgate::store::identity;
use samlgate::store::identity::Beside;
use samlgate::store::redis::seal::Place;
use samlgate::store::redis::seal::SealKeys;

pub fn check(bytes: &[u8]) {
    for place in PLACES {
        match KEYS.open(&place, bytes) {
            Ok(Some(value)) => {
                let ours = SEALED.iter().any(|(at, record, sealed)| {
                    (at.0, at.1) == (place.0, place.1) && *record == value && sealed == bytes
                });
                assert!(ours, "a value opens that nobody sealed");
            }
            Ok(None) => {}
            Err(_) => assert!(bytes.len() >= 49 && bytes[0] == 1, "no key is named"),
        }
    }
    if let Ok(json) = std::str::from_utf8(bytes) {
        is_read_again(json);
    }
}

fn is_read_again(json: &str) {
    let beside = || Beside {
        user: UserId::new("id-of-alice".to_owned()),
        idp: IdpName::parse("corp").expect("a name"),
        session_index: Some("_s1".to_owned()),
    };
    let Ok(identity) = identity::read(json, beside()) else {
        return;
    };
    let written = identity::write(&identity).expect("JSON");
    let again = identity::read(&written, beside()).expect("what we wrote");
    assert_eq!(again, identity, "{written}");
    assert_eq!(identity::write(&again).expect("JSON"), written);
}

static KEYS: LazyLock<SealKeys> = LazyLock::new(|| {
    let text = [
        "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
        "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=",
    ];
    SealKeys::parse(&text.join(" ")).expect("keys")
});
const PLACES: [Place<'static>; 3] = [
    Place("session", &[1; 32]),
    Place("session", &[2; 32]),
    Place("kept", &[1; 32]),
];

/// Where, what, and how it looks sealed.
type Sealed = (Place<'static>, Vec<u8>, Vec<u8>);

static SEALED: LazyLock<Vec<Sealed>> = LazyLock::new(|| {
    let each = PLACES.iter().zip(RECORDS);
    let sealed = each.map(|(place, record)| {
        let sealed = KEYS.seal(place, record.as_bytes(), &Fixed).expect("sealed");
        (*place, record.as_bytes().to_vec(), sealed)
    });
    sealed.collect()
});

/// A seed has to be the same in each run.
struct Fixed;

impl Entropy for Fixed {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

const RECORDS: [&str; 3] = [
    r#"{"user_name":"alice","idp_entity_id":"https://idp.example.com","name_id":{"value":"alice","format":"urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress","name_qualifier":null,"sp_name_qualifier":null},"profile":{"email":"alice@example.com","department":"IT","groups":["staff"]},"roles":["it-manager"],"attributes":[["Role",["staff","admins"]],["memberOf",null]],"authn_instant":1795000000000001,"created":false}"#,
    r#"{"user_name":"bob","idp_entity_id":"https://idp.example.com","profile":{"groups":[]},"roles":[],"attributes":[["empty",[]]],"authn_instant":5,"authn_context":"urn:x","session_not_on_or_after":-1,"created":true}"#,
    "{}",
];

pub fn seeds() -> Vec<Vec<u8>> {
    let records = RECORDS.iter().map(|record| record.as_bytes().to_vec());
    records.chain(SEALED.iter().map(|(.., sealed)| sealed.clone())).collect()
}
