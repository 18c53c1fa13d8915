//! Which rules there are, so that those behind a broken one have a line too.

use crate::base::{Check, Outcome, Values};
use crate::saml::logout;
use crate::saml::profile::{ASSERTION_RULES, RESPONSE_RULES};

/// By which rules a message is read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    /// A Response, at the ACS.
    Post,
    /// A LogoutRequest in an address, and whatever can not be read as anything else.
    LogoutRequest,
    /// A `LogoutResponse` in an address.
    LogoutResponse,
    /// What does not come in an address: nothing follows.
    Nowhere,
}

impl Way {
    /// The names of all its rules, in order.
    pub(super) fn rules(self) -> Vec<String> {
        let named = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let within = |place: &str, rules: &[&str]| {
            rules.iter().map(|rule| format!("{place}.{rule}")).collect::<Vec<_>>()
        };
        let logout = |rules| {
            let ways = [
                named(QUERY_RULES),
                within("logout", rules),
                named(LOGOUT_LATER),
            ];
            ways.concat()
        };
        match self {
            Self::Post => [
                named(BEFORE_RULES),
                within("response", RESPONSE_RULES),
                within("assertion", ASSERTION_RULES),
                named(AFTER_RULES),
            ]
            .concat(),
            Self::LogoutRequest => logout(logout::REQUEST_RULES),
            Self::LogoutResponse => logout(logout::RESPONSE_RULES),
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

/// What is looked at before the rules of a logout message, in order.
const QUERY_RULES: &[&str] = &["query", "xml", "idp", "idp.enabled", "query.signature"];

/// What is looked at behind them.
const LOGOUT_LATER: &[&str] = &["one_use", "sessions"];

/// What is looked at behind the rules of the profile.
const AFTER_RULES: &[&str] = &["one_use", "identity", "user"];
