//! What was found out about a message, for whoever shows it.

use std::borrow::Cow;
use std::fmt::Display;

use crate::base::{Check, ErrorCode, IdpName, Refusal, RoleName, Timestamp, UserId, Values};
use crate::directory::Profile;
use crate::saml::logout::ValidLogoutRequest;
use crate::saml::schema::{ASSERTION_NS, Status};
use crate::saml::{Claims, SamlError, Vendor};
use crate::xml::Element;

/// Everything that was found out.
#[derive(Debug)]
pub(super) struct Explanation {
    /// What the message says about itself; nobody has verified that.
    pub(super) facts: Option<Facts>,
    /// Each rule.
    pub(super) checks: Vec<Check>,
    /// Why it is refused.
    pub(super) refused: Option<Refused>,
    /// What would come of it.
    pub(super) accepted: Option<Accepted>,
    /// What else is worth knowing.
    pub(super) notes: Vec<String>,
}

/// What a message would do.
#[derive(Debug)]
pub(super) enum Accepted {
    /// A Response: who would be let in.
    Person(Box<Person>),
    /// A LogoutRequest: whose sessions would end.
    Logout(Box<ValidLogoutRequest>),
    /// A `LogoutResponse`: what the other side made of our request.
    LoggedOut(Status),
}

/// What a message says about itself.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// The local name of its document element.
    pub(super) kind: String,
    /// Its attributes and its Issuer, as they stand.
    pub(super) said: Vec<(&'static str, String)>,
}

/// The attributes that say where a message belongs.
const TELLING: &[&str] = &[
    "ID",
    "IssueInstant",
    "NotOnOrAfter",
    "Destination",
    "InResponseTo",
    "AssertionConsumerServiceURL",
    "ProtocolBinding",
    "ForceAuthn",
    "IsPassive",
];

impl Facts {
    /// Of a message that is still anybody's.
    pub(super) fn of(root: Element<'_>) -> Self {
        let attribute =
            |name: &'static str| root.attribute(name).map(|value| (name, value.to_owned()));
        let issuer = root.child(ASSERTION_NS, "Issuer").and_then(|issuer| issuer.text());
        let issuer = issuer.map(|issuer| ("Issuer", issuer.into_owned()));
        let said = issuer.into_iter().chain(TELLING.iter().filter_map(|name| attribute(name)));
        Self { kind: root.local_name().to_owned(), said: said.collect() }
    }

    /// When it was made.
    pub(super) fn issued(&self) -> Option<Timestamp> {
        Timestamp::parse_saml(self.find("IssueInstant")?)
    }

    /// One of them.
    pub(super) fn find(&self, name: &str) -> Option<&str> {
        self.said
            .iter()
            .find(|(said, _)| *said == name)
            .map(|(_, value)| value.as_str())
    }
}

/// The person of a message that would be accepted.
#[derive(Debug)]
pub(super) struct Person {
    /// What the assertion says.
    pub(super) claims: Claims,
    /// Their name here; where the people here are not known, the one that is asserted.
    pub(super) user_name: String,
    /// The same under our names; with what is provisioned, where that is known.
    pub(super) profile: Profile,
    /// What they may.
    pub(super) roles: Vec<RoleName>,
    /// Who that is; `None` when nobody was looked up.
    pub(super) signed_in_as: Option<SignedInAs>,
}

/// Who somebody is here.
#[derive(Debug)]
pub(super) enum SignedInAs {
    /// Nobody so far: this sign-in would create them.
    New,
    /// Somebody who is known.
    Known {
        /// Our id of them.
        id: UserId,
        /// `userName`.
        user_name: String,
        /// An administrator has linked this NameID to them.
        is_linked: bool,
        /// Then whose they are, if they have signed in before.
        linked_from: Option<IdpName>,
    },
}

impl SignedInAs {
    /// For people.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::New => "nobody so far, and would be created".to_owned(),
            Self::Known { user_name, is_linked: false, .. } => format!("{user_name}, who is known"),
            Self::Known { user_name, linked_from: Some(idp), .. } => {
                format!("{user_name} of {idp}, by a link of an administrator")
            }
            Self::Known { user_name, .. } => {
                format!("{user_name}, by a link of an administrator")
            }
        }
    }
}

/// A refusal, whichever part said so.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    /// The code.
    pub(super) code: ErrorCode,
    /// The words that would stand in the log.
    pub(super) detail: String,
    /// The line that says so.
    pub(super) rule: Cow<'static, str>,
    /// What was expected, and what was found.
    pub(super) values: Values,
    /// Who has to change what, where the identity provider has said more than the code does.
    pub(super) said: Option<Box<str>>,
}

impl Refused {
    /// Who has to change what.
    pub(super) fn remedy(&self) -> &str {
        self.said.as_deref().unwrap_or_else(|| self.code.remedy())
    }

    /// What the ACS makes of a Response of this vendor's.
    pub(super) fn of_response(error: SamlError, vendor: Vendor) -> Self {
        let said = error.reported().map(|status| status.remedy(vendor).into());
        Self { said, ..Self::of(error) }
    }

    /// In the words of whoever refused.
    pub(super) fn of(error: impl Refusal + Display) -> Self {
        Self {
            code: error.code(),
            detail: error.to_string(),
            rule: error.rule(),
            values: error.values(),
            said: None,
        }
    }

    /// By a rule that this command looks after itself.
    pub(super) fn at(rule: &'static str, code: ErrorCode, detail: impl Display) -> Self {
        let detail = detail.to_string();
        Self {
            code,
            rule: rule.into(),
            values: Values::found(detail.clone()),
            detail,
            said: None,
        }
    }

    /// With what was expected, and what was found.
    pub(super) fn comparing(mut self, values: Values) -> Self {
        self.values = values;
        self
    }
}

impl Refusal for Refused {
    fn code(&self) -> ErrorCode {
        self.code
    }

    fn rule(&self) -> Cow<'static, str> {
        self.rule.clone()
    }

    fn values(&self) -> Values {
        self.values.clone()
    }
}
