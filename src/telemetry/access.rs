//! The access log: a line for each request.
//!
//! With `telemetry.log = "json"` a worker writes its lines itself, into memory, and hands them to
//! the system in one piece as soon as it has nothing else to do: before it waits for anything, so
//! no line waits with it, and an orderly end loses none. `kill -9` loses those of the requests
//! that were answered in the same moment. When whoever reads the log is slow, requests are: no
//! line is ever left out. Other lines of a worker go the same way ([`Sink`]), and a warning takes
//! everything before it along at once. Text goes through `tracing` like every other line.

use std::cell::Cell;
use std::cell::RefCell;
use std::io;
use std::io::Write;
use std::net::IpAddr;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use http::Method;
use http::StatusCode;
use tracing::Level;

use crate::base::Timestamp;
use crate::base::json::number;
use crate::base::json::string;

/// One request and its answer.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// `X-Request-Id`.
    pub request_id: &'a str,
    /// The method.
    pub method: &'a Method,
    /// The path, as it was sent.
    pub path: &'a str,
    /// What was answered.
    pub status: StatusCode,
    /// The route.
    pub route: &'a str,
    /// The client.
    pub client: Option<IpAddr>,
    /// How long it took.
    pub duration: Duration,
    /// How long the application took.
    pub upstream: Option<Duration>,
}

impl Line<'_> {
    /// Writes it; `now` is when it was answered.
    pub fn write(&self, now: Timestamp) {
        if !tracing::enabled!(target: "samlgate::access", Level::INFO) {
            return;
        }
        if !JSON.load(Relaxed) {
            self.trace();
            return;
        }
        // A thread that ends has flushed its lines, and writes no more.
        let _ = BUFFER.try_with(|buffer| {
            let mut buffer = buffer.borrow_mut();
            self.json(&mut buffer, now);
            if !WAITS.get() || buffer.len() > ENOUGH {
                hand_over(&mut buffer);
            }
        });
    }

    fn trace(&self) {
        tracing::info!(
            target: "samlgate::access",
            request_id = self.request_id,
            method = self.method.as_str(),
            path = self.path,
            status = self.status.as_u16(),
            route = self.route,
            client = self.client.map(tracing::field::display),
            duration_us = micros(self.duration),
            upstream_us = self.upstream.map(micros),
            "request"
        );
    }

    /// The same as `tracing` writes it.
    fn json(&self, out: &mut Vec<u8>, now: Timestamp) {
        out.extend_from_slice(b"{\"timestamp\":\"");
        write_time(out, now);
        out.extend_from_slice(b"\",\"level\":\"INFO\",\"message\":\"request\",\"request_id\":");
        string(out, self.request_id);
        out.extend_from_slice(b",\"method\":");
        string(out, self.method.as_str());
        out.extend_from_slice(b",\"path\":");
        string(out, self.path);
        out.extend_from_slice(b",\"status\":");
        out.extend_from_slice(self.status.as_str().as_bytes());
        out.extend_from_slice(b",\"route\":");
        string(out, self.route);
        if let Some(client) = self.client {
            out.extend_from_slice(b",\"client\":\"");
            super::write_address(out, client);
            out.push(b'"');
        }
        out.extend_from_slice(b",\"duration_us\":");
        number(out, micros(self.duration));
        if let Some(upstream) = self.upstream {
            out.extend_from_slice(b",\"upstream_us\":");
            number(out, micros(upstream));
        }
        out.extend_from_slice(b",\"target\":\"samlgate::access\"}\n");
    }
}

/// Takes the lines of JSON that are not about requests; one is an event of `tracing`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sink {
    urgent: bool,
}

impl Sink {
    /// For events of this level.
    pub(super) fn of(level: Level) -> Self {
        Self { urgent: level <= Level::WARN }
    }
}

impl Write for Sink {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let kept = BUFFER.try_with(|buffer| {
            let mut buffer = buffer.borrow_mut();
            buffer.extend_from_slice(line);
            if self.urgent || !WAITS.get() || buffer.len() > ENOUGH {
                hand_over(&mut buffer);
            }
        });
        match kept {
            Ok(()) => Ok(line.len()),
            // The thread ends.
            Err(_) => io::stderr().write(line),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether lines are JSON.
pub(super) fn begin(json: bool) {
    JSON.store(json, Relaxed);
}

/// From now on this thread calls [`flush`] before it waits.
pub fn buffer() {
    WAITS.set(true);
}

/// Hands over the lines of this thread.
pub fn flush() {
    let _ = BUFFER.try_with(|buffer| {
        let mut buffer = buffer.borrow_mut();
        if !buffer.is_empty() {
            hand_over(&mut buffer);
        }
    });
}

fn hand_over(buffer: &mut Vec<u8>) {
    // There is nobody whom one could tell that the log can not be written.
    let _ = io::stderr().lock().write_all(buffer);
    buffer.clear();
    buffer.shrink_to(ENOUGH.saturating_mul(2));
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// `2026-11-21T09:30:00.123456Z`. The second is written anew when it is another one.
pub(super) fn write_time(out: &mut Vec<u8>, now: Timestamp) {
    let second = now.unix_seconds();
    SECOND.with_borrow_mut(|(kept, text)| {
        if *kept != second || text.is_empty() {
            *kept = second;
            *text = Timestamp::from_unix_seconds(second).to_rfc3339();
            text.pop();
        }
        out.extend_from_slice(text.as_bytes());
    });
    let fraction = now.unix_micros().rem_euclid(1_000_000);
    out.push(b'.');
    let begin = out.len();
    number(out, u64::try_from(fraction + 1_000_000).unwrap_or_default());
    // The digit before them kept their zeros.
    out.remove(begin);
    out.push(b'Z');
}

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static WAITS: Cell<bool> = const { Cell::new(false) };
    static SECOND: RefCell<(i64, String)> = const { RefCell::new((0, String::new())) };
}

static JSON: AtomicBool = AtomicBool::new(false);

/// As many bytes are handed over even while there is more to do.
const ENOUGH: usize = 32 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_what_tracing_writes() {
        let line = Line {
            request_id: "04c0",
            method: &Method::GET,
            path: "/a\"b",
            status: StatusCode::NOT_FOUND,
            route: "/",
            client: Some("192.0.2.101".parse().unwrap()),
            duration: Duration::from_micros(12_675),
            upstream: Some(Duration::ZERO),
        };
        let shown = |line: &Line<'_>| {
            let mut out = Vec::new();
            line.json(&mut out, Timestamp::from_unix_micros(1_795_253_400_000_456));
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            shown(&line),
            "{\"timestamp\":\"2026-11-21T09:30:00.000456Z\",\"level\":\"INFO\",\"message\":\"request\",\
             \"request_id\":\"04c0\",\"method\":\"GET\",\"path\":\"/a\\\"b\",\"status\":404,\"route\":\"/\",\
             \"client\":\"192.0.2.101\",\"duration_us\":12675,\"upstream_us\":0,\"target\":\"samlgate::access\"}\n"
        );
        let line = Line { client: None, upstream: None, ..line };
        assert!(shown(&line).contains("\"route\":\"/\",\"duration_us\":12675,\"target\""));
    }
}
