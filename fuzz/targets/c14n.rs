#![no_main]
#[path = "../promises/mod.rs"]
mod promises;

libfuzzer_sys::fuzz_target!(
    init: promises::seeds::write_out("c14n"),
    |bytes: &[u8]| promises::c14n::check(bytes)
);
