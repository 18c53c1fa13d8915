#![no_main]
#[path = "../promises/mod.rs"]
mod promises;

libfuzzer_sys::fuzz_target!(
    init: promises::seeds::write_out("metadata"),
    |bytes: &[u8]| promises::metadata::check(bytes)
);
