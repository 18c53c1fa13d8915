//! Single logout (core 3.7, profiles 4.4): messages, read and written.
//!
//! In: a message by HTTP-Redirect, HTTP-POST or SOAP, and the keys of one identity provider. Out: a
//! [`ValidLogoutRequest`], which says whose sessions end, or a [`LogoutResult`]. Promised: nothing
//! is read from a message that is not signed whole, be it by its query or by an enveloped
//! signature; a forged or late one changes nothing. What becomes of the sessions is decided
//! elsewhere, once for each request: [`super::OneUse::unused_logout`].
//!
//! [`LogoutRequest`] and [`LogoutResponse`] are ours. They can not be sent unsigned.
//!
//! # Deployment caveat
//!
//! Some products leave their logout messages unsigned until they are told otherwise
//! ([`super::vendor::LogoutDialect`]). An unsigned request ends nothing here (`sig.missing`); an unsigned
//! answer says nothing about the other side's session, and ours was ended before we asked.

mod received;
mod send;

use std::borrow::Cow;

pub use received::ReceivedLogout;
pub use send::{LogoutAnswer, LogoutReason, LogoutRequest, LogoutResponse, PostedMessage};

use super::accepted::NameId;
use super::binding::query::VerifiedDocument;
use super::binding::soap::SoapMessage;
use super::decrypted::Decrypted;
use super::error::SamlError;
use super::exceptions::Exceptions;
use super::profile::{MAX_AGE, OurClock, Place, ProfileError};
use super::schema::{
    ASSERTION_NS, Attribute, DSIG_NS, PROTOCOL_NS, Reader, SchemaError, Status, read_issuer,
    read_name_id, read_status, text,
};
use super::status::StatusCode;
use super::vendor::Vendor;
use crate::base::{Checks, Timestamp};
use crate::dsig::{self, Trust, Verified};
use crate::xml::{Document, Element};
use crate::xmlenc::Decryption;

/// What a logout message is checked against, besides itself.
#[derive(Clone, Copy, Debug)]
pub struct LogoutExpectations<'a> {
    /// Our `SingleLogoutService` for the way it came, to which the message must be addressed.
    pub slo_url: &'a str,
    /// The entityID of the identity provider whose key verified the message.
    pub idp_entity_id: &'a str,
    /// Whose product that is: some have another name for logout ([`Vendor::logout_issuer`]).
    pub vendor: Vendor,
    /// By which keys of ours an EncryptedID is read.
    pub decryption: Decryption<'a>,
    /// How far its clock may differ from ours.
    pub clock_skew: std::time::Duration,
}

/// A logout message of which every byte is signed.
#[derive(Debug)]
pub struct SignedMessage<'d> {
    message: Element<'d>,
    way: Way,
}

/// How a message came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Through a browser, which could have been sent elsewhere.
    Browser,
    /// From their server to ours.
    Soap,
}

impl<'d> SignedMessage<'d> {
    /// By HTTP-POST: the enveloped signature of the message itself. `sig.missing` without.
    pub fn enveloped(
        document: &'d Document,
        trust: Trust<'_>,
        checks: &mut Checks,
    ) -> Result<Self, SamlError> {
        let message = verified(document.root(), trust, checks)?.get();
        Ok(Self { message, way: Way::Browser })
    }

    /// By SOAP: likewise, inside of an envelope, which nobody has signed and nobody reads.
    pub fn in_soap(
        soap: &'d SoapMessage,
        trust: Trust<'_>,
        checks: &mut Checks,
    ) -> Result<Self, SamlError> {
        let message = verified(soap.message(), trust, checks)?.get();
        Ok(Self { message, way: Way::Soap })
    }
}

fn verified<'d>(
    message: Element<'d>,
    trust: Trust<'_>,
    checks: &mut Checks,
) -> Result<Verified<Element<'d>>, SamlError> {
    dsig::signature_positions(message)?;
    dsig::verify(message, trust, checks)?.ok_or(SamlError::UnsignedLogout)
}

impl<'d> From<&'d VerifiedDocument> for SignedMessage<'d> {
    fn from(verified: &'d VerifiedDocument) -> Self {
        Self { message: verified.get().root(), way: Way::Browser }
    }
}

/// Who sent a logout message, as it says itself: only to find the keys to verify by. It may be
/// another name than the entityID ([`Vendor::signs_out_as`]).
pub fn issuer_hint(message: Element<'_>) -> Option<String> {
    let issuer = message.child(ASSERTION_NS, "Issuer")?;
    read_issuer(issuer).ok().map(Cow::into_owned)
}

/// The rules for a `samlp:LogoutRequest`, in the order in which they are checked: the names of the
/// lines in [`Checks`], after `logout.`
pub const REQUEST_RULES: &[&str] = &[
    "schema",
    "version",
    "destination",
    "issuer",
    "issue_instant",
    "not_on_or_after",
];

/// The rules for a `samlp:LogoutResponse`, likewise.
pub const RESPONSE_RULES: &[&str] = &[
    "schema",
    "version",
    "destination",
    "issuer",
    "issue_instant",
    "in_response_to",
];

/// `samlp:LogoutRequest` that is from them, for us and in time: these sessions end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidLogoutRequest {
    /// Its ID, which the response repeats, and which is used once.
    pub id: String,
    /// The entityID of the identity provider, whichever of its names the message says: the one under
    /// which it signed the person in.
    pub issuer: String,
    /// Whose sessions.
    pub name_id: NameId,
    /// Which of them; empty for all.
    pub session_indexes: Vec<String>,
    /// From when on it would be refused as too old, clock skew included.
    pub expires: Timestamp,
    /// What had to be allowed to decrypt its NameID.
    pub exceptions: Exceptions,
}

impl ValidLogoutRequest {
    /// Checks a signed request by core 3.7.1 and profiles 4.4.4.1.
    pub fn read(
        message: &SignedMessage<'_>,
        expected: &LogoutExpectations<'_>,
        checks: &mut Checks,
        now: Timestamp,
    ) -> Result<Self, SamlError> {
        checks.within("logout", |checks| {
            Self::follow(message, expected, checks, now)
        })
    }

    fn follow(
        message: &SignedMessage<'_>,
        expected: &LogoutExpectations<'_>,
        checks: &mut Checks,
        now: Timestamp,
    ) -> Result<Self, SamlError> {
        let (mut reader, attributes) = open(message.message, "LogoutRequest", REQUEST)?;
        let [
            id,
            version,
            issue_instant,
            destination,
            _,
            not_on_or_after,
            _,
        ] = attributes;
        let attributes = [id, version, issue_instant, destination];
        let header = Header::read(message.message, &mut reader, attributes)?;
        let (name_id, exceptions) = read_whom(&mut reader, expected.decryption, checks)?;
        let mut session_indexes = Vec::new();
        while let Some(index) = reader.optional(PROTOCOL_NS, "SessionIndex") {
            session_indexes.push(text(index)?.into_owned());
        }
        reader.end()?;
        let not_on_or_after = not_on_or_after.time()?;
        checks.pass("schema");
        header.check(message.way, expected, checks, now)?;
        if let Some(found) = not_on_or_after
            && now >= found.plus(expected.clock_skew)
        {
            let clock = OurClock { now, skew: expected.clock_skew };
            return Err(ProfileError::LogoutExpired { found, clock }.into());
        }
        checks.pass_with("not_on_or_after", || {
            not_on_or_after.map_or_else(|| "none".to_owned(), |end| end.to_string())
        });
        let fresh_until = header.issue_instant.plus(MAX_AGE);
        let expires = not_on_or_after.map_or(fresh_until, |end| end.min(fresh_until));
        Ok(Self {
            id: header.id,
            issuer: expected.idp_entity_id.to_owned(),
            name_id,
            session_indexes,
            expires: expires.plus(expected.clock_skew),
            exceptions,
        })
    }

    /// Profiles 4.4.3.3: whether a session that this identity provider began, for this NameID
    /// under this SessionIndex, is one of those that end.
    pub fn ends(&self, issuer: &str, name_id: &NameId, session_index: Option<&str>) -> bool {
        let index = self.session_indexes.is_empty()
            || session_index.is_some_and(|own| self.session_indexes.iter().any(|one| one == own));
        issuer == self.issuer && name_id.is_meant_by(&self.name_id) && index
    }
}

/// Whom it is about: in the clear, or encrypted to us (core 2.2.4). The ciphertext is a part of what
/// was signed, as in an Assertion.
fn read_whom(
    reader: &mut Reader<'_>,
    decryption: Decryption<'_>,
    checks: &mut Checks,
) -> Result<(NameId, Exceptions), SamlError> {
    if let Some(encrypted) = reader.optional(ASSERTION_NS, "EncryptedID") {
        let opened = Decrypted::open_part(encrypted, "NameID", decryption, checks)?;
        return Ok((read_name_id(opened.root())?, opened.exceptions));
    }
    let name_id = read_name_id(reader.required(ASSERTION_NS, "NameID")?)?;
    Ok((name_id, Exceptions::NONE))
}

/// What the other side made of our request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogoutResult {
    /// Success, partial logout, or what went wrong.
    pub status: Status,
}

/// The same in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogoutOutcome {
    /// Signed out everywhere, as far as they know.
    Done,
    /// Signed out there; some other application has kept its session (core 3.7.3.2).
    Partial,
    /// Still signed in there.
    Failed(StatusCode),
}

impl LogoutResult {
    /// What became of it.
    pub fn outcome(&self) -> LogoutOutcome {
        match self.status.kind() {
            StatusCode::PartialLogout => LogoutOutcome::Partial,
            _ if self.status.is_success() => LogoutOutcome::Done,
            code => LogoutOutcome::Failed(code),
        }
    }

    /// Checks a signed `samlp:LogoutResponse` to the request `request_id` (core 3.7.2).
    pub fn read(
        message: &SignedMessage<'_>,
        request_id: &str,
        expected: &LogoutExpectations<'_>,
        checks: &mut Checks,
        now: Timestamp,
    ) -> Result<Self, SamlError> {
        checks.within("logout", |checks| {
            Self::follow(message, request_id, expected, checks, now)
        })
    }

    fn follow(
        message: &SignedMessage<'_>,
        request_id: &str,
        expected: &LogoutExpectations<'_>,
        checks: &mut Checks,
        now: Timestamp,
    ) -> Result<Self, SamlError> {
        let (mut reader, attributes) = open(message.message, "LogoutResponse", RESPONSE)?;
        let [id, version, issue_instant, destination, _, in_response_to] = attributes;
        let attributes = [id, version, issue_instant, destination];
        let header = Header::read(message.message, &mut reader, attributes)?;
        let status = read_status(reader.required(PROTOCOL_NS, "Status")?)?;
        reader.end()?;
        checks.pass("schema");
        header.check(message.way, expected, checks, now)?;
        let found = in_response_to.value;
        if found != Some(request_id) {
            return Err(ProfileError::InResponseTo {
                place: Place::Logout,
                found: found.map(ToOwned::to_owned),
                expected: Some(request_id.to_owned()),
            }
            .into());
        }
        checks.pass_with("in_response_to", || request_id.to_owned());
        Ok(Self { status })
    }
}

const REQUEST: [&str; 7] = [
    "ID",
    "Version",
    "IssueInstant",
    "Destination",
    "Consent",
    "NotOnOrAfter",
    "Reason",
];
const RESPONSE: [&str; 6] = [
    "ID",
    "Version",
    "IssueInstant",
    "Destination",
    "Consent",
    "InResponseTo",
];

/// Begins with a message of this name.
fn open<'d, const N: usize>(
    message: Element<'d>,
    name: &str,
    attributes: [&'static str; N],
) -> Result<(Reader<'d>, [Attribute<'d>; N]), SamlError> {
    if !message.is(PROTOCOL_NS, name) {
        let found = format!("{{{}}}{}", message.namespace(), message.local_name());
        let expected = format!("samlp:{name}");
        return Err(SamlError::LogoutRoot { expected, found });
    }
    Ok(Reader::open(message, attributes)?)
}

/// What both messages begin with.
struct Header {
    id: String,
    version: String,
    issuer: String,
    issue_instant: Timestamp,
    destination: Option<String>,
}

impl Header {
    fn read<'d>(
        message: Element<'d>,
        reader: &mut Reader<'d>,
        [id, version, issue_instant, destination]: [Attribute<'d>; 4],
    ) -> Result<Self, SchemaError> {
        let issuer = read_issuer(reader.required(ASSERTION_NS, "Issuer")?)?.into_owned();
        reader.optional(DSIG_NS, "Signature");
        reader.optional(PROTOCOL_NS, "Extensions");
        Ok(Self {
            id: id.required(message)?.to_owned(),
            version: version.required(message)?.to_owned(),
            issuer,
            issue_instant: issue_instant.required_time(message)?,
            destination: destination.owned(),
        })
    }

    fn check(
        &self,
        way: Way,
        expected: &LogoutExpectations<'_>,
        checks: &mut Checks,
        now: Timestamp,
    ) -> Result<(), ProfileError> {
        if self.version != "2.0" {
            return Err(ProfileError::Version { found: self.version.clone() });
        }
        checks.pass("version");
        // Bindings 3.4.5.2 and 3.5.5.2: a signed message that goes through a browser says where to.
        match &self.destination {
            None if way == Way::Soap => checks.pass_with("destination", || "none".to_owned()),
            None => {
                let ours = expected.slo_url.to_owned();
                return Err(ProfileError::DestinationMissing { ours });
            }
            Some(found) if found != expected.slo_url => {
                let (found, ours) = (found.clone(), expected.slo_url.to_owned());
                return Err(ProfileError::Destination { found, ours });
            }
            Some(_) => checks.pass_with("destination", || expected.slo_url.to_owned()),
        }
        if !expected.vendor.signs_out_as(expected.idp_entity_id, &self.issuer) {
            let (found, expected) = (self.issuer.clone(), expected.idp_entity_id.to_owned());
            return Err(ProfileError::Issuer { found, expected });
        }
        checks.pass_with("issuer", || self.issuer.clone());
        let found = self.issue_instant;
        let ahead = found > now.plus(expected.clock_skew);
        if ahead || found < now.minus(MAX_AGE).minus(expected.clock_skew) {
            let clock = OurClock { now, skew: expected.clock_skew };
            return Err(ProfileError::IssueInstant { place: Place::Logout, found, clock });
        }
        checks.pass_with("issue_instant", || found.to_string());
        Ok(())
    }
}

#[cfg(test)]
mod tests;
