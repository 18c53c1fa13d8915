//! `GET, POST /saml/slo`: what comes through a browser, a request or an answer.
//!
//! An identity provider may show it in a frame, where no cookie comes along and none is kept; and
//! Keycloak's server posts the form itself. So the message alone decides, and no answer forbids to be
//! framed: there is nothing on these pages that a stranger could have clicked.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::response::Response;
use http::header::{ALLOW, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_FRAME_OPTIONS};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};

use super::record::{Record, Way};
use super::theirs::{self, Judged, fresh_id};
use super::{arrived_at, body_of, internal, ours, saml};
use crate::base::{ErrorCode, ReturnTo, Timestamp};
use crate::http::context::Context;
use crate::http::error::{GatewayError, Reader};
use crate::http::error_json::error_json;
use crate::http::hosts::Place;
use crate::http::respond;
use crate::http::state::Gateway;
use crate::http::views::{Failure, Field, Post, SignedOut, There};
use crate::saml::ServiceProvider;
use crate::saml::binding::post::MAX_BODY;
use crate::saml::binding::query::Carries;
use crate::saml::logout::ReceivedLogout;
use crate::saml::metadata::{Binding, Endpoint};
use crate::saml::vendor::LogoutBindings;
use crate::trust::IdpTrust;

/// `GET, POST /saml/slo`.
pub async fn slo(
    State(gateway): State<Arc<Gateway>>,
    Extension(context): Extension<Context>,
    request: Request<Body>,
) -> Response {
    let slo_url = arrived_at(&gateway, &request, ServiceProvider::slo_url);
    front(&gateway, &context, request, &slo_url).await
}

/// Takes a message at `slo_url`, to which it has to be addressed.
pub async fn front(
    gateway: &Gateway,
    context: &Context,
    request: Request<Body>,
    slo_url: &str,
) -> Response {
    let now = gateway.app.now();
    let (parts, body) = request.into_parts();
    let way = if parts.method == Method::GET {
        Way::Redirect
    } else {
        Way::Post
    };
    let mut record = Record::new(gateway, context, way, now);
    let received = match parts.method {
        Method::GET => {
            ReceivedLogout::of_query(parts.uri.query().unwrap_or_default()).map_err(saml)
        }
        Method::POST => of_form(&parts.headers, body).await,
        method => {
            let detail = format!("{method} at the SingleLogoutService");
            let error = GatewayError::new(ErrorCode::BindingMethod, detail);
            let mut response = refused(&record, &error, &parts.headers);
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, POST"));
            return response;
        }
    };
    let mut response = match received {
        Ok(received) if received.carries == Carries::Request => {
            match theirs::judge(&mut record, received, slo_url).await {
                Ok(judged) => answer(gateway, judged, way, now),
                Err(error) => Err(error),
            }
        }
        Ok(received) => match ours::finish(&mut record, received, slo_url).await {
            Err(error) if is_read_again(gateway, &parts, &error, now).await => {
                let view = SignedOut::new(None, &ReturnTo::root());
                Ok(respond::page(&gateway.pages.load(), StatusCode::OK, &view))
            }
            finished => finished,
        },
        Err(error) => {
            record.refused(&error).await;
            Err(error)
        }
    }
    .unwrap_or_else(|error| refused(&record, &error, &parts.headers));
    let_be_framed(response.headers_mut());
    response
}

/// Whether somebody who has signed out looks at the page about it once more: nobody is signed in in
/// this browser, and the answer in the address was taken before.
async fn is_read_again(
    gateway: &Gateway,
    parts: &Parts,
    error: &GatewayError,
    now: Timestamp,
) -> bool {
    // A form comes from another site, without the session's cookie: it would always look so.
    let place = parts.extensions.get::<Place>().filter(|_| parts.method == Method::GET);
    match place {
        Some(place) if error.code == ErrorCode::ProtoInResponseTo => {
            matches!(gateway.session(&parts.headers, place, now).await, Ok(None))
        }
        _ => false,
    }
}

async fn of_form(headers: &HeaderMap, body: Body) -> Result<ReceivedLogout, GatewayError> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = content_type.and_then(|text| text.split(';').next()).unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        let detail = format!("Content-Type is {kind:?}, a form was expected");
        return Err(GatewayError::new(ErrorCode::BindingMethod, detail));
    }
    ReceivedLogout::of_form(&body_of(body, MAX_BODY).await?).map_err(saml)
}

/// The `LogoutResponse` on its way back; a page of ours where the identity provider has no address
/// for it.
fn answer(
    gateway: &Gateway,
    judged: Judged,
    way: Way,
    now: Timestamp,
) -> Result<Response, GatewayError> {
    let app = &gateway.app;
    let idp = &judged.idp;
    let Some(endpoint) = back(idp, way) else {
        // Nobody but the person reads it, and they may go away from a session that goes on.
        if let Some(error) = judged.error {
            return Err(error);
        }
        let view = SignedOut::new(Some(idp.label()), &ReturnTo::root()).there(There::WantsIt);
        return Ok(respond::page(&gateway.pages.load(), StatusCode::OK, &view));
    };
    let destination = endpoint.response_location.as_deref().unwrap_or(&endpoint.location);
    let (id, sp) = (fresh_id(gateway), &app.settings().sp);
    let response = judged.response(&id, destination, &sp.entity_id, now);
    let own = app.own();
    let (relay_state, key) = (judged.relay_state.as_deref(), own.signing_key());
    match endpoint.binding {
        Binding::Redirect => {
            let url = response.redirect_url(relay_state, key).map_err(internal)?;
            Ok(respond::redirect(see(way), &url))
        }
        Binding::Post => {
            let message = response.posted(key).map_err(internal)?;
            let mut fields = vec![Field::new(message.field, message.value)];
            fields.extend(relay_state.map(|state| Field::new("RelayState", state)));
            let label = idp.label().to_owned();
            let view = Post { label, action: destination.to_owned(), fields };
            Ok(respond::page(&gateway.pages.load(), StatusCode::OK, &view))
        }
    }
}

/// 302 for a page that was read, 303 after a form.
const fn see(way: Way) -> StatusCode {
    match way {
        Way::Redirect => StatusCode::FOUND,
        Way::Post | Way::Soap => StatusCode::SEE_OTHER,
    }
}

/// Where an answer goes: by the way that the question came, if it is open.
fn back(idp: &IdpTrust, way: Way) -> Option<&Endpoint> {
    let (dialect, endpoints) = (idp.metadata.vendor.logout(), &idp.metadata.logout);
    let same = match way {
        Way::Redirect => Binding::Redirect,
        Way::Post | Way::Soap => Binding::Post,
    };
    let same = endpoints.iter().find(|endpoint| endpoint.binding == same);
    same.filter(|_| dialect.bindings == LogoutBindings::AsMetadata)
        .or_else(|| dialect.endpoint(endpoints))
}

/// The page for a message that changed nothing.
pub(super) fn refused(record: &Record<'_>, error: &GatewayError, headers: &HeaderMap) -> Response {
    let status =
        StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let Record { gateway, context, reference, now, .. } = record;
    match Reader::of(headers) {
        Reader::Person => {
            let view = Failure::of_logout(error.code, reference, *now);
            respond::page(&gateway.pages.load(), status, &view)
        }
        Reader::Program | Reader::Grpc => {
            let request_id = context.request_id.as_str();
            respond::json(
                status,
                &error_json(error.code, request_id, Some(reference), None),
            )
        }
    }
}

/// Takes back what keeps our pages out of frames.
fn let_be_framed(headers: &mut HeaderMap) {
    headers.remove(X_FRAME_OPTIONS);
    let Some(policy) = headers.get(CONTENT_SECURITY_POLICY).and_then(|value| value.to_str().ok())
    else {
        return;
    };
    let rest: Vec<&str> = policy
        .split(';')
        .map(str::trim)
        .filter(|directive| !directive.starts_with("frame-ancestors"))
        .collect();
    if let Ok(policy) = HeaderValue::try_from(rest.join("; ")) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
}
