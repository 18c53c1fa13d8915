//! What comes on a connection before HTTP.

pub mod proxy_protocol;
