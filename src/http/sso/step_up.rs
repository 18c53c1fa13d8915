//! Step-up: a page asks for more of a sign-in than the session has.
//!
//! In: where a person goes. Out: what its route asks of their sign-in, for the request, for the check
//! of the answer and for the gate alike. All three find it from the address of the page: nothing of
//! it travels through the browser, and what an operator changes meanwhile is in force at once.

use std::sync::Arc;

use crate::access::{Route, StepUp, Visitor, normalise};
use crate::app::Live;
use crate::base::{ErrorCode, IdpName, LocalPath, ReturnTo, Timestamp};
use crate::http::error::GatewayError;
use crate::http::forms;
use crate::http::hosts::Place;
use crate::http::links;
use crate::http::state::Gateway;
use crate::identity::Identity;
use crate::saml::asked::{Asked, AskedBoth, Lacking};
use crate::session::{OpenSession, Session};

/// The route of a page; of a form that is kept, that of the form.
pub(super) fn route_of(live: &Live, page: &ReturnTo) -> Option<Arc<Route>> {
    let host = page.site().map_or_else(|| live.sp.public_url.host(), |site| site.host());
    let form = forms::target(page.path());
    let target = form.as_ref().unwrap_or_else(|| page.path());
    let path = target.as_str().split(['?', '#']).next().unwrap_or_default();
    live.routes.find(host, &normalise(path).ok()?).map(Arc::clone)
}

/// What a route asks of a sign-in that leads to it.
pub(super) fn asked(route: Option<&Arc<Route>>) -> Asked<'_> {
    let step_up = route.filter(|route| !route.public).and_then(|route| route.step_up.as_ref());
    step_up.map_or(Asked::NOTHING, StepUp::asked)
}

/// Whether a session of this person would be sent back from this page for more.
pub(in crate::http) fn is_lacking(
    gateway: &Gateway,
    live: &Live,
    page: &ReturnTo,
    identity: &Identity,
    now: Timestamp,
) -> bool {
    let route = route_of(live, page);
    let step_up = route.as_ref().filter(|route| !route.public);
    let step_up = step_up.and_then(|route| route.step_up.as_ref());
    let skew = gateway.clock_skew(live, &identity.idp);
    step_up.is_some_and(|step_up| step_up.lacks(identity, skew, now).is_some())
}

impl Gateway {
    /// Refuses to send somebody on who has a session and has signed in for the same several times, as
    /// what they lack never comes. The code says what that is; where it is nothing, the application
    /// sends people to sign in who are signed in.
    pub(super) fn check_round(
        &self,
        live: &Live,
        browser: [u8; 32],
        session: &OpenSession,
        asked: &AskedBoth<'_>,
        return_to: &ReturnTo,
        now: Timestamp,
    ) -> Result<(), GatewayError> {
        let identity = session.identity();
        let skew = self.clock_skew(live, &identity.idp);
        let class = identity.authn_context.as_deref();
        let lacking = |at| asked.lacks(class, identity.authn_instant, skew, at);
        // It was enough when it began, and has grown too old since.
        let has_aged = lacking(session.opened_at).is_none() && lacking(now).is_some();
        if has_aged || !self.loops.is_going_round(browser, session.sid(), asked, now) {
            return Ok(());
        }
        let (code, detail) = match lacking(now) {
            Some(Lacking::Context) => (
                ErrorCode::AuthnContext,
                "signed in again and again within a minute, and never by a method that is asked for",
            ),
            Some(Lacking::Age) => (
                ErrorCode::AuthnAge,
                "signed in again and again within a minute, and each time the sign-in was too old",
            ),
            None => (
                ErrorCode::SessionLoop,
                "signed in again and again within a minute; the session came back, and lacks nothing",
            ),
        };
        Err(GatewayError::new(code, detail).going_to(return_to))
    }

    /// Somebody who is signed in, as the decision about a route looks at them.
    pub(in crate::http) fn seen<'a>(
        &self,
        live: &Live,
        route: &Route,
        identity: &'a Identity,
        now: Timestamp,
    ) -> Visitor<'a> {
        let ages = route.step_up.as_ref().is_some_and(StepUp::grows_old);
        let skew = if ages {
            self.clock_skew(live, &identity.idp)
        } else {
            live.sp.clock_skew
        };
        Visitor::of(identity, now, skew)
    }

    /// Whether what is open by a session may go on by the next one of the same person, as far as this
    /// route asks anything of a sign-in. `identity` is known where age matters.
    pub(in crate::http) fn enough(
        &self,
        live: &Live,
        route: &Arc<Route>,
        identity: Option<&Identity>,
    ) -> Option<impl Fn(&Session) -> bool + Send + Sync + 'static + use<>> {
        if route.public || route.step_up.is_none() {
            return None;
        }
        let skew = identity.map(|identity| self.clock_skew(live, &identity.idp));
        let (skew, route) = (skew.unwrap_or(live.sp.clock_skew), Arc::clone(route));
        Some(move |next: &Session| {
            let step_up = route.step_up.as_ref();
            step_up
                .and_then(|asked| asked.lacks(&next.identity, skew, next.opened_at))
                .is_none()
        })
    }

    /// How far the clock of this identity provider may differ from ours.
    fn clock_skew(&self, live: &Live, idp: &IdpName) -> std::time::Duration {
        let registry = self.app.registry();
        registry.named(idp).map_or(live.sp.clock_skew, |idp| idp.clock_skew(&live.sp))
    }

    /// Where somebody goes who is signed in and needs more: to the identity provider that they came
    /// from. They come back to `return_to`, with what `needed` asks for, where that is another page.
    pub(in crate::http) fn step_up_url(
        &self,
        live: &Live,
        place: &Place,
        idp: Option<&IdpName>,
        return_to: &LocalPath,
        needed: Option<&LocalPath>,
    ) -> String {
        let registry = self.app.registry();
        let idp = idp.and_then(|name| registry.named(name)).filter(|idp| idp.settings.enabled);
        let (to, needed) = (
            place.page(return_to.clone()).to_string(),
            needed.map(|needed| place.page(needed.clone()).to_string()),
        );
        let mut query = Vec::new();
        query.extend(idp.map(|idp| ("idp", idp.settings.name.as_str())));
        query.push(("rd", to.as_str()));
        query.extend(needed.as_deref().map(|needed| ("for", needed)));
        live.sp.public_url.join(&links::with_query(links::START, &query))
    }
}
