//! Metadata (saml-metadata-2.0): what identity providers say about themselves, and what we say
//! about us.

mod idp;
mod recognise;
mod sp;

pub use idp::{Binding, Endpoint, IdpMetadata, MetadataError, RefusedKey};
pub use sp::{SpMetadata, sp_metadata};
