//! Why there is no document.

use std::time::Duration;

use http::StatusCode;

use super::reach::Reach;
use crate::base::ErrorCode;

/// Why there is no document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// Not an address that we ask.
    #[error("{0} is not an https address (http only on loopback)")]
    Address(String),
    /// A name of something that is not on the Internet.
    #[error("{}", private(host, found))]
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

/// Which word of the configuration helps, if any does.
fn private(host: &str, found: &str) -> String {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let who = match bare == found {
        true => found.to_owned(),
        false => format!("{host} is {found}, which"),
    };
    let address = found.parse();
    let helps = |address: std::net::IpAddr| Reach::Private.allows(address, false);
    match address.is_ok_and(helps) {
        true => format!(
            "{who} is not an address of the Internet; saml.allow_private_metadata = true allows \
             private networks"
        ),
        false => format!(
            "{who} is an address of the link, of many, or of nobody: metadata is never fetched there, \
             whatever saml.allow_private_metadata says"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_is_named_where_it_helps_alone() {
        let said = |host: &str, found: &str| {
            let (host, found) = (host.to_owned(), found.to_owned());
            FetchError::Private { host, found }.to_string()
        };
        let private = said("idp.example.com", "10.0.0.1");
        assert!(private.contains("idp.example.com is 10.0.0.1"), "{private}");
        assert!(
            private.contains("allow_private_metadata = true"),
            "{private}"
        );
        assert!(said("10.0.0.1", "10.0.0.1").starts_with("10.0.0.1 is not an address"));
        for nowhere in [
            "169.254.169.254",
            "fe80::1",
            "224.0.0.1",
            "0.0.0.0",
            "192.0.2.1",
        ] {
            let said = said(nowhere, nowhere);
            assert!(!said.contains("= true"), "{said}");
            assert!(said.contains("never"), "{said}");
        }
    }
}
