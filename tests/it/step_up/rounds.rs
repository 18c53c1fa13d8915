//! People who are sent back several times within a minute: those who get somewhere, and those who go
//! round in circles.

use super::{KEY, MFA, PASSWORD, World, by, fetch};
use crate::support::http::{Answer, Visitor};

impl World {
    /// Opens a page, is sent back for more, brings it, and lands there.
    async fn step_up(
        &self,
        visitor: &mut Visitor,
        page: &str,
        context: &'static str,
        seconds: i64,
    ) {
        let start = self.sent_back(visitor, page).await;
        let landed = self.answer(visitor, &start, by(context, seconds)).await;
        assert_eq!(landed.status, 303, "{page}: {}", landed.text());
        let opened = visitor.follow(&landed).await;
        assert_eq!(opened.status, 200, "{page}: {}", opened.text());
    }

    /// Signs in by a link, whatever session there is.
    async fn sign_in_again(&self, visitor: &mut Visitor) -> Answer {
        let start = visitor.get(&self.url("/.samlgate/start?idp=corp&rd=/")).await;
        if start.status != 302 {
            return start;
        }
        self.answer(visitor, &start, by(PASSWORD, 1)).await
    }

    /// A script that goes wherever a 401 says, and whose identity provider answers like this: the
    /// rounds until a page stops it.
    async fn rounds(
        &self,
        visitor: &mut Visitor,
        addresses: &[(&str, &'static str, i64)],
    ) -> (usize, Answer) {
        for (round, (address, context, seconds)) in addresses.iter().cycle().enumerate() {
            let told = visitor.send(fetch(&self.url(address))).await;
            assert_eq!(told.status, 401, "{address}");
            let start = visitor.get(told.json()["login_url"].as_str().unwrap()).await;
            if start.status != 302 {
                return (round, start);
            }
            let landed = self.answer(visitor, &start, by(context, *seconds)).await;
            assert_eq!(landed.status, 303, "{}", landed.text());
            assert!(round < 20, "nobody stops it");
        }
        unreachable!("it goes on for ever")
    }
}

#[tokio::test]
async fn who_brings_what_one_page_after_the_other_asks_for_lands_on_each() {
    let world = World::new().await;
    let mut alice = world.alice().await;
    world.step_up(&mut alice, "/exact", MFA, 3600).await;
    world.step_up(&mut alice, "/key", KEY, 3600).await;
    world.step_up(&mut alice, "/age", KEY, 1).await;
    // And to and fro between two that want different methods.
    for _ in 0..3 {
        world.step_up(&mut alice, "/exact", MFA, 1).await;
        world.step_up(&mut alice, "/key", KEY, 1).await;
    }
}

#[tokio::test]
async fn who_signs_in_with_a_password_again_may_step_up_again() {
    let world = World::new().await;
    let mut alice = world.alice().await;
    for _ in 0..3 {
        world.step_up(&mut alice, "/pay", MFA, 1).await;
        let landed = world.sign_in_again(&mut alice).await;
        assert_eq!(landed.status, 303, "{}", landed.text());
    }
}

#[tokio::test]
async fn tabs_that_want_the_same_at_once_go_round_nowhere() {
    let world = World::new().await;
    let mut alice = world.alice().await;
    let mut last = world.sent_back(&mut alice, "/pay/0").await;
    for tab in 1..6 {
        last = world.sent_back(&mut alice, &format!("/pay/{tab}")).await;
    }
    let landed = world.answer(&mut alice, &last, by(MFA, 1)).await;
    assert_eq!(alice.follow(&landed).await.status, 200);
}

#[tokio::test]
async fn who_goes_round_for_what_never_comes_is_told_what_is_lacking() {
    let world = World::new().await;
    for (address, code, headline) in [
        ("/pay/api", "authn.context", "A stronger sign-in is needed."),
        ("/age/api", "authn.age", "A fresh sign-in is needed."),
    ] {
        let mut alice = world.alice_with(by(PASSWORD, 3600)).await;
        let (rounds, stopped) = world.rounds(&mut alice, &[(address, PASSWORD, 3600)]).await;
        assert_eq!((rounds, stopped.status.as_u16()), (2, 403), "{address}");
        assert_eq!(world.gateway.code_of(&stopped).await, code);
        assert!(stopped.text().contains(headline), "{}", stopped.text());
        // It stays so when they try again at once.
        let again = alice.send(fetch(&world.url(address))).await;
        let again = alice.get(again.json()["login_url"].as_str().unwrap()).await;
        assert_eq!(world.gateway.code_of(&again).await, code);
    }
}

#[tokio::test]
async fn two_addresses_that_take_turns_for_ever_are_a_loop_too() {
    let world = World::new().await;
    let mut alice = world.alice().await;
    let turns = [("/exact/api", MFA, 1), ("/key/api", KEY, 1)];
    let (rounds, stopped) = world.rounds(&mut alice, &turns).await;
    assert_eq!((rounds, stopped.status.as_u16()), (9, 403));
    assert_eq!(world.gateway.code_of(&stopped).await, "authn.context");
}

#[tokio::test]
async fn an_application_that_sends_people_to_sign_in_who_lack_nothing_is_session_loop() {
    let world = World::new().await;
    let mut alice = world.alice().await;
    for _ in 0..2 {
        assert_eq!(world.sign_in_again(&mut alice).await.status, 303);
    }
    let stopped = world.sign_in_again(&mut alice).await;
    assert_eq!(stopped.status, 403);
    assert_eq!(world.gateway.code_of(&stopped).await, "session.loop");
}
