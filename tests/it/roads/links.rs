//! People of one identity provider, and what another one says of them.

use http::Method;
use serde_json::{Value, json};
use sqlx::Row as _;

use super::World;
use crate::support::http::{Answer, Ask, Visitor};
use crate::support::idp::{Response, element};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const PERSISTENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";
const DOMAINS: &str = "email_domains = [\"example.com\"]";

async fn world(corp: &str) -> World {
    World::with(corp, "", |setup| {
        setup.set("admin", &format!("token = \"{TOKEN}\""))
    })
    .await
}

fn about(name_id: &'static str) -> impl Fn(&mut Response) {
    move |response| {
        response.about(name_id);
        response.assertion().attributes.clear();
    }
}

impl World {
    async fn enters(&self, idp: &str, bend: impl FnOnce(&mut Response)) -> (Visitor, Value) {
        let mut visitor = self.gateway.visitor();
        let answer = self.sign_in(&mut visitor, idp, bend).await;
        let user = self.accepted(&mut visitor, &answer, "/").await;
        (visitor, user)
    }

    async fn is_refused(&self, idp: &str, bend: impl FnOnce(&mut Response), code: &str) {
        let mut visitor = self.gateway.visitor();
        let answer = self.sign_in(&mut visitor, idp, bend).await;
        self.refused(&mut visitor, &answer, code).await;
    }

    async fn api(&self, method: Method, path: &str, body: Value) -> Answer {
        let ask = Ask::new(method, &self.gateway.admin_url(&format!("/api/v1{path}")))
            .header("authorization", &format!("Bearer {TOKEN}"))
            .header("content-type", "application/json");
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        Visitor::new().send(ask.body(body)).await
    }

    /// Their session ends, wherever it was begun.
    async fn gateway_forgets(&self, visitor: &mut Visitor) {
        let ended = async {
            loop {
                let answer = visitor.get(&self.gateway.url("/.samlgate/user")).await;
                if answer.status == 401 {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        let ended = tokio::time::timeout(std::time::Duration::from_secs(30), ended).await;
        assert!(ended.is_ok(), "the session goes on");
    }

    async fn events(&self, kind: &str) -> usize {
        let database = self.gateway.database().await;
        let rows = sqlx::query("SELECT json FROM audit_event").fetch_all(&database).await.unwrap();
        rows.iter().filter(|row| row.get::<String, _>("json").contains(kind)).count()
    }
}

#[tokio::test]
async fn the_same_name_id_from_another_identity_provider_is_another_person() {
    let world = world("").await;
    let called = |name_id: &'static str, name: &'static str| {
        move |response: &mut Response| {
            let format = format!(" Format=\"{PERSISTENT}\"");
            response.assertion().name_id = Some(element("saml:NameID", &format, name_id));
            response.assertion().attributes = vec![crate::support::idp::attribute("mail", &[name])];
        }
    };
    let (_, alice) = world.enters("corp", called("p-1", "alice@example.com")).await;
    let (_, other) = world.enters("partner", called("p-1", "alice@partner.example")).await;
    assert_ne!(alice["user_name"], other["user_name"]);
    assert_eq!(world.events("user.created").await, 2);
    // Who has the same name is nobody else's person, so they stay outside.
    world
        .is_refused(
            "partner",
            called("p-2", "alice@example.com"),
            "user.conflict",
        )
        .await;
}

#[tokio::test]
async fn an_identity_provider_does_not_sign_in_another_ones_people() {
    let world = world(DOMAINS).await;
    // Whether or not they have been here.
    world.is_refused("partner", about("bob@example.com"), "user.conflict").await;
    world.is_refused("partner", about("bob@EXAMPLE.com"), "user.conflict").await;
    world.enters("corp", about("bob@example.com")).await;
    world.is_refused("partner", about("bob@example.com"), "user.conflict").await;
    // Nor as an address beside another name.
    world
        .is_refused(
            "partner",
            |response| {
                response.about("bob@partner.example");
                let mail = crate::support::idp::attribute("mail", &["bob@example.com"]);
                response.assertion().attributes = vec![mail];
            },
            "user.conflict",
        )
        .await;
    world.enters("partner", about("bob@partner.example")).await;
}

#[tokio::test]
async fn the_address_of_a_person_of_another_identity_provider_makes_nobody_that_person() {
    let world = world("").await;
    world.enters("corp", about("bob@example.com")).await;
    // No domain is anybody's.
    let with_mail = |response: &mut Response| {
        response.about("mallory@partner.example");
        let mail = crate::support::idp::attribute("mail", &["bob@example.com"]);
        response.assertion().attributes = vec![mail];
    };
    world.is_refused("partner", with_mail, "user.conflict").await;
    let (_, other) = world.enters("partner", about("mallory@partner.example")).await;
    assert_eq!(other["user_name"], "mallory@partner.example");
    let (_, bob) = world.enters("corp", about("bob@example.com")).await;
    assert_eq!(bob["user_name"], "bob@example.com");
    assert_ne!(bob["sub"], other["sub"]);
}

#[tokio::test]
async fn somebody_who_is_linked_on_purpose_is_one_person_of_both() {
    let world = world(DOMAINS).await;
    let (_, alice) = world.enters("corp", |_| {}).await;
    assert_eq!(alice["user_name"], "alice@example.com");
    let said = world.run(
        &[
            "user",
            "link",
            "alice@example.com",
            "--idp",
            "partner",
            "--name-id",
            "a.smith",
        ],
        true,
    );
    assert!(said.contains("a.smith"), "{said}");
    assert_eq!(world.events("user.linked").await, 1);
    let shown = world.run(&["user", "show", "alice@example.com"], true);
    assert!(shown.contains("\"a.smith\" of partner"), "{shown}");
    let (mut visitor, same) = world.enters("partner", about("a.smith")).await;
    assert_eq!(same["user_name"], "alice@example.com");
    // Still by their own, as they were.
    let (_, alice) = world.enters("corp", |_| {}).await;
    assert_eq!(alice["user_name"], "alice@example.com");
    // Their own address may be said of them, and nobody else's.
    let with_mail = |mail: &'static str| {
        move |response: &mut Response| {
            response.about("a.smith");
            let mail = crate::support::idp::attribute("mail", &[mail]);
            response.assertion().attributes = vec![mail];
        }
    };
    world.enters("partner", with_mail("alice@example.com")).await;
    world
        .is_refused("partner", with_mail("boss@example.com"), "user.conflict")
        .await;

    let link = ["user", "link", "alice@example.com", "--idp", "partner"];
    let said = world.run(&[&link[..], &["--name-id", "other"]].concat(), false);
    assert!(said.contains("--unlink"), "{said}");
    world.run(&[&link[..], &["--unlink"]].concat(), true);
    assert_eq!(world.events("user.unlinked").await, 1);
    world.run(&[&link[..], &["--unlink"]].concat(), false);
    world.gateway_forgets(&mut visitor).await;
    let (_, other) = world.enters("partner", about("a.smith")).await;
    assert_eq!(other["user_name"], "a.smith");
    // Who is somebody already is not made somebody else.
    let said = world.run(&[&link[..], &["--name-id", "a.smith"]].concat(), false);
    assert!(said.contains("already"), "{said}");
    let said = world.run(
        &[
            "user",
            "link",
            "alice@example.com",
            "--idp",
            "nobody",
            "--name-id",
            "x",
        ],
        false,
    );
    assert!(said.contains("there are: corp, partner"), "{said}");
}

impl World {
    /// What `samlgate explain` makes of an answer that nobody has brought so far.
    async fn explained(&self, idp: &str, success: bool, bend: impl FnOnce(&mut Response)) -> Value {
        let mut visitor = self.gateway.visitor();
        let request = self.begin(&mut visitor, idp, "/").await;
        let mut response = self.idp(idp).answer(&request);
        bend(&mut response);
        let file = self.gateway.folder().join("response.xml");
        std::fs::write(&file, self.idp(idp).write(&response)).unwrap();
        let output = self.gateway.command(&["explain", "--json", "response.xml"]).output().unwrap();
        assert_eq!(output.status.success(), success, "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

#[tokio::test]
async fn explain_says_who_would_be_signed_in_and_makes_nobody() {
    let world = world(DOMAINS).await;
    let who = |answer: &Value| answer["identity"]["signed_in_as"].clone();
    let code = |answer: &Value| answer["error"]["code"].as_str().unwrap_or_default().to_owned();
    for _ in 0..2 {
        let new = world.explained("corp", true, |_| {}).await;
        assert_eq!(who(&new), serde_json::json!({ "standing": "new" }));
    }
    world.enters("corp", |_| {}).await;
    let known = world.explained("corp", true, |_| {}).await;
    assert_eq!(who(&known)["standing"], "known");
    let stranger = world.explained("partner", true, about("a.smith")).await;
    assert_eq!(who(&stranger)["standing"], "new");

    let link = ["user", "link", "alice@example.com", "--idp", "partner"];
    world.run(&[&link[..], &["--name-id", "a.smith"]].concat(), true);
    let linked = world.explained("partner", true, about("a.smith")).await;
    assert_eq!(linked["identity"]["user_name"], "alice@example.com");
    let expected = serde_json::json!({
        "standing": "linked",
        "id": who(&known)["id"],
        "user_name": "alice@example.com",
        "idp": "corp",
    });
    assert_eq!(who(&linked), expected);
    let shown = world.run(&["explain", "response.xml"], true);
    let said = "alice@example.com of corp, by a link of an administrator";
    assert!(shown.contains(said), "{shown}");
    // Their own address may be said of them, and nobody else's.
    let with_mail = |mail: &'static str| {
        move |response: &mut Response| {
            response.about("a.smith");
            let mail = crate::support::idp::attribute("mail", &[mail]);
            response.assertion().attributes = vec![mail];
        }
    };
    world.explained("partner", true, with_mail("alice@example.com")).await;
    let refused = world.explained("partner", false, with_mail("boss@example.com")).await;
    assert_eq!(code(&refused), "user.conflict");

    world.run(&["user", "disable", "alice@example.com"], true);
    let disabled = world.explained("partner", false, about("a.smith")).await;
    assert_eq!(code(&disabled), "user.disabled");
    // What was explained can still be brought.
    let (_, other) = world.enters("partner", about("b.smith")).await;
    assert_eq!(other["user_name"], "b.smith");
}

#[tokio::test]
async fn links_are_made_and_taken_away_by_the_api() {
    let world = world("").await;
    world.enters("corp", |_| {}).await;
    let links = "/users/alice@example.com/links";
    let body = json!({ "idp": "partner", "name_id": "alice@example.com" });
    world.is_refused("partner", |_| {}, "user.conflict").await;
    let made = world.api(Method::POST, links, body.clone()).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let all = world.api(Method::GET, links, Value::Null).await.json();
    assert_eq!(all["links"][0]["idp"], "partner", "{all}");
    let (mut visitor, user) = world.enters("partner", |_| {}).await;
    assert_eq!(user["user_name"], "alice@example.com");

    let code = |answer: &Answer| answer.json()["error"]["code"].as_str().unwrap().to_owned();
    let again = json!({ "idp": "partner", "name_id": "x" });
    assert_eq!(
        code(&world.api(Method::POST, links, again).await),
        "link.taken"
    );
    let stranger = world.api(Method::GET, "/users/nobody/links", Value::Null).await;
    assert_eq!(code(&stranger), "user.unknown");
    let unknown = json!({ "idp": "stranger", "name_id": "x" });
    assert_eq!(
        code(&world.api(Method::POST, links, unknown).await),
        "connection.idp_unknown"
    );
    let bad = json!({ "idp": "partner", "name_id": " x" });
    assert_eq!(
        code(&world.api(Method::POST, links, bad).await),
        "api.value"
    );

    let one = format!("{links}/partner");
    assert_eq!(
        world.api(Method::DELETE, &one, Value::Null).await.status,
        204
    );
    assert_eq!(
        code(&world.api(Method::DELETE, &one, Value::Null).await),
        "link.unknown"
    );
    world.gateway_forgets(&mut visitor).await;
    world.is_refused("partner", |_| {}, "user.conflict").await;
}

#[tokio::test]
async fn domains_stay_theirs_whose_metadata_is_not_at_hand() {
    let world = World::with("", "", |setup| {
        setup.idp(
            "lost",
            concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
            "email_domains = [\"lost.example\"]",
        )
    })
    .await;
    world.is_refused("corp", about("bob@lost.example"), "user.conflict").await;
    world.enters("corp", about("bob@example.com")).await;
}
