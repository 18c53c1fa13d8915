//! What every store does, whichever database it is. Run against each by its own tests.

mod directory;
mod erasure;
mod fetches;
mod links;
mod model;
mod requests;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;

use crate::audit::{AuditSink, Chain, Event, EventKind, LoginAttempt, LoginOutcome};
use crate::base::{ErrorCode, IdpName, ReturnTo, StoreError, Timestamp, UserId};
use crate::directory::{Changed, Created, DirectoryStore, Identifiers, Profile, UniqueField, User};
use crate::identity::{Identity, Person};
use crate::saml::accepted::{Claims, ValidAssertion};
use crate::saml::{OneUse, OneUseError, OneUseStore, PendingLogin, PendingStore, Taken, Wish};
use crate::session::{KeptStore, Login, LoginStore, Session, SessionStore, TokenHash, Written};
use crate::trust::{IdpStore, ImportedIdp, MetadataCopy, RefreshState, SeenKey, WaitingChange};

/// Everything that is asked of a database.
pub(crate) trait Store:
    OneUseStore
    + PendingStore
    + KeptStore
    + DirectoryStore
    + SessionStore
    + LoginStore
    + AuditSink
    + IdpStore
    + 'static
{
}

impl<T> Store for T where
    T: OneUseStore
        + PendingStore
        + KeptStore
        + DirectoryStore
        + SessionStore
        + LoginStore
        + AuditSink
        + IdpStore
        + 'static
{
}

/// Makes a test of each claim. `$open` gives something with a `store()`, which lives as long as
/// the test: a folder, a server. Or, after `together`, one test of all of them: `$open` then gives
/// a server with `empty(claim)`, a store for each.
macro_rules! run_suite {
    (@apart $open:expr; $($claim:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $claim() {
                let opened = $open;
                crate::store::suite::$claim(opened.store()).await;
            }
        )*
    };
    (@together $open:expr; $($claim:ident)*) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn what_every_store_does() {
            let server = $open;
            $(
                eprintln!("{}", stringify!($claim));
                let store = server.empty(stringify!($claim)).await;
                crate::store::suite::$claim(store.clone()).await;
                store.close().await;
            )*
        }
    };
    (@claims $how:ident $open:expr) => {
        crate::store::suite::run_suite! { @$how $open;
            an_assertion_is_accepted_once
            of_racing_claims_one_is_first
            a_pending_login_is_taken_once_and_by_its_browser
            a_pending_login_is_found_by_its_request_as_well
            a_pending_login_is_over_after_fifteen_minutes
            of_racing_answers_one_gets_the_login
            a_browser_keeps_its_five_newest_logins
            what_is_kept_is_taken_once
            of_racing_takers_one_takes
            a_person_is_found_by_each_identifier_exactly
            what_is_unique_is_taken_once
            a_link_is_one_person_of_two_identity_providers
            a_change_needs_the_revision_that_was_read
            people_are_listed_page_by_page
            a_session_is_found_as_it_was_opened
            an_ended_session_can_not_be_touched_back_to_life
            a_family_ends_together_and_none_joins_it_later
            sessions_are_found_by_name_id_and_session_index
            ended_sessions_are_told_to_who_asks
            sessions_due_to_end_are_neither_listed_nor_counted_nor_kept
            nobody_who_was_switched_off_gets_a_session
            a_login_is_written_as_a_whole
            a_login_that_can_not_be_is_not_written_in_part
            of_racing_logins_by_one_assertion_one_is_written
            of_logins_in_one_browser_at_once_one_session_is_left
            a_login_that_fails_takes_none_of_its_neighbours_with_it
            people_who_return_at_once_are_each_brought_up_to_date
            of_racing_logins_of_one_person_each_is_over_the_revision_it_read
            the_audit_is_one_chain
            events_that_race_are_chained_one_after_another
            a_login_attempt_is_found_by_its_reference
            an_imported_idp_changes_the_revision
            the_last_copy_of_metadata_is_kept
            what_waits_of_an_idp_is_kept
        }
    };
    (together $open:expr) => {
        crate::store::suite::run_suite! { @claims together $open }
    };
    ($open:expr) => {
        crate::store::suite::run_suite! { @claims apart $open }
    };
}
pub(crate) use directory::*;
pub(crate) use erasure::*;
pub(crate) use fetches::*;
pub(crate) use links::*;
pub(crate) use model::*;
pub(crate) use requests::*;
pub(crate) use run_suite;

const HOUR: Duration = Duration::from_secs(3600);

/// Seconds after some moment.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(1_795_000_000 + seconds)
}

fn corp() -> IdpName {
    IdpName::parse("corp").unwrap()
}

fn valid(issuer: &str, id: &str) -> ValidAssertion {
    ValidAssertion::for_test(Claims {
        issuer: issuer.into(),
        assertion_id: id.into(),
        expires: at(300),
        name_id: None,
        session_index: None,
        other_session_indexes: Vec::new(),
        authn_instant: at(0),
        authn_context: None,
        session_not_on_or_after: None,
        attributes: vec![],
    })
}

pub(crate) async fn an_assertion_is_accepted_once<S: Store>(store: Arc<S>) {
    let claim = async |issuer: &str, id: &str, now| {
        OneUse::claim(&*store, valid(issuer, id), now).await.map(|_| ())
    };
    let idp = "https://idp.example.com";
    assert_eq!(claim(idp, "_a", at(0)).await, Ok(()));
    let replayed = claim(idp, "_a", at(1)).await.unwrap_err();
    assert!(
        matches!(&replayed, OneUseError::Replayed { assertion_id, .. } if assertion_id == "_a")
    );
    assert_eq!(replayed.code(), ErrorCode::ProtoReplay);
    assert_eq!(
        claim(idp, "_A", at(1)).await,
        Ok(()),
        "IDs are compared exactly"
    );
    assert_eq!(
        claim("https://other.example.com", "_a", at(1)).await,
        Ok(())
    );
    let is_claimed = async |issuer, id| OneUseStore::is_claimed(&*store, issuer, id, at(2)).await;
    for (issuer, id, claimed) in [(idp, "_a", true), (idp, "_b", false), ("_a", idp, false)] {
        assert_eq!(
            is_claimed(issuer, id).await.unwrap(),
            claimed,
            "{issuer} {id}"
        );
    }
    // However long somebody makes them.
    let long = "_".repeat(3000);
    assert!(!is_claimed(idp, &long).await.unwrap());
    assert!(OneUseStore::claim(&*store, idp, &long, at(300), at(0)).await.unwrap());
    assert!(is_claimed(idp, &long).await.unwrap());
}

pub(crate) async fn of_racing_claims_one_is_first<S: Store>(store: Arc<S>) {
    let mut tasks = JoinSet::new();
    for _ in 0..16 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            OneUseStore::claim(&*store, "https://idp.example.com", "_a", at(300), at(0))
                .await
                .unwrap()
        });
    }
    assert_eq!(
        tasks.join_all().await.into_iter().filter(|first| *first).count(),
        1
    );
}

fn pending(request_id: &str, created_at: Timestamp) -> PendingLogin {
    PendingLogin {
        request_id: request_id.into(),
        idp: corp(),
        return_to: ReturnTo::from_stored("/reports?q=1").unwrap(),
        wish: Wish::read("urn:a urn:b", Some("minimum"), true).unwrap(),
        created_at,
    }
}

fn return_to() -> Option<ReturnTo> {
    ReturnTo::from_stored("/reports?q=1")
}

const HANDLE: [u8; 32] = [1; 32];
const BROWSER: [u8; 32] = [2; 32];
const OTHER: [u8; 32] = [3; 32];

pub(crate) async fn a_pending_login_is_taken_once_and_by_its_browser<S: Store>(store: Arc<S>) {
    PendingStore::keep(&*store, HANDLE, BROWSER, &pending("_r", at(0)), at(0))
        .await
        .unwrap();
    assert_eq!(
        PendingStore::take(&*store, [9; 32], BROWSER, at(1)).await.unwrap(),
        Taken::Unknown
    );
    assert_eq!(
        PendingStore::take(&*store, HANDLE, OTHER, at(1)).await.unwrap(),
        Taken::OtherBrowser
    );
    assert_eq!(
        PendingStore::take(&*store, HANDLE, BROWSER, at(1)).await.unwrap(),
        Taken::Login(pending("_r", at(0))),
        "another browser's attempt uses nothing up"
    );
    assert_eq!(
        PendingStore::take(&*store, HANDLE, BROWSER, at(2)).await.unwrap(),
        Taken::UsedOrExpired(return_to())
    );
    assert_eq!(
        PendingStore::take(&*store, HANDLE, OTHER, at(2)).await.unwrap(),
        Taken::OtherBrowser
    );
}

pub(crate) async fn a_pending_login_is_found_by_its_request_as_well<S: Store>(store: Arc<S>) {
    PendingStore::keep(&*store, HANDLE, BROWSER, &pending("_r", at(0)), at(0))
        .await
        .unwrap();
    let by_request =
        async |id: &str, browser| store.take_by_request(id, browser, at(1)).await.unwrap();
    assert_eq!(by_request("_other", BROWSER).await, Taken::Unknown);
    assert_eq!(by_request("_r", OTHER).await, Taken::OtherBrowser);
    assert_eq!(
        by_request("_r", BROWSER).await,
        Taken::Login(pending("_r", at(0)))
    );
    assert_eq!(
        by_request("_r", BROWSER).await,
        Taken::UsedOrExpired(return_to())
    );
    assert_eq!(
        PendingStore::take(&*store, HANDLE, BROWSER, at(1)).await.unwrap(),
        Taken::UsedOrExpired(return_to()),
        "used up both ways"
    );
}

pub(crate) async fn a_pending_login_is_over_after_fifteen_minutes<S: Store>(store: Arc<S>) {
    PendingStore::keep(&*store, HANDLE, BROWSER, &pending("_r", at(0)), at(0))
        .await
        .unwrap();
    let late = PendingStore::take(&*store, HANDLE, BROWSER, at(900)).await.unwrap();
    assert_eq!(late, Taken::UsedOrExpired(return_to()));
    let in_time = PendingStore::take(&*store, HANDLE, BROWSER, at(899)).await.unwrap();
    assert!(matches!(in_time, Taken::Login(_)), "{in_time:?}");
}

pub(crate) async fn of_racing_answers_one_gets_the_login<S: Store>(store: Arc<S>) {
    PendingStore::keep(&*store, HANDLE, BROWSER, &pending("_r", at(0)), at(0))
        .await
        .unwrap();
    let mut tasks = JoinSet::new();
    for number in 0..16 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            if number % 2 == 0 {
                PendingStore::take(&*store, HANDLE, BROWSER, at(1)).await.unwrap()
            } else {
                store.take_by_request("_r", BROWSER, at(1)).await.unwrap()
            }
        });
    }
    let taken = tasks.join_all().await;
    assert_eq!(
        taken.iter().filter(|taken| matches!(taken, Taken::Login(_))).count(),
        1
    );
    let rest = taken.iter().filter(|taken| matches!(taken, Taken::UsedOrExpired(Some(_))));
    assert_eq!(rest.count(), 15);
}

pub(crate) async fn a_browser_keeps_its_five_newest_logins<S: Store>(store: Arc<S>) {
    let other = pending("_other", at(0));
    PendingStore::keep(&*store, [100; 32], OTHER, &other, at(0)).await.unwrap();
    for number in 0..7_u8 {
        let login = pending(&format!("_r{number}"), at(i64::from(number)));
        PendingStore::keep(&*store, [number; 32], BROWSER, &login, login.created_at)
            .await
            .unwrap();
    }
    for number in 0..7_u8 {
        let taken = PendingStore::take(&*store, [number; 32], BROWSER, at(10)).await.unwrap();
        assert_eq!(
            matches!(taken, Taken::Login(_)),
            number >= 2,
            "{number}: {taken:?}"
        );
    }
    let taken = PendingStore::take(&*store, [100; 32], OTHER, at(10)).await.unwrap();
    assert_eq!(
        taken,
        Taken::Login(other),
        "another browser's are not counted"
    );
}

pub(crate) async fn what_is_kept_is_taken_once<S: Store>(store: Arc<S>) {
    let kept: &dyn KeptStore = &*store;
    let value = (0..=255).collect::<Vec<u8>>();
    kept.keep([1; 32], &value, at(60)).await.unwrap();
    kept.keep([2; 32], b"", at(60)).await.unwrap();
    assert!(kept.keep([1; 32], b"other", at(60)).await.is_err());
    assert_eq!(kept.take(&[3; 32], at(1)).await.unwrap(), None);
    assert_eq!(kept.take(&[1; 32], at(59)).await.unwrap(), Some(value));
    assert_eq!(kept.take(&[1; 32], at(59)).await.unwrap(), None);
    assert_eq!(kept.take(&[2; 32], at(60)).await.unwrap(), None, "too late");
    assert_eq!(
        kept.take(&[2; 32], at(1)).await.unwrap(),
        None,
        "and used up"
    );
}

pub(crate) async fn of_racing_takers_one_takes<S: Store>(store: Arc<S>) {
    KeptStore::keep(&*store, [1; 32], b"form", at(60)).await.unwrap();
    let mut tasks = JoinSet::new();
    for _ in 0..16 {
        let store = Arc::clone(&store);
        tasks.spawn(async move { KeptStore::take(&*store, &[1; 32], at(1)).await.unwrap() });
    }
    let taken = tasks.join_all().await;
    assert_eq!(taken.iter().flatten().count(), 1);
}

/// Alice, who belongs to `corp`.
fn alice() -> User {
    User {
        id: UserId::new("id-of-alice".into()),
        user_name: "alice".into(),
        external_id: Some("e1".into()),
        idp: Some(corp()),
        name_id: Some("_p1".into()),
        profile: Profile {
            email: Some("alice@example.com".into()),
            groups: vec!["staff".into(), "Ümläut, \"quoted\"".into()],
            ..Profile::default()
        },
        active: true,
        locked: false,
        managed: false,
        created_at: at(0),
        updated_at: at(1),
        last_login_at: Some(at(2)),
        revision: 1,
    }
}

/// Somebody who shares nothing with Alice but the identity provider.
fn named(user_name: &str) -> User {
    User {
        id: UserId::new(format!("id-of-{user_name}")),
        user_name: user_name.into(),
        external_id: None,
        name_id: None,
        profile: Profile::default(),
        ..alice()
    }
}

async fn create<S: Store>(store: &S, user: &User) {
    assert_eq!(store.create(user).await.unwrap(), Created::Created);
}

pub(crate) async fn a_person_is_found_by_each_identifier_exactly<S: Store>(store: Arc<S>) {
    let alice = alice();
    create(&*store, &alice).await;
    create(&*store, &named("bob")).await;
    let (own, other) = (corp(), IdpName::parse("other").unwrap());
    let directory: &dyn DirectoryStore = &*store;
    assert_eq!(
        directory.find(&alice.id).await.unwrap().as_ref(),
        Some(&alice)
    );
    let by_name = async |name: &str| directory.find_by_user_name(name).await.unwrap();
    assert_eq!(by_name("alice").await.as_ref(), Some(&alice));
    for name in ["Alice", "alice ", "alic_", "alice\0", ""] {
        assert_eq!(by_name(name).await, None, "{name:?}");
    }
    let by_external =
        async |idp: &IdpName, id: &str| directory.find_by_external_id(idp, id).await.unwrap();
    assert_eq!(by_external(&own, "e1").await.as_ref(), Some(&alice));
    assert_eq!(by_external(&own, "E1").await, None);
    assert_eq!(
        by_external(&other, "e1").await,
        None,
        "another identity provider's"
    );
    let by_name_id =
        async |idp: &IdpName, id: &str| directory.find_by_name_id(idp, id).await.unwrap();
    assert_eq!(by_name_id(&own, "_p1").await.as_ref(), Some(&alice));
    assert_eq!(by_name_id(&other, "_p1").await, None);
    let by_email = directory.find_by_email("alice@example.com").await.unwrap();
    assert_eq!(by_email, std::slice::from_ref(&alice));
    assert!(directory.find_by_email("Alice@example.com").await.unwrap().is_empty());
    for name in ["carol", "dave"] {
        create(
            &*store,
            &User { profile: alice.profile.clone(), ..named(name) },
        )
        .await;
    }
    assert_eq!(
        directory.find_by_email("alice@example.com").await.unwrap().len(),
        2
    );
    // Somebody else's is found in any letters.
    let also = User { idp: Some(other.clone()), ..named("eve") };
    let profile = Profile { email: Some("Eve@Example.com".into()), ..Profile::default() };
    create(&*store, &User { profile, ..also }).await;
    let address = async |idp: &IdpName, email: &str| {
        let identifiers = Identifiers {
            idp,
            name_id: None,
            external_id: None,
            user_name: "",
            email: Some(email),
        };
        let found = directory.find_any(identifiers).await.unwrap();
        found.into_iter().map(|user| user.user_name).collect::<BTreeSet<_>>()
    };
    let eve = BTreeSet::from(["eve".to_owned()]);
    for email in ["eve@example.com", "EVE@EXAMPLE.COM", "Eve@Example.com"] {
        assert_eq!(address(&own, email).await, eve, "{email}");
    }
    assert_eq!(address(&other, "Eve@Example.com").await, eve);
    for email in [
        "eve@example.com",
        "_ve@Example.com",
        "\u{c9}ve@Example.com",
        "",
    ] {
        assert!(address(&other, email).await.is_empty(), "{email}");
    }
    assert!(address(&own, "_ve@example.com").await.is_empty());
    // Two that have it verbatim, of the others one.
    assert_eq!(address(&own, "alice@example.com").await.len(), 2);
    assert_eq!(address(&other, "alice@example.com").await.len(), 2);
    assert_eq!(address(&other, "ALICE@example.com").await.len(), 1);
    // Who belongs to nobody is found for everybody, after who belongs to the one that asks.
    let unbound = User { idp: None, external_id: Some("e1".into()), ..named("erin") };
    create(&*store, &unbound).await;
    assert_eq!(by_external(&other, "e1").await, Some(unbound));
    assert_eq!(by_external(&own, "e1").await, Some(alice));
}

pub(crate) async fn what_is_unique_is_taken_once<S: Store>(store: Arc<S>) {
    create(&*store, &alice()).await;
    let taken = async |user: User| store.create(&user).await.unwrap();
    let user_name = User { user_name: "alice".into(), ..named("bob") };
    assert_eq!(
        taken(user_name).await,
        Created::Taken(UniqueField::UserName)
    );
    let external_id = User { external_id: Some("e1".into()), ..named("bob") };
    assert_eq!(
        taken(external_id.clone()).await,
        Created::Taken(UniqueField::ExternalId)
    );
    let name_id = User { name_id: Some("_p1".into()), ..named("bob") };
    assert_eq!(taken(name_id).await, Created::Taken(UniqueField::NameId));
    let unbound = User { idp: None, ..external_id.clone() };
    assert_eq!(taken(unbound.clone()).await, Created::Created);
    let second = User {
        id: UserId::new("x".into()),
        user_name: "x".into(),
        ..unbound.clone()
    };
    assert_eq!(taken(second).await, Created::Taken(UniqueField::ExternalId));
    // Linking them to corp would make two people of one externalId.
    let linked = store.update(&external_id).await.unwrap();
    assert_eq!(linked, Changed::Taken(UniqueField::ExternalId));
    let renamed = store.update(&User { user_name: "alice".into(), ..unbound }).await.unwrap();
    assert_eq!(renamed, Changed::Taken(UniqueField::UserName));
}

pub(crate) async fn a_change_needs_the_revision_that_was_read<S: Store>(store: Arc<S>) {
    let read = alice();
    create(&*store, &read).await;
    let changed = User { user_name: "alice.liddell".into(), idp: None, ..read.clone() };
    assert_eq!(store.update(&changed).await.unwrap(), Changed::Changed);
    let stored = DirectoryStore::find(&*store, &read.id).await.unwrap().unwrap();
    assert_eq!(stored, User { revision: 2, ..changed });
    assert_eq!(store.update(&read).await.unwrap(), Changed::Stale);
    // A login that began before somebody was switched off does not switch them on again.
    assert!(store.set_active(&read.id, false, at(9)).await.unwrap());
    assert_eq!(store.update(&stored).await.unwrap(), Changed::Stale);
    let stored = DirectoryStore::find(&*store, &read.id).await.unwrap().unwrap();
    assert_eq!(
        (stored.active, stored.revision, stored.updated_at),
        (false, 3, at(9))
    );
    assert_eq!(
        store.update(&named("nobody")).await.unwrap(),
        Changed::Stale
    );
    assert!(!store.set_active(&UserId::new("nobody".into()), false, at(9)).await.unwrap());
}

pub(crate) async fn people_are_listed_page_by_page<S: Store>(store: Arc<S>) {
    for name in ["carol", "alice", "Zoe", "bob"] {
        create(&*store, &named(name)).await;
    }
    let page = async |after: Option<&str>| -> Vec<String> {
        let users = DirectoryStore::list(&*store, 3, after).await.unwrap();
        users.into_iter().map(|user| user.user_name).collect()
    };
    assert_eq!(page(None).await, ["Zoe", "alice", "bob"]);
    assert_eq!(page(Some("bob")).await, ["carol"]);
    assert!(page(Some("carol")).await.is_empty());
}

fn session(number: u8, user_name: &str, opened_at: Timestamp) -> Session {
    Session::new(
        format!("sid-{number}"),
        TokenHash([number; 32]),
        Identity::for_test(user_name, at(0)),
        Some(BROWSER),
        opened_at,
        opened_at.plus(HOUR * 12),
        opened_at,
    )
}

async fn open<S: Store>(store: &S, number: u8, user_name: &str, opened_at: Timestamp) {
    store.insert(&session(number, user_name, opened_at)).await.unwrap();
}

async fn seen<S: Store>(store: &S, number: u8) -> Option<Timestamp> {
    let found = SessionStore::find(store, &TokenHash([number; 32])).await.unwrap();
    found.map(|session| session.last_seen())
}

pub(crate) async fn a_session_is_found_as_it_was_opened<S: Store>(store: Arc<S>) {
    open(&*store, 1, "alice", at(0)).await;
    let found = SessionStore::find(&*store, &TokenHash([1; 32])).await.unwrap().unwrap();
    let opened = session(1, "alice", at(0));
    assert_eq!(
        (&found.sid, found.hash, found.browser),
        (&opened.sid, opened.hash, opened.browser)
    );
    assert_eq!(found.identity, opened.identity);
    assert_eq!(
        (found.opened_at, found.not_after),
        (opened.opened_at, opened.not_after)
    );
    assert_eq!(found.last_seen(), at(0));
    assert_eq!(seen(&*store, 2).await, None);
    open(&*store, 2, "alice", at(5)).await;
    let newest = store.newest_of_browser(&BROWSER).await.unwrap().unwrap();
    assert_eq!(newest.sid, "sid-2");
    assert!(store.newest_of_browser(&OTHER).await.unwrap().is_none());
}

pub(crate) async fn an_ended_session_can_not_be_touched_back_to_life<S: Store>(store: Arc<S>) {
    open(&*store, 1, "alice", at(0)).await;
    open(&*store, 2, "bob", at(0)).await;
    let touch = [(TokenHash([1; 32]), at(60)), (TokenHash([2; 32]), at(60))];
    assert!(store.end(&TokenHash([1; 32]), at(30)).await.unwrap());
    store.touch(&touch).await.unwrap();
    assert_eq!(seen(&*store, 1).await, None);
    assert_eq!(seen(&*store, 2).await, Some(at(60)));
    store.touch(&[(TokenHash([2; 32]), at(50))]).await.unwrap();
    assert_eq!(
        seen(&*store, 2).await,
        Some(at(60)),
        "time does not go back"
    );
    assert!(!store.end(&TokenHash([1; 32]), at(31)).await.unwrap());
}

pub(crate) async fn a_family_ends_together_and_none_joins_it_later<S: Store>(store: Arc<S>) {
    let child = |number: u8| {
        let host = Some("wiki.example.com".to_owned());
        let mut child = session(number, "alice", at(1)).at_host(host);
        (child.sid, child.browser) = ("sid-1".to_owned(), None);
        child
    };
    open(&*store, 1, "alice", at(0)).await;
    open(&*store, 9, "alice", at(0)).await;
    assert!(store.hand_over(&TokenHash([1; 32]), &child(2)).await.unwrap());
    assert!(store.hand_over(&TokenHash([2; 32]), &child(3)).await.unwrap());
    let found = SessionStore::find(&*store, &TokenHash([2; 32])).await.unwrap().unwrap();
    assert_eq!(found.host.as_deref(), Some("wiki.example.com"));
    assert_eq!((&*found.sid, found.browser), ("sid-1", None));
    assert!(
        store.end(&TokenHash([3; 32]), at(2)).await.unwrap(),
        "alone"
    );
    assert_eq!(seen(&*store, 1).await, Some(at(0)));
    let mut ended = store.end_family("sid-1", at(2)).await.unwrap();
    ended.sort_by_key(|hash| hash.0);
    assert_eq!(ended, [TokenHash([1; 32]), TokenHash([2; 32])]);
    assert!(store.end_family("sid-1", at(2)).await.unwrap().is_empty());
    assert!(!store.hand_over(&TokenHash([1; 32]), &child(4)).await.unwrap());
    assert_eq!(seen(&*store, 4).await, None);
    assert_eq!(seen(&*store, 9).await, Some(at(0)), "another login");
    let told = store.ended_after(Some(0)).await.unwrap();
    assert_eq!(told.hashes.len(), 3);
}

pub(crate) async fn sessions_are_found_by_name_id_and_session_index<S: Store>(store: Arc<S>) {
    let named = |number: u8, name_id: Option<&str>, index: Option<&str>| {
        let mut session = session(number, "alice", at(0));
        session.identity.session_index = index.map(str::to_owned);
        session.identity.name_id = session.identity.name_id.filter(|_| name_id.is_some());
        if let (Some(found), Some(value)) = (&mut session.identity.name_id, name_id) {
            found.value = value.to_owned();
        }
        session
    };
    for session in [
        named(1, Some("a"), Some("_1")),
        named(2, Some("a"), Some("_2")),
        named(3, Some("a"), None),
        named(4, Some("b"), Some("_1")),
        named(5, None, Some("_1")),
    ] {
        store.insert(&session).await.unwrap();
    }
    let find = async |idp: &str, name_id: &str, indexes: &[&str]| -> Vec<u8> {
        let indexes: Vec<_> = indexes.iter().map(|index| (*index).to_owned()).collect();
        let found = store.find_named(idp, name_id, &indexes).await.unwrap();
        let mut found: Vec<_> = found.iter().map(|session| session.hash.0[0]).collect();
        found.sort_unstable();
        found
    };
    let idp = "https://idp.example.com";
    assert_eq!(find(idp, "a", &[]).await, [1, 2, 3]);
    assert_eq!(find(idp, "a", &["_1", "_9"]).await, [1]);
    assert_eq!(find(idp, "a", &["_1", "_2"]).await, [1, 2]);
    assert_eq!(find(idp, "b", &[]).await, [4]);
    assert!(find(idp, "A", &[]).await.is_empty());
    assert!(find("https://other.example.com", "a", &[]).await.is_empty());
    store.end(&TokenHash([1; 32]), at(1)).await.unwrap();
    assert_eq!(find(idp, "a", &[]).await, [2, 3]);
}

/// A login of somebody new, by the assertion `_ID`.
pub(crate) struct Entering {
    id: String,
    person: Person,
    session: Session,
}

impl Entering {
    /// By another assertion.
    pub(crate) fn with_id(id: &str, number: u8, user_name: &str) -> Self {
        Self { id: id.to_owned(), ..Self::new(number, user_name) }
    }

    pub(crate) fn new(number: u8, user_name: &str) -> Self {
        let session = session(number, user_name, at(0));
        let person = Person::New(User { id: session.identity.user.clone(), ..named(user_name) });
        Self { id: format!("_{number}"), person, session }
    }

    pub(crate) async fn log_in<S: LoginStore>(&self, store: &S) -> Result<Written, StoreError> {
        let event = |kind| Event {
            detail: json!({ "sid": self.session.sid }),
            ..Event::new(kind)
        };
        let login = Login {
            issuer: "https://idp.example.com",
            assertion_id: &self.id,
            expires: at(300),
            person: &self.person,
            session: &self.session,
            attempt: LoginAttempt {
                reference: self.session.sid.clone(),
                at: at(0),
                idp: Some(corp()),
                outcome: LoginOutcome::Accepted,
                user: None,
                request_id: None,
                detail: json!({}),
            },
            accepted: event(EventKind::LoginAccepted),
            created: matches!(self.person, Person::New(_)).then(|| event(EventKind::UserCreated)),
        };
        store.log_in(&login, at(0)).await
    }

    /// Which of its rows are there: one use, person, session, attempt.
    async fn rows<S: Store>(&self, store: &S) -> [bool; 4] {
        let (Person::New(user) | Person::Known(user)) = &self.person;
        let issuer = "https://idp.example.com";
        [
            !OneUseStore::claim(store, issuer, &self.id, at(300), at(0)).await.unwrap(),
            DirectoryStore::find(store, &user.id).await.unwrap().is_some(),
            SessionStore::find(store, &self.session.hash).await.unwrap().is_some(),
            store.attempt(&self.session.sid).await.unwrap().is_some(),
        ]
    }
}

async fn events<S: Store>(store: &S) -> i64 {
    match store.verify().await.unwrap() {
        Chain::Whole { events, .. } => events,
        Chain::Broken { sequence } => panic!("broken at {sequence}"),
    }
}

const DONE: Written = Written::Done { replaced: None };

pub(crate) async fn a_login_is_written_as_a_whole<S: Store>(store: Arc<S>) {
    let first = Entering::new(1, "alice");
    assert_eq!(first.log_in(&*store).await.unwrap(), DONE);
    assert_eq!(first.rows(&*store).await, [true; 4]);
    assert_eq!(events(&*store).await, 2, "came in, was created");
    // The same person in the same browser.
    let (Person::New(user) | Person::Known(user)) = first.person;
    let again = Entering { person: Person::Known(user), ..Entering::new(2, "alice") };
    let replaced = Some(TokenHash([1; 32]));
    assert_eq!(
        again.log_in(&*store).await.unwrap(),
        Written::Done { replaced }
    );
    assert_eq!(again.rows(&*store).await, [true; 4]);
    assert_eq!(seen(&*store, 1).await, None);
    assert_eq!(events(&*store).await, 3);
    let told = store.ended_after(Some(0)).await.unwrap();
    assert_eq!(told.hashes, [TokenHash([1; 32])]);
}

pub(crate) async fn a_login_that_can_not_be_is_not_written_in_part<S: Store>(store: Arc<S>) {
    assert_eq!(
        Entering::new(1, "alice").log_in(&*store).await.unwrap(),
        DONE
    );
    let refused = |written| written != DONE;
    let replayed = Entering { id: "_1".into(), ..Entering::new(2, "bob") };
    assert_eq!(replayed.log_in(&*store).await.unwrap(), Written::Replayed);
    assert_eq!(replayed.rows(&*store).await, [true, false, false, false]);

    let mut taken = Entering::new(3, "carol");
    taken.person = Person::New(User { id: UserId::new("other".into()), ..named("alice") });
    assert_eq!(
        taken.log_in(&*store).await.unwrap(),
        Written::Taken(UniqueField::UserName)
    );
    let stale = Entering {
        person: Person::Known(User { revision: 9, ..named("alice") }),
        ..Entering::new(4, "alice")
    };
    assert_eq!(stale.log_in(&*store).await.unwrap(), Written::Stale);
    let off = Entering::new(5, "dave");
    let off = Entering {
        person: match off.person {
            Person::New(user) | Person::Known(user) => Person::New(User { active: false, ..user }),
        },
        ..off
    };
    assert!(refused(off.log_in(&*store).await.unwrap()));
    assert_eq!(events(&*store).await, 2, "alice alone");
    assert_eq!(
        seen(&*store, 1).await,
        Some(at(0)),
        "and her session goes on"
    );
    assert!(!taken.rows(&*store).await[0], "not used up");
    assert_eq!(stale.rows(&*store).await, [false, true, false, false]);
    assert_eq!(off.rows(&*store).await, [false; 4]);
}

pub(crate) async fn of_racing_logins_by_one_assertion_one_is_written<S: Store>(store: Arc<S>) {
    let mut tasks = JoinSet::new();
    for number in 0..50_u8 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let entering = Entering {
                id: "_a".into(),
                ..Entering::new(number, &format!("u{number}"))
            };
            entering.log_in(&*store).await.unwrap()
        });
    }
    let written = tasks.join_all().await;
    assert_eq!(
        written.iter().filter(|written| **written == DONE).count(),
        1
    );
    let replayed = written.iter().filter(|written| **written == Written::Replayed);
    assert_eq!(replayed.count(), 49);
    assert_eq!(
        DirectoryStore::list(&*store, 100, None).await.unwrap().len(),
        1
    );
    assert_eq!(events(&*store).await, 2);
}

pub(crate) async fn of_logins_in_one_browser_at_once_one_session_is_left<S: Store>(store: Arc<S>) {
    let mut tasks = JoinSet::new();
    for number in 0..40_u8 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let mut entering = Entering::new(number, &format!("u{number}"));
            entering.session.browser = Some([number % 2; 32]);
            match entering.log_in(&*store).await.unwrap() {
                Written::Done { replaced } => replaced,
                other => panic!("{other:?}"),
            }
        });
    }
    let replaced: std::collections::HashSet<_> =
        tasks.join_all().await.into_iter().flatten().map(|hash| hash.0).collect();
    assert_eq!(replaced.len(), 38, "each by one");
    let left = SessionStore::list(&*store, None, Duration::from_secs(60), 100, at(0)).await;
    assert_eq!(left.unwrap().len(), 2);
}

pub(crate) async fn a_login_that_fails_takes_none_of_its_neighbours_with_it<S: Store>(
    store: Arc<S>,
) {
    let mut tasks = JoinSet::new();
    for number in 0..60_u8 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let mut entering = Entering::new(number, &format!("u{number}"));
            entering.session.browser = None;
            if number % 3 == 0 {
                // Changed meanwhile; the session can not be written, and it is the fifth statement.
                entering.person = Person::Known(named("nobody"));
            }
            let written = entering.log_in(&*store).await.unwrap();
            let expected = if number % 3 == 0 {
                Written::Stale
            } else {
                DONE
            };
            assert_eq!(written, expected, "{number}");
            assert_eq!(
                entering.rows(&*store).await,
                [number % 3 != 0; 4],
                "{number}"
            );
        });
    }
    tasks.join_all().await;
    assert_eq!(events(&*store).await, 80);
}

pub(crate) async fn people_who_return_at_once_are_each_brought_up_to_date<S: Store>(store: Arc<S>) {
    let mut tasks = JoinSet::new();
    for number in 0..50_u8 {
        let user = named(&format!("u{number}"));
        create(&*store, &user).await;
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            // Every second one has married.
            let user_name = if number % 2 == 0 {
                format!("u{number}-new")
            } else {
                user.user_name.clone()
            };
            let mut entering = Entering::new(number, &user.user_name);
            entering.session.browser = None;
            entering.person = Person::Known(User {
                user_name: user_name.clone(),
                last_login_at: Some(at(i64::from(number))),
                ..user.clone()
            });
            assert_eq!(entering.log_in(&*store).await.unwrap(), DONE);
            let found = DirectoryStore::find(&*store, &user.id).await.unwrap().unwrap();
            assert_eq!((found.user_name, found.revision), (user_name, 2));
            assert_eq!(found.last_login_at, Some(at(i64::from(number))));
            assert_eq!(seen(&*store, number).await, Some(at(0)));
        });
    }
    tasks.join_all().await;
    assert_eq!(events(&*store).await, 50);
}

pub(crate) async fn of_racing_logins_of_one_person_each_is_over_the_revision_it_read<S: Store>(
    store: Arc<S>,
) {
    create(&*store, &named("alice")).await;
    let mut tasks = JoinSet::new();
    for number in 0..40_u8 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let mut entering = Entering::new(number, "alice");
            entering.session.browser = None;
            entering.person = Person::Known(named("alice"));
            entering.log_in(&*store).await.unwrap()
        });
    }
    let written = tasks.join_all().await;
    let done = written.iter().filter(|written| **written == DONE);
    assert_eq!(done.count(), 1);
    let stale = written.iter().filter(|written| **written == Written::Stale);
    assert_eq!(stale.count(), 39);
    assert_eq!(events(&*store).await, 1);
}

pub(crate) async fn ended_sessions_are_told_to_who_asks<S: Store>(store: Arc<S>) {
    for (number, name) in [(1, "alice"), (2, "alice"), (3, "bob"), (4, "carol")] {
        open(&*store, number, name, at(0)).await;
    }
    store.end(&TokenHash([4; 32]), at(1)).await.unwrap();
    let first = store.ended_after(None).await.unwrap();
    assert!(first.hashes.is_empty());
    let alice = Identity::for_test("alice", at(0)).user;
    let mut ended = store.end_user(&alice, at(2)).await.unwrap();
    ended.sort_by_key(|hash| hash.0);
    assert_eq!(ended, [TokenHash([1; 32]), TokenHash([2; 32])]);
    let second = store.ended_after(Some(first.mark)).await.unwrap();
    assert_eq!(second.hashes.len(), 2);
    assert_eq!(store.end_all(at(3)).await.unwrap(), 1);
    let third = store.ended_after(Some(second.mark)).await.unwrap();
    assert_eq!(third.hashes, [TokenHash([3; 32])]);
    let fourth = store.ended_after(Some(third.mark)).await.unwrap();
    assert_eq!((fourth.mark, fourth.hashes.len()), (third.mark, 0));
    assert_eq!(store.ended_after(None).await.unwrap().mark, third.mark);
}

pub(crate) async fn sessions_due_to_end_are_neither_listed_nor_counted_nor_kept<S: Store>(
    store: Arc<S>,
) {
    open(&*store, 1, "alice", at(0)).await;
    open(&*store, 2, "alice", at(1)).await;
    open(&*store, 3, "bob", at(2)).await;
    store.touch(&[(TokenHash([3; 32]), at(3000))]).await.unwrap();
    let sids = async |user: Option<&UserId>, now| -> Vec<String> {
        let sessions = SessionStore::list(&*store, user, HOUR, 10, now).await.unwrap();
        sessions.into_iter().map(|session| session.sid).collect()
    };
    let alice = Identity::for_test("alice", at(0)).user;
    assert_eq!(sids(None, at(10)).await, ["sid-3", "sid-2", "sid-1"]);
    assert_eq!(sids(Some(&alice), at(10)).await, ["sid-2", "sid-1"]);
    assert_eq!(sids(Some(&alice), at(3600)).await, ["sid-2"]);
    assert_eq!(store.count(HOUR, at(3600)).await.unwrap(), 2);
    let swept = SessionStore::sweep(&*store, HOUR, at(3601)).await.unwrap();
    assert_eq!((swept.idle, swept.lifetime), (2, 0));
    assert_eq!(seen(&*store, 3).await, Some(at(3000)));
    let swept = SessionStore::sweep(&*store, HOUR * 100, at(2 + 12 * 3600)).await.unwrap();
    assert_eq!((swept.idle, swept.lifetime), (0, 1));
}

pub(crate) async fn nobody_who_was_switched_off_gets_a_session<S: Store>(store: Arc<S>) {
    create(&*store, &alice()).await;
    open(&*store, 1, "alice", at(0)).await;
    store.set_active(&alice().id, false, at(1)).await.unwrap();
    assert!(store.insert(&session(2, "alice", at(2))).await.is_err());
    assert_eq!(seen(&*store, 2).await, None);
}

async fn record<S: Store>(store: &S, kind: EventKind, now: Timestamp) {
    let event = Event {
        code: (kind == EventKind::LoginRefused).then_some(ErrorCode::ProtoReplay),
        detail: json!({ "z": 1, "a": ["\u{2028}", null] }),
        user: Some(alice().id),
        ..Event::new(kind)
    };
    AuditSink::record(store, &event, now).await.unwrap();
}

pub(crate) async fn the_audit_is_one_chain<S: Store>(store: Arc<S>) {
    let whole = |events, head| Chain::Whole { events, head, pruned: 0, erased: 0 };
    assert_eq!(store.verify().await.unwrap(), whole(0, [0; 32]));
    record(&*store, EventKind::ServerStarted, at(0)).await;
    record(&*store, EventKind::LoginRefused, at(1)).await;
    record(&*store, EventKind::LoginAccepted, at(2)).await;
    let events = store.events(at(1), 0, 10).await.unwrap();
    let sequences: Vec<i64> = events.iter().map(|event| event.sequence).collect();
    assert_eq!(sequences, [2, 3]);
    let refused: serde_json::Value = serde_json::from_str(&events[0].line()).unwrap();
    assert_eq!(refused["code"], "proto.replay");
    assert_eq!(refused["type"], "login.refused");
    assert_eq!(refused["sequence"], 2);
    assert!(!events[0].line().contains('\n'));
    let whole = whole(3, events[1].hash);
    assert_eq!(store.verify().await.unwrap(), whole);
    assert_eq!(store.events(at(0), 2, 10).await.unwrap().len(), 1);
    assert_eq!(store.events(at(0), 0, 1).await.unwrap().len(), 1);
}

pub(crate) async fn events_that_race_are_chained_one_after_another<S: Store>(store: Arc<S>) {
    let mut tasks = JoinSet::new();
    for number in 0..16 {
        let store = Arc::clone(&store);
        tasks.spawn(async move { record(&*store, EventKind::LoginAccepted, at(number)).await });
    }
    tasks.join_all().await;
    let verified = store.verify().await.unwrap();
    assert!(
        matches!(verified, Chain::Whole { events: 16, .. }),
        "{verified:?}"
    );
}

pub(crate) async fn a_login_attempt_is_found_by_its_reference<S: Store>(store: Arc<S>) {
    let refused = LoginAttempt {
        reference: "7F3K-92QA".into(),
        at: at(0),
        idp: Some(corp()),
        outcome: LoginOutcome::Refused(ErrorCode::ProtoAudience),
        user: None,
        request_id: Some("req".into()),
        detail: json!({ "checks": [{ "name": "audience", "found": "https://other" }] }),
    };
    let accepted = LoginAttempt {
        reference: "0000-0000".into(),
        at: at(1),
        idp: None,
        outcome: LoginOutcome::Accepted,
        user: Some(alice().id),
        request_id: None,
        ..refused.clone()
    };
    store.record_attempt(&refused).await.unwrap();
    store.record_attempt(&accepted).await.unwrap();
    assert_eq!(
        store.attempt("7F3K-92QA").await.unwrap().as_ref(),
        Some(&refused)
    );
    assert_eq!(store.attempt("XXXX-XXXX").await.unwrap(), None);
    assert_eq!(
        store.attempts(10).await.unwrap(),
        [accepted.clone(), refused]
    );
    assert_eq!(store.attempts(1).await.unwrap(), [accepted]);
}

pub(crate) async fn an_imported_idp_changes_the_revision<S: Store>(store: Arc<S>) {
    let idps: &dyn IdpStore = &*store;
    let imported = ImportedIdp {
        name: corp(),
        settings: json!({ "label": "Example Corp" }),
        metadata: "<EntityDescriptor/>".into(),
        url: None,
        updated_at: at(0),
    };
    let before = idps.revision().await.unwrap();
    idps.put(&imported).await.unwrap();
    let added = idps.revision().await.unwrap();
    assert!(added > before);
    assert_eq!(idps.list().await.unwrap(), std::slice::from_ref(&imported));
    let changed = ImportedIdp {
        url: Some("https://idp.example.com/metadata".into()),
        updated_at: at(1),
        ..imported
    };
    idps.put(&changed).await.unwrap();
    assert!(idps.revision().await.unwrap() > added);
    let second = ImportedIdp { name: IdpName::parse("other").unwrap(), ..changed.clone() };
    idps.put(&second).await.unwrap();
    let both = [changed, second];
    assert_eq!(idps.list().await.unwrap(), both);
    assert_eq!(
        idps.names().await.unwrap(),
        both.each_ref().map(|idp| idp.name.clone())
    );
    assert_eq!(idps.page(None, 1).await.unwrap(), both[..1]);
    assert_eq!(idps.page(Some(&corp()), 2).await.unwrap(), both[1..]);
    assert!(idps.remove(&both[1].name).await.unwrap());
    assert!(idps.remove(&corp()).await.unwrap());
    assert!(!idps.remove(&corp()).await.unwrap());
    assert!(idps.list().await.unwrap().is_empty());
}

pub(crate) async fn the_last_copy_of_metadata_is_kept<S: Store>(store: Arc<S>) {
    let idps: &dyn IdpStore = &*store;
    let first = MetadataCopy {
        idp: corp(),
        url: "https://idp.example.com/metadata".into(),
        metadata: "<EntityDescriptor/>".into(),
        etag: Some("\"1\"".into()),
        last_modified: None,
        fetched_at: at(0),
        picked_by: Some("00".into()),
    };
    assert_eq!(idps.copy(&corp()).await.unwrap(), None);
    idps.put_copy(&first).await.unwrap();
    assert_eq!(idps.copy(&corp()).await.unwrap().as_ref(), Some(&first));
    let second = MetadataCopy { etag: None, fetched_at: at(9), ..first };
    let before = idps.revision().await.unwrap();
    idps.put_copy(&second).await.unwrap();
    assert_eq!(idps.copy(&corp()).await.unwrap().as_ref(), Some(&second));
    let names = [IdpName::parse("nobody").unwrap(), corp()];
    assert_eq!(
        idps.copies(&names).await.unwrap(),
        std::slice::from_ref(&second)
    );
    idps.confirm_copies(&[corp()], at(10)).await.unwrap();
    let confirmed = MetadataCopy { fetched_at: at(10), ..second };
    assert_eq!(idps.copy(&corp()).await.unwrap(), Some(confirmed));
    assert_eq!(idps.revision().await.unwrap(), before);
    idps.renewed().await.unwrap();
    assert!(idps.revision().await.unwrap() > before);
}

pub(crate) async fn what_waits_of_an_idp_is_kept<S: Store>(store: Arc<S>) {
    use crate::trust::Standing;
    let idps: &dyn IdpStore = &*store;
    let state = RefreshState {
        idp: corp(),
        url: "https://idp.example.com/metadata".into(),
        tried_at: at(0),
        fetched_at: None,
        failures: 1,
        result: "md.fetch".into(),
        detail: "the answer was 503".into(),
        next_at: at(60),
    };
    let again = RefreshState { fetched_at: Some(at(60)), failures: 0, ..state.clone() };
    idps.put_refreshes(&[state]).await.unwrap();
    idps.put_refreshes(std::slice::from_ref(&again)).await.unwrap();
    assert_eq!(idps.refreshes().await.unwrap(), [again]);

    let key = SeenKey {
        idp: corp(),
        entity_id: "https://idp.example.com/".into(),
        fingerprint: "00ff".into(),
        certificate: vec![0x30, 0],
        standing: Standing::Pending,
        seen: 1,
        first_seen: at(0),
        last_seen: at(0),
    };
    assert!(idps.saw_key(&key).await.unwrap());
    let later = SeenKey { seen: 2, last_seen: at(9), ..key.clone() };
    assert!(!idps.saw_key(&later).await.unwrap());
    assert_eq!(
        idps.seen_keys().await.unwrap(),
        std::slice::from_ref(&later)
    );
    for number in 0..6 {
        let other = SeenKey {
            fingerprint: format!("{number}"),
            first_seen: at(number),
            last_seen: at(number),
            ..key.clone()
        };
        idps.saw_key(&other).await.unwrap();
    }
    let keys = idps.seen_keys().await.unwrap();
    let keys: Vec<&str> = keys.iter().map(|key| &*key.fingerprint).collect();
    // The newest, and those that were seen most, the oldest first.
    assert_eq!(keys, ["0", "00ff", "1", "5"]);
    let before = idps.revision().await.unwrap();
    assert!(idps.decide_key(&corp(), "00ff", Standing::Approved).await.unwrap());
    assert!(!idps.decide_key(&corp(), "none", Standing::Approved).await.unwrap());
    assert!(idps.revision().await.unwrap() > before);
    let decided = idps.seen_keys().await.unwrap();
    let decided = decided.iter().find(|key| key.fingerprint == "00ff").unwrap();
    assert_eq!(decided.standing, Standing::Approved);
    idps.forget_key(&corp(), "1").await.unwrap();
    assert_eq!(idps.seen_keys().await.unwrap().len(), 3);
    // What was said of a key counts for the entityID of then.
    let moved = SeenKey { entity_id: "https://other.example.com/".into(), ..key };
    assert!(idps.saw_key(&moved).await.unwrap());
    assert!(!idps.saw_key(&moved).await.unwrap());
    let keys = idps.seen_keys().await.unwrap();
    let again = keys.iter().find(|key| key.fingerprint == moved.fingerprint).unwrap();
    assert_eq!(again.standing, Standing::Pending);
    assert_eq!(again.entity_id, moved.entity_id);

    let copy = MetadataCopy {
        idp: corp(),
        url: "https://idp.example.com/metadata".into(),
        metadata: "<EntityDescriptor/>".into(),
        etag: None,
        last_modified: None,
        fetched_at: at(3),
        picked_by: None,
    };
    let change = json!({ "severity": "big" });
    let waiting = WaitingChange { copy, change, standing: Standing::Pending, seen_at: at(3) };
    idps.put_waiting(&waiting).await.unwrap();
    let waiting = WaitingChange { standing: Standing::Rejected, ..waiting };
    idps.put_waiting(&waiting).await.unwrap();
    assert_eq!(idps.waiting().await.unwrap(), [waiting]);
    assert!(idps.forget_waiting(&corp()).await.unwrap());
    assert!(!idps.forget_waiting(&corp()).await.unwrap());

    assert!(idps.lease("metadata", "a", at(10), at(0)).await.unwrap());
    assert!(!idps.lease("metadata", "b", at(19), at(9)).await.unwrap());
    assert!(idps.lease("metadata", "b", at(20), at(10)).await.unwrap());
    idps.forget_refresh(&corp()).await.unwrap();
    assert!(idps.refreshes().await.unwrap().is_empty());
}
