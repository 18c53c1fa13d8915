//! What every store does of the log of requests, of connections' health, and of notices.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::at;
use super::directory::{Directory, connect, make, person};
use crate::audit::{Chain, Event, EventKind};
use crate::base::{ConnectionName, Timestamp};
use crate::directory::health::{State, Why};
use crate::directory::requests::{Effect, Kept};
use crate::directory::{ConnectionWritten, Operator, RequestQuery, ScimRequest, ScimToken, Scopes};
use crate::notice::Notice;
use crate::notice::outbox::Lease;

fn okta() -> ConnectionName {
    ConnectionName::parse("okta").unwrap()
}

fn request(operation: &'static str, status: u16, second: i64) -> ScimRequest {
    ScimRequest {
        method: "PATCH".into(),
        resource: "User".into(),
        operation: operation.into(),
        status,
        micros: 1234,
        ..ScimRequest::of(okta(), at(second))
    }
}

fn all() -> RequestQuery {
    RequestQuery {
        connection: okta(),
        since: Timestamp::EPOCH,
        failed: false,
        user: None,
        limit: 1000,
    }
}

async fn events<S: Directory>(store: &S, kind: EventKind) -> Vec<Value> {
    let all = store.events(Timestamp::EPOCH, 0, 1000).await.unwrap();
    let of_kind = all.iter().filter(|event| event.kind == kind.as_str());
    of_kind.map(|event| serde_json::from_str(&event.line()).unwrap()).collect()
}

pub(crate) async fn requests_are_logged_and_found<S: Directory>(store: Arc<S>) {
    let actor = connect(&*store, "okta", None).await;
    make(&*store, &actor, "u1", person("Alice@Example.com")).await;
    let whole = ScimRequest {
        token: Some("t1".into()),
        request_id: Some("r1".into()),
        target: Some("u1".into()),
        effect: Some(Effect::Changed),
        attributes: vec!["active".into(), "title".into()],
        filter: Some("userName eq ?".into()),
        matched: Some(1),
        client: Some("192.0.2.1".into()),
        agent: Some("Okta SCIM Client".into()),
        body: Some("{}".into()),
        answer: Some("[]".into()),
        ..request("patch", 200, 10)
    };
    let refused = ScimRequest {
        name: Some("b…@example.com".into()),
        scim_type: Some("uniqueness".into()),
        detail: Some("somebody else has this userName".into()),
        ..request("create", 409, 11)
    };
    let vain = ScimRequest { target: Some("u9".into()), ..request("get", 404, 12) };
    let stray = ConnectionName::parse("gone").unwrap();
    let stray = ScimRequest { connection: stray, ..request("get", 200, 12) };
    let requests = vec![whole.clone(), refused.clone(), vain.clone(), stray];
    store.append(requests, Vec::new(), at(12)).await.unwrap();
    let found = store.requests(&all()).await.unwrap();
    let named = ScimRequest { name: Some("Alice@Example.com".into()), ..whole };
    assert_eq!(found, [vain, refused.clone(), named.clone()]);
    let asked = |asked: RequestQuery| {
        let store = Arc::clone(&store);
        async move { store.requests(&asked).await.unwrap() }
    };
    assert_eq!(
        asked(RequestQuery { failed: true, ..all() }).await,
        std::slice::from_ref(&refused)
    );
    assert_eq!(
        asked(RequestQuery { since: at(12), ..all() }).await.len(),
        1
    );
    assert_eq!(asked(RequestQuery { limit: 2, ..all() }).await.len(), 2);
    for user in ["alice@example.com", "u1"] {
        let by_user = RequestQuery { user: Some(user.into()), ..all() };
        assert_eq!(asked(by_user).await, std::slice::from_ref(&named), "{user}");
    }
    let by_user = RequestQuery { user: Some("bob@example.com".into()), ..all() };
    assert_eq!(asked(by_user).await, [refused]);
}

pub(crate) async fn many_requests_are_logged_at_once_and_old_ones_forgotten<S: Directory>(
    store: Arc<S>,
) {
    connect(&*store, "okta", None).await;
    let many = (0..147)
        .map(|second| ScimRequest { body: Some("{}".into()), ..request("patch", 200, second) });
    store.append(many.collect(), Vec::new(), at(147)).await.unwrap();
    assert_eq!(store.requests(&all()).await.unwrap().len(), 147);
    let day = Duration::from_secs(86_400);
    let kept = Kept { keep: day, most: 1000, most_bodies: 1000 };
    assert!(!store.forget_requests(kept, at(200)).await.unwrap());
    // By age, then by number, then bodies alone.
    let old = Kept { keep: Duration::from_secs(100), ..kept };
    while store.forget_requests(old, at(147)).await.unwrap() {}
    assert_eq!(store.requests(&all()).await.unwrap().len(), 99);
    let few = Kept { most: 50, most_bodies: 10, ..kept };
    while store.forget_requests(few, at(147)).await.unwrap() {}
    let left = store.requests(&all()).await.unwrap();
    assert_eq!(left.len(), 50);
    assert_eq!(
        left.iter().filter(|request| request.body.is_some()).count(),
        10
    );
    assert_eq!(left[0].at, at(146));
}

pub(crate) async fn a_connection_fails_is_quarantined_and_resumes<S: Directory>(store: Arc<S>) {
    connect(&*store, "okta", Some("corp")).await;
    let append = |requests: Vec<ScimRequest>, second| {
        let store = Arc::clone(&store);
        async move { store.append(requests, Vec::new(), at(second)).await.unwrap() }
    };
    let state = || async { store.health().await.unwrap()[0].1.clone() };
    assert!(append(vec![request("create", 201, 1)], 1).await.is_empty());
    assert_eq!(state().await.state, State::Healthy);
    let failed: Vec<_> = (0..10).map(|_| request("create", 400, 2)).collect();
    let told = append(failed, 2).await;
    let became: Vec<_> = told.iter().map(|(name, it)| (name.as_str(), it.after, it.why)).collect();
    assert_eq!(became, [("okta", State::Failing, Some(Why::Writes))]);
    let notices = store.notices().await.unwrap();
    assert_eq!(notices[0].key, "scim-state/okta");
    assert!(notices[0].text.contains("fails"), "{}", notices[0].text);
    assert!(append(vec![request("create", 400, 60)], 60).await.is_empty());
    let told = append(vec![request("create", 400, 7300)], 7300).await;
    assert_eq!(told[0].1.after, State::Quarantined);
    let notices = store.notices().await.unwrap();
    assert_eq!(notices.len(), 1);
    assert!(notices[0].text.contains("two hours"), "{}", notices[0].text);
    let told = append(vec![request("create", 201, 7400)], 7400).await;
    assert_eq!(
        (told[0].1.before, told[0].1.after),
        (State::Quarantined, State::Healthy)
    );
    assert_eq!(state().await.since, Some(at(7400)));
    assert!(store.notices().await.unwrap().is_empty());
    let events = events(&*store, EventKind::ConnectionChanged).await;
    let states: Vec<_> = events
        .iter()
        .map(|event| {
            (
                &event["detail"]["before"]["state"],
                &event["detail"]["after"]["state"],
            )
        })
        .collect();
    assert_eq!(
        states,
        [
            (&json!("healthy"), &json!("failing")),
            (&json!("failing"), &json!("quarantined")),
            (&json!("quarantined"), &json!("healthy")),
        ]
    );
    assert_eq!(events[0]["idp"], "corp");
    assert!(matches!(store.verify().await.unwrap(), Chain::Whole { .. }));
    // What is known of it goes with it; one of the same name later is another.
    let deleted = store.delete_connection(&okta(), &Operator::command(), at(7500)).await.unwrap();
    assert_eq!(deleted, ConnectionWritten::Written);
    assert!(store.health().await.unwrap().is_empty());
    assert!(store.requests(&all()).await.unwrap().is_empty());
}

pub(crate) async fn nodes_that_log_at_once_make_one_transition<S: Directory>(store: Arc<S>) {
    connect(&*store, "okta", None).await;
    let mut nodes = JoinSet::new();
    for _ in 0..8 {
        let store = Arc::clone(&store);
        nodes.spawn(async move {
            let failed = (0..5).map(|_| request("create", 400, 2)).collect();
            store.append(failed, vec![okta()], at(3)).await.unwrap().len()
        });
    }
    let told: usize = nodes.join_all().await.into_iter().sum();
    assert_eq!(told, 1);
    assert_eq!(events(&*store, EventKind::ConnectionChanged).await.len(), 1);
    assert_eq!(
        store.health().await.unwrap()[0].1.run.as_ref().unwrap().failed,
        40
    );
}

pub(crate) async fn look_ups_are_told_to_the_audit_by_the_minute<S: Directory>(store: Arc<S>) {
    connect(&*store, "okta", None).await;
    let look_up = |second: i64| ScimRequest {
        filter: Some("userName eq ?".into()),
        matched: Some(1),
        request_id: Some(format!("r{second}")),
        ..request("list", 200, second)
    };
    for second in 0..10 {
        store.append(vec![look_up(second)], Vec::new(), at(second)).await.unwrap();
    }
    let told = events(&*store, EventKind::UserLookedUp).await;
    assert_eq!(told.len(), 1);
    assert_eq!(
        (&told[0]["detail"]["lookups"], &told[0]["request_id"]),
        (&json!(1), &json!("r0"))
    );
    // Nobody asks any more: what was gathered is told all the same.
    store.append(Vec::new(), vec![okta()], at(59)).await.unwrap();
    assert_eq!(events(&*store, EventKind::UserLookedUp).await.len(), 1);
    store.append(Vec::new(), vec![okta()], at(61)).await.unwrap();
    let told = events(&*store, EventKind::UserLookedUp).await;
    assert_eq!(told.len(), 2);
    let detail = &told[1]["detail"];
    assert_eq!(
        (&detail["lookups"], &detail["found"]),
        (&json!(9), &json!(9))
    );
    assert_eq!(detail["by"], json!({ "userName": 9 }));
}

pub(crate) async fn whose_a_revoked_token_was_is_known<S: Directory>(store: Arc<S>) {
    connect(&*store, "okta", None).await;
    let token = ScimToken {
        id: "t1".into(),
        connection: okta(),
        hash: [7; 32],
        scopes: Scopes::default(),
        created_at: at(0),
        expires: None,
        last_used: None,
    };
    let _ = store.create_token(&token, &Operator::command(), at(1)).await.unwrap();
    assert_eq!(store.revoked_token(&[7; 32]).await.unwrap(), None);
    assert!(store.revoke_token("t1", &Operator::command(), at(2)).await.unwrap());
    let revoked = store.revoked_token(&[7; 32]).await.unwrap();
    assert_eq!(revoked, Some((okta(), "t1".to_owned())));
    assert_eq!(store.revoked_token(&[8; 32]).await.unwrap(), None);
    let kept = Kept { keep: Duration::from_secs(1), most: 1, most_bodies: 1 };
    while store.forget_requests(kept, at(91 * 86_400)).await.unwrap() {}
    assert_eq!(store.revoked_token(&[7; 32]).await.unwrap(), None);
}

pub(crate) async fn a_notice_is_raised_once_and_cleared<S: Directory>(store: Arc<S>) {
    let notice = |key: &str| Notice {
        key: key.to_owned(),
        text: "a token expires".into(),
        advice: "make another".into(),
        detail: json!({ "days": 7 }),
        at: at(5),
    };
    let event = Event::new(EventKind::ConnectionTokens);
    let mut nodes = JoinSet::new();
    for _ in 0..8 {
        let (store, event, notice) = (Arc::clone(&store), event.clone(), notice("token/a/7"));
        nodes.spawn(async move { store.raise(&notice, Some(&event), at(5)).await.unwrap() });
    }
    let news = nodes.join_all().await.into_iter().filter(|is_new| *is_new).count();
    assert_eq!(news, 1);
    assert_eq!(events(&*store, EventKind::ConnectionTokens).await.len(), 1);
    assert!(store.raise(&notice("token/a_b/7"), None, at(6)).await.unwrap());
    let keys = || async {
        let notices = store.notices().await.unwrap();
        notices.into_iter().map(|notice| notice.key).collect::<Vec<_>>()
    };
    assert_eq!(store.notices().await.unwrap()[0], notice("token/a/7"));
    // Those below it, and none that only begins so.
    assert!(store.clear("token/a", at(7)).await.unwrap());
    assert!(!store.clear("token/a", at(7)).await.unwrap());
    assert_eq!(keys().await, ["token/a_b/7"]);
    assert!(store.raise(&notice("token/a/7"), None, at(8)).await.unwrap());

    let day = Duration::from_secs(86_400);
    let again = async |second: i64| {
        let notice = Notice { at: at(second), ..notice("clock/a") };
        store.raise_again(&notice, day, at(second)).await.unwrap()
    };
    assert!(again(10).await);
    assert!(!again(11).await, "it stands");
    store.clear("clock/a", at(12)).await.unwrap();
    assert!(!again(13).await, "it was told");
    let stands = store.notices().await.unwrap().into_iter().any(|notice| notice.at == at(13));
    assert!(stands);
    store.clear("clock/a", at(14)).await.unwrap();
    assert!(again(14 + 86_400).await, "a day ago");
}

fn lease(holder: &str) -> Lease<'_> {
    Lease {
        holder,
        time: Duration::from_secs(60),
        settle: Duration::from_secs(5),
    }
}

fn ends(key: &str, expires: &str, second: i64) -> Notice {
    Notice {
        key: key.to_owned(),
        text: "it ends".to_owned(),
        advice: "make another one".to_owned(),
        detail: json!({ "expires": expires }),
        at: at(second),
    }
}

/// What a channel is given: the number of the parcel, and the keys in it, with a `-` if it is over.
async fn taken<S: Directory>(store: &S, channel: &str, holder: &str, second: i64) -> String {
    let parcel = store.take(channel, &lease(holder), at(second)).await.unwrap();
    parcel.map_or_else(String::new, |parcel| {
        let keys = parcel.entries.iter().map(|entry| {
            let over = if entry.stands { "" } else { "-" };
            format!(" {over}{}", entry.notice.key)
        });
        format!("{}:{}", parcel.id, keys.collect::<String>())
    })
}

pub(crate) async fn what_is_raised_is_in_one_parcel_of_each_channel<S: Directory>(store: Arc<S>) {
    let store = &*store;
    let raise = async |key: &str, expires: &str, second: i64| {
        assert!(store.raise(&ends(key, expires, second), None, at(second)).await.unwrap());
    };
    raise("old/1", "2027-01-31", 1).await;
    store.clear("old", at(2)).await.unwrap();
    raise("b/30", "2027-03-01", 3).await;
    assert_eq!(
        taken(store, "email", "one", 100).await,
        "",
        "nobody knows it"
    );
    for channel in ["email", "log"] {
        store.open_channel(channel, at(10)).await.unwrap();
    }
    raise("a/7", "2027-02-01", 11).await;
    assert_eq!(taken(store, "email", "one", 12).await, "", "more may come");
    assert_eq!(taken(store, "email", "one", 16).await, "3: a/7 b/30");
    store.failed("email", 3, "no route", &[], at(30), at(17)).await.unwrap();
    raise("c/1", "2027-01-02", 18).await;
    assert_eq!(taken(store, "email", "one", 29).await, "", "not yet");
    assert_eq!(taken(store, "log", "one", 29).await, "4: c/1 a/7 b/30");
    assert_eq!(
        taken(store, "email", "one", 30).await,
        "3: a/7 b/30",
        "as it was"
    );
    let channels = store.channels().await.unwrap();
    let email = &channels[0];
    assert_eq!(
        (email.name.as_str(), email.attempts, email.waiting),
        ("email", 1, 3)
    );
    assert_eq!(email.error.as_deref(), Some("no route"));

    store.sent("email", 3, None, at(31)).await.unwrap();
    store.sent("email", 3, None, at(32)).await.unwrap();
    store.clear("c", at(33)).await.unwrap();
    raise("d/1", "2027-01-03", 34).await;
    assert_eq!(taken(store, "email", "one", 40).await, "5: d/1 -c/1");
    store.sent("email", 5, None, at(41)).await.unwrap();
    assert_eq!(taken(store, "email", "one", 100).await, "");

    assert_eq!(taken(store, "log", "one", 1000).await, "4: a/7 b/30 -c/1");
    store.sent("log", 5, None, at(1001)).await.unwrap();
    store.forget_raised(at(1002), at(1002)).await.unwrap();
    raise("e/1", "2027-01-04", 1003).await;
    assert_eq!(taken(store, "log", "one", 1010).await, "6: e/1");

    // Of a channel that was off for long hundreds were forgotten.
    for number in 0..250 {
        raise(&format!("f/{number:03}"), "2027-01-05", 1011).await;
    }
    raise("g/1", "2027-01-06", 2000).await;
    store.forget_raised(at(1999), at(2000)).await.unwrap();
    assert_eq!(taken(store, "email", "one", 2010).await, "257: g/1");
}

pub(crate) async fn of_several_nodes_one_sends<S: Directory>(store: Arc<S>) {
    store.open_channel("email", at(0)).await.unwrap();
    let mut raisers = JoinSet::new();
    for number in 0..20 {
        let store = Arc::clone(&store);
        raisers.spawn(async move {
            let notice = ends(&format!("n/{number}"), "2027-01-31", 1);
            store.raise(&notice, None, at(1)).await.unwrap()
        });
    }
    while let Some(raised) = raisers.join_next().await {
        assert!(raised.unwrap());
    }
    let mut nodes = JoinSet::new();
    for number in 0..8 {
        let store = Arc::clone(&store);
        nodes.spawn(async move {
            let holder = format!("node {number}");
            store.take("email", &lease(&holder), at(10)).await.unwrap()
        });
    }
    let mut taken = Vec::new();
    while let Some(parcel) = nodes.join_next().await {
        taken.extend(parcel.unwrap());
    }
    assert_eq!(taken.len(), 1);
    assert_eq!((taken[0].id, taken[0].entries.len()), (20, 20));
    assert!(store.take("email", &lease("another"), at(69)).await.unwrap().is_none());
    let again = store.take("email", &lease("another"), at(70)).await.unwrap();
    assert_eq!(again.as_ref(), taken.first(), "who had it is gone");
}
