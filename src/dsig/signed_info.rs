//! What a signature says about itself: algorithms, reference and digest.
//!
//! In: `ds:SignedInfo`. Out: [`SignedInfo`], if it says what core 5.4 prescribes and nothing else.
//! It is read from the message, to learn how to canonicalise it. What it then says has to be what
//! the canonical bytes say, which alone are signed: they are those that such a SignedInfo has
//! ([`SignedInfo::is_all_of`]), or they are read again.

use base64_simd::{AsOut as _, STANDARD};

use super::algorithm::{DigestMethod, ENVELOPED, SignatureMethod};
use super::canonicalization::{Canonicalization, EXCLUSIVE};
use super::shape::{attributes, base64, children, is_empty};
use super::{Allowed, DsigError, Trust};
use crate::base::Checks;
use crate::xml::{Document, Element, Limits, Mode, ns};

#[derive(Debug, PartialEq, Eq)]
pub(super) struct SignedInfo<'d> {
    /// How SignedInfo itself becomes bytes.
    pub(super) own_c14n: Canonicalization<'d>,
    pub(super) method: SignatureMethod,
    /// How what is signed becomes bytes.
    pub(super) c14n: Canonicalization<'d>,
    pub(super) digest_method: DigestMethod,
    pub(super) digest: Vec<u8>,
}

impl<'d> SignedInfo<'d> {
    /// Reads `ds:SignedInfo` of a Signature in the element `signed`.
    pub(super) fn read(
        element: Element<'d>,
        signed: Element<'_>,
        trust: Trust<'_>,
        checks: &mut Checks,
    ) -> Result<Self, DsigError> {
        let parts = Parts::of(element)?;
        checks.pass("signature.structure");
        refers_to(parts.reference, signed.attribute("ID"))?;
        checks.pass_with("signature.reference", || found(parts.reference, "URI"));
        let c14n = read_transforms(parts.transforms, signed, trust.allowed)?;
        checks.pass_with("signature.transforms", || uris(parts.transforms));
        let own_c14n = read_c14n_method(parts.c14n_method, element, trust.allowed)?;
        checks.pass_with("signature.c14n", || found(parts.c14n_method, "Algorithm"));
        let method = read_signature_method(parts.signature_method, trust)?;
        checks.pass_with("signature.algorithm", || method.uri().to_owned());
        let digest_method = read_digest_method(parts.digest_method, trust.allowed)?;
        checks.pass_with("signature.digest_algorithm", || {
            digest_method.uri().to_owned()
        });
        let digest = base64(parts.digest)?;
        if digest.len() != digest_method.length() {
            return Err(DsigError::Encoding(
                "the DigestValue has not the length of its digest",
            ));
        }
        Ok(Self { own_c14n, method, c14n, digest_method, digest })
    }

    /// Whether canonical bytes say this and nothing else, without reading them: they are, from
    /// the first to the last, what is written here.
    ///
    /// Everything below is either fixed or a part of what was read, and all of what was read is
    /// in it. So whoever reads such bytes reads this. The other ways to say the same (white
    /// space, a PrefixList, another Algorithm that means the same) are read again.
    pub(super) fn is_all_of(&self, bytes: &[u8], prefix: &str, signed: Element<'_>) -> bool {
        let plain = Canonicalization::Exclusive(Vec::new());
        if self.own_c14n != plain || self.c14n != plain {
            return false;
        }
        let mut digest = [0; 88];
        let Some(room) = digest.get_mut(..STANDARD.encoded_length(self.digest.len())) else {
            return false;
        };
        let digest = &*STANDARD.encode(&self.digest, room.as_out());
        let id = signed.attribute("ID").unwrap_or_default();
        let colon = if prefix.is_empty() { "" } else { ":" };
        let name = Name { prefix, colon };
        let mut rest = Rest(Some(bytes));
        rest.next(&[
            "<",
            prefix,
            colon,
            "SignedInfo xmlns",
            colon,
            prefix,
            "=\"",
            ns::DS,
            "\">",
        ]);
        rest.empty(name, "CanonicalizationMethod", EXCLUSIVE);
        rest.empty(name, "SignatureMethod", self.method.uri());
        rest.next(&["<", prefix, colon, "Reference URI=\"#", id, "\">"]);
        rest.next(&["<", prefix, colon, "Transforms>"]);
        rest.empty(name, "Transform", ENVELOPED);
        rest.empty(name, "Transform", EXCLUSIVE);
        rest.next(&["</", prefix, colon, "Transforms>"]);
        rest.empty(name, "DigestMethod", self.digest_method.uri());
        rest.next(&["<", prefix, colon, "DigestValue>"]);
        rest.bytes(digest);
        rest.next(&["</", prefix, colon, "DigestValue>"]);
        rest.next(&[
            "</",
            prefix,
            colon,
            "Reference></",
            prefix,
            colon,
            "SignedInfo>",
        ]);
        rest.0.is_some_and(<[u8]>::is_empty)
    }

    /// Whether canonical bytes say this and nothing else, by reading them.
    pub(super) fn is_read_from(
        &self,
        bytes: &[u8],
        signed: Element<'_>,
        trust: Trust<'_>,
    ) -> Result<(), DsigError> {
        let again = DsigError::Structure("SignedInfo can not be read again");
        let document = match Document::parse(bytes, Mode::Message, &Limits::default()) {
            Ok(document) if document.root().is(ns::DS, "SignedInfo") => document,
            _ => return Err(again),
        };
        if *self == SignedInfo::read(document.root(), signed, trust, &mut Checks::off())? {
            return Ok(());
        }
        Err(DsigError::Structure(
            "SignedInfo and its canonical form differ",
        ))
    }

    /// What this signature would be refused without.
    pub(super) fn needs(&self) -> Allowed {
        self.own_c14n
            .needs()
            .and(self.c14n.needs())
            .and(self.method.needs())
            .and(self.digest_method.needs())
    }
}

/// The prefix that all names in a SignedInfo have here.
#[derive(Clone, Copy)]
struct Name<'p> {
    prefix: &'p str,
    colon: &'p str,
}

/// What is left of canonical bytes, as long as they are as expected.
struct Rest<'b>(Option<&'b [u8]>);

impl Rest<'_> {
    fn next(&mut self, pieces: &[&str]) {
        for piece in pieces {
            self.bytes(piece.as_bytes());
        }
    }

    fn bytes(&mut self, piece: &[u8]) {
        self.0 = self.0.and_then(|rest| rest.strip_prefix(piece));
    }

    /// An element with an Algorithm and without content.
    fn empty(&mut self, Name { prefix, colon }: Name<'_>, local: &str, algorithm: &str) {
        self.next(&["<", prefix, colon, local, " Algorithm=\"", algorithm]);
        self.next(&["\"></", prefix, colon, local, ">"]);
    }
}

/// XML Signature 4.3 and 4.4: exactly these, in this order, each with its own attributes alone.
struct Parts<'d> {
    c14n_method: Element<'d>,
    signature_method: Element<'d>,
    reference: Element<'d>,
    transforms: Element<'d>,
    digest_method: Element<'d>,
    digest: Element<'d>,
}

impl<'d> Parts<'d> {
    fn of(element: Element<'d>) -> Result<Self, DsigError> {
        let references = element.children().filter(|child| child.is(ns::DS, "Reference")).count();
        if references != 1 {
            let found = references.to_string();
            return Err(DsigError::Reference { what: "there is one Reference", found });
        }
        let [c14n_method, signature_method, reference] = children(
            element,
            ["CanonicalizationMethod", "SignatureMethod", "Reference"],
        )?;
        let has_transforms =
            reference.children().next().is_some_and(|first| first.is(ns::DS, "Transforms"));
        if !has_transforms {
            let found = String::new();
            return Err(DsigError::Transform { what: "there are Transforms", found });
        }
        let [transforms, digest_method, digest] =
            children(reference, ["Transforms", "DigestMethod", "DigestValue"])?;

        attributes(c14n_method, &["Algorithm"])?;
        attributes(signature_method, &["Algorithm"])?;
        attributes(reference, &["Id", "URI", "Type"])?;
        attributes(transforms, &[])?;
        attributes(digest_method, &["Algorithm"])?;
        attributes(digest, &[])?;
        if transforms.has_text() {
            return Err(DsigError::Structure("there is text between Transforms"));
        }
        for transform in transforms.children() {
            if !transform.is(ns::DS, "Transform") {
                return Err(DsigError::Structure(
                    "Transforms hold Transform and nothing else",
                ));
            }
            attributes(transform, &["Algorithm"])?;
        }
        Ok(Self {
            c14n_method,
            signature_method,
            reference,
            transforms,
            digest_method,
            digest,
        })
    }
}

/// The Reference names the element in which the Signature stands. The ID is compared, never
/// searched for: a second element with the same ID has nobody who would find it.
fn refers_to(reference: Element<'_>, id: Option<&str>) -> Result<(), DsigError> {
    let refused =
        |what, attribute| Err(DsigError::Reference { what, found: found(reference, attribute) });
    if reference.attribute("Type").is_some() {
        return refused("a Reference has no Type", "Type");
    }
    let Some(uri) = reference.attribute("URI") else {
        return refused("a Reference has a URI", "URI");
    };
    match (uri.strip_prefix('#'), id) {
        (Some(named), Some(id)) if named == id && !id.is_empty() => Ok(()),
        _ => refused(
            "the URI is # and the ID of the element around the Signature",
            "URI",
        ),
    }
}

/// Core 5.4.4: enveloped-signature, then exclusive C14N. Or, where it is allowed, inclusive C14N,
/// which is also what no second transform means.
fn read_transforms<'d>(
    element: Element<'d>,
    signed: Element<'_>,
    allowed: Allowed,
) -> Result<Canonicalization<'d>, DsigError> {
    let refused = |what| DsigError::Transform { what, found: uris(element) };
    let mut transforms = element.children();
    let enveloped = transforms
        .next()
        .filter(|first| first.attribute("Algorithm") == Some(ENVELOPED))
        .ok_or_else(|| refused("the first transform is enveloped-signature"))?;
    if !is_empty(enveloped) {
        return Err(refused("enveloped-signature takes no parameters"));
    }
    let c14n = match (transforms.next(), transforms.next()) {
        (Some(second), None) => Canonicalization::read(second, signed, allowed).map_err(refused)?,
        (None, _) if allowed.covers(Canonicalization::IMPLIED.needs()) => Canonicalization::IMPLIED,
        _ => {
            return Err(refused("the second and last transform is exclusive C14N"));
        }
    };
    Ok(c14n)
}

fn read_c14n_method<'d>(
    element: Element<'d>,
    signed_info: Element<'_>,
    allowed: Allowed,
) -> Result<Canonicalization<'d>, DsigError> {
    Canonicalization::read(element, signed_info, allowed)
        .map_err(|what| DsigError::C14n { what, found: found(element, "Algorithm") })
}

fn read_signature_method(
    element: Element<'_>,
    trust: Trust<'_>,
) -> Result<SignatureMethod, DsigError> {
    let refused = |what| DsigError::Algorithm { what, found: found(element, "Algorithm") };
    let uri = element.attribute("Algorithm").unwrap_or_default();
    let method =
        SignatureMethod::from_uri(uri, trust.allowed).ok_or_else(|| refused("not accepted"))?;
    if !is_empty(element) {
        return Err(refused("it takes no parameters"));
    }
    if !trust.keys.iter().any(|key| method.fits(key.kind())) {
        return Err(refused("there is no key of this type"));
    }
    Ok(method)
}

fn read_digest_method(element: Element<'_>, allowed: Allowed) -> Result<DigestMethod, DsigError> {
    DigestMethod::from_uri(element.attribute("Algorithm").unwrap_or_default(), allowed)
        .filter(|_| is_empty(element))
        .ok_or_else(|| DsigError::DigestAlgorithm { found: found(element, "Algorithm") })
}

/// What a message has in this attribute, at a length that fits a log line; empty when it is missing.
fn found(element: Element<'_>, attribute: &str) -> String {
    element.attribute(attribute).unwrap_or_default().chars().take(256).collect()
}

/// The algorithms of some transforms: more than there can be, and not all that somebody sends.
fn uris(transforms: Element<'_>) -> String {
    let uris = transforms.children().take(4).map(|child| found(child, "Algorithm"));
    uris.collect::<Vec<_>>().join(" ")
}
