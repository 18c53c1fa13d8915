//! Single logout (profiles 4.4): both directions, by every way.
//!
//! [`ours`]: somebody signs out here. Their session ends first, with its family on all hosts; then
//! their browser carries a LogoutRequest to the identity provider, whose answer comes back to
//! [`front()`]. [`theirs`]: the identity provider asks, through a browser or by [`soap()`], and is always
//! answered, whatever came of it. Promised: a message that is forged, late, for somebody else or
//! repeated ends nobody's session; no cookie is needed, since the message itself says whose sessions
//! end; nothing that is sent here is kept from being shown in a frame.

mod front;
mod ours;
mod pending;
mod record;
mod soap;
mod theirs;

pub use front::{front, slo};
pub use ours::{Farewell, leave};
pub(super) use ours::{is_public, way_out};
pub use soap::{soap, soap_at};

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use http::Request;

use crate::app::Own;
use crate::base::{ErrorCode, Timestamp};
use crate::http::error::GatewayError;
use crate::http::sso::legacy;
use crate::http::state::Gateway;
use crate::saml::logout::LogoutExpectations;
use crate::saml::{SamlError, ServiceProvider};
use crate::trust::IdpTrust;

/// Longest wait for a message: a megabyte over a slow telephone line.
const TIMEOUT: Duration = Duration::from_secs(30);

/// At which address of ours a message came: this one, or that of another service provider which it had
/// before.
fn arrived_at(
    gateway: &Gateway,
    request: &Request<Body>,
    ours: fn(&ServiceProvider) -> String,
) -> String {
    let live = gateway.app.settings();
    legacy::address(&live, request).unwrap_or_else(|| ours(&live.sp))
}

/// The identity provider that a message says it is from. One that is switched off may still sign
/// people out; one whose metadata has ended has no keys.
fn known_sender(
    gateway: &Gateway,
    issuer: Option<&str>,
    now: Timestamp,
) -> Result<Arc<IdpTrust>, GatewayError> {
    let issuer = issuer.unwrap_or_default();
    let registry = gateway.app.registry();
    let idp = registry.signs_out_as(issuer).cloned().ok_or_else(|| {
        let detail = format!("no identity provider here has the entityID {issuer:?}");
        GatewayError::new(ErrorCode::IdpUnknown, detail)
    })?;
    if let Some(until) = idp.ended(now) {
        let name = &idp.settings.name;
        let detail = format!("the metadata of {name} was valid until {until}");
        return Err(GatewayError::new(ErrorCode::MetadataValidUntil, detail));
    }
    Ok(idp)
}

/// What its messages that come to `slo_url` are checked against.
fn expectations<'a>(
    gateway: &'a Gateway,
    own: &'a Own,
    idp: &'a IdpTrust,
    slo_url: &'a str,
    now: Timestamp,
) -> LogoutExpectations<'a> {
    LogoutExpectations {
        slo_url,
        idp_entity_id: &idp.metadata.entity_id,
        vendor: idp.metadata.vendor,
        decryption: idp.keys(&own.decryption_keys, now).decryption,
        clock_skew: idp.clock_skew(&gateway.app.settings().sp),
    }
}

async fn body_of(body: Body, limit: usize) -> Result<bytes::Bytes, GatewayError> {
    let size = |detail: String| GatewayError::new(ErrorCode::BindingSize, detail);
    let read = tokio::time::timeout(TIMEOUT, to_bytes(body, limit)).await;
    let read = read.map_err(|_| size(format!("it took more than {} s", TIMEOUT.as_secs())))?;
    read.map_err(|error| {
        size(format!(
            "it is larger than {limit} bytes, or broke off: {error}"
        ))
    })
}

fn saml(error: SamlError) -> GatewayError {
    GatewayError::new(error.code(), error)
}

fn internal(error: impl std::fmt::Display) -> GatewayError {
    GatewayError::new(ErrorCode::Internal, error)
}
