//! Identities as they are kept with their sessions: in few bytes.
//!
//! In: an [`Identity`]. Out: JSON, and from JSON and what stands beside it the identity again. What
//! nobody said is left out, and so is what the row has already. Two sessions then share a page of the
//! database, where each had one for itself.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::base::{IdpName, RoleName, StoreError, Timestamp, UserId, json};
use crate::directory::Profile;
use crate::identity::Identity;
use crate::saml::NameId;

/// What has a place of its own.
pub struct Beside {
    /// The person.
    pub user: UserId,
    /// Who vouched for them.
    pub idp: IdpName,
    /// The SessionIndex there.
    pub session_index: Option<String>,
}

/// As JSON.
pub fn write(identity: &Identity) -> Result<String, StoreError> {
    json::to_string(&Kept::of(identity)).map_err(StoreError::new)
}

/// An error is a form that this version does not read.
pub fn read(json: &str, beside: Beside) -> Result<Identity, serde_json::Error> {
    let kept: Kept<'_> = serde_json::from_str(json)?;
    Ok(kept.into_identity(beside))
}

impl<'a> Kept<'a> {
    /// What is kept of it, besides [`Beside`].
    pub(super) fn of(identity: &'a Identity) -> Self {
        let groups = &identity.profile.groups;
        let attributes = identity.attributes.iter().map(|(name, values)| {
            let values = (values != groups).then(|| Cow::from(values));
            (Cow::from(name), values)
        });
        Self {
            user_name: Cow::from(&identity.user_name),
            idp_entity_id: Cow::from(&identity.idp_entity_id),
            name_id: identity.name_id.as_ref().map(Cow::Borrowed),
            other_session_indexes: Cow::from(&identity.other_session_indexes),
            profile: Cow::Borrowed(&identity.profile),
            asserted: identity.asserted.as_deref().map(Cow::Borrowed),
            roles: Cow::from(&identity.roles),
            attributes: attributes.collect(),
            authn_instant: identity.authn_instant.unix_micros(),
            authn_context: identity.authn_context.as_deref().map(Cow::from),
            session_not_on_or_after: identity.session_not_on_or_after.map(Timestamp::unix_micros),
            created: identity.created,
        }
    }

    /// The whole again.
    pub(super) fn into_identity(self, beside: Beside) -> Identity {
        let profile = self.profile.into_owned();
        let attribute = |(name, values): (Cow<'_, str>, Option<Values<'_>>)| {
            let values = values.map_or_else(|| profile.groups.clone(), Cow::into_owned);
            (name.into_owned(), values)
        };
        Identity {
            user: beside.user,
            user_name: self.user_name.into_owned(),
            idp: beside.idp,
            idp_entity_id: self.idp_entity_id.into_owned(),
            name_id: self.name_id.map(Cow::into_owned),
            session_index: beside.session_index,
            other_session_indexes: self.other_session_indexes.into_owned(),
            attributes: self.attributes.into_iter().map(attribute).collect(),
            profile,
            asserted: self.asserted.map(|asserted| Box::new(asserted.into_owned())),
            roles: self.roles.into_owned(),
            authn_instant: Timestamp::from_unix_micros(self.authn_instant),
            authn_context: self.authn_context.map(Cow::into_owned),
            session_not_on_or_after: self.session_not_on_or_after.map(Timestamp::from_unix_micros),
            created: self.created,
        }
    }
}

type Values<'a> = Cow<'a, [String]>;

/// The JSON.
#[derive(Serialize, Deserialize)]
pub(super) struct Kept<'a> {
    user_name: Cow<'a, str>,
    idp_entity_id: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name_id: Option<Cow<'a, NameId>>,
    #[serde(default, skip_serializing_if = "is_empty")]
    other_session_indexes: Cow<'a, [String]>,
    profile: Cow<'a, Profile>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asserted: Option<Cow<'a, Profile>>,
    roles: Cow<'a, [RoleName]>,
    /// Without values: those of the profile's groups.
    attributes: Vec<(Cow<'a, str>, Option<Values<'a>>)>,
    authn_instant: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    authn_context: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_not_on_or_after: Option<i64>,
    created: bool,
}

fn is_empty(texts: &[String]) -> bool {
    texts.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_survives_its_way_through_the_store() {
        let now = Timestamp::from_unix_micros(1_795_000_000_000_001);
        let alice = Identity::for_test("alice", now);
        let mut bob = Identity::for_test("bob", now);
        bob.session_not_on_or_after = Some(Timestamp::from_unix_micros(5));
        bob.other_session_indexes = vec!["_s2".to_owned()];
        bob.attributes.push(("memberOf".to_owned(), bob.profile.groups.clone()));
        bob.attributes.push(("empty".to_owned(), Vec::new()));
        let mut carol = Identity::for_test("carol", now);
        (carol.name_id, carol.session_index) = (None, None);
        carol.asserted = Some(Box::new(carol.profile.clone()));
        carol.profile = Profile::default();
        carol.attributes.push(("empty".to_owned(), Vec::new()));
        for identity in [alice, bob, carol] {
            let beside = Beside {
                user: identity.user.clone(),
                idp: identity.idp.clone(),
                session_index: identity.session_index.clone(),
            };
            let json = write(&identity).unwrap();
            assert_eq!(read(&json, beside).unwrap(), identity, "{json}");
        }
    }

    #[test]
    fn groups_that_are_an_attribute_are_kept_once() {
        let mut alice = Identity::for_test("alice", Timestamp::EPOCH);
        alice.attributes.push(("memberOf".to_owned(), alice.profile.groups.clone()));
        let json = write(&alice).unwrap();
        assert!(json.contains(r#"["memberOf",null]"#), "{json}");
    }
}
