//! What can be wrong with an answer: one variant for each rule, with its paragraph and its values.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use super::{BEARER, KNOWN_CONDITIONS, MAX_AGE};
use crate::base::{ErrorCode, Refusal, Timestamp, Values};
use crate::saml::schema::Status;

/// What stands where there is nothing.
pub(super) const NOTHING: &str = "nothing";
/// What stands for the request where the identity provider began.
pub(super) const NO_REQUEST: &str = "nothing: no request of ours is answered";

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
    #[error("Destination is {found:?}, our address is {ours}")]
    Destination {
        /// What it is.
        found: String,
        /// What it should be.
        ours: String,
    },
    /// Bindings 3.5.5.2: a signed message carries a Destination.
    #[error("the message is signed and has no Destination")]
    DestinationMissing {
        /// What it should be.
        ours: String,
    },
    /// Profiles 4.1.4.2: the Issuer is the identity provider.
    #[error("Issuer is {found:?}, the metadata says {expected}")]
    Issuer {
        /// What it is.
        found: String,
        /// What it should be.
        expected: String,
    },
    /// Core 3.2.2.2: the identity provider reports an error.
    #[error("status {}{}{}{}", .0.code, .0.detail.as_deref().map(|d| format!(" / {d}")).unwrap_or_default(),
        .0.message.as_deref().map(|m| format!(": {m}")).unwrap_or_default(),
        .0.cause.as_deref().map(|c| format!(" ({c})")).unwrap_or_default())]
    Status(Box<Status>),
    /// Profiles 4.1.4.2: InResponseTo names our request.
    #[error("{place} answers {}, our request was {}", shown(found.as_deref()), shown(expected.as_deref()))]
    InResponseTo {
        /// Where.
        place: Place,
        /// What it is.
        found: Option<String>,
        /// The ID of our request; none for a sign-in that the identity provider began.
        expected: Option<String>,
    },
    /// The Assertion was made, or will be made, too far from now.
    #[error("{place} was issued at {found}, it is {} here", clock.now)]
    IssueInstant {
        /// Where.
        place: Place,
        /// When.
        found: Timestamp,
        /// Our time.
        clock: OurClock,
    },
    /// Profiles 4.1.4.2: at least one bearer SubjectConfirmation with its data.
    #[error("no bearer SubjectConfirmation")]
    Confirmation {
        /// The methods that there are.
        methods: Vec<String>,
    },
    /// Profiles 4.1.4.3: Recipient is our ACS.
    #[error("Recipient is {}, our ACS is {ours}", shown(found.as_deref()))]
    Recipient {
        /// What it is.
        found: Option<String>,
        /// What it should be.
        ours: String,
    },
    /// Profiles 4.1.4.3: the confirmation is still good.
    #[error("SubjectConfirmationData ended at {}, it is {} here",
        found.map_or_else(|| "(no NotOnOrAfter)".to_owned(), |time| time.to_string()), clock.now)]
    ConfirmationExpired {
        /// Its NotOnOrAfter, which must be there.
        found: Option<Timestamp>,
        /// Our time.
        clock: OurClock,
    },
    /// Profiles 4.1.4.2: no NotBefore there.
    #[error("a bearer SubjectConfirmationData has NotBefore")]
    ConfirmationNotBefore {
        /// NotBefore.
        found: Timestamp,
    },
    /// Core 2.5.1.2: not valid yet.
    #[error("NotBefore is {found}, it is {} here", clock.now)]
    NotYet {
        /// NotBefore.
        found: Timestamp,
        /// Our time.
        clock: OurClock,
    },
    /// Core 2.5.1.2: not valid any more, or never.
    #[error("NotOnOrAfter is {found}, it is {} here", clock.now)]
    Expired {
        /// NotOnOrAfter.
        found: Timestamp,
        /// Our time.
        clock: OurClock,
    },
    /// Core 3.7.1: a LogoutRequest that is not good any more.
    #[error("the LogoutRequest ended at {found}, it is {} here", clock.now)]
    LogoutExpired {
        /// NotOnOrAfter.
        found: Timestamp,
        /// Our time.
        clock: OurClock,
    },
    /// Core 2.5.1.2: a period that ends before it begins.
    #[error("NotOnOrAfter is {found}, NotBefore is {not_before}")]
    Never {
        /// NotOnOrAfter.
        found: Timestamp,
        /// NotBefore.
        not_before: Timestamp,
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
    #[error("AuthnInstant is {found}, it is {} here", clock.now)]
    AuthnInstant {
        /// AuthnInstant.
        found: Timestamp,
        /// Our time.
        clock: OurClock,
    },
    /// Profiles 4.1.4.3: the session at the identity provider is over.
    #[error("SessionNotOnOrAfter is {found}, it is {} here", clock.now)]
    SessionOver {
        /// SessionNotOnOrAfter.
        found: Timestamp,
        /// Our time.
        clock: OurClock,
    },
    /// Core 3.3.2.2.1: not one of the authentication contexts that are enough.
    #[error("authenticated by {}, which is not one of {expected}", shown(found.as_deref()))]
    AuthnContext {
        /// AuthnContextClassRef.
        found: Option<String>,
        /// What is enough, in words.
        expected: String,
    },
    /// Core 3.4.1: ForceAuthn was asked for, and the person signed in before that.
    #[error("AuthnInstant is {found}, fresh authentication was asked for at {asked}")]
    NotFresh {
        /// AuthnInstant.
        found: Timestamp,
        /// When we asked.
        asked: Timestamp,
    },
    /// A maximum age of authentication was asked for, and the person signed in before that.
    #[error("AuthnInstant is {found}, more than {}s ago: it is {} here", max_age.as_secs(), clock.now)]
    TooOld {
        /// AuthnInstant.
        found: Timestamp,
        /// How long ago it may be.
        max_age: Duration,
        /// Our time.
        clock: OurClock,
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

/// Where in the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `samlp:Response`
    Response,
    /// `saml:Assertion`
    Assertion,
    /// `saml:SubjectConfirmationData`
    Confirmation,
    /// `samlp:LogoutRequest` or `samlp:LogoutResponse`
    Logout,
    /// `samlp:ArtifactResponse`
    Artifact,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Response => "Response",
            Self::Assertion => "Assertion",
            Self::Confirmation => "SubjectConfirmationData",
            Self::Logout => "the logout message",
            Self::Artifact => "ArtifactResponse",
        })
    }
}

/// Our time, and how far theirs may be from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OurClock {
    /// Our time.
    pub now: Timestamp,
    /// `clock_skew`
    pub skew: Duration,
}

impl OurClock {
    /// Whether a time that must have come has not.
    pub(super) fn is_ahead(self, time: Timestamp) -> bool {
        time > self.latest()
    }

    /// Whether an end, exclusive, has passed.
    pub(super) fn is_past(self, end: Timestamp) -> bool {
        self.now >= end.plus(self.skew)
    }

    /// Whether something was made too long ago.
    pub(super) fn is_old(self, time: Timestamp) -> bool {
        time < self.earliest_issue()
    }

    /// Whether something that may be so old is older.
    pub(super) fn is_older_than(self, time: Timestamp, age: Duration) -> bool {
        time < self.earliest(age)
    }

    fn latest(self) -> Timestamp {
        self.now.plus(self.skew)
    }

    fn earliest_issue(self) -> Timestamp {
        self.earliest(MAX_AGE)
    }

    fn earliest(self, age: Duration) -> Timestamp {
        self.now.minus(age).minus(self.skew)
    }

    /// In words, what a time must be that has come.
    pub(super) fn come(self) -> String {
        format!("at most {} ({self})", self.latest())
    }

    /// In words, what an end must be that lies ahead.
    pub(super) fn to_come(self) -> String {
        format!("later than {} ({self})", self.now.minus(self.skew))
    }

    /// In words, when something must have happened that may be so old.
    pub(super) fn within(self, age: Duration) -> String {
        format!("at least {} ({self})", self.earliest(age))
    }

    /// In words, when something must have been made.
    pub(super) fn recent(self) -> String {
        format!("{} to {} ({self})", self.earliest_issue(), self.latest())
    }
}

impl fmt::Display for OurClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} here, clock_skew {}s", self.now, self.skew.as_secs())
    }
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
            Self::Destination { .. } | Self::DestinationMissing { .. } => {
                ErrorCode::ProtoDestination
            }
            Self::Issuer { .. } => ErrorCode::ProtoIssuer,
            Self::Status(_) => ErrorCode::IdpStatus,
            Self::InResponseTo { .. } => ErrorCode::ProtoInResponseTo,
            Self::IssueInstant { .. } | Self::AuthnInstant { .. } => ErrorCode::TimeIssueInstant,
            Self::Confirmation { .. } => ErrorCode::SubjectConfirmation,
            Self::Recipient { .. } => ErrorCode::SubjectRecipient,
            Self::ConfirmationExpired { .. } => ErrorCode::SubjectExpired,
            Self::ConfirmationNotBefore { .. } => ErrorCode::SubjectNotBefore,
            Self::NotYet { .. } => ErrorCode::TimeNotYet,
            Self::Expired { .. } | Self::LogoutExpired { .. } | Self::Never { .. } => {
                ErrorCode::TimeExpired
            }
            Self::Audience { .. } => ErrorCode::ProtoAudience,
            Self::Condition { .. } => ErrorCode::ProtoCondition,
            Self::AuthnMissing => ErrorCode::AuthnMissing,
            Self::SessionOver { .. } => ErrorCode::TimeSession,
            Self::AuthnContext { .. } => ErrorCode::AuthnContext,
            Self::NotFresh { .. } | Self::TooOld { .. } => ErrorCode::AuthnAge,
            Self::Qualifier { .. } => ErrorCode::SubjectQualifier,
            Self::Scope { .. } => ErrorCode::ValueScope,
        }
    }

    /// What the identity provider reported, where that is why: it has sentences of its own.
    pub fn reported(&self) -> Option<&Status> {
        match self {
            Self::Status(status) => Some(status),
            _ => None,
        }
    }

    /// The name of the rule, as in [`super::RESPONSE_RULES`] and [`super::ASSERTION_RULES`].
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Version { .. } => "version",
            Self::Destination { .. } | Self::DestinationMissing { .. } => "destination",
            Self::Issuer { .. } => "issuer",
            Self::Status(_) => "status",
            Self::InResponseTo { place: Place::Confirmation, .. } => "subject.in_response_to",
            Self::InResponseTo { .. } => "in_response_to",
            Self::IssueInstant { .. } => "issue_instant",
            Self::Confirmation { .. } => "subject.confirmation",
            Self::Recipient { .. } => "subject.recipient",
            Self::ConfirmationExpired { .. } => "subject.not_on_or_after",
            Self::ConfirmationNotBefore { .. } => "subject.not_before",
            Self::NotYet { .. } => "conditions.not_before",
            Self::Expired { .. } | Self::Never { .. } => "conditions.not_on_or_after",
            Self::LogoutExpired { .. } => "not_on_or_after",
            Self::Condition { .. } => "conditions.understood",
            Self::Audience { .. } => "conditions.audience",
            Self::Qualifier { .. } => "subject.qualifiers",
            Self::Scope { .. } => "attributes.scope",
            Self::AuthnMissing => "authn.statement",
            Self::AuthnInstant { .. } => "authn.instant",
            Self::SessionOver { .. } => "authn.session",
            Self::AuthnContext { .. } => "authn.context",
            Self::NotFresh { .. } => "authn.fresh",
            Self::TooOld { .. } => "authn.age",
        }
    }

    /// What the rule asks for, in words or by value.
    pub fn expected(&self) -> Option<String> {
        let text = match self {
            Self::Version { .. } => "2.0".to_owned(),
            Self::Destination { ours, .. }
            | Self::DestinationMissing { ours }
            | Self::Recipient { ours, .. }
            | Self::Audience { ours, .. } => ours.clone(),
            Self::Issuer { expected, .. } | Self::Qualifier { expected, .. } => expected.clone(),
            Self::Status(_) => Status::SUCCESS.to_owned(),
            Self::InResponseTo { expected, .. } => {
                expected.clone().unwrap_or_else(|| NO_REQUEST.to_owned())
            }
            Self::IssueInstant { clock, .. } => clock.recent(),
            Self::Confirmation { .. } => BEARER.to_owned(),
            Self::ConfirmationNotBefore { .. } => NOTHING.to_owned(),
            Self::ConfirmationExpired { clock, .. }
            | Self::Expired { clock, .. }
            | Self::LogoutExpired { clock, .. }
            | Self::SessionOver { clock, .. } => clock.to_come(),
            Self::NotYet { clock, .. } | Self::AuthnInstant { clock, .. } => clock.come(),
            Self::Never { not_before, .. } => format!("later than NotBefore, {not_before}"),
            Self::Condition { .. } => KNOWN_CONDITIONS.to_owned(),
            Self::AuthnMissing => "an AuthnStatement".to_owned(),
            Self::AuthnContext { expected, .. } => expected.clone(),
            Self::TooOld { max_age, clock, .. } => clock.within(*max_age),
            Self::NotFresh { asked, .. } => format!("not before our request of {asked}"),
            Self::Scope { scopes, .. } => scopes.join(", "),
        };
        Some(text)
    }

    /// What the message says.
    pub fn found(&self) -> Option<String> {
        let text = match self {
            Self::Version { found }
            | Self::Destination { found, .. }
            | Self::Issuer { found, .. }
            | Self::Condition { found } => found.clone(),
            Self::DestinationMissing { .. } | Self::AuthnMissing => NOTHING.to_owned(),
            Self::Status(status) => {
                let Status { code, detail, message, cause } = &**status;
                let parts = [
                    Some(code),
                    detail.as_ref(),
                    message.as_ref(),
                    cause.as_ref(),
                ];
                parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" / ")
            }
            Self::InResponseTo { found, .. }
            | Self::Recipient { found, .. }
            | Self::AuthnContext { found, .. } => {
                found.clone().unwrap_or_else(|| NOTHING.to_owned())
            }
            Self::Confirmation { methods } if methods.is_empty() => NOTHING.to_owned(),
            Self::Confirmation { methods } => methods.join(", "),
            Self::ConfirmationExpired { found, .. } => {
                found.map_or_else(|| NOTHING.to_owned(), |found| found.to_string())
            }
            Self::ConfirmationNotBefore { found }
            | Self::IssueInstant { found, .. }
            | Self::NotYet { found, .. }
            | Self::Expired { found, .. }
            | Self::LogoutExpired { found, .. }
            | Self::Never { found, .. }
            | Self::AuthnInstant { found, .. }
            | Self::SessionOver { found, .. }
            | Self::TooOld { found, .. }
            | Self::NotFresh { found, .. } => found.to_string(),
            Self::Audience { found, .. } => found
                .as_ref()
                .map_or_else(|| "no restriction".to_owned(), |names| names.join(", ")),
            Self::Scope { attribute, found, .. } => format!("{attribute} {found}"),
            Self::Qualifier { attribute, found, .. } => format!("{attribute} {found}"),
        };
        Some(text)
    }
}

impl Refusal for ProfileError {
    fn code(&self) -> ErrorCode {
        self.code()
    }

    fn rule(&self) -> Cow<'static, str> {
        self.rule().into()
    }

    fn values(&self) -> Values {
        Values { expected: self.expected(), found: self.found() }
    }
}
