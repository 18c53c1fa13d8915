//! The same seen from outside: people sign in at the built program, and nobody of them is turned away
//! for what happens to metadata.

use std::time::Duration;

use http::Method;
use samlgate::base::Clock as _;
use samlgate::base::clock::SystemClock;
use samlgate::base::entropy::{self, SystemEntropy};
use samlgate::saml::NameId;
use samlgate::saml::logout::{LogoutReason, LogoutRequest};
use serde_json::Value;

use super::host::{Host, Says};
use crate::support::gateway::{Gateway, Setup};
use crate::support::http::{Answer, Ask, Visitor};
use crate::support::idp::{self, Key, TestIdp};

struct Stage {
    gateway: Gateway,
    idp: TestIdp,
    host: Host,
}

impl Stage {
    async fn set(more: &str) -> Self {
        let idp = TestIdp::new("corp");
        let host = Host::saying(document(&idp, "\"1\""));
        let gateway = Setup::http()
            .quick_key()
            .idp(
                "corp",
                &host.url("/metadata"),
                &format!("allow_idp_initiated = true\n{more}"),
            )
            .route("http://127.0.0.1:9", "")
            .start()
            .await;
        Self { gateway, idp, host }
    }

    /// Somebody comes from the portal.
    async fn sign_in(&self) -> Answer {
        self.sign_in_with(&mut Visitor::new()).await
    }

    async fn sign_in_with(&self, visitor: &mut Visitor) -> Answer {
        let xml = self.idp.write(&self.idp.unsolicited(&self.gateway.url("")));
        let ask = Ask::new(Method::POST, &self.gateway.url("/saml/acs"))
            .navigating()
            .form(&idp::fields(xml, None));
        visitor.send(ask).await
    }

    /// It signs somebody out, through a browser: by an address, or by a form.
    async fn sign_out(&self, name: &str, form: bool) -> Answer {
        let at = self.gateway.url("/saml/slo");
        let request = LogoutRequest {
            id: &entropy::message_id(&SystemEntropy),
            issue_instant: SystemClock.now(),
            destination: &at,
            issuer: &self.idp.entity_id,
            name_id: &NameId {
                value: name.to_owned(),
                format: Some(NameId::EMAIL.to_owned()),
                name_qualifier: None,
                sp_name_qualifier: None,
                sp_provided_id: None,
            },
            session_indexes: &[],
            reason: LogoutReason::User,
            not_on_or_after: SystemClock.now().plus(Duration::from_secs(60)),
        };
        let key = self.idp.key.signing();
        let ask = if form {
            let posted = request.posted(&key).unwrap();
            Ask::new(Method::POST, &at).form(&[(posted.field.to_owned(), posted.value)])
        } else {
            Ask::new(Method::GET, &request.redirect_url(&key).unwrap())
        };
        Visitor::new().send(ask.navigating()).await
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.gateway.command(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn done(&self, arguments: &[&str]) {
        let output = self.gateway.command(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}

/// Its metadata as it is now.
fn document(idp: &TestIdp, etag: &'static str) -> Says {
    Says::Document(idp.metadata(), etag)
}

fn new_key() -> Key {
    Key::ec(openssl::nid::Nid::X9_62_PRIME256V1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_key_that_nobody_announced_fails_no_login() {
    let mut stage = Stage::set("").await;
    assert_eq!(stage.sign_in().await.status, 303);
    // From one moment to the next: no key is in both versions.
    stage.idp.key = new_key();
    stage.host.says(document(&stage.idp, "\"2\""));
    let (first, second, third) = tokio::join!(stage.sign_in(), stage.sign_in(), stage.sign_in());
    for answer in [first, second, third] {
        assert_eq!(answer.status, 303, "{}", answer.text());
    }
    assert_eq!(stage.sign_in().await.status, 303);
    let attempts = stage.gateway.login_attempts().await;
    assert!(
        attempts.iter().all(|attempt| attempt.code.is_none()),
        "{attempts:?}"
    );
    assert_eq!(stage.host.asked().len(), 2);
    assert!(stage.host.asked()[1].contains("if-none-match: \"1\""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_can_not_be_used_yet_is_not_unknown() {
    let host = Host::saying(Says::Down);
    let gateway = Setup::http()
        .quick_key()
        .idp("corp", &host.url("/metadata"), "")
        .route("http://127.0.0.1:9", "")
        .start()
        .await;
    for path in ["/.samlgate/start?idp=corp&rd=/", "/.samlgate/sign_in?rd=/"] {
        let page = Visitor::new().get(&gateway.url(path)).await;
        assert_eq!(page.status, 503, "{}", page.text());
        assert_eq!(gateway.code_of(&page).await, "md.fetch");
        assert!(
            page.text().contains("can not be used at the moment"),
            "{}",
            page.text()
        );
    }
    let other = Visitor::new().get(&gateway.url("/.samlgate/start?idp=other&rd=/")).await;
    assert_eq!(gateway.code_of(&other).await, "idp.unknown");
    let shown = gateway.command(&["idp", "show", "corp"]).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(
        shown.contains("never fetched: ") && shown.contains("503"),
        "{shown}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_says_nothing_keeps_nobody_else_out() {
    let corp = TestIdp::new("corp");
    let (host, slow) = (
        Host::saying(document(&corp, "\"1\"")),
        Host::saying(Says::Slow),
    );
    let begun = tokio::time::Instant::now();
    let gateway = Setup::http()
        .quick_key()
        .idp("corp", &host.url("/metadata"), "")
        // What may be an aggregate has minutes to come.
        .idp(
            "slow",
            &slow.url("/metadata"),
            "entity_id = \"https://slow.example.com\"",
        )
        .route("http://127.0.0.1:9", "")
        .start()
        .await;
    assert!(
        begun.elapsed() < Duration::from_secs(25),
        "{:?}",
        begun.elapsed()
    );
    let start = |name: &str| gateway.url(&format!("/.samlgate/start?idp={name}&rd=/"));
    let sent = Visitor::new().get(&start("corp")).await;
    assert_eq!(sent.status, 302, "{}", sent.text());
    let page = Visitor::new().get(&start("slow")).await;
    assert_eq!(page.status, 503, "{}", page.text());
    assert_eq!(gateway.code_of(&page).await, "md.fetch");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_key_that_nobody_announced_signs_people_out() {
    for form in [false, true] {
        let mut stage = Stage::set("").await;
        let mut alice = Visitor::new();
        assert_eq!(stage.sign_in_with(&mut alice).await.status, 303);
        let user = stage.gateway.url("/.samlgate/user");
        assert_eq!(alice.get(&user).await.status, 200);
        stage.idp.key = new_key();
        stage.host.says(document(&stage.idp, "\"2\""));
        stage.sign_out("alice@example.com", form).await;
        assert_eq!(alice.get(&user).await.status, 401, "{form}");
        assert_eq!(stage.host.asked().len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_no_metadata_has_waits_for_an_administrator() {
    let mut stage = Stage::set("").await;
    assert_eq!(stage.sign_in().await.status, 303);
    stage.idp.key = new_key();
    for _ in 0..3 {
        let refused = stage.sign_in().await;
        assert_eq!(stage.gateway.code_of(&refused).await, "sig.invalid");
    }
    // The metadata was asked for once, whatever came.
    assert_eq!(stage.host.asked().len(), 2);
    let keys = stage.json(&["idp", "keys", "corp", "--json"]);
    let pending: Vec<&Value> = keys
        .as_array()
        .unwrap()
        .iter()
        .filter(|key| key["standing"] == "pending")
        .collect();
    assert_eq!(pending.len(), 1, "{keys}");
    assert_eq!(pending[0]["seen"], 3);
    let fingerprint = pending[0]["fingerprint_sha256"].as_str().unwrap();
    let shown = stage.json(&["idp", "show", "corp", "--json"]);
    assert_eq!(shown["waiting"], serde_json::json!(["a key"]));

    stage.done(&["idp", "approve", "corp", fingerprint]);
    stage.gateway.has_logged("\"identity provider ready\"", 2).await;
    assert_eq!(stage.sign_in().await.status, 303);
    stage.done(&["idp", "reject", "corp", fingerprint]);
    stage.gateway.has_logged("\"identity provider ready\"", 3).await;
    let refused = stage.sign_in().await;
    assert_eq!(stage.gateway.code_of(&refused).await, "sig.invalid");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_with_another_fault_shows_no_key() {
    let mut stage = Stage::set("").await;
    stage.idp.key = new_key();
    let mut response = stage.idp.unsolicited(&stage.gateway.url(""));
    response.assertions[0].confirmations[0].recipient = Some("https://other.example.com/".into());
    let ask = Ask::new(Method::POST, &stage.gateway.url("/saml/acs"))
        .navigating()
        .form(&idp::fields(stage.idp.write(&response), None));
    let refused = Visitor::new().send(ask).await;
    assert_eq!(stage.gateway.code_of(&refused).await, "sig.invalid");
    let keys = stage.json(&["idp", "keys", "corp", "--json"]);
    assert_eq!(keys.as_array().unwrap().len(), 1, "{keys}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_starts_and_signs_people_in_while_the_metadata_host_is_down() {
    let mut stage = Stage::set("").await;
    for says in [
        Says::Down,
        Says::Garbage,
        Says::Redirect("http://idp.example.com/"),
    ] {
        stage.host.says(says);
        assert!(!stage.gateway.command(&["idp", "refresh", "corp"]).status().unwrap().success());
        assert_eq!(stage.gateway.stop().await.code(), Some(0));
        stage.gateway.start_again().await;
        assert_eq!(stage.sign_in().await.status, 303);
    }
    let shown = stage.json(&["idp", "show", "corp", "--json"]);
    assert_eq!(shown["refresh"]["result"], "md.fetch");
    assert_eq!(shown["refresh"]["failures"], 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_waits_until_it_is_approved() {
    let mut stage = Stage::set("on_change = \"approve\"").await;
    let old = std::mem::replace(&mut stage.idp.key, new_key());
    stage.host.says(document(&stage.idp, "\"2\""));
    stage.done(&["idp", "refresh", "corp"]);
    let changes = stage.json(&["idp", "changes", "corp", "--json"]);
    assert_eq!(changes["standing"], "pending");
    assert!(
        changes["change"]["sentences"].as_array().unwrap().len() >= 2,
        "{changes}"
    );
    let new = std::mem::replace(&mut stage.idp.key, old);
    assert_eq!(stage.sign_in().await.status, 303);
    stage.done(&["idp", "reject", "corp"]);
    assert_eq!(
        stage.json(&["idp", "changes", "corp", "--json"])["standing"],
        "rejected"
    );
    let word = changes["word"].as_str().unwrap();
    let other = stage
        .gateway
        .command(&["idp", "approve", "corp", "change-0000"])
        .output()
        .unwrap();
    assert_eq!(other.status.code(), Some(1), "{other:?}");
    assert_eq!(
        stage.json(&["idp", "changes", "corp", "--json"])["word"],
        word
    );
    stage.done(&["idp", "approve", "corp", word]);
    stage.idp.key = new;
    let signed_in = tokio::time::timeout(Duration::from_secs(30), async {
        while stage.sign_in().await.status != 303 {
            tokio::task::yield_now().await;
        }
    });
    signed_in.await.unwrap();
    assert!(stage.json(&["idp", "changes", "corp", "--json"]).is_null());
}

/// Somebody signs in by a key that no metadata has: SHA-256 of the key that waits now.
async fn pending(stage: &Stage) -> String {
    let refused = stage.sign_in().await;
    assert_eq!(stage.gateway.code_of(&refused).await, "sig.invalid");
    let keys = stage.json(&["idp", "keys", "corp", "--json"]);
    let pending = keys.as_array().unwrap().iter().find(|key| key["standing"] == "pending");
    pending.unwrap()["fingerprint_sha256"].as_str().unwrap().to_owned()
}

fn notices(stage: &Stage) -> String {
    stage.json(&["notices", "list", "--json"])["notices"].to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_an_approved_change_brings_waits_no_more() {
    let mut stage = Stage::set("on_change = \"approve\"").await;
    stage.idp.key = new_key();
    stage.host.says(document(&stage.idp, "\"2\""));
    let fingerprint = pending(&stage).await;
    assert!(notices(&stage).contains("idp-key/corp"));
    stage.done(&["idp", "approve", "corp"]);
    let keys = stage.json(&["idp", "keys", "corp", "--json"]);
    assert_eq!(keys.as_array().unwrap().len(), 1, "{keys}");
    assert_eq!(keys[0]["standing"], "metadata");
    assert_eq!(
        stage.json(&["idp", "show", "corp", "--json"])["waiting"],
        serde_json::json!([])
    );
    assert!(!notices(&stage).contains("idp-key/corp"));
    for decide in ["reject", "approve"] {
        let refused =
            stage.gateway.command(&["idp", decide, "corp", &fingerprint]).output().unwrap();
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(said.contains("is in the metadata of corp"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_a_new_file_brings_waits_no_more() {
    let mut idp = TestIdp::new("corp");
    let file = idp.metadata_file();
    let gateway = Setup::http()
        .quick_key()
        .idp("corp", &file, "allow_idp_initiated = true")
        .route("http://127.0.0.1:9", "")
        .start()
        .await;
    idp.key = new_key();
    let host = Host::saying(document(&idp, "\"1\""));
    let stage = Stage { gateway, idp, host };
    pending(&stage).await;
    std::fs::write(&file, stage.idp.metadata()).unwrap();
    stage.gateway.reload(|config| config);
    stage.gateway.has_logged("\"identity provider ready\"", 1).await;
    let cleared = tokio::time::timeout(Duration::from_secs(30), async {
        while notices(&stage).contains("idp-key/corp") {
            tokio::task::yield_now().await;
        }
    });
    cleared.await.unwrap();
    let keys = stage.json(&["idp", "keys", "corp", "--json"]);
    assert_eq!(keys.as_array().unwrap().len(), 1, "{keys}");
    assert_eq!(stage.sign_in().await.status, 303);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_rejected_is_not_said_to_wait() {
    let mut stage = Stage::set("on_change = \"approve\"").await;
    stage.idp.key = new_key();
    stage.host.says(document(&stage.idp, "\"2\""));
    let refreshed = stage.json(&["idp", "refresh", "corp", "--json"]);
    assert_eq!(refreshed["result"], "waiting");
    assert_eq!(refreshed["idp"]["name"], "corp");
    assert!(
        refreshed["changes"].as_array().unwrap().len() >= 2,
        "{refreshed}"
    );
    stage.done(&["idp", "reject", "corp"]);
    let refreshed = stage.json(&["idp", "refresh", "corp", "--json"]);
    assert_eq!(refreshed["result"], "rejected");
    let said = |arguments: &[&str]| {
        let output = stage.gateway.command(arguments).output().unwrap();
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let refreshed = said(&["idp", "refresh", "corp"]);
    assert!(!refreshed.contains("waits"), "{refreshed}");
    assert!(
        refreshed.contains("idp approve corp change-"),
        "{refreshed}"
    );
    let changes = said(&["idp", "changes", "corp"]);
    assert!(!changes.contains("idp reject"), "{changes}");
}
