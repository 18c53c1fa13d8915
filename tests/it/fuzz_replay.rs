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
    envelopes_keep_their_promises: soap;
    metadata_keeps_its_promises: metadata;
    aggregates_keep_their_promises: aggregate;
    paths_keep_their_promises: path;
    requests_keep_their_promises: request;
    where_a_client_comes_from_is_kept: forwarded;
    the_proxy_protocol_keeps_its_promises: proxy_header;
    relay_state_keeps_its_promises: relay_state;
    answers_keep_their_promises: answer;
    sealed_records_keep_their_promises: sealed;
    filters_keep_their_promises: scim_filter;
    paths_of_changes_keep_their_promises: scim_path;
    changes_keep_their_promises: scim_patch;
    bodies_keep_their_promises: scim_bodies;
}
