//! Assertion → the person it is about, known before or created now.
//!
//! In: a [`ValidAssertion`]. Out: an [`Identity`], for a [`Keeper`] to write down. The promise: an identity provider speaks
//! for its own people only. A person belongs to the identity provider that first signed them in,
//! and no other one is ever let into their account, whatever names or addresses it asserts; nor
//! does it say an address of another one's domain, under whatever name.

mod domains;
mod search;
#[cfg(test)]
mod tests;

use async_trait::async_trait;

use self::domains::check_domains;
use self::search::Search;
use crate::base::{EmailDomain, Entropy, IdpName, StoreError, Timestamp, UserId, entropy};
use crate::directory::{DirectoryStore, Profile, Standing, UniqueField, User};
use crate::identity::{
    AttributeMap, Facts, Identity, IdentityError, IdentitySettings, Mapped, NamedBy, Provisioning,
    map, roles, today,
};
use crate::saml::{Claims, GroupsOverage, ValidAssertion, Vendor};

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
    /// Whose people have e-mail addresses in a domain (`email_domains`).
    pub owner_of: &'a (dyn Fn(&EmailDomain) -> Option<IdpName> + Sync),
}

/// What an assertion says about a person, whoever they are here: the part that needs no store.
pub fn asserted(
    claims: &Claims,
    asserter: Asserter<'_>,
    attributes: &AttributeMap,
) -> Result<Mapped, IdentityError> {
    let mapped = read(claims, asserter, attributes)?;
    check_domains(claims, &mapped, &asserter, attributes, None)?;
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
        let attributes = &settings.attributes;
        check_domains(claims, &mapped, &asserter, attributes, linked.as_ref())?;
        if let Some(known) = linked {
            let policy = asserter.groups_overage;
            let groups = groups_of(&known, &mapped, policy, false, store, now).await?;
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
        let policy = asserter.groups_overage;
        let groups = groups_of(&known, &mapped, policy, true, store, now).await?;
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
async fn groups_of(
    known: &User,
    mapped: &Mapped,
    policy: GroupsOverage,
    own: bool,
    store: &dyn DirectoryStore,
    now: Timestamp,
) -> Result<Vec<String>, IdentityError> {
    if !mapped.groups_left_out {
        return Ok(mapped.profile.groups.clone());
    }
    match policy {
        GroupsOverage::Refuse => Err(left_out(mapped, "groups_overage is \"refuse\"")),
        // What is provisioned is laid over what was asserted: nothing.
        GroupsOverage::Scim if known.managed => match store.says_groups(&known.id, now).await? {
            true => Ok(Vec::new()),
            false => Err(left_out(
                mapped,
                "groups_overage is \"scim\", and whoever provisions them provisions no groups",
            )),
        },
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
