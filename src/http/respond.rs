//! Answers in the gateway's own name: pages, redirects, JSON.

use axum::body::Body;
use axum::response::Response;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, StatusCode};

use crate::base::ErrorCode;
use crate::http::pages::Pages;
use crate::http::views::View;

/// A page of ours. Never cached: it speaks of one person at one moment.
pub fn page<V: View>(pages: &Pages, status: StatusCode, view: &V) -> Response {
    let rendered = pages.render(view);
    let mut response = Response::new(Body::from(rendered.html));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    set(
        headers,
        CONTENT_SECURITY_POLICY,
        &rendered.content_security_policy,
    );
    guard(headers);
    response
}

/// JSON for a program.
pub fn json(status: StatusCode, value: &serde_json::Value) -> Response {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    guard(headers);
    response
}

/// A status alone.
pub fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    guard(response.headers_mut());
    response
}

/// A gRPC call that ends before it began: 200 and a status, without messages ("Trailers-Only").
///
/// `asked` are the headers of the call, whose kind of gRPC is the kind of the answer.
pub fn grpc(code: ErrorCode, asked: &HeaderMap) -> Response {
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    let kind = asked.get(CONTENT_TYPE).cloned();
    headers.insert(
        CONTENT_TYPE,
        kind.unwrap_or(HeaderValue::from_static("application/grpc")),
    );
    headers.insert(GRPC_STATUS, HeaderValue::from(grpc_status(code.status())));
    // "Percent-encoded" for what is neither visible ASCII nor a space; ours are plain sentences.
    set(headers, GRPC_MESSAGE, code.public());
    guard(headers);
    response
}

/// HTTP status → gRPC status, as grpc/doc/http-grpc-status-mapping.md has it.
const fn grpc_status(status: u16) -> u16 {
    match status {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502 | 503 | 504 => 14,
        _ => 2,
    }
}

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// Sends the browser on: 302 for a page that was read, 303 after a form.
pub fn redirect(status: StatusCode, location: &str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    set(response.headers_mut(), LOCATION, location);
    guard(response.headers_mut());
    response
}

/// A document that may be kept for an hour.
pub fn document(content_type: &'static str, etag: Option<&str>, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=3600"),
    );
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(etag) = etag {
        set(headers, http::header::ETAG, etag);
    }
    response
}

/// Adds a `Set-Cookie`.
pub fn set_cookie(response: &mut Response, cookie: &str) {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(http::header::SET_COOKIE, value);
    }
}

fn guard(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Not `no-referrer`: with that, browsers send `Origin: null` from our own forms.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
