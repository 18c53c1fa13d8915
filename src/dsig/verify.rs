//! From "anyone's" to "theirs": the only file that attests.
//!
//! In: an element and the keys of the one identity provider that it may come from. Out: the same
//! element as [`Verified`], or the reason against it.

use openssl::bn::BigNum;
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::hash::hash;
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::Padding;

use super::algorithm::SignatureMethod;
use super::key::{KeyKind, TrustedKey};
use super::shape::ProfiledSignature;
use super::signed_info::SignedInfo;
use super::{Allowed, DsigError, Place, SignedBy, Trust, Verified};
use crate::base::Checks;
use crate::xml::{Element, c14n};

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
pub fn verify_at<'d>(
    element: Element<'d>,
    place: Place,
    trust: Trust<'_>,
    _checks: &mut Checks,
) -> Result<Option<Verified<Element<'d>>>, DsigError> {
    let Some(signature) = ProfiledSignature::of(element, place)? else {
        return Ok(None);
    };

    // What the signature covers are canonical bytes; so what it says is read from those.
    let mut signed_bytes = Vec::with_capacity(2048);
    canonicalise(
        signature.signed_info,
        &signature.claimed.own_prefixes,
        &mut signed_bytes,
    );
    let signed_info = SignedInfo::read_canonical(&signed_bytes, element.attribute("ID"))?;
    if signed_info != signature.claimed {
        return Err(DsigError::Structure(
            "SignedInfo and its canonical form differ",
        ));
    }
    let method = signed_info.method;
    let fitting = trust.keys.iter().filter(|key| method.fits(key.kind())).collect::<Vec<_>>();
    if fitting.is_empty() {
        let found = method.uri().to_owned();
        return Err(DsigError::Algorithm { what: "there is no key of this type", found });
    }

    // The one view that is digested here is the one that is given away below.
    let view = element.narrowed(Some(signature.element));
    let mut content = Vec::with_capacity(16 * 1024);
    canonicalise(view, &signed_info.prefixes, &mut content);
    let digest = hash(signed_info.digest_method.message_digest(), &content);
    let digest = digest.map_err(|_| DsigError::Digest)?;
    if digest.as_ref() != signed_info.digest.as_slice() {
        return Err(DsigError::Digest);
    }

    // `Ok(true)` and nothing else is a yes: what OpenSSL calls an error is a no here.
    let made =
        |key: &&&TrustedKey| made_by(key, method, &signed_bytes, &signature.value).unwrap_or(false);
    match fitting.iter().find(made) {
        Some(key) => {
            let signed_by = SignedBy::new(key.shared_fingerprint(), Allowed::NOTHING);
            Ok(Some(Verified::attest(view, signed_by)))
        }
        None => Err(DsigError::Invalid { tried: fitting.len() }),
    }
}

/// Bindings 3.4.4.1: verifies the signature over `SAMLRequest=…&RelayState=…&SigAlg=…` (or
/// `SAMLResponse=…`), and says whose it is.
///
/// `signed` are the octets as they were received, up to `&Signature=`: decoding and encoding them
/// again would not give the same ones (some senders write `%2f`, some `%2F`). `sig_alg` and
/// `signature` are the two parameters, decoded: the one from per cent, the other from base64 too.
/// `sig_alg` has to be what `signed` ends with, so that the algorithm is signed as well.
pub fn verify_query(
    signed: &[u8],
    sig_alg: &str,
    signature: &[u8],
    trust: Trust<'_>,
) -> Result<SignedBy, DsigError> {
    let refused = || DsigError::Algorithm { what: "not accepted", found: sig_alg.to_owned() };
    let method = SignatureMethod::from_uri(sig_alg).ok_or_else(refused)?;
    let fitting = trust.keys.iter().filter(|key| method.fits(key.kind())).collect::<Vec<_>>();
    let made = |key: &&&TrustedKey| made_by(key, method, signed, signature).unwrap_or(false);
    match fitting.iter().find(made) {
        Some(key) => Ok(SignedBy::new(key.shared_fingerprint(), Allowed::NOTHING)),
        None => Err(DsigError::Invalid { tried: fitting.len() }),
    }
}

fn canonicalise(element: Element<'_>, prefixes: &[String], out: &mut Vec<u8>) {
    let prefixes = prefixes.iter().map(String::as_str).collect::<Vec<_>>();
    c14n::exclusive(element, &prefixes, out);
}

/// Whether this key made this signature over these bytes.
pub(super) fn made_by(
    key: &TrustedKey,
    method: SignatureMethod,
    bytes: &[u8],
    signature: &[u8],
) -> Result<bool, ErrorStack> {
    let digest = hash(method.digest().message_digest(), bytes)?;
    match (method, key.kind()) {
        (SignatureMethod::Rsa(digest_method), KeyKind::Rsa { .. }) => {
            let mut context = PkeyCtx::new(key.public_key())?;
            context.verify_init()?;
            context.set_rsa_padding(Padding::PKCS1)?;
            context.set_signature_md(digest_method.md())?;
            context.verify(&digest, signature)
        }
        (SignatureMethod::Ecdsa(_), KeyKind::Ec { field, .. }) => {
            let Some((r, s)) = signature.split_at_checked(field).filter(|(_, s)| s.len() == field)
            else {
                return Ok(false);
            };
            let (r, s) = (BigNum::from_slice(r)?, BigNum::from_slice(s)?);
            let signature = EcdsaSig::from_private_components(r, s)?;
            let public_key = key.public_key().ec_key()?;
            signature.verify(&digest, &public_key)
        }
        _ => Ok(false),
    }
}
