//! The tree: one arena, in document order, that nothing changes after reading.
//!
//! All text lies in one buffer (the source, and behind it what had to be decoded); everything
//! else points into it. An element is followed by its descendants, so "the subtree" is a range of
//! numbers, and a walk is a loop.
//!
//! An [`Element`] is an element *as seen from somewhere*: [`Element::narrowed`] gives a view that
//! ends at the element itself and leaves one child out. The signature check digests such a view
//! and hands out the same view, so that what was digested is all that can be seen.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use super::limits::{Limits, Mode};
use super::{XmlError, reader};

/// A well-formed document that fits the rules of [`crate::xml`]. Still anyone's.
pub struct Document {
    pub(super) buffer: String,
    pub(super) nodes: Vec<Node>,
    pub(super) attributes: Vec<Attribute>,
    pub(super) bindings: Vec<Binding>,
}

impl Document {
    /// Reads a document.
    ///
    /// ```
    /// use samlgate::xml::{Document, Limits, Mode};
    /// let parse = |text: &str| Document::parse(text.as_bytes(), Mode::Message, &Limits::default());
    ///
    /// let document = parse("<a xmlns='urn:example'>Alice</a>").unwrap();
    /// assert!(document.root().is("urn:example", "a"));
    /// assert_eq!(document.root().text().unwrap(), "Alice");
    ///
    /// let error = parse("<a>Ali<!-- -->ce</a>").unwrap_err();
    /// assert_eq!(error.code().as_str(), "xml.forbidden_node");
    /// ```
    pub fn parse(bytes: &[u8], mode: Mode, limits: &Limits) -> Result<Self, XmlError> {
        reader::read(bytes, None, mode, limits)
    }

    /// Reads a document as if it stood in `context`: the namespace declarations that are in scope
    /// there are in scope around it. For what was cut out of a document to be encrypted.
    ///
    /// ```
    /// use samlgate::xml::{Document, Limits, Mode};
    /// let (mode, limits) = (Mode::Message, Limits::default());
    /// let outer = Document::parse(b"<a xmlns:b='urn:b'><c/></a>", mode, &limits).unwrap();
    /// let context = outer.root().child("", "c").unwrap();
    ///
    /// let inner = Document::parse_within(b"<b:d/>", context, mode, &limits).unwrap();
    /// assert!(inner.root().is("urn:b", "d"));
    /// let error = Document::parse(b"<b:d/>", mode, &limits).unwrap_err();
    /// assert!(error.lacks_declaration());
    /// ```
    pub fn parse_within(
        bytes: &[u8],
        context: Element<'_>,
        mode: Mode,
        limits: &Limits,
    ) -> Result<Self, XmlError> {
        reader::read(bytes, Some(context), mode, limits)
    }

    /// The document element.
    pub const fn root(&self) -> Element<'_> {
        Element { document: self, id: 0, top: 0, hidden: None }
    }

    pub(super) fn str(&self, span: Span) -> &str {
        // Spans are made by the reader at character boundaries inside the buffer.
        self.buffer.get(span.start..span.end).unwrap_or_default()
    }

    pub(super) fn attributes_of(&self, element: &ElementData) -> &[Attribute] {
        self.attributes.get(element.attributes.clone()).unwrap_or_default()
    }

    pub(super) fn parent_of(&self, element: &ElementData) -> Option<&ElementData> {
        match self.nodes.get(element.parent?) {
            Some(Node::Element(parent)) => Some(parent),
            _ => None,
        }
    }

    /// The namespace name that `prefix` (empty for the default) stands for in a scope.
    pub(super) fn resolve(&self, scope: Option<usize>, prefix: &str) -> Option<Span> {
        let mut scope = scope;
        while let Some(binding) = scope.and_then(|id| self.bindings.get(id)) {
            if self.str(binding.prefix) == prefix {
                return Some(binding.namespace);
            }
            scope = binding.outer;
        }
        None
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A message is personal data; its shape is not.
        f.debug_struct("Document").field("root", &self.root()).finish_non_exhaustive()
    }
}

/// An element of a [`Document`], in a view: see [`Element::narrowed`].
#[derive(Clone, Copy)]
pub struct Element<'d> {
    document: &'d Document,
    id: usize,
    /// The topmost element that this view reaches.
    top: usize,
    /// A subtree that this view leaves out.
    hidden: Option<usize>,
}

impl<'d> Element<'d> {
    /// The name without its prefix.
    pub fn local_name(self) -> &'d str {
        self.document.str(self.data().local)
    }

    /// The namespace name; empty for none.
    pub fn namespace(self) -> &'d str {
        self.document.str(self.data().namespace)
    }

    /// Whether this is the element with this expanded name.
    pub fn is(self, namespace: &str, local_name: &str) -> bool {
        self.local_name() == local_name && self.namespace() == namespace
    }

    /// The value of an attribute that has no namespace.
    pub fn attribute(self, local_name: &str) -> Option<&'d str> {
        self.attribute_ns("", local_name)
    }

    /// The value of the attribute with this expanded name.
    pub fn attribute_ns(self, namespace: &str, local_name: &str) -> Option<&'d str> {
        self.attributes()
            .find(|(found, local, _)| *local == local_name && *found == namespace)
            .map(|(_, _, value)| value)
    }

    /// All attributes as (namespace name, local name, value). Declarations are not among them.
    pub fn attributes(self) -> impl Iterator<Item = (&'d str, &'d str, &'d str)> {
        let document = self.document;
        self.raw_attributes().iter().map(move |attribute| {
            (
                document.str(attribute.namespace),
                document.str(attribute.local),
                document.str(attribute.value),
            )
        })
    }

    /// The child elements, in order.
    pub fn children(self) -> Children<'d> {
        Children { parent: self, next: self.id.saturating_add(1) }
    }

    /// The first child with this expanded name.
    pub fn child(self, namespace: &str, local_name: &str) -> Option<Self> {
        self.children().find(|child| child.is(namespace, local_name))
    }

    /// Every element below this one, in document order.
    pub fn descendants(self) -> Descendants<'d> {
        Descendants { top: self, next: self.id.saturating_add(1) }
    }

    /// The whole text; `None` when there are child elements, which no text has room for.
    pub fn text(self) -> Option<Cow<'d, str>> {
        let mut whole = Cow::Borrowed("");
        for id in self.subtree().skip(1) {
            match self.document.nodes.get(id)? {
                Node::Element(_) => return None,
                Node::Text(span) if whole.is_empty() => {
                    whole = Cow::Borrowed(self.document.str(*span));
                }
                Node::Text(span) => whole.to_mut().push_str(self.document.str(*span)),
            }
        }
        Some(whole)
    }

    /// Whether there is text other than white space directly in this element.
    pub fn has_text(self) -> bool {
        let mut next = self.id.saturating_add(1);
        while next < self.data().end {
            match self.document.nodes.get(next) {
                Some(Node::Element(data)) => next = data.end.max(next.saturating_add(1)),
                Some(Node::Text(span)) => {
                    if !self.document.str(*span).bytes().all(super::chars::is_white) {
                        return true;
                    }
                    next = next.saturating_add(1);
                }
                None => return false,
            }
        }
        false
    }

    /// The element around this one; `None` at the top of the view.
    pub fn parent(self) -> Option<Self> {
        let id = self.data().parent.filter(|_| self.id != self.top)?;
        Some(Self { id, ..self })
    }

    /// Whether both are the same element of the same document.
    pub fn same(self, other: Self) -> bool {
        std::ptr::eq(self.document, other.document) && self.id == other.id
    }

    /// Whether `other` is this element or one below it, as far as this view reaches.
    pub fn contains(self, other: Self) -> bool {
        let hidden = self.hidden.map(|id| Self { id, hidden: None, ..self }.subtree());
        std::ptr::eq(self.document, other.document)
            && self.subtree().contains(&other.id)
            && !hidden.is_some_and(|range| range.contains(&other.id))
    }

    /// `other` as this view sees it; `None` when it does not.
    #[must_use]
    pub fn view_of(self, other: Self) -> Option<Self> {
        self.contains(other).then_some(Self { id: other.id, ..self })
    }

    /// The same element in a smaller view: it has no parent any more, and `hidden`, when that is
    /// a child of it, is not there.
    ///
    /// There is no way back from a view to the document. That is on purpose.
    ///
    /// ```
    /// use samlgate::xml::{Document, Limits, Mode};
    /// let text = b"<all><mine><a/><b/></mine></all>";
    /// let document = Document::parse(text, Mode::Message, &Limits::default()).unwrap();
    /// let mine = document.root().child("", "mine").unwrap();
    /// let view = mine.narrowed(mine.child("", "a"));
    /// assert!(view.parent().is_none());
    /// assert_eq!(view.children().count(), 1);
    /// ```
    #[must_use]
    pub fn narrowed(self, hidden: Option<Self>) -> Self {
        let child = |other: &Self| {
            std::ptr::eq(self.document, other.document) && other.data().parent == Some(self.id)
        };
        // What was hidden in here stays hidden. What was hidden elsewhere is out of sight anyway.
        let kept = self.hidden.filter(|id| self.subtree().contains(id));
        let hidden = kept.or_else(|| hidden.filter(child).map(|other| other.id));
        Self { top: self.id, hidden, ..self }
    }

    /// Where in the source the content begins (behind the start tag) and where the whole element
    /// ends (behind the end tag). The two are the same for `<a/>`.
    pub(crate) fn source_places(self) -> (usize, usize) {
        (self.data().content, self.data().behind)
    }

    pub(super) fn data(self) -> &'d ElementData {
        match self.document.nodes.get(self.id) {
            Some(Node::Element(data)) => data,
            // Elements are made with the number of an element. Were that ever wrong, this one has
            // no name, so that it is not the one anybody looks for.
            _ => &NAMELESS,
        }
    }

    pub(super) const fn document(self) -> &'d Document {
        self.document
    }

    pub(super) const fn hidden(self) -> Option<usize> {
        self.hidden
    }

    pub(super) fn raw_attributes(self) -> &'d [Attribute] {
        self.document.attributes_of(self.data())
    }

    /// The numbers of this element and of everything below it.
    pub(super) fn subtree(self) -> Range<usize> {
        self.id..self.data().end
    }
}

impl fmt::Debug for Element<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{}}}{}", self.namespace(), self.local_name())
    }
}

/// See [`Element::children`].
#[derive(Clone, Debug)]
pub struct Children<'d> {
    parent: Element<'d>,
    next: usize,
}

impl<'d> Iterator for Children<'d> {
    type Item = Element<'d>;

    fn next(&mut self) -> Option<Element<'d>> {
        while self.next < self.parent.data().end {
            let id = self.next;
            self.next = id.saturating_add(1);
            if let Node::Element(data) = self.parent.document.nodes.get(id)? {
                self.next = data.end.max(self.next);
                if self.parent.hidden != Some(id) {
                    return Some(Element { id, ..self.parent });
                }
            }
        }
        None
    }
}

/// See [`Element::descendants`].
#[derive(Clone, Debug)]
pub struct Descendants<'d> {
    top: Element<'d>,
    next: usize,
}

impl<'d> Iterator for Descendants<'d> {
    type Item = Element<'d>;

    fn next(&mut self) -> Option<Element<'d>> {
        while self.next < self.top.data().end {
            let id = self.next;
            self.next = id.saturating_add(1);
            if let Node::Element(data) = self.top.document.nodes.get(id)? {
                if self.top.hidden != Some(id) {
                    return Some(Element { id, ..self.top });
                }
                self.next = data.end.max(self.next);
            }
        }
        None
    }
}

/// A piece of [`Document::buffer`].
#[derive(Clone, Copy, Default)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Span {
    const EMPTY: Self = Self { start: 0, end: 0 };

    pub(super) const fn is_empty(self) -> bool {
        self.start >= self.end
    }
}

pub(super) enum Node {
    Element(ElementData),
    Text(Span),
}

pub(super) struct ElementData {
    pub(super) parent: Option<usize>,
    /// One past the number of the last descendant.
    pub(super) end: usize,
    pub(super) prefix: Span,
    pub(super) local: Span,
    pub(super) namespace: Span,
    /// Which of [`Document::attributes`] are its own.
    pub(super) attributes: Range<usize>,
    /// The innermost of [`Document::bindings`] in scope.
    pub(super) scope: Option<usize>,
    /// How many bindings are in scope.
    pub(super) bindings: usize,
    pub(super) content: usize,
    pub(super) behind: usize,
}

static NAMELESS: ElementData = ElementData {
    parent: None,
    end: 0,
    prefix: Span::EMPTY,
    local: Span::EMPTY,
    namespace: Span::EMPTY,
    attributes: 0..0,
    scope: None,
    bindings: 0,
    content: 0,
    behind: 0,
};

pub(super) struct Attribute {
    pub(super) prefix: Span,
    pub(super) local: Span,
    pub(super) namespace: Span,
    pub(super) value: Span,
}

/// A namespace declaration, and through `outer` all that are in scope around it.
pub(super) struct Binding {
    pub(super) prefix: Span,
    pub(super) namespace: Span,
    pub(super) outer: Option<usize>,
}
