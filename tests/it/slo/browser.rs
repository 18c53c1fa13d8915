//! The same in Chromium: redirects and forms that go by themselves, and a frame on another site.

use http::Method;

use crate::support::gateway::Setup;
use crate::support::http::Ask;
use crate::support::peers::Idp;
use crate::support::stage::Stage;

const USER_NAME: [&str; 1] = ["user_name = [\"urn:oid:0.9.2342.19200300.100.1.1\"]"];

async fn set(bindings: &[&str]) -> Stage {
    let setup = Setup::https();
    let options = [&["--logout"], bindings].concat();
    let idp = Idp::pysaml2(&setup, &options).await;
    Stage::with(setup, idp, "corp", &USER_NAME, "").await
}

impl Stage {
    /// The browser's session, whatever becomes of its cookie.
    async fn token(&self) -> String {
        let token = self.browser.cookie(self.gateway.session_cookie()).await.unwrap();
        assert!(self.opens(&token).await);
        token
    }

    async fn opens(&self, token: &str) -> bool {
        let cookie = format!("{}={token}", self.gateway.session_cookie());
        let ask = Ask::new(Method::GET, &self.gateway.url("/.samlgate/user"));
        self.gateway.visitor().send(ask.header("cookie", &cookie)).await.status == 200
    }
}

#[tokio::test]
async fn one_click_signs_out_here_and_there() {
    for bindings in [&["redirect", "post"][..], &["post"]] {
        let stage = set(bindings).await;
        stage.sign_in_to("/.web/", "alice").await;
        let token = stage.token().await;
        stage.sign_out().await;
        stage.browser.reads(".lead", "and so has the one at corp").await;
        assert!(stage.browser.address().await.starts_with(&stage.gateway.url("/saml/slo")));
        stage.browser.screenshot("signed-out-everywhere").await;
        assert!(!stage.opens(&token).await);
        // There one is asked again.
        stage.sign_in_to("/.web/", "bob").await;
        assert_eq!(stage.browser.who_am_i().await, "bob");
    }
}

#[tokio::test]
async fn a_frame_on_the_identity_providers_page_signs_out() {
    for binding in ["redirect", "post"] {
        let stage = set(&["redirect", "post"]).await;
        stage.sign_in_to("/.web/", "alice").await;
        let token = stage.token().await;
        let page = stage.idp.url(&format!("/slo/frame?user=alice&binding={binding}"));
        stage.browser.goto(&page).await;
        // Its own page in the frame has read our answer.
        stage.idp.has_logged(&format!("/slo/{binding} 200"), 1).await;
        assert!(!stage.opens(&token).await);
        assert_eq!(stage.browser.address().await, page);
    }
}
