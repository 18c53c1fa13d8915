//! What became of each operation (RFC 7644, 3.7.3).

use http::StatusCode;

use crate::base::json;
use crate::scim::bulk::BULK_RESPONSE;
use crate::scim::error::ScimError;

/// What became of one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BulkResult {
    /// As it was written.
    pub method: String,
    /// As it was written.
    pub bulk_id: Option<String>,
    /// Where the resource is; not known of one that was not made.
    pub location: Option<String>,
    /// Its `ETag`.
    pub version: Option<String>,
    /// The HTTP status.
    pub status: StatusCode,
    /// The body, which is JSON, if there is one. An error always has one.
    pub response: Option<Vec<u8>>,
}

impl BulkResult {
    /// An operation that was not done.
    pub fn refused(
        method: &str,
        bulk_id: Option<&str>,
        location: Option<String>,
        error: &ScimError,
    ) -> Self {
        Self {
            method: method.to_owned(),
            bulk_id: bulk_id.map(str::to_owned),
            location,
            version: None,
            status: error.status,
            response: Some(error.body().to_string().into_bytes()),
        }
    }
}

/// The body of the answer.
pub fn bulk_response(results: &[BulkResult]) -> Vec<u8> {
    let mut out = Vec::with_capacity(results.len().saturating_mul(256).saturating_add(128));
    out.extend_from_slice(br#"{"schemas":["#);
    json::string(&mut out, BULK_RESPONSE);
    out.extend_from_slice(br#"],"Operations":["#);
    for (place, result) in results.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        out.extend_from_slice(br#"{"status":"#);
        json::string(&mut out, result.status.as_str());
        let method = Some(result.method.as_str()).filter(|method| !method.is_empty());
        let texts = [
            ("method", method),
            ("bulkId", result.bulk_id.as_deref()),
            ("location", result.location.as_deref()),
            ("version", result.version.as_deref()),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                out.push(b',');
                json::string(&mut out, name);
                out.push(b':');
                json::string(&mut out, text);
            }
        }
        if let Some(response) = &result.response {
            out.extend_from_slice(br#","response":"#);
            out.extend_from_slice(response);
        }
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
    out
}
