//! A session on another host: how it comes there, and how it does not.

use http::Method;

use super::world::Town;
use crate::support::app::received;
use crate::support::http::{Answer, Ask, Visitor};

/// Goes to the other host's page, signed in at the auth host, as far as the callback's address.
async fn code_for(town: &Town, visitor: &mut Visitor, path: &str) -> Answer {
    let mut answer = visitor.get(&town.wiki(path)).await;
    while !answer.target().path().ends_with("/callback") {
        answer = visitor.follow(&answer).await;
    }
    answer
}

async fn is_signed_in(town: &Town, visitor: &mut Visitor) -> bool {
    visitor.get(&town.wiki("/.samlgate/user")).await.status == 200
}

#[tokio::test]
async fn signing_in_once_opens_every_host_and_leads_back_to_the_page() {
    let town = Town::found().await;
    let mut visitor = town.gateway.visitor();
    let page = town.open(&mut visitor, &town.wiki("/page?a=1&b")).await;
    assert_eq!(page.status, 200, "{}", page.text());
    assert_eq!(page.url.as_str(), town.wiki("/page?a=1&b"));
    let echo = page.json();
    assert_eq!(echo["path"], "/page?a=1&b");
    assert_eq!(received(&echo, "remote-user"), ["alice@example.com"]);
    // Each host has a cookie of its own.
    let token = |url: String| visitor.cookie(&url, "samlgate").unwrap();
    assert_ne!(token(town.wiki("/")), token(town.url("/")));
    // And the auth host knows her without asking.
    assert_eq!(visitor.get(&town.url("/.samlgate/user")).await.status, 200);
}

#[tokio::test]
async fn a_session_opens_its_own_host_alone() {
    let town = Town::found().await;
    let mut alice = town.alice().await;
    let page = town.open(&mut alice, &town.wiki("/")).await;
    assert_eq!(page.status, 200);
    let tokens = [town.wiki("/"), town.url("/")].map(|url| alice.cookie(&url, "samlgate").unwrap());
    let mut thief = town.gateway.visitor();
    thief.plant(&town.url("/"), "samlgate", &tokens[0]);
    thief.plant(&town.wiki("/"), "samlgate", &tokens[1]);
    for url in [town.url("/.samlgate/user"), town.wiki("/.samlgate/user")] {
        let answer = thief.get(&url).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["error"]),
            (401, &"unauthenticated".into())
        );
    }
}

#[tokio::test]
async fn a_code_is_used_once() {
    let town = Town::found().await;
    let mut alice = town.alice().await;
    let redirect = code_for(&town, &mut alice, "/page").await;
    let arrived = alice.follow(&redirect).await;
    assert_eq!(
        (arrived.status.as_u16(), arrived.header("location")),
        (303, "/page")
    );
    // Again in the same browser: going back, or a reload.
    let again = alice.follow(&redirect).await;
    assert_eq!(
        (again.status.as_u16(), again.header("location")),
        (303, "/page")
    );
    assert!(again.headers.get("set-cookie").is_none());
    // And with the session gone it opens none.
    let token = alice.cookie(&town.wiki("/"), "samlgate").unwrap();
    alice.plant(&town.wiki("/"), "samlgate", &"x".repeat(43));
    let again = alice.follow(&redirect).await;
    assert_eq!(again.status, 403, "{}", again.text());
    assert_eq!(town.gateway.code_of(&again).await, "session.handover");
    assert!(again.headers.get("set-cookie").is_none());
    alice.plant(&town.wiki("/"), "samlgate", &token);
    assert!(is_signed_in(&town, &mut alice).await, "nothing has changed");
}

#[tokio::test]
async fn a_stolen_code_opens_nothing_and_is_not_used_up() {
    let town = Town::found().await;
    let mut alice = town.alice().await;
    let redirect = code_for(&town, &mut alice, "/page").await;
    let mut mallory = town.gateway.visitor();
    let without_cookie = mallory.follow(&redirect).await;
    assert_eq!(
        town.gateway.code_of(&without_cookie).await,
        "session.handover"
    );
    // Mallory has begun to sign in there too, and so has a login cookie.
    mallory.get(&town.wiki("/.samlgate/sign_in?rd=/")).await;
    let stolen = mallory.follow(&redirect).await;
    assert_eq!(stolen.status, 403);
    assert_eq!(town.gateway.code_of(&stolen).await, "session.handover");
    assert!(!is_signed_in(&town, &mut mallory).await);
    assert_eq!(alice.follow(&redirect).await.status, 303);
    assert!(is_signed_in(&town, &mut alice).await);
}

#[tokio::test]
async fn a_code_for_another_host_is_refused_there() {
    let more = "[[route]]\nhost = \"shop.localhost\"\npath = \"/\"\nupstream = [\"APP\"]\n";
    let town = Town::with(more).await;
    let mut alice = town.alice().await;
    let redirect = code_for(&town, &mut alice, "/page").await;
    let callback = redirect.target().to_string();
    // Even with the same login cookie there.
    let login = alice.cookie(&town.wiki("/"), "samlgate-login").unwrap();
    alice.plant(&town.on("shop.localhost", "/"), "samlgate-login", &login);
    let shop = alice.get(&callback.replace("wiki.localhost", "shop.localhost")).await;
    assert_eq!(shop.status, 403);
    assert_eq!(town.gateway.code_of(&shop).await, "session.handover");
    // Nor does the auth host take it, nor one that nobody named.
    for host in ["127.0.0.1", "evil.localhost"] {
        let answer = alice.get(&callback.replace("wiki.localhost", host)).await;
        assert_eq!(
            town.gateway.code_of(&answer).await,
            "http.not_found",
            "{host}"
        );
    }
    assert_eq!(alice.follow(&redirect).await.status, 303);
}

#[tokio::test]
async fn a_code_of_a_session_that_has_ended_opens_none() {
    let town = Town::found().await;
    let mut alice = town.alice().await;
    let redirect = code_for(&town, &mut alice, "/page").await;
    let sign_out = Ask::new(Method::POST, &town.url("/.samlgate/sign_out")).navigating();
    assert_eq!(alice.send(sign_out).await.status, 200);
    let late = alice.follow(&redirect).await;
    assert_eq!(late.status, 403);
    assert_eq!(town.gateway.code_of(&late).await, "session.handover");
    assert!(late.headers.get("set-cookie").is_none());
}

#[tokio::test]
async fn nobody_but_our_hosts_asks_for_a_code() {
    let town = Town::found().await;
    let mut alice = town.alice().await;
    let mut visitor = town.gateway.visitor();
    let start = visitor.get(&town.wiki("/.samlgate/sign_in?rd=/page")).await;
    let genuine = start.target().to_string();
    assert!(
        genuine.starts_with(&town.url("/.samlgate/authorize?rd=")),
        "{genuine}"
    );
    for changed in [
        genuine.replace("wiki.localhost", "evil.example"),
        genuine.replace("page", "other"),
        genuine.replace("browser=", "browser=A"),
        genuine.replace("mark=", "mark=A"),
        town.url("/.samlgate/authorize?rd=http://wiki.localhost/"),
        town.url("/.samlgate/authorize"),
    ] {
        let answer = alice.get(&changed).await;
        assert_eq!(answer.status, 403, "{changed}");
        assert_eq!(town.gateway.code_of(&answer).await, "session.handover");
    }
    // What another browser asked for goes to that browser's code, which is none to this one.
    let redirect = alice.get(&genuine).await;
    let callback = alice.follow(&redirect).await;
    assert_eq!(town.gateway.code_of(&callback).await, "session.handover");
    // A picture on a page asks for nothing.
    let picture = Ask::new(Method::GET, &genuine).header("sec-fetch-mode", "no-cors");
    let answer = alice.send(picture.header("accept", "image/png")).await;
    assert_eq!(town.gateway.code_of(&answer).await, "access.cross_site");
}

#[tokio::test]
async fn signing_out_on_any_host_ends_it_on_all() {
    let town = Town::found().await;
    for on_wiki in [true, false] {
        let mut alice = town.alice().await;
        assert_eq!(town.open(&mut alice, &town.wiki("/")).await.status, 200);
        let place = |path| {
            if on_wiki {
                town.wiki(path)
            } else {
                town.url(path)
            }
        };
        let page = alice.get(&place("/.samlgate/sign_out?rd=/goodbye")).await;
        assert_eq!(page.status, 200);
        let out = alice.submit(&page, &page.form()).await;
        if on_wiki {
            // A public page of this very host.
            assert_eq!(
                (out.status.as_u16(), out.header("location")),
                (303, &*town.wiki("/goodbye"))
            );
        } else {
            assert_eq!(out.status, 200);
        }
        for url in [town.url("/.samlgate/user"), town.wiki("/.samlgate/user")] {
            assert_eq!(alice.get(&url).await.status, 401, "{url}");
        }
    }
}

#[tokio::test]
async fn a_page_elsewhere_is_nowhere_to_return_to() {
    let town = Town::found().await;
    for rd in [
        "http://evil.example/",
        "//evil.example/",
        "http://wiki.localhost/",
        "https://wiki.localhost:443/",
        "http://wiki.localhost.evil.example/",
        "http://wiki.localhost@evil.example/",
        "/.samlgate/sign_out",
    ] {
        let mut visitor = town.gateway.visitor();
        let rd: String = url::form_urlencoded::byte_serialize(rd.as_bytes()).collect();
        for start in [
            town.url(&format!("/.samlgate/sign_in?rd={rd}")),
            town.url(&format!("/.samlgate/start?idp=corp&rd={rd}")),
        ] {
            let start = visitor.get(&start).await;
            let landing = town.sign_in(&mut visitor, &start).await;
            assert_eq!(
                (landing.status.as_u16(), landing.header("location")),
                (303, "/"),
                "{rd}"
            );
        }
    }
    // One that a route names is.
    let mut visitor = town.gateway.visitor();
    let rd = town.wiki("/page");
    let start = visitor.get(&town.url(&format!("/.samlgate/sign_in?rd={rd}"))).await;
    let landing = town.sign_in(&mut visitor, &start).await;
    assert_eq!(landing.header("location"), rd);
    let page = town.follow(&mut visitor, landing).await;
    assert_eq!((page.status.as_u16(), page.url.as_str()), (200, &*rd));
}

#[tokio::test]
async fn a_host_below_a_wildcard_is_one_of_ours_and_each_has_its_own_session() {
    let more = "[[route]]\nhost = \"*.apps.localhost\"\npath = \"/\"\nupstream = [\"APP\"]\n\
        headers = [\"remote\"]\n";
    let town = Town::with(more).await;
    let mut visitor = town.gateway.visitor();
    let mut tokens = Vec::new();
    for host in ["a.apps.localhost", "b.apps.localhost", "x.b.apps.localhost"] {
        let url = town.on(host, "/page");
        let page = town.open(&mut visitor, &url).await;
        assert_eq!((page.status.as_u16(), page.url.as_str()), (200, &*url));
        assert_eq!(received(&page.json(), "remote-user"), ["alice@example.com"]);
        tokens.push(visitor.cookie(&url, "samlgate").unwrap());
    }
    // The session of one opens no other.
    let mut thief = town.gateway.visitor();
    thief.plant(&town.on("b.apps.localhost", "/"), "samlgate", &tokens[0]);
    let answer = thief.get(&town.on("b.apps.localhost", "/.samlgate/user")).await;
    assert_eq!(answer.status, 401);
}

/// `evilapps.localhost` is not below `*.apps.localhost`, nor is `apps.localhost` itself.
#[tokio::test]
async fn a_host_that_only_ends_like_one_of_ours_is_none_of_ours() {
    let more = "[[route]]\nhost = \"*.apps.localhost\"\npath = \"/\"\nupstream = [\"APP\"]\n\
        headers = [\"remote\"]\n";
    let town = Town::with(more).await;
    for host in [
        "evilapps.localhost",
        "apps.localhost",
        "evilwiki.localhost",
        "a.apps.localhost.evil.example",
    ] {
        let mut visitor = town.gateway.visitor();
        let rd = town.on(host, "/page");
        let start = visitor.get(&town.url(&format!("/.samlgate/sign_in?rd={rd}"))).await;
        let landing = town.sign_in(&mut visitor, &start).await;
        assert_eq!(landing.header("location"), "/", "{host}");
        // No cookie says for which hosts it is: it is for the one that set it.
        let cookies: Vec<_> = landing.headers.get_all("set-cookie").iter().collect();
        assert!(!cookies.is_empty());
        for cookie in cookies {
            let cookie = cookie.to_str().unwrap().to_lowercase();
            assert!(!cookie.contains("domain"), "{cookie}");
        }
    }
}

#[tokio::test]
async fn sign_in_is_the_auth_hosts_business_and_begins_anywhere() {
    let town = Town::found().await;
    let mut visitor = town.gateway.visitor();
    let start = visitor.get(&town.wiki("/.samlgate/start?idp=corp&rd=/page")).await;
    assert_eq!(start.status, 302);
    let start = town.follow(&mut visitor, start).await;
    let landing = town.sign_in(&mut visitor, &start).await;
    let page = town.follow(&mut visitor, landing).await;
    assert_eq!(
        (page.status.as_u16(), page.url.as_str()),
        (200, &*town.wiki("/page"))
    );
    for path in ["/saml/acs", "/saml/metadata", "/.samlgate/authorize"] {
        let answer = visitor.get(&town.wiki(path)).await;
        assert_eq!(
            town.gateway.code_of(&answer).await,
            "http.not_found",
            "{path}"
        );
    }
}
