//! What a link may ask for, where a route asks for more than it names.

use super::{KEY, MFA, PASSWORD, World};
use crate::support::gateway::Setup;

/// What is better than a password: a password is enough nowhere.
fn better(setup: Setup) -> Setup {
    setup.add(&format!(
        "[[route]]\npath = \"/better\"\nupstream = [\"http://127.0.0.1:9\"]\n\
         authn_context = [{PASSWORD:?}]\nauthn_context_comparison = \"better\"\n\
         [[route]]\npath = \"/exactly\"\nupstream = [\"http://127.0.0.1:9\"]\n\
         authn_context = [\"urn:example:card\"]"
    ))
}

#[tokio::test]
async fn what_a_route_wants_something_better_than_is_nothing_that_a_link_asks_for() {
    let world = World::with(better, "").await;
    for (wish, allowed) in [
        (PASSWORD.to_owned(), false),
        (format!("{PASSWORD} {MFA}"), false),
        (
            format!("{PASSWORD}&authn_context_comparison=minimum"),
            false,
        ),
        (format!("{PASSWORD}&authn_context_comparison=better"), true),
        (MFA.to_owned(), true),
        (KEY.to_owned(), true),
        // Enough for another page.
        ("urn:example:card".to_owned(), true),
    ] {
        let mut alice = world.gateway.visitor();
        let wish = wish.replace(' ', "%20");
        let link = format!("/.samlgate/start?idp=corp&rd=/x&authn_context={wish}");
        let answer = alice.get(&world.url(&link)).await;
        if allowed {
            assert_eq!(answer.status, 302, "{wish}: {}", answer.text());
        } else {
            assert_eq!(answer.status, 400, "{wish}");
            assert_eq!(world.gateway.code_of(&answer).await, "authn.link", "{wish}");
        }
    }
}

#[tokio::test]
async fn no_link_asks_for_at_most_a_method() {
    // Even of methods each of which is enough somewhere.
    let corp = format!("authn_context = [{PASSWORD:?}, {MFA:?}, {KEY:?}]");
    let world = World::with(|setup| setup, &corp).await;
    for class in [PASSWORD, MFA, KEY] {
        let mut alice = world.gateway.visitor();
        let link = format!(
            "/.samlgate/start?idp=corp&rd=/x&authn_context={class}&authn_context_comparison=maximum"
        );
        let answer = alice.get(&world.url(&link)).await;
        assert_eq!(answer.status, 400, "{class}");
        assert_eq!(
            world.gateway.code_of(&answer).await,
            "authn.link",
            "{class}"
        );
    }
}
