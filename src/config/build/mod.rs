//! Checked values → the settings of each module. One file a section; `[[route]]` has several.

pub(super) mod header_edits;
pub(super) mod identity;
pub(super) mod identity_headers;
pub(super) mod idp;
pub(super) mod notices;
pub(super) mod require;
pub(super) mod route;
pub(super) mod saml;
pub(super) mod scim;
pub(super) mod server;
pub(super) mod session;
pub(super) mod upstream;
