//! quick-xml's reading of a document.
//!
//! It is a tokenizer with a namespace resolver, and leaves some of XML to its callers: references
//! in text come as tokens of their own, namespace names come as they are written.

use quick_xml::XmlVersion;
use quick_xml::escape::{resolve_xml_entity, unescape};
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;

use super::tree::{Name, Tree};

/// What quick-xml sees, or why it does not.
pub(crate) fn read(bytes: &[u8]) -> Result<Tree, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let mut reader = NsReader::from_str(text);
    let mut open: Vec<Tree> = Vec::new();
    let mut root = None;
    loop {
        let event = reader.read_event().map_err(|error| error.to_string())?;
        let closed = match event {
            Event::Start(tag) => {
                open.push(element(&reader, &tag)?);
                None
            }
            Event::Empty(tag) => Some(element(&reader, &tag)?),
            Event::End(_) => open.pop(),
            Event::Text(text) => {
                let text = text.xml10_content().map_err(|error| error.to_string())?;
                say(&mut open, &text);
                None
            }
            Event::GeneralRef(reference) => {
                say(&mut open, &resolved(&reference)?);
                None
            }
            Event::Decl(_) | Event::Comment(_) => None,
            Event::Eof => return root.ok_or_else(|| "no root".to_owned()),
            other => return Err(format!("{other:?}")),
        };
        if let Some(mut closed) = closed {
            if !closed.children.is_empty() {
                closed.text = None;
            }
            match open.last_mut() {
                Some(parent) => parent.children.push(closed),
                None if root.is_none() => root = Some(closed),
                None => return Err("two roots".to_owned()),
            }
        }
    }
}

fn element(reader: &NsReader<&[u8]>, tag: &BytesStart<'_>) -> Result<Tree, String> {
    let (namespace, local) = reader.resolver().resolve_element(tag.name());
    let mut tree = Tree {
        name: name(namespace, local.as_ref())?,
        attributes: std::collections::BTreeMap::new(),
        text: Some(String::new()),
        children: Vec::new(),
    };
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        if attribute.key.as_namespace_binding().is_some() {
            continue;
        }
        let (namespace, local) = reader.resolver().resolve_attribute(attribute.key);
        let name = name(namespace, local.as_ref())?;
        let value = attribute.normalized_value(XmlVersion::Explicit1_0);
        let value = value.map_err(|error| error.to_string())?.into_owned();
        if tree.attributes.insert(name, value).is_some() {
            return Err("an attribute occurs twice".to_owned());
        }
    }
    Ok(tree)
}

fn name(namespace: ResolveResult<'_>, local: &[u8]) -> Result<Name, String> {
    let owned = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let namespace = match namespace {
        ResolveResult::Unbound => String::new(),
        ResolveResult::Bound(namespace) => {
            let raw = owned(namespace.as_ref());
            unescape(&raw).map_err(|error| error.to_string())?.into_owned()
        }
        ResolveResult::Unknown(prefix) => return Err(format!("{} is unknown", owned(&prefix))),
    };
    Ok((namespace, owned(local)))
}

fn resolved(reference: &BytesRef<'_>) -> Result<String, String> {
    if let Some(char) = reference.resolve_char_ref().map_err(|error| error.to_string())? {
        return Ok(char.to_string());
    }
    let name = reference.decode().map_err(|error| error.to_string())?;
    resolve_xml_entity(&name).map(str::to_owned).ok_or_else(|| format!("&{name};"))
}

fn say(open: &mut [Tree], text: &str) {
    if let Some(innermost) = open.last_mut() {
        innermost.text.get_or_insert_default().push_str(text);
    }
}
