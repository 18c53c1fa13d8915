//! `STag`, `ETag` and `EmptyElemTag`.

use memchr::{memchr_iter, memchr3};

use super::super::XmlError;
use super::super::chars::is_white;
use super::super::limits::ATTRIBUTES;
use super::super::tree::{Attribute, ElementData, NONE, Name, Span, narrow, wide};
use super::Reader;
use super::name::ascii_ncname;
use super::scope::{Declaration, Scope};

/// A start tag that is being read.
pub(super) struct Tag<'s> {
    pub(super) name: Name,
    /// Where it begins.
    pub(super) at: usize,
    /// The number of its first attribute.
    pub(super) first: usize,
    /// Attributes and declarations.
    count: usize,
    /// There is nothing in it but what [`Reader::plain_attribute`] reads.
    plain: bool,
    /// No attribute has a prefix, and each stands behind those that sort before it. So no two are
    /// the same.
    pub(super) sorted: bool,
    /// An attribute may be an ID.
    pub(super) identified: bool,
    /// The local name of the last attribute.
    last: &'s [u8],
}

impl<'s> Reader<'s> {
    /// `STag` or `EmptyElemTag`.
    pub(super) fn start_tag(&mut self) -> Result<(), XmlError> {
        if self.leaf_again()? {
            return Ok(());
        }
        self.budget.element(self.depth.saturating_add(1))?;
        let at = self.at();
        let like = self.name_again();
        let name = match like {
            Some(before) => before.standing_at(at.saturating_add(1)),
            None => {
                self.advance(1);
                self.qname()?
            }
        };
        let mut tag = Tag {
            name,
            at,
            first: self.tree.attributes.len(),
            count: 0,
            plain: true,
            sorted: true,
            identified: false,
            last: b"",
        };
        self.declared.clear();
        let empty = loop {
            while self.plain_attribute(&mut tag)? {}
            let white = self.skip_white();
            tag.plain &= !white;
            match self.rest {
                [b'>', rest @ ..] => {
                    self.rest = rest;
                    break false;
                }
                [b'/', b'>', rest @ ..] => {
                    self.rest = rest;
                    break true;
                }
                [_, ..] if white => self.attribute(&mut tag)?,
                _ => return Err(self.syntax("a tag does not end")),
            }
        };
        let scope = self.scope_of_element(&tag, like.is_some())?;
        self.attributes(&tag, scope)?;
        self.begin(&tag, scope);
        if empty {
            // C14N writes two tags.
            self.otherwise();
            self.end();
        }
        Ok(())
    }

    /// The whole element that has just ended, once more, with another text in it: lists are most of
    /// a message. The same tags in the same place mean the same, so all that was found out about
    /// them holds; what they cost is paid again.
    fn leaf_again(&mut self) -> Result<bool, XmlError> {
        let Some(before) = self.element(self.ended) else {
            return Ok(false);
        };
        let Some((text, rest)) = self.text_between_tags_of(before) else {
            return Ok(false);
        };
        let start = self.at();
        let content = start.saturating_add(before.name.length()).saturating_add(2);
        let number = narrow(self.tree.elements.len());
        let data = ElementData {
            end: number.saturating_add(1),
            name: before.name.standing_at(start.saturating_add(1)),
            first_attribute: narrow(self.tree.attributes.len()),
            has_text: !text.iter().all(|byte| is_white(*byte)),
            content: narrow(content),
            behind: narrow(self.source.len().saturating_sub(rest.len())),
            text: Span::new(content, content.saturating_add(text.len())),
            tail: Span::EMPTY,
            ..*before
        };
        self.budget.element(self.depth.saturating_add(1))?;
        self.namespace_used(data.namespace)?;
        self.budget.text(text.len())?;
        self.rest = rest;
        self.ended = number;
        self.keep_element(data);
        Ok(true)
    }

    /// The text between a start tag of nothing but a name and its end tag, and what follows them; if
    /// they are those of `before`.
    fn text_between_tags_of(&self, before: &ElementData) -> Option<(&'s [u8], &'s [u8])> {
        let name = before.name.whole();
        let (content, behind) = (wide(before.content), wide(before.behind));
        if !before.canonical || content != name.end().saturating_add(1) || self.odd.returns {
            return None;
        }
        let source = self.source.as_bytes();
        // What is canonical ends in `</a>`, which has a byte more than `<a>`.
        let start_tag = source.get(name.start().checked_sub(1)?..content)?;
        let end_tag = source.get(behind.checked_sub(start_tag.len())?.checked_sub(1)?..behind)?;
        let rest = self.rest.strip_prefix(start_tag)?;
        let (text, rest) = rest.split_at_checked(memchr3(b'<', b'&', b'>', rest)?)?;
        Some((text, rest.strip_prefix(end_tag)?))
    }

    /// The name of the sibling that has just ended, if that is what comes once more, and its prefix
    /// is known to be that of the element around: lists are most of a message.
    fn name_again(&mut self) -> Option<Name> {
        let before = self.element(self.ended).filter(|before| before.alike)?;
        let name = before.name;
        let rest = self.rest.strip_prefix(b"<")?.strip_prefix(self.name(name.whole()))?;
        let ends = matches!(rest, [b' ' | b'>' | b'/', ..]);
        self.rest = if ends { rest } else { return None };
        Some(name)
    }

    /// `ETag` of the innermost open element.
    pub(super) fn end_tag(&mut self) -> Result<(), XmlError> {
        let name = self.element(self.innermost).map(|data| data.name.whole()).unwrap_or_default();
        let name = self.name(name);
        let behind = self.rest.strip_prefix(b"</").and_then(|rest| rest.strip_prefix(name));
        if let Some([b'>', rest @ ..]) = behind {
            self.rest = rest;
        } else {
            self.advance(name.len().saturating_add(2));
            self.skip_white();
            let ([b'>', rest @ ..], Some(_)) = (self.rest, behind) else {
                return Err(self.syntax("an end tag does not match its start tag"));
            };
            self.rest = rest;
            self.otherwise();
        }
        self.end();
        Ok(())
    }

    /// An element begins, and is the innermost one.
    fn begin(&mut self, tag: &Tag<'_>, scope: Scope) {
        let number = narrow(self.tree.elements.len());
        let count = self.tree.attributes.len().saturating_sub(tag.first);
        self.keep_element(ElementData {
            parent: self.innermost,
            end: NONE,
            name: tag.name,
            namespace: scope.namespace,
            scope: scope.innermost,
            first_attribute: narrow(tag.first),
            attribute_count: u16::try_from(count).unwrap_or(u16::MAX),
            canonical: tag.plain && tag.sorted,
            alike: scope.alike,
            has_text: false,
            content: narrow(self.at()),
            behind: NONE,
            text: Span::EMPTY,
            tail: Span::EMPTY,
        });
        self.innermost = number;
        self.depth = self.depth.saturating_add(1);
        self.ended = NONE;
    }

    #[inline]
    fn keep_element(&mut self, data: ElementData) {
        let elements = &mut self.tree.elements;
        if elements.len() == elements.capacity() {
            // Once, and no more than can be needed: a vector that doubles would take thrice what
            // is in it.
            let tags = memchr_iter(b'<', self.rest).count();
            elements.reserve_exact(tags.min(self.budget.elements_left()).saturating_add(1));
        }
        elements.push(data);
    }

    /// The innermost element ends here.
    fn end(&mut self) {
        let (end, behind) = (narrow(self.tree.elements.len()), narrow(self.at()));
        let Some(data) = self.tree.elements.get_mut(wide(self.innermost)) else {
            return;
        };
        data.end = end;
        data.behind = behind;
        self.ended = self.innermost;
        self.innermost = data.parent;
        self.depth = self.depth.saturating_sub(1);
        if !(data.canonical && data.alike) {
            self.otherwise();
        }
    }

    /// `Attribute`, if it comes as C14N writes it: behind a space, in double quotes, with nothing
    /// to decode. Neither is there a prefix, nor is it a declaration. Nearly all attributes are so.
    fn plain_attribute(&mut self, tag: &mut Tag<'s>) -> Result<bool, XmlError> {
        let Some((name, value, rest)) = self.plain_parts() else {
            return Ok(false);
        };
        tag.count = tag.count.saturating_add(1);
        self.budget.attribute(tag.count)?;
        let start = self.at().saturating_add(1);
        let name = self.named(start, name.len(), 0)?;
        self.budget.text(value.len())?;
        self.rest = rest;
        let end = self.at().saturating_sub(1);
        self.keep_attribute(tag, name, Span::new(end.saturating_sub(value.len()), end));
        Ok(true)
    }

    /// Name, value, and what follows them.
    fn plain_parts(&self) -> Option<(&'s [u8], &'s [u8], &'s [u8])> {
        let text = self.rest.strip_prefix(b" ")?;
        let (name, rest) = ascii_ncname(text)?;
        let (value, rest) = self.plain_value(b'"', rest.strip_prefix(b"=\"")?)?;
        (name != b"xmlns").then_some((name, value, rest))
    }

    /// `Attribute`, also one that declares a namespace. What prefixes stand for, the whole tag
    /// decides.
    fn attribute(&mut self, tag: &mut Tag<'s>) -> Result<(), XmlError> {
        tag.count = tag.count.saturating_add(1);
        self.budget.attribute(tag.count)?;
        let name = self.qname()?;
        self.equals_sign()?;
        let value = self.attribute_value()?;
        match self.declared_prefix(name) {
            Some(prefix) => self.declared.push(Declaration { prefix, namespace: value }),
            None => self.keep_attribute(tag, name, value),
        }
        Ok(())
    }

    #[inline]
    fn keep_attribute(&mut self, tag: &mut Tag<'s>, name: Name, value: Span) {
        let local = self.name(name.local());
        tag.sorted &= !name.has_prefix() && (tag.last.is_empty() || tag.last < local);
        tag.last = local;
        // Neither `ID` nor `AssertionID` ends in another letter.
        tag.identified |= matches!(local.last(), Some(b'D' | b'd'));
        let attributes = &mut self.tree.attributes;
        if attributes.len() == attributes.capacity() {
            let signs = memchr_iter(b'=', self.rest).count();
            let most = self.budget.elements_left().saturating_mul(ATTRIBUTES);
            attributes.reserve_exact(signs.min(most).saturating_add(1));
        }
        attributes.push(Attribute { name, namespace: NONE, value });
    }

    /// The prefix that an attribute declares, if it is a declaration.
    fn declared_prefix(&self, name: Name) -> Option<Span> {
        match (self.name(name.prefix()), self.name(name.local())) {
            (b"", b"xmlns") => Some(Span::EMPTY),
            (b"xmlns", _) => Some(name.local()),
            _ => None,
        }
    }

    /// `Eq`
    pub(super) fn equals_sign(&mut self) -> Result<(), XmlError> {
        self.skip_white();
        let [b'=', rest @ ..] = self.rest else {
            return Err(self.syntax("an attribute has no value"));
        };
        self.rest = rest;
        self.skip_white();
        Ok(())
    }

    /// The text of (a part of) a name, which is always in the source.
    pub(super) fn name(&self, span: Span) -> &'s [u8] {
        self.source.as_bytes().get(span.range()).unwrap_or_default()
    }
}
