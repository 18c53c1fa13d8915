//! HTTP/2 as a client of applications: where a route asks for it.
//!
//! In: the same head that HTTP/1.1 would be sent. Out: an answer on the one connection that this
//! thread has to the application.

use bytes::Bytes;
use http::Request;
use http::Response;
use http::Version;
use http::header;
use http::header::HeaderName;
use http::header::HeaderValue;
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;

use crate::access::Timeouts;
use crate::proxy::body::Progress;
use crate::proxy::body::UpstreamBody;
use crate::proxy::dial::Target;
use crate::proxy::error::ProxyError;
use crate::proxy::upstream;

/// A new connection, which the next requests of this thread share.
pub(crate) async fn open(target: &Target) -> Result<SendRequest<UpstreamBody>, ProxyError> {
    let wire = TokioIo::new(target.dial().await?);
    let failed = |error: hyper::Error| ProxyError::Connect {
        upstream: target.name.clone(),
        detail: error.to_string(),
    };
    let handshake = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(std::time::Duration::from_secs(30))
        .max_header_list_size(128 * 1024)
        .handshake(wire);
    let (sender, connection) = handshake.await.map_err(failed)?;
    let name = target.name.clone();
    hyper::rt::Executor::execute(&TokioExecutor::new(), async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, upstream = name, "an HTTP/2 connection broke off");
        }
    });
    upstream::share(target, sender.clone());
    Ok(sender)
}

/// The request whose head HTTP/1.1 would write like this.
pub(crate) fn request(
    target: &Target,
    head: &[u8],
    body: UpstreamBody,
) -> Result<Request<UpstreamBody>, ProxyError> {
    let wrong = || ProxyError::Ambiguous("the request can not be written as HTTP/2".to_owned());
    let mut request = Request::new(body);
    *request.version_mut() = Version::HTTP_2;
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    let mut words = lines.next().unwrap_or_default().split(|byte| *byte == b' ');
    let (method, path) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    *request.method_mut() = http::Method::from_bytes(method).map_err(|_| wrong())?;
    let mut authority = Bytes::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let colon = line.iter().position(|byte| *byte == b':').ok_or_else(wrong)?;
        let (name, value) = line.split_at_checked(colon).ok_or_else(wrong)?;
        let value = value.strip_prefix(b":").unwrap_or_default().trim_ascii();
        let name = HeaderName::from_bytes(name).map_err(|_| wrong())?;
        match name {
            // RFC 9113, 8.3.1: the authority says it, and nothing besides.
            header::HOST => authority = Bytes::copy_from_slice(value),
            header::CONNECTION | header::UPGRADE | header::TRANSFER_ENCODING => {}
            header::EXPECT => {}
            _ => {
                let value = HeaderValue::from_bytes(value).map_err(|_| wrong())?;
                request.headers_mut().append(name, value);
            }
        }
    }
    let uri = http::Uri::builder()
        .scheme(target.scheme())
        .authority(&*authority)
        .path_and_query(path);
    *request.uri_mut() = uri.build().map_err(|_| wrong())?;
    Ok(request)
}

/// A request that has no answer.
pub(crate) struct Unanswered {
    pub(crate) error: ProxyError,
    /// It was the connection's fault; another one may do better.
    pub(crate) stale: bool,
    /// The application has not looked at it.
    pub(crate) ignored: bool,
    /// The body, if nobody has begun to read it.
    pub(crate) body: Option<UpstreamBody>,
}

/// Sends it.
pub(crate) async fn send(
    target: &Target,
    mut sender: SendRequest<UpstreamBody>,
    request: Request<UpstreamBody>,
    progress: &Progress,
    timeouts: Timeouts,
) -> Result<Response<Incoming>, Unanswered> {
    let upstream = || target.name.clone();
    let mut answer = std::pin::pin!(sender.try_send_request(request));
    // The time runs while nothing moves: a slow upload is not a slow application.
    loop {
        let frames = progress.frames();
        match tokio::time::timeout(timeouts.answer, &mut answer).await {
            Ok(Ok(answer)) => {
                progress.answered();
                return Ok(answer);
            }
            Ok(Err(_)) if let Some(refused) = progress.refused() => {
                let error = refused.into();
                return Err(Unanswered { error, stale: false, ignored: false, body: None });
            }
            Ok(Err(mut failed)) => {
                // What comes back has not left.
                let body = failed.take_message().map(Request::into_body);
                let error = failed.into_error();
                let ignored = body.is_some() || was_ignored(&error);
                let stale = ignored || error.is_canceled() || error.is_closed();
                let detail = detail(&error);
                let error = ProxyError::Closed { upstream: upstream(), detail };
                return Err(Unanswered { error, stale, ignored, body });
            }
            Err(_) if progress.frames() != frames => {}
            Err(_) => {
                let error = ProxyError::AnswerTimeout { upstream: upstream() };
                return Err(Unanswered { error, stale: false, ignored: false, body: None });
            }
        }
    }
}

/// RFC 9113, 8.7: a request after the last one that a GOAWAY names, or one that is refused with
/// `REFUSED_STREAM`, was not looked at, and may be sent again whatever it asks for. The h2 crate
/// ends just the streams after the last one with the GOAWAY.
fn was_ignored(error: &hyper::Error) -> bool {
    let error = std::error::Error::source(error).and_then(|source| source.downcast_ref());
    error.is_some_and(|error: &h2::Error| {
        let refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
        error.is_remote() && (error.is_go_away() || refused)
    })
}

/// What the errors inside each other say.
fn detail(error: &dyn std::error::Error) -> String {
    let errors = std::iter::successors(Some(error), |error| error.source());
    errors.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
