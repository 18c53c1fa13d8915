//! Every path that is not ours: the application behind us.
//!
//! In: a request. Out: the application's answer, or ours when the person may not have it. The
//! decision is [`crate::access::decide`]'s; this is where it is carried out.

use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use bytes::Bytes;
use http::Request;
use http::request::Parts;
use hyper::body::Incoming;

use crate::access::{Asked, Decision, Route, Unauthenticated, Visitor, decide};
use crate::app::Live;
use crate::base::Timestamp;
use crate::http::answers::Answers;
use crate::http::context::Context;
use crate::http::cors;
use crate::http::error::{GatewayError, Reader};
use crate::http::forms::{self, Note};
use crate::http::hosts::Place;
use crate::http::measure;
use crate::http::outgoing::{self, Outgoing};
use crate::http::state::Gateway;
use crate::proxy::{BoxError, Ended, IdentityView, Passage};
use crate::session::Session;

/// Passes the request on along `route`, or says why not.
pub async fn pass(
    gateway: &Gateway,
    live: &Live,
    route: &Arc<Route>,
    request: Request<Incoming>,
    context: &Context,
    now: Timestamp,
) -> (Outgoing, Option<Duration>) {
    let (mut parts, body) = request.into_parts();
    let place = Place::of(&parts, live);
    let answers = Answers { gateway, live, context, place: &place, now };
    let session = match gateway.session(&parts.headers, &place, now).await {
        Ok(session) => session,
        // A store that is down signs nobody out, and closes no public page.
        Err(_) if route.public => None,
        Err(error) => return ours(route, &parts, answers.store_down(error, &parts)),
    };
    let visitor = session.as_ref().map(|session| Visitor::of(&session.identity));
    let decision = decide(
        place.origin(live),
        route,
        &Asked::of(&parts),
        visitor.as_ref(),
    );
    if decision == Decision::Unauthenticated(Unauthenticated::Form) {
        let kept = Box::pin(forms::keep(answers, route, &parts, body)).await;
        let kept = kept.unwrap_or_else(|| answers.unauthenticated(Unauthenticated::Form, &parts));
        return ours(route, &parts, kept);
    }
    if let Some(response) = answers.to(&decision, &parts, route, session.as_deref()) {
        return ours(route, &parts, response);
    }
    let session = session.filter(|_| decision == Decision::Admitted);
    if Note::is_possible(&parts) {
        return Box::pin(forward_note(answers, route, parts, body, session)).await;
    }
    forward(answers, route, &mut parts, body, session).await
}

/// An answer in the place of the application's.
fn ours(route: &Route, asked: &Parts, mut response: Response) -> (Outgoing, Option<Duration>) {
    cors::allow(route, &asked.headers, response.headers_mut());
    (outgoing::ours(response), None)
}

/// Passes on what may be a note of ours: the form that it stands for, or else itself.
async fn forward_note(
    answers: Answers<'_>,
    route: &Arc<Route>,
    mut parts: Parts,
    body: Incoming,
    session: Option<Arc<Session>>,
) -> (Outgoing, Option<Duration>) {
    let body = match Note::read(body).await {
        Ok(Note::Other(body)) => Ok(body),
        Ok(Note::Form(token)) => forms::replay(answers, &mut parts, &token).await,
        Err(error) => Err(error),
    };
    match body {
        Ok(body) => forward(answers, route, &mut parts, body, session).await,
        Err(error) => {
            let reader = Reader::of(&parts.headers);
            let failed = answers.gateway.fail(&error, answers.context, reader, answers.now);
            ours(route, &parts, failed)
        }
    }
}

async fn forward<B>(
    answers: Answers<'_>,
    route: &Arc<Route>,
    parts: &mut Parts,
    body: B,
    session: Option<Arc<Session>>,
) -> (Outgoing, Option<Duration>)
where
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let Answers { gateway, live, context, now, .. } = answers;
    let view = session.as_deref().map(view);
    let ended = || session.as_ref().map(|session| -> Ended { Box::pin(session.ended()) });
    let passage = Passage {
        route,
        identity: view.as_ref(),
        ready: session.as_deref().map(|session| &session.ready),
        peer: &context.peer,
        request_id: &context.request_id,
        ended: &ended,
    };
    match live.forwarder.forward(parts, body, passage, now).await {
        Ok((response, time)) => (outgoing::theirs(response), Some(time.0)),
        Err(error) => {
            if let Some(kind) = error.kind() {
                measure::upstream_error(&route.name, kind);
            }
            let error = GatewayError::new(error.code(), error).going_to(&answers.here(parts));
            let reader = Reader::of(&parts.headers);
            ours(route, parts, gateway.fail(&error, context, reader, now))
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
