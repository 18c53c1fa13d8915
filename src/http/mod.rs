//! What the outside sees.

pub mod admin;
pub mod server;
pub mod tls;
