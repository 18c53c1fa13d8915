//! Our own keys that things may be encrypted to.

/// All keys of ours that may decrypt; several while one replaces another.
#[derive(Clone, Debug, Default)]
pub struct DecryptionKeys(());

/// What a message of one identity provider may be decrypted with, and what it may be made of.
#[derive(Clone, Copy, Debug)]
pub struct Decryption<'k> {
    /// Ours.
    pub keys: &'k DecryptionKeys,
    /// AES-CBC although the Response is not signed (`allow_cbc_in_unsigned_response`).
    pub allow_cbc_unsigned: bool,
    /// Triple DES (`allow_tripledes_until`, decided for now).
    pub allow_tripledes: bool,
    /// An assertion that is not encrypted is refused (`want_encrypted`).
    pub required: bool,
}
