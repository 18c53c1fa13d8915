#![no_main]
#[path = "../promises/mod.rs"]
mod promises;

libfuzzer_sys::fuzz_target!(
    init: promises::seeds::write_out("aggregate"),
    |bytes: &[u8]| promises::aggregate::check(bytes)
);
