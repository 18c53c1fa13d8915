//! Listeners, connections, and how they end.
//!
//! In: addresses, and one service for every request. Out: answers. HTTP/1.1 and HTTP/2, over TCP,
//! TLS and Unix sockets. Promised: whoever sends nothing, or slowly, holds a connection for ten
//! seconds; a head has at most 128 KiB; when the server stops, what has begun may end.
//!
//! What is refused before the service sees it: heads that are too long (431), a `Content-Length`
//! that is no number or comes with two values, `Transfer-Encoding` other than `chunked` (400). A
//! request with both is read by its `Transfer-Encoding`, loses its `Content-Length`, and is the
//! last on its connection (RFC 9112, 6.3), so that a front proxy which reads it the other way
//! can not be made to pass on a second request in its body.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::Response;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use hyper_util::server::conn::auto;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::net::UnixListener;
use tokio::net::UnixStream;
use tokio::task::JoinSet;

use crate::base::Stop;
use crate::http::net::proxy_protocol;
pub use crate::http::tls::Tls;
use crate::proxy::BoxError;
use crate::proxy::Peer;
use crate::proxy::TrustedProxies;

/// Where to listen: `0.0.0.0:8080`, `[::]:8080`, `unix:/run/samlgate.sock`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// An address and a port.
    Tcp(SocketAddr),
    /// A socket in the file system.
    Unix(PathBuf),
}

impl ListenAddress {
    /// Reads the form in which the configuration has it.
    ///
    /// ```
    /// use samlgate::http::server::ListenAddress;
    /// assert!(ListenAddress::parse("127.0.0.1:8080").is_some());
    /// assert!(ListenAddress::parse("unix:/run/samlgate.sock").is_some());
    /// assert!(ListenAddress::parse("8080").is_none());
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("unix:") {
            Some(path) if path.starts_with('/') => Some(Self::Unix(path.into())),
            Some(_) => None,
            None => text.parse().ok().map(Self::Tcp),
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// An address on which we can not listen.
#[derive(Debug, thiserror::Error)]
#[error("can not listen on {address}: {source}")]
pub struct BindError {
    /// The address.
    pub address: ListenAddress,
    /// Why: `AddrInUse` when another program has it.
    pub source: io::Error,
}

/// An open listener.
#[derive(Debug)]
pub struct Listener {
    address: ListenAddress,
    socket: Socket,
    tls: Option<Tls>,
    trusted: TrustedProxies,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// Opens it. A Unix socket that nobody listens on any more is replaced.
    pub async fn bind(address: ListenAddress, tls: Option<Tls>) -> Result<Self, BindError> {
        let socket = match &address {
            ListenAddress::Tcp(address) => TcpListener::bind(*address).await.map(Socket::Tcp),
            ListenAddress::Unix(path) => bind_unix(path).await.map(Socket::Unix),
        };
        match socket {
            Ok(socket) => Ok(Self { address, socket, tls, trusted: TrustedProxies::default() }),
            Err(source) => Err(BindError { address, source }),
        }
    }

    /// Believes the PROXY protocol of these peers; they may also do without it.
    #[must_use]
    pub fn trusting(mut self, trusted: TrustedProxies) -> Self {
        self.trusted = trusted;
        self
    }

    /// The address, with the port that the system chose for port 0.
    pub fn address(&self) -> ListenAddress {
        match &self.socket {
            Socket::Tcp(socket) => {
                socket.local_addr().map_or_else(|_| self.address.clone(), ListenAddress::Tcp)
            }
            Socket::Unix(_) => self.address.clone(),
        }
    }

    async fn accept(&self) -> io::Result<Accepted> {
        match &self.socket {
            Socket::Tcp(socket) => {
                let (stream, address) = socket.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Accepted::Tcp(stream, address))
            }
            Socket::Unix(socket) => Ok(Accepted::Unix(socket.accept().await?.0)),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let ListenAddress::Unix(path) = &self.address {
            // Already gone is as good.
            let _ = std::fs::remove_file(path);
        }
    }
}

async fn bind_unix(path: &PathBuf) -> io::Result<UnixListener> {
    match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            // A socket of a program that was killed stays behind; nobody answers on it.
            match UnixStream::connect(path).await {
                Err(refused) if refused.kind() == io::ErrorKind::ConnectionRefused => {
                    std::fs::remove_file(path)?;
                    UnixListener::bind(path)
                }
                _ => Err(error),
            }
        }
        bound => bound,
    }
}

/// How long connections are waited for.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// A TLS handshake, and then the first head.
    pub head: Duration,
    /// The next request on a connection, with its head. Longer than the minute for which the
    /// usual front proxies keep a connection to us: a request that meets a closing connection is
    /// lost.
    pub idle: Duration,
    /// What has begun when the server stops.
    pub grace: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            grace: Duration::from_secs(30),
        }
    }
}

/// Answers every request on every listener until the server stops; then lets what has begun end,
/// for a while, and closes.
pub async fn serve<S, F, B>(listeners: Vec<Listener>, service: S, stop: Stop, patience: Patience)
where
    S: Fn(Request<Incoming>, Peer) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let mut accepting = JoinSet::new();
    for listener in listeners {
        accepting.spawn(accept_all(
            listener,
            service.clone(),
            stop.clone(),
            patience,
        ));
    }
    while accepting.join_next().await.is_some() {}
}

async fn accept_all<S, F, B>(listener: Listener, service: S, mut stop: Stop, patience: Patience)
where
    S: Fn(Request<Incoming>, Peer) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let builder = Arc::new(builder(patience.idle));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            () = stop.stopped() => break,
        };
        let accepted = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely; they come back when connections end.
                tracing::warn!(%error, "can not accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (builder, service) = (Arc::clone(&builder), service.clone());
        let (tls, stop) = (listener.tls.clone(), stop.clone());
        let trusted = listener.trusted.clone();
        let head = patience.head;
        connections.spawn(async move {
            let mut stopped = stop.clone();
            let opened = tokio::select! {
                opened = tokio::time::timeout(head, accepted.open(&trusted)) => opened,
                () = stopped.stopped() => return,
            };
            match opened {
                Ok(Ok((wire, address))) => {
                    connection(builder, wire, address, tls, service, stop, head).await;
                }
                Ok(Err(error)) => tracing::debug!(%error, "no PROXY header"),
                Err(_) => {}
            }
        });
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(patience.grace, ended).await.is_err() {
        tracing::warn!(
            left = connections.len(),
            "connections are closed before their end"
        );
    }
}

async fn connection<S, F, B>(
    builder: Arc<auto::Builder<TokioExecutor>>,
    wire: Box<dyn Wire>,
    address: Option<SocketAddr>,
    tls: Option<Tls>,
    service: S,
    mut stop: Stop,
    head: Duration,
) where
    S: Fn(Request<Incoming>, Peer) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let peer = Peer { address, tls: tls.is_some() };
    let wire = match tls {
        None => wire,
        Some(tls) => {
            let handshake = tokio::select! {
                handshake = tokio::time::timeout(head, tls.acceptor().accept(wire)) => handshake,
                () = stop.stopped() => return,
            };
            match handshake {
                Ok(Ok(stream)) => boxed(stream),
                Ok(Err(error)) => {
                    tracing::debug!(%error, ?address, "no TLS handshake");
                    return;
                }
                Err(_) => return,
            }
        }
    };
    let begun = Arc::new(AtomicBool::new(false));
    let opening = Opening::new(wire, head, Arc::clone(&begun));
    let service = service_fn(move |request| {
        begun.store(true, Ordering::Relaxed);
        let answer = service(request, peer);
        async move { Ok::<_, std::convert::Infallible>(answer.await) }
    });
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(opening), service);
    let mut connection = std::pin::pin!(connection);
    let result = tokio::select! {
        result = &mut connection => result,
        () = stop.stopped() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, ?address, "a connection broke off");
    }
}

fn builder(idle: Duration) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(idle)
        .max_buf_size(HEAD_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(HEAD_LIST_BYTES)
        // RFC 9113, 10.5, and the resets of CVE-2023-44487: hyper counts those by itself.
        .max_concurrent_streams(200)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}

/// A connection as it came in.
enum Accepted {
    Tcp(TcpStream, SocketAddr),
    Unix(UnixStream),
}

impl Accepted {
    /// Whose connection it is. A trusted proxy may say so before anything else.
    async fn open(
        self,
        trusted: &TrustedProxies,
    ) -> io::Result<(Box<dyn Wire>, Option<SocketAddr>)> {
        match self {
            Self::Unix(stream) => Ok((boxed(stream), None)),
            Self::Tcp(mut stream, address) => {
                let peer = Peer { address: Some(address), tls: false };
                let client = match trusted.trusts(&peer) {
                    true => proxy_protocol::client(&mut stream).await?,
                    false => None,
                };
                Ok((boxed(stream), Some(client.unwrap_or(address))))
            }
        }
    }
}

/// Bytes both ways.
trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

fn boxed(wire: impl Wire + 'static) -> Box<dyn Wire> {
    Box::new(wire)
}

/// A connection whose first request must come in time. Hyper's own time is the longer one for
/// connections that have shown what they are for, and does not run before a connection's first
/// bytes have told HTTP/1 from HTTP/2.
struct Opening {
    wire: Box<dyn Wire>,
    deadline: Option<Pin<Box<tokio::time::Sleep>>>,
    begun: Arc<AtomicBool>,
}

impl Opening {
    fn new(wire: Box<dyn Wire>, head: Duration, begun: Arc<AtomicBool>) -> Self {
        Self {
            wire,
            deadline: Some(Box::pin(tokio::time::sleep(head))),
            begun,
        }
    }
}

impl AsyncRead for Opening {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.wire).poll_read(context, buffer);
        if let Some(deadline) = &mut self.deadline {
            if deadline.as_mut().poll(context).is_pending() {
                return polled;
            }
            self.deadline = None;
            if !self.begun.load(Ordering::Relaxed) {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        polled
    }
}

impl AsyncWrite for Opening {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.wire).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.wire.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.wire).poll_write_vectored(context, buffers)
    }
}

/// The longest head: what the strictest of the usual front proxies let through, and more.
const HEAD_BYTES: usize = 128 * 1024;
const HEAD_LIST_BYTES: u32 = 128 * 1024;
