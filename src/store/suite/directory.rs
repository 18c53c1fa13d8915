//! What every store does of people, groups and connections.

mod guard;

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{BROWSER, HOUR, at, corp};
use crate::audit::{AuditSink, Chain};
use crate::base::{ConnectionName, GroupId, IdpName, Timestamp, UserId};
use crate::directory::{
    AccessToken, Actor, Begin, Change, ClientKey, Connection, ConnectionSettings,
    ConnectionWritten, Connections, Created, DirectoryStore, Done, GroupParts, GroupResource,
    Guards, How, Identifiers, Member, Operator, Outcome, Page, People, Profile, Provisioning,
    Query, RequestLog, ScimToken, Scopes, Sort, Tenant, UnknownMembers, User, UserParts,
    UserResource, Written,
};
use crate::identity::Identity;
use crate::keys::FetchLog;
use crate::notice::Notices;
use crate::notice::outbox::Outbox;
use crate::scim::document::Member as Named;
use crate::scim::entries::entries;
use crate::scim::filter::Target;
use crate::scim::patch::MemberChange;
use crate::scim::{Catalogue, Document, Filter, ResourceKind, ScimError, ScimType};
use crate::session::{Session, SessionStore, TokenHash};

/// What is asked of a database about people.
pub(crate) trait Directory:
    Provisioning
    + People
    + Connections
    + Guards
    + DirectoryStore
    + SessionStore
    + AuditSink
    + RequestLog
    + Notices
    + Outbox
    + FetchLog
    + 'static
{
}

impl<T> Directory for T where
    T: Provisioning
        + People
        + Connections
        + Guards
        + DirectoryStore
        + SessionStore
        + AuditSink
        + RequestLog
        + Notices
        + Outbox
        + FetchLog
        + 'static
{
}

/// As `run_suite`, of people, groups and connections.
macro_rules! run_directory_suite {
    (together $open:expr) => {
        crate::store::suite::run_directory_suite! { @claims together $open }
    };
    ($open:expr) => {
        crate::store::suite::run_directory_suite! { @claims apart $open }
    };
    (@claims $how:ident $open:expr) => {
        crate::store::suite::run_suite! { @$how $open;
            a_person_is_provisioned_found_changed_and_removed
            of_racing_creates_of_one_name_one_is_made
            what_is_long_is_kept_or_refused
            names_are_unique_in_a_tenant_and_free_in_another
            a_tenant_sees_its_own_people_and_groups_alone
            who_signed_in_before_is_linked_by_name
            who_was_deleted_returns_under_their_id
            who_was_deleted_is_no_newcomer
            a_change_needs_the_version_that_was_read
            of_racing_changes_none_is_lost
            switching_off_ends_sessions_and_says_so
            a_lock_is_not_lifted_by_whoever_provisions
            members_come_and_go_one_by_one
            unknown_members_are_refused_or_ignored
            members_of_groups_in_groups_are_in_both
            what_changes_of_a_group_is_told_of_its_people
            a_filter_finds_whom_it_means
            a_filter_finds_groups
            people_are_sorted_and_paged
            a_cursor_skips_nobody_when_others_go
            people_of_logins_are_found_by_what_they_said
            a_connection_takes_over_the_people_of_its_idp
            a_connection_is_removed_and_its_people_stay
            tokens_are_found_expire_and_are_revoked
            groups_are_said_of_whoever_is_in_one_or_where_they_are_kept
            who_is_erased_is_nobody_and_the_audit_stays_whole
            what_the_audit_says_of_who_is_erased_is_gone
            who_was_deleted_long_ago_is_due
            the_chain_goes_on_behind_what_was_pruned
            people_are_looked_up_across_tenants
            a_name_is_held_by_who_signs_in_first
            requests_are_logged_and_found
            many_requests_are_logged_at_once_and_old_ones_forgotten
            a_connection_fails_is_quarantined_and_resumes
            nodes_that_log_at_once_make_one_transition
            look_ups_are_told_to_the_audit_by_the_minute
            whose_a_revoked_token_was_is_known
            a_notice_is_raised_once_and_cleared
            what_is_raised_is_in_one_parcel_of_each_channel
            of_several_nodes_one_sends
            who_fetched_our_metadata_is_counted_and_there_is_an_end_to_them
            a_guard_stops_what_is_more_than_a_few_and_a_share
            a_guard_lets_a_few_go_however_small_the_company
            a_guard_forgets_who_returned_and_what_was_long_ago
            what_is_approved_goes_through_a_guard
            a_guard_holds_however_many_ask_at_once
            who_only_signed_in_counts_when_they_are_switched_off
            access_tokens_are_as_good_as_what_they_were_given_for
            keys_are_kept_and_end_what_was_given_for_them
            any_sequence_of_changes_is_that_of_a_model
            any_filter_finds_whom_it_means
            who_was_on_a_page_is_not_on_the_next
        }
    };
}
pub(crate) use guard::*;
pub(crate) use run_directory_suite;

const WITH_GROUPS: UserParts = UserParts { groups: true };
const WITH_MEMBERS: GroupParts = GroupParts { members: true, at_most: None };

fn connection(name: &str, idp: Option<&str>) -> Connection {
    Connection {
        name: ConnectionName::parse(name).unwrap(),
        idp: idp.map(|idp| IdpName::parse(idp).unwrap()),
        settings: ConnectionSettings::default(),
        created_at: at(0),
    }
}

pub(super) async fn connect<S: Directory>(store: &S, name: &str, idp: Option<&str>) -> Actor {
    let connection = connection(name, idp);
    let written = store.create_connection(&connection, &Operator::command(), at(0)).await.unwrap();
    assert_eq!(written, ConnectionWritten::Written);
    Actor {
        connection,
        token: "t1".into(),
        client: Some("192.0.2.1".into()),
        request_id: Some("r1".into()),
        guard: None,
    }
}

fn written(kind: ResourceKind, document: &Value) -> Written {
    let document = Document::stored(&document.to_string()).unwrap();
    let entries = entries(&document, kind, &Catalogue::standard());
    Written { document, entries, members: Vec::new() }
}

fn named(ids: &[&str]) -> Vec<Named> {
    ids.iter().map(|id| Named { value: (*id).to_owned(), kind: None }).collect()
}

pub(super) fn person(user_name: &str) -> Value {
    json!({ "userName": user_name, "active": true })
}

pub(super) fn done<T>(outcome: Outcome<T>) -> Done<T> {
    match outcome {
        Outcome::Done(done) => done,
        Outcome::NotFound => panic!("not found"),
        Outcome::PreconditionFailed => panic!("precondition failed"),
        Outcome::Paused(paused) => panic!("{paused:?}"),
        Outcome::Refused(error) => panic!("{error:?}"),
    }
}

fn refusal<T>(outcome: Outcome<T>) -> (u16, Option<ScimType>) {
    match outcome {
        Outcome::Refused(error) => (error.status.as_u16(), error.scim_type),
        Outcome::Done(_) => panic!("done"),
        Outcome::NotFound => panic!("not found"),
        Outcome::PreconditionFailed => panic!("precondition failed"),
        Outcome::Paused(paused) => panic!("{paused:?}"),
    }
}

async fn try_make<S: Directory>(
    store: &S,
    actor: &Actor,
    id: &str,
    document: Value,
) -> Outcome<UserResource> {
    let new = written(ResourceKind::User, &document);
    store.create_user(actor, UserId::new(id.into()), new, at(1)).await.unwrap()
}

pub(super) async fn make<S: Directory>(
    store: &S,
    actor: &Actor,
    id: &str,
    document: Value,
) -> UserResource {
    done(try_make(store, actor, id, document).await).resource
}

pub(super) async fn make_group<S: Directory>(
    store: &S,
    actor: &Actor,
    name: &str,
    members: &[&str],
) -> GroupResource {
    let mut new = written(ResourceKind::Group, &json!({ "displayName": name }));
    new.members = vec![MemberChange::Add(named(members))];
    let id = GroupId::new(format!("g-{name}"));
    done(store.create_group(actor, id, new, WITH_MEMBERS, at(1)).await.unwrap()).resource
}

/// Sets attributes of a document.
fn set(kind: ResourceKind, parts: Value) -> Change {
    Change::new(move |document| {
        let mut all = document.as_object().clone();
        all.extend(parts.as_object().unwrap().clone());
        Ok(written(kind, &Value::Object(all)))
    })
}

pub(super) async fn change<S: Directory>(
    store: &S,
    actor: &Actor,
    id: &str,
    parts: Value,
) -> Outcome<UserResource> {
    let change = set(ResourceKind::User, parts);
    let id = UserId::new(id.into());
    store.change_user(actor, &id, None, change, WITH_GROUPS, at(2)).await.unwrap()
}

async fn change_members<S: Directory>(
    store: &S,
    actor: &Actor,
    group: &GroupId,
    members: Vec<MemberChange>,
) -> Outcome<GroupResource> {
    let change = Change::new(move |document| {
        Ok(Written {
            document: document.clone(),
            members: members.clone(),
            ..Written::default()
        })
    });
    store
        .change_group(actor, group, None, change, WITH_MEMBERS, at(2))
        .await
        .unwrap()
}

fn query(kind: ResourceKind, filter: &str) -> Query {
    let catalogue = Catalogue::standard();
    let filter = (!filter.is_empty()).then(|| Filter::parse(&catalogue, kind, filter).unwrap());
    Query {
        filter,
        sort: None,
        from: Begin::Offset(0),
        count: 100,
        total: true,
    }
}

async fn found<S: Directory>(store: &S, actor: &Actor, filter: &str) -> Vec<String> {
    let query = query(ResourceKind::User, filter);
    let tenant = actor.connection.tenant();
    let page = store.users(&tenant, &query, UserParts::default()).await.unwrap();
    assert_eq!(
        page.total,
        u64::try_from(page.resources.len()).ok(),
        "{filter}"
    );
    names(&page)
}

fn names(page: &Page<UserResource>) -> Vec<String> {
    let name = |user: &UserResource| user.document.read().user_name().unwrap().to_owned();
    page.resources.iter().map(name).collect()
}

async fn found_groups<S: Directory>(store: &S, actor: &Actor, filter: &str) -> Vec<String> {
    let query = query(ResourceKind::Group, filter);
    let tenant = actor.connection.tenant();
    let page = store.groups(&tenant, &query, GroupParts::default()).await.unwrap();
    assert_eq!(
        page.total,
        u64::try_from(page.resources.len()).ok(),
        "{filter}"
    );
    let name = |group: &GroupResource| group.document.display_name().unwrap().to_owned();
    page.resources.iter().map(name).collect()
}

pub(super) async fn kinds<S: Directory>(store: &S) -> Vec<String> {
    let chain = store.verify().await.unwrap();
    assert!(matches!(chain, Chain::Whole { .. }), "{chain:?}");
    let events = store.events(Timestamp::EPOCH, 0, 1000).await.unwrap();
    events.into_iter().map(|event| event.kind).collect()
}

/// Somebody who signed in.
fn signed_in(user_name: &str) -> User {
    User {
        id: UserId::new(format!("id-of-{user_name}")),
        user_name: user_name.into(),
        external_id: None,
        idp: Some(corp()),
        name_id: Some(format!("n-{user_name}")),
        profile: Profile {
            email: Some(format!("{user_name}@example.com")),
            department: Some("IT".into()),
            ..Profile::default()
        },
        active: true,
        locked: false,
        managed: false,
        created_at: at(0),
        updated_at: at(0),
        last_login_at: Some(at(0)),
        revision: 1,
    }
}

async fn sign_in<S: Directory>(store: &S, user_name: &str) -> User {
    let user = signed_in(user_name);
    assert_eq!(store.create(&user).await.unwrap(), Created::Created);
    user
}

async fn open<S: Directory>(store: &S, number: u8, user: &UserId) {
    let mut identity = Identity::for_test("somebody", at(0));
    identity.user = user.clone();
    let session = Session::new(
        format!("sid-{number}"),
        TokenHash([number; 32]),
        identity,
        Some(BROWSER),
        at(0),
        at(0).plus(HOUR * 12),
        at(0),
    );
    store.insert(&session).await.unwrap();
}

async fn is_open<S: Directory>(store: &S, number: u8) -> bool {
    SessionStore::find(store, &TokenHash([number; 32])).await.unwrap().is_some()
}

pub(crate) async fn a_person_is_provisioned_found_changed_and_removed<S: Directory>(store: Arc<S>) {
    let actor = connect(&*store, "okta", Some("corp")).await;
    let tenant = actor.connection.tenant();
    let document = json!({
        "userName": "Alice@example.com", "externalId": "E1", "active": true,
        "emails": [{ "value": "alice@example.com", "type": "work", "primary": true }],
    });
    let alice = make(&*store, &actor, "a", document.clone()).await;
    assert_eq!((alice.version, alice.created_at), (1, at(1)));
    let id = UserId::new("a".into());
    let read = store.user(&tenant, &id, WITH_GROUPS).await.unwrap().unwrap();
    assert_eq!(read, alice);
    let bare = store.user(&tenant, &id, UserParts::default()).await.unwrap().unwrap();
    assert_eq!(bare.groups, None);
    let unchanged = done(change(&*store, &actor, "a", json!({ "active": true })).await);
    assert_eq!(
        (unchanged.how, unchanged.resource.version),
        (How::Unchanged, 1)
    );
    let changed = done(change(&*store, &actor, "a", json!({ "title": "Queen" })).await);
    assert_eq!((changed.how, changed.resource.version), (How::Changed, 2));
    assert_eq!(changed.resource.changed_at, at(2));
    assert_eq!(changed.affected.people, std::slice::from_ref(&id));
    assert_eq!(
        found(&*store, &actor, "title eq \"queen\"").await,
        ["Alice@example.com"]
    );
    let user = DirectoryStore::find(&*store, &id).await.unwrap().unwrap();
    assert_eq!(
        (user.managed, user.idp, user.external_id),
        (true, Some(corp()), Some("E1".into()))
    );
    assert_eq!(
        store.find_by_email("alice@example.com").await.unwrap().len(),
        1
    );
    let _ = done(store.delete_user(&actor, &id, None, at(3)).await.unwrap());
    assert_eq!(store.user(&tenant, &id, WITH_GROUPS).await.unwrap(), None);
    assert!(found(&*store, &actor, "").await.is_empty());
    let again = store.delete_user(&actor, &id, None, at(3)).await.unwrap();
    assert_eq!(again, Outcome::NotFound);
    assert_eq!(
        change(&*store, &actor, "a", json!({})).await,
        Outcome::NotFound
    );
    assert_eq!(
        kinds(&*store).await,
        [
            "idm_integration_activate",
            "user_create_provision",
            "user_update_provision",
            "user_delete_provision"
        ]
    );
}

pub(crate) async fn of_racing_creates_of_one_name_one_is_made<S: Directory>(store: Arc<S>) {
    let actor = connect(&*store, "okta", None).await;
    let mut tasks = JoinSet::new();
    for number in 0..16 {
        let (store, actor) = (Arc::clone(&store), actor.clone());
        tasks.spawn(async move {
            let name = if number % 2 == 0 {
                "straße"
            } else {
                "STRASSE"
            };
            try_make(&*store, &actor, &format!("a{number}"), person(name)).await
        });
    }
    let (made, refused): (Vec<_>, Vec<_>) = tasks
        .join_all()
        .await
        .into_iter()
        .partition(|outcome| matches!(outcome, Outcome::Done(_)));
    assert_eq!(made.len(), 1);
    for outcome in refused {
        assert_eq!(refusal(outcome), (409, Some(ScimType::Uniqueness)));
    }
    assert_eq!(found(&*store, &actor, "").await.len(), 1);
}

pub(crate) async fn what_is_long_is_kept_or_refused<S: Directory>(store: Arc<S>) {
    let okta = connect(&*store, "okta", None).await;
    // What does not shrink: a key of an index may be compressed first.
    let longest: String = (0..2_000_u64).map(|number| format!("{:x}", number % 16)).collect();
    let long: String = (0..1_000_u64).map(|number| format!("{:x}", number * 2_654_435)).collect();
    let titled = json!({ "userName": "ann", "active": true, "title": long });
    make(&*store, &okta, "1", titled).await;
    let title = format!("title eq \"{long}\"");
    assert_eq!(found(&*store, &okta, &title).await, ["ann"]);
    let other = format!("title eq \"{long}x\"");
    assert!(found(&*store, &okta, &other).await.is_empty());
    let invalid = (400, Some(ScimType::InvalidValue));
    for document in [
        person(&long),
        json!({ "userName": "bob", "active": true, "externalId": long }),
    ] {
        let made = try_make(&*store, &okta, "2", document.clone()).await;
        assert_eq!(refusal(made), invalid);
    }
    // As long as one may be.
    make(&*store, &okta, "3", person(&longest)).await;
    let group = json!({ "displayName": long });
    let group = written(ResourceKind::Group, &group);
    let made = store.create_group(&okta, GroupId::new("4".into()), group, WITH_MEMBERS, at(1));
    assert_eq!(refusal(made.await.unwrap()), invalid);
}

pub(crate) async fn names_are_unique_in_a_tenant_and_free_in_another<S: Directory>(store: Arc<S>) {
    let (one, two) = (
        connect(&*store, "one", None).await,
        connect(&*store, "two", None).await,
    );
    make(
        &*store,
        &one,
        "a",
        json!({ "userName": "alice", "externalId": "1" }),
    )
    .await;
    make(
        &*store,
        &one,
        "b",
        json!({ "userName": "bob", "externalId": "2" }),
    )
    .await;
    make(
        &*store,
        &two,
        "c",
        json!({ "userName": "Alice", "externalId": "1" }),
    )
    .await;
    let taken = (409, Some(ScimType::Uniqueness));
    let create = async |document| refusal(try_make(&*store, &one, "x", document).await);
    assert_eq!(
        create(json!({ "userName": "ALICE", "externalId": "3" })).await,
        taken
    );
    assert_eq!(
        create(json!({ "userName": "carol", "externalId": "1" })).await,
        taken
    );
    let invalid = (400, Some(ScimType::InvalidValue));
    assert_eq!(create(json!({ "userName": "" })).await, invalid);
    let rename = async |parts| change(&*store, &one, "b", parts).await;
    assert_eq!(refusal(rename(json!({ "userName": "aLICE" })).await), taken);
    assert_eq!(refusal(rename(json!({ "externalId": "1" })).await), taken);
    let own = done(rename(json!({ "userName": "BOB" })).await);
    assert_eq!(own.resource.document.read().user_name(), Some("BOB"));
    make_group(&*store, &one, "Staff", &[]).await;
    let again = written(ResourceKind::Group, &json!({ "displayName": "STAFF" }));
    let again = store
        .create_group(&one, GroupId::new("y".into()), again, WITH_MEMBERS, at(1))
        .await
        .unwrap();
    assert_eq!(refusal(again), taken);
}

pub(crate) async fn a_tenant_sees_its_own_people_and_groups_alone<S: Directory>(store: Arc<S>) {
    let (one, two) = (
        connect(&*store, "one", None).await,
        connect(&*store, "two", None).await,
    );
    make(&*store, &one, "a", person("alice")).await;
    let staff = make_group(&*store, &one, "staff", &["a"]).await;
    let tenant = two.connection.tenant();
    let id = UserId::new("a".into());
    assert_eq!(store.user(&tenant, &id, WITH_GROUPS).await.unwrap(), None);
    assert_eq!(
        store.group(&tenant, &staff.id, WITH_MEMBERS).await.unwrap(),
        None
    );
    assert!(found(&*store, &two, "").await.is_empty());
    assert!(found(&*store, &two, "userName eq \"alice\"").await.is_empty());
    assert!(found(&*store, &two, "id eq \"a\"").await.is_empty());
    assert!(found_groups(&*store, &two, "members.value eq \"a\"").await.is_empty());
    assert_eq!(
        change(&*store, &two, "a", json!({ "title": "x" })).await,
        Outcome::NotFound
    );
    assert_eq!(
        store.delete_user(&two, &id, None, at(3)).await.unwrap(),
        Outcome::NotFound
    );
    let deleted = store.delete_group(&two, &staff.id, None, at(3)).await.unwrap();
    assert_eq!(deleted, Outcome::NotFound);
    let group = make_group(&*store, &two, "other", &[]).await;
    let stranger = vec![MemberChange::Add(named(&["a"]))];
    let refused = change_members(&*store, &two, &group.id, stranger).await;
    assert_eq!(refusal(refused), (400, Some(ScimType::InvalidValue)));
}

pub(crate) async fn who_signed_in_before_is_linked_by_name<S: Directory>(store: Arc<S>) {
    let alice = sign_in(&*store, "alice").await;
    let actor = connect(&*store, "okta", Some("corp")).await;
    assert_eq!(
        found(&*store, &actor, "userName eq \"ALICE\"").await,
        ["alice"]
    );
    let document = json!({ "userName": "Alice", "externalId": "E1", "title": "Queen" });
    let linked = done(try_make(&*store, &actor, "new", document.clone()).await);
    assert_eq!((linked.how, &linked.resource.id), (How::Linked, &alice.id));
    let user = DirectoryStore::find(&*store, &alice.id).await.unwrap().unwrap();
    assert_eq!(
        (user.managed, user.name_id, user.profile),
        (true, alice.name_id, alice.profile)
    );
    let again = try_make(&*store, &actor, "new", document).await;
    assert_eq!(refusal(again), (409, Some(ScimType::Uniqueness)));
    assert_eq!(found(&*store, &actor, "").await, ["Alice"], "counted once");
    // Whom a client takes over by an id it looked up.
    let bob = sign_in(&*store, "bob").await;
    let changed = change(&*store, &actor, bob.id.as_str(), json!({ "title": "King" })).await;
    let changed = done(changed).resource;
    assert_eq!(changed.document.read().user_name(), Some("bob"));
    assert_eq!(found(&*store, &actor, "").await, ["Alice", "bob"]);
    assert_eq!(
        kinds(&*store).await[1..],
        [
            "identity_linked",
            "user_create_provision",
            "user_update_provision",
            "identity_linked"
        ]
    );
}

pub(crate) async fn who_was_deleted_returns_under_their_id<S: Directory>(store: Arc<S>) {
    let actor = connect(&*store, "okta", Some("corp")).await;
    let delete = async |id: &str| {
        let id = UserId::new(id.into());
        done(store.delete_user(&actor, &id, None, at(3)).await.unwrap());
    };
    make(
        &*store,
        &actor,
        "a",
        json!({ "userName": "alice", "externalId": "1" }),
    )
    .await;
    delete("a").await;
    let document = json!({ "userName": "alice.liddell", "externalId": "1" });
    let back = done(try_make(&*store, &actor, "x", document).await);
    assert_eq!((back.how, back.resource.id.as_str()), (How::Returned, "a"));
    assert_eq!(found(&*store, &actor, "").await, ["alice.liddell"]);
    delete("a").await;
    let back = done(try_make(&*store, &actor, "x", person("Alice.Liddell")).await);
    assert_eq!((back.how, back.resource.id.as_str()), (How::Returned, "a"));
    let other = json!({ "userName": "alice.liddell", "externalId": "2" });
    assert_eq!(
        refusal(try_make(&*store, &actor, "x", other.clone()).await).0,
        409
    );
    done(change(&*store, &actor, "a", json!({ "externalId": "1" })).await);
    delete("a").await;
    let other = done(try_make(&*store, &actor, "b", other).await);
    assert_eq!((other.how, other.resource.id.as_str()), (How::Created, "b"));
    assert_eq!(found(&*store, &actor, "").await.len(), 1);
    assert!(kinds(&*store).await.contains(&"user_reactivate_provision".to_owned()));
}

pub(crate) async fn who_was_deleted_is_no_newcomer<S: Directory>(store: Arc<S>) {
    let actor = connect(&*store, "okta", Some("corp")).await;
    let alice = sign_in(&*store, "alice").await;
    let idp = corp();
    let identifiers = |name_id| Identifiers {
        idp: &idp,
        name_id,
        external_id: None,
        user_name: "alice",
        email: None,
    };
    done(store.delete_user(&actor, &alice.id, None, at(3)).await.unwrap());
    for name_id in [None, Some("n-alice")] {
        let found = store.find_any(identifiers(name_id)).await.unwrap();
        assert_eq!(found.len(), 1);
        assert!(!found[0].may_enter());
    }
    let late = User { revision: 2, ..alice.clone() };
    assert_eq!(
        store.update(&late).await.unwrap(),
        crate::directory::Changed::Stale
    );
    make(
        &*store,
        &actor,
        "b",
        json!({ "userName": "alice", "externalId": "2" }),
    )
    .await;
    let found = store.find_any(identifiers(None)).await.unwrap();
    assert!(found[0].may_enter(), "{found:?}");
}

pub(crate) async fn a_change_needs_the_version_that_was_read<S: Directory>(store: Arc<S>) {
    let actor = connect(&*store, "okta", None).await;
    make(&*store, &actor, "a", person("alice")).await;
    let id = UserId::new("a".into());
    let change = async |version, title: &str| {
        let change = set(ResourceKind::User, json!({ "title": title }));
        let with = UserParts::default();
        store.change_user(&actor, &id, version, change, with, at(2)).await.unwrap()
    };
    assert_eq!(done(change(Some(1), "x").await).resource.version, 2);
    assert_eq!(change(Some(1), "y").await, Outcome::PreconditionFailed);
    let refused = Change::new(|_| Err(ScimError::bad(ScimType::NoTarget, "no")));
    let outcome = store
        .change_user(&actor, &id, None, refused, UserParts::default(), at(2))
        .await
        .unwrap();
    assert_eq!(refusal(outcome), (400, Some(ScimType::NoTarget)));
    let deleted = store.delete_user(&actor, &id, Some(1), at(2)).await.unwrap();
    assert_eq!(deleted, Outcome::PreconditionFailed);
    let group = make_group(&*store, &actor, "staff", &["a"]).await;
    let deleted = store.delete_group(&actor, &group.id, Some(7), at(2)).await.unwrap();
    assert_eq!(deleted, Outcome::PreconditionFailed);
}

pub(crate) async fn of_racing_changes_none_is_lost<S: Directory>(store: Arc<S>) {
    let actor = connect(&*store, "okta", None).await;
    let mut ids = Vec::new();
    for number in 0..24 {
        let id = format!("u{number:02}");
        make(&*store, &actor, &id, person(&format!("user{number}"))).await;
        ids.push(id);
    }
    let first: Vec<&str> = ids[..8].iter().map(String::as_str).collect();
    let group = make_group(&*store, &actor, "staff", &first).await;
    let mut tasks = JoinSet::new();
    for (number, id) in ids.iter().enumerate() {
        let (store, actor, id, group) = (
            Arc::clone(&store),
            actor.clone(),
            id.clone(),
            group.id.clone(),
        );
        tasks.spawn(async move {
            let members = if number < 8 {
                MemberChange::Remove(vec![id.clone()])
            } else {
                MemberChange::Add(named(&[&id]))
            };
            done(change_members(&*store, &actor, &group, vec![members]).await);
            let change = Change::new(move |document| {
                let mut all = document.as_object().clone();
                let number = all.get("nickName").and_then(Value::as_str).unwrap_or("").len();
                all.insert("nickName".into(), json!("x".repeat(number + 1)));
                Ok(written(ResourceKind::User, &Value::Object(all)))
            });
            let all = UserId::new("u00".into());
            let with = UserParts::default();
            done(store.change_user(&actor, &all, None, change, with, at(2)).await.unwrap());
        });
    }
    tasks.join_all().await;
    let tenant = actor.connection.tenant();
    let group = store.group(&tenant, &group.id, WITH_MEMBERS).await.unwrap().unwrap();
    let members = group.members.unwrap();
    assert_eq!(members.len(), 16);
    assert_eq!(members.iter().map(Member::id).collect::<Vec<_>>(), ids[8..]);
    assert_eq!(group.version, 25);
    let user = store.user(&tenant, &UserId::new("u00".into()), WITH_GROUPS).await.unwrap();
    let nick = user.unwrap().document.read().as_object()["nickName"].as_str().unwrap().len();
    assert_eq!(nick, 24);
    kinds(&*store).await;
}

pub(crate) async fn switching_off_ends_sessions_and_says_so<S: Directory>(store: Arc<S>) {
    let actor = connect(&*store, "okta", Some("corp")).await;
    for (number, name) in [(1, "alice"), (2, "bob"), (3, "carol")] {
        make(&*store, &actor, name, person(name)).await;
        open(&*store, number, &UserId::new(name.into())).await;
    }
    let mark = store.changes_after(None).await.unwrap().mark;
    let ended = store.ended_after(None).await.unwrap().mark;
    let off = done(change(&*store, &actor, "alice", json!({ "active": false })).await);
    assert_eq!(off.affected.people, [UserId::new("alice".into())]);
    let bob = UserId::new("bob".into());
    done(store.delete_user(&actor, &bob, None, at(3)).await.unwrap());
    assert!(!is_open(&*store, 1).await && !is_open(&*store, 2).await);
    assert!(is_open(&*store, 3).await);
    assert_eq!(
        store.ended_after(Some(ended)).await.unwrap().hashes.len(),
        2
    );
    let changes = store.changes_after(Some(mark)).await.unwrap();
    assert_eq!(
        changes.affected.people,
        [UserId::new("alice".into()), bob.clone()]
    );
    assert_eq!(store.changes_after(None).await.unwrap().mark, changes.mark);
    let may_enter =
        async |id: &str| DirectoryStore::find(&*store, &UserId::new(id.into())).await.unwrap();
    assert!(!may_enter("alice").await.unwrap().may_enter());
    assert!(!may_enter("bob").await.unwrap().may_enter());
    done(change(&*store, &actor, "alice", json!({ "active": true })).await);
    assert!(may_enter("alice").await.unwrap().may_enter());
    assert!(!is_open(&*store, 1).await, "what ended stays ended");
    let kinds = kinds(&*store).await;
    let last: Vec<_> = kinds.iter().rev().take(3).map(String::as_str).collect();
    assert_eq!(
        last,
        [
            "user_reactivate_provision",
            "user_delete_provision",
            "user_deprovision"
        ]
    );
}

pub(crate) async fn a_lock_is_not_lifted_by_whoever_provisions<S: Directory>(store: Arc<S>) {
    let actor = connect(&*store, "okta", Some("corp")).await;
    make(&*store, &actor, "a", person("alice")).await;
    let id = UserId::new("a".into());
    open(&*store, 1, &id).await;
    assert!(store.set_locked(&id, true, at(2)).await.unwrap());
    assert!(!is_open(&*store, 1).await);
    done(change(&*store, &actor, "a", json!({ "active": false })).await);
    done(change(&*store, &actor, "a", json!({ "active": true })).await);
    let user = DirectoryStore::find(&*store, &id).await.unwrap().unwrap();
    assert!(user.active && user.locked && !user.may_enter());
    assert!(store.set_locked(&id, false, at(2)).await.unwrap());
    assert!(DirectoryStore::find(&*store, &id).await.unwrap().unwrap().may_enter());
    assert!(!store.set_locked(&UserId::new("x".into()), true, at(2)).await.unwrap());
}

pub(crate) async fn members_come_and_go_one_by_one<S: Directory>(store: Arc<S>) {
    let actor = connect(&*store, "okta", None).await;
    for name in ["a", "b", "c"] {
        make(&*store, &actor, name, person(name)).await;
    }
    let group = make_group(&*store, &actor, "staff", &["a", "b"]).await;
    assert_eq!(group.members.as_ref().map(Vec::len), Some(2));
    let change = async |change| done(change_members(&*store, &actor, &group.id, change).await);
    let ids = |done: &Done<GroupResource>| -> Vec<String> {
        let members = done.resource.members.as_ref().unwrap();
        members.iter().map(|member| member.id().to_owned()).collect()
    };
    let same = change(vec![MemberChange::Add(named(&["a"]))]).await;
    assert_eq!((same.how, same.resource.version), (How::Unchanged, 1));
    let added = change(vec![MemberChange::Add(named(&["a", "c"]))]).await;
    assert_eq!(
        (added.resource.version, ids(&added)),
        (2, vec!["a".into(), "b".into(), "c".into()])
    );
    assert_eq!(added.affected.people, [UserId::new("c".into())]);
    let removed = change(vec![MemberChange::Remove(vec![
        "b".into(),
        "nobody".into(),
    ])])
    .await;
    assert_eq!(ids(&removed), ["a", "c"]);
    let both = vec![
        MemberChange::ReplaceAll(named(&["b", "c"])),
        MemberChange::Remove(vec!["c".into()]),
    ];
    let both = change(both).await;
    assert_eq!((both.resource.version, ids(&both)), (4, vec!["b".into()]));
    let catalogue = Catalogue::standard();
    let filter = Filter::parse(&catalogue, ResourceKind::Group, "members[type eq \"User\"]");
    let Ok(Filter::Element(_, inner)) = filter else {
        panic!()
    };
    let none = change(vec![MemberChange::RemoveWhere(*inner)]).await;
    assert!(ids(&none).is_empty());
    let all = change(vec![MemberChange::Add(named(&["a", "b", "c"]))]).await;
    let id = UserId::new("a".into());
    done(store.delete_user(&actor, &id, None, at(3)).await.unwrap());
    let tenant = actor.connection.tenant();
    let group = store.group(&tenant, &group.id, WITH_MEMBERS).await.unwrap().unwrap();
    assert_eq!(group.members.unwrap().len(), 2);
    assert_eq!(group.version, all.resource.version + 1);
    let cleared = change_members(&*store, &actor, &group.id, vec![MemberChange::RemoveAll]).await;
    assert!(ids(&done(cleared)).is_empty());
    let page = People::members(&*store, &group.id, None, 10).await.unwrap();
    assert!(page.is_empty());
}

pub(crate) async fn unknown_members_are_refused_or_ignored<S: Directory>(store: Arc<S>) {
    let mut actor = connect(&*store, "okta", None).await;
    make(&*store, &actor, "a", person("a")).await;
    let group = make_group(&*store, &actor, "staff", &[]).await;
    let two = || {
        vec![
            MemberChange::Add(named(&["a"])),
            MemberChange::Add(named(&["nobody", "no\0body", "%"])),
        ]
    };
    let refused = change_members(&*store, &actor, &group.id, two()).await;
    assert_eq!(refusal(refused), (400, Some(ScimType::InvalidValue)));
    let tenant = actor.connection.tenant();
    let read = store.group(&tenant, &group.id, WITH_MEMBERS).await.unwrap().unwrap();
    assert_eq!(read, group, "all or nothing");
    let mut new = written(ResourceKind::Group, &json!({ "displayName": "other" }));
    new.members = two();
    let id = GroupId::new("g2".into());
    let outcome = store.create_group(&actor, id.clone(), new, WITH_MEMBERS, at(1)).await.unwrap();
    assert_eq!(refusal(outcome), (400, Some(ScimType::InvalidValue)));
    assert_eq!(store.group(&tenant, &id, WITH_MEMBERS).await.unwrap(), None);
    actor.connection.settings.unknown_members = UnknownMembers::Ignore;
    let added = done(change_members(&*store, &actor, &group.id, two()).await).resource;
    assert_eq!(
        added.members.unwrap(),
        [Member::User(UserId::new("a".into()))]
    );
}

pub(crate) async fn members_of_groups_in_groups_are_in_both<S: Directory>(store: Arc<S>) {
    let actor = connect(&*store, "okta", None).await;
    make(&*store, &actor, "a", person("alice")).await;
    make(&*store, &actor, "b", person("bob")).await;
    let inner = make_group(&*store, &actor, "inner", &["a"]).await;
    let outer = make_group(&*store, &actor, "outer", &["b", inner.id.as_str()]).await;
    let kinds: Vec<_> = outer.members.unwrap();
    assert!(kinds.contains(&Member::Group(inner.id.clone())));
    // A circle harms nobody.
    let circle = vec![MemberChange::Add(named(&[outer.id.as_str()]))];
    done(change_members(&*store, &actor, &inner.id, circle).await);
    let provisioned = store.provisioned(&UserId::new("a".into())).await.unwrap().unwrap();
    let groups: Vec<_> = provisioned
        .groups
        .iter()
        .map(|group| (group.display_name.as_str(), group.direct))
        .collect();
    assert_eq!(groups, [("inner", true), ("outer", false)]);
    assert_eq!(
        found(&*store, &actor, "groups.value eq \"g-outer\"").await,
        ["alice", "bob"]
    );
    assert_eq!(
        found(&*store, &actor, "groups[display sw \"inn\"]").await,
        ["alice", "bob"]
    );
    assert_eq!(found(&*store, &actor, "not (groups pr)").await, [""; 0]);
    assert_eq!(
        found_groups(&*store, &actor, "members.value eq \"a\"").await,
        ["inner"]
    );
    assert_eq!(
        found_groups(&*store, &actor, "members[type eq \"Group\"]").await,
        ["inner", "outer"]
    );
    done(store.delete_group(&actor, &inner.id, None, at(3)).await.unwrap());
    assert_eq!(
        found(&*store, &actor, "groups.value eq \"g-outer\"").await,
        ["bob"]
    );
}

pub(crate) async fn what_changes_of_a_group_is_told_of_its_people<S: Directory>(store: Arc<S>) {
    let actor = connect(&*store, "okta", None).await;
    for name in ["a", "b", "c"] {
        make(&*store, &actor, name, person(name)).await;
    }
    let inner = make_group(&*store, &actor, "inner", &["a"]).await;
    let outer = make_group(&*store, &actor, "outer", &["b", inner.id.as_str()]).await;
    let mark = store.changes_after(None).await.unwrap().mark;
    let told = async || store.changes_after(Some(mark)).await.unwrap().affected.people;
    let rename = set(ResourceKind::Group, json!({ "displayName": "Outer" }));
    let done_ = store
        .change_group(
            &actor,
            &outer.id,
            None,
            rename,
            GroupParts::default(),
            at(2),
        )
        .await
        .unwrap();
    assert_eq!(done(done_).resource.members, None);
    assert!(told().await.is_empty() || told().await.len() == 2);
    let out = vec![MemberChange::Remove(vec![inner.id.as_str().to_owned()])];
    done(change_members(&*store, &actor, &outer.id, out).await);
    assert!(told().await.contains(&UserId::new("a".into())));
    let gone = done(store.delete_group(&actor, &outer.id, None, at(3)).await.unwrap());
    assert_eq!(gone.affected.people, [UserId::new("b".into())]);
    assert!(!told().await.contains(&UserId::new("c".into())));
}

async fn three<S: Directory>(store: &S) -> Actor {
    let actor = connect(store, "okta", None).await;
    let enterprise = crate::scim::schema::ENTERPRISE;
    let people = [
        json!({
            "userName": "Alice", "externalId": "E1", "active": true,
            "name": { "familyName": "Liddell", "givenName": "Alice" },
            "emails": [{ "value": "alice@work.example", "type": "work", "primary": true },
                       { "value": "alice@home.example", "type": "home" }],
            enterprise: { "department": "R&D", "manager": { "value": "M1" } },
        }),
        json!({
            "userName": "Bob", "externalId": "e2", "active": false, "title": "100% _'; DROP",
            "emails": [{ "value": "bob@home.example", "type": "work" }],
            enterprise: { "department": "Sales" },
        }),
        json!({
            "userName": "Çelik", "name": { "familyName": "Ümit" }, "title": "x".repeat(300),
        }),
    ];
    for (number, document) in (0_i64..).zip(people) {
        let new = written(ResourceKind::User, &document);
        let id = UserId::new(format!("u{number}"));
        let now = at(10 + number);
        done(store.create_user(&actor, id, new, now).await.unwrap());
    }
    actor
}

pub(crate) async fn a_filter_finds_whom_it_means<S: Directory>(store: Arc<S>) {
    let actor = three(&*store).await;
    let long = format!("title eq \"{}\"", "x".repeat(300));
    let longer = format!("title eq \"{}\"", "x".repeat(301));
    let end = format!("title ew \"{}\"", "x".repeat(250));
    let (all, alice, bob, celik) = (
        &["Alice", "Bob", "Çelik"][..],
        &["Alice"][..],
        &["Bob"][..],
        &["Çelik"][..],
    );
    let none: &[&str] = &[];
    for (filter, expected) in [
        ("", all),
        ("userName eq \"aLICE\"", alice),
        ("userName eq \"çELIK\"", celik),
        ("userName sw \"a\"", alice),
        ("userName co \"LI\"", &["Alice", "Çelik"]),
        ("userName ew \"b\"", bob),
        ("userName ne \"alice\"", &["Bob", "Çelik"]),
        ("userName gt \"alice\"", &["Bob", "Çelik"]),
        ("userName le \"alice\"", alice),
        ("externalId eq \"E1\"", alice),
        ("externalId eq \"e1\"", none),
        ("externalId ne \"E1\"", &["Bob", "Çelik"]),
        ("not (externalId pr)", celik),
        ("id eq \"u1\"", bob),
        ("id eq \"U1\"", none),
        ("active eq false", bob),
        ("active eq true", &["Alice", "Çelik"]),
        ("active ne true", bob),
        ("title pr", &["Bob", "Çelik"]),
        ("title eq \"100% _'; drop\"", bob),
        ("title co \"%\"", bob),
        ("title co \"_\"", bob),
        ("title sw \"%\"", none),
        (&long, celik),
        (&longer, none),
        (&end, celik),
        ("title gt \"x\"", celik),
        ("title lt \"x\"", bob),
        ("name pr", &["Alice", "Çelik"]),
        ("name.familyName eq \"ümit\"", celik),
        ("emails pr", &["Alice", "Bob"]),
        ("emails.value eq \"bob@home.example\"", bob),
        ("emails co \"home.example\"", &["Alice", "Bob"]),
        ("emails[type eq \"work\" and value co \"home\"]", bob),
        (
            "emails[type eq \"work\"].value eq \"alice@work.example\"",
            alice,
        ),
        ("emails[type eq \"work\"]", &["Alice", "Bob"]),
        ("emails[not (type eq \"work\")]", alice),
        ("emails[primary eq true]", alice),
        ("emails[type eq \"other\" or value sw \"bob\"]", bob),
        ("not (emails[type eq \"home\"])", &["Bob", "Çelik"]),
        ("department eq \"sales\"", bob),
        (
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq \"M1\"",
            alice,
        ),
        (
            "userName eq \"alice\" or userName eq \"bob\"",
            &["Alice", "Bob"],
        ),
        ("userName eq \"alice\" and active eq false", none),
        (
            "(userName eq \"alice\" or title pr) and not (active eq false)",
            &["Alice", "Çelik"],
        ),
        ("title pr or userName eq \"alice\"", all),
        ("meta.lastModified gt \"2000-01-01T00:00:00+01:00\"", all),
        ("meta.resourceType eq \"User\"", all),
        ("meta.resourceType eq \"Group\"", none),
    ] {
        assert_eq!(found(&*store, &actor, filter).await, expected, "{filter}");
    }
    // Whatever the index answers is what the filter says of each document.
    let tenant = actor.connection.tenant();
    let everybody = query(ResourceKind::User, "");
    let everybody = store.users(&tenant, &everybody, UserParts::default()).await.unwrap();
    let leaves = [
        "userName sw \"a\"",
        "title pr",
        "title gt \"1\"",
        "emails.type eq \"work\"",
        "emails[type eq \"home\" or primary eq true]",
        "active eq false",
        "emails[value co \"home\" and not (type eq \"home\")]",
        "externalId ge \"E2\"",
        "name.familyName ne \"liddell\"",
        "department ew \"d\"",
        "emails ew \"example\"",
    ];
    let mut filters = Vec::new();
    for one in leaves {
        filters.extend([one.to_owned(), format!("not ({one})")]);
        for other in leaves {
            filters.push(format!("{one} and {other}"));
            filters.push(format!("{one} or not ({other})"));
        }
    }
    for filter in filters {
        let wanted = Filter::parse(&Catalogue::standard(), ResourceKind::User, &filter).unwrap();
        let meant = everybody.resources.iter().filter(|user| {
            crate::scim::evaluate::matches(
                &wanted,
                &user.document.read(),
                &crate::scim::Object::new(),
            )
        });
        let meant: Vec<_> =
            meant.map(|user| user.document.read().user_name().unwrap().to_owned()).collect();
        assert_eq!(found(&*store, &actor, &filter).await, meant, "{filter}");
    }
    let second = at(11).to_rfc3339();
    let since = format!("meta.created ge \"{second}\"");
    assert_eq!(found(&*store, &actor, &since).await, ["Bob", "Çelik"]);
    let exactly = format!("meta.lastModified eq \"{second}\"");
    assert_eq!(found(&*store, &actor, &exactly).await, ["Bob"]);
}

pub(crate) async fn a_filter_finds_groups<S: Directory>(store: Arc<S>) {
    let actor = three(&*store).await;
    make_group(&*store, &actor, "Staff", &["u0", "u1"]).await;
    make_group(&*store, &actor, "Émigrés", &["u1", "g-Staff"]).await;
    for (filter, expected) in [
        ("", &["Staff", "Émigrés"][..]),
        ("displayName eq \"STAFF\"", &["Staff"]),
        ("displayName eq \"émigrés\"", &["Émigrés"]),
        ("displayName co \"a\"", &["Staff"]),
        ("members.value eq \"u1\"", &["Staff", "Émigrés"]),
        ("members[value eq \"u0\"]", &["Staff"]),
        ("members eq \"g-Staff\"", &["Émigrés"]),
        ("members.value sw \"g-\"", &["Émigrés"]),
        ("not (members.value eq \"u0\")", &["Émigrés"]),
        (
            "displayName eq \"Staff\" and members.value eq \"u0\"",
            &["Staff"],
        ),
        ("id eq \"g-Staff\"", &["Staff"]),
        ("members pr", &["Staff", "Émigrés"]),
        ("externalId pr", &[]),
    ] {
        assert_eq!(
            found_groups(&*store, &actor, filter).await,
            expected,
            "{filter}"
        );
    }
}

fn by(name: &str, descending: bool) -> Sort {
    let filter = format!("{name} pr");
    let parsed = Filter::parse(&Catalogue::standard(), ResourceKind::User, &filter).unwrap();
    let Filter::Present(by) = parsed else {
        panic!("{parsed:?}")
    };
    let by: Target = by;
    Sort { by, descending }
}

pub(crate) async fn people_are_sorted_and_paged<S: Directory>(store: Arc<S>) {
    let actor = three(&*store).await;
    let tenant = actor.connection.tenant();
    for (name, descending, expected) in [
        ("userName", false, ["Alice", "Bob", "Çelik"]),
        ("userName", true, ["Çelik", "Bob", "Alice"]),
        ("externalId", false, ["Alice", "Bob", "Çelik"]),
        ("externalId", true, ["Çelik", "Bob", "Alice"]),
        ("emails.value", false, ["Alice", "Bob", "Çelik"]),
        ("emails.value", true, ["Çelik", "Bob", "Alice"]),
        ("title", false, ["Bob", "Çelik", "Alice"]),
        ("title", true, ["Alice", "Çelik", "Bob"]),
        ("meta.created", true, ["Çelik", "Bob", "Alice"]),
    ] {
        let all = Query {
            sort: Some(by(name, descending)),
            ..query(ResourceKind::User, "")
        };
        let page = store.users(&tenant, &all, UserParts::default()).await.unwrap();
        assert_eq!(names(&page), expected, "{name} {descending}");
        assert_eq!(page.next, None);
        let mut from = Begin::Offset(0);
        let mut seen = Vec::new();
        loop {
            let one = Query { from, count: 1, total: false, ..all.clone() };
            let page = store.users(&tenant, &one, UserParts::default()).await.unwrap();
            seen.extend(names(&page));
            match page.next {
                Some(next) => from = Begin::Cursor(next),
                None => break,
            }
        }
        assert_eq!(seen, expected, "{name} {descending} by cursor");
    }
    let at_offset = |offset, count| Query {
        from: Begin::Offset(offset),
        count,
        ..query(ResourceKind::User, "")
    };
    let page = async |offset, count| {
        let page = store.users(&tenant, &at_offset(offset, count), WITH_GROUPS).await.unwrap();
        (names(&page), page.total)
    };
    assert_eq!(page(1, 1).await, (vec!["Bob".to_owned()], Some(3)));
    assert_eq!(page(0, 0).await, (vec![], Some(3)));
    assert_eq!(page(9, 5).await, (vec![], Some(3)));
}

pub(crate) async fn a_cursor_skips_nobody_when_others_go<S: Directory>(store: Arc<S>) {
    let actor = connect(&*store, "okta", None).await;
    let tenant = actor.connection.tenant();
    for number in 0..6 {
        make(
            &*store,
            &actor,
            &format!("u{number}"),
            person(&format!("user{number}")),
        )
        .await;
    }
    let two = Query { count: 2, ..query(ResourceKind::User, "") };
    let first = store.users(&tenant, &two, UserParts::default()).await.unwrap();
    for id in ["u0", "u1", "u2"] {
        done(store.delete_user(&actor, &UserId::new(id.into()), None, at(3)).await.unwrap());
    }
    let next = Query { from: Begin::Cursor(first.next.unwrap()), ..two };
    let second = store.users(&tenant, &next, UserParts::default()).await.unwrap();
    assert_eq!(names(&second), ["user3", "user4"]);
    assert_eq!(second.total, Some(3));
}

pub(crate) async fn people_of_logins_are_found_by_what_they_said<S: Directory>(store: Arc<S>) {
    let actor = connect(&*store, "okta", Some("corp")).await;
    let alice = sign_in(&*store, "alice").await;
    let find = async |filter: &str| found(&*store, &actor, filter).await;
    assert_eq!(find("").await, ["alice"]);
    assert_eq!(
        find("emails.value eq \"ALICE@example.com\"").await,
        ["alice"]
    );
    assert_eq!(find("department eq \"it\"").await, ["alice"]);
    assert_eq!(find("").await, ["alice"], "counted once");
    let mut moved = alice.clone();
    moved.profile.department = Some("Sales".into());
    moved.updated_at = at(5);
    let _ = store.update(&moved).await.unwrap();
    assert!(find("department eq \"it\"").await.is_empty());
    assert_eq!(find("department eq \"Sales\"").await, ["alice"]);
    let tenant = actor.connection.tenant();
    let read = store.user(&tenant, &alice.id, WITH_GROUPS).await.unwrap().unwrap();
    assert_eq!((read.version, read.changed_at), (2, at(5)));
    assert!(find("userName eq \"nobody\"").await.is_empty());
}

pub(crate) async fn a_connection_takes_over_the_people_of_its_idp<S: Directory>(store: Arc<S>) {
    sign_in(&*store, "alice").await;
    let none = connect(&*store, "other", None).await;
    assert!(found(&*store, &none, "").await.is_empty());
    let mut actor = connect(&*store, "okta", Some("corp")).await;
    assert_eq!(found(&*store, &actor, "").await, ["alice"]);
    let twice = store
        .create_connection(&connection("okta", None), &Operator::command(), at(1))
        .await
        .unwrap();
    assert_eq!(twice, ConnectionWritten::NameTaken);
    let again = store
        .create_connection(&connection("x", Some("corp")), &Operator::command(), at(1))
        .await
        .unwrap();
    assert_eq!(again, ConnectionWritten::IdpTaken);
    actor.connection.settings.strict = true;
    let updated = store
        .update_connection(&actor.connection, &Operator::command(), at(2))
        .await
        .unwrap();
    assert_eq!(updated, ConnectionWritten::Written);
    let unknown = store
        .update_connection(&connection("x", None), &Operator::command(), at(2))
        .await
        .unwrap();
    assert_eq!(unknown, ConnectionWritten::NotFound);
    assert_eq!(
        store.connections().await.unwrap(),
        [actor.connection, none.connection]
    );
}

pub(crate) async fn a_connection_is_removed_and_its_people_stay<S: Directory>(store: Arc<S>) {
    let actor = connect(&*store, "okta", Some("corp")).await;
    make(
        &*store,
        &actor,
        "a",
        json!({ "userName": "alice", "title": "Queen" }),
    )
    .await;
    make_group(&*store, &actor, "staff", &["a"]).await;
    let name = actor.connection.name.clone();
    assert_eq!(
        store.delete_connection(&name, &Operator::command(), at(2)).await.unwrap(),
        ConnectionWritten::Written
    );
    assert_eq!(
        store.delete_connection(&name, &Operator::command(), at(2)).await.unwrap(),
        ConnectionWritten::NotFound
    );
    let user = DirectoryStore::find(&*store, &UserId::new("a".into())).await.unwrap().unwrap();
    assert!(user.may_enter());
    let provisioned = store.provisioned(&user.id).await.unwrap().unwrap();
    assert!(provisioned.groups.is_empty());
    let actor = connect(&*store, "entra", Some("corp")).await;
    assert_eq!(
        found(&*store, &actor, "title eq \"queen\"").await,
        ["alice"]
    );
    assert_eq!(found(&*store, &actor, "").await, ["alice"]);
}

pub(crate) async fn groups_are_said_of_whoever_is_in_one_or_where_they_are_kept<S: Directory>(
    store: Arc<S>,
) {
    let actor = connect(&*store, "okta", None).await;
    let by = Operator::command();
    let [alice, bob, nobody] = ["alice", "bob", "nobody"].map(|id| UserId::new(id.to_owned()));
    make(&*store, &actor, "alice", person("alice")).await;
    make(&*store, &actor, "bob", person("bob")).await;
    let said = async |id: &UserId, seconds| store.says_groups(id, at(seconds)).await.unwrap();
    assert!(!said(&alice, 2).await, "there are none");
    let token = |id: &str, number, scopes, expires| ScimToken {
        id: id.into(),
        connection: actor.connection.name.clone(),
        hash: [number; 32],
        scopes,
        created_at: at(0),
        expires,
        last_used: None,
    };
    let all = Scopes::default();
    let people_alone = Scopes { groups: false, ..all };
    let reader = Scopes { read_only: true, ..all };
    for token in [
        token("t1", 1, people_alone, Some(at(100))),
        token("t2", 2, reader, Some(at(100))),
        token("t3", 3, all, Some(at(10))),
    ] {
        let written = store.create_token(&token, &by, at(1)).await.unwrap();
        assert_eq!(written, ConnectionWritten::Written);
    }
    assert!(!said(&alice, 2).await, "there are none yet");
    // Those of others are not theirs.
    let other = connect(&*store, "other", None).await;
    make_group(&*store, &other, "strangers", &[]).await;
    assert!(!said(&alice, 2).await);
    make_group(&*store, &actor, "staff", &["bob"]).await;
    for (id, seconds, expected) in [
        (&bob, 2, true),
        (&alice, 9, true),
        // Nobody keeps them any more …
        (&alice, 10, false),
        (&bob, 10, true),
        // … and here nobody changes anything any more.
        (&alice, 100, true),
        (&nobody, 2, false),
    ] {
        assert_eq!(said(id, seconds).await, expected, "{id:?} at {seconds}");
    }
}

pub(crate) async fn tokens_are_found_expire_and_are_revoked<S: Directory>(store: Arc<S>) {
    let actor = connect(&*store, "okta", None).await;
    let token = |id: &str, number| ScimToken {
        id: id.into(),
        connection: actor.connection.name.clone(),
        hash: [number; 32],
        scopes: Scopes { groups: false, ..Scopes::default() },
        created_at: at(i64::from(number)),
        expires: None,
        last_used: None,
    };
    for token in [token("t1", 1), token("t2", 2)] {
        let written = store.create_token(&token, &Operator::command(), at(1)).await.unwrap();
        assert_eq!(written, ConnectionWritten::Written);
    }
    let nobody = ConnectionName::parse("nobody").unwrap();
    let stray = ScimToken { connection: nobody, ..token("t3", 3) };
    let written = store.create_token(&stray, &Operator::command(), at(1)).await.unwrap();
    assert_eq!(written, ConnectionWritten::NotFound);
    let (first, connection) = store.find_token(&[1; 32]).await.unwrap().unwrap();
    assert_eq!((&first, &connection), (&token("t1", 1), &actor.connection));
    assert!(store.find_token(&[9; 32]).await.unwrap().is_none());
    store.note_use(&first, at(10)).await.unwrap();
    let used = store.find_token(&[1; 32]).await.unwrap().unwrap().0;
    store.note_use(&used, at(20)).await.unwrap();
    let used = store.find_token(&[1; 32]).await.unwrap().unwrap().0;
    assert_eq!(used.last_used, Some(at(10)), "noted once in a minute");
    assert!(store.expire_token("t1", at(100), &Operator::command(), at(20)).await.unwrap());
    assert!(store.expire_token("t1", at(200), &Operator::command(), at(20)).await.unwrap());
    let tokens = store.tokens(Some(&actor.connection.name)).await.unwrap();
    assert_eq!(
        tokens.iter().map(|token| token.expires).collect::<Vec<_>>(),
        [Some(at(100)), None]
    );
    assert!(store.revoke_token("t2", &Operator::command(), at(20)).await.unwrap());
    assert!(!store.revoke_token("t2", &Operator::command(), at(20)).await.unwrap());
    assert_eq!(store.tokens(None).await.unwrap().len(), 1);
}

pub(crate) async fn who_is_erased_is_nobody_and_the_audit_stays_whole<S: Directory>(store: Arc<S>) {
    let actor = connect(&*store, "okta", Some("corp")).await;
    make(
        &*store,
        &actor,
        "a",
        json!({ "userName": "alice", "externalId": "1" }),
    )
    .await;
    make_group(&*store, &actor, "staff", &["a"]).await;
    let id = UserId::new("a".into());
    open(&*store, 1, &id).await;
    assert_eq!(
        store.erase(std::slice::from_ref(&id), at(5)).await.unwrap().len(),
        1
    );
    assert!(!is_open(&*store, 1).await);
    assert!(found(&*store, &actor, "").await.is_empty());
    let user = DirectoryStore::find(&*store, &id).await.unwrap().unwrap();
    let entering = user.may_enter();
    assert_eq!(
        (&*user.user_name, user.external_id, entering),
        ("a", None, false)
    );
    assert!(store.look_up("alice", 10).await.unwrap().is_empty());
    assert_eq!(
        kinds(&*store).await.last().map(String::as_str),
        Some("user.erased")
    );
    let again = make(
        &*store,
        &actor,
        "b",
        json!({ "userName": "alice", "externalId": "1" }),
    )
    .await;
    assert_eq!(again.id.as_str(), "b", "nobody remembers");
}

pub(crate) async fn people_are_looked_up_across_tenants<S: Directory>(store: Arc<S>) {
    let (one, two) = (
        connect(&*store, "one", None).await,
        connect(&*store, "two", None).await,
    );
    let email = json!([{ "value": "alice@example.com" }]);
    let document = json!({ "userName": "alice", "emails": email });
    make(&*store, &one, "a", document.clone()).await;
    make(&*store, &two, "b", document).await;
    let ids = async |text: &str| -> Vec<String> {
        let found = store.look_up(text, 10).await.unwrap();
        found.iter().map(|record| record.user.id.as_str().to_owned()).collect()
    };
    assert_eq!(ids("a").await, ["a"]);
    assert_eq!(ids("ALICE").await, ["a", "b"]);
    assert_eq!(ids("alice@example.com").await, ["a", "b"]);
    assert_eq!(ids("ALICE@example.com").await, ["a", "b"]);
    assert!(ids("nobody").await.is_empty());
    let first = store.records(None, None, 1).await.unwrap();
    let rest = store.records(None, Some(first[0].number), 10).await.unwrap();
    assert_eq!((first.len(), rest.len()), (1, 1));
    let tenant = two.connection.tenant();
    assert_eq!(tenant, Tenant::stored("c:two".into()));
    assert_eq!(
        store.records(Some(&tenant), None, 10).await.unwrap().len(),
        1
    );
    make_group(&*store, &one, "Staff", &["a"]).await;
    make_group(&*store, &two, "staff", &[]).await;
    let groups = store.look_up_group("STAFF", 10).await.unwrap();
    assert_eq!(
        groups.iter().map(|group| group.members).collect::<Vec<_>>(),
        [1, 0]
    );
    let first = store.all_groups(None, None, 1).await.unwrap();
    let rest = store.all_groups(None, Some(first[0].number), 10).await.unwrap();
    assert_eq!((first[0].id.as_str(), rest.len()), ("g-Staff", 1));
    assert_eq!(store.look_up_group("g-staff", 10).await.unwrap().len(), 1);
    let members = People::members(&*store, &first[0].id, None, 10).await.unwrap();
    assert_eq!(members[0].1, Member::User(UserId::new("a".into())));
}

pub(crate) async fn a_name_is_held_by_who_signs_in_first<S: Directory>(store: Arc<S>) {
    let (one, two) = (
        connect(&*store, "one", Some("corp")).await,
        connect(&*store, "two", Some("other")).await,
    );
    make(&*store, &one, "a", person("alice")).await;
    make(&*store, &two, "b", person("Alice")).await;
    assert_eq!(store.find_holder("alice").await.unwrap(), None);
    let user = async |id: &str| {
        DirectoryStore::find(&*store, &UserId::new(id.into())).await.unwrap().unwrap()
    };
    let enter = async |id: &str| {
        let mut user = user(id).await;
        user.last_login_at = Some(at(9));
        store.update(&user).await.unwrap()
    };
    use crate::directory::{Changed, UniqueField};
    assert_eq!(enter("b").await, Changed::Changed);
    assert_eq!(enter("a").await, Changed::Taken(UniqueField::UserName));
    assert_eq!(
        store.find_holder("ALICE").await.unwrap().unwrap().id.as_str(),
        "b"
    );
    // A person of one connection is never found for the other's identity provider.
    let other = IdpName::parse("other").unwrap();
    let identifiers = Identifiers {
        idp: &other,
        name_id: None,
        external_id: None,
        user_name: "alice",
        email: None,
    };
    let found = store.find_any(identifiers).await.unwrap();
    assert_eq!(
        found.iter().map(|user| user.id.as_str()).collect::<Vec<_>>(),
        ["b"]
    );
    done(change(&*store, &two, "b", json!({ "userName": "bob" })).await);
    assert_eq!(
        store.find_holder("bob").await.unwrap().unwrap().id.as_str(),
        "b"
    );
    assert_eq!(enter("a").await, Changed::Changed);
    done(change(&*store, &two, "b", json!({ "userName": "alice" })).await);
    assert_eq!(
        store.find_holder("alice").await.unwrap().unwrap().id.as_str(),
        "a"
    );
    assert_eq!(user("b").await.user_name, "alice", "stored, and not held");
}

/// Also where one has several of what is looked for.
pub(crate) async fn who_was_on_a_page_is_not_on_the_next<S: Directory>(store: Arc<S>) {
    let okta = connect(&*store, "okta", None).await;
    for name in ["ann", "bob"] {
        let email = |place: u8| json!({ "value": format!("{name}{place}@x"), "type": "work" });
        let emails: Vec<_> = (0..5).map(email).collect();
        let several = json!({ "userName": name, "active": true, "emails": emails });
        make(&*store, &okta, name, several).await;
    }
    make_group(&*store, &okta, "staff", &["ann", "bob"]).await;
    let tenant = okta.connection.tenant();
    for filter in [
        "emails.type pr",
        "emails[type pr and value pr]",
        "not (title pr) and emails pr",
    ] {
        for (offset, wanted) in [(0, vec!["ann", "bob"]), (1, vec!["bob"]), (2, vec![])] {
            let from = Begin::Offset(offset);
            let query = Query { from, ..query(ResourceKind::User, filter) };
            let page = store.users(&tenant, &query, UserParts::default()).await.unwrap();
            assert_eq!(names(&page), wanted, "{filter}, from {offset}");
        }
    }
    let query = query(ResourceKind::Group, "members.type eq \"User\"");
    let query = Query { from: Begin::Offset(1), ..query };
    let page = store.groups(&tenant, &query, GroupParts::default()).await.unwrap();
    assert!(page.resources.is_empty());
}
