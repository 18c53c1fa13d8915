//! Sockets: where connections come from, whose they are, and their bytes.

pub(crate) mod head_lines;
pub mod listener;
pub(crate) mod places;
pub mod proxy_protocol;
pub(crate) mod wire;
