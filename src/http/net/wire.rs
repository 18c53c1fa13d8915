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

use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;
use tokio::net::UnixStream;
use tokio_rustls::server::TlsStream;

use crate::http::net::head_lines::HeadLines;
use crate::http::net::listener::Accepted;
use crate::http::net::places::Place;

/// A client's connection.
pub(crate) struct Wire {
    stream: Stream,
    notes: Arc<Notes>,
    /// HTTP/2 has no lines.
    lines: Option<HeadLines>,
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
            _place: place,
        }
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

macro_rules! each {
    ($wire:expr, $stream:ident => $do:expr) => {
        match &mut $wire.stream {
            Stream::Tcp($stream) => $do,
            Stream::Unix($stream) => $do,
            Stream::Tls($stream) => $do,
        }
    };
}

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
        let polled = each!(self, stream => Pin::new(stream).poll_write_vectored(context, buffers));
        if let Poll::Ready(Ok(count)) = polled {
            self.notes.count(count);
        }
        self.wrote(polled)
    }
}
