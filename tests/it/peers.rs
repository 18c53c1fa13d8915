//! The peers themselves, without a gateway: when one of these fails, look at the installation
//! (`make peers`) before anything else.

use http::Method;

use crate::support::browser::Browser;
use crate::support::gateway::Setup;
use crate::support::http::{Ask, Visitor};
use crate::support::peers::{Idp, Radicale, WHO_AM_I, principal};

#[tokio::test]
async fn radicale_believes_its_header() {
    let radicale = Radicale::start().await;
    for user in ["alice", "bob"] {
        let ask = Ask::new(Method::from_bytes(b"PROPFIND").unwrap(), &radicale.url())
            .header("X-Remote-User", user)
            .header("Depth", "0")
            .body(WHO_AM_I);
        let answer = Visitor::new().send(ask).await;
        assert_eq!(principal(&answer.text()), user);
    }
}

#[tokio::test]
async fn both_identity_providers_publish_metadata() {
    let setup = Setup::http();
    for idp in [
        Idp::pysaml2(&setup, &[]).await,
        Idp::saml_idp(&setup, &[]).await,
    ] {
        let answer = Visitor::new().get(&idp.metadata_url()).await;
        assert_eq!(answer.status, 200, "{}", idp.log());
        assert!(answer.text().contains(&format!("entityID=\"{}\"", idp.metadata_url())));
    }
}

#[tokio::test]
async fn the_browser_shows_pages() {
    let idp = Idp::pysaml2(&Setup::http(), &[]).await;
    let browser = Browser::start().await;
    browser.goto(&idp.url("/")).await;
    assert_eq!(browser.text("h1").await, "Example Corp");
}
