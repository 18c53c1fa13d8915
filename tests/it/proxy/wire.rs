//! What a client can do to a connection.

use super::world::OK;
use super::world::SOON;
use super::world::Set;
use super::world::application;
use super::world::loopback;
use super::world::raw;
use super::world::read_until;
use super::world::tcp;
use axum::body::Body;
use http::Response;
use samlgate::http::server::ListenAddress;
use samlgate::http::server::Listener;
use samlgate::http::server::Patience;
use samlgate::tasks::Supervisor;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

#[tokio::test]
async fn a_request_that_can_be_read_in_two_ways_is_refused() {
    let tasks = Supervisor::new();
    let (app, mut heads) = raw(&tasks, OK).await;
    let world = Set::before(vec![tcp(app)]).start().await;
    for head in [
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
        "GET http://b/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a/b\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n folded: x\r\nConnection: close\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\nx",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\nx",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\nx",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\nx",
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n",
        "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
        "TRACE / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: a/\r\nConnection: close\r\n\r\n",
        "CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\nConnection: close\r\n\r\n",
    ] {
        let answer = world.exchange(head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{head:?}: {answer}");
    }
    assert!(heads.try_recv().is_err(), "nothing of it arrives");
}

#[tokio::test]
async fn two_lengths_make_one_request_and_the_last_of_its_connection() {
    let tasks = Supervisor::new();
    let (app, mut heads) = raw(&tasks, OK).await;
    let world = Set::before(vec![tcp(app)]).start().await;
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    for lengths in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 4",
        "Content-Length: 44\r\nTransfer-Encoding: chunked",
    ] {
        let head = format!("POST /one HTTP/1.1\r\nHost: a\r\n{lengths}\r\n\r\n0\r\n\r\n{smuggled}");
        // Read to its end: the connection is closed after one answer.
        let answer = world.exchange(head.as_bytes()).await;
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
        let arrived = heads.recv().await.unwrap();
        assert!(arrived.starts_with("POST /one HTTP/1.1\r\n"), "{arrived}");
        assert!(!arrived.contains("content-length"), "{arrived}");
        assert!(!arrived.contains("smuggled"), "{arrived}");
        assert!(heads.try_recv().is_err());
    }
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused() {
    let tasks = Supervisor::new();
    let (app, _heads) = raw(&tasks, OK).await;
    let world = Set::before(vec![tcp(app)]).start().await;
    let head = |size| {
        let long = "x".repeat(size);
        format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}\r\nConnection: close\r\n\r\n")
    };
    let fits = world.exchange(head(60_000).as_bytes()).await;
    assert!(fits.starts_with("HTTP/1.1 200 "), "{fits}");
    let mut stream = TcpStream::connect(world.gateway).await.unwrap();
    // It may close before it has read everything.
    let _ = stream.write_all(head(200_000).as_bytes()).await;
    let answer = read_until(&mut stream, "\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[tokio::test]
async fn whoever_sends_slowly_is_cut_off() {
    let tasks = Supervisor::new();
    let (app, _heads) = raw(&tasks, OK).await;
    let patience = Patience { head: Duration::from_millis(300), grace: SOON };
    let world = Set { patience, ..Set::before(vec![tcp(app)]) }.start().await;
    for begun in ["", "P", "PRI * HTTP", "GET / HTTP/1.1\r\nHost: a\r\nX: "] {
        let answer = world.exchange(begun.as_bytes()).await;
        assert!(!answer.contains("200"), "{begun:?}: {answer}");
    }
}

#[tokio::test]
async fn a_slow_answer_to_a_short_request_is_not_cut_off() {
    let tasks = Supervisor::new();
    let app = application(&tasks, async |_| {
        tokio::time::sleep(Duration::from_millis(500)).await;
        Response::new(Body::from("late"))
    })
    .await;
    let patience = Patience { head: Duration::from_millis(200), grace: SOON };
    let world = Set { patience, ..Set::before(vec![tcp(app)]) }.start().await;
    for head in [
        "PUT / HTTP/1.0\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: a\r\n\r\n",
    ] {
        let answer = world.exchange(head.as_bytes()).await;
        assert!(answer.ends_with("late"), "{answer}");
    }
}

#[tokio::test]
async fn what_has_begun_ends_before_the_server_does() {
    let tasks = Supervisor::new();
    let app = application(&tasks, async |_| {
        tokio::time::sleep(Duration::from_millis(300)).await;
        Response::new(Body::from("done"))
    })
    .await;
    let world = Set::before(vec![tcp(app)]).start().await;
    let mut idle = TcpStream::connect(world.gateway).await.unwrap();
    let mut busy = TcpStream::connect(world.gateway).await.unwrap();
    busy.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    read_until(&mut idle, "done").await;
    busy.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(world.supervisor.finish(SOON).await);
    let mut answers = String::new();
    busy.read_to_string(&mut answers).await.unwrap();
    assert_eq!(answers.matches("done").count(), 2, "{answers}");
    assert_eq!(idle.read(&mut [0; 10]).await.unwrap(), 0);
    assert!(TcpStream::connect(world.gateway).await.is_err());
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let first = Listener::bind(loopback(), None).await.unwrap();
    let refused = Listener::bind(first.address(), None).await.unwrap_err();
    assert_eq!(refused.address, first.address());
    assert_eq!(refused.source.kind(), std::io::ErrorKind::AddrInUse);
    assert!(refused.to_string().contains(&first.address().to_string()));
}

#[tokio::test]
async fn a_unix_socket_that_was_left_behind_is_replaced_and_one_in_use_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let address = ListenAddress::Unix(folder.path().join("samlgate.sock"));
    let ListenAddress::Unix(path) = &address else {
        unreachable!()
    };
    drop(std::os::unix::net::UnixListener::bind(path).unwrap());
    let listener = Listener::bind(address.clone(), None).await.unwrap();
    assert!(Listener::bind(address.clone(), None).await.is_err());
    drop(listener);
    assert!(!path.exists());
}

#[tokio::test]
async fn probe_idle() {
    let tasks = Supervisor::new();
    let (app, _heads) = raw(&tasks, OK).await;
    let patience = Patience { head: Duration::from_millis(300), grace: SOON };
    let world = Set { patience, ..Set::before(vec![tcp(app)]) }.start().await;
    let mut stream = TcpStream::connect(world.gateway).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    read_until(&mut stream, "ok").await;
    let r = tokio::time::timeout(Duration::from_secs(2), stream.read(&mut [0; 10])).await;
    panic!("{r:?}");
}
