//! Very many people who are to be deactivated at once, over the built binary: none more than may
//! go, until an operator has said so.

use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::app::App;
use crate::support::gateway::{Gateway, Setup};
use crate::support::http::{Answer, Ask, Visitor};
use crate::support::postgres::Postgres;

/// As many people as clients at once.
const PEOPLE: usize = 64;

/// A gateway with people who were provisioned.
struct Company {
    gateway: Gateway,
    token: String,
    ids: Vec<String>,
}

impl Company {
    async fn found(database: Option<&str>) -> Self {
        let app = App::start().await;
        let setup = Setup::http().quick_key().route(&app.url(), "");
        let setup = setup.set("scim", "guard = { share = 0.25, people = 3 }");
        let setup = match database {
            Some(database) => setup.database_url(database),
            None => setup,
        };
        let gateway = setup.start().await;
        let token = done(&gateway, &["scim", "token", "create", "okta"]);
        let mut company = Self { gateway, token: token.trim().to_owned(), ids: Vec::new() };
        for number in 0..PEOPLE {
            let person = json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
                "userName": format!("p{number}@example.com"),
            });
            let made = ask(
                &company.gateway,
                &company.token,
                Method::POST,
                "/Users",
                &person,
            )
            .await;
            assert_eq!(made.status, 201, "{}", made.text());
            company.ids.push(made.json()["id"].as_str().unwrap().to_owned());
        }
        company
    }

    /// Deactivates everybody, by as many clients at once; how many went, and how many wait.
    async fn empty(&self) -> (usize, usize) {
        let mut leaving = JoinSet::new();
        for (number, id) in self.ids.iter().enumerate() {
            let (url, token) = (
                self.gateway.url(&format!("/scim/v2/Users/{id}")),
                self.token.clone(),
            );
            leaving.spawn(async move {
                let asked = || {
                    let (method, body) = match number % 2 {
                        0 => (Method::DELETE, String::new()),
                        _ => (Method::PATCH, switched(false).to_string()),
                    };
                    Ask::new(method, &url)
                        .header("authorization", &format!("Bearer {token}"))
                        .header("content-type", "application/scim+json")
                        .body(body)
                };
                loop {
                    let answer = Visitor::new().send(asked()).await;
                    // A database that is too busy says 503, too, and soon has time.
                    if answer.status != 503 || answer.header("retry-after") == "600" {
                        return answer.status.as_u16();
                    }
                }
            });
        }
        let (mut went, mut wait) = (0, 0);
        while let Some(status) = leaving.join_next().await {
            match status.unwrap() {
                // Who was deleted is not there the next time.
                200 | 204 => went += 1,
                404 => {}
                503 => wait += 1,
                other => panic!("{other}"),
            }
        }
        (went, wait)
    }

    async fn active(&self) -> u64 {
        let path = "/Users?filter=active%20eq%20true&count=0";
        let found = ask(&self.gateway, &self.token, Method::GET, path, &Value::Null).await;
        found.json()["totalResults"].as_u64().unwrap()
    }

    fn guard(&self) -> Value {
        let said = done(&self.gateway, &["scim", "guard", "okta", "--json"]);
        serde_json::from_str(&said).unwrap()
    }
}

fn switched(active: bool) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": "replace", "value": { "active": active } }],
    })
}

async fn ask(gateway: &Gateway, token: &str, method: Method, path: &str, body: &Value) -> Answer {
    let asked = Ask::new(method, &gateway.url(&format!("/scim/v2{path}")))
        .header("authorization", &format!("Bearer {token}"))
        .header("content-type", "application/scim+json");
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    Visitor::new().send(asked.body(body)).await
}

/// What a command prints, if all is well.
fn done(gateway: &Gateway, arguments: &[&str]) -> String {
    let output = gateway.command(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_clients_who_deactivate_no_more_go_through_than_may_on_sqlite() {
    no_more_go_through_than_may(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_clients_who_deactivate_no_more_go_through_than_may_on_postgresql() {
    let postgres = Postgres::start().await;
    no_more_go_through_than_may(Some(&postgres.url())).await;
}

async fn no_more_go_through_than_may(database: Option<&str>) {
    let company = Company::found(database).await;
    let gateway = &company.gateway;
    // A quarter of 64.
    assert_eq!(company.empty().await, (16, 48));
    assert_eq!(company.active().await, 48);
    let guard = company.guard();
    assert_eq!(
        (&guard["state"], &guard["waiting"]),
        (&json!("paused"), &json!(48))
    );
    assert_eq!(guard["people"].as_array().unwrap().len(), 48);
    let log = gateway.log();
    let warnings: Vec<&str> =
        log.lines().filter(|line| line.contains("samlgate scim approve okta")).collect();
    assert_eq!(warnings.len(), 1, "{log}");
    assert!(
        warnings[0].contains("\"level\":\"WARN\""),
        "{}",
        warnings[0]
    );
    let metrics = gateway.admin("/metrics").await.text();
    let paused = "samlgate_scim_guard_paused{connection=\"okta\"} 1";
    assert!(metrics.contains(paused), "{metrics}");
    let list = done(gateway, &["scim", "connection", "list"]);
    assert!(list.contains("paused"), "{list}");
    let show = done(gateway, &["scim", "connection", "show", "okta"]);
    assert!(
        show.contains("PAUSED since") && show.contains("48 people waiting"),
        "{show}"
    );

    // Ten of them, and no more.
    done(
        gateway,
        &["scim", "approve", "okta", "--people", "10", "--for", "1h"],
    );
    let (went, wait) = company.empty().await;
    // Then it counts anew: a quarter of those 38 who were left, or three, whichever is more.
    let active = usize::try_from(company.active().await).unwrap();
    assert_eq!(active, 48 - 10 - 9, "{went} went, {wait} wait");
    assert_eq!(company.guard()["state"], "paused");

    // It was a mistake, and here they are again.
    done(gateway, &["scim", "resume", "okta"]);
    assert_eq!(company.guard()["state"], "watching");
    assert_eq!(company.guard()["waiting"], 0);
    done(
        gateway,
        &["scim", "connection", "set", "okta", "--guard-share", "1.0"],
    );
    assert_eq!(company.guard()["state"], "not watched");

    let audit = done(gateway, &["audit", "--since", "1h"]);
    let of = |kind: &str| audit.lines().filter(|line| line.contains(kind)).count();
    assert_eq!(of("deprovision_guard_paused"), 2, "{audit}");
    assert_eq!(of("deprovision_guard_approved"), 1);
    assert_eq!(of("deprovision_guard_rejected"), 1);
    done(gateway, &["audit", "--verify"]);
}

#[tokio::test]
async fn a_pause_outlives_a_restart_and_an_operator_is_asked_nothing() {
    let mut company = Company::found(None).await;
    assert_eq!(company.empty().await, (16, 48));
    company.gateway.kill9();
    let guard = company.guard();
    assert_eq!(guard["state"], "paused");
    // One who must go now.
    let waiting = guard["people"][0]["user_name"].as_str().unwrap().to_owned();
    done(&company.gateway, &["user", "disable", &waiting]);
    let said = company.gateway.command(&["scim", "approve", "nobody"]).output().unwrap();
    assert_eq!(said.status.code(), Some(1));
    let said = company.gateway.command(&["scim", "approve", "okta", "--people", "0"]).output();
    assert_eq!(said.unwrap().status.code(), Some(2));
}
