//! Two gateways over one Redis: each a process, with a database of its own or a common one.

use std::time::Duration;

use http::Method;
use tokio::task::JoinSet;

use crate::support::app::App;
use crate::support::gateway::{Gateway, Setup};
use crate::support::http::{Answer, Ask, Visitor};
use crate::support::idp::{self, TestIdp};
use crate::support::redis::Redis;

/// Within this an ended session stops working on every node.
pub(crate) const PROMISED: Duration = Duration::from_secs(5);
/// Longer than anything here takes.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// Two nodes of one gateway, each at an address of its own, as behind a load balancer.
pub(crate) struct Nodes {
    pub(crate) here: Gateway,
    pub(crate) there: Gateway,
    pub(crate) idp: TestIdp,
    _app: App,
}

impl Nodes {
    async fn over(redis: &Redis) -> Self {
        Self::with(redis, |setup| setup).await
    }

    async fn with(redis: &Redis, more: impl Fn(Setup) -> Setup) -> Self {
        Self::sharing(|setup| more(redis.shared_by(setup))).await
    }

    /// Nodes that are told by `share` what they have in common.
    pub(crate) async fn sharing(share: impl Fn(Setup) -> Setup) -> Self {
        let (idp, app) = (TestIdp::new("corp"), App::start().await);
        let metadata = idp.metadata_file();
        let node = |setup: Setup| {
            let setup = share(setup.quick_key());
            let setup = setup.idp("corp", &metadata, "allow_idp_initiated = true");
            setup.route(&app.url(), "")
        };
        let here = node(Setup::http());
        let there = node(Setup::http().node_of(&here));
        let (here, there) = tokio::join!(here.start(), there.start());
        Self { here, there, idp, _app: app }
    }

    /// Alice signs in, at this node.
    pub(crate) async fn alice(&self, node: &Gateway) -> Visitor {
        let mut visitor = Visitor::new();
        let xml = self.idp.write(&self.idp.unsolicited(&self.here.url("")));
        let answer = post(&mut visitor, node, &xml).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        visitor
    }
}

pub(crate) async fn post(visitor: &mut Visitor, node: &Gateway, xml: &str) -> Answer {
    let acs = Ask::new(Method::POST, &node.url("/saml/acs"));
    visitor.send(acs.navigating().form(&idp::fields(xml, None))).await
}

pub(crate) async fn page(visitor: &mut Visitor, node: &Gateway) -> u16 {
    visitor.get(&node.url("/x")).await.status.as_u16()
}

pub(crate) async fn sign_out(visitor: &mut Visitor, node: &Gateway) {
    let url = node.url("/.samlgate/sign_out");
    assert_eq!(visitor.send(Ask::new(Method::POST, &url)).await.status, 200);
}

/// Asks until the answer has this status.
pub(crate) async fn until(visitor: &mut Visitor, node: &Gateway, status: u16, limit: Duration) {
    let until = tokio::time::timeout(limit, async {
        while page(visitor, node).await != status {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    assert!(until.await.is_ok(), "never {status}");
}

/// The same browser twice: what the second has is not taken away when the first signs out.
pub(crate) fn copy_of(visitor: &Visitor, node: &Gateway) -> Visitor {
    let url = node.url("/");
    let mut copy = Visitor::new();
    copy.plant(&url, "samlgate", &visitor.cookie(&url, "samlgate").unwrap());
    copy
}

/// Signs in on one, by a request that the other one made; uses and ends the session on the other.
pub(crate) async fn walk_between(nodes: &Nodes) {
    let mut alice = Visitor::new();
    let start = alice.get(&nodes.here.url("/.samlgate/start?idp=corp")).await;
    let request = nodes.idp.read(&start);
    let xml = nodes.idp.write(&nodes.idp.answer(&request));
    let fields = idp::fields(&xml, Some(&request.relay_state));
    let acs = Ask::new(Method::POST, &nodes.there.url("/saml/acs"));
    let answer = alice.send(acs.navigating().form(&fields)).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    for node in [&nodes.there, &nodes.here] {
        assert_eq!(page(&mut alice, node).await, 200);
    }
    let mut stolen = copy_of(&alice, &nodes.there);
    sign_out(&mut alice, &nodes.here).await;
    assert_ne!(page(&mut stolen, &nodes.here).await, 200);
    until(&mut stolen, &nodes.there, 302, PROMISED).await;
}

#[tokio::test]
async fn people_walk_between_the_nodes() {
    let redis = Redis::start().await;
    let nodes = Nodes::over(&redis).await;
    walk_between(&nodes).await;
    assert_ne!(redis.ask(&["DBSIZE"]).trim(), "0", "it is all there");
    let sessions = "SELECT count(*) FROM session";
    for node in [&nodes.here, &nodes.there] {
        let kept: i64 =
            sqlx::query_scalar(sessions).fetch_one(&node.database().await).await.unwrap();
        assert_eq!(kept, 0);
    }
}

#[tokio::test]
async fn people_walk_between_the_nodes_over_tls_and_a_common_database() {
    let redis = Redis::start_tls().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("people.db");
    let nodes = Nodes::with(&redis, |setup| setup.database_at(&file)).await;
    walk_between(&nodes).await;
}

#[tokio::test]
async fn a_redis_that_can_not_prove_who_it_is_is_not_asked() {
    let redis = Redis::start_tls().await;
    let other = tempfile::tempdir().unwrap();
    let other = crate::support::tls::SelfSigned::for_localhost(other.path());
    let wrong = redis.shared_by(Setup::http().quick_key().route("http://127.0.0.1:9", ""));
    let wrong = wrong.replace("session", "ca = ", &format!("ca = {:?}", other.certificate));
    let gateway = wrong.start_unready().await;
    let refused = tokio::time::timeout(SOON, async {
        loop {
            let ready = gateway.admin("/readyz").await;
            assert_eq!(ready.status, 503);
            if ready.text().contains("certificate") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    assert!(refused.await.is_ok(), "{}", gateway.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_those_who_bring_one_answer_to_both_nodes_one_comes_in() {
    let redis = Redis::start().await;
    let nodes = Nodes::over(&redis).await;
    let xml = nodes.idp.write(&nodes.idp.unsolicited(&nodes.here.url("")));
    let mut racing = JoinSet::new();
    for number in 0..30 {
        let node = if number % 2 == 0 {
            &nodes.here
        } else {
            &nodes.there
        };
        let (url, xml) = (node.url("/saml/acs"), xml.clone());
        racing.spawn(async move {
            let acs = Ask::new(Method::POST, &url).navigating();
            let answer = Visitor::new().send(acs.form(&idp::fields(&xml, None))).await;
            answer.status.as_u16()
        });
    }
    let statuses = racing.join_all().await;
    assert_eq!(
        statuses.iter().filter(|status| **status == 303).count(),
        1,
        "{statuses:?}"
    );
    assert_eq!(statuses.iter().filter(|status| **status == 403).count(), 29);
    assert_eq!(redis.ask(&["ZCARD", "samlgate:seen"]).trim(), "1");
    let mut people = 0;
    let mut codes = Vec::new();
    for node in [&nodes.here, &nodes.there] {
        let count = "SELECT count(*) FROM user";
        let count: i64 = sqlx::query_scalar(count).fetch_one(&node.database().await).await.unwrap();
        people += count;
        codes.extend(node.login_attempts().await.into_iter().filter_map(|attempt| attempt.code));
    }
    assert_eq!(people, 1);
    assert_eq!(codes, ["proto.replay"; 29]);
}

#[tokio::test]
async fn while_redis_is_away_nobody_is_signed_out_and_it_heals_by_itself() {
    let mut redis = Redis::start().await;
    let nodes = Nodes::over(&redis).await;
    let mut alice = nodes.alice(&nodes.here).await;
    let mut elsewhere = copy_of(&alice, &nodes.there);
    let mut nobody = Visitor::new();
    nobody.plant(&nodes.here.url("/"), "samlgate", &"b".repeat(43));
    assert_eq!(page(&mut nobody, &nodes.here).await, 302);
    redis.kill9();
    // Known here, so it goes on; there nobody knows, and that is no reason to sign anybody out.
    assert_eq!(page(&mut alice, &nodes.here).await, 200);
    for (visitor, node) in [(&mut elsewhere, &nodes.there), (&mut nobody, &nodes.here)] {
        let answer = visitor.get(&node.url("/x")).await;
        assert_eq!(answer.status, 503);
        assert_eq!(answer.header("retry-after"), "5");
        assert_eq!(answer.header("set-cookie"), "");
    }
    assert_eq!(nodes.here.admin("/readyz").await.status, 200, "the grace");
    let xml = nodes.idp.write(&nodes.idp.unsolicited(&nodes.here.url("")));
    assert_eq!(
        post(&mut Visitor::new(), &nodes.here, &xml).await.status,
        503
    );
    redis.start_again().await;
    until(&mut elsewhere, &nodes.there, 200, SOON).await;
    until(&mut nobody, &nodes.here, 302, SOON).await;
    assert_eq!(page(&mut alice, &nodes.here).await, 200);
    nodes.alice(&nodes.there).await;
}

#[tokio::test]
async fn beyond_the_grace_memory_is_not_believed() {
    let mut redis = Redis::start().await;
    let nodes = Nodes::with(&redis, |setup| setup.set("session", "grace = \"3s\"")).await;
    let mut alice = nodes.alice(&nodes.here).await;
    assert_eq!(page(&mut alice, &nodes.here).await, 200);
    redis.kill9();
    until(&mut alice, &nodes.here, 503, SOON).await;
    redis.start_again().await;
    until(&mut alice, &nodes.here, 200, SOON).await;
}

#[tokio::test]
async fn a_session_whose_end_was_told_to_nobody_is_gone_in_time() {
    let redis = Redis::start().await;
    let nodes = Nodes::over(&redis).await;
    let mut alice = nodes.alice(&nodes.here).await;
    let mut stolen = copy_of(&alice, &nodes.there);
    assert_eq!(page(&mut stolen, &nodes.there).await, 200);
    // Nobody hears anything from now on.
    redis.ask(&["ACL", "SETUSER", "gateway", "-subscribe"]);
    redis.ask(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    assert_eq!(
        redis.ask(&["PUBSUB", "NUMSUB", "samlgate:ended:3"]).trim(),
        "samlgate:ended:3\n0"
    );
    sign_out(&mut alice, &nodes.here).await;
    until(&mut stolen, &nodes.there, 302, PROMISED).await;
}

/// Each round begins on one node and ends on the other, as a balancer may have it.
#[tokio::test]
async fn a_loop_over_two_nodes_is_noticed_and_signing_out_in_between_is_none() {
    let redis = Redis::start().await;
    let nodes = Nodes::over(&redis).await;
    let begin = async |visitor: &mut Visitor| {
        visitor.get(&nodes.here.url("/.samlgate/start?idp=corp")).await
    };
    let end = async |visitor: &mut Visitor, start: &Answer| {
        let request = nodes.idp.read(start);
        let xml = nodes.idp.write(&nodes.idp.answer(&request));
        let fields = idp::fields(&xml, Some(&request.relay_state));
        let acs = Ask::new(Method::POST, &nodes.there.url("/saml/acs"));
        let answer = visitor.send(acs.navigating().form(&fields)).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
    };
    let mut alice = Visitor::new();
    for _ in 0..5 {
        let start = begin(&mut alice).await;
        assert_eq!(start.status, 302, "{}", start.text());
        end(&mut alice, &start).await;
        sign_out(&mut alice, &nodes.there).await;
    }
    let mut bob = Visitor::new();
    for _ in 0..3 {
        let start = begin(&mut bob).await;
        assert_eq!(start.status, 302, "{}", start.text());
        end(&mut bob, &start).await;
        bob.plant(&nodes.here.url("/"), "samlgate", "lost");
    }
    let refused = begin(&mut bob).await;
    assert_eq!(refused.status, 403);
    assert_eq!(nodes.here.code_of(&refused).await, "session.loop");
}

/// What it asks for never comes; its rounds begin on one node and end on the other.
#[tokio::test]
async fn a_loop_of_somebody_signed_in_over_two_nodes_is_noticed_by_what_is_lacking() {
    let redis = Redis::start().await;
    let nodes = Nodes::with(&redis, |setup| {
        setup.add(
            "[[route]]\npath = \"/pay\"\nupstream = [\"http://127.0.0.1:9\"]\n\
             authn_context = [\"https://refeds.org/profile/mfa\"]",
        )
    })
    .await;
    let mut alice = nodes.alice(&nodes.there).await;
    let begin = nodes.here.url("/.samlgate/start?idp=corp&rd=/&for=/pay/api");
    for _ in 0..2 {
        let start = alice.get(&begin).await;
        assert_eq!(start.status, 302, "{}", start.text());
        let request = nodes.idp.read(&start);
        let fields = idp::fields(
            nodes.idp.write(&nodes.idp.answer(&request)),
            Some(&request.relay_state),
        );
        let acs = Ask::new(Method::POST, &nodes.there.url("/saml/acs"));
        let landed = alice.send(acs.navigating().form(&fields)).await;
        assert_eq!(landed.status, 303, "{}", landed.text());
    }
    let stopped = alice.get(&begin).await;
    assert_eq!(stopped.status, 403);
    assert_eq!(nodes.here.code_of(&stopped).await, "authn.context");
}
