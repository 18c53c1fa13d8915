#![no_main]
#[path = "../promises/mod.rs"]
mod promises;

libfuzzer_sys::fuzz_target!(
    init: promises::seeds::write_out("proxy_header"),
    |bytes: &[u8]| promises::proxy_header::check(bytes)
);
