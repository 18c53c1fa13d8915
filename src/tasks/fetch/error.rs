//! Why there is no document.

use std::time::Duration;

use http::StatusCode;

use crate::base::ErrorCode;

/// Why there is no document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// Not an address that we ask.
    #[error("{0} is not an https address (http only on loopback)")]
    Address(String),
    /// A name of something that is not on the Internet.
    #[error(
        "{host} is {found}, which is not an address of the Internet; \
         saml.allow_private_metadata = true allows private networks"
    )]
    Private {
        /// The name.
        host: String,
        /// What it resolved to.
        found: String,
    },
    /// No connection, or it broke off.
    #[error("{0}")]
    Connection(String),
    /// Not in time.
    #[error("no whole answer within {} seconds", .0.as_secs())]
    Timeout(Duration),
    /// An answer that is not the document.
    #[error("the answer was {0}")]
    Status(StatusCode),
    /// More than such a document can be.
    #[error("the document is larger than {} MiB", .0 / 1024 / 1024)]
    Size(u64),
    /// Sent on too often.
    #[error("redirected more than {0} times")]
    Redirects(usize),
    /// The document could not be put on the disk.
    #[error("the document could not be kept: {0}")]
    Disk(String),
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
