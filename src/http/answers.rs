//! What a request is answered that does not go on: one table for proxying, WebSockets, gRPC and
//! forward-auth.
//!
//! In: a [`Decision`] and the head of the request it is about. Out: the answer, in the shape that
//! whoever asked can read. Promised: only a navigation is redirected; a 403 never is; a store that
//! is down is a 503 and takes nobody's cookie.
//!
//! | | a person | a program | gRPC |
//! |---|---|---|---|
//! | no session, GET or HEAD | 302 to sign-in | 401 JSON | `grpc-status: 16` |
//! | no session, a form | 401 page (or kept, see [`crate::http::forms`]) | 401 JSON | |
//! | a bad `Authorization: Bearer` | 401 JSON with a challenge | the same | the same |
//! | not entitled | 403 page | 403 JSON | `grpc-status: 7` |
//! | the store is down | 503 page | 503 JSON | `grpc-status: 14` |

use axum::response::Response;
use http::header::{HeaderValue, REFERER, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, StatusCode};

use crate::access::{Decision, Missing, Route, StepUp, StepUpBy, Unauthenticated};
use crate::app::Live;
use crate::base::{ErrorCode, LocalPath, ReturnTo, StoreError, Timestamp, entropy};
use crate::http::context::Context;
use crate::http::error::{GatewayError, Reader};
use crate::http::error_json::{error_json, nobody_signed_in};
use crate::http::hosts::Place;
use crate::http::state::Gateway;
use crate::http::views::Failure;
use crate::http::{links, respond};
use crate::saml::asked::Lacking;
use crate::session::OpenSession;

/// Answers to one request.
#[derive(Clone, Copy)]
pub struct Answers<'a> {
    /// Pages and randomness.
    pub gateway: &'a Gateway,
    /// The settings it began with.
    pub live: &'a Live,
    /// Its id and client.
    pub context: &'a Context,
    /// Which of our hosts it is for.
    pub place: &'a Place,
    /// When it came.
    pub now: Timestamp,
}

impl Answers<'_> {
    /// The answer to the request with this head; `None` when it goes on.
    pub fn to(
        &self,
        decision: &Decision,
        head: &Parts,
        route: &Route,
        session: Option<&OpenSession>,
    ) -> Option<Response> {
        match decision {
            Decision::Anonymous | Decision::Admitted => None,
            Decision::SignIn { return_to } => Some(self.sign_in(return_to)),
            Decision::Unauthenticated(shape) => Some(self.unauthenticated(*shape, head)),
            Decision::StepUp(lacking, by) => Some(self.step_up(*lacking, by, head, route, session)),
            Decision::CrossSite => Some(self.cross_site(head)),
            Decision::Forbidden(missing) => Some(self.forbidden(missing, head, route, session)),
        }
    }

    /// 302, for a page that is being opened. Every other answer would be kept by some cache.
    pub fn sign_in(&self, return_to: &LocalPath) -> Response {
        respond::redirect(StatusCode::FOUND, &self.login_url(return_to))
    }

    /// 401 in any of its shapes.
    pub fn unauthenticated(&self, shape: Unauthenticated, head: &Parts) -> Response {
        let back = self.page_that_asked(&head.headers);
        match (shape, Reader::of(&head.headers)) {
            (Unauthenticated::Form, _) => self.form_not_sent(&back),
            (Unauthenticated::Program, Reader::Grpc) => {
                respond::grpc(ErrorCode::SessionMissing, &head.headers)
            }
            (Unauthenticated::Program, _) => self.json(&back),
            (Unauthenticated::Bearer, _) => {
                let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
                let mut response = self.json(&back);
                response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
                response
            }
        }
    }

    /// To sign in, or for somebody who is signed in, to sign in better.
    pub(in crate::http) fn way_in(
        &self,
        return_to: &LocalPath,
        session: Option<&OpenSession>,
    ) -> String {
        match session {
            None => self.login_url(return_to),
            Some(session) => self.step_up_url(return_to, None, session),
        }
    }

    /// Where somebody signs in better; `needed` is what they need it for, if that is another page.
    pub(in crate::http) fn step_up_url(
        &self,
        return_to: &LocalPath,
        needed: Option<&LocalPath>,
        session: &OpenSession,
    ) -> String {
        if needed.is_none() && self.place.host().is_some() {
            // Signed in better at the auth host already, perhaps: sign-in asks there first.
            return self.login_url(return_to);
        }
        let idp = session.identity().idp;
        self.gateway.step_up_url(self.live, self.place, Some(&idp), return_to, needed)
    }

    /// Somebody is signed in, and has to sign in better or again.
    fn step_up(
        &self,
        lacking: Lacking,
        by: &StepUpBy,
        head: &Parts,
        route: &Route,
        session: Option<&OpenSession>,
    ) -> Response {
        let Some(session) = session else {
            return self.unauthenticated(Unauthenticated::Program, head);
        };
        tracing::info!(
            code = ErrorCode::AccessStepUp.as_str(),
            request_id = self.context.request_id.as_str(),
            client = self.context.client_text(),
            user = session.identity().user_name,
            route = route.name,
            lacking = lacking.as_str(),
            "a better sign-in is asked for"
        );
        match by {
            StepUpBy::Page(return_to) => {
                let url = self.step_up_url(return_to, None, session);
                respond::redirect(StatusCode::FOUND, &url)
            }
            StepUpBy::Form => {
                let back = self.page_that_asked(&head.headers);
                let here = self.here(head);
                let url = self.step_up_url(&back, Some(here.path()), session);
                let reference = entropy::reference(self.gateway.app.entropy.as_ref());
                let view = Failure::form_needs_more(&reference, url, self.now);
                respond::page(&self.gateway.pages.load(), StatusCode::UNAUTHORIZED, &view)
            }
            StepUpBy::Program => self.challenge(head, route, session),
        }
    }

    /// 401 to a program, with what would be enough (RFC 9470).
    pub(in crate::http) fn challenge(
        &self,
        head: &Parts,
        route: &Route,
        session: &OpenSession,
    ) -> Response {
        let code = ErrorCode::AccessStepUp;
        let challenge = route.step_up.as_ref().map(StepUp::challenge);
        let challenge = challenge.and_then(|text| HeaderValue::try_from(text).ok());
        let mut response = match Reader::of(&head.headers) {
            Reader::Grpc => respond::grpc(code, &head.headers),
            Reader::Person | Reader::Program => {
                let back = self.page_that_asked(&head.headers);
                let here = self.here(head);
                let url = self.step_up_url(&back, Some(here.path()), session);
                let request_id = self.context.request_id.as_str();
                let body = error_json(code, request_id, None, Some(&url));
                respond::json(StatusCode::UNAUTHORIZED, &body)
            }
        };
        if let Some(challenge) = challenge {
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }

    /// 503: the store can not say who this is.
    pub fn store_down(&self, error: StoreError, head: &Parts) -> Response {
        let error = GatewayError::from(error).going_to(&self.here(head));
        self.gateway.fail(&error, self.context, Reader::of(&head.headers), self.now)
    }

    /// The page where a person signs in and comes back to `return_to` on this host.
    pub fn login_url(&self, return_to: &LocalPath) -> String {
        let path = links::sign_in(&ReturnTo::from(return_to.clone()));
        self.place.origin(self.live).join(&path)
    }

    /// The address of the request itself.
    pub fn here(&self, head: &Parts) -> ReturnTo {
        let target = head.uri.path_and_query().map(http::uri::PathAndQuery::as_str);
        let path = target.and_then(|target| LocalPath::parse(target, &self.live.sp.public_url));
        path.map_or_else(|| self.place.home(), |path| self.place.page(path))
    }

    fn json(&self, back: &LocalPath) -> Response {
        nobody_signed_in(self.context, &self.login_url(back))
    }

    fn form_not_sent(&self, back: &LocalPath) -> Response {
        let reference = entropy::reference(self.gateway.app.entropy.as_ref());
        tracing::info!(
            code = ErrorCode::SessionMissing.as_str(),
            reference,
            request_id = self.context.request_id.as_str(),
            "a form without a session"
        );
        let view = Failure::form_not_sent(&reference, &back.clone().into(), self.now);
        respond::page(&self.gateway.pages.load(), StatusCode::UNAUTHORIZED, &view)
    }

    fn cross_site(&self, head: &Parts) -> Response {
        let detail = "a WebSocket from a page of another site";
        let error = GatewayError::new(ErrorCode::AccessCrossSite, detail);
        let reader = match Reader::of(&head.headers) {
            Reader::Grpc => Reader::Grpc,
            Reader::Person | Reader::Program => Reader::Program,
        };
        self.gateway.fail(&error, self.context, reader, self.now)
    }

    fn forbidden(
        &self,
        missing: &Missing,
        head: &Parts,
        route: &Route,
        session: Option<&OpenSession>,
    ) -> Response {
        let reference = entropy::reference(self.gateway.app.entropy.as_ref());
        let code = missing.code();
        let identity = session.map(OpenSession::identity);
        tracing::info!(
            code = code.as_str(),
            reference,
            request_id = self.context.request_id.as_str(),
            client = self.context.client_text(),
            user = identity.as_ref().map(|identity| identity.user_name.as_str()),
            route = route.name,
            detail = missing.to_string(),
            "access refused"
        );
        match Reader::of_asked(head) {
            Reader::Grpc => respond::grpc(code, &head.headers),
            Reader::Program => {
                let request_id = self.context.request_id.as_str();
                let body = error_json(code, request_id, Some(&reference), None);
                respond::json(StatusCode::FORBIDDEN, &body)
            }
            Reader::Person => {
                let roles: Vec<&str> = missing.roles().map(|role| role.as_str()).collect();
                let groups: Vec<&str> = missing.groups().collect();
                let name = identity.as_ref().map(|identity| {
                    identity.profile.name().unwrap_or_else(|| identity.user_name.clone())
                });
                let mut view =
                    Failure::new(code, &reference, self.now).with_action(code, &self.here(head));
                // Where only the method is wrong, the sentence of the code says so.
                if missing.methods.is_empty() {
                    view = view
                        .missing(&name.unwrap_or_default(), &roles, &groups)
                        .needing_all(missing.needs_all());
                }
                respond::page(&self.gateway.pages.load(), StatusCode::FORBIDDEN, &view)
            }
        }
    }

    /// Where a person goes on after a request that was not a page: the page that made it, when it
    /// is one of this host's, and never the address that was asked, which is no page at all.
    pub(in crate::http) fn page_that_asked(&self, headers: &HeaderMap) -> LocalPath {
        headers
            .get(REFERER)
            .and_then(|referer| referer.to_str().ok())
            .filter(|referer| !referer.starts_with('/'))
            .and_then(|referer| self.place.read(referer, self.live))
            .filter(|page| Place::to(page) == *self.place && !page.path().is_gateway_page())
            .map_or_else(LocalPath::root, |page| page.path().clone())
    }
}
