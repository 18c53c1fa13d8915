//! Bodies of requests: JSON, of the fields that are known and no others.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use super::failure::{Code, Failure};

/// More than any request here needs.
const LARGEST: usize = 64 << 10;
const TIME: Duration = Duration::from_secs(10);

/// A body that was read and is not understood yet.
#[derive(Debug, Default)]
pub(super) struct Json(Bytes);

impl Json {
    /// Reads it. The type is asked for, since a form of a page can not have it.
    pub(super) async fn read(headers: &HeaderMap, body: Body) -> Result<Self, Failure> {
        let read = tokio::time::timeout(TIME, to_bytes(body, LARGEST)).await;
        let Ok(read) = read else {
            return Err(Failure::with(Code::Body, "The body did not come in time."));
        };
        let bytes = read.map_err(|_| Failure::of(Code::BodyTooLarge))?;
        let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        if !bytes.is_empty() && !kind.eq_ignore_ascii_case("application/json") {
            return Err(Failure::of(Code::BodyKind));
        }
        Ok(Self(bytes))
    }

    /// What it says; of an empty one nothing is said.
    pub(super) fn understand<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        let bytes: &[u8] = if self.0.is_empty() { b"{}" } else { &self.0 };
        serde_json::from_slice(bytes).map_err(|error| Failure::with(Code::Body, error.to_string()))
    }
}

/// Tells `null` from what is not there.
pub(super) fn said<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(deserializer).map(Some)
}
