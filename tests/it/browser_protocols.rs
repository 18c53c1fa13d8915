//! What pages open besides pages: a WebSocket and a stream of events, in Chromium, until their
//! session ends.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use samlgate::base::Clock as _;
use samlgate::base::clock::SystemClock;
use samlgate::tasks::Supervisor;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};

use crate::support::browser::Browser;
use crate::support::gateway::{Gateway, Setup};
use crate::support::http::Ask;
use crate::support::peers::Idp;

/// What the page writes down, line by line.
const PAGE: &str = "<!doctype html><title>Chat</title><h1>Chat</h1><pre></pre><script>
const write = (line) => document.querySelector('pre').append(line + '\\n');
const socket = new WebSocket(`wss://${location.host}/socket`, ['chat.v2', 'chat.v1']);
socket.binaryType = 'arraybuffer';
socket.onopen = () => {
    write(`open ${socket.protocol}`);
    socket.send('Gr\\u00fc\\u00dfe');
};
socket.onmessage = ({ data }) => {
    if (typeof data === 'string') {
        write(`text ${data}`);
        socket.send(Uint8Array.from({ length: 200000 }, (_, place) => place % 251));
    } else {
        const bytes = new Uint8Array(data);
        const same = bytes.every((byte, place) => byte === place % 251);
        write(`bytes ${bytes.length} ${same}`);
    }
};
socket.onclose = ({ code, reason }) => write(`closed ${code} ${reason} at ${Date.now()}`);
const events = new EventSource('/events');
events.onmessage = async ({ data }) => {
    await fetch(`/seen`, { method: 'POST' });
    write(`event ${data}`);
};
events.onerror = () => write(`no more events ${events.readyState === EventSource.CLOSED}`);
</script>";

/// An application with that page.
struct Chat {
    url: String,
    _tasks: Supervisor,
}

impl Chat {
    async fn start() -> Self {
        let tasks = Supervisor::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        // The page has seen an event.
        let seen = Arc::new(Notify::new());
        let all = tasks.clone();
        tasks.run(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (seen, tasks) = (Arc::clone(&seen), all.clone());
                let service = service_fn(move |request| {
                    let answer = answer(request, Arc::clone(&seen), tasks.clone());
                    async move { Ok::<_, Infallible>(answer) }
                });
                let server = hyper::server::conn::http1::Builder::new();
                let connection = server.serve_connection(TokioIo::new(stream), service);
                all.run(async move {
                    let _ = connection.with_upgrades().await;
                });
            }
        });
        Self { url, _tasks: tasks }
    }
}

fn answer(mut request: Request<Incoming>, seen: Arc<Notify>, tasks: Supervisor) -> Response<Body> {
    let user = request.headers()["remote-user"].to_str().unwrap().to_owned();
    match request.uri().path() {
        "/seen" => {
            seen.notify_one();
            Response::new(Body::empty())
        }
        "/events" => {
            let (sender, receiver) = mpsc::channel(1);
            tasks.run(async move {
                for number in 1.. {
                    let event = format!("data: {number} for {user}\n\n");
                    let frame = hyper::body::Frame::data(Bytes::from(event));
                    if sender.send(Ok::<_, Infallible>(frame)).await.is_err() {
                        return;
                    }
                    // The next one only when this one has arrived; after the third, none.
                    match number {
                        3 => return sender.closed().await,
                        _ => seen.notified().await,
                    }
                }
            });
            Response::builder()
                .header("content-type", "text/event-stream")
                .body(Body::new(Events(receiver)))
                .unwrap()
        }
        "/socket" => {
            let header = |name: &str| request.headers()[name].to_str().unwrap().to_owned();
            let key = header("sec-websocket-key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
            let accept = STANDARD.encode(openssl::sha::sha1(key.as_bytes()));
            assert_eq!(header("sec-websocket-protocol"), "chat.v2, chat.v1");
            assert!(header("sec-websocket-extensions").contains("permessage-deflate"));
            let client = hyper::upgrade::on(&mut request);
            tasks.run(async move {
                let _ = echo(TokioIo::new(client.await.unwrap())).await;
            });
            Response::builder()
                .status(101)
                .header("connection", "Upgrade")
                .header("upgrade", "websocket")
                .header("sec-websocket-accept", accept)
                .header("sec-websocket-protocol", "chat.v1")
                .body(Body::empty())
                .unwrap()
        }
        _ => Response::builder()
            .header("content-type", "text/html")
            .body(Body::from(PAGE))
            .unwrap(),
    }
}

type Frame = Result<hyper::body::Frame<Bytes>, Infallible>;

struct Events(mpsc::Receiver<Frame>);

impl hyper::body::Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Frame>> {
        self.0.poll_recv(context)
    }
}

/// RFC 6455, 5.2: sends every message back, unmasked.
async fn echo(mut client: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<()> {
    loop {
        let first = client.read_u8().await?;
        let length = match client.read_u8().await? & 0x7f {
            126 => usize::from(client.read_u16().await?),
            127 => usize::try_from(client.read_u64().await?).unwrap(),
            length => usize::from(length),
        };
        let mut mask = [0; 4];
        client.read_exact(&mut mask).await?;
        let mut data = vec![0; length];
        client.read_exact(&mut data).await?;
        for (byte, mask) in data.iter_mut().zip(mask.iter().cycle()) {
            *byte ^= mask;
        }
        client.write_u8(first).await?;
        match u8::try_from(length) {
            Ok(length @ ..126) => client.write_u8(length).await?,
            _ => {
                client.write_u8(127).await?;
                client.write_u64(u64::try_from(length).unwrap()).await?;
            }
        }
        client.write_all(&data).await?;
    }
}

async fn signed_in() -> (Browser, Gateway, Idp, Chat) {
    let chat = Chat::start().await;
    let mut setup = Setup::https();
    let idp = Idp::pysaml2(&setup, &[]).await;
    setup = setup.set(
        "attributes",
        "user_name = [\"urn:oid:0.9.2342.19200300.100.1.1\"]",
    );
    let setup = setup.idp("corp", &idp.metadata_url(), "");
    let gateway = setup.route(&chat.url, "headers = [\"remote\"]").start().await;
    let browser = Browser::start().await;
    let page = gateway.url("/");
    browser.goto(&page).await;
    browser.sign_in_at(&idp, "alice").await;
    browser.arrives_at(&page).await;
    (browser, gateway, idp, chat)
}

#[tokio::test]
async fn a_websocket_and_a_stream_of_events_live_as_long_as_their_session() {
    let (browser, gateway, _idp, _chat) = signed_in().await;
    browser.reads("pre", "open chat.v1").await;
    browser.reads("pre", "text Gr\u{fc}\u{df}e").await;
    browser.reads("pre", "bytes 200000 true").await;
    for number in 1..=3 {
        browser.reads("pre", &format!("event {number} for alice")).await;
    }
    let before = browser.text("pre").await;
    assert!(
        !before.contains("closed") && !before.contains("no more"),
        "{before}"
    );

    // Signed out elsewhere: the page hears of it within the five seconds that ended sessions have.
    let name = gateway.session_cookie();
    let cookie = format!("{name}={}", browser.cookie(name).await.unwrap());
    let ask = Ask::new(Method::POST, &gateway.url("/.samlgate/sign_out"));
    let signed_out = SystemClock.now();
    let answer = gateway.visitor().send(ask.header("cookie", &cookie)).await;
    assert_eq!(answer.status, 200);
    browser.reads("pre", "closed 1008 session ended at ").await;
    browser.reads("pre", "no more events false").await;
    let text = browser.text("pre").await;
    let (_, at) = text.split_once("session ended at ").unwrap();
    let at: i64 = at.lines().next().unwrap().parse().unwrap();
    // By the clock of the page: that we read it may take as long as it likes.
    let most = signed_out.plus(Duration::from_secs(5)).unix_micros();
    assert!(at * 1000 < most, "{text}");
    // A browser tries again by itself, and is not let in.
    browser.reads("pre", "no more events true").await;
}
