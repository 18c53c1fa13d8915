//! The tree: one arena, in document order, that nothing changes after reading.
//!
//! Text stays where it came in, or lies in a second buffer where it had to be decoded; everything
//! else points into those two. An element is followed by its descendants, so "the subtree" is a
//! range of numbers, and a walk is a loop. Texts are no nodes: each belongs to the element that it
//! begins or follows. Numbers and places have 32 bits: all of it together is about as large as the
//! source, and a message fits the processor's nearest cache.
//!
//! An [`Element`] is an element *as seen from somewhere*: [`Element::narrowed`] gives a view that
//! ends at the element itself and leaves one child out. The signature check digests such a view
//! and hands out the same view, so that what was digested is all that can be seen.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use super::limits::{Limits, Mode};
use super::{XmlError, reader};
use data::NAMELESS;

mod data;
#[cfg(test)]
mod tests;
mod walk;

pub(super) use data::{Attribute, Binding, ElementData, Form, NONE, Name, Span, narrow, wide};
pub use walk::{Children, Descendants};

/// A well-formed document that fits the rules of [`crate::xml`]. Still anyone's.
pub struct Document {
    pub(super) source: String,
    /// What had to be decoded. Its places begin where those of the source end.
    pub(super) decoded: String,
    pub(super) elements: Vec<ElementData>,
    pub(super) attributes: Vec<Attribute>,
    pub(super) bindings: Vec<Binding>,
    /// A message has a comment between the children of its document element.
    pub(super) commented: bool,
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
        limits.accept_size(bytes.len())?;
        Self::parse_owned(bytes.to_vec(), mode, limits)
    }

    /// The same without a copy: the document keeps the bytes.
    pub fn parse_owned(bytes: Vec<u8>, mode: Mode, limits: &Limits) -> Result<Self, XmlError> {
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
        limits.accept_size(bytes.len())?;
        reader::read(bytes.to_vec(), Some(context), mode, limits)
    }

    /// The document element.
    pub fn root(&self) -> Element<'_> {
        // A document without elements does not leave the reader. Were there ever one, its root has
        // no name, so that it is not the one anybody looks for.
        let data = self.elements.first().unwrap_or(&NAMELESS);
        Element { document: self, data, id: 0, top: 0, hidden: NONE }
    }

    #[inline]
    pub(super) fn str(&self, span: Span) -> &str {
        piece(&self.source, &self.decoded, span)
    }

    /// The prefix of an element's name.
    pub(super) fn prefix(&self, data: &ElementData) -> &str {
        // Names stand in the source.
        self.source.get(data.name.prefix().range()).unwrap_or_default()
    }

    /// Whether this is the local part of a name.
    #[inline(always)]
    pub(super) fn is_local(&self, name: Name, local: &str) -> bool {
        // Names stand in the source. And most questions are answered by a length.
        name.local_length() == local.len()
            && self.source.as_bytes().get(name.local().range()) == Some(local.as_bytes())
    }

    /// The name of a namespace by the number of a binding; `NONE` is the one without a name.
    pub(super) fn namespace(&self, binding: u32) -> &str {
        self.bindings
            .get(wide(binding))
            .map_or("", |binding| self.str(binding.namespace))
    }

    /// Whether a binding gives this name to a namespace.
    #[inline(always)]
    pub(super) fn is_namespace(&self, binding: u32, namespace: &str) -> bool {
        let Some(binding) = self.bindings.get(wide(binding)) else {
            return namespace.is_empty();
        };
        let range = binding.namespace.range();
        // Both lengths are that of the name that is asked for, which is mostly known when this is
        // compiled, and so the comparison is no call.
        let behind = self.source.as_bytes().get(range.start..);
        range.len() == namespace.len()
            && match behind.and_then(|behind| behind.get(..namespace.len())) {
                Some(found) => found == namespace.as_bytes(),
                None => self.is_decoded(binding.namespace, namespace),
            }
    }

    #[cold]
    fn is_decoded(&self, span: Span, text: &str) -> bool {
        self.str(span) == text
    }

    /// The attributes of an element, without declarations.
    #[inline]
    pub(super) fn attributes_of(&self, data: &ElementData) -> &[Attribute] {
        let first = wide(data.first_attribute);
        let end = first.saturating_add(usize::from(data.attribute_count));
        self.attributes.get(first..end).unwrap_or_default()
    }

    /// The element around one: that of the document, not of a view.
    pub(super) fn parent_of(&self, data: &ElementData) -> Option<&ElementData> {
        self.elements.get(wide(data.parent))
    }

    /// The namespace name that `prefix` (empty for the default) stands for in a scope.
    pub(super) fn resolve(&self, scope: u32, prefix: &str) -> Option<&str> {
        let binding = resolve(&self.bindings, scope, |span| self.str(span) == prefix)?;
        Some(self.namespace(binding))
    }
}

/// The text at a place in one of the two buffers.
#[inline]
pub(super) fn piece<'t>(source: &'t str, decoded: &'t str, span: Span) -> &'t str {
    // Spans are made by the reader at character boundaries. Those that are not in the source are
    // behind it.
    source.get(span.range()).unwrap_or_else(|| {
        let behind = |place: usize| place.saturating_sub(source.len());
        decoded.get(behind(span.start())..behind(span.end())).unwrap_or_default()
    })
}

/// The number of the innermost binding of a prefix.
pub(super) fn resolve(
    bindings: &[Binding],
    scope: u32,
    is_prefix: impl Fn(Span) -> bool,
) -> Option<u32> {
    let mut scope = scope;
    while let Some(binding) = bindings.get(wide(scope)) {
        if is_prefix(binding.prefix) {
            return Some(scope);
        }
        scope = binding.outer;
    }
    None
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
    data: &'d ElementData,
    id: u32,
    /// The topmost element that this view reaches.
    top: u32,
    /// A subtree that this view leaves out, or `NONE`.
    hidden: u32,
}

impl<'d> Element<'d> {
    /// The name without its prefix.
    #[inline]
    pub fn local_name(self) -> &'d str {
        self.document.str(self.data.name.local())
    }

    /// The prefix of its name; empty for none. It says nothing; [`Element::namespace`] does.
    pub(crate) fn prefix(self) -> &'d str {
        self.document.str(self.data.name.prefix())
    }

    /// The namespace name; empty for none.
    pub fn namespace(self) -> &'d str {
        self.document.namespace(self.data.namespace)
    }

    /// Whether this is the element with this expanded name.
    // Where it is called, both are known: a comparison with a text of known length is a few
    // instructions, and a call is many.
    #[inline(always)]
    pub fn is(self, namespace: &str, local_name: &str) -> bool {
        let (document, data) = (self.document, self.data);
        document.is_local(data.name, local_name) && document.is_namespace(data.namespace, namespace)
    }

    /// The value of an attribute that has no namespace.
    pub fn attribute(self, local_name: &str) -> Option<&'d str> {
        let document = self.document;
        self.raw_attributes()
            .iter()
            .find(|one| one.namespace == NONE && document.is_local(one.name, local_name))
            .map(|one| document.str(one.value))
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
                document.namespace(attribute.namespace),
                document.str(attribute.name.local()),
                document.str(attribute.value),
            )
        })
    }

    /// The values of these attributes, which have no namespace. Of each other one, `others` says by
    /// its namespace name whether it may be there; if not, its local name is the answer.
    #[inline(always)]
    pub(crate) fn attributes_named<const N: usize>(
        self,
        names: [&str; N],
        others: impl Fn(&str) -> bool,
    ) -> Result<[Option<&'d str>; N], &'d str> {
        let document = self.document;
        let mut values = [None; N];
        for one in self.raw_attributes() {
            let mut named = values.iter_mut().zip(names);
            let is_named = |name: &str| one.namespace == NONE && document.is_local(one.name, name);
            match named.find(|(_, name)| is_named(name)) {
                Some((value, _)) => *value = Some(document.str(one.value)),
                None if others(document.namespace(one.namespace)) => {}
                None => return Err(document.str(one.name.local())),
            }
        }
        Ok(values)
    }

    /// No more than so many child elements can be in it.
    pub(crate) fn most_children(self) -> usize {
        self.subtree().len().saturating_sub(1)
    }

    /// The first child with this expanded name.
    pub fn child(self, namespace: &str, local_name: &str) -> Option<Self> {
        self.children().find(|child| child.is(namespace, local_name))
    }

    /// The whole text; `None` when there are child elements, which no text has room for.
    #[inline]
    pub fn text(self) -> Option<Cow<'d, str>> {
        let is_leaf = self.most_children() == 0;
        is_leaf.then(|| Cow::Borrowed(self.document.str(self.data.text)))
    }

    /// Whether there is text other than white space directly in this element.
    pub const fn has_text(self) -> bool {
        self.data.has_text
    }

    /// Whether a comment stands in it. In a message that can be the document element alone:
    /// everywhere else the reader refuses comments.
    pub fn holds_comment(self) -> bool {
        self.document.commented && self.id == 0
    }

    /// The element around this one; `None` at the top of the view.
    pub fn parent(self) -> Option<Self> {
        let id = self.data.parent;
        let data = self.document.parent_of(self.data)?;
        (self.id != self.top).then_some(Self { id, data, ..self })
    }

    /// Whether both are the same element of the same document.
    pub fn same(self, other: Self) -> bool {
        std::ptr::eq(self.document, other.document) && self.id == other.id
    }

    /// Whether `other` is this element or one below it, as far as this view reaches.
    pub fn contains(self, other: Self) -> bool {
        let other_id = wide(other.id);
        let hidden = self.hidden().is_some_and(|hidden| {
            let data = self.document.elements.get(hidden);
            data.is_some_and(|data| (hidden..wide(data.end)).contains(&other_id))
        });
        std::ptr::eq(self.document, other.document) && self.subtree().contains(&other_id) && !hidden
    }

    /// `other` as this view sees it; `None` when it does not.
    #[must_use]
    pub fn view_of(self, other: Self) -> Option<Self> {
        self.contains(other).then_some(Self { id: other.id, data: other.data, ..self })
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
            std::ptr::eq(self.document, other.document) && other.data.parent == self.id
        };
        // What was hidden in here stays hidden. What was hidden elsewhere is out of sight anyway.
        let kept = self.hidden().filter(|id| self.subtree().contains(id)).map(|_| self.hidden);
        let hidden = kept.or_else(|| hidden.filter(child).map(|other| other.id));
        Self { top: self.id, hidden: hidden.unwrap_or(NONE), ..self }
    }

    /// Where in the source the content begins (behind the start tag) and where the whole element
    /// ends (behind the end tag). The two are the same for `<a/>`.
    pub(crate) fn source_places(self) -> (usize, usize) {
        (wide(self.data.content), wide(self.data.behind))
    }

    pub(super) const fn data(self) -> &'d ElementData {
        self.data
    }

    pub(super) const fn document(self) -> &'d Document {
        self.document
    }

    pub(super) fn hidden(self) -> Option<usize> {
        (self.hidden != NONE).then_some(wide(self.hidden))
    }

    pub(super) fn raw_attributes(self) -> &'d [Attribute] {
        self.document.attributes_of(self.data)
    }

    /// The numbers of this element and of everything below it.
    pub(super) fn subtree(self) -> Range<usize> {
        wide(self.id)..wide(self.data.end)
    }
}

impl fmt::Debug for Element<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{}}}{}", self.namespace(), self.local_name())
    }
}
