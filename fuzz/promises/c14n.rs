//! Canonical form: of every element, under every method, a well-formed document that is its own
//! canonical form, and not much longer than what it was made of.

use samlgate::xml::{Document, Element, Limits, Mode, c14n};

use super::xml::wide;

/// The first byte chooses the element, the second the prefixes; the rest is the document.
pub fn check(bytes: &[u8]) {
    let [place, list, text @ ..] = bytes else {
        return;
    };
    let Ok(document) = Document::parse(text, Mode::Message, &Limits::default()) else {
        return;
    };
    let root = document.root();
    let count = root.descendants().count() + 1;
    let apex = std::iter::once(root).chain(root.descendants()).nth(usize::from(*place) % count);
    let apex = apex.unwrap_or(root);

    const PREFIXES: [&str; 8] = ["#default", "xs", "xsi", "saml", "samlp", "ds", "a", "b"];
    let prefixes = (0..8).filter(|bit| list >> bit & 1 == 1).map(|bit| PREFIXES[bit]);
    let prefixes = prefixes.collect::<Vec<_>>();
    fixed_point(
        text.len(),
        |element, out| c14n::exclusive(element, &prefixes, out),
        apex,
    );
    // The same, without a child that signs: it can only be less.
    if let Some(child) = apex.children().next() {
        let (mut whole, mut part) = (Vec::new(), Vec::new());
        c14n::exclusive(apex, &prefixes, &mut whole);
        c14n::exclusive(apex.narrowed(Some(child)), &prefixes, &mut part);
        assert!(part.len() < whole.len());
    }
    for version in [c14n::Version::V1_0, c14n::Version::V1_1] {
        fixed_point(
            text.len(),
            |element, out| c14n::inclusive(element, version, out),
            apex,
        );
    }
}

fn fixed_point(source: usize, form: impl Fn(Element<'_>, &mut Vec<u8>), element: Element<'_>) {
    let mut once = Vec::new();
    form(element, &mut once);
    // Each byte becomes a reference of at most six, names of namespaces are written out at most
    // four times the source, and the declarations of the apex come on top.
    assert!(
        once.len() <= source * 12 + 64 * 1024,
        "{} of {source}",
        once.len()
    );
    let document = Document::parse(&once, Mode::Message, &wide()).expect("well-formed");
    let mut twice = Vec::new();
    form(document.root(), &mut twice);
    assert!(once == twice, "canonical form is a fixed point");
}
