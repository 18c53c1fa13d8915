//! One connection's bytes, and how long its first request may take.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;

/// Bytes both ways.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

pub(crate) fn boxed(wire: impl Wire + 'static) -> Box<dyn Wire> {
    Box::new(wire)
}

/// A connection whose first request must come in time. Hyper's own time is the longer one for
/// connections that have shown what they are for, and does not run before a connection's first
/// bytes have told HTTP/1 from HTTP/2.
pub(crate) struct Opening {
    wire: Box<dyn Wire>,
    deadline: Option<Pin<Box<tokio::time::Sleep>>>,
    begun: Arc<AtomicBool>,
}

impl Opening {
    pub(crate) fn new(wire: Box<dyn Wire>, head: Duration, begun: Arc<AtomicBool>) -> Self {
        Self {
            wire,
            deadline: Some(Box::pin(tokio::time::sleep(head))),
            begun,
        }
    }
}

impl AsyncRead for Opening {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.wire).poll_read(context, buffer);
        if let Some(deadline) = &mut self.deadline {
            if deadline.as_mut().poll(context).is_pending() {
                return polled;
            }
            self.deadline = None;
            if !self.begun.load(Ordering::Relaxed) {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        polled
    }
}

impl AsyncWrite for Opening {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.wire).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.wire.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.wire).poll_write_vectored(context, buffers)
    }
}
