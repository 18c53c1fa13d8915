//! One request to an application, and its answer.
//!
//! In: an admitted request, and whose it is. Out: the application's answer, streaming. Every
//! request is written anew: HTTP/1.1, one `Host`, our headers in place of the client's.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use http::Method;
use http::Request;
use http::Response;
use http::StatusCode;
use http::Version;
use http::header;
use http::request::Parts;
use hyper::body::Incoming;

use crate::access::HeaderProfile;
use crate::access::Route;
use crate::access::Routes;
use crate::access::Upstream;
use crate::access::host;
use crate::base::PublicUrl;
use crate::base::Timestamp;
use crate::base::clock::Stopwatch;
use crate::proxy::body::Body;
use crate::proxy::body::BoxError;
use crate::proxy::body::Ended;
use crate::proxy::body::Progress;
use crate::proxy::body::UpstreamBody;
use crate::proxy::error::ProxyError;
use crate::proxy::headers;
use crate::proxy::headers::IdentityNames;
use crate::proxy::identity_headers::IdentityHeaders;
use crate::proxy::identity_headers::IdentityView;
use crate::proxy::jwt::Jwt;
use crate::proxy::peer::Peer;
use crate::proxy::peer::TrustedProxies;
use crate::proxy::request_id::RequestId;
use crate::proxy::request_id::X_REQUEST_ID;
use crate::proxy::upgrade;
use crate::proxy::upstream;
use crate::proxy::upstream::Pool;

/// What runs on after its request: tunnels. They stop with the server.
pub trait Background: Send + Sync + 'static {
    /// Runs a task to its end, or until the server stops.
    fn run(&self, task: Pin<Box<dyn Future<Output = ()> + Send>>);
}

/// What an operator sets, and what the other modules say about it.
#[derive(Clone, Debug)]
pub struct ForwardSettings {
    /// `server.public_url`
    pub own: PublicUrl,
    /// `server.trusted_proxies`
    pub trusted: TrustedProxies,
    /// How long an application may take before its answer begins; 60 s.
    pub answer_timeout: Duration,
}

/// What belongs to a request besides itself.
pub struct Passage<'a> {
    /// The route that it takes.
    pub route: &'a Route,
    /// Whose it is; `None` sends the route's headers empty.
    pub identity: Option<&'a IdentityView<'a>>,
    /// Who sent it.
    pub peer: &'a Peer,
    /// Its name in the logs.
    pub request_id: &'a RequestId,
    /// When the session ends, so do its streams and tunnels.
    pub ended: Option<Ended>,
}

/// How long the application took until its answer began: an extension of every answer.
#[derive(Clone, Copy, Debug)]
pub struct UpstreamTime(pub Duration);

/// Passes requests on to the applications of one configuration.
pub struct Forwarder {
    pool: Pool,
    names: Arc<IdentityNames>,
    jwt: Arc<Jwt>,
    settings: ForwardSettings,
    background: Arc<dyn Background>,
    turns: HashMap<String, AtomicUsize>,
}

impl Forwarder {
    /// For these routes; the pool outlives the configuration.
    pub fn new(
        pool: Pool,
        routes: &Routes,
        jwt: Arc<Jwt>,
        settings: ForwardSettings,
        background: Arc<dyn Background>,
    ) -> Self {
        let names = IdentityNames::of(routes.iter().map(AsRef::as_ref));
        let several = routes.iter().filter(|route| route.upstreams.len() > 1);
        let turns = several.map(|route| (route.name.clone(), AtomicUsize::new(0))).collect();
        Self {
            pool,
            names: Arc::new(names),
            jwt,
            settings,
            background,
            turns,
        }
    }

    /// Sends the request on and returns the answer as soon as it begins.
    pub async fn forward<B>(
        &self,
        mut request: Request<B>,
        passage: Passage<'_>,
        now: Timestamp,
    ) -> Result<Response<Body>, ProxyError>
    where
        B: hyper::body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        if REFUSED.contains(request.method()) {
            let method = request.method();
            return Err(ProxyError::Ambiguous(format!("{method} is not passed on")));
        }
        let client = hyper::upgrade::on(&mut request);
        let (mut parts, body) = request.into_parts();
        let wants_tunnel = upgrade::is_asked_for(&parts, body.is_end_stream());
        self.rewrite(&mut parts, &passage, now)?;
        if wants_tunnel {
            upgrade::ask(&mut parts.headers);
        } else if !body.is_end_stream() && !parts.headers.contains_key(header::CONTENT_LENGTH) {
            // Said explicitly: hyper sends no body of unknown length with a GET otherwise.
            let chunked = HeaderValue::from_static("chunked");
            parts.headers.insert(header::TRANSFER_ENCODING, chunked);
        }
        let watch = Stopwatch::start();
        let (mut answer, upstream) = self.send(parts, body, passage.route).await?;
        let time = UpstreamTime(watch.elapsed());

        let switched = answer.status() == StatusCode::SWITCHING_PROTOCOLS;
        if switched && !(wants_tunnel && upgrade::names_websocket(answer.headers())) {
            return Err(ProxyError::Switched { upstream: upstream::name(upstream) });
        }
        let application = switched.then(|| hyper::upgrade::on(&mut answer));
        let (mut head, body) = answer.into_parts();
        headers::clean_response(&mut head.headers);
        head.headers.insert(X_REQUEST_ID, passage.request_id.value().clone());
        head.version = Version::HTTP_11;
        head.extensions = http::Extensions::new();
        head.extensions.insert(time);
        let Some(application) = application else {
            return Ok(Response::from_parts(head, Body::new(body, passage.ended)));
        };
        upgrade::ask(&mut head.headers);
        let tunnel = upgrade::tunnel(client, application, passage.ended);
        self.background.run(Box::pin(tunnel));
        Ok(Response::from_parts(head, Body::empty()))
    }

    /// Replaces what the client says about itself by what we know.
    fn rewrite(
        &self,
        parts: &mut Parts,
        passage: &Passage<'_>,
        now: Timestamp,
    ) -> Result<(), ProxyError> {
        let settings = &self.settings;
        let host = host(parts)
            .map_err(|refusal| ProxyError::Ambiguous(refusal.to_string()))?
            .to_owned();
        self.names.clean_request(&mut parts.headers)?;
        headers::strip_cookies(&mut parts.headers);
        let trusted = settings.trusted.trusts(passage.peer);
        headers::set_forwarded(
            &mut parts.headers,
            &host,
            passage.peer,
            trusted,
            &settings.own,
        );
        parts.headers.insert(X_REQUEST_ID, passage.request_id.value().clone());
        let sent = passage.route.host_header.as_deref().unwrap_or(&host);
        let sent = HeaderValue::try_from(sent)
            .map_err(|_| ProxyError::Ambiguous("the host can not be a header".to_owned()))?;
        parts.headers.insert(header::HOST, sent);
        match passage.identity {
            None => IdentityHeaders::set_empty(&mut parts.headers, passage.route),
            Some(view) => {
                let assertion = self.assertion(passage.route, view, now);
                IdentityHeaders::set(&mut parts.headers, passage.route, view, assertion.as_ref());
            }
        }
        parts.version = Version::HTTP_11;
        Ok(())
    }

    fn assertion(
        &self,
        route: &Route,
        view: &IdentityView<'_>,
        now: Timestamp,
    ) -> Option<HeaderValue> {
        if !route.headers.contains(&HeaderProfile::Signed) {
            return None;
        }
        // Without an assertion the application refuses by itself; the header is there, empty.
        let assertion = self.jwt.assertion(route, view, now);
        assertion
            .inspect_err(|error| tracing::error!(%error, "no assertion was signed"))
            .ok()
    }

    /// Sends to the upstream whose turn it is. A request without a body is sent a second time
    /// where that can do no harm: to the next upstream when this one can not be reached, and once
    /// again when a pooled connection was closed under a request that only reads.
    async fn send<'r, B>(
        &self,
        parts: Parts,
        body: B,
        route: &'r Route,
    ) -> Result<(Response<Incoming>, &'r Upstream), ProxyError>
    where
        B: hyper::body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let count = route.upstreams.len();
        let turn = self.turns.get(&route.name);
        let turn = turn.map_or(0, |turn| turn.fetch_add(1, Ordering::Relaxed));
        let mut order = (0..count).filter_map(|step| {
            let place = turn.wrapping_add(step).checked_rem(count)?;
            route.upstreams.get(place)
        });
        let none = || ProxyError::Connect {
            upstream: route.name.clone(),
            detail: "the route has no upstream".to_owned(),
        };
        let mut upstream = order.next().ok_or_else(none)?;

        let mut reads = parts.method.is_safe();
        let again = body.is_end_stream().then(|| parts.clone());
        let progress = Progress::default();
        let body = UpstreamBody::new(body, &self.names, &progress);
        let mut sent = self.send_to(parts, body, upstream, &progress).await;
        while let (Some(parts), Err(error)) = (&again, &sent) {
            match error {
                ProxyError::Connect { .. } | ProxyError::ConnectTimeout { .. } => {
                    let Some(next) = order.next() else { break };
                    upstream = next;
                }
                ProxyError::Closed { .. } if reads => reads = false,
                _ => break,
            }
            let body = UpstreamBody::empty(&self.names);
            sent = self.send_to(parts.clone(), body, upstream, &progress).await;
        }
        Ok((sent?, upstream))
    }

    async fn send_to(
        &self,
        mut parts: Parts,
        body: UpstreamBody,
        upstream: &Upstream,
        progress: &Progress,
    ) -> Result<Response<Incoming>, ProxyError> {
        let target = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        parts.uri = upstream::address(upstream, target)
            .map_err(|error| ProxyError::Ambiguous(error.to_string()))?;
        let answer = self.pool.send(Request::from_parts(parts, body), upstream);
        let mut answer = std::pin::pin!(answer);
        // The time runs while nothing moves: a slow upload is not a slow application.
        loop {
            let frames = progress.frames();
            match tokio::time::timeout(self.settings.answer_timeout, &mut answer).await {
                Ok(answer) => return answer,
                Err(_) if progress.frames() != frames => {}
                Err(_) => {
                    return Err(ProxyError::AnswerTimeout { upstream: upstream::name(upstream) });
                }
            }
        }
    }
}

/// `CONNECT` asks for a proxy of another kind; the answer to `TRACE` would show the client what we
/// tell the application.
static REFUSED: [Method; 2] = [Method::CONNECT, Method::TRACE];

impl fmt::Debug for Forwarder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forwarder")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
