//! What comes to the ACS: bytes → a form with a Response, or an artifact.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use http::HeaderMap;

use crate::base::ErrorCode;
use crate::http::error::GatewayError;
use crate::saml::artifact::ArtifactDelivery;
use crate::saml::binding::post::{MAX_BODY, ResponseForm};

/// Longest wait for the form: a megabyte over a slow telephone line.
const FORM_TIMEOUT: Duration = Duration::from_secs(30);

/// What a browser brought.
pub(super) enum Delivered {
    /// A Response.
    Form(ResponseForm),
    /// A reference to one.
    Artifact(ArtifactDelivery),
}

impl Delivered {
    /// Reads a query, or the body of a form.
    pub(super) fn read(fields: &[u8]) -> Result<Self, GatewayError> {
        if has_artifact(fields) {
            let read = ArtifactDelivery::read(fields);
            let read = read.map_err(|error| GatewayError::new(error.code(), error))?;
            if let Some(delivery) = read {
                return Ok(Self::Artifact(delivery));
            }
        }
        let form = ResponseForm::decode(fields);
        form.map(Self::Form).map_err(|error| GatewayError::new(error.code(), error))
    }
}

/// Whether there is an artifact in a query or a form; the exact reading follows.
pub(super) fn has_artifact(fields: &[u8]) -> bool {
    const NAME: &[u8] = b"SAMLart=";
    fields.starts_with(NAME) || memchr::memmem::find(fields, b"&SAMLart=").is_some()
}

/// Reads a form to its end, or to the limits of one.
pub(super) async fn read_form(headers: &HeaderMap, body: Body) -> Result<Delivered, GatewayError> {
    let content_type =
        headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = content_type.and_then(|text| text.split(';').next()).unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        let detail = format!("Content-Type is {kind:?}, a form was expected");
        return Err(GatewayError::new(ErrorCode::BindingMethod, detail));
    }
    let body =
        tokio::time::timeout(FORM_TIMEOUT, to_bytes(body, MAX_BODY))
            .await
            .map_err(|_| {
                let seconds = FORM_TIMEOUT.as_secs();
                GatewayError::new(
                    ErrorCode::BindingSize,
                    format!("the form took more than {seconds} s"),
                )
            })?;
    let body = body.map_err(|error| {
        let detail = format!("the form is larger than {MAX_BODY} bytes, or broke off: {error}");
        GatewayError::new(ErrorCode::BindingSize, detail)
    })?;
    Delivered::read(&body)
}
