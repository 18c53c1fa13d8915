//! The suite of all stores over a PostgreSQL of its own, and what only PostgreSQL can do.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::PostgresStore;
use crate::audit::{AuditSink, Chain, Event, EventKind};
use crate::directory::{DirectoryStore, People};
use crate::identity::Identity;
use crate::session::{Session, SessionStore, TokenHash, Written};
use crate::store::suite::{Entering, at, run_suite};
use crate::trust::IdpStore;

mod plans;
mod server;

use server::Server;

run_suite! { together Server::start().await }

mod directory {
    use super::Server;
    use crate::store::suite::run_directory_suite;

    run_directory_suite! { together Server::start().await }
}

/// Longer than anything here takes.
const SOON: Duration = Duration::from_secs(20);
const DONE: Written = Written::Done { replaced: None };

fn session(number: u8) -> Session {
    let identity = Identity::for_test("alice", at(0));
    let not_after = at(12 * 3600);
    let sid = format!("sid-{number}");
    Session::new(
        sid,
        TokenHash([number; 32]),
        identity,
        None,
        at(0),
        not_after,
        at(0),
    )
}

async fn events(store: &PostgresStore) -> i64 {
    match store.verify().await.unwrap() {
        Chain::Whole { events, .. } => events,
        Chain::Broken { sequence } => panic!("broken at {sequence}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_nodes_share_a_database() {
    let server = Server::start().await;
    nodes_that_start_at_once_make_the_tables_once(&server).await;
    what_is_not_ours_or_newer_is_refused_and_left(&server).await;
    one_assertion_on_two_nodes_is_used_once(&server).await;
    what_an_identity_provider_makes_long_is_kept(&server).await;
    no_ending_is_skipped_by_who_reads_meanwhile(&server).await;
    endings_and_visits_at_once_wait_for_each_other_in_no_circle(&server).await;
    an_ending_is_heard_at_once(&server).await;
    a_changed_event_breaks_the_chain(&server).await;
    people_of_the_first_version_keep_their_names(&server).await;
    no_change_of_people_is_skipped_by_who_reads_meanwhile(&server).await;
}

async fn nodes_that_start_at_once_make_the_tables_once(server: &Server) {
    let settings = server.create("at_once").await;
    let mut starting = JoinSet::new();
    for _ in 0..8 {
        let settings = settings.clone();
        starting.spawn(async move { PostgresStore::open(&settings).await.map(|_| ()) });
    }
    for started in starting.join_all().await {
        assert_eq!(started, Ok(()));
    }
    assert_eq!(
        PostgresStore::version(&settings).await,
        Ok(PostgresStore::newest_version())
    );
}

async fn what_is_not_ours_or_newer_is_refused_and_left(server: &Server) {
    let refused = async |database: &str, before: &'static str| {
        let settings = server.create(database).await;
        let mut connection = server.connect(database).await;
        sqlx::raw_sql(before).execute(&mut connection).await.unwrap();
        let read = PostgresStore::open_to_read(&settings).await.unwrap_err();
        let error = PostgresStore::open(&settings).await.unwrap_err();
        assert_eq!(error.detail, read.detail);
        error.detail
    };
    for (database, before) in [
        ("blog", "CREATE TABLE post (title text)"),
        ("wiki", "CREATE TABLE meta (page text, size int)"),
        ("shop", "CREATE TABLE meta (key text, value bigint)"),
    ] {
        let detail = refused(database, before).await;
        assert!(detail.contains("the tables of another program"), "{detail}");
    }
    let newer = "CREATE TABLE meta (key text, value bigint);
                 INSERT INTO meta VALUES ('application', 1935764812), ('schema', 99)";
    let detail = refused("newer", newer).await;
    assert!(
        detail.contains("was written by a newer samlgate (schema 99"),
        "{detail}"
    );
    let latin = "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'
                 LOCALE_PROVIDER 'libc'";
    let mut connection = server.connect("postgres").await;
    sqlx::raw_sql(latin).execute(&mut connection).await.unwrap();
    let error = PostgresStore::open(&server.settings("latin")).await.unwrap_err();
    assert!(error.detail.contains("ENCODING 'UTF8'"), "{}", error.detail);
    let nothing = server.create("nothing").await;
    let error = PostgresStore::open_to_read(&nothing).await.unwrap_err();
    assert!(
        error.detail.contains("no tables of samlgate yet"),
        "{}",
        error.detail
    );
    assert_eq!(
        PostgresStore::version(&nothing).await,
        Ok(0),
        "and none were made"
    );
}

async fn one_assertion_on_two_nodes_is_used_once(server: &Server) {
    let here = server.empty("two_nodes").await;
    let there = Arc::new(PostgresStore::open(&server.settings("two_nodes")).await.unwrap());
    let mut racing = JoinSet::new();
    for number in 0..60_u8 {
        let node = Arc::clone(if number % 2 == 0 { &here } else { &there });
        racing.spawn(async move {
            // Three assertions, and each of them from both nodes.
            let id = format!("_{}", number % 3);
            let entering = Entering::with_id(&id, number, &format!("u{number}"));
            entering.log_in(&*node).await.unwrap()
        });
    }
    let written = racing.join_all().await;
    assert_eq!(
        written.iter().filter(|written| **written != Written::Replayed).count(),
        3
    );
    assert_eq!(
        DirectoryStore::list(&*here, 100, None).await.unwrap().len(),
        3
    );
    assert_eq!(events(&there).await, 6);
    let mut racing = JoinSet::new();
    for number in 100..160_u8 {
        let node = Arc::clone(if number % 2 == 0 { &here } else { &there });
        racing.spawn(async move {
            Entering::new(number, &format!("u{number}")).log_in(&*node).await.unwrap()
        });
    }
    // All of one browser: each session replaces the one before.
    racing.join_all().await;
    assert_eq!(events(&there).await, 126);
    let left = SessionStore::list(&*here, None, SOON, 100, at(0)).await.unwrap();
    assert_eq!(left.len(), 1);
}

async fn what_an_identity_provider_makes_long_is_kept(server: &Server) {
    let store = server.empty("long").await;
    // What does not shrink: a key is compressed first.
    let long: String = (0..20_000_u64).map(|number| format!("{:x}", number * 2_654_435)).collect();
    let id = format!("_{long}");
    assert_eq!(
        Entering::with_id(&id, 1, "alice").log_in(&*store).await.unwrap(),
        DONE
    );
    let again = Entering::with_id(&id, 2, "bob").log_in(&*store).await.unwrap();
    assert_eq!(again, Written::Replayed);
    let mut named = session(3);
    named.identity.session_index = Some(long.clone());
    named.identity.name_id.as_mut().unwrap().value.clone_from(&long);
    store.insert(&named).await.unwrap();
    let idp = "https://idp.example.com";
    let indexes = std::slice::from_ref(&long);
    assert_eq!(
        store.find_named(idp, &long, indexes).await.unwrap().len(),
        1
    );
    assert!(store.find_named(idp, &id, &[]).await.unwrap().is_empty());
    let mut carol = DirectoryStore::list(&*store, 1, None).await.unwrap().remove(0);
    carol.profile.email = Some(long.clone());
    let _ = store.update(&carol).await.unwrap();
    assert_eq!(store.find_by_email(&long).await.unwrap().len(), 1);
}

async fn no_ending_is_skipped_by_who_reads_meanwhile(server: &Server) {
    let store = server.empty("marks").await;
    for number in 0..200 {
        store.insert(&session(number)).await.unwrap();
    }
    let mut ending = JoinSet::new();
    for number in 0..200 {
        let store = Arc::clone(&store);
        ending.spawn(async move { store.end(&TokenHash([number; 32]), at(1)).await.unwrap() });
    }
    let (mut mark, mut told) = (0, Vec::new());
    let reading = tokio::time::timeout(SOON, async {
        while told.len() < 200 {
            let ended = store.ended_after(Some(mark)).await.unwrap();
            mark = ended.mark;
            told.extend(ended.hashes);
        }
    });
    assert!(reading.await.is_ok(), "{} of 200", told.len());
    assert!(ending.join_all().await.into_iter().all(|ended| ended));
    assert_eq!(mark, 200, "without gaps");
    assert_eq!(store.ended_after(None).await.unwrap().mark, 200);
}

async fn endings_and_visits_at_once_wait_for_each_other_in_no_circle(server: &Server) {
    let store = server.empty("circles").await;
    let mut asking = JoinSet::new();
    for round in 0..20_u8 {
        for number in 0..10 {
            store.insert(&session(round * 10 + number)).await.unwrap();
        }
        for turn in 0..4_u8 {
            let store = Arc::clone(&store);
            asking.spawn(async move {
                let mut seen: Vec<_> = (0..=round * 10 + 9)
                    .map(|number| (TokenHash([number; 32]), at(i64::from(turn) + 1)))
                    .collect();
                if turn % 2 == 0 {
                    seen.reverse();
                }
                match turn {
                    3 => {
                        let alice = Identity::for_test("alice", at(0)).user;
                        store.end_user(&alice, at(9)).await.map(|_| ())
                    }
                    _ => store.touch(&seen).await,
                }
            });
        }
    }
    for asked in asking.join_all().await {
        assert_eq!(asked, Ok(()));
    }
}

async fn an_ending_is_heard_at_once(server: &Server) {
    let store = server.empty("heard").await;
    let other = PostgresStore::open(&server.settings("heard")).await.unwrap();
    let (tell, mut told) = mpsc::channel(8);
    let listening = Arc::clone(&store);
    let mut hearing = JoinSet::new();
    hearing.spawn(async move { listening.hear(tell).await });
    assert_eq!(told.recv().await.unwrap(), [], "it listens");
    store.insert(&session(1)).await.unwrap();
    other.end(&TokenHash([1; 32]), at(1)).await.unwrap();
    let heard = tokio::time::timeout(SOON, told.recv()).await.unwrap().unwrap();
    assert_eq!(heard, [TokenHash([1; 32])]);
    let mut operator = server.connect("heard").await;
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE application_name = 'samlgate' AND pid <> pg_backend_pid()";
    sqlx::query(cut).execute(&mut operator).await.unwrap();
    assert!(
        hearing.join_next().await.unwrap().unwrap().is_err(),
        "and says when it does not any more"
    );
}

async fn a_changed_event_breaks_the_chain(server: &Server) {
    let store = server.empty("chain").await;
    for number in 0..3 {
        store.record(&Event::new(EventKind::ServerStarted), at(number)).await.unwrap();
    }
    let mut operator = server.connect("chain").await;
    let mut broken_after = async |change: &'static str| {
        sqlx::raw_sql(change).execute(&mut operator).await.unwrap();
        match store.verify().await.unwrap() {
            Chain::Broken { sequence } => sequence,
            whole @ Chain::Whole { .. } => panic!("{whole:?}"),
        }
    };
    assert_eq!(
        broken_after("DELETE FROM audit_event WHERE sequence = 3").await,
        3
    );
    let edit = "UPDATE audit_event SET json = replace(json, 'started', 'stopped')
                WHERE sequence = 2";
    assert_eq!(broken_after(edit).await, 2);
    assert_eq!(
        broken_after("DELETE FROM audit_event WHERE sequence = 1").await,
        1
    );
}

async fn people_of_the_first_version_keep_their_names(server: &Server) {
    let settings = server.create("first_version").await;
    let mut operator = server.connect("first_version").await;
    sqlx::raw_sql(super::open::MIGRATIONS[0]).execute(&mut operator).await.unwrap();
    let people = r#"
        INSERT INTO "user" VALUES
        ('1', 'alice', NULL, 'corp', 'n-1', 'a@example.com', '{"groups":[]}', 1, 1, 1, NULL, 1),
        ('2', 'Alice', 'e1', 'corp', NULL, NULL, '{"groups":[]}', 1, 2, 2, 2, 7),
        ('3', 'émile', 'e1', NULL, NULL, NULL, '{"groups":[]}', 0, 3, 3, NULL, 1),
        ('4', 'ÉMILE', NULL, 'corp', NULL, NULL, '{"groups":[]}', 1, 4, 4, 4, 1)"#;
    sqlx::raw_sql(people).execute(&mut operator).await.unwrap();
    let store = PostgresStore::open(&settings).await.unwrap();
    let mut records = store.records(None, None, 10).await.unwrap();
    records.sort_by(|a, b| a.user.id.cmp(&b.user.id));
    let kept: Vec<_> = records
        .iter()
        .map(|record| {
            let id = record.user.id.as_str();
            (id, record.tenant.as_str(), record.claimed)
        })
        .collect();
    assert_eq!(
        kept,
        [
            ("1", "i:corp", false),
            ("2", "i:corp", true),
            ("3", "i:", false),
            ("4", "i:corp", true)
        ]
    );
    let alice = store.find_by_user_name("Alice").await.unwrap().unwrap();
    assert_eq!(
        (alice.id.as_str(), alice.revision, alice.may_enter()),
        ("2", 7, true)
    );
    let holder = store.find_holder("Émile").await.unwrap().unwrap();
    assert_eq!(holder.id.as_str(), "4");
    assert!(!store.find_by_user_name("émile").await.unwrap().unwrap().may_enter());
}

async fn no_change_of_people_is_skipped_by_who_reads_meanwhile(server: &Server) {
    let store = server.empty("people_marks").await;
    let mut made = Vec::new();
    for number in 0..100_u8 {
        let name = format!("u{number}");
        let written = Entering::new(number, &name).log_in(&*store).await.unwrap();
        assert!(matches!(written, Written::Done { .. }), "{written:?}");
        made.push(store.find_by_user_name(&name).await.unwrap().unwrap().id);
    }
    let mut locking = JoinSet::new();
    for id in made.clone() {
        let store = Arc::clone(&store);
        locking.spawn(async move { store.set_locked(&id, true, at(1)).await.unwrap() });
    }
    let (mut mark, mut told) = (0, Vec::new());
    let reading = tokio::time::timeout(SOON, async {
        while told.len() < made.len() {
            let changes = store.changes_after(Some(mark)).await.unwrap();
            mark = changes.mark;
            told.extend(changes.affected.people);
        }
    });
    assert!(reading.await.is_ok(), "{} of {}", told.len(), made.len());
    assert!(locking.join_all().await.into_iter().all(|locked| locked));
    assert_eq!(store.changes_after(None).await.unwrap().mark, mark);
    assert!(store.sweep(at(24 * 3600)).await.unwrap() >= 100);
    let after = store.changes_after(None).await.unwrap().mark;
    assert_eq!(after, mark, "also when the rows are gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_survives_a_crash_and_the_store_heals_by_itself() {
    let mut server = Server::start().await;
    let store = server.empty("crash").await;
    assert_eq!(
        Entering::new(1, "alice").log_in(&*store).await.unwrap(),
        DONE
    );
    server.crash();
    let error = SessionStore::find(&*store, &TokenHash([1; 32])).await.unwrap_err();
    assert_eq!(error.code(), crate::base::ErrorCode::StoreUnavailable);
    assert!(Entering::new(2, "bob").log_in(&*store).await.is_err());
    server.start_again().await;
    let heals = tokio::time::timeout(SOON, async {
        while store.ping().await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(heals.await.is_ok());
    assert!(SessionStore::find(&*store, &TokenHash([1; 32])).await.unwrap().is_some());
    assert_eq!(
        Entering::new(2, "bob").log_in(&*store).await.unwrap(),
        Written::Done { replaced: Some(TokenHash([1; 32])) }
    );
    assert_eq!(events(&store).await, 4);
    assert_eq!(IdpStore::revision(&*store).await.unwrap(), 0);
    store.close().await;
    assert!(store.ping().await.is_err());
}
