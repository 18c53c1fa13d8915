//! People, and what may be asked of them.
//!
//! A [`User`] is somebody we have met; a [`Profile`] is what we know about them. Names compare
//! verbatim. [`DirectoryStore`] is all that the modules above may ask; a store implements it.

pub mod profile;
pub mod standing;
pub mod store;
pub mod user;
pub use profile::Profile;
pub use standing::{ChangedPeople, Standing, Standings};
pub use store::{Changed, Created, DirectoryStore, Identifiers, UniqueField};
pub use user::User;
