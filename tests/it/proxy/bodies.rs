//! Bodies stream, both ways.

use super::world::SOON;
use super::world::Set;
use super::world::application;
use super::world::raw;
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
    let mut set = Set::before(vec![tcp(app)]);
    set.route.timeouts.answer = Duration::from_millis(200);
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
        let body = http_body_util::BodyExt::collect(request.into_body()).await.unwrap();
        Response::new(Body::from(body.to_bytes()))
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
async fn an_application_may_refuse_a_body_before_it_is_sent() {
    let tasks = Supervisor::new();
    let (app, mut heads) = raw(
        &tasks,
        "HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno",
    )
    .await;
    let world = Set::before(vec![tcp(app)]).start().await;
    let mut stream = TcpStream::connect(world.gateway).await.unwrap();
    let head = b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    stream.write_all(head).await.unwrap();
    let answer = read_until(&mut stream, "no").await;
    assert!(
        answer.starts_with("HTTP/1.1 413 "),
        "no 100 before it: {answer}"
    );
    let arrived = heads.recv().await.unwrap();
    assert!(
        arrived.contains("\r\nexpect: 100-continue\r\n"),
        "{arrived}"
    );
}

#[tokio::test]
async fn answers_are_framed_as_they_came() {
    let tasks = Supervisor::new();
    for (answer, got) in [
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n2\r\nhi\r\n0\r\nx-sum: 1\r\n\r\n",
            "\r\n\r\n2\r\nhi\r\n0\r\nx-sum: 1\r\n\r\n",
        ),
        (
            "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
            "\r\n\r\nok",
        ),
        ("HTTP/1.1 204 No Content\r\n\r\n", "\r\n\r\n"),
        (
            "HTTP/1.1 304 Not Modified\r\netag: \"1\"\r\n\r\n",
            "\r\n\r\n",
        ),
        (
            "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
            "\r\n\r\nok",
        ),
    ] {
        let (app, _heads) = raw(&tasks, answer).await;
        let world = Set::before(vec![tcp(app)]).start().await;
        for _ in 0..2 {
            let head = "GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: close, TE\r\n\r\n";
            let answer = world.exchange(head.as_bytes()).await;
            assert!(
                answer.starts_with("HTTP/1.1 ") && answer.ends_with(got),
                "{answer}"
            );
        }
    }
}

#[tokio::test]
async fn a_head_alone_has_the_length_of_the_whole() {
    let tasks = Supervisor::new();
    let (app, _heads) = raw(&tasks, "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n").await;
    let world = Set::before(vec![tcp(app)]).start().await;
    let mut stream = TcpStream::connect(world.gateway).await.unwrap();
    for _ in 0..2 {
        stream.write_all(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let answer = read_until(&mut stream, "\r\n\r\n").await;
        assert!(answer.contains("content-length: 1000\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_does_not_look_complete() {
    let tasks = Supervisor::new();
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\nx\r\n",
    ] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let app = listener.local_addr().unwrap();
        tasks.run(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_until(&mut stream, "\r\n\r\n").await;
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        let world = Set::before(vec![tcp(app)]).start().await;
        let got = world.exchange(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert!(!got.ends_with("0\r\n\r\n"), "{got}");
        assert!(!got.contains("content-length: 4\r\n"), "{got}");
    }
}

#[tokio::test]
async fn a_large_body_goes_through_both_ways() {
    let tasks = Supervisor::new();
    let app = application(&tasks, async |request| {
        Response::new(Body::new(request.into_body()))
    })
    .await;
    let world = Set::before(vec![tcp(app)]).start().await;
    let body: Vec<u8> = (0..251_u8).cycle().take(3_000_000).collect();
    for framing in ["Content-Length: 3000000", "Transfer-Encoding: chunked"] {
        let (mut reader, mut writer) =
            TcpStream::connect(world.gateway).await.unwrap().into_split();
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{framing}\r\n\r\n");
        let mut sent = head.into_bytes();
        if framing.starts_with('C') {
            sent.extend_from_slice(&body);
        } else {
            for chunk in body.chunks(70_000) {
                sent.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                sent.extend_from_slice(chunk);
                sent.extend_from_slice(b"\r\n");
            }
            sent.extend_from_slice(b"0\r\n\r\n");
        }
        tasks.run(async move {
            writer.write_all(&sent).await.unwrap();
            std::future::pending::<()>().await;
        });
        let mut answer = Vec::new();
        let read = tokio::time::timeout(SOON, reader.read_to_end(&mut answer)).await;
        read.expect("it does not end").unwrap();
        // However it is framed, every byte is there, in order.
        let begin = answer.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
        let chunked = String::from_utf8_lossy(&answer[..begin]).contains("chunked");
        let got = match chunked {
            true => unchunked(&answer[begin..]),
            false => answer[begin..].to_vec(),
        };
        assert!(got == body, "{framing}: {} bytes", got.len());
    }
}

fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = bytes.windows(2).position(|end| end == b"\r\n") {
        let size = str::from_utf8(&bytes[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        body.extend_from_slice(&bytes[end + 2..end + 2 + size]);
        bytes = &bytes[end + 4 + size..];
    }
    body
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
