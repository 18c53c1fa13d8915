//! Why a signature is refused.

use std::borrow::Cow;

use crate::base::{ErrorCode, Refusal, Values};

/// The first thing about a signature that is not acceptable.
///
/// The values come from the message and are for the log; a browser is told none of this.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DsigError {
    /// Core 5.4.1 and the schemas: at most one Signature, in one place.
    #[error("{0}")]
    Position(&'static str),
    /// XML Signature 4.1 to 4.4, without everything optional: core 5.4.5.
    #[error("{0}")]
    Structure(&'static str),
    /// Core 5.4.2: one Reference, to the element in which the Signature stands.
    #[error("{what}: {found:?}")]
    Reference {
        /// The rule.
        what: &'static str,
        /// What the message has instead.
        found: String,
    },
    /// Core 5.4.4: the enveloped-signature transform, then C14N.
    #[error("{what}: {found:?}")]
    Transform {
        /// The rule.
        what: &'static str,
        /// What the message has instead.
        found: String,
    },
    /// Core 5.4.3: how SignedInfo is canonicalised.
    #[error("{what}: {found:?}")]
    C14n {
        /// The rule.
        what: &'static str,
        /// What the message has instead.
        found: String,
    },
    /// Not on the list, or not for a key of the type that we trust.
    #[error("{what}: {found:?}")]
    Algorithm {
        /// The rule.
        what: &'static str,
        /// What the message has instead.
        found: String,
    },
    /// The digest is not SHA-256, SHA-384 or SHA-512, nor SHA-1 where that is allowed.
    #[error("digest algorithm is not accepted: {found:?}")]
    DigestAlgorithm {
        /// What the message has instead.
        found: String,
    },
    /// Not base64, or not of the length that the algorithm makes.
    #[error("{0}")]
    Encoding(&'static str),
    /// A comment is in what the signature covers, and yet C14N leaves it out (CVE-2017-11427).
    #[error("there is a comment inside what is signed")]
    Comment,
    /// XML Signature 3.2.1: the content is not what was digested.
    #[error("the digest does not match the content")]
    Digest,
    /// XML Signature 3.2.2: none of the keys made this signature.
    #[error("none of {tried} trusted keys made this signature, of {of} of its type")]
    Invalid {
        /// How many keys were tried.
        tried: usize,
        /// How many keys of the right type there are.
        of: usize,
    },
    /// Signing failed: our own message or key is at fault.
    #[error("can not sign: {0}")]
    Signing(String),
}

impl DsigError {
    /// The stable name of this failure.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Position(_) => ErrorCode::SigPosition,
            Self::Comment => ErrorCode::XmlForbiddenNode,
            Self::Structure(_) => ErrorCode::SigStructure,
            Self::Reference { .. } => ErrorCode::SigReference,
            Self::Transform { .. } => ErrorCode::SigTransform,
            Self::C14n { .. } => ErrorCode::SigC14n,
            Self::Algorithm { .. } => ErrorCode::SigAlgorithm,
            Self::DigestAlgorithm { .. } => ErrorCode::SigDigestAlgorithm,
            Self::Encoding(_) => ErrorCode::SigEncoding,
            Self::Digest => ErrorCode::SigDigest,
            Self::Invalid { .. } => ErrorCode::SigInvalid,
            Self::Signing(_) => ErrorCode::Internal,
        }
    }
}

impl Refusal for DsigError {
    fn code(&self) -> ErrorCode {
        self.code()
    }

    fn rule(&self) -> Cow<'static, str> {
        let rule = match self {
            Self::Position(_) => "signature.position",
            Self::Structure(_) => "signature.structure",
            Self::Reference { .. } => "signature.reference",
            Self::Transform { .. } => "signature.transforms",
            Self::C14n { .. } => "signature.c14n",
            Self::Algorithm { .. } => "signature.algorithm",
            Self::DigestAlgorithm { .. } => "signature.digest_algorithm",
            Self::Encoding(_) => "signature.encoding",
            Self::Digest => "signature.digest",
            Self::Comment => "signature.comments",
            Self::Invalid { .. } | Self::Signing(_) => "signature.value",
        };
        rule.into()
    }

    fn values(&self) -> Values {
        match self {
            Self::Reference { what, found }
            | Self::Transform { what, found }
            | Self::C14n { what, found } => Values::new(*what, found.clone()),
            Self::Algorithm { found, .. } => Values::new(
                "RSA, ECDSA or Ed25519 with SHA-2, by a key of its metadata",
                found.clone(),
            ),
            Self::DigestAlgorithm { found } => {
                Values::new("SHA-256, SHA-384 or SHA-512", found.clone())
            }
            other => Values::found(other.to_string()),
        }
    }
}
