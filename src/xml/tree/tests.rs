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

#[test]
fn an_element_has_text_where_there_is_more_than_white_space_directly_in_it() {
    for (text, has_text) in [
        ("<a/>", false),
        ("<a> \n<b>x</b>\t</a>", false),
        ("<a>x</a>", true),
        ("<a> x <b/></a>", true),
        ("<a><b/>x</a>", true),
        ("<a><b/> &#120;</a>", true),
    ] {
        assert_eq!(parse(text).root().has_text(), has_text, "{text}");
    }
}

/// The texts that [`Element::leaves`] finds, with its name for the first one.
fn leaves<'d>(element: Element<'d>) -> Option<Vec<Option<&'d str>>> {
    let (first, text, others) = element.leaves("urn:x", "a")?;
    assert!(first.same(element.children().next().unwrap()));
    assert_eq!(first.text().unwrap(), text);
    Some(std::iter::once(Some(text)).chain(others).collect())
}

#[test]
fn leaves_are_children_of_one_name_without_elements_in_them() {
    for (inside, expected) in [
        ("", None),
        ("<b>1</b>", None),
        ("<a xmlns=''>1</a>", None),
        ("<a><a>1</a></a>", None),
        ("<a>1</a>", Some(vec![Some("1")])),
        (
            "<a>1</a><a>2</a><a/>",
            Some(vec![Some("1"), Some("2"), Some("")]),
        ),
        (
            "<a>1</a><b>2</b><a >3</a>",
            Some(vec![Some("1"), None, Some("3")]),
        ),
        ("<a>1</a><a xmlns=''>2</a>", Some(vec![Some("1"), None])),
        ("<a>1</a><a>2<b/></a>", Some(vec![Some("1"), None, None])),
    ] {
        let document = parse(&format!("<r xmlns='urn:x'><s>{inside}</s><a>9</a></r>"));
        let element = document.root().children().next().unwrap();
        assert_eq!(leaves(element), expected, "{inside}");
    }
}

#[test]
fn a_leaf_that_a_view_hides_is_none() {
    let document = parse("<r xmlns='urn:x'><a>1</a><a>2</a><a >3</a></r>");
    let root = document.root();
    let hiding = |place| leaves(root.narrowed(root.children().nth(place)));
    assert_eq!(hiding(0), None);
    assert_eq!(hiding(1), Some(vec![Some("1"), None, Some("3")]));
    assert_eq!(hiding(2), Some(vec![Some("1"), Some("2"), None]));
}

#[test]
fn what_is_called_so_is_found_wherever_it_is_in_the_view() {
    let text = "<a><b/><a>1</a><a>2</a><s><a/><b/></s><c/><a/><t><b/><b/></t></a>";
    let document = parse(text);
    let root = document.root();
    let called = |element: Element<'_>, name: &str| {
        let found = element.descendants_called(|local| local == name.as_bytes());
        found.map(|found| found.source_places().1).collect::<Vec<_>>()
    };
    let all = |element: Element<'_>, name: &str| {
        let found = element.descendants().filter(|one| one.local_name() == name);
        found.map(|found| found.source_places().1).collect::<Vec<_>>()
    };
    let hiding = ["b", "a", "s", "t"].map(|name| root.narrowed(root.child("", name)));
    let inner = ["s", "t"].map(|name| root.child("", name).unwrap());
    for element in hiding.into_iter().chain(inner).chain([root]) {
        for name in ["a", "b", "c", "s", "x"] {
            assert_eq!(
                called(element, name),
                all(element, name),
                "{name} in {element:?}"
            );
        }
    }
    assert_eq!(called(root, "a").len(), 4);
    assert_eq!(names(hiding[2].descendants()).concat(), "baacatbb");
    assert_eq!(names(hiding[3].children()).concat(), "baasca");
}

#[test]
fn children_end_where_their_parent_ends() {
    let document = parse("<r><s><a/><b><c/></b></s><d/><t/></r>");
    let root = document.root();
    let [s, t] = ["s", "t"].map(|name| root.child("", name).unwrap());
    assert_eq!(names(root.children()), ["s", "d", "t"]);
    assert_eq!(names(s.children()), ["a", "b"]);
    assert_eq!(names(s.descendants()), ["a", "b", "c"]);
    assert_eq!(names(s.children().next().unwrap().children()), [""; 0]);
    assert_eq!(names(t.children()), [""; 0]);
}

#[test]
fn a_child_that_is_not_wanted_stays_the_next_one() {
    let document = parse("<r><a/><b/></r>");
    let mut children = document.root().children();
    assert!(children.next_if(|child| child.is("", "b")).is_none());
    assert!(children.next_if(|child| child.is("", "a")).is_some());
    assert_eq!(names(children.clone()), ["b"]);
    assert!(children.parent().same(document.root()));
    assert!(children.next_if(|_| true).is_some());
    assert!(children.next_if(|_| true).is_none());
}
