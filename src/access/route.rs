//! `[[route]]`: which requests go where, and who may make them.

use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderName, HeaderValue};

use crate::access::require::Require;
use crate::access::step_up::StepUp;

/// Which hosts a route is for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum HostMatch {
    /// Every host.
    #[default]
    Any,
    /// This one: lower case, without port.
    Exact(String),
    /// `*.example.com`, as it is written, in lower case: names with one or more labels before
    /// `.example.com`. The longest wins, after an exact one.
    Below(String),
}

impl HostMatch {
    /// As it is configured; `None` for every host.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Any => None,
            Self::Exact(host) | Self::Below(host) => Some(host),
        }
    }
}

/// Which paths a route is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PathMatch {
    /// The path itself and everything below it, at a `/` boundary; the longest wins.
    Prefix(String),
    /// `exact:/x`: this path alone.
    Exact(String),
}

impl Default for PathMatch {
    fn default() -> Self {
        Self::Prefix("/".to_owned())
    }
}

/// Where the application is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Upstream {
    /// `http://host:port` or `https://host:port`: scheme, and host with port.
    Tcp {
        /// Spoken over TLS.
        tls: bool,
        /// `host:port`, also what connects.
        authority: String,
    },
    /// `unix:/path`
    Unix(PathBuf),
}

/// How one of several upstreams is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Balance {
    /// One after the other.
    #[default]
    RoundRobin,
    /// The one with the fewest requests in flight.
    LeastRequests,
}

/// `health`: asks each upstream again and again whether it is well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// The path and query to GET; 200 to 399 is well.
    pub path: String,
    /// The pause between two questions.
    pub interval: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
    /// This many good answers in a row let it in again.
    pub healthy: u32,
    /// This many bad ones in a row take it out.
    pub unhealthy: u32,
}

/// `ejection`: an upstream that fails is left alone for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ejection {
    /// After this many failures in a row; 0 never.
    pub failures: u32,
    /// For this long.
    pub pause: Duration,
}

impl Default for Ejection {
    fn default() -> Self {
        Self { failures: 5, pause: Duration::from_secs(10) }
    }
}

/// `upstream_tls`: how the upstreams with `https://` prove who they are, and we who we are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct UpstreamTls {
    /// PEM file of the certificate authorities that are trusted alone; the system's without it.
    pub ca: Option<PathBuf>,
    /// PEM files of our certificate, with its intermediates, and key.
    pub identity: Option<crate::base::TlsFiles>,
    /// The name that is asked for (SNI) and must be in the certificate; the upstream's host
    /// without it.
    pub server_name: Option<String>,
}

/// What is spoken to the upstreams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2: by ALPN over TLS, with prior knowledge without.
    Http2,
}

/// How long an application may take. There is no limit for an answer as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For the connection, with its TLS handshake.
    pub connect: Duration,
    /// From the request to the head of the answer, while nothing moves.
    pub answer: Duration,
    /// While nothing moves in either direction afterwards.
    pub idle: Duration,
    /// In which a client has to bring 16 KiB of a body, or the rest of it, until the application
    /// answers; nothing asks for that when it is zero.
    pub body: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(60),
            idle: Duration::from_secs(5 * 60),
            body: Duration::from_secs(60),
        }
    }
}

/// Headers that an operator sets and removes; never one of identity or framing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderEdits {
    /// Removed first.
    pub remove: Vec<HeaderName>,
    /// Set in place of whatever was there.
    pub set: Vec<(HeaderName, HeaderValue)>,
}

/// What happens to a form that somebody sends after their session has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FormPost {
    /// It is kept, encrypted, and sent again after sign-in.
    #[default]
    Replay,
    /// 401.
    Refuse,
}

/// `server.underscore_headers`: what happens to a request with a header such as `Remote_User`,
/// which CGI and its heirs can not tell from `Remote-User`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Underscores {
    /// 400.
    #[default]
    Refuse,
    /// The header is left out.
    Drop,
}

/// Which identity headers the application receives (`headers`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HeaderProfile {
    /// `X-Samlgate-Jwt-Assertion`
    Signed,
    /// `Remote-User`, `Remote-Email`, `Remote-Name`, `Remote-Groups`
    Remote,
    /// `X-Forwarded-User`, `-Email`, `-Preferred-Username`, `-Groups`
    XForwarded,
    /// `X-Auth-Request-User`, `-Email`, `-Preferred-Username`, `-Groups`
    XAuthRequest,
    /// The names of a stock Shibboleth attribute map.
    Shibboleth,
}

/// One route.
#[derive(Clone, Debug, Default)]
pub struct Route {
    /// For logs and metrics: the `name` of the route, or its host and path.
    pub name: String,
    /// Which hosts.
    pub host: HostMatch,
    /// Which paths.
    pub path: PathMatch,
    /// Everyone may enter, signed in or not.
    pub public: bool,
    /// The same for these paths of it. [`crate::access::Routes`] makes public routes of them.
    pub public_paths: Vec<PathMatch>,
    /// Who may enter.
    pub require: Require,
    /// What it asks of their sign-in.
    pub step_up: Option<StepUp>,
    /// At least one.
    pub upstreams: Vec<Upstream>,
    /// Which of them.
    pub balance: Balance,
    /// Whether they are asked how they are.
    pub health: Option<HealthCheck>,
    /// When one is left alone.
    pub ejection: Ejection,
    /// What stands in the path sent on in place of the route's own prefix; without a `/` at its
    /// end, so that `/` is empty.
    pub rewrite: Option<String>,
    /// For upstreams with `https://`.
    pub upstream_tls: Option<UpstreamTls>,
    /// What is spoken to the upstreams.
    pub upstream_protocol: Protocol,
    /// How long they may take.
    pub timeouts: Timeouts,
    /// The longest body of a request, in bytes.
    pub max_body: Option<u64>,
    /// Changes to what the application gets.
    pub request_headers: HeaderEdits,
    /// Changes to what the browser gets.
    pub response_headers: HeaderEdits,
    /// Which identity headers are sent.
    pub headers: Vec<HeaderProfile>,
    /// `custom`: header name (lower case) → attribute Name, or a key of `[attributes]`.
    pub custom: Vec<(String, String)>,
    /// Let genuine CORS preflights through without a session.
    pub allow_preflight: bool,
    /// Whose pages may read what we answer in the place of the application.
    pub cors_origins: Vec<String>,
    /// Forms that come without a session.
    pub form_post: FormPost,
    /// Send the gateway's own idea of `Host` instead of the client's; default is the client's.
    pub host_header: Option<String>,
    /// Its place among all routes, in the order of the file; [`crate::access::Routes`] sets it.
    pub place: usize,
}
