//! Groups and attribute values → roles.

use crate::base::RoleName;
use crate::identity::{Mapped, RoleRule};

/// The roles that the rules grant, sorted, each once.
///
/// They are decided by what this assertion says, and nothing else: a value that the directory
/// still has from earlier grants nothing.
pub fn roles(rules: &[RoleRule], mapped: &Mapped) -> Vec<RoleName> {
    let mut roles: Vec<RoleName> = rules
        .iter()
        .filter(|rule| grants(rule, mapped))
        .map(|rule| rule.name.clone())
        .collect();
    roles.sort();
    roles.dedup();
    roles
}

/// Any of the groups, or any of the values.
fn grants(rule: &RoleRule, mapped: &Mapped) -> bool {
    let by_group = rule.groups.iter().any(|group| mapped.profile.groups.contains(group));
    let by_value = || {
        rule.attributes.iter().any(|(name, wanted)| {
            mapped
                .values(name)
                .iter()
                .any(|sent| wanted.iter().any(|wanted| wanted == sent))
        })
    };
    by_group || by_value()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::Profile;
    use crate::identity::mapping::NamedBy;

    fn rule(name: &str, groups: &[&str], attributes: &[(&str, &[&str])]) -> RoleRule {
        let owned = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        RoleRule {
            name: RoleName::parse(name).unwrap(),
            groups: owned(groups),
            attributes: attributes
                .iter()
                .map(|(name, values)| ((*name).to_owned(), owned(values)))
                .collect(),
        }
    }

    fn granted(rules: &[RoleRule]) -> Vec<String> {
        let mapped = Mapped {
            user_name: "alice".into(),
            named_by: NamedBy::Statement,
            external_id: None,
            persistent_id: None,
            profile: Profile {
                department: Some("IT".into()),
                groups: vec!["staff".into(), "IT Managers".into()],
                ..Profile::default()
            },
            attributes: vec![("urn:oid:2.5.4.11".into(), vec!["IT".into(), "Lab".into()])],
        };
        roles(rules, &mapped).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn any_group_or_any_value_grants_a_role() {
        let rules = [
            rule("zoo", &["keepers", "staff"], &[]),
            rule("by-name", &[], &[("urn:oid:2.5.4.11", &["Lab"])]),
            rule("by-key", &[], &[("department", &["HR", "IT"])]),
            rule("by-user", &[], &[("user_name", &["alice"])]),
            rule("either", &["nobody"], &[("department", &["IT"])]),
        ];
        assert_eq!(
            granted(&rules),
            ["by-key", "by-name", "by-user", "either", "zoo"]
        );
    }

    #[test]
    fn groups_and_values_are_compared_exactly() {
        let rules = [
            rule("case", &["it managers"], &[("department", &["it"])]),
            rule("part", &["IT"], &[]),
            rule("empty", &[], &[]),
            rule("other", &[], &[("title", &["IT"])]),
        ];
        assert!(granted(&rules).is_empty());
    }

    #[test]
    fn a_role_that_several_rules_grant_is_granted_once() {
        let rules = [
            rule("it", &["staff"], &[]),
            rule("it", &["IT Managers"], &[]),
        ];
        assert_eq!(granted(&rules), ["it"]);
    }
}
