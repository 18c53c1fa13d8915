//! Just enough of an HTML reader to find a page that is not well-formed.

use std::collections::BTreeSet;

/// One tag.
#[derive(Debug)]
pub(super) struct Tag {
    pub(super) name: String,
    closes: bool,
    empty: bool,
    pub(super) attributes: Vec<(String, String)>,
}

/// Reads the tags of a page, and is stricter than a browser: every attribute quoted, every `<`
/// the beginning of a tag.
pub(super) fn tags(html: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some((_, after)) = rest.split_once('<') {
        let (inside, after) = split_tag(after);
        rest = after;
        if inside.starts_with('!') {
            continue;
        }
        let tag = read_tag(inside);
        if tag.name == "style" && !tag.closes {
            rest = rest.split_at(rest.find("</style>").unwrap()).1;
        }
        tags.push(tag);
    }
    tags
}

/// Splits at the first `>` that is in no attribute.
fn split_tag(text: &str) -> (&str, &str) {
    let mut quoted = false;
    text.split_once(|letter| {
        quoted ^= letter == '"';
        letter == '>' && !quoted
    })
    .expect("a tag that never ends")
}

fn read_tag(inside: &str) -> Tag {
    let closes = inside.starts_with('/');
    let empty = inside.ends_with('/') && !closes;
    let inside = inside.trim_matches('/');
    let (name, mut text) = inside.split_once([' ', '\n']).unwrap_or((inside, ""));
    let mut attributes = Vec::new();
    while !text.trim().is_empty() {
        text = text.trim_start();
        let (attribute, after) = text.split_at(text.find(['=', ' ']).unwrap_or(text.len()));
        let quoted = after.strip_prefix("=\"").map(|value| value.split_once('"').unwrap());
        assert!(
            quoted.is_some() || !after.starts_with('='),
            "unquoted: {inside}"
        );
        let (value, after) = quoted.unwrap_or(("", after));
        attributes.push((attribute.to_owned(), value.to_owned()));
        text = after;
    }
    Tag { name: name.to_owned(), closes, empty, attributes }
}

/// Tags are balanced, ids stand once, labels and descriptions point to something.
pub(super) fn assert_well_formed(page: &str, html: &str) {
    const VOID: [&str; 3] = ["meta", "link", "input"];
    let mut open: Vec<String> = Vec::new();
    let mut ids = BTreeSet::new();
    let mut wanted = BTreeSet::new();
    for tag in tags(html) {
        let named: BTreeSet<&String> = tag.attributes.iter().map(|(name, _)| name).collect();
        assert_eq!(
            named.len(),
            tag.attributes.len(),
            "{page}: twice the same in {tag:?}"
        );
        for (name, value) in &tag.attributes {
            match name.as_str() {
                "id" => assert!(ids.insert(value.clone()), "{page}: id {value} again"),
                "for" | "aria-labelledby" | "aria-describedby" => {
                    wanted.insert(value.clone());
                }
                _ => {}
            }
        }
        if tag.closes {
            assert_eq!(open.pop().as_ref(), Some(&tag.name), "{page}");
        } else if !tag.empty && !VOID.contains(&tag.name.as_str()) {
            open.push(tag.name);
        }
    }
    assert!(open.is_empty(), "{page}: {open:?}");
    assert!(wanted.is_subset(&ids), "{page}: {wanted:?} of {ids:?}");
}
