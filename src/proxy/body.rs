//! Bodies on their way through: frame by frame, never collected.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Frame;
use hyper::body::Incoming;
use hyper::body::SizeHint;
use tokio::time::Instant;

use crate::access::Timeouts;
use crate::proxy::balance::Flight;
use crate::proxy::h1::Alarm;
use crate::proxy::h1::Exchange;
use crate::proxy::h1::exchange;
use crate::proxy::headers::IdentityNames;
use crate::proxy::pace::Paced;

/// Any error of a body.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Resolves when the session has ended: what is still open for it is closed then.
pub type Ended = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The body of an application's answer. It breaks off when the session ends.
pub struct Body {
    from: From,
    lasting: Option<Box<Lasting>>,
}

enum From {
    /// It came with the head.
    Whole(Bytes),
    Http1(Box<Exchange>),
    Http2(Incoming),
}

/// What only a body needs that goes on.
struct Lasting {
    ended: Option<Ended>,
    alarm: Alarm,
    timeouts: Timeouts,
    _flight: Option<Flight>,
}

/// Why a body broke off on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session has ended")]
pub struct SessionEnded;

impl Body {
    /// One that is there already; empty as in a 101.
    pub(crate) const fn whole(bytes: Bytes) -> Self {
        Self { from: From::Whole(bytes), lasting: None }
    }

    pub(crate) fn http1(
        exchange: Box<Exchange>,
        timeouts: Timeouts,
        ended: Option<Ended>,
        flight: Option<Flight>,
        now: Instant,
    ) -> Self {
        Self::lasting(From::Http1(exchange), timeouts, ended, flight, now)
    }

    pub(crate) fn http2(
        incoming: Incoming,
        timeouts: Timeouts,
        ended: Option<Ended>,
        flight: Option<Flight>,
        now: Instant,
    ) -> Self {
        Self::lasting(From::Http2(incoming), timeouts, ended, flight, now)
    }

    fn lasting(
        from: From,
        timeouts: Timeouts,
        ended: Option<Ended>,
        flight: Option<Flight>,
        now: Instant,
    ) -> Self {
        let lasting = Lasting { ended, alarm: Alarm::since(now), timeouts, _flight: flight };
        Self { from, lasting: Some(Box::new(lasting)) }
    }

    fn break_off(&mut self) {
        self.from = From::Whole(Bytes::new());
        self.lasting = None;
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let From::Whole(bytes) = &mut self.from {
            let bytes = std::mem::take(bytes);
            return Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))));
        }
        if let Some(lasting) = &mut self.lasting
            && let Some(ended) = &mut lasting.ended
            && ended.as_mut().poll(context).is_ready()
        {
            self.break_off();
            return Poll::Ready(Some(Err(SessionEnded.into())));
        }
        let this = &mut *self;
        match &mut this.from {
            From::Whole(_) => Poll::Ready(None),
            From::Http1(exchange) => exchange.poll_frame(context),
            From::Http2(incoming) => {
                let polled = Pin::new(incoming).poll_frame(context).map_err(BoxError::from);
                if let Some(lasting) = &mut this.lasting {
                    if polled.is_ready() {
                        lasting.alarm.moved(exchange::now());
                    } else if lasting.alarm.poll(context, lasting.timeouts.idle).is_ready() {
                        this.break_off();
                        return Poll::Ready(Some(Err("nothing moved for too long".into())));
                    }
                }
                polled
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.from {
            From::Whole(bytes) => bytes.is_empty(),
            From::Http1(exchange) => exchange.left() == Some(0),
            From::Http2(incoming) => incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.from {
            From::Whole(bytes) => {
                SizeHint::with_exact(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
            }
            From::Http1(exchange) => {
                exchange.left().map_or_else(SizeHint::new, SizeHint::with_exact)
            }
            From::Http2(incoming) => incoming.size_hint(),
        }
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Body")
    }
}

/// The body of a client's request on its way to the application.
pub(crate) struct UpstreamBody {
    inner: Option<UnsyncBoxBody<Bytes, BoxError>>,
    names: Arc<IdentityNames>,
    /// How many bytes more there may be.
    room: u64,
    pace: Option<Paced>,
    progress: Option<Progress>,
}

/// How much of a request's body went on, for those who do not send it themselves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress(Arc<Told>);

#[derive(Debug, Default)]
struct Told {
    frames: AtomicU64,
    answered: AtomicBool,
    refused: OnceLock<Refused>,
}

impl Progress {
    pub(crate) fn frames(&self) -> u64 {
        self.0.frames.load(Ordering::Relaxed)
    }

    /// From now on nobody waits for the body.
    pub(crate) fn answered(&self) {
        self.0.answered.store(true, Ordering::Relaxed);
    }

    /// Why the body was not taken whole.
    pub(crate) fn refused(&self) -> Option<Refused> {
        self.0.refused.get().copied()
    }
}

/// A body that is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// The client sends more than the route takes.
    #[error("the body is longer than the route takes")]
    TooLong,
    /// The client sends less than the route wants.
    #[error("the body comes too slowly")]
    TooSlow,
}

impl UpstreamBody {
    pub(crate) fn new<B>(inner: B, names: &Arc<IdentityNames>, most: Option<u64>) -> Self
    where
        B: hyper::body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let inner = (!inner.is_end_stream())
            .then(|| UnsyncBoxBody::new(inner.map_err(Into::<BoxError>::into)));
        Self {
            inner,
            names: Arc::clone(names),
            room: most.unwrap_or(u64::MAX),
            pace: None,
            progress: None,
        }
    }

    pub(crate) fn empty(names: &Arc<IdentityNames>) -> Self {
        Self {
            inner: None,
            names: Arc::clone(names),
            room: u64::MAX,
            pace: None,
            progress: None,
        }
    }

    /// May not be slower than this; `None`, or zero, is as slow as it likes.
    pub(crate) fn paced(self, limit: Option<Duration>, now: Instant) -> Self {
        let limit = limit.filter(|limit| !limit.is_zero() && self.inner.is_some());
        Self { pace: limit.map(|limit| Paced::new(limit, now)), ..self }
    }

    /// The application answers. What still comes is between the two of them.
    pub(crate) fn answered(&mut self) {
        self.pace = None;
    }

    fn refuse<T>(&self, why: Refused) -> Poll<Option<Result<T, BoxError>>> {
        if let Some(progress) = &self.progress {
            let _ = progress.0.refused.set(why);
        }
        Poll::Ready(Some(Err(why.into())))
    }

    /// Whether the client has not sent anything for too long.
    fn is_too_slow(&mut self, context: &mut Context<'_>) -> bool {
        let Some(pace) = &mut self.pace else {
            return false;
        };
        if pace.poll(context, exchange::now).is_pending() {
            return false;
        }
        let answered = |progress: &Progress| progress.0.answered.load(Ordering::Relaxed);
        if self.progress.as_ref().is_some_and(answered) {
            self.pace = None;
            return false;
        }
        true
    }

    pub(crate) fn telling(self, progress: &Progress) -> Self {
        Self { progress: Some(progress.clone()), ..self }
    }
}

impl hyper::body::Body for UpstreamBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(inner) = &mut self.inner else {
            return Poll::Ready(None);
        };
        let mut polled = Pin::new(inner).poll_frame(context);
        if let (Poll::Ready(_), Some(progress)) = (&polled, &self.progress) {
            progress.0.frames.fetch_add(1, Ordering::Relaxed);
        }
        if polled.is_pending() && self.is_too_slow(context) {
            return self.refuse(Refused::TooSlow);
        }
        if let Poll::Ready(Some(Ok(frame))) = &mut polled {
            if let Some(trailers) = frame.trailers_mut() {
                self.names.clean_trailers(trailers);
            } else if let Some(data) = frame.data_ref() {
                let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
                if let Some(pace) = &mut self.pace {
                    pace.came(length, exchange::now);
                }
                match self.room.checked_sub(length) {
                    Some(room) => self.room = room,
                    None => return self.refuse(Refused::TooLong),
                }
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(hyper::body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), hyper::body::Body::size_hint)
    }
}
