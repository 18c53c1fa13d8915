//! A note in place of a form → the form.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, Method};

use super::{KeptForm, Ticket};
use crate::base::{ErrorCode, Secret, entropy};
use crate::http::answers::Answers;
use crate::http::error::GatewayError;
use crate::http::seal::Purpose;

/// The one field of a note.
pub(super) const FIELD: &str = "samlgate-form";
/// `samlgate-form=` and a token.
const NOTE: usize = FIELD.len() + 1 + entropy::TOKEN_LENGTH;
/// Longest wait for these few bytes.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What a request whose body has the length of a note turned out to carry.
#[derive(Debug)]
pub enum Note {
    /// The token of a kept form.
    Form(Secret<String>),
    /// Something else, which goes on as it is.
    Other(Body),
}

impl Note {
    /// Whether the body has to be looked at. Nearly every request is told by its method alone.
    pub fn is_possible(head: &Parts) -> bool {
        let is = |name, wanted: &[u8]| {
            let value = head.headers.get(name).map(HeaderValue::as_bytes);
            value.is_some_and(|value| value.eq_ignore_ascii_case(wanted))
        };
        head.method == Method::POST
            && is(CONTENT_LENGTH, NOTE.to_string().as_bytes())
            && is(CONTENT_TYPE, b"application/x-www-form-urlencoded")
    }

    /// Reads the body, which is short.
    pub async fn read<B>(body: B) -> Result<Self, GatewayError>
    where
        B: hyper::body::Body<Data = bytes::Bytes> + Send + 'static,
        B::Error: Into<crate::proxy::BoxError>,
    {
        let read = tokio::time::timeout(TIMEOUT, to_bytes(Body::new(body), NOTE)).await;
        let broken = |detail: String| GatewayError::new(ErrorCode::ProxyRequest, detail);
        let bytes = read
            .map_err(|_| broken("the body of a form did not come".to_owned()))?
            .map_err(|error| broken(format!("the body of a form broke off: {error}")))?;
        Ok(match token_of(&bytes) {
            Some(token) => Self::Form(Secret::new(token.to_owned())),
            None => Self::Other(Body::from(bytes)),
        })
    }
}

/// Puts the kept form in the place of the note, once. What is refused has changed nothing.
pub async fn replay(
    answers: Answers<'_>,
    head: &mut Parts,
    token: &Secret<String>,
) -> Result<Body, GatewayError> {
    let gone = |detail: &str| GatewayError::new(ErrorCode::FormGone, detail);
    let Answers { gateway, live, place, now, .. } = answers;
    let Some((_, hash)) = gateway.browser(&head.headers) else {
        return Err(gone("the browser sent no login cookie"));
    };
    let here = answers.here(head);
    let token = token.reveal();
    let ticket = Ticket::new(token, place.origin(live), &hash, here.path().as_str());
    let sealed = gateway.app.ports.kept.take(&ticket.key(), now).await?;
    let none = "no form is kept (any more) for this browser and address";
    let sealed = sealed.ok_or_else(|| gone(none))?;
    let opened = gateway.seal.open(Purpose::Form, token, &ticket.bound_to(), &sealed);
    let form = opened.as_deref().and_then(KeptForm::read);
    let form = form.ok_or_else(|| gone("what the store kept does not open"))?;
    let headers: &mut HeaderMap = &mut head.headers;
    let content_type = HeaderValue::try_from(&form.content_type);
    let content_type = content_type.map_err(|_| gone("the form has no type"))?;
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(form.body.len()));
    headers.remove(CONTENT_ENCODING);
    tracing::info!(
        request_id = answers.context.request_id.as_str(),
        bytes = form.body.len(),
        "a kept form is sent"
    );
    Ok(Body::from(form.body))
}

/// The token of a note.
pub(super) fn token_of(body: &[u8]) -> Option<&str> {
    let token = str::from_utf8(body).ok()?.strip_prefix(FIELD)?.strip_prefix('=')?;
    entropy::is_token(token.as_bytes()).then_some(token)
}
