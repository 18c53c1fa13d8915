//! Who else may read what we say in place of an application: `cors_origins` of a route.
//!
//! A page that calls an application on another host of the site has to learn from a 401 that its
//! person must sign in. A browser shows it an answer only when that allows it (Fetch, 3.2.5). What
//! the application says is its own business.

use http::HeaderMap;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
    HeaderValue, ORIGIN, VARY,
};

use crate::access::Route;

/// Lets the page that asked read the answer, if it is of an origin that the route names.
pub(super) fn allow(route: &Route, asked: &HeaderMap, answer: &mut HeaderMap) {
    if route.cors_origins.is_empty() {
        return;
    }
    // Whatever the answer is, it would be another one for another origin.
    answer.append(VARY, HeaderValue::from_static("Origin"));
    let mut origins = asked.get_all(ORIGIN).iter();
    let (Some(origin), None) = (origins.next(), origins.next()) else {
        return;
    };
    if !route.cors_origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()) {
        return;
    }
    answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    answer.insert(
        ACCESS_CONTROL_ALLOW_CREDENTIALS,
        HeaderValue::from_static("true"),
    );
    answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
}

/// What a page can use besides the body.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "x-request-id, www-authenticate, retry-after, grpc-status, grpc-message",
);
