//! The reader: whatever it accepts, it accepts again in canonical form, as the same tree.

use samlgate::xml::{Document, Element, Limits, Mode, c14n};

pub fn check(bytes: &[u8]) {
    for mode in [Mode::Message, Mode::Metadata] {
        let Ok(document) = Document::parse(bytes, mode, &Limits::default()) else {
            continue;
        };
        let canonical = canonical(document.root());
        let again = Document::parse(&canonical, mode, &wide())
            .expect("what was accepted is accepted in canonical form");
        same(document.root(), again.root());
        assert!(
            canonical == self::canonical(again.root()),
            "canonical form is a fixed point"
        );
    }
}

pub fn canonical(element: Element<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    c14n::exclusive(element, &[], &mut out);
    out
}

/// Canonical form is longer: references, end tags, declarations.
pub fn wide() -> Limits {
    Limits { bytes: 16 << 20, text: 1 << 20, ..Limits::default() }
}

fn same(one: Element<'_>, other: Element<'_>) {
    let all = |root: Element<'_>| {
        let below = root.descendants();
        std::iter::once(root).chain(below).map(told).collect::<Vec<_>>()
    };
    assert_eq!(all(one), all(other));
}

/// Namespace, name, attributes, text.
type Said = (
    String,
    String,
    Vec<(String, String, String)>,
    Option<String>,
);

/// Everything that a reader of the tree can see of one element.
fn told(element: Element<'_>) -> Said {
    let mut attributes = element
        .attributes()
        .map(|(namespace, local, value)| (namespace.into(), local.into(), value.into()))
        .collect::<Vec<_>>();
    attributes.sort();
    let text = element.text().map(|text| text.into_owned());
    (
        element.namespace().into(),
        element.local_name().into(),
        attributes,
        text,
    )
}
