//! `STag`, `ETag` and `EmptyElemTag`.

use memchr::memchr_iter;

use super::super::XmlError;
use super::super::tree::{Attribute, ElementData, Form, NONE, Name, Span, narrow, wide};
use super::Reader;
use super::leaf::{behind, behind_end_tag, equal};
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

/// A name that stood before.
struct Again {
    name: Name,
    /// Its prefix is known to be that of the element around.
    same_prefix: bool,
}

impl<'s> Reader<'s> {
    /// `STag` or `EmptyElemTag`; and with it an element that holds a text and nothing else.
    pub(super) fn start_tag(&mut self) -> Result<(), XmlError> {
        self.budget.element(self.depth.saturating_add(1))?;
        if self.tree.elements.len() == self.tree.elements.capacity() {
            self.make_room_for_elements();
        }
        let at = self.at();
        let (name, same_prefix) = match self.name_again() {
            Some(Again { name, same_prefix }) => {
                (name.standing_at(narrow(at).saturating_add(1)), same_prefix)
            }
            None => {
                self.advance(1);
                self.element_name()?
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
            match self.rest {
                [b'>', rest @ ..] => {
                    self.rest = rest;
                    break false;
                }
                [b'/', b'>', rest @ ..] => {
                    self.rest = rest;
                    break true;
                }
                _ => self.plain_attribute(&mut tag)?,
            }
        };
        let scope = self.scope_of_element(&tag, same_prefix)?;
        self.attributes(&tag, scope)?;
        if !empty {
            return self.content(&tag, scope);
        }
        self.begin(self.data(&tag, scope));
        // C14N writes two tags.
        self.otherwise();
        self.end();
        Ok(())
    }

    /// The name of the sibling that has just ended, or of the last first one in an element, if that
    /// is what comes once more: lists are most of a message.
    fn name_again(&mut self) -> Option<Again> {
        let is_sibling = self.ended != NONE;
        let number = if is_sibling { self.ended } else { self.first };
        let before = self.element(number)?;
        let [b'<', rest @ ..] = self.rest else {
            return None;
        };
        let name = self.name(before.name.whole());
        let (found, rest) = rest.split_at_checked(name.len())?;
        // Mostly the length says so already.
        if !matches!(rest, [b' ' | b'>' | b'/', ..]) || !equal(found, name) {
            return None;
        }
        let again = Again { name: before.name, same_prefix: is_sibling && before.alike };
        self.rest = rest;
        Some(again)
    }

    /// An element comes that will have this number.
    pub(super) fn first_or_later(&mut self, number: u32) {
        if self.ended == NONE {
            self.first = number;
        }
    }

    /// `ETag` of the innermost open element.
    pub(super) fn end_tag(&mut self) -> Result<(), XmlError> {
        let name = self.element(self.innermost).map(|data| data.name.whole()).unwrap_or_default();
        let name = self.name(name);
        match behind_end_tag(name, self.rest) {
            Some(rest) => self.rest = rest,
            None => self.any_end_tag(name)?,
        }
        self.end();
        Ok(())
    }

    /// Also one with white space in it.
    #[cold]
    fn any_end_tag(&mut self, name: &[u8]) -> Result<(), XmlError> {
        let behind = self.rest.strip_prefix(b"</").and_then(|rest| behind(name, rest));
        self.advance(name.len().saturating_add(2));
        self.skip_white();
        let ([b'>', rest @ ..], Some(_)) = (self.rest, behind) else {
            return Err(self.syntax("an end tag does not match its start tag"));
        };
        self.rest = rest;
        self.otherwise();
        Ok(())
    }

    /// What is known of an element behind its start tag.
    #[inline]
    pub(super) fn data(&self, tag: &Tag<'_>, scope: Scope) -> ElementData {
        let count = self.tree.attributes.len().saturating_sub(tag.first);
        ElementData {
            parent: self.innermost,
            end: NONE,
            name: tag.name,
            namespace: scope.namespace,
            scope: scope.innermost,
            first_attribute: narrow(tag.first),
            attribute_count: u8::try_from(count).unwrap_or(u8::MAX),
            form: if tag.plain && tag.sorted {
                Form::Canonical
            } else {
                Form::Other
            },
            alike: scope.alike,
            has_text: false,
            content: narrow(self.at()),
            behind: NONE,
            text: Span::EMPTY,
            tail: Span::EMPTY,
        }
    }

    /// An element begins, and is the innermost one.
    pub(super) fn begin(&mut self, data: ElementData) {
        let number = narrow(self.tree.elements.len());
        self.first_or_later(number);
        self.tree.elements.push(data);
        self.innermost = number;
        self.depth = self.depth.saturating_add(1);
        self.ended = NONE;
    }

    /// Once, and no more than can be needed: a vector that doubles would take thrice what is in it.
    #[cold]
    fn make_room_for_elements(&mut self) {
        let begins = |at: &usize| self.rest.get(at.saturating_add(1)) != Some(&b'/');
        let tags = memchr_iter(b'<', self.rest).filter(begins).count();
        let most = tags.min(self.budget.elements_left());
        self.tree.elements.reserve_exact(most.saturating_add(1));
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
        if !(data.form.is_canonical() && data.alike) {
            self.otherwise();
        }
    }

    /// `Attribute`, if it comes as C14N writes it: behind a space, in double quotes, with nothing
    /// to decode. Neither is there a prefix, nor is it a declaration. Nearly all attributes are so.
    fn plain_attribute(&mut self, tag: &mut Tag<'s>) -> Result<(), XmlError> {
        let Some((local, value, rest)) = self.plain_parts() else {
            return self.any_attribute(tag);
        };
        tag.count = tag.count.saturating_add(1);
        self.budget.attribute(tag.count)?;
        let start = self.at().saturating_add(1);
        let name = self.named(start, local.len(), 0)?;
        self.budget.text(value.len())?;
        self.rest = rest;
        // What is between them: `="`.
        let value_start = start.saturating_add(local.len()).saturating_add(2);
        let value = Span::new(value_start, value_start.saturating_add(value.len()));
        self.keep_attribute(tag, local, Attribute { name, namespace: NONE, value });
        Ok(())
    }

    /// Name, value, and what follows them.
    fn plain_parts(&self) -> Option<(&'s [u8], &'s [u8], &'s [u8])> {
        let [b' ', text @ ..] = self.rest else {
            return None;
        };
        let (name, rest) = ascii_ncname(text)?;
        let [b'=', b'"', rest @ ..] = rest else {
            return None;
        };
        let (value, rest) = self.plain_value(b'"', rest)?;
        (name != b"xmlns").then_some((name, value, rest))
    }

    /// `S` and what follows it: an `Attribute`, if the tag does not end there.
    #[cold]
    fn any_attribute(&mut self, tag: &mut Tag<'s>) -> Result<(), XmlError> {
        let white = self.skip_white();
        tag.plain &= !white;
        match self.rest {
            [b'>', ..] | [b'/', b'>', ..] => Ok(()),
            [_, ..] if white => self.attribute(tag),
            _ => Err(self.syntax("a tag does not end")),
        }
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
            None => {
                let local = self.name(name.local());
                self.keep_attribute(tag, local, Attribute { name, namespace: NONE, value });
            }
        }
        Ok(())
    }

    #[inline]
    fn keep_attribute(&mut self, tag: &mut Tag<'s>, local: &'s [u8], attribute: Attribute) {
        tag.sorted &= !attribute.name.has_prefix() && stands_before(tag.last, local);
        tag.last = local;
        // Neither `ID` nor `AssertionID` ends in another letter.
        tag.identified |= matches!(local.last(), Some(b'D' | b'd'));
        if self.tree.attributes.len() == self.tree.attributes.capacity() {
            self.make_room_for_attributes();
        }
        self.tree.attributes.push(attribute);
    }

    #[cold]
    fn make_room_for_attributes(&mut self) {
        let signs = memchr_iter(b'=', self.rest).count();
        let tags = memchr_iter(b'<', self.rest).count();
        // What one element may have besides: else there would be too few of them by as many, and
        // room would be made again beside all that there is.
        let most = self.budget.attributes_left(signs, tags);
        let most = most.saturating_add(self.budget.attributes_of_one()).min(signs);
        self.tree.attributes.reserve_exact(most.saturating_add(1));
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
    #[inline]
    pub(super) fn name(&self, span: Span) -> &'s [u8] {
        self.source.as_bytes().get(span.range()).unwrap_or_default()
    }
}

/// Whether C14N writes an attribute of this name, if there was one, before that of the next. Mostly
/// the first letters say so.
#[inline]
pub(super) fn stands_before(last: &[u8], next: &[u8]) -> bool {
    match (last.first(), next.first()) {
        (None, _) => true,
        (Some(one), Some(other)) if one != other => one < other,
        _ => last < next,
    }
}
