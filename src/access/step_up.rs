//! Step-up: what a route asks of the sign-in itself, besides who the person is.
//!
//! In: classes of authentication, how they compare, how long ago. Out: what a session lacks, and the
//! [`Asked`] for the request that sends its person back for more. Promised: the gate, the request and
//! the check of the answer use the one value, so that whoever comes back with what was asked for is
//! let in.

use std::time::Duration;

use crate::base::Timestamp;
use crate::identity::Identity;
use crate::saml::asked::{Asked, AskedContext, AskedError, Comparison, Lacking};

/// What a route asks of a sign-in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepUp {
    contexts: Vec<String>,
    comparison: Comparison,
    order: Vec<String>,
    max_age: Option<Duration>,
    force_authn: bool,
}

impl StepUp {
    /// `authn_context`, `authn_context_comparison`, `saml.authn_context_order`, `max_authn_age` and
    /// `force_authn`; `None` when nothing is asked.
    pub fn new(
        contexts: Vec<String>,
        comparison: Comparison,
        order: &[String],
        max_age: Option<Duration>,
        force_authn: bool,
    ) -> Result<Option<Self>, AskedError> {
        if !contexts.is_empty() {
            AskedContext::new(&contexts, comparison, order)?;
        }
        let asks = !contexts.is_empty() || max_age.is_some() || force_authn;
        let order = order.to_vec();
        let whole = Self { contexts, comparison, order, max_age, force_authn };
        Ok(asks.then_some(whole))
    }

    /// What goes into the request, and is checked in the answer.
    pub fn asked(&self) -> Asked<'_> {
        let context = AskedContext::new(&self.contexts, self.comparison, &self.order).ok();
        Asked {
            // It was read once before; should that ever fail, `exact` asks for no less by name.
            context: context.or_else(|| AskedContext::exact(&self.contexts)),
            force_authn: self.force_authn,
            max_age: self.max_age,
        }
    }

    /// Whether it asks for this method by name, and it is enough: what it wants something better than
    /// is named, and is not. What is enough for being weaker than one that it names is not asked for.
    pub fn asks_for(&self, class: &str) -> bool {
        self.contexts.iter().any(|one| one == class) && self.takes(class)
    }

    /// Whether this method is enough.
    pub fn takes(&self, class: &str) -> bool {
        self.asked().context.is_none_or(|asked| asked.is_met_by(class))
    }

    /// Whether what is enough now may not be enough later.
    pub const fn grows_old(&self) -> bool {
        self.max_age.is_some()
    }

    /// What a session of this person lacks.
    pub fn lacks(
        &self,
        identity: &Identity,
        clock_skew: Duration,
        now: Timestamp,
    ) -> Option<Lacking> {
        let class = identity.authn_context.as_deref();
        let asked = Asked::NOTHING.and(self.asked());
        asked.lacks(class, identity.authn_instant, clock_skew, now)
    }

    /// In words, for operators: `by https://refeds.org/profile/mfa (minimum), at most 900 s ago`.
    pub fn shown(&self) -> String {
        let mut parts = Vec::new();
        if !self.contexts.is_empty() {
            let comparison = match self.comparison {
                Comparison::Exact => String::new(),
                comparison => format!(" ({})", comparison.as_str()),
            };
            parts.push(format!("by {}{comparison}", self.contexts.join("/")));
        }
        parts.extend(self.max_age.map(|age| format!("at most {} s ago", age.as_secs())));
        parts.extend(self.force_authn.then(|| "anew when they sign in".to_owned()));
        parts.join(", ")
    }

    /// The parameters of a challenge to a program (RFC 9470, 3): `acr_values` and `max_age`.
    pub fn challenge(&self) -> String {
        let mut challenge = "Bearer error=\"insufficient_user_authentication\", \
             error_description=\"The route asks for another or a more recent sign-in\""
            .to_owned();
        if let Some(context) = self.asked().context {
            let plain = |class: &&str| !class.contains(['"', '\\', ' ']);
            let classes: Vec<_> = context.enough().filter(plain).collect();
            challenge.push_str(&format!(", acr_values=\"{}\"", classes.join(" ")));
        }
        if let Some(age) = self.max_age {
            challenge.push_str(&format!(", max_age=\"{}\"", age.as_secs()));
        }
        challenge
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MFA: &str = "https://refeds.org/profile/mfa";
    const PASSWORD: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password";

    fn list(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn nothing_asked_is_no_step_up() {
        let none = StepUp::new(Vec::new(), Comparison::Exact, &[], None, false);
        assert_eq!(none, Ok(None));
        let weak = StepUp::new(
            list(&["x"]),
            Comparison::Minimum,
            &list(&["a"]),
            None,
            false,
        );
        assert!(weak.is_err());
    }

    #[test]
    fn a_session_lacks_what_its_sign_in_was_not() {
        let order = list(&[PASSWORD, MFA]);
        let age = Duration::from_secs(900);
        let step = StepUp::new(list(&[MFA]), Comparison::Minimum, &order, Some(age), false);
        let step = step.unwrap().unwrap();
        let at = Timestamp::from_unix_seconds;
        let mut alice = Identity::for_test("alice", at(1000));
        alice.authn_instant = at(1000);
        let skew = Duration::from_secs(60);
        assert_eq!(step.lacks(&alice, skew, at(1000)), Some(Lacking::Context));
        alice.authn_context = Some(PASSWORD.to_owned());
        assert_eq!(step.lacks(&alice, skew, at(1000)), Some(Lacking::Context));
        alice.authn_context = Some(MFA.to_owned());
        assert_eq!(step.lacks(&alice, skew, at(1960)), None);
        assert_eq!(step.lacks(&alice, skew, at(1961)), Some(Lacking::Age));
        assert!(step.grows_old());
    }

    #[test]
    fn it_asks_for_what_it_names_and_is_content_with() {
        let order = list(&["urn:a", "urn:b", "urn:c"]);
        for (comparison, takes, asks_for) in [
            (Comparison::Exact, "b", "b"),
            (Comparison::Minimum, "bc", "b"),
            (Comparison::Maximum, "ab", "b"),
            (Comparison::Better, "c", ""),
        ] {
            let step = StepUp::new(list(&["urn:b"]), comparison, &order, None, false);
            let step = step.unwrap().unwrap();
            let those = |is: &dyn Fn(&str) -> bool| {
                ["a", "b", "c", "x"]
                    .into_iter()
                    .filter(|name| is(&format!("urn:{name}")))
                    .collect::<String>()
            };
            let found = (
                those(&|class| step.takes(class)),
                those(&|class| step.asks_for(class)),
            );
            assert_eq!(
                found,
                (takes.to_owned(), asks_for.to_owned()),
                "{comparison:?}"
            );
        }
        let aged = StepUp::new(Vec::new(), Comparison::Exact, &[], None, true);
        let aged = aged.unwrap().unwrap();
        assert!(aged.takes("urn:a") && !aged.asks_for("urn:a"));
    }

    #[test]
    fn a_program_is_told_what_would_be_enough() {
        let order = list(&["urn:a", "urn:b", "urn:c"]);
        let age = Some(Duration::from_secs(900));
        let step = StepUp::new(list(&["urn:b"]), Comparison::Minimum, &order, age, false);
        let step = step.unwrap().unwrap();
        assert_eq!(step.shown(), "by urn:b (minimum), at most 900 s ago");
        let challenge = step.challenge();
        assert!(
            challenge.ends_with(", acr_values=\"urn:b urn:c\", max_age=\"900\""),
            "{challenge}"
        );
        let forced = StepUp::new(Vec::new(), Comparison::Exact, &[], None, true);
        let forced = forced.unwrap().unwrap();
        assert!(!forced.challenge().contains("acr_values") && !forced.grows_old());
    }
}
