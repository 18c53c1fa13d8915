//! What of a message's headers goes on, and what does not.
//!
//! In: the headers as the client, or the application, sent them. Out: the headers that the other
//! side gets. Promised: no name under which we assert identity comes from a client, in any
//! spelling that an application could take for it; nothing that is meant for one connection
//! reaches the next; our cookies stay with us.
//!
//! ## Deployment caveat
//!
//! A header whose name holds anything but letters, digits and `-` never passes: CGI, WSGI and PHP
//! can not tell `Remote_User` (some not even `Remote.User`) from `Remote-User`. Nor does one that
//! `Connection` nominates.

use std::borrow::Cow;
use std::collections::HashSet;
use std::net::IpAddr;

use http::HeaderMap;
use http::header;
use http::header::HeaderName;
use http::header::HeaderValue;

use crate::access::Route;
use crate::base::PublicUrl;
use crate::proxy::error::ProxyError;
use crate::proxy::identity_headers;
use crate::proxy::peer::Peer;
use crate::proxy::peer::X_FORWARDED_FOR;
use crate::session::cookie;

/// Every name under which we assert identity: those of every profile, on or off, and those that
/// `custom` of any route names.
#[derive(Clone, Debug)]
pub struct IdentityNames {
    names: HashSet<HeaderName>,
}

impl IdentityNames {
    /// The names of all profiles and of these routes.
    pub fn of<'a>(routes: impl IntoIterator<Item = &'a Route>) -> Self {
        let custom = routes.into_iter().flat_map(|route| &route.custom);
        let custom = custom.filter_map(|(name, _)| HeaderName::try_from(plain(name)).ok());
        Self { names: identity_headers::all_names().chain(custom).collect() }
    }

    /// Whether an application could read this as one of our names.
    pub fn holds(&self, name: &HeaderName) -> bool {
        let text = name.as_str();
        // The http crate has made the letters small already.
        if is_plain(text) {
            return self.names.contains(name);
        }
        HeaderName::try_from(plain(text)).is_ok_and(|name| self.names.contains(&name))
    }

    /// Takes out of a client's headers what must not go on. Returns whether the client takes
    /// trailers.
    pub(crate) fn clean_request(&self, headers: &mut HeaderMap) -> Result<(), ProxyError> {
        let mut nominated = Vec::new();
        for token in tokens(headers, &header::CONNECTION) {
            let token = token.ok_or_else(|| {
                ProxyError::Ambiguous("Connection holds something other than names".to_owned())
            })?;
            if CONNECTION_OPTIONS.contains(&token.as_str()) {
                continue;
            }
            if self.must_not_be_nominated(&token) {
                return Err(ProxyError::Ambiguous(format!(
                    "Connection nominates {token}"
                )));
            }
            nominated.push(token);
        }
        let trailers =
            tokens(headers, &header::TE).flatten().any(|token| token.as_str() == "trailers");
        for name in &nominated {
            headers.remove(name);
        }
        for name in HOP_BY_HOP.iter().chain(&NOT_FOR_APPLICATIONS) {
            headers.remove(name);
        }
        let bad = |name: &&HeaderName| !is_plain(name.as_str()) || self.holds(name);
        let forged: Vec<_> = headers.keys().filter(bad).cloned().collect();
        for name in forged {
            headers.remove(name);
        }
        if trailers {
            headers.insert(header::TE, HeaderValue::from_static("trailers"));
        }
        Ok(())
    }

    /// Takes out of a client's trailers what must not go on. Framing, routing, authentication and
    /// cookies have no place there either (RFC 9110, 6.5.1).
    pub(crate) fn clean_trailers(&self, trailers: &mut HeaderMap) {
        let bad = |name: &&HeaderName| {
            !is_plain(name.as_str())
                || self.must_not_be_nominated(name)
                || HOP_BY_HOP.contains(name)
                || NOT_FOR_APPLICATIONS.contains(name)
        };
        let forged: Vec<_> = trailers.keys().filter(bad).cloned().collect();
        for name in forged {
            trailers.remove(name);
        }
    }

    fn must_not_be_nominated(&self, name: &HeaderName) -> bool {
        let plain = plain(name.as_str());
        let framing = END_TO_END.iter().any(|own| *own == plain);
        framing || plain.starts_with("x-forwarded-") || self.holds(name)
    }
}

/// Takes out of an application's headers what is meant for our connection to it alone, and
/// cookies by which it would sign somebody in or out here.
pub(crate) fn clean_response(headers: &mut HeaderMap) {
    let nominated: Vec<_> = tokens(headers, &header::CONNECTION).flatten().collect();
    for name in &nominated {
        // An application that nominates its framing is confused; the framing is still ours to do.
        if *name != header::CONTENT_LENGTH && *name != header::SET_COOKIE {
            headers.remove(name);
        }
    }
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
    drop_set_cookies(headers);
}

fn drop_set_cookies(headers: &mut HeaderMap) {
    let is_own = |value: &HeaderValue| {
        value.as_bytes().split(|byte| *byte == b';').next().is_some_and(cookie::is_ours)
    };
    if !headers.get_all(header::SET_COOKIE).iter().any(is_own) {
        return;
    }
    let header::Entry::Occupied(entry) = headers.entry(header::SET_COOKIE) else {
        return;
    };
    let (name, values) = entry.remove_entry_mult();
    let kept: Vec<_> = values.filter(|value| !is_own(value)).collect();
    for value in kept {
        headers.append(name.clone(), value);
    }
}

/// Takes our own cookies out of a request. What is left is one `Cookie` header: HTTP/2 lets a
/// client split it, HTTP/1.1 does not (RFC 9113, 8.2.3).
pub(crate) fn strip_cookies(headers: &mut HeaderMap) {
    let values = headers.get_all(header::COOKIE).iter();
    let kept: Vec<_> = values.filter_map(|value| cookie::strip(value.as_bytes())).collect();
    let several = headers.get_all(header::COOKIE).iter().nth(1).is_some();
    if let [Cow::Borrowed(_)] = kept.as_slice()
        && !several
    {
        return;
    }
    let joined = (!kept.is_empty()).then(|| kept.join(b"; ".as_slice()));
    headers.remove(header::COOKIE);
    if let Some(Ok(value)) = joined.map(|joined| HeaderValue::from_bytes(&joined)) {
        headers.insert(header::COOKIE, value);
    }
}

/// Says anew what front proxies say: `X-Forwarded-*`, `Forwarded`, `X-Real-IP`.
///
/// A trusted peer's values are kept and its address is added; a stranger's are dropped, with
/// everything else that begins with `X-Forwarded-`. The scheme and port are those of
/// `public_url`, never of the connection: TLS may end elsewhere.
pub(crate) fn set_forwarded(
    headers: &mut HeaderMap,
    host: &str,
    peer: &Peer,
    trusted: bool,
    own: &PublicUrl,
) {
    let given = |name: &HeaderName| {
        let one = headers.get_all(name).iter().next_back().and_then(|value| value.to_str().ok());
        one.filter(|_| trusted).map(|value| value.trim().to_owned())
    };
    let proto = given(&X_FORWARDED_PROTO).filter(|proto| proto == "http" || proto == "https");
    let proto = proto.unwrap_or_else(|| scheme(own).to_owned());
    let shown = |text: &String| {
        !text.is_empty()
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b))
    };
    let public_host = given(&X_FORWARDED_HOST).filter(shown).unwrap_or_else(|| host.to_owned());
    let is_port = |port: &String| port.parse::<u16>().is_ok();
    let public_port = given(&X_FORWARDED_PORT).filter(is_port).unwrap_or_else(|| port(own));

    let real = given(&X_REAL_IP).and_then(|address| address.parse::<IpAddr>().ok());
    headers.remove(&X_REAL_IP);

    let mut chain: Vec<String> = Vec::new();
    if !trusted {
        for name in &CLIENT_ADDRESSES {
            headers.remove(name);
        }
    }
    if trusted {
        let values = headers.get_all(X_FORWARDED_FOR).iter().filter_map(|v| v.to_str().ok());
        let addresses = values.flat_map(|value| value.split(',')).map(str::trim);
        chain.extend(addresses.filter(|address| !address.is_empty()).map(str::to_owned));
    }
    chain.extend(peer.address.map(|address| address.ip().to_canonical().to_string()));

    let kept = |name: &&HeaderName| {
        (name.as_str().starts_with("x-forwarded-") && !(trusted && **name == X_FORWARDED_PREFIX))
            || **name == header::FORWARDED
    };
    let old: Vec<_> = headers.keys().filter(kept).cloned().collect();
    for name in old {
        headers.remove(name);
    }
    let mut set = |name: HeaderName, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    };
    set(header::FORWARDED, forwarded(&chain, &public_host, &proto));
    set(X_FORWARDED_FOR, chain.join(", "));
    set(X_FORWARDED_PROTO, proto);
    set(X_FORWARDED_HOST, public_host);
    set(X_FORWARDED_PORT, public_port);
    if let Some(address) = real.or_else(|| peer.address.map(|peer| peer.ip().to_canonical())) {
        set(X_REAL_IP, address.to_string());
    }
}

/// The same in the words of RFC 7239, so that the two can not disagree.
fn forwarded(chain: &[String], host: &str, proto: &str) -> String {
    let node = |address: &String| match address.parse() {
        Ok(IpAddr::V4(address)) => format!("for={address}"),
        Ok(IpAddr::V6(address)) => format!("for=\"[{address}]\""),
        Err(_) => "for=unknown".to_owned(),
    };
    let mut nodes = chain.iter().map(node);
    let first = nodes.next().unwrap_or_else(|| "for=unknown".to_owned());
    let mut text = format!("{first};host=\"{host}\";proto={proto}");
    for node in nodes {
        text.push_str(", ");
        text.push_str(&node);
    }
    text
}

const fn scheme(own: &PublicUrl) -> &'static str {
    if own.is_secure() { "https" } else { "http" }
}

fn port(own: &PublicUrl) -> String {
    let default = if own.is_secure() { "443" } else { "80" };
    let port = own.authority().rsplit_once(':').map(|(_, port)| port);
    let port = port.filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
    port.unwrap_or(default).to_owned()
}

/// The names in a list header; `None` for what is no name.
pub(crate) fn tokens(
    headers: &HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = Option<HeaderName>> {
    let parts = headers
        .get_all(name)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii));
    parts
        .filter(|token| !token.is_empty())
        .map(|token| HeaderName::from_bytes(token).ok())
}

/// Small letters, digits and `-`: what CGI and its heirs make one name of.
fn plain(name: &str) -> String {
    let letter = |letter: char| match letter {
        'a'..='z' | '0'..='9' => letter,
        'A'..='Z' => letter.to_ascii_lowercase(),
        _ => '-',
    };
    name.chars().map(letter).collect()
}

fn is_plain(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const X_FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// Other names under which applications look for the client's address. A front proxy may know
/// better; a stranger only pretends to.
static CLIENT_ADDRESSES: [HeaderName; 7] = [
    HeaderName::from_static("client-ip"),
    HeaderName::from_static("true-client-ip"),
    HeaderName::from_static("x-client-ip"),
    HeaderName::from_static("x-cluster-client-ip"),
    HeaderName::from_static("cf-connecting-ip"),
    HeaderName::from_static("fastly-client-ip"),
    HeaderName::from_static("x-forwarded"),
];

/// RFC 9110, 7.6.1, and what older software adds. `Trailer` stays: it announces what follows.
static HOP_BY_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("http2-settings"),
];

/// What no client has to tell an application: a proxy for its own requests (httpoxy), another
/// path than the one that was decided about, and an expectation that we have met already.
static NOT_FOR_APPLICATIONS: [HeaderName; 6] = [
    header::EXPECT,
    HeaderName::from_static("proxy"),
    HeaderName::from_static("x-original-url"),
    HeaderName::from_static("x-original-uri"),
    HeaderName::from_static("x-original-method"),
    HeaderName::from_static("x-rewrite-url"),
];

/// What `Connection` rightly holds.
const CONNECTION_OPTIONS: &[&str] = &[
    "close",
    "keep-alive",
    "upgrade",
    "te",
    "http2-settings",
    "proxy-connection",
];

/// What `Connection` may not take away from a request, besides identity and `X-Forwarded-*`.
const END_TO_END: &[&str] = &[
    "host",
    "cookie",
    "authorization",
    "content-length",
    "content-type",
    "content-encoding",
    "transfer-encoding",
    "trailer",
    "origin",
    "forwarded",
    "x-real-ip",
    "x-request-id",
];

#[cfg(test)]
mod tests;
