//! `SAMLart` at the ACS: a reference from a browser → the answer it stands for (bindings 3.6).
//!
//! In: an artifact that anybody may have made up. Out: the identity provider's answer to our question,
//! still to be verified like one that was posted. Promised: an identity provider is asked only where the
//! operator wants answers of it by artifact, at an address of its metadata, and once for an artifact.

use std::sync::Arc;

use super::acs::saml;
use super::attempt::Evidence;
use super::whose::{origin, take};
use crate::app::Live;
use crate::base::{ErrorCode, Timestamp, entropy};
use crate::http::error::GatewayError;
use crate::http::state::Gateway;
use crate::saml::OneUse;
use crate::saml::artifact::{Artifact, ResolveRequest, Resolved};
use crate::saml::authn_request::AnswerBy;
use crate::saml::binding::relay_state::RelayState;
use crate::saml::pending::Taken;
use crate::saml::profile::Origin;
use crate::trust::IdpTrust;

/// A sign-in that was begun here: whom we asked for it, and our request.
pub(super) type Begun = (Arc<IdpTrust>, Origin);

/// What an identity provider answered.
pub(super) struct Fetched {
    /// The answer.
    pub(super) resolved: Resolved,
    /// Who was asked.
    pub(super) idp: Arc<IdpTrust>,
}

/// Asks for what the artifact stands for; and what was begun by us, as far as RelayState says so. The
/// answer may say it where that does not.
pub(super) async fn fetch_begun(
    gateway: &Gateway,
    live: &Live,
    artifact: Artifact,
    relay_state: &RelayState,
    evidence: &mut Evidence,
    now: Timestamp,
) -> Result<(Fetched, Option<Begun>), GatewayError> {
    let registry = gateway.app.registry();
    evidence.issuer = registry.source_of(&artifact).map(|idp| idp.metadata.entity_id.clone());
    let begun = match take(gateway, relay_state, evidence, now).await? {
        Taken::Unknown => None,
        taken => Some(origin(gateway, taken, relay_state, evidence, now)?),
    };
    let asked = begun.as_ref().map(|(idp, _)| idp);
    let fetched = fetch(gateway, live, artifact, asked, evidence, now).await?;
    Ok((fetched, begun))
}

/// Asks for what the artifact stands for. `asked` is who was asked to sign the person in, as far as
/// RelayState says so; without it, whose the artifact says it is.
async fn fetch(
    gateway: &Gateway,
    live: &Live,
    artifact: Artifact,
    asked: Option<&Arc<IdpTrust>>,
    evidence: &mut Evidence,
    now: Timestamp,
) -> Result<Fetched, GatewayError> {
    let app = &gateway.app;
    let wrong = |detail: String| GatewayError::new(ErrorCode::BindingArtifact, detail);
    let registry = app.registry();
    let idp = asked.or_else(|| registry.source_of(&artifact)).cloned().ok_or_else(|| {
        wrong(
            "no identity provider here has the entityID of which its SourceID is the SHA-1".into(),
        )
    })?;
    evidence.idp = Some(Arc::clone(&idp));
    let name = &idp.settings.name;
    if !idp.settings.enabled {
        let detail = format!("{name} is switched off");
        return Err(GatewayError::new(ErrorCode::IdpDisabled, detail));
    }
    if idp.settings.response_binding != AnswerBy::Artifact {
        let detail = format!("{name} answers by artifact, and its response_binding is \"post\"");
        return Err(wrong(detail));
    }
    // Anybody can make artifacts up: for those of nobody who began here, nobody is asked.
    if asked.is_none() && evidence.browser.is_none() && !idp.settings.allow_idp_initiated {
        let detail =
            "an artifact from a browser that began no sign-in, and allow_idp_initiated is off";
        return Err(GatewayError::new(ErrorCode::ProtoUnsolicited, detail));
    }
    let services = &idp.metadata.artifact_resolution;
    let service = services.iter().find(|service| service.index == artifact.endpoint_index);
    let address = service.map(|service| service.location.as_str()).ok_or_else(|| {
        let index = artifact.endpoint_index;
        wrong(format!(
            "the metadata of {name} has no ArtifactResolutionService with index {index} by SOAP"
        ))
    })?;

    let one_use = app.ports.one_use.as_ref();
    let fresh = OneUse::claim_artifact(one_use, artifact, &idp.metadata.entity_id, now)
        .await
        .map_err(|error| GatewayError::new(error.code(), error))?;
    let id = entropy::message_id(app.entropy.as_ref());
    let request = ResolveRequest {
        id: &id,
        issue_instant: now,
        destination: address,
        issuer: &live.sp.entity_id,
    };
    let resolution = fresh
        .resolve(&request, app.own().signing_key())
        .map_err(|error| GatewayError::new(ErrorCode::Internal, error))?;
    tracing::debug!(
        idp = name.as_str(),
        address,
        artifact_resolve = id,
        "artifact resolved"
    );
    let body = app
        .ask
        .ask(address, idp.settings.fetched_from(), resolution.soap())
        .await
        .map_err(|error| GatewayError::new(error.code(), error))?;
    let resolved = resolution.answered(&body).map_err(saml)?;
    Ok(Fetched { resolved, idp })
}
