//! Connections to applications.
//!
//! In: an [`Upstream`]. Out: a pooled HTTP/1.1 connection over TCP, TLS or a Unix socket. One
//! pool lives as long as the program; a reload of the configuration keeps it.

use std::fmt;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use http::Request;
use http::Response;
use http::Uri;
use hyper::body::Incoming;
use hyper::rt::Read;
use hyper::rt::ReadBufCursor;
use hyper::rt::Write;
use hyper_rustls::ConfigBuilderExt as _;
use hyper_rustls::HttpsConnector;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_rustls::MaybeHttpsStream;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::Connected;
use hyper_util::client::legacy::connect::Connection;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use rustls::ClientConfig;
use rustls::RootCertStore;
use tokio::net::TcpStream;
use tokio::net::UnixStream;
use tower::Service;

use crate::access::Upstream;
use crate::proxy::body::BoxError;
use crate::proxy::body::UpstreamBody;
use crate::proxy::error::ProxyError;

/// Connections to every application.
#[derive(Clone)]
pub struct Pool {
    client: Client<Dial, UpstreamBody>,
}

impl Pool {
    /// Trusts the machine's certificate authorities. A machine without any can still speak
    /// plain HTTP.
    pub fn new() -> Self {
        let config = client_config().with_native_roots();
        let config = config.map(|config| config.with_no_client_auth());
        Self::with_tls(config.unwrap_or_else(|error| {
            tracing::warn!(%error, "no certificate authorities: https upstreams will not answer");
            no_roots(RootCertStore::empty())
        }))
    }

    /// Trusts these certificate authorities alone.
    pub fn with_roots(roots: RootCertStore) -> Self {
        Self::with_tls(no_roots(roots))
    }

    fn with_tls(config: ClientConfig) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .set_host(false)
            .build(Dial { https });
        Self { client }
    }

    /// Sends a request whose address is that of [`address`].
    pub(crate) async fn send(
        &self,
        request: Request<UpstreamBody>,
        upstream: &Upstream,
    ) -> Result<Response<Incoming>, ProxyError> {
        self.client.request(request).await.map_err(|error| {
            let upstream = name(upstream);
            let detail = chain(&error);
            if is_late(&error) {
                ProxyError::ConnectTimeout { upstream }
            } else if error.is_connect() {
                ProxyError::Connect { upstream, detail }
            } else if is_closed(&error) {
                ProxyError::Closed { upstream, detail }
            } else {
                ProxyError::Broken { upstream, detail }
            }
        })
    }
}

impl Default for Pool {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pool")
    }
}

/// The upstream as it is configured: `http://127.0.0.1:3000`.
pub fn name(upstream: &Upstream) -> String {
    match upstream {
        Upstream::Tcp { tls: true, authority } => format!("https://{authority}"),
        Upstream::Tcp { tls: false, authority } => format!("http://{authority}"),
        Upstream::Unix(path) => format!("unix:{}", path.display()),
    }
}

/// Where a request goes, in the form in which [`Dial`] and the pool know it. A Unix socket's path
/// is no authority; its hexadecimal digits are.
pub(crate) fn address(upstream: &Upstream, path_and_query: &str) -> Result<Uri, http::Error> {
    let (scheme, authority) = match upstream {
        Upstream::Tcp { tls: true, authority } => ("https", authority.clone()),
        Upstream::Tcp { tls: false, authority } => ("http", authority.clone()),
        Upstream::Unix(path) => (
            "unix",
            crate::base::entropy::hex(path.as_os_str().as_encoded_bytes()),
        ),
    };
    Uri::builder()
        .scheme(scheme)
        .authority(authority)
        .path_and_query(path_and_query)
        .build()
}

/// Opens connections.
#[derive(Clone)]
struct Dial {
    https: HttpsConnector<HttpConnector>,
}

impl Service<Uri> for Dial {
    type Response = Stream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.https.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        if uri.scheme_str() == Some("unix") {
            return Box::pin(in_time(async move {
                let path = socket_path(uri.host().unwrap_or_default()).ok_or("no socket path")?;
                Ok(Stream::Unix(TokioIo::new(UnixStream::connect(path).await?)))
            }));
        }
        let dial = self.https.call(uri);
        Box::pin(in_time(
            async move { Ok(Stream::Net(Box::new(dial.await?))) },
        ))
    }
}

/// Name resolution, connection and TLS handshake together.
async fn in_time(
    dial: impl Future<Output = Result<Stream, BoxError>> + Send,
) -> Result<Stream, BoxError> {
    tokio::time::timeout(CONNECT, dial).await.map_err(|_| Late)?
}

fn socket_path(digits: &str) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt as _;
    let mut bytes = Vec::with_capacity(digits.len() / 2);
    let mut digits = digits.chars().map(|digit| digit.to_digit(16));
    while let Some(high) = digits.next() {
        bytes.push(u8::try_from(high? * 16 + digits.next()??).ok()?);
    }
    Some(std::ffi::OsString::from_vec(bytes).into())
}

#[derive(Debug, thiserror::Error)]
#[error("no connection in time")]
struct Late;

fn is_late(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(|error| error.is::<Late>())
}

fn is_closed(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(|error| {
        let cut = error
            .downcast_ref::<hyper::Error>()
            .is_some_and(hyper::Error::is_incomplete_message);
        let reset = error.downcast_ref::<io::Error>().is_some_and(|error| {
            matches!(
                error.kind(),
                io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
            )
        });
        cut || reset
    })
}

/// What the errors inside each other say; the outermost alone says "client error (Connect)".
fn chain(error: &dyn std::error::Error) -> String {
    let errors = std::iter::successors(Some(error), |error| error.source());
    errors.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// An open connection.
enum Stream {
    Net(Box<MaybeHttpsStream<TokioIo<TcpStream>>>),
    Unix(TokioIo<UnixStream>),
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        match self {
            Self::Net(stream) => stream.connected(),
            Self::Unix(_) => Connected::new(),
        }
    }
}

impl Read for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Net(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Unix(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl Write for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Net(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Unix(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Net(stream) => Pin::new(stream).poll_flush(context),
            Self::Unix(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Net(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Net(stream) => stream.is_write_vectored(),
            Self::Unix(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Net(stream) => Pin::new(stream).poll_write_vectored(context, buffers),
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(context, buffers),
        }
    }
}

fn client_config() -> rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier> {
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&ring));
    #[expect(
        clippy::expect_used,
        reason = "ring knows the versions that rustls calls safe"
    )]
    builder
        .with_safe_default_protocol_versions()
        .expect("ring knows TLS 1.2 and 1.3")
}

fn no_roots(roots: RootCertStore) -> ClientConfig {
    client_config().with_root_certificates(roots).with_no_client_auth()
}

const CONNECT: Duration = Duration::from_secs(5);
/// Shorter than the five seconds after which Node.js, the most impatient, closes a connection:
/// a request that meets a closing connection is lost.
const IDLE: Duration = Duration::from_secs(4);
const IDLE_CONNECTIONS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_s_path_survives_as_an_authority() {
        let upstream = Upstream::Unix(PathBuf::from("/run/app é.sock"));
        let uri = address(&upstream, "/x?y=1").unwrap();
        assert_eq!(uri.scheme_str(), Some("unix"));
        assert_eq!(uri.path_and_query().unwrap(), "/x?y=1");
        assert_eq!(
            socket_path(uri.host().unwrap()),
            Some("/run/app é.sock".into())
        );
        assert_eq!(socket_path("2f7"), None);
        assert_eq!(socket_path("zz"), None);
    }
}
