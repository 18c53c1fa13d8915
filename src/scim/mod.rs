//! SCIM 2.0 without a network and without a store: RFC 7643, RFC 7644, RFC 9865.
//!
//! In: the bodies and query parameters of requests. Out: documents in one canonical form, filters,
//! changes, and the bodies of answers. Nothing here knows who asks or where resources are kept: it
//! is all functions of their arguments.
//!
//! bytes → [`json`] → [`document`] (any client's dialect, made one) → stored, with [`entries`] to be
//! looked up by; [`list`] → [`filter`] → asked of a store, or of one document; what was found →
//! [`render`], as much of it as [`project`] says → bytes. [`patch`] changes a document, [`bulk`] is
//! many requests in one, [`discovery`] is what clients read first.

pub mod bulk;
pub mod discovery;
pub mod document;
pub mod entries;
pub mod error;
pub mod evaluate;
pub mod filter;
pub mod fold;
pub mod json;
pub mod list;
pub mod patch;
pub mod path;
pub mod project;
pub mod render;
pub mod schema;
mod texts;
pub mod values;

pub use document::Document;
pub use error::{ScimError, ScimType};
pub use filter::Filter;
pub use project::Projection;
pub use schema::{Attribute, Catalogue, Found, Kind, ResourceKind, Schema};

/// A JSON object.
pub type Object = serde_json::Map<String, serde_json::Value>;
