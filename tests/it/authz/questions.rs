//! What may be asked, by whom, and how.

use http::Method;
use serde_json::json;

use super::world::Town;
use crate::support::http::{Answer, Ask};
use crate::support::names::PROFILES;

const FETCH: (&str, &str) = ("sec-fetch-mode", "cors");
const PAGE: (&str, &str) = ("accept", "text/html");

/// A question in the words of Traefik, with some of them changed.
async fn forward(town: &Town, more: &[(&str, &str)]) -> Answer {
    let host = town.host();
    let words = [
        ("x-forwarded-method", "GET"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", &host),
        ("x-forwarded-uri", "/page"),
    ];
    ask(town, "/.samlgate/authz/forward-auth", &words, more).await
}

/// In the words of nginx.
async fn nginx(town: &Town, more: &[(&str, &str)]) -> Answer {
    let url = town.gateway.url("/page");
    let words = [
        ("x-original-method", "GET"),
        ("x-original-url", url.as_str()),
    ];
    ask(town, "/.samlgate/authz/auth-request", &words, more).await
}

/// `more` takes the place of words of the same name; an empty value leaves one out.
async fn ask(town: &Town, path: &str, words: &[(&str, &str)], more: &[(&str, &str)]) -> Answer {
    let mut ask = Ask::new(Method::GET, &town.gateway.url(path));
    for (name, value) in
        words.iter().filter(|(name, _)| more.iter().all(|(other, _)| other != name))
    {
        ask = ask.header(name, value);
    }
    for (name, value) in more.iter().filter(|(_, value)| !value.is_empty()) {
        ask = ask.header(name, value);
    }
    town.gateway.visitor().send(ask).await
}

async fn is_refused(town: &Town, answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(town.gateway.code_of(answer).await, code);
    assert!(answer.headers.get("remote-user").is_none());
}

#[tokio::test]
async fn only_trusted_proxies_may_ask() {
    let town = Town::with(|setup| setup).await;
    for answer in [forward(&town, &[]).await, nginx(&town, &[]).await] {
        is_refused(&town, &answer, 403, "authz.peer").await;
    }
    let off = |setup: crate::support::gateway::Setup| {
        setup
            .set("server", "trusted_proxies = [\"127.0.0.1\"]")
            .set("server", "forward_auth = { enabled = false }")
    };
    let town = Town::with(off).await;
    is_refused(&town, &forward(&town, &[]).await, 404, "http.not_found").await;
}

#[tokio::test]
async fn a_question_says_everything_once() {
    let town = Town::found().await;
    for name in [
        "x-forwarded-method",
        "x-forwarded-proto",
        "x-forwarded-host",
        "x-forwarded-uri",
    ] {
        is_refused(
            &town,
            &forward(&town, &[(name, "")]).await,
            400,
            "authz.request",
        )
        .await;
        let twice = forward(&town, &[(name, "http"), (name, "http")]).await;
        is_refused(&town, &twice, 400, "authz.request").await;
    }
    for (name, value, code) in [
        ("x-forwarded-proto", "https", "authz.request"),
        ("x-forwarded-proto", "http, http", "authz.request"),
        ("x-forwarded-method", "GE T", "authz.request"),
        ("x-forwarded-uri", "page", "authz.request"),
        (
            "x-forwarded-uri",
            "http://evil.example/page",
            "authz.request",
        ),
        ("x-forwarded-uri", "/.samlgate/user", "authz.request"),
        ("x-forwarded-uri", "/%2Esamlgate/user", "authz.request"),
        ("x-forwarded-host", "a.example, b.example", "proxy.request"),
        ("x-forwarded-host", "a.example/b", "proxy.request"),
        ("x-forwarded-uri", "/a%2Fb", "proxy.request"),
    ] {
        let answer = forward(&town, &[(name, value)]).await;
        is_refused(&town, &answer, 400, code).await;
    }
    is_refused(
        &town,
        &nginx(&town, &[("x-original-method", "")]).await,
        400,
        "authz.request",
    )
    .await;
    // One of the two addresses is the client's.
    let both = nginx(&town, &[("x-original-uri", "/open")]).await;
    is_refused(&town, &both, 400, "authz.request").await;
    // What the client did wrong, nginx can pass on.
    let dots = town.gateway.url("/a%2Fb");
    is_refused(
        &town,
        &nginx(&town, &[("x-original-url", &dots)]).await,
        403,
        "proxy.request",
    )
    .await;
    let nowhere = town.gateway.url("/admin;v=1");
    is_refused(
        &town,
        &nginx(&town, &[("x-original-url", &nowhere)]).await,
        403,
        "proxy.host",
    )
    .await;
}

#[tokio::test]
async fn an_answer_that_lets_pass_has_every_identity_header() {
    let town = Town::found().await;
    let cookie = format!("samlgate={}", town.token().await);
    let names = || {
        PROFILES
            .iter()
            .map(|name| name.to_lowercase())
            .chain(["x-dept".to_owned(), "x-nothing".to_owned()])
    };
    let alice = forward(&town, &[("x-forwarded-uri", "/all"), ("cookie", &cookie)]).await;
    assert_eq!(alice.status, 200);
    for name in names() {
        assert_eq!(alice.headers.get_all(&name).iter().count(), 1, "{name}");
    }
    assert_eq!(alice.header("remote-user"), "alice@example.com");
    assert_eq!(alice.header("x-dept"), "IT");
    assert_eq!(alice.header("x-nothing"), "");
    assert_eq!(
        alice.header("x-samlgate-jwt-assertion").split('.').count(),
        3
    );
    assert!(alice.headers.get("set-cookie").is_none());
    // Nobody, on a public page: all of them, and all empty.
    let nobody = forward(
        &town,
        &[("x-forwarded-uri", "/open"), ("remote-user", "mallory")],
    )
    .await;
    assert_eq!(nobody.status, 200);
    for name in [
        "remote-user",
        "remote-email",
        "remote-name",
        "remote-groups",
    ] {
        assert_eq!(
            nobody.headers.get(name).map(|value| value.as_bytes()),
            Some(&b""[..]),
            "{name}"
        );
    }
}

#[tokio::test]
async fn nginx_is_told_in_headers_where_to_sign_in() {
    let town = Town::found().await;
    let sign_in = |rd: &str| town.gateway.url(&format!("/.samlgate/sign_in?rd={rd}"));
    let page = nginx(&town, &[PAGE]).await;
    assert_eq!(
        (page.status.as_u16(), page.header("location")),
        (401, &*sign_in("/page"))
    );
    assert_eq!(page.header("x-samlgate-redirect"), sign_in("/page"));
    assert_eq!(page.json()["error"], "unauthenticated");
    let list = town.gateway.url("/list");
    let fetch = nginx(&town, &[FETCH, ("referer", &list)]).await;
    assert_eq!(
        (fetch.status.as_u16(), fetch.header("location")),
        (401, &*sign_in("/list"))
    );
    assert!(fetch.headers.get("x-samlgate-redirect").is_none());
    // The other words for the same.
    let host = town.host();
    let uri = [
        ("x-original-url", ""),
        ("x-original-uri", "/page?a=1"),
        ("x-forwarded-host", &host),
        ("x-forwarded-proto", "http"),
        PAGE,
    ];
    assert_eq!(
        nginx(&town, &uri).await.header("location"),
        sign_in("/page%3Fa%3D1")
    );
}

#[tokio::test]
async fn only_may_pass_is_a_success_even_in_grpc() {
    let town = Town::found().await;
    let cookie = format!("samlgate={}", town.token().await);
    let grpc = ("content-type", "application/grpc");
    for answer in [forward(&town, &[grpc]).await, nginx(&town, &[grpc]).await] {
        assert_eq!(answer.status, 401);
        assert!(answer.headers.get("grpc-status").is_none());
    }
    let admin = [grpc, ("x-forwarded-uri", "/admin"), ("cookie", &cookie)];
    assert_eq!(forward(&town, &admin).await.status, 403);
}

#[tokio::test]
async fn envoy_asks_with_the_request_itself() {
    let town = Town::found().await;
    let cookie = format!("samlgate={}", town.token().await);
    let envoy = async |method: Method, path: &str, more: &[(&str, &str)]| {
        let url = town.gateway.url(&format!("/.samlgate/authz/ext-authz{path}"));
        let mut ask = Ask::new(method, &url).header("x-forwarded-proto", "http");
        for (name, value) in more {
            ask = ask.header(name, value);
        }
        town.gateway.visitor().send(ask).await
    };
    let alice = ("cookie", cookie.as_str());
    let page = envoy(Method::GET, "/page?a=1", &[alice]).await;
    assert_eq!(
        (page.status.as_u16(), page.header("remote-user")),
        (200, "alice@example.com")
    );
    assert_eq!(envoy(Method::GET, "", &[alice]).await.status, 200);
    assert_eq!(envoy(Method::POST, "/read", &[alice]).await.status, 403);
    assert_eq!(envoy(Method::GET, "/admin", &[alice]).await.status, 403);
    let sign_in = envoy(Method::GET, "/page?a=1", &[PAGE]).await;
    let wanted = town.gateway.url("/.samlgate/sign_in?rd=/page%3Fa%3D1");
    assert_eq!(
        (sign_in.status.as_u16(), sign_in.header("location")),
        (302, &*wanted)
    );
    assert_eq!(envoy(Method::GET, "/page", &[FETCH]).await.status, 401);
    let open = envoy(Method::GET, "/open", &[]).await;
    assert_eq!(
        (open.status.as_u16(), open.header("remote-user")),
        (200, "")
    );
    let other_host = envoy(Method::GET, "/page", &[PAGE, ("host", "wiki.localhost")]).await;
    assert!(other_host.header("location").starts_with("http://wiki.localhost:"));
}

#[tokio::test]
async fn a_session_of_another_host_counts_there_alone() {
    let town = Town::found().await;
    let cookie = format!("samlgate={}", town.token().await);
    let wiki = forward(
        &town,
        &[
            ("x-forwarded-host", "wiki.localhost"),
            ("cookie", &cookie),
            FETCH,
        ],
    )
    .await;
    assert_eq!(wiki.status, 401);
    let login_url = wiki.json()["login_url"].clone();
    let port = town.host().replace("127.0.0.1", "");
    assert_eq!(
        login_url,
        json!(format!(
            "http://wiki.localhost{port}/.samlgate/sign_in?rd=/"
        ))
    );
}

#[tokio::test]
async fn a_page_of_an_origin_that_the_route_names_may_read_the_refusal() {
    let origin = "https://spa.example.com";
    let town = Town::with(|setup| {
        let route = "[[route]]\npath = \"/spa\"\nupstream = [\"http://127.0.0.1:9\"]\n";
        setup
            .set("server", "trusted_proxies = [\"127.0.0.1\"]")
            .add(&format!("{route}cors_origins = [{origin:?}]"))
    })
    .await;
    for (path, from, allowed) in [
        ("/spa/api", origin, origin),
        ("/spa/api", "https://evil.example", ""),
        ("/page", origin, ""),
    ] {
        let words = [("x-forwarded-uri", path), ("origin", from), FETCH];
        let answer = forward(&town, &words).await;
        assert_eq!(answer.status, 401);
        assert_eq!(answer.header("access-control-allow-origin"), allowed);
    }
}
