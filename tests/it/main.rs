//! Integration tests.
#![cfg(test)]

mod dsig_xmlsec;
mod proxy;
//! Integration tests: one binary, so that it links once.

#[cfg(test)]
mod cli;
//! Tests of the program from outside: the real binary, real identity providers, a real browser.
#![expect(
    clippy::print_stderr,
    clippy::string_slice,
    reason = "a test that cannot go on should stop, and say why"
)]

mod architecture;
mod browser_pysaml2;
mod browser_saml_idp;
mod cli;
mod dsig_xmlsec;
mod error_codes;
mod gateway;
mod peers;
mod proxy;
mod sso_rules;
#[expect(dead_code, reason = "words of a language: no test needs all of them")]
mod support;
