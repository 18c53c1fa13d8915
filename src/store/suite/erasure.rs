//! What every store does of people who are erased, and of events that are pruned.

use std::sync::Arc;

use serde_json::json;

use super::at;
use super::directory::{Directory, change, connect, done, make, make_group};
use crate::audit::{Chain, Event, EventKind, LoginAttempt, LoginOutcome};
use crate::base::{ErrorCode, UserId};

const SECRETS: [&str; 6] = [
    "alice",
    "Liddell",
    "e-4711",
    "+49 30 1234567",
    "198.51.100.7",
    "7F3K-92QA",
];

fn attempt(reference: &str, user: Option<&str>, reason: &str) -> LoginAttempt {
    LoginAttempt {
        reference: reference.into(),
        at: at(3),
        idp: None,
        outcome: LoginOutcome::Refused(ErrorCode::ProtoReplay),
        user: user.map(|id| UserId::new(id.into())),
        request_id: None,
        detail: json!({ "reason": reason }),
    }
}

fn refused(user: Option<&str>, reason: &str) -> Event {
    Event {
        user: user.map(|id| UserId::new(id.into())),
        reference: Some("7F3K-92QA".into()),
        client: Some("198.51.100.7".into()),
        detail: json!({ "reason": reason }),
        ..Event::new(EventKind::LoginRefused)
    }
}

/// Alice, with a life of events; and Bob.
pub(crate) async fn live<S: Directory>(store: &S) {
    let actor = connect(store, "okta", Some("corp")).await;
    let alice = json!({
        "userName": "alice@example.com", "externalId": "e-4711", "name": { "familyName": "Liddell" },
        "phoneNumbers": [{ "value": "+49 30 1234567", "type": "work" }],
    });
    make(store, &actor, "a", alice).await;
    make(store, &actor, "b", json!({ "userName": "bob" })).await;
    make_group(store, &actor, "staff", &["a", "b"]).await;
    done(
        change(
            store,
            &actor,
            "a",
            json!({ "nickName": "alice of wonderland" }),
        )
        .await,
    );
    store.record(&refused(Some("a"), "late"), at(3)).await.unwrap();
    store
        .record(&refused(None, "alice@example.com is locked"), at(3))
        .await
        .unwrap();
    let malice = Event {
        detail: json!({ "reason": "malice@example.com is locked" }),
        ..Event::new(EventKind::LoginRefused)
    };
    let unknown = attempt("0000-0000", None, "malice@example.com is locked");
    store.record_refusal(&unknown, &malice, at(3)).await.unwrap();
    store.record_attempt(&attempt("7F3K-92QA", Some("a"), "late")).await.unwrap();
    store
        .record_attempt(&attempt("0000-0001", None, "e-4711 is locked"))
        .await
        .unwrap();
}

pub(crate) async fn what_the_audit_says_of_who_is_erased_is_gone<S: Directory>(store: Arc<S>) {
    live(&*store).await;
    let before = store.events(at(0), 0, 100).await.unwrap();
    let lines: String = before.iter().map(|event| event.line() + "\n").collect();
    for secret in SECRETS {
        assert!(lines.contains(secret), "{secret}");
    }
    let erased = store.erase(&[UserId::new("a".into()), UserId::new("x".into())], at(5)).await;
    let erased = erased.unwrap();
    assert_eq!(erased.len(), 1, "there was no x");
    assert_eq!((erased[0].1.events, erased[0].1.attempts), (4, 2));

    let after = store.events(at(0), 0, 100).await.unwrap();
    assert_eq!(after.len(), before.len() + 1);
    for (before, after) in before.iter().zip(&after) {
        assert_eq!((before.hash, &before.public), (after.hash, &after.public));
        let line: serde_json::Value = serde_json::from_str(&after.line()).unwrap();
        assert_eq!(line["erased"] == true, after.private.is_none());
        assert_eq!(line["type"], after.kind);
    }
    let whole: String = after.iter().map(|event| event.line() + "\n").collect();
    let lines = whole.replace("malice", "");
    for secret in SECRETS {
        assert!(!lines.contains(secret), "{secret}");
    }
    assert!(lines.contains("bob"), "of others it stays");
    assert!(whole.contains("malice"), "and what only sounds so");
    let attempts = store.attempts(10).await.unwrap();
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0].reference, "0000-0000");
    let chain = store.verify().await.unwrap();
    let events = i64::try_from(after.len()).unwrap();
    assert!(
        matches!(chain, Chain::Whole { events: all, erased: 4, pruned: 0, .. } if all == events),
        "{chain:?}"
    );

    // Once more: there is nothing left, and nothing is named twice.
    let again = store.erase(&[UserId::new("a".into())], at(6)).await.unwrap();
    assert_eq!((again[0].1.events, again[0].1.attempts), (0, 0));
    assert!(matches!(
        store.verify().await.unwrap(),
        Chain::Whole { erased: 4, .. }
    ));
}

pub(crate) async fn who_was_deleted_long_ago_is_due<S: Directory>(store: Arc<S>) {
    let actor = connect(&*store, "okta", None).await;
    for id in ["a", "b", "c"] {
        make(
            &*store,
            &actor,
            id,
            json!({ "userName": format!("{id}@example.com") }),
        )
        .await;
    }
    for (id, second) in [("b", 20), ("a", 10)] {
        let id = UserId::new(id.into());
        done(store.delete_user(&actor, &id, None, at(second)).await.unwrap());
    }
    let due = async |second| -> Vec<String> {
        let due = store.deleted_before(at(second), 10).await.unwrap();
        due.iter().map(|id| id.as_str().to_owned()).collect()
    };
    assert_eq!(due(10).await, [""; 0]);
    assert_eq!(due(30).await, ["a", "b"]);
    assert_eq!(store.deleted_before(at(30), 1).await.unwrap().len(), 1);
    let people = store.deleted_before(at(11), 10).await.unwrap();
    assert_eq!(store.erase(&people, at(31)).await.unwrap().len(), 1);
    assert_eq!(due(30).await, ["b"], "who is erased is not due again");
}

pub(crate) async fn the_chain_goes_on_behind_what_was_pruned<S: Directory>(store: Arc<S>) {
    assert_eq!(store.older(at(100)).await.unwrap(), None);
    for second in 0..6 {
        store.record(&Event::new(EventKind::ServerStarted), at(second)).await.unwrap();
    }
    assert_eq!(store.older(at(0)).await.unwrap(), None);
    let older = store.older(at(4)).await.unwrap().unwrap();
    assert_eq!((older.last, older.events), (4, 4));
    assert!(store.prune(older.last, at(10)).await.unwrap());
    let pruned = |erased| move |chain: &Chain| matches!(chain, Chain::Whole { pruned: 4, erased: found, .. } if *found == erased);
    let chain = store.verify().await.unwrap();
    assert!(
        pruned(0)(&chain),
        "it begins there before anything is removed: {chain:?}"
    );
    assert_eq!(store.remove_pruned().await.unwrap(), 4);
    assert_eq!(store.remove_pruned().await.unwrap(), 0);
    let chain = store.verify().await.unwrap();
    assert!(pruned(0)(&chain), "{chain:?}");
    assert!(matches!(chain, Chain::Whole { events: 7, .. }));
    assert!(
        !store.prune(4, at(11)).await.unwrap(),
        "what is pruned already"
    );
    let events = store.events(at(0), 0, 100).await.unwrap();
    let sequences: Vec<i64> = events.iter().map(|event| event.sequence).collect();
    assert_eq!(sequences, [5, 6, 7]);
    assert_eq!(events[2].kind, "audit.pruned");

    // And again, with the event that said so, and with erasures on both sides.
    live(&*store).await;
    store.erase(&[UserId::new("a".into())], at(20)).await.unwrap();
    assert!(store.prune(10, at(21)).await.unwrap());
    while store.remove_pruned().await.unwrap() > 0 {}
    let chain = store.verify().await.unwrap();
    assert!(
        matches!(chain, Chain::Whole { pruned, .. } if pruned > 7),
        "{chain:?}"
    );
    assert_eq!(store.older(at(1000)).await.unwrap().unwrap().last, {
        let Chain::Whole { events, .. } = chain else {
            unreachable!()
        };
        events
    });
}
