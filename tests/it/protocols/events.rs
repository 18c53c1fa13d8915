//! Streams of events: each arrives before the next is sent, and all end with their session.

use super::world::App;
use super::world::Town;
use crate::support::h2::Endpoint;
use crate::support::h2::Then;

const EVENTS: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

fn event(number: usize) -> String {
    let event = format!("data: {number}\n\n");
    format!("{:x}\r\n{event}\r\n", event.len())
}

#[tokio::test]
async fn each_event_arrives_before_the_next_is_sent() {
    let app = App::start().await;
    let town = Town::https(&app.route("")).await;
    for version in ["--http1.1", "--http2"] {
        let mut curl = town.curl("/events", &["--no-buffer", version]);
        let mut peer = app.accept().await;
        peer.head().await;
        peer.say(EVENTS).await;
        for number in 1..5 {
            peer.say(&event(number)).await;
            curl.prints(&format!("data: {number}")).await;
        }
        // Without a frame of its own, the end is there at once as well.
        peer.say("0\r\n\r\n").await;
        assert!(curl.output().await.ends_with("data: 4\n\n"));
        drop(peer);
    }
}

#[tokio::test]
async fn a_stream_breaks_off_with_its_session_and_its_connection_goes_on() {
    let app = App::start().await;
    let routes = app.route("") + &app.route("public = true").replace("\"/\"", "\"/open\"");
    let mut town = Town::https(&routes).await;
    let mut client = Endpoint::start().await;
    let connection = town.h2(&mut client).await;
    let mut peers = Vec::new();
    // Both ways at the same time, one way, and one that is for everybody.
    for (stream, method, path, then) in [
        (1, "POST", "/both", Then::More),
        (3, "GET", "/events", Then::End),
        (5, "GET", "/open/events", Then::End),
    ] {
        let (place, host) = ((connection, stream), town.host());
        if stream < 5 {
            town.ask(&mut client, place, (method, path), &[], then).await;
        } else {
            let path = (":path", path);
            let headers = [
                (":method", method),
                (":scheme", "https"),
                (":authority", &host),
                path,
            ];
            client.headers(place, &headers, then).await;
        }
        let mut peer = app.accept().await;
        peer.head().await;
        peer.say(EVENTS).await;
        peer.say(&event(1)).await;
        client
            .until(|event| event["event"] == "data" && event["stream"] == stream)
            .await;
        peers.push(peer);
    }
    town.sign_out().await;
    for stream in [1, 3] {
        let answer = client.answer((connection, stream)).await;
        assert!(answer.reset.is_some(), "{stream}: {answer:?}");
    }
    // The application hears of it.
    for peer in &mut peers[..2] {
        peer.until_closed().await;
    }
    // What needs no session goes on, and so does the connection.
    peers[2].say(&format!("{}0\r\n\r\n", event(2))).await;
    assert_eq!(client.answer((connection, 5)).await.body, "data: 2\n\n");
    town.ask(&mut client, (connection, 7), ("GET", "/x"), &[], Then::End).await;
    assert_eq!(client.answer((connection, 7)).await.status(), "302");
}

/// By HTTP/1.1 the connection is all that can be broken off.
#[tokio::test]
async fn whoever_reads_by_http_1_1_hears_of_it_too() {
    let app = App::start().await;
    let mut town = Town::http(&app.route("")).await;
    let mut client = town.connect().await;
    let head = format!("Host: {}\r\nCookie: {}\r\n\r\n", town.host(), town.cookie());
    client.say(&format!("GET /events HTTP/1.1\r\n{head}")).await;
    let mut peer = app.accept().await;
    peer.head().await;
    peer.say(EVENTS).await;
    peer.say(&event(1)).await;
    client.until("data: 1\n\n\r\n").await;
    town.sign_out().await;
    let rest = client.until_closed().await;
    assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
    peer.until_closed().await;
}
