//! An answer, before it is one of HTTP: inside a bulk it is a part of another.

use axum::body::Body;
use axum::response::Response;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, LOCATION, RETRY_AFTER,
    WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use crate::http::scim::Failure;
use crate::http::scim::record::Seen;
use crate::scim::ScimError;

/// What is answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// JSON; `None` for 204 and 304.
    pub body: Option<Vec<u8>>,
    /// `ETag`
    pub etag: Option<String>,
    /// `Location`
    pub location: Option<String>,
    /// What else there is to say.
    pub header: Option<(HeaderName, HeaderValue)>,
    /// What there is to say to the log alone.
    pub(in crate::http) seen: Seen,
}

impl Answer {
    /// A status with a body.
    pub const fn of(status: StatusCode, body: Vec<u8>) -> Self {
        Self {
            status,
            body: Some(body),
            etag: None,
            location: None,
            header: None,
            seen: Seen::NOTHING,
        }
    }

    /// 200 with a document.
    pub fn document(value: &Value) -> Self {
        Self::of(StatusCode::OK, value.to_string().into_bytes())
    }

    /// A status alone.
    pub const fn empty(status: StatusCode) -> Self {
        Self {
            status,
            body: None,
            etag: None,
            location: None,
            header: None,
            seen: Seen::NOTHING,
        }
    }

    /// Says why not.
    pub fn refusal(error: &ScimError) -> Self {
        let answer = Self::of(error.status, error.body().to_string().into_bytes());
        answer.seeing(Seen::refused(error))
    }

    /// Says why not; what a store says is for the log alone.
    pub(in crate::http::scim) fn failure(failure: &Failure) -> Self {
        match failure {
            Failure::Refused(error) => Self::refusal(error),
            Failure::Later(error, seconds) => {
                Self::refusal(error).with(RETRY_AFTER, HeaderValue::from(*seconds))
            }
            Failure::Store(error) => {
                tracing::error!(
                    detail = error.detail,
                    "provisioning: the store did not answer"
                );
                let detail = "the directory can not be reached; try again";
                let error = ScimError::of(StatusCode::SERVICE_UNAVAILABLE, detail);
                Self::refusal(&error).with(RETRY_AFTER, HeaderValue::from_static("5"))
            }
        }
    }

    /// 405, with what would be allowed.
    pub fn wrong_method(allow: &'static str) -> Self {
        let detail = format!("only {allow} is offered here");
        let error = ScimError::of(StatusCode::METHOD_NOT_ALLOWED, detail);
        Self::refusal(&error).with(ALLOW, HeaderValue::from_static(allow))
    }

    /// 401 (RFC 6750, 3).
    pub fn unauthorized(detail: &str, error: Option<&'static str>) -> Self {
        let refusal = Self::refusal(&ScimError::of(StatusCode::UNAUTHORIZED, detail));
        let challenge = match error {
            Some(_) => "Bearer realm=\"samlgate SCIM\", error=\"invalid_token\"",
            None => "Bearer realm=\"samlgate SCIM\"",
        };
        refusal.with(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
    }

    /// 429, and when to come again.
    pub fn too_often(seconds: u64) -> Self {
        let detail = format!("too many requests; try again in {seconds} s");
        let refusal = Self::refusal(&ScimError::of(StatusCode::TOO_MANY_REQUESTS, detail));
        refusal.with(RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// With what the log is told.
    #[must_use]
    pub(in crate::http::scim) fn seeing(self, seen: Seen) -> Self {
        Self { seen, ..self }
    }

    /// With one header more.
    #[must_use]
    pub fn with(self, name: HeaderName, value: HeaderValue) -> Self {
        Self { header: Some((name, value)), ..self }
    }

    /// As an answer of HTTP; of a HEAD without its body.
    pub fn into_response(self, is_head: bool) -> Response {
        let has_body = self.body.is_some();
        let body = self.body.filter(|_| !is_head).map_or_else(Body::empty, Body::from);
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if has_body {
            let kind = HeaderValue::from_static("application/scim+json");
            headers.insert(CONTENT_TYPE, kind);
        }
        set(headers, ETAG, self.etag.as_deref());
        set(headers, LOCATION, self.location.as_deref());
        if let Some((name, value)) = self.header {
            headers.insert(name, value);
        }
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: Option<&str>) {
    if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
        headers.insert(name, value);
    }
}
