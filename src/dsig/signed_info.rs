//! What a signature says about itself: algorithms, reference and digest.
//!
//! In: `ds:SignedInfo`. Out: [`SignedInfo`], if it says what core 5.4 prescribes and nothing else.
//! It is read twice: once from the message, to learn how to canonicalise it, and once from the
//! canonical bytes that the signature covers. Only the second reading is used for anything else.

use super::DsigError;
use super::algorithm::{
    DigestMethod, ENVELOPED, EXC_C14N, EXC_C14N_WITH_COMMENTS, SignatureMethod,
};
use super::shape::{algorithm, attributes, base64, children};
use crate::xml::{Document, Element, Limits, Mode, is_ncname, ns};

/// More prefixes than any schema uses; every one is looked for at every element.
const MOST_PREFIXES: usize = 16;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct SignedInfo {
    /// `PrefixList` for SignedInfo itself.
    pub(super) own_prefixes: Vec<String>,
    pub(super) method: SignatureMethod,
    /// `PrefixList` for what is signed.
    pub(super) prefixes: Vec<String>,
    pub(super) digest_method: DigestMethod,
    pub(super) digest: Vec<u8>,
}

impl SignedInfo {
    /// Reads `ds:SignedInfo` in an element with this `ID`.
    pub(super) fn read(element: Element<'_>, id: Option<&str>) -> Result<Self, DsigError> {
        attributes(element, &["Id"])?;
        let references = element.children().filter(|child| child.is(ns::DS, "Reference")).count();
        if references != 1 {
            let found = references.to_string();
            return Err(DsigError::Reference { what: "there is one Reference", found });
        }
        let [c14n_method, signature_method, reference] = children(
            element,
            ["CanonicalizationMethod", "SignatureMethod", "Reference"],
        )?;
        let own_prefixes = read_c14n_method(c14n_method)?;
        let method = read_signature_method(signature_method)?;

        attributes(reference, &["Id", "URI", "Type"])?;
        refers_to(reference, id)?;
        let has_transforms =
            reference.children().next().is_some_and(|first| first.is(ns::DS, "Transforms"));
        if !has_transforms {
            let found = String::new();
            return Err(DsigError::Transform { what: "there are Transforms", found });
        }
        let [transforms, digest_method, digest] =
            children(reference, ["Transforms", "DigestMethod", "DigestValue"])?;
        let prefixes = read_transforms(transforms)?;
        let digest_method = read_digest_method(digest_method)?;
        attributes(digest, &[])?;
        let digest = base64(digest)?;
        if digest.len() != digest_method.length() {
            return Err(DsigError::Encoding(
                "the DigestValue has not the length of its digest",
            ));
        }
        Ok(Self { own_prefixes, method, prefixes, digest_method, digest })
    }

    /// The same from canonical bytes.
    pub(super) fn read_canonical(bytes: &[u8], id: Option<&str>) -> Result<Self, DsigError> {
        let document = Document::parse(bytes, Mode::Message, &Limits::default())
            .map_err(|_| DsigError::Structure("SignedInfo can not be read again"))?;
        let root = document.root();
        if !root.is(ns::DS, "SignedInfo") {
            return Err(DsigError::Structure("SignedInfo can not be read again"));
        }
        Self::read(root, id)
    }
}

fn read_c14n_method(element: Element<'_>) -> Result<Vec<String>, DsigError> {
    let uri = algorithm(element)?;
    if !matches!(uri, EXC_C14N | EXC_C14N_WITH_COMMENTS) {
        let what = "SignedInfo is canonicalised by exclusive C14N";
        return Err(DsigError::C14n { what, found: uri.to_owned() });
    }
    prefix_list(element).map_err(|what| DsigError::C14n { what, found: uri.to_owned() })
}

fn read_signature_method(element: Element<'_>) -> Result<SignatureMethod, DsigError> {
    let uri = algorithm(element)?;
    let found = || uri.to_owned();
    let method = SignatureMethod::from_uri(uri)
        .ok_or_else(|| DsigError::Algorithm { what: "not accepted", found: found() })?;
    if !is_empty(element) {
        return Err(DsigError::Algorithm { what: "it takes no parameters", found: found() });
    }
    Ok(method)
}

fn read_digest_method(element: Element<'_>) -> Result<DigestMethod, DsigError> {
    let uri = algorithm(element)?;
    DigestMethod::from_uri(uri)
        .filter(|_| is_empty(element))
        .ok_or_else(|| DsigError::DigestAlgorithm { found: uri.to_owned() })
}

/// The Reference names the element in which the Signature stands. The ID is compared, never
/// searched for: a second element with the same ID has nobody who would find it.
fn refers_to(reference: Element<'_>, id: Option<&str>) -> Result<(), DsigError> {
    let refused = |what, found: &str| {
        let found = found.chars().take(256).collect();
        Err(DsigError::Reference { what, found })
    };
    if let Some(found) = reference.attribute("Type") {
        return refused("a Reference has no Type", found);
    }
    let Some(uri) = reference.attribute("URI") else {
        return refused("a Reference has a URI", "");
    };
    match (uri.strip_prefix('#'), id) {
        (Some(named), Some(id)) if named == id && !id.is_empty() => Ok(()),
        _ => refused(
            "the URI is # and the ID of the element around the Signature",
            uri,
        ),
    }
}

fn read_transforms(element: Element<'_>) -> Result<Vec<String>, DsigError> {
    attributes(element, &[])?;
    let uris = element
        .children()
        .map(|child| child.attribute("Algorithm").unwrap_or_default())
        .collect::<Vec<_>>();
    let found = || uris.join(" ").chars().take(512).collect::<String>();
    if !matches!(
        uris.as_slice(),
        [ENVELOPED, EXC_C14N | EXC_C14N_WITH_COMMENTS]
    ) {
        let what = "the transforms are enveloped-signature and exclusive C14N";
        return Err(DsigError::Transform { what, found: found() });
    }
    let [enveloped, c14n] = children(element, ["Transform", "Transform"])?;
    algorithm(enveloped)?;
    algorithm(c14n)?;
    if !is_empty(enveloped) {
        let what = "enveloped-signature takes no parameters";
        return Err(DsigError::Transform { what, found: found() });
    }
    prefix_list(c14n).map_err(|what| DsigError::Transform { what, found: found() })
}

/// `InclusiveNamespaces` of exclusive C14N, which may be missing.
fn prefix_list(element: Element<'_>) -> Result<Vec<String>, &'static str> {
    let mut children = element.children();
    let (list, more) = (children.next(), children.next());
    if element.has_text() || more.is_some() {
        return Err("exclusive C14N takes InclusiveNamespaces and nothing else");
    }
    let Some(list) = list else {
        return Ok(Vec::new());
    };
    let known = list.is(ns::EXC_C14N, "InclusiveNamespaces")
        && attributes(list, &["PrefixList"]).is_ok()
        && is_empty(list);
    let Some(prefixes) = list.attribute("PrefixList").filter(|_| known) else {
        return Err("InclusiveNamespaces has a PrefixList and nothing else");
    };
    let prefixes = prefixes
        .split([' ', '\t', '\r', '\n'])
        .filter(|prefix| !prefix.is_empty())
        .map(str::to_owned)
        .collect::<Vec<_>>();
    if prefixes.len() > MOST_PREFIXES {
        return Err("a PrefixList has at most 16 prefixes");
    }
    if !prefixes.iter().all(|prefix| prefix == "#default" || is_ncname(prefix)) {
        return Err("a PrefixList consists of prefixes and #default");
    }
    Ok(prefixes)
}

fn is_empty(element: Element<'_>) -> bool {
    element.children().next().is_none() && !element.has_text()
}
