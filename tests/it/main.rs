//! Integration tests.
#![cfg(test)]

mod dsig_xmlsec;
mod proxy;
