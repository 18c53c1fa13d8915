//! From "anyone's" to "theirs": the only file that attests.
//!
//! In: an element and the keys of the one identity provider that it may come from. Out: the same
//! element as [`Verified`], or the reason against it.

use super::algorithm::SignatureMethod;
use super::key::TrustedKey;
use super::made_by::Signed;
use super::pieces::{Announced, Pieces, Whole};
use super::shape::ProfiledSignature;
use super::{DsigError, Place, SignedBy, Trust, TrustedKeys, Verified};
use crate::base::Checks;
use crate::xml::{Document, Element};

/// How many keys a signature is tried with, in the order of the metadata.
///
/// In a roll-over there are two, the old and the new one; this is twice that, for those who list
/// the keys of several of their servers. Each costs a verification, which a stranger can ask for:
/// so a signature costs at most four, however many keys there are.
const MOST_KEYS: usize = 4;

/// Verifies the signature of a message or an assertion: see [`verify_at`], [`Place::AfterIssuer`].
///
/// `None` says that the element has no Signature at all; whether it needs one is the caller's to
/// decide. A Signature that is there has to be right.
pub fn verify<'d>(
    element: Element<'d>,
    trust: Trust<'_>,
    checks: &mut Checks,
) -> Result<Option<Verified<Element<'d>>>, DsigError> {
    verify_at(element, Place::AfterIssuer, trust, checks)
}

/// Verifies the signature that stands at `place` in `element`.
///
/// The order is that of XML Signature 3.2 with the shape in front: shape, digest of the content,
/// signature over SignedInfo.
///
/// Of the keys at most the first four of the right type are tried. `KeyInfo` is not read, not even
/// to choose among them: it would be the message's own word about whose it is.
pub fn verify_at<'d>(
    element: Element<'d>,
    place: Place,
    trust: Trust<'_>,
    checks: &mut Checks,
) -> Result<Option<Verified<Element<'d>>>, DsigError> {
    let Some(signature) = ProfiledSignature::of(element, place, trust, checks)? else {
        return Ok(None);
    };

    let signed_info = &signature.claimed;
    let signed_bytes = signed_bytes(&signature, element, trust)?;

    // The one view that is digested here is the one that is given away below.
    let view = element.narrowed(Some(signature.element));
    if view.holds_comment() {
        return Err(DsigError::Comment);
    }
    let digest = signed_info.digest_method.digest_of(|out| signed_info.c14n.write(view, out));
    if digest.as_ref() != signed_info.digest.as_slice() {
        return Err(DsigError::Digest);
    }
    checks.pass("signature.digest");

    let signed_by = signed_by(&signature, &signed_bytes, trust, checks)?;
    Ok(Some(Verified::attest(view, signed_by)))
}

/// What the signature of an element says of its content, which is not there yet; `None` when the
/// element has no Signature. It is the first child, or it is refused.
///
/// By the rules of [`verify_at`], in another order: the signature over SignedInfo comes first, so
/// that a stranger can not have us digest what they like.
pub(super) fn announced(
    element: Element<'_>,
    trust: Trust<'_>,
    checks: &mut Checks,
) -> Result<Option<Announced>, DsigError> {
    let Some(signature) = ProfiledSignature::of(element, Place::First, trust, checks)? else {
        return Ok(None);
    };
    let signed_bytes = signed_bytes(&signature, element, trust)?;
    let signed_by = signed_by(&signature, &signed_bytes, trust, checks)?;
    Ok(Some(Announced::new(&signature.claimed, signed_by)))
}

impl<T> Pieces<T> {
    /// All has come. It is what was signed, if its digest is the one that was announced.
    pub fn finish(self) -> Result<Verified<Whole<T>>, DsigError> {
        let (whole, signed_by) = self.ended()?;
        Ok(Verified::attest(whole, signed_by))
    }
}

impl<T> Verified<Whole<T>> {
    /// What was made of the pieces that were kept, in their order.
    pub fn kept(&self) -> impl ExactSizeIterator<Item = &T> {
        self.whole().kept()
    }

    /// The root of `document`, if that is the piece that was kept under this number: the same
    /// canonical bytes, with the start tags around it.
    pub fn piece<'d>(
        &self,
        number: usize,
        document: &'d Document,
    ) -> Option<Verified<Element<'d>>> {
        let root = self.whole().is_piece(number, document)?;
        Some(Verified::attest(root, self.by().clone()))
    }
}

/// What the signature covers are canonical bytes; so what it says is read from those.
fn signed_bytes(
    signature: &ProfiledSignature<'_>,
    element: Element<'_>,
    trust: Trust<'_>,
) -> Result<Vec<u8>, DsigError> {
    let signed_info = &signature.claimed;
    if let Some(bytes) = signed_info.written(signature.signed_info, element) {
        debug_assert_eq!(bytes, signature.signed_info_bytes());
        debug_assert_eq!(Ok(()), signed_info.is_read_from(&bytes, element, trust));
        return Ok(bytes);
    }
    let bytes = signature.signed_info_bytes();
    signed_info.is_read_from(&bytes, element, trust)?;
    Ok(bytes)
}

/// Whose signature this is.
fn signed_by(
    signature: &ProfiledSignature<'_>,
    signed_bytes: &[u8],
    trust: Trust<'_>,
    checks: &mut Checks,
) -> Result<SignedBy, DsigError> {
    let signed_info = &signature.claimed;
    let key = signer(
        trust.keys,
        signed_info.method,
        signed_bytes,
        &signature.value,
    )?;
    checks.pass_with("signature.value", || key.fingerprint().to_owned());
    Ok(SignedBy::new(key.shared_fingerprint(), signed_info.needs()))
}

/// Bindings 3.4.4.1: verifies the signature over `SAMLRequest=…&RelayState=…&SigAlg=…` (or
/// `SAMLResponse=…`), and says whose it is.
///
/// `signed` are the octets as they were received, up to `&Signature=`: decoding and encoding them
/// again would not give the same ones (some senders write `%2f`, some `%2F`). `sig_alg` and
/// `signature` are the two parameters, decoded: the one from per cent, the other from base64 too.
/// `sig_alg` has to be what `signed` ends with, so that the algorithm is signed as well.
///
/// ```
/// use samlgate::base::Timestamp;
/// use samlgate::dsig::{SigningKey, Trust, TrustedKeys, verify_query};
/// let key = SigningKey::generate_ec("sp", Timestamp::EPOCH).unwrap();
/// let sig_alg = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256";
/// let signed = b"SAMLRequest=fZ%2B&SigAlg=http://www.w3.org/2001/04/xmldsig-more%23ecdsa-sha256";
/// let signature = key.sign(signed).unwrap();
///
/// let keys = TrustedKeys::one(key.trusted().unwrap());
/// let signed_by = verify_query(signed, sig_alg, &signature, Trust::only(&keys)).unwrap();
/// assert_eq!(signed_by.fingerprint(), key.fingerprint());
///
/// let error = verify_query(&signed[1..], sig_alg, &signature, Trust::only(&keys)).unwrap_err();
/// assert_eq!(error.code().as_str(), "sig.invalid");
/// ```
pub fn verify_query(
    signed: &[u8],
    sig_alg: &str,
    signature: &[u8],
    trust: Trust<'_>,
) -> Result<SignedBy, DsigError> {
    let refused = |what| {
        let found = sig_alg.chars().take(256).collect();
        DsigError::Algorithm { what, found }
    };
    let method =
        SignatureMethod::from_uri(sig_alg, trust.allowed).ok_or_else(|| refused("not accepted"))?;
    if !ends_with_algorithm(signed, sig_alg) {
        return Err(refused("SigAlg is not the last parameter that is signed"));
    }
    if !trust.keys.iter().any(|key| method.fits(key.kind())) {
        return Err(refused("there is no key of this type"));
    }
    let key = signer(trust.keys, method, signed, signature)?;
    Ok(SignedBy::new(key.shared_fingerprint(), method.needs()))
}

/// The key that made this signature over these bytes.
fn signer<'k>(
    keys: &'k TrustedKeys,
    method: SignatureMethod,
    bytes: &[u8],
    signature: &[u8],
) -> Result<&'k TrustedKey, DsigError> {
    let fitting = || keys.iter().filter(|key| method.fits(key.kind()));
    let signed = Signed::new(method, bytes);
    let made = fitting().take(MOST_KEYS).find(|key| signed.made_by(key, signature));
    made.ok_or_else(|| {
        let of = fitting().count();
        DsigError::Invalid { tried: of.min(MOST_KEYS), of }
    })
}

/// Whether a query ends with `SigAlg=` and, percent-encoded in whatever way, this value.
fn ends_with_algorithm(signed: &[u8], sig_alg: &str) -> bool {
    let last = signed.rsplit(|byte| *byte == b'&').next().unwrap_or_default();
    let value = last.strip_prefix(b"SigAlg=");
    value.is_some_and(|value| percent_encoding::percent_decode(value).eq(sig_alg.bytes()))
}
