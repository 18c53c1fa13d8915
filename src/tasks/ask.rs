//! Asks identity providers by SOAP, for what an artifact stands for.
//!
//! The addresses are those of metadata, and they are looked at as for metadata itself
//! ([`Fetcher`]): TLS by the system's certificate authorities, no way into a network that nobody
//! opened, no redirects, an end to size and time.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::HeaderName;

use super::fetch::{Bounds, FetchError, Fetcher, Message};
use crate::saml::binding::ask::{Ask, AskError};
use crate::saml::binding::soap::{CONTENT_TYPE, MAX_BODY, SOAP_ACTION};

/// How long a person waits for it in front of a white page.
const TIME: Duration = Duration::from_secs(10);

/// Asks; keep one.
#[derive(Clone, Debug)]
pub struct Asker(Fetcher);

impl Asker {
    /// Reaches what this one reaches.
    pub const fn by(fetcher: Fetcher) -> Self {
        Self(fetcher)
    }
}

#[async_trait]
impl Ask for Asker {
    async fn ask(
        &self,
        address: &str,
        from: Option<&str>,
        envelope: &str,
    ) -> Result<Vec<u8>, AskError> {
        let bytes = u64::try_from(MAX_BODY).unwrap_or(u64::MAX);
        let message = Message {
            content_type: CONTENT_TYPE,
            headers: &[(HeaderName::from_static("soapaction"), SOAP_ACTION)],
            body: Bytes::from(envelope.to_owned()),
            bounds: Bounds { time: TIME, bytes },
        };
        let posted = self
            .0
            .post(address, from, &message)
            .await
            .map_err(|error| told(address, error))?;
        match posted.status.as_u16() {
            200 => Ok(posted.body.into()),
            // SOAP 1.1 over HTTP sends faults with 500; a server that is broken says it otherwise.
            500 if posted.body.trim_ascii_start().starts_with(b"<") => Ok(posted.body.into()),
            status => Err(AskError::Status(status)),
        }
    }
}

fn told(address: &str, error: FetchError) -> AskError {
    match error {
        FetchError::Timeout(time) => AskError::Timeout(time.as_secs()),
        FetchError::Size(_) => AskError::Size(MAX_BODY),
        error => AskError::Connection(format!("{address}: {error}")),
    }
}
