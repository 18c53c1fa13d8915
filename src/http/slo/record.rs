//! What is written down of a logout message: one audit event and one line of the log.

use serde_json::{Value, json};

use crate::audit::{Event, EventKind};
use crate::base::{ErrorCode, IdpName, Timestamp, UserId, entropy};
use crate::http::context::Context;
use crate::http::error::GatewayError;
use crate::http::sso::shorten;
use crate::http::state::Gateway;
use crate::session::{EndReason, Session};

/// By which way a message came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Redirect,
    Post,
    Soap,
}

impl Way {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Redirect => "redirect",
            Self::Post => "post",
            Self::Soap => "soap",
        }
    }
}

/// One message, and the reference under which it is written down.
pub(super) struct Record<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) context: &'a Context,
    pub(super) reference: String,
    pub(super) idp: Option<IdpName>,
    /// What is known of the message.
    pub(super) detail: Value,
    pub(super) now: Timestamp,
}

impl<'a> Record<'a> {
    /// Draws the reference.
    pub(super) fn new(
        gateway: &'a Gateway,
        context: &'a Context,
        way: Way,
        now: Timestamp,
    ) -> Self {
        let reference = entropy::reference(gateway.app.entropy.as_ref());
        let (idp, detail) = (None, json!({ "binding": way.as_str() }));
        Self { gateway, context, reference, idp, detail, now }
    }

    /// One more thing that is known. What comes out of an unverified message is kept short.
    pub(super) fn note(&mut self, name: &str, value: Option<&str>) {
        if let (Value::Object(detail), Some(value)) = (&mut self.detail, value) {
            detail.insert(name.to_owned(), shorten(value).into());
        }
    }

    /// These sessions have ended.
    pub(super) async fn ended(&self, sessions: &[Session]) {
        for session in sessions {
            let reason = EndReason::SingleLogout.as_str();
            let detail = json!({ "sid": session.sid, "reason": reason });
            let user = session.identity.user.clone();
            self.write(EventKind::SessionEnded, None, Some(user), detail).await;
        }
        let sids: Vec<&str> = sessions.iter().map(|session| session.sid.as_str()).collect();
        let mut detail = self.detail.clone();
        if let Value::Object(detail) = &mut detail {
            detail.insert("sessions".to_owned(), json!(sids));
        }
        tracing::info!(
            idp = self.idp.as_ref().map(IdpName::as_str),
            sessions = sids.len(),
            reference = self.reference,
            request_id = self.context.request_id.as_str(),
            "signed out by the identity provider"
        );
        self.write(EventKind::LogoutAccepted, None, None, detail).await;
    }

    /// The identity provider has done what we asked for, as far as it says.
    pub(super) async fn answered(&self, status: &str) {
        let mut detail = self.detail.clone();
        if let Value::Object(detail) = &mut detail {
            detail.insert("status".to_owned(), status.into());
        }
        self.write(EventKind::LogoutAccepted, None, None, detail).await;
    }

    /// It has changed nothing.
    pub(super) async fn refused(&self, error: &GatewayError) {
        let reason = shorten(&error.detail);
        tracing::warn!(
            code = error.code.as_str(),
            reference = self.reference,
            request_id = self.context.request_id.as_str(),
            client = self.context.client_text(),
            idp = self.idp.as_ref().map(IdpName::as_str),
            detail = reason,
            remedy = remedy(error.code),
            "logout refused"
        );
        // Anybody can send messages, and disks are finite. It is in the log.
        let rates = self.gateway.rates.load();
        if self.context.client.is_some_and(|client| rates.check_failure(client).is_err()) {
            return;
        }
        let mut detail = self.detail.clone();
        if let Value::Object(detail) = &mut detail {
            detail.insert("reason".to_owned(), reason.into());
            detail.insert("remedy".to_owned(), remedy(error.code).into());
        }
        self.write(EventKind::LogoutRefused, Some(error.code), None, detail).await;
    }

    async fn write(
        &self,
        kind: EventKind,
        code: Option<ErrorCode>,
        user: Option<UserId>,
        detail: Value,
    ) {
        let event = Event {
            code,
            reference: Some(self.reference.clone()),
            request_id: Some(self.context.request_id.as_str().to_owned()),
            idp: self.idp.clone(),
            user,
            client: self.context.client_text(),
            detail,
            ..Event::new(kind)
        };
        if let Err(error) = self.gateway.app.ports.audit.record(&event, self.now).await {
            tracing::error!(
                reference = self.reference,
                detail = error.detail,
                "the audit record was not written"
            );
        }
    }
}

/// Who has to change what: some codes mean something else of a logout message than of a sign-in.
const fn remedy(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::ProtoInResponseTo => {
            "Usually somebody has read the page about a finished sign-out once more. If nobody can \
             sign out: do all nodes use one database?"
        }
        ErrorCode::SigMissing => {
            "IdP: sign logout messages; a query, an envelope and a form each have a place for it."
        }
        code => code.remedy(),
    }
}
