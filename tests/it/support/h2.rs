//! An end of HTTP/2 connections that does what a test says, frame by frame:
//! `tests/peers/h2_endpoint.py`.
//!
//! In: frames to send. Out: the frames that came, as JSON.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use super::peers::python;
use super::process::Process;

/// Longer than anything here takes.
const SOON: Duration = Duration::from_secs(20);

/// A running one.
pub(crate) struct Endpoint {
    control: BufReader<TcpStream>,
    /// What came, and nobody has asked for yet.
    events: VecDeque<Value>,
    _process: Process,
}

/// Whether more comes on a stream.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    More,
    End,
}

impl Endpoint {
    /// Without any connection.
    pub(crate) async fn start() -> Self {
        let mut process = Process::start("h2_endpoint", &mut python("h2_endpoint.py"));
        let port: u16 = process.line_with("ready ").await.parse().unwrap();
        let control = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        Self {
            control: BufReader::new(control),
            events: VecDeque::new(),
            _process: process,
        }
    }

    /// Opens a connection over TLS, as a client.
    pub(crate) async fn connect(&mut self, port: u16, ca: &Path) -> u64 {
        self.tell(json!({ "do": "connect", "port": port, "ca": ca })).await;
        self.until(|event| event["event"] == "connected").await["connection"]
            .as_u64()
            .unwrap()
    }

    /// Takes connections, as an application does; the port.
    pub(crate) async fn listen(&mut self) -> u16 {
        self.tell(json!({ "do": "listen" })).await;
        let port = self.until(|event| event["event"] == "listening").await["port"].as_u64();
        u16::try_from(port.unwrap()).unwrap()
    }

    /// Sends headers, or trailers.
    pub(crate) async fn headers(
        &mut self,
        (connection, stream): (u64, u64),
        headers: &[(&str, &str)],
        then: Then,
    ) {
        let end = then == Then::End;
        let what = json!({
            "do": "headers", "connection": connection, "stream": stream,
            "headers": headers, "end": end,
        });
        self.tell(what).await;
    }

    /// Sends a piece of a body.
    pub(crate) async fn data(&mut self, (connection, stream): (u64, u64), text: &str, then: Then) {
        let end = then == Then::End;
        let what = json!({
            "do": "data", "connection": connection, "stream": stream, "text": text, "end": end,
        });
        self.tell(what).await;
    }

    /// Says that it does not take streams after `last` on this connection; when this returns, the
    /// other end has read it.
    pub(crate) async fn goaway(&mut self, connection: u64, last: u64) {
        let what = json!({ "do": "goaway", "connection": connection, "last": last, "code": 0 });
        self.tell(what).await;
        self.tell(json!({ "do": "ping", "connection": connection })).await;
        self.until(|event| {
            event["connection"] == connection
                && (event["event"] == "pong" || event["event"] == "closed")
        })
        .await;
    }

    /// Breaks a stream off.
    pub(crate) async fn reset(&mut self, (connection, stream): (u64, u64), code: u64) {
        let what =
            json!({ "do": "reset", "connection": connection, "stream": stream, "code": code });
        self.tell(what).await;
    }

    /// Leaves.
    pub(crate) async fn close(&mut self, connection: u64) {
        self.tell(json!({ "do": "close", "connection": connection })).await;
    }

    /// The next request or answer: where it came, and its headers.
    pub(crate) async fn heard(&mut self) -> ((u64, u64), Value) {
        let event = self.until(|event| event["event"] == "headers").await;
        let place = |name: &str| event[name].as_u64().unwrap();
        ((place("connection"), place("stream")), event)
    }

    /// What comes of a stream until its end: the headers, the body, and how it ended.
    pub(crate) async fn answer(&mut self, (connection, stream): (u64, u64)) -> Heard {
        let mut heard = Heard::default();
        loop {
            let event = self
                .until(|event| event["connection"] == connection && event["stream"] == stream)
                .await;
            match event["event"].as_str().unwrap() {
                "headers" if heard.headers.is_null() => heard.headers = event["headers"].clone(),
                "headers" => heard.trailers = event["headers"].clone(),
                "data" => heard.body.push_str(event["text"].as_str().unwrap()),
                "reset" => heard.reset = event["code"].as_u64(),
                other => panic!("{other}"),
            }
            if event["end"] == true || heard.reset.is_some() {
                return heard;
            }
        }
    }

    /// Waits for an event like this. Others stay to be asked for.
    pub(crate) async fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(place) = self.events.iter().position(&wanted) {
            return self.events.remove(place).unwrap();
        }
        loop {
            let mut line = String::new();
            let read = tokio::time::timeout(SOON, self.control.read_line(&mut line)).await;
            let read = read.unwrap_or_else(|_| panic!("it did not come: {:?}", self.events));
            assert_ne!(
                read.unwrap(),
                0,
                "the endpoint has ended: {:?}",
                self.events
            );
            let event: Value = serde_json::from_str(&line).unwrap();
            if wanted(&event) {
                return event;
            }
            self.events.push_back(event);
        }
    }

    /// Whether such an event has come and was not asked for.
    pub(crate) fn has_seen(&self, unwanted: impl Fn(&Value) -> bool) -> bool {
        self.events.iter().any(unwanted)
    }

    async fn tell(&mut self, command: Value) {
        let line = format!("{command}\n");
        self.control.get_mut().write_all(line.as_bytes()).await.unwrap();
    }
}

/// What came on a stream.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) headers: Value,
    pub(crate) body: String,
    pub(crate) trailers: Value,
    /// The code with which it was broken off.
    pub(crate) reset: Option<u64>,
}

impl Heard {
    /// `:status`.
    pub(crate) fn status(&self) -> &str {
        one(&self.headers, ":status")
    }
}

/// The only value of a header; empty when it is not there.
pub(crate) fn one<'h>(headers: &'h Value, name: &str) -> &'h str {
    let all = all(headers, name);
    assert!(all.len() < 2, "several {name} in {headers}");
    all.first().copied().unwrap_or_default()
}

/// Every value of a header.
pub(crate) fn all<'h>(headers: &'h Value, name: &str) -> Vec<&'h str> {
    let Some(headers) = headers.as_array() else {
        return Vec::new();
    };
    let named = headers.iter().filter(|header| header[0] == name);
    named.map(|header| header[1].as_str().unwrap()).collect()
}
