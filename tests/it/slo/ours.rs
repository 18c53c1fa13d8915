//! Somebody signs out here.

use http::Method;
use samlgate::dsig::SigningKey;
use samlgate::saml::binding::query::Carries;
use samlgate::saml::logout::{LogoutAnswer, LogoutResponse, ReceivedLogout, ValidLogoutRequest};
use samlgate::saml::status::StatusCode;

use super::{ALL, By, Stage, encoded, fresh_id, now, without_signature};
use crate::support::http::{Answer, Ask, Visitor};
use crate::support::idp::{self, TestIdp};

/// Presses the button.
pub(super) async fn sign_out(stage: &Stage, visitor: &mut Visitor, query: &str) -> Answer {
    let at = stage.gateway.url(&format!("/.samlgate/sign_out{query}"));
    visitor.send(Ask::new(Method::POST, &at).navigating()).await
}

/// The LogoutRequest on its way.
pub(super) async fn asked(stage: &Stage, answer: &Answer) -> ValidLogoutRequest {
    let received = if answer.status.is_redirection() {
        assert_eq!(answer.status, 303);
        let target = answer.target();
        assert!(target.as_str().starts_with(&stage.idp.slo()), "{target}");
        ReceivedLogout::of_query(target.query().unwrap()).unwrap()
    } else {
        assert_eq!(answer.form().action, stage.idp.slo());
        ReceivedLogout::of_form(&encoded(&answer.form())).unwrap()
    };
    assert_eq!(received.carries, Carries::Request);
    stage.request_in(received).await
}

/// What the identity provider answers.
pub(super) struct Answering<'a> {
    issuer: &'a str,
    pub(super) key: Option<&'a SigningKey>,
    to: &'a str,
    pub(super) destination: String,
    answer: LogoutAnswer,
}

impl Stage {
    pub(super) fn answering<'a>(&'a self, to: &'a str, answer: LogoutAnswer) -> Answering<'a> {
        let (issuer, key) = (self.idp.entity_id.as_str(), Some(&self.key));
        Answering { issuer, key, to, destination: self.slo(), answer }
    }

    /// The browser carries it, from the identity provider's site: by redirect, or by a form.
    pub(super) async fn carry_back(
        &self,
        visitor: &mut Visitor,
        answering: &Answering<'_>,
        form: bool,
    ) -> Answer {
        let at = self.address(if form { By::Post } else { By::Redirect });
        let id = fresh_id();
        let response = LogoutResponse {
            id: &id,
            issue_instant: now(),
            destination: &answering.destination,
            issuer: answering.issuer,
            in_response_to: answering.to,
            answer: answering.answer,
        };
        let key = answering.key.unwrap_or(&self.key);
        if form {
            let mut xml = response.to_signed_xml(key).unwrap();
            if answering.key.is_none() {
                xml = without_signature(&xml);
            }
            return visitor.send(idp::post(&at, &idp::fields(xml, None))).await;
        }
        let mut url = response.redirect_url(None, key).unwrap();
        url = url.replace(&answering.destination, &at);
        if answering.key.is_none() {
            url = url.split("&SigAlg").next().unwrap().to_owned();
        }
        visitor.send(Ask::new(Method::GET, &url).navigating()).await
    }
}

#[tokio::test]
async fn signing_out_ends_the_session_here_then_there_and_says_so() {
    for (bindings, form) in [(ALL, false), (&["HTTP-POST"][..], true)] {
        let stage = Stage::with(TestIdp::new("corp").with_logout(bindings)).await;
        let sp = stage.sp();
        let qualified = |xml: String| {
            xml.replace(
                "<saml:NameID",
                &format!("<saml:NameID SPNameQualifier=\"{sp}\" SPProvidedID=\"ours-7\""),
            )
        };
        let mut alice = stage.signed_in(|_| {}, qualified).await;
        let answer = sign_out(&stage, &mut alice, "").await;
        assert_eq!(answer.status.is_redirection(), !form);
        let request = asked(&stage, &answer).await;
        assert_eq!(request.name_id.value, "alice@example.com");
        assert_eq!(
            request.name_id.sp_name_qualifier.as_deref(),
            Some(sp.as_str())
        );
        assert_eq!(request.name_id.sp_provided_id.as_deref(), Some("ours-7"));
        assert_eq!(request.session_indexes, ["_s1"]);
        // Whatever they say, she is signed out here.
        assert!(!stage.is_signed_in(&mut alice).await);
        assert_eq!(
            stage.newest("session.ended").await["detail"]["reason"],
            "sign_out"
        );

        let done = stage.answering(&request.id, LogoutAnswer::Done);
        let page = stage.carry_back(&mut alice, &done, form).await;
        assert_eq!(page.status, 200);
        assert!(
            page.text().contains("and so has the one at corp"),
            "{}",
            page.text()
        );
        assert_eq!(stage.audited("logout.accepted").await, ["ok"]);
        // It counts once. Who reads the page again has signed out all the same, and reads that.
        let again = stage.carry_back(&mut alice, &done, form).await;
        assert_eq!(
            stage.audited("logout.refused").await[0],
            "proto.in_response_to"
        );
        assert_eq!(
            again.status,
            if form { 403 } else { 200 },
            "{}",
            again.text()
        );
        assert_eq!(again.text().contains("You are signed out"), !form);
        let mut bob = stage.person("bob@example.com", "_s2").await;
        let page = stage.carry_back(&mut bob, &done, form).await;
        assert_eq!(stage.gateway.code_of(&page).await, "proto.in_response_to");
    }
}

#[tokio::test]
async fn afterwards_one_arrives_on_a_public_page_of_ours_and_nowhere_else() {
    let stage = Stage::set().await;
    for (rd, arrives) in [
        ("/goodbye?from=here", Some("/goodbye?from=here")),
        ("/private", None),
        ("https%3A%2F%2Fevil.example%2Fgoodbye", None),
        ("%2F%2Fevil.example%2Fgoodbye", None),
    ] {
        let mut alice = stage.alice().await;
        let answer = sign_out(&stage, &mut alice, &format!("?rd={rd}")).await;
        let request = asked(&stage, &answer).await;
        let done = stage.answering(&request.id, LogoutAnswer::Done);
        let answer = stage.carry_back(&mut alice, &done, false).await;
        match arrives {
            Some(page) => {
                assert_eq!(
                    (answer.status.as_u16(), answer.header("location")),
                    (303, page)
                );
            }
            None => assert_eq!(answer.status, 200, "{rd}"),
        }
        assert!(!answer.text().contains("evil.example"), "{}", answer.text());
    }
}

#[tokio::test]
async fn a_failure_there_leaves_people_signed_out_here_and_is_said() {
    let stage = Stage::set().await;
    for (answer, words, kind, code) in [
        (
            LogoutAnswer::Partial,
            "corp could not sign you out everywhere",
            "logout.accepted",
            "ok",
        ),
        (
            LogoutAnswer::Failed,
            "You are still signed in at corp",
            "logout.refused",
            "idp.status",
        ),
        (
            LogoutAnswer::Refused(Some(StatusCode::RequestDenied)),
            "You are still signed in at corp",
            "logout.refused",
            "idp.status",
        ),
    ] {
        let mut alice = stage.alice().await;
        let left = sign_out(&stage, &mut alice, "?rd=/goodbye").await;
        let request = asked(&stage, &left).await;
        let page = stage.carry_back(&mut alice, &stage.answering(&request.id, answer), false).await;
        assert_eq!(page.status, 200);
        assert!(page.text().contains(words), "{}", page.text());
        assert!(page.text().contains("href=\"/goodbye\""), "{}", page.text());
        assert_eq!(stage.audited(kind).await[0], code);
        assert!(!stage.is_signed_in(&mut alice).await);
    }
}

#[tokio::test]
async fn an_answer_that_can_not_be_believed_says_nothing_about_the_other_side() {
    let stage = Stage::set().await;
    let mallory = SigningKey::generate_ec("mallory", now()).unwrap();
    for form in [false, true] {
        let forged = if form {
            "sig.invalid"
        } else {
            "binding.query_signature"
        };
        for (key, destination, code) in [
            (None, stage.slo(), "sig.missing"),
            (Some(&mallory), stage.slo(), forged),
            (
                Some(&stage.key),
                "https://other.example.com/".to_owned(),
                "proto.destination",
            ),
        ] {
            let mut alice = stage.alice().await;
            let left = sign_out(&stage, &mut alice, "?rd=/goodbye").await;
            let request = asked(&stage, &left).await;
            let done = stage.answering(&request.id, LogoutAnswer::Done);
            let bent = Answering { key, destination, ..done };
            let page = stage.carry_back(&mut alice, &bent, form).await;
            assert_eq!(page.status, 200, "{code}");
            assert!(
                page.text().contains("You may still be signed in at corp"),
                "{}",
                page.text()
            );
            assert_eq!(stage.audited("logout.refused").await[0], code);
        }
        // And where nobody waits for it, it is a page that says so.
        let id = fresh_id();
        let answering = Answering { key: None, ..stage.answering(&id, LogoutAnswer::Done) };
        let mut visitor = stage.gateway.visitor();
        let page = stage.carry_back(&mut visitor, &answering, form).await;
        assert_eq!(stage.gateway.code_of(&page).await, "sig.missing");
        let answering = stage.answering(&id, LogoutAnswer::Done);
        stage.carry_back(&mut visitor, &answering, form).await;
        assert_eq!(
            stage.audited("logout.refused").await[0],
            "proto.in_response_to"
        );
    }
    assert!(stage.audited("logout.accepted").await.is_empty());
}

#[tokio::test]
async fn an_identity_provider_without_logout_is_not_asked_and_the_page_says_so() {
    for (idp, name) in [
        (TestIdp::new("corp"), "none"),
        (TestIdp::new("corp").with_logout(&["SOAP"]), "soap alone"),
        (
            TestIdp::new("corp")
                .called("https://accounts.google.com/o/saml2")
                .with_logout(ALL),
            "google",
        ),
    ] {
        let stage = Stage::with(idp).await;
        for query in ["", "?rd=/goodbye", "?rd=/private"] {
            let mut alice = stage.alice().await;
            let asks = stage.gateway.url(&format!("/.samlgate/sign_out{query}"));
            let asks = alice.get(&asks).await.text();
            assert!(
                asks.contains("corp can not be asked to sign you out too"),
                "{asks}"
            );
            let answer = sign_out(&stage, &mut alice, query).await;
            if query == "?rd=/goodbye" {
                // The application says what it likes on its own page.
                assert_eq!(
                    (answer.status.as_u16(), answer.header("location")),
                    (303, "/goodbye")
                );
            } else {
                assert_eq!(answer.status, 200, "{name}");
                let text = answer.text();
                assert!(
                    text.contains("You may still be signed in at corp"),
                    "{text}"
                );
            }
            assert!(!stage.is_signed_in(&mut alice).await);
        }
    }
}

/// The page that asks first says that the identity provider can not be asked.
async fn asks_for_here_alone(stage: &Stage, visitor: &mut Visitor) {
    let page = visitor.get(&stage.gateway.url("/.samlgate/sign_out")).await;
    assert!(
        page.text().contains("can not be asked to sign you out too"),
        "{}",
        page.text()
    );
}

#[tokio::test]
async fn who_has_no_name_there_is_signed_out_here_alone() {
    let stage = Stage::set().await;
    let nameless = |response: &mut idp::Response| {
        let assertion = response.assertion();
        assertion.name_id = None;
        assertion.attributes.push(idp::attribute("mail", &["alice@example.com"]));
    };
    let mut alice = stage.signed_in(nameless, |xml| xml).await;
    asks_for_here_alone(&stage, &mut alice).await;
    let page = sign_out(&stage, &mut alice, "").await;
    assert_eq!(page.status, 200);
    assert!(
        page.text().contains("You may still be signed in at corp"),
        "{}",
        page.text()
    );
}

#[tokio::test]
async fn a_script_signs_out_here_alone_and_another_site_not_at_all() {
    let stage = Stage::set().await;
    let mut alice = stage.alice().await;
    let at = stage.gateway.url("/.samlgate/sign_out");
    let evil = url::Url::parse("https://evil.example/").unwrap();
    let ask = Ask::new(Method::POST, &at).navigating().header("sec-fetch-site", "cross-site");
    let answer = alice.send(ask.from(&evil)).await;
    assert_eq!(answer.status, 403);
    assert!(stage.is_signed_in(&mut alice).await);
    let ask = Ask::new(Method::POST, &at)
        .header("sec-fetch-mode", "cors")
        .header("sec-fetch-site", "same-origin");
    let answer = alice.send(ask).await;
    assert_eq!(answer.status, 200);
    let said: serde_json::Value = serde_json::from_str(&answer.text()).unwrap();
    let expected = serde_json::json!({ "signed_out": true, "identity_provider": "not_asked" });
    assert_eq!(said, expected);
    assert!(!stage.is_signed_in(&mut alice).await);
}

#[tokio::test]
async fn auth0_is_asked_for_its_session_and_not_without_one() {
    let auth0 = || TestIdp::new("corp").called("https://example.eu.auth0.com").with_logout(ALL);
    let stage = Stage::with(auth0()).await;
    let mut alice = stage.alice().await;
    let answer = sign_out(&stage, &mut alice, "").await;
    assert_eq!(asked(&stage, &answer).await.session_indexes, ["_s1"]);
    let mut alice = stage.signed_in(|_| {}, |xml| xml.replace(" SessionIndex=\"_s1\"", "")).await;
    asks_for_here_alone(&stage, &mut alice).await;
    let page = sign_out(&stage, &mut alice, "").await;
    assert_eq!(page.status, 200);
    assert!(
        page.text().contains("You may still be signed in at corp"),
        "{}",
        page.text()
    );
}

#[tokio::test]
async fn another_identity_provider_can_not_answer() {
    let other = TestIdp::new("other").with_logout(ALL);
    let corp = TestIdp::new("corp").with_logout(ALL);
    let stage = Stage::beside(corp, &other).await;
    let mut alice = stage.alice().await;
    let left = sign_out(&stage, &mut alice, "").await;
    let request = asked(&stage, &left).await;
    let (key, issuer) = (other.key.signing(), other.entity_id.as_str());
    let done = stage.answering(&request.id, LogoutAnswer::Done);
    let bent = Answering { key: Some(&key), issuer, ..done };
    let page = stage.carry_back(&mut alice, &bent, false).await;
    assert_eq!(stage.audited("logout.refused").await[0], "proto.mix_up");
    assert_eq!(page.status, 200);
    assert!(
        page.text().contains("You may still be signed in at corp"),
        "{}",
        page.text()
    );
    // Whom we asked may answer yet.
    let done = stage.answering(&request.id, LogoutAnswer::Done);
    let page = stage.carry_back(&mut alice, &done, false).await;
    assert!(
        page.text().contains("and so has the one at corp"),
        "{}",
        page.text()
    );
}

#[tokio::test]
async fn requests_are_signed_and_carry_no_relay_state() {
    let stage = Stage::set().await;
    let mut alice = stage.alice().await;
    let left = sign_out(&stage, &mut alice, "").await;
    let query = left.target().query().unwrap().to_owned();
    assert!(
        query.contains("&SigAlg=") && query.contains("&Signature="),
        "{query}"
    );
    assert!(!query.contains("RelayState"), "{query}");
}
