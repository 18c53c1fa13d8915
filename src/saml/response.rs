//! A Response: bytes → shape → verified Assertion.
//!
//! The one path by which an Assertion is read:
//!
//! 1. [`ResponseMessage::parse`]: well-formed, a `samlp:Response`, every Signature where the
//!    schema has one, the envelope as the schema wants it. Still anybody's.
//! 2. [`ResponseMessage::verify`]: every Signature verifies by a key of *this* identity provider,
//!    and one of them covers the Assertion, or the ciphertext that it was decrypted from.
//!    [`SignedResponse`] holds the proof.
//! 3. [`SignedResponse::validate`]: checks what was read from the verified element, and from
//!    nothing else, against the rules of the profile.

use std::borrow::Cow;
use std::collections::HashSet;

use super::accepted::ValidAssertion;
use super::decrypted::Decrypted;
use super::error::SamlError;
use super::exceptions::Exceptions;
use super::keys::Keys;
use super::profile::{Expectations, Origin, ProfileError, Seal, check_envelope, validate};
use super::schema::{
    ASSERTION_NS, AssertionFields, Envelope, PROTOCOL_NS, SchemaError, read_assertion, read_issuer,
};
use crate::base::{Checks, Timestamp};
use crate::dsig::{self, Census, DsigError, Verified};
use crate::xml::{Document, Element, XmlError, ns};
use crate::xmlenc::{Covered, Decryption};

/// A Response whose signatures nobody has looked at. It answers questions for look-ups alone;
/// whatever they say is compared with the signed values later.
#[derive(Debug)]
pub struct ResponseMessage<'d> {
    root: Element<'d>,
    envelope: Envelope<'d>,
    census: Census,
    /// A signed message around it, which brought it: by the artifact binding alone.
    around: Option<Around<'d>>,
}

/// A signed message around a Response, and whose it is.
#[derive(Debug)]
pub(in crate::saml) struct Around<'d> {
    pub(in crate::saml) proof: Verified<Element<'d>>,
    /// Whose keys have verified it. It vouches for nobody else's Response.
    pub(in crate::saml) idp_entity_id: String,
}

impl<'d> ResponseMessage<'d> {
    /// Checks the shape of a document: a Response, with signatures only where they belong.
    pub fn parse(document: &'d Document, checks: &mut Checks) -> Result<Self, SamlError> {
        Self::inside(document.root(), None, checks)
    }

    /// The same for one inside of another message, which may be signed as a whole.
    pub(in crate::saml) fn inside(
        root: Element<'d>,
        around: Option<Around<'d>>,
        checks: &mut Checks,
    ) -> Result<Self, SamlError> {
        if !root.is(PROTOCOL_NS, "Response") {
            let found = format!("{{{}}}{}", root.namespace(), root.local_name());
            return Err(SamlError::Root { found });
        }
        checks.pass("response.root");
        checks.within("response", |checks| {
            let census = dsig::signature_positions(root)?;
            let envelope = Envelope::read(root)?;
            checks.pass("schema");
            Ok(Self { root, envelope, census, around })
        })
    }

    /// Who says it is from them: only to find the keys to verify by.
    pub fn issuer_hint(&self) -> Option<Cow<'d, str>> {
        self.envelope.issuer.clone().or_else(|| {
            let issuer = self.envelope.plain?.child(ASSERTION_NS, "Issuer")?;
            read_issuer(issuer).ok()
        })
    }

    /// Which request it says it answers: only to find the record of that request.
    pub fn in_response_to_hint(&self) -> Option<&str> {
        let assertion = || {
            let subject = self.envelope.plain?.child(ASSERTION_NS, "Subject")?;
            let confirmation = subject.child(ASSERTION_NS, "SubjectConfirmation")?;
            confirmation
                .child(ASSERTION_NS, "SubjectConfirmationData")?
                .attribute("InResponseTo")
        };
        self.envelope.in_response_to.or_else(assertion)
    }

    /// Verifies every signature that is there; at least one has to cover the Assertion.
    ///
    /// The order is: the Response's signature, decryption, the Assertion's signature. What is
    /// decrypted is worth what its ciphertext was: encrypting takes a public key that everybody
    /// has (CVE-2026-2092).
    ///
    /// A Response that reports an error carries no Assertion; it goes on without one, and can
    /// only be refused.
    pub fn verify(
        self,
        keys: Keys<'_>,
        checks: &mut Checks,
    ) -> Result<SignedResponse<'d>, SamlError> {
        let own = checks.within("response", |checks| {
            dsig::verify(self.root, keys.signing, checks)
        })?;
        // It vouches for this Response because this Response is a part of it, or not at all.
        let around = self.around.as_ref().and_then(|around| around.proof.map_child(self.root));
        let seal = match (&own, &around) {
            (Some(_), _) => Seal::Own,
            (None, Some(_)) => Seal::Around,
            (None, None) => Seal::Nothing,
        };
        if own.is_none() {
            checks.skip("response.signature", "the Response itself is not signed");
        }
        let mut exceptions = needed(own.as_ref()) | needed(around.as_ref());
        let response = own.or(around);
        let found = self.envelope.assertions;
        let assertion = match (self.envelope.plain, self.envelope.encrypted, found) {
            (Some(plain), None, 1) => {
                checks.pass("response.assertion_count");
                let assertion = checks.within("assertion", |checks| {
                    let inner = dsig::verify(plain, keys.signing, checks)?;
                    exceptions = exceptions | needed(inner.as_ref());
                    let outer = response.and_then(|response| response.map_child(plain));
                    if inner.is_none() {
                        checks.skip("signature", "the Assertion itself is not signed");
                    }
                    let verified = inner.or(outer).ok_or(SamlError::Unsigned)?;
                    checks.pass_with("signed", || format!("by {}", verified.signed_by()));
                    self.no_others(Census::default())?;
                    if keys.decryption.required {
                        return Err(SamlError::NotEncrypted);
                    }
                    Ok(Assertion::read(&verified, keys.decryption, checks)?)
                })?;
                Some(assertion)
            }
            (None, Some(encrypted), 1) => {
                checks.pass("response.assertion_count");
                let outer = response.and_then(|response| response.map_child(encrypted));
                let assertion = checks.within("assertion", |checks| {
                    self.decrypt(encrypted, outer.as_ref(), keys, &mut exceptions, checks)
                })?;
                Some(assertion)
            }
            (None, None, _) if !self.envelope.status.is_success() => None,
            _ => return Err(SamlError::AssertionCount { found }),
        };
        if let Some(assertion) = &assertion {
            exceptions = exceptions | assertion.1;
        }
        let idp_entity_id = self.around.map(|around| around.idp_entity_id);
        Ok(SignedResponse {
            envelope: self.envelope,
            seal,
            idp_entity_id,
            assertion,
            exceptions,
        })
    }

    /// `outer` is the same EncryptedAssertion, if the Response's signature covers it.
    fn decrypt(
        &self,
        encrypted: Element<'d>,
        outer: Option<&Verified<Element<'d>>>,
        keys: Keys<'_>,
        exceptions: &mut Exceptions,
        checks: &mut Checks,
    ) -> Result<Assertion, SamlError> {
        let covered = match outer {
            Some(_) => Covered::BySignature,
            None => Covered::ByNothing,
        };
        let seen = outer.map_or(encrypted, Verified::get);
        let opened = Decrypted::open(seen, "Assertion", keys.decryption, covered, checks)?;
        let root = opened.root();
        let census = dsig::signature_positions(root)?;
        // In a message an Assertion below the document element may have one as well; here that
        // would be an Assertion within the Assertion.
        let deeper = root.children().any(|child| child.child(ns::DS, "Signature").is_some());
        if deeper {
            let what = "a Signature below the decrypted Assertion";
            return Err(SamlError::Signature(DsigError::Position(what)));
        }
        self.ids_stay_unique(root)?;
        *exceptions = *exceptions | opened.exceptions;
        if let Some(inner) = dsig::verify(root, keys.signing, checks)? {
            *exceptions = *exceptions | needed(Some(&inner));
            checks.pass_with("signed", || format!("by {}", inner.signed_by()));
            self.no_others(census)?;
            return Ok(Assertion::read(&inner, keys.decryption, checks)?);
        }
        let outer = outer.ok_or(SamlError::Unsigned)?;
        if opened.inherits {
            return Err(SamlError::Inherits);
        }
        // As everywhere in what a signature covers.
        if root.holds_comment() {
            return Err(SamlError::Signature(DsigError::Comment));
        }
        checks.skip("signature", "the Assertion itself is not signed");
        checks.pass_with("signed", || format!("by {}", outer.signed_by()));
        self.no_others(census)?;
        Ok(Assertion::read_decrypted(
            &opened,
            outer,
            keys.decryption,
            checks,
        )?)
    }

    /// Besides the one Assertion that is used there is none, be it where the schema lets everything
    /// in: `Advice`, `Extensions`, `StatusDetail`, values, KeyInfo. Nobody would read it here, and
    /// nobody sends it without wanting some reader to.
    fn no_others(&self, decrypted: Census) -> Result<(), SamlError> {
        match self.census.assertions.saturating_add(decrypted.assertions) {
            1 => Ok(()),
            found => Err(SamlError::AssertionCount { found }),
        }
    }

    /// Core 1.3.4: the message and what was encrypted in it are one document.
    fn ids_stay_unique(&self, decrypted: Element<'_>) -> Result<(), XmlError> {
        let mut top = self.root;
        while let Some(parent) = top.parent() {
            top = parent;
        }
        let around = std::iter::once(top).chain(top.descendants());
        let around = around.filter_map(|element| element.attribute("ID")).collect::<HashSet<_>>();
        let inside = std::iter::once(decrypted).chain(decrypted.descendants());
        match inside
            .filter_map(|element| element.attribute("ID"))
            .find(|id| around.contains(id))
        {
            Some(id) => Err(XmlError::Id {
                what: "occurs inside and around what was encrypted",
                value: id.chars().take(80).collect(),
            }),
            None => Ok(()),
        }
    }
}

/// What this signature had to be allowed.
fn needed(verified: Option<&Verified<Element<'_>>>) -> Exceptions {
    verified.map_or(Exceptions::NONE, |verified| verified.needed().into())
}

/// What a verified Assertion says. There is no other way to one.
///
/// ```compile_fail,E0308
/// use samlgate::base::Checks;
/// use samlgate::saml::response::Assertion;
/// use samlgate::xmlenc::Decryption;
/// fn read(document: &samlgate::xml::Document, keys: Decryption<'_>, checks: &mut Checks) {
///     let _ = Assertion::read(&document.root(), keys, checks); // not verified
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Assertion(AssertionFields, Exceptions);

impl Assertion {
    /// Reads an Assertion from signed bytes. Parts of it may be encrypted once more.
    pub fn read(
        assertion: &Verified<Element<'_>>,
        decryption: Decryption<'_>,
        checks: &mut Checks,
    ) -> Result<Self, SchemaError> {
        let (fields, exceptions) = read_assertion(assertion.get(), decryption, checks)?;
        checks.pass("schema");
        Ok(Self(fields, exceptions))
    }

    /// Reads an Assertion from what was decrypted from signed bytes.
    ///
    /// The second argument is not read. It is the proof that is needed to get here: the
    /// ciphertext is covered, and it alone decided about the plaintext.
    fn read_decrypted(
        opened: &Decrypted,
        _encrypted: &Verified<Element<'_>>,
        decryption: Decryption<'_>,
        checks: &mut Checks,
    ) -> Result<Self, SchemaError> {
        let (fields, exceptions) = read_assertion(opened.root(), decryption, checks)?;
        checks.pass("schema");
        Ok(Self(fields, exceptions))
    }
}

/// A Response of which every signature holds.
#[derive(Debug)]
pub struct SignedResponse<'d> {
    envelope: Envelope<'d>,
    seal: Seal,
    /// Whose keys have verified the message around it, if there was one.
    idp_entity_id: Option<String>,
    assertion: Option<Assertion>,
    exceptions: Exceptions,
}

impl SignedResponse<'_> {
    /// What had to be allowed for this, in its signatures and its encryption.
    pub const fn exceptions(&self) -> Exceptions {
        self.exceptions
    }

    /// When the assertion was made, by the clock of whoever signed it.
    pub fn issue_instant(&self) -> Option<Timestamp> {
        self.assertion.as_ref().map(|assertion| assertion.0.issue_instant)
    }

    /// Checks every rule of the profile. `origin` is used up by it.
    pub fn validate(
        self,
        origin: Origin,
        expected: &Expectations<'_>,
        checks: &mut Checks,
        now: Timestamp,
    ) -> Result<ValidAssertion, SamlError> {
        if let Some(found) = self.idp_entity_id.filter(|found| found != expected.idp_entity_id) {
            let expected = expected.idp_entity_id.to_owned();
            return Err(ProfileError::Issuer { found, expected }.into());
        }
        checks.within("response", |checks| {
            check_envelope(&self.envelope, self.seal, &origin, expected, checks, now)
        })?;
        let assertion = self.assertion.ok_or(SamlError::AssertionCount { found: 0 })?;
        Ok(checks.within("assertion", |checks| {
            validate(assertion.0, origin, expected, checks, now)
        })?)
    }
}

#[cfg(test)]
mod tests;
