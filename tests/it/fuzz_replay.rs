//! What the fuzzers start from and what they have found, played again through the same promises.

#[path = "../../fuzz/promises/mod.rs"]
mod promises;

use promises::seeds;

macro_rules! replay {
    ($($name:ident: $target:ident;)*) => { $(
        #[test]
        fn $name() {
            for bytes in seeds::of(stringify!($target)) {
                promises::$target::check(&bytes);
            }
            for bytes in seeds::findings(stringify!($target)) {
                promises::$target::check(&bytes);
            }
        }
    )* };
}

replay! {
    the_reader_keeps_its_promises: xml;
    canonical_form_keeps_its_promises: c14n;
    signatures_keep_their_promises: dsig;
    responses_keep_their_promises: response;
    decryption_keeps_its_promises: encrypted;
    queries_keep_their_promises: redirect;
    metadata_keeps_its_promises: metadata;
}

/// `fuzz/run.sh` calls it: one file for each seed, as libFuzzer wants them.
#[test]
#[ignore = "writes files for the fuzzers"]
#[expect(clippy::disallowed_methods, reason = "a script says where to")]
fn the_seeds_are_written_out() {
    let folder = std::env::var("SAMLGATE_FUZZ_SEEDS").unwrap();
    for target in [
        "xml",
        "c14n",
        "dsig",
        "response",
        "encrypted",
        "redirect",
        "metadata",
    ] {
        let folder = std::path::Path::new(&folder).join(target);
        std::fs::create_dir_all(&folder).unwrap();
        let all = seeds::of(target).into_iter().chain(seeds::findings(target));
        for (number, bytes) in all.enumerate() {
            std::fs::write(folder.join(format!("seed-{number:04}")), bytes).unwrap();
        }
    }
}
