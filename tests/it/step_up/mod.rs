//! Step-up: pages that ask for more of a sign-in, what is asked of the identity provider for them,
//! and how somebody gets there.

mod discovery;
mod links;
mod options;
mod pages;
mod passive;
mod programs;
mod rounds;
mod streams;

use http::Method;

use crate::support::app::App;
use crate::support::gateway::{Gateway, Setup};
use crate::support::http::{Answer, Ask, Visitor};
use crate::support::idp::{self, AuthnRequest, Response, TestIdp};

const MFA: &str = "https://refeds.org/profile/mfa";
const PASSWORD: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport";
const HELP: &str = "https://idp.example.com/help?why=ERRORURL_CODE";
const KEY: &str = "urn:example:hardware-key";

/// Two identity providers, and pages that ask for more than the first one gives.
struct World {
    gateway: Gateway,
    corp: TestIdp,
    _partner: TestIdp,
    _app: App,
}

const ROUTES: &str = r#"
[[route]]
path = "/"
public_paths = ["/open"]
[[route]]
path = "/pay"
authn_context = ["https://refeds.org/profile/mfa"]
authn_context_comparison = "minimum"
[[route]]
path = "/exact"
authn_context = ["https://refeds.org/profile/mfa"]
[[route]]
path = "/key"
authn_context = ["urn:example:hardware-key"]
[[route]]
path = "/age"
max_authn_age = "15m"
[[route]]
path = "/fresh"
force_authn = true
[[route]]
path = "/board"
authn_context = ["https://refeds.org/profile/mfa"]
require = { groups = ["Board"] }
[[route]]
host = "wiki.localhost"
path = "/"
[[route]]
host = "wiki.localhost"
path = "/secret"
authn_context = ["https://refeds.org/profile/mfa"]
"#;

impl World {
    async fn new() -> Self {
        Self::with(|setup| setup, "").await
    }

    /// `corp` has these lines in its `[[idp]]`.
    async fn with(more: impl FnOnce(Setup) -> Setup, corp_lines: &str) -> Self {
        let (corp, partner, app) = (
            TestIdp::new("corp").with_error_url(HELP),
            TestIdp::new("partner"),
            App::start().await,
        );
        let order = format!("authn_context_order = [{PASSWORD:?}, {MFA:?}, {KEY:?}]");
        let upstream = format!(
            "[[route]]\nupstream = [{:?}]\nheaders = [\"signed\"]",
            app.url()
        );
        let setup = Setup::http()
            .quick_key()
            .set("saml", &order)
            .idp("corp", &corp.metadata_file(), corp_lines)
            .idp("partner", &partner.metadata_file(), "")
            .add(&ROUTES.replace("[[route]]", &upstream));
        let gateway = more(setup).start().await;
        Self { gateway, corp, _partner: partner, _app: app }
    }

    fn url(&self, path: &str) -> String {
        self.gateway.url(path)
    }

    /// Alice, who signed in with a password just now.
    async fn alice(&self) -> Visitor {
        self.alice_with(|_| {}).await
    }

    async fn alice_with(&self, change: impl FnOnce(&mut Response)) -> Visitor {
        let mut alice = self.gateway.visitor();
        let start = alice.get(&self.url("/.samlgate/start?idp=corp&rd=/")).await;
        let landed = self.answer(&mut alice, &start, change).await;
        assert_eq!(landed.status, 303, "{}", landed.text());
        alice
    }

    /// The identity provider answers the request to which this redirects.
    async fn answer(
        &self,
        visitor: &mut Visitor,
        start: &Answer,
        change: impl FnOnce(&mut Response),
    ) -> Answer {
        let request = self.corp.read(start);
        self.answer_request(visitor, &request, change).await
    }

    async fn answer_request(
        &self,
        visitor: &mut Visitor,
        request: &AuthnRequest,
        change: impl FnOnce(&mut Response),
    ) -> Answer {
        let mut response = self.corp.answer(request);
        change(&mut response);
        let fields = idp::fields(self.corp.write(&response), Some(&request.relay_state));
        let acs = Ask::new(Method::POST, &self.url("/saml/acs"));
        visitor.send(acs.navigating().form(&fields)).await
    }

    /// From a page of the application as far as the identity provider.
    async fn sent_back(&self, visitor: &mut Visitor, path: &str) -> Answer {
        let gate = visitor.get(&self.url(path)).await;
        assert_eq!(gate.status, 302, "{}", gate.text());
        assert_eq!(gate.header("cache-control"), "no-store");
        let start = visitor.follow(&gate).await;
        assert_eq!(start.status, 302, "{}", start.text());
        start
    }
}

/// A script of a page asks.
fn fetch(url: &str) -> Ask {
    Ask::new(Method::GET, url)
        .header("sec-fetch-mode", "cors")
        .header("accept", "application/json")
}

/// Who signed in how long ago, and by which method.
fn by(context: &'static str, seconds: i64) -> impl FnOnce(&mut Response) {
    move |response| {
        let statement = response.statement();
        statement.context = Some(context.to_owned());
        statement.authn_instant = idp::at(-seconds);
    }
}
