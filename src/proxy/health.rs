//! Asks an upstream whether it is well.
//!
//! In: a route with `health`, and one of its upstreams. Out: nothing, or the reason why it is not
//! well. Each question has a connection of its own: an upstream that takes no new ones is not well.

use bytes::Bytes;
use http::HeaderValue;
use http::Request;
use http::Response;
use http::header::HOST;
use http::header::USER_AGENT;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;

use crate::access::HealthCheck;
use crate::access::HostMatch;
use crate::access::Protocol;
use crate::access::Route;
use crate::access::Upstream;
use crate::proxy::body::BoxError;
use crate::proxy::dial::Wire;
use crate::proxy::upstream::Pool;

/// One question.
pub async fn ask(
    pool: &Pool,
    route: &Route,
    upstream: &Upstream,
    check: &HealthCheck,
) -> Result<(), BoxError> {
    let answer = async {
        let wire = pool.target(route, upstream).dial().await?;
        let request = request(route, upstream, check)?;
        match route.upstream_protocol {
            Protocol::Http1 => http1(wire, request).await,
            Protocol::Http2 => http2(wire, request).await,
        }
    };
    let answer = tokio::time::timeout(check.timeout, answer)
        .await
        .map_err(|_| "no answer in time")?;
    let status = answer?.status();
    match status.is_success() || status.is_redirection() {
        true => Ok(()),
        false => Err(format!("answered {status}").into()),
    }
}

/// The application must take it for one of its own: its `Host`, and what the operator adds to
/// every request.
fn request(
    route: &Route,
    upstream: &Upstream,
    check: &HealthCheck,
) -> Result<Request<Empty<Bytes>>, BoxError> {
    let host = match (&route.host_header, &route.host, upstream) {
        (Some(host), _, _) | (None, HostMatch::Exact(host), _) => host.as_str(),
        (None, _, Upstream::Tcp { authority, .. }) => authority.as_str(),
        (None, _, Upstream::Unix(_)) => "localhost",
    };
    let tls = matches!(upstream, Upstream::Tcp { tls: true, .. });
    let scheme = if tls { "https" } else { "http" };
    let uri = match route.upstream_protocol {
        Protocol::Http1 => check.path.parse()?,
        Protocol::Http2 => {
            let uri = http::Uri::builder().scheme(scheme).authority(host);
            uri.path_and_query(check.path.as_str()).build()?
        }
    };
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    headers.insert(USER_AGENT, HeaderValue::from_static("samlgate-health"));
    if route.upstream_protocol == Protocol::Http1 {
        headers.insert(HOST, HeaderValue::try_from(host)?);
    }
    for (name, value) in &route.request_headers.set {
        headers.insert(name.clone(), value.clone());
    }
    Ok(request)
}

async fn http1(wire: Wire, request: Request<Empty<Bytes>>) -> Result<Response<Incoming>, BoxError> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(wire)).await?;
    tokio::select! {
        answer = sender.send_request(request) => Ok(answer?),
        ended = connection => Err(ended.err().map_or_else(|| "closed".into(), BoxError::from)),
    }
}

async fn http2(wire: Wire, request: Request<Empty<Bytes>>) -> Result<Response<Incoming>, BoxError> {
    let executor = TokioExecutor::new();
    let handshake = hyper::client::conn::http2::handshake(executor, TokioIo::new(wire));
    let (mut sender, connection) = handshake.await?;
    tokio::select! {
        answer = sender.send_request(request) => Ok(answer?),
        ended = connection => Err(ended.err().map_or_else(|| "closed".into(), BoxError::from)),
    }
}
