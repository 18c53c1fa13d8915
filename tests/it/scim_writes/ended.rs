//! Something ends in the middle of everything, as a power cut would end it: what was acknowledged is
//! there, and nothing is half there.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{Client, Place, SOON, add_member, id, members, patch, remove_member};
use crate::support::postgres::Postgres;

/// So much is acknowledged before.
const BEFORE: usize = 120;

/// What ends.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Gateway,
    /// One connection's process, with which PostgreSQL ends all others and recovers.
    Backend,
    Postgres,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_there_after_a_kill() {
    what_was_acknowledged_is_there(None, End::Gateway).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_in_postgresql_after_a_kill() {
    what_was_acknowledged_is_there(Some(Postgres::start().await), End::Gateway).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_there_after_a_connection_of_postgresql_died() {
    what_was_acknowledged_is_there(Some(Postgres::start().await), End::Backend).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_there_after_postgresql_was_ended_at_once() {
    what_was_acknowledged_is_there(Some(Postgres::start().await), End::Postgres).await;
}

async fn what_was_acknowledged_is_there(postgres: Option<Postgres>, end: End) {
    let mut place = Place::on(postgres).await;
    let group = place.client.create("/Groups", &json!({ "displayName": "Everybody" })).await;
    let group = format!("/Groups/{group}");
    let mut writers = JoinSet::new();
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let over = Arc::new(AtomicBool::new(false));
    for number in 0..12 {
        let mut writer = Writer {
            client: place.client.clone(),
            number,
            group: group.clone(),
            acknowledged: Arc::clone(&acknowledged),
            over: Arc::clone(&over),
            facts: Vec::new(),
        };
        writers.spawn(async move {
            match number % 4 {
                0 => writer.makes_people().await,
                1 => writer.makes_many_at_once().await,
                2 => writer.changes_somebody().await,
                _ => writer.takes_away().await,
            };
            writer.facts
        });
    }
    // Somebody is always in the middle of something.
    let wrote = tokio::time::timeout(SOON, async {
        while acknowledged.load(Ordering::Relaxed) < BEFORE {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(wrote.await.is_ok(), "{acknowledged:?} writes");
    match (&mut place.postgres, end) {
        (_, End::Gateway) => place.gateway.kill9(),
        (Some(postgres), End::Backend) => kill_a_backend(postgres),
        (Some(postgres), End::Postgres) => postgres.crash().await,
        (None, _) => unreachable!("a file has no processes"),
    }
    over.store(true, Ordering::Relaxed);
    let facts = writers.join_all().await.concat();
    match (&mut place.postgres, end) {
        (_, End::Gateway) => place.gateway.start_again().await,
        (Some(postgres), End::Postgres) => postgres.start_again().await,
        _ => {}
    }
    let answers = tokio::time::timeout(SOON, async {
        while place.client.try_send(Method::GET, &group, &Value::Null).await.is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(answers.await.is_ok(), "it does not heal");
    // Some are over by what was done next.
    assert!(facts.len() >= BEFORE / 3, "{} facts", facts.len());
    is_true(&place, &facts).await;
    nothing_is_half_there(&place, &group).await;
}

fn kill_a_backend(postgres: &Postgres) {
    let pid = "SELECT pid FROM pg_stat_activity WHERE application_name = 'samlgate'
               AND backend_type = 'client backend' ORDER BY state = 'active' DESC LIMIT 1";
    let pid = postgres.ask("people", pid);
    assert!(Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
}

/// What somebody was told.
#[derive(Clone, Debug)]
enum Fact {
    Made(String),
    Gone(String),
    Member(String, String),
    NoMember(String, String),
    /// The last of several; the next one may be there, too.
    Title(String, usize),
}

struct Writer {
    client: Client,
    number: usize,
    group: String,
    acknowledged: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
    facts: Vec<Fact>,
}

impl Writer {
    /// Notes what is true if it was acknowledged; the answer.
    async fn write(&self, method: Method, path: &str, body: &Value) -> Option<Value> {
        if self.over.load(Ordering::Relaxed) {
            return None;
        }
        let answer = self.client.try_send(method, path, body).await?;
        self.acknowledged.fetch_add(1, Ordering::Relaxed);
        Some(serde_json::from_str(&answer.text()).unwrap_or_default())
    }

    fn somebody(&self, number: usize) -> Value {
        let name = format!("u{}-{number}", self.number);
        json!({
            "userName": name, "externalId": name, "title": "0", "displayName": "Somebody",
            "emails": [{ "value": format!("{name}@example.com"), "type": "work", "primary": true }],
        })
    }

    async fn makes_somebody(&mut self, number: usize) -> Option<String> {
        let made = self.write(Method::POST, "/Users", &self.somebody(number)).await?;
        self.facts.push(Fact::Made(id(&made)));
        Some(id(&made))
    }

    async fn joins(&mut self, id: &str) -> Option<()> {
        let group = self.group.clone();
        self.write(Method::PATCH, &group, &add_member(id)).await?;
        self.facts.push(Fact::Member(group, id.to_owned()));
        Some(())
    }

    async fn makes_people(&mut self) -> Option<()> {
        for number in 0.. {
            let id = self.makes_somebody(number).await?;
            self.joins(&id).await?;
        }
        None
    }

    async fn makes_many_at_once(&mut self) -> Option<()> {
        for number in 0.. {
            let person = |place: usize| {
                let data = self.somebody(number * 10 + place);
                json!({ "method": "POST", "path": "/Users", "bulkId": format!("p{place}"), "data": data })
            };
            let listed: Vec<_> =
                (0..3).map(|place| json!({ "value": format!("bulkId:p{place}") })).collect();
            let team = json!({
                "displayName": format!("Team {}-{number}", self.number), "members": listed,
            });
            let join = patch(json!([{ "op": "add", "path": "members", "value": listed }]));
            let operations = json!([
                person(0), person(1), person(2),
                { "method": "POST", "path": "/Groups", "bulkId": "team", "data": team },
                { "method": "PATCH", "path": self.group, "data": join },
            ]);
            let body = json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
                "Operations": operations,
            });
            let done = self.write(Method::POST, "/Bulk", &body).await?;
            let results = done["Operations"].as_array().unwrap().clone();
            let good = |place: usize| {
                let status = results[place]["status"].as_str().unwrap_or_default();
                status.starts_with('2').then(|| {
                    let location = results[place]["location"].as_str().unwrap();
                    location.rsplit('/').next().unwrap().to_owned()
                })
            };
            let people: Vec<String> = (0..3).filter_map(good).collect();
            let groups = [
                good(3).map(|id| format!("/Groups/{id}")),
                good(4).map(|_| self.group.clone()),
            ];
            for group in groups.into_iter().flatten() {
                self.facts
                    .extend(people.iter().map(|id| Fact::Member(group.clone(), id.clone())));
            }
            self.facts.extend(people.into_iter().map(Fact::Made));
        }
        None
    }

    async fn changes_somebody(&mut self) -> Option<()> {
        let id = self.makes_somebody(0).await?;
        let place = self.facts.len();
        self.facts.push(Fact::Title(id.clone(), 0));
        for title in 1.. {
            let change = json!([{ "op": "replace", "value": {
                "title": title.to_string(), "nickName": title.to_string(),
                "emails": [{ "value": format!("{title}@{}.example", self.number), "type": "work" }],
            } }]);
            self.write(Method::PATCH, &format!("/Users/{id}"), &patch(change)).await?;
            self.facts[place] = Fact::Title(id.clone(), title);
        }
        None
    }

    async fn takes_away(&mut self) -> Option<()> {
        for number in 0.. {
            let id = self.makes_somebody(number).await?;
            self.joins(&id).await?;
            // What was told before is over with the next request.
            self.facts.pop();
            if number % 2 == 0 {
                let group = self.group.clone();
                self.write(Method::PATCH, &group, &remove_member(&id)).await?;
                self.facts.push(Fact::NoMember(group, id));
            } else {
                self.facts.pop();
                self.write(Method::DELETE, &format!("/Users/{id}"), &Value::Null).await?;
                self.facts.push(Fact::Gone(id));
            }
        }
        None
    }
}

async fn is_true(place: &Place, facts: &[Fact]) {
    let client = &place.client;
    let is_member = async |group: &str, id: &str| {
        let filter = format!("filter=members.value+eq+%22{id}%22&attributes=id&count=200");
        let found = client.get(&format!("/Groups?{filter}")).await;
        let mut groups = found["Resources"].as_array().unwrap().iter();
        groups.any(|found| group.ends_with(found["id"].as_str().unwrap()))
    };
    for fact in facts {
        match fact {
            Fact::Made(id) => {
                let user = client.get(&format!("/Users/{id}")).await;
                for (attribute, value) in [
                    ("userName", &user["userName"]),
                    ("externalId", &user["externalId"]),
                    ("emails.value", &user["emails"][0]["value"]),
                ] {
                    assert_eq!(
                        client.total(&format!("{attribute} eq {value}")).await,
                        1,
                        "{user}"
                    );
                }
            }
            Fact::Gone(id) => {
                let path = format!("/Users/{id}");
                let gone = client.send(Method::GET, &path, &Value::Null).await;
                assert_eq!(gone.status, 404, "{}", gone.text());
            }
            Fact::Member(group, id) => assert!(is_member(group, id).await, "{fact:?}"),
            Fact::NoMember(group, id) => assert!(!is_member(group, id).await, "{fact:?}"),
            Fact::Title(id, last) => {
                let user = client.get(&format!("/Users/{id}")).await;
                let title: usize = user["title"].as_str().unwrap().parse().unwrap();
                assert!((*last..=last + 1).contains(&title), "{fact:?} {user}");
                assert_eq!(user["meta"]["version"], format!("W/\"{}\"", title + 1));
                assert!(title == 0 || user["nickName"] == user["title"], "{user}");
            }
        }
    }
}

async fn nothing_is_half_there(place: &Place, group: &str) {
    let client = &place.client;
    let people = client.people().await;
    let there = i64::try_from(people.len()).unwrap();
    // By the counter of the connection, by the table, and by each kind of index.
    let counted = client.get("/Users?count=0").await;
    assert_eq!(counted["totalResults"], there);
    let rows = place.number("SELECT count(*) FROM \"user\" WHERE deleted_at IS NULL").await;
    assert_eq!(rows, there);
    for filter in [
        "title pr",
        "title ge \"0\"",
        "emails.value co \"@\"",
        "emails[type eq \"work\"]",
        "displayName eq \"somebody\"",
        "externalId sw \"u\"",
    ] {
        assert_eq!(client.total(filter).await, there, "{filter}");
    }
    // What is left of people who are gone.
    let values = "SELECT count(*) FROM value v WHERE v.owner > 0 AND NOT EXISTS
        (SELECT 1 FROM \"user\" u WHERE u.number = v.owner AND u.deleted_at IS NULL)";
    let strangers = "SELECT count(*) FROM member m WHERE m.member > 0 AND NOT EXISTS
        (SELECT 1 FROM \"user\" u WHERE u.number = m.member AND u.deleted_at IS NULL)";
    assert_eq!(
        (place.number(values).await, place.number(strangers).await),
        (0, 0)
    );
    let everybody = client.get(group).await;
    let ids: BTreeSet<_> = people.iter().map(id).collect();
    let members = members(&everybody);
    assert!(members.iter().all(|member| ids.contains(member)));
    let inside = client.total(&format!("groups.value eq \"{}\"", id(&everybody))).await;
    assert_eq!(inside, i64::try_from(members.len()).unwrap());
    // Every change is in the audit, and nothing is there that was not done.
    let events = "SELECT count(*) FROM audit_event WHERE kind = 'user_create_provision'";
    let made = place.number("SELECT count(*) FROM \"user\"").await;
    assert_eq!(place.number(events).await, made);
    let events = "SELECT count(*) FROM audit_event WHERE kind = 'user_delete_provision'";
    assert_eq!(place.number(events).await, made - there);
    let events = "SELECT count(*) FROM audit_event WHERE kind LIKE 'user_update_%'";
    let versions =
        "SELECT CAST(sum(version) - count(*) AS BIGINT) FROM \"user\" WHERE deleted_at IS NULL";
    assert_eq!(place.number(events).await, place.number(versions).await);
    place.is_in_order();
}
