//! People and groups, and what may be asked of them.
pub mod profile;
pub use profile::Profile;
