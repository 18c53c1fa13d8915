//! Which identity providers we trust, by which keys, until when.
//!
//! In: settings and metadata. Out: [`Registry`], in which a sign-in finds its identity provider
//! by name, by entityID or by the domain of an e-mail address.

mod idp;
mod imported;
mod registry;
pub mod settings;
pub mod store;

pub use idp::IdpTrust;
pub use imported::ImportedSettings;
pub use registry::{Registry, Way};
pub use settings::{IdpSettings, MetadataSource};
pub use store::{IdpStore, ImportedIdp, MetadataCopy};
