//! What we promise about any bytes at all: one file for each fuzz target.
//!
//! The targets run these functions, and so does every test run, on the corpus and on whatever the
//! fuzzers have found (`findings/`).
#![allow(dead_code, reason = "each target uses one of them")]

pub mod aggregate;
pub mod answer;
pub mod c14n;
pub mod dsig;
pub mod encrypted;
pub mod forwarded;
pub mod metadata;
pub mod path;
pub mod proxy_header;
pub mod redirect;
pub mod relay_state;
pub mod request;
pub mod response;
pub mod scim;
pub mod scim_bodies;
pub mod scim_filter;
pub mod scim_patch;
pub mod scim_path;
pub mod sealed;
pub mod seeds;
pub mod soap;
pub mod wire;
pub mod xml;
