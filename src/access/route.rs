//! `[[route]]`: which requests go where, and who may make them.

use std::path::PathBuf;

use crate::base::RoleName;

/// Which paths a route is for.
#[derive(Clone, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// `require`: a signed-in person needs any one of these; none at all means any signed-in person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Require {
    /// Any of these roles …
    pub roles: Vec<RoleName>,
    /// … or any of these groups.
    pub groups: Vec<String>,
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
    /// Lower case, without port; `None` is for every host.
    pub host: Option<String>,
    /// Which paths.
    pub path: PathMatch,
    /// At least one; round-robin.
    pub upstreams: Vec<Upstream>,
    /// Everyone may enter, signed in or not.
    pub public: bool,
    /// Who may enter.
    pub require: Require,
    /// Which identity headers are sent.
    pub headers: Vec<HeaderProfile>,
    /// `custom`: header name (lower case) → attribute Name, or a key of `[attributes]`.
    pub custom: Vec<(String, String)>,
    /// Let genuine CORS preflights through without a session.
    pub allow_preflight: bool,
    /// Send the gateway's own idea of `Host` instead of the client's; default is the client's.
    pub host_header: Option<String>,
}
