//! Databases, behind the traits of `saml`, `trust`, `directory`, `session` and `audit`.
pub mod sqlite;
pub use sqlite::SqliteStore;
