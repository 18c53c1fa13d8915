//! Programs, and other proxies: they are told what would be enough.

use http::Method;

use super::{KEY, MFA, World, by, fetch};
use crate::support::http::Ask;

#[tokio::test]
async fn a_program_is_told_what_would_be_enough_and_where() {
    let world = World::new().await;
    let mut alice = world.alice_with(by("urn:example:none", 3600)).await;
    let page = world.url("/reports");
    let answer = alice.send(fetch(&world.url("/pay/api")).header("referer", &page)).await;
    assert_eq!(answer.status, 401);
    assert_eq!(
        answer.header("www-authenticate"),
        format!(
            "Bearer error=\"insufficient_user_authentication\", \
             error_description=\"The route asks for another or a more recent sign-in\", \
             acr_values=\"{MFA} {KEY}\""
        )
    );
    let json = answer.json();
    assert_eq!(json["error"], "insufficient_user_authentication");
    // She comes back to the page that asked, with what the other address needs.
    let start = alice.get(json["login_url"].as_str().unwrap()).await;
    let request = world.corp.read(&start);
    assert!(request.xml.contains(MFA), "{}", request.xml);
    let landed = world.answer_request(&mut alice, &request, by(MFA, 1)).await;
    assert_eq!(landed.target().as_str(), page);
    assert_eq!(alice.send(fetch(&world.url("/pay/api"))).await.status, 200);

    let mut alice = world.alice_with(by(MFA, 3600)).await;
    let answer = alice.send(fetch(&world.url("/age"))).await;
    assert_eq!(answer.status, 401);
    assert!(answer.header("www-authenticate").ends_with(", max_age=\"900\""));
    let socket = Ask::new(Method::GET, &world.url("/age"))
        .header("connection", "upgrade")
        .header("upgrade", "websocket");
    assert_eq!(alice.send(socket).await.status, 401);
    let call = Ask::new(Method::POST, &world.url("/age"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    let answer = alice.send(call).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("grpc-status")),
        (200, "16")
    );
}

#[tokio::test]
async fn other_proxies_are_told_the_same() {
    let trust = "trusted_proxies = [\"127.0.0.1\"]";
    let world = World::with(|setup| setup.set("server", trust), "").await;
    let mut alice = world.alice().await;
    let host = world.url("").replace("http://", "");
    let ask = |mode: &str, page: bool| {
        let ask = Ask::new(Method::GET, &world.url(&format!("/.samlgate/authz/{mode}")))
            .header("x-forwarded-method", "GET")
            .header("x-forwarded-proto", "http")
            .header("x-forwarded-host", &host)
            .header("x-forwarded-uri", "/pay?a=1")
            .header("x-original-method", "GET")
            .header("x-original-url", &world.url("/pay?a=1"));
        match page {
            true => ask.header("accept", "text/html").header("sec-fetch-mode", "navigate"),
            false => ask.header("accept", "application/json").header("sec-fetch-mode", "cors"),
        }
    };
    let forward = alice.send(ask("forward-auth", true)).await;
    assert_eq!(forward.status, 302, "{}", forward.text());
    let to_start = world.url("/.samlgate/start?idp=corp&rd=/pay%3Fa%3D1");
    assert_eq!(forward.header("location"), to_start);
    let forward = alice.send(ask("forward-auth", false)).await;
    assert_eq!(forward.status, 401);
    assert!(forward.header("www-authenticate").contains("acr_values="));

    let nginx = alice.send(ask("auth-request", true)).await;
    assert_eq!(nginx.status, 401, "{}", nginx.text());
    assert_eq!(nginx.header("location"), to_start);
    assert_eq!(nginx.header("x-samlgate-redirect"), to_start);
    assert!(nginx.header("www-authenticate").contains("acr_values="));
    let nginx = alice.send(ask("auth-request", false)).await;
    assert_eq!(nginx.status, 401);
    assert_eq!(nginx.header("x-samlgate-redirect"), "");
    assert!(
        nginx.header("location").contains("for="),
        "{:?}",
        nginx.headers
    );

    let start = alice.get(&to_start).await;
    let landed = world.answer(&mut alice, &start, by(MFA, 1)).await;
    assert_eq!(landed.status, 303);
    for mode in ["forward-auth", "auth-request"] {
        assert_eq!(alice.send(ask(mode, true)).await.status, 200, "{mode}");
    }
}
