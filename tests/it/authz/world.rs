//! A gateway that may be asked, and whoever is signed in there.

use http::Method;

use crate::support::app::App;
use crate::support::gateway::{Gateway, Setup};
use crate::support::http::{Ask, Visitor};
use crate::support::idp::{self, TestIdp};

pub(crate) struct Town {
    pub(crate) gateway: Gateway,
    pub(crate) app: App,
    idp: TestIdp,
}

/// The routes of the table.
const ROUTES: &str = "[[role]]\nname = \"board\"\ngroups = [\"Board\"]\n\
    [[role]]\nname = \"it-manager\"\ngroups = [\"IT Managers\"]\n\
    [[route]]\npath = \"/admin\"\nupstream = [\"APP\"]\nheaders = [\"remote\"]\n\
    require = { roles = [\"board\"] }\n\
    [[route]]\npath = \"/it\"\nupstream = [\"APP\"]\nheaders = [\"remote\"]\n\
    require = { roles = [\"it-manager\"] }\n\
    [[route]]\npath = \"/read\"\nupstream = [\"APP\"]\nheaders = [\"remote\"]\n\
    require = { methods = [\"GET\"] }\n\
    [[route]]\npath = \"/open\"\nupstream = [\"APP\"]\nheaders = [\"remote\"]\npublic = true\n\
    [[route]]\npath = \"/cors\"\nupstream = [\"APP\"]\nheaders = [\"remote\"]\nallow_preflight = true\n\
    [[route]]\nhost = \"wiki.localhost\"\npath = \"/\"\nupstream = [\"APP\"]\nheaders = [\"remote\"]\n\
    [[route]]\npath = \"/all\"\nupstream = [\"APP\"]\n\
    headers = [\"signed\", \"remote\", \"x-forwarded\", \"x-auth-request\", \"shibboleth\", \"custom\"]\n\
    custom_headers = { \"X-Dept\" = \"department\", \"X-Nothing\" = \"nothing\" }\n";

impl Town {
    /// Everybody on this machine may ask.
    pub(crate) async fn found() -> Self {
        Self::with(|setup| setup.set("server", "trusted_proxies = [\"127.0.0.1\"]")).await
    }

    pub(crate) async fn with(more: impl FnOnce(Setup) -> Setup) -> Self {
        let (idp, app) = (TestIdp::new("corp"), App::start().await);
        let setup = Setup::http()
            .quick_key()
            .idp("corp", &idp.metadata_file(), "")
            .route(&app.url(), "headers = [\"remote\"]")
            .add(&ROUTES.replace("APP", &app.url()));
        Self { gateway: more(setup).start().await, app, idp }
    }

    /// `127.0.0.1:PORT`, as the browser knows the place.
    pub(crate) fn host(&self) -> String {
        self.gateway.url("").replace("http://", "")
    }

    /// Alice's session.
    pub(crate) async fn token(&self) -> String {
        let mut visitor: Visitor = self.gateway.visitor();
        let start = visitor.get(&self.gateway.url("/.samlgate/start?idp=corp")).await;
        let request = self.idp.read(&start);
        let xml = self.idp.write(&self.idp.answer(&request));
        let fields = idp::fields(&xml, Some(&request.relay_state));
        let acs = Ask::new(Method::POST, &self.gateway.url("/saml/acs"));
        visitor.send(acs.navigating().form(&fields)).await;
        visitor.cookie(&self.gateway.url("/"), "samlgate").unwrap()
    }
}
