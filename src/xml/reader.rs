//! The reader: one pass over the bytes, no recursion, nothing repaired.
//!
//! Where XML offers a choice, the strict side is taken (see [`crate::xml`]). The order of the
//! functions is that of the productions in the recommendation, whose names they have.

use std::ops::Range;

use memchr::{memchr, memchr_iter, memchr3, memmem};

use super::chars::{
    NAME, NAME_START, class, is_char, is_name_char, is_name_start, is_ncname, is_white,
};
use super::error::UNDECLARED;
use super::limits::{Budget, Limits, Mode};
use super::tree::{
    Attribute, Binding, Document, Element, ElementData, NONE, Name, Node, Span, narrow, piece,
    resolve, wide,
};
use super::{XmlError, ns};

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
    let odd = characters(&source)?;
    let mut reader = Reader::new(&source, odd, mode, limits);
    if let Some(context) = context {
        reader.inherit(context)?;
    }
    let tree = reader.document()?;
    Ok(Document { source, ..tree })
}

/// White space that is read as something else: XML 1.0, 2.11 and 3.3.3.
#[derive(Clone, Copy)]
struct Odd {
    /// There is a carriage return somewhere.
    returns: bool,
    /// There is a tab or a line end somewhere, and so perhaps in an attribute.
    breaks: bool,
}

/// XML 1.0, 2.2: the characters of a document.
fn characters(source: &str) -> Result<Odd, XmlError> {
    let bytes = source.as_bytes();
    // Without a way out in between, this becomes a loop over vectors.
    let breaks = bytes.iter().fold(false, |found, byte| found | (*byte < b' '));
    // In UTF-8 these are all that a text can hold and `Char` does not: U+FFFE, U+FFFF, controls.
    let beyond = memchr_iter(0xef, bytes)
        .find(|at| matches!(bytes.get(*at..), Some([_, 0xbf, 0xbe | 0xbf, ..])));
    let control = || bytes.iter().position(|byte| *byte < b' ' && !is_white(*byte));
    match beyond.or_else(|| if breaks { control() } else { None }) {
        Some(at) => Err(XmlError::Syntax { what: "a character that XML does not have", at }),
        None => Ok(Odd { returns: breaks && memchr(b'\r', bytes).is_some(), breaks }),
    }
}

struct Reader<'s> {
    source: &'s str,
    bytes: &'s [u8],
    at: usize,
    odd: Odd,
    mode: Mode,
    budget: Budget,
    /// The document, still without its source.
    tree: Document,
    /// The elements that have begun and not ended.
    open: Vec<Open>,
    /// The one that ended last, if its start tag was its name alone, and no other has begun since.
    ended: Option<Open>,
    /// The namespace declarations of the tag that is being read.
    declared: Vec<Declaration>,
    /// Some value of the tag that is being read stands between them.
    single_quotes: bool,
    ids: Vec<Span>,
    /// The scope around the document element, and how many declarations it holds.
    around: (u32, u16),
    /// There is text that is not white space directly in the document element.
    text_in_root: bool,
}

#[derive(Clone, Copy)]
struct Open {
    /// The element's number in [`Document::nodes`].
    number: u32,
    /// Its place in [`Document::elements`].
    place: u32,
    /// So far it stands in the source as C14N would write it: [`ElementData::canonical`].
    canonical: bool,
    /// It declares nothing and has the prefix of the element around it.
    alike: bool,
    /// Its start tag is `<`, its name, `>`.
    bare: bool,
}

struct Declaration {
    prefix: Span,
    namespace: Span,
}

impl<'s> Reader<'s> {
    fn new(source: &'s str, odd: Odd, mode: Mode, limits: &Limits) -> Self {
        let mut decoded = String::with_capacity(64);
        let mut keep = |text: &str| {
            let start = source.len().saturating_add(decoded.len());
            decoded.push_str(text);
            Span::new(start, start.saturating_add(text.len()))
        };
        let xml = Binding { prefix: keep("xml"), namespace: keep(ns::XML), outer: NONE };
        let mut bindings = Vec::with_capacity(16);
        bindings.push(xml);
        // Most elements have two tags, and either text or elements in them.
        let tags = memchr_iter(b'<', source.as_bytes()).count();
        let budget = Budget::new(*limits, source.len());
        let elements = (tags / 2).saturating_add(8).min(budget.elements_left());
        let tree = Document {
            source: String::new(),
            decoded,
            nodes: Vec::with_capacity(elements.saturating_mul(2)),
            elements: Vec::with_capacity(elements),
            attributes: Vec::with_capacity(elements),
            bindings,
            commented: false,
        };
        Self {
            source,
            bytes: source.as_bytes(),
            at: if source.starts_with('\u{feff}') {
                '\u{feff}'.len_utf8()
            } else {
                0
            },
            odd,
            mode,
            budget,
            tree,
            open: Vec::with_capacity(16),
            ended: None,
            declared: Vec::with_capacity(8),
            single_quotes: false,
            ids: Vec::with_capacity(8),
            // The prefix `xml` is bound from the beginning.
            around: (0, 0),
            text_in_root: false,
        }
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
            let (outer, count) = self.around;
            let count = count.saturating_add(1);
            self.budget.namespaces(usize::from(count))?;
            self.around = (narrow(self.tree.bindings.len()), count);
            self.tree.bindings.push(Binding { prefix, namespace, outer });
        }
        Ok(())
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
        if self.peek() != Some(b'<') {
            return Err(self.syntax("the document element is missing"));
        }
        self.start_tag()?;
        while let Some(innermost) = self.open.last().copied() {
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
        Ok(self.tree)
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
            let start = self.at;
            self.ncname()?;
            let name = self.source.get(start..self.at).unwrap_or_default();
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
            match (self.peek(), self.peek_at(1)) {
                (Some(b'<'), Some(b'!' | b'?')) => self.other_markup()?,
                _ => return Ok(()),
            }
        }
    }

    /// Whatever begins with `<!` or `<?`: all of it is refused, but for comments.
    fn other_markup(&mut self) -> Result<(), XmlError> {
        let at = self.at;
        let rest = self.rest();
        if rest.starts_with("<!--") {
            self.comment_may_stand_here()?;
            return self.comment();
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

    /// In a message: around the document element, or between its children. Deeper inside there is
    /// text that a comment could split, and nearly all of it is signed.
    fn comment_may_stand_here(&mut self) -> Result<(), XmlError> {
        let allowed = match self.open.len() {
            _ if self.mode == Mode::Metadata => true,
            0 => true,
            1 => {
                self.tree.commented = true;
                !self.text_in_root
            }
            _ => false,
        };
        if allowed {
            return Ok(());
        }
        Err(XmlError::ForbiddenNode { what: "a comment", at: self.at })
    }

    /// `Comment`, which leaves no trace: C14N drops it too.
    fn comment(&mut self) -> Result<(), XmlError> {
        self.budget.comment()?;
        self.otherwise();
        self.advance(4);
        let Some(length) = memmem::find(self.rest().as_bytes(), b"--") else {
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
        self.room();
        self.budget.element(self.open.len().saturating_add(1))?;
        if let Some(ended) = self.ended.take()
            && self.start_tag_again(ended)?
        {
            return Ok(());
        }
        self.advance(1);
        let name = self.qname()?;
        self.declared.clear();
        self.single_quotes = false;
        let first = self.tree.attributes.len();
        let empty = loop {
            let white = self.skip_white();
            match self.peek() {
                Some(b'>') => break false,
                Some(b'/') if self.peek_at(1) == Some(b'>') => break true,
                Some(_) if white => self.attribute(first)?,
                _ => return Err(self.syntax("a tag does not end")),
            }
        };
        self.advance(if empty { 2 } else { 1 });
        let bare = self.at.saturating_sub(begin) == name.whole().range().len().saturating_add(2);
        let canonical = !empty && self.is_canonical(begin..self.at, name, first);

        let parent = self.open.last().copied();
        let (scope, bindings) = self.declarations(parent, begin)?;
        let (namespace, alike) = self.namespace_of_element(parent, scope, name, begin)?;
        self.attributes(first, scope, namespace, begin)?;
        let number = narrow(self.tree.nodes.len());
        let place = narrow(self.tree.elements.len());
        let count = self.tree.attributes.len().saturating_sub(first);
        self.tree.nodes.push(Node::Element(place));
        self.tree.elements.push(ElementData {
            parent: parent.map_or(NONE, |parent| parent.number),
            end: number.saturating_add(1),
            name,
            namespace,
            first_attribute: narrow(first),
            attribute_count: u16::try_from(count).unwrap_or(u16::MAX),
            scope,
            bindings,
            content: narrow(self.at),
            behind: narrow(self.at),
            canonical: false,
        });
        if empty {
            self.otherwise();
        } else {
            self.open.push(Open { number, place, canonical, alike, bare });
        }
        Ok(())
    }

    /// The start tag of the sibling that has just ended, once more, if that is what comes: lists
    /// are most of a message. The same bytes in the same place mean the same, so all that was found
    /// out about them holds; what they cost is paid again.
    fn start_tag_again(&mut self, ended: Open) -> Result<bool, XmlError> {
        let Some(before) = self.element(ended) else {
            return Ok(false);
        };
        // `<a>` and nothing else is as long as its name and two bytes.
        let length = before.name.whole().range().len().saturating_add(2);
        let start = before.name.whole().start().saturating_sub(1);
        let tag = self.bytes.get(start..start.saturating_add(length)).unwrap_or_default();
        if !self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(tag)) {
            return Ok(false);
        }
        let number = narrow(self.tree.nodes.len());
        let place = narrow(self.tree.elements.len());
        let content = narrow(self.at.saturating_add(length));
        let data = ElementData {
            parent: before.parent,
            end: number.saturating_add(1),
            name: before.name.standing_at(self.at.saturating_add(1)),
            namespace: before.namespace,
            first_attribute: narrow(self.tree.attributes.len()),
            attribute_count: 0,
            scope: before.scope,
            bindings: before.bindings,
            content,
            behind: content,
            canonical: false,
        };
        if !data.namespace.is_empty() {
            self.budget.namespace_used(data.namespace.range().len())?;
        }
        self.advance(length);
        self.tree.nodes.push(Node::Element(place));
        self.tree.elements.push(data);
        self.open.push(Open { number, place, canonical: true, ..ended });
        Ok(true)
    }

    /// Makes room for one more of each, if there is none: once, and no more than can be needed. A
    /// vector that doubles would take thrice what is in it.
    fn room(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let most = self.budget.elements_left().saturating_add(1);
        let left = |byte| memchr_iter(byte, rest).count().saturating_add(1);
        if self.tree.elements.len() == self.tree.elements.capacity() {
            self.tree.elements.reserve_exact(left(b'<').min(most));
        }
        if self.tree.attributes.len() == self.tree.attributes.capacity() {
            let most = most.saturating_mul(super::limits::ATTRIBUTES);
            self.tree.attributes.reserve_exact(left(b'=').min(most));
        }
        // The element, and a text in front of it.
        if self.tree.nodes.capacity().saturating_sub(self.tree.nodes.len()) < 2 {
            let most = left(b'<').min(most).saturating_mul(2).saturating_add(1);
            self.tree.nodes.reserve_exact(most);
        }
    }

    /// Whether a start tag without declarations is written as C14N writes it.
    fn is_canonical(&self, tag: Range<usize>, name: Name, first: usize) -> bool {
        let attributes = self.tree.attributes.get(first..).unwrap_or_default();
        if !self.declared.is_empty() || self.single_quotes {
            return false;
        }
        // `<`, ` `, `="`, `"` and `>`: when there is no byte more than these, nothing stands
        // between them. What separates could still be something else than a space.
        let mut shortest = name.whole().range().len().saturating_add(2);
        let mut before = b"".as_slice();
        for Attribute { name, value, .. } in attributes {
            let local = self.name(name.local());
            // A value that had to be decoded is not in the source.
            if name.has_prefix() || local < before || value.start() >= tag.end {
                return false;
            }
            before = local;
            let length = local.len().saturating_add(value.range().len()).saturating_add(4);
            shortest = shortest.saturating_add(length);
        }
        let source = || self.bytes.get(tag.clone()).unwrap_or_default();
        tag.len() == shortest && !(self.odd.breaks && source().iter().any(|byte| *byte < b' '))
    }

    /// The element around stands in the source otherwise than C14N would write it.
    fn otherwise(&mut self) {
        if let Some(innermost) = self.open.last_mut() {
            innermost.canonical = false;
        }
    }

    /// `Attribute`, also one that declares a namespace. The tag's attributes are those from
    /// `first` on; what their prefixes stand for, the whole tag decides.
    fn attribute(&mut self, first: usize) -> Result<(), XmlError> {
        let before = self.tree.attributes.len().saturating_sub(first);
        self.budget
            .attribute(before.saturating_add(self.declared.len()).saturating_add(1))?;
        self.room();
        let name = self.qname()?;
        self.equals_sign()?;
        let value = self.attribute_value()?;
        match self.declared_prefix(name) {
            Some(prefix) => self.declared.push(Declaration { prefix, namespace: value }),
            None => {
                let namespace = Span::default();
                self.tree.attributes.push(Attribute { name, namespace, value });
            }
        }
        Ok(())
    }

    /// The prefix that an attribute declares, if it is a declaration.
    fn declared_prefix(&self, name: Name) -> Option<Span> {
        if self.bytes.get(name.whole().start()) != Some(&b'x') {
            return None;
        }
        match (self.name(name.prefix()), self.name(name.local())) {
            (b"", b"xmlns") => Some(Span::default()),
            (b"xmlns", _) => Some(name.local()),
            _ => None,
        }
    }

    /// Namespaces in XML 1.0, 3 and 5: the scope inside the tag that was just read.
    fn declarations(&mut self, parent: Option<Open>, at: usize) -> Result<(u32, u16), XmlError> {
        let (mut scope, mut count) = match parent.and_then(|open| self.element(open)) {
            Some(data) => (data.scope, data.bindings),
            None => self.around,
        };
        if self.declared.is_empty() {
            return Ok((scope, count));
        }
        let (source, decoded) = (self.source, self.tree.decoded.as_str());
        let bindings = &mut self.tree.bindings;
        let first = bindings.len();
        for declaration in &self.declared {
            let prefix = piece(source, decoded, declaration.prefix);
            let namespace = piece(source, decoded, declaration.namespace);
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
            let mut own = bindings.get(first..).unwrap_or_default().iter();
            if own.any(|other| piece(source, decoded, other.prefix) == prefix) {
                return Err(XmlError::Syntax { what: "an attribute occurs twice", at });
            }
            self.budget.name(namespace.len())?;
            count = count.saturating_add(1);
            self.budget.namespaces(count.into())?;
            let outer = scope;
            scope = narrow(bindings.len());
            let Declaration { prefix, namespace } = *declaration;
            bindings.push(Binding { prefix, namespace, outer });
        }
        Ok((scope, count))
    }

    /// The parent's, if that is known without looking it up; and whether it is.
    fn namespace_of_element(
        &mut self,
        parent: Option<Open>,
        scope: u32,
        name: Name,
        at: usize,
    ) -> Result<(Span, bool), XmlError> {
        if let Some(parent) = parent.and_then(|open| self.element(open))
            && parent.scope == scope
            && (!(parent.name.has_prefix() || name.has_prefix())
                || self.name(parent.name.prefix()) == self.name(name.prefix()))
        {
            let namespace = parent.namespace;
            self.budget.namespace_used(namespace.range().len())?;
            return Ok((namespace, true));
        }
        Ok((self.namespace_of(scope, name, at)?, false))
    }

    /// What a prefix stands for; the empty one may stand for nothing.
    fn namespace_of(&mut self, scope: u32, name: Name, at: usize) -> Result<Span, XmlError> {
        let prefix = self.source.get(name.prefix().range()).unwrap_or_default();
        match resolve(&self.tree.bindings, scope, |span| self.str(span) == prefix) {
            Some(namespace) => {
                self.budget.namespace_used(namespace.range().len())?;
                Ok(namespace)
            }
            None if prefix.is_empty() => Ok(Span::default()),
            None => {
                let name = shortened(prefix);
                Err(XmlError::Namespace { what: UNDECLARED, name, at })
            }
        }
    }

    /// Namespaces in XML 1.0, 6.3: each attribute once.
    fn attributes(
        &mut self,
        first: usize,
        scope: u32,
        element: Span,
        at: usize,
    ) -> Result<(), XmlError> {
        for place in first..self.tree.attributes.len() {
            let Some(Attribute { name, value, .. }) = self.tree.attributes.get(place) else {
                break;
            };
            let (name, value) = (*name, *value);
            let mut namespace = Span::default();
            if name.has_prefix() {
                namespace = self.namespace_of(scope, name, at)?;
                if let Some(attribute) = self.tree.attributes.get_mut(place) {
                    attribute.namespace = namespace;
                }
            }
            let local = self.name(name.local());
            let mut before = self.tree.attributes.get(first..place).unwrap_or_default().iter();
            let twin = |other: &&Attribute| {
                self.name(other.name.local()) == local
                    && self.str(other.namespace) == self.str(namespace)
            };
            if let Some(other) = before.find(twin) {
                if self.name(other.name.prefix()) == self.name(name.prefix()) {
                    return Err(XmlError::Syntax { what: "an attribute occurs twice", at });
                }
                let what = "an attribute occurs under two prefixes";
                let name = shortened(self.str(name.local()));
                return Err(XmlError::Namespace { what, name, at });
            }
            // Neither `ID` nor `AssertionID` ends in another letter.
            if matches!(local.last(), Some(b'D' | b'd')) {
                self.check_id(element, name.local(), namespace, value)?;
            }
        }
        Ok(())
    }

    /// Core 1.3.4: in SAML an ID is called `ID`, and nothing that another reader might take for
    /// one stands beside it.
    fn check_id(
        &mut self,
        element: Span,
        local: Span,
        namespace: Span,
        value: Span,
    ) -> Result<(), XmlError> {
        let local = self.str(local);
        let is_saml = matches!(self.str(element), ns::SAML | ns::SAMLP);
        let is_id = local == "ID" && self.str(namespace).is_empty();
        let looks_like_one = local.eq_ignore_ascii_case("ID") || local == "AssertionID";
        if self.mode == Mode::Message && is_saml && looks_like_one && !is_id {
            let value = shortened(local);
            return Err(XmlError::Id { what: "the ID of a SAML element is called ID", value });
        }
        if is_id {
            let text = self.str(value);
            if !is_ncname(text) {
                return Err(XmlError::Id { what: "not an NCName", value: shortened(text) });
            }
            self.ids.push(value);
        }
        Ok(())
    }

    fn ids_are_unique(&self) -> Result<(), XmlError> {
        let mut ids = self.ids.iter().map(|id| self.str(*id)).collect::<Vec<_>>();
        ids.sort_unstable();
        let mut pairs = ids.iter().zip(ids.iter().skip(1));
        match pairs.find(|(one, next)| one == next) {
            Some((id, _)) => Err(XmlError::Id { what: "occurs twice", value: shortened(id) }),
            None => Ok(()),
        }
    }

    /// `ETag` of the innermost open element.
    fn end_tag(&mut self, innermost: Open) -> Result<(), XmlError> {
        let name = self.element(innermost).map(|data| data.name.whole()).unwrap_or_default();
        let name = self.name(name);
        let shortest = self.at.saturating_add(name.len()).saturating_add(3);
        self.advance(2);
        let matches = self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(name));
        self.advance(name.len());
        self.skip_white();
        if !matches || self.peek() != Some(b'>') {
            return Err(self.syntax("an end tag does not match its start tag"));
        }
        self.advance(1);
        self.open.pop();
        self.ended = innermost.bare.then_some(innermost);
        let canonical = innermost.canonical && self.at == shortest;
        let (end, behind) = (narrow(self.tree.nodes.len()), narrow(self.at));
        if let Some(data) = self.tree.elements.get_mut(wide(innermost.place)) {
            data.end = end;
            data.behind = behind;
            data.canonical = canonical;
        }
        if !canonical || !innermost.alike {
            self.otherwise();
        }
        Ok(())
    }

    /// `CharData` and references, up to the next markup.
    fn char_data(&mut self) -> Result<(), XmlError> {
        let start = self.at;
        let rest = self.bytes.get(start..).unwrap_or_default();
        // `>` because of `]]>`, and because C14N escapes it.
        let plain = memchr3(b'<', b'&', b'>', rest).unwrap_or(rest.len());
        let span = if rest.get(plain) == Some(&b'<') && !self.odd.returns {
            self.budget.text(plain)?;
            self.advance(plain);
            Span::new(start, self.at)
        } else {
            self.otherwise();
            self.advance(memchr(b'<', rest).unwrap_or(rest.len()));
            self.decoded(start..self.at, Normalise::Text)?
        };
        if self.open.len() == 1 && !self.text_in_root {
            self.text_in_root = !self.str(span).bytes().all(is_white);
            if self.text_in_root && self.tree.commented {
                let what = "a comment beside text";
                return Err(XmlError::ForbiddenNode { what, at: start });
            }
        }
        self.tree.nodes.push(Node::Text(span));
        Ok(())
    }

    /// `AttValue`
    fn attribute_value(&mut self) -> Result<Span, XmlError> {
        let Some(quote @ (b'"' | b'\'')) = self.peek() else {
            return Err(self.syntax("a value without quotes"));
        };
        self.single_quotes |= quote != b'"';
        let start = self.at.saturating_add(1);
        let rest = self.bytes.get(start..).unwrap_or_default();
        let plain = memchr3(quote, b'<', b'&', rest).unwrap_or(rest.len());
        let value = rest.get(..plain).unwrap_or_default();
        let breaks = self.odd.breaks && value.iter().any(|byte| *byte < b' ');
        if rest.get(plain) == Some(&quote) && !breaks {
            self.budget.text(plain)?;
            let end = start.saturating_add(plain);
            self.at = end.saturating_add(1);
            return Ok(Span::new(start, end));
        }
        let range = self.quoted()?;
        self.decoded(range, Normalise::Attribute)
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
        // No decoded text is longer than its source: here is room for all that can follow.
        if decoded.capacity().saturating_sub(decoded.len()) < raw.len() {
            decoded.reserve_exact(self.source.len().saturating_sub(start));
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

    /// `QName`: prefix (perhaps none) and local part.
    fn qname(&mut self) -> Result<Name, XmlError> {
        let start = self.at;
        self.ncname()?;
        let mut prefix = 0;
        let mut local = start;
        if self.peek() == Some(b':') {
            prefix = self.at.saturating_sub(start);
            self.advance(1);
            local = self.at;
            self.ncname()?;
        }
        self.budget.name(self.at.saturating_sub(start))?;
        Name::new(start, prefix, self.at.saturating_sub(local))
            .ok_or_else(|| XmlError::Limit { what: "bytes in one name", most: u16::MAX.into() })
    }

    /// `NCName`
    fn ncname(&mut self) -> Result<(), XmlError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let ascii = rest.iter().position(|byte| class(*byte) & NAME == 0).unwrap_or(rest.len());
        let starts = rest.first().is_some_and(|byte| class(*byte) & NAME_START != 0);
        if starts && rest.get(ascii).is_some_and(u8::is_ascii) {
            self.advance(ascii);
            return Ok(());
        }
        let rest = self.rest();
        if !rest.starts_with(is_name_start) {
            return Err(self.syntax("a name is missing"));
        }
        self.advance(rest.find(|char| !is_name_char(char)).unwrap_or(rest.len()));
        Ok(())
    }

    /// `Eq`
    fn equals_sign(&mut self) -> Result<(), XmlError> {
        self.skip_white();
        if self.peek() != Some(b'=') {
            return Err(self.syntax("an attribute has no value"));
        }
        self.advance(1);
        self.skip_white();
        Ok(())
    }

    /// Where the text between two equal quotes is.
    fn quoted(&mut self) -> Result<Range<usize>, XmlError> {
        let Some(quote @ (b'"' | b'\'')) = self.peek() else {
            return Err(self.syntax("a value without quotes"));
        };
        self.advance(1);
        let start = self.at;
        let Some(length) = memchr(quote, self.rest().as_bytes()) else {
            return Err(self.syntax("a value does not end"));
        };
        self.advance(length);
        let end = self.at;
        self.advance(1);
        Ok(start..end)
    }

    fn element(&self, open: Open) -> Option<&ElementData> {
        self.tree.elements.get(wide(open.place))
    }

    fn str(&self, span: Span) -> &str {
        piece(self.source, &self.tree.decoded, span)
    }

    /// The text of (a part of) a name, which is always in the source.
    fn name(&self, span: Span) -> &'s [u8] {
        self.bytes.get(span.range()).unwrap_or_default()
    }

    fn rest(&self) -> &'s str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at.saturating_add(ahead)).copied()
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

/// A scheme and something behind it, in the characters of a URI (RFC 3986, 2; the brackets of an
/// IPv6 address are not worth a rule). Canonical XML has no answer for relative namespace names (they
/// were deprecated for that), outside ASCII two readers may compare them differently, and what is
/// no URI at all, not every canonicalizer takes.
fn is_absolute(namespace: &str) -> bool {
    let Some((scheme, rest)) = namespace.split_once(':') else {
        return false;
    };
    let scheme_char = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    scheme.starts_with(|char: char| char.is_ascii_alphabetic())
        && scheme.bytes().all(scheme_char)
        && !rest.is_empty()
        && is_uri_text(rest)
}

/// `unreserved`, `reserved` and `pct-encoded` of RFC 3986, and one fragment at most.
fn is_uri_text(text: &str) -> bool {
    let escaped = |behind: &str| matches!(behind.as_bytes(), [high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit());
    let allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#@!$&'()*+,;=%".contains(&byte);
    text.bytes().all(allowed)
        && text.split('%').skip(1).all(escaped)
        && text.split('#').count() <= 2
}

/// For error messages: a stranger's text, at a length that fits a log line.
fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}
