//! What the public listener counts besides its requests. Labels are routes, methods and codes: nothing that a client
//! can make up.

use std::time::Duration;

use metrics::{counter, histogram};

use crate::base::{ErrorCode, IdpName};
use crate::saml::Exception;
use crate::telemetry::{IDP_EXCEPTIONS, LOGIN_DURATION, LOGINS, UPSTREAM_ERRORS};

/// A login attempt: accepted, or refused with a code.
pub(super) fn login(idp: Option<&IdpName>, code: Option<ErrorCode>, elapsed: Duration) {
    let idp = idp.map_or_else(|| "unknown".to_owned(), ToString::to_string);
    let result = code.map_or("ok", ErrorCode::as_str);
    counter!(LOGINS, "idp" => idp.clone(), "result" => result).increment(1);
    histogram!(LOGIN_DURATION, "idp" => idp).record(elapsed);
}

/// A message of this identity provider that needed an exception.
pub(super) fn exception(idp: &IdpName, exception: Exception) {
    let idp = idp.to_string();
    counter!(IDP_EXCEPTIONS, "idp" => idp, "exception" => exception.name()).increment(1);
}

/// An application that did not answer.
pub(super) fn upstream_error(route: &str, kind: &'static str) {
    counter!(UPSTREAM_ERRORS, "route" => route.to_owned(), "kind" => kind).increment(1);
}
