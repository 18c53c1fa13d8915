//! The suite of all stores, and what only a file can do.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;
use sqlx::{AssertSqlSafe, Row as _};

use super::SqliteStore;
use super::row::Columns;
use crate::audit::{AuditSink as _, Chain, Event, EventKind};
use crate::base::{IdpName, StoreError, Timestamp};
use crate::saml::OneUseStore as _;
use crate::store::suite::{at, run_directory_suite, run_suite};
use crate::trust::{IdpStore as _, MetadataCopy};

mod in_memory {
    use super::{TempStore, run_directory_suite, run_suite};

    run_suite! { TempStore::in_memory().await }
    run_directory_suite! { TempStore::in_memory().await }
}

mod in_a_file {
    use super::{TempStore, run_directory_suite, run_suite};

    run_suite! { TempStore::new().await }
    run_directory_suite! { TempStore::new().await }
}

/// A store, and the folder that is removed with it.
struct TempStore {
    folder: tempfile::TempDir,
    store: Arc<SqliteStore>,
}

impl TempStore {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(open(&folder.path().join("data/samlgate.db")).await.unwrap());
        Self { folder, store }
    }

    async fn in_memory() -> Self {
        let store = Arc::new(SqliteStore::open(":memory:").await.unwrap());
        Self { folder: tempfile::tempdir().unwrap(), store }
    }

    fn store(&self) -> Arc<SqliteStore> {
        Arc::clone(&self.store)
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("data/samlgate.db")
    }
}

async fn open(path: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(path.to_str().unwrap()).await
}

async fn refusal(path: &Path) -> String {
    let error = open(path).await.unwrap_err();
    assert_eq!(error.code().as_str(), "store.unavailable");
    assert!(
        error.detail.contains(path.to_str().unwrap()),
        "{}",
        error.detail
    );
    error.detail
}

async fn execute(store: &SqliteStore, statement: &'static str) {
    let edit = store.writer.run(move |batch| {
        Box::pin(async move {
            sqlx::raw_sql(statement).execute(&mut batch.connection).await.unwrap();
            Ok(())
        })
    });
    edit.await.unwrap();
}

#[tokio::test]
async fn folder_and_file_are_for_nobody_else() {
    let temp = TempStore::new().await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(temp.path().parent().unwrap()), 0o700);
    temp.store.claim("https://idp.example.com", "_a", at(300), at(0)).await.unwrap();
    for name in ["samlgate.db", "samlgate.db-wal", "samlgate.db-shm"] {
        assert_eq!(mode(&temp.path().with_file_name(name)), 0o600, "{name}");
    }
}

#[tokio::test]
async fn what_was_kept_is_there_after_the_file_is_opened_again() {
    let temp = TempStore::new().await;
    assert!(temp.store.claim("https://idp.example.com", "_a", at(300), at(0)).await.unwrap());
    temp.store.record(&Event::new(EventKind::ServerStarted), at(0)).await.unwrap();
    temp.store.close().await;
    assert!(temp.store.ping().await.is_err());
    let again = open(&temp.path()).await.unwrap();
    again.ping().await.unwrap();
    assert!(!again.claim("https://idp.example.com", "_a", at(300), at(1)).await.unwrap());
    again.record(&Event::new(EventKind::ServerStopped), at(1)).await.unwrap();
    assert!(matches!(
        again.verify().await.unwrap(),
        Chain::Whole { events: 2, .. }
    ));
}

#[tokio::test]
async fn two_processes_share_a_file() {
    let temp = TempStore::new().await;
    let (server, command) = (temp.store(), open(&temp.path()).await.unwrap());
    assert!(server.claim("https://idp.example.com", "_a", at(300), at(0)).await.unwrap());
    assert!(!command.claim("https://idp.example.com", "_a", at(300), at(0)).await.unwrap());
    let (mut here, mut there) = (0, 0);
    for number in 0..20 {
        let id = format!("_{number}");
        let (first, second) = tokio::join!(
            server.claim("https://idp.example.com", &id, at(300), at(0)),
            command.claim("https://idp.example.com", &id, at(300), at(0)),
        );
        here += i32::from(first.unwrap());
        there += i32::from(second.unwrap());
    }
    assert_eq!(here + there, 20);
}

#[tokio::test]
async fn a_commit_is_written_to_the_disk_before_it_is_answered() {
    let temp = TempStore::new().await;
    let ask = async |question: &'static str| -> String {
        let row = temp.store.writer.run(move |batch| {
            Box::pin(async move {
                Ok(sqlx::query(question).fetch_one(&mut batch.connection).await.unwrap())
            })
        });
        sqlx::Row::try_get_unchecked::<String, _>(&row.await.unwrap(), 0).unwrap()
    };
    assert_eq!(ask("PRAGMA journal_mode").await, "wal");
    assert_eq!(ask("PRAGMA synchronous").await, "2");
    assert_eq!(ask("PRAGMA foreign_keys").await, "1");
}

#[tokio::test]
async fn a_reader_can_not_write() {
    let temp = TempStore::new().await;
    let written = sqlx::query("DELETE FROM one_use")
        .execute(&mut *temp.store.readers.lend().await.unwrap())
        .await;
    assert!(written.is_err());
}

#[tokio::test]
async fn what_is_no_database_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    let notes = "Dear diary, ".repeat(500);
    std::fs::write(&path, &notes).unwrap();
    assert!(refusal(&path).await.contains("not an SQLite database"));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), notes);
}

#[tokio::test]
async fn another_programs_database_is_left_alone() {
    let temp = TempStore::new().await;
    execute(
        &temp.store,
        "PRAGMA application_id = 7; PRAGMA user_version = 0;",
    )
    .await;
    temp.store.close().await;
    assert!(refusal(&temp.path()).await.contains("another program"));
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() {
    let temp = TempStore::new().await;
    execute(&temp.store, "PRAGMA user_version = 1000").await;
    temp.store.close().await;
    assert!(refusal(&temp.path()).await.contains("newer samlgate (schema 1000"));
}

#[tokio::test]
async fn a_damaged_database_is_refused() {
    let temp = TempStore::new().await;
    // Large enough to leave the pages that hold the tables' names.
    for number in 0..20 {
        let copy = MetadataCopy {
            idp: IdpName::parse(&format!("idp{number}")).unwrap(),
            url: "https://idp.example.com/metadata".into(),
            metadata: "x".repeat(20_000),
            etag: None,
            last_modified: None,
            fetched_at: at(0),
            picked_by: None,
        };
        temp.store.put_copy(&copy).await.unwrap();
    }
    temp.store.close().await;
    let whole = std::fs::read(temp.path()).unwrap();
    let mut holed = whole.clone();
    for byte in &mut holed[8192..] {
        *byte ^= 0x5a;
    }
    for damaged in [&holed[..], &whole[..whole.len() / 2]] {
        std::fs::write(temp.path(), damaged).unwrap();
        assert!(refusal(&temp.path()).await.contains("damaged"));
    }
}

#[tokio::test]
async fn a_path_that_can_not_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(refusal(&file.join("samlgate.db")).await.contains("can not be created"));
    assert!(refusal(folder.path()).await.contains("can not be opened"));
}

#[tokio::test]
async fn an_audit_that_was_changed_or_cut_is_broken() {
    let changed =
        "UPDATE audit_event SET private = replace(private, 'alice', 'mallory') WHERE sequence = 2";
    for (edit, expected) in [
        (changed, 2),
        (
            "UPDATE audit_event SET json = replace(json, 'null', '1') WHERE sequence = 3",
            3,
        ),
        (
            "UPDATE audit_event SET private = NULL WHERE sequence = 3",
            3,
        ),
        ("DELETE FROM audit_event WHERE sequence = 2", 2),
        ("DELETE FROM audit_event WHERE sequence = 4", 4),
        ("DELETE FROM audit_event", 1),
        ("UPDATE audit_event SET at = at + 1 WHERE sequence = 3", 3),
        (
            "UPDATE audit_event SET kind = 'login.accepted' WHERE sequence = 1",
            1,
        ),
        ("UPDATE audit_event SET hash = x'00' WHERE sequence = 3", 3),
        ("UPDATE audit_event SET sequence = -sequence", 1),
    ] {
        let store = SqliteStore::open(":memory:").await.unwrap();
        for second in 0..4 {
            let event = Event {
                detail: json!({ "who": "alice" }),
                ..Event::new(EventKind::SessionEnded)
            };
            store.record(&event, at(second)).await.unwrap();
        }
        execute(&store, edit).await;
        assert_eq!(
            store.verify().await.unwrap(),
            Chain::Broken { sequence: expected },
            "{edit}"
        );
    }
}

/// What is missing has to be named by an erasure, and an erasure has to name what is missing.
#[tokio::test]
async fn an_erasure_excuses_what_it_names_and_nothing_else() {
    use crate::base::UserId;
    use crate::directory::People as _;

    // 2 and 3 make Alice and Bob, 9 is the erasure.
    for (edit, expected) in [
        (
            "UPDATE audit_event SET private = NULL WHERE sequence = 3",
            3,
        ),
        (
            "UPDATE audit_event SET private = '{}' WHERE sequence = 2",
            2,
        ),
        (
            "UPDATE audit_event SET json = replace(json, '2,', '2-4,') WHERE kind = 'user.erased'",
            9,
        ),
        // Its chain is made anew from there on: it names somebody else's event, or one that is there.
        ("names 2-3,5-7", 9),
        ("names 2,5-7,8", 9),
        ("names 5-7", 2),
        ("names 2,5-7,10", 9),
        ("names nonsense", 9),
    ] {
        let store = Arc::new(SqliteStore::open(":memory:").await.unwrap());
        crate::store::suite::live(&*store).await;
        store.erase(&[UserId::new("a".into())], at(5)).await.unwrap();
        let chain = store.verify().await.unwrap();
        assert!(matches!(chain, Chain::Whole { erased: 4, .. }), "{chain:?}");
        match edit.strip_prefix("names ") {
            None => execute(&store, edit).await,
            Some(names) => {
                if names == "2-3,5-7" {
                    execute(
                        &store,
                        "UPDATE audit_event SET private = NULL WHERE sequence = 3",
                    )
                    .await;
                }
                rename(&store, names).await;
            }
        }
        let found = store.verify().await.unwrap();
        assert_eq!(found, Chain::Broken { sequence: expected }, "{edit}");
    }
}

/// Writes the last event anew, as a forger would, with a hash that fits.
async fn rename(store: &SqliteStore, names: &str) {
    let mut last = store.events(at(0), 7, 100).await.unwrap();
    let (erasure, before) = (last.pop().unwrap(), last.pop().unwrap());
    let known: serde_json::Value = serde_json::from_str(&erasure.public).unwrap();
    let known = known["public"]["events"].as_str().unwrap().to_owned();
    let public = erasure.public.replace(&known, names);
    assert_ne!(public, erasure.public);
    let hash = crate::store::chain::link(&before.hash, &public).to_vec();
    let edit = store.writer.run(move |batch| {
        Box::pin(async move {
            sqlx::query("UPDATE audit_event SET json = ?, hash = ? WHERE sequence = ?")
                .bind(public)
                .bind(hash)
                .bind(erasure.sequence)
                .execute(&mut batch.connection)
                .await
                .unwrap();
            Ok(())
        })
    });
    edit.await.unwrap();
}

/// Events of the first version had everything in what is hashed.
#[tokio::test]
async fn events_of_before_are_erased_as_well() {
    use crate::base::UserId;
    use crate::directory::People as _;

    let store = Arc::new(SqliteStore::open(":memory:").await.unwrap());
    let mut hash = [0; 32];
    for (number, user) in [(1, "a"), (2, "b"), (3, "a")] {
        let old = json!({
            "at": at(0).to_rfc3339(), "client": "198.51.100.7", "code": null,
            "detail": { "user_name": "alice@example.com" }, "idp": "corp", "reference": "7F3K-92QA",
            "request_id": "r", "sequence": number, "type": "login.accepted", "user": user,
        });
        let line = old.to_string();
        hash = crate::store::chain::link(&hash, &line);
        let hash = hash.to_vec();
        let edit = store.writer.run(move |batch| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO audit_event (sequence, at, kind, json, hash)
                     VALUES (?, ?, 'login.accepted', ?, ?)",
                )
                .bind(number)
                .bind(at(0).unix_micros())
                .bind(line)
                .bind(hash)
                .execute(&mut batch.connection)
                .await
                .unwrap();
                Ok(())
            })
        });
        edit.await.unwrap();
    }
    crate::store::suite::live(&*store).await;
    let erased = store.erase(&[UserId::new("a".into())], at(5)).await.unwrap();
    assert_eq!(erased[0].1.events, 6);
    let events = store.events(at(0), 0, 100).await.unwrap();
    assert!(!events[0].public.contains("alice"), "{}", events[0].public);
    assert!(events[0].line().contains("\"erased\":true"));
    assert!(events[1].line().contains("alice"), "of somebody else");
    let whole = store.verify().await.unwrap();
    assert!(matches!(whole, Chain::Whole { erased: 6, .. }), "{whole:?}");
    for edit in [
        "UPDATE audit_event SET json = replace(json, '\"corp\"', '\"evil\"') WHERE sequence = 3",
        "UPDATE audit_event SET json = replace(json, '\"idp\"', '\"erased\":true,\"idp\"')
         WHERE sequence = 2",
    ] {
        execute(&store, edit).await;
        assert!(matches!(
            store.verify().await.unwrap(),
            Chain::Broken { .. }
        ));
    }
}

#[tokio::test]
async fn the_sweep_keeps_what_may_still_be_asked_for() {
    use crate::base::ReturnTo;
    use crate::saml::{PendingLogin, PendingStore as _, Taken};
    use crate::session::SessionStore as _;

    let store = SqliteStore::open(":memory:").await.unwrap();
    store.claim("https://idp.example.com", "_a", at(300), at(0)).await.unwrap();
    let login = PendingLogin {
        request_id: "_r".into(),
        idp: IdpName::parse("corp").unwrap(),
        return_to: ReturnTo::root(),
        wish: crate::saml::Wish::default(),
        created_at: at(0),
    };
    store.keep([1; 32], [2; 32], &login, at(0)).await.unwrap();
    assert_eq!(store.sweep(at(1800)).await.unwrap(), 0);
    let late = store.take([1; 32], [2; 32], at(1800)).await.unwrap();
    assert_eq!(late, Taken::UsedOrExpired(Some(ReturnTo::root())));
    assert_eq!(store.sweep(at(300 + 3600)).await.unwrap(), 2);
    assert_eq!(
        store.take([1; 32], [2; 32], at(1800)).await.unwrap(),
        Taken::Unknown
    );
    assert_eq!(store.ended_after(None).await.unwrap().mark, 0);
    assert_eq!(store.sweep(Timestamp::FAR_FUTURE).await.unwrap(), 0);
}

/// A database of the first version, with a row in each table that was changed since.
const FIRST_VERSION: &str = "
    INSERT INTO user VALUES ('id-of-alice', 'alice', NULL, 'corp', 'n-1', 'alice@example.com', '{\"groups\":[]}',
        1, 1000, 1000, 1000, 1);
    INSERT INTO one_use VALUES ('https://idp.example.com', '_a', 9000000000);
    INSERT INTO session VALUES (x'0202020202020202020202020202020202020202020202020202020202020202',
        'sid-2', 'id-of-alice', 'corp', 'n-1', NULL, '{}', NULL, 2000, 9000000000, 2000);
    INSERT INTO session VALUES (x'0101010101010101010101010101010101010101010101010101010101010101',
        'sid-1', 'id-of-alice', 'corp', 'n-1', '_s1',
        IDENTITY, x'0909090909090909090909090909090909090909090909090909090909090909',
        1000, 9000000000, 1500);
    INSERT INTO session_end (hash, at) VALUES (zeroblob(32), 1);
    INSERT INTO login_attempt (reference, at, idp, outcome, user, request_id, detail)
        VALUES ('7F3K-92QA', 1000, 'corp', 'ok', 'id-of-alice', 'r-1', '{\"sid\":\"sid-1\"}'),
               ('AAAA-AAAA', 2000, NULL, 'sig.invalid', NULL, NULL, '{}');";

/// Alice, as the first version kept her.
const FIRST_IDENTITY: &str = r#"{
    "user": "id-of-alice", "user_name": "alice", "idp": "corp",
    "idp_entity_id": "https://idp.example.com",
    "name_id": { "value": "alice",
                 "format": "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
                 "name_qualifier": null, "sp_name_qualifier": null },
    "session_index": "_s1",
    "profile": { "email": "alice@example.com", "first_name": null, "last_name": null,
                 "display_name": null, "department": "IT", "title": null, "employee_number": null,
                 "manager": null, "groups": ["staff"] },
    "roles": ["it-manager"], "attributes": [["Role", ["staff", "admins"]]],
    "authn_instant": 1795000000000000, "authn_context": null, "session_not_on_or_after": null,
    "created": false }"#;

#[tokio::test]
async fn a_database_of_the_first_version_is_brought_up_to_date() {
    use sqlx::sqlite::SqliteConnectOptions;
    use sqlx::{ConnectOptions as _, Connection as _};

    use crate::audit::LoginOutcome;
    use crate::directory::DirectoryStore as _;
    use crate::identity::Identity;
    use crate::session::{SessionStore, TokenHash};

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("samlgate.db");
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    let begin = super::open::MIGRATIONS[0];
    sqlx::raw_sql(begin).execute(&mut connection).await.unwrap();
    let identity = Identity::for_test("alice", at(0));
    let rows = FIRST_VERSION.replace("IDENTITY", &format!("'{FIRST_IDENTITY}'"));
    sqlx::raw_sql(AssertSqlSafe(rows)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();

    let store = open(&path).await.unwrap();
    let session = SessionStore::find(&store, &TokenHash([1; 32])).await.unwrap().unwrap();
    assert_eq!((&*session.sid, &session.identity), ("sid-1", &identity));
    assert_eq!(session.browser, Some([9; 32]));
    let times = [session.opened_at, session.not_after, session.last_seen()];
    assert_eq!(
        times.map(Timestamp::unix_micros),
        [1000, 9_000_000_000, 1500]
    );
    let newest = store.newest_of_browser(&[9; 32]).await.unwrap().unwrap();
    assert_eq!(newest.sid, "sid-1");
    assert!(!store.claim("https://idp.example.com", "_a", at(300), at(0)).await.unwrap());
    let attempt = store.attempt("7F3K-92QA").await.unwrap().unwrap();
    assert_eq!(attempt.outcome, LoginOutcome::Accepted);
    assert_eq!(attempt.detail, json!({ "sid": "sid-1" }));
    assert_eq!(store.attempts(10).await.unwrap().len(), 2);
    assert!(store.find_by_user_name("alice").await.unwrap().is_some());
    let user = crate::base::UserId::new("id-of-alice".into());
    let ended = store.end_user(&user, at(1)).await.unwrap();
    assert_eq!(ended.len(), 2, "both, also the one that can not be read");
    assert_eq!(store.ended_after(Some(0)).await.unwrap().hashes.len(), 3);
}

#[tokio::test]
async fn people_of_the_third_version_keep_their_names() {
    use sqlx::sqlite::SqliteConnectOptions;
    use sqlx::{ConnectOptions as _, Connection as _};

    use crate::base::ConnectionName;
    use crate::directory::{
        Begin, Connection, ConnectionSettings, Connections as _, DirectoryStore as _, Operator,
        People as _, Provisioning as _, Query, UserParts,
    };

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("samlgate.db");
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    for migration in &super::open::MIGRATIONS[..3] {
        sqlx::raw_sql(*migration).execute(&mut connection).await.unwrap();
    }
    let people = "
        INSERT INTO user VALUES
        ('1', 'alice', NULL, 'corp', 'n-1', 'a@example.com', '{\"groups\":[]}', 1, 1, 1, NULL, 1),
        ('2', 'Alice', 'e1', 'corp', NULL, NULL, '{\"groups\":[]}', 1, 2, 2, 2, 7),
        ('3', 'émile', 'e1', NULL, NULL, NULL, '{\"groups\":[]}', 0, 3, 3, NULL, 1),
        ('4', 'ÉMILE', NULL, 'corp', NULL, NULL, '{\"groups\":[]}', 1, 4, 4, 4, 1);";
    sqlx::raw_sql(people).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();

    let store = open(&path).await.unwrap();
    let records = store.records(None, None, 10).await.unwrap();
    let kept: Vec<_> = records
        .iter()
        .map(|record| {
            (
                record.user.id.as_str(),
                record.tenant.as_str(),
                record.claimed,
            )
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
    assert_eq!(
        store.find_by_user_name("alice").await.unwrap().unwrap().id.as_str(),
        "1"
    );
    assert_eq!(
        store.find_holder("Émile").await.unwrap().unwrap().id.as_str(),
        "4"
    );
    assert!(!store.find_by_user_name("émile").await.unwrap().unwrap().may_enter());

    let okta = Connection {
        name: ConnectionName::parse("okta").unwrap(),
        idp: IdpName::parse("corp"),
        settings: ConnectionSettings::default(),
        created_at: at(0),
    };
    let _ = store.create_connection(&okta, &Operator::command(), at(0)).await.unwrap();
    let everybody = Query {
        filter: None,
        sort: None,
        from: Begin::Offset(0),
        count: 1,
        total: true,
    };
    let page = store.users(&okta.tenant(), &everybody, UserParts::default()).await.unwrap();
    assert_eq!((page.resources.len(), page.total), (1, Some(3)));
}

#[tokio::test]
async fn whom_a_filter_means_is_found_by_an_index() {
    use crate::directory::Tenant;
    use crate::scim::{Catalogue, Filter, ResourceKind};
    use crate::store::sql::plan_of;

    let temp = TempStore::in_memory().await;
    let tenant = Tenant::stored("c:okta".into());
    let catalogue = Catalogue::standard();
    for (kind, filter, index) in [
        (
            ResourceKind::User,
            "userName eq \"a\"",
            "user_named (tenant=? AND user_name_key=?",
        ),
        (
            ResourceKind::User,
            "userName sw \"a\"",
            "user_named (tenant=? AND user_name_key>?",
        ),
        (
            ResourceKind::User,
            "externalId eq \"a\"",
            "user_external_id (external_id=? AND tenant=?",
        ),
        (
            ResourceKind::User,
            "id eq \"a\"",
            "sqlite_autoindex_user_1 (id=?",
        ),
        (
            ResourceKind::User,
            "active eq false",
            "user_inactive (tenant=?",
        ),
        (
            ResourceKind::User,
            "emails.value eq \"a\"",
            "value_is (key=? AND <expr>=?",
        ),
        (
            ResourceKind::User,
            "emails[type eq \"work\" and value eq \"a\"]",
            "value_is (key=?",
        ),
        (
            ResourceKind::User,
            "title sw \"a\"",
            "value_is (key=? AND <expr>>?",
        ),
        (ResourceKind::User, "title co \"a\"", "value_is (key=?"),
        (
            ResourceKind::User,
            "meta.lastModified gt \"2026-01-01T00:00:00Z\"",
            "user_changed (tenant=? AND changed_at>?",
        ),
        (
            ResourceKind::User,
            "groups.value eq \"g\"",
            "sqlite_autoindex_grp_1 (id=?",
        ),
        (
            ResourceKind::Group,
            "displayName eq \"a\"",
            "grp_named (tenant=? AND display_name_key=?",
        ),
        (
            ResourceKind::Group,
            "members.value eq \"a\"",
            "member_of (member=?",
        ),
        (
            ResourceKind::Group,
            "externalId eq \"a\"",
            "grp_external_id (tenant=? AND external_id=?",
        ),
    ] {
        let wanted = Filter::parse(&catalogue, kind, filter).unwrap();
        let plan = plan_of(&*temp.store, kind, &tenant, &wanted).await;
        assert!(plan.contains(index), "{filter}:\n{plan}");
        // But for the few groups that were found already.
        let scans = plan.lines().filter(|line| line.starts_with("SCAN") && *line != "SCAN i");
        assert_eq!(scans.count(), 0, "{filter}:\n{plan}");
    }
}

#[tokio::test]
async fn who_signs_in_is_found_by_indexes() {
    let temp = TempStore::in_memory().await;
    let sql = format!("EXPLAIN QUERY PLAN {}", super::users::search(2));
    let mut connection = temp.store.readers.lend().await.unwrap();
    let columns = Columns::default();
    let nothing = (0..10).fold(columns, |columns, _| columns.with("x"));
    let rows = nothing.bind(sqlx::query(AssertSqlSafe(sql))).fetch_all(&mut *connection).await;
    let rows = rows.unwrap();
    let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
    assert!(
        plan.iter().all(|line| !line.starts_with("SCAN user")),
        "{plan:#?}"
    );
    assert_eq!(
        plan.iter().filter(|line| line.contains("INDEX user_email (<expr>=?)")).count(),
        2,
        "{plan:#?}"
    );
}

#[tokio::test]
async fn a_change_of_members_looks_at_nobody_else() {
    let temp = TempStore::in_memory().await;
    let plan = crate::store::sql::plan_of_members(&*temp.store).await;
    for found in [
        "SEARCH u USING INDEX sqlite_autoindex_user_1 (id=?)",
        "SEARCH g USING INDEX sqlite_autoindex_grp_1 (id=?)",
        "SEARCH u USING INTEGER PRIMARY KEY (rowid=?)",
    ] {
        assert!(plan.contains(found), "{plan}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_may_open_a_new_file_at_the_same_moment() {
    for _ in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new.db");
        let mut opening = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let path = path.clone();
            opening.spawn(async move { open(&path).await.map(|_| ()) });
        }
        for opened in opening.join_all().await {
            opened.unwrap();
        }
    }
}
