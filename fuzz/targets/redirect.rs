#![no_main]
#[path = "../promises/mod.rs"]
mod promises;

libfuzzer_sys::fuzz_target!(
    init: promises::seeds::write_out("redirect"),
    |bytes: &[u8]| promises::redirect::check(bytes)
);
