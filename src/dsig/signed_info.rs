//! What a signature says about itself: algorithms, reference and digest.
//!
//! In: `ds:SignedInfo`. Out: [`SignedInfo`], if it says what core 5.4 prescribes and nothing else.
//! It is read from the message, to learn how to canonicalise it. What it then says has to be what
//! the canonical bytes say, which alone are signed: they are written from what was read
//! ([`SignedInfo::written`]), or they are read again.

use base64_simd::{AsOut as _, STANDARD};

use super::algorithm::{DigestMethod, ENVELOPED, SignatureMethod};
use super::canonicalization::{Canonicalization, EXCLUSIVE};
use super::shape::{Method, attributes, base64, children, is_empty};
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
        refers_to(&parts, signed.attribute("ID"))?;
        checks.pass_with("signature.reference", || {
            shown(parts.uri.unwrap_or_default())
        });
        let c14n = read_transforms(&parts, signed, trust.allowed)?;
        checks.pass_with("signature.transforms", || uris(parts.transforms));
        let own_c14n = read_c14n_method(parts.c14n_method, element, trust.allowed)?;
        checks.pass_with("signature.c14n", || shown(parts.c14n_method.algorithm));
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

    /// The canonical bytes of `element`, which this was read from, if it says this in the plainest
    /// way: with one prefix, and without white space, comments, `Id` or `PrefixList`.
    ///
    /// They are written from what was read and from nothing else. So whoever has signed them has
    /// signed all of it; whether they are what C14N makes of the element decides alone whether an
    /// honest signature holds. They are: had the element anything besides what was read, or wrote
    /// it that in a longer way, its source would be longer than this.
    pub(super) fn written(&self, element: Element<'_>, signed: Element<'_>) -> Option<Vec<u8>> {
        let plain = Canonicalization::Exclusive(Vec::new());
        if self.own_c14n != plain || self.c14n != plain || element.attributes().next().is_some() {
            return None;
        }
        let prefix = element.prefix();
        let colon = if prefix.is_empty() { "" } else { ":" };
        // `<a></a>` in canonical form, `<a/>` in the source: what the source lacks.
        let mut shorter = 0_usize;
        for inner in element.descendants() {
            if inner.prefix() != prefix {
                return None;
            }
            let (content, behind) = inner.source_places();
            if content == behind {
                let name = [prefix, colon, inner.local_name()].map(str::len);
                shorter = name.into_iter().fold(shorter, usize::saturating_add);
                shorter = shorter.saturating_add("></>".len().saturating_sub("/>".len()));
            }
        }
        let mut digest = [0; 88];
        let room = digest.get_mut(..STANDARD.encoded_length(self.digest.len()))?;
        let digest = STANDARD.encode_as_str(&self.digest, room.as_out());

        let mut written = Written { name: [prefix, colon], bytes: Vec::with_capacity(1024) };
        written.text(&["<", prefix, colon, "SignedInfo xmlns", colon, prefix]);
        written.text(&["=\"", ns::DS, "\">"]);
        let start_tag = written.bytes.len();
        written.empty("CanonicalizationMethod", EXCLUSIVE);
        written.empty("SignatureMethod", self.method.uri());
        let id = signed.attribute("ID")?;
        written.text(&["<", prefix, colon, "Reference URI=\"#", id, "\">"]);
        written.text(&["<", prefix, colon, "Transforms>"]);
        written.empty("Transform", ENVELOPED);
        written.empty("Transform", EXCLUSIVE);
        written.text(&["</", prefix, colon, "Transforms>"]);
        written.empty("DigestMethod", self.digest_method.uri());
        written.text(&["<", prefix, colon, "DigestValue>", digest]);
        written.text(&["</", prefix, colon, "DigestValue>"]);
        written.text(&["</", prefix, colon, "Reference>"]);
        written.text(&["</", prefix, colon, "SignedInfo>"]);

        let (content, behind) = element.source_places();
        let source = behind.saturating_sub(content).saturating_add(shorter);
        (written.bytes.len().saturating_sub(start_tag) == source).then_some(written.bytes)
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

/// Canonical bytes, so far; all names in them have one prefix.
struct Written<'p> {
    /// The prefix, and a colon if there is one.
    name: [&'p str; 2],
    bytes: Vec<u8>,
}

impl Written<'_> {
    fn text(&mut self, pieces: &[&str]) {
        for piece in pieces {
            self.bytes.extend_from_slice(piece.as_bytes());
        }
    }

    /// An element with an Algorithm and without content.
    fn empty(&mut self, local: &str, algorithm: &str) {
        let [prefix, colon] = self.name;
        self.text(&["<", prefix, colon, local, " Algorithm=\"", algorithm]);
        self.text(&["\"></", prefix, colon, local, ">"]);
    }
}

/// XML Signature 4.3 and 4.4: exactly these, in this order, each with its own attributes alone.
struct Parts<'d> {
    c14n_method: Method<'d>,
    signature_method: Method<'d>,
    uri: Option<&'d str>,
    reference_type: Option<&'d str>,
    transforms: Element<'d>,
    /// The first three of them, which is one too many.
    each_transform: [Option<Method<'d>>; 3],
    digest_method: Method<'d>,
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

        let c14n_method = Method::of(c14n_method)?;
        let signature_method = Method::of(signature_method)?;
        let [_, uri, reference_type] = attributes(reference, ["Id", "URI", "Type"])?;
        let [] = attributes(transforms, [])?;
        let digest_method = Method::of(digest_method)?;
        let [] = attributes(digest, [])?;
        if transforms.has_text() {
            return Err(DsigError::Structure("there is text between Transforms"));
        }
        let mut each_transform = [None; 3];
        for (number, transform) in transforms.children().enumerate() {
            if !transform.is(ns::DS, "Transform") {
                return Err(DsigError::Structure(
                    "Transforms hold Transform and nothing else",
                ));
            }
            let transform = Method::of(transform)?;
            if let Some(place) = each_transform.get_mut(number) {
                *place = Some(transform);
            }
        }
        Ok(Self {
            c14n_method,
            signature_method,
            uri,
            reference_type,
            transforms,
            each_transform,
            digest_method,
            digest,
        })
    }
}

/// The Reference names the element in which the Signature stands. The ID is compared, never
/// searched for: a second element with the same ID has nobody who would find it.
fn refers_to(parts: &Parts<'_>, id: Option<&str>) -> Result<(), DsigError> {
    let refused = |what, found| Err(DsigError::Reference { what, found: shown(found) });
    if let Some(named) = parts.reference_type {
        return refused("a Reference has no Type", named);
    }
    let Some(uri) = parts.uri else {
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

/// Core 5.4.4: enveloped-signature, then exclusive C14N. Or, where it is allowed, inclusive C14N,
/// which is also what no second transform means.
fn read_transforms<'d>(
    parts: &Parts<'d>,
    signed: Element<'_>,
    allowed: Allowed,
) -> Result<Canonicalization<'d>, DsigError> {
    let refused = |what| DsigError::Transform { what, found: uris(parts.transforms) };
    let [first, second, third] = parts.each_transform;
    let enveloped = first
        .filter(|first| first.algorithm == ENVELOPED)
        .ok_or_else(|| refused("the first transform is enveloped-signature"))?;
    if !is_empty(enveloped.element) {
        return Err(refused("enveloped-signature takes no parameters"));
    }
    let c14n = match (second, third) {
        (Some(second), None) => Canonicalization::read(second, signed, allowed).map_err(refused)?,
        (None, _) if allowed.covers(Canonicalization::IMPLIED.needs()) => Canonicalization::IMPLIED,
        _ => {
            return Err(refused("the second and last transform is exclusive C14N"));
        }
    };
    Ok(c14n)
}

fn read_c14n_method<'d>(
    method: Method<'d>,
    signed_info: Element<'_>,
    allowed: Allowed,
) -> Result<Canonicalization<'d>, DsigError> {
    Canonicalization::read(method, signed_info, allowed)
        .map_err(|what| DsigError::C14n { what, found: shown(method.algorithm) })
}

fn read_signature_method(
    named: Method<'_>,
    trust: Trust<'_>,
) -> Result<SignatureMethod, DsigError> {
    let refused = |what| DsigError::Algorithm { what, found: shown(named.algorithm) };
    let method = SignatureMethod::from_uri(named.algorithm, trust.allowed)
        .ok_or_else(|| refused("not accepted"))?;
    if !is_empty(named.element) {
        return Err(refused("it takes no parameters"));
    }
    if !trust.keys.iter().any(|key| method.fits(key.kind())) {
        return Err(refused("there is no key of this type"));
    }
    Ok(method)
}

fn read_digest_method(named: Method<'_>, allowed: Allowed) -> Result<DigestMethod, DsigError> {
    DigestMethod::from_uri(named.algorithm, allowed)
        .filter(|_| is_empty(named.element))
        .ok_or_else(|| DsigError::DigestAlgorithm { found: shown(named.algorithm) })
}

/// What a message says, at a length that fits a log line.
fn shown(found: &str) -> String {
    found.chars().take(256).collect()
}

/// The algorithms of some transforms: more than there can be, and not all that somebody sends.
fn uris(transforms: Element<'_>) -> String {
    let algorithm = |child: Element<'_>| shown(child.attribute("Algorithm").unwrap_or_default());
    let uris = transforms.children().take(4).map(algorithm);
    uris.collect::<Vec<_>>().join(" ")
}
