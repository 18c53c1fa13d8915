//! A valid assertion → who would be signed in.
//!
//! By [`identity::resolve`], as at the ACS, where the database can be read; it writes through a keeper,
//! and the one here keeps nothing. Without a database: what the assertion says of somebody.

use async_trait::async_trait;

use super::explanation::{Person, Refused, SignedInAs};
use super::walk::Walk;
use crate::base::StoreError;
use crate::base::entropy::SystemEntropy;
use crate::identity::{self, Asserter, Identity, IdentityError, Keeper, Kept};
use crate::saml::ValidAssertion;
use crate::store::Database;
use crate::trust::IdpTrust;

impl Walk<'_> {
    pub(super) async fn person(
        &mut self,
        valid: &ValidAssertion,
        idp: &IdpTrust,
    ) -> Result<Person, Refused> {
        let known = self.known;
        let asserter = Asserter {
            idp: &idp.settings.name,
            vendor: idp.metadata.vendor,
            allow_duplicates: idp.settings.allow_duplicate_attributes,
            user_name_suffix: idp.settings.user_name_suffix.as_deref(),
            groups_overage: idp.settings.groups_overage,
            owner_of: &|domain| known.registry.owner_of(domain),
        };
        let claims = valid.claims();
        let at = |rule, error: IdentityError| Refused::at(rule, error.code(), error);
        let mapped = match identity::asserted(claims, asserter, &known.identity.attributes) {
            // It may be an address of somebody who is linked: that depends on who they are.
            Err(IdentityError::Domain { .. }) if known.people.is_some() => {
                identity::said(claims, asserter, &known.identity.attributes)
            }
            mapped => mapped,
        };
        let mapped = mapped.map_err(|error| at("identity", error))?;
        let found = match known.people.as_deref() {
            Some(people) => Some(self.found_in(people, valid, asserter).await.map_err(
                |error| {
                    let is_asserted = matches!(error, IdentityError::Domain { .. });
                    at(if is_asserted { "identity" } else { "user" }, error)
                },
            )?),
            None => None,
        };
        self.checks.pass_with("identity", || mapped.user_name.clone());
        if mapped.groups_left_out {
            let policy = idp.settings.groups_overage.as_str();
            let depends = match found {
                Some(_) => "what it gives is below",
                None => "what it gives depends on what is known of the person",
            };
            self.notes.push(format!(
                "the identity provider left the groups out, since there are too many; groups_overage \
                 is {policy:?}, and {depends}"
            ));
        }
        let claims = claims.clone();
        let Some((who, identity)) = found else {
            self.checks.skip("user", "known people are not looked up here");
            let facts = identity::Facts::asserted(&idp.settings.name, &mapped);
            let roles = identity::roles(&known.identity.roles, facts);
            let (user_name, profile) = (mapped.user_name, mapped.profile);
            return Ok(Person { claims, user_name, profile, roles, signed_in_as: None });
        };
        self.checks.pass_with("user", || who.shown());
        let Identity { user_name, profile, roles, .. } = identity;
        Ok(Person { claims, user_name, profile, roles, signed_in_as: Some(who) })
    }

    /// Who it is for the gateway, as they would be after this sign-in.
    async fn found_in(
        &self,
        people: &dyn Database,
        valid: &ValidAssertion,
        asserter: Asserter<'_>,
    ) -> Result<(SignedInAs, Identity), IdentityError> {
        let mut nothing = KeepsNothing(None);
        let settings = &self.known.identity;
        let resolved = identity::resolve(
            valid,
            asserter,
            settings,
            people,
            &mut nothing,
            &SystemEntropy,
            self.now,
        );
        resolved.await?;
        let (person, identity) =
            nothing.0.ok_or_else(|| StoreError::new("nobody was looked for"))?;
        let who = match person {
            identity::Person::New(_) => SignedInAs::New,
            identity::Person::Known(user) => {
                let is_guest = user.idp.as_ref() != Some(asserter.idp);
                SignedInAs::Known {
                    linked_from: user.idp.filter(|_| is_guest),
                    id: user.id,
                    user_name: user.user_name,
                    is_linked: is_guest,
                }
            }
        };
        Ok((who, identity))
    }
}

/// Hears who it is, and writes nothing.
struct KeepsNothing(Option<(identity::Person, Identity)>);

#[async_trait]
impl Keeper for KeepsNothing {
    async fn keep(
        &mut self,
        person: identity::Person,
        identity: Identity,
    ) -> Result<Kept, StoreError> {
        self.0 = Some((person, identity));
        Ok(Kept::Kept)
    }
}
