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

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
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
use tokio::task::JoinSet;

use crate::base::Stop;
pub use crate::http::net::listener::BindError;
pub use crate::http::net::listener::Listener;
use crate::http::net::wire::Opening;
use crate::http::net::wire::Wire;
use crate::http::net::wire::boxed;
pub use crate::http::tls::Tls;
use crate::proxy::BoxError;
use crate::proxy::Peer;

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

/// The longest head: what the strictest of the usual front proxies let through, and more.
const HEAD_BYTES: usize = 128 * 1024;
const HEAD_LIST_BYTES: u32 = 128 * 1024;
