//! The door: every request of the public listener comes in here.
//!
//! In: a request and its peer. Out: an answer. The gateway's own paths go to the router, all
//! others to the application. The proxied path does not pass through axum: it is decided and
//! forwarded here.

use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use http::Request;
use hyper::body::Incoming;
use tower::ServiceExt as _;

use crate::access::{host, normalise};
use crate::app::Live;
use crate::base::{ErrorCode, Timestamp};
use crate::http::application;
use crate::http::context::Context;
use crate::http::error::{GatewayError, Reader};
use crate::http::hosts::Place;
use crate::http::router;
use crate::http::state::Gateway;
use crate::proxy::request_id::{Trust, X_REQUEST_ID};
use crate::proxy::{Peer, RequestId, UpstreamTime};
use crate::telemetry::InFlight;

/// The public listener's service.
#[derive(Clone)]
pub struct Door {
    gateway: Arc<Gateway>,
    router: Router,
}

/// The route of the gateway's own pages in metrics and logs.
const OWN: &str = "samlgate";
/// A request that no route is for.
const NONE: &str = "none";

impl Door {
    /// With the site map behind it.
    pub fn new(gateway: Arc<Gateway>) -> Self {
        Self { router: router::router(Arc::clone(&gateway)), gateway }
    }

    /// Answers one request.
    pub async fn serve(&self, request: Request<Incoming>, peer: Peer) -> Response {
        let in_flight = InFlight::begin();
        let now = self.gateway.app.now();
        let live = self.gateway.app.settings();
        let trusted = live.trusted_proxies.trusts(&peer);
        let trust = if trusted {
            Trust::Trusted
        } else {
            Trust::Anybody
        };
        let headers = request.headers();
        let context = Context {
            request_id: RequestId::of(headers, trust, self.gateway.app.entropy.as_ref()),
            peer,
            client: live.trusted_proxies.client_address(&peer, headers),
        };
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let (mut response, route) = self.dispatch(request, &path, &live, &context, now).await;
        response.headers_mut().insert(X_REQUEST_ID, context.request_id.value().clone());

        let upstream = response.extensions().get::<UpstreamTime>().map(|time| time.0);
        let elapsed = in_flight.answered(&route, &method, response.status(), upstream);
        tracing::info!(
            target: "samlgate::access",
            request_id = context.request_id.as_str(),
            method = method.as_str(),
            path,
            status = response.status().as_u16(),
            route = &*route,
            client = context.client_text(),
            duration_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
            upstream_us = upstream.map(|time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX)),
            "request"
        );
        response
    }

    async fn dispatch(
        &self,
        request: Request<Incoming>,
        path: &str,
        live: &Live,
        context: &Context,
        now: Timestamp,
    ) -> (Response, Arc<str>) {
        let refuse = |code: ErrorCode, detail: String, headers: &http::HeaderMap| {
            let error = GatewayError::new(code, detail);
            (
                self.gateway.fail(&error, context, Reader::of(headers), now),
                Arc::from(NONE),
            )
        };
        let path = match normalise(path) {
            Ok(path) => path,
            Err(refusal) => {
                return refuse(refusal.code(), refusal.to_string(), request.headers());
            }
        };
        if router::is_own(&path) || router::is_oauth2(&path, live.forward_auth) {
            return (self.own(request, live, context).await, Arc::from(OWN));
        }
        let (parts, body) = request.into_parts();
        let route = match host(&parts) {
            Ok(name) => live.routes.find(name, &path).cloned(),
            Err(refusal) => return refuse(refusal.code(), refusal.to_string(), &parts.headers),
        };
        let Some(route) = route else {
            let detail = format!("no route is for {path}");
            return refuse(ErrorCode::ProxyHost, detail, &parts.headers);
        };
        let name = Arc::from(route.name.as_str());
        let request = Request::from_parts(parts, body);
        (
            application::pass(&self.gateway, live, &route, request, context, now).await,
            name,
        )
    }

    async fn own(&self, request: Request<Incoming>, live: &Live, context: &Context) -> Response {
        let (mut parts, body) = request.into_parts();
        let place = Place::of(&parts, live);
        let path = parts.uri.path();
        if !router::is_here(path, &place) || !router::is_on(path, live.forward_auth) {
            let detail = format!("{} is not on this host", parts.uri.path());
            let error = GatewayError::new(ErrorCode::HttpNotFound, detail);
            let now = self.gateway.app.now();
            return self.gateway.fail(&error, context, Reader::of(&parts.headers), now);
        }
        parts.extensions.insert(context.clone());
        parts.extensions.insert(place);
        let request = Request::from_parts(parts, body);
        match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}
