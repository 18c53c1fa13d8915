//! Tests of the program from outside: the real binary, real identity providers, a real browser.
//!
//! One binary, so that it links once.
#![cfg(test)]
#![expect(
    clippy::print_stderr,
    clippy::string_slice,
    reason = "a test that cannot go on should stop, and say what its programs wrote"
)]

mod api;
mod architecture;
mod attacks_page;
mod authz;
mod beyond_core;
mod browser_hosts;
mod browser_protocols;
mod browser_pysaml2;
mod browser_saml_idp;
mod browser_step_up;
mod cli;
mod cli_explain;
mod cli_idp;
mod cli_people;
mod cli_serve;
mod client_keys;
#[expect(unused_imports, reason = "the benches use the rest")]
mod corpus;
mod demo;
mod dsig_xmlsec;
mod erasure;
mod error_codes;
mod expiry;
mod flawed;
#[expect(unreachable_pub, reason = "the fuzz targets use the same file")]
mod fuzz_replay;
mod gateway;
mod guard;
mod heads;
mod hosts;
mod interop;
mod keys;
mod limits;
mod logins;
mod moving_over;
mod nodes;
mod nodes_postgres;
mod over_time;
mod peers;
mod proof;
mod protocols;
mod provisioning;
mod provisioning_log;
mod proxy;
mod roads;
mod rolling;
mod routes;
mod saml_schema;
mod scim;
mod scim_writes;
mod slo;
mod slow_bodies;
mod sso_rules;
mod step_up;
mod stopping;
#[expect(dead_code, reason = "words of a language: no test needs all of them")]
mod support;
mod upstreams;
mod wire_corpus;
mod xmlenc_xmlsec;
