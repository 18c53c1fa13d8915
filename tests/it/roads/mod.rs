//! The less usual roads to the gateway: answers by artifact, addresses of other service providers,
//! people of two identity providers, groups that were left out. Each rule by its code.

mod artifact;
mod legacy;
mod links;
mod overage;
mod service;
mod wishes;

use std::sync::Arc;

use serde_json::Value;

use self::service::Service;
use crate::support::app::App;
use crate::support::gateway::{Gateway, Setup};
use crate::support::http::{Answer, Visitor};
use crate::support::idp::{self, AuthnRequest, TestIdp};

/// A gateway with two identity providers, `corp` and `partner`, and an application.
struct World {
    gateway: Gateway,
    corp: Arc<TestIdp>,
    partner: Arc<TestIdp>,
    service: Service,
    _app: App,
}

impl World {
    /// With these lines for both identity providers, and whatever else `more` sets.
    async fn with(
        corp_lines: &str,
        partner_lines: &str,
        more: impl FnOnce(Setup) -> Setup,
    ) -> Self {
        let (service, app) = (Service::start().await, App::start().await);
        let named = |name| {
            let idp = TestIdp::new(name)
                .with_artifacts(&[(3, &service.url()), (4, "https://10.1.2.3/ars")]);
            Arc::new(idp)
        };
        let (corp, partner) = (named("corp"), named("partner"));
        let setup = Setup::https()
            .quick_key()
            .idp("corp", &corp.metadata_file(), corp_lines)
            .idp("partner", &partner.metadata_file(), partner_lines)
            .route(&app.url(), "");
        let gateway = more(setup).start().await;
        Self { gateway, corp, partner, service, _app: app }
    }

    /// Begins a sign-in at an identity provider, which shall lead to `page`.
    async fn begin(&self, visitor: &mut Visitor, name: &str, page: &str) -> AuthnRequest {
        let start = self.gateway.url(&format!("/.samlgate/start?idp={name}&rd={page}"));
        let answer = visitor.get(&start).await;
        self.idp(name).read(&answer)
    }

    fn idp(&self, name: &str) -> &Arc<TestIdp> {
        match name {
            "corp" => &self.corp,
            _ => &self.partner,
        }
    }

    /// Carries a message to an address of the gateway.
    async fn carry(
        &self,
        visitor: &mut Visitor,
        path: &str,
        xml: &str,
        relay_state: &str,
    ) -> Answer {
        let ask = idp::post(
            &self.gateway.url(path),
            &idp::fields(xml, Some(relay_state)),
        );
        visitor.send(ask).await
    }

    /// Signs somebody in at an identity provider, who calls them so; as far as the answer to that.
    async fn sign_in(
        &self,
        visitor: &mut Visitor,
        name: &str,
        bend: impl FnOnce(&mut idp::Response),
    ) -> Answer {
        let request = self.begin(visitor, name, "/").await;
        let mut response = self.idp(name).answer(&request);
        bend(&mut response);
        let xml = self.idp(name).write(&response);
        self.carry(visitor, "/saml/acs", &xml, &request.relay_state).await
    }

    /// Who somebody is here.
    async fn user(&self, visitor: &mut Visitor) -> Value {
        let answer = visitor.get(&self.gateway.url("/.samlgate/user")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// They have a session, and land there.
    async fn accepted(&self, visitor: &mut Visitor, answer: &Answer, page: &str) -> Value {
        let text = answer.text();
        if answer.status != 303 {
            let code = self.gateway.code_of(answer).await;
            panic!("{} {code}: {text}\n{}", answer.status, self.gateway.log());
        }
        assert_eq!(answer.header("location"), page);
        self.user(visitor).await
    }

    /// They have none, for this reason.
    async fn refused(&self, visitor: &mut Visitor, answer: &Answer, code: &str) {
        assert_ne!(answer.status, 303, "{}", answer.header("location"));
        assert_eq!(self.gateway.code_of(answer).await, code);
        let user = visitor.get(&self.gateway.url("/.samlgate/user")).await;
        assert_eq!(user.status, 401);
    }

    /// Runs a command of the program; what it said.
    #[track_caller]
    fn run(&self, arguments: &[&str], success: bool) -> String {
        let output = self.gateway.command(arguments).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8(said).unwrap();
        assert_eq!(output.status.success(), success, "{arguments:?}: {said}");
        said
    }
}
