//! Signing in and out: the browser's side of SAML.

pub mod acs;
mod attempt;
pub mod login;
pub mod metadata;
pub mod sign_out;
pub mod user;

use http::HeaderMap;
use openssl::sha::sha256;

use crate::app::Live;
use crate::base::LocalPath;
use crate::session::cookie;

/// The value of a cookie of ours.
fn cookie_value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(http::header::COOKIE)
        .iter()
        .find_map(|header| cookie::find(header.as_bytes(), name))
}

/// The hash under which the store knows a browser; `None` unless the cookie has our form.
fn browser_hash(value: &str) -> Option<[u8; 32]> {
    let ours = value.len() == 43
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    ours.then(|| sha256(value.as_bytes()))
}

/// Where the person wants to go (`rd`); what is no page behind us is `/`.
fn return_to(live: &Live, rd: Option<&str>) -> LocalPath {
    rd.and_then(|rd| LocalPath::parse(rd, &live.sp.public_url))
        .filter(|path| !path.is_gateway_page())
        .unwrap_or_else(LocalPath::root)
}
