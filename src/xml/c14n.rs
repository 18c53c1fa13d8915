//! Exclusive XML Canonicalization 1.0: the bytes that are digested.
//!
//! In: an element in its view. Out: its canonical bytes. Promised: every byte comes from the tree
//! that is read later, and exactly what the view shows is written. There is nothing that can fail,
//! so that no error can turn into an empty text with a well-known digest.

use super::Element;
use super::tree::{Document, ElementData, Node};

/// Appends the canonical bytes of an element, as its view shows it, to `out`.
///
/// `inclusive_prefixes` is the `PrefixList` of `InclusiveNamespaces`: prefixes that are written
/// where they are declared and not where they are used. `#default` stands for the default one.
///
/// ```
/// use samlgate::xml::{Document, Limits, Mode, c14n};
/// let text = b"<a:x xmlns:a='urn:a' xmlns:b='urn:b'><a:y  c='1' b = '2'/></a:x>";
/// let document = Document::parse(text, Mode::Message, &Limits::default()).unwrap();
/// let child = document.root().children().next().unwrap();
///
/// let mut out = Vec::new();
/// c14n::exclusive(child, &[], &mut out);
/// assert_eq!(out, br#"<a:y xmlns:a="urn:a" b="2" c="1"></a:y>"#);
///
/// out.clear();
/// c14n::exclusive(child, &["b"], &mut out);
/// assert_eq!(out, br#"<a:y xmlns:a="urn:a" xmlns:b="urn:b" b="2" c="1"></a:y>"#);
/// ```
pub fn exclusive(element: Element<'_>, inclusive_prefixes: &[&str], out: &mut Vec<u8>) {
    let mut walk = Walk {
        document: element.document(),
        inclusive: inclusive_prefixes,
        rendered: Vec::new(),
        open: Vec::new(),
        wanted: Vec::new(),
        out,
    };
    let subtree = element.subtree();
    let mut next = subtree.start;
    while next < subtree.end {
        walk.close_before(next);
        let Some(node) = walk.document.nodes.get(next) else {
            break;
        };
        match node {
            Node::Element(data) if element.hidden() == Some(next) => {
                next = data.end.max(next.saturating_add(1));
                continue;
            }
            Node::Element(data) => walk.start_tag(data),
            Node::Text(span) => text(walk.document.str(*span), walk.out),
        }
        next = next.saturating_add(1);
    }
    walk.close_before(subtree.end);
}

/// Which inclusive canonicalization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Canonical XML 1.0: an element inherits all `xml:` attributes.
    V1_0,
    /// Canonical XML 1.1: it inherits `xml:lang` and `xml:space` alone.
    V1_1,
}

/// Appends the bytes of an element by inclusive canonicalization: with everything that it
/// inherits from the elements around it.
pub fn inclusive(element: Element<'_>, _version: Version, out: &mut Vec<u8>) {
    exclusive(element, &[], out);
}

struct Walk<'w> {
    document: &'w Document,
    inclusive: &'w [&'w str],
    /// Namespaces that are written on the elements around, outermost first.
    rendered: Vec<(&'w str, &'w str)>,
    /// Elements whose end tag is still to come, with the length of `rendered` before them.
    open: Vec<(&'w ElementData, usize)>,
    /// Namespaces that the current start tag needs.
    wanted: Vec<(&'w str, &'w str)>,
    out: &'w mut Vec<u8>,
}

impl<'w> Walk<'w> {
    fn start_tag(&mut self, data: &'w ElementData) {
        let document = self.document;
        self.open.push((data, self.rendered.len()));
        self.out.push(b'<');
        self.name(document.str(data.prefix), document.str(data.local));

        self.namespaces(data);
        for place in 0..self.wanted.len() {
            let Some((prefix, namespace)) = self.wanted.get(place).copied() else {
                break;
            };
            self.rendered.push((prefix, namespace));
            self.out.extend_from_slice(b" xmlns");
            if !prefix.is_empty() {
                self.out.push(b':');
                self.out.extend_from_slice(prefix.as_bytes());
            }
            self.out.extend_from_slice(b"=\"");
            attribute_value(namespace, self.out);
            self.out.push(b'"');
        }

        // C14N 1.0, 2.3: by namespace name, then by local name; those without one come first.
        let attributes = document.attributes.get(data.attributes.clone()).unwrap_or_default();
        let mut attributes = attributes.iter().collect::<Vec<_>>();
        attributes.sort_by_key(|a| (document.str(a.namespace), document.str(a.local)));
        for attribute in attributes {
            self.out.push(b' ');
            self.name(
                document.str(attribute.prefix),
                document.str(attribute.local),
            );
            self.out.extend_from_slice(b"=\"");
            attribute_value(document.str(attribute.value), self.out);
            self.out.push(b'"');
        }
        self.out.push(b'>');
    }

    /// Exclusive C14N, 3: the prefixes that this element or its attributes use, and those of the
    /// list, as far as the output around does not say the same already.
    fn namespaces(&mut self, data: &'w ElementData) {
        let document = self.document;
        self.wanted.clear();
        self.want(document.str(data.prefix), document.str(data.namespace));
        for attribute in document.attributes.get(data.attributes.clone()).unwrap_or_default() {
            let prefix = document.str(attribute.prefix);
            if !prefix.is_empty() {
                self.want(prefix, document.str(attribute.namespace));
            }
        }
        for prefix in self.inclusive {
            let prefix = if *prefix == "#default" { "" } else { *prefix };
            let namespace = document.resolve(data.scope, prefix).map(|span| document.str(span));
            match namespace {
                Some(namespace) => self.want(prefix, namespace),
                None if prefix.is_empty() => self.want("", ""),
                None => {}
            }
        }
        self.wanted.sort_unstable();
    }

    fn want(&mut self, prefix: &'w str, namespace: &'w str) {
        // The prefix `xml` is never declared.
        if prefix == "xml" || self.wanted.iter().any(|(other, _)| *other == prefix) {
            return;
        }
        let around = self.rendered.iter().rev().find(|(other, _)| *other == prefix);
        let same = match around {
            Some((_, rendered)) => *rendered == namespace,
            // `xmlns=""` is only written where it undoes something.
            None => prefix.is_empty() && namespace.is_empty(),
        };
        if !same {
            self.wanted.push((prefix, namespace));
        }
    }

    /// Writes the end tags of all elements that end before the node with this number.
    fn close_before(&mut self, next: usize) {
        while let Some((data, rendered)) = self.open.last().copied() {
            if data.end > next {
                return;
            }
            self.open.pop();
            self.rendered.truncate(rendered);
            self.out.extend_from_slice(b"</");
            self.name(
                self.document.str(data.prefix),
                self.document.str(data.local),
            );
            self.out.push(b'>');
        }
    }

    fn name(&mut self, prefix: &str, local: &str) {
        if !prefix.is_empty() {
            self.out.extend_from_slice(prefix.as_bytes());
            self.out.push(b':');
        }
        self.out.extend_from_slice(local.as_bytes());
    }
}

/// C14N 1.0, 2.3, text nodes.
fn text(text: &str, out: &mut Vec<u8>) {
    escaped(text, out, |byte| match byte {
        b'&' => Some(b"&amp;"),
        b'<' => Some(b"&lt;"),
        b'>' => Some(b"&gt;"),
        b'\r' => Some(b"&#xD;"),
        _ => None,
    });
}

/// C14N 1.0, 2.3, attribute nodes; namespace names are written the same way.
fn attribute_value(value: &str, out: &mut Vec<u8>) {
    escaped(value, out, |byte| match byte {
        b'&' => Some(b"&amp;"),
        b'<' => Some(b"&lt;"),
        b'"' => Some(b"&quot;"),
        b'\t' => Some(b"&#x9;"),
        b'\n' => Some(b"&#xA;"),
        b'\r' => Some(b"&#xD;"),
        _ => None,
    });
}

fn escaped(text: &str, out: &mut Vec<u8>, reference: impl Fn(u8) -> Option<&'static [u8]>) {
    let mut rest = text.as_bytes();
    while let Some(place) = rest.iter().position(|byte| reference(*byte).is_some()) {
        let (plain, behind) = rest.split_at_checked(place).unwrap_or((rest, &[]));
        out.extend_from_slice(plain);
        rest = match behind.split_first() {
            Some((byte, behind)) => {
                out.extend_from_slice(reference(*byte).unwrap_or_default());
                behind
            }
            None => &[],
        };
    }
    out.extend_from_slice(rest);
}
