//! The content: AES (or Triple DES), and what came out.

use std::fmt::Display;

use openssl::error::ErrorStack;
use openssl::symm::{Crypter, Mode};
use zeroize::Zeroizing;

use super::algorithm::ContentMethod;
use super::error::XmlencError;
use super::keys::{Covered, Needed};

/// XML Encryption 1.1, 5.2.4: 96 bits of nonce in front, 128 bits of tag behind.
const GCM_NONCE: usize = 12;
const GCM_TAG: usize = 16;

/// What was decrypted. It is wiped when dropped, and read through [`Plaintext::read`] alone.
pub struct Plaintext {
    bytes: Zeroizing<Vec<u8>>,
    /// The padding was right.
    sound: bool,
    /// Whoever made the ciphertext knows what is in here, so that telling them gives nothing away.
    known_to_author: bool,
    needed: Needed,
}

impl Plaintext {
    /// Which exceptions it would have been refused without; to be logged and counted each time.
    pub const fn needed(&self) -> Needed {
        self.needed
    }

    /// Reads it, and decides what may be said about it when `read` says no.
    ///
    /// `read` is called whatever the padding was: a stranger who flips bits in AES-CBC and watches
    /// the clock sees one path, decryption and an attempt at reading. Nor do they see two errors.
    /// A reason is given only where it is no oracle: the ciphertext is covered by a signature that
    /// has verified, or it was AES-GCM and its tag was right, so that whoever encrypted it had the
    /// plaintext. In all other cases everything is [`XmlencError::Failed`].
    pub fn read<T, E: Display>(
        &self,
        read: impl FnOnce(&[u8]) -> Result<T, E>,
    ) -> Result<T, XmlencError> {
        let outcome = read(&self.bytes);
        if !self.sound {
            return Err(XmlencError::Failed);
        }
        outcome.map_err(|error| {
            if self.known_to_author {
                XmlencError::Content(error.to_string())
            } else {
                XmlencError::Failed
            }
        })
    }
}

impl std::fmt::Debug for Plaintext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plaintext")
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// Decrypts a content by its key.
pub(super) fn open(
    method: ContentMethod,
    key: &[u8],
    content: &[u8],
    covered: Covered,
) -> Result<Plaintext, XmlencError> {
    let opened = if method.is_authenticated() {
        gcm(method, key, content).map(|bytes| (bytes, true))
    } else {
        cbc(method, key, content)
    };
    let (bytes, sound) = opened.ok_or(XmlencError::Failed)?;
    let known_to_author = method.is_authenticated() || covered == Covered::BySignature;
    let needed = method.needs(covered);
    Ok(Plaintext { bytes, sound, known_to_author, needed })
}

fn gcm(method: ContentMethod, key: &[u8], content: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, rest) = content.split_at_checked(GCM_NONCE)?;
    let (ciphertext, tag) = rest.split_at_checked(rest.len().checked_sub(GCM_TAG)?)?;
    decrypted(method, key, nonce, ciphertext, Some(tag)).ok()
}

/// XML Encryption 5.2: the last byte says how many bytes were added, itself included; what the
/// others are is open. A number that can not be is noted, and nothing is cut off.
fn cbc(method: ContentMethod, key: &[u8], content: &[u8]) -> Option<(Zeroizing<Vec<u8>>, bool)> {
    let block = method.cipher().block_size();
    let (iv, ciphertext) = content.split_at_checked(block)?;
    // OpenSSL refuses what is not whole blocks, and of no block at all there is no last byte.
    let mut bytes = decrypted(method, key, iv, ciphertext, None).ok()?;
    let added = usize::from(*bytes.last()?);
    let sound = (1..=block).contains(&added);
    if sound {
        let length = bytes.len().saturating_sub(added);
        bytes.truncate(length);
    }
    Some((bytes, sound))
}

/// The one call into OpenSSL, without any padding of its own.
fn decrypted(
    method: ContentMethod,
    key: &[u8],
    iv: &[u8],
    ciphertext: &[u8],
    tag: Option<&[u8]>,
) -> Result<Zeroizing<Vec<u8>>, ErrorStack> {
    let cipher = method.cipher();
    let mut crypter = Crypter::new(cipher, Mode::Decrypt, key, Some(iv))?;
    crypter.pad(false);
    let room = ciphertext.len().saturating_add(cipher.block_size());
    let mut bytes = Zeroizing::new(vec![0; room]);
    let mut length = crypter.update(ciphertext, &mut bytes)?;
    if let Some(tag) = tag {
        crypter.set_tag(tag)?;
    }
    length = length.saturating_add(crypter.finalize(bytes.get_mut(length..).unwrap_or_default())?);
    bytes.truncate(length);
    Ok(bytes)
}
