//! Many logins at once, and a power cut in the middle.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Method;
use samlgate::audit::{AuditSink as _, Chain};
use samlgate::store::SqliteStore;
use tokio::task::JoinSet;

use crate::support::gateway::{Gateway, Setup};
use crate::support::http::{Ask, Visitor};
use crate::support::idp::{self, TestIdp};

async fn gateway(idp: &TestIdp) -> Gateway {
    Setup::http()
        .quick_key()
        .idp("corp", &idp.metadata_file(), "allow_idp_initiated = true")
        .route("http://127.0.0.1:9", "")
        .start()
        .await
}

/// An answer about somebody whom nobody has seen before.
fn answer(idp: &TestIdp, gateway: &Gateway, number: usize) -> String {
    let mut answer = idp.unsolicited(&gateway.url(""));
    let name_id = answer.assertions[0].name_id.take().unwrap();
    answer.assertions[0].name_id = Some(name_id.replace("alice", &format!("user{number}")));
    idp.write(&answer)
}

/// Somebody new posts it; `None` if the gateway is gone.
async fn post(url: &str, xml: &str) -> Option<(Visitor, u16)> {
    let acs = Ask::new(Method::POST, url).navigating().form(&idp::fields(xml, None));
    // A visitor who gets no answer panics.
    let mut visit = JoinSet::new();
    visit.spawn(async move {
        let mut visitor = Visitor::new();
        let status = visitor.send(acs).await.status.as_u16();
        (visitor, status)
    });
    visit.join_next().await.unwrap().ok()
}

async fn count(gateway: &Gateway, query: &'static str) -> i64 {
    sqlx::query_scalar(query).fetch_one(&gateway.database().await).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_cut_among_many_logins_leaves_every_one_of_them_whole_or_not_there() {
    let idp = TestIdp::new("corp");
    let mut gateway = gateway(&idp).await;
    let url = gateway.url("/saml/acs");
    let answers: Vec<_> = (0..400).map(|number| answer(&idp, &gateway, number)).collect();
    let waiting = Arc::new(Mutex::new(answers));
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let cut = Arc::new(AtomicBool::new(false));
    let mut browsers = JoinSet::new();
    for _ in 0..16 {
        let (url, cut) = (url.clone(), Arc::clone(&cut));
        let (waiting, acknowledged) = (Arc::clone(&waiting), Arc::clone(&acknowledged));
        browsers.spawn(async move {
            while let Some(xml) = { waiting.lock().unwrap().pop() } {
                match post(&url, &xml).await {
                    Some((visitor, status)) => {
                        assert_eq!(status, 303);
                        acknowledged.lock().unwrap().push((visitor, xml));
                    }
                    None => {
                        assert!(
                            cut.load(Ordering::SeqCst),
                            "it hung up before it was killed"
                        );
                        return;
                    }
                }
            }
        });
    }
    let some = tokio::time::timeout(Duration::from_secs(60), async {
        while acknowledged.lock().unwrap().len() < 100 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    some.await.unwrap();
    cut.store(true, Ordering::SeqCst);
    gateway.kill9();
    browsers.join_all().await;
    assert!(
        !waiting.lock().unwrap().is_empty(),
        "it was killed among them"
    );

    gateway.start_again().await;
    let sessions = count(&gateway, "SELECT count(*) FROM session").await;
    for whole in [
        "SELECT count(*) FROM one_use",
        "SELECT count(*) FROM user",
        "SELECT count(*) FROM login_attempt WHERE outcome = 'ok'",
        "SELECT count(*) FROM audit_event WHERE kind = 'login.accepted'",
        "SELECT count(*) FROM audit_event WHERE kind = 'user.created'",
    ] {
        assert_eq!(count(&gateway, whole).await, sessions, "{whole}");
    }
    let file = gateway.folder().join("data/samlgate.db");
    let store = SqliteStore::open(file.to_str().unwrap()).await.unwrap();
    let chain = store.verify().await.unwrap();
    assert!(matches!(chain, Chain::Whole { .. }), "{chain:?}");
    store.close().await;

    let acknowledged = std::mem::take(&mut *acknowledged.lock().unwrap());
    assert!(sessions >= i64::try_from(acknowledged.len()).unwrap());
    for (mut visitor, xml) in acknowledged {
        let user = visitor.get(&gateway.url("/.samlgate/user")).await;
        assert_eq!(user.status, 200);
        let (_, status) = post(&url, &xml).await.unwrap();
        assert_eq!(status, 403);
    }
    let codes = gateway.login_attempts().await;
    let codes: Vec<_> = codes.iter().filter_map(|attempt| attempt.code.as_deref()).collect();
    assert!(
        codes.iter().all(|code| *code == "proto.replay"),
        "{codes:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_who_bring_one_answer_one_comes_in() {
    let idp = TestIdp::new("corp");
    let gateway = gateway(&idp).await;
    let url = gateway.url("/saml/acs");
    let xml = answer(&idp, &gateway, 0);
    let mut racing = JoinSet::new();
    for _ in 0..50 {
        let (url, xml) = (url.clone(), xml.clone());
        racing.spawn(async move { post(&url, &xml).await.unwrap().1 });
    }
    let statuses = racing.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == 303).count(), 1);
    assert_eq!(statuses.iter().filter(|status| **status == 403).count(), 49);
    assert_eq!(count(&gateway, "SELECT count(*) FROM session").await, 1);
    let refused = "SELECT count(*) FROM audit_event WHERE kind = 'login.refused'";
    assert_eq!(count(&gateway, refused).await, 49);
}
