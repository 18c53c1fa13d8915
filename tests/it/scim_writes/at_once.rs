//! 64 clients change the same group and the same people: nothing is lost, nobody waits for ever, and
//! nobody is told that it is the gateway's fault.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{Client, Place, add_member, id, members, patch, remove_member};
use crate::support::http::{Answer, Visitor};
use crate::support::postgres::Postgres;

const CLIENTS: usize = 64;
/// People whom all of them change.
const SHARED: usize = 8;
const ROUNDS: usize = 2;
/// Of those who change a group by its version, which everybody moves.
const COUNTING: usize = 12;
/// More often nobody has to try again: every time somebody else was done.
const TRIES: usize = CLIENTS * ROUNDS * 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_clients_none_loses_what_it_wrote_on_sqlite() {
    none_loses_what_it_wrote(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_clients_none_loses_what_it_wrote_on_postgresql() {
    none_loses_what_it_wrote(Some(Postgres::start().await)).await;
}

async fn none_loses_what_it_wrote(postgres: Option<Postgres>) {
    let place = Place::on(postgres).await;
    let client = &place.client;
    let group = client.create("/Groups", &json!({ "displayName": "Everybody" })).await;
    let group = format!("/Groups/{group}");
    let mut shared = Vec::new();
    for number in 0..SHARED {
        let person = json!({ "userName": format!("shared-{number}"), "title": "0" });
        shared.push(client.create("/Users", &person).await);
    }
    let own = each_changes_the_same(client, &group, &shared).await;
    of_one_name_one_is_made(client).await;
    who_is_deleted_is_no_member(client, &group).await;
    groups_are_in_one_another(client, &own).await;
    by_its_version_a_group_counts(client, &group).await;
    let left = members(&client.get(&group).await);
    let stay = own.iter().skip(1).step_by(2).cloned();
    assert_eq!(left.len(), CLIENTS / 2, "each once");
    assert_eq!(BTreeSet::from_iter(left), stay.collect());
    place.is_in_order();
    let log = place.gateway.log();
    assert!(!log.contains("\"ERROR\""), "{log}");
}

/// Runs them all, each with its number.
async fn all<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    count: usize,
    does: impl Fn(usize) -> F,
) -> Vec<T> {
    let mut clients = JoinSet::new();
    for number in 0..count {
        let work = does(number);
        clients.spawn(async move { (number, work.await) });
    }
    let mut done = clients.join_all().await;
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, done)| done).collect()
}

fn is_good(answer: &Answer) {
    assert!(
        answer.status.is_success(),
        "{} {}",
        answer.status,
        answer.text()
    );
}

/// Members of a group come and go, people get attributes and count. The ids of the clients' own.
async fn each_changes_the_same(client: &Client, group: &str, shared: &[String]) -> Vec<String> {
    let own = all(CLIENTS, |number| {
        let (client, group) = (client.clone(), group.to_owned());
        let person = format!("/Users/{}", shared[number % SHARED]);
        async move {
            let own = json!({ "userName": format!("own-{number}") });
            let own = client.create("/Users", &own).await;
            for round in 0..ROUNDS {
                is_good(&client.send(Method::PATCH, &group, &add_member(&own)).await);
                let phone = json!({ "value": format!("{number}-{round}"), "type": "work" });
                let phone = json!([{ "op": "add", "path": "phoneNumbers", "value": [phone] }]);
                is_good(&client.send(Method::PATCH, &person, &patch(phone)).await);
                count(&client, &person, "title").await;
                // Every second one is gone in the end.
                if round + 1 < ROUNDS || number % 2 == 0 {
                    is_good(&client.send(Method::PATCH, &group, &remove_member(&own)).await);
                }
            }
            own
        }
    })
    .await;
    for (place, person) in shared.iter().enumerate() {
        let person = client.get(&format!("/Users/{person}")).await;
        let counted = CLIENTS / SHARED * ROUNDS;
        assert_eq!(person["title"], counted.to_string(), "{person}");
        let phones = person["phoneNumbers"].as_array().unwrap().iter();
        let phones: BTreeSet<_> = phones.map(|phone| phone["value"].to_string()).collect();
        let of = |number| (0..ROUNDS).map(move |round| format!("\"{number}-{round}\""));
        let wanted = (place..CLIENTS).step_by(SHARED).flat_map(of);
        assert_eq!(phones, wanted.collect());
        // Each change moved the version once.
        assert_eq!(
            person["meta"]["version"],
            format!("W/\"{}\"", 1 + 2 * counted)
        );
    }
    own
}

/// Reads a number, and writes the next one if nobody else did meanwhile.
async fn count(client: &Client, path: &str, attribute: &str) {
    for _ in 0..TRIES {
        let read = client.send(Method::GET, path, &Value::Null).await;
        is_good(&read);
        let number: usize = read.json()[attribute].as_str().unwrap().parse().unwrap();
        let next = json!({ "op": "replace", "path": attribute, "value": (number + 1).to_string() });
        let ask = client.ask(Method::PATCH, path, &patch(json!([next])));
        let written = Visitor::new().send(ask.header("if-match", read.header("etag"))).await;
        if written.status != 412 {
            return is_good(&written);
        }
    }
    panic!("{path} was changed by others {TRIES} times");
}

async fn of_one_name_one_is_made(client: &Client) {
    let statuses = all(CLIENTS, |number| {
        let client = client.clone();
        async move {
            let name = if number % 2 == 0 { "One" } else { "ONE" };
            let one = json!({ "userName": name, "externalId": format!("one-{number}") });
            client.send(Method::POST, "/Users", &one).await.status.as_u16()
        }
    })
    .await;
    let of = |status: u16| statuses.iter().filter(|one| **one == status).count();
    assert_eq!((of(201), of(409)), (1, CLIENTS - 1), "{statuses:?}");
}

/// One client adds somebody to a group, another one deletes them.
async fn who_is_deleted_is_no_member(client: &Client, group: &str) {
    let statuses = all(CLIENTS / 4, |number| {
        let (client, group) = (client.clone(), group.to_owned());
        async move {
            let guest = json!({ "userName": format!("guest-{number}") });
            let guest = client.create("/Users", &guest).await;
            let (add, gone) = (add_member(&guest), format!("/Users/{guest}"));
            let (added, deleted) = tokio::join!(
                client.send(Method::PATCH, &group, &add),
                client.send(Method::DELETE, &gone, &Value::Null),
            );
            assert_eq!(deleted.status, 204, "{}", deleted.text());
            added.status.as_u16()
        }
    })
    .await;
    // Who is not there any more can not be added.
    assert!(
        statuses.iter().all(|status| [200, 400].contains(status)),
        "{statuses:?}"
    );
}

/// Groups in a circle, each added to its neighbours from both sides at the same time.
async fn groups_are_in_one_another(client: &Client, own: &[String]) {
    const GROUPS: usize = 16;
    let groups = all(GROUPS, |number| {
        let (client, own) = (client.clone(), own[number].clone());
        async move {
            let group = json!({
                "displayName": format!("Circle {number}"), "members": [{ "value": own }],
            });
            client.create("/Groups", &group).await
        }
    })
    .await;
    all(GROUPS * 4, |number| {
        let client = client.clone();
        let one = groups[number % GROUPS].clone();
        let other = groups[(number + 1) % GROUPS].clone();
        async move {
            for (to, member) in [(&one, &other), (&other, &one)] {
                let path = format!("/Groups/{to}");
                is_good(&client.send(Method::PATCH, &path, &add_member(member)).await);
            }
        }
    })
    .await;
    for (number, group) in groups.iter().enumerate() {
        let found = members(&client.get(&format!("/Groups/{group}")).await);
        assert_eq!(found.len(), 3, "{found:?}");
        let around = [number + 1, number + GROUPS - 1].map(|place| &groups[place % GROUPS]);
        let wanted = around.into_iter().chain([&own[number]]).cloned();
        assert_eq!(BTreeSet::from_iter(found), wanted.collect());
        // Through the circle everybody is in every group.
        let person = client.get(&format!("/Users/{}", own[number])).await;
        let around = person["groups"].as_array().unwrap().iter();
        let direct = around.clone().filter(|group| group["type"] == "direct");
        let everybody = number % 2;
        assert_eq!(
            (around.count(), direct.count()),
            (GROUPS + everybody, 1 + everybody)
        );
    }
    let deleted = all(GROUPS, |number| {
        let (client, path) = (client.clone(), format!("/Groups/{}", groups[number]));
        async move { client.send(Method::DELETE, &path, &Value::Null).await.status.as_u16() }
    })
    .await;
    assert!(deleted.iter().all(|status| *status == 204), "{deleted:?}");
    assert_eq!(client.get("/Groups").await["totalResults"], 1);
}

/// Its members move its version as well, so that whoever counts has to try again.
async fn by_its_version_a_group_counts(client: &Client, group: &str) {
    let zero = patch(json!([{ "op": "add", "path": "externalId", "value": "0" }]));
    is_good(&client.send(Method::PATCH, group, &zero).await);
    all(COUNTING, |number| {
        let (client, group) = (client.clone(), group.to_owned());
        async move {
            let guest = json!({ "userName": format!("passer-by-{number}") });
            let guest = client.create("/Users", &guest).await;
            is_good(&client.send(Method::PATCH, &group, &add_member(&guest)).await);
            count(&client, &group, "externalId").await;
            is_good(&client.send(Method::PATCH, &group, &remove_member(&guest)).await);
        }
    })
    .await;
    let read = client.get(group).await;
    assert_eq!(read["externalId"], COUNTING.to_string(), "{}", id(&read));
}
