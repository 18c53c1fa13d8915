//! `GET /saml/metadata` and `GET /.well-known/samlgate/jwks.json`: what others verify us by.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};

use crate::http::respond;
use crate::http::state::Gateway;

/// Our signed metadata; 304 for whoever has it already.
pub async fn metadata(State(gateway): State<Arc<Gateway>>, headers: HeaderMap) -> Response {
    let metadata = &gateway.metadata;
    let known = headers.get(http::header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let mut response = respond::document(
        "application/samlmetadata+xml",
        Some(&metadata.etag),
        metadata.xml.clone(),
    );
    if known.is_some_and(|known| known.split(',').any(|tag| tag.trim() == metadata.etag)) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Body::empty();
    }
    response
}

/// The public keys of the signed identity header (RFC 7517).
pub async fn jwks(State(gateway): State<Arc<Gateway>>) -> Response {
    respond::document("application/jwk-set+json", None, gateway.jwt.jwks())
}
