//! What a route changes on the way, how much it takes, and which application it chooses.

use super::world::OK;
use super::world::SOON;
use super::world::Set;
use super::world::World;
use super::world::application;
use super::world::raw;
use super::world::tcp;
use axum::body::Body;
use http::HeaderName;
use http::HeaderValue;
use http::Response;
use samlgate::access::Balance;
use samlgate::access::Ejection;
use samlgate::access::HeaderEdits;
use samlgate::access::HealthCheck;
use samlgate::access::PathMatch;
use samlgate::base::ProxyProtocol;
use samlgate::tasks::Supervisor;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Notify;

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn the_path_of_a_route_is_replaced_and_the_application_is_told() {
    let tasks = Supervisor::new();
    let (app, mut heads) = raw(&tasks, OK).await;
    for (path, rewrite, asked, target, prefix) in [
        ("/app", "", "/app", "/", Some("/app")),
        ("/app", "", "/app/", "/", Some("/app")),
        ("/app", "", "/app?q=/app", "/?q=/app", Some("/app")),
        (
            "/app",
            "",
            "/app/x%20y;v=1?q=%2F",
            "/x%20y;v=1?q=%2F",
            Some("/app"),
        ),
        ("/app", "", "/%61pp/%78", "/x", Some("/app")),
        ("/app", "/v2", "/app", "/v2", Some("/app")),
        ("/app", "/v2", "/app/app/x", "/v2/app/x", Some("/app")),
        ("/", "/v2", "/x", "/v2/x", None),
        ("/", "/v2", "/", "/v2/", None),
    ] {
        let mut set = Set::before(vec![tcp(app)]);
        set.route.path = PathMatch::Prefix(path.to_owned());
        set.route.rewrite = Some(rewrite.to_owned());
        let world = set.start().await;
        let request = format!(
            "GET {asked} HTTP/1.1\r\nHost: a\r\nX-Forwarded-Prefix: /forged\r\nConnection: close\r\n\r\n"
        );
        assert!(world.exchange(request.as_bytes()).await.starts_with("HTTP/1.1 200 "));
        let head = heads.recv().await.unwrap();
        assert!(
            head.starts_with(&format!("GET {target} HTTP/1.1\r\n")),
            "{asked}: {head}"
        );
        let told = head.lines().filter_map(|line| line.strip_prefix("x-forwarded-prefix: "));
        assert_eq!(
            told.collect::<Vec<_>>(),
            prefix.into_iter().collect::<Vec<_>>(),
            "{head}"
        );
    }
    let mut set = Set { trusted: &["127.0.0.1/32"], ..Set::before(vec![tcp(app)]) };
    set.route.path = PathMatch::Prefix("/app".to_owned());
    set.route.rewrite = Some(String::new());
    let request = b"GET /app/x HTTP/1.1\r\nHost: a\r\nX-Forwarded-Prefix: /front/\r\nConnection: close\r\n\r\n";
    set.start().await.exchange(request).await;
    let head = heads.recv().await.unwrap();
    assert!(
        head.contains("\r\nx-forwarded-prefix: /front/app\r\n"),
        "{head}"
    );
}

fn edits(set: &[(&'static str, &'static str)], remove: &[&'static str]) -> HeaderEdits {
    let name = |name: &'static str| HeaderName::from_static(name);
    HeaderEdits {
        set: set
            .iter()
            .map(|(n, value)| (name(n), HeaderValue::from_static(value)))
            .collect(),
        remove: remove.iter().map(|n| name(n)).collect(),
    }
}

#[tokio::test]
async fn headers_are_set_and_removed_on_both_ways() {
    let tasks = Supervisor::new();
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nserver: Secret/1\r\nx-kept: 1\r\n\
                  x-frame-options: ALLOW\r\nx-frame-options: TOO\r\n\r\nok";
    let (app, mut heads) = raw(&tasks, answer).await;
    let mut set = Set::before(vec![tcp(app)]);
    set.route.request_headers = edits(
        &[("x-tenant", "north"), ("authorization", "Basic YTpi")],
        &["x-debug"],
    );
    set.route.response_headers = edits(&[("x-frame-options", "DENY")], &["server"]);
    let request = "GET / HTTP/1.1\r\nHost: a\r\nX-Tenant: south\r\nX-TENANT: west\r\nX-Debug: 1\r\n\
                   Authorization: Basic bWFsbG9yeQ==\r\nX-Other: 1\r\nConnection: close\r\n\r\n";
    let answer = set.start().await.exchange(request.as_bytes()).await.to_lowercase();
    let head = heads.recv().await.unwrap();
    for (line, count) in [
        ("x-tenant: ", 1),
        ("x-tenant: north", 1),
        ("x-debug", 0),
        ("authorization: ", 1),
        ("basic ytpi", 1),
        ("x-other: 1", 1),
    ] {
        assert_eq!(
            head.to_lowercase().matches(line).count(),
            count,
            "{line} {head}"
        );
    }
    for (line, count) in [
        ("x-frame-options: ", 1),
        ("x-frame-options: deny", 1),
        ("server: ", 0),
        ("x-kept: 1", 1),
    ] {
        assert_eq!(answer.matches(line).count(), count, "{line} {answer}");
    }
}

#[tokio::test]
async fn a_body_that_is_longer_than_the_route_takes_is_proxy_body_too_large() {
    let tasks = Supervisor::new();
    let app = application(&tasks, async |request| {
        let body = axum::body::to_bytes(Body::new(request.into_body()), 1 << 20).await;
        let length = body.map_or(-1, |body| i64::try_from(body.len()).unwrap());
        Response::new(Body::from(format!("got {length}")))
    })
    .await;
    let mut set = Set::before(vec![tcp(app)]);
    set.route.max_body = Some(10);
    let world = set.start().await;
    let post = |head: &str, body: &str| {
        format!("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{head}\r\n\r\n{body}")
    };
    for (request, end) in [
        (post("Content-Length: 10", "0123456789"), "got 10"),
        (
            post(
                "Transfer-Encoding: chunked",
                "5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n",
            ),
            "5\r\ngot 10",
        ),
    ] {
        let answer = world.exchange(request.as_bytes()).await;
        assert!(
            answer.starts_with("HTTP/1.1 200 ") && answer.contains(end.trim_start_matches("5\r\n")),
            "{answer}"
        );
    }
    for request in [
        // Refused before a byte of it has come.
        post("Content-Length: 11", ""),
        post("Content-Length: 11\r\nExpect: 100-continue", ""),
        post(
            "Transfer-Encoding: chunked",
            "5\r\n01234\r\n6\r\n56789a\r\n0\r\n\r\n",
        ),
        // Refused at the byte that is too much, while more might follow.
        post(
            "Transfer-Encoding: chunked",
            "5\r\n01234\r\n6\r\n56789a\r\n",
        ),
    ] {
        let answer = world.exchange(request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{request} {answer}");
        assert!(answer.contains("proxy.body_too_large"), "{answer}");
    }
}

/// An application that says its name, as long as it is well.
struct App {
    address: SocketAddr,
    well: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
    checked: Arc<Notify>,
}

impl App {
    async fn start(tasks: &Supervisor, name: &'static str) -> Self {
        let (well, asked) = (
            Arc::new(AtomicBool::new(true)),
            Arc::new(AtomicUsize::new(0)),
        );
        let checked = Arc::new(Notify::new());
        let (is_well, count, notify) =
            (Arc::clone(&well), Arc::clone(&asked), Arc::clone(&checked));
        let address = application(tasks, move |request| {
            let (well, count, notify) = (
                Arc::clone(&is_well),
                Arc::clone(&count),
                Arc::clone(&notify),
            );
            async move {
                let status = if well.load(Ordering::SeqCst) {
                    200
                } else {
                    500
                };
                if request.uri().path() == "/health" {
                    assert_eq!(request.headers()["host"], "app.internal");
                    assert_eq!(request.headers()["x-probe"], "1");
                    notify.notify_one();
                } else {
                    count.fetch_add(1, Ordering::SeqCst);
                }
                Response::builder().status(status).body(Body::from(name)).unwrap()
            }
        })
        .await;
        Self { address, well, asked, checked }
    }

    fn asked(&self) -> usize {
        self.asked.swap(0, Ordering::SeqCst)
    }
}

async fn get(world: &World, times: usize) {
    for _ in 0..times {
        let answer = world.exchange(GET).await;
        assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
    }
}

#[tokio::test]
async fn an_application_that_can_not_be_reached_is_left_alone_and_one_that_says_500_is_not() {
    let tasks = Supervisor::new();
    let (one, two) = (
        App::start(&tasks, "one").await,
        App::start(&tasks, "two").await,
    );
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    one.well.store(false, Ordering::SeqCst);
    let mut set = Set::before(vec![tcp(one.address), tcp(nobody), tcp(two.address)]);
    set.route.ejection = Ejection { failures: 2, pause: Duration::from_secs(3600) };
    let world = set.start().await;
    get(&world, 12).await;
    // Each request was answered, whoever was asked first, and in equal shares.
    assert_eq!((one.asked(), two.asked()), (6, 6));
    let out: Vec<_> = world.balancers.iter().flat_map(|balancer| balancer.members()).collect();
    assert!(format!("{out:?}").contains(&nobody.to_string()));
}

#[tokio::test]
async fn an_application_whose_check_fails_gets_no_requests_until_it_is_well_again() {
    let tasks = Supervisor::new();
    let (one, two) = (
        App::start(&tasks, "one").await,
        App::start(&tasks, "two").await,
    );
    let mut set = Set::before(vec![tcp(one.address), tcp(two.address)]);
    set.route.host_header = Some("app.internal".to_owned());
    set.route.request_headers = edits(&[("x-probe", "1")], &[]);
    set.route.health = Some(HealthCheck {
        path: "/health".to_owned(),
        interval: Duration::from_millis(1),
        timeout: SOON,
        healthy: 2,
        unhealthy: 2,
    });
    let world = set.start().await;
    let checks = async |app: &App| {
        // The third answer is asked for after two have been read.
        for _ in 0..4 {
            tokio::time::timeout(SOON, app.checked.notified()).await.unwrap();
        }
    };
    get(&world, 4).await;
    assert_eq!((one.asked(), two.asked()), (2, 2));
    two.well.store(false, Ordering::SeqCst);
    checks(&two).await;
    get(&world, 4).await;
    assert_eq!((one.asked(), two.asked()), (4, 0));
    two.well.store(true, Ordering::SeqCst);
    checks(&two).await;
    get(&world, 4).await;
    assert_eq!((one.asked(), two.asked()), (2, 2));
}

#[tokio::test]
async fn the_application_with_the_fewest_requests_is_asked() {
    let tasks = Supervisor::new();
    let (begun, mut hung) = tokio::sync::mpsc::channel(10);
    // One never ends its answer, so that its request stays in flight.
    let slow = application(&tasks, move |_| {
        let begun = begun.clone();
        async move {
            begun.send(()).await.unwrap();
            let stream = Body::new(Endless);
            Response::new(stream)
        }
    })
    .await;
    let quick = App::start(&tasks, "quick").await;
    let mut set = Set::before(vec![tcp(slow), tcp(quick.address)]);
    set.route.balance = Balance::LeastRequests;
    let world = set.start().await;
    let mut stream = tokio::net::TcpStream::connect(world.gateway).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stream, GET).await.unwrap();
    super::world::read_until(&mut stream, "\r\n\r\n").await;
    tokio::time::timeout(SOON, hung.recv()).await.unwrap();
    get(&world, 5).await;
    assert_eq!(quick.asked(), 5);
}

/// A body that begins, and never ends.
struct Endless;

impl hyper::body::Body for Endless {
    type Data = bytes::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<bytes::Bytes>, Self::Error>>> {
        std::task::Poll::Pending
    }
}

#[tokio::test]
async fn the_proxy_protocol_may_be_required_of_trusted_proxies_or_be_no_http() {
    let tasks = Supervisor::new();
    let (app, mut heads) = raw(&tasks, OK).await;
    let with = [b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n", GET].concat();
    for (proxy_protocol, request, status, client) in [
        (
            ProxyProtocol::Required,
            with.as_slice(),
            "HTTP/1.1 200 ",
            Some("192.0.2.7"),
        ),
        (ProxyProtocol::Required, GET, "", None),
        (ProxyProtocol::Off, GET, "HTTP/1.1 200 ", Some("127.0.0.1")),
        (ProxyProtocol::Off, with.as_slice(), "HTTP/1.1 400 ", None),
        (
            ProxyProtocol::Optional,
            GET,
            "HTTP/1.1 200 ",
            Some("127.0.0.1"),
        ),
    ] {
        let set = Set {
            trusted: &["127.0.0.1/32"],
            proxy_protocol,
            ..Set::before(vec![tcp(app)])
        };
        let world = set.start().await;
        let mut stream = tokio::net::TcpStream::connect(world.gateway).await.unwrap();
        // The gateway may have closed before all of it is written.
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, request).await;
        let mut answer = Vec::new();
        let read = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut answer);
        let _ = tokio::time::timeout(SOON, read).await.unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(
            answer.starts_with(status) && answer.is_empty() == status.is_empty(),
            "{proxy_protocol:?} {answer}"
        );
        if let Some(client) = client {
            let head = heads.recv().await.unwrap();
            assert!(head.contains(&format!("x-real-ip: {client}\r\n")), "{head}");
        }
    }
}
