//! The request that is asked about, put together from what the other proxy says of it.

use std::sync::Arc;

use http::header::{HOST, HeaderName, HeaderValue, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, Method, Request, Uri};

use super::Mode;
use crate::access::{Route, host, normalise};
use crate::app::Live;
use crate::base::ErrorCode;
use crate::http::error::GatewayError;
use crate::http::hosts::Place;
use crate::http::{links, router};

/// A request as it would have come to us, and the route that it would have taken.
#[derive(Debug)]
pub(super) struct Original {
    pub(super) head: Parts,
    pub(super) place: Place,
    pub(super) route: Arc<Route>,
}

/// What identifies a request.
struct Line {
    method: Method,
    scheme: String,
    host: String,
    target: String,
}

impl Original {
    /// Reads a question. Everything has to be said, and said once: what is missing would have to
    /// be guessed, and what is there twice was perhaps sent by the client.
    pub(super) fn read(asker: &Parts, mode: Mode, live: &Live) -> Result<Self, GatewayError> {
        let line = match mode {
            Mode::AuthRequest => Line::of_nginx(&asker.headers)?,
            Mode::ForwardAuth => Line::of_forwarded(&asker.headers)?,
            Mode::ExtAuthz => Line::of_envoy(asker)?,
            Mode::OAuth2 => Line::of_oauth2(asker, live)?,
        };
        let own = &live.sp.public_url;
        if !own.as_str().starts_with(&format!("{}://", line.scheme)) {
            let detail = format!("asked by {}, and public_url is {own}", line.scheme);
            return Err(refused(detail));
        }
        let uri: Uri =
            line.target.parse().map_err(|_| refused("the address is none".to_owned()))?;
        if uri.authority().is_some() || !line.target.starts_with('/') {
            return Err(refused("the address is not a path".to_owned()));
        }
        let host_value = HeaderValue::try_from(&line.host);
        let host_value = host_value.map_err(|_| refused("the host is no host".to_owned()))?;
        let (mut head, ()) = Request::new(()).into_parts();
        head.method = line.method;
        head.uri = uri;
        head.headers = asker.headers.clone();
        head.headers.insert(HOST, host_value);
        // These proxies leave `Upgrade` out, but not this one.
        if head.headers.contains_key(SEC_WEBSOCKET_KEY) {
            head.headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        }
        let path = normalise(head.uri.path())
            .map_err(|refusal| GatewayError::new(refusal.code(), refusal))?
            .into_owned();
        let host = host(&head).map_err(|refusal| GatewayError::new(refusal.code(), refusal))?;
        if router::is_own(&path) {
            let detail = format!("{path} is the gateway's own: pass such requests on to it");
            return Err(refused(detail));
        }
        let route = live.routes.find(host, &path).cloned().ok_or_else(|| {
            GatewayError::new(
                ErrorCode::ProxyHost,
                format!("no route is for {host} {path}"),
            )
        })?;
        let place = Place::named(host, live);
        Ok(Self { head, place, route })
    }
}

impl Line {
    /// `X-Original-URL`, or `X-Original-URI` with host and scheme beside it.
    fn of_nginx(headers: &HeaderMap) -> Result<Self, GatewayError> {
        let method = method(one(headers, "x-original-method")?)?;
        if let Some(url) = maybe_one(headers, "x-original-url")? {
            if headers.contains_key("x-original-uri") {
                // One of the two was the client's.
                return Err(refused(
                    "X-Original-URL and X-Original-URI are both there".to_owned(),
                ));
            }
            let cut = url.split_once("://");
            let (scheme, rest) =
                cut.ok_or_else(|| refused(format!("X-Original-URL is {url:?}")))?;
            let (host, target) = match rest.find('/') {
                Some(slash) => rest.split_at_checked(slash).unwrap_or((rest, "/")),
                None => (rest, "/"),
            };
            return Ok(Self {
                method,
                scheme: scheme.to_owned(),
                host: host.to_owned(),
                target: target.to_owned(),
            });
        }
        Ok(Self {
            method,
            scheme: one(headers, "x-forwarded-proto")?.to_owned(),
            host: one(headers, "x-forwarded-host")?.to_owned(),
            target: one(headers, "x-original-uri")?.to_owned(),
        })
    }

    fn of_forwarded(headers: &HeaderMap) -> Result<Self, GatewayError> {
        Ok(Self {
            method: method(one(headers, "x-forwarded-method")?)?,
            scheme: one(headers, "x-forwarded-proto")?.to_owned(),
            host: one(headers, "x-forwarded-host")?.to_owned(),
            target: one(headers, "x-forwarded-uri")?.to_owned(),
        })
    }

    /// The request itself, below our prefix.
    fn of_envoy(asker: &Parts) -> Result<Self, GatewayError> {
        let target = asker.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let target = target.strip_prefix(links::EXT_AUTHZ).unwrap_or(target);
        let host = host(asker).map_err(|refusal| GatewayError::new(refusal.code(), refusal))?;
        Ok(Self {
            method: asker.method.clone(),
            scheme: one(&asker.headers, "x-forwarded-proto")?.to_owned(),
            host: host.to_owned(),
            target: if target.is_empty() { "/" } else { target }.to_owned(),
        })
    }

    /// `GET /` of the host. oauth2-proxy is told addresses under several names, and a
    /// configuration that sets one of them lets the client set the others (GHSA-7x63-xv5r-3p2x), so
    /// none is looked at. Naming another host gains nothing: a session is one host's.
    fn of_oauth2(asker: &Parts, live: &Live) -> Result<Self, GatewayError> {
        let own = host(asker).map_err(|refusal| GatewayError::new(refusal.code(), refusal))?;
        let scheme = live.sp.public_url.as_str().split_once("://");
        Ok(Self {
            method: Method::GET,
            scheme: scheme.map_or("", |(scheme, _)| scheme).to_owned(),
            host: maybe_one(&asker.headers, "x-forwarded-host")?.unwrap_or(own).to_owned(),
            target: "/".to_owned(),
        })
    }
}

fn one<'h>(headers: &'h HeaderMap, name: &'static str) -> Result<&'h str, GatewayError> {
    maybe_one(headers, name)?.ok_or_else(|| refused(format!("{name} is missing")))
}

fn maybe_one<'h>(
    headers: &'h HeaderMap,
    name: &'static str,
) -> Result<Option<&'h str>, GatewayError> {
    let mut values = headers.get_all(HeaderName::from_static(name)).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(refused(format!("{name} is there more than once")));
    }
    let text = value.to_str().map_err(|_| refused(format!("{name} is not visible ASCII")))?;
    Ok(Some(text))
}

fn method(text: &str) -> Result<Method, GatewayError> {
    let method = Method::from_bytes(text.as_bytes());
    method.map_err(|_| refused(format!("{text:?} is no method")))
}

fn refused(detail: String) -> GatewayError {
    GatewayError::new(ErrorCode::AuthzRequest, detail)
}

const SEC_WEBSOCKET_KEY: HeaderName = HeaderName::from_static("sec-websocket-key");
