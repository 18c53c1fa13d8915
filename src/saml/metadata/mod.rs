//! Metadata (saml-metadata-2.0): what identity providers say about themselves, and what we say
//! about us.
//!
//! | | |
//! |---|---|
//! | [`IdpMetadata`] | one identity provider, read from a document of at most some megabytes |
//! | [`Aggregate`] | a federation of any size: verified, looked through, and a few picked out |
//! | [`mdq`] | asking a server for one entity |
//! | [`MetadataChange`] | what is other in a new version |
//! | [`sp_metadata`] | our own |

mod about;
pub mod aggregate;
mod change;
pub mod description;
mod duration;
mod endpoint;
mod entity;
mod error;
mod error_url;
mod idp;
mod key;
pub mod mdq;
#[cfg(test)]
mod products;
mod recognise;
#[cfg(test)]
mod samples;
mod sp;

pub use about::{Contact, ContactKind, EntityAttribute, Localized, Logo, Organization, UiInfo};
pub use aggregate::Aggregate;
pub use change::{Change, Key, MetadataChange, Service, Severity};
pub use description::SpDescription;
pub use duration::parse_duration;
pub use endpoint::{Binding, Endpoint, IndexedEndpoint, default_endpoint};
pub use error::MetadataError;
pub use error_url::{ErrorCategory, ErrorUrl};
pub use idp::IdpMetadata;
pub use key::{KeyAges, KeyUse, ListedKey, RefusedKey};
pub use sp::{MetadataKeys, SpMetadata, sp_metadata};
