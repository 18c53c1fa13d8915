//! A gateway with two hosts, its identity provider, and an application behind each.
//!
//! `http://127.0.0.1:PORT` is the auth host, `http://wiki.localhost:PORT` the other one: both are
//! this machine, and two sites to a browser.

use http::Method;
use url::Url;

use crate::support::app::App;
use crate::support::gateway::{Gateway, Setup};
use crate::support::http::{Answer, Ask, Visitor};
use crate::support::idp::{self, TestIdp};

pub(crate) struct Town {
    pub(crate) gateway: Gateway,
    pub(crate) idp: TestIdp,
    _app: App,
}

impl Town {
    pub(crate) async fn found() -> Self {
        Self::with("").await
    }

    /// `more` are further `[[route]]`s, with `APP` for the application's address.
    pub(crate) async fn with(more: &str) -> Self {
        Self::around(TestIdp::new("corp"), more).await
    }

    /// With an identity provider of the test's own, `corp`.
    pub(crate) async fn around(idp: TestIdp, more: &str) -> Self {
        let app = App::start().await;
        let wiki = format!(
            "[[route]]\nhost = \"wiki.localhost\"\npath = \"/\"\nupstream = [{url:?}]\n\
             headers = [\"signed\", \"remote\"]\n\
             [[route]]\nhost = \"wiki.localhost\"\npath = \"/goodbye\"\nupstream = [{url:?}]\n\
             public = true\n{}",
            more.replace("APP", &app.url()),
            url = app.url(),
        );
        let setup = Setup::http().quick_key().idp("corp", &idp.metadata_file(), "");
        let setup = setup.route(&app.url(), "headers = [\"signed\", \"remote\"]").add(&wiki);
        Self { gateway: setup.start().await, idp, _app: app }
    }

    /// An address on the auth host.
    pub(crate) fn url(&self, path: &str) -> String {
        self.gateway.url(path)
    }

    /// An address on the other host.
    pub(crate) fn wiki(&self, path: &str) -> String {
        self.on("wiki.localhost", path)
    }

    /// An address on a host that leads here too.
    pub(crate) fn on(&self, host: &str, path: &str) -> String {
        self.url(path).replacen("127.0.0.1", host, 1)
    }

    /// Alice, signed in at the auth host.
    pub(crate) async fn alice(&self) -> Visitor {
        let mut visitor = self.gateway.visitor();
        let start = visitor.get(&self.url("/.samlgate/sign_in?rd=/")).await;
        let answer = self.sign_in(&mut visitor, &start).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        visitor
    }

    /// Signs in at the identity provider, to which `start` leads; the answer of the ACS.
    pub(crate) async fn sign_in(&self, visitor: &mut Visitor, start: &Answer) -> Answer {
        let request = self.idp.read(start);
        let xml = self.idp.write(&self.idp.answer(&request));
        let fields = idp::fields(&xml, Some(&request.relay_state));
        let acs = Ask::new(Method::POST, &self.url("/saml/acs"));
        visitor.send(acs.navigating().form(&fields)).await
    }

    /// Follows redirects until the identity provider is next, or a page is there.
    pub(crate) async fn follow(&self, visitor: &mut Visitor, mut answer: Answer) -> Answer {
        for _ in 0..10 {
            if !answer.status.is_redirection() || is_elsewhere(&answer.target()) {
                return answer;
            }
            answer = visitor.follow(&answer).await;
        }
        panic!("ten redirects, the last to {}", answer.target());
    }

    /// Opens a page, signing in on the way if need be.
    pub(crate) async fn open(&self, visitor: &mut Visitor, url: &str) -> Answer {
        let first = visitor.get(url).await;
        let answer = self.follow(visitor, first).await;
        if !answer.status.is_redirection() {
            return answer;
        }
        let answer = self.sign_in(visitor, &answer).await;
        self.follow(visitor, answer).await
    }
}

fn is_elsewhere(url: &Url) -> bool {
    !url.host_str()
        .is_some_and(|host| host == "127.0.0.1" || host.ends_with(".localhost"))
}
