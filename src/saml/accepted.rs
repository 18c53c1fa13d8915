//! What an assertion says once every check has passed.
//!
//! In: the values that `saml` read from a verified element and validated. Out: [`ValidAssertion`],
//! and after its only use was claimed, [`Accepted`]. The promise is in the constructors: a
//! [`ValidAssertion`] is made inside `saml` alone, an [`Accepted`] by [`crate::saml::OneUse`] alone.

use serde::{Deserialize, Serialize};

use super::texts::Texts;
use crate::base::Timestamp;
use crate::xml::Writer;

/// For us, now, in answer to our request; perhaps not for the first time.
///
/// It is not `Clone`: claiming its one use consumes it.
#[derive(Debug)]
pub struct ValidAssertion(Claims);

impl ValidAssertion {
    /// Only the validation in `saml` may say that claims are valid.
    pub(in crate::saml) const fn new(claims: Claims) -> Self {
        Self(claims)
    }

    /// A valid assertion out of thin air.
    #[cfg(test)]
    pub(crate) const fn for_test(claims: Claims) -> Self {
        Self(claims)
    }

    /// What it says.
    pub const fn claims(&self) -> &Claims {
        &self.0
    }

    /// Consumes the proof: what follows is somebody's responsibility again.
    pub(in crate::saml) fn into_claims(self) -> Claims {
        self.0
    }
}

/// A valid assertion whose one use was claimed: the bearer may be given a session.
#[derive(Debug)]
pub struct Accepted(Claims);

impl Accepted {
    /// Only [`crate::saml::OneUse::claim`] may say so.
    pub(in crate::saml) const fn new(claims: Claims) -> Self {
        Self(claims)
    }

    /// Everything it says.
    pub const fn claims(&self) -> &Claims {
        &self.0
    }

    /// The entityID of the identity provider.
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// Who it is about, when the subject has a NameID.
    pub const fn name_id(&self) -> Option<&NameId> {
        self.0.name_id.as_ref()
    }

    /// SessionIndex of the AuthnStatement: the session at the identity provider.
    pub fn session_index(&self) -> Option<&str> {
        self.0.session_index.as_deref()
    }

    /// The attributes as they were sent.
    pub fn attributes(&self) -> &[Attribute] {
        &self.0.attributes
    }

    /// When the person proved who they are.
    pub const fn authn_instant(&self) -> Timestamp {
        self.0.authn_instant
    }

    /// AuthnContextClassRef: how they proved it.
    pub fn authn_context(&self) -> Option<&str> {
        self.0.authn_context.as_deref()
    }

    /// When the identity provider wants our session to end.
    pub const fn session_not_on_or_after(&self) -> Option<Timestamp> {
        self.0.session_not_on_or_after
    }

    /// From when on the assertion would be refused as too old.
    pub const fn expires(&self) -> Timestamp {
        self.0.expires
    }

    /// The assertion's ID.
    pub fn assertion_id(&self) -> &str {
        &self.0.assertion_id
    }
}

/// What an assertion says, without any proof that it may be believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The entityID of the identity provider.
    pub issuer: String,
    /// The assertion's ID.
    pub assertion_id: String,
    /// From when on it would be refused as too old, clock skew included.
    pub expires: Timestamp,
    /// Who it is about; absent where attributes alone say it.
    pub name_id: Option<NameId>,
    /// SessionIndex of the AuthnStatement.
    pub session_index: Option<String>,
    /// Those of further `AuthnStatement`s.
    pub other_session_indexes: Vec<String>,
    /// When the person proved who they are.
    pub authn_instant: Timestamp,
    /// AuthnContextClassRef.
    pub authn_context: Option<String>,
    /// When the identity provider wants our session to end.
    pub session_not_on_or_after: Option<Timestamp>,
    /// In the order of the message; an attribute that came twice stands here twice.
    pub attributes: Vec<Attribute>,
}

/// `saml:NameID`, verbatim. All of it is kept: a `LogoutRequest` must repeat every part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameId {
    /// The text, never trimmed, folded or normalised (core 8.3).
    pub value: String,
    /// `Format`.
    pub format: Option<String>,
    /// `NameQualifier`.
    pub name_qualifier: Option<String>,
    /// `SPNameQualifier`.
    pub sp_name_qualifier: Option<String>,
    /// `SPProvidedID`: what a service provider has said that it calls them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sp_provided_id: Option<String>,
}

impl NameId {
    /// Core 8.3.2: the value is an e-mail address.
    pub const EMAIL: &'static str = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";
    /// Core 8.3.1: says nothing.
    pub const UNSPECIFIED: &'static str = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified";
    /// Core 8.3.7: opaque, the same at each login, different for each service provider.
    pub const PERSISTENT: &'static str = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";
    /// Core 8.3.8: another one at each login.
    pub const TRANSIENT: &'static str = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient";

    /// Whether the `Format` is [`NameId::PERSISTENT`].
    pub fn is_persistent(&self) -> bool {
        self.format.as_deref() == Some(Self::PERSISTENT)
    }

    /// The same without the qualifiers that name the two parties themselves, which one that is left
    /// out stands for (core 8.3.7). `is_idp`: whether a name is the identity provider's.
    #[must_use]
    pub fn between(self, is_idp: impl Fn(&str) -> bool, sp: &str) -> Self {
        Self {
            name_qualifier: self.name_qualifier.filter(|name| !is_idp(name)),
            sp_name_qualifier: self.sp_name_qualifier.filter(|name| name != sp),
            ..self
        }
    }

    /// Whether an identity provider that names `other` means this one, which it gave out before.
    ///
    /// A NameID is all of its parts: the same text in another Format, or qualified by another
    /// name, is another person. `other` is [`NameId::between`] the two parties: a qualifier that it
    /// has is of somebody else, and has to stand here too. `SPProvidedID` is only another name of the
    /// same person.
    pub fn is_meant_by(&self, other: &Self) -> bool {
        let same = |one: &Option<String>, other: &Option<String>| other.is_none() || one == other;
        self.value == other.value
            && self.format() == other.format()
            && same(&self.name_qualifier, &other.name_qualifier)
            && same(&self.sp_name_qualifier, &other.sp_name_qualifier)
    }

    /// As `saml:NameID`, with every part that it has (profiles 4.4.4.1: a LogoutRequest repeats it).
    pub(in crate::saml) fn write(&self, writer: &mut Writer) {
        writer
            .start("saml:NameID")
            .attr_opt("Format", self.format.as_deref())
            .attr_opt("NameQualifier", self.name_qualifier.as_deref())
            .attr_opt("SPNameQualifier", self.sp_name_qualifier.as_deref())
            .attr_opt("SPProvidedID", self.sp_provided_id.as_deref())
            .text(&self.value)
            .end();
    }

    /// Core 8.3.1: no Format is [`NameId::UNSPECIFIED`].
    fn format(&self) -> &str {
        self.format.as_deref().unwrap_or(Self::UNSPECIFIED)
    }

    /// Whether the `Format` is [`NameId::TRANSIENT`].
    pub fn is_transient(&self) -> bool {
        self.format.as_deref() == Some(Self::TRANSIENT)
    }
}

/// One `saml:Attribute` element.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// `Name`, by which attributes are told apart.
    pub name: String,
    /// `FriendlyName`, a label and no more (core 2.7.3.1).
    pub friendly_name: Option<String>,
    /// The text of each AttributeValue; empty ones are kept.
    pub values: Texts,
    /// Some of its values are not text; they are not in `values` (`value.complex`).
    #[serde(default)]
    pub complex: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_format_makes_a_name_persistent_or_transient() {
        let kind = |format: Option<&str>| {
            let name_id = NameId {
                value: "alice@example.com".to_owned(),
                format: format.map(str::to_owned),
                name_qualifier: None,
                sp_name_qualifier: None,
                sp_provided_id: None,
            };
            (name_id.is_persistent(), name_id.is_transient())
        };
        assert_eq!(kind(Some(NameId::PERSISTENT)), (true, false));
        assert_eq!(kind(Some(NameId::TRANSIENT)), (false, true));
        assert_eq!(kind(Some(NameId::EMAIL)), (false, false));
        assert_eq!(kind(None), (false, false));
    }
}
