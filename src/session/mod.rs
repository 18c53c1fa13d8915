//! Identity → session.
pub mod lifetimes;
pub use lifetimes::Lifetimes;
