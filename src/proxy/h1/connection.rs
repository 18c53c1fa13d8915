//! A connection to an application between and during requests.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::AsyncReadExt as _;
use tokio::time::Instant;
use tokio::time::Sleep;

use crate::proxy::dial::Target;
use crate::proxy::dial::Wire;

/// HTTP/1.1 to one application, one request at a time.
pub(crate) struct Connection {
    pub(crate) target: Arc<Target>,
    pub(crate) wire: Wire,
    /// What was read and not yet understood.
    pub(crate) input: BytesMut,
    pub(crate) alarm: Alarm,
    /// It has answered a request before.
    pub(crate) reused: bool,
    /// How much to read at once.
    piece: usize,
}

impl Connection {
    pub(crate) fn new(target: Arc<Target>, wire: Wire, now: Instant) -> Box<Self> {
        // In a box: it is handed on several times for each request.
        Box::new(Self {
            target,
            wire,
            input: BytesMut::new(),
            alarm: Alarm { sleep: None, last: now },
            reused: false,
            piece: SMALLEST_PIECE,
        })
    }

    /// Reads what has come; 0 is the end.
    pub(crate) fn poll_more(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        // The capacity must not be filled by less than a piece: the runtime then asks the system
        // once more whether there is something left.
        self.input.reserve(self.piece);
        let read = std::pin::pin!(self.wire.read_buf(&mut self.input));
        let polled = read.poll(context);
        if let Poll::Ready(Ok(count)) = polled
            && count >= self.piece
        {
            self.piece = self.piece.saturating_mul(2).min(LARGEST_PIECE);
        }
        polled
    }
}

/// Rings when nothing has moved for a while. It is set once for many requests: setting a timer
/// for each costs more than the request's headers.
pub(crate) struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
    last: Instant,
}

impl Alarm {
    /// For something that has just begun.
    pub(crate) const fn since(now: Instant) -> Self {
        Self { sleep: None, last: now }
    }

    /// When something moved.
    pub(crate) const fn last(&self) -> Instant {
        self.last
    }

    /// Something moved.
    pub(crate) const fn moved(&mut self, now: Instant) {
        self.last = now;
    }

    /// Whether nothing has moved for `limit`; wakes the task when that is so.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>, limit: Duration) -> Poll<()> {
        let due = self.last.checked_add(limit);
        let Some(due) = due else { return Poll::Pending };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        if sleep.deadline() > due {
            // It was set for something that may take longer.
            sleep.as_mut().reset(due);
        }
        loop {
            if sleep.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            if sleep.deadline() >= due {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(due);
        }
    }
}

const SMALLEST_PIECE: usize = 8 * 1024;
const LARGEST_PIECE: usize = 64 * 1024;
