//! Applications that are not there, are slow, are several, or are behind a socket.

use super::world::OK;
use super::world::SOON;
use super::world::Set;
use super::world::application;
use super::world::raw;
use super::world::tcp;
use axum::body::Body;
use http::Response;
use samlgate::access::Upstream;
use samlgate::tasks::Supervisor;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/// An address on which nobody listens.
async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn an_application_that_is_not_there_is_proxy_upstream() {
    let world = Set::before(vec![tcp(nobody().await)]).start().await;
    let answer = world.exchange(GET).await;
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    assert!(answer.ends_with("\r\nproxy.upstream"), "{answer}");
}

#[tokio::test]
async fn an_application_that_breaks_off_is_proxy_upstream() {
    let tasks = Supervisor::new();
    for answer in ["HTTP/1.1 200 OK\r\nconten", "no HTTP at all\r\n\r\n"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let app = listener.local_addr().unwrap();
        tasks.run(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                super::world::read_until(&mut stream, "\r\n\r\n").await;
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        let world = Set::before(vec![tcp(app)]).start().await;
        let got = world.exchange(GET).await;
        assert!(got.starts_with("HTTP/1.1 502 "), "{got}");
        assert!(got.ends_with("\r\nproxy.upstream"), "{got}");
    }
}

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_costs_a_reader_nothing() {
    let tasks = Supervisor::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let app = listener.local_addr().unwrap();
    tasks.run(async move {
        // Every connection serves one request and is closed as the second arrives.
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            super::world::read_until(&mut stream, "\r\n\r\n").await;
            stream.write_all(OK.as_bytes()).await.unwrap();
            super::world::read_until(&mut stream, "\r\n\r\n").await;
        }
    });
    let world = Set::before(vec![tcp(app)]).start().await;
    for _ in 0..4 {
        let answer = world.exchange(GET).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    // The application may have done what a POST asks for; whoever sent it must decide.
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let answer = world.exchange(post.as_bytes()).await;
    assert!(answer.ends_with("\r\nproxy.upstream"), "{answer}");
}

#[tokio::test]
async fn an_application_that_does_not_answer_is_proxy_upstream_timeout() {
    let tasks = Supervisor::new();
    let app = application(&tasks, async |_| {
        std::future::pending::<()>().await;
        Response::new(Body::empty())
    })
    .await;
    let set = Set {
        answer_timeout: Duration::from_millis(50),
        ..Set::before(vec![tcp(app)])
    };
    let answer = set.start().await.exchange(GET).await;
    assert!(answer.starts_with("HTTP/1.1 504 "), "{answer}");
    assert!(answer.ends_with("\r\nproxy.upstream_timeout"), "{answer}");
}

#[tokio::test]
async fn several_applications_take_turns_and_one_that_is_gone_is_passed_over() {
    let tasks = Supervisor::new();
    let (one, mut at_one) = raw(&tasks, OK).await;
    let (two, mut at_two) = raw(&tasks, OK).await;
    let world = Set::before(vec![tcp(one), tcp(two), tcp(nobody().await)]).start().await;
    for _ in 0..6 {
        assert!(world.exchange(GET).await.starts_with("HTTP/1.1 200 "));
    }
    let count = |heads: &mut tokio::sync::mpsc::Receiver<String>| {
        std::iter::from_fn(|| heads.try_recv().ok()).count()
    };
    assert_eq!((count(&mut at_one), count(&mut at_two)), (4, 2));
}

#[tokio::test]
async fn an_application_behind_a_unix_socket_is_reached() {
    let tasks = Supervisor::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    tasks.run(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let head = super::world::read_until(&mut stream, "\r\n\r\n").await;
        assert!(head.contains("\r\nhost: app.internal\r\n"), "{head}");
        stream.write_all(OK.as_bytes()).await.unwrap();
    });
    let mut set = Set::before(vec![Upstream::Unix(path)]);
    set.route.host_header = Some("app.internal".to_owned());
    let answer = tokio::time::timeout(SOON, set.start().await.exchange(GET)).await.unwrap();
    assert!(answer.ends_with("\r\n\r\nok"), "{answer}");
}

#[tokio::test]
async fn an_application_with_a_certificate_that_nobody_vouches_for_is_proxy_upstream() {
    let tasks = Supervisor::new();
    let (app, _heads) = raw(&tasks, OK).await;
    let upstream = Upstream::Tcp { tls: true, authority: app.to_string() };
    let world = Set::before(vec![upstream]).start().await;
    // A plain-text application never ends the handshake; either way it is its fault.
    let answer = tokio::time::timeout(SOON, world.exchange(GET)).await.unwrap();
    assert!(answer.contains("proxy.upstream"), "{answer}");
}
