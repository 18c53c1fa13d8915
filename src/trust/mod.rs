//! Which identity providers we trust, by which keys, until when.
//!
//! In: settings and metadata. Out: [`Registry`], in which a sign-in finds its identity provider
//! by name, by entityID or by the domain of an e-mail address.

mod finder;
mod idp;
mod imported;
mod over_time;
pub mod reading;
mod registry;
mod renewal;
pub mod schedule;
pub mod settings;
mod signers;
pub mod store;

pub use idp::IdpTrust;
pub use imported::ImportedSettings;
pub use over_time::{RefreshState, SeenKey, Standing, WaitingChange};
pub use registry::{Absent, Registry, Way};
pub use renewal::{Pauses, Renewals};
pub use settings::{IdpSettings, MetadataSource, OnChange};
pub use signers::{SignersOnce, signers};
pub use store::{IdpStore, ImportedIdp, MetadataCopy};
