//! People, and the pages that ask for more.

use http::Method;

use super::{KEY, MFA, PASSWORD, World, by};
use crate::support::http::Ask;
use crate::support::idp;

#[tokio::test]
async fn who_is_signed_in_too_weakly_is_sent_back_for_more_and_lands_on_the_page() {
    let world = World::new().await;
    let mut alice = world.alice().await;
    assert_eq!(alice.get(&world.url("/")).await.status, 200);
    let before = alice.cookie(&world.url("/"), "samlgate").unwrap();

    // Without the page to choose on, although there are two: to the one that she came from.
    let start = world.sent_back(&mut alice, "/pay/now?amount=7").await;
    let request = world.corp.read(&start);
    assert!(
        request.xml.contains(&format!(
            "<samlp:RequestedAuthnContext Comparison=\"minimum\">\
             <saml:AuthnContextClassRef>{MFA}</saml:AuthnContextClassRef>"
        )),
        "{}",
        request.xml
    );
    assert!(!request.xml.contains("ForceAuthn"), "{}", request.xml);
    // Something stronger is enough, by the order of the configuration.
    let landed = world.answer_request(&mut alice, &request, by(KEY, 1)).await;
    assert_eq!(landed.status, 303, "{}", landed.text());
    assert_eq!(landed.target().as_str(), world.url("/pay/now?amount=7"));
    let page = alice.follow(&landed).await;
    assert_eq!(page.status, 200, "{}", page.text());
    // It is another session, in the place of the first, and opens everything that one did.
    let after = alice.cookie(&world.url("/"), "samlgate").unwrap();
    assert_ne!(before, after);
    assert_eq!(alice.get(&world.url("/")).await.status, 200);
    let user = alice.get(&world.url("/.samlgate/user")).await.json();
    assert_eq!(user["acr"], KEY, "{user}");
    let mut earlier = world.gateway.visitor();
    earlier.plant(&world.url("/"), "samlgate", &before);
    assert_eq!(earlier.get(&world.url("/")).await.status, 302);
    // And it lasts.
    assert_eq!(alice.get(&world.url("/pay")).await.status, 200);
}

#[tokio::test]
async fn whoever_signs_in_on_the_way_to_such_a_page_is_asked_for_it_at_once() {
    let world = World::new().await;
    let mut alice = world.gateway.visitor();
    let start = alice.get(&world.url("/.samlgate/start?idp=corp&rd=/pay")).await;
    let request = world.corp.read(&start);
    assert!(request.xml.contains(MFA), "{}", request.xml);
    let refused = world.answer_request(&mut alice, &request, by(PASSWORD, 1)).await;
    assert_eq!(refused.status, 403);
    assert_eq!(world.gateway.code_of(&refused).await, "authn.context");
    assert!(
        refused.text().contains("A stronger sign-in is needed."),
        "{}",
        refused.text()
    );
    assert!(alice.cookie(&world.url("/"), "samlgate").is_none());
}

#[tokio::test]
async fn an_answer_without_what_was_asked_for_is_refused_and_the_old_session_stays() {
    let world = World::new().await;
    let mut alice = world.alice().await;
    for _ in 0..4 {
        let start = world.sent_back(&mut alice, "/pay").await;
        let refused = world.answer(&mut alice, &start, by(PASSWORD, 1)).await;
        // A page, and no redirect: it does not go round in circles.
        assert_eq!(refused.status, 403);
        assert_eq!(world.gateway.code_of(&refused).await, "authn.context");
        assert_eq!(alice.get(&world.url("/")).await.status, 200);
    }
    // Nor does an answer that comes too late, although she has a session.
    let start = world.sent_back(&mut alice, "/pay").await;
    let late = world
        .answer(&mut alice, &start, |response| {
            response.confirmation().not_on_or_after = Some(idp::at(-3600));
        })
        .await;
    assert_eq!(late.status, 403, "{}", late.text());
    assert_eq!(world.gateway.code_of(&late).await, "subject.expired");
    // To a page that does not ask for more it goes on, as ever.
    let start = alice.get(&world.url("/.samlgate/start?idp=corp&rd=/")).await;
    let late = world
        .answer(&mut alice, &start, |response| {
            response.confirmation().not_on_or_after = Some(idp::at(-3600));
        })
        .await;
    assert_eq!(late.status, 303, "{}", late.text());
}

#[tokio::test]
async fn whoever_may_not_enter_at_all_is_not_sent_back_for_more() {
    let world = World::new().await;
    let mut alice = world.alice().await;
    let page = alice.get(&world.url("/board")).await;
    assert_eq!(page.status, 403);
    assert_eq!(world.gateway.code_of(&page).await, "access.role");
}

#[tokio::test]
async fn a_sign_in_that_is_too_old_is_asked_for_anew() {
    let world = World::new().await;
    // An hour ago there; here the session is new.
    let mut alice = world.alice_with(by(PASSWORD, 3600)).await;
    assert_eq!(alice.get(&world.url("/")).await.status, 200);
    let start = world.sent_back(&mut alice, "/age").await;
    let request = world.corp.read(&start);
    assert!(
        request.xml.contains(" ForceAuthn=\"true\""),
        "{}",
        request.xml
    );
    assert!(!request.xml.contains("RequestedAuthnContext"));
    let refused = world.answer_request(&mut alice, &request, by(PASSWORD, 3600)).await;
    assert_eq!(refused.status, 403);
    assert_eq!(world.gateway.code_of(&refused).await, "authn.age");
    assert!(refused.text().contains("A fresh sign-in is needed."));

    let start = world.sent_back(&mut alice, "/age").await;
    let landed = world.answer(&mut alice, &start, by(PASSWORD, 2)).await;
    assert_eq!(landed.status, 303);
    for _ in 0..3 {
        assert_eq!(alice.get(&world.url("/age")).await.status, 200);
    }
}

#[tokio::test]
async fn an_age_counts_for_a_session_that_the_page_has_admitted_before() {
    // Nothing is tolerated, so that a second is enough.
    let world = World::with(|setup| setup.set("saml", "clock_skew = '1s'"), "").await;
    let mut alice = world.alice_with(by(PASSWORD, 900 - 3)).await;
    let first = alice.get(&world.url("/age")).await;
    assert_eq!(first.status, 200);
    let sent_back = async { while alice.get(&world.url("/age")).await.status == 200 {} };
    tokio::time::timeout(std::time::Duration::from_secs(20), sent_back)
        .await
        .unwrap();
    assert_eq!(alice.get(&world.url("/age")).await.status, 302);
    assert_eq!(alice.get(&world.url("/")).await.status, 200);
}

#[tokio::test]
async fn a_route_may_ask_for_a_fresh_sign_in_of_whoever_signs_in_for_it() {
    let world = World::new().await;
    let mut alice = world.gateway.visitor();
    let start = alice.get(&world.url("/.samlgate/start?idp=corp&rd=/fresh")).await;
    let request = world.corp.read(&start);
    assert!(
        request.xml.contains(" ForceAuthn=\"true\""),
        "{}",
        request.xml
    );
    let refused = world.answer_request(&mut alice, &request, by(PASSWORD, 600)).await;
    assert_eq!(world.gateway.code_of(&refused).await, "authn.age");
    // Whoever is signed in just enters.
    let mut alice = world.alice().await;
    assert_eq!(alice.get(&world.url("/fresh")).await.status, 200);
}

#[tokio::test]
async fn a_form_waits_for_the_better_sign_in_and_is_sent_once() {
    let world = World::new().await;
    let mut alice = world.alice().await;
    let page = url::Url::parse(&world.url("/")).unwrap();
    let fields = [("amount".to_owned(), "7".to_owned())];
    let ask = Ask::new(Method::POST, &world.url("/pay/now"))
        .navigating()
        .header("sec-fetch-site", "same-origin")
        .header("content-length", "8")
        .form(&fields)
        .from(&page);
    let kept = alice.send(ask).await;
    assert_eq!(kept.status, 401, "{}", kept.text());
    let refresh = kept.header("refresh").split_once("url=").unwrap().1.to_owned();
    let start = alice.get(&refresh).await;
    let request = world.corp.read(&start);
    assert!(request.xml.contains(MFA), "{}", request.xml);
    let landed = world.answer_request(&mut alice, &request, by(MFA, 1)).await;
    assert_eq!(landed.status, 303, "{}", landed.text());
    let note = alice.follow(&landed).await;
    assert_eq!(note.status, 200, "{}", note.text());
    let sent = alice.submit(&note, &note.form()).await;
    assert_eq!(sent.status, 200, "{}", sent.text());
    let echo = sent.json();
    assert_eq!(echo["path"], "/pay/now");
    assert_eq!(echo["body"], "amount=7");
}

#[tokio::test]
async fn on_another_host_the_better_sign_in_is_that_of_the_auth_host() {
    let world = World::with(|setup| setup, "").await;
    let wiki = |path: &str| world.url(path).replace("127.0.0.1", "wiki.localhost");
    let mut alice = world.alice().await;
    let open = alice.get(&wiki("/")).await;
    assert_eq!(alice.follow_all(open).await.status, 200);
    let gate = alice.get(&wiki("/secret/x")).await;
    assert_eq!(gate.status, 302);
    let mut start = gate;
    while start.target().host_str() != Some("idp.example.com") {
        start = alice.follow(&start).await;
    }
    let request = world.corp.read(&start);
    assert!(request.xml.contains(MFA), "{}", request.xml);
    let landed = world.answer_request(&mut alice, &request, by(MFA, 1)).await;
    assert_eq!(landed.status, 303, "{}", landed.text());
    let page = alice.follow_all(landed).await;
    assert_eq!(
        (page.status.as_u16(), page.url.as_str()),
        (200, wiki("/secret/x").as_str())
    );
}

#[tokio::test]
async fn a_script_that_goes_round_for_what_nobody_gives_is_stopped_by_a_page() {
    let world = World::new().await;
    let mut alice = world.alice().await;
    // A page that asks for nothing itself, and whose script goes wherever a 401 says.
    let mut rounds = 0;
    let stopped = loop {
        let told = alice.send(super::fetch(&world.url("/pay/api"))).await;
        assert_eq!(told.status, 401);
        let start = alice.get(told.json()["login_url"].as_str().unwrap()).await;
        if start.status != 302 {
            break start;
        }
        let landed = world.answer(&mut alice, &start, by(PASSWORD, 1)).await;
        assert_eq!(landed.target().as_str(), world.url("/"));
        rounds += 1;
    };
    assert!(rounds < 5, "{rounds}");
    assert_eq!(stopped.status, 403);
    assert_eq!(world.gateway.code_of(&stopped).await, "authn.context");
}
