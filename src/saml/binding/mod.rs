//! How messages travel: through browsers (bindings 3.4 to 3.6), and between servers (3.2).

pub mod ask;
pub mod post;
pub mod query;
pub mod redirect;
pub mod relay_state;
pub mod soap;

use crate::base::ErrorCode;
use crate::dsig::DsigError;

/// A form or query that does not carry a message as the bindings say.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BindingError {
    /// Bindings 3.5.4: exactly one `SAMLResponse` and at most one RelayState.
    #[error("{0}")]
    Params(&'static str),
    /// More than the limits allow.
    #[error("{what} has {found} bytes, the limit is {limit}")]
    Size {
        /// The body, or the message in it.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there may be.
        limit: usize,
    },
    /// RFC 4648, 3.3 and 3.5: not canonical base64.
    #[error("the message is not base64: {0}")]
    Base64(String),
    /// Bindings 3.4.4.1: one message, and its parameters in their order.
    #[error("{0}")]
    Query(&'static str),
    /// Bindings 3.4.4: raw DEFLATE, and not much of it.
    #[error("{0}")]
    Inflate(&'static str),
    /// Bindings 3.2: not a SOAP 1.1 envelope with one message in it.
    #[error("{0}")]
    Soap(&'static str),
    /// Something else stands at the address that was asked: a page, most often.
    #[error("the answer is no SOAP message: it begins with {begins:?}")]
    NoSoap {
        /// Its first characters.
        begins: String,
    },
    /// SOAP 1.1, 4.4: the other side did not understand us, or could not answer.
    #[error("SOAP fault {code}: {reason}")]
    Fault {
        /// `faultcode`
        code: String,
        /// `faultstring`, in the other side's words: at most 1024 characters on one line.
        reason: String,
    },
    /// Bindings 3.6.4: not an artifact.
    #[error("{0}")]
    Artifact(&'static str),
    /// Bindings 3.4.4.1: the signature over the query.
    #[error("{0}")]
    QuerySignature(DsigError),
}

impl BindingError {
    /// The code of the failure.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Params(_) => ErrorCode::BindingParams,
            Self::Size { .. } => ErrorCode::BindingSize,
            Self::Base64(_) => ErrorCode::BindingBase64,
            Self::Query(_) => ErrorCode::BindingQuery,
            Self::Inflate(_) => ErrorCode::BindingInflate,
            Self::Soap(_) => ErrorCode::BindingSoap,
            Self::NoSoap { .. } => ErrorCode::BindingArtifactUnreachable,
            Self::Fault { .. } => ErrorCode::BindingFault,
            Self::Artifact(_) => ErrorCode::BindingArtifact,
            // Which key, is one question; which algorithm, another.
            Self::QuerySignature(DsigError::Invalid { .. } | DsigError::Encoding(_)) => {
                ErrorCode::BindingQuerySignature
            }
            Self::QuerySignature(error) => error.code(),
        }
    }

    /// The name of the rule in the lines of `explain`.
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Params(_) | Self::Size { .. } | Self::Base64(_) => "form",
            Self::Query(_) | Self::Inflate(_) => "query",
            Self::Soap(_) | Self::NoSoap { .. } | Self::Fault { .. } => "soap",
            Self::Artifact(_) => "artifact",
            Self::QuerySignature(_) => "query.signature",
        }
    }
}
