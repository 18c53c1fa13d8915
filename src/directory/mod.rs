//! People, and what may be asked of them.
pub mod profile;
pub mod store;
pub mod user;
pub use profile::Profile;
pub use store::{Changed, Created, DirectoryStore, UniqueField};
pub use user::User;
