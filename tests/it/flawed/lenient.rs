//! A reader as many programs have one: it repairs what it can and refuses next to nothing.
//!
//! Comments, processing instructions and CDATA stay nodes of their own, several document elements
//! are several roots, an internal DTD subset supplies entities and default attributes. It shares
//! no code with ours, so that what is wrong with a verifier on top of it is not our reader's doing.

use std::collections::HashMap;

pub(crate) const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
pub(crate) const SAML: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
pub(crate) const SAMLP: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
const XML: &str = "http://www.w3.org/XML/1998/namespace";

#[derive(Debug, Default)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
    roots: Vec<usize>,
    /// A DOCTYPE was there.
    pub(crate) has_dtd: bool,
}

#[derive(Debug)]
struct Node {
    parent: Option<usize>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Element {
        name: String,
        attributes: Vec<(String, String)>,
        children: Vec<usize>,
    },
    Text(String),
    Comment(String),
    Instruction(String),
}

/// An element of a tree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct El<'t> {
    tree: &'t Tree,
    id: usize,
}

impl PartialEq for El<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && std::ptr::eq(self.tree, other.tree)
    }
}

impl Tree {
    /// `None` for what cannot be taken for XML with the best of will.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n").replace('\r', "\n");
        let mut reader = Reader {
            rest: text.trim_start_matches('\u{feff}'),
            ..Reader::default()
        };
        reader.read()?;
        (!reader.tree.roots.is_empty()).then_some(reader.tree)
    }

    pub(crate) fn roots(&self) -> Vec<El<'_>> {
        self.roots.iter().map(|id| El { tree: self, id: *id }).collect()
    }

    /// Every element, in the order of the document.
    pub(crate) fn elements(&self) -> impl Iterator<Item = El<'_>> {
        let elements = self.nodes.iter().enumerate();
        let elements = elements.filter(|(_, node)| matches!(node.kind, Kind::Element { .. }));
        elements.map(|(id, _)| El { tree: self, id })
    }
}

impl<'t> El<'t> {
    fn parts(self) -> (&'t str, &'t [(String, String)], &'t [usize]) {
        match &self.tree.nodes[self.id].kind {
            Kind::Element { name, attributes, children } => (name, attributes, children),
            _ => unreachable!("an El is an element"),
        }
    }

    pub(crate) fn prefix(self) -> &'t str {
        self.parts().0.split_once(':').map_or("", |(prefix, _)| prefix)
    }

    pub(crate) fn local(self) -> &'t str {
        let name = self.parts().0;
        name.split_once(':').map_or(name, |(_, local)| local)
    }

    pub(crate) fn namespace(self) -> &'t str {
        self.resolve(self.prefix()).unwrap_or_default()
    }

    pub(crate) fn is(self, namespace: &str, local: &str) -> bool {
        self.local() == local && self.namespace() == namespace
    }

    fn resolve(self, prefix: &str) -> Option<&'t str> {
        if prefix == "xml" {
            return Some(XML);
        }
        let declares = |name: &str| match name.strip_prefix("xmlns") {
            Some("") => prefix.is_empty(),
            Some(rest) => rest.strip_prefix(':') == Some(prefix),
            None => false,
        };
        let mut place = Some(self);
        while let Some(element) = place {
            let mut own = element.attributes().iter();
            if let Some((_, namespace)) = own.find(|(name, _)| declares(name)) {
                return Some(namespace);
            }
            place = element.parent();
        }
        None
    }

    pub(crate) fn attribute(self, name: &str) -> Option<&'t str> {
        let found = self.parts().1.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn attributes(self) -> &'t [(String, String)] {
        self.parts().1
    }

    pub(crate) fn parent(self) -> Option<Self> {
        self.tree.nodes[self.id].parent.map(|id| El { tree: self.tree, id })
    }

    pub(crate) fn children(self) -> Vec<Self> {
        let is_element = |id: &&usize| matches!(self.tree.nodes[**id].kind, Kind::Element { .. });
        let ids = self.parts().2.iter().filter(is_element);
        ids.map(|id| El { tree: self.tree, id: *id }).collect()
    }

    /// The elements below this one, in the order of the document.
    pub(crate) fn descendants(self) -> Vec<Self> {
        let children = self.children().into_iter();
        children.flat_map(|child| [vec![child], child.descendants()].concat()).collect()
    }

    /// All text below this element, whatever else is in between.
    pub(crate) fn text(self) -> String {
        self.texts().concat()
    }

    /// The text nodes directly in this element. A comment in a text makes two of it.
    pub(crate) fn texts(self) -> Vec<&'t str> {
        let kinds = self.parts().2.iter().map(|id| &self.tree.nodes[*id].kind);
        let text = |kind: &'t Kind| match kind {
            Kind::Text(text) => Some(text.as_str()),
            _ => None,
        };
        kinds.filter_map(text).collect()
    }

    /// The data of the first node in this element, of whatever kind that is.
    pub(crate) fn first_data(self) -> String {
        let first = self.parts().2.first().map(|id| &self.tree.nodes[*id].kind);
        match first {
            Some(Kind::Text(data) | Kind::Comment(data)) => data.clone(),
            Some(Kind::Instruction(data)) => {
                data.split_once(' ').map_or("", |(_, data)| data).to_owned()
            }
            _ => String::new(),
        }
    }

    /// Exclusive C14N 1.0 without comments, leaving out what `omitted` names.
    pub(crate) fn canonical(
        self,
        prefixes: &[&'t str],
        how: C14n,
        omitted: &dyn Fn(Self) -> bool,
    ) -> String {
        let mut out = String::new();
        self.write(&mut Vec::new(), prefixes, how, omitted, &mut out);
        out
    }

    fn write(
        self,
        rendered: &mut Vec<(&'t str, &'t str)>,
        prefixes: &[&'t str],
        how: C14n,
        omitted: &dyn Fn(Self) -> bool,
        out: &mut String,
    ) {
        let (name, attributes, children) = self.parts();
        let plain = attributes
            .iter()
            .filter(|(name, _)| name != "xmlns" && !name.starts_with("xmlns:"));
        let mut plain = plain
            .map(|(name, value)| match name.split_once(':') {
                Some((prefix, local)) => {
                    (self.resolve(prefix).unwrap_or_default(), local, name, value)
                }
                None => ("", name.as_str(), name, value),
            })
            .collect::<Vec<_>>();
        plain.sort();
        let mut used = vec![self.prefix()];
        used.extend(plain.iter().filter_map(|(_, _, name, _)| Some(name.split_once(':')?.0)));
        used.extend(prefixes.iter().map(|prefix| if *prefix == "#default" { "" } else { prefix }));
        used.retain(|prefix| *prefix != "xml");
        used.sort_unstable();
        used.dedup();

        let outside = rendered.len();
        out.push('<');
        out.push_str(name);
        for prefix in used {
            let undeclared = prefix.is_empty() && prefix == self.prefix();
            let Some(namespace) = self.resolve(prefix).or_else(|| undeclared.then_some("")) else {
                continue;
            };
            let before = rendered.iter().rev().find(|(own, _)| *own == prefix);
            if before.map_or("", |(_, namespace)| namespace) == namespace {
                continue;
            }
            let colon = if prefix.is_empty() { "" } else { ":" };
            let value = escaped(namespace, true);
            out.push_str(&format!(" xmlns{colon}{prefix}=\"{value}\""));
            rendered.push((prefix, namespace));
        }
        for (_, _, name, value) in plain {
            out.push_str(&format!(" {name}=\"{}\"", escaped(value, true)));
        }
        out.push('>');
        for id in children {
            match &self.tree.nodes[*id].kind {
                Kind::Text(text) => out.push_str(&escaped(text, false)),
                Kind::Instruction(data) if how == C14n::InstructionsAreText => {
                    out.push_str(data.split_once(' ').map_or("", |(_, data)| data));
                }
                Kind::Instruction(data) if how == C14n::Proper => {
                    out.push_str(&format!("<?{data}?>"));
                }
                Kind::Element { .. } => {
                    let child = El { tree: self.tree, id: *id };
                    if !omitted(child) {
                        child.write(rendered, prefixes, how, omitted, out);
                    }
                }
                Kind::Comment(_) | Kind::Instruction(_) => {}
            }
        }
        out.push_str(&format!("</{name}>"));
        rendered.truncate(outside);
    }
}

/// What becomes of processing instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum C14n {
    /// They are written, as the recommendation says.
    Proper,
    /// Their data is written as if it were text.
    InstructionsAreText,
    /// They are left out.
    InstructionsAreNothing,
}

fn escaped(text: &str, in_attribute: bool) -> String {
    if text.bytes().all(|byte| byte >= b' ' && !b"&<>\"".contains(&byte)) {
        return text.to_owned();
    }
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('\r', "&#xD;");
    if in_attribute {
        text.replace('"', "&quot;").replace('\t', "&#x9;").replace('\n', "&#xA;")
    } else {
        text.replace('>', "&gt;")
    }
}

#[derive(Default)]
struct Reader<'s> {
    rest: &'s str,
    tree: Tree,
    open: Vec<usize>,
    entities: HashMap<String, String>,
    defaults: Vec<(String, String, String)>,
}

impl<'s> Reader<'s> {
    fn read(&mut self) -> Option<()> {
        while !self.rest.is_empty() {
            if let Some(data) = self.between("<!--", "-->") {
                self.add(Kind::Comment(data.to_owned()));
            } else if let Some(data) = self.between("<![CDATA[", "]]>") {
                self.add(Kind::Text(data.to_owned()));
            } else if let Some(data) = self.between("<?", "?>") {
                self.add(Kind::Instruction(data.to_owned()));
            } else if self.rest.starts_with("<!DOCTYPE") {
                self.doctype()?;
            } else if self.between("</", ">").is_some() {
                self.open.pop()?;
            } else if self.rest.starts_with('<') {
                self.start_tag()?;
            } else {
                let length = self.rest.find('<').unwrap_or(self.rest.len());
                let text = self.take(length)?;
                let text = self.decoded(text, 0)?;
                if !self.open.is_empty() {
                    self.add(Kind::Text(text));
                }
            }
        }
        self.open.is_empty().then_some(())
    }

    fn add(&mut self, kind: Kind) -> usize {
        let id = self.tree.nodes.len();
        let parent = self.open.last().copied();
        self.tree.nodes.push(Node { parent, kind });
        let is_element = matches!(self.tree.nodes[id].kind, Kind::Element { .. });
        match parent.and_then(|parent| self.tree.nodes.get_mut(parent)) {
            Some(Node { kind: Kind::Element { children, .. }, .. }) => children.push(id),
            _ if is_element => self.tree.roots.push(id),
            _ => {}
        }
        id
    }

    fn take(&mut self, length: usize) -> Option<&'s str> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    fn between(&mut self, start: &str, end: &str) -> Option<&'s str> {
        let (inner, rest) = self.rest.strip_prefix(start)?.split_once(end)?;
        self.rest = rest;
        Some(inner)
    }

    fn start_tag(&mut self) -> Option<()> {
        self.take(1)?;
        let name = self.name()?;
        let mut attributes = Vec::new();
        let empty = loop {
            self.rest = self.rest.trim_start();
            if self.rest.starts_with("/>") {
                self.take(2)?;
                break true;
            }
            if self.rest.starts_with('>') {
                self.take(1)?;
                break false;
            }
            let name = self.name()?;
            self.rest = self.rest.trim_start().strip_prefix('=')?.trim_start();
            let value = self.between("\"", "\"").or_else(|| self.between("'", "'"))?;
            attributes.push((name.to_owned(), self.decoded(&value.replace('\n', " "), 0)?));
        };
        for (element, attribute, default) in &self.defaults {
            if element == name && attributes.iter().all(|(own, _)| own != attribute) {
                attributes.push((attribute.clone(), default.clone()));
            }
        }
        let id =
            self.add(Kind::Element { name: name.to_owned(), attributes, children: Vec::new() });
        if !empty {
            self.open.push(id);
        }
        // Ours has no recursion; this one has, below.
        (self.open.len() < 200).then_some(())
    }

    fn name(&mut self) -> Option<&'s str> {
        let ends = |c: char| c.is_whitespace() || "=/>".contains(c);
        let length = self.rest.find(ends).filter(|length| *length > 0)?;
        self.take(length)
    }

    /// Entities and default attributes of the internal subset; nothing is fetched.
    fn doctype(&mut self) -> Option<()> {
        self.tree.has_dtd = true;
        let end = self.rest.find('>')?;
        let subset = self.rest.find('[').filter(|at| *at < end);
        let Some(subset) = subset else {
            return self.take(end.saturating_add(1)).map(|_| ());
        };
        self.take(subset.saturating_add(1))?;
        let (declarations, rest) = self.rest.split_once(']')?;
        self.rest = rest.trim_start().strip_prefix('>')?;
        for declaration in declarations.split("<!").skip(1) {
            let (head, value) = declaration.split_once(['"', '\''])?;
            let value = value.rsplit_once(['"', '\''])?.0;
            let words = head.split_whitespace().collect::<Vec<_>>();
            match words.as_slice() {
                ["ENTITY", name] => {
                    self.entities.insert((*name).to_owned(), value.to_owned());
                }
                ["ATTLIST", element, attribute, ..] => {
                    // The first declaration of an attribute is the one that counts.
                    let value = value.split(['"', '\'']).next().unwrap_or_default();
                    let default = (
                        (*element).to_owned(),
                        (*attribute).to_owned(),
                        value.to_owned(),
                    );
                    self.defaults.push(default);
                }
                _ => {}
            }
        }
        Some(())
    }

    fn decoded(&self, text: &str, depth: usize) -> Option<String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((plain, behind)) = rest.split_once('&') {
            out.push_str(plain);
            let (name, behind) = behind.split_once(';')?;
            rest = behind;
            let number =
                |digits: &str, radix| char::from_u32(u32::from_str_radix(digits, radix).ok()?);
            if let Some(digits) = name.strip_prefix("#x") {
                out.push(number(digits, 16)?);
            } else if let Some(digits) = name.strip_prefix('#') {
                out.push(number(digits, 10)?);
            } else {
                match name {
                    "amp" => out.push('&'),
                    "lt" => out.push('<'),
                    "gt" => out.push('>'),
                    "quot" => out.push('"'),
                    "apos" => out.push('\''),
                    entity if depth < 4 => {
                        out.push_str(&self.decoded(self.entities.get(entity)?, depth + 1)?);
                    }
                    _ => return None,
                }
            }
        }
        out.push_str(rest);
        Some(out)
    }
}
