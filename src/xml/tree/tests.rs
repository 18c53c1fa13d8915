//! What a tree says about its elements, and what a view of them shows.

use crate::xml::{Document, Element, Limits, Mode, ns};

fn parse(text: &str) -> Document {
    Document::parse(text.as_bytes(), Mode::Message, &Limits::default()).unwrap()
}

fn names<'d>(elements: impl Iterator<Item = Element<'d>>) -> Vec<&'d str> {
    elements.map(Element::local_name).collect()
}

#[test]
fn an_element_is_known_by_both_halves_of_its_name() {
    let text = "<p:ab xmlns:p='urn:x'><c/><q:d xmlns:q='urn:&#120;'/><xml:e/></p:ab>";
    let document = parse(text);
    let root = document.root();
    assert!(root.is("urn:x", "ab"));
    for local_name in ["", "a", "ac", "abc", "p:ab"] {
        assert!(!root.is("urn:x", local_name), "{local_name}");
    }
    // As long as its own, its beginning, what stands there, and none.
    for namespace in ["urn:y", "urn:", "urn:x'", ""] {
        assert!(!root.is(namespace, "ab"), "{namespace}");
    }
    let [c, d, e] = ["c", "d", "e"]
        .map(|name| root.children().find(|child| child.local_name() == name).unwrap());
    assert!(c.is("", "c") && !c.is("urn:x", "c"));
    assert!(d.is("urn:x", "d") && !d.is("urn:y", "d") && !d.is("", "d"));
    assert!(e.is(ns::XML, "e") && !e.is(ns::SAML, "e"));
    assert!(!e.is(&ns::XML.replace("XML", "xml"), "e"));
}

#[test]
fn an_attribute_is_known_by_both_halves_of_its_name() {
    let document = parse("<a xmlns:p='urn:x' xmlns:q='urn:y' p:b='1' b='2' q:b='3' p:c='4'/>");
    let root = document.root();
    assert_eq!(root.attribute("b"), Some("2"));
    assert_eq!(root.attribute("c"), None);
    assert_eq!(root.attribute_ns("urn:y", "b"), Some("3"));
    assert_eq!(root.attribute_ns("urn:x", "c"), Some("4"));
    assert_eq!(root.attribute_ns("urn:y", "c"), None);
    assert_eq!(root.attribute_ns("", "c"), None);
    let all = [
        ("urn:x", "b", "1"),
        ("", "b", "2"),
        ("urn:y", "b", "3"),
        ("urn:x", "c", "4"),
    ];
    assert_eq!(root.attributes().collect::<Vec<_>>(), all);
}

#[test]
fn attributes_that_nobody_expects_are_named() {
    let document = parse("<a xmlns:p='urn:x' b='1' p:c='2' d='3'/>");
    let root = document.root();
    let of_x = |namespace: &str| namespace == "urn:x";
    assert_eq!(
        root.attributes_named(["d", "x", "b"], of_x),
        Ok([Some("3"), None, Some("1")])
    );
    assert_eq!(root.attributes_named(["b", "d"], |_| false), Err("c"));
    assert_eq!(root.attributes_named(["b", "c", "d"], |_| false), Err("c"));
    assert_eq!(root.attributes_named(["b"], of_x), Err("d"));
}

#[test]
fn an_element_tells_where_it_stands() {
    let document = parse("<r><a x=''>1</a ><b/></r>");
    let root = document.root();
    let [a, b] = ["a", "b"].map(|name| root.child("", name).unwrap());
    assert_eq!(a.source_places(), (11, 17));
    assert_eq!(b.source_places(), (21, 21));
    assert_eq!((root.most_children(), a.most_children()), (2, 0));
    assert_eq!(root.prefix(), "");
    assert_eq!(parse("<p:a xmlns:p='urn:x'/>").root().prefix(), "p");
}
