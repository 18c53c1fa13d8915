//! Tree to proof: XML signatures, as narrow as SAML allows them.
//!
//! In: an element that anybody may have written, and the keys of one identity provider. Out:
//! [`Verified`], which nothing but [`verify()`] makes, or the first reason against it. Promised:
//!
//! - No signature is *searched for*. It is a child of the element that it signs, and its one
//!   Reference must name that element; no ID is ever looked up. So there is no other element that
//!   could be meant (core 5.4.2; this is what signature wrapping lives on).
//! - The shape is checked before any cryptography, and everything that is not on the list is
//!   refused: elements, attributes, algorithms, their order and number.
//! - Keys come from the caller alone, and at most four of them are tried. `KeyInfo` may be there,
//!   and is not read.
//! - What is out of the ordinary ([`Allowed`]) is refused unless the caller allows it, and
//!   [`Verified::needed`] says when it was needed.
//! - What the digest covers and what [`Verified`] lets the holder see is the same view.
//! - What is too large for one tree is verified in [`Pieces`], by the same rules; a piece of it can be
//!   read when all of them are, and then only if it is one of them.
// Tests may add and multiply; what reads a stranger's bytes may not overflow.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod algorithm;
mod canonicalization;
mod census;
mod certificate;
mod error;
mod facts;
mod key;
mod made_by;
mod pieces;
mod shape;
mod sign;
mod signed_info;
mod signing_key;
mod trust;
mod verified;
mod verify;

pub use algorithm::{DigestMethod, SignatureMethod};
pub use census::{Census, signature_positions};
pub use certificate::Certificate;
pub use error::DsigError;
pub use key::{KeyRefusal, TrustedKey, TrustedKeys};
pub use pieces::{Pieces, Whole};
pub use shape::Place;
pub use sign::{sign_enveloped, sign_query};
pub use signing_key::SigningKey;
pub use trust::{Allowed, Trust};
pub use verified::{SignedBy, Verified};
pub use verify::{verify, verify_at, verify_query};

#[cfg(test)]
mod tests;
