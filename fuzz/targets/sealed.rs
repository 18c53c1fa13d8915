#![no_main]
#[path = "../promises/mod.rs"]
mod promises;

libfuzzer_sys::fuzz_target!(
    init: promises::seeds::write_out("sealed"),
    |bytes: &[u8]| promises::sealed::check(bytes)
);
