//! Queries and small forms of our own pages.
//!
//! Read leniently: what is there twice counts once, what nobody asked for is not looked at, and
//! there is no way to make one of our pages answer in another program's words.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use url::form_urlencoded;

/// Largest form: an e-mail address and a path with its query.
const MAX_FORM: usize = 16 * 1024;
/// Longest wait for it.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Names and values.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Of a query string.
    pub(super) fn of_query(query: Option<&str>) -> Self {
        Self::of_bytes(query.unwrap_or_default().as_bytes())
    }

    /// Of a form's body; one that is too long or too slow has no fields.
    pub(super) async fn of_body(body: Body) -> Self {
        let read = tokio::time::timeout(TIMEOUT, to_bytes(body, MAX_FORM)).await;
        read.ok()
            .and_then(Result::ok)
            .map_or_else(Self::default, |bytes| Self::of_bytes(&bytes))
    }

    fn of_bytes(bytes: &[u8]) -> Self {
        Self(form_urlencoded::parse(bytes).into_owned().collect())
    }

    /// The first value of this name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}
