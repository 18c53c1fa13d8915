//! Canonical XML: the bytes that are digested.
//!
//! In: an element in its view. Out: its canonical bytes, by exclusive C14N 1.0 or, where an operator
//! allows it, by inclusive C14N 1.0 or 1.1. Promised: every byte comes from the tree that is read
//! later, and exactly what the view shows is written. There is nothing that can fail, so that no
//! error can turn into an empty text with a well-known digest.
//!
//! Most of a signed message is canonical as it stands: its signer wrote it that way. So tags, texts
//! and end tags are compared with what would be written, and as long as that is what stands in the
//! source, byte for byte, nothing but the end of a range moves ([`Walk::verbatim`]). Whatever is
//! not, is written out.

use memchr::{memchr, memchr3};

use super::tree::{Attribute, Document, ElementData, Form, NONE, Name, Span, wide};
use super::{Element, ns};

/// Appends the bytes of an element by exclusive C14N, as its view shows it, to `out`.
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
pub fn exclusive(element: Element<'_>, inclusive_prefixes: &[&str], out: &mut impl Output) {
    Walk::new(element, Method::Exclusive(inclusive_prefixes), out).subtree(element);
}

/// Appends the bytes of an element by inclusive C14N, as its view shows it, to `out`.
///
/// It begins with all namespaces that are in scope, also those that were declared around the
/// element, and with the `xml:` attributes that it inherits. What they are is then signed; where
/// they came from is not, and does not matter to anybody who reads the element.
///
/// ```
/// use samlgate::xml::{Document, Limits, Mode, c14n};
/// let text = b"<a:x xmlns:a='urn:a' xmlns:b='urn:b' xml:lang='en' xml:id='i'><a:y c='1'/></a:x>";
/// let document = Document::parse(text, Mode::Message, &Limits::default()).unwrap();
/// let child = document.root().children().next().unwrap();
///
/// let mut out = Vec::new();
/// c14n::inclusive(child, c14n::Version::V1_0, &mut out);
/// let expected = br#"<a:y xmlns:a="urn:a" xmlns:b="urn:b" c="1" xml:id="i" xml:lang="en"></a:y>"#;
/// assert_eq!(out, expected);
///
/// out.clear();
/// c14n::inclusive(child, c14n::Version::V1_1, &mut out);
/// assert_eq!(out, br#"<a:y xmlns:a="urn:a" xmlns:b="urn:b" c="1" xml:lang="en"></a:y>"#);
/// ```
pub fn inclusive(element: Element<'_>, version: Version, out: &mut impl Output) {
    Walk::new(element, Method::Inclusive(version), out).subtree(element);
}

/// Where canonical bytes go, piece by piece: into a buffer, or straight into a digest.
pub trait Output {
    /// The next bytes.
    fn write(&mut self, bytes: &[u8]);

    /// About so many are going to come.
    fn expect(&mut self, _bytes: usize) {}
}

impl Output for Vec<u8> {
    fn write(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn expect(&mut self, bytes: usize) {
        self.reserve(bytes);
    }
}

/// Which inclusive canonicalization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Canonical XML 1.0: an element inherits every `xml:` attribute.
    V1_0,
    /// Canonical XML 1.1: it inherits `xml:lang` and `xml:space` alone.
    ///
    /// It would also have its `xml:base` joined with those around it. We do not join URIs; who
    /// wants this version asks [`inherits_base`] first.
    V1_1,
}

/// Whether there is an `xml:base` around this element (also outside of its view), which
/// Canonical XML 1.1, 2.4 would join with its own.
pub fn inherits_base(element: Element<'_>) -> bool {
    let document = element.document();
    let is_base = |attribute: &Attribute| {
        document.str(attribute.name.local()) == "base"
            && document.namespace(attribute.namespace) == ns::XML
    };
    around(document, element.data()).any(|outer| document.attributes_of(outer).iter().any(is_base))
}

/// The elements around one, innermost first: those of the document, not of a view.
fn around<'d>(
    document: &'d Document,
    data: &'d ElementData,
) -> impl Iterator<Item = &'d ElementData> {
    std::iter::successors(document.parent_of(data), |inner| document.parent_of(inner))
}

#[derive(Clone, Copy)]
enum Method<'w> {
    Exclusive(&'w [&'w str]),
    Inclusive(Version),
}

struct Walk<'w, O> {
    document: &'w Document,
    method: Method<'w>,
    /// Namespaces that are written on the elements around, outermost first.
    rendered: Vec<(&'w str, &'w str)>,
    /// Elements whose end tag is still to come, with the length of `rendered` before them.
    open: Vec<(&'w ElementData, usize)>,
    /// Namespaces that the current start tag needs.
    wanted: Vec<(&'w str, &'w str)>,
    /// The attributes of the current start tag, in their order.
    sorted: Vec<&'w Attribute>,
    /// A piece of the document's buffer that is canonical, and not copied yet.
    as_it_stands: Span,
    out: &'w mut O,
}

impl<'w, O: Output> Walk<'w, O> {
    fn new(element: Element<'w>, method: Method<'w>, out: &'w mut O) -> Self {
        Self {
            document: element.document(),
            method,
            rendered: Vec::with_capacity(8),
            open: Vec::with_capacity(8),
            wanted: Vec::new(),
            sorted: Vec::new(),
            as_it_stands: Span::default(),
            out,
        }
    }

    fn subtree(mut self, element: Element<'w>) {
        let numbers = element.subtree();
        let mut next = numbers.start;
        // What is canonical as it stands has this length, and little else is longer.
        let source = element.data().name.whole().start()..wide(element.data().behind);
        self.out.expect(source.len().saturating_add(128));
        while let Some(data) = self.document.elements.get(next).filter(|_| next < numbers.end) {
            self.close_before(next);
            let end = wide(data.end).max(next.saturating_add(1));
            let hidden = element.hidden().filter(|hidden| (next..end).contains(hidden));
            if hidden == Some(next) {
                self.text(data.tail);
                next = end;
            } else if hidden.is_none() && self.is_canonical(data) {
                let start = data.name.whole().start().saturating_sub(1);
                self.keep(Span::new(start, wide(data.behind)));
                self.text(data.tail);
                next = end;
            } else {
                self.start_tag(data);
                next = next.saturating_add(1);
            }
        }
        self.close_before(numbers.end);
        self.copy();
    }

    fn start_tag(&mut self, data: &'w ElementData) {
        let parent = self.open.last().map(|(parent, _)| *parent);
        if data.form != Form::Other && self.needs_no_declaration(data) {
            let (start, end) = (data.name.place().saturating_sub(1), data.content);
            if data.content == data.behind {
                self.empty(data, Span::between(start, end.saturating_sub(2)));
            } else {
                self.open.push((data, self.rendered.len()));
                self.keep(Span::between(start, end));
                self.text(data.text);
            }
            return;
        }
        self.open.push((data, self.rendered.len()));
        if let Some(tag) = parent.and_then(|parent| self.verbatim(data, parent)) {
            self.keep(tag);
        } else {
            self.copy();
            self.out.write(b"<");
            self.name(data.name);
            self.namespaces(data, parent);
            self.attributes(data, parent);
            self.out.write(b">");
        }
        self.text(data.text);
    }

    /// An element that stands as `<a/>`, which begins in this way.
    fn empty(&mut self, data: &'w ElementData, tag: Span) {
        self.keep(tag);
        self.copy();
        self.out.write(b"></");
        self.name(data.name);
        self.out.write(b">");
        self.text(data.tail);
    }

    /// Whether an element stands in the source as it would be written here, with all that is in it.
    fn is_canonical(&self, data: &ElementData) -> bool {
        data.form.is_canonical() && self.needs_no_declaration(data)
    }

    /// Whether an element declares nothing, and the namespace of its name is written already.
    fn needs_no_declaration(&self, data: &ElementData) -> bool {
        let Some((parent, _)) = self.open.last() else {
            return false;
        };
        data.alike
            || data.scope == parent.scope
                && (matches!(self.method, Method::Inclusive(_))
                    || self.document.prefix(data) == self.document.prefix(parent)
                    || self.is_rendered(data.name.prefix(), data.namespace))
    }

    /// The source of a start tag, if that is what would be written: it neither declares nor needs
    /// a namespace that is not written yet, its attributes are in order, and white space and
    /// quotes are where they belong.
    fn verbatim(&self, data: &ElementData, parent: &ElementData) -> Option<Span> {
        let document = self.document;
        if data.scope != parent.scope {
            return None;
        }
        let attributes = document.attributes_of(data);
        if let Method::Exclusive(_) = self.method {
            let like_parent = document.prefix(data) == document.prefix(parent);
            if !like_parent && !self.is_rendered(data.name.prefix(), data.namespace) {
                return None;
            }
            let prefixed =
                attributes.iter().filter(|attribute| !attribute.name.prefix().is_empty());
            let mut others = prefixed.filter(|other| document.str(other.name.prefix()) != "xml");
            if !others.all(|other| self.is_rendered(other.name.prefix(), other.namespace)) {
                return None;
            }
        }

        let source = document.source.as_bytes();
        let is = |at: usize, byte: u8| source.get(at) == Some(&byte);
        let start = data.name.whole().start().checked_sub(1)?;
        let mut at = data.name.whole().end();
        let mut before = None;
        for attribute in attributes {
            // ` name="value"`. A value that had to be decoded stands somewhere else; so one that
            // stands here has nothing in it that would be escaped.
            let equals = attribute.name.whole().end();
            let quote = equals.saturating_add(1);
            let stands = is(at, b' ')
                && attribute.name.whole().start() == at.saturating_add(1)
                && is(equals, b'=')
                && is(quote, b'"')
                && attribute.value.start() == quote.saturating_add(1);
            let key = self.order(attribute);
            if !stands || before.is_some_and(|before| before > key) {
                return None;
            }
            debug_assert!(!escapes_in_value(document.str(attribute.value)));
            before = Some(key);
            at = attribute.value.end().saturating_add(1);
        }
        let end = at.saturating_add(1);
        // `<a/>` ends in two bytes.
        (wide(data.content) == end && is(at, b'>')).then(|| Span::new(start, end))
    }

    fn text(&mut self, span: Span) {
        if span.is_empty() {
            return;
        }
        let text = self.document.str(span).as_bytes();
        let escapes = memchr3(b'&', b'<', b'>', text).is_some() || memchr(b'\r', text).is_some();
        if escapes {
            self.copy();
            escaped_text(text, self.out);
        } else {
            self.keep(span);
        }
    }

    /// Writes the end tags of all elements that end before the one with this number, and the texts
    /// behind them: those that are in an element that is written.
    fn close_before(&mut self, next: usize) {
        while let Some((data, rendered)) = self.open.last().copied() {
            if wide(data.end) > next {
                return;
            }
            self.open.pop();
            self.rendered.truncate(rendered);
            if let Some(tag) = self.verbatim_end(data) {
                self.keep(tag);
            } else {
                self.copy();
                self.out.write(b"</");
                self.name(data.name);
                self.out.write(b">");
            }
            if !self.open.is_empty() {
                self.text(data.tail);
            }
        }
    }

    /// The source of an end tag, if there is one and it has no white space.
    fn verbatim_end(&self, data: &ElementData) -> Option<Span> {
        let name = data.name.whole().range().len();
        let end = wide(data.behind);
        let start = end.checked_sub(name)?.checked_sub("</>".len())?;
        let source = self.document.source.as_bytes().get(start..end)?;
        // What ends here is `</`, this name, perhaps white space, and `>`; or else `/>`.
        (start >= wide(data.content) && source.starts_with(b"</")).then(|| Span::new(start, end))
    }

    /// Namespace declarations, by their prefixes; the default one first.
    fn namespaces(&mut self, data: &'w ElementData, parent: Option<&'w ElementData>) {
        self.wanted.clear();
        match self.method {
            Method::Exclusive(inclusive) => self.used_namespaces(data, parent, inclusive),
            Method::Inclusive(_) => self.declared_namespaces(data, parent),
        }
        self.wanted.sort_unstable();
        for place in 0..self.wanted.len() {
            let Some((prefix, namespace)) = self.wanted.get(place).copied() else {
                break;
            };
            self.rendered.push((prefix, namespace));
            self.out.write(b" xmlns");
            if !prefix.is_empty() {
                self.out.write(b":");
                self.out.write(prefix.as_bytes());
            }
            self.out.write(b"=\"");
            escaped_value(namespace, self.out);
            self.out.write(b"\"");
        }
    }

    /// Exclusive C14N, 3: the prefixes that this element or its attributes use, and those of the
    /// list, as far as the output around does not say the same already.
    fn used_namespaces(
        &mut self,
        data: &'w ElementData,
        parent: Option<&'w ElementData>,
        inclusive: &'w [&'w str],
    ) {
        let document = self.document;
        self.want(
            document.str(data.name.prefix()),
            document.namespace(data.namespace),
        );
        for attribute in document.attributes_of(data) {
            if !attribute.name.prefix().is_empty() {
                self.want(
                    document.str(attribute.name.prefix()),
                    document.namespace(attribute.namespace),
                );
            }
        }
        // Without a declaration of its own, an element has those of its parent, and they are
        // written there.
        if parent.is_some_and(|parent| parent.scope == data.scope) {
            return;
        }
        for prefix in inclusive {
            let prefix = if *prefix == "#default" { "" } else { *prefix };
            match document.resolve(data.scope, prefix) {
                Some(namespace) => self.want(prefix, namespace),
                None if prefix.is_empty() => self.want("", ""),
                None => {}
            }
        }
    }

    /// C14N 1.0, 2.3: what is in scope, as far as it is not so around; at the top all of it.
    fn declared_namespaces(&mut self, data: &'w ElementData, parent: Option<&'w ElementData>) {
        let document = self.document;
        let end = parent.map_or(NONE, |parent| parent.scope);
        let mut scope = data.scope;
        // At the top the first binding of a prefix on the way out is the one that counts, also
        // where it is not to be written. Further down nobody declares a prefix twice.
        let mut seen = Vec::new();
        while let Some(binding) = document.bindings.get(wide(scope)).filter(|_| scope != end) {
            let prefix = document.str(binding.prefix);
            if !seen.contains(&prefix) {
                if parent.is_none() {
                    seen.push(prefix);
                }
                self.want(prefix, document.str(binding.namespace));
            }
            scope = binding.outer;
        }
    }

    fn want(&mut self, prefix: &'w str, namespace: &'w str) {
        // The prefix `xml` is never declared.
        let known = prefix == "xml" || self.wanted.iter().any(|(other, _)| *other == prefix);
        if !known && !self.says(prefix, namespace) {
            self.wanted.push((prefix, namespace));
        }
    }

    fn is_rendered(&self, prefix: Span, namespace: u32) -> bool {
        self.says(
            self.document.str(prefix),
            self.document.namespace(namespace),
        )
    }

    /// Whether the output around says that this prefix stands for this namespace.
    fn says(&self, prefix: &str, namespace: &str) -> bool {
        match self.rendered.iter().rev().find(|(other, _)| *other == prefix) {
            Some((_, rendered)) => *rendered == namespace,
            // `xmlns=""` is only written where it undoes something.
            None => prefix.is_empty() && namespace.is_empty(),
        }
    }

    /// C14N 1.0, 2.3: by namespace name, then by local name; those without one come first.
    fn attributes(&mut self, data: &'w ElementData, parent: Option<&'w ElementData>) {
        let document = self.document;
        self.sorted.clear();
        self.sorted.extend(document.attributes_of(data));
        if let (Method::Inclusive(version), None) = (self.method, parent) {
            self.inherited(data, version);
        }
        self.sorted.sort_unstable_by_key(|attribute| {
            (
                document.namespace(attribute.namespace),
                document.str(attribute.name.local()),
            )
        });
        for place in 0..self.sorted.len() {
            let Some(attribute) = self.sorted.get(place).copied() else {
                break;
            };
            self.out.write(b" ");
            self.name(attribute.name);
            self.out.write(b"=\"");
            escaped_value(document.str(attribute.value), self.out);
            self.out.write(b"\"");
        }
    }

    /// C14N 1.0, 2.4, and 1.1, 2.4: `xml:` attributes of the elements around, the nearest of each.
    fn inherited(&mut self, data: &'w ElementData, version: Version) {
        let document = self.document;
        for outer in around(document, data) {
            for attribute in document.attributes_of(outer) {
                let local = document.str(attribute.name.local());
                let inherits = document.namespace(attribute.namespace) == ns::XML
                    && match version {
                        Version::V1_0 => true,
                        Version::V1_1 => matches!(local, "lang" | "space"),
                    };
                let known = |other: &&Attribute| {
                    document.str(other.name.local()) == local
                        && document.namespace(other.namespace) == ns::XML
                };
                if inherits && !self.sorted.iter().any(known) {
                    self.sorted.push(attribute);
                }
            }
        }
    }

    fn order(&self, attribute: &Attribute) -> (&'w str, &'w str) {
        (
            self.document.namespace(attribute.namespace),
            self.document.str(attribute.name.local()),
        )
    }

    fn name(&mut self, name: Name) {
        self.out.write(self.document.str(name.whole()).as_bytes());
    }

    /// A piece of the buffer comes next, as it stands.
    fn keep(&mut self, piece: Span) {
        if piece.start() == self.as_it_stands.end() {
            self.as_it_stands = Span::new(self.as_it_stands.start(), piece.end());
        } else {
            self.copy();
            self.as_it_stands = piece;
        }
    }

    /// Writes what was kept; anything else may follow then.
    fn copy(&mut self) {
        let kept = std::mem::take(&mut self.as_it_stands);
        self.out.write(self.document.str(kept).as_bytes());
    }
}

/// C14N 1.0, 2.3, text nodes.
fn escaped_text(text: &[u8], out: &mut impl Output) {
    escaped(text, out, |byte| match byte {
        b'&' => Some(b"&amp;"),
        b'<' => Some(b"&lt;"),
        b'>' => Some(b"&gt;"),
        b'\r' => Some(b"&#xD;"),
        _ => None,
    });
}

/// C14N 1.0, 2.3, attribute nodes; namespace names are written the same way.
fn escaped_value(value: &str, out: &mut impl Output) {
    if escapes_in_value(value) {
        escaped(value.as_bytes(), out, |byte| match byte {
            b'&' => Some(b"&amp;"),
            b'<' => Some(b"&lt;"),
            b'"' => Some(b"&quot;"),
            b'\t' => Some(b"&#x9;"),
            b'\n' => Some(b"&#xA;"),
            b'\r' => Some(b"&#xD;"),
            _ => None,
        });
    } else {
        out.write(value.as_bytes());
    }
}

fn escapes_in_value(value: &str) -> bool {
    let value = value.as_bytes();
    memchr3(b'&', b'<', b'"', value).is_some() || memchr3(b'\t', b'\n', b'\r', value).is_some()
}

fn escaped(text: &[u8], out: &mut impl Output, reference: impl Fn(u8) -> Option<&'static [u8]>) {
    let mut rest = text;
    while let Some(place) = rest.iter().position(|byte| reference(*byte).is_some()) {
        let (plain, behind) = rest.split_at_checked(place).unwrap_or((rest, &[]));
        out.write(plain);
        rest = match behind.split_first() {
            Some((byte, behind)) => {
                out.write(reference(*byte).unwrap_or_default());
                behind
            }
            None => &[],
        };
    }
    out.write(rest);
}

#[cfg(test)]
mod tests;
