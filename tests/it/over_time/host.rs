//! A host of metadata, on loopback, which does what a test says.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What it answers.
#[derive(Clone, Debug)]
pub(super) enum Says {
    /// This document, by this `ETag`; 304 to those who know it.
    Document(String, &'static str),
    /// These bytes, and no HTTP around them.
    Garbage,
    /// Go elsewhere.
    Redirect(&'static str),
    /// More than there is room for.
    Huge,
    /// 503.
    Down,
    /// Nothing: the connection ends.
    Gone,
    /// A byte now and then, for as long as somebody listens.
    Slow,
}

/// It, and the requests that it had.
#[derive(Clone)]
pub(super) struct Host {
    address: SocketAddr,
    says: Arc<Mutex<Says>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Host {
    pub(super) fn saying(says: Says) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = Self {
            address: listener.local_addr().unwrap(),
            says: Arc::new(Mutex::new(says)),
            asked: Arc::default(),
        };
        let answering = host.clone();
        std::thread::Builder::new()
            .spawn(move || {
                for stream in listener.incoming() {
                    // Whoever is answered slowly holds up nobody else.
                    let (answering, stream) = (answering.clone(), stream.unwrap());
                    std::thread::Builder::new().spawn(move || answering.answer(stream)).unwrap();
                }
            })
            .unwrap();
        host
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(super) fn says(&self, says: Says) {
        *self.says.lock().unwrap() = says;
    }

    /// The heads of the requests so far.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn answer(&self, mut stream: TcpStream) {
        let mut head = Vec::new();
        let mut one = [0];
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut one).unwrap_or(0) == 1 {
            head.extend_from_slice(&one);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        self.asked.lock().unwrap().push(head.clone());
        let says = self.says.lock().unwrap().clone();
        // Who has heard enough closes.
        let _ = match says {
            Says::Document(_, etag) if head.contains(&format!("if-none-match: {etag}")) => {
                stream.write_all(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 0\r\n\r\n")
            }
            Says::Document(text, etag) => {
                let length = text.len();
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nETag: {etag}\r\nContent-Length: {length}\r\n\r\n{text}"
                );
                stream.write_all(answer.as_bytes())
            }
            Says::Garbage => stream.write_all(b"220 mail.example.com ESMTP\r\n"),
            Says::Redirect(to) => {
                let answer =
                    format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes())
            }
            Says::Huge => huge(&mut stream),
            Says::Gone => Ok(()),
            Says::Slow => slow(&mut stream),
            Says::Down => {
                stream.write_all(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
            }
        };
    }
}

fn huge(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")?;
    let zeroes = vec![b' '; 1024 * 1024];
    for _ in 0..20 {
        stream.write_all(&zeroes)?;
    }
    Ok(())
}

fn slow(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n")?;
    stream.set_read_timeout(Some(Duration::from_millis(500)))?;
    loop {
        stream.write_all(b"<")?;
        // Nothing more is asked: this waits until the other side has enough.
        match stream.read(&mut [0]) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            _ => return Ok(()),
        }
    }
}
