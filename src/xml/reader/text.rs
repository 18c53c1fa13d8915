//! `CharData`, `AttValue` and `Reference`.

use std::ops::Range;

use memchr::{memchr, memchr2};

use super::super::XmlError;
use super::super::chars::{is_char, is_ncname, is_white};
use super::super::tree::{NONE, Span, wide};
use super::Reader;
use super::scan::first_of;

impl<'s> Reader<'s> {
    /// `CharData` and references, up to the next markup.
    pub(super) fn char_data(&mut self) -> Result<(), XmlError> {
        let (start, rest) = (self.at(), self.rest);
        // `>` because of `]]>`, and because C14N escapes it.
        let plain = first_of::<b'<', b'&', b'>'>(rest).unwrap_or(rest.len());
        let (text, is_blank) = match rest.split_at_checked(plain) {
            Some((text, behind @ [b'<', ..])) if !self.odd.returns => {
                self.budget.text(plain)?;
                self.rest = behind;
                let is_blank = text.iter().all(|byte| is_white(*byte));
                (Span::new(start, start.saturating_add(plain)), is_blank)
            }
            _ => {
                self.advance(memchr(b'<', rest).unwrap_or(rest.len()));
                let text = self.decoded(start..self.at(), Normalise::Text)?;
                let raw = self.source.get(start..self.at()).unwrap_or_default();
                if !is_canonical(raw) {
                    self.otherwise();
                }
                (text, self.str(text).bytes().all(is_white))
            }
        };
        if !is_blank {
            self.more_than_white_space(start)?;
        }
        self.append(text);
        Ok(())
    }

    /// In the document element of a message, comments and text can not stand beside each other.
    fn more_than_white_space(&mut self, at: usize) -> Result<(), XmlError> {
        if self.depth == 1 && self.tree.commented {
            return Err(XmlError::ForbiddenNode { what: "a comment beside text", at });
        }
        if let Some(around) = self.tree.elements.get_mut(wide(self.innermost)) {
            around.has_text = true;
        }
        Ok(())
    }

    /// Behind the element that ended last, or at the beginning of the one around.
    fn append(&mut self, text: Span) {
        let Some(place) = self.end_of_text() else {
            return;
        };
        let before = std::mem::replace(place, text);
        if !before.is_empty() {
            let both = self.joined(before, text);
            if let Some(place) = self.end_of_text() {
                *place = both;
            }
        }
    }

    fn end_of_text(&mut self) -> Option<&mut Span> {
        let elements = &mut self.tree.elements;
        if self.ended == NONE {
            elements.get_mut(wide(self.innermost)).map(|around| &mut around.text)
        } else {
            elements.get_mut(wide(self.ended)).map(|before| &mut before.tail)
        }
    }

    /// One text of two, which a comment had split.
    #[cold]
    fn joined(&mut self, one: Span, next: Span) -> Span {
        if one.end() == next.start() {
            return Span::new(one.start(), next.end());
        }
        let next = self.str(next).to_owned();
        let end = self.source.len().saturating_add(self.tree.decoded.len());
        let one = if one.end() == end {
            one
        } else {
            let one = self.str(one).to_owned();
            self.keep(&one)
        };
        Span::new(one.start(), self.keep(&next).end())
    }

    /// `AttValue`
    pub(super) fn attribute_value(&mut self) -> Result<Span, XmlError> {
        let [quote @ (b'"' | b'\''), rest @ ..] = self.rest else {
            return Err(self.syntax("a value without quotes"));
        };
        if let Some((value, rest)) = self.plain_value(*quote, rest) {
            self.budget.text(value.len())?;
            let start = self.at().saturating_add(1);
            self.rest = rest;
            return Ok(Span::new(start, start.saturating_add(value.len())));
        }
        let range = self.quoted()?;
        self.decoded(range, Normalise::Attribute)
    }

    /// A value up to its second quote, and what follows it; if there is nothing to decode.
    #[inline]
    pub(super) fn plain_value(&self, quote: u8, text: &'s [u8]) -> Option<(&'s [u8], &'s [u8])> {
        let end = match quote {
            b'"' => first_of::<b'"', b'<', b'&'>(text)?,
            _ => first_of::<b'\'', b'<', b'&'>(text)?,
        };
        let (value, rest) = text.split_at_checked(end)?;
        let rest = rest.strip_prefix(&[quote])?;
        let breaks = self.odd.breaks && value.iter().any(|byte| *byte < b' ');
        (!breaks).then_some((value, rest))
    }

    /// Where the text between two equal quotes is.
    pub(super) fn quoted(&mut self) -> Result<Range<usize>, XmlError> {
        let [quote @ (b'"' | b'\''), rest @ ..] = self.rest else {
            return Err(self.syntax("a value without quotes"));
        };
        self.rest = rest;
        let start = self.at();
        let Some(length) = memchr(*quote, rest) else {
            return Err(self.syntax("a value does not end"));
        };
        self.advance(length.saturating_add(1));
        Ok(start..start.saturating_add(length))
    }

    /// XML 1.0, 2.11 and 3.3.3: line ends, references, and white space in attributes.
    fn decoded(&mut self, range: Range<usize>, normalise: Normalise) -> Result<Span, XmlError> {
        let (start, end) = (range.start, range.end);
        let raw = self.source.get(range).unwrap_or_default();
        self.budget.text(raw.len())?;
        let in_attribute = normalise == Normalise::Attribute;
        if in_attribute && raw.contains('<') {
            return Err(XmlError::Syntax { what: "< in an attribute", at: start });
        }
        if !in_attribute && raw.contains("]]>") {
            return Err(XmlError::Syntax { what: "]]> in a text", at: start });
        }
        let special = |byte| match byte {
            b'&' | b'\r' => true,
            b'\t' | b'\n' => in_attribute,
            _ => false,
        };
        if !raw.bytes().fold(false, |found, byte| found | special(byte)) {
            return Ok(Span::new(start, end));
        }
        let decoded = &mut self.tree.decoded;
        // No decoded text is longer than its source: with room for thrice of what there is, or for
        // all that can follow, this is seldom done, and never more than a third too much.
        if decoded.capacity().saturating_sub(decoded.len()) < raw.len() {
            let twice = decoded.len().saturating_mul(2).max(raw.len()).max(256);
            decoded.reserve_exact(twice.min(self.source.len().saturating_sub(start)));
        }
        let begin = self.source.len().saturating_add(decoded.len());
        let mut rest = raw;
        while let Some(place) = rest.bytes().position(special) {
            let (plain, behind) = rest.split_at_checked(place).unwrap_or((rest, ""));
            decoded.push_str(plain);
            let mut chars = behind.chars();
            let found = chars.next();
            rest = chars.as_str();
            let char = match found {
                Some('&') => {
                    let at = end.saturating_sub(behind.len());
                    let (name, behind) = rest
                        .split_once(';')
                        .ok_or(XmlError::Syntax { what: "a reference does not end", at })?;
                    rest = behind;
                    reference(name, at)?
                }
                found => {
                    if found == Some('\r') {
                        rest = rest.strip_prefix('\n').unwrap_or(rest);
                    }
                    if in_attribute { ' ' } else { '\n' }
                }
            };
            decoded.push(char);
        }
        decoded.push_str(rest);
        Ok(Span::new(
            begin,
            self.source.len().saturating_add(decoded.len()),
        ))
    }
}

/// Whether C14N would write the text that this stands for in this way.
fn is_canonical(raw: &str) -> bool {
    let canonical =
        |rest: &str| ["amp;", "lt;", "gt;", "#xD;"].iter().any(|one| rest.starts_with(one));
    memchr2(b'>', b'\r', raw.as_bytes()).is_none() && raw.split('&').skip(1).all(canonical)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Normalise {
    Text,
    Attribute,
}

/// The five entities that need no declaration, and characters by number.
fn reference(name: &str, at: usize) -> Result<char, XmlError> {
    let number = |digits: &str, radix| {
        let plain = !digits.is_empty() && digits.chars().all(|char| char.is_digit(radix));
        let number = u32::from_str_radix(digits, radix).ok().filter(|_| plain)?;
        char::from_u32(number).filter(|char| is_char(*char))
    };
    let not_a_character = XmlError::Syntax { what: "a reference to no character", at };
    if let Some(digits) = name.strip_prefix("#x") {
        return number(digits, 16).ok_or(not_a_character);
    }
    if let Some(digits) = name.strip_prefix('#') {
        return number(digits, 10).ok_or(not_a_character);
    }
    match name {
        "amp" => Ok('&'),
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        other if is_ncname(other) => Err(XmlError::Dtd { what: "an entity of a DOCTYPE", at }),
        _ => Err(XmlError::Syntax { what: "a reference has no name", at }),
    }
}
