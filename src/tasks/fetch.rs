//! Fetches one document over HTTP: metadata of an identity provider.
//!
//! In: an address. Out: the document with its validators, or why there is none. HTTPS with the
//! system's certificate authorities; plain HTTP on loopback alone.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, ETAG, HOST, LAST_MODIFIED, LOCATION, USER_AGENT};
use http::{HeaderMap, HeaderName, Request, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::crypto::ring;
use url::Url;

use crate::base::ErrorCode;
use crate::base::url::is_loopback;

/// Longest wait for the whole document. A metadata host that is slower is down for our purposes.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Largest document: the limit of the metadata reader.
const MAX_BYTES: usize = 8 * 1024 * 1024;
/// Metadata hosts redirect at most from a friendly address to the real one.
const MAX_REDIRECTS: usize = 3;

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

/// Why there is no document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// Not an address that we ask.
    #[error("{0} is not an https address (http only on loopback)")]
    Address(String),
    /// No connection, or it broke off.
    #[error("{0}")]
    Connection(String),
    /// Not in time.
    #[error("no answer within {} seconds", TIMEOUT.as_secs())]
    Timeout,
    /// An answer that is not the document.
    #[error("the answer was {0}")]
    Status(StatusCode),
    /// More than a metadata document can be.
    #[error("the document is larger than {} MiB", MAX_BYTES / 1024 / 1024)]
    Size,
    /// Sent on too often.
    #[error("redirected more than {MAX_REDIRECTS} times")]
    Redirects,
    /// The machine has no certificate authorities.
    #[error("the system's certificate authorities can not be read: {0}")]
    Roots(String),
}

impl FetchError {
    /// `md.fetch`
    pub const fn code(&self) -> ErrorCode {
        ErrorCode::MetadataFetch
    }
}

/// Fetches documents; keep one, it holds the certificate authorities.
#[derive(Clone, Debug)]
pub struct Fetcher {
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
}

impl Fetcher {
    /// Reads the system's certificate authorities.
    pub fn new() -> Result<Self, FetchError> {
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(ring::default_provider())
            .map_err(|error| FetchError::Roots(error.to_string()))?
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
        })
    }

    /// Fetches the document at `address`.
    pub async fn fetch(&self, address: &str) -> Result<Fetched, FetchError> {
        let work = self.follow(address);
        tokio::time::timeout(TIMEOUT, work).await.unwrap_or(Err(FetchError::Timeout))
    }

    async fn follow(&self, address: &str) -> Result<Fetched, FetchError> {
        let mut url = allowed(address)?;
        for _ in 0..=MAX_REDIRECTS {
            let request = Request::get(url.as_str())
                .header(USER_AGENT, concat!("samlgate/", env!("CARGO_PKG_VERSION")))
                .header(
                    ACCEPT,
                    "application/samlmetadata+xml, application/xml, text/xml, */*;q=0.1",
                )
                .header(HOST, authority(&url))
                .body(Empty::new())
                .map_err(|error| FetchError::Connection(error.to_string()))?;
            let response = self.client.request(request).await.map_err(|error| {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                FetchError::Connection(cause.unwrap_or_else(|| error.to_string()))
            })?;
            let headers = response.headers();
            match response.status() {
                StatusCode::OK => {}
                status if status.is_redirection() && headers.contains_key(LOCATION) => {
                    let location = text(headers, &LOCATION).unwrap_or_default();
                    let next = url.join(&location).map_err(|_| FetchError::Address(location))?;
                    let next = allowed(next.as_str())?;
                    if url.scheme() == "https" && next.scheme() != "https" {
                        return Err(FetchError::Address(next.into()));
                    }
                    url = next;
                    continue;
                }
                status => return Err(FetchError::Status(status)),
            }
            let (etag, last_modified) = (text(headers, &ETAG), text(headers, &LAST_MODIFIED));
            let body = Limited::new(response.into_body(), MAX_BYTES).collect().await;
            let body = body.map_err(|error| {
                if error.is::<http_body_util::LengthLimitError>() {
                    FetchError::Size
                } else {
                    FetchError::Connection(error.to_string())
                }
            })?;
            return Ok(Fetched { body: body.to_bytes(), etag, last_modified });
        }
        Err(FetchError::Redirects)
    }
}

/// Whether we ask this address at all.
fn allowed(address: &str) -> Result<Url, FetchError> {
    let refused = || FetchError::Address(address.to_owned());
    let url = Url::parse(address).map_err(|_| refused())?;
    let host = url.host_str().ok_or_else(refused)?;
    let fine = url.scheme() == "https" || url.scheme() == "http" && is_loopback(host);
    fine.then_some(url.clone()).ok_or_else(refused)
}

fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned)
}
