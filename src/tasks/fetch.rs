//! Asks other people's servers: for metadata (GET), and for what an artifact stands for (POST).
//!
//! In: an address. Out: the answer, or why there is none. Promised: HTTPS with the system's
//! certificate authorities, plain HTTP where the operator has named this machine and nowhere else;
//! only addresses that may be asked ([`Reach`]), and the one that was looked at is the one that is
//! connected to; at most three redirects, each looked at in the same way, none to plain HTTP; never
//! more bytes than a document of its kind can have; and all of it within one time.

mod connect;
mod error;
mod reach;

use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT, CONTENT_TYPE, ETAG, HOST, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION,
    USER_AGENT,
};
use http::{HeaderMap, HeaderName, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;
use url::Url;

use crate::base::url::is_loopback;
use connect::Connector;

pub use error::FetchError;
pub use reach::Reach;

/// Metadata hosts redirect at most from a friendly address to the real one.
const MAX_REDIRECTS: usize = 3;
const AGENT: &str = concat!("samlgate/", env!("CARGO_PKG_VERSION"));
const METADATA: &str = "application/samlmetadata+xml, application/xml, text/xml, */*;q=0.1";

/// How much, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// For everything: names, connections, redirects, the last byte.
    pub time: Duration,
    /// Of the document.
    pub bytes: u64,
}

impl Bounds {
    /// Of one document that is read as a whole: the limit of the metadata reader. A host that is
    /// slower is down for our purposes.
    pub const DOCUMENT: Self = Self { time: Duration::from_secs(10), bytes: 8 * 1024 * 1024 };
    /// Of a federation's aggregate. The largest have 100 MB.
    pub const AGGREGATE: Self = Self { time: Duration::from_secs(300), bytes: 150 * 1024 * 1024 };
}

/// What a document is asked again by, cheaply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    /// `ETag`
    pub etag: Option<String>,
    /// `Last-Modified`
    pub last_modified: Option<String>,
}

/// A document, and what to ask it again by.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The document.
    pub body: Bytes,
    /// `ETag`
    pub etag: Option<String>,
    /// `Last-Modified`
    pub last_modified: Option<String>,
}

/// The answer to a question that had validators with it.
#[derive(Clone, Debug)]
pub enum Answer<D> {
    /// There is another one.
    New(D),
    /// 304: it is still the one that we have.
    Same,
}

/// A message that is sent by POST.
#[derive(Clone, Debug)]
pub struct Message<'m> {
    /// `Content-Type`
    pub content_type: &'m str,
    /// Other headers: `SOAPAction`.
    pub headers: &'m [(HeaderName, &'m str)],
    /// The body.
    pub body: Bytes,
    /// How large its answer may be, and how long it may take.
    pub bounds: Bounds,
}

/// The answer to a message.
#[derive(Clone, Debug)]
pub struct Posted {
    /// What the server calls it; a SOAP fault comes with 500.
    pub status: StatusCode,
    /// `Content-Type`
    pub content_type: Option<String>,
    /// The body.
    pub body: Bytes,
}

/// Asks; keep one, it holds the certificate authorities.
#[derive(Clone, Debug)]
pub struct Fetcher {
    connector: Connector,
}

impl Fetcher {
    /// Reads the system's certificate authorities. Reaches the Internet, and what is named as
    /// this machine.
    pub fn new() -> Result<Self, FetchError> {
        Ok(Self { connector: Connector::new()? })
    }

    /// The same, going as far as this.
    #[must_use]
    pub fn reaching(mut self, reach: Reach) -> Self {
        self.connector.reach = reach;
        self
    }

    /// Fetches the document at `address`.
    pub async fn fetch(&self, address: &str) -> Result<Fetched, FetchError> {
        match self.fetch_if(address, &Validators::default(), Bounds::DOCUMENT).await? {
            Answer::New(fetched) => Ok(fetched),
            Answer::Same => Err(FetchError::Status(StatusCode::NOT_MODIFIED)),
        }
    }

    /// Fetches the document at `address` if it is another one than we have.
    pub async fn fetch_if(
        &self,
        address: &str,
        known: &Validators,
        bounds: Bounds,
    ) -> Result<Answer<Fetched>, FetchError> {
        let mut bytes = Vec::new();
        let answer = self.follow(address, known, Sink::Memory(&mut bytes), bounds);
        Ok(match within(bounds, answer).await? {
            Answer::Same => Answer::Same,
            Answer::New(Validators { etag, last_modified }) => {
                Answer::New(Fetched { body: bytes.into(), etag, last_modified })
            }
        })
    }

    /// The same, into a file: what is large never is in memory.
    pub async fn download(
        &self,
        address: &str,
        known: &Validators,
        file: &mut File,
        bounds: Bounds,
    ) -> Result<Answer<Validators>, FetchError> {
        within(
            bounds,
            self.follow(address, known, Sink::File(file), bounds),
        )
        .await
    }

    /// Sends a message, and takes whatever answer comes. It goes to this address and no other: a
    /// redirect is an answer.
    pub async fn post(
        &self,
        address: &str,
        from: Option<&str>,
        message: &Message<'_>,
    ) -> Result<Posted, FetchError> {
        within(message.bounds, async {
            let from = from.and_then(|from| Url::parse(from).ok());
            let url = allowed(address, from.as_ref())?;
            let mut request = Request::post(target(&url))
                .header(HOST, authority(&url))
                .header(USER_AGENT, AGENT)
                .header(CONTENT_TYPE, message.content_type);
            for (name, value) in message.headers {
                request = request.header(name, *value);
            }
            let request = request.body(Full::new(message.body.clone())).map_err(broken)?;
            let stream = self.connector.connect(&url).await?;
            exchange(stream, request, async |response: Response<Incoming>| {
                let status = response.status();
                let content_type = text(response.headers(), &CONTENT_TYPE);
                let mut bytes = Vec::new();
                let sink = Sink::Memory(&mut bytes);
                pour(response.into_body(), sink, message.bounds).await?;
                Ok(Posted { status, content_type, body: bytes.into() })
            })
            .await
        })
        .await
    }

    async fn follow(
        &self,
        address: &str,
        known: &Validators,
        mut sink: Sink<'_>,
        bounds: Bounds,
    ) -> Result<Answer<Validators>, FetchError> {
        let mut url = allowed(address, None)?;
        for _ in 0..=MAX_REDIRECTS {
            let mut request = Request::get(target(&url))
                .header(HOST, authority(&url))
                .header(USER_AGENT, AGENT)
                .header(ACCEPT, METADATA);
            if let Some(etag) = &known.etag {
                request = request.header(IF_NONE_MATCH, etag);
            }
            if let Some(last_modified) = &known.last_modified {
                request = request.header(IF_MODIFIED_SINCE, last_modified);
            }
            let request = request.body(Full::default()).map_err(broken)?;
            let stream = self.connector.connect(&url).await?;
            let asked = *known != Validators::default();
            let next = exchange(stream, request, async |response: Response<Incoming>| {
                let headers = response.headers();
                match response.status() {
                    StatusCode::OK => {}
                    StatusCode::NOT_MODIFIED if asked => return Ok(Next::Answer(Answer::Same)),
                    status if status.is_redirection() && headers.contains_key(LOCATION) => {
                        return Ok(Next::Location(text(headers, &LOCATION).unwrap_or_default()));
                    }
                    status => return Err(FetchError::Status(status)),
                }
                let validators = Validators {
                    etag: text(headers, &ETAG),
                    last_modified: text(headers, &LAST_MODIFIED),
                };
                pour(response.into_body(), sink.again(), bounds).await?;
                Ok(Next::Answer(Answer::New(validators)))
            });
            match next.await? {
                Next::Answer(answer) => return Ok(answer),
                Next::Location(location) => {
                    let next = url.join(&location).map_err(|_| FetchError::Address(location))?;
                    url = allowed(next.as_str(), Some(&url))?;
                }
            }
        }
        Err(FetchError::Redirects(MAX_REDIRECTS))
    }
}

/// What a request led to.
enum Next {
    Answer(Answer<Validators>),
    Location(String),
}

/// Where a document goes.
enum Sink<'s> {
    Memory(&'s mut Vec<u8>),
    File(&'s mut File),
}

impl Sink<'_> {
    fn again(&mut self) -> Sink<'_> {
        match self {
            Self::Memory(bytes) => Sink::Memory(bytes),
            Self::File(file) => Sink::File(file),
        }
    }
}

/// One request on one connection, which is driven beside it and ends with it.
async fn exchange<T>(
    stream: Box<dyn connect::Stream>,
    request: Request<Full<Bytes>>,
    read: impl AsyncFnOnce(Response<Incoming>) -> Result<T, FetchError>,
) -> Result<T, FetchError> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(broken)?;
        read(response).await
    };
    tokio::pin!(answer, connection);
    tokio::select! {
        biased;
        answer = &mut answer => answer,
        // The server closes behind its answer, which may not have been read yet.
        _ = &mut connection => answer.await,
    }
}

async fn pour(mut body: Incoming, mut sink: Sink<'_>, bounds: Bounds) -> Result<(), FetchError> {
    let mut poured = 0_u64;
    while let Some(frame) = body.frame().await {
        let Ok(bytes) = frame.map_err(broken)?.into_data() else {
            continue;
        };
        poured = poured.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if poured > bounds.bytes {
            return Err(FetchError::Size(bounds.bytes));
        }
        match &mut sink {
            Sink::Memory(all) => all.extend_from_slice(&bytes),
            Sink::File(file) => {
                let written = file.write_all(&bytes).await;
                written.map_err(|error| FetchError::Disk(error.to_string()))?;
            }
        }
    }
    if let Sink::File(file) = sink {
        file.flush().await.map_err(|error| FetchError::Disk(error.to_string()))?;
    }
    Ok(())
}

async fn within<T>(
    bounds: Bounds,
    work: impl Future<Output = Result<T, FetchError>>,
) -> Result<T, FetchError> {
    let time = bounds.time;
    tokio::time::timeout(time, work).await.unwrap_or(Err(FetchError::Timeout(time)))
}

/// Whether we ask this address at all, which came from an operator or from the server at `from`.
fn allowed(address: &str, from: Option<&Url>) -> Result<Url, FetchError> {
    let refused = || FetchError::Address(address.to_owned());
    let url = Url::parse(address).map_err(|_| refused())?;
    let host = url.host_str().ok_or_else(refused)?;
    let here = |url: &Url| url.host_str().is_some_and(is_loopback);
    // This machine is asked for those whom it sent itself.
    let loopback = is_loopback(host) && from.is_none_or(here);
    let downgrade = from.is_some_and(|from| from.scheme() == "https" && url.scheme() != "https");
    let fine = match url.scheme() {
        "https" => !is_loopback(host) || loopback,
        "http" => loopback && !downgrade,
        _ => false,
    };
    let anonymous = url.username().is_empty() && url.password().is_none();
    (fine && anonymous).then_some(url.clone()).ok_or_else(refused)
}

/// What stands behind the method.
fn target(url: &Url) -> String {
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}

fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned)
}

fn broken(error: impl std::error::Error) -> FetchError {
    let cause = error.source().map(ToString::to_string);
    FetchError::Connection(short(&cause.unwrap_or_else(|| error.to_string())))
}

/// What somebody else's certificate can make as long as it likes.
fn short(text: &str) -> String {
    let mut characters = text.chars();
    let mut short: String = characters.by_ref().take(200).collect();
    if characters.next().is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests;
