//! Databases, behind the traits of `saml`, `trust`, `directory`, `session` and `audit`.
//!
//! Promised by every one of them, and checked by one suite of tests: what must happen once happens
//! once, whoever asks at the same moment, and what was answered with `Ok` survives a crash.

mod chain;
pub mod copy;
mod database;
pub mod file;
pub mod identity;
mod keep;
pub mod keys;
pub mod postgres;
pub mod redis;
mod sql;
pub mod sqlite;
#[cfg(test)]
mod suite;
mod walk;
pub use database::{Database, DatabaseAddress};
pub use postgres::{PostgresSettings, PostgresStore};
pub use redis::RedisStore;
pub use sqlite::SqliteStore;
