//! What is open when the gateway is told to stop, and two gateways on one port.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use samlgate::tasks::Supervisor;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::app::App;
use crate::support::gateway::{Gateway, Setup};
use crate::support::http::Visitor;
use crate::support::idp::TestIdp;
use crate::support::ports;
use crate::support::process::Process;

/// Longer than anything here takes.
const SOON: Duration = Duration::from_secs(25);

const ASK: &[u8] = b"GET /socket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";
const AGREED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// An application that agrees to every WebSocket, and says again what it hears: a test sends what
/// a server would. `/late` it answers when it hears the rest of the body.
async fn echo(tasks: &Supervisor) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = tasks.clone();
    tasks.run(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            connections.run(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = stream.read_u8().await else {
                        return;
                    };
                    head.push(byte);
                }
                if head.starts_with(b"POST") {
                    let mut body = [0; 4];
                    if stream.read_exact(&mut body).await.is_ok() {
                        let late = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate";
                        let _ = stream.write_all(late).await;
                    }
                    return;
                }
                stream.write_all(AGREED).await.unwrap();
                let mut bytes = [0; 1024];
                while let Ok(count @ 1..) = stream.read(&mut bytes).await {
                    if stream.write_all(&bytes[..count]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    format!("http://{address}")
}

async fn started(app: &str, grace: &str) -> (Gateway, TestIdp) {
    let idp = TestIdp::new("corp");
    let setup = Setup::http().quick_key().idp("corp", &idp.metadata_file(), "");
    let setup = setup.set("server", &format!("shutdown_grace = {grace:?}"));
    (setup.route(app, "public = true").start().await, idp)
}

fn address(url: &str) -> SocketAddr {
    url.replace("http://", "").parse().unwrap()
}

async fn web_socket(gateway: &Gateway) -> TcpStream {
    let mut stream = TcpStream::connect(address(&gateway.url(""))).await.unwrap();
    stream.write_all(ASK).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "), "{head:?}");
    stream
}

/// Sends this, and hears it again.
async fn is_open(stream: &mut TcpStream, frame: &[u8]) {
    stream.write_all(frame).await.unwrap();
    let mut heard = vec![0; frame.len()];
    let read = tokio::time::timeout(SOON, stream.read_exact(&mut heard)).await;
    read.expect("nothing comes back").unwrap();
    assert_eq!(heard, frame);
}

/// SIGTERM, and nobody is let in any more.
async fn told_to_stop(gateway: &Gateway) {
    gateway.signal("TERM");
    let refused = async {
        while TcpStream::connect(address(&gateway.url(""))).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, refused).await.expect("it still listens");
}

async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    let read = tokio::time::timeout(SOON, stream.read_to_end(&mut rest)).await;
    read.expect("the connection stays open").unwrap();
    rest
}

#[tokio::test]
async fn a_websocket_goes_on_as_long_as_a_request_may_and_is_told_1001_at_the_end() {
    let tasks = Supervisor::new();
    let app = echo(&tasks).await;
    let (mut gateway, _idp) = started(&app, "6s").await;
    let mut between = web_socket(&gateway).await;
    let mut within = web_socket(&gateway).await;
    let mut upload = TcpStream::connect(address(&gateway.url(""))).await.unwrap();
    let head = b"POST /late HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbo";
    upload.write_all(head).await.unwrap();
    is_open(&mut between, b"\x81\x02hi").await;
    told_to_stop(&gateway).await;
    is_open(&mut between, b"\x81\x05still").await;
    // The beginning of a frame: nothing can be said in the middle of it.
    is_open(&mut within, b"\x81\x05on").await;
    upload.write_all(b"dy").await.unwrap();
    let answer = String::from_utf8(rest(&mut upload).await).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("late"),
        "{answer}"
    );
    assert_eq!(rest(&mut between).await, b"\x88\x0c\x03\xe9going away");
    assert_eq!(rest(&mut within).await, b"");
    drop((between, within));
    assert!(gateway.ended().await.success());
    assert!(!gateway.log().contains("some requests were cut off"));
}

#[tokio::test]
async fn a_gateway_ends_with_its_last_websocket() {
    let tasks = Supervisor::new();
    let app = echo(&tasks).await;
    let (mut gateway, _idp) = started(&app, "1h").await;
    let mut stream = web_socket(&gateway).await;
    told_to_stop(&gateway).await;
    is_open(&mut stream, b"\x81\x02hi").await;
    drop(stream);
    assert!(gateway.ended().await.success());
}

#[tokio::test]
async fn a_websocket_in_which_nothing_moves_is_closed_and_one_that_talks_is_not() {
    let (idp, tasks) = (TestIdp::new("corp"), Supervisor::new());
    let app = echo(&tasks).await;
    let setup = Setup::http().quick_key().idp("corp", &idp.metadata_file(), "");
    let setup = setup.route(&app, "public = true\ntimeouts = { idle = \"4s\" }");
    let gateway = setup.start().await;
    let (mut silent, mut talking) = (web_socket(&gateway).await, web_socket(&gateway).await);
    let (closed, mut is_closed) = tokio::sync::oneshot::channel();
    tasks.run(async move {
        let _ = closed.send(rest(&mut silent).await);
    });
    let heard = loop {
        is_open(&mut talking, b"\x81\x02hi").await;
        if let Ok(heard) = is_closed.try_recv() {
            break heard;
        }
    };
    assert_eq!(heard, b"\x88\x06\x03\xe9idle");
    is_open(&mut talking, b"\x81\x05still").await;
}

/// A second gateway on the data and the port of this one.
fn beside(old: &Gateway) -> (Process, u16) {
    let admin = ports::free();
    let config = old.folder().join("new.toml");
    let text = std::fs::read_to_string(old.folder().join("samlgate.toml")).unwrap();
    let listen = |url: &str| format!("listen = \"{}\"", url.replace("http://", ""));
    let text = text.replace(
        &listen(&old.admin_url("")),
        &format!("listen = \"127.0.0.1:{admin}\""),
    );
    std::fs::write(&config, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_samlgate"));
    command.arg("serve").arg("--config").arg(&config).current_dir(old.folder());
    (Process::start("the new samlgate", &mut command), admin)
}

#[tokio::test]
async fn a_gateway_takes_the_port_of_another_where_both_may_have_it() {
    let (idp, app) = (TestIdp::new("corp"), App::start().await);
    let setup = Setup::http().quick_key().idp("corp", &idp.metadata_file(), "");
    let setup = setup.set("server", "reuse_port = true");
    let mut old = setup.route(&app.url(), "public = true").start().await;
    let (mut new, admin) = beside(&old);
    new.listening_on(admin).await;
    let ready = format!("http://127.0.0.1:{admin}/readyz");
    let wait = async { while !Visitor::new().get(&ready).await.status.is_success() {} };
    tokio::time::timeout(SOON, wait).await.expect("it does not become ready");
    assert!(old.stop().await.success());
    for _ in 0..20 {
        assert_eq!(old.visitor().get(&old.url("/x")).await.status, 200);
    }
    assert!(new.stop().await.success());
}

#[tokio::test]
async fn a_second_gateway_on_the_port_is_a_mistake_unless_it_is_meant() {
    let (idp, app) = (TestIdp::new("corp"), App::start().await);
    let setup = Setup::http().quick_key().idp("corp", &idp.metadata_file(), "");
    let old = setup.route(&app.url(), "public = true").start().await;
    let (mut new, _) = beside(&old);
    assert_eq!(new.ended().await.code(), Some(1));
    assert!(
        new.output().contains(&old.url("").replace("http://", "")),
        "{}",
        new.output()
    );
}
