//! An answer on its way to the client: one of ours, or an application's that passes through
//! without another box around it.

use std::pin::Pin;
use std::task::Context;
use std::task::Poll;

use bytes::Bytes;
use http::Response;
use hyper::body::Frame;
use hyper::body::SizeHint;

use crate::proxy::Body;
use crate::proxy::BoxError;

/// An answer.
pub type Outgoing = Response<OutgoingBody>;

/// Its body.
#[derive(Debug)]
pub enum OutgoingBody {
    /// A page, JSON, a redirect.
    Ours(axum::body::Body),
    /// An application's.
    Theirs(Body),
}

/// An answer in our own name.
pub fn ours(response: axum::response::Response) -> Outgoing {
    response.map(OutgoingBody::Ours)
}

/// An application's answer.
pub fn theirs(response: Response<Body>) -> Outgoing {
    response.map(OutgoingBody::Theirs)
}

impl hyper::body::Body for OutgoingBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::Ours(body) => Pin::new(body).poll_frame(context).map_err(BoxError::from),
            Self::Theirs(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Ours(body) => body.is_end_stream(),
            Self::Theirs(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Ours(body) => body.size_hint(),
            Self::Theirs(body) => body.size_hint(),
        }
    }
}
