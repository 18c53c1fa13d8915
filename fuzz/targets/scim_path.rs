#![no_main]
#[path = "../promises/mod.rs"]
mod promises;

libfuzzer_sys::fuzz_target!(
    init: promises::seeds::write_out("scim_path"),
    |bytes: &[u8]| promises::scim_path::check(bytes)
);
