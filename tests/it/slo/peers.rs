//! The same with identity providers that others have written: pysaml2 and Auth0's samlp.

use http::Method;

use crate::support::app::App;
use crate::support::encryption;
use crate::support::gateway::{Gateway, Setup};
use crate::support::http::{Answer, Ask, Visitor};
use crate::support::peers::{Idp, LoginPage};

/// A gateway with an RSA key, which is all that these verify.
fn setup(app: &App) -> Setup {
    let key = openssl::pkey::PKey::private_key_from_pem(encryption::OLDER_KEY).unwrap();
    let certificate = crate::support::certificate::self_signed(&key, "localhost", None);
    let certificate = certificate.to_pem().unwrap();
    Setup::https()
        .key("sp-signing", encryption::OLDER_KEY, Some(&certificate))
        .key(
            "sp-encryption",
            encryption::KEY,
            Some(&encryption::certificate()),
        )
        .route(&app.url(), "")
}

struct Stage {
    gateway: Gateway,
    idp: Idp,
    _app: App,
}

impl Stage {
    async fn pysaml2(bindings: &[&str]) -> Self {
        let app = App::start().await;
        let setup = setup(&app);
        let options = [&["--logout"], bindings].concat();
        let idp = Idp::pysaml2(&setup, &options).await;
        let gateway = setup.idp("corp", &idp.metadata_url(), "").start().await;
        Self { gateway, idp, _app: app }
    }

    async fn samlp() -> Self {
        let app = App::start().await;
        let setup = setup(&app);
        let idp = Idp::saml_idp(&setup, &["--logout"]).await;
        let gateway = setup.idp("corp", &idp.metadata_url(), "").start().await;
        Self { gateway, idp, _app: app }
    }

    async fn sign_in(&self, visitor: &mut Visitor, user: &str) {
        let first = visitor.get(&self.gateway.url("/")).await;
        let page = self.go_on(visitor, first).await;
        let form = page.form();
        let form = match self.idp.login_page() {
            LoginPage::Choice => form.with("user", user).with("action", "sign-in"),
            LoginPage::Name => form.with("username", user),
        };
        let answer = visitor.submit(&page, &form).await;
        self.go_on(visitor, answer).await;
        assert!(self.is_signed_in(visitor).await, "{}", self.idp.log());
    }

    async fn is_signed_in(&self, visitor: &mut Visitor) -> bool {
        visitor.get(&self.gateway.url("/.samlgate/user")).await.status == 200
    }

    async fn sign_out(&self, visitor: &mut Visitor) -> Answer {
        let ask = Ask::new(Method::POST, &self.gateway.url("/.samlgate/sign_out"));
        let left = visitor.send(ask.navigating()).await;
        self.go_on(visitor, left).await
    }

    /// Follows redirects, and sends the forms that carry messages.
    async fn go_on(&self, visitor: &mut Visitor, mut answer: Answer) -> Answer {
        for _ in 0..15 {
            let form = answer.forms().into_iter().find(|form| {
                form.value("SAMLRequest").is_some() || form.value("SAMLResponse").is_some()
            });
            answer = match form {
                Some(form) => visitor.submit(&answer, &form).await,
                None if answer.status.is_redirection() => visitor.follow(&answer).await,
                None => return answer,
            };
        }
        panic!("no end at {}", answer.url);
    }
}

async fn signed_out_here_and_there(stage: &Stage) {
    let mut alice = stage.gateway.visitor();
    stage.sign_in(&mut alice, "alice").await;
    let page = stage.sign_out(&mut alice).await;
    assert!(
        page.text().contains("and so has the one at corp"),
        "{} {}\n{}\n{}",
        page.url,
        page.text(),
        stage.idp.log(),
        stage.gateway.log()
    );
    // There they are asked who they are.
    let first = alice.get(&stage.gateway.url("/")).await;
    let page = stage.go_on(&mut alice, first).await;
    assert!(
        page.url.as_str().starts_with(&stage.idp.url("/")),
        "{}",
        page.url
    );
}

#[tokio::test]
async fn pysaml2_signs_out_who_signs_out_here() {
    for bindings in [&["redirect", "post"][..], &["post"]] {
        signed_out_here_and_there(&Stage::pysaml2(bindings).await).await;
    }
}

#[tokio::test]
async fn pysaml2_signs_people_out_by_each_way() {
    let stage = Stage::pysaml2(&["redirect", "post", "soap"]).await;
    for binding in ["redirect", "post", "soap"] {
        let mut alice = stage.gateway.visitor();
        stage.sign_in(&mut alice, "alice").await;
        let begin = stage.idp.url(&format!("/slo/begin?user=alice&binding={binding}"));
        let first = alice.get(&begin).await;
        let page = stage.go_on(&mut alice, first).await;
        let success = "urn:oasis:names:tc:SAML:2.0:status:Success";
        assert!(
            page.text().contains(success),
            "{binding} {}\n{}",
            page.text(),
            stage.idp.log()
        );
        assert_eq!(page.text().contains("theirs"), binding != "soap");
        assert!(!stage.is_signed_in(&mut alice).await, "{binding}");
    }
}

#[tokio::test]
async fn samlp_signs_out_who_signs_out_here() {
    signed_out_here_and_there(&Stage::samlp().await).await;
}

#[tokio::test]
async fn samlp_signs_people_out_by_redirect_and_by_post() {
    let stage = Stage::samlp().await;
    for by in ["HTTP-Redirect", "HTTP-POST"] {
        let mut alice = stage.gateway.visitor();
        stage.sign_in(&mut alice, "alice").await;
        let first = alice.get(&stage.idp.url(&format!("/slo?user=alice&by={by}"))).await;
        let page = stage.go_on(&mut alice, first).await;
        assert!(
            page.text().contains("Signed out"),
            "{by} {}\n{}",
            page.text(),
            stage.idp.log()
        );
        assert!(!stage.is_signed_in(&mut alice).await, "{by}");
    }
}
