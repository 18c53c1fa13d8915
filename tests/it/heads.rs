//! Heads: the longest that is taken, to the byte, and those that come before the answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, ServerName};
use samlgate::tasks::Supervisor;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

use crate::support::app::App;
use crate::support::gateway::{Gateway, Setup};
use crate::support::idp::TestIdp;

/// Longer than anything here takes.
const SOON: Duration = Duration::from_secs(20);
const LONGEST: usize = 128 * 1024;

async fn started(setup: Setup, app: &str) -> (Gateway, TestIdp) {
    let idp = TestIdp::new("corp");
    let setup = setup.quick_key().idp("corp", &idp.metadata_file(), "");
    (setup.route(app, "public = true").start().await, idp)
}

/// What comes until the gateway closes the connection.
async fn exchange(gateway: &Gateway, pieces: impl Iterator<Item = &[u8]>) -> String {
    let address: SocketAddr = gateway.url("").replace("http://", "").parse().unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let (mut reader, mut writer) = stream.split();
    let mut answer = Vec::new();
    let both = async {
        let send = async {
            for piece in pieces {
                // It may have answered and closed before it has read everything.
                if writer.write_all(piece).await.is_err() {
                    break;
                }
            }
        };
        let receive = async {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut bytes).await {
                answer.extend_from_slice(&bytes[..count]);
            }
        };
        tokio::join!(send, receive);
    };
    tokio::time::timeout(SOON, both).await.expect("the connection stays open");
    String::from_utf8_lossy(&answer).into_owned()
}

/// A head of this many bytes.
fn head(size: usize) -> Vec<u8> {
    let (begin, end) = (
        "GET /x HTTP/1.1\r\nHost: a\r\nX: ",
        "\r\nConnection: close\r\n\r\n",
    );
    let long = "x".repeat(size - begin.len() - end.len());
    [begin, &long, end].concat().into_bytes()
}

#[tokio::test]
async fn a_head_of_128_kib_is_taken_and_one_byte_more_is_http_head_too_large() {
    let app = App::start().await;
    let (gateway, _idp) = started(Setup::http(), &app.url()).await;
    for piece in [1000, 16 * 1024, usize::MAX] {
        let fits = exchange(&gateway, head(LONGEST).chunks(piece)).await;
        assert!(
            fits.starts_with("HTTP/1.1 200 "),
            "{piece} {}",
            &fits[..fits.len().min(200)]
        );
        for size in [LONGEST + 1, LONGEST + 20_000, 2 * LONGEST] {
            let refused = exchange(&gateway, head(size).chunks(piece)).await;
            assert!(
                refused.starts_with("HTTP/1.1 431 "),
                "{piece} {size} {refused}"
            );
            assert!(refused.contains("(http.head_too_large)"), "{refused}");
            let (lines, text) = refused.split_once("\r\n\r\n").unwrap();
            assert!(lines.contains("\r\nConnection: close"), "{refused}");
            assert!(
                lines.contains(&format!("\r\nContent-Length: {}\r\n", text.len())),
                "{refused}"
            );
        }
    }
}

#[tokio::test]
async fn a_head_of_100_lines_is_taken_and_one_more_is_http_head_too_large() {
    let (tasks, ok) = (
        Supervisor::new(),
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    );
    // Many an application takes no more itself, and the gateway adds some.
    let app = says(&tasks, &[ok]).await;
    let (gateway, _idp) = started(Setup::http(), &app).await;
    let head = |lines: usize| {
        let more = "X-Line: 1\r\n".repeat(lines - 2);
        format!("GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{more}\r\n")
    };
    let fits = exchange(&gateway, std::iter::once(head(100).as_bytes())).await;
    assert!(fits.starts_with("HTTP/1.1 200 "), "{fits}");
    assert!(!gateway.log().contains("http.head_too_large"));
    let refused = exchange(&gateway, std::iter::once(head(101).as_bytes())).await;
    assert!(refused.starts_with("HTTP/1.1 431 "), "{refused}");
    assert!(refused.contains("(http.head_too_large)"), "{refused}");
    gateway.has_logged("http.head_too_large", 1).await;
}

#[tokio::test]
async fn an_address_of_64_kib_is_414() {
    let app = App::start().await;
    let (gateway, _idp) = started(Setup::http(), &app.url()).await;
    let head = |length: usize| {
        let path = "x".repeat(length - 1);
        format!("GET /{path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    };
    for (length, status) in [(65_534, "200"), (65_535, "414")] {
        let answer = exchange(&gateway, std::iter::once(head(length).as_bytes())).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{length}"
        );
    }
}

#[tokio::test]
async fn an_application_s_own_431_goes_through_as_it_is() {
    let tasks = Supervisor::new();
    let answer = "HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\n\r\n";
    let app = says(&tasks, &[answer]).await;
    let (gateway, _idp) = started(Setup::http(), &app).await;
    let answer = gateway.visitor().get(&gateway.url("/x")).await;
    assert_eq!(answer.status, 431);
    assert!(answer.body.is_empty(), "{}", answer.text());
    assert!(!answer.header("x-request-id").is_empty());
}

#[tokio::test]
async fn a_header_list_of_128_kib_is_taken_over_http_2_and_one_byte_more_is_431() {
    let app = App::start().await;
    let (mut gateway, _idp) = started(Setup::https(), &app.url()).await;
    let tasks = Supervisor::new();
    let mut client = http2(&gateway, &tasks).await;
    let authority = gateway.url("").replace("https://", "");
    let mut ask = async |size: usize| {
        // RFC 9113, 6.5.2: names, values, and 32 for each.
        let pseudo = [
            (":method", "GET"),
            (":scheme", "https"),
            (":path", "/x"),
            (":authority", &*authority),
        ];
        let begun: usize = pseudo.iter().map(|(name, value)| name.len() + value.len() + 32).sum();
        let long = "x".repeat(size - begun - "x-long".len() - 32);
        let request = Request::get(gateway.url("/x")).header("x-long", long);
        let answer = client.send_request(request.body(Empty::<Bytes>::new()).unwrap());
        let answer = tokio::time::timeout(SOON, answer).await.unwrap().unwrap();
        let status = answer.status().as_u16();
        answer.into_body().collect().await.unwrap();
        status
    };
    assert_eq!(ask(1000).await, 200);
    assert_eq!(ask(LONGEST).await, 200);
    assert_eq!(ask(LONGEST + 1).await, 431);
    assert_eq!(ask(LONGEST + 20_000).await, 431);
    // The connection goes on.
    assert_eq!(ask(LONGEST).await, 200);
    drop(client);
    assert!(gateway.stop().await.success());
}

/// Early hints and the like can not be sent by hyper's server; what follows them must be right.
#[tokio::test]
async fn an_answer_after_interim_ones_arrives_alone_and_whole() {
    let tasks = Supervisor::new();
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n";
    let last = "HTTP/1.1 200 OK\r\nLink: </style.css>; rel=preload\r\nContent-Length: 2\r\n\r\nok";
    for pieces in [
        vec![hints, last],
        vec!["HTTP/1.1 102 Processing\r\n\r\n", hints, hints, last],
        vec![&hints[..30], &hints[30..], &last[..10], &last[10..]],
    ] {
        let app = says(&tasks, &pieces).await;
        let (mut gateway, _idp) = started(Setup::https(), &app).await;
        let mut visitor = gateway.visitor();
        for _ in 0..2 {
            let answer = visitor.get(&gateway.url("/x")).await;
            assert_eq!((answer.status.as_u16(), &*answer.text()), (200, "ok"));
            assert_eq!(answer.header("link"), "</style.css>; rel=preload");
        }
        let mut client = http2(&gateway, &tasks).await;
        for _ in 0..2 {
            let request = Request::get(gateway.url("/x")).body(Empty::<Bytes>::new()).unwrap();
            let answer = tokio::time::timeout(SOON, client.send_request(request)).await;
            let answer = answer.unwrap().unwrap();
            assert_eq!(answer.status(), 200);
            assert_eq!(answer.headers()["link"], "</style.css>; rel=preload");
            assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "ok");
        }
        drop(client);
        assert!(gateway.stop().await.success());
    }
}

/// An application that says this, piece by piece, to every head.
async fn says(tasks: &Supervisor, pieces: &[&str]) -> String {
    let pieces: Arc<[Vec<u8>]> = pieces.iter().map(|piece| piece.as_bytes().to_vec()).collect();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = tasks.clone();
    tasks.run(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let pieces = Arc::clone(&pieces);
            connections.run(async move {
                let (mut text, mut bytes) = (Vec::new(), [0; 65536]);
                while let Ok(count @ 1..) = stream.read(&mut bytes).await {
                    text.extend_from_slice(&bytes[..count]);
                    if text.ends_with(b"\r\n\r\n") {
                        text.clear();
                        for piece in &*pieces {
                            stream.write_all(piece).await.unwrap();
                            tokio::task::yield_now().await;
                        }
                    }
                }
            });
        }
    });
    format!("http://{address}")
}

/// HTTP/2 to a gateway with TLS.
async fn http2(gateway: &Gateway, tasks: &Supervisor) -> SendRequest<Empty<Bytes>> {
    let certificate = std::fs::read(gateway.folder().join("tls.crt")).unwrap();
    let certificate = openssl::x509::X509::from_pem(&certificate).unwrap().to_der().unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from(certificate)).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let port: u16 = gateway.url("").rsplit(':').next().unwrap().parse().unwrap();
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    let handshake = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        .handshake(TokioIo::new(stream));
    let (client, connection) = handshake.await.unwrap();
    tasks.run(async move {
        let _ = connection.await;
    });
    client
}
