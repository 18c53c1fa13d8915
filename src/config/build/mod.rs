//! Checked values → the settings of each module. One file a section.

pub(super) mod identity;
pub(super) mod idp;
pub(super) mod route;
pub(super) mod server;
pub(super) mod session;
