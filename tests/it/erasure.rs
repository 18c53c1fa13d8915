//! A database as a whole: nothing of who is erased is left in it, and everything of it comes along to
//! another.

use std::process::Output;

use http::Method;
use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::gateway::{Gateway, Setup};
use crate::support::http::{Answer, Ask, Visitor};
use crate::support::idp::{self, TestIdp};
use crate::support::postgres::Postgres;

/// A gateway with SQLite, its identity provider, and a token to provision by.
struct Office {
    gateway: Gateway,
    idp: TestIdp,
    _app: App,
    token: String,
}

impl Office {
    async fn found() -> Self {
        let (idp, app) = (TestIdp::new("corp"), App::start().await);
        let setup = Setup::http().quick_key().idp("corp", &idp.metadata_file(), "");
        let gateway = setup.route(&app.url(), "").start().await;
        let made = run(&gateway, &["scim", "token", "create", "corp"]);
        let token = String::from_utf8(made.stdout).unwrap().trim().to_owned();
        Self { gateway, idp, _app: app, token }
    }

    async fn scim(&self, method: Method, path: &str, body: &Value) -> Answer {
        let url = self.gateway.url(&format!("/scim/v2{path}"));
        let ask = Ask::new(method, &url)
            .header("authorization", &format!("Bearer {}", self.token))
            .header("content-type", "application/scim+json")
            .body(body.to_string());
        self.gateway.visitor().send(ask).await
    }

    async fn create(&self, path: &str, body: Value) -> String {
        let made = self.scim(Method::POST, path, &body).await;
        assert_eq!(made.status, 201, "{}", made.text());
        made.json()["id"].as_str().unwrap().to_owned()
    }

    /// Alice, with all her values.
    async fn alice(&self) -> String {
        self.create(
            "/Users",
            json!({
                "userName": "Alice@Example.com", "externalId": "ext-4711-alice",
                "displayName": "Alice of SCIM", "title": "Head of Wonderland",
                "name": {"givenName": "Alicia", "familyName": "Liddell"},
                "emails": [{"value": "alice@example.com", "type": "work", "primary": true}],
                "phoneNumbers": [{"value": "+44 1865 276150", "type": "work"}],
            }),
        )
        .await
    }

    async fn patch(&self, path: &str, operation: Value) {
        let patched = self.scim(Method::PATCH, path, &json!({ "Operations": [operation] })).await;
        assert!(patched.status.is_success(), "{}", patched.text());
    }

    async fn sign_in(&self, visitor: &mut Visitor) -> Answer {
        let start = visitor.get(&self.gateway.url("/.samlgate/start?idp=corp")).await;
        let request = self.idp.read(&start);
        let xml = self.idp.write(&self.idp.answer(&request));
        let acs = Ask::new(Method::POST, &self.gateway.url("/saml/acs"));
        let fields = idp::fields(&xml, Some(&request.relay_state));
        visitor.send(acs.navigating().form(&fields)).await
    }

    async fn who(&self, visitor: &mut Visitor) -> Value {
        let answer = visitor.get(&self.gateway.url("/.samlgate/user")).await;
        assert_eq!(answer.status, 200);
        answer.json()
    }
}

fn run(gateway: &Gateway, arguments: &[&str]) -> Output {
    let output = gateway.command(arguments).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {error}");
    output
}

/// Which of these are in the files of the database.
fn found(gateway: &Gateway, words: &[&'static str]) -> Vec<&'static str> {
    let folder = gateway.folder().join("data");
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        bytes.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    let bytes = bytes.to_ascii_lowercase();
    let is_there = |word: &str| {
        let word = word.to_ascii_lowercase();
        bytes.windows(word.len()).any(|window| window == word.as_bytes())
    };
    words.iter().copied().filter(|word| is_there(word)).collect()
}

const PERSONAL: [&str; 9] = [
    "alice@example.com",
    "ext-4711-alice",
    "Alice of SCIM",
    "Alice Example",
    "Head of Wonderland",
    "Alicia",
    "Liddell",
    "276150",
    "Queen of Hearts",
];

#[tokio::test]
async fn nothing_of_who_is_erased_is_left_in_the_file() {
    let mut office = Office::found().await;
    let id = office.alice().await;
    let user = format!("/Users/{id}");
    let member = json!([{ "value": id, "display": "Alice of SCIM" }]);
    office
        .create(
            "/Groups",
            json!({ "displayName": "Staff", "members": member }),
        )
        .await;
    let mut others = Vec::new();
    for number in 0..40 {
        let other = json!({
            "userName": format!("other-{number}"), "displayName": format!("Other {number}"),
            "title": "Gardener ".repeat(number),
        });
        others.push(office.create("/Users", other).await);
        let op = json!({ "op": "replace", "path": "nickName", "value": format!("n{number}") });
        office.patch(&user, op).await;
    }
    let queen = json!({ "op": "replace", "path": "nickName", "value": "Queen of Hearts" });
    office.patch(&user, queen).await;
    let mut alice = office.gateway.visitor();
    assert_eq!(office.sign_in(&mut alice).await.status, 303);
    assert_eq!(office.who(&mut alice).await["sub"], id);
    run(&office.gateway, &["user", "disable", "Alice@Example.com"]);
    let refused = office.sign_in(&mut office.gateway.visitor()).await;
    assert_eq!(refused.status, 403);
    assert_eq!(found(&office.gateway, &PERSONAL), PERSONAL);
    let before = run(&office.gateway, &["audit", "--since", "all"]).stdout;
    let before = String::from_utf8(before).unwrap();

    let erased = run(&office.gateway, &["user", "erase", &id, "--yes"]);
    let said = String::from_utf8_lossy(&erased.stderr).into_owned();
    assert!(said.contains("taken out of the audit"), "{said}");
    assert_eq!(office.gateway.stop().await.code(), Some(0));
    assert_eq!(found(&office.gateway, &PERSONAL), [""; 0]);
    assert_eq!(
        found(&office.gateway, &["Other 17"]),
        ["Other 17"],
        "of others all is there"
    );

    let after = run(&office.gateway, &["audit", "--since", "all"]).stdout;
    let after = String::from_utf8(after).unwrap();
    // The erasure itself, and the end of the gateway.
    assert_eq!(after.lines().count(), before.lines().count() + 2);
    assert!(after.lines().filter(|line| line.contains("\"erased\":true")).count() > 40);
    let verified = run(&office.gateway, &["audit", "--verify"]).stdout;
    let verified: Value = serde_json::from_slice(&verified).unwrap();
    assert_eq!(verified["whole"], true);
    assert!(verified["erased"].as_u64() > Some(40), "{verified}");

    // Who takes out more than an erasure names is found.
    let file = office.gateway.folder().join("data/samlgate.db");
    let file = format!("sqlite://{}", file.display());
    let pool = sqlx::SqlitePool::connect(&file).await.unwrap();
    let remove = "UPDATE audit_event SET private = NULL WHERE kind = 'server.started'";
    sqlx::query(remove).execute(&pool).await.unwrap();
    pool.close().await;
    let broken = office.gateway.command(&["audit", "--verify"]).output().unwrap();
    assert_eq!(broken.status.code(), Some(1));
}

#[tokio::test]
async fn a_gateway_goes_on_after_its_database_was_copied_to_postgresql() {
    let postgres = Postgres::start().await;
    let mut office = Office::found().await;
    let id = office.alice().await;
    let gone = office.create("/Users", json!({ "userName": "gone\t\\\nwith\u{e9}" })).await;
    let staff = json!({ "displayName": "Staff", "members": [{ "value": id }, { "value": gone }] });
    let staff = office.create("/Groups", staff).await;
    let mut alice = office.gateway.visitor();
    assert_eq!(office.sign_in(&mut alice).await.status, 303);
    let xml = office.idp.write(&office.idp.unsolicited(&office.gateway.url("")));
    let acs = Ask::new(Method::POST, &office.gateway.url("/saml/acs")).navigating();
    let refused = office.gateway.visitor().send(acs.form(&idp::fields(&xml, None))).await;
    assert_eq!(refused.status, 403);
    run(&office.gateway, &["user", "erase", &gone, "--yes"]);
    let url = postgres.url();
    let copy = |gateway: &Gateway, more: &[&str]| {
        let arguments: Vec<&str> = ["storage", "copy", "--to", url.as_str()]
            .into_iter()
            .chain(more.iter().copied())
            .collect();
        gateway.command(&arguments).output().unwrap()
    };
    let used = copy(&office.gateway, &[]);
    assert_eq!(used.status.code(), Some(1));
    let said = String::from_utf8_lossy(&used.stderr).into_owned();
    assert!(said.contains("is in use"), "{said}");
    assert!(!said.contains("correct-horse"), "{said}");

    office.gateway.signal("TERM");
    assert_eq!(office.gateway.ended().await.code(), Some(0));
    let planned = copy(&office.gateway, &["--dry-run"]);
    assert_eq!(planned.status.code(), Some(0), "{planned:?}");
    let tables = postgres.ask(
        "people",
        "SELECT count(*) FROM pg_tables WHERE tableowner = 'gateway'",
    );
    assert_eq!(tables, "0", "a plan makes nothing");
    let before = run(&office.gateway, &["audit", "--since", "all"]).stdout;
    let copied = copy(&office.gateway, &[]);
    let said = String::from_utf8_lossy(&copied.stderr).into_owned();
    assert_eq!(copied.status.code(), Some(0), "{said}");
    let said = String::from_utf8_lossy(&copied.stdout).into_owned();
    for table in ["user", "audit_event", "session", "scim_token", "value"] {
        let line = said.lines().find(|line| line.split_whitespace().next() == Some(table));
        assert!(!line.unwrap().ends_with(" 0"), "{said}");
    }
    let again = copy(&office.gateway, &[]);
    assert_eq!(again.status.code(), Some(1));
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(said.contains("is not empty"), "{said}");

    let file = office.gateway.folder().join("data/samlgate.db");
    let old = format!("sqlite://{}", file.display());
    office.gateway.rewrite(|config| config.replace(&old, &url));
    std::fs::remove_file(&file).unwrap();
    assert_eq!(
        run(&office.gateway, &["audit", "--since", "all"]).stdout,
        before
    );
    let checked = run(&office.gateway, &["storage", "check"]);
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(!said.contains("fail"), "{said}");
    office.gateway.start_again().await;
    assert_eq!(
        office.who(&mut alice).await["sub"],
        id,
        "she is still signed in"
    );
    let mut again = office.gateway.visitor();
    assert_eq!(office.sign_in(&mut again).await.status, 303);
    assert_eq!(office.who(&mut again).await["sub"], id);
    // Numbers go on behind those that came along.
    let bob = office.create("/Users", json!({ "userName": "bob" })).await;
    office
        .create(
            "/Groups",
            json!({ "displayName": "New", "members": [{ "value": bob }] }),
        )
        .await;
    let shown = office.scim(Method::GET, &format!("/Groups/{staff}"), &Value::Null).await;
    assert_eq!(shown.json()["members"].as_array().unwrap().len(), 1);
    let found = "/Users?filter=emails.value%20eq%20%22alice@example.com%22";
    let found = office.scim(Method::GET, found, &Value::Null).await;
    assert_eq!(found.json()["totalResults"], 1, "{}", found.text());
    run(&office.gateway, &["audit", "--verify"]);
    run(&office.gateway, &["storage", "compact"]);
}
