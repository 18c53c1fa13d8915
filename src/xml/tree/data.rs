//! What the tree is made of: numbers, places, and what they point at.

use std::ops::Range;

/// The number or place that is none. [`super::Limits::accept_size`] keeps all others below it.
pub(in crate::xml) const NONE: u32 = u32::MAX;

/// A number or place, to count or look up with.
#[inline]
pub(in crate::xml) fn wide(narrow: u32) -> usize {
    // Never anything but the same number where we run; 16-bit machines get a place that is none.
    usize::try_from(narrow).unwrap_or(usize::MAX)
}

/// A number or place, to be kept.
#[inline]
pub(in crate::xml) fn narrow(wide: usize) -> u32 {
    u32::try_from(wide).unwrap_or(NONE)
}

/// A piece of `Document::source` or `Document::decoded`.
#[derive(Clone, Copy, Default)]
pub(in crate::xml) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    pub(in crate::xml) const EMPTY: Self = Self { start: 0, end: 0 };

    pub(in crate::xml) fn new(start: usize, end: usize) -> Self {
        Self { start: narrow(start), end: narrow(end) }
    }

    pub(in crate::xml) const fn between(start: u32, end: u32) -> Self {
        Self { start, end }
    }

    /// Its end, narrow.
    pub(in crate::xml) const fn until(self) -> u32 {
        self.end
    }

    pub(in crate::xml) fn start(self) -> usize {
        wide(self.start)
    }

    pub(in crate::xml) fn end(self) -> usize {
        wide(self.end)
    }

    #[inline]
    pub(in crate::xml) fn range(self) -> Range<usize> {
        self.start()..self.end()
    }

    pub(in crate::xml) const fn is_empty(self) -> bool {
        self.start >= self.end
    }
}

/// A `QName`, as it stands in the source.
#[derive(Clone, Copy)]
pub(in crate::xml) struct Name {
    start: u32,
    length: u16,
    /// Where its local part begins in it: behind the colon, if there is one.
    local: u16,
}

impl Name {
    const EMPTY: Self = Self { start: 0, length: 0, local: 0 };

    /// `None` for lengths that no limit allows.
    pub(in crate::xml) fn new(start: usize, length: usize, local: usize) -> Option<Self> {
        let (length, local) = (u16::try_from(length).ok()?, u16::try_from(local).ok()?);
        Some(Self { start: narrow(start), length, local })
    }

    /// The same name in another place.
    pub(in crate::xml) const fn standing_at(self, start: u32) -> Self {
        Self { start, ..self }
    }

    /// Where it begins.
    pub(in crate::xml) const fn place(self) -> u32 {
        self.start
    }

    /// Prefix, colon and local part.
    pub(in crate::xml) fn whole(self) -> Span {
        Span {
            start: self.start,
            end: self.start.saturating_add(self.length.into()),
        }
    }

    /// Empty when there is none.
    pub(in crate::xml) fn prefix(self) -> Span {
        Span {
            start: self.start,
            end: self.start.saturating_add(self.prefix_length().into()),
        }
    }

    /// Empty when there is none.
    pub(in crate::xml) fn prefix_and_colon(self) -> Span {
        Span {
            start: self.start,
            end: self.start.saturating_add(self.local.into()),
        }
    }

    pub(in crate::xml) const fn prefix_length(self) -> u16 {
        self.local.saturating_sub(1)
    }

    pub(in crate::xml) fn local(self) -> Span {
        Span {
            start: self.start.saturating_add(self.local.into()),
            ..self.whole()
        }
    }

    pub(in crate::xml) fn local_length(self) -> usize {
        self.length.saturating_sub(self.local).into()
    }

    pub(in crate::xml) const fn has_prefix(self) -> bool {
        self.local != 0
    }
}

/// An element, the text at its beginning and the text behind it. There is no other text: what stands
/// between two elements is behind the first of them.
#[derive(Clone, Copy)]
pub(in crate::xml) struct ElementData {
    /// The number of the element around it, or `NONE`.
    pub(in crate::xml) parent: u32,
    /// One past the number of the last element in it.
    pub(in crate::xml) end: u32,
    pub(in crate::xml) name: Name,
    /// The one of `Document::bindings` that says what its namespace is, or `NONE`.
    pub(in crate::xml) namespace: u32,
    /// The innermost of `Document::bindings` in scope, or `NONE`.
    pub(in crate::xml) scope: u32,
    /// Which of `Document::attributes` are its own.
    pub(in crate::xml) first_attribute: u32,
    pub(in crate::xml) attribute_count: u8,
    pub(in crate::xml) form: Form,
    /// It declares nothing and has the prefix of the element around it.
    pub(in crate::xml) alike: bool,
    /// There is text other than white space directly in it.
    pub(in crate::xml) has_text: bool,
    /// Where its content begins, behind the start tag.
    pub(in crate::xml) content: u32,
    /// Where what follows it begins, behind the end tag.
    pub(in crate::xml) behind: u32,
    /// The text up to the first element in it.
    pub(in crate::xml) text: Span,
    /// The text behind it, up to the next element or the end of the one around it.
    pub(in crate::xml) tail: Span,
}

/// How much of an element stands in the source as C14N would write it where the prefix of this
/// element and all declarations around it are written already.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::xml) enum Form {
    /// All of it, from the first to the last byte.
    Canonical,
    /// All of it, and its tags are those of the element before, which like itself has no elements in
    /// it, to the byte; and both stand in the same element.
    Again,
    /// Its start tag, but for a `/` at its end. Its attributes have no prefixes.
    Plain,
    /// Perhaps not even that.
    Other,
}

impl Form {
    /// All of it, from the first to the last byte.
    #[inline]
    pub(in crate::xml) const fn is_canonical(self) -> bool {
        matches!(self, Self::Canonical | Self::Again)
    }
}

pub(in crate::xml) static NAMELESS: ElementData = ElementData {
    parent: NONE,
    end: 0,
    name: Name::EMPTY,
    namespace: NONE,
    scope: NONE,
    first_attribute: 0,
    attribute_count: 0,
    form: Form::Other,
    alike: false,
    has_text: false,
    content: 0,
    behind: 0,
    text: Span::EMPTY,
    tail: Span::EMPTY,
};

#[derive(Clone, Copy)]
pub(in crate::xml) struct Attribute {
    pub(in crate::xml) name: Name,
    /// As [`ElementData::namespace`]; `NONE` when it has no prefix.
    pub(in crate::xml) namespace: u32,
    pub(in crate::xml) value: Span,
}

/// A namespace declaration, and through `outer` all that are in scope around it.
pub(in crate::xml) struct Binding {
    pub(in crate::xml) prefix: Span,
    pub(in crate::xml) namespace: Span,
    /// The next one outwards, or `NONE`.
    pub(in crate::xml) outer: u32,
    /// How many are in scope with this one, without that of the prefix `xml`.
    pub(in crate::xml) count: u16,
}
