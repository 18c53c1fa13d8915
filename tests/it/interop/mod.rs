//! Identity providers that others run: one suite, over each of them.
//!
//! [`suite`] has the claims, a function each; [`every_claim`] makes a test of each for each product.
//! A new feature is a function there and its name below, and a row in `docs/interop.md`. What a
//! product needs to be told is in `simplesamlphp`, `lemonldap`, `pysaml2` and `samlp`, behind
//! [`peer::Peer`].
//!
//! `scripts/install-packages.sh test` and `make peers` install them. They run as whoever runs the tests, on free
//! ports on loopback, and write into a temporary folder alone.

mod lemonldap;
mod logins;
mod logout;
mod peer;
mod pysaml2;
mod samlp;
mod simplesamlphp;
mod suite;
mod told;
mod way;
mod world;

macro_rules! every_claim {
    ($($claim:ident),+ $(,)?) => {
        mod at_simplesamlphp {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $claim() {
                    super::suite::$claim(super::peer::Product::SimpleSamlPhp).await;
                }
            )+
        }

        mod at_lemonldap {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $claim() {
                    super::suite::$claim(super::peer::Product::LemonLdap).await;
                }
            )+
        }

        mod at_pysaml2 {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $claim() {
                    super::suite::$claim(super::peer::Product::Pysaml2).await;
                }
            )+
        }

        mod at_samlp {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $claim() {
                    super::suite::$claim(super::peer::Product::Samlp).await;
                }
            )+
        }
    };
}

every_claim! {
    requests_by_redirect_sign_in_and_say_who_it_is_and_who_may_do_what,
    signed_requests_by_post_sign_in_and_unsigned_ones_do_not,
    signed_requests_by_redirect_sign_in_and_unsigned_ones_do_not,
    a_person_signs_in_by_redirect_and_by_post_in_a_browser,
    beginning_at_the_portal_signs_in_where_that_is_allowed,
    an_encrypted_assertion_signs_in,
    force_authn_asks_again_and_without_it_nobody_is_asked_twice,
    is_passive_is_answered_as_the_product_does,
    a_page_that_asks_for_a_method_gets_it_or_nobody_in,
    wrong_answers_are_refused_each_with_its_code,
    metadata_is_imported_from_the_running_identity_provider,
    metadata_is_read_again_when_its_time_has_come_and_brings_the_next_key,
    a_key_roll_over_fails_no_login,
    a_roll_over_of_our_keys_fails_no_login,
    signing_out_here_signs_out_there_by_redirect,
    signing_out_here_signs_out_there_by_post,
    signing_out_there_signs_out_here_by_redirect,
    signing_out_there_signs_out_here_by_post,
    signing_out_there_signs_out_here_by_soap_where_it_can,
    an_answer_by_artifact_is_fetched_and_signs_in,
    a_new_key_is_learned_when_a_signature_needs_it,
    our_keys_replace_themselves_and_no_login_fails,
}
