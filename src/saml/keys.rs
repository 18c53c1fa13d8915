//! The keys of both sides that one Response may need.

use crate::dsig::Trust;
use crate::xmlenc::Decryption;

/// By whose keys a Response is verified, and by which of ours it is decrypted.
#[derive(Clone, Copy, Debug)]
pub struct Keys<'k> {
    /// Theirs.
    pub signing: Trust<'k>,
    /// Ours.
    pub decryption: Decryption<'k>,
}
