//! Whom an assertion means, of the people whom we know.
//!
//! In: what it says of a person, and who says it. Out: that person, nobody, or why they can not be told
//! from somebody else. Nobody of one identity provider is ever another one's.

use crate::base::{IdpName, StoreError};
use crate::directory::{DirectoryStore, Identifiers, UniqueField, User};
use crate::identity::{IdentityError, IdentitySettings, LinkBy, Mapped, NamedBy, Provisioning};
use crate::scim::fold::fold;

/// Everything that helps to recognise a person.
pub(super) struct Search<'a> {
    pub(super) mapped: &'a Mapped,
    pub(super) idp: &'a IdpName,
    pub(super) settings: &'a IdentitySettings,
    pub(super) store: &'a dyn DirectoryStore,
    /// The operator has said that its people are nobody else's (`user_name_suffix`).
    pub(super) apart: bool,
}

impl Search<'_> {
    /// The person, if we know them. Whoever it is, their address is not that of another identity
    /// provider's person.
    pub(super) async fn find(&self) -> Result<Option<User>, IdentityError> {
        let found = self.found().await?;
        let known = self.among(&found)?;
        self.check_address(&found, known.as_ref())?;
        Ok(known)
    }

    /// Everybody who has something in common with them.
    pub(super) async fn found(&self) -> Result<Vec<User>, StoreError> {
        let anybody = Identifiers {
            idp: self.idp,
            name_id: self.mapped.persistent_id.as_deref(),
            external_id: self.mapped.external_id.as_deref(),
            user_name: &self.mapped.user_name,
            email: self.mapped.profile.email.as_deref(),
        };
        self.store.find_any(anybody).await
    }

    /// 1. By the persistent NameID: it is never given to somebody else (core 8.3.7).
    /// 2. By `link_by`, in its order.
    /// 3. By `userName` among the people of this identity provider, even if `link_by` does not
    ///    have it: otherwise somebody created at their first login would be a stranger at the
    ///    second.
    fn among(&self, found: &[User]) -> Result<Option<User>, IdentityError> {
        if let Some(name_id) = &self.mapped.persistent_id
            && let Some(user) = found.iter().find(|user| {
                user.idp.as_ref() == Some(self.idp) && user.name_id.as_ref() == Some(name_id)
            })
        {
            return Ok(Some(user.clone()));
        }
        for link_by in &self.settings.link_by {
            let linked = match link_by {
                LinkBy::ExternalId => self.by_external_id(found),
                LinkBy::UserName => self.by_user_name(found)?,
                LinkBy::Email => self.by_email(found)?,
            };
            if linked.is_some() {
                return Ok(linked);
            }
        }
        match self.named(found).filter(|user| user.idp.as_ref() == Some(self.idp)) {
            Some(user) => self.admit(user.clone(), "userName").map(Some),
            None => Ok(None),
        }
    }

    /// Unambiguous by itself: among our people, then among those of nobody.
    fn by_external_id(&self, found: &[User]) -> Option<User> {
        let external_id = self.mapped.external_id.as_ref()?;
        let of = |idp: Option<&IdpName>| {
            found.iter().find(|user| {
                user.external_id.as_ref() == Some(external_id) && user.idp.as_ref() == idp
            })
        };
        of(Some(self.idp)).or_else(|| of(None)).cloned()
    }

    fn by_user_name(&self, found: &[User]) -> Result<Option<User>, IdentityError> {
        self.named(found).map(|user| self.admit(user.clone(), "userName")).transpose()
    }

    fn named<'f>(&self, found: &'f [User]) -> Option<&'f User> {
        let name = &self.mapped.user_name;
        let exact = found.iter().find(|user| user.user_name == *name);
        // To whoever provisions, names that differ in case alone are the same (RFC 7643, 4.1.1).
        let same = |user: &&User| user.managed && fold(&user.user_name) == fold(name);
        exact.or_else(|| found.iter().find(same))
    }

    /// An address that two people share says nothing about either. And someone who is known by
    /// another identifier only shares the address.
    fn by_email(&self, found: &[User]) -> Result<Option<User>, IdentityError> {
        let email = self.mapped.profile.email.as_ref();
        let mut found = found
            .iter()
            .filter(|user| email.is_some() && user.profile.email.as_ref() == email);
        let (Some(user), None) = (found.next(), found.next()) else {
            return Ok(None);
        };
        if self.apart && user.idp.as_ref().is_some_and(|idp| idp != self.idp) {
            return Ok(None);
        }
        let user = self.belongs(user.clone(), "email")?;
        let other = self.other_external_id(&user)
            || self.other_persistent_id(&user)
            || self.other_stated_name(&user);
        Ok((!other).then_some(user))
    }

    /// To the application behind us an address may be the person, whatever the case of its letters. So
    /// nobody comes in with one that another identity provider's person has here, unless they had it
    /// before, or addresses are not what people are told apart by.
    pub(super) fn check_address(
        &self,
        found: &[User],
        known: Option<&User>,
    ) -> Result<(), IdentityError> {
        let Some(email) = &self.mapped.profile.email else {
            return Ok(());
        };
        let has_it = |user: &User| {
            user.profile
                .email
                .as_ref()
                .is_some_and(|address| address.eq_ignore_ascii_case(email))
        };
        if self.apart
            || !self.settings.link_by.contains(&LinkBy::Email)
            || known.is_some_and(has_it)
        {
            return Ok(());
        }
        let is_elsewhere = |user: &&User| {
            let idp = user.idp.as_ref();
            known.is_none_or(|known| known.id != user.id)
                && idp.is_some_and(|idp| idp != self.idp)
                && has_it(user)
        };
        match found.iter().find(is_elsewhere) {
            Some(user) => Err(conflict(user.clone(), "email", ELSEWHERE)),
            None => Ok(()),
        }
    }

    /// A person found by `userName`, unless something says that they are another one.
    fn admit(&self, user: User, by: &'static str) -> Result<User, IdentityError> {
        let user = self.belongs(user, by)?;
        if self.other_external_id(&user) {
            return Err(conflict(user, by, "has another externalId"));
        }
        // People can change their own address at many identity providers. It must not lead into
        // the account of somebody who is known by a better identifier.
        if self.mapped.named_by == NamedBy::Email && self.other_persistent_id(&user) {
            return Err(conflict(user, by, "has another persistent NameID"));
        }
        Ok(user)
    }

    fn belongs(&self, user: User, by: &'static str) -> Result<User, IdentityError> {
        match &user.idp {
            Some(idp) if idp != self.idp => Err(conflict(user, by, ELSEWHERE)),
            Some(_) | None => Ok(user),
        }
    }

    fn other_external_id(&self, user: &User) -> bool {
        differ(
            user.external_id.as_deref(),
            self.mapped.external_id.as_deref(),
        )
    }

    fn other_persistent_id(&self, user: &User) -> bool {
        differ(
            user.name_id.as_deref(),
            self.mapped.persistent_id.as_deref(),
        )
    }

    /// Under JIT a person's `userName` is what their identity provider last called them. If it
    /// now speaks of another name with the same address (a team's mailbox), that is a colleague;
    /// whoever wants renamed people recognised maps `external_id`, or asks for the persistent
    /// NameID Format. Of whom SCIM provisions the name is the provisioning client's and the assertion's may always differ.
    fn other_stated_name(&self, user: &User) -> bool {
        self.settings.provisioning == Provisioning::Jit
            && !user.managed
            && user.idp.is_some()
            && self.mapped.named_by == NamedBy::Statement
            && user.user_name != self.mapped.user_name
    }

    /// Whose the value is that could not be stored.
    pub(super) async fn taken(&self, field: UniqueField) -> Result<IdentityError, IdentityError> {
        let (by, holder) = match (field, &self.mapped.external_id, &self.mapped.persistent_id) {
            (UniqueField::ExternalId, Some(id), _) => (
                "externalId",
                self.store.find_by_external_id(self.idp, id).await?,
            ),
            (UniqueField::NameId, _, Some(id)) => {
                ("NameID", self.store.find_by_name_id(self.idp, id).await?)
            }
            _ => (
                "userName",
                self.store.find_holder(&self.mapped.user_name).await?,
            ),
        };
        Ok(match holder {
            Some(user) => conflict(user, by, "could not be linked by users.link_by"),
            None => StoreError::new(format_args!("{by} was taken and given back meanwhile")).into(),
        })
    }
}

const ELSEWHERE: &str = "belongs to another identity provider";

fn differ(known: Option<&str>, sent: Option<&str>) -> bool {
    matches!((known, sent), (Some(known), Some(sent)) if known != sent)
}

fn conflict(user: User, by: &'static str, why: &'static str) -> IdentityError {
    IdentityError::Conflict {
        user: user.id,
        user_name: user.user_name,
        idp: user.idp,
        by,
        why,
    }
}
