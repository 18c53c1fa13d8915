//! `/scim/v2`: people and groups, as identity providers keep them (RFC 7644).
//!
//! In: a request of a provisioning client. Out: an answer in SCIM's words, whatever went wrong. A
//! request is understood here, and [`service`] does what it asks; a request inside `/Bulk` goes the
//! same way.

mod answer;
mod auth;
mod bulk;
mod client_assertion;
mod collection;
mod cursor;
mod groups;
mod guard;
mod limits;
mod oauth;
mod operation;
mod record;
mod resources;
mod search;
mod service;
mod users;

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, Method, StatusCode};

use crate::base::StoreError;
use crate::http::context::Context;
use crate::http::state::Gateway;
use crate::scim::{ScimError, ScimType};
pub use answer::Answer;
use auth::Caller;
use operation::{Content, Operation, Place};
use record::Origin;
pub use service::{Scim, ScimParts};

/// Below it is everything of SCIM.
pub const BASE: &str = "/scim/v2";
/// Where clients look for the endpoint of tokens.
pub const METADATA: &str = "/.well-known/oauth-authorization-server/scim/v2";

/// Why there is no answer of the kind that was asked for.
#[derive(Clone, Debug)]
pub(in crate::http::scim) enum Failure {
    /// The request can not be met.
    Refused(ScimError),
    /// The store did not answer.
    Store(StoreError),
    /// Not now: somebody who runs the gateway has to look first. Asking again makes sense after so
    /// many seconds.
    Later(ScimError, u64),
}

impl From<ScimError> for Failure {
    fn from(error: ScimError) -> Self {
        Self::Refused(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Whether a path is [`BASE`], or below it.
pub(in crate::http) fn is_below(path: &str) -> bool {
    let below = path.strip_prefix(BASE);
    below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Any request below [`BASE`].
pub(in crate::http) async fn serve(
    gateway: &Gateway,
    context: &Context,
    request: Request,
) -> Response {
    let Some(scim) = &gateway.scim else {
        let detail = "provisioning is switched off here";
        return Answer::refusal(&ScimError::of(StatusCode::NOT_FOUND, detail)).into_response(false);
    };
    let is_head = request.method() == Method::HEAD;
    let now = gateway.app.now();
    if oauth::is_asked(request.uri().path()) {
        return oauth::token(scim, context, request, now).await;
    }
    let answer = match scim.admit(request.headers(), context, now).await {
        Ok(caller) => answer(scim, &caller, context, request, now).await,
        Err(refused) => refused,
    };
    answer.into_response(is_head)
}

/// What the server that gives out tokens says of itself (RFC 8414), at [`METADATA`].
pub(in crate::http) async fn metadata(State(gateway): State<Arc<Gateway>>) -> Response {
    match &gateway.scim {
        Some(scim) => oauth::metadata(scim),
        None => Answer::empty(StatusCode::NOT_FOUND).into_response(false),
    }
}

async fn answer(
    scim: &Scim,
    caller: &Caller,
    context: &Context,
    request: Request,
    now: crate::base::Timestamp,
) -> Answer {
    match understand(request).await {
        Ok(operation) => scim.answer(caller, operation, now).await,
        Err(error) => {
            let refused = Answer::refusal(&error);
            let whose = (&caller.actor.connection.name, caller.actor.token.as_str());
            let from = Origin { agent: caller.agent.clone(), context };
            scim.record_refusal(whose, from, &refused, now);
            refused
        }
    }
}

/// A request as an operation, with its body.
async fn understand(request: Request) -> Result<Operation, ScimError> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().strip_prefix(BASE).unwrap_or_default();
    let place = Place::of(path)?;
    let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let (if_match, if_none_match) = (text(IF_MATCH), text(IF_NONE_MATCH));
    let takes_body = [Method::POST, Method::PUT, Method::PATCH].contains(&parts.method);
    let body = match takes_body {
        true => read(&parts.headers, body, limits::body(&place)).await?,
        false => Bytes::new(),
    };
    Ok(Operation {
        method: parts.method.clone(),
        place,
        query: parts.uri.query().unwrap_or_default().to_owned(),
        if_match: if_match.map(str::to_owned),
        if_none_match: if_none_match.map(str::to_owned),
        body: Content::Bytes(body),
    })
}

/// The body: JSON by its Content-Type, and no longer than it may be.
async fn read(headers: &HeaderMap, body: Body, most: usize) -> Result<Bytes, ScimError> {
    let kind = headers.get(CONTENT_TYPE).map(|value| value.to_str().unwrap_or("?"));
    let bare = kind.map(|kind| kind.split(';').next().unwrap_or_default().trim());
    let known = ["application/scim+json", "application/json", "*/*"];
    if bare.is_some_and(|bare| !known.iter().any(|known| known.eq_ignore_ascii_case(bare))) {
        let detail = "send the body as application/scim+json";
        return Err(ScimError::of(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    let read = tokio::time::timeout(limits::BODY_TIME, to_bytes(body, most)).await;
    let Ok(read) = read else {
        let detail = "the body did not come in time";
        return Err(ScimError::of(StatusCode::REQUEST_TIMEOUT, detail));
    };
    read.map_err(|error| {
        use std::error::Error as _;
        match error
            .source()
            .is_some_and(|source| source.is::<http_body_util::LengthLimitError>())
        {
            true => ScimError::of(
                StatusCode::PAYLOAD_TOO_LARGE,
                format_args!("the body is larger than {most} bytes"),
            ),
            false => ScimError::bad(ScimType::InvalidSyntax, "the body broke off"),
        }
    })
}
