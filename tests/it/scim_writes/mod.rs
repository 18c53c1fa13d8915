//! Many who write by SCIM at the same time, and what is left of it when something ends in the middle:
//! the built binary over HTTP, on SQLite and on PostgreSQL.

mod at_once;
mod ended;

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use sqlx::Row as _;
use tokio::task::JoinSet;

use crate::support::gateway::{Gateway, Setup};
use crate::support::http::{Answer, Ask, Visitor};
use crate::support::idp::TestIdp;
use crate::support::postgres::Postgres;

/// Longer than anything here takes.
const SOON: Duration = Duration::from_secs(60);

/// Nobody listens there; nobody goes as far.
const NOWHERE: &str = "http://127.0.0.1:9";

/// A gateway, its database if that is no file, and a client that provisions.
struct Place {
    gateway: Gateway,
    postgres: Option<Postgres>,
    client: Client,
    _idp: TestIdp,
}

impl Place {
    async fn on(postgres: Option<Postgres>) -> Self {
        let idp = TestIdp::new("corp");
        let setup = Setup::http().quick_key().idp("corp", &idp.metadata_file(), "");
        let mut setup = setup.route(NOWHERE, "").set("limits", "scim = \"off\"");
        if let Some(postgres) = &postgres {
            setup = postgres.shared_by(setup);
        }
        let gateway = setup.start().await;
        let made = gateway.command(&["scim", "token", "create", "corp"]).output().unwrap();
        let said = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "{said}");
        let client = Client {
            url: gateway.url("/scim/v2"),
            token: String::from_utf8(made.stdout).unwrap().trim().to_owned(),
        };
        Self { gateway, postgres, client, _idp: idp }
    }

    /// A number that the database has.
    async fn number(&self, sql: &'static str) -> i64 {
        match &self.postgres {
            Some(postgres) => postgres.ask("people", sql).parse().unwrap(),
            None => {
                let row = sqlx::query(sql).fetch_one(&self.gateway.database().await).await;
                row.unwrap().get(0)
            }
        }
    }

    /// Tables, pages, and the chain of the audit.
    fn is_in_order(&self) {
        let checked = self.gateway.command(&["storage", "check", "--json"]).output().unwrap();
        let report: Value = serde_json::from_slice(&checked.stdout).unwrap();
        assert_eq!(report["ok"], true, "{report}");
    }
}

/// Somebody who has the token.
#[derive(Clone)]
struct Client {
    url: String,
    token: String,
}

impl Client {
    fn ask(&self, method: Method, path: &str, body: &Value) -> Ask {
        let ask = Ask::new(method, &format!("{}{path}", self.url))
            .header("authorization", &format!("Bearer {}", self.token));
        match body {
            Value::Null => ask,
            body => ask.header("content-type", "application/scim+json").body(body.to_string()),
        }
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> Answer {
        Visitor::new().send(self.ask(method, path, body)).await
    }

    /// The same while somebody may go: what was acknowledged, if it was.
    async fn try_send(&self, method: Method, path: &str, body: &Value) -> Option<Answer> {
        let ask = self.ask(method, path, body);
        // A visitor to whom nobody answers panics: in a task of its own that is an answer, too.
        let mut asking = JoinSet::new();
        asking.spawn(async move { Visitor::new().send(ask).await });
        let answer = asking.join_next().await?.ok()?;
        answer.status.is_success().then_some(answer)
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.send(Method::GET, path, &Value::Null).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    async fn create(&self, path: &str, body: &Value) -> String {
        let made = self.send(Method::POST, path, body).await;
        assert_eq!(made.status, 201, "{}", made.text());
        id(&made.json())
    }

    /// How many there are.
    async fn total(&self, filter: &str) -> i64 {
        let filter: String = url::form_urlencoded::byte_serialize(filter.as_bytes()).collect();
        let list = self.get(&format!("/Users?filter={filter}&count=0")).await;
        list["totalResults"].as_i64().unwrap()
    }

    /// Everybody.
    async fn people(&self) -> Vec<Value> {
        let mut people = Vec::new();
        loop {
            let start = people.len() + 1;
            let page = self.get(&format!("/Users?startIndex={start}&count=200")).await;
            let page = page["Resources"].as_array().unwrap().clone();
            if page.is_empty() {
                return people;
            }
            people.extend(page);
        }
    }
}

fn id(resource: &Value) -> String {
    resource["id"].as_str().unwrap().to_owned()
}

fn patch(operations: Value) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": operations,
    })
}

fn add_member(id: &str) -> Value {
    patch(json!([{ "op": "add", "path": "members", "value": [{ "value": id }] }]))
}

fn remove_member(id: &str) -> Value {
    patch(json!([{ "op": "remove", "path": format!("members[value eq \"{id}\"]") }]))
}

/// The ids of the members of a group.
fn members(group: &Value) -> Vec<String> {
    let members = group["members"].as_array().into_iter().flatten();
    members.map(|member| member["value"].as_str().unwrap().to_owned()).collect()
}
