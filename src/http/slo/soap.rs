//! `POST /saml/slo/soap`: the identity provider's server asks ours, without a browser.
//!
//! Whatever has an identity provider that we know is answered by a `LogoutResponse`; the rest is a
//! SOAP Fault, which says no more than a page would.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Request, StatusCode};

use super::record::{Record, Way};
use super::theirs::{self, fresh_id};
use super::{arrived_at, body_of, internal, saml};
use crate::base::{ErrorCode, Timestamp};
use crate::http::context::Context;
use crate::http::error::GatewayError;
use crate::http::state::Gateway;
use crate::http::views::Failure;
use crate::saml::ServiceProvider;
use crate::saml::binding::query::Carries;
use crate::saml::binding::soap::{self, Fault};
use crate::saml::logout::ReceivedLogout;

/// `POST /saml/slo/soap`.
pub async fn soap(
    State(gateway): State<Arc<Gateway>>,
    Extension(context): Extension<Context>,
    request: Request<Body>,
) -> Response {
    let slo_url = arrived_at(&gateway, &request, ServiceProvider::slo_soap_url);
    soap_at(&gateway, &context, request, &slo_url).await
}

/// Takes a message at `slo_url`, to which it has to be addressed if it is addressed at all.
pub async fn soap_at(
    gateway: &Gateway,
    context: &Context,
    request: Request<Body>,
    slo_url: &str,
) -> Response {
    let now = gateway.app.now();
    let mut record = Record::new(gateway, context, Way::Soap, now);
    let received = match body_of(request.into_body(), soap::MAX_BODY).await {
        Ok(body) => ReceivedLogout::of_soap(&body).map_err(saml),
        Err(error) => Err(error),
    };
    let received = received.and_then(|received| match received.carries {
        Carries::Request => Ok(received),
        Carries::Response => {
            let detail = "a LogoutResponse, where LogoutRequests come";
            Err(GatewayError::new(ErrorCode::ProtoRoot, detail))
        }
    });
    let answer = match received {
        Ok(received) => match theirs::judge(&mut record, received, slo_url).await {
            Ok(judged) => written(gateway, &judged, now),
            Err(error) => Err(error),
        },
        Err(error) => {
            record.refused(&error).await;
            Err(error)
        }
    };
    match answer {
        Ok(envelope) => xml(StatusCode::OK, envelope),
        Err(error) => {
            let fault = if error.code.status() < 500 {
                Fault::Client
            } else {
                Fault::Server
            };
            // SOAP 1.1, 6.2: whatever the fault is, the status is this one.
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            xml(
                status,
                fault.envelope(&format!(
                    "The sign-out message{}",
                    Failure::logout_sentence(error.code)
                )),
            )
        }
    }
}

fn written(
    gateway: &Gateway,
    judged: &theirs::Judged,
    now: Timestamp,
) -> Result<String, GatewayError> {
    let app = &gateway.app;
    let (id, sp) = (fresh_id(gateway), &app.settings().sp);
    // It goes back on the connection by which the request came.
    let metadata = &judged.idp.metadata;
    let destination = metadata.logout_soap.first().map_or("", String::as_str);
    let response = judged.response(&id, destination, &sp.entity_id, now);
    response.soap(app.own().signing_key()).map_err(internal)
}

fn xml(status: StatusCode, envelope: String) -> Response {
    let mut response = Response::new(Body::from(envelope));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(soap::CONTENT_TYPE));
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("no-cache, no-store"),
    );
    response
}
