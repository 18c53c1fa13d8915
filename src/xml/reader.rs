//! The reader: one pass over the bytes, no recursion, nothing repaired.
//!
//! Where XML offers a choice, the strict side is taken (see [`crate::xml`]). The order of the
//! functions is that of the productions in the recommendation, whose names they have.

use std::ops::Range;

use super::chars::{is_char, is_name_char, is_name_start, is_ncname, is_white};
use super::limits::{Budget, Limits, Mode};
use super::tree::{Attribute, Binding, Document, Element, ElementData, Node, Span};
use super::error::UNDECLARED;
use super::{XmlError, ns};

/// `context` is the element whose namespace declarations are in scope around the document.
pub(super) fn read(
    bytes: &[u8],
    context: Option<Element<'_>>,
    mode: Mode,
    limits: &Limits,
) -> Result<Document, XmlError> {
    let budget = Budget::new(*limits);
    budget.bytes(bytes.len())?;
    let source = characters(bytes)?;
    let mut reader = Reader::new(source, mode, budget);
    if let Some(context) = context {
        reader.inherit(context)?;
    }
    reader.document()
}

/// XML 1.0, 2.2: the characters of a document, without the byte order mark.
fn characters(bytes: &[u8]) -> Result<&str, XmlError> {
    let source = std::str::from_utf8(bytes)
        .map_err(|_| XmlError::Encoding { what: "the document is not UTF-8" })?;
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    // In UTF-8 these are all that a text can hold and `Char` does not.
    let control = source.bytes().position(|byte| byte < b' ' && !is_white(byte));
    let beyond = || source.find(['\u{fffe}', '\u{ffff}']);
    match control.or_else(|| if source.is_ascii() { None } else { beyond() }) {
        Some(at) => Err(XmlError::Syntax { what: "a character that XML does not have", at }),
        None => Ok(source),
    }
}

struct Reader<'s> {
    source: &'s str,
    at: usize,
    mode: Mode,
    budget: Budget,
    document: Document,
    /// The numbers of the elements that have begun and not ended.
    open: Vec<usize>,
    /// The attributes of the tag that is being read, declarations included.
    tag: Vec<RawAttribute>,
    ids: Vec<Span>,
    /// The scope around the document element, and how many declarations it holds.
    around: (Option<usize>, usize),
}

/// An attribute before its prefix is resolved.
struct RawAttribute {
    prefix: Span,
    local: Span,
    value: Span,
}

impl<'s> Reader<'s> {
    fn new(source: &'s str, mode: Mode, budget: Budget) -> Self {
        const PREFIX: &str = "xml";
        // Spans of undecoded text are places in the source and in the buffer alike.
        let mut buffer = String::with_capacity(source.len().saturating_add(128));
        buffer.push_str(source);
        let mut keep = |text: &str| {
            let start = buffer.len();
            buffer.push_str(text);
            Span { start, end: buffer.len() }
        };
        let xml = Binding { prefix: keep(PREFIX), namespace: keep(ns::XML), outer: None };
        let document = Document {
            buffer,
            nodes: Vec::with_capacity(256),
            attributes: Vec::with_capacity(128),
            bindings: vec![xml],
        };
        let (open, tag, ids) = (Vec::new(), Vec::new(), Vec::new());
        // The prefix `xml` is bound from the beginning.
        let around = (Some(0), 0);
        Self { source, at: 0, mode, budget, document, open, tag, ids, around }
    }

    /// Puts the declarations that are in scope at `context` around the document.
    fn inherit(&mut self, context: Element<'_>) -> Result<(), XmlError> {
        let theirs = context.document();
        let mut declared = Vec::<(&str, &str)>::new();
        let mut scope = context.data().scope;
        while let Some(binding) = scope.and_then(|id| theirs.bindings.get(id)) {
            let prefix = theirs.str(binding.prefix);
            // Inner ones come first, and hide what is further out.
            if prefix != "xml" && !declared.iter().any(|(other, _)| *other == prefix) {
                declared.push((prefix, theirs.str(binding.namespace)));
            }
            scope = binding.outer;
        }
        for (prefix, namespace) in declared {
            let mut keep = |text: &str| {
                let start = self.document.buffer.len();
                self.document.buffer.push_str(text);
                Span { start, end: self.document.buffer.len() }
            };
            let (prefix, namespace) = (keep(prefix), keep(namespace));
            let (outer, count) = self.around;
            self.budget.namespaces(count.saturating_add(1))?;
            self.around = (Some(self.document.bindings.len()), count.saturating_add(1));
            self.document.bindings.push(Binding { prefix, namespace, outer });
        }
        Ok(())
    }

    /// `document ::= XMLDecl? Misc* element Misc*`
    fn document(mut self) -> Result<Document, XmlError> {
        self.xml_declaration()?;
        self.misc()?;
        if self.peek() != Some(b'<') {
            return Err(self.syntax("the document element is missing"));
        }
        self.start_tag()?;
        while let Some(innermost) = self.open.last() {
            let innermost = *innermost;
            match (self.peek(), self.peek_at(1)) {
                (Some(b'<'), Some(b'/')) => self.end_tag(innermost)?,
                (Some(b'<'), Some(b'!' | b'?')) => self.other_markup()?,
                (Some(b'<'), _) => self.start_tag()?,
                (Some(_), _) => self.char_data()?,
                (None, _) => return Err(self.syntax("an end tag is missing")),
            }
        }
        self.misc()?;
        if self.peek().is_some() {
            return Err(self.syntax("nothing may follow the document element"));
        }
        self.ids_are_unique()?;
        Ok(self.document)
    }

    /// `XMLDecl`: version 1.0, UTF-8 or nothing said, standalone or not.
    fn xml_declaration(&mut self) -> Result<(), XmlError> {
        let begins = self.rest().starts_with("<?xml");
        if !begins || !self.peek_at(5).is_some_and(is_white) {
            return Ok(());
        }
        self.advance(5);
        let mut allowed = ["version", "encoding", "standalone"].as_slice();
        let mut versioned = false;
        loop {
            let white = self.skip_white();
            if self.skip("?>") {
                break;
            }
            let name = self.ncname()?;
            let name = self.document.str(name).to_owned();
            self.equals_sign()?;
            let value = self.quoted()?;
            let value = self.source.get(value).unwrap_or_default();
            let place = allowed.iter().position(|word| *word == name);
            let (Some(place), true) = (place, white) else {
                return Err(self.syntax("the XML declaration is malformed"));
            };
            allowed = allowed.get(place.saturating_add(1)..).unwrap_or_default();
            match name.as_str() {
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

    /// `Misc*`: white space, and comments where the mode has them.
    fn misc(&mut self) -> Result<(), XmlError> {
        loop {
            self.skip_white();
            match (self.peek(), self.peek_at(1)) {
                (Some(b'<'), Some(b'!' | b'?')) => self.other_markup()?,
                _ => return Ok(()),
            }
        }
    }

    /// Whatever begins with `<!` or `<?`: all of it is refused, but for comments in metadata.
    fn other_markup(&mut self) -> Result<(), XmlError> {
        let at = self.at;
        let rest = self.rest();
        if rest.starts_with("<!--") {
            return match self.mode {
                Mode::Message => Err(XmlError::ForbiddenNode { what: "a comment", at }),
                Mode::Metadata => self.comment(),
            };
        }
        Err(if rest.starts_with("<?") {
            XmlError::ForbiddenNode { what: "a processing instruction", at }
        } else if rest.starts_with("<![CDATA[") {
            XmlError::ForbiddenNode { what: "a CDATA section", at }
        } else if rest.starts_with("<!DOCTYPE") {
            XmlError::Dtd { what: "a DOCTYPE", at }
        } else {
            self.syntax("not the beginning of anything")
        })
    }

    /// `Comment`, which leaves no trace: C14N drops it too.
    fn comment(&mut self) -> Result<(), XmlError> {
        self.advance(4);
        let Some(length) = self.rest().find("--") else {
            return Err(self.syntax("a comment does not end"));
        };
        self.advance(length);
        if self.skip("-->") {
            Ok(())
        } else {
            Err(self.syntax("-- inside a comment"))
        }
    }

    /// `STag` or `EmptyElemTag`.
    fn start_tag(&mut self) -> Result<(), XmlError> {
        let begin = self.at;
        self.budget.element(self.open.len().saturating_add(1))?;
        self.advance(1);
        let (prefix, local) = self.qname()?;
        self.tag.clear();
        let empty = loop {
            let white = self.skip_white();
            match self.peek() {
                Some(b'>') => break false,
                Some(b'/') if self.peek_at(1) == Some(b'>') => break true,
                Some(_) if white => self.attribute()?,
                _ => return Err(self.syntax("a tag does not end")),
            }
        };
        self.advance(if empty { 2 } else { 1 });

        let parent = self.open.last().copied();
        let (scope, bindings) = self.declarations(parent, begin)?;
        let namespace = self.namespace_of(scope, prefix, begin)?;
        let attributes = self.attributes(scope, namespace, begin)?;
        let id = self.document.nodes.len();
        self.document.nodes.push(Node::Element(ElementData {
            parent,
            end: id.saturating_add(1),
            prefix,
            local,
            namespace,
            attributes,
            scope,
            bindings,
            content: self.at,
            behind: self.at,
        }));
        if !empty {
            self.open.push(id);
        }
        Ok(())
    }

    /// `Attribute`, also one that declares a namespace.
    fn attribute(&mut self) -> Result<(), XmlError> {
        self.budget.attributes(self.tag.len().saturating_add(1))?;
        let (prefix, local) = self.qname()?;
        self.equals_sign()?;
        let value = self.quoted()?;
        let value = self.decoded(value, Normalise::Attribute)?;
        self.tag.push(RawAttribute { prefix, local, value });
        Ok(())
    }

    /// Namespaces in XML 1.0, 3 and 5: the scope inside the tag that was just read.
    fn declarations(
        &mut self,
        parent: Option<usize>,
        at: usize,
    ) -> Result<(Option<usize>, usize), XmlError> {
        let document = &mut self.document;
        let (mut scope, mut count) = match parent.and_then(|id| document.nodes.get(id)) {
            Some(Node::Element(data)) => (data.scope, data.bindings),
            _ => self.around,
        };
        let first = document.bindings.len();
        for raw in &self.tag {
            let Some(declared) = declared_prefix(document, raw) else {
                continue;
            };
            let (prefix, namespace) = (document.str(declared), document.str(raw.value));
            let refused =
                |what, name: &str| Err(XmlError::Namespace { what, name: shortened(name), at });
            // `xmlns:xml` may be declared as what it is anyway; some federations' tools do that.
            let rebound = (prefix == "xml") != (namespace == ns::XML);
            if rebound || prefix == "xmlns" || namespace == ns::XMLNS {
                return refused("xml and xmlns are bound for ever", prefix);
            }
            if namespace.is_empty() && !prefix.is_empty() {
                return refused("a prefix can not be undeclared", prefix);
            }
            if !namespace.is_empty() && !is_absolute(namespace) {
                return refused("a namespace name is an absolute URI in ASCII", namespace);
            }
            let mut own = document.bindings.get(first..).unwrap_or_default().iter();
            if own.any(|other| document.str(other.prefix) == prefix) {
                return Err(XmlError::Syntax { what: "an attribute occurs twice", at });
            }
            self.budget.name(namespace.len())?;
            count = count.saturating_add(1);
            self.budget.namespaces(count)?;
            let outer = scope;
            scope = Some(document.bindings.len());
            document
                .bindings
                .push(Binding { prefix: declared, namespace: raw.value, outer });
        }
        Ok((scope, count))
    }

    /// What a prefix stands for; the empty one may stand for nothing.
    fn namespace_of(
        &mut self,
        scope: Option<usize>,
        prefix: Span,
        at: usize,
    ) -> Result<Span, XmlError> {
        let text = self.document.str(prefix);
        match self.document.resolve(scope, text) {
            Some(namespace) => {
                self.budget.namespace_used(namespace.end.saturating_sub(namespace.start))?;
                Ok(namespace)
            }
            None if text.is_empty() => Ok(Span::default()),
            None => {
                let name = shortened(text);
                Err(XmlError::Namespace { what: UNDECLARED, name, at })
            }
        }
    }

    /// Namespaces in XML 1.0, 6.3: the attributes that are not declarations, each once.
    fn attributes(
        &mut self,
        scope: Option<usize>,
        element: Span,
        at: usize,
    ) -> Result<Range<usize>, XmlError> {
        let first = self.document.attributes.len();
        let tag = std::mem::take(&mut self.tag);
        for raw in &tag {
            if declared_prefix(&self.document, raw).is_some() {
                continue;
            }
            let namespace = match self.document.str(raw.prefix) {
                "" => Span::default(),
                _ => self.namespace_of(scope, raw.prefix, at)?,
            };
            let document = &self.document;
            let expanded = (document.str(raw.local), document.str(namespace));
            let mut own = document.attributes.get(first..).unwrap_or_default().iter();
            let twin = |other: &&Attribute| {
                (document.str(other.local), document.str(other.namespace)) == expanded
            };
            if let Some(other) = own.find(twin) {
                if document.str(other.prefix) == document.str(raw.prefix) {
                    return Err(XmlError::Syntax { what: "an attribute occurs twice", at });
                }
                let name = shortened(expanded.0);
                let what = "an attribute occurs under two prefixes";
                return Err(XmlError::Namespace { what, name, at });
            }
            self.check_id(element, raw, namespace)?;
            let RawAttribute { prefix, local, value } = *raw;
            self.document.attributes.push(Attribute { prefix, local, namespace, value });
        }
        // The vector goes back, so that each tag does not need its own.
        self.tag = tag;
        Ok(first..self.document.attributes.len())
    }

    /// Core 1.3.4: in SAML an ID is called `ID`, and nothing that another reader might take for
    /// one stands beside it.
    fn check_id(
        &mut self,
        element: Span,
        raw: &RawAttribute,
        namespace: Span,
    ) -> Result<(), XmlError> {
        let document = &self.document;
        let (local, namespace) = (document.str(raw.local), document.str(namespace));
        let is_saml = matches!(document.str(element), ns::SAML | ns::SAMLP);
        let is_id = local == "ID" && namespace.is_empty();
        let looks_like_one = local.eq_ignore_ascii_case("ID") || local == "AssertionID";
        if self.mode == Mode::Message && is_saml && looks_like_one && !is_id {
            let value = shortened(local);
            return Err(XmlError::Id { what: "the ID of a SAML element is called ID", value });
        }
        if is_id {
            let value = document.str(raw.value);
            if !is_ncname(value) {
                return Err(XmlError::Id { what: "not an NCName", value: shortened(value) });
            }
            self.ids.push(raw.value);
        }
        Ok(())
    }

    fn ids_are_unique(&self) -> Result<(), XmlError> {
        let mut ids = self.ids.iter().map(|id| self.document.str(*id)).collect::<Vec<_>>();
        ids.sort_unstable();
        let mut pairs = ids.iter().zip(ids.iter().skip(1));
        match pairs.find(|(one, next)| one == next) {
            Some((id, _)) => Err(XmlError::Id { what: "occurs twice", value: shortened(id) }),
            None => Ok(()),
        }
    }

    /// `ETag` of the innermost open element.
    fn end_tag(&mut self, innermost: usize) -> Result<(), XmlError> {
        let end = self.document.nodes.len();
        let name = match self.document.nodes.get(innermost) {
            Some(Node::Element(data)) if data.prefix.start < data.prefix.end => {
                data.prefix.start..data.local.end
            }
            Some(Node::Element(data)) => data.local.start..data.local.end,
            _ => 0..0,
        };
        self.advance(2);
        if !self.skip(self.source.get(name).unwrap_or_default()) {
            return Err(self.syntax("an end tag does not match its start tag"));
        }
        self.skip_white();
        if !self.skip(">") {
            return Err(self.syntax("an end tag does not match its start tag"));
        }
        self.open.pop();
        if let Some(Node::Element(data)) = self.document.nodes.get_mut(innermost) {
            data.end = end;
            data.behind = self.at;
        }
        Ok(())
    }

    /// `CharData` and references, up to the next markup.
    fn char_data(&mut self) -> Result<(), XmlError> {
        let start = self.at;
        let rest = self.rest();
        let length = rest.find('<').unwrap_or(rest.len());
        self.advance(length);
        let span = self.decoded(start..self.at, Normalise::Text)?;
        self.document.nodes.push(Node::Text(span));
        Ok(())
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
        if !raw.bytes().any(special) {
            return Ok(Span { start, end });
        }
        let begin = self.document.buffer.len();
        let mut rest = raw;
        while let Some(place) = rest.bytes().position(special) {
            let (plain, behind) = rest.split_at_checked(place).unwrap_or((rest, ""));
            self.document.buffer.push_str(plain);
            let mut chars = behind.chars();
            let found = chars.next();
            rest = chars.as_str();
            let decoded = match found {
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
            self.document.buffer.push(decoded);
        }
        self.document.buffer.push_str(rest);
        Ok(Span { start: begin, end: self.document.buffer.len() })
    }

    /// `QName`: prefix (perhaps empty) and local part.
    fn qname(&mut self) -> Result<(Span, Span), XmlError> {
        let first = self.ncname()?;
        let (prefix, local) = if self.skip(":") {
            (first, self.ncname()?)
        } else {
            (Span { start: first.start, end: first.start }, first)
        };
        self.budget.name(local.end.saturating_sub(prefix.start))?;
        Ok((prefix, local))
    }

    fn ncname(&mut self) -> Result<Span, XmlError> {
        let rest = self.rest();
        let length = rest.find(|char| !is_name_char(char)).unwrap_or(rest.len());
        if !rest.starts_with(is_name_start) {
            return Err(self.syntax("a name is missing"));
        }
        let start = self.at;
        self.advance(length);
        Ok(Span { start, end: self.at })
    }

    /// `Eq`
    fn equals_sign(&mut self) -> Result<(), XmlError> {
        self.skip_white();
        if !self.skip("=") {
            return Err(self.syntax("an attribute has no value"));
        }
        self.skip_white();
        Ok(())
    }

    /// Where the text between two equal quotes is.
    fn quoted(&mut self) -> Result<Range<usize>, XmlError> {
        let quote = match self.peek() {
            Some(b'"') => '"',
            Some(b'\'') => '\'',
            _ => return Err(self.syntax("a value without quotes")),
        };
        self.advance(1);
        let start = self.at;
        let Some(length) = self.rest().find(quote) else {
            return Err(self.syntax("a value does not end"));
        };
        self.advance(length);
        let end = self.at;
        self.advance(1);
        Ok(start..end)
    }

    fn rest(&self) -> &'s str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> Option<u8> {
        self.source.as_bytes().get(self.at.saturating_add(ahead)).copied()
    }

    fn advance(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes);
    }

    /// Steps over `text` if it comes next.
    fn skip(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.advance(text.len());
        }
        found
    }

    /// Steps over white space; whether there was any.
    fn skip_white(&mut self) -> bool {
        let start = self.at;
        while self.peek().is_some_and(is_white) {
            self.advance(1);
        }
        self.at > start
    }

    const fn syntax(&self, what: &'static str) -> XmlError {
        XmlError::Syntax { what, at: self.at }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Normalise {
    Text,
    Attribute,
}

/// The prefix that an attribute declares, if it is a declaration.
fn declared_prefix(document: &Document, raw: &RawAttribute) -> Option<Span> {
    match (document.str(raw.prefix), document.str(raw.local)) {
        ("", "xmlns") => Some(Span::default()),
        ("xmlns", _) => Some(raw.local),
        _ => None,
    }
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

/// A scheme and something behind it. Canonical XML has no answer for relative namespace names
/// (they were deprecated for that), and outside ASCII two readers may compare them differently.
fn is_absolute(namespace: &str) -> bool {
    let Some((scheme, rest)) = namespace.split_once(':') else {
        return false;
    };
    let scheme_char = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    scheme.starts_with(|char: char| char.is_ascii_alphabetic())
        && scheme.bytes().all(scheme_char)
        && !rest.is_empty()
        && rest.bytes().all(|byte| byte.is_ascii_graphic())
}

/// For error messages: a stranger's text, at a length that fits a log line.
fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}
