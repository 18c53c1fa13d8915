//! The ways to canonicalise that a signature may name.

use super::Allowed;
use super::shape::{Method, attributes, is_empty};
use crate::xml::{Element, c14n, is_ncname, ns};

/// Exclusive C14N without comments.
pub(super) const EXCLUSIVE: &str = ns::EXC_C14N;
/// The same here: where comments are not refused, a Reference to an ID leaves them out
/// (XML Signature 4.3.3.3).
pub(super) const EXCLUSIVE_WITH_COMMENTS: &str =
    "http://www.w3.org/2001/10/xml-exc-c14n#WithComments";
const INCLUSIVE_1_0: &str = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";
const INCLUSIVE_1_0_WITH_COMMENTS: &str =
    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments";
const INCLUSIVE_1_1: &str = "http://www.w3.org/2006/12/xml-c14n11";
const INCLUSIVE_1_1_WITH_COMMENTS: &str = "http://www.w3.org/2006/12/xml-c14n11#WithComments";

/// More prefixes than any schema uses; every one is looked for at every element that declares any.
const MOST_PREFIXES: usize = 16;

/// How a tree becomes bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Canonicalization<'d> {
    /// With this `PrefixList`.
    Exclusive(Vec<&'d str>),
    /// Refused unless [`Allowed::inclusive_c14n`].
    Inclusive(c14n::Version),
}

impl<'d> Canonicalization<'d> {
    /// XML Signature 4.3.3.2: what digests a tree that no transform has made bytes of.
    pub(super) const IMPLIED: Self = Self::Inclusive(c14n::Version::V1_0);

    /// What `method` names, which is a `CanonicalizationMethod` or a `Transform`, to be applied to
    /// `apex`; or the rule that it breaks.
    pub(super) fn read(
        method: Method<'d>,
        apex: Element<'_>,
        allowed: Allowed,
    ) -> Result<Self, &'static str> {
        use c14n::Version::{V1_0, V1_1};
        let named = match method.algorithm {
            EXCLUSIVE | EXCLUSIVE_WITH_COMMENTS => Self::Exclusive(prefix_list(method.element)?),
            INCLUSIVE_1_0 | INCLUSIVE_1_0_WITH_COMMENTS => Self::Inclusive(V1_0),
            INCLUSIVE_1_1 | INCLUSIVE_1_1_WITH_COMMENTS => Self::Inclusive(V1_1),
            _ => return Err("not accepted"),
        };
        if !allowed.covers(named.needs()) {
            return Err("exclusive C14N is accepted, inclusive C14N is not");
        }
        if matches!(named, Self::Inclusive(_)) && !is_empty(method.element) {
            return Err("inclusive C14N takes no parameters");
        }
        // Joining URIs is the one part of it that we do not do. No SAML message has an xml:base.
        if named == Self::Inclusive(V1_1) && c14n::inherits_base(apex) {
            return Err("Canonical XML 1.1 is not accepted below an xml:base");
        }
        Ok(named)
    }

    pub(super) fn needs(&self) -> Allowed {
        Allowed {
            inclusive_c14n: matches!(self, Self::Inclusive(_)),
            ..Allowed::NOTHING
        }
    }

    pub(super) fn write(&self, element: Element<'_>, out: &mut impl c14n::Output) {
        match self {
            Self::Exclusive(prefixes) => c14n::exclusive(element, prefixes, out),
            Self::Inclusive(version) => c14n::inclusive(element, *version, out),
        }
    }
}

/// `InclusiveNamespaces` of exclusive C14N, which may be missing.
fn prefix_list(element: Element<'_>) -> Result<Vec<&str>, &'static str> {
    let mut children = element.children();
    let (list, more) = (children.next(), children.next());
    if element.has_text() || more.is_some() {
        return Err("exclusive C14N takes InclusiveNamespaces and nothing else");
    }
    let Some(list) = list else {
        return Ok(Vec::new());
    };
    let known = list.is(ns::EXC_C14N, "InclusiveNamespaces") && is_empty(list);
    let prefixes = attributes(list, ["PrefixList"]).ok().and_then(|[prefixes]| prefixes);
    let Some(prefixes) = prefixes.filter(|_| known) else {
        return Err("InclusiveNamespaces has a PrefixList and nothing else");
    };
    let prefixes = prefixes
        .split([' ', '\t', '\r', '\n'])
        .filter(|prefix| !prefix.is_empty())
        .take(MOST_PREFIXES.saturating_add(1))
        .collect::<Vec<_>>();
    if prefixes.len() > MOST_PREFIXES {
        return Err("a PrefixList has at most 16 prefixes");
    }
    if !prefixes.iter().all(|prefix| *prefix == "#default" || is_ncname(prefix)) {
        return Err("a PrefixList consists of prefixes and #default");
    }
    Ok(prefixes)
}
