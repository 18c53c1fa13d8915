//! What can be wrong with a Response, from its bytes to its meaning.

use std::borrow::Cow;

use super::binding::BindingError;
use super::profile::ProfileError;
use super::schema::{SchemaError, Status};
use crate::base::{ErrorCode, Refusal, Values};
use crate::dsig::DsigError;
use crate::xml::XmlError;
use crate::xmlenc::XmlencError;

/// Why a Response is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SamlError {
    /// Not XML that we read.
    #[error("{0}")]
    Xml(#[from] XmlError),
    /// Not as the SAML schema says.
    #[error("{0}")]
    Schema(#[from] SchemaError),
    /// Not signed as SAML says, or not by a key of this identity provider.
    #[error("{0}")]
    Signature(#[from] DsigError),
    /// A rule of the profile.
    #[error("{0}")]
    Profile(#[from] ProfileError),
    /// Not carried as the bindings say.
    #[error("{0}")]
    Binding(#[from] BindingError),
    /// Core 3.3.3: the ACS takes a Response.
    #[error("the document element is {found}, not samlp:Response")]
    Root {
        /// What it is.
        found: String,
    },
    /// Core 3.7: a logout message is one of two.
    #[error("the document element is {found}, not {expected}")]
    LogoutRoot {
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// Bindings 3.6.6: an ArtifactResolve is answered by an ArtifactResponse.
    #[error("what is in the SOAP Body is {found}, not samlp:ArtifactResponse")]
    ArtifactRoot {
        /// What it is.
        found: String,
    },
    /// Bindings 3.6.6: there is no message for this artifact, or not any more.
    #[error("the ArtifactResponse brings no message")]
    ArtifactGone,
    /// Exactly one Assertion is used; profiles would allow more, and attackers would, too.
    #[error("there are {found} Assertions, exactly one is accepted")]
    AssertionCount {
        /// How many.
        found: usize,
    },
    /// Profiles 4.1.4.5: the Response or the Assertion is signed.
    #[error("neither the Response nor the Assertion is signed")]
    Unsigned,
    /// Profiles 4.4.3.1 and 4.4.3.2: a logout message that came through a browser is signed, and ours
    /// by SOAP too.
    #[error("the logout message is not signed")]
    UnsignedLogout,
    /// An EncryptedAssertion that can not be read.
    #[error("{0}")]
    Encrypted(#[from] XmlencError),
    /// It leaves the meaning of its prefixes to what is around the ciphertext, which no digest
    /// covers but that of a signature of its own.
    #[error("the decrypted Assertion does not declare its namespaces, and is not itself signed")]
    Inherits,
    /// `want_encrypted`
    #[error("the Assertion is not encrypted, and want_encrypted is on")]
    NotEncrypted,
}

impl SamlError {
    /// The code of the failure.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Xml(error) => error.code(),
            Self::Schema(error) => error.code(),
            Self::Signature(error) => error.code(),
            Self::Profile(error) => error.code(),
            Self::Binding(error) => error.code(),
            Self::Root { .. } | Self::LogoutRoot { .. } | Self::ArtifactRoot { .. } => {
                ErrorCode::ProtoRoot
            }
            Self::ArtifactGone => ErrorCode::BindingArtifactGone,
            Self::AssertionCount { .. } => ErrorCode::ProtoAssertionCount,
            Self::Unsigned | Self::UnsignedLogout => ErrorCode::SigMissing,
            Self::Encrypted(error) => error.code(),
            Self::Inherits => ErrorCode::EncContent,
            Self::NotEncrypted => ErrorCode::EncRequired,
        }
    }
}

impl SamlError {
    /// What the identity provider reported, where that is why: it has sentences of its own.
    pub fn reported(&self) -> Option<&Status> {
        match self {
            Self::Profile(error) => error.reported(),
            _ => None,
        }
    }
}

impl Refusal for SamlError {
    fn code(&self) -> ErrorCode {
        self.code()
    }

    fn rule(&self) -> Cow<'static, str> {
        match self {
            Self::Xml(error) => error.rule(),
            Self::Schema(error) => error.rule(),
            Self::Signature(error) => error.rule(),
            Self::Profile(error) => error.rule().into(),
            Self::Binding(error) => error.rule().into(),
            Self::Root { .. } => "response.root".into(),
            Self::LogoutRoot { .. } | Self::ArtifactRoot { .. } => "root".into(),
            Self::ArtifactGone => "message".into(),
            Self::AssertionCount { .. } => "response.assertion_count".into(),
            Self::Unsigned | Self::UnsignedLogout => "signed".into(),
            Self::Encrypted(error) => error.rule(),
            Self::Inherits => "encryption.content".into(),
            Self::NotEncrypted => "encryption.required".into(),
        }
    }

    fn values(&self) -> Values {
        match self {
            Self::Xml(error) => error.values(),
            Self::Schema(error) => error.values(),
            Self::Signature(error) => error.values(),
            Self::Profile(error) => error.values(),
            Self::Binding(error) => Values::found(error.to_string()),
            Self::Root { found } => Values::new(
                "{urn:oasis:names:tc:SAML:2.0:protocol}Response",
                found.clone(),
            ),
            Self::LogoutRoot { expected, found } => Values::new(expected.clone(), found.clone()),
            Self::ArtifactRoot { found } => Values::new(
                "{urn:oasis:names:tc:SAML:2.0:protocol}ArtifactResponse",
                found.clone(),
            ),
            Self::ArtifactGone => Values::new("a samlp:Response", "nothing"),
            Self::AssertionCount { found } => Values::new("1", found.to_string()),
            Self::Unsigned => Values::new("a Signature in the Response or the Assertion", "none"),
            Self::UnsignedLogout => Values::new("a Signature of the message", "none"),
            Self::Encrypted(error) => error.values(),
            Self::Inherits => Values::found(self.to_string()),
            Self::NotEncrypted => Values::new("an EncryptedAssertion", "an Assertion"),
        }
    }
}

impl Refusal for XmlencError {
    fn code(&self) -> ErrorCode {
        self.code()
    }

    fn values(&self) -> Values {
        match self {
            Self::Algorithm { found, .. } => Values::new(
                "AES-GCM, or AES-CBC in a signed Response; RSA-OAEP for the key",
                found.clone(),
            ),
            other => Values::found(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_its_rule_and_both_sides() {
        let root = "{urn:oasis:names:tc:SAML:2.0:protocol}Response";
        let found = || "{}html".to_owned();
        let cases: [(SamlError, &str, &str, Option<&str>, &str); 7] = [
            (
                SamlError::Root { found: found() },
                "proto.root",
                "response.root",
                Some(root),
                "{}html",
            ),
            (
                SamlError::LogoutRoot {
                    expected: "samlp:LogoutRequest".to_owned(),
                    found: found(),
                },
                "proto.root",
                "root",
                Some("samlp:LogoutRequest"),
                "{}html",
            ),
            (
                SamlError::AssertionCount { found: 2 },
                "proto.assertion_count",
                "response.assertion_count",
                Some("1"),
                "2",
            ),
            (
                SamlError::Unsigned,
                "sig.missing",
                "signed",
                Some("a Signature in the Response or the Assertion"),
                "none",
            ),
            (
                SamlError::NotEncrypted,
                "enc.required",
                "encryption.required",
                Some("an EncryptedAssertion"),
                "an Assertion",
            ),
            (
                SamlError::Profile(ProfileError::Version { found: "1.1".to_owned() }),
                "proto.version",
                "version",
                Some("2.0"),
                "1.1",
            ),
            (
                SamlError::Inherits,
                "enc.content",
                "encryption.content",
                None,
                "the decrypted Assertion does not declare its namespaces, and is not itself signed",
            ),
        ];
        for (error, code, rule, expected, found) in cases {
            let values = Values {
                expected: expected.map(Into::into),
                found: Some(found.into()),
            };
            assert_eq!(Refusal::code(&error).as_str(), code);
            assert_eq!(error.rule(), rule, "{code}");
            assert_eq!(error.values(), values, "{code}");
        }
    }

    #[test]
    fn a_ciphertext_is_refused_with_what_would_have_been_right() {
        let found = "http://www.w3.org/2001/04/xmlenc#rsa-1_5";
        let what = "key transport is not accepted";
        let error = SamlError::from(XmlencError::Algorithm { what, found: found.to_owned() });
        let values = Values::new(
            "AES-GCM, or AES-CBC in a signed Response; RSA-OAEP for the key",
            found,
        );
        assert_eq!(Refusal::code(&error).as_str(), "enc.algorithm");
        assert_eq!(error.values(), values);
        // Whatever a key has decided is one sentence.
        let failed = SamlError::from(XmlencError::Failed);
        assert_eq!(Refusal::code(&failed).as_str(), "enc.failed");
        assert_eq!(failed.values(), Values::found(failed.to_string()));
    }
}
