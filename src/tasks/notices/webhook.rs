//! By a request to somebody else's server.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Request};
use http_body_util::Full;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use rustls::crypto::ring;
use serde_json::json;

use super::{Message, words};
use crate::base::Timestamp;
use crate::base::entropy::hex;
use crate::notice::settings::{WebhookFormat, WebhookSettings};

/// One POST. Any 2xx is taken for an acceptance; nothing is followed anywhere else.
pub(super) async fn send(settings: &WebhookSettings, message: &Message<'_>) -> Result<(), String> {
    let id = words::id(message);
    let document = match settings.format {
        WebhookFormat::Json => words::document(message, &id),
        WebhookFormat::Slack => json!({ "text": words::body(message) }),
    };
    let body = document.to_string();
    let mut request = Request::post(settings.url.reveal().as_str())
        .header(CONTENT_TYPE, "application/json")
        .header(USER_AGENT, concat!("samlgate/", env!("CARGO_PKG_VERSION")))
        .header("x-samlgate-delivery", &id);
    if let Some(secret) = &settings.secret {
        let signature = signature(secret.reveal().as_bytes(), &body, message.now)?;
        let signature = HeaderValue::from_str(&signature).map_err(|error| error.to_string())?;
        request = request.header("x-samlgate-signature", signature);
    }
    let request = request.body(Full::new(Bytes::from(body))).map_err(|error| error.to_string())?;
    let connector = HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(ring::default_provider())
        .map_err(|error| format!("the system's certificate authorities: {error}"))?
        .https_or_http()
        .enable_http1()
        .build();
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let answer = client.request(request).await.map_err(|error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        cause.unwrap_or_else(|| error.to_string())
    })?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    Err(format!("the answer was {status}"))
}

/// `t=1800000000,v1=…`: HMAC-SHA-256 over the time, a full stop, and the body. Whoever checks the
/// time as well takes no old request twice.
pub(super) fn signature(secret: &[u8], body: &str, now: Timestamp) -> Result<String, String> {
    let time = now.unix_seconds();
    let signed = || {
        let key = PKey::hmac(secret)?;
        let mut signer = Signer::new(MessageDigest::sha256(), &key)?;
        signer.update(format!("{time}.{body}").as_bytes())?;
        signer.sign_to_vec()
    };
    let mac = signed().map_err(|error: openssl::error::ErrorStack| error.to_string())?;
    Ok(format!("t={time},v1={}", hex(&mac)))
}
