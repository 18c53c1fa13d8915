//! Bodies on their way through: frame by frame, never collected.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Frame;
use hyper::body::Incoming;
use hyper::body::SizeHint;

use crate::proxy::headers::IdentityNames;

/// Any error of a body.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Resolves when the session has ended: what is still open for it is closed then.
pub type Ended = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The body of an application's answer. It breaks off when the session ends.
pub struct Body {
    inner: Option<Incoming>,
    ended: Option<Ended>,
}

/// Why a body broke off on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session has ended")]
pub struct SessionEnded;

impl Body {
    pub(crate) const fn new(inner: Incoming, ended: Option<Ended>) -> Self {
        Self { inner: Some(inner), ended }
    }

    /// No body, as in a 101.
    pub(crate) const fn empty() -> Self {
        Self { inner: None, ended: None }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(ended) = &mut self.ended
            && ended.as_mut().poll(context).is_ready()
        {
            self.ended = None;
            self.inner = None;
            return Poll::Ready(Some(Err(SessionEnded.into())));
        }
        match &mut self.inner {
            None => Poll::Ready(None),
            Some(inner) => Pin::new(inner).poll_frame(context).map_err(BoxError::from),
        }
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

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Body")
    }
}

/// How much of a request's body went on; a slow upload is not a slow application.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress(Arc<AtomicU64>);

impl Progress {
    pub(crate) fn frames(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The body of a client's request on its way to the application.
pub(crate) struct UpstreamBody {
    inner: Option<UnsyncBoxBody<Bytes, BoxError>>,
    names: Arc<IdentityNames>,
    progress: Progress,
}

impl UpstreamBody {
    pub(crate) fn new<B>(inner: B, names: &Arc<IdentityNames>, progress: &Progress) -> Self
    where
        B: hyper::body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let inner = (!inner.is_end_stream())
            .then(|| UnsyncBoxBody::new(inner.map_err(Into::<BoxError>::into)));
        Self { inner, names: Arc::clone(names), progress: progress.clone() }
    }
}

impl UpstreamBody {
    pub(crate) fn empty(names: &Arc<IdentityNames>) -> Self {
        Self {
            inner: None,
            names: Arc::clone(names),
            progress: Progress::default(),
        }
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
        if let Poll::Ready(frame) = &mut polled {
            self.progress.0.fetch_add(1, Ordering::Relaxed);
            if let Some(Ok(frame)) = frame
                && let Some(trailers) = frame.trailers_mut()
            {
                self.names.clean_trailers(trailers);
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
