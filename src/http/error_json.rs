//! The answer to a program where a person would be shown a page.

use axum::response::Response;
use http::StatusCode;
use serde_json::Map;
use serde_json::Value;

use crate::base::ErrorCode;
use crate::http::context::Context;
use crate::http::respond;

/// The 401 to a program for which nobody is signed in, and where somebody would.
pub(super) fn nobody_signed_in(context: &Context, login_url: &str) -> Response {
    let code = ErrorCode::SessionMissing;
    let body = error_json(code, context.request_id.as_str(), None, Some(login_url));
    respond::json(StatusCode::UNAUTHORIZED, &body)
}

/// `{"error":"unauthenticated","request_id":…,"login_url":…}`, and the same shape for the others.
///
/// `error` is `unauthenticated` for status 401, `too_many_requests` for 429, and otherwise the slug of the page, which tells
/// an attacker no more than the page does. `reference` finds the record of the audit, where there
/// is one; `login_url` belongs to a 401.
///
/// ```
/// use samlgate::base::ErrorCode;
/// use samlgate::http::error_json;
/// let json = error_json(ErrorCode::SessionMissing, "4bf9", None, Some("/.samlgate/sign_in"));
/// assert_eq!(
///     json.to_string(),
///     r#"{"error":"unauthenticated","login_url":"/.samlgate/sign_in","request_id":"4bf9"}"#
/// );
/// let json = error_json(ErrorCode::AccessRole, "4bf9", Some("7F3K-92QA"), None);
/// assert_eq!(json["error"], "forbidden");
/// ```
pub fn error_json(
    code: ErrorCode,
    request_id: &str,
    reference: Option<&str>,
    login_url: Option<&str>,
) -> Value {
    let error = match code.status() {
        _ if code == ErrorCode::AccessStepUp => "insufficient_user_authentication",
        401 => "unauthenticated",
        429 => "too_many_requests",
        _ => code.page().slug(),
    };
    let mut json = Map::new();
    let mut put = |key: &str, value: &str| json.insert(key.to_owned(), value.into());
    put("error", error);
    put("request_id", request_id);
    reference.map(|reference| put("reference", reference));
    login_url.map(|login_url| put("login_url", login_url));
    Value::Object(json)
}
