use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::*;
use crate::base::entropy::SystemEntropy;
use crate::base::{ErrorCode, RoleName};
use crate::directory::{Changed, Created, Link, Linked, Links as _, Operator, Profile};
use crate::identity::{AttributeName, Grounds, LinkBy, RoleRule, Source, Target};
use crate::saml::overage::GROUPS_LINK;
use crate::saml::{Attribute, NameId, Texts};
use crate::store::SqliteStore;

const UNSPECIFIED: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified";

/// One person as their identity provider describes them; tests change one thing.
#[derive(Clone, Debug)]
struct Login {
    idp: &'static str,
    format: &'static str,
    name_id: &'static str,
    email: Option<&'static str>,
    external_id: Option<&'static str>,
    groups: Vec<&'static str>,
    /// Name, FriendlyName and value of whatever else is said.
    more: Vec<(&'static str, Option<&'static str>, &'static str)>,
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
        more: vec![],
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
                sp_provided_id: None,
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
                self.left_out
                    .then(|| attribute(GROUPS_LINK, one(Some("https://graph.example.com/groups")))),
            )
            .chain(
                self.more.iter().map(|(name, friendly_name, value)| Attribute {
                    friendly_name: friendly_name.map(str::to_owned),
                    ..attribute(name, one(Some(value)))
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
        owner_of: &|domain| {
            let owned = ["owned.example", "xn--mnchen-3ya.example"];
            IdpName::parse("owner").filter(|_| owned.contains(&domain.as_str()))
        },
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
async fn provision(store: &SqliteStore, user_name: &str, external_id: Option<&str>, email: &str) {
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
    let second = login(&store, &settings(), &Login { groups: vec![], ..alice() }).await.unwrap();
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
async fn no_attribute_that_says_who_somebody_is_holds_an_address_of_another_identity_providers() {
    let store = store().await;
    let says =
        |name, friendly_name, value| Login { more: vec![(name, friendly_name, value)], ..alice() };
    let theirs = "alice@owned.example";
    for (name, friendly_name) in [
        ("urn:oid:0.9.2342.19200300.100.1.3", None),
        ("urn:oid:1.3.6.1.4.1.5923.1.1.1.6", None),
        ("urn:oid:0.9.2342.19200300.100.1.1", None),
        ("urn:oasis:names:tc:SAML:attribute:subject-id", None),
        (
            "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn",
            None,
        ),
        ("UPN", None),
        ("urn:example:1", Some("eduPersonPrincipalName")),
        ("urn:example:2", Some("mail")),
    ] {
        let attempt = says(name, friendly_name, theirs);
        let code = refused(&store, &settings(), &attempt).await;
        assert_eq!(code, ErrorCode::UserConflict, "{name} {friendly_name:?}");
    }
    // Nor behind one of their own, nor as the NameID where another attribute is the name.
    let eppn = "urn:oid:1.3.6.1.4.1.5923.1.1.1.6";
    let second = Login {
        more: vec![(eppn, None, "alice@example.com"), (eppn, None, theirs)],
        ..alice()
    };
    let named = |target, name| IdentitySettings {
        attributes: AttributeMap(BTreeMap::from([(target, vec![AttributeName::parse(name)])])),
        ..settings()
    };
    let name_id = Login { name_id: theirs, external_id: Some("a1"), ..alice() };
    for (settings, attempt) in [
        (settings(), &second),
        (named(Target::UserName, "uid"), &name_id),
        // What the operator says that people are known by is no other attribute.
        (
            named(Target::ExternalId, "urn:example:badge"),
            &says("urn:example:badge", None, theirs),
        ),
        (
            named(Target::Email, "friendly:post"),
            &says("urn:example:3", Some("post"), theirs),
        ),
    ] {
        let code = refused(&store, &settings, attempt).await;
        assert_eq!(code, ErrorCode::UserConflict, "{attempt:?}");
    }
    assert_eq!(everybody(&store).await, 0);
    // Whose the address is may say it.
    let owner = Login { idp: "owner", name_id: "owen", ..says(eppn, None, theirs) };
    login(&store, &settings(), &owner).await.unwrap();
}

#[tokio::test]
async fn an_attribute_that_speaks_of_others_holds_whose_address_it_likes() {
    let store = store().await;
    let who = Login {
        groups: vec!["everybody@owned.example"],
        more: vec![
            ("manager", None, "bob@owned.example"),
            (
                "urn:oid:0.9.2342.19200300.100.1.10",
                Some("manager"),
                "bob@owned.example",
            ),
            (
                "urn:oid:1.3.6.1.4.1.5923.1.1.1.9",
                None,
                "member@owned.example",
            ),
            (
                "urn:example:approver",
                Some("approver"),
                "carol@owned.example",
            ),
            // No address at all.
            ("urn:oid:1.3.6.1.4.1.5923.1.1.1.6", None, "@owned.example"),
            ("urn:oid:0.9.2342.19200300.100.1.1", None, "owned.example"),
        ],
        ..alice()
    };
    let identity = login(&store, &settings(), &who).await.unwrap();
    assert_eq!(
        identity.profile.manager.as_deref(),
        Some("bob@owned.example")
    );
    assert_eq!(identity.profile.groups, ["everybody@owned.example"]);
}

#[tokio::test]
async fn who_is_linked_is_called_what_they_are_called_here_and_nothing_else() {
    let store = store().await;
    let owen = Login {
        idp: "owner",
        name_id: "owen",
        email: Some("owen@owned.example"),
        ..alice()
    };
    let owen = login(&store, &settings(), &owen).await.unwrap();
    // An administrator may link a NameID that is an address.
    for (idp, name_id) in [("third", "o"), ("fourth", "o.x@owned.example")] {
        let link = Link {
            idp: IdpName::parse(idp).unwrap(),
            name_id: name_id.to_owned(),
            person: owen.user.clone(),
            created_at: at(0),
        };
        let linked = store.link(&link, &Operator::command()).await.unwrap();
        assert_eq!(linked, Linked::Linked);
        let named = IdentitySettings {
            attributes: AttributeMap(BTreeMap::from([(
                Target::UserName,
                vec![AttributeName::parse("login")],
            )])),
            ..settings()
        };
        let eppn = "urn:oid:1.3.6.1.4.1.5923.1.1.1.6";
        let guest = |address| Login {
            idp,
            name_id,
            email: None,
            more: vec![("login", None, "o"), (eppn, None, address)],
            ..alice()
        };
        let identity = login(&store, &named, &guest("owen@owned.example")).await.unwrap();
        assert_eq!(identity.user, owen.user);
        assert_eq!(
            refused(&store, &named, &guest("alice@owned.example")).await,
            ErrorCode::UserConflict
        );
    }
}

#[tokio::test]
async fn a_domain_is_the_same_in_every_writing() {
    let store = store().await;
    for address in [
        "zz@owned.example.",
        "zz@OWNED。example",
        "zz@owned.ｅxample",
        "zz@owned%2eexample",
        "zz@münchen.example",
        "zz@MU\u{308}NCHEN.example",
        "zz@XN--MNCHEN-3ya.example.",
    ] {
        let by_email = Login { email: Some(address), ..alice() };
        let by_name = Login { name_id: address, email: None, ..alice() };
        for attempt in [&by_email, &by_name] {
            let code = refused(&store, &settings(), attempt).await;
            assert_eq!(code, ErrorCode::UserConflict, "{address}");
        }
    }
    assert_eq!(everybody(&store).await, 0);
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
