//! Databases, behind the traits of `saml`, `trust`, `directory`, `session` and `audit`.
pub mod sqlite;
#[cfg(test)]
mod suite;
pub use sqlite::SqliteStore;
