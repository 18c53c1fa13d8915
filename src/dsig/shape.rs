//! The shape of a signature, before any cryptography.
//!
//! In: an element that may hold a Signature. Out: [`ProfiledSignature`], whose parts are exactly
//! those of core 5.4 in their order. Everything else that XML Signature has room for is refused.

use base64_simd::STANDARD;

use super::census::after_issuer;
use super::signed_info::SignedInfo;
use super::{DsigError, Trust};
use crate::base::Checks;
use crate::xml::{Element, ns};

/// Where in its parent a Signature stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Messages and assertions: directly behind `saml:Issuer`, which comes first.
    AfterIssuer,
    /// Metadata: the first child.
    First,
}

/// A Signature of the right shape. Nothing about it is proven.
pub(super) struct ProfiledSignature<'d> {
    /// `ds:Signature` itself.
    pub(super) element: Element<'d>,
    /// `ds:SignedInfo`, to be canonicalised.
    pub(super) signed_info: Element<'d>,
    /// What it says, so far.
    pub(super) claimed: SignedInfo<'d>,
    pub(super) value: Vec<u8>,
}

impl<'d> ProfiledSignature<'d> {
    /// The Signature of `parent`; `None` when there is none at all.
    pub(super) fn of(
        parent: Element<'d>,
        place: Place,
        trust: Trust<'_>,
        checks: &mut Checks,
    ) -> Result<Option<Self>, DsigError> {
        let mut signatures = parent.children().filter(|child| child.is(ns::DS, "Signature"));
        let Some(element) = signatures.next() else {
            return Ok(None);
        };
        if signatures.next().is_some() {
            return Err(DsigError::Position(
                "an element has more than one Signature",
            ));
        }
        match place {
            Place::AfterIssuer => after_issuer(parent, element)?,
            Place::First if parent.children().next().is_some_and(|first| first.same(element)) => {}
            Place::First => return Err(DsigError::Position("the Signature is the first child")),
        }

        checks.pass("signature.position");

        let [_] = attributes(element, ["Id"])?;
        // Core 5.4.5: without ds:Object, which would be unsigned content in a valid signature.
        let [signed_info, value] = match element.children().count() {
            2 => children(element, ["SignedInfo", "SignatureValue"])?,
            // KeyInfo may say what it likes. It is not looked into: a key in a message is the
            // message's own opinion of who sent it.
            _ => children(element, ["SignedInfo", "SignatureValue", "KeyInfo"])
                .map(|[signed_info, value, _]| [signed_info, value])?,
        };
        let [_] = attributes(signed_info, ["Id"])?;
        let [_] = attributes(value, ["Id"])?;
        let claimed = SignedInfo::read(signed_info, parent, trust, checks)?;
        let value = base64(value)?;
        checks.pass("signature.encoding");
        Ok(Some(Self { element, signed_info, claimed, value }))
    }

    /// What is signed, by C14N.
    pub(super) fn signed_info_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.claimed.own_c14n.write(self.signed_info, &mut bytes);
        bytes
    }
}

/// Exactly these children, all of XML Signature, and no text between them.
pub(super) fn children<'d, const N: usize>(
    element: Element<'d>,
    names: [&str; N],
) -> Result<[Element<'d>; N], DsigError> {
    const OTHER: DsigError =
        DsigError::Structure("the Signature has other content than SAML allows");
    if element.has_text() {
        return Err(DsigError::Structure(
            "there is text between the elements of the Signature",
        ));
    }
    let mut rest = element.children();
    let mut found = [element; N];
    for (place, name) in found.iter_mut().zip(names) {
        *place = rest.next().filter(|child| child.is(ns::DS, name)).ok_or(OTHER)?;
    }
    if rest.next().is_some() {
        return Err(OTHER);
    }
    Ok(found)
}

/// The values of these attributes. There are no others.
pub(super) fn attributes<'d, const N: usize>(
    element: Element<'d>,
    names: [&str; N],
) -> Result<[Option<&'d str>; N], DsigError> {
    element
        .attributes_named(names, |_| false)
        .map_err(|_| DsigError::Structure("the Signature has other attributes than SAML allows"))
}

/// An element that names an algorithm.
#[derive(Clone, Copy)]
pub(super) struct Method<'d> {
    pub(super) element: Element<'d>,
    /// Empty when it is missing.
    pub(super) algorithm: &'d str,
}

impl<'d> Method<'d> {
    /// It has no other attributes.
    pub(super) fn of(element: Element<'d>) -> Result<Self, DsigError> {
        let [algorithm] = attributes(element, ["Algorithm"])?;
        Ok(Self { element, algorithm: algorithm.unwrap_or_default() })
    }
}

/// Neither elements nor text.
pub(super) fn is_empty(element: Element<'_>) -> bool {
    element.children().next().is_none() && !element.has_text()
}

/// Base64 of XML Schema: the standard alphabet and white space; padded; no bits left over.
pub(super) fn base64(element: Element<'_>) -> Result<Vec<u8>, DsigError> {
    let text = element
        .text()
        .ok_or(DsigError::Encoding("there are elements in a base64 text"))?;
    let refused = |_| DsigError::Encoding("a value is not base64");
    STANDARD.decode_to_vec(text.as_bytes()).or_else(|_| {
        // Some signers wrap lines and leave the carriage returns in, as `&#13;`.
        let packed = text.bytes().filter(|byte| !is_white(*byte)).collect::<Vec<_>>();
        STANDARD.decode_to_vec(packed).map_err(refused)
    })
}

const fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}
