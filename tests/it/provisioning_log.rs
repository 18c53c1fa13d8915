//! What is known of a provisioning client: the log of its requests, how its connection is, and when
//! its tokens end. To the built binary over HTTP; the clock is stepped by putting back, while nothing
//! runs, what the database says of times.

use std::path::PathBuf;

use http::Method;
use samlgate::base::ConnectionName;
use samlgate::base::entropy::SystemEntropy;
use samlgate::directory::secret::ScimSecret;
use serde_json::{Value, json};
use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;

use crate::support::gateway::{Gateway, Setup};
use crate::support::http::{Answer, Ask};
use crate::support::idp::TestIdp;

/// Nobody listens there; nobody signs in.
const NOWHERE: &str = "http://127.0.0.1:9";
const PASSWORD: &str = "correct-horse-battery";
const STRANGER: &str = "mallory@stranger.example";

/// A gateway with the connection `okta`.
struct Office {
    gateway: Gateway,
    token: String,
    /// Its metadata is a file.
    _idp: TestIdp,
}

impl Office {
    async fn with(scim: &str) -> Self {
        let idp = TestIdp::new("corp");
        let setup = Setup::http().quick_key().idp("corp", &idp.metadata_file(), "");
        let setup = setup.route(NOWHERE, "").set("scim", scim);
        let gateway = setup.start().await;
        let token = run(
            &gateway,
            &["scim", "token", "create", "okta", "--expires", "365d"],
        );
        Self { gateway, token: token.trim().to_owned(), _idp: idp }
    }

    async fn ask(&self, method: Method, path: &str, body: Value) -> Answer {
        self.ask_by(&self.token, method, path, body).await
    }

    async fn ask_by(&self, token: &str, method: Method, path: &str, body: Value) -> Answer {
        let ask = Ask::new(method, &self.gateway.url(&format!("/scim/v2{path}")))
            .header("authorization", &format!("Bearer {token}"))
            .header("user-agent", "Okta SCIM Client 1.0.0")
            .body(if body.is_null() {
                String::new()
            } else {
                body.to_string()
            });
        self.gateway.visitor().send(ask).await
    }

    async fn create(&self, user_name: &str) -> Answer {
        let body = json!({
            "userName": user_name, "password": PASSWORD, "active": true,
            "emails": [{ "value": user_name, "type": "work" }],
        });
        self.ask(Method::POST, "/Users", body).await
    }

    async fn patch(&self, id: &str, path: &str, value: Value) -> Answer {
        let operation = json!({ "op": "replace", "path": path, "value": value });
        self.ask(
            Method::PATCH,
            &format!("/Users/{id}"),
            json!({ "Operations": [operation] }),
        )
        .await
    }

    /// The log, once everything is written.
    fn log(&self) -> Vec<Value> {
        self.json(&["scim", "log", "okta", "--json"]).as_array().unwrap().clone()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&run(&self.gateway, arguments)).unwrap()
    }

    fn audit(&self, kind: &str) -> Vec<Value> {
        let lines = run(&self.gateway, &["audit", "--type", kind]);
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Changes the database of a gateway that does not run.
    async fn change(&self, sql: &'static str) {
        let options = SqliteConnectOptions::new().filename(self.file());
        let mut connection = options.connect().await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        sqlx::Connection::close(connection).await.unwrap();
    }

    fn file(&self) -> PathBuf {
        self.gateway.folder().join("data/samlgate.db")
    }

    /// Whether a text is anywhere in the files of the database.
    fn keeps(&self, text: &str) -> bool {
        let folder = self.file().parent().unwrap().to_owned();
        let files = std::fs::read_dir(folder).unwrap();
        files
            .map(|file| std::fs::read(file.unwrap().path()).unwrap())
            .any(|octets| octets.windows(text.len()).any(|window| window == text.as_bytes()))
    }

    async fn metric(&self, line: &str) -> bool {
        self.gateway.admin("/metrics").await.text().lines().any(|found| found == line)
    }
}

fn run(gateway: &Gateway, arguments: &[&str]) -> String {
    let output = gateway.command(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// `create 201`, for each line.
fn lines(log: &[Value]) -> Vec<String> {
    let line = |line: &Value| format!("{} {}", line["operation"].as_str().unwrap(), line["status"]);
    log.iter().map(line).collect()
}

async fn everything(office: &mut Office) {
    let alice = office.create("alice@example.com").await;
    assert_eq!(alice.status, 201, "{}", alice.text());
    let id = alice.json()["id"].as_str().unwrap().to_owned();
    let filter = "/Users?filter=userName+eq+%22mallory%40stranger.example%22";
    assert_eq!(
        office.ask(Method::GET, filter, Value::Null).await.status,
        200
    );
    assert_eq!(office.patch(&id, "title", json!("Boss")).await.status, 200);
    assert_eq!(office.patch(&id, "title", json!("Boss")).await.status, 200);
    assert_eq!(
        office.patch(&id, "password", json!(PASSWORD)).await.status,
        200
    );
    assert_eq!(
        office.patch(&id, "active", json!("False")).await.status,
        200
    );
    let nobody = office.ask(Method::GET, &format!("/Users/{STRANGER}"), Value::Null).await;
    assert_eq!(nobody.status, 404);
    let search = json!({ "filter": format!("emails.value eq \"{STRANGER}\"") });
    assert_eq!(
        office.ask(Method::POST, "/Users/.search", search).await.status,
        200
    );
    let wrong = json!({ "userName": STRANGER, "active": { "is": "no boolean" } });
    assert_eq!(office.ask(Method::POST, "/Users", wrong).await.status, 400);
    assert_eq!(office.create("alice@example.com").await.status, 409);
    // What is handed over is written before the gateway ends.
    office.gateway.stop().await;
}

#[tokio::test]
async fn what_a_client_asked_is_logged_without_anybodys_data() {
    let mut office = Office::with("log_keep = \"1d\"").await;
    everything(&mut office).await;
    let log = office.log();
    assert_eq!(
        lines(&log),
        [
            "create 201",
            "list 200",
            "patch 200",
            "patch 200",
            "patch 200",
            "patch 200",
            "get 404",
            "search 200",
            "create 400",
            "create 409",
        ]
    );
    let alice = &log[0];
    assert_eq!(
        alice["user_name"], "alice@example.com",
        "today's name of an id"
    );
    assert_eq!(alice["effect"], "created");
    assert_eq!(alice["attributes"], json!(["active", "emails", "userName"]));
    assert_eq!(alice["user_agent"], "Okta SCIM Client 1.0.0");
    assert_eq!(alice["client"], "127.0.0.1");
    assert!(alice["micros"].as_u64().unwrap() > 0 && alice["request_id"].is_string());
    assert_eq!(log[1]["filter"], "userName eq ?");
    assert_eq!(log[1]["matched"], 0);
    assert_eq!(log[2]["attributes"], json!(["title"]));
    assert_eq!(
        [&log[3]["effect"], &log[4]["effect"]],
        ["unchanged", "unchanged"]
    );
    assert_eq!(log[5]["effect"], "deactivated");
    assert_eq!(log[6]["target"], "(address)");
    assert_eq!(log[7]["filter"], "emails.value eq ?");
    assert_eq!(log[8]["user_name"], "m…@stranger.example");
    assert_eq!(log[9]["scim_type"], "uniqueness");
    assert!(log.iter().all(|line| line["body"].is_null() && line["answer"].is_null()));
    assert!(!office.keeps(PASSWORD) && !office.keeps(STRANGER));
    let failed = office.json(&["scim", "log", "okta", "--failed", "--json"]);
    assert_eq!(
        lines(failed.as_array().unwrap()),
        ["create 400", "create 409"]
    );
    let of_alice = office.json(&[
        "scim",
        "log",
        "okta",
        "--user",
        "ALICE@example.com",
        "--json",
    ]);
    assert_eq!(of_alice.as_array().unwrap().len(), 6);
    let table = run(&office.gateway, &["scim", "log", "okta"]);
    assert!(
        table.lines().count() == 11 && table.contains("changed: title"),
        "{table}"
    );

    let shown = office.json(&["scim", "show", "okta", "--json"]);
    let run = &shown["current_run"];
    let counts = [
        "created",
        "updated",
        "deactivated",
        "unchanged",
        "looked_up",
        "failed",
    ];
    let counts = counts.map(|count| run[count].as_u64().unwrap());
    assert_eq!((counts, &run["requests"]), ([1, 1, 1, 2, 3, 2], &json!(10)));
    assert_eq!(
        (&shown["state"], &shown["people"]),
        (&json!("healthy"), &json!(1))
    );
    let look_ups = office.audit("user_lookup_provision");
    assert_eq!(look_ups.len(), 1, "the first; the others are gathered");
    assert_eq!(look_ups[0]["detail"]["by"], json!({ "userName": 1 }));
}

#[tokio::test]
async fn bodies_are_logged_redacted_until_it_is_over() {
    let mut office = Office::with("log_bodies_until = \"2999-01-01\"").await;
    everything(&mut office).await;
    let log = office.log();
    let sent: Value = serde_json::from_str(log[0]["body"].as_str().unwrap()).unwrap();
    assert_eq!(sent["password"], "(secret)");
    assert_eq!(sent["userName"], "(address)");
    assert_eq!(
        sent["emails"][0],
        json!({ "value": "(address)", "type": "work" })
    );
    let patched: Value = serde_json::from_str(log[4]["body"].as_str().unwrap()).unwrap();
    assert_eq!(patched["Operations"][0]["value"], "(secret)");
    let answer: Value = serde_json::from_str(log[9]["answer"].as_str().unwrap()).unwrap();
    assert_eq!(answer["scimType"], "uniqueness");
    assert!(!office.keeps(PASSWORD) && !office.keeps(STRANGER));

    let over = |text: String| text.replace("2999-01-01", "2026-01-01");
    office.gateway.rewrite(over);
    office.gateway.start_again().await;
    assert_eq!(office.create("bob@example.com").await.status, 201);
    office.gateway.stop().await;
    assert_eq!(office.log()[10]["body"], Value::Null);
}

#[tokio::test]
async fn a_failing_client_is_quarantined_and_resumes_when_it_is_well_again() {
    let mut office = Office::with("log_keep = \"1d\"").await;
    let wrong = || json!({ "displayName": "nobody in particular" });
    for _ in 0..10 {
        assert_eq!(
            office.ask(Method::POST, "/Users", wrong()).await.status,
            400
        );
    }
    let fails = "provisioning by okta fails: its last ten changes were all refused";
    office.gateway.has_logged(fails, 1).await;
    let failing = "samlgate_scim_connection_state{connection=\"okta\",state=\"failing\"} 1";
    assert!(office.metric(failing).await);
    let log = office.gateway.log();
    let line = log.lines().find(|line| line.contains(fails)).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(
        (&line["level"], &line["state"]),
        (&json!("WARN"), &json!("failing"))
    );
    assert!(line["advice"].as_str().unwrap().contains("samlgate scim log okta --failed"));

    office.gateway.stop().await;
    office
        .change(
            "UPDATE scim_health SET health = json_set(health, '$.since',
                 json_extract(health, '$.since') - 3 * 3600 * 1000000)",
        )
        .await;
    office.gateway.start_again().await;
    // It refuses nothing, and says nothing twice.
    assert_eq!(
        office.ask(Method::POST, "/Users", wrong()).await.status,
        400
    );
    office
        .gateway
        .has_logged("provisioning by okta has failed for two hours", 1)
        .await;
    assert!(!office.gateway.log().contains(fails));
    let listed = office.json(&["scim", "list", "--json"]);
    assert_eq!(listed[0]["state"], "quarantined");
    let shown = office.json(&["scim", "show", "okta", "--json"]);
    assert_eq!(shown["notices"].as_array().unwrap().len(), 1);
    assert_eq!(shown["last_failure"]["status"], 400);

    office.gateway.kill9();
    office.gateway.start_again().await;
    let quarantined = "samlgate_scim_connection_state{connection=\"okta\",state=\"quarantined\"} 1";
    assert!(
        office.metric(quarantined).await,
        "a restart forgets nothing"
    );
    assert_eq!(office.create("alice@example.com").await.status, 201);
    office.gateway.has_logged("provisioning by okta is well again", 1).await;
    assert!(!office.gateway.log().contains("has failed for two hours"));
    let shown = office.json(&["scim", "show", "okta", "--json"]);
    assert_eq!(
        (&shown["state"], &shown["notices"]),
        (&json!("healthy"), &json!([]))
    );
    let states: Vec<Value> = office
        .audit("idm_integration_update")
        .iter()
        .map(|event| event["detail"]["after"]["state"].clone())
        .collect();
    assert_eq!(states, ["failing", "quarantined", "healthy"]);
}

#[tokio::test]
async fn a_token_that_was_revoked_is_its_connections_and_a_guess_is_nobodys() {
    let mut office = Office::with("log_keep = \"1d\"").await;
    let okta = ConnectionName::parse("okta").unwrap();
    let guess = ScimSecret::draw(&okta, &SystemEntropy);
    let config = "/ServiceProviderConfig";
    assert_eq!(
        office.ask(Method::GET, config, Value::Null).await.status,
        200
    );
    for _ in 0..12 {
        let guessed = office.ask_by(guess.reveal(), Method::GET, config, Value::Null).await;
        assert_eq!(guessed.status, 401);
    }
    run(&office.gateway, &["scim", "token", "revoke", "okta"]);
    // Until then it may be believed.
    let refused = tokio::time::timeout(std::time::Duration::from_secs(10), async {
        while office.ask(Method::GET, config, Value::Null).await.status != 401 {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    });
    refused.await.unwrap();
    for _ in 0..9 {
        assert_eq!(
            office.ask(Method::GET, config, Value::Null).await.status,
            401
        );
    }
    let fails = "its client comes with a token that has expired or was revoked";
    office.gateway.has_logged(fails, 1).await;
    office.gateway.stop().await;
    let refused = office.log().iter().filter(|line| line["status"] == 401).count();
    assert_eq!(refused, 10);
    assert!(office.log().iter().all(|line| line["token"].is_string()));
}

#[tokio::test]
async fn the_end_of_a_token_is_announced_once() {
    let mut office = Office::with("log_keep = \"1d\"").await;
    office.gateway.stop().await;
    office
        .change(
            "UPDATE scim_token SET created_at = created_at - 360 * 86400 * 1000000,
                 expires = created_at + 5 * 86400 * 1000000",
        )
        .await;
    office.gateway.start_again().await;
    office.gateway.has_logged("expires within 7 days", 1).await;
    // The log has it, and the database knows that.
    while office.json(&["notices", "list", "--json"])["channels"][0]["waiting"] != 0 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let metrics = office.gateway.admin("/metrics").await.text();
    let gauge = "samlgate_scim_token_not_after_timestamp_seconds{connection=\"okta\",token=";
    assert!(metrics.contains(gauge), "{metrics}");
    office.gateway.kill9();
    office.gateway.start_again().await;
    // By then the tokens have been looked at.
    office.create("alice@example.com").await;
    office.gateway.stop().await;
    assert!(!office.gateway.log().contains("expires within"));
    let soon = office.audit("idm_integration_reauth");
    let soon = soon.iter().filter(|event| event["detail"]["change"] == "expires soon");
    assert_eq!(soon.count(), 1);
    let shown = office.json(&["scim", "show", "okta", "--json"]);
    let notice = shown["notices"][0]["text"].as_str().unwrap();
    assert!(notice.contains("expires within 7 days"), "{notice}");
}
