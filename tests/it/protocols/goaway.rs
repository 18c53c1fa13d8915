//! Connections of HTTP/2 that come to their end: ours, when we are told to stop, and those to an
//! application that goes away.

use super::world::App;
use super::world::Town;
use super::world::route;
use crate::support::h2::Endpoint;
use crate::support::h2::Then;

#[tokio::test]
async fn told_to_end_the_gateway_says_goaway_and_what_has_begun_ends_well() {
    let app = App::start().await;
    let mut town = Town::https(&app.route("")).await;
    let mut client = Endpoint::start().await;
    let connection = town.h2(&mut client).await;
    town.ask(
        &mut client,
        (connection, 1),
        ("POST", "/slow"),
        &[],
        Then::More,
    )
    .await;
    let mut peer = app.accept().await;
    peer.head().await;
    peer.say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nbegun\r\n")
        .await;
    client.until(|event| event["text"] == "begun").await;

    town.gateway.signal("TERM");
    // RFC 9113, 6.8: first a warning, then which stream is the last.
    let last = client.until(|event| event["event"] == "goaway" && event["last"] == 1).await;
    assert_eq!(last["code"], 0);
    town.ask(
        &mut client,
        (connection, 3),
        ("GET", "/late"),
        &[],
        Then::End,
    )
    .await;

    // Both directions of what has begun are still open.
    client.data((connection, 1), "more", Then::End).await;
    assert_eq!(peer.until("0\r\n\r\n").await, "4\r\nmore\r\n0\r\n\r\n");
    peer.say("3\r\nend\r\n0\r\n\r\n").await;
    assert_eq!(client.answer((connection, 1)).await.body, "end");
    client.until(|event| event["event"] == "closed").await;
    assert!(town.gateway.ended().await.success());
    assert!(!client.has_seen(|event| event["event"] == "headers" && event["stream"] == 3));
    assert!(!app.is_asked().await, "the late request went on");
}

/// An application that speaks HTTP/2, and a gateway that knows it.
async fn town() -> (Endpoint, Town) {
    let mut app = Endpoint::start().await;
    let port = app.listen().await;
    let more = "upstream_protocol = \"http2\"";
    let town = Town::https(&route("/", ([127, 0, 0, 1], port).into(), more)).await;
    (app, town)
}

async fn answer(app: &mut Endpoint, place: (u64, u64)) {
    app.headers(place, &[(":status", "200")], Then::More).await;
    app.data(place, "ok", Then::End).await;
}

#[tokio::test]
async fn an_application_that_goes_away_is_asked_on_another_connection() {
    let (mut app, town) = town().await;
    let mut client = Endpoint::start().await;
    let connection = town.h2(&mut client).await;
    town.ask(
        &mut client,
        (connection, 1),
        ("GET", "/one"),
        &[],
        Then::End,
    )
    .await;
    let (one, _) = app.heard().await;
    app.headers(one, &[(":status", "200")], Then::More).await;
    app.data(one, "begun", Then::More).await;
    client.until(|event| event["text"] == "begun").await;

    app.goaway(one.0, one.1).await;
    // With a body, which can not be sent twice: it has to find the way at once.
    town.ask(
        &mut client,
        (connection, 3),
        ("POST", "/two"),
        &[],
        Then::More,
    )
    .await;
    client.data((connection, 3), "hello", Then::End).await;
    let (two, asked) = app.heard().await;
    assert_ne!(two.0, one.0, "{asked}");
    let body = app.until(|event| event["event"] == "data").await;
    assert_eq!(body["text"], "hello");
    answer(&mut app, two).await;
    assert_eq!(client.answer((connection, 3)).await.status(), "200");
    // What had begun on the old one ends there.
    app.data(one, "end", Then::End).await;
    assert_eq!(client.answer((connection, 1)).await.body, "end");
}

/// RFC 9113, 8.7: a stream above the last one, or that is refused, was not looked at.
#[tokio::test]
async fn a_request_that_an_application_did_not_look_at_is_sent_again() {
    let (mut app, town) = town().await;
    let mut client = Endpoint::start().await;
    let connection = town.h2(&mut client).await;
    let mut stream = 1;
    for method in ["GET", "POST", "DELETE"] {
        for refused in [false, true] {
            town.ask(
                &mut client,
                (connection, stream),
                (method, "/x"),
                &[],
                Then::End,
            )
            .await;
            let (first, _) = app.heard().await;
            if refused {
                // REFUSED_STREAM
                app.reset(first, 7).await;
            } else {
                app.goaway(first.0, first.1 - 1).await;
            }
            let (second, _) = app.heard().await;
            assert_ne!(first, second);
            answer(&mut app, second).await;
            let answer = client.answer((connection, stream)).await;
            assert_eq!(
                (answer.status(), &*answer.body),
                ("200", "ok"),
                "{method} {refused}"
            );
            stream += 2;
        }
    }
    // What it broke off for another reason it may have done.
    town.ask(
        &mut client,
        (connection, stream),
        ("POST", "/x"),
        &[],
        Then::End,
    )
    .await;
    let (first, _) = app.heard().await;
    app.reset(first, 2).await;
    assert_eq!(client.answer((connection, stream)).await.status(), "502");
}

/// Some applications refuse whatever comes.
#[tokio::test]
async fn an_application_that_looks_at_nothing_is_proxy_upstream_in_the_end() {
    let (mut app, town) = town().await;
    let mut client = Endpoint::start().await;
    let connection = town.h2(&mut client).await;
    town.ask(&mut client, (connection, 1), ("GET", "/x"), &[], Then::End).await;
    let mut times = 0;
    while !client.has_seen(|event| event["event"] == "headers") {
        let (place, _) = app.heard().await;
        app.reset(place, 7).await;
        times += 1;
        if times == 2 {
            break;
        }
    }
    assert_eq!(client.answer((connection, 1)).await.status(), "502");
    assert!(
        !app.has_seen(|event| event["event"] == "headers"),
        "it goes on asking"
    );
}

/// However a client leaves, the application hears of it: what nobody reads should not be made.
#[tokio::test]
async fn an_application_hears_that_its_client_has_gone() {
    let (mut app, town) = town().await;
    let mut client = Endpoint::start().await;
    for _ in 0..10 {
        for (reset, close) in [(true, true), (false, true), (true, false)] {
            let connection = town.h2(&mut client).await;
            town.ask(
                &mut client,
                (connection, 1),
                ("POST", "/x"),
                &[],
                Then::More,
            )
            .await;
            client.data((connection, 1), "hello", Then::End).await;
            let (place, _) = app.heard().await;
            app.headers(place, &[(":status", "200")], Then::More).await;
            app.data(place, "begun", Then::More).await;
            client
                .until(|event| event["text"] == "begun" && event["connection"] == connection)
                .await;
            if reset {
                // CANCEL
                client.reset((connection, 1), 8).await;
            }
            if close {
                client.close(connection).await;
            }
            app.until(|event| event["event"] == "reset" && event["stream"] == place.1).await;
        }
    }
}
