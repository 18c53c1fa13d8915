//! `/api/v1` of the admin listener: what an operator's programs ask for.
//!
//! In: a request with the operator's token. Out: JSON. The promises: without `admin.token` nobody
//! gets anything; a page in somebody's browser gets nothing either, whatever it knows; every change
//! is in the audit, with `api` for whoever made it. The rules are those of the command line, since
//! [`crate::directory::Administration`] has them. What there is stands in one table, from which
//! requests are answered and the description is made.

mod body;
mod connections;
mod endpoint;
mod failure;
mod guard;
mod keys;
mod links;
mod openapi;
mod tokens;
mod watch;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::any;
use http::header::{
    ALLOW, AUTHORIZATION, HeaderValue, LOCATION, ORIGIN, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{HeaderMap, StatusCode};
use openssl::sha::sha256;
use serde_json::Value;

use crate::base::{IdpName, Timestamp};
use crate::directory::{Administration, Operator};
use crate::http::respond;
use crate::http::state::Gateway;
use crate::proxy::Peer;
use endpoint::Found;
use failure::{Code, Failure};

/// Below it is all of the API.
pub const BASE: &str = "/api/v1";

/// From which address a request came, for the admin listener.
#[derive(Clone, Copy, Debug)]
pub struct Sender(pub Option<IpAddr>);

impl Sender {
    /// The other end of the connection: nobody speaks for anybody here.
    pub fn of(peer: Peer) -> Self {
        Self(peer.address.map(|address| address.ip().to_canonical()))
    }
}

/// The routes of the API.
pub fn router(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route(BASE, any(serve))
        .route("/api/v1/{*path}", any(serve))
        .with_state(gateway)
}

/// A request that may be answered.
struct Asked {
    gateway: Arc<Gateway>,
    operator: Operator,
    now: Timestamp,
    /// `{name}` of the path.
    name: String,
    /// `{id}` of the path.
    id: String,
    body: body::Json,
}

/// What is answered.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    body: Option<Value>,
    location: Option<String>,
}

impl Answer {
    const fn of(status: StatusCode, body: Value) -> Self {
        Self { status, body: Some(body), location: None }
    }

    const fn ok(body: Value) -> Self {
        Self::of(StatusCode::OK, body)
    }

    const fn gone() -> Self {
        Self { status: StatusCode::NO_CONTENT, body: None, location: None }
    }
}

impl Asked {
    /// The identity providers that there are.
    fn idps(&self) -> Vec<IdpName> {
        let registry = self.gateway.app.registry();
        registry.all().iter().map(|idp| idp.settings.name.clone()).collect()
    }

    /// What is done about connections, by whoever asks.
    fn administration<'a>(&'a self, idps: &'a [IdpName]) -> Administration<'a> {
        Administration {
            connections: &*self.gateway.app.ports.connections,
            entropy: self.gateway.app.entropy.as_ref(),
            idps,
            by: &self.operator,
            now: self.now,
        }
    }
}

async fn serve(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let answered = answer(gateway, request).await;
    answered.map_or_else(refuse, |answer| {
        let mut response = match &answer.body {
            Some(body) => respond::json(answer.status, body),
            None => respond::empty(answer.status),
        };
        let location = answer.location.and_then(|it| HeaderValue::from_str(&it).ok());
        if let Some(location) = location {
            response.headers_mut().insert(LOCATION, location);
        }
        response
    })
}

async fn answer(gateway: Arc<Gateway>, request: Request) -> Result<Answer, Failure> {
    let (parts, body) = request.into_parts();
    let client = parts.extensions.get::<Sender>().and_then(|sender| sender.0);
    check_sender(&gateway, &parts.headers, parts.uri.path(), client)?;
    let path = parts.uri.path().strip_prefix(BASE).unwrap_or_default();
    let Found { endpoint, name, id } = endpoint::find(parts.method.as_str(), path)?;
    let body = match endpoint.body {
        Some(_) => body::Json::read(&parts.headers, body).await?,
        None => body::Json::default(),
    };
    let asked = Asked {
        now: gateway.app.now(),
        gateway,
        operator: Operator::api(client.map(|client| client.to_string())),
        name,
        id,
        body,
    };
    (endpoint.does)(asked).await
}

/// Lets programs of the operator in, and nobody else.
fn check_sender(
    gateway: &Gateway,
    headers: &HeaderMap,
    path: &str,
    client: Option<IpAddr>,
) -> Result<(), Failure> {
    // A browser says so when a page asks, and no program of an operator does. There is no CORS
    // either, so a page could not read an answer.
    let site = headers.get("sec-fetch-site").is_some_and(|site| site != "none");
    if headers.contains_key(ORIGIN) || site {
        return Err(Failure::of(Code::Browser));
    }
    let live = gateway.app.live();
    let Some(wanted) = live.api_token else {
        return Err(Failure::of(Code::Off));
    };
    if path == openapi::PATH {
        return Ok(());
    }
    let shown = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let shown = shown.and_then(|value| value.split_once(' '));
    let token = shown.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    // Of the hashes, so that the time tells neither length nor beginning.
    let is_it = |token: &str| openssl::memcmp::eq(&sha256(token.trim().as_bytes()), &wanted);
    if token.is_some_and(|(_, token)| is_it(token)) {
        return Ok(());
    }
    match client.map(|client| gateway.rates.load().check_failure(client)) {
        Some(Err(often)) => Err(Failure {
            retry_after: Some(often.seconds),
            ..Failure::of(Code::TooOften)
        }),
        _ => Err(Failure::of(Code::Token)),
    }
}

fn refuse(failure: Failure) -> Response {
    let mut response = respond::json(failure.code.status(), &failure.body());
    let headers = response.headers_mut();
    if failure.code == Code::Token {
        let challenge = HeaderValue::from_static("Bearer realm=\"samlgate admin\"");
        headers.insert(WWW_AUTHENTICATE, challenge);
    }
    if let Some(seconds) = failure.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if let Some(allow) = failure.allow.and_then(|allow| HeaderValue::from_str(&allow).ok()) {
        headers.insert(ALLOW, allow);
    }
    response
}
