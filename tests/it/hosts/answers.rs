//! The table of answers to whoever has no session, or not enough of one.

use http::Method;

use super::world::Town;
use crate::support::app::received;
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

/// The rows of the contract, in their order: the first that fits decides, whatever else is said.
#[tokio::test]
async fn the_first_row_that_fits_decides() {
    let more = "[[route]]\npath = \"/public\"\nupstream = [\"APP\"]\npublic = true\nheaders = [\"remote\"]\n\
        [[route]]\npath = \"/cors\"\nupstream = [\"APP\"]\nallow_preflight = true\nheaders = [\"remote\"]\n\
        [[route]]\npath = \"/strict\"\nupstream = [\"APP\"]\nform_post = \"refuse\"\n";
    let town = Town::with(more).await;
    let ask = |method: &str, path: &str| Ask::new(method.parse().unwrap(), &town.url(path));
    let preflight = |ask: Ask| {
        ask.header("origin", "https://spa.example.com")
            .header("access-control-request-method", "PUT")
            .header("sec-fetch-mode", "cors")
    };
    let bearer = |ask: Ask| ask.header("authorization", "Bearer x");
    let form = |ask: Ask| {
        ask.navigating()
            .header("sec-fetch-site", "same-origin")
            .form(&[("a".to_owned(), "b".to_owned())])
    };

    // 1, 2: forwarded, and nobody is there.
    for ask in [
        bearer(ask("GET", "/public")),
        form(ask("POST", "/public")),
        preflight(ask("OPTIONS", "/public")),
        ask("DELETE", "/public").header("x-requested-with", "XMLHttpRequest"),
        preflight(ask("OPTIONS", "/cors")),
        bearer(preflight(ask("OPTIONS", "/cors"))),
    ] {
        let answer = asked(&town, ask.header("remote-user", "mallory")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(received(&answer.json(), "remote-user"), [""]);
    }
    // 3: a challenge.
    for ask in [
        bearer(ask("GET", "/")).header("upgrade", "websocket"),
        bearer(ask("GET", "/")).navigating(),
        bearer(form(ask("POST", "/"))),
        bearer(ask("OPTIONS", "/cors")),
        bearer(preflight(ask("OPTIONS", "/"))),
    ] {
        let answer = asked(&town, ask).await;
        assert_eq!(answer.status, 401);
        assert!(answer.header("www-authenticate").starts_with("Bearer "));
        assert_eq!(answer.json()["error"], "unauthenticated");
    }
    // 4: JSON, for each sign of a program.
    let mut programs = vec![
        ask("GET", "/").navigating().header("upgrade", "websocket"),
        ask("POST", "/").header("x-requested-with", "XMLHttpRequest"),
        preflight(ask("OPTIONS", "/")),
        form(ask("POST", "/")).header("x-requested-with", "xmlhttprequest"),
    ];
    for mode in ["cors", "no-cors", "same-origin", "websocket"] {
        programs.push(ask("GET", "/").header("sec-fetch-mode", mode));
    }
    for accept in [
        "*/*",
        "application/json",
        "image/png, */*;q=0.5",
        "text/html;q=0.5, text/plain",
    ] {
        programs.push(ask("GET", "/").header("accept", accept));
        programs.push(ask("PUT", "/").header("accept", accept));
    }
    for ask in programs {
        let answer = asked(&town, ask).await;
        assert_eq!(answer.status, 401);
        assert!(answer.headers.get("location").is_none());
        let json = answer.json();
        assert_eq!(json["error"], "unauthenticated");
        assert_eq!(json["request_id"], answer.header("x-request-id"));
        assert!(json["login_url"].as_str().unwrap().contains("/.samlgate/sign_in"));
    }
    // 5: to sign in. No opinion is a person's.
    for ask in [
        ask("GET", "/x").navigating(),
        ask("HEAD", "/x").navigating(),
        ask("GET", "/x"),
        ask("GET", "/strict").navigating(),
    ] {
        let answer = asked(&town, ask).await;
        assert_eq!(answer.status, 302);
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    // 6: kept, or not.
    for (path, kept) in [("/x", true), ("/strict", false)] {
        let answer = asked(&town, form(ask("POST", path))).await;
        assert_eq!(answer.status, 401);
        assert_eq!(answer.headers.contains_key("refresh"), kept, "{path}");
        assert!(answer.header("content-type").starts_with("text/html"));
        assert!(answer.headers.get("location").is_none());
    }
    for method in ["PUT", "PATCH", "DELETE", "OPTIONS"] {
        let answer = asked(&town, ask(method, "/x").navigating()).await;
        assert_eq!(answer.status, 401, "{method}");
        assert!(answer.headers.get("location").is_none());
    }
}

#[tokio::test]
async fn a_page_of_an_origin_that_the_route_names_may_read_our_answers_and_no_other() {
    let more = "[[route]]\npath = \"/api\"\nupstream = [\"APP\"]\nallow_preflight = true\n\
        cors_origins = [\"https://spa.example.com\"]\n\
        [[route]]\npath = \"/api/board\"\nupstream = [\"APP\"]\nrequire = { roles = [\"board\"] }\n\
        cors_origins = [\"https://spa.example.com\"]\n\
        [[role]]\nname = \"board\"\ngroups = [\"Board\"]\n";
    let town = Town::with(more).await;
    let mut alice = town.alice().await;
    let fetch = |path: &str, origin: &str| {
        Ask::new(Method::GET, &town.url(path))
            .header("sec-fetch-mode", "cors")
            .header("origin", origin)
    };
    let ours = "https://spa.example.com";
    let nobody = asked(&town, fetch("/api", ours)).await;
    let forbidden = alice.send(fetch("/api/board", ours)).await;
    for (answer, status) in [(nobody, 401), (forbidden, 403)] {
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("access-control-allow-origin"), ours);
        assert_eq!(answer.header("access-control-allow-credentials"), "true");
        assert!(answer.header("access-control-expose-headers").contains("x-request-id"));
        assert_eq!(answer.header("vary"), "Origin");
        assert!(!answer.json()["request_id"].as_str().unwrap().is_empty());
    }
    for (path, origin) in [
        ("/api", "https://evil.example"),
        ("/api", "null"),
        ("/api", "https://spa.example.com.evil.example"),
        ("/api", "http://spa.example.com"),
        ("/other", ours),
    ] {
        let answer = asked(&town, fetch(path, origin)).await;
        assert_eq!(answer.status, 401);
        assert!(
            answer.headers.get("access-control-allow-origin").is_none(),
            "{origin}"
        );
        assert!(
            answer.headers.get("access-control-allow-credentials").is_none(),
            "{origin}"
        );
        assert_eq!(
            answer.header("vary"),
            if path == "/api" { "Origin" } else { "" }
        );
    }
    // What the application says is its own to allow.
    let answer = alice.send(fetch("/api", ours)).await;
    assert_eq!(answer.status, 200);
    assert!(answer.headers.get("access-control-allow-origin").is_none());
}
