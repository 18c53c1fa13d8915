//! Listeners, connections, and how they end.
//!
//! In: addresses, and one service for every request. Out: answers. HTTP/1.1 and HTTP/2, over TCP,
//! TLS and Unix sockets. Promised: whoever sends nothing, or slowly, holds a connection for ten
//! seconds; a head of 128 KiB is read, and one with a byte more is not; connections are as many as
//! their [`Places`]; when the server stops, what has begun may end.
//!
//! What is refused before the service sees it: heads that are too long (431,
//! `http.head_too_large`, which HTTP/2 does not say), a `Content-Length`
//! that is no number or comes with two values, `Transfer-Encoding` other than `chunked` (400). A
//! request with both comes with [`TwoLengths`], is to be refused, and is the last on its
//! connection.

use std::convert::Infallible;
use std::future::Future;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::Response;
use http::StatusCode;
use http::Version;
use http::header::CONNECTION;
use http::header::HeaderValue;
use hyper::body::Frame;
use hyper::body::Incoming;
use hyper::body::SizeHint;
use hyper::server::conn::http1;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::base::Stop;
use crate::http::net::listener::Accepted;
pub use crate::http::net::listener::BindError;
pub use crate::http::net::listener::Detached;
pub use crate::http::net::listener::Listener;
use crate::http::net::places::Place;
pub use crate::http::net::places::Places;
use crate::http::net::wire::Notes;
use crate::http::net::wire::Wire;
pub use crate::http::tls::Tls;
use crate::proxy::BoxError;
use crate::proxy::Peer;
use crate::proxy::TwoLengths;

/// How long connections are waited for.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// A TLS handshake, and then the first head.
    pub head: Duration,
    /// The next request on a connection, with its head. Longer than the minute for which the
    /// usual front proxies keep a connection to us: a request that meets a closing connection is
    /// lost.
    pub idle: Duration,
    /// What has begun when the server stops; tunnels a little longer.
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
    B: hyper::body::Body<Data = Bytes> + Send + Unpin + 'static,
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
    B: hyper::body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    let protocols = Arc::new(Protocols::new());
    let mut connections = JoinSet::new();
    // A tunnel is a connection still when its request is over.
    let (open_ones, mut closed) = mpsc::channel(1);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            () = stop.stopped() => break,
        };
        match accepted {
            Ok(accepted) => match listener.places.take() {
                Some(mut place) => {
                    place.tell(&open_ones);
                    connections.spawn(open(
                        accepted, place, &listener, &protocols, &service, &stop, patience,
                    ));
                }
                None => {
                    if let Some(refusal) = refuse(accepted, &listener, OVERLOADED) {
                        connections.spawn(refusal);
                    }
                }
            },
            Err(error) => {
                // Out of file descriptors, most likely; they come back when connections end.
                tracing::warn!(%error, "can not accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    // Whoever was let in by the system, and not yet by us, has been promised an answer.
    while let Some(Ok(accepted)) = at_once(listener.accept()).await {
        if let Some(mut place) = listener.places.take() {
            place.tell(&open_ones);
            connections.spawn(open(
                accepted, place, &listener, &protocols, &service, &stop, patience,
            ));
        }
    }
    drop((listener, open_ones));
    let (grace, farewell) = (
        later(patience.grace),
        later(patience.grace.saturating_add(FAREWELL)),
    );
    let ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout_at(grace, ended).await.is_err() {
        tracing::warn!(
            left = connections.len(),
            "connections are closed before their end"
        );
        connections.abort_all();
    }
    // Tunnels have heard of it by themselves, and say goodbye.
    let _ = tokio::time::timeout_at(farewell, closed.recv()).await;
}

/// What a future has at hand.
async fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Tells somebody that there is no place, where that is cheap: without TLS, and not to too many at
/// a time. All others are closed.
fn refuse(
    accepted: Accepted,
    listener: &Listener,
    answer: &'static [u8],
) -> Option<impl Future<Output = ()> + Send + 'static> {
    let refusing = listener.places.refuse()?;
    let said = async move {
        accepted.refuse(answer).await;
        drop(refusing);
    };
    listener.tls.is_none().then_some(said)
}

/// A connection from its first byte to its last.
fn open<S, F, B>(
    mut accepted: Accepted,
    mut place: Place,
    listener: &Listener,
    protocols: &Arc<Protocols>,
    service: &S,
    stop: &Stop,
    patience: Patience,
) -> impl Future<Output = ()> + Send + 'static
where
    S: Fn(Request<Incoming>, Peer) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: hyper::body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    let protocols = Arc::clone(protocols);
    let (tls, trusted) = (listener.tls.clone(), listener.trusted.clone());
    let (proxy_protocol, places) = (listener.proxy_protocol, Arc::clone(&listener.places));
    let (service, mut stop) = (service.clone(), stop.clone());
    async move {
        let notes = Arc::new(Notes::default());
        let begin = async {
            let address = accepted.client(&trusted, proxy_protocol).await?;
            // A front proxy has the connections of all its clients.
            let client = address.filter(|_| !trusted.trusts(&Peer { address, tls: false }));
            if client.is_some_and(|client| !place.of(client.ip())) {
                drop(place);
                if let Some(_refusing) = places.refuse().filter(|_| tls.is_none()) {
                    accepted.refuse(TOO_MANY).await;
                }
                return Err(io::Error::other("the client has too many connections"));
            }
            let (wire, is_h2) = match (tls, accepted) {
                (Some(tls), Accepted::Tcp(stream, _)) => {
                    let stream = tls.acceptor().accept(stream).await?;
                    let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                    let wire = Wire::tls(stream, &notes, place);
                    (if is_h2 { wire.without_lines() } else { wire }, is_h2)
                }
                (_, accepted) => (Wire::new(accepted, &notes, place), false),
            };
            Ok::<_, io::Error>((wire, address, is_h2))
        };
        let (wire, address, is_h2) = tokio::select! {
            begun = tokio::time::timeout(patience.head, begin) => match begun {
                Ok(Ok(begun)) => begun,
                Ok(Err(error)) => {
                    tracing::debug!(%error, "no PROXY header, no TLS handshake, or no place");
                    return;
                }
                Err(_) => return,
            },
            () = stop.stopped() => return,
        };
        let peer = Peer { address, tls: wire.is_tls() };
        let own = Arc::new(Own { service, notes, places, peer });
        let wire = TokioIo::new(wire);
        let answering = Arc::clone(&own);
        let service = service_fn(move |request| answer(Arc::clone(&answering), request));
        if is_h2 {
            let connection = pin!(protocols.http2.serve_connection(wire, service));
            attend(connection, &own.notes, stop, patience, address).await;
        } else {
            let connection = protocols.http1.serve_connection(wire, service).with_upgrades();
            attend(pin!(connection), &own.notes, stop, patience, address).await;
        }
    }
}

/// What the requests of one connection share.
struct Own<S> {
    service: S,
    notes: Arc<Notes>,
    places: Arc<Places>,
    peer: Peer,
}

async fn answer<S, F, B>(
    own: Arc<Own<S>>,
    mut request: Request<Incoming>,
) -> Result<Response<Counted<B>>, Infallible>
where
    S: Fn(Request<Incoming>, Peer) -> F,
    F: Future<Output = Response<B>>,
{
    let notes = &own.notes;
    notes.requests.store(notes.requests.load(Relaxed).wrapping_add(1), Relaxed);
    let busy = Busy::begin(notes);
    if notes.two_lengths.swap(false, Relaxed) {
        request.extensions_mut().insert(TwoLengths);
    }
    if hyper::body::Body::is_end_stream(request.body()) {
        notes.at_head.store(true, Relaxed);
    }
    let is_h1 = request.version() <= Version::HTTP_11;
    let mut response = (own.service)(request, own.peer).await;
    // HTTP/2 has frames for that, and hyper sends them when the server stops.
    // After a 408 the rest of the body is not waited for (RFC 9110, 15.5.9).
    let is_last = match response.status() {
        StatusCode::SWITCHING_PROTOCOLS => false,
        StatusCode::REQUEST_TIMEOUT => true,
        _ => own.places.is_leaving(),
    };
    if is_last && is_h1 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response.map(|inner| Counted { inner, _busy: busy }))
}

/// While it lives, a request is being answered.
struct Busy(Arc<Notes>);

impl Busy {
    fn begin(notes: &Arc<Notes>) -> Self {
        notes.busy.fetch_add(1, Relaxed);
        Self(Arc::clone(notes))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Relaxed);
        self.0.at_head.store(true, Relaxed);
    }
}

/// A body with the request that it answers.
struct Counted<B> {
    inner: B,
    _busy: Busy,
}

impl<B: hyper::body::Body<Data = Bytes> + Unpin> hyper::body::Body for Counted<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut self.inner).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A connection that can be asked to come to its end.
trait Ending: Future<Output = hyper::Result<()>> {
    fn end(self: Pin<&mut Self>);
}

/// Lets a connection run, and sees to it that it does not stay for nothing: one timer for all its
/// requests, which is looked at when it rings.
async fn attend<C: Ending>(
    mut connection: Pin<&mut C>,
    notes: &Notes,
    stop: Stop,
    patience: Patience,
    address: Option<SocketAddr>,
) {
    let mut stopping = stop.clone();
    let mut stopped = pin!(stopping.stopped());
    let mut ring = pin!(tokio::time::sleep(patience.head));
    let mut watch = Watch::default();
    // Both futures wake this task when they are done. Until then there is no need to ask them.
    let (mut listening, mut ending) = (false, false);
    let ended = poll_fn(|context| {
        if let Poll::Ready(result) = connection.as_mut().poll(context) {
            return Poll::Ready(Some(result));
        }
        if !ending && (!listening || stop.has_news()) && stopped.as_mut().poll(context).is_ready() {
            ending = true;
            connection.as_mut().end();
            if let Poll::Ready(result) = connection.as_mut().poll(context) {
                return Poll::Ready(Some(result));
            }
        }
        while (!listening || ring.is_elapsed()) && ring.as_mut().poll(context).is_ready() {
            if !watch.lets_stay(notes, patience) {
                return Poll::Ready(None);
            }
            ring.as_mut().reset(later(patience.idle));
            let _ = ring.as_mut().poll(context);
        }
        listening = true;
        Poll::Pending
    });
    match ended.await {
        Some(Err(error)) => tracing::debug!(%error, ?address, "a connection broke off"),
        None => tracing::debug!(?address, "a connection was closed: nothing came"),
        Some(Ok(())) => {}
    }
}

/// What a connection had done when it was last looked at.
#[derive(Debug, Default)]
struct Watch {
    requests: u64,
    moved: u64,
    /// How long a client has not taken what was written.
    blocked: Duration,
}

impl Watch {
    fn lets_stay(&mut self, notes: &Notes, patience: Patience) -> bool {
        let (requests, moved) = (notes.requests.load(Relaxed), notes.moved.load(Relaxed));
        let (before, moved_before) = (self.requests, self.moved);
        (self.requests, self.moved) = (requests, moved);
        if notes.busy.load(Relaxed) == 0 && !notes.blocked.load(Relaxed) {
            // Nobody waits for us. The next request must come, and come whole.
            return requests != before;
        }
        if notes.blocked.load(Relaxed) && moved == moved_before {
            self.blocked = self.blocked.saturating_add(patience.idle);
        } else {
            self.blocked = Duration::ZERO;
        }
        self.blocked < BLOCKED
    }
}

fn later(after: Duration) -> tokio::time::Instant {
    let now = tokio::time::Instant::now();
    now.checked_add(after).unwrap_or(now)
}

struct Protocols {
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
}

impl Protocols {
    fn new() -> Self {
        let mut http1 = http1::Builder::new();
        // Without a timer hyper sets none; `attend` has one for all requests of a connection.
        http1.max_buf_size(HEAD_BYTES).max_header_size(HEAD_BYTES);
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .max_header_list_size(HEAD_LIST_BYTES)
            // RFC 9113, 10.5, and the resets of CVE-2023-44487: hyper counts those by itself.
            .max_concurrent_streams(200)
            .keep_alive_interval(Duration::from_secs(30))
            .keep_alive_timeout(Duration::from_secs(20));
        Self { http1, http2 }
    }
}

type Io = TokioIo<Wire>;

impl<S, B> Ending for http1::UpgradeableConnection<Io, S>
where
    S: hyper::service::HttpService<Incoming, ResBody = B>,
    S::Error: Into<BoxError>,
    B: hyper::body::Body + 'static,
    B::Error: Into<BoxError>,
    Self: Future<Output = hyper::Result<()>>,
{
    fn end(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<S, B> Ending for http2::Connection<Io, S, TokioExecutor>
where
    S: hyper::service::HttpService<Incoming, ResBody = B>,
    S::Error: Into<BoxError>,
    B: hyper::body::Body + 'static,
    B::Error: Into<BoxError>,
    TokioExecutor: hyper::rt::bounds::Http2ServerConnExec<S::Future, B>,
    Self: Future<Output = hyper::Result<()>>,
{
    fn end(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

const OVERLOADED: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n\
    Cache-Control: no-store\r\nContent-Type: text/plain\r\nContent-Length: 68\r\n\
    Connection: close\r\n\r\nThere are too many visitors at the moment (http.overloaded). Sorry.\n";
const TOO_MANY: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 5\r\n\
    Cache-Control: no-store\r\nContent-Type: text/plain\r\nContent-Length: 62\r\n\
    Connection: close\r\n\r\nToo many connections from one address (http.too_many). Sorry.\n";
/// The longest head: what the strictest of the usual front proxies let through, and more.
const HEAD_BYTES: usize = 128 * 1024;
/// The same for HTTP/2, counted as RFC 9113, 6.5.2 has it. The h2 crate refuses a list of this very
/// size, too.
const HEAD_LIST_BYTES: u32 = 128 * 1024 + 1;
/// How long tunnels may take longer than requests: their clients are told, and answer.
pub const FAREWELL: Duration = Duration::from_secs(3);
/// How long a client may leave what we write.
const BLOCKED: Duration = Duration::from_secs(300);
