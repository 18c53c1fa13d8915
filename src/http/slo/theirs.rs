//! A LogoutRequest of an identity provider → sessions that end, and the answer.
//!
//! The answer is always sent where one can be: a logout that stops at an error page of ours would
//! leave the person signed in everywhere behind us. It goes to the address in the identity
//! provider's metadata, so a forged request finds out nothing, and only fails there.

use std::sync::Arc;

use super::record::Record;
use super::{expectations, known_sender, saml};
use crate::base::{Checks, ErrorCode, Timestamp, entropy};
use crate::http::error::GatewayError;
use crate::http::sso::with_newer_keys;
use crate::http::state::Gateway;
use crate::saml::logout::{LogoutAnswer, LogoutResponse, ReceivedLogout, ValidLogoutRequest};
use crate::saml::one_use::OneUse;
use crate::saml::status::StatusCode;
use crate::session::{EndReason, EndedByName};
use crate::trust::IdpTrust;

/// What became of a request.
pub(super) struct Judged {
    /// Who is answered.
    pub(super) idp: Arc<IdpTrust>,
    /// The request.
    pub(super) request_id: String,
    /// RelayState, which goes back as it came.
    pub(super) relay_state: Option<String>,
    /// What it is told.
    pub(super) answer: LogoutAnswer,
    /// Why that is not that everything has ended.
    pub(super) error: Option<GatewayError>,
}

impl Judged {
    /// The answer; `destination` is where it goes.
    pub(super) fn response<'a>(
        &'a self,
        id: &'a str,
        destination: &'a str,
        issuer: &'a str,
        now: Timestamp,
    ) -> LogoutResponse<'a> {
        LogoutResponse {
            id,
            issue_instant: now,
            destination,
            issuer,
            in_response_to: &self.request_id,
            answer: self.answer,
        }
    }
}

/// Follows a request that came to `slo_url`, and writes down what came of it. An error: there is
/// nobody to answer, or nothing that could be answered.
pub(super) async fn judge(
    record: &mut Record<'_>,
    received: ReceivedLogout,
    slo_url: &str,
) -> Result<Judged, GatewayError> {
    let judged = follow(record, received, slo_url).await;
    if let Err(error) = &judged {
        record.refused(error).await;
    }
    judged
}

async fn follow(
    record: &mut Record<'_>,
    received: ReceivedLogout,
    slo_url: &str,
) -> Result<Judged, GatewayError> {
    let issuer = received.issuer();
    record.note("issuer", issuer.as_deref());
    let idp = known_sender(record.gateway, issuer.as_deref(), record.now)?;
    record.idp = Some(idp.settings.name.clone());
    let request_id = received.request_id();
    record.note("id", request_id.as_deref());
    let relay_state = received.relay_state.clone();
    let ended = end(record, &idp, &received, slo_url).await;
    let (answer, error) = match ended {
        Ok(EndedByName { sessions, failed }) => {
            for session in &sessions {
                if let Some(browser) = &session.browser {
                    record.gateway.loops.signed_out(browser);
                }
            }
            record.ended(&sessions).await;
            match failed.map(GatewayError::from) {
                None => (LogoutAnswer::Done, None),
                Some(error) => {
                    record.refused(&error).await;
                    (LogoutAnswer::Partial, Some(error))
                }
            }
        }
        Err(error) => {
            let Some(answer) = answer_to(error.code).filter(|_| request_id.is_some()) else {
                return Err(error);
            };
            record.refused(&error).await;
            (answer, Some(error))
        }
    };
    // What was followed has an ID.
    let request_id = request_id.unwrap_or_default();
    Ok(Judged { idp, request_id, relay_state, answer, error })
}

/// The walk from bytes to ended sessions.
async fn end(
    record: &Record<'_>,
    idp: &Arc<IdpTrust>,
    received: &ReceivedLogout,
    slo_url: &str,
) -> Result<EndedByName, GatewayError> {
    let (app, now) = (&record.gateway.app, record.now);
    let own = record.gateway.app.own();
    let read = |idp: &IdpTrust| {
        let expected = expectations(record.gateway, &own, idp, slo_url, now);
        let trust = idp.keys(&own.decryption_keys, now).signing;
        received.read(trust, &mut Checks::off(), |message, checks| {
            ValidLogoutRequest::read(message, &expected, checks, now)
        })
    };
    let valid = with_newer_keys(app, idp, now, read).await.map_err(saml)?;
    let one_use = app.ports.one_use.as_ref();
    let unused = OneUse::unused_logout(one_use, valid, now)
        .await
        .map_err(|error| GatewayError::new(error.code(), error))?;
    let request = unused.request();
    let (vendor, entity_id) = (idp.metadata.vendor, &idp.metadata.entity_id);
    let is_idp = |name: &str| vendor.signs_out_as(entity_id, name);
    let name_id = &request.name_id.clone().between(is_idp, &app.settings().sp.entity_id);
    let issuer = &request.issuer;
    let (indexes, reason) = (&request.session_indexes, EndReason::SingleLogout);
    let ended = app
        .sessions
        .end_named(&idp.settings.name, issuer, name_id, indexes, reason, now)
        .await?;
    // What could not be ended can be asked for again, by the same request.
    if ended.failed.is_none()
        && let Err(error) = OneUse::use_up(one_use, unused, now).await
    {
        tracing::warn!(
            idp = idp.settings.name.as_str(),
            reference = record.reference,
            detail = error.detail,
            "a LogoutRequest was followed, and can not be noted as used: until it is over it may \
             come again"
        );
    }
    Ok(ended)
}

/// What a request that was refused is told. All that concerns its signature reads alike.
const fn answer_to(code: ErrorCode) -> Option<LogoutAnswer> {
    Some(match code {
        ErrorCode::StoreUnavailable | ErrorCode::Internal => LogoutAnswer::Failed,
        ErrorCode::TimeExpired
        | ErrorCode::TimeIssueInstant
        | ErrorCode::ProtoDestination
        | ErrorCode::ProtoVersion
        | ErrorCode::XmlSchema => LogoutAnswer::Refused(None),
        // It is no LogoutRequest, so no LogoutResponse answers it.
        ErrorCode::ProtoRoot => return None,
        _ => LogoutAnswer::Refused(Some(StatusCode::RequestDenied)),
    })
}

/// An ID for an answer.
pub(super) fn fresh_id(gateway: &Gateway) -> String {
    entropy::message_id(gateway.app.entropy.as_ref())
}
