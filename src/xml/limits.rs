//! How much a document may cost, and which kinds of node it may hold.

use super::XmlError;

/// What a document is, which decides what it may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A protocol message: elements, attributes and text.
    ///
    /// A comment can split a text in two for one reader and not for another (CVE-2017-11427). One
    /// may stand around the document element or between its children, where there is no text, and
    /// only outside of what is signed (`dsig` looks after that); nowhere else.
    Message,
    /// Metadata, which people edit by hand: comments are read over, as if they were not there.
    Metadata,
}

/// The most that a document may use. Every document is one that a stranger sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the whole document.
    pub bytes: usize,
    /// Elements inside each other.
    pub depth: usize,
    /// Elements altogether.
    pub elements: usize,
    /// Attributes and namespace declarations of one element.
    pub attributes: usize,
    /// Namespace declarations on the way from the root to an element, counted with repetition.
    pub namespaces: usize,
    /// Bytes of one run of text, or of one attribute's value.
    pub text: usize,
    /// Bytes of one name, prefix included, and of one namespace name.
    pub name: usize,
}

impl Default for Limits {
    /// For protocol messages.
    fn default() -> Self {
        Self {
            // A Response with 150 groups has 18 KB; this is room for ten times as much.
            bytes: 256 * 1024,
            // The path Response, Assertion, Signature, SignedInfo, Reference, Transforms, Transform,
            // InclusiveNamespaces has 8; attribute values may bring some of their own.
            depth: 32,
            // 1000 groups, each an AttributeValue, and room for the rest.
            elements: 4096,
            // The schema's richest element has 12; duplicates are found by comparing all pairs.
            attributes: 64,
            // samlp, saml, ds, ec, xs, xsi and a default are 7, and some products repeat them on
            // the way down. A look-up walks over all of them.
            namespaces: 32,
            // A certificate has about 2 KB; an encrypted assertion is one text as well, as large
            // as the assertion was.
            text: 64 * 1024,
            // `SubjectConfirmationData` has 23; attribute *values*, which can be long, are text.
            name: 256,
        }
    }
}

impl Limits {
    /// For metadata: an operator chose where it comes from, and a federation's is large.
    pub const fn metadata() -> Self {
        Self {
            // One entity has some ten KB (ADFS the most, for all its claims); this is a
            // federation of some hundred.
            bytes: 8 * 1024 * 1024,
            depth: 32,
            elements: 200_000,
            attributes: 64,
            // Federations declare all their extensions at the top.
            namespaces: 64,
            // Logos come as `data:` URLs.
            text: 1024 * 1024,
            name: 256,
        }
    }

    /// How many elements a document of this size may have, or [`ATTRIBUTES`] times as many
    /// attributes, or some of both: one for each 32 bytes, and 32 besides.
    ///
    /// An element takes 56 bytes in the tree, an attribute 20, however short they are in the
    /// document; this keeps the tree below twice the document's size. Of the messages that
    /// have to be accepted, the one with the most of them for its size (200 groups of a few
    /// letters) has half of what it may have. An AttributeValue without a prefix and with a single
    /// letter in it takes 34 bytes.
    const fn most_markup(length: usize) -> usize {
        (length / 32).saturating_add(32)
    }

    /// Whether a document of this size may be read at all.
    pub(super) fn accept_size(&self, length: usize) -> Result<(), XmlError> {
        // The tree has places of 32 bits, and what is decoded needs as many again.
        let places = usize::try_from(u32::MAX / 4).unwrap_or(usize::MAX);
        within("bytes", length, self.bytes.min(places))
    }
}

/// So many attributes weigh as much as an element: see [`Limits::most_markup`].
const ATTRIBUTES: usize = 3;

/// What is left of the limits while one document is read.
pub(super) struct Budget {
    limits: Limits,
    elements: usize,
    /// See [`Limits::most_markup`].
    markup: usize,
    most_markup: usize,
    written_out: usize,
    most_attributes: usize,
}

impl Budget {
    /// For a document of so many bytes.
    pub(super) const fn new(limits: Limits, length: usize) -> Self {
        let written_out = Self::most_written_out(&limits);
        let most_markup = Limits::most_markup(length);
        let markup = most_markup.saturating_mul(ATTRIBUTES);
        Self {
            limits,
            elements: limits.elements,
            markup,
            most_markup,
            written_out,
            // The tree counts no further.
            most_attributes: if limits.attributes < 255 {
                limits.attributes
            } else {
                255
            },
        }
    }

    /// A name with a prefix stands for a namespace name of any length. Exclusive C14N writes that
    /// out again at each of many siblings; so their sum is bounded, or 256 KiB of message could
    /// become 9 MiB of canonical bytes, before any signature was checked. With SAML's own names,
    /// of about 40 bytes, and tags that are longer than that, no message comes near.
    const fn most_written_out(limits: &Limits) -> usize {
        limits.bytes.saturating_mul(4)
    }

    /// One more name in a namespace whose name has this length.
    pub(super) fn namespace_used(&mut self, length: usize) -> Result<(), XmlError> {
        let left = self.written_out.checked_sub(length);
        let most = Self::most_written_out(&self.limits);
        self.written_out =
            left.ok_or(XmlError::Limit { what: "bytes of namespace names in use", most })?;
        Ok(())
    }

    /// One more element, `depth` deep (the root is at 1).
    #[inline]
    pub(super) fn element(&mut self, depth: usize) -> Result<(), XmlError> {
        within("elements inside each other", depth, self.limits.depth)?;
        let left = self.elements.checked_sub(1);
        let most = self.limits.elements;
        self.elements = left.ok_or(XmlError::Limit { what: "elements", most })?;
        self.markup(ATTRIBUTES)
    }

    /// How many elements more there can be, as deep as another, with names in a namespace whose own
    /// name has this length.
    pub(super) fn elements_alike(&self, namespace: usize) -> usize {
        let names = self.written_out.checked_div(namespace).unwrap_or(usize::MAX);
        self.elements_left().min(names)
    }

    /// So many more of them, which there can be.
    pub(super) fn elements_again(&mut self, count: usize, namespace: usize) {
        self.elements = self.elements.saturating_sub(count);
        self.markup = self.markup.saturating_sub(count.saturating_mul(ATTRIBUTES));
        self.written_out = self.written_out.saturating_sub(count.saturating_mul(namespace));
    }

    /// How many elements more there can be.
    pub(super) fn elements_left(&self) -> usize {
        self.elements.min(self.markup / ATTRIBUTES)
    }

    /// How many attributes more there can be, if there are so many for so many elements.
    pub(super) fn attributes_left(&self, attributes: usize, elements: usize) -> usize {
        let both = elements.saturating_mul(ATTRIBUTES).saturating_add(attributes);
        self.markup.saturating_mul(attributes).checked_div(both).unwrap_or(0)
    }

    /// How many attributes one element may have.
    pub(super) const fn attributes_of_one(&self) -> usize {
        self.most_attributes
    }

    /// One more comment. It leaves no trace, but splits a text in two.
    pub(super) fn comment(&mut self) -> Result<(), XmlError> {
        self.markup(ATTRIBUTES)
    }

    /// One more attribute or declaration, the `count`th of its element.
    pub(super) fn attribute(&mut self, count: usize) -> Result<(), XmlError> {
        within("attributes of one element", count, self.most_attributes)?;
        self.markup(1)
    }

    fn markup(&mut self, units: usize) -> Result<(), XmlError> {
        let left = self.markup.checked_sub(units);
        let (what, most) = ("elements in a document of this size", self.most_markup);
        self.markup = left.ok_or(XmlError::Limit { what, most })?;
        Ok(())
    }

    pub(super) const fn namespaces(&self, count: usize) -> Result<(), XmlError> {
        within("namespaces in scope", count, self.limits.namespaces)
    }

    pub(super) const fn text(&self, length: usize) -> Result<(), XmlError> {
        within("bytes in one text", length, self.limits.text)
    }

    /// Whether a text may have this length.
    pub(super) const fn has_room_for(&self, length: usize) -> bool {
        length <= self.limits.text
    }

    pub(super) const fn name(&self, length: usize) -> Result<(), XmlError> {
        within("bytes in one name", length, self.limits.name)
    }
}

const fn within(what: &'static str, found: usize, most: usize) -> Result<(), XmlError> {
    if found > most {
        return Err(XmlError::Limit { what, most });
    }
    Ok(())
}
