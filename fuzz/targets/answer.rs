#![no_main]
#[path = "../promises/mod.rs"]
mod promises;

libfuzzer_sys::fuzz_target!(
    init: promises::seeds::write_out("answer"),
    |bytes: &[u8]| promises::answer::check(bytes)
);
