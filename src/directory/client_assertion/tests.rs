use openssl::nid::Nid;
use serde_json::json;

use super::*;
use crate::directory::Scopes;
use crate::directory::client_key::tests::Pair;

const ENDPOINT: &str = "https://app.example.com/scim/v2/oauth/token";
const ISSUER: &str = "https://app.example.com/scim/v2";

fn now() -> Timestamp {
    Timestamp::from_unix_seconds(1_795_000_000)
}

fn in_seconds(seconds: i64) -> i64 {
    now().unix_seconds() + seconds
}

fn key(id: &str, pair: &Pair, kid: Option<&str>) -> ClientKey {
    ClientKey {
        id: id.to_owned(),
        connection: ConnectionName::parse("okta").unwrap(),
        key: pair.public(),
        kid: kid.map(str::to_owned),
        scopes: Scopes::default(),
        created_at: now(),
        expires: None,
        last_used: None,
    }
}

/// An assertion that is accepted.
fn claims() -> Value {
    json!({
        "iss": "okta", "sub": "okta", "aud": ENDPOINT, "exp": in_seconds(300),
        "iat": in_seconds(0), "nbf": in_seconds(0), "jti": "one",
    })
}

fn jwt(pair: &Pair, header: &Value, claims: &Value) -> String {
    let algorithm = header["alg"].as_str().and_then(Algorithm::parse);
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let signature = pair.sign(algorithm.unwrap_or(Algorithm::Es256), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The id of the key that it was accepted by.
fn accept(text: &str, keys: &[ClientKey]) -> Result<String, AssertionError> {
    let signed = Assertion::parse(text)?.verify(keys)?;
    let valid = signed.validate(&[ENDPOINT, ISSUER], now())?;
    Ok(valid.key().id.clone())
}

fn es256() -> Value {
    json!({ "alg": "ES256" })
}

#[test]
fn an_assertion_of_each_algorithm_is_accepted() {
    let (rsa, ec, ed) = (
        Pair::rsa(2048),
        Pair::ec(Nid::X9_62_PRIME256V1),
        Pair::ed25519(),
    );
    let keys = [
        key("krsa", &rsa, None),
        key("kec", &ec, None),
        key("ked", &ed, None),
    ];
    for (alg, pair, id) in [
        ("RS256", &rsa, "krsa"),
        ("PS256", &rsa, "krsa"),
        ("ES256", &ec, "kec"),
        ("EdDSA", &ed, "ked"),
    ] {
        let header = json!({ "alg": alg, "typ": "whatever" });
        assert_eq!(
            accept(&jwt(pair, &header, &claims()), &keys).as_deref(),
            Ok(id),
            "{alg}"
        );
    }
}

#[test]
fn each_rule_of_the_claims_has_its_refusal() {
    use AssertionError as E;
    let pair = Pair::ec(Nid::X9_62_PRIME256V1);
    let keys = [key("k1", &pair, None)];
    // A claim, its value (null: it is not there), and what comes of it.
    let table = [
        ("aud", json!(ISSUER), Ok(())),
        (
            "aud",
            json!(["https://other.example.com", ENDPOINT]),
            Ok(()),
        ),
        ("aud", json!("https://other.example.com"), Err(E::Audience)),
        ("aud", json!(format!("{ENDPOINT}/")), Err(E::Audience)),
        ("aud", json!([]), Err(E::Audience)),
        ("aud", json!([1]), Err(E::Audience)),
        ("aud", Value::Null, Err(E::Claim("aud"))),
        ("iss", Value::Null, Err(E::Claim("iss"))),
        ("iss", json!("other"), Err(E::Subject)),
        ("iss", json!(1), Err(E::Claim("iss"))),
        ("sub", json!("other"), Err(E::Subject)),
        ("sub", Value::Null, Err(E::Claim("sub"))),
        ("exp", Value::Null, Err(E::Claim("exp"))),
        ("exp", json!("1795000300"), Err(E::Claim("exp"))),
        ("exp", json!(1e300), Err(E::Claim("exp"))),
        (
            "exp",
            json!(in_seconds(300).to_string() + ".5"),
            Err(E::Claim("exp")),
        ),
        ("exp", json!(1_795_000_300.5), Ok(())),
        ("exp", json!(in_seconds(-59)), Ok(())),
        ("exp", json!(in_seconds(-60)), Err(E::Expired)),
        ("exp", json!(i64::MIN), Err(E::Expired)),
        ("exp", json!(in_seconds(660)), Ok(())),
        ("exp", json!(in_seconds(661)), Err(E::TooFar)),
        ("exp", json!(i64::MAX), Err(E::TooFar)),
        ("iat", Value::Null, Ok(())),
        ("iat", json!(in_seconds(60)), Ok(())),
        ("iat", json!(in_seconds(61)), Err(E::Future("iat"))),
        ("iat", json!(true), Err(E::Claim("iat"))),
        ("nbf", Value::Null, Ok(())),
        ("nbf", json!(in_seconds(60)), Ok(())),
        ("nbf", json!(in_seconds(61)), Err(E::Future("nbf"))),
        ("jti", Value::Null, Err(E::Claim("jti"))),
        ("jti", json!(""), Err(E::Claim("jti"))),
        ("jti", json!(7), Err(E::Claim("jti"))),
        ("scope", json!("anything else is nobody's business"), Ok(())),
    ];
    for (name, value, wanted) in table {
        let mut claims = claims();
        let object = claims.as_object_mut().unwrap();
        match value.is_null() {
            true => object.remove(name),
            false => object.insert(name.to_owned(), value.clone()),
        };
        let found = accept(&jwt(&pair, &es256(), &claims), &keys).map(|_| ());
        assert_eq!(found, wanted, "{name}: {value}");
    }
}

#[test]
fn each_rule_of_the_header_has_its_refusal() {
    use AssertionError as E;
    let pair = Pair::ec(Nid::X9_62_PRIME256V1);
    let keys = [key("k1", &pair, None)];
    let jwk = pair.jwk();
    for (header, wanted) in [
        (json!({ "alg": "none" }), Err(E::Algorithm)),
        (json!({ "alg": "HS256" }), Err(E::Algorithm)),
        (json!({ "alg": "es256" }), Err(E::Algorithm)),
        (json!({ "alg": "ES384" }), Err(E::Algorithm)),
        (json!({}), Err(E::Algorithm)),
        (json!({ "alg": ["ES256"] }), Err(E::Algorithm)),
        (json!({ "alg": "ES256", "crit": [] }), Err(E::Critical)),
        (
            json!({ "alg": "ES256", "crit": ["b64"], "b64": false }),
            Err(E::Critical),
        ),
        (json!({ "alg": "ES256", "kid": 1 }), Err(E::Claim("kid"))),
        // The type of the key decides, not the header.
        (json!({ "alg": "RS256" }), Err(E::Signature)),
        (json!({ "alg": "EdDSA" }), Err(E::Signature)),
        (json!({ "alg": "ES256", "typ": 5 }), Ok(())),
    ] {
        let found = accept(&jwt(&pair, &header, &claims()), &keys).map(|_| ());
        assert_eq!(found, wanted, "{header}");
    }
    // A key that comes with the assertion is nobody's.
    let stranger = Pair::ec(Nid::X9_62_PRIME256V1);
    let header =
        json!({ "alg": "ES256", "jwk": stranger.jwk(), "jku": "https://evil.example.com" });
    assert_eq!(
        accept(&jwt(&stranger, &header, &claims()), &keys),
        Err(E::Signature)
    );
    assert_eq!(jwk["kty"], "EC");
}

#[test]
fn the_form_is_strict() {
    use AssertionError as E;
    let pair = Pair::ec(Nid::X9_62_PRIME256V1);
    let keys = [key("k1", &pair, None)];
    let good = jwt(&pair, &es256(), &claims());
    assert_eq!(accept(&good, &keys).as_deref(), Ok("k1"));
    let parts: Vec<&str> = good.split('.').collect();
    let [header, body, signature] = parts[..] else {
        panic!("{good}")
    };
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let twice = claims().to_string().replacen('{', r#"{"aud":"x","#, 1);
    let long = "A".repeat(LONGEST);
    for (text, wanted) in [
        (String::new(), E::NoJwt),
        (body.to_owned(), E::NoJwt),
        (format!("{header}.{body}"), E::NoJwt),
        (format!("{good}.{signature}"), E::NoJwt),
        (format!("{header}=.{body}.{signature}"), E::NoJwt),
        (format!("{header}.{body}.{signature}="), E::NoJwt),
        (format!("{header}.{body}.{signature}!"), E::NoJwt),
        (format!(" {good}"), E::NoJwt),
        (
            format!("{header}.{}.{signature}", encode(&twice)),
            E::Json("the body"),
        ),
        (
            format!("{header}.{}.{signature}", encode("[]")),
            E::Json("the body"),
        ),
        (
            format!("{header}.{}.{signature}", encode("\u{feff}{}")),
            E::Json("the body"),
        ),
        (
            format!(
                "{}.{body}.{signature}",
                encode(r#"{"alg":"none","alg":"ES256"}"#)
            ),
            E::Json("the header"),
        ),
        (format!("{header}.{body}."), E::Signature),
        (format!("{header}.{long}.{signature}"), E::TooLong),
    ] {
        assert_eq!(accept(&text, &keys), Err(wanted), "{text}");
    }
}

#[test]
fn kid_picks_a_key_and_without_it_each_is_tried() {
    use AssertionError as E;
    let new = || Pair::ec(Nid::X9_62_PRIME256V1);
    let (named, bare, stranger) = (new(), new(), new());
    let keys = [key("k1", &named, Some("a")), key("k2", &bare, None)];
    let with = |pair: &Pair, kid: &str| {
        accept(
            &jwt(pair, &json!({ "alg": "ES256", "kid": kid }), &claims()),
            &keys,
        )
    };
    assert_eq!(with(&named, "a").as_deref(), Ok("k1"));
    assert_eq!(with(&bare, "a"), Err(E::Signature));
    // Of the other nobody knows how its owner calls it.
    assert_eq!(with(&bare, "b").as_deref(), Ok("k2"));
    assert_eq!(
        with(&bare, &bare.public().thumbprint().unwrap()).as_deref(),
        Ok("k2")
    );
    assert_eq!(with(&named, "b"), Err(E::Signature));
    for pair in [&named, &bare] {
        assert!(accept(&jwt(pair, &es256(), &claims()), &keys).is_ok());
    }
    assert_eq!(
        accept(&jwt(&stranger, &es256(), &claims()), &keys),
        Err(E::Signature)
    );
    let [only, _] = keys;
    let unknown = jwt(&named, &json!({ "alg": "ES256", "kid": "b" }), &claims());
    assert_eq!(accept(&unknown, &[only]), Err(E::UnknownKey));
}

#[test]
fn a_key_is_good_for_its_connection_and_its_time() {
    use AssertionError as E;
    let pair = Pair::ed25519();
    let text = jwt(&pair, &json!({ "alg": "EdDSA" }), &claims());
    let own = key("k1", &pair, None);
    let other = ClientKey {
        connection: ConnectionName::parse("entra").unwrap(),
        ..own.clone()
    };
    assert_eq!(accept(&text, &[other]), Err(E::NoKey));
    let ended = ClientKey { expires: Some(now()), ..own.clone() };
    assert_eq!(accept(&text, &[ended]), Err(E::KeyExpired));
    let ends = ClientKey { expires: Some(now().plus(SKEW)), ..own };
    assert!(accept(&text, &[ends]).is_ok());
}

#[test]
fn one_use_is_of_the_key_itself_and_lasts_as_long_as_the_assertion() {
    let pair = Pair::ed25519();
    let text = jwt(&pair, &json!({ "alg": "EdDSA" }), &claims());
    let used = |id: &str, text: &str| {
        let keys = [key(id, &pair, None)];
        let signed = Assertion::parse(text).unwrap().verify(&keys).unwrap();
        signed.validate(&[ENDPOINT], now()).unwrap().one_use()
    };
    let (whose, id, until) = used("k1", &text);
    assert_eq!(until, now().plus(Duration::from_secs(360)));
    assert!(whose.starts_with("client okta ") && id.len() == 64);
    // Removed, and added again.
    assert_eq!(used("k2", &text), (whose.clone(), id.clone(), until));
    let mut claims = claims();
    claims["jti"] = json!("two");
    let second = used("k1", &jwt(&pair, &json!({ "alg": "EdDSA" }), &claims));
    assert_eq!(second.0, whose);
    assert_ne!(second.1, id);
}
