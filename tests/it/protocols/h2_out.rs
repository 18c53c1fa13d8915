//! HTTP/1.1 from the client, HTTP/2 to the application.

use super::world::Town;
use super::world::header;
use super::world::route;
use crate::support::h2::Endpoint;
use crate::support::h2::Then;
use crate::support::h2::all;
use crate::support::h2::one;

/// An application that speaks HTTP/2, and a gateway that knows it.
async fn town() -> (Endpoint, Town) {
    let mut app = Endpoint::start().await;
    let port = app.listen().await;
    let routes = route(
        "/",
        ([127, 0, 0, 1], port).into(),
        "upstream_protocol = \"http2\"",
    );
    (app, Town::http(&routes).await)
}

const STATUS: &[(&str, &str)] = &[(":status", "200")];

#[tokio::test]
async fn a_request_by_http_1_1_arrives_with_an_authority_and_no_host() {
    let (mut app, town) = town().await;
    let curl = town.curl(
        "/a%20b?c=d",
        &["-w", "|%{http_version}", "-H", "Keep-Alive: 5"],
    );
    let (place, asked) = app.heard().await;
    let headers = &asked["headers"];
    assert_eq!(one(headers, ":method"), "GET");
    assert_eq!(one(headers, ":scheme"), "http");
    assert_eq!(one(headers, ":authority"), town.host());
    assert_eq!(one(headers, ":path"), "/a%20b?c=d");
    assert_eq!(one(headers, "remote-user"), "alice@example.com");
    for absent in [
        "host",
        "connection",
        "keep-alive",
        "transfer-encoding",
        "cookie",
        "te",
    ] {
        let found = all(headers, absent);
        assert!(found.is_empty(), "{absent}: {found:?}");
    }
    assert_eq!(asked["end"], true);
    app.headers(place, STATUS, Then::More).await;
    app.data(place, "ok", Then::End).await;
    assert_eq!(curl.output().await, "ok|1.1");
}

#[tokio::test]
async fn bodies_and_trailers_go_both_ways() {
    let (mut app, town) = town().await;
    let mut client = town.connect().await;
    let head = format!(
        "POST /x HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\nTE: trailers\r\nConnection: TE\r\n\
         Trailer: x-sum\r\nTransfer-Encoding: chunked\r\n\r\n",
        town.host(),
        town.cookie()
    );
    client.say(&head).await;
    let (place, asked) = app.heard().await;
    assert_eq!(one(&asked["headers"], "te"), "trailers");
    assert_eq!(asked["end"], false);
    // Piece by piece, both ways at the same time. To HTTP/1.1 only such trailers go as were named.
    app.headers(
        place,
        &[(":status", "200"), ("trailer", "x-check")],
        Then::More,
    )
    .await;
    assert!(client.head().await.starts_with("HTTP/1.1 200 OK\r\n"));
    for word in ["one", "two!!"] {
        client.say(&format!("{:x}\r\n{word}\r\n", word.len())).await;
        let came = app.until(|event| event["event"] == "data").await;
        assert_eq!(came["text"], word);
        app.data(place, word, Then::More).await;
        client.until(&format!("{:x}\r\n{word}\r\n", word.len())).await;
    }
    client.say("0\r\nx-sum: 6\r\nremote-user: mallory\r\n\r\n").await;
    let (_, trailers) = app.heard().await;
    assert_eq!(trailers["end"], true);
    assert_eq!(trailers["headers"], serde_json::json!([["x-sum", "6"]]));
    app.headers(place, &[("x-check", "9")], Then::End).await;
    assert_eq!(client.until("\r\n\r\n").await, "0\r\nx-check: 9\r\n\r\n");
}

#[tokio::test]
async fn a_body_with_a_length_keeps_it() {
    let (mut app, town) = town().await;
    let curl = town.curl("/x", &["--data-binary", "hello"]);
    let (place, asked) = app.heard().await;
    assert_eq!(one(&asked["headers"], "content-length"), "5");
    let body = app.until(|event| event["event"] == "data").await;
    assert_eq!(body["text"], "hello");
    app.headers(
        place,
        &[(":status", "200"), ("content-length", "2")],
        Then::More,
    )
    .await;
    app.data(place, "ok", Then::End).await;
    assert_eq!(curl.output().await, "ok");
}

#[tokio::test]
async fn a_head_an_empty_answer_and_an_expectation_are_what_they_were() {
    let (mut app, town) = town().await;
    let curl = town.curl("/x", &["--head"]);
    let (place, asked) = app.heard().await;
    assert_eq!(one(&asked["headers"], ":method"), "HEAD");
    app.headers(
        place,
        &[(":status", "200"), ("content-length", "1000")],
        Then::End,
    )
    .await;
    let answer = curl.output().await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert_eq!(header(&answer, "content-length"), ["1000"]);

    let curl = town.curl("/x", &["-i"]);
    let (place, _) = app.heard().await;
    app.headers(place, &[(":status", "204")], Then::End).await;
    let answer = curl.output().await;
    assert!(
        answer.starts_with("HTTP/1.1 204 No Content\r\n"),
        "{answer}"
    );
    assert!(header(&answer, "transfer-encoding").is_empty(), "{answer}");

    // Whoever waits for 100 is told to go on; the application has frames, and does not wait.
    let mut client = town.connect().await;
    let head = format!(
        "PUT /x HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\nContent-Length: 5\r\n\
         Expect: 100-continue\r\n\r\n",
        town.host(),
        town.cookie()
    );
    client.say(&head).await;
    let (place, _) = app.heard().await;
    assert_eq!(client.head().await, "HTTP/1.1 100 Continue\r\n\r\n");
    client.say("hello").await;
    let body = app.until(|event| event["event"] == "data").await;
    assert_eq!(body["text"], "hello");
    app.headers(place, STATUS, Then::More).await;
    app.data(place, "", Then::End).await;
    assert!(client.head().await.starts_with("HTTP/1.1 200 OK\r\n"));
}

#[tokio::test]
async fn an_answer_that_is_broken_off_does_not_look_complete() {
    let (mut app, town) = town().await;
    let mut client = town.connect().await;
    let head = format!(
        "GET /x HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\n\r\n",
        town.host(),
        town.cookie()
    );
    client.say(&head).await;
    let (place, _) = app.heard().await;
    app.headers(place, STATUS, Then::More).await;
    app.data(place, "half", Then::More).await;
    client.until("4\r\nhalf\r\n").await;
    // INTERNAL_ERROR
    app.reset(place, 2).await;
    let rest = client.until_closed().await;
    assert!(
        !rest.ends_with(b"0\r\n\r\n"),
        "{}",
        String::from_utf8_lossy(&rest)
    );
}
