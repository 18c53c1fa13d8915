//! What the gateway takes, from one client and in all, and that it lives on beyond.

use std::net::SocketAddr;
use std::time::Duration;

use http::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::app::App;
use crate::support::gateway::{Gateway, Setup};
use crate::support::http::Ask;
use crate::support::idp::{self, TestIdp};

/// Longer than anything here takes.
const SOON: Duration = Duration::from_secs(20);

async fn started(change: impl FnOnce(Setup) -> Setup) -> (Gateway, TestIdp, App) {
    let (idp, app) = (TestIdp::new("corp"), App::start().await);
    let setup = Setup::http().quick_key().idp("corp", &idp.metadata_file(), "");
    let setup = change(setup).route(&app.url(), "public = true");
    (setup.start().await, idp, app)
}

fn address(gateway: &Gateway) -> SocketAddr {
    gateway.url("").replace("http://", "").parse().unwrap()
}

/// A connection from one of the many addresses of loopback.
async fn connect_from(client: &str, gateway: &Gateway) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{client}:0").parse().unwrap()).unwrap();
    socket.connect(address(gateway)).await.unwrap()
}

const GET: &[u8] = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n";

/// The head of the next answer, if there is one: the gateway may have closed the connection.
async fn ask(stream: &mut TcpStream) -> String {
    let _ = stream.write_all(GET).await;
    let mut text = String::new();
    let mut bytes = [0; 4096];
    let read = async {
        while let Ok(count @ 1..) = stream.read(&mut bytes).await {
            text.push_str(&String::from_utf8_lossy(&bytes[..count]));
            if text.contains("}") || text.contains("Sorry") {
                break;
            }
        }
    };
    tokio::time::timeout(SOON, read).await.expect("an answer");
    text
}

/// Asks on new connections until one is let in: a place that was left is noticed in a moment.
async fn let_in(client: &str, gateway: &Gateway) -> TcpStream {
    let trying = async {
        loop {
            let mut stream = connect_from(client, gateway).await;
            if ask(&mut stream).await.starts_with("HTTP/1.1 200") {
                return stream;
            }
        }
    };
    tokio::time::timeout(SOON, trying).await.expect("nobody is let in")
}

#[tokio::test]
async fn whoever_begins_too_many_sign_ins_is_told_when_to_come_back() {
    let (gateway, _idp, _app) =
        started(|setup| setup.set("limits", "sign_in = \"3/h\"\nacs = \"2/h\"")).await;
    let mut visitor = gateway.visitor();
    let start = gateway.url("/.samlgate/start?idp=corp");
    for _ in 0..3 {
        assert_eq!(visitor.get(&start).await.status, 302);
    }
    let refused = visitor.get(&start).await;
    assert_eq!(refused.status, 429);
    let wait: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1100..=1201).contains(&wait), "{wait}");
    assert_eq!(gateway.code_of(&refused).await, "http.too_many");
    let chooser = Ask::new(Method::GET, &gateway.url("/.samlgate/sign_in"));
    let program = visitor.send(chooser.header("accept", "application/json")).await;
    assert_eq!(program.status, 429);
    assert_eq!(program.json()["error"], "too_many_requests");
    // What costs otherwise is counted for itself, and what costs nothing not at all.
    for status in [403, 403, 429] {
        let acs = Ask::new(Method::POST, &gateway.url("/saml/acs"));
        let answer = visitor.send(acs.navigating().form(&idp::fields("<none/>", None))).await;
        assert_eq!(answer.status == 429, status == 429, "{}", answer.status);
    }
    assert_eq!(visitor.get(&gateway.url("/x")).await.status, 200);
    assert_eq!(
        visitor.get(&gateway.url("/.samlgate/user")).await.status,
        401
    );
}

#[tokio::test]
async fn clients_behind_a_trusted_proxy_do_not_count_for_each_other() {
    let (gateway, _idp, _app) = started(|setup| {
        let setup = setup.set("server", "trusted_proxies = [\"127.0.0.1\"]");
        setup.set("limits", "sign_in = \"1/h\"")
    })
    .await;
    let mut visitor = gateway.visitor();
    let mut status = async |client: &str| {
        let start = Ask::new(Method::GET, &gateway.url("/.samlgate/start?idp=corp"));
        visitor.send(start.header("x-forwarded-for", client)).await.status.as_u16()
    };
    assert_eq!(status("198.51.100.7").await, 302);
    assert_eq!(status("198.51.100.7").await, 429);
    assert_eq!(status("198.51.100.8").await, 302);
    assert_eq!(status("2001:db8::1").await, 302);
    assert_eq!(status("2001:db8::2").await, 429);
}

#[tokio::test]
async fn a_provisioning_client_that_asks_too_often_is_told_when_to_come_back() {
    let (gateway, _idp, _app) = started(|setup| setup.set("limits", "scim = \"3/h\"")).await;
    let made = || {
        let made = gateway.command(&["scim", "token", "create", "corp"]).output().unwrap();
        assert!(made.status.success());
        String::from_utf8(made.stdout).unwrap().trim().to_owned()
    };
    let (first, second) = (made(), made());
    let mut client = gateway.visitor();
    let mut ask = async |token: &str| {
        let users = Ask::new(Method::GET, &gateway.url("/scim/v2/Users"));
        client.send(users.header("authorization", &format!("Bearer {token}"))).await
    };
    for _ in 0..3 {
        assert_eq!(ask(&first).await.status, 200);
    }
    let refused = ask(&first).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.headers["content-type"], "application/scim+json");
    assert_eq!(refused.json()["status"], "429");
    let wait: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1100..=1201).contains(&wait), "{wait}");
    // Another token of the same connection is counted for itself.
    assert_eq!(ask(&second).await.status, 200);
}

#[tokio::test]
async fn a_reload_changes_rates_and_forgets_nobody_whose_rate_it_leaves() {
    let (gateway, _idp, _app) = started(|setup| setup.set("limits", "sign_in = \"1/h\"")).await;
    let mut visitor = gateway.visitor();
    let start = gateway.url("/.samlgate/start?idp=corp");
    assert_eq!(visitor.get(&start).await.status, 302);
    let reloaded = async |text: &str| {
        while !gateway.log().contains(text) {
            tokio::task::yield_now().await;
        }
    };
    gateway.reload(|config| config.replace("[telemetry]", "[telemetry]\n# Nothing else.\n"));
    tokio::time::timeout(SOON, reloaded("configuration reloaded")).await.unwrap();
    assert_eq!(visitor.get(&start).await.status, 429);
    gateway.reload(|config| config.replace("\"1/h\"", "\"off\""));
    let free = async { while visitor.get(&start).await.status == 429 {} };
    tokio::time::timeout(SOON, free).await.unwrap();
}

#[tokio::test]
async fn a_gateway_that_is_full_says_so_at_once_and_those_inside_go_on() {
    let (gateway, _idp, _app) = started(|setup| setup.set("server", "max_connections = 5")).await;
    let mut inside = Vec::new();
    for _ in 0..5 {
        inside.push(let_in("127.0.0.1", &gateway).await);
    }
    let refused = ask(&mut connect_from("127.0.0.1", &gateway).await).await;
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    assert!(refused.contains("\r\nRetry-After: "), "{refused}");
    assert!(refused.contains("http.overloaded"), "{refused}");
    for stream in &mut inside {
        assert!(ask(stream).await.starts_with("HTTP/1.1 200"));
    }
    assert!(gateway.admin("/readyz").await.status.is_success());
    inside.pop();
    let_in("127.0.0.1", &gateway).await;
}

#[tokio::test]
async fn one_client_can_not_take_all_places() {
    let (gateway, _idp, _app) =
        started(|setup| setup.set("server", "max_connections_per_client = 3")).await;
    let mut inside = Vec::new();
    for _ in 0..3 {
        inside.push(let_in("127.0.0.5", &gateway).await);
    }
    let refused = ask(&mut connect_from("127.0.0.5", &gateway).await).await;
    assert!(refused.starts_with("HTTP/1.1 429"), "{refused}");
    assert!(refused.contains("http.too_many"), "{refused}");
    let_in("127.0.0.6", &gateway).await;
    drop(inside);
    let_in("127.0.0.5", &gateway).await;
}

/// Heads that do not end, bodies that do not go on, answers that nobody reads.
#[tokio::test]
async fn hundreds_of_slow_clients_keep_nobody_waiting_and_cost_little_memory() {
    let (gateway, _idp, _app) = started(|setup| setup).await;
    let mut visitor = gateway.visitor();
    assert_eq!(visitor.get(&gateway.url("/x")).await.status, 200);
    let head = format!(
        "GET /x HTTP/1.1\r\nHost: a\r\nX-Long: {}",
        "a".repeat(100_000)
    );
    let body = "POST /stream HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nbegun";
    let idle = String::from_utf8_lossy(GET);
    // Of each kind what one may cost in KiB: about twice of what docs/operating.md says, since a
    // program without optimisation has larger futures, and memory comes in portions.
    let kinds = [
        ("", 96),
        ("GET", 96),
        (&idle, 96),
        (&head, 512),
        (body, 256),
    ];
    let mut slow = Vec::new();
    for (bytes, most) in kinds {
        let before = gateway.memory();
        for _ in 0..200 {
            let mut stream = TcpStream::connect(address(&gateway)).await.unwrap();
            stream.write_all(bytes.as_bytes()).await.unwrap();
            slow.push(stream);
        }
        for _ in 0..20 {
            assert_eq!(visitor.get(&gateway.url("/x")).await.status, 200);
        }
        let each = gateway.memory().saturating_sub(before) / 200;
        eprintln!(
            "{each} bytes for each connection with {} bytes",
            bytes.len()
        );
        assert!(each < most * 1024, "{each} bytes for each connection");
    }
}
