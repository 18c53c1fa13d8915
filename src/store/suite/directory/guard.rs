//! The guard before very many deactivations at once.

use std::time::Duration;

use super::*;
use crate::audit::EventKind;
use crate::directory::guard::Waiting;
use crate::directory::{Approval, Guard, GuardState, Paused, Share, client_key};

/// Three people, or half of them, within an hour.
const GUARD: Guard = Guard { share: Share::HALF, people: 3, window: HOUR };

/// A connection that may deactivate so many, with so many active people: p0, p1, …
async fn watched<S: Directory>(store: &S, guard: Guard, people: usize) -> Actor {
    let actor = Actor { guard: Some(guard), ..connect(store, "okta", None).await };
    for number in 0..people {
        let id = format!("p{number}");
        make(store, &actor, &id, person(&id)).await;
    }
    actor
}

fn paused<T: std::fmt::Debug>(outcome: Outcome<T>) -> Paused {
    match outcome {
        Outcome::Paused(paused) => paused,
        other => panic!("{other:?}"),
    }
}

async fn switch_at<S: Directory>(
    store: &S,
    actor: &Actor,
    id: &str,
    active: bool,
    now: Timestamp,
) -> Outcome<UserResource> {
    let change = set(ResourceKind::User, json!({ "active": active }));
    let id = UserId::new(id.into());
    store
        .change_user(actor, &id, None, change, UserParts::default(), now)
        .await
        .unwrap()
}

async fn off<S: Directory>(store: &S, actor: &Actor, id: &str) -> Outcome<UserResource> {
    switch_at(store, actor, id, false, at(10)).await
}

async fn state<S: Directory>(store: &S) -> GuardState {
    let mut all = store.guards().await.unwrap();
    assert_eq!(all.len(), 1);
    all.remove(0)
}

async fn is_active<S: Directory>(store: &S, actor: &Actor, id: &str) -> bool {
    found_by_id(store, actor, id).await.document.read().is_active()
}

async fn found_by_id<S: Directory>(store: &S, actor: &Actor, id: &str) -> UserResource {
    let (tenant, id) = (actor.connection.tenant(), UserId::new(id.into()));
    store.user(&tenant, &id, WITH_GROUPS).await.unwrap().unwrap()
}

async fn told<S: Directory>(store: &S, kind: EventKind) -> Vec<Value> {
    let events = store.events(Timestamp::EPOCH, 0, 10_000).await.unwrap();
    let of_kind = events.into_iter().filter(|event| event.kind == kind.as_str());
    let detail = |json: &str| serde_json::from_str::<Value>(json).unwrap()["detail"].clone();
    of_kind.map(|event| detail(&event.line())).collect()
}

pub(crate) async fn a_guard_stops_what_is_more_than_a_few_and_a_share<S: Directory>(store: Arc<S>) {
    let actor = watched(&*store, GUARD, 10).await;
    // Of ten people five are the share, and more than the few.
    for id in ["p0", "p1", "p2", "p3"] {
        done(off(&*store, &actor, id).await);
    }
    let p4 = UserId::new("p4".into());
    done(store.delete_user(&actor, &p4, None, at(10)).await.unwrap());
    let before = found_by_id(&*store, &actor, "p5").await;
    let stopped = paused(off(&*store, &actor, "p5").await);
    assert_eq!(stopped, Paused { began: true, deactivated: 5, people: 10 });
    let p6 = UserId::new("p6".into());
    let deleted = store.delete_user(&actor, &p6, None, at(11)).await.unwrap();
    assert!(!paused(deleted).began);
    let after = found_by_id(&*store, &actor, "p5").await;
    assert_eq!(after, before, "nothing is written");
    assert!(is_active(&*store, &actor, "p6").await);
    assert!(!is_active(&*store, &actor, "p0").await, "they stay out");

    // Everything else goes on.
    make(&*store, &actor, "new", person("new")).await;
    done(change(&*store, &actor, "p5", json!({ "title": "Boss" })).await);
    done(switch_at(&*store, &actor, "p0", true, at(12)).await);
    // Who is not active can not be deactivated; who returned is stopped like anybody.
    assert_eq!(done(off(&*store, &actor, "p1").await).how, How::Unchanged);
    done(
        store
            .delete_user(&actor, &UserId::new("p1".into()), None, at(12))
            .await
            .unwrap(),
    );
    paused(off(&*store, &actor, "p0").await);

    let told = told(&*store, EventKind::GuardPaused).await;
    assert_eq!(told.len(), 1, "once");
    assert_eq!(told[0]["deactivated"], 5);
    assert_eq!(told[0]["people"], 10);
    assert_eq!(told[0]["connection"], "okta");
    let now = state(&*store).await;
    assert_eq!(now.paused_at, Some(at(10)));
    assert_eq!((now.word(at(10)), now.waiting), ("paused", 3));
    let waiting = store.waiting(&now.connection, 2).await.unwrap();
    let ids: Vec<&str> = waiting.iter().map(|waiting: &Waiting| waiting.id.as_str()).collect();
    assert_eq!(ids, ["p6", "p0"]);
    assert_eq!(waiting[0].asked_at, at(11));
}

pub(crate) async fn a_guard_lets_a_few_go_however_small_the_company<S: Directory>(store: Arc<S>) {
    let actor = watched(&*store, GUARD, 4).await;
    for id in ["p0", "p1", "p2"] {
        done(off(&*store, &actor, id).await);
    }
    assert_eq!(paused(off(&*store, &actor, "p3").await).people, 4);
    // Who has no guard in the way: an operator, and a connection without one.
    let unwatched = Actor { guard: Some(Guard::off()), ..actor.clone() };
    done(off(&*store, &unwatched, "p3").await);
    let operator = Actor { guard: None, ..actor.clone() };
    done(switch_at(&*store, &operator, "p3", true, at(11)).await);
    done(off(&*store, &operator, "p3").await);
}

pub(crate) async fn a_guard_forgets_who_returned_and_what_was_long_ago<S: Directory>(
    store: Arc<S>,
) {
    let actor = watched(&*store, GUARD, 6).await;
    for round in 0..4 {
        for id in ["p0", "p1", "p2"] {
            done(switch_at(&*store, &actor, id, false, at(20 + round)).await);
        }
        for id in ["p0", "p1", "p2"] {
            done(switch_at(&*store, &actor, id, true, at(20 + round)).await);
        }
    }
    // A deleted one who returns is no loss either.
    let p0 = UserId::new("p0".into());
    done(store.delete_user(&actor, &p0, None, at(30)).await.unwrap());
    make(&*store, &actor, "other", person("p0")).await;
    assert_eq!(state(&*store).await.deactivated, 0);
    for id in ["p0", "p1", "p2"] {
        done(switch_at(&*store, &actor, id, false, at(40)).await);
    }
    let later = at(40).plus(HOUR);
    paused(
        switch_at(
            &*store,
            &actor,
            "p3",
            false,
            later.minus(Duration::from_secs(1)),
        )
        .await,
    );
    let okta = &actor.connection.name;
    let operator = Operator::api(Some("192.0.2.9".into()));
    store.resume(okta, &operator, later).await.unwrap().unwrap();
    for id in ["p3", "p4", "p5"] {
        done(switch_at(&*store, &actor, id, false, later).await);
    }
    let rejected = told(&*store, EventKind::GuardRejected).await;
    assert_eq!(rejected.len(), 1);
    assert_eq!(
        (&rejected[0]["actor"], &rejected[0]["waiting"]),
        (&json!("api"), &json!(1))
    );

    // An hour after them others may go.
    for number in 10..14 {
        let id = format!("p{number}");
        make(&*store, &actor, &id, person(&id)).await;
    }
    done(switch_at(&*store, &actor, "p10", false, later.plus(HOUR)).await);
    assert_eq!(state(&*store).await.deactivated, 1);
}

pub(crate) async fn what_is_approved_goes_through_a_guard<S: Directory>(store: Arc<S>) {
    let actor = watched(&*store, GUARD, 10).await;
    let okta = &actor.connection.name;
    for id in ["p0", "p1", "p2", "p3", "p4"] {
        done(off(&*store, &actor, id).await);
    }
    paused(off(&*store, &actor, "p5").await);
    let by = Operator::command();
    let two = Approval { until: at(20).plus(HOUR), people: Some(2) };
    let before = store.approve(okta, two, &by, at(20)).await.unwrap().unwrap();
    assert_eq!((before.waiting, before.paused_at), (1, Some(at(10))));
    for id in ["p5", "p6"] {
        done(switch_at(&*store, &actor, id, false, at(21)).await);
    }
    // Two they were; then it counts from the beginning: three again, and of three people.
    for id in ["p7", "p8", "p9"] {
        done(switch_at(&*store, &actor, id, false, at(22)).await);
    }
    make(&*store, &actor, "new", person("new")).await;
    let stopped = paused(switch_at(&*store, &actor, "new", false, at(23)).await);
    assert_eq!((stopped.deactivated, stopped.people), (3, 4));

    let any = Approval { until: at(30).plus(HOUR), people: None };
    let _ = store.approve(okta, any, &by, at(30)).await.unwrap().unwrap();
    assert_eq!(state(&*store).await.word(at(31)), "approved");
    done(switch_at(&*store, &actor, "new", false, at(31)).await);
    let told = told(&*store, EventKind::GuardApproved).await;
    assert_eq!(told.len(), 2);
    assert_eq!(
        (&told[0]["people"], &told[0]["actor"]),
        (&json!(2), &json!("command"))
    );

    // What was approved too long ago does not count.
    for number in 20..24 {
        let id = format!("p{number}");
        make(&*store, &actor, &id, person(&id)).await;
        let later = at(31).plus(HOUR);
        let off = switch_at(&*store, &actor, &id, false, later).await;
        assert_eq!(matches!(off, Outcome::Paused(_)), number == 23);
    }
    let nobody = ConnectionName::parse("nobody").unwrap();
    assert_eq!(
        store.approve(&nobody, any, &by, at(40)).await.unwrap(),
        None
    );
    assert_eq!(store.resume(&nobody, &by, at(40)).await.unwrap(), None);
}

pub(crate) async fn a_guard_holds_however_many_ask_at_once<S: Directory>(store: Arc<S>) {
    let actor = watched(&*store, GUARD, 40).await;
    let mut asking = JoinSet::new();
    for number in 0..40 {
        let (store, actor) = (Arc::clone(&store), actor.clone());
        asking.spawn(async move {
            let id = format!("p{number}");
            match off(&*store, &actor, &id).await {
                Outcome::Done(_) => (1, 0),
                Outcome::Paused(paused) => (0, usize::from(paused.began)),
                other => panic!("{other:?}"),
            }
        });
    }
    let (mut through, mut began) = (0, 0);
    while let Some(one) = asking.join_next().await {
        let one = one.unwrap();
        (through, began) = (through + one.0, began + one.1);
    }
    assert_eq!((through, began), (20, 1));
    let now = state(&*store).await;
    assert_eq!((now.deactivated, now.waiting), (20, 20));
    // A connection that is removed takes its guard with it.
    let by = Operator::command();
    let _ = store.delete_connection(&actor.connection.name, &by, at(50)).await.unwrap();
    assert_eq!(store.guards().await.unwrap(), []);
}

pub(crate) async fn who_only_signed_in_counts_when_they_are_switched_off<S: Directory>(
    store: Arc<S>,
) {
    let actor = watched(&*store, GUARD, 3).await;
    for id in ["p0", "p1", "p2"] {
        done(off(&*store, &actor, id).await);
    }
    // Made inactive, or a group that is left: nobody loses what they had.
    make(
        &*store,
        &actor,
        "x",
        json!({ "userName": "x", "active": false }),
    )
    .await;
    let group = make_group(&*store, &actor, "Staff", &["p0"]).await;
    let left = vec![MemberChange::ReplaceAll(Vec::new())];
    done(change_members(&*store, &actor, &group.id, left).await);
    assert_eq!(state(&*store).await.deactivated, 3);
    make(&*store, &actor, "p3", person("p3")).await;
    paused(off(&*store, &actor, "p3").await);
    // Put over somebody who is there, without a word about why.
    let put = json!({ "userName": "p3", "active": false, "title": "gone" });
    paused(change(&*store, &actor, "p3", put).await);
    assert!(is_active(&*store, &actor, "p3").await);
}

pub(crate) async fn access_tokens_are_as_good_as_what_they_were_given_for<S: Directory>(
    store: Arc<S>,
) {
    let actor = connect(&*store, "okta", None).await;
    let by = Operator::command();
    let token = ScimToken {
        id: "t1".into(),
        connection: actor.connection.name.clone(),
        hash: [1; 32],
        scopes: Scopes::default(),
        created_at: at(0),
        expires: Some(at(1000)),
        last_used: None,
    };
    let _ = store.create_token(&token, &by, at(0)).await.unwrap();
    let access = |number: u8, expires| AccessToken {
        hash: [number; 32],
        token: "t1".into(),
        scopes: Scopes { read_only: true, ..Scopes::default() },
        expires,
    };
    store.create_access(&access(2, at(100)), at(1)).await.unwrap();
    store.create_access(&access(3, at(2000)), at(1)).await.unwrap();
    let (found, connection) = store.find_access(&[2; 32]).await.unwrap().unwrap();
    assert_eq!(connection, actor.connection);
    assert_eq!((found.id.as_str(), found.expires), ("t1", Some(at(100))));
    assert!(found.scopes.read_only);
    let (found, _) = store.find_access(&[3; 32]).await.unwrap().unwrap();
    assert_eq!(
        found.expires,
        Some(at(1000)),
        "not longer than the long one"
    );
    assert_eq!(store.find_token(&[2; 32]).await.unwrap(), None);
    assert_eq!(store.find_access(&[1; 32]).await.unwrap(), None);
    assert_eq!(
        store.tokens(None).await.unwrap().len(),
        1,
        "they are not listed"
    );
    // Of very many the first go.
    for number in 4..=104 {
        store
            .create_access(&access(number, at(i64::from(number) + 2000)), at(2))
            .await
            .unwrap();
    }
    assert_eq!(store.find_access(&[2; 32]).await.unwrap(), None);
    assert!(store.find_access(&[104; 32]).await.unwrap().is_some());
    // They end with the long one.
    assert!(store.revoke_token("t1", &by, at(3)).await.unwrap());
    assert_eq!(store.find_access(&[104; 32]).await.unwrap(), None);
}

pub(crate) async fn keys_are_kept_and_end_what_was_given_for_them<S: Directory>(store: Arc<S>) {
    let actor = connect(&*store, "okta", None).await;
    let other = connect(&*store, "entra", None).await;
    let by = Operator::command();
    let key = ClientKey {
        id: "k1".into(),
        connection: actor.connection.name.clone(),
        key: client_key::tests::Pair::ed25519().public(),
        kid: Some("2026".into()),
        scopes: Scopes { groups: false, ..Scopes::default() },
        created_at: at(0),
        expires: Some(at(1000)),
        last_used: None,
    };
    let named = |id: &str| ClientKey { id: id.into(), ..key.clone() };
    let create = async |key: &ClientKey| store.create_key(key, &by, at(0)).await.unwrap();
    assert_eq!(create(&key).await, ConnectionWritten::Written);
    assert_eq!(create(&named("k2")).await, ConnectionWritten::NameTaken);
    let nobody = ConnectionName::parse("nobody").unwrap();
    let nobodys = ClientKey { connection: nobody, ..named("k3") };
    assert_eq!(create(&nobodys).await, ConnectionWritten::NotFound);
    // Another connection may have the same one.
    let others = ClientKey {
        connection: other.connection.name.clone(),
        kid: None,
        expires: None,
        ..named("k4")
    };
    assert_eq!(create(&others).await, ConnectionWritten::Written);
    let own = store.keys(Some(&key.connection)).await.unwrap();
    assert_eq!(own.len(), 1);
    assert_eq!(own[0].as_token(), key.as_token());
    assert_eq!((&own[0].kid, &own[0].key), (&key.kid, &key.key));
    assert_eq!(store.keys(None).await.unwrap().len(), 2);
    assert!(store.tokens(None).await.unwrap().is_empty());

    let access = |number: u8, key: &str| AccessToken {
        hash: [number; 32],
        token: key.into(),
        scopes: Scopes { read_only: true, ..Scopes::default() },
        expires: at(2000),
    };
    store.create_access(&access(2, "k1"), at(1)).await.unwrap();
    store.create_access(&access(3, "k4"), at(1)).await.unwrap();
    let (found, connection) = store.find_access(&[2; 32]).await.unwrap().unwrap();
    assert_eq!(connection, actor.connection);
    assert_eq!((found.id.as_str(), found.expires), ("k1", Some(at(1000))));
    assert!(found.scopes.read_only);
    store.note_use(&found, at(5)).await.unwrap();
    let used = store.keys(Some(&key.connection)).await.unwrap()[0].last_used;
    assert_eq!(used, Some(at(5)));

    assert!(store.remove_key("k1", &by, at(6)).await.unwrap());
    assert!(!store.remove_key("k1", &by, at(6)).await.unwrap());
    assert_eq!(store.find_access(&[2; 32]).await.unwrap(), None);
    assert!(store.find_access(&[3; 32]).await.unwrap().is_some());
    let _ = store.delete_connection(&other.connection.name, &by, at(7)).await.unwrap();
    assert_eq!(store.find_access(&[3; 32]).await.unwrap(), None);
    assert!(store.keys(None).await.unwrap().is_empty());
}
