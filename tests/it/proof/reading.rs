//! What we read, others read the same way: names, namespaces, attributes, text.
//!
//! The other readers may take more than we do. They may not take it for something else.

use std::cell::RefCell;

use proptest::prelude::*;
use samlgate::xml::{Document, Limits, Mode, c14n};

use super::damage::damaged;
use super::documents::document;
use super::effort::cases;
use super::libxml2::{Libxml2, Method, NAMESPACE_NAME, Part};
use super::message::{assertion_signed, both_signed, response_signed};
use super::quick;
use super::tree::Tree;
use crate::corpus;

thread_local! {
    static LIBXML2: RefCell<Libxml2> = RefCell::new(Libxml2::start());
    static MESSAGES: [String; 3] = [response_signed(), assertion_signed(), both_signed()];
}

proptest! {
    #![proptest_config(cases(1_000, 100_000))]

    #[test]
    fn libxml2_and_quick_xml_read_random_documents_as_we_do(text in document()) {
        prop_assert!(all_agree(text.as_bytes())?, "we refuse {}", text);
    }
}

proptest! {
    #![proptest_config(cases(3_000, 300_000))]

    #[test]
    fn libxml2_and_quick_xml_read_what_is_left_of_messages_as_we_do(
        bytes in (0..3_usize).prop_flat_map(|which| {
            damaged(MESSAGES.with(|messages| messages[which].clone()))
        }),
    ) {
        all_agree(&bytes.0)?;
    }
}

#[test]
fn libxml2_and_quick_xml_read_every_response_of_the_corpus_as_we_do() {
    let responses = corpus::cases().iter().filter_map(corpus::response).collect::<Vec<_>>();
    let read = responses.iter().filter(|xml| all_agree(xml).unwrap()).count();
    // The others are not XML to us, and are there for that reason.
    assert!(read > 300, "{read} of {}", responses.len());
}

/// Whether we accept it; if so, the others have to see the same.
fn all_agree(bytes: &[u8]) -> Result<bool, TestCaseError> {
    // As metadata too: there comments are read over.
    for mode in [Mode::Message, Mode::Metadata] {
        let Ok(document) = Document::parse(bytes, mode, &Limits::default()) else {
            continue;
        };
        let text = String::from_utf8_lossy(bytes);
        prop_assert_eq!(
            Ok(Tree::from(document.root())),
            quick::read(bytes),
            "{}",
            text
        );
        let mut ours = Vec::new();
        c14n::inclusive(document.root(), c14n::Version::V1_0, &mut ours);
        let ours = String::from_utf8(ours).unwrap();
        let theirs =
            LIBXML2.with_borrow_mut(|libxml2| libxml2.canonical(bytes, Method::V1_0, Part::WHOLE));
        if theirs.as_ref().is_err_and(|why| why == NAMESPACE_NAME) {
            return Ok(true);
        }
        // Nothing but its deviation for `&` in namespace names (see `documents.rs`) is `&#38;`.
        let theirs = theirs.map(|theirs| theirs.replace("&#38;", "&amp;"));
        prop_assert_eq!(Ok(ours), theirs, "{}", text);
        return Ok(true);
    }
    Ok(false)
}
