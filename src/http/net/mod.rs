//! What comes on a connection before HTTP.

pub mod listener;
pub mod proxy_protocol;
pub(crate) mod wire;
