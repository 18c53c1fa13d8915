//! The suite of all stores over a Redis of its own, and what only Redis can do.
//!
//! Each test has a server: `redis-server`, on a unix socket in a folder that goes with it.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::task::JoinSet;

use super::{RedisSettings, RedisStore, SealKeys};
use crate::audit::{AuditSink, Chain, Event, LoginAttempt, Older, RecordedEvent};
use crate::base::clock::TestClock;
use crate::base::entropy::SystemEntropy;
use crate::base::{IdpName, StoreError, Timestamp, UserId};
use crate::directory::{
    Changed, Created, DirectoryStore, Identifiers, Link, Linked, Links, Operator, Standing,
    Standings, User,
};
use crate::identity::Identity;
use crate::saml::{OneUseStore, PendingLogin, PendingStore, Taken};
use crate::session::{
    Ended, KeptStore, Lifetimes, Login, LoginStore, Session, SessionStore, Sessions, Swept,
    TokenHash, Written,
};
use crate::store::SqliteStore;
use crate::store::suite::{at, run_suite};
use crate::trust::{IdpStore, ImportedIdp, MetadataCopy, RefreshState, SeenKey, WaitingChange};

mod suite {
    use super::{Opened, run_suite};

    run_suite! { Opened::new().await }
}

/// Longer than anything here takes.
const SOON: Duration = Duration::from_secs(20);

/// A node, and the server that it talks to.
struct Opened {
    node: Arc<Whole>,
    _redis: TempRedis,
}

impl Opened {
    async fn new() -> Self {
        let redis = TempRedis::start().await;
        Self { node: Arc::new(redis.node(&key(1)).await), _redis: redis }
    }

    fn store(&self) -> Arc<Whole> {
        Arc::clone(&self.node)
    }
}

/// A server of Redis, and the folder that is removed with it.
struct TempRedis {
    folder: tempfile::TempDir,
    server: Child,
}

impl TempRedis {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = serve(folder.path().join("redis.sock"));
        let redis = Self { folder, server };
        redis.answers().await;
        redis
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }

    async fn answers(&self) {
        let redis = self.node(&key(1)).await.redis;
        tokio::time::timeout(SOON, async {
            while redis.ping().await.is_err() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .expect("redis-server does not answer: is it installed?");
    }

    /// One more node, with people of its own.
    async fn node(&self, keys: &str) -> Whole {
        let sqlite = Arc::new(SqliteStore::open(":memory:").await.unwrap());
        let url = format!("redis+unix://{}", self.socket().display());
        let settings = RedisSettings::new(&url, None, SealKeys::parse(keys).unwrap()).unwrap();
        let clock = Arc::new(TestClock::at(at(0)));
        let people = Arc::clone(&sqlite);
        let redis = RedisStore::new(&settings, people, clock, Arc::new(SystemEntropy)).unwrap();
        Whole { redis: Arc::new(redis), sqlite }
    }

    /// By `redis-cli`, as an operator would.
    fn ask(&self, words: &[&str]) -> String {
        let mut command = Command::new("redis-cli");
        let output = command.arg("-s").arg(self.socket()).args(words).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn kill(&mut self) {
        self.server.kill().unwrap();
        self.server.wait().unwrap();
    }

    async fn start_again(&mut self) {
        self.server = serve(self.socket());
        self.answers().await;
    }
}

impl Drop for TempRedis {
    fn drop(&mut self) {
        self.kill();
    }
}

fn serve(socket: PathBuf) -> Child {
    Command::new("redis-server")
        .args(["--port", "0", "--unixsocket"])
        .arg(&socket)
        .args([
            "--save",
            "",
            "--appendonly",
            "yes",
            "--appendfsync",
            "always",
        ])
        .arg("--dir")
        .arg(socket.parent().unwrap())
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server does not start: is it installed?")
}

fn key(byte: u8) -> String {
    STANDARD.encode([byte; 32])
}

/// What a gateway has: Redis for what nodes share, a database for the rest.
struct Whole {
    redis: Arc<RedisStore>,
    sqlite: Arc<SqliteStore>,
}

/// Passes calls on to one of the two.
macro_rules! by {
    ($part:ident: $trait:ident {
        $(fn $name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*
    }) => {
        #[async_trait]
        impl $trait for Whole {
            $(
                async fn $name(&self $(, $argument: $type)*) -> Result<$result, StoreError> {
                    $trait::$name(&*self.$part $(, $argument)*).await
                }
            )*
        }
    };
}

by! { redis: OneUseStore {
    fn claim(issuer: &str, id: &str, until: Timestamp, now: Timestamp) -> bool;
    fn is_claimed(issuer: &str, id: &str, now: Timestamp) -> bool;
} }

by! { redis: PendingStore {
    fn keep(handle: [u8; 32], browser: [u8; 32], login: &PendingLogin, now: Timestamp) -> ();
    fn take(handle: [u8; 32], browser: [u8; 32], now: Timestamp) -> Taken;
    fn take_by_request(id: &str, browser: [u8; 32], now: Timestamp) -> Taken;
} }

by! { redis: KeptStore {
    fn keep(key: [u8; 32], value: &[u8], expires: Timestamp) -> ();
    fn take(key: &[u8; 32], now: Timestamp) -> Option<Vec<u8>>;
} }

by! { redis: SessionStore {
    fn insert(session: &Session) -> ();
    fn find(hash: &TokenHash) -> Option<Session>;
    fn touch(seen: &[(TokenHash, Timestamp)]) -> ();
    fn hand_over(parent: &TokenHash, child: &Session) -> bool;
    fn end(hash: &TokenHash, now: Timestamp) -> bool;
    fn end_family(sid: &str, now: Timestamp) -> Vec<TokenHash>;
    fn find_named(idp: &str, name_id: &str, indexes: &[String]) -> Vec<Session>;
    fn end_user(user: &UserId, now: Timestamp) -> Vec<TokenHash>;
    fn end_all(now: Timestamp) -> u64;
    fn ended_after(mark: Option<i64>) -> Ended;
    fn newest_of_browser(browser: &[u8; 32]) -> Option<Session>;
    fn list(user: Option<&UserId>, idle: Duration, limit: u32, now: Timestamp) -> Vec<Session>;
    fn sweep(idle: Duration, now: Timestamp) -> Swept;
    fn count(idle: Duration, now: Timestamp) -> u64;
} }

by! { redis: LoginStore {
    fn log_in(login: &Login<'_>, now: Timestamp) -> Written;
} }

by! { sqlite: Standings {
    fn standing(id: &UserId, groups: &[String], asserted: Timestamp) -> Option<Standing>;
    fn says_groups(id: &UserId, now: Timestamp) -> bool;
} }
by! { sqlite: Links {
    fn linked(idp: &IdpName, name_id: &str) -> Option<User>;
    fn links(person: &UserId) -> Vec<Link>;
    fn link(link: &Link, by: &Operator) -> Linked;
    fn unlink(person: &UserId, idp: &IdpName, by: &Operator, now: Timestamp) -> bool;
} }
by! { sqlite: DirectoryStore {
    fn find(id: &UserId) -> Option<User>;
    fn find_by_user_name(user_name: &str) -> Option<User>;
    fn find_holder(user_name: &str) -> Option<User>;
    fn find_by_external_id(idp: &IdpName, external_id: &str) -> Option<User>;
    fn find_by_email(email: &str) -> Vec<User>;
    fn find_by_name_id(idp: &IdpName, name_id: &str) -> Option<User>;
    fn find_any(by: Identifiers<'_>) -> Vec<User>;
    fn create(user: &User) -> Created;
    fn update(user: &User) -> Changed;
    fn set_active(id: &UserId, active: bool, now: Timestamp) -> bool;
    fn list(limit: u32, after: Option<&str>) -> Vec<User>;
} }

by! { sqlite: AuditSink {
    fn record(event: &Event, now: Timestamp) -> ();
    fn record_attempt(attempt: &LoginAttempt) -> ();
    fn record_refusal(attempt: &LoginAttempt, event: &Event, now: Timestamp) -> ();
    fn attempt(reference: &str) -> Option<LoginAttempt>;
    fn attempts(limit: u32) -> Vec<LoginAttempt>;
    fn events(since: Timestamp, after: i64, limit: u32) -> Vec<RecordedEvent>;
    fn verify() -> Chain;
    fn forget_attempts(before: Timestamp) -> u64;
    fn older(before: Timestamp) -> Option<Older>;
    fn prune(last: i64, now: Timestamp) -> bool;
    fn remove_pruned() -> u64;
} }

by! { sqlite: IdpStore {
    fn put(idp: &ImportedIdp) -> ();
    fn put_all(idps: &[ImportedIdp]) -> ();
    fn put_copies(copies: &[MetadataCopy]) -> ();
    fn confirm_copies(idps: &[IdpName], at: Timestamp) -> ();
    fn refreshes() -> Vec<RefreshState>;
    fn put_refreshes(states: &[RefreshState]) -> ();
    fn forget_refresh(idp: &IdpName) -> ();
    fn saw_key(key: &SeenKey) -> bool;
    fn seen_keys() -> Vec<SeenKey>;
    fn decide_key(idp: &IdpName, fingerprint: &str, standing: crate::trust::Standing) -> bool;
    fn forget_key(idp: &IdpName, fingerprint: &str) -> ();
    fn put_waiting(change: &WaitingChange) -> ();
    fn waiting() -> Vec<WaitingChange>;
    fn forget_waiting(idp: &IdpName) -> bool;
    fn lease(name: &str, holder: &str, until: Timestamp, now: Timestamp) -> bool;
    fn list() -> Vec<ImportedIdp>;
    fn page(after: Option<&IdpName>, most: usize) -> Vec<ImportedIdp>;
    fn imported(name: &IdpName) -> Option<ImportedIdp>;
    fn names() -> Vec<IdpName>;
    fn copies(idps: &[IdpName]) -> Vec<MetadataCopy>;
    fn remove(name: &IdpName) -> bool;
    fn revision() -> i64;
    fn put_copy(copy: &MetadataCopy) -> ();
    fn renewed() -> ();
    fn copy(idp: &IdpName) -> Option<MetadataCopy>;
} }

fn session(number: u8) -> Session {
    let alice = Identity::for_test("alice", at(0));
    let (hash, sid) = (TokenHash([number; 32]), format!("sid-{number}"));
    Session::new(sid, hash, alice, None, at(0), at(12 * 3600), at(0))
}

async fn open(node: &Whole, number: u8) -> TokenHash {
    node.redis.insert(&session(number)).await.unwrap();
    TokenHash([number; 32])
}

async fn has(node: &Whole, hash: &TokenHash) -> bool {
    SessionStore::find(&*node.redis, hash).await.unwrap().is_some()
}

#[tokio::test]
async fn redis_holds_nobodys_name_in_the_clear() {
    let redis = TempRedis::start().await;
    let node = redis.node(&key(1)).await;
    open(&node, 1).await;
    let login = PendingLogin {
        request_id: "_request".into(),
        idp: IdpName::parse("corp").unwrap(),
        return_to: crate::base::ReturnTo::from_stored("/reports").unwrap(),
        wish: crate::saml::Wish::default(),
        created_at: at(0),
    };
    PendingStore::keep(&*node.redis, [1; 32], [2; 32], &login, at(0)).await.unwrap();
    KeptStore::keep(&*node.redis, [3; 32], b"amount=100", at(60)).await.unwrap();
    OneUseStore::claim(&*node.redis, "https://idp.example.com", "_a", at(60), at(0))
        .await
        .unwrap();
    let held = std::fs::read_dir(redis.folder.path().join("appendonlydir")).unwrap();
    let held: Vec<u8> =
        held.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect();
    let holds = |text: &str| held.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(holds("sid-1") && holds("id-of-alice"), "the indexes");
    for text in [
        "alice@example.com",
        "staff",
        "idp.example.com",
        "/reports",
        "amount",
        "_request",
    ] {
        assert!(!holds(text), "{text}");
    }
}

#[tokio::test]
async fn a_key_is_rolled_over_while_sessions_live() {
    let redis = TempRedis::start().await;
    let old = redis.node(&key(1)).await;
    let hash = open(&old, 1).await;
    let both = redis.node(&format!("{} {}", key(2), key(1))).await;
    assert!(has(&both, &hash).await);
    let newer = open(&both, 2).await;
    // Without the key it is not known whether there is a session: an error, and not "no".
    let failed = SessionStore::find(&*old.redis, &newer).await.unwrap_err();
    assert_eq!(failed.code().as_str(), "store.unavailable");
    let new = redis.node(&key(2)).await;
    assert!(has(&new, &newer).await);
}

#[tokio::test]
async fn a_session_that_somebody_put_in_the_place_of_another_is_no_session() {
    let redis = TempRedis::start().await;
    let node = redis.node(&key(1)).await;
    let (first, second) = (open(&node, 1).await, open(&node, 2).await);
    let copy = "redis.call('HSET', 'samlgate:s:' .. string.rep('\\1', 32), 'v', \
                redis.call('HGET', 'samlgate:s:' .. string.rep('\\2', 32), 'v'))";
    redis.ask(&["EVAL", copy, "0"]);
    assert!(!has(&node, &first).await);
    assert!(has(&node, &second).await);
}

#[tokio::test]
async fn ending_leaves_nothing_in_the_indexes() {
    let redis = TempRedis::start().await;
    let node = redis.node(&key(1)).await;
    let empty = redis.ask(&["DBSIZE"]);
    for number in 0..50 {
        open(&node, number).await;
    }
    assert_ne!(redis.ask(&["DBSIZE"]), empty);
    let alice = Identity::for_test("alice", at(0)).user;
    assert_eq!(node.redis.end_user(&alice, at(1)).await.unwrap().len(), 50);
    assert_eq!(
        redis.ask(&["KEYS", "*"]).split_whitespace().count(),
        2,
        "epoch and ends"
    );
    for number in 0..50 {
        open(&node, number).await;
    }
    let swept = SessionStore::sweep(&*node.redis, Duration::from_secs(60), at(60))
        .await
        .unwrap();
    assert_eq!((swept.idle, swept.lifetime), (50, 0));
    assert_eq!(redis.ask(&["KEYS", "*"]).split_whitespace().count(), 2);
    // More than one script does at once.
    for number in 0..=u16::from(u8::MAX) * 3 {
        let mut session = session(0);
        let [high, low] = number.to_be_bytes();
        session.hash.0[..2].copy_from_slice(&[high, low]);
        node.redis.insert(&session).await.unwrap();
    }
    assert_eq!(
        node.redis.count(Duration::from_secs(60), at(1)).await.unwrap(),
        766
    );
    assert_eq!(node.redis.end_all(at(1)).await.unwrap(), 766);
    assert_eq!(redis.ask(&["KEYS", "*"]).split_whitespace().count(), 2);
}

#[tokio::test]
async fn everything_runs_out_by_itself_but_what_counts_endings() {
    let redis = TempRedis::start().await;
    let node = redis.node(&key(1)).await;
    open(&node, 1).await;
    KeptStore::keep(&*node.redis, [3; 32], b"form", at(60)).await.unwrap();
    OneUseStore::claim(&*node.redis, "https://idp.example.com", "_a", at(60), at(0))
        .await
        .unwrap();
    let lasting = "local lasting = {} for _, key in ipairs(redis.call('KEYS', '*')) do \
                   if redis.call('PTTL', key) < 0 then lasting[#lasting + 1] = key end end \
                   table.sort(lasting) return lasting";
    let lasting = redis.ask(&["EVAL", lasting, "0"]);
    let lasting: Vec<_> = lasting.split_whitespace().collect();
    assert_eq!(
        lasting,
        ["samlgate:opened", "samlgate:seen", "samlgate:until"]
    );
}

#[tokio::test]
async fn a_redis_that_is_away_is_an_error_and_heals_by_itself() {
    let mut redis = TempRedis::start().await;
    let node = redis.node(&key(1)).await;
    let hash = open(&node, 1).await;
    redis.kill();
    for _ in 0..3 {
        let failed = SessionStore::find(&*node.redis, &hash).await.unwrap_err();
        assert_eq!(failed.code().as_str(), "store.unavailable");
    }
    redis.start_again().await;
    tokio::time::timeout(SOON, async {
        while SessionStore::find(&*node.redis, &hash).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();
    assert!(has(&node, &hash).await);
}

#[tokio::test]
async fn a_redis_that_lost_its_data_is_noticed() {
    let redis = TempRedis::start().await;
    let node = redis.node(&key(1)).await;
    let hash = open(&node, 1).await;
    node.redis.end(&hash, at(1)).await.unwrap();
    let mark = node.redis.ended_after(None).await.unwrap().mark;
    assert!(!node.redis.ended_after(Some(mark)).await.unwrap().incomplete);
    redis.ask(&["FLUSHALL"]);
    assert!(node.redis.ended_after(Some(mark)).await.unwrap().incomplete);
    let hash = open(&node, 2).await;
    node.redis.end(&hash, at(2)).await.unwrap();
    let ended = node.redis.ended_after(Some(mark)).await.unwrap();
    assert!(ended.incomplete && ended.mark > mark);
}

#[tokio::test]
async fn an_assertion_that_redis_forgot_is_remembered_by_the_database() {
    use crate::store::suite::Entering;

    let redis = TempRedis::start().await;
    let node = redis.node(&key(1)).await;
    let first = Entering::new(1, "alice").log_in(&node).await.unwrap();
    assert_eq!(first, Written::Done { replaced: None });
    redis.ask(&["FLUSHALL"]);
    let again = Entering::with_id("_1", 2, "bob").log_in(&node).await.unwrap();
    assert_eq!(again, Written::Replayed);
    assert!(!has(&node, &TokenHash([2; 32])).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_logins_by_one_assertion_on_several_nodes_one_is_written() {
    use crate::store::suite::Entering;

    let redis = TempRedis::start().await;
    let mut nodes = Vec::new();
    for _ in 0..3 {
        nodes.push(Arc::new(redis.node(&key(1)).await));
    }
    let mut logins = JoinSet::new();
    for number in 0..30_u8 {
        let node = Arc::clone(&nodes[usize::from(number) % 3]);
        logins.spawn(async move {
            let entering = Entering::with_id("_a", number, &format!("u{number}"));
            entering.log_in(&*node).await.unwrap()
        });
    }
    let written = logins.join_all().await;
    let replayed = written.iter().filter(|written| **written == Written::Replayed);
    assert_eq!(replayed.count(), 29);
    let mut people = 0;
    for node in &nodes {
        people += DirectoryStore::list(&**node, 100, None).await.unwrap().len();
    }
    assert_eq!(people, 1, "and no node has a person who did not come in");
    assert_eq!(
        nodes[0].redis.count(Duration::from_secs(60), at(0)).await.unwrap(),
        1
    );
}

const LIFETIMES: Lifetimes = Lifetimes {
    idle: Duration::from_secs(3600),
    absolute: Duration::from_secs(12 * 3600),
};

/// Sessions on one node, which has heard of everything.
async fn sessions(node: &Whole) -> Arc<Sessions> {
    let redis = Arc::clone(&node.redis);
    let sessions = Sessions::new(redis, LIFETIMES, 1000).shared(Duration::from_secs(300));
    sessions.forget_ended(at(0)).await.unwrap();
    Arc::new(sessions)
}

/// A token that Redis has a session of.
async fn token(node: &Whole) -> String {
    let token = "a".repeat(43);
    let mut session = session(1);
    session.hash = TokenHash::of(&token);
    node.redis.insert(&session).await.unwrap();
    token
}

#[tokio::test]
async fn what_one_node_ends_another_hears_of_at_once() {
    let redis = TempRedis::start().await;
    let (here, there) = (redis.node(&key(1)).await, redis.node(&key(1)).await);
    let (at_home, away) = (sessions(&here).await, sessions(&there).await);
    let token = token(&here).await;
    let mut hearing = JoinSet::new();
    let heard = Arc::clone(&away);
    hearing.spawn(async move { heard.hear_endings().await });
    tokio::time::timeout(SOON, async {
        while redis.ask(&["PUBSUB", "NUMSUB", "samlgate:ended:0"]).trim().ends_with('0') {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();
    let session = away.resolve(&token, at(1)).await.unwrap().unwrap();
    assert!(away.cached(&token, at(1)).is_some());
    let ended = session.ended();
    let alice = session.identity().user;
    at_home
        .end_user(&alice, crate::session::EndReason::Revoked, at(2))
        .await
        .unwrap();
    tokio::time::timeout(SOON, ended).await.unwrap();
    assert!(away.cached(&token, at(2)).is_none());
    // The connection is cut: that is said, so that somebody listens again.
    redis.ask(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    let broken = tokio::time::timeout(SOON, hearing.join_next()).await.unwrap().unwrap();
    assert!(broken.unwrap().is_err());
}

#[tokio::test]
async fn what_was_published_to_nobody_is_read_in_the_list() {
    let redis = TempRedis::start().await;
    let (here, there) = (redis.node(&key(1)).await, redis.node(&key(1)).await);
    let (at_home, away) = (sessions(&here).await, sessions(&there).await);
    let token = token(&here).await;
    let session = away.resolve(&token, at(1)).await.unwrap().unwrap();
    at_home.end(&session, crate::session::EndReason::SignOut, at(1)).await.unwrap();
    let ending = session.ended();
    assert!(away.cached(&token, at(1)).is_some() || session.has_ended());
    away.forget_ended(at(2)).await.unwrap();
    assert!(away.cached(&token, at(2)).is_none());
    assert!(away.resolve(&token, at(2)).await.unwrap().is_none());
    tokio::time::timeout(SOON, ending).await.unwrap();
}

#[tokio::test]
async fn while_redis_is_away_memory_goes_on_for_the_grace_and_nobody_is_signed_out() {
    let mut redis = TempRedis::start().await;
    let node = redis.node(&key(1)).await;
    let sessions = sessions(&node).await;
    let token = token(&node).await;
    assert!(sessions.cached(&token, at(1)).is_none());
    sessions.resolve(&token, at(1)).await.unwrap().unwrap();
    redis.kill();
    let away = |found: Result<_, StoreError>| found.unwrap_err().code().as_str();
    assert!(sessions.forget_ended(at(200)).await.is_err());
    assert!(sessions.resolve(&token, at(299)).await.unwrap().is_some());
    assert_eq!(
        away(sessions.resolve(&"b".repeat(43), at(299)).await),
        "store.unavailable"
    );
    assert_eq!(
        away(sessions.resolve(&token, at(300)).await),
        "store.unavailable"
    );
    redis.start_again().await;
    tokio::time::timeout(SOON, async {
        while sessions.forget_ended(at(301)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();
    assert!(sessions.cached(&token, at(302)).is_some());
}

#[tokio::test]
async fn a_session_that_is_used_on_one_node_is_idle_on_none() {
    let redis = TempRedis::start().await;
    let (here, there) = (redis.node(&key(1)).await, redis.node(&key(1)).await);
    let (used, unused) = (sessions(&here).await, sessions(&there).await);
    let token = token(&here).await;
    unused.resolve(&token, at(0)).await.unwrap().unwrap();
    used.resolve(&token, at(3000)).await.unwrap().unwrap();
    used.flush_touched(at(3000)).await.unwrap();
    for sessions in [&used, &unused] {
        sessions.forget_ended(at(3600)).await.unwrap();
    }
    unused.sweep(at(3700)).await.unwrap();
    assert!(
        unused.cached(&token, at(3700)).is_none(),
        "here it is not known"
    );
    assert!(unused.resolve(&token, at(3700)).await.unwrap().is_some());
    // A visit that was not written back yet: the round of writing back is waited for.
    used.cached(&token, at(3800)).unwrap();
    let late = at(3700 + 3600 + 59);
    unused.sweep(late).await.unwrap();
    used.flush_touched(late).await.unwrap();
    assert!(unused.resolve(&token, late).await.unwrap().is_some());
    let over = at(3700 + 3600 + 59 + 3600 + 60);
    assert!(unused.resolve(&token, over).await.unwrap().is_none());
}
