//! Integration tests.
#![cfg(test)]

mod dsig_xmlsec;
mod proxy;
//! Integration tests: one binary, so that it links once.

#[cfg(test)]
mod cli;
