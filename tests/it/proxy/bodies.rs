//! Bodies stream, both ways.

use super::world::SOON;
use super::world::Set;
use super::world::application;
use super::world::read_until;
use super::world::tcp;
use axum::body::Body;
use http::Response;
use samlgate::tasks::Supervisor;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

const POST: &[u8] = b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

#[tokio::test]
async fn a_chunk_arrives_before_the_next_is_sent_both_ways() {
    let tasks = Supervisor::new();
    let app = application(&tasks, async |request| {
        Response::new(Body::new(request.into_body()))
    })
    .await;
    let world = Set::before(vec![tcp(app)]).start().await;
    let mut stream = TcpStream::connect(world.gateway).await.unwrap();
    stream.write_all(POST).await.unwrap();
    for word in ["one", "two!!", "three"] {
        let chunk = format!("{:x}\r\n{word}\r\n", word.len());
        stream.write_all(chunk.as_bytes()).await.unwrap();
        read_until(&mut stream, &chunk).await;
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    read_until(&mut stream, "0\r\n\r\n").await;
}

#[tokio::test]
async fn a_slow_upload_is_not_a_slow_application() {
    let tasks = Supervisor::new();
    let app = application(&tasks, async |request| {
        let body = http_body_util::BodyExt::collect(request.into_body()).await.unwrap();
        Response::new(Body::from(format!("{} bytes", body.to_bytes().len())))
    })
    .await;
    let set = Set {
        answer_timeout: Duration::from_millis(200),
        ..Set::before(vec![tcp(app)])
    };
    let world = set.start().await;
    let mut stream = TcpStream::connect(world.gateway).await.unwrap();
    stream.write_all(POST).await.unwrap();
    for _ in 0..6 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        stream.write_all(b"2\r\nhi\r\n").await.unwrap();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    let answer = read_until(&mut stream, "bytes").await;
    assert!(answer.ends_with("12 bytes"), "{answer}");
}

#[tokio::test]
async fn a_client_that_expects_100_continue_hears_it() {
    let tasks = Supervisor::new();
    let app = application(&tasks, async |request| {
        assert!(!request.headers().contains_key("expect"));
        Response::new(Body::new(request.into_body()))
    })
    .await;
    let world = Set::before(vec![tcp(app)]).start().await;
    let mut stream = TcpStream::connect(world.gateway).await.unwrap();
    let head = b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    stream.write_all(head).await.unwrap();
    read_until(&mut stream, "HTTP/1.1 100 Continue\r\n\r\n").await;
    stream.write_all(b"hello").await.unwrap();
    let answer = read_until(&mut stream, "hello").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

#[tokio::test]
async fn a_get_with_a_body_keeps_it() {
    let tasks = Supervisor::new();
    let app = application(&tasks, async |request| {
        Response::new(Body::new(request.into_body()))
    })
    .await;
    let world = Set::before(vec![tcp(app)]).start().await;
    for head in [
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ] {
        let answer = world.exchange(head.as_bytes()).await;
        assert!(answer.contains("hello"), "{answer}");
    }
}

#[tokio::test]
async fn a_stream_breaks_off_when_the_session_ends() {
    let tasks = Supervisor::new();
    let app = application(&tasks, async |_| {
        let (sender, receiver) = tokio::sync::mpsc::channel::<Result<_, std::io::Error>>(1);
        sender.send(Ok(hyper::body::Frame::data("data: 1\n\n".into()))).await.unwrap();
        // Kept open for good, as an event stream is.
        std::mem::forget(sender);
        let body = Events(receiver);
        Response::builder()
            .header("content-type", "text/event-stream")
            .body(Body::new(body))
            .unwrap()
    })
    .await;
    let world = Set::before(vec![tcp(app)]).start().await;
    let mut stream = TcpStream::connect(world.gateway).await.unwrap();
    stream.write_all(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    read_until(&mut stream, "data: 1\n\n").await;
    world.session_ended.send_replace(true);
    let mut rest = Vec::new();
    let closed = tokio::time::timeout(SOON, stream.read_to_end(&mut rest)).await;
    closed.expect("the stream stays open").unwrap();
    assert!(!rest.ends_with(b"0\r\n\r\n"), "it must not look complete");
}

struct Events(
    tokio::sync::mpsc::Receiver<Result<hyper::body::Frame<bytes::Bytes>, std::io::Error>>,
);

impl hyper::body::Body for Events {
    type Data = bytes::Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<bytes::Bytes>, std::io::Error>>> {
        self.0.poll_recv(context)
    }
}
