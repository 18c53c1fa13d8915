//! The reader: one pass over the bytes, no recursion, nothing repaired.
//!
//! Where XML offers a choice, the strict side is taken (see [`crate::xml`]). The functions have the
//! names of the productions in the recommendation, and are in its order: the document and what may
//! stand around its element here; then [`text`], [`tag`], what prefixes stand for ([`scope`]), what
//! is called an ID ([`id`]), and [`name`]. Before all of it, [`mod@survey`] looks over the whole.

use memchr::memmem;

use super::chars::is_white;
use super::limits::{Budget, Limits, Mode};
use super::tree::{Binding, Document, Element, ElementData, Form, NONE, Span, narrow, piece, wide};
use super::{XmlError, ns};

mod id;
mod leaf;
mod name;
mod scan;
mod scope;
mod survey;
mod tag;
#[cfg(test)]
mod tests;
mod text;

use survey::{Odd, Survey, survey};

/// `context` is the element whose namespace declarations are in scope around the document.
pub(super) fn read(
    bytes: Vec<u8>,
    context: Option<Element<'_>>,
    mode: Mode,
    limits: &Limits,
) -> Result<Document, XmlError> {
    limits.accept_size(bytes.len())?;
    let source = String::from_utf8(bytes)
        .map_err(|_| XmlError::Encoding { what: "the document is not UTF-8" })?;
    let survey = survey(&source)?;
    let mut reader = Reader::new(&source, &survey, mode, limits);
    if let Some(context) = context {
        reader.inherit(context)?;
    }
    let tree = reader.document()?;
    Ok(Document { source, ..tree })
}

struct Reader<'s> {
    source: &'s str,
    /// What is still to be read of it.
    rest: &'s [u8],
    odd: Odd,
    mode: Mode,
    budget: Budget,
    /// The document, still without its source.
    tree: Document,
    /// The number of the element that began last of those that have not ended, or `NONE`.
    innermost: u32,
    /// How many have begun and not ended.
    depth: usize,
    /// The number of the last element that ended in the innermost one, or `NONE`.
    ended: u32,
    /// The number of the last element that was the first one in another, or `NONE`.
    first: u32,
    /// The namespace declarations of the tag that is being read.
    declared: Vec<scope::Declaration>,
    /// The numbers of the attributes that are one.
    ids: Vec<u32>,
    /// The scope around the document element.
    around: u32,
}

impl<'s> Reader<'s> {
    fn new(source: &'s str, survey: &Survey, mode: Mode, limits: &Limits) -> Self {
        let budget = Budget::new(*limits, source.len());
        // Most elements have two tags; those that have one are in the signatures. And where there
        // are many, most of them have no attribute.
        let in_one_tag = (survey.tags / 8).clamp(2, 8);
        let elements = (survey.tags / 2).saturating_add(in_one_tag);
        // To make room again beside more than half of what there may be would take too much.
        let most = budget.elements_left();
        let elements = if elements > most / 2 { most } else { elements };
        let attributes = (elements / 8).saturating_add(48).min(elements.saturating_mul(2));
        let tree = Document {
            source: String::new(),
            decoded: String::with_capacity(64),
            elements: Vec::with_capacity(elements),
            attributes: Vec::with_capacity(attributes),
            bindings: Vec::with_capacity((source.len() / 128).clamp(4, 16)),
            commented: false,
        };
        let mut reader = Self {
            source,
            rest: source.strip_prefix('\u{feff}').unwrap_or(source).as_bytes(),
            odd: survey.odd,
            mode,
            budget,
            tree,
            innermost: NONE,
            depth: 0,
            ended: NONE,
            first: NONE,
            declared: Vec::with_capacity(4),
            ids: Vec::with_capacity(8),
            around: NONE,
        };
        // The prefix `xml` is bound from the beginning.
        let (prefix, namespace) = (reader.keep("xml"), reader.keep(ns::XML));
        reader.bind(Binding { prefix, namespace, outer: NONE, count: 0 });
        reader
    }

    /// Puts the declarations that are in scope at `context` around the document.
    fn inherit(&mut self, context: Element<'_>) -> Result<(), XmlError> {
        let theirs = context.document();
        let mut declared = Vec::<(&str, &str)>::new();
        let mut scope = context.data().scope;
        while let Some(binding) = theirs.bindings.get(wide(scope)) {
            let prefix = theirs.str(binding.prefix);
            // Inner ones come first, and hide what is further out.
            if prefix != "xml" && !declared.iter().any(|(other, _)| *other == prefix) {
                declared.push((prefix, theirs.str(binding.namespace)));
            }
            scope = binding.outer;
        }
        for (prefix, namespace) in declared {
            let (prefix, namespace) = (self.keep(prefix), self.keep(namespace));
            let count = self.count(self.around).saturating_add(1);
            self.budget.namespaces(count.into())?;
            self.bind(Binding { prefix, namespace, outer: self.around, count });
        }
        Ok(())
    }

    /// Makes a declaration the innermost one around the document element.
    fn bind(&mut self, binding: Binding) {
        self.around = narrow(self.tree.bindings.len());
        self.tree.bindings.push(binding);
    }

    /// Text that does not stand in the source.
    fn keep(&mut self, text: &str) -> Span {
        let start = self.source.len().saturating_add(self.tree.decoded.len());
        self.tree.decoded.push_str(text);
        Span::new(start, start.saturating_add(text.len()))
    }

    /// `document ::= XMLDecl? Misc* element Misc*`
    fn document(mut self) -> Result<Document, XmlError> {
        self.xml_declaration()?;
        self.misc()?;
        if self.rest.first() != Some(&b'<') {
            return Err(self.syntax("the document element is missing"));
        }
        self.start_tag()?;
        while self.innermost != NONE {
            match self.rest {
                [b'<', b'/', ..] => self.end_tag()?,
                [b'<', b'!' | b'?', ..] => self.other_markup()?,
                [b'<', ..] => self.start_tag()?,
                [_, ..] => self.char_data()?,
                [] => return Err(self.syntax("an end tag is missing")),
            }
        }
        self.misc()?;
        if !self.rest.is_empty() {
            return Err(self.syntax("nothing may follow the document element"));
        }
        self.ids_are_unique()?;
        Ok(self.tree)
    }

    /// `XMLDecl`: version 1.0, UTF-8 or nothing said, standalone or not.
    fn xml_declaration(&mut self) -> Result<(), XmlError> {
        match self.rest.strip_prefix(b"<?xml") {
            Some(rest @ [white, ..]) if is_white(*white) => self.rest = rest,
            _ => return Ok(()),
        }
        let mut allowed = ["version", "encoding", "standalone"].as_slice();
        let mut versioned = false;
        loop {
            let white = self.skip_white();
            if self.skip(b"?>") {
                break;
            }
            let start = self.at();
            self.ncname()?;
            let name = self.source.get(start..self.at()).unwrap_or_default();
            self.equals_sign()?;
            let value = self.quoted()?;
            let value = self.source.get(value).unwrap_or_default();
            let place = allowed.iter().position(|word| *word == name);
            let (Some(place), true) = (place, white) else {
                return Err(self.syntax("the XML declaration is malformed"));
            };
            allowed = allowed.get(place.saturating_add(1)..).unwrap_or_default();
            match name {
                "version" if value == "1.0" => versioned = true,
                "encoding" if value.eq_ignore_ascii_case("UTF-8") => {}
                "standalone" if matches!(value, "yes" | "no") => {}
                "version" => return Err(XmlError::Encoding { what: "the version is not 1.0" }),
                "encoding" => {
                    return Err(XmlError::Encoding { what: "the declared encoding is not UTF-8" });
                }
                _ => return Err(self.syntax("standalone is yes or no")),
            }
        }
        if !versioned {
            return Err(self.syntax("the XML declaration has no version"));
        }
        Ok(())
    }

    /// `Misc*`: white space and comments.
    fn misc(&mut self) -> Result<(), XmlError> {
        loop {
            self.skip_white();
            match self.rest {
                [b'<', b'!' | b'?', ..] => self.other_markup()?,
                _ => return Ok(()),
            }
        }
    }

    /// Whatever begins with `<!` or `<?`: all of it is refused, but for comments.
    fn other_markup(&mut self) -> Result<(), XmlError> {
        let (at, rest) = (self.at(), self.rest);
        if rest.starts_with(b"<!--") {
            self.comment_may_stand_here()?;
            return self.comment();
        }
        Err(if rest.starts_with(b"<?") {
            XmlError::ForbiddenNode { what: "a processing instruction", at }
        } else if rest.starts_with(b"<![CDATA[") {
            XmlError::ForbiddenNode { what: "a CDATA section", at }
        } else if rest.starts_with(b"<!DOCTYPE") {
            XmlError::Dtd { what: "a DOCTYPE", at }
        } else {
            self.syntax("not the beginning of anything")
        })
    }

    /// In a message: around the document element, or between its children. Deeper inside there is
    /// text that a comment could split, and nearly all of it is signed.
    fn comment_may_stand_here(&mut self) -> Result<(), XmlError> {
        let allowed = match self.depth {
            _ if self.mode == Mode::Metadata => true,
            0 => true,
            1 => {
                self.tree.commented = true;
                !self.element(self.innermost).is_some_and(|root| root.has_text)
            }
            _ => false,
        };
        if allowed {
            return Ok(());
        }
        Err(XmlError::ForbiddenNode { what: "a comment", at: self.at() })
    }

    /// `Comment`, which leaves no trace: C14N drops it too.
    fn comment(&mut self) -> Result<(), XmlError> {
        self.budget.comment()?;
        self.otherwise();
        self.advance(4);
        let Some(length) = memmem::find(self.rest, b"--") else {
            return Err(self.syntax("a comment does not end"));
        };
        self.advance(length);
        if self.skip(b"-->") {
            Ok(())
        } else {
            Err(self.syntax("-- inside a comment"))
        }
    }

    /// The element around stands in the source otherwise than C14N would write it.
    fn otherwise(&mut self) {
        if let Some(innermost) = self.tree.elements.get_mut(wide(self.innermost))
            && innermost.form == Form::Canonical
        {
            innermost.form = Form::Plain;
        }
    }

    fn element(&self, number: u32) -> Option<&ElementData> {
        self.tree.elements.get(wide(number))
    }

    fn str(&self, span: Span) -> &str {
        piece(self.source, &self.tree.decoded, span)
    }

    /// A place in the source: where we are.
    const fn at(&self) -> usize {
        self.source.len().saturating_sub(self.rest.len())
    }

    fn advance(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    /// Steps over `text` if it comes next.
    fn skip(&mut self, text: &[u8]) -> bool {
        let behind = self.rest.strip_prefix(text);
        self.rest = behind.unwrap_or(self.rest);
        behind.is_some()
    }

    /// Steps over white space; whether there was any.
    fn skip_white(&mut self) -> bool {
        let before = self.rest.len();
        while let [byte, rest @ ..] = self.rest
            && is_white(*byte)
        {
            self.rest = rest;
        }
        self.rest.len() < before
    }

    const fn syntax(&self, what: &'static str) -> XmlError {
        XmlError::Syntax { what, at: self.at() }
    }
}

/// For error messages: a stranger's text, at a length that fits a log line.
fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}
