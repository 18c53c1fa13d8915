#![no_main]
#[path = "../promises/mod.rs"]
mod promises;

libfuzzer_sys::fuzz_target!(
    init: promises::seeds::write_out("soap"),
    |bytes: &[u8]| promises::soap::check(bytes)
);
