//! The proof that something was signed.

use std::sync::Arc;

use super::{Allowed, Whole};
use crate::xml::{Children, Element};

/// A value that a trusted key has signed, whole.
///
/// It is made by `dsig::verify` alone. Whoever asks for `&Verified<Element>` can not be called with
/// anything else, and can not reach anything else from it: the element inside has no parent, and
/// its own Signature, which does not sign itself, is not among its children.
///
/// ```compile_fail,E0451
/// use samlgate::dsig::Verified;
/// use samlgate::xml::Element;
/// fn forge(element: Element<'_>) -> Verified<Element<'_>> {
///     Verified { value: element, signed_by: todo!() }
/// }
/// ```
///
/// ```compile_fail,E0624
/// use samlgate::dsig::Verified;
/// use samlgate::xml::Element;
/// fn forge(element: Element<'_>) -> Verified<Element<'_>> {
///     Verified::attest(element, todo!())
/// }
/// ```
///
/// ```compile_fail,E0277
/// use samlgate::dsig::Verified;
/// use samlgate::xml::Element;
/// fn forge(element: Element<'_>) -> Verified<Element<'_>> {
///     element.into()
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Verified<T> {
    value: T,
    signed_by: SignedBy,
}

impl<T> Verified<T> {
    /// Says that `value` is exactly what was signed. Called in `dsig/verify.rs`, and nowhere else.
    pub(super) const fn attest(value: T, signed_by: SignedBy) -> Self {
        Self { value, signed_by }
    }

    /// The fingerprint of the certificate whose key made the signature.
    pub fn signed_by(&self) -> &str {
        self.signed_by.fingerprint()
    }

    /// Which exceptions this signature would have been refused without.
    ///
    /// # Deployment caveat
    ///
    /// To be logged and counted each time: an exception that nothing has needed for a month can be
    /// withdrawn.
    pub const fn needed(&self) -> Allowed {
        self.signed_by.needed()
    }
}

impl<T> Verified<Whole<T>> {
    pub(super) const fn whole(&self) -> &Whole<T> {
        &self.value
    }

    pub(super) const fn by(&self) -> &SignedBy {
        &self.signed_by
    }
}

/// Which key made a signature, and what had to be allowed for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedBy {
    fingerprint: Arc<str>,
    needed: Allowed,
}

impl SignedBy {
    pub(super) const fn new(fingerprint: Arc<str>, needed: Allowed) -> Self {
        Self { fingerprint, needed }
    }

    /// The fingerprint of the certificate whose key made the signature.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Which exceptions this signature would have been refused without.
    pub const fn needed(&self) -> Allowed {
        self.needed
    }
}

impl<'d> Verified<Element<'d>> {
    /// The element, in a view that ends at what was signed.
    pub const fn get(&self) -> Element<'d> {
        self.value
    }

    /// The first child with this name, verified as a part of the whole.
    #[must_use]
    pub fn child(&self, namespace: &str, local_name: &str) -> Option<Self> {
        self.value.child(namespace, local_name).map(|child| self.part(child))
    }

    /// The child elements, each verified as a part of the whole.
    pub fn children(&self) -> impl Iterator<Item = Self> + use<'d> {
        let whole = self.clone();
        let children: Children<'d> = self.value.children();
        children.map(move |child| whole.part(child))
    }

    /// `element`, if it is (a part of) what was signed; the Signature itself is not.
    #[must_use]
    pub fn map_child(&self, element: Element<'d>) -> Option<Self> {
        // Our own view of it: the one that was passed in may see more.
        self.value.view_of(element).map(|own| self.part(own))
    }

    fn part(&self, value: Element<'d>) -> Self {
        Self { value, signed_by: self.signed_by.clone() }
    }
}
