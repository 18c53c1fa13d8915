//! What all cases start from is accepted: both bindings, every place of a signature, every
//! algorithm, and what the rules allow to be different.

use openssl::nid::Nid;
use openssl::x509::X509;

use super::{NOWHERE, Stage, begin};
use crate::support::gateway::Setup;
use crate::support::idp::{
    self, Binding, Key, Response, Sign, TestIdp, at, attribute, element, status,
};

#[tokio::test]
async fn both_bindings_and_every_place_of_a_signature_are_accepted() {
    let mut setup = Setup::https().route(NOWHERE, "");
    let mut idps = Vec::new();
    for (name, binding, wants_signed) in [
        ("redirect", Binding::Redirect, false),
        ("redirect-signed", Binding::Redirect, true),
        ("post", Binding::Post, false),
        ("post-signed", Binding::Post, true),
    ] {
        let key = Key::ec(Nid::X9_62_PRIME256V1);
        let idp = TestIdp::with(name, key, binding, wants_signed);
        setup = setup.idp(name, &idp.metadata_file(), "");
        idps.push((name, wants_signed, idp));
    }
    let gateway = setup.start().await;
    let certificate = std::fs::read(gateway.folder().join("certs/sp-signing.crt")).unwrap();
    let certificate = X509::from_pem(&certificate).unwrap().to_der().unwrap();
    let page = "/reports?week=47&q=caf%C3%A9%20%26%20cake";
    for (name, wants_signed, idp) in &idps {
        for sign in [Sign::Response, Sign::Assertion, Sign::Both] {
            let mut visitor = gateway.visitor();
            let request = begin(&gateway, idp, name, &mut visitor, page).await;
            let signed = request.signed_by(&certificate);
            assert_eq!(signed, wants_signed.then_some(true), "{name}");
            let mut response = idp.answer(&request);
            response.sign = sign;
            response.about(&format!("alice@{name}.example.com"));
            let fields = idp::fields(idp.write(&response), Some(&request.relay_state));
            let answer = visitor.send(idp::post(&gateway.url("/saml/acs"), &fields)).await;
            assert_eq!(answer.status, 303, "{name} {sign:?}: {}", answer.text());
            assert_eq!(answer.header("location"), page);
            let user = visitor.get(&gateway.url("/.samlgate/user")).await.json();
            assert_eq!(user["user_name"], format!("alice@{name}.example.com"));
            assert_eq!(user["idp"], idp.entity_id);
        }
    }
    let attempts = gateway.login_attempts().await;
    assert_eq!(attempts.len(), 12);
    assert!(attempts.iter().all(|attempt| attempt.code.is_none() && attempt.user.is_some()));
}

#[tokio::test]
async fn rsa_and_ecdsa_with_sha256_384_and_512_are_accepted() {
    let mut setup = Setup::https().quick_key().route(NOWHERE, "");
    let mut idps = Vec::new();
    for (name, key) in [
        ("rsa-2048", Key::rsa(2048)),
        ("p-256", Key::ec(Nid::X9_62_PRIME256V1)),
        ("p-384", Key::ec(Nid::SECP384R1)),
        ("p-521", Key::ec(Nid::SECP521R1)),
    ] {
        let idp = TestIdp::with(name, key, Binding::Redirect, false);
        setup = setup.idp(name, &idp.metadata_file(), "");
        idps.push((name, idp));
    }
    let gateway = setup.start().await;
    for (name, idp) in &idps {
        for digest in ["sha256", "sha384", "sha512"] {
            let mut visitor = gateway.visitor();
            let request = begin(&gateway, idp, name, &mut visitor, "/").await;
            let mut response = idp.answer(&request);
            response.digest = digest;
            response.sign = Sign::Both;
            // Each has people of its own: a name belongs to whoever used it first.
            response.about(&format!("alice@{name}.example.com"));
            let fields = idp::fields(idp.write(&response), Some(&request.relay_state));
            let answer = visitor.send(idp::post(&gateway.url("/saml/acs"), &fields)).await;
            assert_eq!(answer.status, 303, "{name} {digest}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn the_cookies_are_those_of_the_contract() {
    let stage = Stage::set("").await;
    let mut visitor = stage.gateway.visitor();
    let start = visitor.get(&stage.gateway.url("/.samlgate/start?idp=corp")).await;
    let request = stage.idp.read(&start);
    assert!(request.relay_state.len() <= 80);
    let xml = stage.idp.write(&stage.idp.answer(&request));
    let answer = stage.carry(&mut visitor, xml, Some(&request.relay_state)).await;
    for (cookie, name, same_site) in [
        (
            start.header("set-cookie"),
            "__Host-samlgate-login=",
            "SameSite=None",
        ),
        (
            answer.header("set-cookie"),
            "__Host-samlgate=",
            "SameSite=Lax",
        ),
    ] {
        assert!(cookie.starts_with(name) && cookie.len() < 200, "{cookie}");
        let parts: Vec<&str> = cookie.split("; ").skip(1).collect();
        for part in ["Path=/", "HttpOnly", "Secure", same_site] {
            assert!(parts.contains(&part), "no {part} in {cookie}");
        }
        assert_eq!(parts.len(), 4, "{cookie}");
    }
    // The store keeps nothing that a cookie could be made of.
    let token = visitor.cookie(&stage.gateway.url("/"), "__Host-samlgate").unwrap();
    for file in ["samlgate.db", "samlgate.db-wal"] {
        let bytes = std::fs::read(stage.gateway.folder().join("data").join(file)).unwrap();
        for secret in [&token, &request.relay_state] {
            assert!(
                !bytes.windows(secret.len()).any(|part| part == secret.as_bytes()),
                "{file}"
            );
        }
    }
    assert!(!stage.gateway.log().contains(&token));
}

#[tokio::test]
async fn what_the_rules_leave_open_is_accepted() {
    let stage = Stage::set("").await;
    type Change = fn(&mut Response);
    let cases: &[(&str, Change)] = &[
        (
            "an assertion-signed Response without Destination",
            |response| {
                response.destination = None;
            },
        ),
        ("an assertion-signed Response without Issuer", |response| {
            response.issuer = None;
        }),
        ("a Response without InResponseTo", |response| {
            response.in_response_to = None;
        }),
        ("an Issuer with the Format entity", |response| {
            let format = " Format=\"urn:oasis:names:tc:SAML:2.0:nameid-format:entity\"";
            response.assertion().issuer =
                element("saml:Issuer", format, "https://idp.example.com/corp");
        }),
        (
            "a confirmation of another method beside the bearer's",
            |response| {
                let mut other = response.confirmation().clone();
                other.method = "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key".to_owned();
                response.assertion().confirmations.insert(0, other);
            },
        ),
        (
            "a bearer confirmation for somebody else beside ours",
            |response| {
                let mut other = response.confirmation().clone();
                other.recipient = Some("https://other.example.com/saml/acs".to_owned());
                response.assertion().confirmations.insert(0, other);
            },
        ),
        ("several audiences, one of them us", |response| {
            let audiences = &mut response.conditions().audiences[0];
            audiences.insert(0, "https://other.example.com".to_owned());
        }),
        ("OneTimeUse and ProxyRestriction", |response| {
            response.conditions().more =
                "<saml:OneTimeUse/><saml:ProxyRestriction Count=\"0\"/>".to_owned();
        }),
        ("Conditions without times", |response| {
            response.conditions().not_before = None;
            response.conditions().not_on_or_after = None;
        }),
        ("clocks that differ by less than the skew", |response| {
            response.conditions().not_before = Some(at(120));
            response.conditions().not_on_or_after = Some(at(240));
            response.confirmation().not_on_or_after = Some(at(-120));
            response.assertion().issue_instant = at(120);
            response.statement().authn_instant = at(120);
        }),
        ("fractions of a second", |response| {
            let time = at(0).replace('Z', ".123456789Z");
            response.assertion().issue_instant = time;
        }),
        ("a NameID with our qualifiers", |response| {
            let audience = response.conditions().audiences[0][0].clone();
            response.assertion().name_id = Some(format!(
                "<saml:NameID NameQualifier=\"https://idp.example.com/corp\" \
                 SPNameQualifier=\"{audience}\">alice@example.com</saml:NameID>"
            ));
        }),
        (
            "unknown attributes, also with elements in them",
            |response| {
                let value = "<x xmlns=\"urn:x\">1</x>";
                response.assertion().attributes.push(attribute("urn:example:more", &[value]));
            },
        ),
        ("one value sent twice", |response| {
            let mail = attribute("mail", &["alice@example.com"]);
            response.assertion().attributes.extend([mail.clone(), mail]);
        }),
        ("groups in several elements", |response| {
            let group = attribute("groups", &["Board"]);
            response.assertion().attributes.push(group);
        }),
        ("a status message", |response| {
            response.status = status("urn:oasis:names:tc:SAML:2.0:status:Success").replace(
                "</samlp:Status>",
                "<samlp:StatusMessage>Hello</samlp:StatusMessage></samlp:Status>",
            );
        }),
    ];
    for (claim, change) in cases {
        let mut visitor = stage.gateway.visitor();
        let request = stage.begin(&mut visitor, "/").await;
        let mut response = stage.idp.answer(&request);
        change(&mut response);
        let xml = stage.idp.write(&response);
        let answer = stage.carry(&mut visitor, xml, Some(&request.relay_state)).await;
        assert_eq!(answer.status, 303, "{claim}: {}", stage.last_line());
        assert_eq!(
            stage.user(&mut visitor).await,
            "alice@example.com",
            "{claim}"
        );
    }
}

#[tokio::test]
async fn names_are_taken_verbatim() {
    let stage = Stage::set("").await;
    // The last two look alike; they are two people.
    for name in [
        "Alice@Example.COM",
        "alice",
        "Ren\u{e9}e",
        "Rene\u{301}e",
        "a\u{a0}b",
    ] {
        let mut visitor = stage.gateway.visitor();
        let request = stage.begin(&mut visitor, "/").await;
        let mut response = stage.idp.answer(&request);
        response.assertion().name_id = Some(element("saml:NameID", "", name));
        let xml = stage.idp.write(&response);
        stage.carry(&mut visitor, xml, Some(&request.relay_state)).await;
        assert_eq!(stage.user(&mut visitor).await, name);
    }
    let users: i64 = sqlx::query_scalar("SELECT count(*) FROM user")
        .fetch_one(&stage.records)
        .await
        .unwrap();
    assert_eq!(users, 5);
}

#[tokio::test]
async fn an_exception_is_logged_and_counted_each_time_and_ends_with_its_day() {
    let old = || TestIdp::with("corp", Key::rsa(2048), Binding::Redirect, false);
    let stage = Stage::with(old(), "allow_sha1_until = \"2999-01-01\"").await;
    for _ in 0..2 {
        let mut visitor = stage.gateway.visitor();
        let request = stage.begin(&mut visitor, "/reports").await;
        let mut response = stage.idp.answer(&request);
        response.digest = "sha1";
        let xml = stage.idp.write(&response);
        let answer = stage.carry(&mut visitor, xml, Some(&request.relay_state)).await;
        stage.accepted(&mut visitor, &answer, "/reports").await;
    }
    let metrics = stage.gateway.admin("/metrics").await.text();
    let line = "samlgate_idp_exceptions_total{idp=\"corp\",exception=\"sha1\"} 2";
    assert!(metrics.contains(line), "{metrics}");
    stage.gateway.has_logged("\"exception\":\"allow_sha1_until\"", 2).await;
    let log = stage.gateway.log();
    let warned = log.lines().filter(|line| line.contains("\"exception\":\"allow_sha1_until\""));
    let warned: Vec<_> = warned.collect();
    assert_eq!(warned.len(), 2, "{log}");
    for words in ["\"WARN\"", "\"idp\":\"corp\"", "2999-01-01T00:00:00Z"] {
        assert!(
            warned.iter().all(|line| line.contains(words)),
            "{words}: {warned:?}"
        );
    }

    let over = Stage::with(old(), "allow_sha1_until = \"2026-01-01\"").await;
    let sha1 = super::Bend::Parts(|response| response.digest = "sha1");
    over.refuses(&[("SHA-1 after its day", "sig.algorithm", sha1)]).await;
}
