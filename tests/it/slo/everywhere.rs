//! Where the sessions of one login are: hosts, nodes, streams.

use std::time::Duration;

use http::Method;
use samlgate::dsig::{Place, sign_enveloped};
use samlgate::saml::binding::soap;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Asking, Stage, fresh_id, name_id, now};
use crate::hosts::world::Town;
use crate::nodes::{Nodes, PROMISED, SOON, page, until};
use crate::support::gateway::{Gateway, Setup};
use crate::support::http::{Answer, Ask, Visitor};
use crate::support::idp::TestIdp;
use crate::support::redis::Redis;

/// By SOAP: alice is signed out everywhere. `shown` is what identity providers know of the gateway.
async fn sign_alice_out(idp: &TestIdp, gateway: &Gateway, shown: &str) -> Answer {
    let asking = Asking {
        id: fresh_id(),
        issuer: idp.entity_id.clone(),
        destination: Some(format!("{shown}/saml/slo/soap")),
        name_id: name_id("alice@example.com"),
        indexes: Vec::new(),
        issued: now(),
        not_on_or_after: now().plus(Duration::from_secs(60)),
        relay_state: None,
    };
    let key = idp.key.signing();
    let xml = asking.xml("", &key);
    let xml = sign_enveloped(&xml, &asking.id, &key, Place::AfterIssuer).unwrap();
    let ask = Ask::new(Method::POST, &gateway.url("/saml/slo/soap"))
        .header("content-type", soap::CONTENT_TYPE)
        .body(soap::envelope(&xml));
    let answer = Visitor::new().send(ask).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(
        answer.text().contains("status:Success\""),
        "{}",
        answer.text()
    );
    answer
}

#[tokio::test]
async fn all_hosts_of_a_login_are_left() {
    let town = Town::found().await;
    let mut alice = town.gateway.visitor();
    assert_eq!(town.open(&mut alice, &town.wiki("/")).await.status, 200);
    sign_alice_out(&town.idp, &town.gateway, &town.gateway.url("")).await;
    for user in [town.url("/.samlgate/user"), town.wiki("/.samlgate/user")] {
        assert_eq!(alice.get(&user).await.status, 401, "{user}");
    }
}

#[tokio::test]
async fn from_another_host_one_signs_out_by_the_identity_provider_and_comes_back_there() {
    let town = Town::around(TestIdp::new("corp").with_logout(super::ALL), "").await;
    let mut alice = town.gateway.visitor();
    assert_eq!(town.open(&mut alice, &town.wiki("/")).await.status, 200);
    let ask = Ask::new(Method::POST, &town.wiki("/.samlgate/sign_out?rd=/goodbye"));
    let left = alice.send(ask.navigating()).await;
    let target = left.target();
    assert!(target.as_str().starts_with(&town.idp.slo()), "{target}");
    let asked = samlgate::saml::logout::ReceivedLogout::of_query(target.query().unwrap()).unwrap();
    let slo = town.url("/saml/slo");
    let response = samlgate::saml::logout::LogoutResponse {
        id: &fresh_id(),
        issue_instant: now(),
        destination: &slo,
        issuer: &town.idp.entity_id,
        in_response_to: &asked.request_id().unwrap(),
        answer: samlgate::saml::logout::LogoutAnswer::Done,
    };
    let back = response.redirect_url(None, &town.idp.key.signing()).unwrap();
    let answer = alice.get(&back).await;
    assert_eq!(
        answer.header("location"),
        town.wiki("/goodbye"),
        "{}",
        answer.text()
    );
    // The logout address is at the auth host alone.
    let elsewhere = alice.get(&town.wiki("/saml/slo")).await;
    assert_eq!(town.gateway.code_of(&elsewhere).await, "http.not_found");
}

#[tokio::test]
async fn all_nodes_hear_of_it() {
    let redis = Redis::start().await;
    let nodes = Nodes::sharing(|setup: Setup| redis.shared_by(setup)).await;
    let mut alice = nodes.alice(&nodes.here).await;
    for node in [&nodes.here, &nodes.there] {
        assert_eq!(page(&mut alice, node).await, 200);
    }
    let shown = nodes.here.url("");
    sign_alice_out(&nodes.idp, &nodes.there, &shown).await;
    for node in [&nodes.there, &nodes.here] {
        until(&mut alice, node, 302, PROMISED).await;
    }
}

#[tokio::test]
async fn what_is_still_streaming_breaks_off() {
    let town = Town::found().await;
    let alice = town.alice().await;
    let token = alice.cookie(&town.url("/"), "samlgate").unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", town.gateway.port())).await.unwrap();
    let head = format!(
        "POST /stream HTTP/1.1\r\nhost: 127.0.0.1:{}\r\ncookie: samlgate={token}\r\n\
         transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
        town.gateway.port()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    while !String::from_utf8_lossy(&heard).contains("hello") {
        assert_ne!(stream.read_buf(&mut heard).await.unwrap(), 0);
    }
    sign_alice_out(&town.idp, &town.gateway, &town.gateway.url("")).await;
    let end = tokio::time::timeout(SOON, stream.read_to_end(&mut heard)).await;
    assert!(end.is_ok(), "it goes on");
    assert!(
        !String::from_utf8_lossy(&heard).ends_with("0\r\n\r\n"),
        "it ended well"
    );
}

/// What is kept of a request of ours outlives a restart.
#[tokio::test]
async fn a_restart_in_between_forgets_nothing() {
    let mut stage = Stage::set().await;
    let mut alice = stage.alice().await;
    let asking = stage.asking();
    stage.ask(&asking, super::By::Soap).await;
    stage.gateway.kill9();
    stage.gateway.start_again().await;
    assert!(!stage.is_signed_in(&mut alice).await);
    // Nor that the request was used.
    stage.ask(&asking, super::By::Soap).await;
    assert_eq!(stage.audited("logout.refused").await[0], "proto.replay");
}
