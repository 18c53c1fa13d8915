//! What a client says about identity never arrives.

use crate::support::names::PROFILES;

use super::world::OK;
use super::world::Set;
use super::world::application;
use super::world::raw;
use super::world::tcp;
use axum::body::Body;
use http::Response;
use http_body_util::BodyExt as _;
use samlgate::access::Underscores;
use samlgate::tasks::Supervisor;

fn every_spelling() -> String {
    let mut lines = String::new();
    for name in PROFILES.iter().chain(&["X-Badge-Number"]) {
        for spelling in [
            (*name).to_owned(),
            name.to_lowercase(),
            name.to_uppercase(),
            name.replace('-', "_"),
            name.replace('-', "_").to_uppercase(),
            name.replace('-', "."),
        ] {
            lines.push_str(&format!("{spelling}: mallory\r\n"));
        }
    }
    lines
}

#[tokio::test]
async fn no_forged_header_arrives_and_ours_arrive_once() {
    let tasks = Supervisor::new();
    let (app, mut heads) = raw(&tasks, OK).await;
    let set = Set {
        underscores: Underscores::Drop,
        ..Set::before(vec![tcp(app)])
    };
    let world = set.start().await;
    // Hyper takes a hundred headers at most; they go in portions.
    for lines in every_spelling().split_inclusive("\r\n").collect::<Vec<_>>().chunks(60) {
        let head = format!(
            "GET / HTTP/1.1\r\nHost: app.example.com\r\nX-Kept: yes\r\n{}Connection: close\r\n\r\n",
            lines.concat()
        );
        assert!(world.exchange(head.as_bytes()).await.starts_with("HTTP/1.1 200"));
        let arrived = heads.recv().await.unwrap();
        assert!(!arrived.contains("mallory"), "{arrived}");
        let names = arrived.lines().filter_map(|line| line.split_once(": "));
        assert!(
            names.clone().all(|(name, _)| !name.contains('_')),
            "{arrived}"
        );
        assert!(arrived.contains("x-kept: yes\r\n"));
        for name in PROFILES.iter().chain(&["X-Badge-Number"]) {
            let name = format!("\r\n{}:", name.to_lowercase());
            assert_eq!(arrived.matches(&name).count(), 1, "{name} in {arrived}");
        }
        assert!(arrived.contains("\r\nremote-user: alice\r\n"));
        assert!(arrived.contains("\r\nremote-groups: Staff\r\n"));
        assert!(arrived.contains("\r\nx-badge-number: 4711\r\n"));
        assert!(arrived.contains("\r\nx-samlgate-jwt-assertion: ey"));
    }
}

#[tokio::test]
async fn a_public_route_gets_every_header_empty() {
    let tasks = Supervisor::new();
    let (app, mut heads) = raw(&tasks, OK).await;
    let set = Set { signed_in: false, ..Set::before(vec![tcp(app)]) };
    let world = set.start().await;
    let head = "GET / HTTP/1.1\r\nHost: a\r\nRemote-User: mallory\r\nConnection: close\r\n\r\n";
    world.exchange(head.as_bytes()).await;
    let arrived = heads.recv().await.unwrap();
    assert!(arrived.contains("\r\nremote-user: \r\n"), "{arrived}");
    assert!(
        !arrived.contains("mallory") && !arrived.contains("alice"),
        "{arrived}"
    );
}

#[tokio::test]
async fn a_profile_that_is_off_is_stripped_too() {
    let tasks = Supervisor::new();
    let (app, mut heads) = raw(&tasks, OK).await;
    let mut set = Set::before(vec![tcp(app)]);
    set.route.headers.clear();
    set.underscores = Underscores::Drop;
    let world = set.start().await;
    let head = "GET / HTTP/1.1\r\nHost: a\r\nX-Auth-Request-User: mallory\r\nRemote_User: mallory\r\nConnection: close\r\n\r\n";
    world.exchange(head.as_bytes()).await;
    let arrived = heads.recv().await.unwrap();
    assert!(!arrived.contains("mallory"), "{arrived}");
}

#[tokio::test]
async fn a_nomination_does_not_take_our_headers_away() {
    let tasks = Supervisor::new();
    let (app, mut heads) = raw(&tasks, OK).await;
    let world = Set::before(vec![tcp(app)]).start().await;
    for nominated in [
        "Remote-User",
        "remote_user",
        "Host",
        "X-Forwarded-For",
        "Cookie",
        "EPPN",
    ] {
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close, {nominated}\r\n\r\n");
        let answer = world.exchange(head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{nominated}: {answer}");
        assert!(answer.ends_with("proxy.request"), "{nominated}: {answer}");
    }
    let head = "GET / HTTP/1.1\r\nHost: a\r\nX-Hop: 1\r\nConnection: close, X-Hop\r\n\r\n";
    assert!(world.exchange(head.as_bytes()).await.starts_with("HTTP/1.1 200"));
    assert!(!heads.recv().await.unwrap().contains("x-hop"));
}

#[tokio::test]
async fn trailers_are_no_way_in() {
    let tasks = Supervisor::new();
    let app = application(&tasks, async |request| {
        let body = request.into_body().collect().await.unwrap();
        Response::new(Body::from(format!("{:?}", body.trailers())))
    })
    .await;
    let world = Set::before(vec![tcp(app)]).start().await;
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTrailer: Remote-User, X-Sum\r\n\
        Transfer-Encoding: chunked\r\nConnection: close, TE\r\n\r\n\
        2\r\nhi\r\n0\r\nRemote-User: mallory\r\nX-Sum: 1\r\n\r\n";
    let answer = world.exchange(head.as_bytes()).await;
    assert!(answer.ends_with("Some({\"x-sum\": \"1\"})"), "{answer}");
}

#[tokio::test]
async fn our_cookie_and_a_stranger_s_forwarding_stay_outside() {
    let tasks = Supervisor::new();
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nset-cookie: __Host-samlgate=x\r\n\
        set-cookie: theme=dark\r\nkeep-alive: timeout=5\r\n\r\n";
    let (app, mut heads) = raw(&tasks, answer).await;
    let world = Set::before(vec![tcp(app)]).start().await;
    let head = "GET /a%20b?c=d HTTP/1.1\r\nHost: App.example.com:8443\r\nConnection: close\r\n\
        Cookie: a=1; __Host-samlgate=token; b=2\r\nX-Forwarded-For: 1.2.3.4\r\n\
        X-Forwarded-Proto: gopher\r\nForwarded: for=1.2.3.4\r\nX-Request-Id: mine\r\n\r\n";
    let answer = world.exchange(head.as_bytes()).await;
    assert!(answer.contains("set-cookie: theme=dark\r\n"), "{answer}");
    assert!(
        !answer.contains("__Host-samlgate") && !answer.contains("keep-alive"),
        "{answer}"
    );
    let arrived = heads.recv().await.unwrap();
    assert!(
        arrived.starts_with("GET /a%20b?c=d HTTP/1.1\r\n"),
        "{arrived}"
    );
    for line in [
        "host: App.example.com:8443",
        "cookie: a=1; b=2",
        "x-forwarded-for: 127.0.0.1",
        "x-forwarded-proto: https",
        "x-forwarded-port: 443",
        "x-forwarded-host: App.example.com:8443",
    ] {
        assert!(
            arrived.contains(&format!("\r\n{line}\r\n")),
            "{line} in {arrived}"
        );
    }
    assert_eq!(arrived.matches("\r\nhost:").count(), 1);
    assert!(
        !arrived.contains("1.2.3.4") && !arrived.contains("mine"),
        "{arrived}"
    );
    let id = arrived
        .split("\r\nx-request-id: ")
        .nth(1)
        .unwrap()
        .split("\r\n")
        .next()
        .unwrap();
    assert!(answer.contains(&format!("x-request-id: {id}\r\n")));
}
