//! Every change of a message in one place.
//!
//! | what | how |
//! |---|---|
//! | node | deleted, swapped with the next one, moved into every other element |
//! | node | copied before, behind and into every other element: as it is, with other IDs, and lying |
//! | element | renamed, in another namespace, under another prefix |
//! | attribute | deleted, changed, renamed, put into a namespace, moved to every other element |
//! | ID | exchanged with every other one, taken over from it, under every name that looks like one |
//! | byte | another one |
//! | element with an ID | replaced by a lying copy, itself put everywhere else |
//!
//! A *lying* copy is about mallory: its NameID and its attribute values are changed. A copy takes
//! the namespaces with it that were declared around it, so that it means what it meant.

use std::ops::Range;

use super::source::{Attribute, Edit, Source, Tag, is_declaration, local};

/// Which bytes take a byte's place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bytes {
    /// One of eight, by turns.
    OneOfEight,
    /// Each of eight.
    All,
}

/// Where in another element something is put.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Places {
    /// First and last.
    Ends,
    /// Before each child, and last.
    All,
}

type Try<'t> = dyn FnMut(&str, &str) + 't;

/// Every byte: a bit flipped, or another one that means something to somebody.
pub(crate) fn bytes(text: &str, which: Bytes, each: &mut dyn FnMut(&str, &[u8])) {
    for place in 0..text.len() {
        let mut bytes = text.as_bytes().to_vec();
        let old = bytes[place];
        let others = [old ^ 1, old ^ 0x20, b'<', b'"', b' ', b'&', 0, 0xc3];
        for (turn, new) in others.into_iter().enumerate() {
            let its_turn = which == Bytes::All || place % others.len() == turn;
            if its_turn && new != old {
                bytes[place] = new;
                each(&format!("byte {place} is {new:#x}"), &bytes);
            }
        }
    }
}

/// Every node, by everything in the table.
pub(crate) fn nodes(source: &Source<'_>, places: Places, each: &mut Try<'_>) {
    for node in 1..source.nodes.len() {
        deleted(source, node, each);
        swapped(source, node, each);
        moved(source, node, places, each);
        copied(source, node, places, each);
    }
    for (element, tag) in source.elements() {
        renamed(source, tag, each);
        renamespaced(source, tag, each);
        for attribute in &tag.attributes {
            attribute_changed(source, element, attribute, each);
        }
        id_added(source, tag, each);
    }
    ids_exchanged(source, each);
}

fn deleted(source: &Source<'_>, node: usize, each: &mut Try<'_>) {
    let span = source.nodes[node].span.clone();
    each(
        &named("deleted", source, node),
        &source.edited(vec![(span, String::new())]),
    );
}

fn swapped(source: &Source<'_>, node: usize, each: &mut Try<'_>) {
    let first = &source.nodes[node];
    let next = source.nodes[node..]
        .iter()
        .find(|other| other.parent == first.parent && other.span.start >= first.span.end);
    if let Some(next) = next {
        let edits = vec![
            (first.span.clone(), source.of(&next.span).to_owned()),
            (next.span.clone(), source.of(&first.span).to_owned()),
        ];
        each(&named("swapped", source, node), &source.edited(edits));
    }
}

fn moved(source: &Source<'_>, node: usize, places: Places, each: &mut Try<'_>) {
    let span = &source.nodes[node].span;
    for place in places_outside(source, span, places) {
        let text = copy(source, node, Copy::Same);
        let edits = vec![(place..place, text), (span.clone(), String::new())];
        each(&named("moved", source, node), &source.edited(edits));
    }
}

fn copied(source: &Source<'_>, node: usize, places: Places, each: &mut Try<'_>) {
    let span = &source.nodes[node].span;
    for kind in [
        Copy::Same,
        Copy::OtherIds,
        Copy::Lying,
        Copy::LyingWithOtherIds,
    ] {
        let text = copy(source, node, kind);
        let mut put = |place: usize| {
            let how = format!("{kind:?} at {place}, {}", named("copied", source, node));
            each(&how, &source.edited(vec![(place..place, text.clone())]));
        };
        put(span.start);
        put(span.end);
        // A copy of a text elsewhere is little more than a changed text.
        let is_element = source.nodes[node].tag.is_some();
        if is_element && (places == Places::All || kind == Copy::LyingWithOtherIds) {
            places_outside(source, span, places).into_iter().for_each(&mut put);
        }
    }
}

/// Signature wrapping: an element that has an ID is replaced by a lie, and its truth, with and
/// without the Signature, goes everywhere else, into the lie too; bare, and in whatever holds
/// content that nobody looks at.
pub(crate) fn wrappings(source: &Source<'_>, places: Places, each: &mut Try<'_>) {
    let elements = source.elements().map(|(element, _)| element);
    for element in elements.filter(|element| has_id(source, *element)) {
        let span = &source.nodes[element].span;
        for lie in [Copy::Lying, Copy::LyingWithOtherIds] {
            let lie = copy(source, element, lie);
            let inside = Source::read(&lie);
            for truth in truths(source, element) {
                for place in places_outside(source, span, places) {
                    let edits = vec![(place..place, truth.clone()), (span.clone(), lie.clone())];
                    each(
                        &format!("replaced by a lie, and moved to {place}"),
                        &source.edited(edits),
                    );
                }
                for place in places_outside(&inside, &(0..0), places) {
                    let both = inside.edited(vec![(place..place, truth.clone())]);
                    let edits = vec![(span.clone(), both)];
                    each(&format!("in a lie, at {place}"), &source.edited(edits));
                }
            }
        }
    }
}

fn truths(source: &Source<'_>, element: usize) -> Vec<String> {
    let hosts = [
        ("samlp:Extensions", "urn:oasis:names:tc:SAML:2.0:protocol"),
        ("samlp:StatusDetail", "urn:oasis:names:tc:SAML:2.0:protocol"),
        ("saml:Advice", "urn:oasis:names:tc:SAML:2.0:assertion"),
        ("ds:Object", "http://www.w3.org/2000/09/xmldsig#"),
    ];
    let mut truths = vec![
        copy(source, element, Copy::Same),
        copy(source, element, Copy::Unsigned),
    ];
    for truth in truths.clone() {
        truths.extend(hosts.iter().map(|(name, namespace)| {
            let prefix = name.split(':').next().unwrap_or_default();
            format!("<{name} xmlns:{prefix}=\"{namespace}\">{truth}</{name}>")
        }));
    }
    truths
}

fn has_id(source: &Source<'_>, element: usize) -> bool {
    let tag = source.nodes[element].tag.as_ref();
    tag.is_some_and(|tag| tag.attributes.iter().any(|own| source.of(&own.name) == "ID"))
}

fn renamed(source: &Source<'_>, tag: &Tag, each: &mut Try<'_>) {
    let name = source.of(&tag.name);
    let prefix = &name[..name.len() - local(name).len()];
    let mut others = vec![
        format!("{name}x"),
        format!("{prefix}{}", local(name).to_lowercase()),
    ];
    let locals = source.elements().map(|(_, tag)| local(source.of(&tag.name)));
    others.extend(locals.map(|local| format!("{prefix}{local}")));
    others.sort();
    others.dedup();
    for other in others.iter().filter(|other| *other != name) {
        each(
            &format!("{name} renamed {other}"),
            &source.edited(name_edits(tag, other)),
        );
    }
}

fn renamespaced(source: &Source<'_>, tag: &Tag, each: &mut Try<'_>) {
    let name = source.of(&tag.name);
    let declarations = source.elements().flat_map(|(_, tag)| &tag.attributes);
    let mut names = declarations.map(|attribute| source.of(&attribute.name)).collect::<Vec<_>>();
    names.retain(|name| is_declaration(name));
    names.sort_unstable();
    names.dedup();
    for declaration in names {
        let prefix = declaration.strip_prefix("xmlns:").unwrap_or_default();
        let other = match prefix {
            "" => local(name).to_owned(),
            prefix => format!("{prefix}:{}", local(name)),
        };
        if other != name {
            each(
                &format!("{name} is {other}"),
                &source.edited(name_edits(tag, &other)),
            );
        }
        for namespace in ["urn:other", "", "urn:oasis:names:tc:SAML:2.0:assertion"] {
            let here = tag.attributes.iter().find(|own| source.of(&own.name) == declaration);
            let edit = match here {
                Some(own) => (own.value.clone(), namespace.to_owned()),
                None => (
                    tag.name.end..tag.name.end,
                    format!(" {declaration}=\"{namespace}\""),
                ),
            };
            let how = format!("{name} with {declaration} {namespace:?}");
            each(&how, &source.edited(vec![edit]));
        }
    }
}

fn attribute_changed(
    source: &Source<'_>,
    element: usize,
    attribute: &Attribute,
    each: &mut Try<'_>,
) {
    let name = source.of(&attribute.name);
    let value = source.of(&attribute.value);
    let mut edit = |how: &str, place: &Range<usize>, text: &str| {
        let text = source.edited(vec![(place.clone(), text.to_owned())]);
        each(&format!("attribute {name} {how}"), &text);
    };
    edit("deleted", &attribute.span, "");
    for other in [
        "",
        "mallory",
        &format!("{value}x"),
        &format!("{value} "),
        &value.to_uppercase(),
    ] {
        edit("changed", &attribute.value, other);
    }
    for other in [&format!("{name}x"), "Name", "xml:id", "ID"] {
        edit("renamed", &attribute.name, other);
    }
    for twin in [
        &format!("x{name}"),
        "xml:lang",
        &format!("xml:{}", local(name)),
        name,
    ] {
        let place = attribute.span.end..attribute.span.end;
        edit("doubled", &place, &format!(" {twin}=\"mallory\""));
        let place = attribute.span.start..attribute.span.start;
        edit("doubled in front", &place, &format!(" {twin}=\"mallory\""));
    }
    for (other, tag) in source.elements().filter(|(other, _)| *other != element) {
        let end = tag.name.end;
        let text = source.of(&attribute.span).to_owned();
        let copied = (end..end, text);
        let gone = (attribute.span.clone(), String::new());
        let how = format!("attribute {name} moved to element {other}");
        each(&how, &source.edited(vec![copied.clone(), gone]));
        each(&format!("{how}, and kept"), &source.edited(vec![copied]));
    }
}

/// Names that some reader somewhere takes for an ID.
const ID_LIKE: &[&str] = &["ID", "Id", "id", "xml:id", "AssertionID", "ResponseID"];

fn id_added(source: &Source<'_>, tag: &Tag, each: &mut Try<'_>) {
    for id in ids(source) {
        for name in ID_LIKE {
            let text = format!(" {name}=\"{}\"", source.of(&id.value));
            let text = source.edited(vec![(tag.name.end..tag.name.end, text)]);
            each(&format!("{} with {name}", source.of(&tag.name)), &text);
        }
    }
}

fn ids_exchanged(source: &Source<'_>, each: &mut Try<'_>) {
    let ids = ids(source);
    for id in &ids {
        let value = source.of(&id.value).to_owned();
        for name in ID_LIKE {
            each(
                name,
                &source.edited(vec![(id.name.clone(), (*name).to_owned())]),
            );
        }
        for other in ids.iter().filter(|other| other.span != id.span) {
            let others = source.of(&other.value).to_owned();
            let taken = (id.value.clone(), others);
            each("ID taken over", &source.edited(vec![taken.clone()]));
            let given = (other.value.clone(), value.clone());
            each("IDs exchanged", &source.edited(vec![taken, given]));
        }
        // Everywhere at once, references included: the signature covers the reference.
        each(
            "ID replaced everywhere",
            &source.text.replace(&value, "_mallory"),
        );
    }
}

fn ids<'n>(source: &'n Source<'_>) -> Vec<&'n Attribute> {
    let attributes = source.elements().flat_map(|(_, tag)| &tag.attributes);
    attributes.filter(|attribute| source.of(&attribute.name) == "ID").collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Copy {
    Same,
    OtherIds,
    Lying,
    LyingWithOtherIds,
    /// Without the Signatures in it.
    Unsigned,
}

fn copy(source: &Source<'_>, node: usize, kind: Copy) -> String {
    let span = &source.nodes[node].span;
    let mut edits: Vec<Edit> = Vec::new();
    if let Some(tag) = &source.nodes[node].tag {
        let end = tag.name.end;
        edits.push((end..end, source.declarations_around(node)));
    }
    if matches!(kind, Copy::OtherIds | Copy::LyingWithOtherIds) {
        let other = |id: &Attribute| (id.value.clone(), format!("{}x", source.of(&id.value)));
        edits.extend(ids(source).into_iter().map(other));
    }
    if matches!(kind, Copy::Lying | Copy::LyingWithOtherIds) {
        let says = |name| matches!(local(name), "NameID" | "AttributeValue");
        let telling = source.elements().filter(|(_, tag)| says(source.of(&tag.name)));
        edits.extend(telling.map(|(_, tag)| (tag.content.clone(), "mallory".to_owned())));
        if source.nodes[node].tag.is_none() {
            return "mallory".to_owned();
        }
    }
    if kind == Copy::Unsigned {
        let name = |tag: &Tag| local(source.of(&tag.name)) == "Signature";
        let signatures = source.elements().filter(|(_, tag)| name(tag));
        // Nothing else is edited inside of them.
        edits.extend(signatures.map(|(id, _)| (source.nodes[id].span.clone(), String::new())));
    }
    source.rewritten(span, edits)
}

fn places_outside(source: &Source<'_>, span: &Range<usize>, places: Places) -> Vec<usize> {
    let mut found = Vec::new();
    for (element, _) in source.elements() {
        let all = source.places(element);
        match (places, all.as_slice()) {
            (Places::Ends, [first, .., last]) => found.extend([*first, *last]),
            _ => found.extend(all),
        }
    }
    found.retain(|place| !(span.start..=span.end).contains(place));
    found.sort_unstable();
    found.dedup();
    found
}

fn name_edits(tag: &Tag, name: &str) -> Vec<Edit> {
    let end = tag.end_name.clone();
    let places = std::iter::once(tag.name.clone()).chain(end);
    places.map(|place| (place, name.to_owned())).collect()
}

fn named(how: &str, source: &Source<'_>, node: usize) -> String {
    match &source.nodes[node].tag {
        Some(tag) => format!("{how}: {}", source.of(&tag.name)),
        None => format!("{how}: {:?}", source.of(&source.nodes[node].span)),
    }
}
