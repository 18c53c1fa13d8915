//! IsPassive, and what else identity providers report.

use http::Method;

use super::World;
use crate::support::http::Ask;
use crate::support::idp::{self, TestIdp};

const STATUS: &str = "urn:oasis:names:tc:SAML:2.0:status:";

fn reports(second: &str) -> String {
    format!(
        "<samlp:Status><samlp:StatusCode Value=\"{STATUS}Responder\">\
         <samlp:StatusCode Value=\"{STATUS}{second}\"/></samlp:StatusCode></samlp:Status>"
    )
}

#[tokio::test]
async fn passively_an_open_page_is_opened_as_nobody_and_any_other_says_so() {
    let world = World::new().await;
    for (page, status) in [("/open/x", 303), ("/reports", 403)] {
        let mut visitor = world.gateway.visitor();
        let start = world.url(&format!("/.samlgate/start?idp=corp&passive=1&rd={page}"));
        let start = visitor.get(&start).await;
        let request = world.corp.read(&start);
        assert!(
            request.xml.contains(" IsPassive=\"true\""),
            "{}",
            request.xml
        );
        let answer = world
            .answer_request(&mut visitor, &request, |response| {
                response.status = reports("NoPassive");
                response.assertions.clear();
            })
            .await;
        assert_eq!(answer.status, status, "{}", answer.text());
        if status == 303 {
            assert_eq!(answer.target().as_str(), world.url(page));
            assert_eq!(visitor.follow(&answer).await.status, 200);
        } else {
            let text = answer.text();
            assert!(
                text.contains("You are not signed in at your organisation."),
                "{text}"
            );
            assert_eq!(world.gateway.code_of(&answer).await, "idp.status");
        }
    }
    // That nobody is signed in is no failed login.
    let attempts = world.gateway.login_attempts().await;
    assert_eq!(attempts.len(), 1, "{attempts:?}");
}

#[tokio::test]
async fn passively_whoever_is_signed_in_there_comes_in() {
    let world = World::new().await;
    let mut alice = world.gateway.visitor();
    let passive = world.url("/.samlgate/start?idp=corp&passive=1&rd=/open");
    let start = alice.get(&passive).await;
    let landed = world.answer(&mut alice, &start, |_| {}).await;
    assert_eq!(landed.target().as_str(), world.url("/open"));
    // Who has a session is not sent round.
    assert_eq!(
        alice.get(&passive).await.target().as_str(),
        world.url("/open")
    );
    // Where they would have to be shown something, nobody is asked.
    let mut nobody = world.gateway.visitor();
    let fresh = world.url("/.samlgate/start?idp=corp&passive=1&rd=/fresh");
    assert_eq!(nobody.get(&fresh).await.status, 403);
    let choose = world.url("/.samlgate/start?passive=1&rd=/open");
    assert_eq!(
        nobody.get(&choose).await.target().as_str(),
        world.url("/open")
    );
}

#[tokio::test]
async fn what_an_identity_provider_reports_is_said_in_sentences() {
    let world = World::new().await;
    for (code, sentence, remedy) in [
        (
            "AuthnFailed",
            "could not make sure who you are",
            "its log says why",
        ),
        (
            "RequestDenied",
            "does not let you in here",
            "assign the person",
        ),
        (
            "NoAuthnContext",
            "by the method that is needed here",
            "authn_context asks for",
        ),
        (
            "UnknownPrincipal",
            "does not know you by the name",
            "removed or renamed",
        ),
        (
            "NoAvailableIDP",
            "can not be reached at the moment",
            "none of those that we allow",
        ),
    ] {
        let mut visitor = world.gateway.visitor();
        let start = visitor.get(&world.url("/.samlgate/start?idp=corp&rd=/pay")).await;
        let answer = world
            .answer(&mut visitor, &start, |response| {
                response.status = reports(code);
                response.assertions.clear();
                response.sign = idp::Sign::Response;
            })
            .await;
        assert_eq!(answer.status, 403);
        assert_eq!(world.gateway.code_of(&answer).await, "idp.status");
        let text = answer.text();
        assert!(text.contains(sentence), "{code}: {text}");
        let log = world.gateway.log();
        assert!(log.contains(remedy), "{code}: {log}");
        assert!(!text.contains(remedy), "{code}: {text}");
        let help = "href=\"https://idp.example.com/help?why=AUTHENTICATION_FAILURE\"";
        assert!(text.contains(help), "{code}: {text}");
    }
}

#[tokio::test]
async fn whoever_has_signed_is_named_with_their_help_and_nobody_else() {
    let world = World::with(|setup| setup, "allow_idp_initiated = true").await;
    let post = async |from: &TestIdp| {
        let mut response = from.unsolicited(&world.url(""));
        response.status = reports("AuthnFailed");
        response.assertions.clear();
        response.sign = idp::Sign::Response;
        let fields = idp::fields(from.write(&response), None);
        let acs = Ask::new(Method::POST, &world.url("/saml/acs"));
        world.gateway.visitor().send(acs.navigating().form(&fields)).await
    };
    let made_up = TestIdp::new("corp");
    for (from, code, is_named) in [
        (&world.corp, "idp.status", true),
        (&made_up, "sig.invalid", false),
    ] {
        let answer = post(from).await;
        assert_eq!(world.gateway.code_of(&answer).await, code);
        assert_eq!(
            answer.text().contains("https://idp.example.com/help?why="),
            is_named
        );
    }
}
