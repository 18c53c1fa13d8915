//! A failure → what the client is told. The one place that knows statuses.

use std::borrow::Cow;

use axum::response::Response;
use http::header::{HeaderValue, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderMap, StatusCode};

use crate::access::Asked;
use crate::base::{ErrorCode, ReturnTo, StoreError, Timestamp, entropy};
use crate::http::context::Context;
use crate::http::error_json::error_json;
use crate::http::respond;
use crate::http::state::Gateway;
use crate::http::views::Failure;
use crate::saml::status::StatusCode as SaidCode;

/// Something went wrong, and for whom.
#[derive(Clone, Debug)]
pub struct GatewayError {
    /// The stable code.
    pub code: ErrorCode,
    /// What was expected and what was found. For the log, never for the client.
    pub detail: String,
    /// The identity provider, when it is known and may be named.
    pub idp: Option<Box<FromIdp>>,
    /// Where the person was going.
    pub return_to: ReturnTo,
    /// What the identity provider reported, and who has to change what: both say more than the code.
    pub said: Option<(SaidCode, Cow<'static, str>)>,
}

/// What people are told of an identity provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FromIdp {
    /// Its label.
    pub label: String,
    /// Its own page for people whose sign-in came to nothing (`errorURL`).
    pub help: Option<String>,
}

impl GatewayError {
    /// A failure on the way to nowhere in particular.
    pub fn new(code: ErrorCode, detail: impl std::fmt::Display) -> Self {
        Self {
            code,
            detail: detail.to_string(),
            idp: None,
            return_to: ReturnTo::root(),
            said: None,
        }
    }

    /// Adds what the identity provider reported.
    #[must_use]
    pub fn said(self, kind: SaidCode, remedy: Cow<'static, str>) -> Self {
        Self { said: Some((kind, remedy)), ..self }
    }

    /// Who has to change what.
    pub fn remedy(&self) -> &str {
        match &self.said {
            Some((_, remedy)) => remedy,
            None => self.code.remedy(),
        }
    }

    /// Adds where the person was going.
    #[must_use]
    pub fn going_to(mut self, return_to: &ReturnTo) -> Self {
        self.return_to = return_to.clone();
        self
    }
}

impl From<StoreError> for GatewayError {
    fn from(error: StoreError) -> Self {
        Self::new(error.code(), error.detail)
    }
}

/// Who is to read the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// A person at a browser.
    Person,
    /// A program that wants JSON.
    Program,
    /// A gRPC client, which looks at `grpc-status` alone.
    Grpc,
}

impl Reader {
    /// By the request's headers: whoever asks for HTML, or asks for nothing, is a person.
    pub fn of(headers: &HeaderMap) -> Self {
        if is_grpc(headers) {
            return Self::Grpc;
        }
        let accept = headers.get(http::header::ACCEPT).and_then(|value| value.to_str().ok());
        let html = accept.is_none_or(|accept| accept.contains("text/html") || accept == "*/*");
        if html && !headers.contains_key("x-requested-with") {
            Self::Person
        } else {
            Self::Program
        }
    }

    /// By what the decision goes by: a program is whoever would not be redirected.
    pub fn of_asked(head: &Parts) -> Self {
        if is_grpc(&head.headers) {
            Self::Grpc
        } else if Asked::of(head).is_by_program() {
            Self::Program
        } else {
            Self::Person
        }
    }
}

/// `application/grpc`, `application/grpc+proto`, `application/grpc-web`.
fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(http::header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let start = kind.and_then(|kind| kind.get(..16));
    start.is_some_and(|start| start.eq_ignore_ascii_case(b"application/grpc"))
}

impl Gateway {
    /// Draws a reference, writes the log line and answers. Login attempts are recorded by
    /// [`crate::http::sso`], which draws the reference itself.
    pub fn fail(
        &self,
        error: &GatewayError,
        context: &Context,
        reader: Reader,
        now: Timestamp,
    ) -> Response {
        let reference = entropy::reference(self.app.entropy.as_ref());
        tracing::warn!(
            code = error.code.as_str(),
            reference,
            request_id = context.request_id.as_str(),
            client = context.client_text(),
            detail = error.detail,
            "request refused"
        );
        self.answer(error, &reference, context, reader, now)
    }

    /// The answer alone.
    pub fn answer(
        &self,
        error: &GatewayError,
        reference: &str,
        context: &Context,
        reader: Reader,
        now: Timestamp,
    ) -> Response {
        let status =
            StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = match reader {
            Reader::Grpc => respond::grpc(error.code, &HeaderMap::new()),
            Reader::Program => {
                let request_id = context.request_id.as_str();
                respond::json(
                    status,
                    &error_json(error.code, request_id, Some(reference), None),
                )
            }
            Reader::Person => {
                let mut view = Failure::new(error.code, reference, now)
                    .with_action(error.code, &error.return_to);
                if let Some((kind, _)) = &error.said {
                    view = view.said(*kind);
                }
                if let Some(idp) = &error.idp {
                    view = view.from_idp(&idp.label);
                    view.help.clone_from(&idp.help);
                }
                respond::page(&self.pages.load(), status, &view)
            }
        };
        if status == StatusCode::SERVICE_UNAVAILABLE && reader != Reader::Grpc {
            // A database that is busy or restarting is back within seconds.
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}
