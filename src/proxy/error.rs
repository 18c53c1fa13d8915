//! What can go wrong between a client and an application.

use crate::base::ErrorCode;
use crate::proxy::body::Refused;

/// Why a request was not passed on, or its answer did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// A request that two programs could read differently.
    #[error("the request is ambiguous: {0}")]
    Ambiguous(String),
    /// More than `max_body` of the route.
    #[error("the body is longer than the route takes")]
    TooLong,
    /// Less than [`Timeouts::body`](crate::access::Timeouts::body) asks for.
    #[error("the body comes too slowly")]
    TooSlow,
    /// The client broke off its request.
    #[error("the client broke off its request: {0}")]
    Client(String),
    /// The application refuses connections, or its name or certificate is wrong.
    #[error("can not connect to {upstream}: {detail}")]
    Connect {
        /// The upstream, as it is configured.
        upstream: String,
        /// What the network said.
        detail: String,
    },
    /// The application broke off before its answer began.
    #[error("{upstream} broke off: {detail}")]
    Broken {
        /// The upstream, as it is configured.
        upstream: String,
        /// What the connection said.
        detail: String,
    },
    /// The application closed the connection before its answer began, as it may do with one that
    /// it holds for idle.
    #[error("{upstream} closed the connection: {detail}")]
    Closed {
        /// The upstream, as it is configured.
        upstream: String,
        /// What the connection said.
        detail: String,
    },
    /// No connection within the time for it.
    #[error("{upstream} did not accept a connection in time")]
    ConnectTimeout {
        /// The upstream, as it is configured.
        upstream: String,
    },
    /// The request was sent, and no answer began.
    #[error("{upstream} did not answer in time")]
    AnswerTimeout {
        /// The upstream, as it is configured.
        upstream: String,
    },
    /// The application agreed to another protocol than it was asked for.
    #[error("{upstream} switched to a protocol that nobody asked for")]
    Switched {
        /// The upstream, as it is configured.
        upstream: String,
    },
}

impl From<Refused> for ProxyError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::TooLong => Self::TooLong,
            Refused::TooSlow => Self::TooSlow,
        }
    }
}

impl ProxyError {
    /// The code, which has the status.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::TooLong => ErrorCode::ProxyBodyTooLarge,
            Self::TooSlow => ErrorCode::ProxyBodyTooSlow,
            Self::Ambiguous(_) | Self::Client(_) => ErrorCode::ProxyRequest,
            Self::Connect { .. }
            | Self::Broken { .. }
            | Self::Closed { .. }
            | Self::Switched { .. } => ErrorCode::ProxyUpstream,
            Self::ConnectTimeout { .. } | Self::AnswerTimeout { .. } => {
                ErrorCode::ProxyUpstreamTimeout
            }
        }
    }

    /// A word for the `kind` label of `samlgate_upstream_errors_total`; `None` when the
    /// application has no part in it.
    pub const fn kind(&self) -> Option<&'static str> {
        match self {
            Self::Ambiguous(_) | Self::Client(_) | Self::TooLong | Self::TooSlow => None,
            Self::Connect { .. } => Some("connect"),
            Self::Broken { .. } => Some("broken"),
            Self::Closed { .. } => Some("closed"),
            Self::ConnectTimeout { .. } => Some("connect_timeout"),
            Self::AnswerTimeout { .. } => Some("answer_timeout"),
            Self::Switched { .. } => Some("protocol"),
        }
    }
}
