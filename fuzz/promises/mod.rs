//! What the core promises about any bytes at all: one file for each fuzz target.
//!
//! The targets run these functions, and so does every test run, on the corpus and on whatever the
//! fuzzers have found (`findings/`).
#![allow(dead_code, reason = "each target uses one of them")]

pub mod c14n;
pub mod dsig;
pub mod encrypted;
pub mod metadata;
pub mod redirect;
pub mod response;
pub mod seeds;
pub mod xml;
