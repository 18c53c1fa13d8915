//! Reading again changes nothing, and no input makes us panic.

use proptest::collection::vec;
use proptest::prelude::*;
use samlgate::xml::{Document, Element, Limits, Mode, c14n};

use super::damage::damaged;
use super::documents::{document, prefix_list};
use super::effort::cases;
use super::message::{believed, both_signed};

proptest! {
    #![proptest_config(cases(2_000, 200_000))]

    #[test]
    fn canonical_bytes_read_again_have_the_same_canonical_bytes(
        text in document(),
        prefixes in prefix_list(),
    ) {
        let document = parse(text.as_bytes()).unwrap();
        let elements = std::iter::once(document.root()).chain(document.root().descendants());
        for element in elements {
            for write in [exclusive, inclusive] {
                let (mut once, mut again) = (Vec::new(), Vec::new());
                write(element, &prefixes, &mut once);
                write(parse(&once).unwrap().root(), &prefixes, &mut again);
                prop_assert_eq!(once, again, "{}", text);
            }
        }
    }

    #[test]
    fn random_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..200)) {
        use_everything(&bytes);
    }

    #[test]
    fn random_markup_is_read_or_refused(
        pieces in vec(prop::sample::select(MARKUP), 0..40),
    ) {
        use_everything(pieces.concat().as_bytes());
    }
}

proptest! {
    #![proptest_config(cases(1_500, 200_000))]

    #[test]
    fn what_is_left_of_a_message_is_read_or_refused(bytes in damaged(both_signed())) {
        use_everything(&bytes.0);
    }
}

const MARKUP: &[&str] = &[
    "<",
    "</",
    "<a",
    "<a>",
    "</a>",
    "<p:a ",
    "/>",
    ">",
    " ",
    "\n",
    "xmlns='urn:x'",
    "xmlns:p=\"urn:p\"",
    "xmlns=''",
    "xmlns:p=''",
    "a='1'",
    "p:a='2'",
    "ID='_1'",
    "xml:id='_1'",
    "<?xml version='1.0'?>",
    "<?x?>",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "<!DOCTYPE a [",
    "<!ENTITY e 'x'>",
    "]>",
    "&",
    "&amp;",
    "&#",
    "&#x",
    "&#xD;",
    "&#x110000;",
    ";",
    "=",
    "'",
    "\"",
    "é",
    "\u{feff}",
    "\u{0}",
];

/// Whatever there is to be called with a stranger's bytes. What comes out is others' affair.
fn use_everything(bytes: &[u8]) {
    let _ = believed(bytes);
    for mode in [Mode::Message, Mode::Metadata] {
        let Ok(document) = Document::parse(bytes, mode, &Limits::default()) else {
            continue;
        };
        let root = document.root();
        for element in std::iter::once(root).chain(root.descendants()) {
            let _ = (element.text(), element.has_text(), element.attribute("ID"));
            assert!(root.contains(element));
            assert!(
                element
                    .children()
                    .all(|child| child.parent().is_some_and(|up| up.same(element)))
            );
        }
        let mut out = Vec::new();
        c14n::exclusive(
            root.narrowed(root.children().last()),
            &["p", "#default"],
            &mut out,
        );
        c14n::inclusive(root, c14n::Version::V1_1, &mut out);
        let view: Element<'_> = root.narrowed(root.children().next());
        assert!(view.parent().is_none());
    }
}

fn exclusive(element: Element<'_>, prefixes: &[&str], out: &mut Vec<u8>) {
    c14n::exclusive(element, prefixes, out);
}

fn inclusive(element: Element<'_>, _: &[&str], out: &mut Vec<u8>) {
    c14n::inclusive(element, c14n::Version::V1_0, out);
}

fn parse(bytes: &[u8]) -> Result<Document, samlgate::xml::XmlError> {
    // C14N writes namespace declarations again at each sibling that needs them.
    Document::parse(bytes, Mode::Message, &Limits::metadata())
}
