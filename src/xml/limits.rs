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

    /// Whether a document of this size may be read at all.
    pub(super) fn accept_size(&self, length: usize) -> Result<(), XmlError> {
        // The tree has places of 32 bits, and what is decoded needs as many again.
        let places = usize::try_from(u32::MAX / 4).unwrap_or(usize::MAX);
        within("bytes", length, self.bytes.min(places))
    }
}

/// What is left of the limits while one document is read.
pub(super) struct Budget {
    limits: Limits,
    elements: usize,
    written_out: usize,
}

impl Budget {
    pub(super) const fn new(limits: Limits) -> Self {
        let written_out = Self::most_written_out(&limits);
        Self { limits, elements: limits.elements, written_out }
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
    pub(super) fn element(&mut self, depth: usize) -> Result<(), XmlError> {
        within("elements inside each other", depth, self.limits.depth)?;
        let left = self.elements.checked_sub(1);
        let most = self.limits.elements;
        self.elements = left.ok_or(XmlError::Limit { what: "elements", most })?;
        Ok(())
    }

    pub(super) const fn attributes(&self, count: usize) -> Result<(), XmlError> {
        within("attributes of one element", count, self.limits.attributes)
    }

    pub(super) const fn namespaces(&self, count: usize) -> Result<(), XmlError> {
        within("namespaces in scope", count, self.limits.namespaces)
    }

    pub(super) const fn text(&self, length: usize) -> Result<(), XmlError> {
        within("bytes in one text", length, self.limits.text)
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
