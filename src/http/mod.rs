//! What the outside sees.

pub mod admin;
pub mod net;
pub mod server;
pub mod tls;
