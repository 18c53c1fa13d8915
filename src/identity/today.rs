//! Who somebody is today, whose session began earlier.

use crate::directory::Standing;
use crate::identity::sources::merged;
use crate::identity::{Facts, Identity, IdentitySettings, roles};

/// The identity of a session as it is now: what was asserted at sign-in, with how the person
/// stands, by the rules in force. `None`: they may not go on.
pub fn today(
    identity: Identity,
    standing: &Standing,
    settings: &IdentitySettings,
) -> Option<Identity> {
    if !standing.may_enter {
        return None;
    }
    let asserted = identity.asserted.map_or(identity.profile, |asserted| *asserted);
    let profile = merged(&asserted, standing, settings.first);
    let asserted = (profile != asserted).then(|| Box::new(asserted));
    let mut identity = Identity {
        user_name: standing.user_name.clone(),
        profile,
        asserted,
        ..identity
    };
    let facts = Facts {
        external_id: standing.external_id.as_deref(),
        ..Facts::of_identity(&identity).with(standing.document.as_ref())
    };
    identity.roles = roles(&settings.roles, facts);
    Some(identity)
}

/// Whether somebody may do less now: what is open by what they had must not stay open.
pub fn has_lost(before: &Identity, after: &Identity) -> bool {
    let lost_role = before.roles.iter().any(|role| !after.roles.contains(role));
    let groups = &after.profile.groups;
    let lost_group = before.profile.groups.iter().any(|group| !groups.contains(group));
    lost_role || lost_group
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{RoleName, Timestamp};
    use crate::identity::{AttributeMap, Grounds, Provisioning, RoleRule, Source};
    use crate::scim::Document;

    fn settings() -> IdentitySettings {
        let rule = |name: &str, any: Grounds| RoleRule {
            name: RoleName::parse(name).unwrap(),
            description: None,
            everybody: false,
            any,
            all: Grounds::default(),
            not: Grounds::default(),
            idps: Vec::new(),
        };
        let groups = |group: &str| Grounds { groups: vec![group.to_owned()], ..Grounds::default() };
        let guest = [("userType".to_owned(), vec!["Guest".to_owned()])];
        IdentitySettings {
            attributes: AttributeMap::default(),
            roles: vec![
                rule("staff", groups("staff")),
                rule("board", groups("Board")),
                rule(
                    "guest",
                    Grounds { attributes: guest.into(), ..Grounds::default() },
                ),
            ],
            provisioning: Provisioning::Jit,
            link_by: Vec::new(),
            first: Source::Scim,
        }
    }

    fn standing() -> Standing {
        Standing {
            user_name: "alice".to_owned(),
            may_enter: true,
            ..Standing::default()
        }
    }

    fn names(identity: &Identity) -> Vec<&str> {
        identity.roles.iter().map(RoleName::as_str).collect()
    }

    #[test]
    fn provisioning_changes_a_session_and_gives_back_what_was_asserted() {
        let alice = Identity::for_test("alice", Timestamp::EPOCH);
        let provisioned = Standing {
            document: Some(Document::stored(r#"{"userType":"Guest","title":"Head"}"#).unwrap()),
            groups: vec!["Board".to_owned()],
            provisioned: vec!["staff".to_owned()],
            user_name: "alice.s".to_owned(),
            ..standing()
        };
        let changed = today(alice.clone(), &provisioned, &settings()).unwrap();
        assert_eq!(names(&changed), ["board", "guest"]);
        assert_eq!(changed.profile.groups, ["Board"]);
        assert_eq!(changed.profile.title.as_deref(), Some("Head"));
        assert_eq!(changed.user_name, "alice.s");
        // Whatever it was in between: nothing of it stays.
        let back = today(changed, &standing(), &settings()).unwrap();
        assert_eq!(names(&back), ["staff"]);
        assert_eq!((back.profile, back.asserted), (alice.profile, None));
    }

    #[test]
    fn whoever_may_not_enter_may_not_go_on() {
        let out = Standing { may_enter: false, ..standing() };
        let alice = Identity::for_test("alice", Timestamp::EPOCH);
        assert_eq!(today(alice, &out, &settings()), None);
    }

    #[test]
    fn less_is_a_role_or_a_group_that_is_gone() {
        let before = Identity::for_test("alice", Timestamp::EPOCH);
        let mut after = before.clone();
        after.profile.groups.push("more".to_owned());
        after.profile.title = Some("Head".to_owned());
        assert!(!has_lost(&before, &after));
        assert!(has_lost(&after, &before));
        let none = Identity { roles: Vec::new(), ..before.clone() };
        assert!(has_lost(&before, &none) && !has_lost(&none, &before));
    }
}
