//! Every path that is not ours: the application behind us.
//!
//! In: a request. Out: the application's answer, or ours when the person may not have it. The
//! decision is [`crate::access::decide`]'s; this is where it is carried out.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::Request;
use http::header::HeaderValue;
use http::request::Parts;
use hyper::body::Incoming;

use crate::access::{Asked, Decision, Route, Unauthenticated, Visitor, decide};
use crate::app::{App, Live};
use crate::base::Timestamp;
use crate::http::answers::Answers;
use crate::http::context::Context;
use crate::http::error::{GatewayError, Reader};
use crate::http::forms::{self, Note};
use crate::http::hosts::Place;
use crate::http::measure;
use crate::http::state::Gateway;
use crate::proxy::{BoxError, Ended, IdentityView, Passage};
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
    let place = Place::of(&parts, live);
    let answers = Answers { gateway, live, context, place: &place, now };
    let session = match gateway.session(&parts.headers, &place, now).await {
        Ok(session) => session,
        // A store that is down signs nobody out, and closes no public page.
        Err(_) if route.public => None,
        Err(error) => return answers.store_down(error, &parts),
    };
    let visitor = session.as_ref().map(|session| Visitor {
        roles: &session.identity.roles,
        groups: &session.identity.profile.groups,
    });
    let decision = decide(
        place.origin(live),
        route,
        &Asked::of(&parts),
        visitor.as_ref(),
    );
    if decision == Decision::Unauthenticated(Unauthenticated::Form) {
        let kept = forms::keep(answers, route, &parts, body).await;
        return kept.unwrap_or_else(|| answers.unauthenticated(Unauthenticated::Form, &parts));
    }
    if let Some(response) = answers.to(&decision, &parts, route, session.as_deref()) {
        return response;
    }
    let session = session.filter(|_| decision == Decision::Admitted);
    if Note::is_possible(&parts) {
        return forward_note(answers, route, parts, body, session).await;
    }
    forward(answers, route, parts, body, session).await
}

/// Passes on what may be a note of ours: the form that it stands for, or else itself.
async fn forward_note(
    answers: Answers<'_>,
    route: &Arc<Route>,
    mut parts: Parts,
    body: Incoming,
    session: Option<Arc<Session>>,
) -> Response {
    let body = match Note::read(body).await {
        Ok(Note::Other(body)) => Ok(body),
        Ok(Note::Form(token)) => forms::replay(answers, &mut parts, &token).await,
        Err(error) => Err(error),
    };
    match body {
        Ok(body) => forward(answers, route, parts, body, session).await,
        Err(error) => {
            let reader = Reader::of(&parts.headers);
            answers.gateway.fail(&error, answers.context, reader, answers.now)
        }
    }
}

async fn forward<B>(
    answers: Answers<'_>,
    route: &Arc<Route>,
    parts: Parts,
    body: B,
    session: Option<Arc<Session>>,
) -> Response
where
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let Answers { gateway, live, context, now, .. } = answers;
    let going_to = answers.here(&parts);
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
pub(in crate::http) fn view(session: &Session) -> IdentityView<'_> {
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
