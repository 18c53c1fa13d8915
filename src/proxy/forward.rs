//! One request to an application, and its answer.
//!
//! In: an admitted request, and whose it is. Out: the application's answer, streaming. Every
//! request is written anew: HTTP/1.1, one `Host`, our headers in place of the client's.

use std::fmt;
use std::future::Future;
use std::future::poll_fn;
use std::io::Write as _;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::Method;
use http::Response;
use http::StatusCode;
use http::Version;
use http::header;
use http::request::Parts;
use hyper::body::Body as _;
use hyper::body::Incoming;
use tokio::time::Instant;

use crate::access::HeaderProfile;
use crate::access::PathMatch;
use crate::access::Protocol;
use crate::access::Route;
use crate::access::Routes;
use crate::access::Timeouts;
use crate::access::Underscores;
use crate::access::host;
use crate::base::PublicUrl;
use crate::base::Timestamp;
use crate::proxy::balance::Balancers;
use crate::proxy::balance::Flight;
use crate::proxy::body::Body;
use crate::proxy::body::BoxError;
use crate::proxy::body::Ended;
use crate::proxy::body::Progress;
use crate::proxy::body::UpstreamBody;
use crate::proxy::dial::Target;
use crate::proxy::error::ProxyError;
use crate::proxy::h1::Connection;
use crate::proxy::h1::Exchange;
use crate::proxy::h1::Failure;
use crate::proxy::h1::answer::Head;
use crate::proxy::h1::exchange;
use crate::proxy::h1::exchange::Sent;
use crate::proxy::h2;
use crate::proxy::headers;
use crate::proxy::headers::Forwarding;
use crate::proxy::headers::IdentityNames;
use crate::proxy::headers::Rules;
use crate::proxy::headers::TwoLengths;
use crate::proxy::identity_headers::IdentityHeaders;
use crate::proxy::identity_headers::IdentityView;
use crate::proxy::jwt::Jwt;
use crate::proxy::jwt::Minted;
use crate::proxy::peer::Peer;
use crate::proxy::peer::TrustedProxies;
use crate::proxy::request_id::RequestId;
use crate::proxy::request_id::X_REQUEST_ID;
use crate::proxy::told::Template;
use crate::proxy::upgrade;
use crate::proxy::upstream;
use crate::proxy::upstream::Pool;
use crate::session::Ready;
use crate::session::ready::Told;
use crate::telemetry::requests::Counted;

/// What runs on after its request: tunnels. Like requests, they have a while to end when the
/// server stops.
pub trait Background: Send + Sync + 'static {
    /// Runs a task to its end, which it finds by itself.
    fn run(&self, task: Pin<Box<dyn Future<Output = ()> + Send>>);

    /// Resolves when the server stops and that while is over.
    fn ending(&self) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// What an operator sets, and what the other modules say about it.
#[derive(Clone, Debug)]
pub struct ForwardSettings {
    /// `server.public_url`
    pub own: PublicUrl,
    /// `server.trusted_proxies`
    pub trusted: TrustedProxies,
    /// `server.underscore_headers`
    pub underscores: Underscores,
}

/// What belongs to a request besides itself.
pub struct Passage<'a> {
    /// The route that it takes.
    pub route: &'a Route,
    /// What the route was told before of whose it is: [`Forwarder::told`].
    pub told: Option<Arc<[u8]>>,
    /// Or else whose it is; `None` sends the route's headers empty.
    pub identity: Option<&'a IdentityView<'a>>,
    /// Where what is told of them is kept for their next request.
    pub ready: Option<&'a Ready>,
    /// Who sent it.
    pub peer: &'a Peer,
    /// Its name in the logs.
    pub request_id: &'a RequestId,
    /// When the session ends, so do its streams and tunnels. Asked only for what goes on after
    /// its head.
    pub ended: &'a (dyn Fn() -> Option<Ended> + Send + Sync),
}

/// How long the application took until its answer began.
#[derive(Clone, Copy, Debug)]
pub struct UpstreamTime(pub Duration);

/// Passes requests on to the applications of one configuration.
pub struct Forwarder {
    names: Arc<IdentityNames>,
    jwt: Arc<Jwt>,
    settings: ForwardSettings,
    forwarding: Forwarding,
    background: Arc<dyn Background>,
    balancers: Arc<Balancers>,
    /// By [`Route::place`].
    routes: Vec<Prepared>,
}

/// What of a route is the same for every request.
#[derive(Debug, Default)]
struct Prepared {
    /// What a session keeps under it is for this route.
    key: u64,
    /// By their places in the route.
    targets: Vec<Arc<Target>>,
    /// The lines of somebody whom we do not know.
    nobody: Template,
    counted: Counted,
}

impl Forwarder {
    /// For these routes; the pool outlives the configuration.
    pub fn new(
        pool: &Pool,
        routes: &Routes,
        balancers: Arc<Balancers>,
        jwt: Arc<Jwt>,
        settings: ForwardSettings,
        background: Arc<dyn Background>,
    ) -> Self {
        let names = IdentityNames::of(routes.iter().map(AsRef::as_ref));
        let mut prepared = Vec::new();
        for route in routes.iter() {
            if prepared.len() <= route.place {
                prepared.resize_with(route.place.saturating_add(1), Prepared::default);
            }
            if let Some(place) = prepared.get_mut(route.place) {
                *place = Prepared::of(route, pool);
            }
        }
        Self {
            names: Arc::new(names),
            jwt,
            forwarding: Forwarding::of(&settings.own),
            settings,
            background,
            balancers,
            routes: prepared,
        }
    }

    /// What requests along a route are counted under.
    pub fn counted(&self, route: &Route) -> Counted {
        self.routes
            .get(route.place)
            .map(|prepared| prepared.counted)
            .unwrap_or_default()
    }

    /// Who of the applications is well.
    pub const fn balancers(&self) -> &Arc<Balancers> {
        &self.balancers
    }

    /// What this route was told of a session before, while it is good. The route has admitted them
    /// then; what was told for a public path of it does not count where it asks who they are.
    pub fn told(&self, route: &Route, ready: &Ready, now: Timestamp) -> Option<Arc<[u8]>> {
        ready.told(self.routes.get(route.place)?.key, route.public, now)
    }

    /// The identity headers of somebody whom this route has admitted, as lines of HTTP/1.1: what an
    /// application gets that another proxy passes requests on to.
    pub fn identity(
        &self,
        route: &Route,
        view: &IdentityView<'_>,
        ready: &Ready,
        now: Timestamp,
    ) -> Option<Vec<u8>> {
        let prepared = self.routes.get(route.place)?;
        let told = ready.told(prepared.key, route.public, now);
        let told = told.unwrap_or_else(|| self.tell(route, prepared, view, Some(ready), now));
        let mut lines = Vec::with_capacity(Template::length(&told));
        prepared.nobody.write(&told, &mut lines);
        Some(lines)
    }

    /// Sends the request on and returns the answer as soon as it begins, and how long that took.
    pub async fn forward<B>(
        &self,
        parts: &mut Parts,
        body: B,
        passage: Passage<'_>,
        now: Timestamp,
    ) -> Result<(Response<Body>, UpstreamTime), ProxyError>
    where
        B: hyper::body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        if REFUSED.contains(&parts.method) {
            let method = &parts.method;
            return Err(ProxyError::Ambiguous(format!("{method} is not passed on")));
        }
        if parts.extensions.get::<TwoLengths>().is_some() {
            let detail = "Content-Length beside Transfer-Encoding".to_owned();
            return Err(ProxyError::Ambiguous(detail));
        }
        let route = passage.route;
        let wants_tunnel = upgrade::is_asked_for(parts, body.is_end_stream());
        let none = || ProxyError::Connect {
            upstream: route.name.clone(),
            detail: "the route has no upstream".to_owned(),
        };
        let prepared = self.routes.get(route.place).ok_or_else(none)?;
        let balancer = self.balancers.of(route).ok_or_else(none)?;
        let sent = framing(parts, &body, wants_tunnel);
        let head = self.write_head(parts, &body, &passage, prepared, sent, wants_tunnel, now)?;

        let started = exchange::now();
        // A call of gRPC may be silent for as long as it likes.
        let pace = (!is_grpc(parts)).then_some(route.timeouts.body);
        let mut attempt = Attempt {
            method: &parts.method,
            timeouts: route.timeouts,
            again: is_idempotent(&parts.method) && body.is_end_stream(),
            head,
            body: Some(UpstreamBody::new(body, &self.names, route.max_body).paced(pace, started)),
            sent,
            started,
            fresh: false,
        };
        let mut round = balancer.round();
        let mut pick = round.next(now).ok_or_else(none)?;
        let (answer, target) = loop {
            let target = prepared.targets.get(pick.place()).ok_or_else(none)?;
            let answered = match target.protocol {
                Protocol::Http1 => attempt.http1(target).await,
                // In a box, as dialling is: what is seldom should not make every request's future
                // large, which is moved as a whole.
                Protocol::Http2 => Box::pin(attempt.http2(target, &self.names)).await,
            };
            let failure = match answered {
                Ok(answer) => {
                    pick.fine();
                    break (answer, target);
                }
                Err(failure) => failure,
            };
            let Failure { error, stale, unsent, head, body } = failure;
            attempt.head = head;
            attempt.body = body;
            if stale && (unsent || attempt.again) {
                attempt.fresh = true;
            } else {
                if error.kind().is_some() {
                    pick.failed(now);
                }
                if !matches!(
                    error,
                    ProxyError::Connect { .. } | ProxyError::ConnectTimeout { .. }
                ) {
                    return Err(error);
                }
                let Some(next) = round.next(now) else {
                    return Err(error);
                };
                pick = next;
            }
            if attempt.body.is_none() {
                if !attempt.again {
                    return Err(error);
                }
                attempt.body = Some(UpstreamBody::empty(&self.names));
            }
        };
        let time = UpstreamTime(exchange::now().saturating_duration_since(started));
        let flight = pick.into_flight();
        let (status, mut head, body) = match answer {
            Answer::Http1(mut head, exchange) if head.status == StatusCode::SWITCHING_PROTOCOLS => {
                if !(wants_tunnel && head.websocket) {
                    return Err(ProxyError::Switched { upstream: target.name.clone() });
                }
                self.open_tunnel(parts, exchange, route, (passage.ended)(), flight);
                upgrade::agree(&mut head.headers);
                (head.status, head.headers, Body::whole(Bytes::new()))
            }
            Answer::Http1(head, mut exchange) => {
                let body = match exchange.whole() {
                    Some(bytes) => Body::whole(bytes),
                    None => {
                        let ended = (passage.ended)();
                        Body::http1(exchange, route.timeouts, ended, flight, started)
                    }
                };
                (head.status, head.headers, body)
            }
            Answer::Http2(response) => {
                let (mut head, body) = response.into_parts();
                headers::clean_response(&mut head.headers);
                let ended = (passage.ended)();
                let body = Body::http2(body, route.timeouts, ended, flight, exchange::now());
                (head.status, head.headers, body)
            }
        };
        headers::edit(&mut head, &route.response_headers);
        head.insert(X_REQUEST_ID, passage.request_id.value().clone());
        let mut response = Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = head;
        Ok((response, time))
    }

    fn open_tunnel(
        &self,
        parts: &mut Parts,
        exchange: Box<Exchange>,
        route: &Route,
        ended: Option<Ended>,
        flight: Option<Flight>,
    ) {
        let client = parts.extensions.remove::<hyper::upgrade::OnUpgrade>();
        if let (Some(client), Some(upstream)) = (client, exchange.into_connection()) {
            let (ending, idle) = (self.background.ending(), route.timeouts.idle);
            self.background.run(Box::pin(async move {
                upgrade::tunnel(client, upstream, ended, ending, idle).await;
                drop(flight);
            }));
        }
    }

    /// The request as it is sent: everything up to its body. What the client says about itself is
    /// replaced by what we know.
    #[expect(
        clippy::too_many_arguments,
        reason = "these are the parts of one request"
    )]
    fn write_head<B: hyper::body::Body>(
        &self,
        parts: &Parts,
        body: &B,
        passage: &Passage<'_>,
        prepared: &Prepared,
        sent: Sent,
        wants_tunnel: bool,
        now: Timestamp,
    ) -> Result<Vec<u8>, ProxyError> {
        let settings = &self.settings;
        let route = passage.route;
        let host = host(parts).map_err(|refusal| ProxyError::Ambiguous(refusal.to_string()))?;
        let length = body.size_hint().exact();
        if let (Some(most), Some(length)) = (route.max_body, length)
            && length > most
        {
            return Err(ProxyError::TooLong);
        }
        let told = match (&passage.told, passage.identity) {
            (Some(told), _) => Some(Arc::clone(told)),
            (None, Some(view)) => Some(self.tell(route, prepared, view, passage.ready, now)),
            (None, None) => None,
        };
        let nobody = prepared.nobody.lines().len();
        let lines = told.as_deref().map_or(nobody, Template::length);
        let mut out = Vec::with_capacity(lines.saturating_add(HEAD));
        out.extend_from_slice(parts.method.as_str().as_bytes());
        out.push(b' ');
        write_target(&mut out, parts, route)?;
        out.extend_from_slice(b" HTTP/1.1\r\n");
        let name = route.host_header.as_deref().unwrap_or(host);
        headers::line(&mut out, b"host", name.as_bytes());
        let trusted = settings.trusted.trusts(passage.peer);
        let rules = Rules {
            underscores: settings.underscores,
            trusted,
            edits: &route.request_headers,
            prefix: route.rewrite.as_ref().map(|_| own_prefix(route)).filter(|own| !own.is_empty()),
        };
        let speaks = self.names.write_request(&mut out, &parts.headers, rules)?;
        let believed = trusted && speaks;
        self.forwarding.write(&mut out, &parts.headers, host, passage.peer, believed);
        headers::line(
            &mut out,
            b"x-request-id",
            passage.request_id.value().as_bytes(),
        );
        match told {
            None => out.extend_from_slice(prepared.nobody.lines()),
            Some(told) => prepared.nobody.write(&told, &mut out),
        }
        if wants_tunnel {
            out.extend_from_slice(upgrade::ASK);
        }
        match sent {
            Sent::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
            Sent::Length { waits } => {
                let length = length.unwrap_or_default();
                if length > 0 || expects_a_body(parts) {
                    // Writing to a Vec can not fail.
                    let _ = write!(out, "content-length: {length}\r\n");
                }
                if waits {
                    out.extend_from_slice(b"expect: 100-continue\r\n");
                }
            }
        }
        out.extend_from_slice(b"\r\n");
        Ok(out)
    }

    /// Makes what a route is told of somebody.
    fn tell(
        &self,
        route: &Route,
        prepared: &Prepared,
        view: &IdentityView<'_>,
        ready: Option<&Ready>,
        now: Timestamp,
    ) -> Arc<[u8]> {
        let minted = self.assertion(route, view, now);
        let fresh_until = match &minted {
            Some(minted) => minted.fresh_until,
            None => now.plus(UNSIGNED),
        };
        let mut headers = HeaderMap::new();
        let assertion = minted.as_ref().map(|minted| &minted.assertion);
        IdentityHeaders::set(&mut headers, route, view, assertion);
        let bytes: Arc<[u8]> = Arc::from(prepared.nobody.pack(&headers));
        if let Some(ready) = ready {
            let key = prepared.key;
            let (admitted, bytes) = (!route.public, Arc::clone(&bytes));
            ready.keep(Told { key, fresh_until, admitted, bytes }, now);
        }
        bytes
    }

    fn assertion(&self, route: &Route, view: &IdentityView<'_>, now: Timestamp) -> Option<Minted> {
        if !route.headers.contains(&HeaderProfile::Signed) {
            return None;
        }
        // Without an assertion the application refuses by itself; the header is there, empty.
        let assertion = self.jwt.assertion(route, view, now);
        assertion
            .inspect_err(|error| tracing::error!(%error, "no assertion was signed"))
            .ok()
    }
}

impl Prepared {
    fn of(route: &Route, pool: &Pool) -> Self {
        let mut headers = HeaderMap::new();
        IdentityHeaders::set_empty(&mut headers, route);
        Self {
            key: KEYS.fetch_add(1, Ordering::Relaxed),
            targets: route.upstreams.iter().map(|upstream| pool.target(route, upstream)).collect(),
            nobody: Template::of(&headers),
            counted: Counted::named(&route.name),
        }
    }
}

static KEYS: AtomicU64 = AtomicU64::new(1);

/// A request that is sent until somebody answers.
struct Attempt<'a> {
    method: &'a Method,
    timeouts: Timeouts,
    /// It may be sent twice: it only reads, or does the same again, and has no body.
    again: bool,
    head: Vec<u8>,
    body: Option<UpstreamBody>,
    sent: Sent,
    started: Instant,
    /// No idle connection: one has been closed under us.
    fresh: bool,
}

enum Answer {
    Http1(Head, Box<Exchange>),
    Http2(Response<Incoming>),
}

impl Attempt<'_> {
    async fn http1(&mut self, target: &Arc<Target>) -> Result<Answer, Failure> {
        let idle = if self.fresh {
            None
        } else {
            upstream::idle(target, self.started)
        };
        let mut connection = match idle {
            Some(connection) => connection,
            None => match Box::pin(target.dial()).await {
                Ok(wire) => Connection::new(Arc::clone(target), wire, exchange::now()),
                Err(error) => return Err(self.undone(error)),
            },
        };
        if connection.reused {
            connection.alarm.moved(self.started);
        }
        let head = std::mem::take(&mut self.head);
        let Some(body) = self.body.take() else {
            return Err(self.undone(ProxyError::Client("the body is gone".to_owned())));
        };
        let mut exchange = Box::new(Exchange::new(
            connection,
            head,
            self.method.clone(),
            body,
            self.sent,
            self.timeouts,
        ));
        let head = poll_fn(|context| exchange.poll_head(context)).await?;
        Ok(Answer::Http1(head, exchange))
    }

    async fn http2(
        &mut self,
        target: &Arc<Target>,
        names: &Arc<IdentityNames>,
    ) -> Result<Answer, Failure> {
        let sender = match upstream::shared(target).filter(|_| !self.fresh) {
            Some(sender) => sender,
            None => match h2::open(target).await {
                Ok(sender) => sender,
                Err(error) => return Err(self.undone(error)),
            },
        };
        let progress = Progress::default();
        let body = self.body.take().unwrap_or_else(|| UpstreamBody::empty(names));
        let empty = body.is_end_stream();
        let request = match h2::request(target, &self.head, body.telling(&progress)) {
            Ok(request) => request,
            Err(error) => return Err(self.undone(error)),
        };
        let answered = h2::send(target, sender, request, &progress, self.timeouts).await;
        answered.map(Answer::Http2).map_err(|unanswered| {
            let h2::Unanswered { error, stale, ignored, body } = unanswered;
            let body = body.or_else(|| empty.then(|| UpstreamBody::empty(names)));
            Failure {
                unsent: ignored && body.is_some(),
                body,
                // An application that refuses on a new connection means it.
                ..self.undone_with(error, stale && !self.fresh)
            }
        })
    }

    fn undone(&mut self, error: ProxyError) -> Failure {
        let body = self.body.take();
        Failure { body, unsent: true, ..self.undone_with(error, false) }
    }

    fn undone_with(&mut self, error: ProxyError, stale: bool) -> Failure {
        let head = std::mem::take(&mut self.head);
        Failure { error, stale, unsent: false, head, body: None }
    }
}

/// How the body is sent on: as it came. RFC 9110, 10.1.1: an expectation is passed on with it.
fn framing<B: hyper::body::Body>(parts: &Parts, body: &B, wants_tunnel: bool) -> Sent {
    if wants_tunnel || body.is_end_stream() {
        return Sent::Length { waits: false };
    }
    let expects = parts.headers.get(header::EXPECT);
    let expects =
        expects.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    match body.size_hint().exact() {
        Some(_) => Sent::Length { waits: expects && parts.version >= Version::HTTP_11 },
        None => Sent::Chunked,
    }
}

/// Whether this is a call of gRPC.
fn is_grpc(parts: &Parts) -> bool {
    let kind = parts.headers.get(header::CONTENT_TYPE).map(header::HeaderValue::as_bytes);
    let begin = kind.and_then(|kind| kind.get(..GRPC.len()));
    begin.is_some_and(|begin| begin.eq_ignore_ascii_case(GRPC))
}

/// RFC 9110, 8.6: whether a missing body is worth mentioning.
fn expects_a_body(parts: &Parts) -> bool {
    let meant = [Method::POST, Method::PUT, Method::PATCH].contains(&parts.method);
    meant || parts.headers.contains_key(header::CONTENT_LENGTH)
}

/// RFC 9110, 9.2.2.
fn is_idempotent(method: &Method) -> bool {
    method.is_safe() || *method == Method::PUT || *method == Method::DELETE
}

/// The path of a route, without a `/` at its end.
fn own_prefix(route: &Route) -> &str {
    let (PathMatch::Prefix(prefix) | PathMatch::Exact(prefix)) = &route.path;
    prefix.trim_end_matches('/')
}

/// The path and query that the application is asked for.
pub fn write_target(out: &mut Vec<u8>, parts: &Parts, route: &Route) -> Result<(), ProxyError> {
    let sent = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let Some(rewrite) = &route.rewrite else {
        out.extend_from_slice(sent.as_bytes());
        return Ok(());
    };
    let prefix = own_prefix(route);
    let rest = |path: &str| path.strip_prefix(prefix).map(str::to_owned);
    let path = parts.uri.path();
    // A path that is spelt in another way than the route is sent in its normal form.
    let rest = rest(path)
        .or_else(|| rest(&crate::access::normalise(path).ok()?))
        .ok_or_else(|| ProxyError::Ambiguous("the path is not below its route".to_owned()))?;
    out.extend_from_slice(rewrite.as_bytes());
    if rewrite.is_empty() && !rest.starts_with('/') {
        out.push(b'/');
    }
    out.extend_from_slice(rest.as_bytes());
    if let Some(query) = parts.uri.query() {
        out.push(b'?');
        out.extend_from_slice(query.as_bytes());
    }
    Ok(())
}

/// `CONNECT` asks for a proxy of another kind; the answer to `TRACE` would show the client what we
/// tell the application.
static REFUSED: [Method; 2] = [Method::CONNECT, Method::TRACE];

const GRPC: &[u8] = b"application/grpc";
/// Most heads fit, without what is told of somebody.
const HEAD: usize = 2048;
/// How long it is kept what an application is told without an assertion. Nothing of a session changes.
const UNSIGNED: Duration = Duration::from_secs(300);

impl fmt::Debug for Forwarder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forwarder")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
