//! The key of a content: RSA-OAEP, with an answer for every question.

use openssl::error::ErrorStack;
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::Padding;
use openssl::sha::Sha256;
use zeroize::Zeroizing;

use super::algorithm::KeyTransport;
use super::keys::{DecryptionKey, DecryptionKeys};

/// The longest key of a content (AES-256).
const LONGEST: usize = 32;

/// Unwraps a key of `length` bytes. There always is one, as long as we have a key at all.
///
/// Every key of ours is tried, also when an earlier one did it, so that the number of private
/// operations says nothing. A wrapped key that is malformed or of another length gives a key that
/// nobody can predict instead of an error (implicit rejection): decryption goes on, and fails
/// where it fails for a changed content. It is made of the ciphertext and of something that only
/// we know, so that asking again gives the same one; it is computed in any case.
pub(super) fn unwrap(
    keys: &DecryptionKeys,
    transport: &KeyTransport,
    wrapped: &[u8],
    length: usize,
) -> Option<Zeroizing<Vec<u8>>> {
    let (mut chosen, mut rejected) = (None, None);
    for key in keys.iter() {
        let instead = rejection(key, wrapped, length);
        rejected.get_or_insert(instead);
        let unwrapped = oaep(key, transport, wrapped).ok();
        let fitting = unwrapped.filter(|unwrapped| unwrapped.len() == length);
        chosen = chosen.or(fitting);
    }
    chosen.or(rejected)
}

/// OpenSSL decides about the padding in constant time.
fn oaep(
    key: &DecryptionKey,
    transport: &KeyTransport,
    wrapped: &[u8],
) -> Result<Zeroizing<Vec<u8>>, ErrorStack> {
    let mut context = PkeyCtx::new(&key.key)?;
    context.decrypt_init()?;
    context.set_rsa_padding(Padding::PKCS1_OAEP)?;
    context.set_rsa_oaep_md(transport.digest.md())?;
    context.set_rsa_mgf1_md(transport.mask.md())?;
    if !transport.label.is_empty() {
        context.set_rsa_oaep_label(&transport.label)?;
    }
    let mut unwrapped = Zeroizing::new(vec![0; key.key.size()]);
    let length = context.decrypt(wrapped, Some(&mut unwrapped))?;
    unwrapped.truncate(length);
    Ok(unwrapped)
}

fn rejection(key: &DecryptionKey, wrapped: &[u8], length: usize) -> Zeroizing<Vec<u8>> {
    // The secret has a fixed length and the result is never shown: a hash behind a prefix is
    // enough of a MAC here, and has no error to handle.
    let mut digest = Sha256::new();
    digest.update(key.rejection.as_slice());
    digest.update(wrapped);
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST));
    bytes.extend_from_slice(Zeroizing::new(digest.finish()).as_slice());
    bytes.truncate(length);
    bytes
}
