//! Where connections come from.
//!
//! In: addresses. Out: open connections, and whose they are.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::net::UnixListener;
use tokio::net::UnixStream;

use crate::base::Listen;
use crate::http::net::proxy_protocol;
use crate::http::net::wire::Wire;
use crate::http::net::wire::boxed;
use crate::http::tls::Tls;
use crate::proxy::Peer;
use crate::proxy::TrustedProxies;

/// An address on which we can not listen.
#[derive(Debug, thiserror::Error)]
#[error("can not listen on {address}: {source}")]
pub struct BindError {
    /// The address.
    pub address: Listen,
    /// Why: `AddrInUse` when another program has it.
    pub source: io::Error,
}

/// An open listener.
#[derive(Debug)]
pub struct Listener {
    address: Listen,
    socket: Socket,
    pub(crate) tls: Option<Tls>,
    pub(crate) trusted: TrustedProxies,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// Opens it. A Unix socket that nobody listens on any more is replaced.
    pub async fn bind(address: Listen, tls: Option<Tls>) -> Result<Self, BindError> {
        let socket = match &address {
            Listen::Tcp(address) => TcpListener::bind(*address).await.map(Socket::Tcp),
            Listen::Unix(path) => bind_unix(path).await.map(Socket::Unix),
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
    pub fn address(&self) -> Listen {
        match &self.socket {
            Socket::Tcp(socket) => {
                socket.local_addr().map_or_else(|_| self.address.clone(), Listen::Tcp)
            }
            Socket::Unix(_) => self.address.clone(),
        }
    }

    pub(crate) async fn accept(&self) -> io::Result<Accepted> {
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
        if let Listen::Unix(path) = &self.address {
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

/// A connection as it came in.
pub(crate) enum Accepted {
    Tcp(TcpStream, SocketAddr),
    Unix(UnixStream),
}

impl Accepted {
    /// Whose connection it is. A trusted proxy may say so before anything else.
    pub(crate) async fn open(
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
