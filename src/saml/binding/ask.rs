//! Asking another server (bindings 3.2): the port by which a message goes out and its answer comes in.
//!
//! In: an address out of metadata, and an envelope. Out: the body of the answer, anybody's. The network
//! is behind the trait, so that `saml` needs none.

use async_trait::async_trait;

use crate::base::ErrorCode;

/// Asks other servers.
#[async_trait]
pub trait Ask: Send + Sync {
    /// Posts an envelope. Faults come back like answers: SOAP 1.1 sends them with status 500.
    ///
    /// `from` is where the address was read, if that was another server: it does not lead to this
    /// machine then.
    async fn ask(
        &self,
        address: &str,
        from: Option<&str>,
        envelope: &str,
    ) -> Result<Vec<u8>, AskError>;
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// No connection, or none that may be made, or it broke off.
    #[error("{0}")]
    Connection(String),
    /// Not in time.
    #[error("no answer within {0} seconds")]
    Timeout(u64),
    /// Something else than a SOAP message.
    #[error("the answer was HTTP status {0}")]
    Status(u16),
    /// More than a message can be.
    #[error("the answer is larger than {0} bytes")]
    Size(usize),
}

impl AskError {
    /// `binding.artifact_unreachable`
    pub const fn code(&self) -> ErrorCode {
        ErrorCode::BindingArtifactUnreachable
    }
}
