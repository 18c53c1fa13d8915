//! Where a listener waits for connections.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// One address of `server.listen`.
///
/// ```
/// use samlgate::base::Listen;
/// assert!(matches!(Listen::parse("0.0.0.0:8080"), Some(Listen::Tcp(_))));
/// assert!(matches!(Listen::parse("unix:/run/samlgate.sock"), Some(Listen::Unix(_))));
/// assert_eq!(Listen::parse("8080"), None);
/// assert_eq!(Listen::parse("app.example.com:8080"), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// An IP address and port.
    Tcp(SocketAddr),
    /// `unix:/path`
    Unix(PathBuf),
}

impl Listen {
    /// Reads `address:port`, `[address]:port` or `unix:/path`. Names are not looked up: which
    /// network a gateway can be reached from must not depend on DNS.
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("unix:") {
            Some(path) if path.len() > 1 && path.starts_with('/') => {
                Some(Self::Unix(PathBuf::from(path)))
            }
            Some(_) => None,
            None => text.parse().ok().map(Self::Tcp),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// The two PEM files of a TLS listener.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TlsFiles {
    /// The certificate, then its intermediates.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// `server.proxy_protocol`: version 1 and 2, from `trusted_proxies` alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// A connection may begin with it.
    #[default]
    Optional,
    /// A connection of a trusted proxy that does not begin with it is closed.
    Required,
    /// It is no HTTP, and refused as such.
    Off,
}
