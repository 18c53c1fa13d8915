//! `/oauth2/…`, for those who come from oauth2-proxy.

use http::Method;

use super::world::Town;
use crate::support::http::{Answer, Ask};

async fn town() -> Town {
    Town::with(|setup| {
        setup
            .set("server", "trusted_proxies = [\"127.0.0.1\"]")
            .set("server", "forward_auth = { oauth2_proxy_paths = true }")
    })
    .await
}

async fn ask(town: &Town, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut ask = Ask::new(Method::GET, &town.gateway.url(path));
    for (name, value) in headers {
        ask = ask.header(name, value);
    }
    town.gateway.visitor().send(ask).await
}

#[tokio::test]
async fn auth_is_202_with_the_headers_of_x_auth_request() {
    let town = town().await;
    let cookie = format!("samlgate={}", town.token().await);
    let alice = ("cookie", cookie.as_str());
    let answer = ask(&town, "/oauth2/auth", &[alice]).await;
    assert_eq!(answer.status, 202);
    assert_eq!(answer.header("x-auth-request-user"), "alice@example.com");
    assert_eq!(answer.header("x-auth-request-groups"), "IT Managers,Staff");
    assert_eq!(answer.header("remote-user"), "alice@example.com");
    for (query, status) in [
        ("allowed_groups=Staff", 202),
        ("allowed_groups=Board,Staff", 202),
        ("allowed_groups=Board", 403),
        ("allowed_groups=", 403),
        ("allowed_emails=alice@example.com", 202),
        ("allowed_emails=bob@example.com", 403),
        ("allowed_groups=Staff&allowed_emails=bob@example.com", 403),
    ] {
        let answer = ask(&town, &format!("/oauth2/auth?{query}"), &[alice]).await;
        assert_eq!(answer.status, status, "{query}");
    }
}

#[tokio::test]
async fn nobody_is_401_whatever_path_a_client_claims() {
    let town = town().await;
    for name in [
        "x-forwarded-uri",
        "x-original-uri",
        "x-original-url",
        "x-auth-request-redirect",
    ] {
        let answer = ask(
            &town,
            "/oauth2/auth",
            &[(name, "/open"), ("accept", "text/html")],
        )
        .await;
        assert_eq!(answer.status, 401, "{name}");
        assert!(
            answer.header("location").contains("/.samlgate/sign_in?rd="),
            "{name}"
        );
    }
    assert_eq!(ask(&town, "/oauth2/userinfo", &[]).await.status, 401);
}

#[tokio::test]
async fn the_other_addresses_lead_to_ours() {
    let town = town().await;
    let cookie = format!("samlgate={}", town.token().await);
    let info = ask(&town, "/oauth2/userinfo", &[("cookie", &cookie)]).await.json();
    assert_eq!(
        (&info["user"], &info["email"]),
        (&"alice@example.com".into(), &"alice@example.com".into())
    );
    for (path, to) in [
        ("/oauth2/sign_in?rd=/page", "/.samlgate/sign_in?rd=/page"),
        ("/oauth2/start?rd=/page", "/.samlgate/sign_in?rd=/page"),
        (
            "/oauth2/sign_out?rd=https://evil.example/",
            "/.samlgate/sign_out?rd=https%3A//evil.example/",
        ),
    ] {
        let answer = ask(&town, path, &[]).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("location")),
            (302, to)
        );
    }
}

#[tokio::test]
async fn without_the_option_they_are_the_applications() {
    let town = Town::found().await;
    let cookie = format!("samlgate={}", town.token().await);
    let answer = ask(&town, "/oauth2/auth", &[("cookie", &cookie)]).await;
    assert_eq!(answer.json()["path"], "/oauth2/auth");
}
