//! A person with a browser, an identity provider, the gateway, and Radicale behind it.

use super::browser::Browser;
use super::gateway::{Gateway, Setup};
use super::peers::{Idp, RADICALE_HEADERS, Radicale};

/// Field by field what runs, in the order in which it ends.
pub(crate) struct Stage {
    pub(crate) browser: Browser,
    pub(crate) gateway: Gateway,
    pub(crate) idp: Idp,
    _radicale: Radicale,
}

impl Stage {
    /// With this identity provider under this name; `attributes` are lines of `[attributes]`.
    pub(crate) async fn with(
        setup: Setup,
        idp: Idp,
        name: &str,
        attributes: &[&str],
        idp_settings: &str,
    ) -> Self {
        Self::with_routes(setup, idp, name, attributes, idp_settings, &[]).await
    }

    /// And with further routes to the same application: a path and lines of each.
    pub(crate) async fn with_routes(
        mut setup: Setup,
        idp: Idp,
        name: &str,
        attributes: &[&str],
        idp_settings: &str,
        routes: &[(&str, &str)],
    ) -> Self {
        let radicale = Radicale::start().await;
        for (path, lines) in routes {
            let url = radicale.url();
            setup = setup.add(&format!(
                "[[route]]\npath = {path:?}\nupstream = [{url:?}]\n{RADICALE_HEADERS}\n{lines}"
            ));
        }
        for line in attributes {
            setup = setup.set("attributes", line);
        }
        let gateway = setup
            .idp(name, &idp.metadata_url(), idp_settings)
            .route(&radicale.url(), RADICALE_HEADERS)
            .start()
            .await;
        let browser = Browser::start().await;
        Self { browser, gateway, idp, _radicale: radicale }
    }

    /// From a page of the application over the login page back to it.
    pub(crate) async fn sign_in_to(&self, page: &str, user: &str) {
        let page = self.gateway.url(page);
        self.browser.goto(&page).await;
        self.browser.sign_in_at(&self.idp, user).await;
        self.browser.arrives_at(&page).await;
    }

    /// By the page that asks first.
    pub(crate) async fn sign_out(&self) {
        self.browser.goto(&self.gateway.url("/.samlgate/sign_out")).await;
        self.browser.click("form[method=post] button").await;
        self.browser.reads("h1", "signed out").await;
    }

    /// How every login attempt so far ended: nothing, or a code.
    pub(crate) async fn codes(&self) -> Vec<Option<String>> {
        let attempts = self.gateway.login_attempts().await;
        attempts.into_iter().map(|attempt| attempt.code).collect()
    }
}
