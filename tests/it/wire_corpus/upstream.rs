//! An application that reads by the letter, and writes down every byte that reaches it.

use std::sync::{Arc, Mutex};

use samlgate::tasks::Supervisor;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What came, request by request.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) bytes: Vec<u8>,
    pub(super) whole: bool,
}

/// A running one; it ends with its test.
pub(super) struct Recorder {
    pub(super) url: String,
    requests: Arc<Mutex<Vec<Request>>>,
    _tasks: Supervisor,
}

impl Recorder {
    pub(super) async fn start() -> Self {
        let tasks = Supervisor::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::default());
        let (known, connections) = (Arc::clone(&requests), tasks.clone());
        tasks.run(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.run(record(stream, Arc::clone(&known)));
            }
        });
        Self { url, requests, _tasks: tasks }
    }

    /// What came since somebody asked last.
    pub(super) fn take(&self) -> Vec<Request> {
        std::mem::take(&mut *self.requests.lock().unwrap())
    }
}

async fn record(mut stream: TcpStream, requests: Arc<Mutex<Vec<Request>>>) {
    let mut bytes = Vec::new();
    let mut piece = [0; 65536];
    loop {
        let whole = length(&bytes).is_some_and(|length| bytes.len() >= length);
        if !bytes.is_empty() {
            note(&requests, &bytes, whole);
        }
        if whole {
            // Written down before it is answered: whoever has the answer finds it.
            let rest = bytes.split_off(length(&bytes).unwrap_or_default());
            bytes = rest;
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
            if stream.write_all(answer).await.is_err() {
                return;
            }
            continue;
        }
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => return,
            Ok(count) => bytes.extend_from_slice(&piece[..count]),
        }
    }
}

fn note(requests: &Mutex<Vec<Request>>, bytes: &[u8], whole: bool) {
    let mut requests = requests.lock().unwrap();
    let request = Request { bytes: bytes.to_vec(), whole };
    match requests.last_mut() {
        Some(last) if !last.whole && bytes.starts_with(&last.bytes) => *last = request,
        _ => requests.push(request),
    }
}

/// How long the first request is, once that is known. Anything out of the ordinary has no length,
/// and so is never whole.
fn length(bytes: &[u8]) -> Option<usize> {
    let end = find(bytes, b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..end]).ok()?.to_ascii_lowercase();
    let values = |name: &str| {
        let lines = head.split("\r\n").filter_map(|line| line.split_once(": "));
        lines
            .filter(|line| line.0 == name)
            .map(|line| line.1.to_owned())
            .collect::<Vec<_>>()
    };
    match (
        &values("content-length")[..],
        &values("transfer-encoding")[..],
    ) {
        ([], []) => Some(end),
        ([length], []) => Some(end + length.parse::<usize>().ok()?),
        ([], [coding]) if coding == "chunked" => {
            let mut at = end;
            loop {
                let line = find(&bytes[at..], b"\r\n")?;
                let size = std::str::from_utf8(&bytes[at..at + line]).ok()?;
                let size = usize::from_str_radix(size, 16).ok()?;
                at += line + 2;
                if size == 0 {
                    return match bytes.get(at..at + 2)? {
                        b"\r\n" => Some(at + 2),
                        _ => Some(at + find(&bytes[at..], b"\r\n\r\n")? + 4),
                    };
                }
                (bytes.get(at + size..at + size + 2)? == b"\r\n").then_some(())?;
                at += size + 2;
            }
        }
        _ => None,
    }
}

pub(super) fn find(bytes: &[u8], mark: &[u8]) -> Option<usize> {
    bytes.windows(mark.len()).position(|window| window == mark)
}
