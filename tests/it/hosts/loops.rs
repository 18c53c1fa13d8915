//! Something keeps the session from coming back.

use super::world::Town;
use crate::support::http::{Answer, Visitor};

/// What a browser goes round through that keeps its login cookie, but loses its session cookie.
async fn round(town: &Town, visitor: &mut Visitor, url: &str) -> Answer {
    visitor.plant(url, "samlgate", "lost");
    let first = visitor.get(url).await;
    let answer = town.follow(visitor, first).await;
    if !answer.status.is_redirection() {
        return answer;
    }
    town.sign_in(visitor, &answer).await
}

#[tokio::test]
async fn a_browser_that_loses_its_session_three_times_is_told_what_to_check() {
    let town = Town::found().await;
    let mut visitor = town.gateway.visitor();
    let page = town.url("/page");
    for _ in 0..3 {
        let answer = round(&town, &mut visitor, &page).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
    }
    let answer = round(&town, &mut visitor, &page).await;
    assert_eq!(answer.status, 403);
    assert_eq!(town.gateway.code_of(&answer).await, "session.loop");
    assert!(answer.text().contains("allow cookies"), "{}", answer.text());
    // Somebody else signs in as always.
    town.alice().await;
}

#[tokio::test]
async fn another_host_that_loses_the_session_is_noticed_too() {
    let town = Town::found().await;
    let mut alice = town.alice().await;
    let page = town.wiki("/page");
    let mut answers = Vec::new();
    for _ in 0..4 {
        alice.plant(&page, "samlgate", "lost");
        let mut answer = alice.get(&page).await;
        while answer.status.is_redirection() && answer.target().path() != "/page" {
            answer = alice.follow(&answer).await;
        }
        answers.push(answer);
    }
    assert_eq!(
        answers.iter().filter(|answer| answer.status == 303).count(),
        3
    );
    assert_eq!(town.gateway.code_of(&answers[3]).await, "session.loop");
}

#[tokio::test]
async fn whoever_signs_out_and_in_again_is_in_no_loop() {
    let town = Town::found().await;
    let mut visitor = town.gateway.visitor();
    for _ in 0..5 {
        assert_eq!(
            town.open(&mut visitor, &town.url("/page")).await.status,
            200
        );
        let page = visitor.get(&town.url("/.samlgate/sign_out")).await;
        visitor.submit(&page, &page.form()).await;
    }
}
