//! Forward-auth: another proxy asks whether a request may pass, and as whom.
//!
//! In: a request about a request ([`original`]). Out: 200 with the identity headers of its route, or
//! why not. It is the decision that proxying makes, about the same normalised path; nginx, Traefik,
//! Caddy, HAProxy and Envoy differ in how they ask and in which answers they understand.
//!
//! | | no session | not entitled | what can not be read |
//! |---|---|---|---|
//! | `auth-request` (nginx) | 401 with `Location` | 403 | 400 |
//! | `forward-auth` (Traefik, Caddy, HAProxy) | 302, or 401 for programs and forms | 403 | 400 |
//! | `ext-authz` (Envoy) | the same | 403 | 400 |
//! | `/oauth2/auth` (whoever leaves oauth2-proxy) | 401 with `Location` | 403 | 400 |
//!
//! Promised: only a peer in `trusted_proxies` is answered; only "may pass" is a 2xx, in gRPC too;
//! every identity header of the route is in that answer, empty when there is nothing to say, so that
//! nothing that the client sent can stay in its place; no answer sets a cookie.
//!
//! ## Deployment caveat
//!
//! What the other proxy passes on is its own business: one that forwards a client's `Remote-User`
//! where our answer has none lets clients be whoever they like. `docs/forward-auth.md` has
//! configurations that are tested.

pub mod oauth2;
mod original;

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::response::Response;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use http::request::Parts;
use http::{HeaderMap, Request, StatusCode};

use self::original::Original;
use crate::access::{Asked, Decision, StepUpBy, Unauthenticated, decide};
use crate::app::Live;
use crate::base::{ErrorCode, Timestamp};
use crate::http::answers::Answers;
use crate::http::application::view_of;
use crate::http::context::Context;
use crate::http::cors;
use crate::http::error::{GatewayError, Reader};
use crate::http::respond;
use crate::http::state::Gateway;
use crate::identity::Identity;
use crate::proxy::IdentityHeaders;
use crate::session::OpenSession;

/// Who asks, and so how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// nginx, `auth_request`.
    AuthRequest,
    /// Traefik, Caddy, HAProxy.
    ForwardAuth,
    /// Envoy, HTTP `ext_authz`.
    ExtAuthz,
    /// `/oauth2/auth`.
    OAuth2,
}

/// `/.samlgate/authz/auth-request`.
pub async fn auth_request(
    State(gateway): State<Arc<Gateway>>,
    Extension(context): Extension<Context>,
    request: Request<axum::body::Body>,
) -> Response {
    answer(
        &gateway,
        &context,
        request.into_parts().0,
        Mode::AuthRequest,
    )
    .await
}

/// `/.samlgate/authz/forward-auth`.
pub async fn forward_auth(
    State(gateway): State<Arc<Gateway>>,
    Extension(context): Extension<Context>,
    request: Request<axum::body::Body>,
) -> Response {
    answer(
        &gateway,
        &context,
        request.into_parts().0,
        Mode::ForwardAuth,
    )
    .await
}

/// `/.samlgate/authz/ext-authz/*`.
pub async fn ext_authz(
    State(gateway): State<Arc<Gateway>>,
    Extension(context): Extension<Context>,
    request: Request<axum::body::Body>,
) -> Response {
    answer(&gateway, &context, request.into_parts().0, Mode::ExtAuthz).await
}

async fn answer(gateway: &Gateway, context: &Context, head: Parts, mode: Mode) -> Response {
    let now = gateway.app.now();
    let live = gateway.app.settings();
    let verdict = Verdict::about(gateway, &live, context, &head, mode, now).await;
    match verdict {
        Ok(Verdict::Pass(response) | Verdict::Stop(response)) => response,
        Err(error) => {
            let mut response = gateway.fail(&error, context, Reader::Program, now);
            let clients = matches!(error.code, ErrorCode::ProxyRequest | ErrorCode::ProxyHost);
            if mode == Mode::AuthRequest && clients {
                // The client's fault, not the configuration's: the one refusal that nginx passes on.
                *response.status_mut() = StatusCode::FORBIDDEN;
            }
            response
        }
    }
}

/// What the other proxy is told.
enum Verdict {
    /// 200, with the identity.
    Pass(Response),
    /// Anything but a 2xx.
    Stop(Response),
}

impl Verdict {
    async fn about(
        gateway: &Gateway,
        live: &Live,
        context: &Context,
        asker: &Parts,
        mode: Mode,
        now: Timestamp,
    ) -> Result<Self, GatewayError> {
        check_peer(live, context)?;
        let original = Original::read(asker, mode, live)?;
        let Original { head, place, route } = &original;
        let answers = Answers { gateway, live, context, place, now };
        let session = match gateway.session(&head.headers, place, now).await {
            Ok(session) => session,
            Err(_) if route.public => None,
            Err(error) => return Ok(Self::Stop(answers.store_down(error, &in_plain_http(head)))),
        };
        let identity = session.as_ref().map(|session| session.identity());
        let visitor = identity.as_ref().map(|identity| gateway.seen(live, route, identity, now));
        let asked = Asked::of(head);
        let mut decision = decide(place.origin(live), route, &asked, visitor.as_ref());
        let session = session.filter(|_| decision != Decision::Anonymous);
        if mode == Mode::OAuth2 && session.is_none() {
            // There a 2xx says that somebody is signed in.
            decision = Decision::Unauthenticated(Unauthenticated::Program);
        }
        let stop = answers.to(&decision, &in_plain_http(head), route, session.as_deref());
        let Some(mut response) = stop else {
            let mut response = respond::empty(StatusCode::OK);
            let headers = response.headers_mut();
            let whose = session.as_deref().zip(identity.as_ref());
            set_identity(live, headers, &original, whose, mode, now);
            return Ok(Self::Pass(response));
        };
        if mode.wants_location() {
            // It can pass on nothing but 401 and 403; where to sign in, it is told in a header.
            let page = match (&decision, session.as_deref()) {
                (Decision::SignIn { return_to }, _) => {
                    response = answers.unauthenticated(Unauthenticated::Program, &as_program(head));
                    Some(answers.login_url(return_to))
                }
                (Decision::StepUp(_, StepUpBy::Page(return_to)), Some(session)) => {
                    response = answers.challenge(&as_program(head), route, session);
                    Some(answers.step_up_url(return_to, None, session))
                }
                _ => None,
            };
            let is_page = page.is_some();
            let to = match (page, &decision, session.as_deref()) {
                (Some(page), _, _) => Some(page),
                (_, Decision::Unauthenticated(_), _) => Some(answers.login_url_after(head)),
                (_, Decision::StepUp(..), Some(session)) => {
                    let back = answers.page_that_asked(&head.headers);
                    let here = answers.here(head);
                    Some(answers.step_up_url(&back, Some(here.path()), session))
                }
                _ => None,
            };
            if let Some(Ok(to)) = to.map(HeaderValue::try_from) {
                if is_page {
                    response.headers_mut().insert(X_SAMLGATE_REDIRECT, to.clone());
                }
                response.headers_mut().insert(LOCATION, to);
            }
        }
        if response.status().is_success() {
            let detail = format!("a refusal has become {}", response.status());
            return Err(GatewayError::new(ErrorCode::Internal, detail));
        }
        cors::allow(route, &head.headers, response.headers_mut());
        Ok(Self::Stop(response))
    }
}

impl Mode {
    const fn wants_location(self) -> bool {
        matches!(self, Self::AuthRequest | Self::OAuth2)
    }
}

/// Nobody else may ask: the answers tell who somebody is, and the questions are believed.
fn check_peer(live: &Live, context: &Context) -> Result<(), GatewayError> {
    if live.trusted_proxies.trusts(&context.peer) {
        return Ok(());
    }
    let peer = context.peer.address.map(|address| address.to_string()).unwrap_or_default();
    let detail = format!("{peer} is not in server.trusted_proxies");
    Err(GatewayError::new(ErrorCode::AuthzPeer, detail))
}

fn set_identity(
    live: &Live,
    headers: &mut HeaderMap,
    original: &Original,
    whose: Option<(&OpenSession, &Identity)>,
    mode: Mode,
    now: Timestamp,
) {
    let route = &original.route;
    let Some((session, identity)) = whose else {
        return IdentityHeaders::set_empty(headers, route);
    };
    let view = view_of(live, session, identity);
    let lines = live.forwarder.identity(route, &view, &session.ready, now);
    // Should they be missing, empty ones say at least that nobody is known.
    IdentityHeaders::set_empty(headers, route);
    let lines = lines.iter().flat_map(|lines| lines.split(|byte| *byte == b'\n'));
    for line in lines {
        let mut parts = line.splitn(2, |byte| *byte == b':').map(<[u8]>::trim_ascii);
        let name = parts.next().and_then(|name| HeaderName::from_bytes(name).ok());
        let value = parts.next().and_then(|value| HeaderValue::from_bytes(value).ok());
        if let (Some(name), Some(value)) = (name, value) {
            headers.insert(name, value);
        }
    }
    if mode == Mode::OAuth2 {
        IdentityHeaders::set(headers, &oauth2::its_headers(), &view, None);
    }
}

/// The same request without its gRPC: there a refusal is a 200 with a status of its own, which
/// these proxies would take for leave to pass. They put a 401 into gRPC's words themselves.
fn in_plain_http(head: &Parts) -> Parts {
    match Reader::of(&head.headers) {
        Reader::Grpc => as_program(head),
        Reader::Person | Reader::Program => head.clone(),
    }
}

fn as_program(head: &Parts) -> Parts {
    let mut head = head.clone();
    head.headers.remove(CONTENT_TYPE);
    head.headers
        .insert(X_REQUESTED_WITH, HeaderValue::from_static("XMLHttpRequest"));
    head
}

/// Where to send a browser that can be sent: with `Location` alone nginx can not tell.
const X_SAMLGATE_REDIRECT: HeaderName = HeaderName::from_static("x-samlgate-redirect");
const X_REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");

/// Where a person goes who is told by a header.
impl Answers<'_> {
    fn login_url_after(&self, head: &Parts) -> String {
        self.login_url(&self.page_that_asked(&head.headers))
    }
}
