//! Bytes to tree to bytes, strictly.
//!
//! In: bytes from anybody. Out: an immutable [`Document`], or the first reason against it. Promised:
//! there is one reader and one tree. Everything that SAML does not need is refused instead of
//! interpreted (other encodings, DTDs, entities, processing instructions, CDATA, and in messages
//! nearly all comments), because each of them has been two things to two readers once, and one of those
//! readers checked the signature. No input makes this module recurse, panic, or use more than a
//! small multiple of the input's size.
//!
//! [`c14n`] writes a tree as the bytes that are digested, [`mod@write`] writes what we send.
// Tests may add and multiply; what reads a stranger's bytes may not overflow.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

pub mod c14n;
mod chars;
mod error;
mod limits;
pub mod ns;
mod reader;
mod tree;
pub mod write;

pub use chars::is_ncname;
pub use error::XmlError;
pub use limits::{Limits, Mode};
pub use tree::{Children, Descendants, Document, Element};
pub use write::Writer;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod within_tests;
