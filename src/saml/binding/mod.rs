//! How messages travel through browsers (bindings 3.4 and 3.5).

pub mod post;
pub mod redirect;
pub mod relay_state;

use crate::base::ErrorCode;

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
    #[error("SAMLResponse is not base64: {0}")]
    Base64(String),
}

impl BindingError {
    /// The code of the failure.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Params(_) => ErrorCode::BindingParams,
            Self::Size { .. } => ErrorCode::BindingSize,
            Self::Base64(_) => ErrorCode::BindingBase64,
        }
    }
}
