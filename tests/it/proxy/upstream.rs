//! Applications that are not there, are slow, are several, or are behind a socket.

use super::world::OK;
use super::world::SOON;
use super::world::Set;
use super::world::application;
use super::world::raw;
use super::world::tcp;
use axum::body::Body;
use http::Response;
use samlgate::access::PathMatch;
use samlgate::access::Protocol;
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
    let mut set = Set::before(vec![tcp(app)]);
    set.route.timeouts.answer = Duration::from_millis(50);
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
    assert_eq!((count(&mut at_one), count(&mut at_two)), (3, 3));
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

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let tasks = Supervisor::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let app = listener.local_addr().unwrap();
    tasks.run(async move {
        // Only one is ever accepted.
        let (mut stream, _) = listener.accept().await.unwrap();
        loop {
            super::world::read_until(&mut stream, "\r\n\r\n").await;
            stream.write_all(OK.as_bytes()).await.unwrap();
        }
    });
    let world = Set::before(vec![tcp(app)]).start().await;
    for _ in 0..5 {
        assert!(world.exchange(GET).await.starts_with("HTTP/1.1 200 "));
    }
}

#[tokio::test]
async fn an_upload_goes_to_the_next_application_when_the_first_is_not_there() {
    let tasks = Supervisor::new();
    let (app, mut heads) = raw(&tasks, OK).await;
    let world = Set::before(vec![tcp(nobody().await), tcp(app)]).start().await;
    let post = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n\
        5\r\nhello\r\n0\r\n\r\n";
    for _ in 0..2 {
        assert!(world.exchange(post.as_bytes()).await.starts_with("HTTP/1.1 200 "));
        assert!(heads.recv().await.unwrap().contains("hello"));
    }
}

#[tokio::test]
async fn a_body_that_is_longer_than_the_route_takes_is_refused() {
    let tasks = Supervisor::new();
    let (app, mut heads) = raw(&tasks, OK).await;
    let mut set = Set::before(vec![tcp(app)]);
    set.route.max_body = Some(4);
    let world = set.start().await;
    let post = |framing: &str, body: &str| {
        format!("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{framing}\r\n\r\n{body}")
    };
    let answer = world.exchange(post("Content-Length: 5", "hello").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let chunks = post("Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n");
    let answer = world.exchange(chunks.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(heads.try_recv().is_err());
    let answer = world.exchange(post("Content-Length: 4", "hell").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn a_route_s_prefix_can_be_another_there() {
    let tasks = Supervisor::new();
    let (app, mut heads) = raw(&tasks, OK).await;
    for (rewrite, asked, arrives) in [
        ("", "/wiki/a%20b?c=/wiki", "/a%20b?c=/wiki"),
        ("", "/wiki", "/"),
        ("", "/wiki?x", "/?x"),
        ("/v2", "/wiki/a", "/v2/a"),
        ("/v2", "/%77iki/a", "/v2/a"),
    ] {
        let mut set = Set::before(vec![tcp(app)]);
        set.route.path = PathMatch::Prefix("/wiki".to_owned());
        set.route.rewrite = Some(rewrite.to_owned());
        let world = set.start().await;
        let head = format!("GET {asked} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        assert!(world.exchange(head.as_bytes()).await.starts_with("HTTP/1.1 200 "));
        let arrived = heads.recv().await.unwrap();
        assert!(
            arrived.starts_with(&format!("GET {arrives} HTTP/1.1\r\n")),
            "{arrived}"
        );
    }
}

#[tokio::test]
async fn http_2_is_spoken_to_an_application_where_the_route_says_so() {
    let tasks = Supervisor::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let app = listener.local_addr().unwrap();
    let runner = tasks.clone();
    tasks.run(async move {
        // Only one connection is ever accepted.
        let (stream, _) = listener.accept().await.unwrap();
        let service =
            hyper::service::service_fn(async |request: http::Request<hyper::body::Incoming>| {
                assert_eq!(request.version(), http::Version::HTTP_2);
                assert_eq!(request.uri().authority().unwrap(), "app.example.com");
                let headers = request.headers();
                assert!(!headers.contains_key("host") && !headers.contains_key("connection"));
                assert_eq!(headers["remote-user"], "alice");
                assert_eq!(headers["te"], "trailers");
                let path = request.uri().path().to_owned();
                let body =
                    http_body_util::BodyExt::collect(request.into_body()).await.unwrap().to_bytes();
                let mut trailers = http::HeaderMap::new();
                trailers.insert("grpc-status", http::HeaderValue::from_static("0"));
                let body =
                    http_body_util::Full::new(bytes::Bytes::from(format!("{path} {}", body.len())));
                let body =
                    http_body_util::BodyExt::with_trailers(body, async { Some(Ok(trailers)) });
                Ok::<_, std::convert::Infallible>(Response::new(body))
            });
        let executor = hyper_util::rt::TokioExecutor::new();
        let io = hyper_util::rt::TokioIo::new(stream);
        runner.run(async move {
            let _ = hyper::server::conn::http2::Builder::new(executor)
                .serve_connection(io, service)
                .await;
        });
    });
    let mut set = Set::before(vec![tcp(app)]);
    set.route.upstream_protocol = Protocol::Http2;
    let world = set.start().await;
    for path in ["/one", "/two"] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: app.example.com\r\nTE: trailers\r\nConnection: close, TE\r\n\
             Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
        );
        let answer = world.exchange(head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.contains(&format!("{path} 5")), "{answer}");
    }
}
