//! Where connections come from.
//!
//! In: addresses. Out: open connections, and whose they are. Each worker has a listener of its own
//! on the same address, among which the system deals out the connections (`SO_REUSEPORT`). A Unix
//! socket can not be bound twice; the workers share it.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;
use tokio::net::UnixListener;
use tokio::net::UnixStream;

use crate::base::Listen;
use crate::base::ProxyProtocol;
use crate::http::net::places::Places;
use crate::http::net::proxy_protocol;
use crate::http::net::proxy_protocol::Said;
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
    pub(crate) proxy_protocol: ProxyProtocol,
    pub(crate) places: Arc<Places>,
    /// The socket's file goes with the last who listens on it.
    file: Option<Arc<SocketFile>>,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// A listener on its way to the thread that will accept.
#[derive(Debug)]
pub struct Detached {
    address: Listen,
    socket: DetachedSocket,
    tls: Option<Tls>,
    trusted: TrustedProxies,
    proxy_protocol: ProxyProtocol,
    places: Arc<Places>,
    file: Option<Arc<SocketFile>>,
}

#[derive(Debug)]
enum DetachedSocket {
    Tcp(std::net::TcpListener),
    Unix(std::os::unix::net::UnixListener),
}

#[derive(Debug)]
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Listener {
    /// Opens it. A Unix socket that nobody listens on any more is replaced.
    pub async fn bind(address: Listen, tls: Option<Tls>) -> Result<Self, BindError> {
        Self::bind_as(address, tls, Neighbours::Refused).await
    }

    /// The same, and another process may listen on the same address and port.
    pub async fn bind_beside(address: Listen, tls: Option<Tls>) -> Result<Self, BindError> {
        Self::bind_as(address, tls, Neighbours::Welcome).await
    }

    async fn bind_as(
        address: Listen,
        tls: Option<Tls>,
        neighbours: Neighbours,
    ) -> Result<Self, BindError> {
        let socket = match &address {
            Listen::Tcp(address) => bind_first(*address, neighbours).map(Socket::Tcp),
            Listen::Unix(path) => bind_unix(path).await.map(Socket::Unix),
        };
        let file = match (&address, &socket) {
            (Listen::Unix(path), Ok(_)) => Some(Arc::new(SocketFile(path.clone()))),
            _ => None,
        };
        let trusted = TrustedProxies::default();
        match socket {
            Ok(socket) => Ok(Self {
                address,
                socket,
                tls,
                trusted,
                proxy_protocol: ProxyProtocol::default(),
                places: Places::new(usize::MAX, None),
                file,
            }),
            Err(source) => Err(BindError { address, source }),
        }
    }

    /// Believes the PROXY protocol of these peers.
    #[must_use]
    pub fn trusting(mut self, trusted: TrustedProxies) -> Self {
        self.trusted = trusted;
        self
    }

    /// Whether they may do without it; they may, unless somebody says otherwise.
    #[must_use]
    pub const fn expecting(mut self, proxy_protocol: ProxyProtocol) -> Self {
        self.proxy_protocol = proxy_protocol;
        self
    }

    /// Takes so many connections, in all and from one client; any number, unless somebody says so.
    #[must_use]
    pub fn limited(mut self, places: &Arc<Places>) -> Self {
        self.places = Arc::clone(places);
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

    /// One for each of `count` threads, on the same address.
    pub fn share(self, count: usize) -> Result<Vec<Detached>, BindError> {
        let address = self.address();
        let open = || -> io::Result<Vec<DetachedSocket>> {
            let mut sockets = Vec::with_capacity(count);
            match self.socket {
                Socket::Tcp(first) => {
                    let local = first.local_addr()?;
                    for _ in 1..count {
                        sockets.push(DetachedSocket::Tcp(bind_tcp(local)?.into_std()?));
                    }
                    sockets.push(DetachedSocket::Tcp(first.into_std()?));
                }
                Socket::Unix(first) => {
                    let first = first.into_std()?;
                    for _ in 1..count {
                        sockets.push(DetachedSocket::Unix(first.try_clone()?));
                    }
                    sockets.push(DetachedSocket::Unix(first));
                }
            }
            Ok(sockets)
        };
        let sockets = open().map_err(|source| BindError { address: address.clone(), source })?;
        let detached = |socket| Detached {
            address: address.clone(),
            socket,
            tls: self.tls.clone(),
            trusted: self.trusted.clone(),
            proxy_protocol: self.proxy_protocol,
            places: Arc::clone(&self.places),
            file: self.file.clone(),
        };
        Ok(sockets.into_iter().map(detached).collect())
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

impl Detached {
    /// Accepts on this thread from now on.
    pub fn attach(self) -> Result<Listener, BindError> {
        let Self { address, socket, tls, trusted, proxy_protocol, places, file } = self;
        let socket = match socket {
            DetachedSocket::Tcp(socket) => TcpListener::from_std(socket).map(Socket::Tcp),
            DetachedSocket::Unix(socket) => UnixListener::from_std(socket).map(Socket::Unix),
        };
        match socket {
            Ok(socket) => {
                Ok(Listener { address, socket, tls, trusted, proxy_protocol, places, file })
            }
            Err(source) => Err(BindError { address, source }),
        }
    }
}

/// Other processes on the same address and port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Neighbours {
    Refused,
    Welcome,
}

/// The first on an address. Whoever allows others to bind the same address could by mistake share
/// it with another gateway; so it is bound once in the way that tolerates nobody.
fn bind_first(address: SocketAddr, neighbours: Neighbours) -> io::Result<TcpListener> {
    if address.port() != 0 && neighbours == Neighbours::Refused {
        let alone = socket(address)?;
        alone.set_reuseaddr(true)?;
        alone.bind(address)?;
        drop(alone.listen(1)?);
    }
    bind_tcp(address)
}

fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket(address)?;
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    if address.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
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

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// How long somebody who is refused may take to read it.
const REFUSAL: Duration = Duration::from_secs(1);

/// A connection as it came in.
pub(crate) enum Accepted {
    Tcp(TcpStream, SocketAddr),
    Unix(UnixStream),
}

impl Accepted {
    /// Says why there is no place, and waits for a moment until that is read. What lies unread when
    /// a socket is closed takes the answer along.
    pub(crate) async fn refuse(self, answer: &[u8]) {
        async fn say(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &[u8]) {
            if stream.write_all(answer).await.is_ok() && stream.shutdown().await.is_ok() {
                let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
            }
        }
        let said = async {
            match self {
                Self::Tcp(stream, _) => say(stream, answer).await,
                Self::Unix(stream) => say(stream, answer).await,
            }
        };
        // Whoever takes longer goes without.
        let _ = tokio::time::timeout(REFUSAL, said).await;
    }

    /// Whose connection it is. A trusted proxy may say so before anything else.
    pub(crate) async fn client(
        &mut self,
        trusted: &TrustedProxies,
        proxy_protocol: ProxyProtocol,
    ) -> io::Result<Option<SocketAddr>> {
        match self {
            Self::Unix(_) => Ok(None),
            Self::Tcp(stream, address) => {
                let peer = Peer { address: Some(*address), tls: false };
                let believed = proxy_protocol != ProxyProtocol::Off && trusted.trusts(&peer);
                let said = match believed {
                    true => proxy_protocol::client(stream).await?,
                    false => Said::Client(None),
                };
                let client = match (said, proxy_protocol) {
                    (Said::Client(client), _) => client,
                    (Said::Nothing, ProxyProtocol::Required) => {
                        return Err(io::ErrorKind::InvalidData.into());
                    }
                    (Said::Nothing, _) => None,
                };
                Ok(Some(client.unwrap_or(*address)))
            }
        }
    }
}
