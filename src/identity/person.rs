//! Who somebody is, for as long as a session lasts.

use std::borrow::Cow;

use crate::base::{IdpName, RoleName, Timestamp, UserId};
use crate::directory::Profile;
use crate::identity::Target;
use crate::saml::NameId;

/// What a LogoutRequest of ours names at most of the sign-ins before: all of it goes into an address.
const MOST_INDEXES: usize = 16;

/// A person we know, active, as their identity provider described them at this login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Our id of the person.
    pub user: UserId,
    /// `userName`.
    pub user_name: String,
    /// The identity provider, by the name that the operator gave it.
    pub idp: IdpName,
    /// The identity provider's entityID.
    pub idp_entity_id: String,
    /// NameID with everything that a `LogoutRequest` must repeat.
    pub name_id: Option<NameId>,
    /// The session at the identity provider.
    pub session_index: Option<String>,
    /// Further ones, where the assertion spoke of several.
    pub other_session_indexes: Vec<String>,
    /// The person's attributes under our names: what was asserted, with what is provisioned.
    pub profile: Profile,
    /// What was asserted, where that is not all of it.
    pub asserted: Option<Box<Profile>>,
    /// What the gateway grants them; sorted.
    pub roles: Vec<RoleName>,
    /// All attributes by Name, values of repeated elements together.
    pub attributes: Vec<(String, Vec<String>)>,
    /// When they proved who they are.
    pub authn_instant: Timestamp,
    /// AuthnContextClassRef: how they proved it.
    pub authn_context: Option<String>,
    /// When the identity provider wants the session to end.
    pub session_not_on_or_after: Option<Timestamp>,
    /// This login created the person.
    pub created: bool,
}

impl Identity {
    /// Takes over what a logout may name the session by that this one replaces: every SessionIndex that
    /// the same identity provider has given the same person in this browser. A later sign-in adds one
    /// at some, and they name the first when they end the session.
    pub fn go_on_from(&mut self, before: &Self) {
        let is_same = before.idp == self.idp
            && before.idp_entity_id == self.idp_entity_id
            && before.user == self.user
            && before.name_id == self.name_id;
        if !is_same {
            return;
        }
        let known: Vec<&String> = self.session_indexes().collect();
        let more = before.session_indexes().filter(|index| !known.contains(index));
        let room = MOST_INDEXES.saturating_sub(known.len());
        let more: Vec<String> = more.take(room).cloned().collect();
        self.other_session_indexes.extend(more);
    }

    /// Every SessionIndex of the assertion: all that a `LogoutRequest` names.
    pub fn session_indexes(&self) -> impl Iterator<Item = &String> {
        self.session_index.iter().chain(&self.other_session_indexes)
    }

    /// The values of an attribute: by its Name, else by a key of `[attributes]` (`department`).
    /// Empty when nobody said.
    pub fn values(&self, name: &str) -> Vec<Cow<'_, str>> {
        let sent = self.attributes.iter().find(|(sent, _)| sent == name);
        if let Some((_, values)) = sent {
            return values.iter().map(Cow::from).collect();
        }
        let target = Target::ALL.iter().find(|(_, key)| *key == name);
        target.map_or_else(Vec::new, |(target, _)| match target {
            Target::UserName => vec![Cow::from(&self.user_name)],
            target => target.of_profile(&self.profile).into_iter().map(Cow::from).collect(),
        })
    }
}

#[cfg(test)]
impl Identity {
    /// Somebody of the identity provider `corp`.
    pub(crate) fn for_test(user_name: &str, now: Timestamp) -> Self {
        Self {
            user: UserId::new(format!("id-of-{user_name}")),
            user_name: user_name.to_owned(),
            idp: IdpName::parse("corp").unwrap(),
            idp_entity_id: "https://idp.example.com".to_owned(),
            name_id: Some(NameId {
                value: user_name.to_owned(),
                format: Some(NameId::EMAIL.to_owned()),
                name_qualifier: None,
                sp_name_qualifier: None,
                sp_provided_id: None,
            }),
            session_index: Some("_s1".to_owned()),
            other_session_indexes: Vec::new(),
            profile: Profile {
                email: Some(format!("{user_name}@example.com")),
                department: Some("IT".to_owned()),
                groups: vec!["staff".to_owned()],
                ..Profile::default()
            },
            asserted: None,
            roles: vec![RoleName::parse("it-manager").unwrap()],
            attributes: vec![(
                "Role".to_owned(),
                vec!["staff".to_owned(), "admins".to_owned()],
            )],
            authn_instant: now,
            authn_context: None,
            session_not_on_or_after: None,
            created: false,
        }
    }
}

impl Target {
    /// The values of this target in a profile. `user_name` and `external_id` are not part of it.
    pub fn of_profile(self, profile: &Profile) -> Vec<&str> {
        let one = match self {
            Self::UserName | Self::ExternalId => &None,
            Self::Groups => return profile.groups.iter().map(String::as_str).collect(),
            Self::Email => &profile.email,
            Self::FirstName => &profile.first_name,
            Self::LastName => &profile.last_name,
            Self::DisplayName => &profile.display_name,
            Self::Department => &profile.department,
            Self::Title => &profile.title,
            Self::EmployeeNumber => &profile.employee_number,
            Self::Manager => &profile.manager,
        };
        one.as_deref().into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_name_and_by_key() {
        let alice = Identity::for_test("alice", Timestamp::EPOCH);
        assert_eq!(alice.values("Role"), ["staff", "admins"]);
        assert_eq!(alice.values("groups"), ["staff"]);
        assert_eq!(alice.values("department"), ["IT"]);
        assert_eq!(alice.values("user_name"), ["alice"]);
        assert!(alice.values("title").is_empty() && alice.values("role").is_empty());
    }
}
