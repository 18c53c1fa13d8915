//! One login attempt: what is known about it, and what is written down in the end.
//!
//! In: evidence, piece by piece, and an outcome. Out: one login attempt and one audit event under
//! one reference, a log line, and for a refusal the answer. What comes out of an unverified message
//! is kept short, since anybody can send messages and disks are finite.

use std::sync::Arc;

use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::login::nobody_there;
use super::step_up::is_lacking;
use super::still;
use crate::audit::{Event, EventKind, LoginAttempt, LoginOutcome};
use crate::base::{ErrorCode, IdpName, ReturnTo, Timestamp, UserId, entropy};
use crate::http::context::Context;
use crate::http::error::{FromIdp, GatewayError, Reader};
use crate::http::hosts::Place;
use crate::http::measure;
use crate::http::respond;
use crate::http::state::Gateway;
use crate::identity::Person;
use crate::saml::metadata::ErrorCategory;
use crate::saml::status::StatusCode as SaidCode;
use crate::saml::{Claims, Exceptions};
use crate::session::{Login, OpenSession, Session};
use crate::trust::IdpTrust;

/// Longest piece of a message that is kept: the longest entityID (core 8.3.6).
const LONGEST: usize = 1024;

/// What is known so far.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    /// Who answers, as far as that is known.
    pub(super) idp: Option<Arc<IdpTrust>>,
    /// A request of ours to this identity provider is being answered.
    pub(super) asked: bool,
    /// It has signed the message.
    pub(super) verified: bool,
    /// Who the message says it is from. Unverified.
    pub(super) issuer: Option<String>,
    /// Which request it says it answers. Unverified.
    pub(super) in_response_to: Option<String>,
    /// What its RelayState turned out to be.
    pub(super) relay_state: Option<&'static str>,
    /// What the operator had to allow for this message. Only ever set by what has been verified.
    pub(super) exceptions: Exceptions,
    /// The person.
    pub(super) user: Option<UserId>,
    /// Where they were going, as far as the store knows.
    pub(super) return_to: Option<ReturnTo>,
    /// The browser, by the hash of its login cookie.
    pub(super) browser: Option<[u8; 32]>,
}

/// An attempt that has come to its end.
pub(super) struct Attempt<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) context: &'a Context,
    pub(super) evidence: Evidence,
    reference: String,
    now: Timestamp,
}

impl<'a> Attempt<'a> {
    /// Draws the reference.
    pub(super) fn new(gateway: &'a Gateway, context: &'a Context, now: Timestamp) -> Self {
        let reference = entropy::reference(gateway.app.entropy.as_ref());
        Self {
            gateway,
            context,
            evidence: Evidence::default(),
            reference,
            now,
        }
    }

    /// The name of the identity provider.
    pub(super) fn idp(&self) -> Option<&IdpName> {
        self.evidence.idp.as_ref().map(|idp| &idp.settings.name)
    }

    /// What is written down with a login, should it come to be.
    pub(super) fn login<'l>(
        &self,
        claims: &'l Claims,
        person: &'l Person,
        session: &'l Session,
    ) -> Login<'l> {
        let identity = &session.identity;
        let detail = self.detail(json!({
            "sid": session.sid,
            "user_name": identity.user_name,
            "roles": identity.roles,
        }));
        let user = Some(identity.user.clone());
        let event = |kind, detail| Event { detail, user: user.clone(), ..self.event(kind, None) };
        let created = identity.created.then(|| {
            let detail = json!({ "user_name": identity.user_name, "provisioning": "jit" });
            event(EventKind::UserCreated, detail)
        });
        Login {
            issuer: &claims.issuer,
            assertion_id: &claims.assertion_id,
            expires: claims.expires,
            person,
            session,
            attempt: LoginAttempt { user: user.clone(), ..self.attempt(None, detail.clone()) },
            accepted: event(EventKind::LoginAccepted, detail),
            created,
        }
    }

    /// Somebody came in.
    pub(super) fn accepted(&self, session: &OpenSession) {
        self.warn_of_exceptions();
        tracing::info!(
            idp = self.idp().map(IdpName::as_str),
            user = session.identity().user_name,
            sid = session.sid(),
            request_id = self.context.request_id.as_str(),
            client = self.context.client_text(),
            reference = self.reference,
            "signed in"
        );
    }

    /// The answer to somebody whom their identity provider was not to show anything, and who is not
    /// signed in there: that is what was asked, no error. The page is opened as nobody where it may
    /// be; else it is as with any other refusal.
    pub(super) fn nobody_there(&self, error: &GatewayError) -> Option<Response> {
        let (kind, _) = error.said.as_ref()?;
        let page = self.evidence.return_to.as_ref()?;
        if *kind != SaidCode::NoPassive || !self.evidence.asked {
            return None;
        }
        let live = self.gateway.app.live();
        let answer = nobody_there(&live, &still(&live, page)).ok()?;
        tracing::info!(
            idp = self.idp().map(IdpName::as_str),
            request_id = self.context.request_id.as_str(),
            "nobody is signed in there"
        );
        Some(answer)
    }

    /// Where the identity provider helps its people with such a failure.
    fn help(&self, idp: &IdpTrust, code: ErrorCode) -> Option<String> {
        let category = match code {
            ErrorCode::IdpStatus | ErrorCode::AuthnContext | ErrorCode::AuthnAge => {
                ErrorCategory::Authentication
            }
            ErrorCode::SubjectMissing
            | ErrorCode::ValueRefused
            | ErrorCode::ValueComplex
            | ErrorCode::ValueDuplicate
            | ErrorCode::ValueScope => ErrorCategory::Identification,
            ErrorCode::UserDisabled | ErrorCode::UserNotProvisioned | ErrorCode::UserConflict => {
                ErrorCategory::Authorization
            }
            // What has to change is not changed by its help desk.
            _ => return None,
        };
        let url = idp.metadata.error_url.as_ref()?;
        let sp = &self.gateway.app.settings().sp.entity_id;
        Some(url.filled(category, sp, &self.reference, code.as_str(), self.now))
    }

    /// Somebody was not let in; the answer that they get.
    pub(super) async fn refused(&self, mut error: GatewayError, headers: &HeaderMap) -> Response {
        let evidence = &self.evidence;
        let return_to = evidence.return_to.as_ref();
        let return_to = return_to.map(|to| still(&self.gateway.app.live(), to));
        let return_to = return_to.unwrap_or_else(ReturnTo::root);
        error.return_to = return_to.clone();
        error.detail = shorten(&error.detail);
        // Only who was asked, or has signed, is named: a made-up message must not find out whom we know.
        let sure = evidence.idp.as_ref().filter(|_| evidence.asked || evidence.verified);
        error.idp = sure.map(|idp| {
            let (label, help) = (idp.label().to_owned(), self.help(idp, error.code));
            Box::new(FromIdp { label, help })
        });
        let goes_on = is_stale(error.code) && self.may_go_on(&return_to, headers).await;
        let detail = self.detail(json!({
            "reason": error.detail,
            "remedy": error.remedy(),
            "went_on": goes_on,
        }));
        self.record(error.code, detail).await;
        self.warn_of_exceptions();
        tracing::warn!(
            code = error.code.as_str(),
            reference = self.reference,
            request_id = self.context.request_id.as_str(),
            client = self.context.client_text(),
            idp = self.idp().map(IdpName::as_str),
            issuer = evidence.issuer,
            in_response_to = evidence.in_response_to,
            detail = error.detail,
            remedy = error.remedy(),
            went_on = goes_on,
            "sign-in refused"
        );
        if goes_on {
            return respond::redirect(StatusCode::SEE_OTHER, &return_to.to_string());
        }
        if let Some(browser) = &self.evidence.browser {
            self.gateway.loops.stopped(browser);
        }
        let reader = Reader::of(headers);
        self.gateway.answer(&error, &self.reference, self.context, reader, self.now)
    }

    /// A stale answer with a valid session just goes on to the page.
    ///
    /// The session cookie is `SameSite=Lax` and does not come with a form from another site, so the
    /// login cookie tells which session this browser has. It opens nothing: the page that follows
    /// still wants the session cookie.
    /// Nor does it go on to a page that would only send it back for more.
    async fn may_go_on(&self, page: &ReturnTo, headers: &HeaderMap) -> bool {
        let Some(session) = self.session(headers).await else {
            return false;
        };
        let live = self.gateway.app.live();
        !is_lacking(self.gateway, &live, page, &session.identity(), self.now)
    }

    /// The session of this browser, by what its login cookie says. An error is none: all that is missed
    /// is a short cut, or what another logout may name it by.
    pub(super) async fn session_of_browser(&self) -> Option<Arc<OpenSession>> {
        let browser = self.evidence.browser?;
        let newest = self.gateway.app.sessions.newest_of_browser(&browser, self.now);
        newest.await.ok().flatten()
    }

    async fn session(&self, headers: &HeaderMap) -> Option<Arc<OpenSession>> {
        if let Ok(Some(session)) = self.gateway.session(headers, &Place::default(), self.now).await
        {
            return Some(session);
        }
        self.session_of_browser().await
    }

    /// The evidence, and what the outcome adds to it.
    fn detail(&self, outcome: Value) -> Value {
        let mut detail = json!({
            "issuer": self.evidence.issuer,
            "in_response_to": self.evidence.in_response_to,
            "relay_state": self.evidence.relay_state,
            "login_cookie": self.evidence.browser.is_some(),
        });
        if let (Value::Object(detail), Value::Object(outcome)) = (&mut detail, outcome) {
            detail.extend(outcome);
        }
        detail
    }

    fn event(&self, kind: EventKind, code: Option<ErrorCode>) -> Event {
        Event {
            code,
            reference: Some(self.reference.clone()),
            request_id: Some(self.context.request_id.as_str().to_owned()),
            idp: self.idp().cloned(),
            user: self.evidence.user.clone(),
            client: self.context.client_text(),
            ..Event::new(kind)
        }
    }

    /// So that an exception is still seen when everybody has forgotten it.
    fn warn_of_exceptions(&self) {
        let Some(idp) = &self.evidence.idp else {
            return;
        };
        for exception in self.evidence.exceptions.iter() {
            measure::exception(&idp.settings.name, exception);
            tracing::warn!(
                idp = idp.settings.name.as_str(),
                exception = exception.key(),
                until = idp.exception_ends(exception).map(Timestamp::to_rfc3339),
                reference = self.reference,
                request_id = self.context.request_id.as_str(),
                "a message counts by an exception for its identity provider only"
            );
        }
    }

    fn attempt(&self, code: Option<ErrorCode>, detail: Value) -> LoginAttempt {
        LoginAttempt {
            reference: self.reference.clone(),
            at: self.now,
            idp: self.idp().cloned(),
            outcome: code.map_or(LoginOutcome::Accepted, LoginOutcome::Refused),
            user: self.evidence.user.clone(),
            request_id: Some(self.context.request_id.as_str().to_owned()),
            detail,
        }
    }

    async fn record(&self, code: ErrorCode, detail: Value) {
        let attempt = self.attempt(Some(code), detail.clone());
        let event = Event { detail, ..self.event(EventKind::LoginRefused, Some(code)) };
        let audit = &self.gateway.app.ports.audit;
        if let Err(error) = audit.record_refusal(&attempt, &event, self.now).await {
            // It is itself in the log.
            tracing::error!(
                reference = self.reference,
                detail = error.detail,
                "the audit record was not written"
            );
        }
    }
}

/// The beginning of a text that a stranger wrote.
pub(in crate::http) fn shorten(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// What a reload, the back button or a second tab looks like.
const fn is_stale(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::ProtoInResponseTo
            | ErrorCode::ProtoReplay
            | ErrorCode::TimeExpired
            | ErrorCode::SubjectExpired
            | ErrorCode::TimeIssueInstant
    )
}
