//! The door: every request of the public listener comes in here.
//!
//! In: a request and its peer. Out: an answer. The gateway's own paths go to the router, all
//! others to the application. The proxied path does not pass through axum: it is decided and
//! forwarded here.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use http::header::{HeaderValue, RETRY_AFTER, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, Request, StatusCode};
use hyper::body::{Body as _, Incoming};
use tower::ServiceExt as _;

use crate::access::{Route, host, normalise};
use crate::app::Live;
use crate::base::{ErrorCode, Timestamp};
use crate::http::answers::Answers;
use crate::http::application;
use crate::http::context::Context;
use crate::http::error::{GatewayError, Reader};
use crate::http::hosts::Place;
use crate::http::outgoing::{self, Outgoing};
use crate::http::rates::TooOften;
use crate::http::respond;
use crate::http::router;
use crate::http::scim;
use crate::http::sso::legacy::{self, Behind};
use crate::http::state::Gateway;
use crate::proxy::request_id::{Trust, X_REQUEST_ID};
use crate::proxy::{Peer, RequestId, TwoLengths};
use crate::telemetry::access::Line;
use crate::telemetry::requests::{Counted, InFlight};

/// The public listener's service.
#[derive(Clone)]
pub struct Door {
    gateway: Arc<Gateway>,
    router: Router,
    own: Counted,
    none: Counted,
}

/// The route of the gateway's own pages in metrics and logs.
const OWN: &str = "samlgate";
/// A request that no route is for.
const NONE: &str = "none";

/// Where a request went, and how long an application took for it.
enum Way<'a> {
    Own,
    None,
    Route(&'a Route, Option<Duration>),
}

impl Door {
    /// With the site map behind it.
    pub fn new(gateway: Arc<Gateway>) -> Self {
        Self {
            router: router::router(Arc::clone(&gateway)),
            gateway,
            own: Counted::named(OWN),
            none: Counted::named(NONE),
        }
    }

    /// Answers one request.
    ///
    /// The request is in the future once: an `async fn` would have it twice, as what it is given
    /// and as what it makes of that, and hyper moves the whole for each request.
    pub fn serve(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: Peer,
    ) -> impl Future<Output = Outgoing> + Send + 'static {
        let (mut parts, body) = request.into_parts();
        async move { self.answer(&mut parts, body, peer).await }
    }

    async fn answer(&self, parts: &mut Parts, body: Incoming, peer: Peer) -> Outgoing {
        let in_flight = InFlight::begin();
        let now = self.gateway.app.now();
        let live = self.live();
        let trusted = live.trusted_proxies.trusts(&peer);
        let trust = if trusted {
            Trust::Trusted
        } else {
            Trust::Anybody
        };
        let headers = &parts.headers;
        let context = Context {
            request_id: RequestId::of(headers, trust, self.gateway.app.entropy.as_ref()),
            peer,
            client: live.trusted_proxies.client_address(&peer, headers),
        };
        let (method, uri) = (parts.method.clone(), parts.uri.clone());
        let (mut response, way) =
            self.dispatch(parts, body, uri.path(), &live, &context, now).await;
        let (counted, route, upstream) = match way {
            Way::Own => (self.own, OWN, None),
            Way::None => (self.none, NONE, None),
            Way::Route(route, time) => (live.forwarder.counted(route), route.name.as_str(), time),
        };
        if upstream.is_none() {
            response.headers_mut().insert(X_REQUEST_ID, context.request_id.value().clone());
        }
        let duration = in_flight.answered(counted, &method, response.status(), upstream);
        let line = Line {
            request_id: context.request_id.as_str(),
            method: &method,
            path: uri.path(),
            status: response.status(),
            route,
            client: context.client,
            duration,
            upstream,
        };
        line.write(now.plus(duration));
        response
    }

    /// The settings in force. Each thread holds them once, and its requests hold that: a count
    /// that all cores write to for each request would be the one thing they wait for.
    #[expect(
        clippy::redundant_allocation,
        reason = "the outer count belongs to a thread, the inner one to all"
    )]
    fn live(&self) -> Arc<Arc<Live>> {
        LIVE.with_borrow_mut(|kept| {
            let current = self.gateway.app.live();
            if let Some(kept) = kept.as_ref().filter(|kept| Arc::ptr_eq(&***kept, &*current)) {
                return Arc::clone(kept);
            }
            Arc::clone(kept.insert(Arc::new(Arc::clone(&current))))
        })
    }

    async fn dispatch<'a>(
        &self,
        parts: &mut Parts,
        body: Incoming,
        path: &str,
        live: &'a Live,
        context: &Context,
        now: Timestamp,
    ) -> (Outgoing, Way<'a>) {
        let refuse = |code: ErrorCode, detail: String, headers: &HeaderMap| {
            let error = GatewayError::new(code, detail);
            let response = self.gateway.fail(&error, context, Reader::of(headers), now);
            (outgoing::ours(response), Way::None)
        };
        let path = match normalise(path) {
            Ok(path) => path,
            Err(refusal) => {
                return refuse(refusal.code(), refusal.to_string(), &parts.headers);
            }
        };
        if parts.extensions.get::<TwoLengths>().is_some() {
            let detail = "Content-Length beside Transfer-Encoding".to_owned();
            return refuse(ErrorCode::ProxyRequest, detail, &parts.headers);
        }
        if !body.is_end_stream() && !is_plainly_framed(&parts.headers) {
            let detail = "Transfer-Encoding other than chunked".to_owned();
            return refuse(ErrorCode::ProxyRequest, detail, &parts.headers);
        }
        if router::is_own(&path)
            || router::is_oauth2(&path, live.forward_auth)
            || legacy::is_below(&path, &live.legacy)
        {
            // In a box: what is seldom should not make the future of every request large.
            let response = Box::pin(self.own(parts, body, live, context)).await;
            return (outgoing::ours(response), Way::Own);
        }
        let (route, place) = match host(parts) {
            Ok(name) => (live.routes.find(name, &path), Place::named(name, live)),
            Err(refusal) => return refuse(refusal.code(), refusal.to_string(), &parts.headers),
        };
        let Some(route) = route else {
            let detail = format!("no route is for {path}");
            return refuse(ErrorCode::ProxyHost, detail, &parts.headers);
        };
        let (gateway, place) = (&*self.gateway, &place);
        let answers = Answers { gateway, live, context, place, now };
        let (response, time) = application::pass(answers, route, parts, body).await;
        (response, Way::Route(route, time))
    }

    async fn own(
        &self,
        parts: &mut Parts,
        body: Incoming,
        live: &Live,
        context: &Context,
    ) -> Response {
        let place = Place::of(parts, live);
        let mut behind = None;
        if !live.legacy.is_empty() {
            behind = legacy::behind(parts, live, &self.gateway.app.registry());
        }
        match behind {
            Some(Behind::Page(arrived)) => {
                parts.extensions.insert(arrived);
            }
            Some(Behind::There(to)) => return respond::redirect(StatusCode::FOUND, &to),
            Some(Behind::Nothing) | None => {}
        }
        let path = parts.uri.path();
        if !router::is_here(path, &place) || !router::is_on(path, live.forward_auth) {
            let detail = format!("{} is not on this host", parts.uri.path());
            let error = GatewayError::new(ErrorCode::HttpNotFound, detail);
            let now = self.gateway.app.now();
            return self.gateway.fail(&error, context, Reader::of(&parts.headers), now);
        }
        if let Err(TooOften { seconds }) = self.gateway.rates.load().check(path, context.client) {
            let error = GatewayError::new(ErrorCode::HttpTooMany, format!("of {path}"));
            let (reader, now) = (Reader::of(&parts.headers), self.gateway.app.now());
            let mut response = self.gateway.fail(&error, context, reader, now);
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
            return response;
        }
        // One client of these asks some thousand times in a row; the others are people.
        let is_scim = scim::is_below(path);
        if !is_scim {
            parts.extensions.insert(context.clone());
            parts.extensions.insert(place);
        }
        let head = std::mem::replace(parts, Request::new(()).into_parts().0);
        let request = Request::from_parts(head, body);
        if is_scim {
            return scim::serve(&self.gateway, context, request.map(axum::body::Body::new)).await;
        }
        match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

/// Whether there is no coding besides `chunked`, once. Hyper reads by the last one alone, and would
/// have us pass on what the others made of a body without a word about them (RFC 9112, 6.1).
fn is_plainly_framed(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let first = codings.next();
    let plain = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"chunked");
    first.is_none_or(plain) && codings.next().is_none()
}

thread_local! {
    #[expect(clippy::redundant_allocation, reason = "as in `Door::live`")]
    static LIVE: RefCell<Option<Arc<Arc<Live>>>> = const { RefCell::new(None) };
}
