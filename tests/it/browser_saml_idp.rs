//! A person with a real browser, Auth0's samlp as the identity provider, Radicale behind us.
//!
//! What `browser_pysaml2` tells in detail holds for a second, unrelated implementation: other XML,
//! another way to sign, other names for attributes.

use crate::support::gateway::Setup;
use crate::support::peers::Idp;
use crate::support::stage::Stage;

/// samlp prefixes what it does not know from passport.
const ATTRIBUTES: [&str; 3] = [
    "user_name = [\"http://schemas.passportjs.com/uid\"]",
    "email = [\"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress\"]",
    "groups = [\"http://schemas.passportjs.com/groups\"]",
];

async fn set(options: &[&str], idp_settings: &str) -> Stage {
    let setup = Setup::https();
    let idp = Idp::saml_idp(&setup, options).await;
    Stage::with(setup, idp, "contoso", &ATTRIBUTES, idp_settings).await
}

#[tokio::test]
async fn alice_signs_in_and_is_greeted_by_name() {
    let stage = set(&[], "").await;
    stage.sign_in_to("/.web/?a=1&b=2", "alice").await;
    stage.browser.reads("#logoutview [data-name=user]", "alice's Collections").await;
    assert_eq!(stage.browser.who_am_i().await, "alice");
}

#[tokio::test]
async fn a_signed_request_and_two_signatures_are_understood() {
    let options = ["--sign", "both", "--name-id-format", "email"];
    let stage = set(&options, "sign_requests = true").await;
    stage.sign_in_to("/.web/?a=1&b=2", "bob").await;
    assert_eq!(stage.browser.who_am_i().await, "bob");
}

#[tokio::test]
async fn a_response_signed_as_a_whole_is_understood() {
    let stage = set(&["--sign", "response"], "").await;
    stage.sign_in_to("/.web/?a=1&b=2", "carol").await;
    assert_eq!(stage.browser.who_am_i().await, "carol");
}

#[tokio::test]
async fn beginning_at_the_portal_leads_to_the_page_it_names() {
    let stage = set(&[], "allow_idp_initiated = true").await;
    stage.browser.goto(&stage.idp.portal_url("bob", "/.web/?from=portal")).await;
    stage.browser.arrives_at(&stage.gateway.url("/.web/?from=portal")).await;
    assert_eq!(stage.browser.who_am_i().await, "bob");
}

#[tokio::test]
async fn a_second_person_in_the_same_browser_is_never_taken_for_the_first() {
    let stage = set(&[], "").await;
    stage.sign_in_to("/.web/?a=1&b=2", "alice").await;
    stage.sign_out().await;
    stage.browser.goto(&stage.idp.url("/logout")).await;
    stage.sign_in_to("/.web/?a=1&b=2", "bob").await;
    assert_eq!(stage.browser.who_am_i().await, "bob");
}
