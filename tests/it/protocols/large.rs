//! Two gigabytes up and down, by curl, in memory that stays flat.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use samlgate::tasks::Supervisor;
use tokio::net::TcpListener;

use super::world::{Town, route};

const SIZE: u64 = 2 << 30;

/// By how much the gateway may grow: buffers of 400 KB on each side, to which hyper's grow, the
/// window of HTTP/2 (1 MB), records of TLS, and what an allocator holds back of all these. Seen are
/// 2 MB; a hundredth of what passes through would be 20.
const MOST: usize = 8 << 20;

/// Without optimisation, and with other tests beside it, each takes from 3 to 20 seconds.
const PATIENCE: Duration = Duration::from_secs(100);

/// An application that counts what it is sent, and sends as much as it is asked for.
async fn warehouse(tasks: &Supervisor) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = tasks.clone();
    tasks.run(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            connections.run(async move {
                let service =
                    service_fn(|request| async { Ok::<_, Infallible>(serve(request).await) });
                let server = hyper::server::conn::http1::Builder::new();
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}

async fn serve(request: Request<Incoming>) -> Response<Body> {
    if let Some(sized) = request.uri().path().strip_prefix("/down") {
        return Response::new(Body::new(Zeros { left: SIZE, sized: sized == "/sized" }));
    }
    let mut body = request.into_body();
    let mut count = 0;
    while let Some(frame) = body.frame().await {
        count += frame.unwrap().data_ref().map_or(0, Bytes::len);
    }
    Response::new(Body::from(count.to_string()))
}

struct Zeros {
    left: u64,
    /// Its length is said before.
    sized: bool,
}

static ZEROS: [u8; 1 << 16] = [0; 1 << 16];

impl hyper::body::Body for Zeros {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= 1 << 16;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&ZEROS)))))
    }

    fn size_hint(&self) -> SizeHint {
        match self.sized {
            true => SizeHint::with_exact(self.left),
            false => SizeHint::new(),
        }
    }
}

/// Lets curl do each of these, and sees what the gateway took for all of them.
async fn flat(town: &Town, transfers: &[(&str, &[&str])]) {
    let file = town.gateway.folder().join("zeros");
    std::fs::File::create(&file).unwrap().set_len(SIZE).unwrap();
    // Whatever is made once is there afterwards.
    town.curl("/up", &["-d", "small"]).output().await;
    let before = town.gateway.memory();
    for (path, options) in transfers {
        let mut arguments = options.to_vec();
        if *path == "/up" {
            // It prints what the application counted.
            arguments.extend(["--upload-file", file.to_str().unwrap()]);
        } else {
            arguments.extend(["--output", "/dev/null", "--write-out", "%{size_download}"]);
        }
        let count = town.curl(path, &arguments).output_within(PATIENCE).await;
        assert_eq!(count, SIZE.to_string(), "{path} {options:?}");
        let grown = town.gateway.most_memory().saturating_sub(before);
        eprintln!("{path} {options:?}: {grown} bytes");
        assert!(grown < MOST, "{path} {options:?}: {grown} bytes");
    }
}

async fn http_1_1(transfers: &[(&str, &[&str])]) {
    let tasks = Supervisor::new();
    let app = warehouse(&tasks).await;
    flat(&Town::http(&route("/", app, "")).await, transfers).await;
}

async fn http_2(transfers: &[(&str, &[&str])]) {
    let tasks = Supervisor::new();
    let app = warehouse(&tasks).await;
    flat(&Town::https(&route("/", app, "")).await, transfers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gigabytes_go_up_by_http_1_1() {
    http_1_1(&[("/up", &[]), ("/up", &["-H", "Transfer-Encoding: chunked"])]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gigabytes_come_down_by_http_1_1() {
    http_1_1(&[("/down", &[]), ("/down/sized", &[])]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gigabytes_go_up_by_http_2_over_tls() {
    http_2(&[("/up", &["--http2"])]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gigabytes_come_down_by_http_2_over_tls() {
    http_2(&[("/down", &["--http2"])]).await;
}
