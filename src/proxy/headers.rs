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
//! can not tell `Remote_User` (some not even `Remote.User`) from `Remote-User`. With `_` the
//! request is refused, unless `server.underscore_headers` says that the header is dropped. Nor
//! does one pass that `Connection` nominates.

use std::collections::HashMap;
use std::collections::HashSet;
use std::net::IpAddr;

use http::HeaderMap;
use http::header;
use http::header::HeaderName;
use http::header::HeaderValue;

use crate::access::HeaderEdits;
use crate::access::Route;
use crate::access::Underscores;
use crate::base::PublicUrl;
use crate::proxy::error::ProxyError;
use crate::proxy::identity_headers;
use crate::proxy::peer::Peer;
use crate::proxy::peer::X_FORWARDED_FOR;
use crate::proxy::request_id::X_REQUEST_ID;
use crate::session::cookie;
use crate::telemetry::write_address;

/// Every name under which we assert identity: those of every profile, on or off, and those that
/// `custom` of any route names. And what else of a client's headers does not simply go on.
#[derive(Clone, Debug)]
pub struct IdentityNames {
    names: HashSet<HeaderName>,
    fates: HashMap<HeaderName, Fate>,
    sieve: Sieve,
}

/// What becomes of a client's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It goes on as it is.
    Goes,
    /// It is left out, and perhaps said anew by us.
    Stays,
    /// It goes on when a trusted proxy says it.
    Trusted,
    /// CGI and its heirs would take it for another.
    Underscore,
}

/// What the route and the peer say about a client's headers.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// What becomes of names with `_`.
    pub underscores: Underscores,
    /// The peer is a front proxy of ours.
    pub trusted: bool,
    /// The operator's changes.
    pub edits: &'a HeaderEdits,
    /// What was taken off the front of the path, where it was.
    pub prefix: Option<&'a str>,
}

impl IdentityNames {
    /// The names of all profiles and of these routes.
    pub fn of<'a>(routes: impl IntoIterator<Item = &'a Route>) -> Self {
        let custom = routes.into_iter().flat_map(|route| &route.custom);
        let custom = custom.filter_map(|(name, _)| HeaderName::try_from(plain(name)).ok());
        let names: HashSet<_> = identity_headers::all_names().chain(custom).collect();
        let ours = [
            header::HOST,
            header::COOKIE,
            header::CONTENT_LENGTH,
            header::FORWARDED,
            X_REAL_IP,
            X_REQUEST_ID,
        ];
        let stays = HOP_BY_HOP.iter().chain(&NOT_FOR_APPLICATIONS).chain(&ours).chain(&names);
        let trusted = CLIENT_ADDRESSES.iter().map(|name| (name.clone(), Fate::Trusted));
        let fates: HashMap<_, _> =
            trusted.chain(stays.map(|name| (name.clone(), Fate::Stays))).collect();
        let sieve = Sieve::of(fates.keys());
        Self { names, fates, sieve }
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

    /// Writes down those of a client's headers that go on, as lines of HTTP/1.1: no name of ours,
    /// nothing that is for one connection, no framing, no host. Whether any of them speaks of
    /// somebody behind the peer.
    pub fn write_request(
        &self,
        out: &mut Vec<u8>,
        headers: &HeaderMap,
        rules: Rules<'_>,
    ) -> Result<bool, ProxyError> {
        let nominated = self.nominated(headers)?;
        let (mut trailers, mut speaks) = (false, false);
        for (name, value) in headers {
            // What nearly every request has is told without a look into a table.
            if *name == header::HOST || *name == header::COOKIE || *name == header::CONNECTION {
                continue;
            }
            match self.fate(name) {
                Fate::Goes => {}
                Fate::Trusted if rules.trusted => {}
                Fate::Underscore if rules.underscores == Underscores::Refuse => {
                    return Err(ProxyError::Ambiguous(format!(
                        "{name} could be read as another header"
                    )));
                }
                Fate::Stays | Fate::Trusted | Fate::Underscore => {
                    trailers |= *name == header::TE;
                    speaks |= *name == X_REAL_IP || name.as_str().starts_with("x-forwarded-");
                    continue;
                }
            }
            let said_anew = rules.prefix.is_some() && *name == X_FORWARDED_PREFIX;
            if said_anew || nominated.contains(name) || replaces(rules.edits, name) {
                continue;
            }
            line(out, name.as_str().as_bytes(), value.as_bytes());
        }
        write_cookies(out, headers);
        if trailers
            && tokens(headers, &header::TE).flatten().any(|token| token.as_str() == "trailers")
        {
            out.extend_from_slice(b"te: trailers\r\n");
        }
        if let Some(prefix) = rules.prefix {
            write_prefix(out, headers, prefix, rules.trusted);
        }
        for (name, value) in &rules.edits.set {
            line(out, name.as_str().as_bytes(), value.as_bytes());
        }
        Ok(speaks)
    }

    fn fate(&self, name: &HeaderName) -> Fate {
        let text = name.as_str();
        if self.sieve.may_hold(text)
            && let Some(fate) = self.fates.get(name)
        {
            return *fate;
        }
        if text.starts_with("x-forwarded-") {
            return if text == "x-forwarded-prefix" {
                Fate::Trusted
            } else {
                Fate::Stays
            };
        }
        match text.bytes().find(|byte| !byte.is_ascii_alphanumeric() && *byte != b'-') {
            None => Fate::Goes,
            Some(_) if text.contains('_') => Fate::Underscore,
            // No application expects such a name, and some can not tell it from another.
            Some(_) => Fate::Stays,
        }
    }

    /// What `Connection` names, besides what it rightly holds.
    fn nominated(&self, headers: &HeaderMap) -> Result<Vec<HeaderName>, ProxyError> {
        let mut nominated = Vec::new();
        for value in headers.get_all(header::CONNECTION) {
            let tokens = value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
            for token in tokens.filter(|token| !token.is_empty()) {
                if CONNECTION_OPTIONS
                    .iter()
                    .any(|option| token.eq_ignore_ascii_case(option.as_bytes()))
                {
                    continue;
                }
                let token = HeaderName::from_bytes(token).map_err(|_| {
                    ProxyError::Ambiguous("Connection holds something other than names".to_owned())
                })?;
                if self.must_not_be_nominated(&token) {
                    return Err(ProxyError::Ambiguous(format!(
                        "Connection nominates {token}"
                    )));
                }
                nominated.push(token);
            }
        }
        Ok(nominated)
    }

    /// Takes out of a client's trailers what must not go on. Framing, routing, authentication and
    /// cookies have no place there either (RFC 9110, 6.5.1).
    pub fn clean_trailers(&self, trailers: &mut HeaderMap) {
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

/// Whether what the other side says under this name does not go on.
fn replaces(edits: &HeaderEdits, name: &HeaderName) -> bool {
    edits.remove.contains(name) || edits.set.iter().any(|(set, _)| set == name)
}

/// Changes an answer as the operator wants it.
pub(crate) fn edit(headers: &mut HeaderMap, edits: &HeaderEdits) {
    for name in &edits.remove {
        headers.remove(name);
    }
    for (name, value) in &edits.set {
        headers.insert(name.clone(), value.clone());
    }
}

/// Tells most names that are in no list without a look into the lists.
#[derive(Clone, Debug)]
struct Sieve([u64; 16]);

impl Sieve {
    fn of<'a>(names: impl Iterator<Item = &'a HeaderName>) -> Self {
        let mut bits = [0; 16];
        for name in names {
            let (word, bit) = Self::place(name.as_str());
            if let Some(word) = bits.get_mut(word) {
                *word |= bit;
            }
        }
        Self(bits)
    }

    fn may_hold(&self, name: &str) -> bool {
        let (word, bit) = Self::place(name);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }

    fn place(name: &str) -> (usize, u64) {
        let bytes = name.as_bytes();
        let byte = |byte: Option<&u8>| usize::from(byte.copied().unwrap_or_default());
        let middle = bytes.get(bytes.len() / 2);
        let sum = byte(bytes.first()) * 7
            + byte(bytes.last()) * 31
            + byte(middle) * 131
            + bytes.len() * 257;
        ((sum >> 6) & 15, 1 << (sum & 63))
    }
}

/// Says what the browser has before the path that the application is asked for: what a trusted
/// proxy in front of us took away, and what we did.
fn write_prefix(out: &mut Vec<u8>, headers: &HeaderMap, prefix: &str, trusted: bool) {
    let given = headers.get(&X_FORWARDED_PREFIX).and_then(|value| value.to_str().ok());
    let given = given.filter(|given| trusted && given.starts_with('/')).unwrap_or_default();
    out.extend_from_slice(b"x-forwarded-prefix: ");
    out.extend_from_slice(given.trim().trim_end_matches('/').as_bytes());
    out.extend_from_slice(prefix.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Writes one header line.
pub(crate) fn line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.reserve(name.len().saturating_add(value.len()).saturating_add(4));
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Takes out of an application's headers what is meant for our connection to it alone, and
/// cookies by which it would sign somebody in or out here: for HTTP/2, where [`super::h1`] has
/// not read them.
pub(crate) fn clean_response(headers: &mut HeaderMap) {
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
    if !headers.get_all(header::SET_COOKIE).iter().any(sets_our_cookie) {
        return;
    }
    let header::Entry::Occupied(entry) = headers.entry(header::SET_COOKIE) else {
        return;
    };
    let (name, values) = entry.remove_entry_mult();
    let kept: Vec<_> = values.filter(|value| !sets_our_cookie(value)).collect();
    for value in kept {
        headers.append(name.clone(), value);
    }
}

/// Whether a `Set-Cookie` is for a cookie of ours.
pub(crate) fn sets_our_cookie(value: &HeaderValue) -> bool {
    value.as_bytes().split(|byte| *byte == b';').next().is_some_and(cookie::is_ours)
}

/// What is for one connection alone.
#[cfg(test)]
pub(crate) fn hop_by_hop() -> impl Iterator<Item = &'static HeaderName> {
    HOP_BY_HOP.iter()
}

/// Whether a header is for one connection alone.
pub(crate) fn is_hop_by_hop(name: &HeaderName) -> bool {
    HOP_BY_HOP.contains(name)
}

/// Writes a request's cookies without our own, as one line: HTTP/2 lets a client split it,
/// HTTP/1.1 does not (RFC 9113, 8.2.3).
fn write_cookies(out: &mut Vec<u8>, headers: &HeaderMap) {
    let begin = out.len();
    for value in headers.get_all(header::COOKIE) {
        let Some(kept) = cookie::strip(value.as_bytes()) else {
            continue;
        };
        out.extend_from_slice(if out.len() == begin {
            b"cookie: "
        } else {
            b"; "
        });
        out.extend_from_slice(&kept);
    }
    if out.len() != begin {
        out.extend_from_slice(b"\r\n");
    }
}

/// What of `X-Forwarded-*` is the same for every request.
#[derive(Clone, Debug)]
pub struct Forwarding {
    proto: &'static str,
    port: String,
}

impl Forwarding {
    /// The scheme and port are those of `public_url`, never of the connection: TLS may end
    /// elsewhere.
    pub fn of(own: &PublicUrl) -> Self {
        Self { proto: scheme(own), port: port(own) }
    }

    /// Says anew what front proxies say: `X-Forwarded-*`, `Forwarded`, `X-Real-IP`.
    ///
    /// A trusted peer's values are kept and its address is added; a stranger's are not looked at.
    /// `believed`: the peer is trusted, and speaks of somebody behind it.
    pub fn write(
        &self,
        out: &mut Vec<u8>,
        headers: &HeaderMap,
        host: &str,
        peer: &Peer,
        believed: bool,
    ) {
        let address = peer.address.map(|address| address.ip().to_canonical());
        match address {
            Some(address) if !believed => self.write_direct(out, host, address),
            _ => self.write_behind(out, headers, host, address, believed),
        }
    }

    /// A client without anybody in between: the usual case, with nothing to allocate.
    fn write_direct(&self, out: &mut Vec<u8>, host: &str, address: IpAddr) {
        out.extend_from_slice(b"forwarded: ");
        write_node(out, address);
        for part in [
            ";host=\"",
            host,
            "\";proto=",
            self.proto,
            "\r\nx-forwarded-for: ",
        ] {
            out.extend_from_slice(part.as_bytes());
        }
        write_address(out, address);
        out.extend_from_slice(b"\r\nx-real-ip: ");
        write_address(out, address);
        out.extend_from_slice(b"\r\n");
        self.write_rest(out, self.proto, host, &self.port);
    }

    fn write_rest(&self, out: &mut Vec<u8>, proto: &str, host: &str, port: &str) {
        line(out, b"x-forwarded-proto", proto.as_bytes());
        line(out, b"x-forwarded-host", host.as_bytes());
        line(out, b"x-forwarded-port", port.as_bytes());
    }

    fn write_behind(
        &self,
        out: &mut Vec<u8>,
        headers: &HeaderMap,
        host: &str,
        address: Option<IpAddr>,
        trusted: bool,
    ) {
        let given = |name: &HeaderName| {
            let one =
                headers.get_all(name).iter().next_back().and_then(|value| value.to_str().ok());
            one.filter(|_| trusted).map(str::trim)
        };
        let proto = given(&X_FORWARDED_PROTO).filter(|proto| matches!(*proto, "http" | "https"));
        let proto = proto.unwrap_or(self.proto);
        let shown = |text: &&str| {
            !text.is_empty()
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b))
        };
        let public_host = given(&X_FORWARDED_HOST).filter(shown).unwrap_or(host);
        let is_port =
            |port: &&str| port.parse::<u16>().is_ok_and(|number| number.to_string() == **port);
        let public_port = given(&X_FORWARDED_PORT).filter(is_port).unwrap_or(&self.port);
        let real = given(&X_REAL_IP).and_then(|address| address.parse::<IpAddr>().ok());

        let named = || {
            // What nobody can read stays in its place: whoever reads the chain from its end must not
            // step over it.
            let values = headers.get_all(X_FORWARDED_FOR).iter().filter(|_| trusted);
            let values = values.map(|value| value.to_str().unwrap_or("unknown"));
            let addresses = values.flat_map(|value| value.split(',')).map(str::trim);
            addresses.filter(|address| !address.is_empty())
        };

        out.extend_from_slice(b"forwarded: ");
        write_forwarded(out, named(), address, public_host, proto);
        out.extend_from_slice(b"\r\nx-forwarded-for: ");
        let mut between = "";
        for address in named() {
            out.extend_from_slice(between.as_bytes());
            out.extend_from_slice(address.as_bytes());
            between = ", ";
        }
        if let Some(address) = address {
            out.extend_from_slice(between.as_bytes());
            write_address(out, address);
        }
        out.extend_from_slice(b"\r\n");
        if let Some(address) = real.or(address) {
            out.extend_from_slice(b"x-real-ip: ");
            write_address(out, address);
            out.extend_from_slice(b"\r\n");
        }
        self.write_rest(out, proto, public_host, public_port);
    }
}

/// The same in the words of RFC 7239, so that the two can not disagree.
fn write_forwarded<'a>(
    out: &mut Vec<u8>,
    named: impl Iterator<Item = &'a str>,
    last: Option<IpAddr>,
    host: &str,
    proto: &str,
) {
    let mut nodes = named.map(|address| address.parse().ok()).chain(last.map(Some));
    let write = |out: &mut Vec<u8>, node: Option<IpAddr>| match node {
        Some(address) => write_node(out, address),
        None => out.extend_from_slice(b"for=unknown"),
    };
    write(out, nodes.next().flatten());
    for part in [";host=\"", host, "\";proto=", proto] {
        out.extend_from_slice(part.as_bytes());
    }
    for node in nodes {
        out.extend_from_slice(b", ");
        write(out, node);
    }
}

fn write_node(out: &mut Vec<u8>, address: IpAddr) {
    let (before, after): (&[u8], &[u8]) = match address {
        IpAddr::V4(_) => (b"for=", b""),
        IpAddr::V6(_) => (b"for=\"[", b"]\""),
    };
    out.extend_from_slice(before);
    write_address(out, address);
    out.extend_from_slice(after);
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

/// A request with both `Content-Length` and `Transfer-Encoding`: an extension of it, since the
/// reader of heads has left one of them out.
#[derive(Clone, Copy, Debug)]
pub struct TwoLengths;

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
