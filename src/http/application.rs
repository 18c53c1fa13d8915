//! Every path that is not ours: the application behind us.
//!
//! In: a request. Out: the application's answer, or ours when the person may not have it. The
//! decision is [`crate::access::decide`]'s; this is where it is carried out.

use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use bytes::Bytes;
use http::request::Parts;
use hyper::body::Incoming;

use crate::access::{Asked, Decision, Route, StepUp, StepUpBy, Unauthenticated, Visitor, decide};
use crate::app::Live;
use crate::http::answers::Answers;
use crate::http::cors;
use crate::http::error::{GatewayError, Reader};
use crate::http::forms::{self, Note};
use crate::http::measure;
use crate::http::outgoing::{self, Outgoing};
use crate::identity::Identity;
use crate::proxy::{BoxError, Ended, IdentityView, Passage};
use crate::saml::NameId;
use crate::session::OpenSession;

/// Passes the request on along `route`, or says why not.
pub async fn pass(
    answers: Answers<'_>,
    route: &Arc<Route>,
    parts: &mut Parts,
    body: Incoming,
) -> (Outgoing, Option<Duration>) {
    let Answers { gateway, live, place, now, .. } = answers;
    let session = match gateway.session(&parts.headers, place, now).await {
        Ok(session) => session,
        // A store that is down signs nobody out, and closes no public page.
        Err(_) if route.public => None,
        Err(error) => return ours(route, parts, answers.store_down(error, parts)),
    };
    // Whom the route has admitted before, it admits; then nobody has to look who it is.
    let told = session
        .as_ref()
        .and_then(|session| live.forwarder.told(route, &session.ready, now));
    let grows_old = route.step_up.as_ref().is_some_and(StepUp::grows_old);
    let identity = match &session {
        Some(session) if told.is_none() || grows_old => Some(Box::new(session.identity())),
        _ => None,
    };
    let visitor = session.as_ref().map(|_| match identity.as_deref() {
        Some(identity) => gateway.seen(live, route, identity, now),
        None => Visitor::admitted_before(),
    });
    let decision = decide(
        place.origin(live),
        route,
        &Asked::of(parts),
        visitor.as_ref(),
    );
    if let Decision::Unauthenticated(Unauthenticated::Form) | Decision::StepUp(_, StepUpBy::Form) =
        decision
    {
        let session = session.as_deref();
        let kept = Box::pin(forms::keep(answers, route, session, parts, body)).await;
        let answer = kept.or_else(|| answers.to(&decision, parts, route, session));
        return ours(route, parts, answer.unwrap_or_default());
    }
    if let Some(response) = answers.to(&decision, parts, route, session.as_deref()) {
        return ours(route, parts, response);
    }
    let whose = session.filter(|_| decision == Decision::Admitted);
    let whose = whose.map(|session| Whose { session, told, identity });
    if Note::is_possible(parts) {
        return Box::pin(forward_note(answers, route, parts, body, whose)).await;
    }
    forward(answers, route, parts, body, whose).await
}

/// Whose a request is that the route admits.
struct Whose {
    session: Arc<OpenSession>,
    /// What the route was told before, …
    told: Option<Arc<[u8]>>,
    /// … or else who it is.
    identity: Option<Box<Identity>>,
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
    parts: &mut Parts,
    body: Incoming,
    whose: Option<Whose>,
) -> (Outgoing, Option<Duration>) {
    let body = match Note::read(body).await {
        Ok(Note::Other(body)) => Ok(body),
        Ok(Note::Form(token)) => forms::replay(answers, parts, &token).await,
        Err(error) => Err(error),
    };
    match body {
        Ok(body) => forward(answers, route, parts, body, whose).await,
        Err(error) => {
            let reader = Reader::of(&parts.headers);
            let failed = answers.gateway.fail(&error, answers.context, reader, answers.now);
            ours(route, parts, failed)
        }
    }
}

async fn forward<B>(
    answers: Answers<'_>,
    route: &Arc<Route>,
    parts: &mut Parts,
    body: B,
    whose: Option<Whose>,
) -> (Outgoing, Option<Duration>)
where
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let Answers { gateway, live, context, now, .. } = answers;
    let (session, told, identity) = match whose {
        Some(Whose { session, told, identity }) => (Some(session), told, identity),
        None => (None, None, None),
    };
    let view = session.as_deref().zip(identity.as_deref());
    let view = view.map(|(session, identity)| view_of(live, session, identity));
    let ended = || {
        let session = session.as_ref()?;
        let enough = gateway.enough(live, route, identity.as_deref());
        let ended: Ended = match enough {
            Some(enough) => Box::pin(session.ended_unless(enough)),
            None => Box::pin(session.ended()),
        };
        Some(ended)
    };
    let passage = Passage {
        route,
        told,
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
pub(in crate::http) fn view_of<'a>(
    live: &'a Live,
    session: &'a OpenSession,
    identity: &'a Identity,
) -> IdentityView<'a> {
    IdentityView {
        user: &identity.user,
        user_name: &identity.user_name,
        profile: &identity.profile,
        roles: &identity.roles,
        attributes: &identity.attributes,
        idp_entity_id: &identity.idp_entity_id,
        name_id: identity.name_id.as_ref().map(|name_id| name_id.value.as_str()),
        persistent_id: identity.name_id.as_ref().and_then(|name_id| {
            let is_persistent = name_id.format.as_deref() == Some(NameId::PERSISTENT);
            // Core 8.3.7: who leaves them out means both of us.
            let qualifier = name_id.name_qualifier.as_deref().unwrap_or(&identity.idp_entity_id);
            let own = name_id.sp_name_qualifier.as_deref().unwrap_or(&live.sp.entity_id);
            is_persistent.then_some([qualifier, own, &name_id.value])
        }),
        session_index: identity.session_index.as_deref(),
        acr: identity.authn_context.as_deref(),
        sid: session.sid(),
        auth_time: identity.authn_instant,
    }
}
