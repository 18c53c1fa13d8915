//! `/.samlgate/sign_out`: GET asks, POST ends the session.

use std::sync::Arc;

use axum::extract::{Extension, RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::return_to;
use crate::audit::{Event, EventKind};
use crate::base::{ErrorCode, PublicUrl, Timestamp};
use crate::http::context::Context;
use crate::http::error::{GatewayError, Reader};
use crate::http::form::Fields;
use crate::http::hosts::Place;
use crate::http::respond;
use crate::http::slo::{self, Farewell};
use crate::http::state::Gateway;
use crate::http::views::{SignOut, SignedOut};
use crate::session::{EndReason, OpenSession};

/// `GET`: a page that asks first, since a link alone must not sign anybody out.
pub async fn confirm(
    State(gateway): State<Arc<Gateway>>,
    Extension(context): Extension<Context>,
    Extension(place): Extension<Place>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let now = gateway.app.now();
    let query = Fields::of_query(query.as_deref());
    let return_to = return_to(&gateway.app.live(), &place, query.get("rd"));
    match gateway.session(&headers, &place, now).await {
        Ok(Some(session)) => {
            let identity = session.identity();
            let name = identity.profile.name().unwrap_or_else(|| identity.user_name.clone());
            let mut view = SignOut::new(&name, &return_to);
            view.email = identity.profile.email;
            view.idp = Some(label(&gateway, &session));
            view.leads_to = slo::way_out(&gateway, &session.identity());
            view.here_alone = view.leads_to.is_none();
            respond::page(&gateway.pages.load(), StatusCode::OK, &view)
        }
        Ok(None) => {
            let view = SignedOut::new(None, &return_to);
            respond::page(&gateway.pages.load(), StatusCode::OK, &view)
        }
        Err(error) => gateway.fail(&error.into(), &context, Reader::of(&headers), now),
    }
}

/// `POST`: ends the session, here and at once, and then the one at the identity provider, if it can
/// be asked for that.
///
/// With `rd` naming a public page of the application the person lands there; every other page
/// would send them straight to sign-in again.
pub async fn sign_out(
    State(gateway): State<Arc<Gateway>>,
    Extension(context): Extension<Context>,
    Extension(place): Extension<Place>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let now = gateway.app.now();
    let live = gateway.app.settings();
    if !is_same_site(&headers, place.origin(&live)) {
        let detail = "the sign-out form came from another site";
        let error = GatewayError::new(ErrorCode::AccessCrossSite, detail);
        return gateway.fail(&error, &context, Reader::of(&headers), now);
    }
    let query = Fields::of_query(query.as_deref());
    let return_to = return_to(&live, &place, query.get("rd"));
    let ended = match gateway.session(&headers, &place, now).await.map_err(GatewayError::from) {
        Ok(Some(session)) => end(&gateway, &context, &session, now).await.map(|()| Some(session)),
        other => other,
    };
    let session = match ended {
        Ok(session) => session,
        Err(error) => return gateway.fail(&error, &context, Reader::of(&headers), now),
    };
    if let Some((_, browser)) = gateway.browser(&headers) {
        gateway.loops.signed_out(&browser);
    }
    let wanted = query.get("rd").is_some();
    let farewell = match &session {
        Some(session) if is_navigation(&headers) => {
            slo::leave(&gateway, &session.identity(), &return_to, wanted, now).await
        }
        _ => Farewell::Here,
    };
    let onward = wanted && slo::is_public(&live, &return_to);
    let mut response = match (farewell, session) {
        (Farewell::Idp(response), _) => response,
        // Their session at the identity provider goes on, which the page that asks has said.
        (Farewell::Here, _) if onward => {
            respond::redirect(StatusCode::SEE_OTHER, &return_to.to_string())
        }
        (Farewell::Here, _) if !is_navigation(&headers) || is_program(&headers) => {
            let said = json!({ "signed_out": true, "identity_provider": "not_asked" });
            respond::json(StatusCode::OK, &said)
        }
        (Farewell::Here, session) => {
            let label = session.map(|session| label(&gateway, &session));
            let view = SignedOut::new(label.as_deref(), &return_to);
            respond::page(&gateway.pages.load(), StatusCode::OK, &view)
        }
    };
    respond::set_cookie(&mut response, &gateway.app.cookies.clear_session());
    response
}

async fn end(
    gateway: &Gateway,
    context: &Context,
    session: &OpenSession,
    now: Timestamp,
) -> Result<(), GatewayError> {
    gateway.app.sessions.end(session, EndReason::SignOut, now).await?;
    let identity = session.identity();
    let event = Event {
        request_id: Some(context.request_id.as_str().to_owned()),
        idp: Some(identity.idp),
        user: Some(identity.user),
        client: context.client_text(),
        detail: json!({ "sid": session.sid(), "reason": EndReason::SignOut.as_str() }),
        ..Event::new(EventKind::SessionEnded)
    };
    if let Err(error) = gateway.app.ports.audit.record(&event, now).await {
        tracing::error!(detail = error.detail, "the audit record was not written");
    }
    Ok(())
}

/// What its people call the identity provider; one that was removed since has its name left.
fn label(gateway: &Gateway, session: &OpenSession) -> String {
    let (registry, name) = (gateway.app.registry(), session.identity().idp);
    registry
        .named(&name)
        .map_or_else(|| name.to_string(), |idp| idp.label().to_owned())
}

fn is_program(headers: &HeaderMap) -> bool {
    Reader::of(headers) != Reader::Person
}

/// A script of the application's can not follow to the identity provider, which answers browsers
/// alone: it ends our session, and is told so.
fn is_navigation(headers: &HeaderMap) -> bool {
    let mode = headers.get("sec-fetch-mode").and_then(|mode| mode.to_str().ok());
    mode.is_none_or(|mode| mode == "navigate")
}

/// The session cookie is `SameSite=Lax`, so a form from another site ends nobody's session; this
/// also keeps it from showing a sign-out page in our name.
fn is_same_site(headers: &HeaderMap, here: &PublicUrl) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) => site != "cross-site",
        (None, Some(origin)) => origin == here.as_str(),
        (None, None) => true,
    }
}
