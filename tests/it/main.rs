//! Integration tests.
mod dsig_xmlsec;
