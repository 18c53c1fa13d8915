//! A message as its source: where in the bytes each element, attribute and text is.
//!
//! The second reader of this folder, and a careless one: it is only given messages that the real
//! one has accepted, and knows no namespaces. Mutations are made by cutting and pasting what it
//! found, so they keep every byte that they do not mean to change, and our own canonicalisation
//! takes no part in making them.

use std::ops::Range;

/// A message, cut up.
pub(crate) struct Source<'s> {
    pub(crate) text: &'s str,
    /// Elements and texts in document order; the root is the first.
    pub(crate) nodes: Vec<Node>,
}

pub(crate) struct Node {
    pub(crate) parent: Option<usize>,
    /// All of it, end tag included.
    pub(crate) span: Range<usize>,
    pub(crate) tag: Option<Tag>,
}

/// What only elements have.
pub(crate) struct Tag {
    /// The qualified name in the start tag.
    pub(crate) name: Range<usize>,
    /// And in the end tag, if there is one.
    pub(crate) end_name: Option<Range<usize>>,
    /// Between the tags.
    pub(crate) content: Range<usize>,
    pub(crate) attributes: Vec<Attribute>,
}

/// An attribute or a declaration.
pub(crate) struct Attribute {
    /// With the white space in front.
    pub(crate) span: Range<usize>,
    pub(crate) name: Range<usize>,
    /// Between the quotes.
    pub(crate) value: Range<usize>,
}

impl<'s> Source<'s> {
    pub(crate) fn read(text: &'s str) -> Self {
        let mut source = Self { text, nodes: Vec::new() };
        let mut open = Vec::new();
        let mut at = 0;
        while let Some(length) = text[at..].find('<') {
            let begin = at + length;
            if begin > at && !open.is_empty() {
                source.nodes.push(Node {
                    parent: open.last().copied(),
                    span: at..begin,
                    tag: None,
                });
            }
            let end = begin + tag_length(&text[begin..]);
            let inside = &text[begin..end];
            if inside.starts_with("</") {
                let closed = open.pop().expect("the message is well-formed");
                source.close(closed, begin, end);
            } else if !inside.starts_with("<?") && !inside.starts_with("<!") {
                let parent = open.last().copied();
                let tag = Some(Tag::read(text, begin, end));
                if !inside.ends_with("/>") {
                    open.push(source.nodes.len());
                }
                source.nodes.push(Node { parent, span: begin..end, tag });
            }
            at = end;
        }
        source
    }

    fn close(&mut self, element: usize, begin: usize, end: usize) {
        let node = &mut self.nodes[element];
        node.span.end = end;
        let tag = node.tag.as_mut().expect("only elements are open");
        tag.content.end = begin;
        let length = tag.name.len();
        tag.end_name = Some(begin + 2..begin + 2 + length);
    }

    pub(crate) fn of(&self, span: &Range<usize>) -> &'s str {
        &self.text[span.clone()]
    }

    /// The elements with their numbers.
    pub(crate) fn elements(&self) -> impl Iterator<Item = (usize, &Tag)> {
        let tags = self.nodes.iter().map(|node| node.tag.as_ref()).enumerate();
        tags.filter_map(|(id, tag)| Some((id, tag?)))
    }

    /// Places in the content of an element where something may be put: before each child, and at
    /// the end. An element without an end tag has none.
    pub(crate) fn places(&self, element: usize) -> Vec<usize> {
        let Some(tag) = self.nodes[element].tag.as_ref().filter(|tag| tag.end_name.is_some())
        else {
            return Vec::new();
        };
        let children = self.nodes.iter().filter(|node| node.parent == Some(element));
        let mut places = children.map(|child| child.span.start).collect::<Vec<_>>();
        places.push(tag.content.end);
        places
    }

    /// The declarations around an element that its own start tag does not have: with them its
    /// names mean the same wherever it is put.
    pub(crate) fn declarations_around(&self, element: usize) -> String {
        let mut seen = Vec::new();
        let mut carried = String::new();
        let mut next = Some(element);
        while let Some(id) = next {
            let tag = self.nodes[id].tag.as_ref().expect("parents are elements");
            for attribute in &tag.attributes {
                let name = self.of(&attribute.name);
                if !is_declaration(name) || seen.contains(&name) {
                    continue;
                }
                seen.push(name);
                if id != element {
                    carried.push_str(self.of(&attribute.span));
                }
            }
            next = self.nodes[id].parent;
        }
        carried
    }

    /// A part of the text with some places rewritten. Edits outside of it are left out.
    pub(crate) fn rewritten(&self, part: &Range<usize>, mut edits: Vec<Edit>) -> String {
        edits.retain(|edit| part.start <= edit.0.start && edit.0.end <= part.end);
        edits.sort_by_key(|edit| (edit.0.start, edit.0.end));
        let mut out = String::with_capacity(part.len() + 256);
        let mut at = part.start;
        for (place, text) in edits {
            out.push_str(&self.text[at..place.start]);
            out.push_str(&text);
            at = place.end;
        }
        out.push_str(&self.text[at..part.end]);
        out
    }

    /// The whole text with some places rewritten.
    pub(crate) fn edited(&self, edits: Vec<Edit>) -> String {
        self.rewritten(&(0..self.text.len()), edits)
    }
}

/// A place, and what shall stand there.
pub(crate) type Edit = (Range<usize>, String);

pub(crate) fn is_declaration(name: &str) -> bool {
    name == "xmlns" || name.starts_with("xmlns:")
}

/// The name without its prefix.
pub(crate) fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

impl Tag {
    fn read(text: &str, begin: usize, end: usize) -> Self {
        let is_end = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'/' | b'>' | b'=');
        let until = |from: usize| from + text.as_bytes()[from..].iter().position(is_end).unwrap();
        let name = begin + 1..until(begin + 1);
        let mut attributes = Vec::new();
        let mut at = name.end;
        loop {
            let white = text[at..].len() - text[at..].trim_start().len();
            let start = at + white;
            if matches!(text.as_bytes()[start], b'/' | b'>') {
                break;
            }
            let name = start..until(start);
            let quote = name.end + text[name.end..].find(['"', '\'']).unwrap();
            let length = text[quote + 1..].find(&text[quote..quote + 1]).unwrap();
            let value = quote + 1..quote + 1 + length;
            let span = at..value.end + 1;
            at = span.end;
            attributes.push(Attribute { span, name, value });
        }
        Self { name, end_name: None, content: end..end, attributes }
    }
}

/// How long the markup at the beginning is: quotes may hold `>`.
fn tag_length(text: &str) -> usize {
    if text.starts_with("<!--") {
        return text.find("-->").unwrap() + 3;
    }
    let mut quote = None;
    for (place, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return place + 1,
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if byte == open => quote = None,
            _ => {}
        }
    }
    unreachable!("the message is well-formed")
}
