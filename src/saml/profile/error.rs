//! What can be wrong with an answer: one variant for each rule, with its paragraph and its values.

use crate::base::{ErrorCode, Timestamp};

/// A rule that a message breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// Core 3.2.2 and 2.3.3: Version is "2.0".
    #[error("Version is {found:?}, this is SAML 2.0")]
    Version {
        /// What it is.
        found: String,
    },
    /// Bindings 3.5.5.2: Destination is where the message was sent.
    #[error("Destination is {found:?}, our ACS is {ours}")]
    Destination {
        /// What it is.
        found: String,
        /// What it should be.
        ours: String,
    },
    /// Bindings 3.5.5.2: a signed message carries a Destination.
    #[error("the Response is signed and has no Destination")]
    DestinationMissing,
    /// Profiles 4.1.4.2: the Issuer is the identity provider.
    #[error("Issuer is {found:?}, the metadata says {expected}")]
    Issuer {
        /// What it is.
        found: String,
        /// What it should be.
        expected: String,
    },
    /// Core 3.2.2.2: the identity provider reports an error.
    #[error("status {code}{}{}", detail.as_deref().map(|d| format!(" / {d}")).unwrap_or_default(),
        message.as_deref().map(|m| format!(": {m}")).unwrap_or_default())]
    Status {
        /// Top-level code.
        code: String,
        /// Second-level code.
        detail: Option<String>,
        /// The identity provider's words.
        message: Option<String>,
    },
    /// Profiles 4.1.4.2: InResponseTo names our request.
    #[error("{place} answers {}, our request was {}", shown(found.as_deref()), shown(expected.as_deref()))]
    InResponseTo {
        /// Response or SubjectConfirmationData.
        place: &'static str,
        /// What it is.
        found: Option<String>,
        /// The ID of our request; none for a sign-in that the identity provider began.
        expected: Option<String>,
    },
    /// The Assertion was made, or will be made, too far from now.
    #[error("{place} was issued at {found}, it is {now} here")]
    IssueInstant {
        /// Response or Assertion.
        place: &'static str,
        /// When.
        found: Timestamp,
        /// Our time.
        now: Timestamp,
    },
    /// Profiles 4.1.4.2: at least one bearer SubjectConfirmation with its data.
    #[error("no bearer SubjectConfirmation with SubjectConfirmationData")]
    Confirmation,
    /// Profiles 4.1.4.3: Recipient is our ACS.
    #[error("Recipient is {}, our ACS is {ours}", shown(found.as_deref()))]
    Recipient {
        /// What it is.
        found: Option<String>,
        /// What it should be.
        ours: String,
    },
    /// Profiles 4.1.4.3: the confirmation is still good.
    #[error("SubjectConfirmationData ended at {}, it is {now} here",
        found.map_or_else(|| "(no NotOnOrAfter)".to_owned(), |time| time.to_string()))]
    ConfirmationExpired {
        /// Its NotOnOrAfter, which must be there.
        found: Option<Timestamp>,
        /// Our time.
        now: Timestamp,
    },
    /// Profiles 4.1.4.2: no NotBefore there.
    #[error("a bearer SubjectConfirmationData has NotBefore")]
    ConfirmationNotBefore,
    /// Core 2.5.1.2: not valid yet.
    #[error("NotBefore is {found}, it is {now} here")]
    NotYet {
        /// NotBefore.
        found: Timestamp,
        /// Our time.
        now: Timestamp,
    },
    /// Core 2.5.1.2: not valid any more, or never.
    #[error("NotOnOrAfter is {found}, it is {now} here")]
    Expired {
        /// NotOnOrAfter.
        found: Timestamp,
        /// Our time.
        now: Timestamp,
    },
    /// Core 2.5.1.4: every AudienceRestriction names us, and there is at least one.
    #[error("the audience is {}, we are {ours}", audience(found))]
    Audience {
        /// The restriction that leaves us out; none when there is no restriction at all.
        found: Option<Vec<String>>,
        /// Our entityID.
        ours: String,
    },
    /// Core 2.5.1: a condition that is not understood is not met.
    #[error("the condition {found} is not understood")]
    Condition {
        /// Its name.
        found: String,
    },
    /// Profiles 4.1.4.2: at least one AuthnStatement.
    #[error("there is no AuthnStatement")]
    AuthnMissing,
    /// The sign-in at the identity provider lies in the future.
    #[error("AuthnInstant is {found}, it is {now} here")]
    AuthnInstant {
        /// AuthnInstant.
        found: Timestamp,
        /// Our time.
        now: Timestamp,
    },
    /// Profiles 4.1.4.3: the session at the identity provider is over.
    #[error("SessionNotOnOrAfter is {found}, it is {now} here")]
    SessionOver {
        /// SessionNotOnOrAfter.
        found: Timestamp,
        /// Our time.
        now: Timestamp,
    },
    /// Core 3.3.2.2.1: not one of the authentication contexts that are enough.
    #[error("authenticated by {}, which is not one of {}", shown(found.as_deref()), expected.join(", "))]
    AuthnContext {
        /// AuthnContextClassRef.
        found: Option<String>,
        /// What is enough.
        expected: Vec<String>,
    },
    /// Core 3.4.1: ForceAuthn was asked for, and the person signed in before that.
    #[error("AuthnInstant is {found}, fresh authentication was asked for at {asked}")]
    NotFresh {
        /// AuthnInstant.
        found: Timestamp,
        /// When we asked.
        asked: Timestamp,
    },
    /// SDP-SP17: a scope that the identity provider is not entitled to.
    #[error("{attribute} is {found:?}, and the metadata lists the scopes {}", scopes.join(", "))]
    Scope {
        /// The Name of the attribute.
        attribute: String,
        /// The scoped value.
        found: String,
        /// What the metadata lists.
        scopes: Vec<String>,
    },
    /// Core 8.3.7: the qualifiers name the identity provider and us.
    #[error("{attribute} is {found:?}, expected {expected}")]
    Qualifier {
        /// NameQualifier or SPNameQualifier.
        attribute: &'static str,
        /// What it is.
        found: String,
        /// What it should be.
        expected: String,
    },
}

fn shown(value: Option<&str>) -> String {
    value.map_or_else(|| "nothing".to_owned(), |value| format!("{value:?}"))
}

fn audience(found: &Option<Vec<String>>) -> String {
    found
        .as_ref()
        .map_or_else(|| "not restricted".to_owned(), |names| format!("{names:?}"))
}

impl ProfileError {
    /// The code of the rule.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Version { .. } => ErrorCode::ProtoVersion,
            Self::Destination { .. } | Self::DestinationMissing => ErrorCode::ProtoDestination,
            Self::Issuer { .. } => ErrorCode::ProtoIssuer,
            Self::Status { .. } => ErrorCode::IdpStatus,
            Self::InResponseTo { .. } => ErrorCode::ProtoInResponseTo,
            Self::IssueInstant { .. } | Self::AuthnInstant { .. } => ErrorCode::TimeIssueInstant,
            Self::Confirmation => ErrorCode::SubjectConfirmation,
            Self::Recipient { .. } => ErrorCode::SubjectRecipient,
            Self::ConfirmationExpired { .. } => ErrorCode::SubjectExpired,
            Self::ConfirmationNotBefore => ErrorCode::SubjectNotBefore,
            Self::NotYet { .. } => ErrorCode::TimeNotYet,
            Self::Expired { .. } => ErrorCode::TimeExpired,
            Self::Audience { .. } => ErrorCode::ProtoAudience,
            Self::Condition { .. } => ErrorCode::ProtoCondition,
            Self::AuthnMissing => ErrorCode::AuthnMissing,
            Self::SessionOver { .. } => ErrorCode::TimeSession,
            Self::AuthnContext { .. } | Self::NotFresh { .. } => ErrorCode::AuthnContext,
            Self::Qualifier { .. } => ErrorCode::SubjectQualifier,
            Self::Scope { .. } => ErrorCode::ValueScope,
        }
    }
}
