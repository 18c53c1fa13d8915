//! Where an application is, and a fresh connection to it.
//!
//! In: an [`Upstream`] with what its route says about TLS and HTTP/2. Out: a [`Target`], made once
//! for each configuration, and from it open connections ([`Wire`]) over TCP, TLS or a Unix socket.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;
use tokio::net::UnixStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::access::Protocol;
use crate::access::Upstream;
use crate::proxy::error::ProxyError;

/// One application, and how it is spoken to. Two targets have two numbers, for good.
pub(crate) struct Target {
    /// What its connections are kept under.
    pub(crate) id: u64,
    /// As it is configured: `http://127.0.0.1:3000`.
    pub(crate) name: String,
    pub(crate) protocol: Protocol,
    pub(crate) connect: Duration,
    place: Place,
}

enum Place {
    Tcp(String),
    Tls {
        address: String,
        name: ServerName<'static>,
        connector: TlsConnector,
    },
    Unix(std::path::PathBuf),
    /// What an operator named can not be used; the reason.
    Nowhere(String),
}

impl Target {
    /// `tls` is asked for only where the upstream wants it, and says which name is expected.
    pub(crate) fn new(
        upstream: &Upstream,
        protocol: Protocol,
        connect: Duration,
        server_name: Option<&str>,
        tls: impl FnOnce() -> Result<Arc<rustls::ClientConfig>, String>,
    ) -> Self {
        let place = match upstream {
            Upstream::Unix(path) => Place::Unix(path.clone()),
            Upstream::Tcp { tls: false, authority } => Place::Tcp(with_port(authority, 80)),
            Upstream::Tcp { tls: true, authority } => {
                let host = crate::access::host::without_port(authority);
                let host =
                    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
                let name = ServerName::try_from(server_name.unwrap_or(host).to_owned());
                match (name, tls()) {
                    (Ok(name), Ok(config)) => Place::Tls {
                        address: with_port(authority, 443),
                        name,
                        connector: TlsConnector::from(config),
                    },
                    (Err(error), _) => Place::Nowhere(error.to_string()),
                    (_, Err(reason)) => Place::Nowhere(reason),
                }
            }
        };
        Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            name: crate::proxy::upstream::name(upstream),
            protocol,
            connect,
            place,
        }
    }

    /// `http` or `https`, for requests that say it.
    pub(crate) const fn scheme(&self) -> &'static str {
        match self.place {
            Place::Tls { .. } => "https",
            _ => "http",
        }
    }

    /// A new connection: name resolution, connection and TLS handshake together in time.
    pub(crate) async fn dial(&self) -> Result<Wire, ProxyError> {
        match tokio::time::timeout(self.connect, self.open()).await {
            Ok(Ok(wire)) => Ok(wire),
            Ok(Err(error)) => {
                let detail = error.to_string();
                Err(ProxyError::Connect { upstream: self.name.clone(), detail })
            }
            Err(_) => Err(ProxyError::ConnectTimeout { upstream: self.name.clone() }),
        }
    }

    async fn open(&self) -> io::Result<Wire> {
        match &self.place {
            Place::Unix(path) => UnixStream::connect(path).await.map(Wire::Unix),
            Place::Tcp(address) => connect(address).await.map(Wire::Tcp),
            Place::Tls { address, name, connector } => {
                let stream = connector.connect(name.clone(), connect(address).await?).await?;
                if self.protocol == Protocol::Http2
                    && stream.get_ref().1.alpn_protocol() != Some(b"h2")
                {
                    return Err(io::Error::other("does not offer HTTP/2"));
                }
                Ok(Wire::Tls(Box::new(stream)))
            }
            Place::Nowhere(reason) => Err(io::Error::other(reason.clone())),
        }
    }
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Target({})", self.name)
    }
}

async fn connect(address: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn with_port(authority: &str, default: u16) -> String {
    if crate::access::host::without_port(authority).len() == authority.len() {
        format!("{authority}:{default}")
    } else {
        authority.to_owned()
    }
}

static NEXT: AtomicU64 = AtomicU64::new(0);

/// An open connection.
pub(crate) enum Wire {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Wire {
    /// Whether nothing has come that nobody asked for: an end, most likely. Asks the system only
    /// when it has said that there is something.
    pub(crate) fn is_quiet(&mut self) -> bool {
        let mut byte = [0; 1];
        match self {
            Self::Tcp(stream) => is_blocked(stream.try_read(&mut byte)),
            Self::Unix(stream) => is_blocked(stream.try_read(&mut byte)),
            Self::Tls(stream) => {
                let mut context = Context::from_waker(std::task::Waker::noop());
                let mut buffer = ReadBuf::new(&mut byte);
                Pin::new(stream).poll_read(&mut context, &mut buffer).is_pending()
            }
        }
    }

    /// Only TLS keeps back what was written.
    pub(crate) const fn has_buffer(&self) -> bool {
        matches!(self, Self::Tls(_))
    }
}

fn is_blocked(read: io::Result<usize>) -> bool {
    matches!(read, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

macro_rules! each {
    ($wire:expr, $stream:ident => $do:expr) => {
        match $wire.get_mut() {
            Wire::Tcp($stream) => $do,
            Wire::Unix($stream) => $do,
            Wire::Tls($stream) => $do,
        }
    };
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_read(context, buffer))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        each!(self, stream => Pin::new(stream).poll_write(context, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_shutdown(context))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.is_write_vectored(),
            Self::Unix(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self, stream => Pin::new(stream).poll_write_vectored(context, buffers))
    }
}
