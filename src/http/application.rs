//! Every path that is not ours: the application behind us.
//!
//! In: a request. Out: the application's answer, or ours when the person may not have it. The
//! decision is [`crate::access::decide`]'s; this is where it is carried out.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::header::{HeaderValue, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{Request, StatusCode};
use hyper::body::Incoming;

use crate::access::{Asked, Decision, Missing, Route, Unauthenticated, Visitor, decide};
use crate::app::{App, Live};
use crate::base::{ErrorCode, LocalPath, Timestamp, entropy};
use crate::http::context::Context;
use crate::http::error::{GatewayError, Reader};
use crate::http::error_json::error_json;
use crate::http::state::Gateway;
use crate::http::views::Failure;
use crate::http::{links, measure, respond};
use crate::proxy::{Ended, IdentityView, Passage};
use crate::session::Session;

/// How soon an open stream notices that its session has ended: well inside the five seconds
/// within which an ended session must stop working everywhere.
const ENDED_CHECK: Duration = Duration::from_secs(2);

/// Passes the request on along `route`, or says why not.
pub async fn pass(
    gateway: &Gateway,
    live: &Live,
    route: &Arc<Route>,
    request: Request<Incoming>,
    context: &Context,
    now: Timestamp,
) -> Response {
    let (parts, body) = request.into_parts();
    let session = match gateway.session(&parts.headers, now).await {
        Ok(session) => session,
        // A store that is down signs nobody out, and closes no public page.
        Err(_) if route.public => None,
        Err(error) => {
            let error = GatewayError::from(error).going_to(&here(&parts, live));
            return gateway.fail(&error, context, Reader::of(&parts.headers), now);
        }
    };
    let visitor = session.as_ref().map(|session| Visitor::of(&session.identity));
    let asked = Asked::of(&parts);
    match decide(&live.sp.public_url, route, &asked, visitor.as_ref()) {
        Decision::Anonymous => forward(gateway, live, route, parts, body, None, context, now).await,
        Decision::Admitted => {
            forward(gateway, live, route, parts, body, session, context, now).await
        }
        Decision::SignIn { return_to } => {
            let location = live.sp.public_url.join(&links::sign_in(&return_to));
            respond::redirect(StatusCode::FOUND, &location)
        }
        Decision::CrossSite => {
            let detail = "a WebSocket from a page of another site";
            let error = GatewayError::new(ErrorCode::AccessCrossSite, detail);
            gateway.fail(&error, context, Reader::Program, now)
        }
        Decision::Unauthenticated(shape) => {
            unauthenticated(gateway, live, shape, &parts, context, now)
        }
        Decision::Forbidden(missing) => forbidden(
            gateway,
            live,
            route,
            session.as_deref(),
            &missing,
            &parts,
            context,
            now,
        ),
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "these are the parts of one request"
)]
async fn forward(
    gateway: &Gateway,
    live: &Live,
    route: &Arc<Route>,
    parts: Parts,
    body: Incoming,
    session: Option<Arc<Session>>,
    context: &Context,
    now: Timestamp,
) -> Response {
    let going_to = here(&parts, live);
    let reader = Reader::of(&parts.headers);
    let ended = session
        .clone()
        .filter(|_| stays_open(&parts))
        .map(|session| until_ended(Arc::clone(&gateway.app), session));
    let view = session.as_deref().map(view);
    let passage = Passage {
        route,
        identity: view.as_ref(),
        peer: &context.peer,
        request_id: &context.request_id,
        ended,
    };
    let request = Request::from_parts(parts, body);
    match live.forwarder.forward(request, passage, now).await {
        Ok(response) => response.map(Body::new),
        Err(error) => {
            if let Some(kind) = error.kind() {
                measure::upstream_error(&route.name, kind);
            }
            let error = GatewayError::new(error.code(), error).going_to(&going_to);
            gateway.fail(&error, context, reader, now)
        }
    }
}

/// A session as the application is told of it.
fn view(session: &Session) -> IdentityView<'_> {
    let identity = &session.identity;
    IdentityView {
        user: &identity.user,
        user_name: &identity.user_name,
        profile: &identity.profile,
        roles: &identity.roles,
        attributes: &identity.attributes,
        idp_entity_id: &identity.idp_entity_id,
        name_id: identity.name_id.as_ref().map(|name_id| name_id.value.as_str()),
        session_index: identity.session_index.as_deref(),
        acr: identity.authn_context.as_deref(),
        sid: &session.sid,
        auth_time: identity.authn_instant,
    }
}

/// Tunnels and event streams outlive their request; everything else ends by itself soon enough.
fn stays_open(parts: &Parts) -> bool {
    let accept = parts.headers.get(http::header::ACCEPT).map(HeaderValue::as_bytes);
    parts.headers.contains_key(http::header::UPGRADE)
        || accept.is_some_and(|accept| accept.starts_with(b"text/event-stream"))
}

fn until_ended(app: Arc<App>, session: Arc<Session>) -> Ended {
    Box::pin(async move {
        while app.sessions.goes_on(&session, app.now()).await {
            tokio::time::sleep(ENDED_CHECK).await;
        }
    })
}

fn unauthenticated(
    gateway: &Gateway,
    live: &Live,
    shape: Unauthenticated,
    parts: &Parts,
    context: &Context,
    now: Timestamp,
) -> Response {
    if shape == Unauthenticated::Form {
        let reference = entropy::reference(gateway.app.entropy.as_ref());
        let view = Failure::form_not_sent(&reference, &LocalPath::root(), now);
        tracing::info!(
            code = ErrorCode::SessionMissing.as_str(),
            reference,
            request_id = context.request_id.as_str(),
            method = parts.method.as_str(),
            "a form without a session"
        );
        return respond::page(&gateway.pages.load(), StatusCode::UNAUTHORIZED, &view);
    }
    let login_url = live.sp.public_url.join(&links::sign_in(&LocalPath::root()));
    let request_id = context.request_id.as_str();
    let body = error_json(
        ErrorCode::SessionMissing,
        request_id,
        None,
        Some(&login_url),
    );
    let mut response = respond::json(StatusCode::UNAUTHORIZED, &body);
    if shape == Unauthenticated::Bearer {
        let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

#[expect(
    clippy::too_many_arguments,
    reason = "these are the parts of one request"
)]
fn forbidden(
    gateway: &Gateway,
    live: &Live,
    route: &Route,
    session: Option<&Session>,
    missing: &Missing,
    parts: &Parts,
    context: &Context,
    now: Timestamp,
) -> Response {
    let reference = entropy::reference(gateway.app.entropy.as_ref());
    let code = missing.code();
    let identity = session.map(|session| &session.identity);
    tracing::info!(
        code = code.as_str(),
        reference,
        request_id = context.request_id.as_str(),
        client = context.client_text(),
        user = identity.map(|identity| identity.user_name.as_str()),
        route = route.name,
        detail = missing.to_string(),
        "access refused"
    );
    let reader = match Asked::of(parts).is_by_program() {
        true => Reader::Program,
        false => Reader::Person,
    };
    if reader == Reader::Program {
        let body = error_json(code, context.request_id.as_str(), Some(&reference), None);
        return respond::json(StatusCode::FORBIDDEN, &body);
    }
    let roles: Vec<&str> = missing.roles().map(|role| role.as_str()).collect();
    let groups: Vec<&str> = missing.groups().collect();
    let name = identity
        .map(|identity| identity.profile.name().unwrap_or_else(|| identity.user_name.clone()));
    let view = Failure::new(code, &reference, now)
        .missing(&name.unwrap_or_default(), &roles, &groups)
        .with_action(code, &here(parts, live));
    respond::page(&gateway.pages.load(), StatusCode::FORBIDDEN, &view)
}

/// The path and query of this request.
fn here(parts: &Parts, live: &Live) -> LocalPath {
    let target = parts.uri.path_and_query().map(http::uri::PathAndQuery::as_str);
    target
        .and_then(|target| LocalPath::parse(target, &live.sp.public_url))
        .unwrap_or_else(LocalPath::root)
}
