//! Who may go where.
pub mod route;
pub use route::{HeaderProfile, PathMatch, Require, Route, Upstream};
