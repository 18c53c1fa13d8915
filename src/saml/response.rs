//! A Response: bytes → shape → verified Assertion.
//!
//! The one path by which an Assertion is read:
//!
//! 1. [`ResponseMessage::parse`]: well-formed, a `samlp:Response`, every Signature where the
//!    schema has one, the envelope as the schema wants it. Still anybody's.
//! 2. [`ResponseMessage::verify`]: every Signature verifies by a key of *this* identity provider,
//!    and one of them covers the Assertion. [`SignedResponse`] holds the proof.
//! 3. [`SignedResponse::validate`]: checks what was read from the verified element, and from
//!    nothing else, against the rules of the profile.

use super::accepted::ValidAssertion;
use super::error::SamlError;
use super::keys::Keys;
use super::profile::{Expectations, Origin, check_envelope, validate};
use super::schema::{
    ASSERTION_NS, AssertionFields, Envelope, PROTOCOL_NS, SchemaError, read_assertion, read_issuer,
};
use crate::base::{Checks, Timestamp};
use crate::dsig::{self, Verified};
use crate::xml::{Document, Element};

/// A Response whose signatures nobody has looked at. It answers questions for look-ups alone;
/// whatever they say is compared with the signed values later.
#[derive(Debug)]
pub struct ResponseMessage<'d> {
    root: Element<'d>,
    envelope: Envelope<'d>,
}

impl<'d> ResponseMessage<'d> {
    /// Checks the shape of a document: a Response, with signatures only where they belong.
    pub fn parse(document: &'d Document, checks: &mut Checks) -> Result<Self, SamlError> {
        let root = document.root();
        if !root.is(PROTOCOL_NS, "Response") {
            let found = format!("{{{}}}{}", root.namespace(), root.local_name());
            return Err(SamlError::Root { found });
        }
        checks.pass("response.root");
        checks.within("response", |checks| {
            dsig::signature_positions(root)?;
            checks.pass("signature.position");
            let envelope = Envelope::read(root)?;
            checks.pass("schema");
            Ok(Self { root, envelope })
        })
    }

    /// Who says it is from them: only to find the keys to verify by.
    pub fn issuer_hint(&self) -> Option<String> {
        self.envelope.issuer.clone().or_else(|| {
            let issuer = self.envelope.assertions.first()?.child(ASSERTION_NS, "Issuer")?;
            read_issuer(issuer).ok()
        })
    }

    /// Which request it says it answers: only to find the record of that request.
    pub fn in_response_to_hint(&self) -> Option<&str> {
        let assertion = || {
            let subject = self.envelope.assertions.first()?.child(ASSERTION_NS, "Subject")?;
            let confirmation = subject.child(ASSERTION_NS, "SubjectConfirmation")?;
            confirmation
                .child(ASSERTION_NS, "SubjectConfirmationData")?
                .attribute("InResponseTo")
        };
        self.envelope.in_response_to.as_deref().or_else(assertion)
    }

    /// Verifies every signature that is there; at least one has to cover the Assertion.
    ///
    /// A Response that reports an error carries no Assertion; it goes on without one, and can
    /// only be refused.
    pub fn verify(
        self,
        keys: Keys<'_>,
        checks: &mut Checks,
    ) -> Result<SignedResponse<'d>, SamlError> {
        let response = checks.within("response", |checks| {
            dsig::verify(self.root, keys.signing, checks)
        })?;
        let signed = response.is_some();
        let count = self.envelope.assertions.len().saturating_add(self.envelope.encrypted);
        if count != 1 {
            if count == 0 && !self.envelope.status.is_success() {
                let exceptions = Exceptions::NONE;
                return Ok(SignedResponse {
                    envelope: self.envelope,
                    signed,
                    assertion: None,
                    exceptions,
                });
            }
            return Err(SamlError::AssertionCount { found: count });
        }
        checks.pass("response.assertion_count");
        let Some(assertion) = self.envelope.assertions.first() else {
            return Err(SamlError::Encrypted);
        };
        let inner = checks.within("assertion", |checks| {
            dsig::verify(*assertion, keys.signing, checks)
        })?;
        let which = (signed, inner.is_some());
        let needed = |verified: Option<&Verified<Element<'_>>>| {
            verified.map_or(Exceptions::NONE, |verified| verified.needed().into())
        };
        let exceptions = needed(response.as_ref()) | needed(inner.as_ref());
        let outer = response.and_then(|response| response.child(ASSERTION_NS, "Assertion"));
        let verified = inner.or(outer).ok_or(SamlError::Unsigned)?;
        checks.pass_with("signed", || {
            let parts = match which {
                (true, true) => "the Response and the Assertion",
                (true, false) => "the Response",
                (false, _) => "the Assertion",
            };
            parts.to_owned()
        });
        let assertion = checks.within("assertion", |checks| {
            let assertion = Assertion::read(&verified)?;
            checks.pass("schema");
            Ok::<_, SchemaError>(Some(assertion))
        })?;
        Ok(SignedResponse { envelope: self.envelope, signed, assertion, exceptions })
    }
}

/// What a verified Assertion says. There is no other way to one.
///
/// ```compile_fail,E0308
/// use samlgate::saml::response::Assertion;
/// fn read(document: &samlgate::xml::Document) {
///     let _ = Assertion::read(&document.root()); // not verified
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Assertion(AssertionFields);

impl Assertion {
    /// Reads an Assertion from signed bytes.
    pub fn read(assertion: &Verified<Element<'_>>) -> Result<Self, SchemaError> {
        read_assertion(assertion.get()).map(Self)
    }
}

/// A Response of which every signature holds.
#[derive(Debug)]
pub struct SignedResponse<'d> {
    envelope: Envelope<'d>,
    signed: bool,
    assertion: Option<Assertion>,
    exceptions: Exceptions,
}

impl SignedResponse<'_> {
    /// What had to be allowed for this, in its signatures and its encryption.
    pub const fn exceptions(&self) -> Exceptions {
        self.exceptions
    }

    /// Checks every rule of the profile. `origin` is used up by it.
    pub fn validate(
        self,
        origin: Origin,
        expected: &Expectations<'_>,
        checks: &mut Checks,
        now: Timestamp,
    ) -> Result<ValidAssertion, SamlError> {
        checks.within("response", |checks| {
            check_envelope(&self.envelope, self.signed, &origin, expected, checks, now)
        })?;
        let assertion = self.assertion.ok_or(SamlError::AssertionCount { found: 0 })?;
        Ok(checks.within("assertion", |checks| {
            validate(assertion.0, origin, expected, checks, now)
        })?)
    }
}
