//! Why something encrypted is refused.

use crate::base::ErrorCode;

/// The first thing about a ciphertext that is not acceptable.
///
/// [`XmlencError::Failed`] is one error on purpose: whatever depends on what a private key made of
/// a stranger's bytes is told in no other way (CCS 2011, "How to break XML encryption"). All other
/// variants are decided by looking at the message, before any key is used, or about bytes whose
/// author is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum XmlencError {
    /// Core 2.3.4 and 6.2, XML Encryption 3: more, less or other parts than those we read.
    #[error("{0}")]
    Structure(&'static str),
    /// Not on the list.
    #[error("{what}: {found:?}")]
    Algorithm {
        /// The rule.
        what: &'static str,
        /// What the message has instead.
        found: String,
    },
    /// AES-CBC lets everybody change the plaintext without knowing it, and a signature that
    /// verifies after decryption comes too late.
    #[error("AES-CBC in a Response that is not signed")]
    CbcUnsigned,
    /// It can not be decrypted, or what came out can not be read.
    #[error("none of our keys decrypts it, or it was changed on its way")]
    Failed,
    /// It was decrypted, its author is known, and it is not what it should be.
    #[error("the decrypted content is not acceptable: {0}")]
    Content(String),
}

impl XmlencError {
    /// The stable name of this failure.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Structure(_) => ErrorCode::EncStructure,
            Self::Algorithm { .. } => ErrorCode::EncAlgorithm,
            Self::CbcUnsigned => ErrorCode::EncCbcUnsigned,
            Self::Failed => ErrorCode::EncFailed,
            Self::Content(_) => ErrorCode::EncContent,
        }
    }
}
