//! Groups and attribute values → roles, and why.

use std::fmt;

use crate::base::{IdpName, RoleName};
use crate::directory::Profile;
use crate::identity::{Grounds, Identity, Mapped, RoleRule, Target};
use crate::scim::Document;

/// What rules look at: what holds of somebody now.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Where they signed in; `None` for somebody who never did.
    pub idp: Option<&'a IdpName>,
    /// `userName`
    pub user_name: &'a str,
    /// `externalId`
    pub external_id: Option<&'a str>,
    /// Their attributes under our names, and their groups.
    pub profile: &'a Profile,
    /// What the identity provider sent, by Name.
    pub attributes: &'a [(String, Vec<String>)],
    /// What is provisioned.
    pub document: Option<&'a Document>,
}

impl<'a> Facts<'a> {
    /// What an assertion says, and nothing else.
    pub fn asserted(idp: &'a IdpName, mapped: &'a Mapped) -> Self {
        Self {
            idp: Some(idp),
            user_name: &mapped.user_name,
            external_id: mapped.external_id.as_deref(),
            profile: &mapped.profile,
            attributes: &mapped.attributes,
            document: None,
        }
    }

    /// What holds of somebody who is signed in, besides what is provisioned.
    pub fn of_identity(identity: &'a Identity) -> Self {
        Self {
            idp: Some(&identity.idp),
            user_name: &identity.user_name,
            external_id: None,
            profile: &identity.profile,
            attributes: &identity.attributes,
            document: None,
        }
    }

    /// Together with what is provisioned.
    #[must_use]
    pub const fn with(self, document: Option<&'a Document>) -> Self {
        Self { document, ..self }
    }

    /// The values under a Name, a key of `[attributes]`, or a name of SCIM.
    fn values(&self, name: &str) -> Vec<&'a str> {
        let sent = self.attributes.iter().filter(|(sent, _)| sent == name);
        let mut values: Vec<&str> =
            sent.flat_map(|(_, values)| values).map(String::as_str).collect();
        match Target::ALL.iter().find(|(_, key)| *key == name) {
            Some((Target::UserName, _)) => values.push(self.user_name),
            Some((Target::ExternalId, _)) => values.extend(self.external_id),
            Some((target, _)) => values.extend(target.of_profile(self.profile)),
            // A key of ours is in the profile already, by the order of sources.
            None => values.extend(self.document.iter().flat_map(|document| document.texts(name))),
        }
        values
    }
}

/// A role that somebody has, and by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted<'r> {
    /// The rule that grants it.
    pub rule: &'r RoleRule,
    /// The first ground of `any` that holds; `None` where the rule needs none.
    pub by: Option<Ground<'r>>,
}

/// A ground that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground<'r> {
    /// They are in this group.
    Group(&'r str),
    /// The attribute has this value.
    Value(&'r str, &'r str),
}

impl fmt::Display for Ground<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(group) => write!(f, "group {group:?}"),
            Self::Value(name, value) => write!(f, "{name} = {value:?}"),
        }
    }
}

/// The roles that the rules grant, sorted, each once.
pub fn roles(rules: &[RoleRule], facts: Facts<'_>) -> Vec<RoleName> {
    let mut roles: Vec<RoleName> =
        granted(rules, facts).map(|granted| granted.rule.name.clone()).collect();
    roles.sort();
    roles.dedup();
    roles
}

/// The rules that grant something, in their order, and why each does.
pub fn granted<'r>(rules: &'r [RoleRule], facts: Facts<'r>) -> impl Iterator<Item = Granted<'r>> {
    rules.iter().filter_map(move |rule| grants(rule, facts))
}

fn grants<'r>(rule: &'r RoleRule, facts: Facts<'_>) -> Option<Granted<'r>> {
    if rule.any.is_empty() && rule.all.is_empty() && !rule.everybody {
        return None;
    }
    let here = |idp: &IdpName| rule.idps.contains(idp);
    if !rule.idps.is_empty() && !facts.idp.is_some_and(here) {
        return None;
    }
    let holds = |ground: &Ground<'_>| holds(*ground, facts);
    if rule.not.each().any(|ground| holds(&ground)) || !rule.all.each().all(|ground| holds(&ground))
    {
        return None;
    }
    let by = rule.any.each().find(holds);
    (by.is_some() || rule.any.is_empty() || rule.everybody).then_some(Granted { rule, by })
}

impl Grounds {
    /// One by one.
    fn each(&self) -> impl Iterator<Item = Ground<'_>> {
        let groups = self.groups.iter().map(|group| Ground::Group(group));
        let values = self
            .attributes
            .iter()
            .flat_map(|(name, values)| values.iter().map(move |value| Ground::Value(name, value)));
        groups.chain(values)
    }
}

fn holds(ground: Ground<'_>, facts: Facts<'_>) -> bool {
    match ground {
        Ground::Group(group) => facts.profile.groups.iter().any(|known| known == group),
        Ground::Value(name, value) => facts.values(name).contains(&value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grounds(groups: &[&str], attributes: &[(&str, &[&str])]) -> Grounds {
        let owned = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        let attribute = |(name, values): &(&str, &[&str])| ((*name).to_owned(), owned(values));
        Grounds {
            groups: owned(groups),
            attributes: attributes.iter().map(attribute).collect(),
        }
    }

    fn rule(name: &str, groups: &[&str], attributes: &[(&str, &[&str])]) -> RoleRule {
        RoleRule {
            name: RoleName::parse(name).unwrap(),
            description: None,
            everybody: false,
            any: grounds(groups, attributes),
            all: Grounds::default(),
            not: Grounds::default(),
            idps: Vec::new(),
        }
    }

    fn names(rules: &[RoleRule]) -> Vec<String> {
        let idp = IdpName::parse("corp").unwrap();
        let profile = Profile {
            department: Some("IT".into()),
            groups: vec!["staff".into(), "IT Managers".into()],
            ..Profile::default()
        };
        let attributes = [("urn:oid:2.5.4.11".into(), vec!["IT".into(), "Lab".into()])];
        let document = Document::stored(r#"{"userType":"Employee","title":"Head"}"#).unwrap();
        let facts = Facts {
            idp: Some(&idp),
            user_name: "alice",
            external_id: None,
            profile: &profile,
            attributes: &attributes,
            document: Some(&document),
        };
        roles(rules, facts).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn any_group_or_any_value_grants_a_role() {
        let rules = [
            rule("zoo", &["keepers", "staff"], &[]),
            rule("by-name", &[], &[("urn:oid:2.5.4.11", &["Lab"])]),
            rule("by-key", &[], &[("department", &["HR", "IT"])]),
            rule("by-user", &[], &[("user_name", &["alice"])]),
            rule("by-scim", &[], &[("userType", &["Employee"])]),
            rule("either", &["nobody"], &[("department", &["IT"])]),
        ];
        let all = ["by-key", "by-name", "by-scim", "by-user", "either", "zoo"];
        assert_eq!(names(&rules), all);
    }

    #[test]
    fn groups_and_values_are_compared_exactly() {
        let rules = [
            rule("case", &["it managers"], &[("department", &["it"])]),
            rule("part", &["IT"], &[]),
            rule("empty", &[], &[]),
            // A key of ours is what the profile says, whatever SCIM has under that name.
            rule("other", &[], &[("title", &["IT", "Head"])]),
        ];
        assert!(names(&rules).is_empty());
    }

    #[test]
    fn a_role_that_several_rules_grant_is_granted_once() {
        let rules = [
            rule("it", &["staff"], &[]),
            rule("it", &[], &[("department", &["IT"])]),
        ];
        assert_eq!(names(&rules), ["it"]);
    }

    #[test]
    fn all_are_needed_and_none_of_not_may_be_there() {
        let all = |groups, values| RoleRule { all: grounds(groups, values), ..rule("r", &[], &[]) };
        assert_eq!(names(&[all(&["staff"], &[("department", &["IT"])])]), ["r"]);
        assert!(names(&[all(&["staff", "board"], &[])]).is_empty());
        assert!(names(&[all(&["staff"], &[("department", &["IT", "HR"])])]).is_empty());
        // Beside `any`, both.
        let both = RoleRule { any: grounds(&["board"], &[]), ..all(&["staff"], &[]) };
        assert!(names(&[both]).is_empty());
        let not = |groups| RoleRule { not: grounds(groups, &[]), ..rule("r", &["staff"], &[]) };
        assert_eq!(names(&[not(&["contractors"])]), ["r"]);
        assert!(names(&[not(&["IT Managers"])]).is_empty());
        // `not` alone grants nothing: it would be a door for everybody whom nobody thought of.
        let alone = RoleRule { any: Grounds::default(), ..not(&["contractors"]) };
        assert!(names(&[alone]).is_empty());
    }

    #[test]
    fn everybody_has_a_default_role_but_for_its_limits() {
        let everybody = RoleRule { everybody: true, ..rule("end-user", &[], &[]) };
        assert_eq!(names(std::slice::from_ref(&everybody)), ["end-user"]);
        let not = RoleRule { not: grounds(&["staff"], &[]), ..everybody.clone() };
        let here = RoleRule {
            idps: vec![IdpName::parse("corp").unwrap()],
            ..everybody.clone()
        };
        let there = RoleRule { idps: vec![IdpName::parse("other").unwrap()], ..everybody };
        assert_eq!(names(&[not, here]), ["end-user"]);
        assert!(names(&[there]).is_empty());
    }

    #[test]
    fn it_is_said_why_somebody_has_a_role() {
        let profile = Profile { groups: vec!["staff".into()], ..Profile::default() };
        let facts = Facts {
            idp: None,
            user_name: "alice",
            external_id: None,
            profile: &profile,
            attributes: &[],
            document: None,
        };
        let rules = [
            rule("a", &["board", "staff"], &[]),
            rule("b", &[], &[("user_name", &["alice"])]),
            RoleRule { everybody: true, ..rule("c", &[], &[]) },
        ];
        let why: Vec<_> = granted(&rules, facts)
            .map(|granted| granted.by.map(|by| by.to_string()))
            .collect();
        let expected = [Some("group \"staff\""), Some("user_name = \"alice\""), None];
        assert_eq!(
            why.iter().map(Option::as_deref).collect::<Vec<_>>(),
            expected
        );
    }
}
