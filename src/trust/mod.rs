//! Which identity providers we trust, by which keys, until when.
pub mod settings;
pub use settings::{IdpSettings, MetadataSource};
