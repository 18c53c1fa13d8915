//! A person with a real browser, Auth0's samlp as the identity provider, Radicale behind us.
//!
//! What `browser_pysaml2` tells in detail holds for a second, unrelated implementation: other XML,
//! another way to sign, other names for attributes.

use crate::support::browser::Browser;
use crate::support::gateway::{Gateway, Setup};
use crate::support::peers::{Idp, RADICALE_HEADERS, Radicale};

/// samlp prefixes what it does not know from passport.
const ATTRIBUTES: [&str; 3] = [
    "user_name = [\"http://schemas.passportjs.com/uid\"]",
    "email = [\"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress\"]",
    "groups = [\"http://schemas.passportjs.com/groups\"]",
];

/// Field by field what runs, in the order in which it ends.
struct Stage {
    browser: Browser,
    gateway: Gateway,
    idp: Idp,
    _radicale: Radicale,
}

impl Stage {
    async fn set(options: &[&str], idp_settings: &str) -> Self {
        let mut setup = Setup::https();
        let idp = Idp::saml_idp(&setup, options).await;
        let radicale = Radicale::start().await;
        for line in ATTRIBUTES {
            setup = setup.set("attributes", line);
        }
        let gateway = setup
            .idp("contoso", &idp.metadata_url(), idp_settings)
            .route(&radicale.url(), RADICALE_HEADERS)
            .start()
            .await;
        let browser = Browser::start().await;
        Self { browser, gateway, idp, _radicale: radicale }
    }

    async fn sign_in(&self, user: &str) {
        let page = self.gateway.url("/.web/?a=1&b=2");
        self.browser.goto(&page).await;
        self.browser.sign_in_at(&self.idp, user).await;
        self.browser.arrives_at(&page).await;
    }
}

#[tokio::test]
async fn alice_signs_in_and_is_greeted_by_name() {
    let stage = Stage::set(&[], "").await;
    stage.sign_in("alice").await;
    stage.browser.reads("#logoutview [data-name=user]", "alice's Collections").await;
    assert_eq!(stage.browser.who_am_i().await, "alice");
}

#[tokio::test]
async fn a_signed_request_and_two_signatures_are_understood() {
    let options = ["--sign", "both", "--name-id-format", "email"];
    let stage = Stage::set(&options, "sign_requests = true").await;
    stage.sign_in("bob").await;
    assert_eq!(stage.browser.who_am_i().await, "bob");
}

#[tokio::test]
async fn a_response_signed_as_a_whole_is_understood() {
    let stage = Stage::set(&["--sign", "response"], "").await;
    stage.sign_in("carol").await;
    assert_eq!(stage.browser.who_am_i().await, "carol");
}

#[tokio::test]
async fn beginning_at_the_portal_leads_to_the_page_it_names() {
    let stage = Stage::set(&[], "allow_idp_initiated = true").await;
    stage.browser.goto(&stage.idp.portal_url("bob", "/.web/?from=portal")).await;
    stage.browser.arrives_at(&stage.gateway.url("/.web/?from=portal")).await;
    assert_eq!(stage.browser.who_am_i().await, "bob");
}

#[tokio::test]
async fn a_second_person_in_the_same_browser_is_never_taken_for_the_first() {
    let stage = Stage::set(&[], "").await;
    stage.sign_in("alice").await;
    stage.browser.goto(&stage.gateway.url("/.samlgate/sign_out")).await;
    stage.browser.click("form[method=post] button").await;
    stage.browser.reads("h1", "signed out").await;
    stage.browser.goto(&stage.idp.url("/logout")).await;
    stage.sign_in("bob").await;
    assert_eq!(stage.browser.who_am_i().await, "bob");
}
