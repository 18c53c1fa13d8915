//! How messages travel through browsers (bindings 3.4 and 3.5).

pub mod post;
pub mod query;
pub mod redirect;
pub mod relay_state;

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
            // Which key, is one question; which algorithm, another.
            Self::QuerySignature(DsigError::Invalid { .. } | DsigError::Encoding(_)) => {
                ErrorCode::BindingQuerySignature
            }
            Self::QuerySignature(error) => error.code(),
        }
    }
}
