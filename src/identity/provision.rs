//! Assertion → the person it is about, known before or created now.
//!
//! In: a [`ValidAssertion`]. Out: an [`Identity`], for a [`Keeper`] to write down. The promise: an identity provider speaks
//! for its own people only. A person belongs to the identity provider that first signed them in,
//! and no other one is ever let into their account, whatever names or addresses it asserts.

use async_trait::async_trait;

use crate::base::{Entropy, IdpName, StoreError, Timestamp, UserId, entropy};
use crate::directory::{DirectoryStore, Identifiers, Profile, Standing, UniqueField, User};
use crate::identity::{
    AttributeMap, Facts, Identity, IdentityError, IdentitySettings, LinkBy, Mapped, NamedBy,
    Provisioning, map, roles, today,
};
use crate::saml::{Claims, GroupsOverage, ValidAssertion, Vendor};
use crate::scim::fold::fold;

/// Each round that fails means that somebody else's change of the same person succeeded; this many
/// in a row are more logins of one person at one moment than a browser can open.
const ROUNDS: u32 = 32;

/// Who asserts, and what is known of them.
#[derive(Clone, Copy)]
pub struct Asserter<'a> {
    /// The identity provider.
    pub idp: &'a IdpName,
    /// Whose product it is.
    pub vendor: Vendor,
    /// `allow_duplicate_attributes`
    pub allow_duplicates: bool,
    /// `user_name_suffix`
    pub user_name_suffix: Option<&'a str>,
    /// `groups_overage`
    pub groups_overage: GroupsOverage,
    /// Whose people have e-mail addresses in a domain (`email_domains`); the domain is in lower
    /// case.
    pub owner_of: &'a (dyn Fn(&str) -> Option<IdpName> + Sync),
}

/// What an assertion says about a person, whoever they are here: the part that needs no store.
pub fn asserted(
    claims: &Claims,
    asserter: Asserter<'_>,
    attributes: &AttributeMap,
) -> Result<Mapped, IdentityError> {
    let mapped = read(claims, asserter, attributes)?;
    check_domains(&mapped, &asserter, None)?;
    Ok(mapped)
}

/// What it says under our names, whoever may say so.
pub fn said(
    claims: &Claims,
    asserter: Asserter<'_>,
    attributes: &AttributeMap,
) -> Result<Mapped, IdentityError> {
    let mut mapped = map(
        claims,
        asserter.vendor,
        asserter.allow_duplicates,
        attributes,
    )?;
    if let Some(suffix) = asserter.user_name_suffix {
        mapped.user_name.push_str(suffix);
    }
    Ok(mapped)
}

fn read(
    claims: &Claims,
    asserter: Asserter<'_>,
    attributes: &AttributeMap,
) -> Result<Mapped, IdentityError> {
    let mapped = said(claims, asserter, attributes)?;
    if mapped.groups_left_out && asserter.groups_overage == GroupsOverage::Refuse {
        return Err(left_out(&mapped, "groups_overage is \"refuse\""));
    }
    Ok(mapped)
}

/// A person as they are after this login, not yet written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Person {
    /// Seen for the first time.
    New(User),
    /// Known; to be written over the revision that they have.
    Known(User),
}

/// What came of writing a [`Person`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Kept {
    /// They are written, or need not be any more.
    Kept,
    /// They were changed or removed since they were read; nothing was written.
    Stale,
    /// Somebody else has this already; nothing was written.
    Taken(UniqueField),
}

/// Writes people down, and whatever else belongs to it.
#[async_trait]
pub trait Keeper: Send {
    /// Writes one person, who then has this identity.
    async fn keep(&mut self, person: Person, identity: Identity) -> Result<Kept, StoreError>;
}

/// Finds the person, or creates them where that is allowed, and brings what we know up to date.
///
/// Nothing is written here: `keeper` does that, once the person is found, and together with the one
/// use of the assertion.
pub async fn resolve(
    valid: &ValidAssertion,
    asserter: Asserter<'_>,
    settings: &IdentitySettings,
    store: &dyn DirectoryStore,
    keeper: &mut dyn Keeper,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> Result<(), IdentityError> {
    let idp = asserter.idp;
    let claims = valid.claims();
    let mapped = read(claims, asserter, &settings.attributes)?;
    // A transient NameID is another one the next time, so nobody is linked to it.
    let linkable = claims.name_id.as_ref().filter(|name_id| !name_id.is_transient());
    let apart = asserter.user_name_suffix.is_some();
    let search = Search { mapped: &mapped, idp, settings, store, apart };
    let mut taken = None;
    for _ in 0..ROUNDS {
        let linked = match linkable {
            Some(name_id) => store.linked(idp, &name_id.value).await?,
            None => None,
        };
        check_domains(&mapped, &asserter, linked.as_ref())?;
        if let Some(known) = linked {
            let groups = groups_of(&known, &mapped, asserter.groups_overage, false)?;
            search.check_address(&search.found().await?, Some(&known))?;
            let mapped = Mapped {
                profile: Profile { groups, ..mapped.profile.clone() },
                ..mapped.clone()
            };
            match guest(claims, idp, known, &mapped, settings, store, keeper, now).await? {
                Kept::Kept => return Ok(()),
                Kept::Stale | Kept::Taken(_) => continue,
            }
        }
        let Some(known) = search.find().await? else {
            if mapped.groups_left_out {
                return Err(left_out(&mapped, "nothing is known of them yet"));
            }
            if let Some(field) = taken {
                return Err(search.taken(field).await?);
            }
            if settings.provisioning == Provisioning::Scim {
                return Err(IdentityError::NotProvisioned { user_name: mapped.user_name });
            }
            let user = newcomer(&mapped, idp, entropy, now);
            let identity = identity(claims, idp, &user, &mapped, settings, true);
            match keeper.keep(Person::New(user), identity).await? {
                Kept::Kept => return Ok(()),
                // Perhaps by a first login of the same person in another tab: then the next
                // round finds them. If not, it is somebody else's.
                Kept::Taken(field) => taken = Some(field),
                Kept::Stale => {}
            }
            continue;
        };
        if !known.may_enter() {
            return Err(IdentityError::Disabled { user: known.id, user_name: known.user_name });
        }
        let groups = groups_of(&known, &mapped, asserter.groups_overage, true)?;
        let mapped = &Mapped {
            profile: Profile { groups, ..mapped.profile.clone() },
            ..mapped.clone()
        };
        let standing = standing(&known, mapped, store, claims.authn_instant).await?;
        let user = returning(&known, mapped, idp, settings.provisioning, now);
        let identity = identity(claims, idp, &user, mapped, settings, false);
        let identity = match standing {
            None => identity,
            // They might enter a moment ago: whoever looks again sees what has changed.
            Some(standing) => match today(identity, &standing, settings) {
                Some(identity) => identity,
                None => continue,
            },
        };
        match keeper.keep(Person::Known(user), identity).await? {
            Kept::Kept => return Ok(()),
            Kept::Stale => {}
            Kept::Taken(field) => return Err(search.taken(field).await?),
        }
    }
    Err(StoreError::new(format_args!(
        "{:?} is changed too often at once",
        mapped.user_name
    ))
    .into())
}

/// Somebody whom an administrator linked to what this identity provider calls them.
///
/// They stay who they are, and whose they are: what is kept of them is what their own identity
/// provider says. For this session counts what this one said.
#[expect(
    clippy::too_many_arguments,
    reason = "the rest of `resolve`, for one kind of people"
)]
async fn guest(
    claims: &Claims,
    idp: &IdpName,
    known: User,
    mapped: &Mapped,
    settings: &IdentitySettings,
    store: &dyn DirectoryStore,
    keeper: &mut dyn Keeper,
    now: Timestamp,
) -> Result<Kept, IdentityError> {
    if !known.may_enter() {
        return Err(IdentityError::Disabled { user: known.id, user_name: known.user_name });
    }
    let standing = standing(&known, mapped, store, claims.authn_instant).await?;
    let user = User { last_login_at: Some(now), ..known };
    let identity = Identity {
        profile: mapped.profile.clone(),
        ..identity(claims, idp, &user, mapped, settings, false)
    };
    let identity = match standing {
        None => identity,
        Some(standing) => match today(identity, &standing, settings) {
            Some(identity) => identity,
            None => return Ok(Kept::Stale),
        },
    };
    Ok(keeper.keep(Person::Known(user), identity).await?)
}

/// The groups that were asserted; where they were left out, those that count instead. `own` says
/// that what is kept of the person is what this identity provider said.
fn groups_of(
    known: &User,
    mapped: &Mapped,
    policy: GroupsOverage,
    own: bool,
) -> Result<Vec<String>, IdentityError> {
    if !mapped.groups_left_out {
        return Ok(mapped.profile.groups.clone());
    }
    match policy {
        GroupsOverage::Refuse => Err(left_out(mapped, "groups_overage is \"refuse\"")),
        // What is provisioned is laid over what was asserted: nothing.
        GroupsOverage::Scim if known.managed => Ok(Vec::new()),
        GroupsOverage::Scim => Err(left_out(
            mapped,
            "groups_overage is \"scim\", and nobody provisions them",
        )),
        GroupsOverage::Keep if own && known.idp.is_some() && known.last_login_at.is_some() => {
            Ok(known.profile.groups.clone())
        }
        GroupsOverage::Keep => Err(left_out(
            mapped,
            "groups_overage is \"keep\", and there was no sign-in that said them",
        )),
    }
}

fn left_out(mapped: &Mapped, why: &'static str) -> IdentityError {
    IdentityError::GroupsOverage { user_name: mapped.user_name.clone(), why }
}

/// An address in a domain that belongs to another identity provider is that one's to assert: the
/// application behind us may know its owner by it, whether or not they have been here yet. Of
/// somebody who was `linked` on purpose, it is those addresses that they have here anyway.
fn check_domains(
    mapped: &Mapped,
    asserter: &Asserter<'_>,
    linked: Option<&User>,
) -> Result<(), IdentityError> {
    let is_theirs = |address: &String| {
        linked.is_some_and(|user| {
            user.user_name == *address || user.profile.email.as_ref() == Some(address)
        })
    };
    for address in [Some(&mapped.user_name), mapped.profile.email.as_ref()].into_iter().flatten() {
        if is_theirs(address) {
            continue;
        }
        let Some((_, domain)) = address.rsplit_once('@') else {
            continue;
        };
        let owner = (asserter.owner_of)(&domain.to_ascii_lowercase());
        if let Some(owner) = owner.filter(|owner| owner != asserter.idp) {
            return Err(IdentityError::Domain { address: address.clone(), owner });
        }
    }
    Ok(())
}

/// Everything that helps to recognise a person.
struct Search<'a> {
    mapped: &'a Mapped,
    idp: &'a IdpName,
    settings: &'a IdentitySettings,
    store: &'a dyn DirectoryStore,
    /// The operator has said that its people are nobody else's (`user_name_suffix`).
    apart: bool,
}

impl Search<'_> {
    /// 1. By the persistent NameID: it is never given to somebody else (core 8.3.7).
    /// 2. By `link_by`, in its order.
    /// 3. By `userName` among the people of this identity provider, even if `link_by` does not
    ///    have it: otherwise somebody created at their first login would be a stranger at the
    ///    second.
    ///
    /// Whoever it is, their address is not that of another identity provider's person.
    async fn find(&self) -> Result<Option<User>, IdentityError> {
        let found = self.found().await?;
        let known = self.among(&found)?;
        self.check_address(&found, known.as_ref())?;
        Ok(known)
    }

    /// Everybody who has something in common with them.
    async fn found(&self) -> Result<Vec<User>, StoreError> {
        let anybody = Identifiers {
            idp: self.idp,
            name_id: self.mapped.persistent_id.as_deref(),
            external_id: self.mapped.external_id.as_deref(),
            user_name: &self.mapped.user_name,
            email: self.mapped.profile.email.as_deref(),
        };
        self.store.find_any(anybody).await
    }

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
    fn check_address(&self, found: &[User], known: Option<&User>) -> Result<(), IdentityError> {
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
    async fn taken(&self, field: UniqueField) -> Result<IdentityError, IdentityError> {
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

fn newcomer(mapped: &Mapped, idp: &IdpName, entropy: &dyn Entropy, now: Timestamp) -> User {
    User {
        id: UserId::new(entropy::uuid_in_order(entropy, now)),
        user_name: mapped.user_name.clone(),
        external_id: mapped.external_id.clone(),
        idp: Some(idp.clone()),
        name_id: mapped.persistent_id.clone(),
        profile: mapped.profile.clone(),
        active: true,
        locked: false,
        managed: false,
        created_at: now,
        updated_at: now,
        last_login_at: Some(now),
        revision: 1,
    }
}

/// The person as they are after this login.
fn returning(
    known: &User,
    mapped: &Mapped,
    idp: &IdpName,
    provisioning: Provisioning,
    now: Timestamp,
) -> User {
    let mut user = known.clone();
    user.idp = Some(idp.clone());
    user.name_id = mapped.persistent_id.clone().or(user.name_id);
    match provisioning {
        // The provisioning client says who they are; this is what the other source says.
        _ if known.managed => user.profile = mapped.profile.clone(),
        // The assertion is all we have: what it does not say is not so any more.
        Provisioning::Jit => {
            user.profile = mapped.profile.clone();
            user.external_id = mapped.external_id.clone().or(user.external_id);
            // People are renamed; but not to a name that we only concluded.
            if mapped.named_by == NamedBy::Statement {
                user.user_name.clone_from(&mapped.user_name);
            }
        }
        // Somebody was created without a client, and the assertion adds what it knows better. Groups
        // are as asserted: one that somebody left must not go on opening doors.
        Provisioning::Scim => user.profile = mapped.profile.over(&user.profile),
    }
    if user != *known {
        user.updated_at = now;
    }
    user.last_login_at = Some(now);
    user
}

/// What is provisioned of somebody; `None` for somebody whom nobody provisions.
async fn standing(
    known: &User,
    mapped: &Mapped,
    store: &dyn DirectoryStore,
    asserted: Timestamp,
) -> Result<Option<Standing>, StoreError> {
    if !known.managed {
        return Ok(None);
    }
    store.standing(&known.id, &mapped.profile.groups, asserted).await
}

fn identity(
    claims: &Claims,
    idp: &IdpName,
    user: &User,
    mapped: &Mapped,
    settings: &IdentitySettings,
    created: bool,
) -> Identity {
    Identity {
        roles: roles(&settings.roles, Facts::asserted(idp, mapped)),
        user: user.id.clone(),
        user_name: user.user_name.clone(),
        idp: idp.clone(),
        idp_entity_id: claims.issuer.clone(),
        name_id: claims.name_id.clone(),
        session_index: claims.session_index.clone(),
        other_session_indexes: claims.other_session_indexes.clone(),
        profile: user.profile.clone(),
        asserted: None,
        attributes: mapped.attributes.clone(),
        authn_instant: claims.authn_instant,
        authn_context: claims.authn_context.clone(),
        session_not_on_or_after: claims.session_not_on_or_after,
        created,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::task::JoinSet;

    use super::*;
    use crate::base::entropy::SystemEntropy;
    use crate::base::{ErrorCode, RoleName};
    use crate::directory::{Changed, Created, Link, Linked, Links as _, Operator, Profile};
    use crate::identity::{AttributeName, Grounds, RoleRule, Source, Target};
    use crate::saml::overage::GROUPS_LINK;
    use crate::saml::{Attribute, NameId, Texts};
    use crate::store::SqliteStore;

    const UNSPECIFIED: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified";

    /// One person as their identity provider describes them; tests change one thing.
    #[derive(Clone)]
    struct Login {
        idp: &'static str,
        format: &'static str,
        name_id: &'static str,
        email: Option<&'static str>,
        external_id: Option<&'static str>,
        groups: Vec<&'static str>,
        /// The identity provider leaves them out.
        left_out: bool,
        overage: GroupsOverage,
    }

    fn alice() -> Login {
        Login {
            idp: "corp",
            format: UNSPECIFIED,
            name_id: "alice",
            email: Some("alice@example.com"),
            external_id: None,
            groups: vec!["staff"],
            left_out: false,
            overage: GroupsOverage::Scim,
        }
    }

    impl Login {
        fn claims(&self) -> Claims {
            let attribute = |name: &str, values: Texts| Attribute {
                name: name.to_owned(),
                friendly_name: None,
                values,
                complex: false,
            };
            let one = |value: Option<&str>| value.into_iter().collect();
            Claims {
                issuer: format!("https://{}.example.com", self.idp),
                assertion_id: "_a".into(),
                expires: Timestamp::FAR_FUTURE,
                name_id: Some(NameId {
                    value: self.name_id.into(),
                    format: Some(self.format.into()),
                    name_qualifier: None,
                    sp_name_qualifier: None,
                }),
                session_index: Some("_s".into()),
                other_session_indexes: Vec::new(),
                authn_instant: at(0),
                authn_context: None,
                session_not_on_or_after: None,
                attributes: vec![
                    attribute("mail", one(self.email)),
                    attribute("uid", one(self.external_id)),
                    attribute("groups", self.groups.iter().collect()),
                ]
                .into_iter()
                .chain(
                    self.left_out.then(|| {
                        attribute(GROUPS_LINK, one(Some("https://graph.example.com/groups")))
                    }),
                )
                .collect(),
            }
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(1_795_000_000 + seconds)
    }

    fn settings() -> IdentitySettings {
        let uid = vec![AttributeName::parse("uid")];
        IdentitySettings {
            attributes: AttributeMap([(Target::ExternalId, uid)].into_iter().collect()),
            roles: vec![RoleRule {
                name: RoleName::parse("staff").unwrap(),
                description: None,
                everybody: false,
                any: Grounds { groups: vec!["staff".into()], ..Grounds::default() },
                all: Grounds::default(),
                not: Grounds::default(),
                idps: Vec::new(),
            }],
            provisioning: Provisioning::Jit,
            link_by: vec![LinkBy::ExternalId, LinkBy::UserName, LinkBy::Email],
            first: Source::Scim,
        }
    }

    fn scim() -> IdentitySettings {
        IdentitySettings { provisioning: Provisioning::Scim, ..settings() }
    }

    async fn login(
        store: &SqliteStore,
        settings: &IdentitySettings,
        login: &Login,
    ) -> Result<Identity, IdentityError> {
        let idp = IdpName::parse(login.idp).unwrap();
        let valid = ValidAssertion::for_test(login.claims());
        let asserter = Asserter {
            idp: &idp,
            vendor: Vendor::Generic,
            allow_duplicates: false,
            user_name_suffix: (login.idp == "partner").then_some("!partner"),
            groups_overage: login.overage,
            owner_of: &|domain| IdpName::parse("owner").filter(|_| domain == "owned.example"),
        };
        let mut desk = Desk { store, identity: None };
        resolve(
            &valid,
            asserter,
            settings,
            store,
            &mut desk,
            &SystemEntropy,
            at(60),
        )
        .await?;
        Ok(desk.identity.unwrap())
    }

    /// Writes the person and nothing else.
    struct Desk<'a> {
        store: &'a SqliteStore,
        identity: Option<Identity>,
    }

    #[async_trait]
    impl Keeper for Desk<'_> {
        async fn keep(&mut self, person: Person, identity: Identity) -> Result<Kept, StoreError> {
            let kept = match person {
                Person::New(user) => match self.store.create(&user).await? {
                    Created::Created => Kept::Kept,
                    Created::Taken(field) => Kept::Taken(field),
                },
                Person::Known(user) => match self.store.update(&user).await? {
                    Changed::Changed => Kept::Kept,
                    Changed::Stale => Kept::Stale,
                    Changed::Taken(field) => Kept::Taken(field),
                },
            };
            self.identity = Some(identity);
            Ok(kept)
        }
    }

    async fn refused(store: &SqliteStore, settings: &IdentitySettings, who: &Login) -> ErrorCode {
        login(store, settings, who).await.unwrap_err().code()
    }

    async fn store() -> SqliteStore {
        SqliteStore::open(":memory:").await.unwrap()
    }

    async fn user(store: &SqliteStore, user_name: &str) -> User {
        store.find_by_user_name(user_name).await.unwrap().unwrap()
    }

    async fn everybody(store: &SqliteStore) -> usize {
        DirectoryStore::list(store, 100, None).await.unwrap().len()
    }

    /// Somebody whom a provisioning client put there and who never signed in.
    async fn provision(
        store: &SqliteStore,
        user_name: &str,
        external_id: Option<&str>,
        email: &str,
    ) {
        let user = User {
            id: UserId::new(format!("id-of-{user_name}")),
            user_name: user_name.into(),
            external_id: external_id.map(str::to_owned),
            idp: None,
            name_id: None,
            profile: Profile {
                email: Some(email.into()),
                title: Some("Engineer".into()),
                ..Profile::default()
            },
            active: true,
            locked: false,
            managed: false,
            created_at: at(0),
            updated_at: at(0),
            last_login_at: None,
            revision: 1,
        };
        assert_eq!(store.create(&user).await.unwrap(), Created::Created);
    }

    #[tokio::test]
    async fn the_first_login_creates_a_person_and_the_second_finds_them() {
        let store = store().await;
        let first = login(&store, &settings(), &alice()).await.unwrap();
        assert!(first.created);
        assert_eq!(first.user_name, "alice");
        assert_eq!(first.roles.len(), 1);
        let second =
            login(&store, &settings(), &Login { groups: vec![], ..alice() }).await.unwrap();
        assert!(!second.created);
        assert_eq!(second.user, first.user);
        assert!(second.roles.is_empty() && second.profile.groups.is_empty());
        let stored = user(&store, "alice").await;
        assert_eq!(stored.profile, second.profile);
        assert_eq!(stored.last_login_at, Some(at(60)));
        assert_eq!(everybody(&store).await, 1);
    }

    #[tokio::test]
    async fn under_jit_a_value_that_is_not_sent_any_more_is_forgotten() {
        let store = store().await;
        login(&store, &settings(), &alice()).await.unwrap();
        let later = login(&store, &settings(), &Login { email: None, ..alice() }).await.unwrap();
        assert_eq!(later.profile.email, None);
    }

    #[tokio::test]
    async fn groups_that_were_left_out_are_those_of_before_or_nobody_enters() {
        let out = |overage| Login { left_out: true, overage, groups: vec!["Board"], ..alice() };
        for (policy, entered) in [
            (GroupsOverage::Scim, false),
            (GroupsOverage::Refuse, false),
            (GroupsOverage::Keep, true),
        ] {
            let store = store().await;
            let overage = ErrorCode::GroupsOverage;
            assert_eq!(refused(&store, &settings(), &out(policy)).await, overage);
            assert_eq!(everybody(&store).await, 0);
            login(&store, &settings(), &alice()).await.unwrap();
            match entered {
                false => assert_eq!(refused(&store, &settings(), &out(policy)).await, overage),
                true => {
                    let kept = login(&store, &settings(), &out(policy)).await.unwrap();
                    assert_eq!(kept.profile.groups, ["staff"]);
                    assert_eq!(kept.roles.len(), 1);
                }
            }
        }
        // Where the operator says which attribute has the groups, it is those.
        let groups = vec![AttributeName::parse("groups")];
        let mapped = AttributeMap([(Target::Groups, groups)].into_iter().collect());
        let named = IdentitySettings { attributes: mapped, ..settings() };
        let who = login(&store().await, &named, &out(GroupsOverage::Refuse)).await.unwrap();
        assert_eq!(who.profile.groups, ["Board"]);
    }

    #[tokio::test]
    async fn under_scim_a_stranger_is_user_not_provisioned() {
        let store = store().await;
        assert_eq!(
            refused(&store, &scim(), &alice()).await,
            ErrorCode::UserNotProvisioned
        );
        assert_eq!(everybody(&store).await, 0);
    }

    #[tokio::test]
    async fn a_provisioned_person_is_found_by_each_key_of_link_by_in_its_order() {
        for (link_by, expected) in [
            (
                vec![LinkBy::ExternalId, LinkBy::UserName, LinkBy::Email],
                "by-external-id",
            ),
            (vec![LinkBy::UserName, LinkBy::ExternalId], "by-user-name"),
            (vec![LinkBy::Email, LinkBy::UserName], "by-email"),
        ] {
            let store = store().await;
            provision(&store, "by-external-id", Some("e1"), "1@example.com").await;
            provision(&store, "by-user-name", None, "2@example.com").await;
            provision(&store, "by-email", None, "alice@example.com").await;
            let settings = IdentitySettings { link_by, ..scim() };
            let who = Login { name_id: "by-user-name", external_id: Some("e1"), ..alice() };
            let identity = login(&store, &settings, &who).await.unwrap();
            assert_eq!(identity.user_name, expected);
            assert_eq!(
                identity.profile.title.as_deref(),
                Some("Engineer"),
                "SCIM said so"
            );
            assert_eq!(user(&store, expected).await.idp, IdpName::parse("corp"));
        }
    }

    #[tokio::test]
    async fn a_key_that_link_by_does_not_have_links_nobody() {
        let store = store().await;
        provision(&store, "alice", None, "alice@example.com").await;
        let settings = IdentitySettings { link_by: vec![LinkBy::ExternalId], ..scim() };
        assert_eq!(
            refused(&store, &settings, &alice()).await,
            ErrorCode::UserNotProvisioned
        );
        let jit = IdentitySettings { provisioning: Provisioning::Jit, ..settings };
        assert_eq!(
            refused(&store, &jit, &alice()).await,
            ErrorCode::UserConflict
        );
        assert_eq!(user(&store, "alice").await.idp, None);
    }

    #[tokio::test]
    async fn a_person_created_at_login_comes_back_whatever_link_by_says() {
        let store = store().await;
        let settings = IdentitySettings { link_by: vec![], ..settings() };
        let first = login(&store, &settings, &alice()).await.unwrap();
        assert_eq!(
            login(&store, &settings, &alice()).await.unwrap().user,
            first.user
        );
    }

    #[tokio::test]
    async fn another_identity_provider_never_gets_into_an_account() {
        let store = store().await;
        let mine = Login { external_id: Some("e1"), ..alice() };
        let owner = login(&store, &settings(), &mine).await.unwrap().user;
        let mallory = Login { idp: "evil", ..mine.clone() };
        let by_name = Login { email: None, external_id: None, ..mallory.clone() };
        let by_email = Login { name_id: "mallory", external_id: None, ..mallory.clone() };
        for attempt in [&mallory, &by_name, &by_email] {
            assert_eq!(
                refused(&store, &settings(), attempt).await,
                ErrorCode::UserConflict
            );
        }
        // externalIds count from 1 everywhere: the same one elsewhere is another person.
        let namesake = Login { name_id: "mallory", email: None, ..mallory };
        let other = login(&store, &settings(), &namesake).await.unwrap();
        assert!(other.created && other.user != owner);
        assert_eq!(user(&store, "alice").await.idp, IdpName::parse("corp"));
    }

    #[tokio::test]
    async fn people_whose_names_end_otherwise_are_others_with_the_same_name_and_address() {
        let store = store().await;
        let owner = login(&store, &settings(), &alice()).await.unwrap().user;
        let theirs = Login { idp: "partner", ..alice() };
        for created in [true, false] {
            let other = login(&store, &settings(), &theirs).await.unwrap();
            assert_eq!(
                (other.created, other.user_name.as_str()),
                (created, "alice!partner")
            );
            assert_ne!(other.user, owner);
        }
        // What they are called elsewhere is not theirs for that.
        let forged = Login {
            idp: "evil",
            name_id: "alice!partner",
            email: None,
            ..alice()
        };
        assert_eq!(
            refused(&store, &settings(), &forged).await,
            ErrorCode::UserConflict
        );
        assert_eq!(
            login(&store, &settings(), &alice()).await.unwrap().user,
            owner
        );
    }

    #[tokio::test]
    async fn an_address_in_a_domain_of_another_identity_provider_is_not_ours_to_assert() {
        let store = store().await;
        // Nobody with this address has been here yet; the application may know them all the same.
        let by_email = Login { email: Some("alice@Owned.example"), ..alice() };
        let by_name = Login { name_id: "alice@owned.example", email: None, ..alice() };
        for attempt in [&by_email, &by_name] {
            assert_eq!(
                refused(&store, &settings(), attempt).await,
                ErrorCode::UserConflict
            );
            assert_eq!(everybody(&store).await, 0);
        }
        // Who is known already does not become them by another address.
        login(&store, &settings(), &alice()).await.unwrap();
        assert_eq!(
            refused(&store, &settings(), &by_email).await,
            ErrorCode::UserConflict
        );
        let kept = user(&store, "alice").await.profile.email;
        assert_eq!(kept.as_deref(), Some("alice@example.com"));
        // The owner asserts it, and a domain that only ends alike is another one.
        let owner = Login { idp: "owner", name_id: "owen", ..by_email.clone() };
        login(&store, &settings(), &owner).await.unwrap();
        let other = Login { name_id: "x", email: Some("x@disowned.example"), ..alice() };
        login(&store, &settings(), &other).await.unwrap();
    }

    #[tokio::test]
    async fn an_address_that_two_people_share_links_neither() {
        let store = store().await;
        provision(&store, "bob", None, "office@example.com").await;
        provision(&store, "carol", None, "office@example.com").await;
        let who = Login {
            name_id: "dave",
            email: Some("office@example.com"),
            ..alice()
        };
        assert_eq!(
            refused(&store, &scim(), &who).await,
            ErrorCode::UserNotProvisioned
        );
        assert!(login(&store, &settings(), &who).await.unwrap().created);
    }

    #[tokio::test]
    async fn a_colleague_with_the_same_address_is_somebody_else() {
        let store = store().await;
        let alice = login(&store, &settings(), &alice()).await.unwrap();
        let bob = login(
            &store,
            &settings(),
            &Login { name_id: "bob", ..self::alice() },
        )
        .await
        .unwrap();
        assert_ne!(bob.user, alice.user);
        assert_eq!(everybody(&store).await, 2);
    }

    #[tokio::test]
    async fn under_scim_a_person_linked_by_email_is_linked_again() {
        let store = store().await;
        provision(&store, "alice.liddell", None, "alice@example.com").await;
        for _ in 0..2 {
            let identity = login(&store, &scim(), &alice()).await.unwrap();
            assert_eq!(identity.user_name, "alice.liddell");
        }
    }

    #[tokio::test]
    async fn a_person_is_still_known_when_name_ids_become_transient() {
        let store = store().await;
        let before = login(&store, &settings(), &alice()).await.unwrap();
        let transient = Login { format: NameId::TRANSIENT, name_id: "_t1", ..alice() };
        let after = login(&store, &settings(), &transient).await.unwrap();
        assert_eq!(
            (after.user, after.user_name.as_str()),
            (before.user, "alice")
        );
    }

    #[tokio::test]
    async fn a_name_that_was_given_to_somebody_else_is_user_conflict() {
        let store = store().await;
        let old = Login { external_id: Some("e1"), ..alice() };
        login(&store, &settings(), &old).await.unwrap();
        let new = Login { external_id: Some("e2"), ..alice() };
        assert_eq!(
            refused(&store, &settings(), &new).await,
            ErrorCode::UserConflict
        );
        // In other letters, it is the same name.
        let new = Login { name_id: "Alice", email: None, ..alice() };
        assert_eq!(
            refused(&store, &settings(), &new).await,
            ErrorCode::UserConflict
        );
    }

    #[tokio::test]
    async fn who_changes_their_address_to_anothers_does_not_become_them() {
        let store = store().await;
        let persistent = |name_id, email| Login {
            format: NameId::PERSISTENT,
            name_id,
            email: Some(email),
            ..alice()
        };
        let owner = login(&store, &settings(), &persistent("_a", "alice@example.com"))
            .await
            .unwrap();
        login(
            &store,
            &settings(),
            &persistent("_m", "mallory@example.com"),
        )
        .await
        .unwrap();
        let forged = login(&store, &settings(), &persistent("_m", "alice@example.com"))
            .await
            .unwrap();
        assert_ne!(forged.user, owner.user);
        assert_eq!(
            refused(
                &store,
                &settings(),
                &persistent("_new", "alice@example.com")
            )
            .await,
            ErrorCode::UserConflict
        );
    }

    #[tokio::test]
    async fn an_address_of_another_identity_providers_person_is_nobody_elses() {
        let store = store().await;
        let other = |name_id, email| Login { idp: "other", name_id, email: Some(email), ..alice() };
        login(&store, &settings(), &alice()).await.unwrap();
        let mallory = other("mallory", "mallory@example.com");
        login(&store, &settings(), &mallory).await.unwrap();
        // Neither a newcomer nor somebody known, in whatever letters …
        for address in [
            "alice@example.com",
            "ALICE@example.com",
            "Alice@Example.Com",
        ] {
            for name in ["newcomer", "mallory"] {
                assert_eq!(
                    refused(&store, &settings(), &other(name, address)).await,
                    ErrorCode::UserConflict,
                    "{name} {address}"
                );
            }
            let owner = Login { email: Some(address), ..alice() };
            login(&store, &settings(), &owner).await.unwrap();
        }
        assert!(store.find_by_user_name("newcomer").await.unwrap().is_none());
        // … nor by a link to somebody else.
        let mallory = user(&store, "mallory").await;
        let link = Link {
            idp: IdpName::parse("third").unwrap(),
            name_id: "m".to_owned(),
            person: mallory.id.clone(),
            created_at: at(0),
        };
        assert_eq!(
            store.link(&link, &Operator::command()).await.unwrap(),
            Linked::Linked
        );
        let guest = |email| Login { idp: "third", name_id: "m", email: Some(email), ..alice() };
        let identity = login(&store, &settings(), &guest("MALLORY@example.com")).await.unwrap();
        assert_eq!(identity.user, mallory.id);
        assert_eq!(
            refused(&store, &settings(), &guest("Alice@example.com")).await,
            ErrorCode::UserConflict
        );
        // Where addresses tell nobody apart, it is an address that two people have.
        let names = IdentitySettings { link_by: vec![LinkBy::UserName], ..settings() };
        login(&store, &names, &other("mallory", "alice@example.com")).await.unwrap();
        // Who had it before is not locked out, neither of them.
        login(&store, &settings(), &other("mallory", "Alice@example.com"))
            .await
            .unwrap();
        login(&store, &settings(), &alice()).await.unwrap();
    }

    #[tokio::test]
    async fn a_persistent_name_id_finds_a_person_whose_address_changed() {
        let store = store().await;
        let before = Login { format: NameId::PERSISTENT, name_id: "_a", ..alice() };
        let first = login(&store, &settings(), &before).await.unwrap();
        assert_eq!(first.user_name, "alice@example.com");
        let after = Login { email: Some("alice.liddell@example.com"), ..before };
        let second = login(&store, &settings(), &after).await.unwrap();
        assert_eq!(second.user, first.user);
        assert_eq!(
            second.profile.email.as_deref(),
            Some("alice.liddell@example.com")
        );
        assert_eq!(
            second.user_name, "alice@example.com",
            "a concluded name renames nobody"
        );
    }

    #[tokio::test]
    async fn a_person_is_renamed_when_the_identity_provider_says_so() {
        let store = store().await;
        let before = Login { external_id: Some("e1"), ..alice() };
        let first = login(&store, &settings(), &before).await.unwrap();
        let after = Login { name_id: "alice.liddell", ..before };
        let second = login(&store, &settings(), &after).await.unwrap();
        assert_eq!(
            (second.user, second.user_name.as_str()),
            (first.user, "alice.liddell")
        );
        // … but not to a name that somebody else has.
        login(
            &store,
            &settings(),
            &Login { name_id: "bob", email: None, ..alice() },
        )
        .await
        .unwrap();
        let taken = Login { name_id: "bob", ..after };
        assert_eq!(
            refused(&store, &settings(), &taken).await,
            ErrorCode::UserConflict
        );
    }

    #[tokio::test]
    async fn who_was_switched_off_is_user_disabled() {
        let store = store().await;
        let id = login(&store, &settings(), &alice()).await.unwrap().user;
        assert!(store.set_active(&id, false, at(61)).await.unwrap());
        assert_eq!(
            refused(&store, &settings(), &alice()).await,
            ErrorCode::UserDisabled
        );
        assert!(!user(&store, "alice").await.active);
        assert!(store.set_active(&id, true, at(62)).await.unwrap());
        assert_eq!(login(&store, &settings(), &alice()).await.unwrap().user, id);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn first_logins_that_race_create_one_person() {
        let store = Arc::new(store().await);
        let mut tasks = JoinSet::new();
        for _ in 0..16 {
            let store = Arc::clone(&store);
            tasks.spawn(async move { login(&store, &settings(), &alice()).await.unwrap() });
        }
        let identities = tasks.join_all().await;
        assert_eq!(
            identities.iter().filter(|identity| identity.created).count(),
            1
        );
        assert!(identities.iter().all(|identity| identity.user == identities[0].user));
        assert_eq!(everybody(&store).await, 1);
    }
}
