//! Which identity providers we trust, by which keys, until when.
pub mod settings;
pub mod store;
pub use settings::{IdpSettings, MetadataSource};
pub use store::{IdpStore, ImportedIdp, MetadataCopy};
