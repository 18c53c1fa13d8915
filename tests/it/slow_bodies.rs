//! Bodies that come too slowly, and those that may.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::app::App;
use crate::support::gateway::{Gateway, Setup};
use crate::support::idp::TestIdp;

/// Longer than anything here takes.
const SOON: Duration = Duration::from_secs(20);

/// `/patient` is a route that asks for nothing; the others give a body a second.
async fn started(app: &App) -> (Gateway, TestIdp) {
    let idp = TestIdp::new("corp");
    let setup = Setup::http().quick_key().idp("corp", &idp.metadata_file(), "");
    let patient = format!(
        "[[route]]\npath = \"/patient\"\nupstream = [{:?}]\npublic = true\n\
         timeouts = {{ body = \"0s\" }}",
        app.url()
    );
    let setup = setup.route(&app.url(), "public = true\ntimeouts = { body = \"1s\" }");
    (setup.add(&patient).start().await, idp)
}

async fn begin(gateway: &Gateway, text: &str) -> TcpStream {
    let address: SocketAddr = gateway.url("").replace("http://", "").parse().unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

/// What comes until the gateway closes the connection.
async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let read = tokio::time::timeout(SOON, stream.read_to_end(&mut answer)).await;
    read.expect("the connection stays open").unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

const LENGTH: &str = "Content-Length: 100\r\n\r\nbegun";
const CHUNKED: &str = "Transfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n";

#[tokio::test]
async fn a_body_that_does_not_go_on_is_proxy_body_too_slow() {
    let app = App::start().await;
    let (gateway, _idp) = started(&app).await;
    for (path, framing) in [
        ("/x", LENGTH),
        ("/x", CHUNKED),
        ("/x", "Content-Length: 5\r\n\r\n"),
    ] {
        let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\n{framing}");
        let answer = rest(&mut begin(&gateway, &head).await).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
        assert!(
            answer.contains("What you sent came too slowly."),
            "{answer}"
        );
    }
    gateway.has_logged("\"code\":\"proxy.body_too_slow\"", 3).await;
    // It was not the application's fault.
    let metrics = gateway.admin("/metrics").await.text();
    assert!(
        !metrics.contains("samlgate_upstream_errors_total"),
        "{metrics}"
    );
    assert!(metrics.contains("samlgate_upstream_healthy"), "{metrics}");
}

#[tokio::test]
async fn grpc_a_stream_that_is_answered_and_a_patient_route_are_left_alone() {
    let app = App::start().await;
    let (gateway, _idp) = started(&app).await;
    let post = |path: &str, more: &str| {
        format!("POST {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{more}{CHUNKED}")
    };
    let mut grpc = begin(
        &gateway,
        &post("/x", "Content-Type: application/grpc+proto\r\n"),
    )
    .await;
    // This application answers as it is asked.
    let mut stream = begin(&gateway, &post("/stream", "")).await;
    let mut patient = begin(&gateway, &post("/patient", "")).await;
    // A second later, for all of them.
    let slow = post("/x", "");
    let answer = rest(&mut begin(&gateway, &slow).await).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    for stream in [&mut grpc, &mut stream, &mut patient] {
        stream.write_all(b"6\r\n ended\r\n0\r\n\r\n").await.unwrap();
        let answer = rest(stream).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.contains(" ended"), "{answer}");
    }
}
