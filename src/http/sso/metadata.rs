//! `GET /saml/metadata` and `GET /.well-known/samlgate/jwks.json`: what others verify us by.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::response::Response;
use http::header::{CACHE_CONTROL, HeaderValue, IF_NONE_MATCH, USER_AGENT};
use http::{HeaderMap, StatusCode};

use super::legacy::Arrived;
use crate::http::context::Context;
use crate::http::respond;
use crate::http::state::Gateway;
use crate::keys::Fetch;

/// Our signed metadata; 304 for whoever has it already. Who came is noted: `samlgate keys list` says
/// it to operators who are about to change a key. That of a family names the addresses of the family.
pub async fn metadata(
    State(gateway): State<Arc<Gateway>>,
    Extension(context): Extension<Context>,
    arrived: Option<Extension<Arrived>>,
    headers: HeaderMap,
) -> Response {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let address = context.client_text().unwrap_or_default();
    let agent = text(USER_AGENT).unwrap_or_default();
    gateway.app.fetches.note(Fetch::new(&address, agent, gateway.app.now()));

    let own = gateway.app.own();
    let metadata = own.metadata_of(arrived.map(|Extension(arrived)| arrived.family));
    let mut response = respond::document(
        "application/samlmetadata+xml",
        Some(&metadata.etag),
        metadata.xml.clone(),
    );
    let keep = format!("public, max-age={}", metadata.cache.as_secs());
    if let Ok(keep) = HeaderValue::try_from(keep) {
        response.headers_mut().insert(CACHE_CONTROL, keep);
    }
    let is_known = |known: &str| {
        // RFC 9110, 13.1.2: compared without the W/ that a proxy may have put there.
        known
            .split(',')
            .map(str::trim)
            .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == metadata.etag)
    };
    if text(IF_NONE_MATCH).is_some_and(is_known) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Body::empty();
    }
    response
}

/// The public keys of the signed identity header (RFC 7517).
pub async fn jwks(State(gateway): State<Arc<Gateway>>) -> Response {
    respond::document("application/jwk-set+json", None, gateway.jwt.jwks())
}
