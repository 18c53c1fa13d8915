//! An assertion is good for one session.
//!
//! In: a [`ValidAssertion`]. Out: an [`Accepted`], the first time; `proto.replay` ever after
//! (profiles 4.1.4.5). Remembered is issuer and assertion ID, until the assertion would be refused
//! as too old anyway.

use async_trait::async_trait;

use crate::base::{ErrorCode, StoreError, Timestamp};
use crate::saml::{Accepted, ValidAssertion};

/// The only maker of [`Accepted`].
#[derive(Debug)]
pub struct OneUse;

impl OneUse {
    /// Uses the assertion up. Of two racing calls for one assertion exactly one is accepted.
    pub async fn claim(
        store: &dyn OneUseStore,
        valid: ValidAssertion,
        now: Timestamp,
    ) -> Result<Accepted, OneUseError> {
        let claims = valid.into_claims();
        // IDs are unique for their issuer alone: two identity providers may use the same one.
        let first = store.claim(&claims.issuer, &claims.assertion_id, claims.expires, now).await?;
        if first {
            Ok(Accepted::new(claims))
        } else {
            Err(OneUseError::Replayed { issuer: claims.issuer, assertion_id: claims.assertion_id })
        }
    }
}

/// Where used assertions are remembered.
#[async_trait]
pub trait OneUseStore: Send + Sync {
    /// Remembers the pair at least until `until`, and says whether it was new. Atomic: of any
    /// number of racing calls one is first.
    async fn claim(
        &self,
        issuer: &str,
        id: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError>;
}

/// Why a valid assertion is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OneUseError {
    /// Profiles 4.1.4.5: a bearer assertion must not be used twice.
    #[error("assertion {assertion_id} of {issuer} was used before")]
    Replayed {
        /// Who issued it.
        issuer: String,
        /// Its ID.
        assertion_id: String,
    },
    /// Whether it was used before can not be known, so it is not accepted.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl OneUseError {
    /// `proto.replay` or `store.unavailable`.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Replayed { .. } => ErrorCode::ProtoReplay,
            Self::Store(error) => error.code(),
        }
    }
}
