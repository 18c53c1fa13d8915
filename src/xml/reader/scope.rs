//! Namespaces in XML 1.0: what the prefixes of a tag stand for.

use memchr::memchr_iter;

use super::super::chars::{URI, class};
use super::super::error::UNDECLARED;
use super::super::tree::{Attribute, Binding, NONE, Name, Span, narrow, piece, resolve, wide};
use super::super::{XmlError, ns};
use super::tag::Tag;
use super::{Reader, shortened};

/// `NSAttName` and its value.
pub(super) struct Declaration {
    pub(super) prefix: Span,
    pub(super) namespace: Span,
}

/// What an element is in.
#[derive(Clone, Copy)]
pub(super) struct Scope {
    /// The innermost declaration, or `NONE`.
    pub(super) innermost: u32,
    /// The declaration that says what its namespace is, or `NONE`.
    pub(super) namespace: u32,
    /// It declares nothing and has the prefix of the element around it.
    pub(super) alike: bool,
}

impl Reader<'_> {
    /// The parent's, if that is known without looking it up. Whether the prefix is the same may be
    /// known already.
    pub(super) fn scope_of_element(
        &mut self,
        tag: &Tag<'_>,
        same_prefix: bool,
    ) -> Result<Scope, XmlError> {
        let parent = self.element(self.innermost);
        let outer = parent.map_or(self.around, |parent| parent.scope);
        if self.declared.is_empty()
            && let Some(parent) = parent
            && (same_prefix || self.same_prefix(parent.name, tag.name))
        {
            let namespace = parent.namespace;
            self.namespace_used(namespace)?;
            return Ok(Scope { innermost: outer, namespace, alike: true });
        }
        self.own_scope(outer, tag)
    }

    /// That of an element that declares something, or has another prefix than the one around it.
    #[cold]
    fn own_scope(&mut self, outer: u32, tag: &Tag<'_>) -> Result<Scope, XmlError> {
        let innermost = self.declarations(outer, tag.at)?;
        let namespace = self.namespace_of(innermost, tag.name, tag.at)?;
        Ok(Scope { innermost, namespace, alike: false })
    }

    fn same_prefix(&self, one: Name, other: Name) -> bool {
        one.prefix_length() == other.prefix_length()
            && (!one.has_prefix() || self.name(one.prefix()) == self.name(other.prefix()))
    }

    /// Namespaces in XML 1.0, 3 and 5: the scope inside the tag that was just read.
    fn declarations(&mut self, outer: u32, at: usize) -> Result<u32, XmlError> {
        let mut scope = outer;
        let mut count = self.count(outer);
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
            if !namespace.is_empty() && !is_known(namespace) && !is_absolute(namespace) {
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
            bindings.push(Binding { prefix, namespace, outer, count });
        }
        Ok(scope)
    }

    /// What a prefix stands for; the empty one may stand for nothing.
    fn namespace_of(&mut self, scope: u32, name: Name, at: usize) -> Result<u32, XmlError> {
        let prefix = self.source.get(name.prefix().range()).unwrap_or_default();
        match resolve(&self.tree.bindings, scope, |span| self.str(span) == prefix) {
            Some(namespace) => {
                self.namespace_used(namespace)?;
                Ok(namespace)
            }
            None if prefix.is_empty() => Ok(NONE),
            None => {
                let name = shortened(prefix);
                Err(XmlError::Namespace { what: UNDECLARED, name, at })
            }
        }
    }

    /// One more name in a namespace.
    #[inline]
    pub(super) fn namespace_used(&mut self, namespace: u32) -> Result<(), XmlError> {
        let length = self.namespace_length(namespace);
        self.budget.namespace_used(length)
    }

    /// Bytes of the name of a namespace.
    #[inline]
    pub(super) fn namespace_length(&self, binding: u32) -> usize {
        let binding = self.tree.bindings.get(wide(binding));
        binding.map_or(0, |binding| binding.namespace.range().len())
    }

    /// The name of a namespace by the number of a binding.
    pub(super) fn namespace(&self, binding: u32) -> &str {
        self.tree
            .bindings
            .get(wide(binding))
            .map_or("", |binding| self.str(binding.namespace))
    }

    /// How many declarations are in scope.
    pub(super) fn count(&self, scope: u32) -> u16 {
        self.tree.bindings.get(wide(scope)).map_or(0, |binding| binding.count)
    }

    /// Namespaces in XML 1.0, 6.3: each attribute once. And what is called an ID is one.
    pub(super) fn attributes(&mut self, tag: &Tag<'_>, around: Scope) -> Result<(), XmlError> {
        if tag.sorted && !tag.identified {
            return Ok(());
        }
        for place in tag.first..self.tree.attributes.len() {
            let Some(mut attribute) = self.tree.attributes.get(place).copied() else {
                break;
            };
            let name = attribute.name;
            if name.has_prefix() {
                attribute.namespace = self.namespace_of(around.innermost, name, tag.at)?;
                if let Some(kept) = self.tree.attributes.get_mut(place) {
                    *kept = attribute;
                }
            }
            let local = self.name(name.local());
            let before = if tag.sorted {
                tag.first..tag.first
            } else {
                tag.first..place
            };
            let mut before = self.tree.attributes.get(before).unwrap_or_default().iter();
            let twin = |other: &&Attribute| {
                self.name(other.name.local()) == local
                    && self.namespace(other.namespace) == self.namespace(attribute.namespace)
            };
            if let Some(other) = before.find(twin) {
                if self.name(other.name.prefix()) == self.name(name.prefix()) {
                    return Err(XmlError::Syntax { what: "an attribute occurs twice", at: tag.at });
                }
                let what = "an attribute occurs under two prefixes";
                let name = shortened(self.str(name.local()));
                return Err(XmlError::Namespace { what, name, at: tag.at });
            }
            self.id(around.namespace, place, attribute)?;
        }
        Ok(())
    }
}

/// Absolute URIs in nearly every message.
fn is_known(namespace: &str) -> bool {
    matches!(namespace, ns::SAML | ns::SAMLP | ns::DS)
}

/// A scheme and something behind it, in the characters of a URI (RFC 3986, 2; the brackets of an
/// IPv6 address are not worth a rule). Canonical XML has no answer for relative namespace names (they
/// were deprecated for that), outside ASCII two readers may compare them differently, and what is
/// no URI at all, not every canonicalizer takes.
fn is_absolute(namespace: &str) -> bool {
    let scheme_char = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let length = namespace.bytes().take_while(|byte| scheme_char(*byte)).count();
    let behind = namespace.get(length..).and_then(|rest| rest.strip_prefix(':'));
    namespace.starts_with(|char: char| char.is_ascii_alphabetic())
        && behind.is_some_and(|rest| !rest.is_empty() && has_authority(rest))
        && is_uri_text(namespace)
}

/// Behind the scheme: RFC 3986, 3.2, where there is an authority. Some readers refuse a message for
/// a port that is none, whether the namespace is used or not.
fn has_authority(behind: &str) -> bool {
    let Some(rest) = behind.strip_prefix("//") else {
        return true;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.split_once('@') {
        Some((_, host)) => host,
        None => authority,
    };
    let is_port = |port: &str| {
        (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit())
    };
    !host.contains('@') && host.split_once(':').is_none_or(|(_, port)| is_port(port))
}

/// `unreserved`, `reserved` and `pct-encoded` of RFC 3986, and one fragment at most.
fn is_uri_text(text: &str) -> bool {
    let text = text.as_bytes();
    let is_escape = |at: usize| matches!(text.get(at..), Some([_, high, low, ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit());
    text.iter().all(|byte| class(*byte) & URI != 0)
        && memchr_iter(b'%', text).all(is_escape)
        && memchr_iter(b'#', text).count() <= 1
}
