//! Whether a key made a signature: the one place where OpenSSL is asked.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use openssl::bn::BigNum;
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::md_ctx::MdCtx;
use openssl::pkey::{PKeyRef, Public};
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::Padding;
use openssl::sign::RsaPssSaltlen;

use super::algorithm::{Digest, DigestMethod, Scheme, SignatureMethod};
use super::key::{KeyKind, TrustedKey};

/// Bytes that were signed, in the form that a method signs: digested once, for all keys.
pub(super) struct Signed<'b> {
    method: SignatureMethod,
    form: Form<'b>,
}

enum Form<'b> {
    Digest(Digest),
    Bytes(&'b [u8]),
}

impl<'b> Signed<'b> {
    pub(super) fn new(method: SignatureMethod, bytes: &'b [u8]) -> Self {
        let form = match method.scheme() {
            Scheme::RsaPkcs1(digest) | Scheme::RsaPss(digest) | Scheme::Ecdsa(digest) => {
                Form::Digest(digest.digest(bytes))
            }
            Scheme::Ed25519 => Form::Bytes(bytes),
        };
        Self { method, form }
    }

    /// Whether `key` made `signature`. Yes is `true` and nothing else: what OpenSSL calls an error
    /// is a no here.
    pub(super) fn made_by(&self, key: &TrustedKey, signature: &[u8]) -> bool {
        self.asked(key, signature).unwrap_or(false)
    }

    fn asked(&self, key: &TrustedKey, signature: &[u8]) -> Result<bool, ErrorStack> {
        let bytes = match &self.form {
            Form::Digest(digest) => digest.as_ref(),
            Form::Bytes(bytes) => bytes,
        };
        match (self.method.scheme(), key.kind()) {
            (Scheme::RsaPkcs1(_) | Scheme::RsaPss(_), KeyKind::Rsa { bits }) => {
                // RFC 8017, 8.1.2 and 8.2.2, step 1. OpenSSL looks at it for one of the two schemes
                // alone, and would take a shorter PSS signature as one that begins with zeros.
                let length = usize::try_from(bits.div_ceil(8)).unwrap_or(usize::MAX);
                if signature.len() != length {
                    return Ok(false);
                }
                key.contexts().verify(key, self.method, bytes, signature)
            }
            (Scheme::Ecdsa(_), KeyKind::Ec { field, .. }) => {
                let halves = signature.split_at_checked(field);
                let Some((r, s)) = halves.filter(|(_, s)| s.len() == field) else {
                    return Ok(false);
                };
                let (r, s) = (BigNum::from_slice(r)?, BigNum::from_slice(s)?);
                let signature = EcdsaSig::from_private_components(r, s)?.to_der()?;
                key.contexts().verify(key, self.method, bytes, &signature)
            }
            (Scheme::Ed25519, KeyKind::Ed25519) => {
                let Some(public_key) = key.public_key() else {
                    return Ok(false);
                };
                let mut context = MdCtx::new()?;
                context.digest_verify_init(None, public_key)?;
                context.digest_verify(bytes, signature)
            }
            _ => Ok(false),
        }
    }
}

/// What OpenSSL has made ready of one key, to be used again: looking the algorithms up and giving
/// them the key costs it a good part of an RSA verification.
#[derive(Default)]
pub(super) struct Contexts(Mutex<Vec<(SignatureMethod, PkeyCtx<Public>)>>);

impl Contexts {
    /// As many as are kept. More than this verify by one key at the same time only on machines
    /// that do not mind.
    const MOST: usize = 8;

    fn verify(
        &self,
        key: &TrustedKey,
        method: SignatureMethod,
        digest: &[u8],
        signature: &[u8],
    ) -> Result<bool, ErrorStack> {
        let mut context = match self.take(method) {
            Some(context) => context,
            None => match key.public_key() {
                Some(public_key) => prepared(public_key, method.scheme())?,
                None => return Ok(false),
            },
        };
        let made = context.verify(digest, signature);
        // Also one that has said no: it is a key and parameters, which no answer changes
        // (EVP_PKEY_verify(3) allows as many questions as one likes). Were it made anew after each
        // no, a forgery would cost more than a message that is let in.
        self.give_back(method, context);
        made
    }

    fn take(&self, method: SignatureMethod) -> Option<PkeyCtx<Public>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = kept.iter().position(|(other, _)| *other == method)?;
        Some(kept.swap_remove(place).1)
    }

    fn give_back(&self, method: SignatureMethod, context: PkeyCtx<Public>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < Self::MOST {
            kept.push((method, context));
        }
    }
}

impl fmt::Debug for Contexts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contexts").finish_non_exhaustive()
    }
}

fn prepared(key: &PKeyRef<Public>, scheme: Scheme) -> Result<PkeyCtx<Public>, ErrorStack> {
    let mut context = PkeyCtx::new(key)?;
    context.verify_init()?;
    let rsa = |context: &mut PkeyCtx<Public>, padding, digest: DigestMethod| {
        context.set_rsa_padding(padding)?;
        context.set_signature_md(digest.md())
    };
    match scheme {
        Scheme::RsaPkcs1(digest) => rsa(&mut context, Padding::PKCS1, digest)?,
        Scheme::RsaPss(digest) => {
            rsa(&mut context, Padding::PKCS1_PSS, digest)?;
            context.set_rsa_mgf1_md(digest.md())?;
            // RFC 6931, 2.3.10: as long as the digest, and not what the signature happens to have.
            context.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)?;
        }
        Scheme::Ecdsa(digest) => context.set_signature_md(digest.md())?,
        Scheme::Ed25519 => {}
    }
    Ok(context)
}
