//! Logout messages of ours.
//!
//! In: whose session ends, or what became of a request. Out: the message as each binding carries
//! it. Promised: it is signed, whichever way it goes (profiles 4.4.3.3 and 4.4.3.4).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::base::Timestamp;
use crate::dsig::{self, DsigError, SigningKey, sign_enveloped};
use crate::saml::NameId;
use crate::saml::binding::{redirect, soap};
use crate::saml::schema::{ASSERTION_NS, PROTOCOL_NS};
use crate::saml::status::StatusCode;
use crate::xml::Writer;

/// A `samlp:LogoutRequest` of ours (core 3.7.1).
///
/// ```compile_fail,E0624
/// use samlgate::saml::logout::LogoutRequest;
/// fn unsigned(request: LogoutRequest<'_>) -> String {
///     request.unsigned()
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct LogoutRequest<'a> {
    /// From [`crate::base::entropy::message_id`].
    pub id: &'a str,
    /// Now.
    pub issue_instant: Timestamp,
    /// The `SingleLogoutService` that it is sent to.
    pub destination: &'a str,
    /// Our entityID.
    pub issuer: &'a str,
    /// Whose session, with every part that the Assertion had.
    pub name_id: &'a NameId,
    /// Which sessions: all that we know of; none for all of this person.
    pub session_indexes: &'a [String],
    /// Why.
    pub reason: LogoutReason,
    /// Until when it may be answered.
    pub not_on_or_after: Timestamp,
}

/// Why a session ends (core 3.7.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogoutReason {
    /// The person wants it.
    User,
    /// An administrator wants it.
    Admin,
}

impl LogoutReason {
    /// Its URN.
    pub const fn uri(self) -> &'static str {
        match self {
            Self::User => "urn:oasis:names:tc:SAML:2.0:logout:user",
            Self::Admin => "urn:oasis:names:tc:SAML:2.0:logout:admin",
        }
    }
}

/// A message for HTTP-POST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostedMessage {
    /// The name of the field: `SAMLRequest` or `SAMLResponse`.
    pub field: &'static str,
    /// Its value.
    pub value: String,
}

impl LogoutRequest<'_> {
    /// HTTP-Redirect: the address to send the browser to.
    ///
    /// Without RelayState: the answer names the request.
    pub fn redirect_url(&self, key: &SigningKey) -> Result<String, DsigError> {
        redirect::signed_request_url(self.destination, &self.unsigned(), key)
    }

    /// HTTP-POST: a field of the form that goes to `destination`.
    pub fn posted(&self, key: &SigningKey) -> Result<PostedMessage, DsigError> {
        let value = STANDARD.encode(self.to_signed_xml(key)?);
        Ok(PostedMessage { field: "SAMLRequest", value })
    }

    /// SOAP: the body of a POST to `destination`.
    pub fn soap(&self, key: &SigningKey) -> Result<String, DsigError> {
        Ok(soap::envelope(&self.to_signed_xml(key)?))
    }

    /// The message with an enveloped signature.
    pub fn to_signed_xml(&self, key: &SigningKey) -> Result<String, DsigError> {
        sign_enveloped(&self.unsigned(), self.id, key, dsig::Place::AfterIssuer)
    }

    /// The message, unsigned.
    pub(super) fn unsigned(&self) -> String {
        let (issued, end) = (self.issue_instant.to_saml(), self.not_on_or_after.to_saml());
        let mut writer = Writer::new();
        begin(
            &mut writer,
            "samlp:LogoutRequest",
            self.id,
            &issued,
            self.destination,
        );
        writer
            .attr("NotOnOrAfter", &end)
            .attr("Reason", self.reason.uri())
            .leaf("saml:Issuer", self.issuer);
        self.name_id.write(&mut writer);
        for index in self.session_indexes {
            writer.leaf("samlp:SessionIndex", index);
        }
        writer.end();
        writer.finish()
    }
}

/// A `samlp:LogoutResponse` of ours (core 3.7.2).
#[derive(Clone, Copy, Debug)]
pub struct LogoutResponse<'a> {
    /// From [`crate::base::entropy::message_id`].
    pub id: &'a str,
    /// Now.
    pub issue_instant: Timestamp,
    /// The `ResponseLocation`, or the Location, of the `SingleLogoutService` that asked; empty where its
    /// metadata has none, as by SOAP, and then it is left out (core 3.2.2).
    pub destination: &'a str,
    /// Our entityID.
    pub issuer: &'a str,
    /// The request's ID.
    pub in_response_to: &'a str,
    /// What became of it.
    pub answer: LogoutAnswer,
}

/// What became of a LogoutRequest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogoutAnswer {
    /// The sessions are ended, or there were none.
    Done,
    /// Some of them could not be ended.
    Partial,
    /// The request is at fault; why, if there is a word for it.
    Refused(Option<StatusCode>),
    /// We are: it can be sent again.
    Failed,
}

impl LogoutAnswer {
    /// Its StatusCode of the first and second level.
    const fn codes(self) -> (StatusCode, Option<StatusCode>) {
        match self {
            Self::Done => (StatusCode::Success, None),
            Self::Partial => (StatusCode::Success, Some(StatusCode::PartialLogout)),
            Self::Refused(why) => (StatusCode::Requester, why),
            Self::Failed => (StatusCode::Responder, None),
        }
    }
}

impl LogoutResponse<'_> {
    /// HTTP-Redirect: the address to send the browser to, with the RelayState that came along.
    pub fn redirect_url(
        &self,
        relay_state: Option<&str>,
        key: &SigningKey,
    ) -> Result<String, DsigError> {
        redirect::response_url(self.destination, &self.unsigned(), relay_state, key)
    }

    /// HTTP-POST: a field of the form that goes to `destination`. RelayState is another one.
    pub fn posted(&self, key: &SigningKey) -> Result<PostedMessage, DsigError> {
        let value = STANDARD.encode(self.to_signed_xml(key)?);
        Ok(PostedMessage { field: "SAMLResponse", value })
    }

    /// SOAP: the body of the answer.
    pub fn soap(&self, key: &SigningKey) -> Result<String, DsigError> {
        Ok(soap::envelope(&self.to_signed_xml(key)?))
    }

    /// The message with an enveloped signature.
    pub fn to_signed_xml(&self, key: &SigningKey) -> Result<String, DsigError> {
        sign_enveloped(&self.unsigned(), self.id, key, dsig::Place::AfterIssuer)
    }

    /// The message, unsigned.
    pub(super) fn unsigned(&self) -> String {
        let issued = self.issue_instant.to_saml();
        let mut writer = Writer::new();
        begin(
            &mut writer,
            "samlp:LogoutResponse",
            self.id,
            &issued,
            self.destination,
        );
        writer
            .attr("InResponseTo", self.in_response_to)
            .leaf("saml:Issuer", self.issuer);
        let (first, second) = self.answer.codes();
        writer
            .start("samlp:Status")
            .start("samlp:StatusCode")
            .attr("Value", &first.uri());
        if let Some(second) = second.filter(|second| *second != StatusCode::Other) {
            writer.start("samlp:StatusCode").attr("Value", &second.uri()).end();
        }
        writer.end().end().end();
        writer.finish()
    }
}

fn begin(writer: &mut Writer, name: &str, id: &str, issue_instant: &str, destination: &str) {
    writer
        .start(name)
        .attr("xmlns:samlp", PROTOCOL_NS)
        .attr("xmlns:saml", ASSERTION_NS)
        .attr("ID", id)
        .attr("Version", "2.0")
        .attr("IssueInstant", issue_instant)
        .attr_opt(
            "Destination",
            Some(destination).filter(|destination| !destination.is_empty()),
        );
}
