//! Every WebSocket begins as a request.

use super::world::OK;
use super::world::SOON;
use super::world::Set;
use super::world::application;
use super::world::raw;
use super::world::read_until;
use super::world::tcp;
use axum::body::Body;
use http::Request;
use http::Response;
use hyper::body::Incoming;
use samlgate::tasks::Supervisor;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

const ASK: &[u8] = b"GET /socket HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\n\
    Upgrade: WebSocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat\r\nRemote-User: mallory\r\n\r\n";

async fn chat(tasks: Supervisor, mut request: Request<Incoming>) -> Response<Body> {
    let headers = request.headers();
    assert_eq!(headers["upgrade"], "websocket");
    assert_eq!(headers["sec-websocket-key"], "dGhlIHNhbXBsZSBub25jZQ==");
    assert_eq!(headers["remote-user"], "alice");
    let client = hyper::upgrade::on(&mut request);
    tasks.run(async move {
        let mut client = hyper_util::rt::TokioIo::new(client.await.unwrap());
        let mut bytes = [0; 100];
        while let Ok(count @ 1..) = client.read(&mut bytes).await {
            client.write_all(&bytes[..count].to_ascii_uppercase()).await.unwrap();
        }
    });
    Response::builder()
        .status(101)
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        .header("sec-websocket-protocol", "chat")
        .body(Body::empty())
        .unwrap()
}

#[tokio::test]
async fn a_tunnel_carries_bytes_both_ways_until_the_session_ends() {
    let tasks = Supervisor::new();
    let spawn = tasks.clone();
    let app = application(&tasks, move |request| chat(spawn.clone(), request)).await;
    let world = Set::before(vec![tcp(app)]).start().await;
    let mut stream = TcpStream::connect(world.gateway).await.unwrap();
    stream.write_all(ASK).await.unwrap();
    let answer = read_until(&mut stream, "\r\n\r\n").await.to_lowercase();
    assert!(answer.starts_with("http/1.1 101 "), "{answer}");
    for line in [
        "connection: upgrade",
        "upgrade: websocket",
        "sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=",
        "sec-websocket-protocol: chat",
    ] {
        assert!(
            answer.contains(&format!("\r\n{line}\r\n")),
            "{line} in {answer}"
        );
    }
    for (said, heard) in [("hello", "HELLO"), ("again", "AGAIN")] {
        stream.write_all(said.as_bytes()).await.unwrap();
        assert_eq!(read_until(&mut stream, heard).await, heard);
    }
    world.session_ended.send_replace(true);
    // "AGAIN" was no whole frame: in the middle of one there is nothing to be said.
    let closed = tokio::time::timeout(SOON, stream.read(&mut [0; 10])).await;
    assert_eq!(closed.expect("the tunnel stays open").unwrap_or(0), 0);
}

#[tokio::test]
async fn a_websocket_is_told_that_its_session_has_ended() {
    let tasks = Supervisor::new();
    let answer = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n\x01\x02hi";
    let (app, _heads) = raw(&tasks, answer).await;
    let world = Set::before(vec![tcp(app)]).start().await;
    let mut stream = TcpStream::connect(world.gateway).await.unwrap();
    stream.write_all(ASK).await.unwrap();
    // What came right behind the head is the first frame.
    read_until(&mut stream, "\r\n\r\n\u{1}\u{2}hi").await;
    world.session_ended.send_replace(true);
    let mut last = Vec::new();
    let closed = tokio::time::timeout(SOON, stream.read_to_end(&mut last)).await;
    closed.expect("the tunnel stays open").unwrap();
    // RFC 6455, 5.5.1: a close frame of 15 bytes, and its reason first.
    assert_eq!(last[..4], [0x88, 15, 0x03, 0xf0], "1008");
    assert_eq!(last.len(), 17);
}

#[tokio::test]
async fn an_application_that_does_not_switch_answers_like_any_other() {
    let tasks = Supervisor::new();
    let answer = "HTTP/1.1 426 Upgrade Required\r\ncontent-length: 2\r\n\r\nno";
    let (app, mut heads) = raw(&tasks, answer).await;
    let world = Set::before(vec![tcp(app)]).start().await;
    let mut stream = TcpStream::connect(world.gateway).await.unwrap();
    stream.write_all(ASK).await.unwrap();
    // The early bytes of a tunnel that never opens: a second request to us, decided about anew.
    let second =
        b"GET /smuggled HTTP/1.1\r\nHost: a\r\nRemote-User: mallory\r\nConnection: close\r\n\r\n";
    stream.write_all(second).await.unwrap();
    let answer = read_until(&mut stream, "no").await;
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
    assert!(heads.recv().await.unwrap().starts_with("GET /socket "));
    if let Some(second) = heads.recv().await {
        assert!(second.starts_with("GET /smuggled "), "{second}");
        assert!(
            !second.contains("mallory") && second.contains("remote-user: alice"),
            "{second}"
        );
    }
}

#[tokio::test]
async fn no_other_protocol_is_asked_for_or_switched_to() {
    let tasks = Supervisor::new();
    let (app, mut heads) = raw(&tasks, OK).await;
    let world = Set::before(vec![tcp(app)]).start().await;
    for head in [
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade, http2-settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nUpgrade: websocket\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade, close\r\nUpgrade: websocket, h2c\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    ] {
        let answer = world.exchange(head.as_bytes()).await;
        assert!(answer.contains(" 200 OK\r\n"), "{answer}");
        let arrived = heads.recv().await.unwrap();
        assert!(!arrived.contains("upgrade"), "{arrived}");
    }

    let answer = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n";
    let (app, _heads) = raw(&tasks, answer).await;
    let world = Set::before(vec![tcp(app)]).start().await;
    for head in [ASK, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"] {
        let mut stream = TcpStream::connect(world.gateway).await.unwrap();
        stream.write_all(head).await.unwrap();
        let answer = read_until(&mut stream, "proxy.upstream").await;
        assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    }
}
