//! `require`: what a signed-in person must bring to enter a route.

use std::time::Duration;

use http::Method;

use crate::access::gate::Missing;
use crate::access::step_up::StepUp;
use crate::base::{IdpName, RoleName, Timestamp};
use crate::identity::Identity;
use crate::saml::asked::Lacking;

/// What a route asks of a signed-in person; nothing at all lets any signed-in person in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Require {
    /// One of these is enough …
    pub any: Vec<Condition>,
    /// … and each of these is needed.
    pub all: Vec<Condition>,
    /// In addition, the method must be one of these; empty allows all. GET includes HEAD.
    pub methods: Vec<Method>,
}

/// One thing about a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Has this role.
    Role(RoleName),
    /// Is in this group.
    Group(String),
    /// Has any of these values of an attribute: its Name, or a key of `[attributes]`.
    Attribute {
        /// Which attribute.
        name: String,
        /// Any of these.
        values: Vec<String>,
    },
    /// Signed in at any of these identity providers.
    Idp(Vec<IdpName>),
    /// Signed in in any of these ways (AuthnContextClassRef).
    AuthnContext(Vec<String>),
}

/// What of a session the decision looks at.
#[derive(Clone, Copy, Debug)]
pub struct Visitor<'a> {
    /// `None`: somebody who meets every condition.
    identity: Option<&'a Identity>,
    /// The time, and how far the clock of their identity provider may differ from ours.
    when: (Timestamp, Duration),
}

impl<'a> Visitor<'a> {
    /// A signed-in person.
    pub const fn of(identity: &'a Identity, now: Timestamp, clock_skew: Duration) -> Self {
        Self { identity: Some(identity), when: (now, clock_skew) }
    }

    /// A signed-in person whom this very route has admitted before. Neither what it asks of people
    /// nor what a session says of one changes; methods are another matter, and so is a route whose
    /// step-up [grows old](StepUp::grows_old).
    pub const fn admitted_before() -> Self {
        Self { identity: None, when: (Timestamp::EPOCH, Duration::ZERO) }
    }

    /// What the sign-in of this person lacks.
    pub(in crate::access) fn lacks(&self, step_up: Option<&StepUp>) -> Option<Lacking> {
        let (step_up, identity) = (step_up?, self.identity?);
        let (now, clock_skew) = self.when;
        step_up.lacks(identity, clock_skew, now)
    }

    fn meets(&self, condition: &Condition) -> bool {
        let Some(identity) = self.identity else {
            return true;
        };
        match condition {
            Condition::Role(role) => identity.roles.contains(role),
            Condition::Group(group) => identity.profile.groups.contains(group),
            Condition::Attribute { name, values } => identity
                .values(name)
                .iter()
                .any(|sent| values.iter().any(|value| value == sent)),
            Condition::Idp(names) => names.contains(&identity.idp),
            Condition::AuthnContext(classes) => {
                let class = identity.authn_context.as_deref();
                class.is_some_and(|class| classes.iter().any(|wanted| wanted == class))
            }
        }
    }
}

impl Require {
    /// Whether anything is asked at all.
    pub const fn is_empty(&self) -> bool {
        self.any.is_empty() && self.all.is_empty() && self.methods.is_empty()
    }

    /// Whether `visitor` may make a request with `method`; else what is missing.
    pub fn admits(&self, method: &Method, visitor: &Visitor<'_>) -> Result<(), Missing> {
        let enough = self.any.is_empty() || self.any.iter().any(|one| visitor.meets(one));
        let every = self.all.iter().all(|one| visitor.meets(one));
        if !enough || !every {
            let lacks = |one: &&Condition| !visitor.meets(one);
            return Err(Missing {
                any: if enough { Vec::new() } else { self.any.clone() },
                all: self.all.iter().filter(lacks).cloned().collect(),
                methods: Vec::new(),
            });
        }
        match self.allows(method) {
            true => Ok(()),
            false => Err(Missing { methods: self.methods.clone(), ..Missing::default() }),
        }
    }

    /// Whether anybody who signed in there can have all that is asked, as far as that says where.
    pub fn may_admit(&self, idp: &IdpName) -> bool {
        let fits = |one: &Condition| match one {
            Condition::Idp(names) => names.contains(idp),
            _ => true,
        };
        self.all.iter().all(fits) && (self.any.is_empty() || self.any.iter().any(fits))
    }

    fn allows(&self, method: &Method) -> bool {
        // RFC 9110, 9.3.2: HEAD is GET without the content.
        let get = || *method == Method::HEAD && self.methods.contains(&Method::GET);
        self.methods.is_empty() || self.methods.contains(method) || get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ErrorCode;

    const MFA: &str = "https://refeds.org/profile/mfa";

    fn seen(identity: &Identity) -> Visitor<'_> {
        Visitor::of(identity, Timestamp::EPOCH, Duration::ZERO)
    }

    fn role(name: &str) -> Condition {
        Condition::Role(RoleName::parse(name).unwrap())
    }

    fn group(name: &str) -> Condition {
        Condition::Group(name.to_owned())
    }

    fn idp(names: &[&str]) -> Condition {
        Condition::Idp(names.iter().map(|name| IdpName::parse(name).unwrap()).collect())
    }

    fn context(class: &str) -> Condition {
        Condition::AuthnContext(vec![class.to_owned()])
    }

    fn attribute(name: &str, values: &[&str]) -> Condition {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        Condition::Attribute { name: name.to_owned(), values }
    }

    /// Of `corp`, role `it-manager`, group `staff`, department `IT`, attribute `Role`, by MFA.
    fn alice() -> Identity {
        Identity {
            authn_context: Some(MFA.to_owned()),
            ..Identity::for_test("alice", Timestamp::EPOCH)
        }
    }

    #[test]
    fn conditions_hold_or_not() {
        for (condition, holds) in [
            (role("it-manager"), true),
            (role("board"), false),
            (group("staff"), true),
            (group("Staff"), false),
            (attribute("department", &["HR", "IT"]), true),
            (attribute("department", &["it"]), false),
            (attribute("Role", &["admins"]), true),
            (attribute("title", &["IT"]), false),
            (attribute("user_name", &["alice"]), true),
            (idp(&["corp"]), true),
            (idp(&["other", "corp"]), true),
            (idp(&["other"]), false),
            (context(MFA), true),
            (
                context("urn:oasis:names:tc:SAML:2.0:ac:classes:Password"),
                false,
            ),
        ] {
            let alice = alice();
            let admits = |require: &Require| require.admits(&Method::GET, &seen(&alice)).is_ok();
            let any = Require { any: vec![condition.clone()], ..Require::default() };
            let all = Require { all: vec![condition.clone()], ..Require::default() };
            assert_eq!(
                (admits(&any), admits(&all)),
                (holds, holds),
                "{condition:?}"
            );
        }
    }

    #[test]
    fn people_of_another_identity_provider_than_is_asked_for_are_not_meant() {
        let corp = IdpName::parse("corp").unwrap();
        for (any, all, may) in [
            (vec![], vec![], true),
            (vec![idp(&["corp"])], vec![], true),
            (vec![idp(&["other"])], vec![], false),
            (vec![idp(&["other"]), role("board")], vec![], true),
            (vec![], vec![idp(&["other"]), role("board")], false),
            (vec![role("board")], vec![idp(&["other", "corp"])], true),
        ] {
            let require = Require { any, all, ..Require::default() };
            assert_eq!(require.may_admit(&corp), may, "{require:?}");
        }
    }

    #[test]
    fn any_needs_one_all_needs_each_and_the_method_must_fit_as_well() {
        let (yes, no) = (|| role("it-manager"), || group("board"));
        type Row = (
            Vec<Condition>,
            Vec<Condition>,
            &'static [Method],
            Option<(ErrorCode, usize)>,
        );
        let get = &[Method::GET];
        let post = &[Method::POST, Method::PUT];
        let role = ErrorCode::AccessRole;
        let table: Vec<Row> = vec![
            (vec![], vec![], &[], None),
            (vec![yes()], vec![], &[], None),
            (vec![no(), yes()], vec![], &[], None),
            (vec![no(), no()], vec![], &[], Some((role, 2))),
            (vec![], vec![yes(), yes()], &[], None),
            (vec![], vec![yes(), no()], &[], Some((role, 1))),
            (vec![yes()], vec![no()], &[], Some((role, 1))),
            (vec![no()], vec![yes()], &[], Some((role, 1))),
            (vec![], vec![], get, None),
            (vec![yes()], vec![], get, None),
            (vec![], vec![], post, Some((ErrorCode::AccessMethod, 0))),
            (
                vec![yes()],
                vec![],
                post,
                Some((ErrorCode::AccessMethod, 0)),
            ),
            // Who may not enter at all learns nothing about methods.
            (vec![no()], vec![], post, Some((role, 1))),
        ];
        let alice = alice();
        let before = Visitor::admitted_before();
        for (any, all, methods, refused) in table {
            let require = Require { any, all, methods: methods.to_vec() };
            let found = require.admits(&Method::HEAD, &seen(&alice)).err();
            let found =
                found.map(|missing| (missing.code(), missing.any.len() + missing.all.len()));
            assert_eq!(found, refused, "{require:?}");
            let by_method = require.admits(&Method::HEAD, &before).err();
            let allowed = require.methods.is_empty() || require.methods.contains(&Method::GET);
            assert_eq!(by_method.is_none(), allowed, "{require:?}");
        }
    }
}
