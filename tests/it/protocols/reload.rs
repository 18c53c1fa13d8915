//! A configuration that changes under open connections.

use super::world::App;
use super::world::Peer;
use super::world::Town;
use super::world::header;
use crate::support::h2::Endpoint;
use crate::support::h2::Then;

const LAST: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";

/// A connection that is kept, a WebSocket, and a stream; with the application's side of the last
/// two.
struct Open {
    kept: Peer,
    socket: (Peer, Peer),
    stream: (Peer, Peer),
    get: String,
}

impl Open {
    async fn through(town: &Town, app: &App) -> Self {
        let get = format!("Host: {}\r\nCookie: {}\r\n", town.host(), town.cookie());
        let mut kept = town.connect().await;
        kept.say(&format!("GET /kept HTTP/1.1\r\n{get}\r\n")).await;
        let mut peer = app.accept().await;
        peer.head().await;
        // So that no later request finds this connection to the application.
        peer.say(LAST).await;
        assert_eq!(kept.message().await.body, "ok");

        let mut socket = town.connect().await;
        let ask = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        socket.say(&format!("GET /socket HTTP/1.1\r\n{get}{ask}")).await;
        let mut behind = app.accept().await;
        behind.head().await;
        behind
            .say("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
            .await;
        assert!(socket.head().await.starts_with("HTTP/1.1 101 "));

        let mut stream = town.connect().await;
        stream.say(&format!("GET /stream HTTP/1.1\r\n{get}\r\n")).await;
        let mut source = app.accept().await;
        source.head().await;
        source
            .say("HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n")
            .await;
        assert!(stream.head().await.starts_with("HTTP/1.1 200 "));
        let open = Self {
            kept,
            socket: (socket, behind),
            stream: (stream, source),
            get,
        };
        open.carry().await
    }

    /// What is open carries bytes both ways.
    async fn carry(mut self) -> Self {
        let (socket, behind) = &mut self.socket;
        socket.say("ping").await;
        assert_eq!(behind.exactly(4).await, "ping");
        behind.say("pong").await;
        assert_eq!(socket.exactly(4).await, "pong");
        let (stream, source) = &mut self.stream;
        source.say("4\r\nmore\r\n").await;
        assert_eq!(stream.exactly(9).await, "4\r\nmore\r\n");
        self
    }

    /// The next request on the connection that was kept is for this application.
    async fn next_goes_to(mut self, app: &App) -> Self {
        self.kept.say(&format!("GET /next HTTP/1.1\r\n{}\r\n", self.get)).await;
        let mut peer = app.accept().await;
        let head = peer.head().await;
        assert!(head.starts_with("GET /next "), "{head}");
        assert_eq!(header(&head, "remote-user"), ["alice@example.com"]);
        peer.say(LAST).await;
        assert_eq!(self.kept.message().await.body, "ok");
        self
    }
}

#[tokio::test]
async fn what_is_open_goes_on_over_a_reload_and_the_next_request_takes_the_new_route() {
    let (old, new) = (App::start().await, App::start().await);
    let town = Town::http(&old.route("")).await;
    let open = Open::through(&town, &old).await;
    town.gateway.reload(|config| config.replace(&old.url(), &new.url()));
    town.gateway.has_logged("configuration reloaded", 1).await;
    let open = open.next_goes_to(&new).await;
    let mut open = open.carry().await;
    // The stream ends as well as it would have, and its connection takes the new route too.
    let (stream, source) = &mut open.stream;
    source.say("0\r\n\r\n").await;
    assert_eq!(stream.until("\r\n\r\n").await, "0\r\n\r\n");
    stream.say(&format!("GET /after HTTP/1.1\r\n{}\r\n", open.get)).await;
    let mut peer = new.accept().await;
    assert!(peer.head().await.starts_with("GET /after "));
    peer.say(LAST).await;
    assert_eq!(stream.message().await.body, "ok");
    assert!(!old.is_asked().await);
}

#[tokio::test]
async fn a_configuration_that_is_wrong_changes_nothing() {
    let (old, new) = (App::start().await, App::start().await);
    let town = Town::http(&old.route("")).await;
    let mut open = Open::through(&town, &old).await;
    let mistakes: [&dyn Fn(&str) -> String; 3] = [
        &|config| config.replace("path = \"/\"", "path = \"no path\""),
        &|config| config.replace("[[route]]", "[[rout]]"),
        &|config| format!("{config}\n[["),
    ];
    for (times, mistake) in (1..).zip(mistakes) {
        // What is right beside the mistake is not taken either.
        let mut before = String::new();
        town.gateway.reload(|config| {
            before.clone_from(&config);
            mistake(&config.replace(&old.url(), &new.url()))
        });
        town.gateway.has_logged("the configuration in force stays", times).await;
        open = open.carry().await.next_goes_to(&old).await;
        town.gateway.rewrite(|_| before);
    }
    assert!(!new.is_asked().await);
}

#[tokio::test]
async fn a_connection_of_http_2_goes_on_too() {
    let (old, new) = (App::start().await, App::start().await);
    let town = Town::https(&old.route("")).await;
    let mut client = Endpoint::start().await;
    let connection = town.h2(&mut client).await;
    town.ask(
        &mut client,
        (connection, 1),
        ("GET", "/stream"),
        &[],
        Then::End,
    )
    .await;
    let mut source = old.accept().await;
    source.head().await;
    source
        .say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nmore\r\n")
        .await;
    client.until(|event| event["text"] == "more").await;

    town.gateway.reload(|config| config.replace(&old.url(), &new.url()));
    town.gateway.has_logged("configuration reloaded", 1).await;
    town.ask(
        &mut client,
        (connection, 3),
        ("GET", "/next"),
        &[],
        Then::End,
    )
    .await;
    let mut peer = new.accept().await;
    assert!(peer.head().await.starts_with("GET /next "));
    peer.say(LAST).await;
    assert_eq!(client.answer((connection, 3)).await.body, "ok");
    source.say("3\r\nend\r\n0\r\n\r\n").await;
    assert_eq!(client.answer((connection, 1)).await.body, "end");
}
