//! Whose answer it is: the record of our request, or the issuer of one that nobody asked for → whose
//! keys verify it, and what it has to answer.

use std::sync::Arc;

use openssl::sha::sha256;

use super::attempt::Evidence;
use crate::base::{ErrorCode, Timestamp};
use crate::http::error::GatewayError;
use crate::http::state::Gateway;
use crate::saml::binding::relay_state::RelayState;
use crate::saml::pending::Taken;
use crate::saml::profile::{Origin, Permission};
use crate::trust::{IdpTrust, Registry};

/// The request of ours that this answers.
///
/// Its record is used up here, whatever follows. RelayState finds it; where an identity provider
/// lost that, InResponseTo does, for this browser alone.
pub(super) async fn take(
    gateway: &Gateway,
    relay_state: &RelayState,
    evidence: &Evidence,
    now: Timestamp,
) -> Result<Taken, GatewayError> {
    let app = &gateway.app;
    // No cookie is nobody's hash: what was asked for in a browser is never answered without it.
    let asked_by = evidence.browser.unwrap_or_default();
    let mut taken = match relay_state {
        RelayState::Handle(handle) => {
            app.ports.pending.take(sha256(handle.as_bytes()), asked_by, now).await?
        }
        _ => Taken::Unknown,
    };
    if let (Taken::Unknown, Some(id)) = (&taken, &evidence.in_response_to) {
        taken = app.ports.pending.take_by_request(id, asked_by, now).await?;
    }
    Ok(taken)
}

/// Whose keys verify it, and what it has to answer.
pub(super) fn origin(
    gateway: &Gateway,
    taken: Taken,
    relay_state: &RelayState,
    evidence: &mut Evidence,
    now: Timestamp,
) -> Result<(Arc<IdpTrust>, Origin), GatewayError> {
    let registry = gateway.app.registry();
    let browser = evidence.browser;
    let refused = |detail: &str| GatewayError::new(ErrorCode::ProtoInResponseTo, detail);
    match taken {
        Taken::Login(login) => {
            evidence.return_to = Some(login.return_to.clone());
            let idp = registry.named(&login.idp).cloned().ok_or_else(|| {
                registry.absent(&login.idp).map_or_else(
                    || {
                        let detail = format!("{} was removed while somebody signed in", login.idp);
                        GatewayError::new(ErrorCode::IdpUnknown, detail)
                    },
                    |absent| GatewayError::new(absent.code, &absent.detail),
                )
            })?;
            evidence.idp = Some(Arc::clone(&idp));
            evidence.asked = true;
            check_issuer(&registry, &idp, evidence.issuer.as_deref())?;
            enabled(idp, Origin::Requested(login), now)
        }
        Taken::OtherBrowser if browser.is_none() => Err(refused(
            "the request was ours, but the browser sent no login cookie: it blocks cookies, or \
             came back to another host name than it left from",
        )),
        Taken::OtherBrowser => Err(refused("the request was made in another browser")),
        Taken::UsedOrExpired(return_to) => {
            evidence.return_to = return_to;
            Err(refused(
                "the request was answered before, or is older than 15 minutes",
            ))
        }
        Taken::Unknown if evidence.in_response_to.is_some() => Err(refused(
            "it answers a request that is not one of ours, or is long forgotten",
        )),
        Taken::Unknown => {
            if let RelayState::Page(page) = relay_state {
                evidence.return_to = Some(page.clone().into());
            }
            let issuer = evidence.issuer.clone().unwrap_or_default();
            let idp = registry.issued_by(&issuer).cloned().ok_or_else(|| {
                let detail = format!("no identity provider here has the entityID {issuer:?}");
                GatewayError::new(ErrorCode::IdpUnknown, detail)
            })?;
            evidence.idp = Some(Arc::clone(&idp));
            let permission = Permission::from_setting(idp.settings.allow_idp_initiated)
                .ok_or_else(|| {
                    let detail = "the Response answers no request, and allow_idp_initiated is off";
                    GatewayError::new(ErrorCode::ProtoUnsolicited, detail)
                })?;
            enabled(idp, Origin::IdpInitiated(permission), now)
        }
    }
}

/// The request went to one identity provider and another one answers.
pub(super) fn check_issuer(
    registry: &Registry,
    asked: &IdpTrust,
    issuer: Option<&str>,
) -> Result<(), GatewayError> {
    let other = issuer
        .filter(|issuer| *issuer != asked.metadata.entity_id)
        .and_then(|issuer| registry.issued_by(issuer));
    other.map_or(Ok(()), |other| {
        let detail = format!(
            "asked {}, answered by {}",
            asked.settings.name, other.settings.name
        );
        Err(GatewayError::new(ErrorCode::ProtoMixUp, detail))
    })
}

fn enabled(
    idp: Arc<IdpTrust>,
    origin: Origin,
    now: Timestamp,
) -> Result<(Arc<IdpTrust>, Origin), GatewayError> {
    if let Some(until) = idp.ended(now) {
        let detail = format!(
            "the metadata of {} was valid until {until}",
            idp.settings.name
        );
        return Err(GatewayError::new(ErrorCode::MetadataValidUntil, detail));
    }
    if idp.settings.enabled {
        return Ok((idp, origin));
    }
    let detail = format!("{} is switched off", idp.settings.name);
    Err(GatewayError::new(ErrorCode::IdpDisabled, detail))
}
