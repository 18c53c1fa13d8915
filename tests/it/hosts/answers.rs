//! The table of answers to whoever has no session, or not enough of one.

use http::Method;

use super::world::Town;
use crate::support::http::{Answer, Ask};

async fn asked(town: &Town, ask: Ask) -> Answer {
    town.gateway.visitor().send(ask).await
}

#[tokio::test]
async fn a_navigation_is_redirected_and_no_cache_keeps_that() {
    let town = Town::found().await;
    for (url, sign_in) in [
        (
            town.url("/a?b=c"),
            town.url("/.samlgate/sign_in?rd=/a%3Fb%3Dc"),
        ),
        (
            town.wiki("/a?b=c"),
            town.wiki("/.samlgate/sign_in?rd=/a%3Fb%3Dc"),
        ),
        // Whatever else leads here is the auth host.
        (
            town.on("other.localhost", "/a"),
            town.url("/.samlgate/sign_in?rd=/a"),
        ),
    ] {
        for method in [Method::GET, Method::HEAD] {
            let answer = asked(&town, Ask::new(method, &url).navigating()).await;
            assert_eq!(
                (answer.status.as_u16(), answer.header("location")),
                (302, &*sign_in)
            );
            assert_eq!(answer.header("cache-control"), "no-store");
        }
    }
}

#[tokio::test]
async fn a_program_is_told_where_a_person_would_sign_in_and_come_back_to_the_page_that_asked() {
    let town = Town::found().await;
    let fetch = |url: String| Ask::new(Method::GET, &url).header("sec-fetch-mode", "cors");
    let login = |at: String, rd: &str| format!("{at}/.samlgate/sign_in?rd={rd}");
    for (ask, login_url) in [
        (fetch(town.url("/api")), login(town.url(""), "/")),
        (
            fetch(town.url("/api")).header("referer", &town.url("/list?p=2")),
            login(town.url(""), "/list%3Fp%3D2"),
        ),
        (
            fetch(town.wiki("/api")).header("referer", &town.wiki("/list")),
            login(town.wiki(""), "/list"),
        ),
        // Other sites' pages, and our own, are nowhere to come back to.
        (
            fetch(town.wiki("/api")).header("referer", &town.url("/list")),
            login(town.wiki(""), "/"),
        ),
        (
            fetch(town.url("/api")).header("referer", "https://evil.example/list"),
            login(town.url(""), "/"),
        ),
        (
            fetch(town.url("/api")).header("referer", &town.url("/.samlgate/sign_out")),
            login(town.url(""), "/"),
        ),
    ] {
        let answer = asked(&town, ask).await;
        assert_eq!(answer.status, 401);
        let json = answer.json();
        assert_eq!(json["error"], "unauthenticated");
        assert_eq!(json["login_url"], login_url);
        assert_eq!(json["request_id"], answer.header("x-request-id"));
        assert!(answer.headers.get("www-authenticate").is_none());
    }
}

#[tokio::test]
async fn a_bad_bearer_is_challenged_whatever_else_is_asked() {
    let town = Town::found().await;
    let bearer = || Ask::new(Method::GET, &town.url("/")).header("authorization", "Bearer x");
    for ask in [
        bearer(),
        bearer().navigating(),
        bearer().header("content-type", "application/grpc"),
    ] {
        let answer = asked(&town, ask).await;
        assert_eq!(answer.status, 401);
        assert_eq!(
            answer.header("www-authenticate"),
            "Bearer error=\"invalid_token\""
        );
        assert_eq!(answer.json()["error"], "unauthenticated");
    }
}

#[tokio::test]
async fn a_grpc_call_is_answered_in_grpc() {
    let more = "[[route]]\npath = \"/board\"\nupstream = [\"APP\"]\nrequire = { roles = [\"board\"] }\n\
        [[role]]\nname = \"board\"\ngroups = [\"Board\"]\n";
    let town = Town::with(more).await;
    let call = |path: &str, kind: &str| {
        Ask::new(Method::POST, &town.url(path))
            .header("content-type", kind)
            .header("te", "trailers")
    };
    for kind in ["application/grpc", "application/grpc-web+proto"] {
        let answer = asked(&town, call("/pkg.Service/Get", kind)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("grpc-status")),
            (200, "16")
        );
        assert_eq!(answer.header("content-type"), kind);
        assert_eq!(answer.header("grpc-message"), "You are not signed in.");
        assert!(answer.body.is_empty());
    }
    let mut alice = town.alice().await;
    let answer = alice.send(call("/board/Get", "application/grpc")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("grpc-status")),
        (200, "7")
    );
    assert!(answer.headers.get("location").is_none());
}

#[tokio::test]
async fn a_refusal_never_redirects() {
    let more = "[[route]]\npath = \"/board\"\nupstream = [\"APP\"]\nrequire = { roles = [\"board\"] }\n\
        [[role]]\nname = \"board\"\ngroups = [\"Board\"]\n";
    let town = Town::with(more).await;
    let mut alice = town.alice().await;
    let ask = || Ask::new(Method::GET, &town.url("/board"));
    for ask in [
        ask().navigating(),
        ask(),
        ask().header("upgrade", "websocket"),
    ] {
        let answer = alice.send(ask).await;
        assert_eq!(answer.status, 403);
        assert!(answer.headers.get("location").is_none());
        assert_eq!(town.gateway.code_of(&answer).await, "access.role");
    }
}
