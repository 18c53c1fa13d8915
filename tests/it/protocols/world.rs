//! A gateway, Alice who is signed in there, and an application whose part the test plays.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use http::Method;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::support::gateway::{Gateway, Setup};
use crate::support::h2::{Endpoint, Then};
use crate::support::http::{Ask, Visitor};
use crate::support::idp::{self, TestIdp};
use crate::support::process::Process;

/// Longer than anything here takes.
pub(super) const SOON: Duration = Duration::from_secs(20);

pub(super) struct Town {
    pub(super) gateway: Gateway,
    alice: Visitor,
    cookie: String,
    _idp: TestIdp,
}

impl Town {
    /// At `https://localhost`, where HTTP/2 is spoken too; `routes` are whole tables.
    pub(super) async fn https(routes: &str) -> Self {
        Self::with(Setup::https(), routes).await
    }

    /// At `http://127.0.0.1`, for bytes that no client library sends.
    pub(super) async fn http(routes: &str) -> Self {
        Self::with(Setup::http(), routes).await
    }

    async fn with(setup: Setup, routes: &str) -> Self {
        let idp = TestIdp::new("corp");
        let setup = setup.quick_key().idp("corp", &idp.metadata_file(), "").add(routes);
        let gateway = setup.start().await;
        let mut alice = gateway.visitor();
        let start = alice.get(&gateway.url("/.samlgate/start?idp=corp")).await;
        let request = idp.read(&start);
        let xml = idp.write(&idp.answer(&request));
        let fields = idp::fields(&xml, Some(&request.relay_state));
        let acs = Ask::new(Method::POST, &gateway.url("/saml/acs"));
        let came_in = alice.send(acs.navigating().form(&fields)).await;
        assert_eq!(came_in.status, 303, "{}", came_in.text());
        let name = gateway.session_cookie();
        let value = alice.cookie(&gateway.url("/"), name).unwrap();
        Self { cookie: format!("{name}={value}"), gateway, alice, _idp: idp }
    }

    /// `localhost:PORT`
    pub(super) fn host(&self) -> String {
        let url = self.gateway.url("");
        url.split_once("://").unwrap().1.to_owned()
    }

    /// `__Host-samlgate=…`, also when Alice has signed out.
    pub(super) fn cookie(&self) -> &str {
        &self.cookie
    }

    /// Its certificate.
    pub(super) fn ca(&self) -> PathBuf {
        self.gateway.folder().join("tls.crt")
    }

    /// Alice signs out, in another window.
    pub(super) async fn sign_out(&mut self) {
        let ask = Ask::new(Method::POST, &self.gateway.url("/.samlgate/sign_out"));
        assert_eq!(self.alice.send(ask).await.status, 200);
    }

    /// A connection for bytes that no client library sends.
    pub(super) async fn connect(&self) -> Peer {
        Peer::over(TcpStream::connect(("127.0.0.1", self.gateway.port())).await.unwrap())
    }

    /// curl asks as Alice for this path; its output is what it prints.
    pub(super) fn curl(&self, path: &str, arguments: &[&str]) -> Asking {
        let mut command = Command::new("curl");
        command
            .args(["-sS", "--globoff", "--path-as-is"])
            .args([
                "--resolve",
                &format!("localhost:{}:127.0.0.1", self.gateway.port()),
            ])
            .args(["--header", &format!("Cookie: {}", self.cookie())])
            .args(arguments)
            .arg(self.gateway.url(path));
        if self.ca().exists() {
            command.arg("--cacert").arg(self.ca());
        }
        Asking(Process::start("curl", &mut command))
    }

    /// nghttp asks as Alice for this path; its output are the frames, too.
    pub(super) fn nghttp(&self, path: &str, arguments: &[&str]) -> Asking {
        let mut command = Command::new("nghttp");
        command
            .arg("--verbose")
            .arg(format!("--header=cookie: {}", self.cookie()))
            .args(arguments)
            .arg(self.gateway.url(path).replace("localhost", "127.0.0.1"));
        Asking(Process::start("nghttp", &mut command))
    }

    /// An HTTP/2 connection for frames that no client library sends.
    pub(super) async fn h2(&self, client: &mut Endpoint) -> u64 {
        client.connect(self.gateway.port(), &self.ca()).await
    }

    /// Alice's request by HTTP/2, with further headers.
    pub(super) async fn ask(
        &self,
        client: &mut Endpoint,
        place: (u64, u64),
        (method, path): (&str, &str),
        more: &[(&str, &str)],
        then: Then,
    ) {
        let host = self.host();
        let mut headers = vec![
            (":method", method),
            (":scheme", "https"),
            (":authority", &host),
            (":path", path),
            ("cookie", &self.cookie),
        ];
        headers.extend_from_slice(more);
        client.headers(place, &headers, then).await;
    }
}

/// A program that asks once and ends.
pub(super) struct Asking(Process);

impl Asking {
    /// Waits until it has printed this, and the end of the line.
    pub(super) async fn prints(&mut self, mark: &str) {
        self.0.line_with(mark).await;
    }

    /// What it printed, when it ends well.
    pub(super) async fn output(self) -> String {
        self.output_within(SOON).await
    }

    /// The same for what takes longer than anything else.
    pub(super) async fn output_within(mut self, patience: Duration) -> String {
        let status = self.0.ended_within(patience).await;
        assert!(status.success(), "{status}: {}", self.0.output());
        self.0.output()
    }
}

/// An application whose part the test plays.
pub(super) struct App {
    listener: TcpListener,
}

impl App {
    pub(super) async fn start() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    /// A route for everything to it; `more` are further lines.
    pub(super) fn route(&self, more: &str) -> String {
        route("/", self.listener.local_addr().unwrap(), more)
    }

    /// What a route names as its upstream.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.listener.local_addr().unwrap())
    }

    /// The next connection to it.
    pub(super) async fn accept(&self) -> Peer {
        let accepted = tokio::time::timeout(SOON, self.listener.accept()).await;
        Peer::over(accepted.expect("nobody connects").unwrap().0)
    }

    /// Whether somebody has connected who was not accepted yet.
    pub(super) async fn is_asked(&self) -> bool {
        tokio::select! {
            biased;
            _ = self.listener.accept() => true,
            () = tokio::task::yield_now() => false,
        }
    }
}

/// A `[[route]]`; every application is told who it is by `Remote-User`.
pub(super) fn route(path: &str, upstream: SocketAddr, more: &str) -> String {
    format!(
        "[[route]]\npath = {path:?}\nupstream = [\"http://{upstream}\"]\n\
         headers = [\"remote\"]\n{more}\n"
    )
}

/// One end of an HTTP/1.1 connection, played by the test.
pub(super) struct Peer {
    stream: BufReader<TcpStream>,
}

/// A request or an answer as it came.
#[derive(Debug, Default)]
pub(super) struct Message {
    /// The first line and the headers, with the empty line.
    pub(super) head: String,
    pub(super) body: String,
    pub(super) trailers: String,
}

impl Peer {
    fn over(stream: TcpStream) -> Self {
        Self { stream: BufReader::new(stream) }
    }

    pub(super) async fn say(&mut self, text: &str) {
        self.stream.get_mut().write_all(text.as_bytes()).await.unwrap();
    }

    /// The head of the next message.
    pub(super) async fn head(&mut self) -> String {
        self.until("\r\n\r\n").await
    }

    /// The next message, to its end.
    pub(super) async fn message(&mut self) -> Message {
        let head = self.head().await;
        self.rest(head).await
    }

    /// What follows a head.
    pub(super) async fn rest(&mut self, head: String) -> Message {
        let mut message = Message { head, ..Message::default() };
        if let Some(length) = header(&message.head, "content-length").first() {
            let mut body = vec![0; length.parse().unwrap()];
            let read = tokio::time::timeout(SOON, self.stream.read_exact(&mut body)).await;
            read.expect("the body does not end").unwrap();
            message.body = String::from_utf8(body).unwrap();
        } else if header(&message.head, "transfer-encoding") == ["chunked"] {
            loop {
                let size = self.until("\r\n").await;
                let size = usize::from_str_radix(size.trim(), 16).unwrap();
                if size == 0 {
                    break;
                }
                let chunk = self.exactly(size + 2).await;
                message.body.push_str(&chunk[..size]);
            }
            loop {
                let line = self.until("\r\n").await;
                if line == "\r\n" {
                    break;
                }
                message.trailers.push_str(&line);
            }
        }
        message
    }

    /// Reads until what was read ends with `mark`.
    pub(super) async fn until(&mut self, mark: &str) -> String {
        let mut text = Vec::new();
        let read = async {
            while !text.ends_with(mark.as_bytes()) {
                match self.stream.read_u8().await {
                    Ok(byte) => text.push(byte),
                    Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&text)),
                }
            }
        };
        let read = tokio::time::timeout(SOON, read).await.is_ok();
        let text = String::from_utf8_lossy(&text).into_owned();
        assert!(read, "waited for {mark:?}: {text:?}");
        text
    }

    /// What comes until the connection closes.
    pub(super) async fn until_closed(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let read = tokio::time::timeout(SOON, self.stream.read_to_end(&mut rest)).await;
        // Whether it was closed or broken off is the same to whoever reads.
        let _ = read.expect("the connection stays open");
        rest
    }

    /// So many bytes.
    pub(super) async fn exactly(&mut self, count: usize) -> String {
        let mut bytes = vec![0; count];
        let read = tokio::time::timeout(SOON, self.stream.read_exact(&mut bytes)).await;
        read.expect("they do not come").unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl AsyncRead for Peer {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

/// Every value of a header in a head.
pub(super) fn header<'h>(head: &'h str, name: &str) -> Vec<&'h str> {
    let lines = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    lines
        .filter(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
        .collect()
}
