//! Which rules there are, so that those behind a broken one have a line too.

use crate::base::{Check, Outcome, Values};
use crate::saml::binding::query::Carries;
use crate::saml::logout;
use crate::saml::profile::{ASSERTION_RULES, RESPONSE_RULES};

/// By which rules a message is read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    /// A Response, at the ACS.
    Post,
    /// A logout message, and whatever else comes where those come.
    Logout(By, Carries),
    /// What nobody takes there: nothing follows.
    Nowhere,
}

/// How a logout message comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// In an address.
    Query,
    /// As a form.
    Form,
    /// In an envelope, from server to server.
    Soap,
}

impl By {
    /// The rule about what is around the message.
    pub(super) const fn rule(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Form => "form",
            Self::Soap => "soap",
        }
    }

    /// The rule about what was signed: the query, or the message.
    pub(super) const fn signature(self) -> &'static str {
        match self {
            Self::Query => "query.signature",
            Self::Form | Self::Soap => "signature",
        }
    }

    /// For sentences.
    pub(super) const fn place(self) -> &'static str {
        match self {
            Self::Query => "in an address",
            Self::Form => "in a form",
            Self::Soap => "by SOAP",
        }
    }
}

impl Way {
    /// The names of all its rules, in order.
    pub(super) fn rules(self) -> Vec<String> {
        let named = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let within = |place: &str, rules: &[&str]| {
            rules.iter().map(|rule| format!("{place}.{rule}")).collect::<Vec<_>>()
        };
        match self {
            Self::Post => [
                named(BEFORE_RULES),
                within("response", RESPONSE_RULES),
                within("assertion", ASSERTION_RULES),
                named(AFTER_RULES),
            ]
            .concat(),
            Self::Logout(by, carries) => {
                let rules = match carries {
                    Carries::Request => logout::REQUEST_RULES,
                    Carries::Response => logout::RESPONSE_RULES,
                };
                let before = [by.rule(), "xml", "idp", by.signature()];
                [named(&before), within("logout", rules), named(LOGOUT_LATER)].concat()
            }
            Self::Nowhere => Vec::new(),
        }
    }
}

/// Rules that held because we did not know better are no rules that held.
pub(super) fn not_known_here(line: &mut Check, believed: bool) {
    let why = match line.name.as_str() {
        name if believed && name.ends_with("in_response_to") => "taken as a request of ours",
        "assertion.authn.fresh" => "the request is not looked up here",
        _ => return,
    };
    if line.outcome == Outcome::Pass {
        line.outcome = Outcome::Skip;
        line.values = Values::found(why);
    }
}

/// Every rule behind the one that was broken.
pub(super) fn not_reached(lines: &[Check], behind: Vec<String>) -> Vec<Check> {
    let known = |name: &String| lines.iter().any(|line| line.name == *name);
    // What was passed by is not behind: a part that is not signed, for example.
    let last = behind.iter().rposition(known).map_or(0, |place| place.saturating_add(1));
    let skipped = behind.into_iter().skip(last).filter(|name| {
        let refused = lines.last().map_or("", |line| line.name.as_str());
        !refused.starts_with(&format!("{name}."))
    });
    let line = |name| Check {
        name,
        outcome: Outcome::Skip,
        code: None,
        values: Values::found(NOT_REACHED),
    };
    skipped.map(line).collect()
}

/// Why a rule behind the broken one has no answer.
pub(super) const NOT_REACHED: &str = "not reached";

/// What is looked at before the rules of the profile, in order.
const BEFORE_RULES: &[&str] = &[
    "form",
    "xml",
    "response.root",
    "response.schema",
    "idp",
    "request",
    "idp.enabled",
    "response.signature",
    "response.assertion_count",
    "assertion.signature",
    "assertion.signed",
    "assertion.schema",
];

/// What is looked at behind the rules of a logout message.
const LOGOUT_LATER: &[&str] = &["one_use", "sessions"];

/// What is looked at behind the rules of the profile.
const AFTER_RULES: &[&str] = &["one_use", "identity", "user"];
