//! Connections to applications.
//!
//! In: an [`Upstream`]. Out: a [`Target`], and connections to it that are used again. Each worker
//! thread has its own idle connections, so that taking one costs no lock; the one that was used
//! last is taken first. A reload of the configuration keeps them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::VecDeque;
use std::fmt;
use std::hash::BuildHasherDefault;
use std::hash::Hasher;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use hyper::client::conn::http2::SendRequest;
use rustls::ClientConfig;
use rustls::RootCertStore;
use tokio::time::Instant;

use crate::access::Protocol;
use crate::access::Route;
use crate::access::Upstream;
use crate::access::UpstreamTls;
use crate::proxy::body::UpstreamBody;
use crate::proxy::client_tls::client_tls;
use crate::proxy::client_tls::trusting;
use crate::proxy::dial::Target;
use crate::proxy::h1::Connection;

/// How applications are reached: whom we trust, and which targets there are.
#[derive(Clone)]
pub struct Pool(Arc<Shared>);

struct Shared {
    /// `None`: the machine's, which are read when somebody needs them.
    roots: Option<Arc<RootCertStore>>,
    targets: Mutex<HashMap<Key, Arc<Target>>>,
}

/// What makes two upstreams the same: connections to one may serve the other.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    upstream: Upstream,
    protocol: Protocol,
    connect: Duration,
    tls: Option<UpstreamTls>,
    /// A hash of the files that `tls` names: others make another target.
    files: [u8; 32],
}

impl Pool {
    /// Trusts the machine's certificate authorities. A machine without any can still speak
    /// plain HTTP.
    pub fn new() -> Self {
        Self::with(None)
    }

    /// Trusts these certificate authorities alone.
    pub fn with_roots(roots: RootCertStore) -> Self {
        Self::with(Some(Arc::new(roots)))
    }

    fn with(roots: Option<Arc<RootCertStore>>) -> Self {
        Self(Arc::new(Shared { roots, targets: Mutex::default() }))
    }

    /// The target of a route's upstream: the same one for the same settings.
    pub(crate) fn target(&self, route: &Route, upstream: &Upstream) -> Arc<Target> {
        let tls = route.upstream_tls.as_ref();
        let key = Key {
            upstream: upstream.clone(),
            protocol: route.upstream_protocol,
            connect: route.timeouts.connect,
            tls: tls.cloned(),
            files: tls.map(hash_of_files).unwrap_or_default(),
        };
        let mut targets = self.0.targets.lock().unwrap_or_else(PoisonError::into_inner);
        let make = |key: &Key| {
            let server_name = tls.and_then(|tls| tls.server_name.as_deref());
            let config = || self.client_config(tls, key.protocol);
            Arc::new(Target::new(
                upstream,
                key.protocol,
                key.connect,
                server_name,
                config,
            ))
        };
        Arc::clone(targets.entry(key).or_insert_with_key(make))
    }

    fn client_config(
        &self,
        tls: Option<&UpstreamTls>,
        protocol: Protocol,
    ) -> Result<Arc<ClientConfig>, String> {
        let own = tls.is_some_and(|tls| tls.ca.is_some() || tls.identity.is_some());
        match &self.0.roots {
            Some(roots) if !own => Ok(trusting(Arc::clone(roots), protocol)),
            _ => client_tls(tls, protocol).map_err(|error| error.to_string()),
        }
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

/// What this thread keeps open.
#[derive(Default)]
struct Kept {
    idle: HashMap<u64, VecDeque<Idle>, ById>,
    shared: HashMap<u64, SendRequest<UpstreamBody>, ById>,
}

/// Ids are counted up by us: there is nobody who could choose them.
type ById = BuildHasherDefault<Id>;

#[derive(Default)]
struct Id(u64);

impl Hasher for Id {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(self.0.rotate_left(8) ^ u64::from(*byte));
        }
    }

    fn write_u64(&mut self, id: u64) {
        // The map looks at the highest bits as well as at the lowest.
        self.0 = id.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

struct Idle {
    connection: Box<Connection>,
    since: Instant,
}

thread_local! {
    static KEPT: RefCell<Kept> = RefCell::default();
}

/// An idle connection that is still open, the one that was used last.
pub(crate) fn idle(target: &Target, now: Instant) -> Option<Box<Connection>> {
    KEPT.with_borrow_mut(|kept| {
        let idle = kept.idle.get_mut(&target.id)?;
        while let Some(Idle { mut connection, since }) = idle.pop_back() {
            if now.saturating_duration_since(since) >= IDLE {
                // Whatever is left was used even earlier.
                idle.clear();
                return None;
            }
            if connection.wire.is_quiet() {
                return Some(connection);
            }
        }
        None
    })
}

/// Keeps a connection for the next request.
pub(crate) fn keep(connection: Box<Connection>) {
    let since = connection.alarm.last();
    // A thread that ends has nothing to keep it in.
    let _ = KEPT.try_with(|kept| {
        let Ok(mut kept) = kept.try_borrow_mut() else {
            return;
        };
        let idle = kept.idle.entry(connection.target.id).or_default();
        if idle.len() >= IDLE_CONNECTIONS {
            idle.pop_front();
        }
        idle.push_back(Idle { connection, since });
    });
}

/// Closes what has been idle for too long. To be called every second or two on each thread.
pub fn sweep() {
    let now = crate::proxy::h1::exchange::now();
    KEPT.with_borrow_mut(|kept| {
        kept.idle.retain(|_, idle| {
            while idle
                .front()
                .is_some_and(|idle| now.saturating_duration_since(idle.since) >= IDLE)
            {
                idle.pop_front();
            }
            !idle.is_empty()
        });
        kept.shared.retain(|_, sender| !sender.is_closed());
    });
}

/// Closes every idle connection of this thread.
pub fn close_all() {
    let kept = KEPT.take();
    drop(kept);
}

/// The HTTP/2 connection to a target, while it takes requests.
pub(crate) fn shared(target: &Target) -> Option<SendRequest<UpstreamBody>> {
    KEPT.with_borrow(|kept| {
        let sender = kept.shared.get(&target.id)?;
        (!sender.is_closed()).then(|| sender.clone())
    })
}

/// From now on requests to the target go here.
pub(crate) fn share(target: &Target, sender: SendRequest<UpstreamBody>) {
    KEPT.with_borrow_mut(|kept| kept.shared.insert(target.id, sender));
}

fn hash_of_files(tls: &UpstreamTls) -> [u8; 32] {
    let identity = tls.identity.iter().flat_map(|files| [&files.certificate, &files.key]);
    let mut hash = openssl::sha::Sha256::new();
    for file in tls.ca.iter().chain(identity) {
        hash.update(&std::fs::read(file).unwrap_or_default());
        hash.update(&[0]);
    }
    hash.finish()
}

/// Shorter than the five seconds after which Node.js, the most impatient, closes a connection:
/// a request that meets a closing connection is lost.
const IDLE: Duration = Duration::from_secs(4);
/// Idle connections to one application, on each thread.
const IDLE_CONNECTIONS: usize = 256;
