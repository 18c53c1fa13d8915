//! A URL → a connection to an address that may be asked.
//!
//! The name is resolved here, once, and what is connected to is what was looked at: a name that
//! changes between look and connection (DNS rebinding) gains nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_rustls::ConfigBuilderExt as _;
use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use super::error::FetchError;
use super::reach::Reach;
use crate::base::url::is_loopback;

/// For one of the addresses of a name; then the next is tried.
const CONNECT: Duration = Duration::from_secs(5);
/// Of the addresses of a name.
const MOST_ADDRESSES: usize = 4;

/// What carries the bytes.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Makes connections; holds the certificate authorities.
#[derive(Clone)]
pub(super) struct Connector {
    tls: TlsConnector,
    pub(super) reach: Reach,
}

impl Connector {
    /// By the system's certificate authorities.
    pub(super) fn new() -> Result<Self, FetchError> {
        let roots = |error: &dyn std::fmt::Display| FetchError::Roots(error.to_string());
        let provider = Arc::new(ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| roots(&error))?
            .with_native_roots()
            .map_err(|error| roots(&error))?
            .with_no_client_auth();
        let tls = TlsConnector::from(Arc::new(config));
        Ok(Self { tls, reach: Reach::default() })
    }

    /// Connects to where the URL leads.
    pub(super) async fn connect(&self, url: &Url) -> Result<Box<dyn Stream>, FetchError> {
        let refused = || FetchError::Address(url.to_string());
        let host = url.host().ok_or_else(refused)?;
        let port = url.port_or_known_default().ok_or_else(refused)?;
        let (addresses, name): (Vec<SocketAddr>, _) = match host {
            Host::Domain(name) => {
                let found = lookup_host((name, port)).await;
                let found = found.map_err(|error| FetchError::Connection(error.to_string()))?;
                let server = ServerName::try_from(name.to_owned()).map_err(|_| refused())?;
                (found.collect(), server)
            }
            Host::Ipv4(address) => (
                vec![SocketAddr::new(address.into(), port)],
                ServerName::IpAddress(std::net::IpAddr::V4(address).into()),
            ),
            Host::Ipv6(address) => (
                vec![SocketAddr::new(address.into(), port)],
                ServerName::IpAddress(std::net::IpAddr::V6(address).into()),
            ),
        };
        let tcp = self.tcp(url, &addresses).await?;
        if url.scheme() != "https" {
            return Ok(Box::new(tcp));
        }
        let tls = self.tls.connect(name, tcp).await;
        let tls = tls.map_err(|error| FetchError::Connection(super::short(&error.to_string())))?;
        Ok(Box::new(tls))
    }

    async fn tcp(&self, url: &Url, addresses: &[SocketAddr]) -> Result<TcpStream, FetchError> {
        let host = url.host_str().unwrap_or_default();
        let named = is_loopback(host);
        let fine = |address: &&SocketAddr| self.reach.allows(address.ip(), named);
        let mut last = match addresses.first() {
            None => FetchError::Connection(format!("{host} has no address")),
            Some(first) => {
                FetchError::Private { host: host.to_owned(), found: first.ip().to_string() }
            }
        };
        for address in addresses.iter().filter(fine).take(MOST_ADDRESSES) {
            match tokio::time::timeout(CONNECT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = FetchError::Connection(error.to_string()),
                Err(_) => last = FetchError::Timeout(CONNECT),
            }
        }
        Err(last)
    }
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector").field("reach", &self.reach).finish_non_exhaustive()
    }
}
