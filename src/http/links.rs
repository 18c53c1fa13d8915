//! Addresses of the gateway's own pages, as links write them.
//!
//! In: names and paths that were checked before. Out: an absolute path with its query, encoded.
//! The router has the same paths in its site map.

use percent_encoding::AsciiSet;
use percent_encoding::NON_ALPHANUMERIC;
use percent_encoding::utf8_percent_encode;

use crate::base::IdpName;
use crate::base::ReturnTo;
use crate::base::url::FORM_PAGE;

/// Where the e-mail form of the chooser goes, and without a query the chooser itself.
pub const SIGN_IN: &str = "/.samlgate/sign_in";
/// Begins SP-initiated login.
pub const START: &str = "/.samlgate/start";
/// One's own identity.
pub const USER: &str = "/.samlgate/user";
/// Asks first (GET), or ends the session (POST).
pub const SIGN_OUT: &str = "/.samlgate/sign_out";

/// The auth host hands a session over to another host.
pub const AUTHORIZE: &str = "/.samlgate/authorize";
/// Another host takes it.
pub const CALLBACK: &str = "/.samlgate/callback";

/// Where a discovery service sends people back with their choice (`idpdisc:DiscoveryResponse`).
pub const DISCOVERY: &str = "/.samlgate/discovery";

/// Where identity providers send their answers.
pub const ACS: &str = "/saml/acs";
/// What we say about ourselves.
pub const METADATA: &str = "/saml/metadata";

/// Where logout messages come through browsers.
pub const SLO: &str = crate::saml::ServiceProvider::SLO_PATH;

/// Where logout messages come from server to server.
pub const SLO_SOAP: &str = crate::saml::ServiceProvider::SLO_SOAP_PATH;

/// Sends a kept form again.
pub const FORM: &str = FORM_PAGE;
/// Below it, other proxies ask for decisions.
pub const AUTHZ: &str = "/.samlgate/authz/";

/// Below it, Envoy asks with the path of the request behind ours.
pub const EXT_AUTHZ: &str = "/.samlgate/authz/ext-authz";
/// Where oauth2-proxy has its own.
pub const OAUTH2: &str = "/oauth2";

/// A page of ours with a query.
pub fn with_query(page: &str, query: &[(&str, &str)]) -> String {
    let pairs: Vec<String> =
        query.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    format!("{page}?{}", pairs.join("&"))
}

/// The same link with more in its query.
pub fn also(link: &str, query: &[(&str, &str)]) -> String {
    let (separator, more) = match (query.is_empty(), link.contains('?')) {
        (true, _) => return link.to_owned(),
        (false, true) => ("&", with_query("", query)),
        (false, false) => ("?", with_query("", query)),
    };
    format!("{link}{separator}{}", more.trim_start_matches('?'))
}

/// The chooser, which comes back to `return_to`.
///
/// ```
/// use samlgate::base::{PublicUrl, ReturnTo};
/// use samlgate::http::links;
/// let own = PublicUrl::parse("https://app.example.com").unwrap();
/// let path = ReturnTo::parse("/reports?q=1&all", &own, |_| false).unwrap();
/// assert_eq!(links::sign_in(&path), "/.samlgate/sign_in?rd=/reports%3Fq%3D1%26all");
/// ```
pub fn sign_in(return_to: &ReturnTo) -> String {
    format!("{SIGN_IN}?rd={}", encode(&return_to.to_string()))
}

/// Begins a login at this identity provider, which comes back to `return_to`.
pub fn start(idp: &IdpName, return_to: &ReturnTo) -> String {
    format!(
        "{START}?idp={}&rd={}",
        encode(idp.as_str()),
        encode(&return_to.to_string())
    )
}

/// Signs out; signing in again from there comes back to `return_to`.
pub fn sign_out(return_to: &ReturnTo) -> String {
    format!("{SIGN_OUT}?rd={}", encode(&return_to.to_string()))
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, QUERY).to_string()
}

/// RFC 3986, 3.4 allows `/` in a query, and an address bar with it is easier to read.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');
