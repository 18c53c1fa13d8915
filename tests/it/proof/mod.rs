//! Proofs by volume: that nothing unsigned is ever read, shown on more documents than anyone writes.
//!
//! | file | claim | against |
//! |---|---|---|
//! | `c14n` | our canonical bytes are everybody's | libxml2 |
//! | `reading` | what we read, others read the same way | libxml2, quick-xml |
//! | `verifying` | what we verify, others verify | xmlsec1 |
//! | `mutations` | no change of a message makes it say something else | the untouched message |
//! | `small_worlds` | claims come from the subtree that a signature covers | all small documents |
//! | `fixed_points` | reading again changes nothing, and nothing panics | ourselves |
//!
//! The rest is what these stand on. All of it uses the core alone (`base`, `xml`, `dsig`, `xmlenc`,
//! `saml`) and the corpus, so that it also builds within the crate that `scripts/core-crate.sh`
//! makes; there, optimised, `make proof` runs the long mode ([`effort::LONG`]).

mod c14n;
mod damage;
mod documents;
mod effort;
mod fixed_points;
mod libxml2;
mod message;
mod mutants;
mod mutations;
mod quick;
mod reading;
mod small_worlds;
mod source;
mod tree;
mod verifying;
mod worlds;
mod xmlsec1;
