//! Where signatures may stand in a message, and what else is counted on the way.

use super::DsigError;
use crate::xml::{Element, ns};

/// Refuses every `ds:Signature` in a place where SAML has none.
///
/// The places are: in the root, and in an Assertion that is a child of the root; directly behind
/// `saml:Issuer`; once. No signature is read here, and one in another place would not be read
/// anywhere. But nobody sends one there without wanting some reader to find it.
pub fn signature_positions(root: Element<'_>) -> Result<Census, DsigError> {
    let mut census = Census::default();
    let is_counted =
        |local: &[u8]| matches!(local, b"Signature" | b"Assertion" | b"EncryptedAssertion");
    for element in root.descendants_called(is_counted) {
        if element.is(ns::DS, "Signature") {
            position(element, root)?;
        } else if element.is(ns::SAML, "Assertion") || element.is(ns::SAML, "EncryptedAssertion") {
            census.assertions = census.assertions.saturating_add(1);
        }
    }
    Ok(census)
}

fn position(signature: Element<'_>, root: Element<'_>) -> Result<(), DsigError> {
    let parent = signature.parent().ok_or(ELSEWHERE)?;
    let in_root = parent.same(root);
    let in_assertion = parent.is(ns::SAML, "Assertion")
        && parent.parent().is_some_and(|grandparent| grandparent.same(root));
    if !in_root && !in_assertion {
        return Err(ELSEWHERE);
    }
    after_issuer(parent, signature)
}

/// What is below an element, wherever that is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Assertions, encrypted or not: also those in places that nobody reads.
    pub assertions: usize,
}

/// The parent's first child is `saml:Issuer`, its second is this one.
pub(super) fn after_issuer(parent: Element<'_>, signature: Element<'_>) -> Result<(), DsigError> {
    let mut children = parent.children();
    let issuer = children.next().is_some_and(|first| first.is(ns::SAML, "Issuer"));
    let second = children.next().is_some_and(|second| second.same(signature));
    if issuer && second {
        Ok(())
    } else {
        Err(DsigError::Position(
            "a Signature stands directly behind the Issuer, once",
        ))
    }
}

const ELSEWHERE: DsigError =
    DsigError::Position("a Signature is a child of the message or of its Assertion");
