#![no_main]
#[path = "../promises/mod.rs"]
mod promises;

libfuzzer_sys::fuzz_target!(
    init: promises::seeds::write_out("relay_state"),
    |bytes: &[u8]| promises::relay_state::check(bytes)
);
