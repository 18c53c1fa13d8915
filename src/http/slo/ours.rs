//! Somebody signs out here → a LogoutRequest on its way, and the identity provider's answer to it.
//!
//! Their session has ended before: whatever the identity provider says, or should it say nothing,
//! they are signed out here. What it says decides what they read.

use std::sync::Arc;

use axum::response::Response;
use http::StatusCode;

use super::pending::PendingLogout;
use super::record::Record;
use super::theirs::fresh_id;
use super::{expectations, internal, known_sender, saml};
use crate::app::Live;
use crate::base::{Checks, ErrorCode, IdpName, ReturnTo, Timestamp};
use crate::http::error::GatewayError;
use crate::http::hosts::Place;
use crate::http::respond;
use crate::http::sso::still;
use crate::http::sso::with_newer_keys;
use crate::http::state::Gateway;
use crate::http::views::{Field, Post, SignedOut, There};
use crate::identity::Identity;
use crate::saml::NameId;
use crate::saml::logout::{
    LogoutOutcome, LogoutReason, LogoutRequest, LogoutResult, ReceivedLogout,
};
use crate::saml::metadata::{Binding, Endpoint};
use crate::saml::status::StatusCode as SamlStatus;
use crate::trust::{IdpTrust, Registry};

/// How long our request counts: a browser carries it there at once.
const REQUEST_LIFETIME: std::time::Duration = std::time::Duration::from_secs(5 * 60);

/// How somebody leaves whose session has ended.
pub enum Farewell {
    /// By way of their identity provider.
    Idp(Response),
    /// It can not be asked: its session goes on.
    Here,
}

/// Sends a person on to be signed out at their identity provider, where it can be asked.
///
/// `wanted`: somebody wants them to arrive at `return_to` (`rd`).
pub async fn leave(
    gateway: &Gateway,
    identity: &Identity,
    return_to: &ReturnTo,
    wanted: bool,
    now: Timestamp,
) -> Farewell {
    match ask(gateway, identity, return_to, wanted, now).await {
        Ok(Some(response)) => Farewell::Idp(response),
        Ok(None) => Farewell::Here,
        Err(error) => {
            tracing::error!(
                code = error.code.as_str(),
                idp = identity.idp.as_str(),
                detail = error.detail,
                "the identity provider could not be asked to sign somebody out"
            );
            Farewell::Here
        }
    }
}

/// Where the browser would be sent: for the policy of the page that asks first.
pub(in crate::http) fn way_out(gateway: &Gateway, identity: &Identity) -> Option<String> {
    let registry = gateway.app.registry();
    let indexes: Vec<String> = identity.session_indexes().cloned().collect();
    askable(&registry, identity, &indexes).map(|asked| asked.endpoint.location.clone())
}

/// Who can be asked to sign somebody out.
struct Askable<'a> {
    idp: &'a Arc<IdpTrust>,
    endpoint: &'a Endpoint,
    name_id: &'a NameId,
}

/// The identity provider of a session, if it has single logout and would know which session is meant.
fn askable<'a>(
    registry: &'a Registry,
    identity: &'a Identity,
    indexes: &[String],
) -> Option<Askable<'a>> {
    let idp = registry.named(&identity.idp)?;
    // The name stayed and the identity provider behind it did not: it knows nothing of this session.
    if idp.metadata.entity_id != identity.idp_entity_id {
        return None;
    }
    let dialect = idp.metadata.vendor.logout();
    let endpoint = dialect.endpoint(&idp.metadata.logout).filter(|_| dialect.finds(indexes))?;
    Some(Askable { idp, endpoint, name_id: identity.name_id.as_ref()? })
}

async fn ask(
    gateway: &Gateway,
    identity: &Identity,
    return_to: &ReturnTo,
    wanted: bool,
    now: Timestamp,
) -> Result<Option<Response>, GatewayError> {
    let app = &gateway.app;
    let registry = app.registry();
    let indexes: Vec<String> = identity.session_indexes().cloned().collect();
    let Some(Askable { idp, endpoint, name_id }) = askable(&registry, identity, &indexes) else {
        return Ok(None);
    };
    let (id, sp) = (fresh_id(gateway), &app.settings().sp);
    let pending = PendingLogout {
        idp: idp.settings.name.clone(),
        return_to: return_to.clone(),
        wanted,
    };
    pending.keep(app.ports.kept.as_ref(), &id, now).await?;
    let request = LogoutRequest {
        id: &id,
        issue_instant: now,
        destination: &endpoint.location,
        issuer: &sp.entity_id,
        name_id,
        session_indexes: &indexes,
        reason: LogoutReason::User,
        not_on_or_after: now.plus(REQUEST_LIFETIME),
    };
    let response = sent(gateway, idp, endpoint, &request)?;
    tracing::info!(
        idp = idp.settings.name.as_str(),
        binding = endpoint.binding.as_str(),
        logout_request = id,
        "sign-out goes on at the identity provider"
    );
    Ok(Some(response))
}

fn sent(
    gateway: &Gateway,
    idp: &IdpTrust,
    endpoint: &Endpoint,
    request: &LogoutRequest<'_>,
) -> Result<Response, GatewayError> {
    let own = gateway.app.own();
    let key = own.signing_key();
    match endpoint.binding {
        Binding::Redirect => {
            let url = request.redirect_url(key).map_err(internal)?;
            Ok(respond::redirect(StatusCode::SEE_OTHER, &url))
        }
        Binding::Post => {
            let message = request.posted(key).map_err(internal)?;
            let view = Post {
                label: idp.label().to_owned(),
                action: endpoint.location.clone(),
                fields: vec![Field::new(message.field, message.value)],
            };
            Ok(respond::page(&gateway.pages.load(), StatusCode::OK, &view))
        }
    }
}

/// Takes the answer to a request of ours. Whatever it is, its person is signed out here.
pub(super) async fn finish(
    record: &mut Record<'_>,
    received: ReceivedLogout,
    slo_url: &str,
) -> Result<Response, GatewayError> {
    let in_response_to = received.in_response_to();
    let answered = answered(record, received, slo_url).await;
    let (gateway, now) = (record.gateway, record.now);
    let error = match answered {
        Ok((pending, _)) if record.idp.as_ref() != Some(&pending.idp) => {
            let by = record.idp.as_ref().map(IdpName::as_str).unwrap_or_default();
            let detail = format!("asked {}, answered by {by}", pending.idp);
            record.refused(&GatewayError::new(ErrorCode::ProtoMixUp, detail)).await;
            // Whom we asked may still answer.
            let id = in_response_to.unwrap_or_default();
            pending.keep(gateway.app.ports.kept.as_ref(), &id, now).await?;
            return Ok(said(gateway, &pending, There::Unknown));
        }
        Ok((pending, result)) => {
            let there = There::of(result.outcome());
            match result.outcome() {
                LogoutOutcome::Failed(code) => {
                    record.refused(&said_no(&result, code)).await;
                }
                LogoutOutcome::Done => record.answered("Success").await,
                LogoutOutcome::Partial => record.answered("PartialLogout").await,
            }
            return Ok(said(gateway, &pending, there));
        }
        Err(error) => error,
    };
    record.refused(&error).await;
    // It says nothing that can be believed. But somebody waits for it who is signed out here, and is
    // told that: who knows the ID of the request has it from this person's browser.
    let pending = match &in_response_to {
        Some(id) => PendingLogout::take(gateway.app.ports.kept.as_ref(), id, now).await?,
        None => None,
    };
    match pending {
        Some(pending) => Ok(said(gateway, &pending, There::Unknown)),
        None => Err(error),
    }
}

async fn answered(
    record: &mut Record<'_>,
    received: ReceivedLogout,
    slo_url: &str,
) -> Result<(PendingLogout, LogoutResult), GatewayError> {
    let (gateway, now) = (record.gateway, record.now);
    let issuer = received.issuer();
    let request_id = received.in_response_to();
    record.note("issuer", issuer.as_deref());
    record.note("in_response_to", request_id.as_deref());
    let idp = known_sender(gateway, issuer.as_deref(), now)?;
    record.idp = Some(idp.settings.name.clone());
    let own = gateway.app.own();
    let id = request_id.unwrap_or_default();
    // That it answers the request that it names is true of every answer. Whether we have sent that
    // one, and to whom, is seen when all else is right.
    let read = |idp: &IdpTrust| {
        let expected = expectations(gateway, &own, idp, slo_url, now);
        let trust = idp.keys(&own.decryption_keys, now).signing;
        received.read(trust, &mut Checks::off(), |message, checks| {
            LogoutResult::read(message, &id, &expected, checks, now)
        })
    };
    let result = with_newer_keys(&gateway.app, &idp, now, read).await.map_err(saml)?;
    let refused = |detail: &str| GatewayError::new(ErrorCode::ProtoInResponseTo, detail);
    let pending = PendingLogout::take(gateway.app.ports.kept.as_ref(), &id, now).await?;
    let pending = pending.ok_or_else(|| {
        refused("it answers a LogoutRequest that was answered before, is older than 15 minutes, or was not ours")
    })?;
    Ok((pending, result))
}

fn said_no(result: &LogoutResult, code: SamlStatus) -> GatewayError {
    let status = &result.status;
    let mut detail = format!("{} ({})", code.as_str(), status.code);
    if let Some(message) = &status.message {
        detail.push_str(": ");
        detail.push_str(message);
    }
    GatewayError::new(ErrorCode::IdpStatus, detail)
}

/// Where the person goes on, or what they read.
fn said(gateway: &Gateway, pending: &PendingLogout, there: There) -> Response {
    let live = gateway.app.settings();
    let return_to = still(&live, &pending.return_to);
    let onward = pending.wanted && is_public(&live, &return_to);
    if onward && there == There::Ended {
        return respond::redirect(StatusCode::SEE_OTHER, &return_to.to_string());
    }
    let registry = gateway.app.registry();
    let label = registry.named(&pending.idp).map(|idp| idp.label());
    let mut view = SignedOut::new(label, &return_to).there(there);
    view.onward = onward.then(|| return_to.to_string());
    respond::page(&gateway.pages.load(), StatusCode::OK, &view)
}

/// Whether a page of the application needs no session: every other one would send a person who has
/// signed out straight to sign-in again.
pub(in crate::http) fn is_public(live: &Live, to: &ReturnTo) -> bool {
    let path = to.path().as_str().split(['?', '#']).next().unwrap_or("/");
    let place = Place::to(to);
    let route = live.routes.find(place.origin(live).host(), path);
    route.is_some_and(|route| route.public)
}
