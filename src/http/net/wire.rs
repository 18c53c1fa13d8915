//! One connection's bytes, and what is noted of them on the way.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;
use tokio::net::UnixStream;
use tokio_rustls::server::TlsStream;

use crate::base::ErrorCode;
use crate::http::net::head_lines::HeadLines;
use crate::http::net::listener::Accepted;
use crate::http::net::places::Place;

/// A client's connection.
pub(crate) struct Wire {
    stream: Stream,
    notes: Arc<Notes>,
    /// HTTP/2 has no lines.
    lines: Option<HeadLines>,
    /// How much was written of the answer that takes the place of hyper's.
    instead: usize,
    /// Free again when this is closed.
    _place: Place,
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// What a connection's reader, its requests and whoever watches over it tell each other.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// Requests that have begun.
    pub(crate) requests: AtomicU64,
    /// Requests that are being answered.
    pub(crate) busy: AtomicUsize,
    /// Bytes that have moved, either way.
    pub(crate) moved: AtomicU64,
    /// The client does not take what we write.
    pub(crate) blocked: AtomicBool,
    /// What comes next is the head of a request.
    pub(crate) at_head: AtomicBool,
    /// The head that came last has two lengths.
    pub(crate) two_lengths: AtomicBool,
}

macro_rules! each {
    ($wire:expr, $stream:ident => $do:expr) => {
        match &mut $wire.stream {
            Stream::Tcp($stream) => $do,
            Stream::Unix($stream) => $do,
            Stream::Tls($stream) => $do,
        }
    };
}

impl Wire {
    pub(crate) fn new(accepted: Accepted, notes: &Arc<Notes>, place: Place) -> Self {
        let stream = match accepted {
            Accepted::Tcp(stream, _) => Stream::Tcp(stream),
            Accepted::Unix(stream) => Stream::Unix(stream),
        };
        Self::over(stream, notes, place)
    }

    pub(crate) fn tls(stream: TlsStream<TcpStream>, notes: &Arc<Notes>, place: Place) -> Self {
        Self::over(Stream::Tls(Box::new(stream)), notes, place)
    }

    /// The same for HTTP/2.
    pub(crate) fn without_lines(self) -> Self {
        Self { lines: None, ..self }
    }

    pub(crate) const fn is_tls(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }

    fn over(stream: Stream, notes: &Arc<Notes>, place: Place) -> Self {
        notes.at_head.store(true, Relaxed);
        Self {
            stream,
            notes: Arc::clone(notes),
            lines: Some(HeadLines::default()),
            instead: 0,
            _place: place,
        }
    }

    /// Writes what people can make something of in the place of what hyper says by itself.
    fn poll_refuse_head(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = HEAD_TOO_LARGE.get(self.instead..).filter(|rest| !rest.is_empty()) {
            let polled = each!(self, stream => Pin::new(stream).poll_write(context, rest));
            let count = ready!(self.wrote(polled))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.notes.count(count);
            self.instead = self.instead.saturating_add(count);
        }
        let code = ErrorCode::HttpHeadTooLarge.as_str();
        tracing::info!(code, "a head is longer than any may be");
        Poll::Ready(Ok(()))
    }

    fn wrote<T>(&self, polled: Poll<T>) -> Poll<T> {
        self.notes.blocked.store(polled.is_pending(), Relaxed);
        polled
    }
}

impl Notes {
    /// Nobody else writes it at the same time.
    fn count(&self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or_default();
        self.moved.store(self.moved.load(Relaxed).wrapping_add(bytes), Relaxed);
    }
}

/// Whether this is what hyper answers to a head that is too long: without a body, and without the
/// `X-Request-Id` of every answer that has been through the door.
fn is_hypers_431(bytes: &[u8]) -> bool {
    // Nearly everything ends here.
    bytes.starts_with(b"HTTP/1.1 431 ")
        && bytes.ends_with(b"\r\n\r\n")
        && memchr::memmem::find(bytes, b"content-length: 0\r\n").is_some()
        && memchr::memmem::find(bytes, b"x-request-id: ").is_none()
}

const HEAD_TOO_LARGE: &[u8] = b"HTTP/1.1 431 Request Header Fields Too Large\r\n\
    Cache-Control: no-store\r\nContent-Type: text/plain\r\nContent-Length: 114\r\n\
    Connection: close\r\n\r\nWhat your browser sent is too long (http.head_too_large): \
    most often too many cookies. Delete those of this site.\n";

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let begin = buffer.filled().len();
        let polled = each!(self, stream => Pin::new(stream).poll_read(context, buffer));
        if polled.is_ready() {
            let came = buffer.filled().get(begin..).unwrap_or_default();
            self.notes.count(came.len());
            if self.notes.at_head.load(Relaxed)
                && let Some(lines) = &mut self.lines
                && let Some(two_lengths) = lines.see(came)
            {
                self.notes.two_lengths.store(two_lengths, Relaxed);
                self.notes.at_head.store(false, Relaxed);
            }
        }
        polled
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if is_hypers_431(bytes) {
            return self.poll_refuse_head(context).map_ok(|()| bytes.len());
        }
        let polled = each!(self, stream => Pin::new(stream).poll_write(context, bytes));
        if let Poll::Ready(Ok(count)) = polled {
            self.notes.count(count);
        }
        self.wrote(polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_flush(context))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_shutdown(context))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Tcp(stream) => stream.is_write_vectored(),
            Stream::Unix(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(first) = buffers.first().filter(|first| is_hypers_431(first)) {
            return self.poll_refuse_head(context).map_ok(|()| first.len());
        }
        let polled = each!(self, stream => Pin::new(stream).poll_write_vectored(context, buffers));
        if let Poll::Ready(Ok(count)) = polled {
            self.notes.count(count);
        }
        self.wrote(polled)
    }
}
