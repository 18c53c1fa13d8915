//! Documents that were cut out of others: `Document::parse_within`.

use super::{Document, Element, Limits, Mode, XmlError, c14n};

const OUTER: &str = "<a:x xmlns:a='urn:a' xmlns='urn:default' xmlns:b='urn:outer'>\
                     <a:y xmlns:b='urn:b' xmlns:c='urn:c'><a:here/></a:y>\
                     <a:z xmlns=''><a:here/></a:z></a:x>";

fn parse(text: &str) -> Document {
    Document::parse(text.as_bytes(), Mode::Message, &Limits::default()).unwrap()
}

fn within(text: &str, context: Element<'_>, limits: &Limits) -> Result<Document, XmlError> {
    Document::parse_within(text.as_bytes(), context, Mode::Message, limits)
}

fn place<'d>(outer: &'d Document, name: &str) -> Element<'d> {
    outer.root().child("urn:a", name).unwrap().child("urn:a", "here").unwrap()
}

#[test]
fn what_is_read_within_a_document_means_what_it_means_in_its_place() {
    let outer = parse(OUTER);
    let inner = "<a:p b:q='1'><r/><c:s xmlns:c='urn:own'/></a:p>";
    for name in ["y", "z"] {
        let read = within(inner, place(&outer, name), &Limits::default()).unwrap();
        let at = format!("<a:here/></a:{name}>");
        let in_place = parse(&OUTER.replace(&at, &format!("<a:here>{inner}</a:here></a:{name}>")));
        let in_place = place(&in_place, name).children().next().unwrap();
        let (mut one, mut other) = (Vec::new(), Vec::new());
        c14n::exclusive(read.root(), &["c", "#default"], &mut one);
        c14n::exclusive(in_place, &["c", "#default"], &mut other);
        assert_eq!(String::from_utf8(one), String::from_utf8(other), "{name}");
    }
}

#[test]
fn inner_declarations_hide_outer_ones() {
    let outer = parse(OUTER);
    let root = |text: &str, name| {
        let read = within(text, place(&outer, name), &Limits::default()).unwrap();
        read.root().namespace().to_owned()
    };
    assert_eq!(root("<b:p/>", "y"), "urn:b");
    assert_eq!(root("<b:p/>", "z"), "urn:outer");
    assert_eq!(root("<p/>", "y"), "urn:default");
    assert_eq!(root("<p/>", "z"), "");
    assert_eq!(root("<b:p xmlns:b='urn:own'/>", "y"), "urn:own");
    assert_eq!(root("<p xml:lang='en'/>", "y"), "urn:default");
    let gone = within("<c:p/>", place(&outer, "z"), &Limits::default()).unwrap_err();
    assert_eq!(
        (gone.code().as_str(), gone.lacks_declaration()),
        ("xml.namespace", true)
    );
}

#[test]
fn what_is_around_counts_against_the_limits() {
    let outer = parse(OUTER);
    let limits = |namespaces| Limits { namespaces, ..Limits::default() };
    // a, the default, b and c are around; one more is declared.
    let text = "<a:p xmlns:d='urn:d'/>";
    assert!(within(text, place(&outer, "y"), &limits(5)).is_ok());
    for most in [3, 4] {
        let error = within(text, place(&outer, "y"), &limits(most)).unwrap_err();
        assert_eq!(error.code().as_str(), "xml.limit");
    }
    let syntax = within("<a:p><x>", place(&outer, "y"), &Limits::default()).unwrap_err();
    assert!(!syntax.lacks_declaration());
}
