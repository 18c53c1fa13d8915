//! The API of the admin listener, over the built binary.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::gateway::Setup;
use crate::support::http::{Answer, Ask, Visitor};
use crate::support::office::{API, Office};

impl Office {
    fn asked(&self, method: Method, path: &str) -> Ask {
        Ask::new(method, &self.gateway.admin_url(&format!("/api/v1{path}")))
    }

    async fn ask(&self, method: Method, path: &str, body: Value) -> Answer {
        let asked = self
            .asked(method, path)
            .header("authorization", &format!("Bearer {API}"))
            .header("content-type", "application/json");
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        Visitor::new().send(asked.body(body)).await
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.ask(Method::GET, path, Value::Null).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let answer = self.ask(Method::POST, path, body).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.text());
        answer.json()
    }

    /// Whether a secret opens `/Users`.
    async fn opens(&self, secret: &str) -> bool {
        let asked = Ask::new(Method::GET, &self.gateway.url("/scim/v2/Users?count=0"));
        let asked = asked.header("authorization", &format!("Bearer {secret}"));
        Visitor::new().send(asked).await.status == 200
    }
}

#[track_caller]
fn is_refused(answer: &Answer, status: u16, code: &str) {
    let body = answer.json();
    let found = (
        answer.status.as_u16(),
        body["error"]["code"].as_str().unwrap_or_default(),
    );
    assert_eq!(found, (status, code), "{body}");
    assert!(
        !body["error"]["message"].as_str().unwrap_or_default().is_empty(),
        "{body}"
    );
}

#[tokio::test]
async fn connections_and_tokens_are_kept_as_at_the_command_line() {
    let office = Office::open().await;
    let made = office.ask(Method::POST, "/scim/connections", json!({ "name": "okta" })).await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(made.header("location"), "/api/v1/scim/connections/okta");
    let connection = made.json();
    assert_eq!(connection["idp"], "corp", "the only one");
    assert_eq!(connection["base_url"], office.gateway.url("/scim/v2"));
    assert_eq!(
        (&connection["deactivations"], &connection["good_tokens"]),
        (&json!("watching"), &json!(0))
    );

    let token = office.post("/scim/connections/okta/tokens", Value::Null).await;
    let secret = token["secret"].as_str().unwrap().to_owned();
    assert!(office.opens(&secret).await);
    let listed = office.get("/scim/connections/okta/tokens").await;
    assert_eq!(listed["tokens"][0]["id"], token["token"]["id"]);
    assert!(!listed.to_string().contains(&secret), "once is enough");

    let rotated = office
        .post(
            "/scim/connections/okta/tokens/rotate",
            json!({ "overlap": 3600 }),
        )
        .await;
    let second = rotated["secret"].as_str().unwrap().to_owned();
    assert!(office.opens(&secret).await && office.opens(&second).await);
    assert_eq!(rotated["before"][0]["id"], token["token"]["id"]);
    let again = office.ask(Method::POST, "/scim/connections/okta/tokens", json!({})).await;
    is_refused(&again, 409, "token.too_many");
    let id = token["token"]["id"].as_str().unwrap();
    let path = format!("/scim/connections/okta/tokens/{id}");
    assert_eq!(
        office.ask(Method::DELETE, &path, Value::Null).await.status,
        204
    );
    is_refused(
        &office.ask(Method::DELETE, &path, Value::Null).await,
        404,
        "token.unknown",
    );
    // The command line sees the same.
    let tokens: Value =
        serde_json::from_str(&office.done(&["scim", "token", "list", "--json"])).unwrap();
    assert_eq!(tokens.as_array().unwrap().len(), 1);

    let guard = json!({ "share": 0.125, "people": 7, "window": 7200 });
    let path = "/scim/connections/okta";
    let changed = json!({ "guard": guard, "strict": true, "idp": null });
    let changed = office.ask(Method::PATCH, path, changed).await.json();
    assert_eq!(
        (&changed["guard"], &changed["strict"], &changed["idp"]),
        (&guard, &json!(true), &Value::Null)
    );
    let changed = office.ask(Method::PATCH, path, json!({ "guard": null })).await.json();
    assert_eq!(
        (&changed["guard"], &changed["strict"]),
        (&Value::Null, &json!(true))
    );
    let shown: Value =
        serde_json::from_str(&office.done(&["scim", "connection", "show", "okta", "--json"]))
            .unwrap();
    assert_eq!(shown["strict"], true);

    assert_eq!(
        office.ask(Method::DELETE, path, Value::Null).await.status,
        204
    );
    is_refused(
        &office.ask(Method::GET, path, Value::Null).await,
        404,
        "connection.unknown",
    );
    let audit = office.done(&["audit", "--since", "1h"]);
    for kind in [
        "idm_integration_activate",
        "idm_integration_update",
        "idm_integration_reauth",
        "idm_integration_delete",
    ] {
        let told = audit.lines().filter(|line| line.contains(kind));
        let by_api = |line: &str| line.contains("\"actor\":\"api\"") && line.contains("127.0.0.1");
        assert!(
            told.clone().count() > 0 && told.clone().all(by_api),
            "{kind}: {audit}"
        );
    }
}

#[tokio::test]
async fn the_guard_is_approved_and_resumed() {
    let office = Office::open().await;
    office.post("/scim/connections", json!({ "name": "okta" })).await;
    let guard = office.get("/scim/connections/okta/guard").await;
    assert_eq!(
        (&guard["state"], &guard["people"]),
        (&json!("watching"), &json!([]))
    );
    assert_eq!(
        guard["guard"],
        json!({ "share": 0.2, "people": 25, "window": 3600 })
    );
    let approved = office
        .post(
            "/scim/connections/okta/approve",
            json!({ "for": 60, "people": 3 }),
        )
        .await;
    assert_eq!(
        (&approved["state"], &approved["approved_people"]),
        (&json!("approved"), &json!(3))
    );
    assert!(office.done(&["scim", "guard", "okta"]).contains("approved until"));
    let resumed = office.post("/scim/connections/okta/resume", Value::Null).await;
    assert_eq!(resumed["state"], "watching");
    let zero = office
        .ask(
            Method::POST,
            "/scim/connections/okta/approve",
            json!({ "for": 0 }),
        )
        .await;
    is_refused(&zero, 422, "api.value");
}

#[tokio::test]
async fn nobody_gets_in_but_by_the_token_and_no_page_does() {
    let office = Office::open().await;
    let path = "/scim/connections";
    let mut visitor = Visitor::new();
    let nobody = visitor.send(office.asked(Method::GET, path)).await;
    is_refused(&nobody, 401, "api.token");
    assert!(nobody.header("www-authenticate").starts_with("Bearer"));
    for wrong in [
        "Bearer x",
        "Bearer 0123456789abcdef0123456789abcdeF",
        "Basic x",
        "Bearer",
    ] {
        let asked = office.asked(Method::GET, path).header("authorization", wrong);
        is_refused(&visitor.send(asked).await, 401, "api.token");
    }
    let own = format!("Bearer {API}");
    for (name, value) in [
        ("origin", "http://127.0.0.1:9090"),
        ("sec-fetch-site", "same-origin"),
    ] {
        let asked = office.asked(Method::GET, path).header("authorization", &own);
        let page = visitor.send(asked.header(name, value)).await;
        is_refused(&page, 403, "api.browser");
        assert_eq!(page.header("access-control-allow-origin"), "");
    }
    // The public listener has none of it.
    let public = Ask::new(Method::GET, &office.gateway.url("/api/v1/scim/connections"));
    let public = visitor.send(public.header("authorization", &own)).await;
    assert!(!public.text().contains("connections"), "{}", public.text());
    // Another token is in force with a reload, without one nothing is.
    let other = API.replace('f', "0");
    office.gateway.rewrite(|toml| toml.replace(API, &other));
    office.gateway.signal("HUP");
    let asked = || {
        office
            .asked(Method::GET, path)
            .header("authorization", &format!("Bearer {other}"))
    };
    loop {
        if visitor.send(asked()).await.status == 200 {
            break;
        }
        tokio::task::yield_now().await;
    }
    is_refused(
        &office.ask(Method::GET, path, Value::Null).await,
        401,
        "api.token",
    );
    // 300 in a minute, and five more with each second that this takes.
    let mut tries = 0;
    let often = loop {
        let guess = visitor.send(office.asked(Method::GET, path)).await;
        tries += 1;
        if guess.status == 429 || tries == 3000 {
            break guess;
        }
    };
    is_refused(&often, 429, "api.too_often");
    assert!(!often.header("retry-after").is_empty());
    assert_eq!(
        visitor.send(asked()).await.status,
        200,
        "who has the token is no guesser"
    );
}

#[tokio::test]
async fn without_a_token_the_api_says_how_it_is_switched_on() {
    let app = App::start().await;
    let gateway = Setup::http().quick_key().route(&app.url(), "").start().await;
    for path in [
        "/api/v1/scim/connections",
        "/api/v1/openapi.json",
        "/api/v1",
    ] {
        let answer = gateway.admin(path).await;
        is_refused(&answer, 403, "api.off");
        assert!(
            answer.text().contains("SAMLGATE_ADMIN__TOKEN_FILE"),
            "{}",
            answer.text()
        );
    }
}

#[tokio::test]
async fn what_can_not_be_done_has_a_code() {
    let office = Office::open().await;
    office.post("/scim/connections", json!({ "name": "okta" })).await;
    let post = async |body: Value| office.ask(Method::POST, "/scim/connections", body).await;
    is_refused(
        &post(json!({ "name": "okta" })).await,
        409,
        "connection.taken",
    );
    is_refused(
        &post(json!({ "name": "b", "idp": "corp" })).await,
        409,
        "connection.idp_taken",
    );
    is_refused(
        &post(json!({ "name": "b", "idp": "nobody" })).await,
        422,
        "connection.idp_unknown",
    );
    is_refused(&post(json!({ "name": "B!" })).await, 422, "api.value");
    is_refused(
        &post(json!({ "name": "b", "colour": 1 })).await,
        400,
        "api.body",
    );
    is_refused(
        &post(json!({ "name": "b", "guard": { "share": 2, "people": 1, "window": 1 } })).await,
        400,
        "api.body",
    );
    is_refused(
        &post(json!({ "name": "b", "guard": { "share": 0.5, "people": 1, "window": 0 } })).await,
        422,
        "api.value",
    );
    is_refused(
        &post(json!({ "name": "x".repeat(70_000) })).await,
        413,
        "api.body_too_large",
    );
    let put = office.ask(Method::PUT, "/scim/connections/okta", json!({})).await;
    is_refused(&put, 405, "api.method");
    assert_eq!(put.header("allow"), "GET, PATCH, DELETE");
    is_refused(
        &office.ask(Method::GET, "/nothing", Value::Null).await,
        404,
        "api.not_found",
    );
    let tokens = "/scim/connections/okta/tokens";
    let rotate = office.ask(Method::POST, &format!("{tokens}/rotate"), json!({})).await;
    is_refused(&rotate, 409, "token.none");
    let useless = json!({ "scopes": { "users": false, "groups": false } });
    is_refused(
        &office.ask(Method::POST, tokens, useless).await,
        422,
        "api.value",
    );
    let form = office
        .asked(Method::POST, tokens)
        .header("authorization", &format!("Bearer {API}"))
        .header("content-type", "text/plain");
    is_refused(
        &Visitor::new().send(form.body("{}")).await,
        415,
        "api.body_kind",
    );
}

#[tokio::test]
async fn every_endpoint_that_is_described_is_there() {
    let office = Office::open().await;
    let described = Visitor::new().send(office.asked(Method::GET, "/openapi.json")).await;
    let described = described.json();
    assert_eq!(described["openapi"], "3.1.0");
    let paths = described["paths"].as_object().unwrap();
    let mut endpoints = 0;
    for (path, methods) in paths {
        for method in methods.as_object().unwrap().keys() {
            let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes()).unwrap();
            let path = path.replace("{name}", "nobody").replace("{id}", "none");
            let answer = office.ask(method, &path, json!({})).await;
            let code = answer.json()["error"]["code"].as_str().unwrap_or_default().to_owned();
            assert!(
                !["api.not_found", "api.method", "api.token"].contains(&code.as_str()),
                "{path}: {code}"
            );
            endpoints += 1;
        }
    }
    assert!(endpoints >= 13);
}

#[tokio::test]
async fn a_client_gets_access_tokens_for_its_secret_until_that_is_revoked() {
    let office = Office::open().await;
    office.post("/scim/connections", json!({ "name": "okta" })).await;
    let made = office
        .post(
            "/scim/connections/okta/tokens",
            json!({ "expires_in": 600, "scopes": { "read_only": true } }),
        )
        .await;
    let secret = made["secret"].as_str().unwrap();
    let url = office.gateway.url("/scim/v2/oauth/token");
    let basic = format!("Basic {}", STANDARD.encode(format!("okta:{secret}")));
    let form = [("grant_type".to_owned(), "client_credentials".to_owned())];
    let asked = || Ask::new(Method::POST, &url).header("authorization", &basic).form(&form);
    let given = Visitor::new().send(asked()).await;
    assert_eq!(given.status, 200, "{}", given.text());
    let given = given.json();
    assert_eq!(
        (&given["scope"], &given["token_type"]),
        (&json!("scim.read"), &json!("Bearer"))
    );
    assert!(
        (590..=600).contains(&given["expires_in"].as_u64().unwrap()),
        "not longer than the secret"
    );
    let access = given["access_token"].as_str().unwrap();
    assert!(office.opens(access).await);
    assert_eq!(
        office.get("/scim/connections/okta/tokens").await["tokens"]
            .as_array()
            .unwrap()
            .len(),
        1
    );

    let known = Visitor::new()
        .get(&office.gateway.url("/.well-known/oauth-authorization-server/scim/v2"))
        .await
        .json();
    assert_eq!(known["issuer"], office.gateway.url("/scim/v2"));
    assert_eq!(known["token_endpoint"], url);

    let id = made["token"]["id"].as_str().unwrap();
    let path = format!("/scim/connections/okta/tokens/{id}");
    assert_eq!(
        office.ask(Method::DELETE, &path, Value::Null).await.status,
        204
    );
    // What was looked up a moment ago is believed for two seconds.
    let deadline = tokio::time::timeout(std::time::Duration::from_secs(10), async {
        while office.opens(access).await {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    });
    assert!(deadline.await.is_ok(), "it outlives its secret");
    let again = Visitor::new().send(asked()).await;
    assert_eq!(again.json()["error"], "invalid_client");
}
