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
        Self::claim_with(&mut ById(store), valid, now).await
    }

    /// The same, where the one use is written together with what follows from it.
    pub async fn claim_with(
        claimer: &mut dyn Claimer,
        valid: ValidAssertion,
        now: Timestamp,
    ) -> Result<Accepted, OneUseError> {
        let first = claimer.claim(&valid, now).await?;
        let claims = valid.into_claims();
        if first {
            Ok(Accepted::new(claims))
        } else {
            Err(OneUseError::Replayed { issuer: claims.issuer, assertion_id: claims.assertion_id })
        }
    }
}

/// Uses an assertion up, and writes what follows from that in the same breath, or nothing at all.
#[async_trait]
pub trait Claimer: Send {
    /// Whether this was the first use. Atomic: of any number of racing calls for one assertion, one
    /// is first. What else is written is durable if it was, and not written if it was not.
    async fn claim(&mut self, valid: &ValidAssertion, now: Timestamp) -> Result<bool, StoreError>;
}

/// Nothing follows.
struct ById<'a>(&'a dyn OneUseStore);

#[async_trait]
impl Claimer for ById<'_> {
    async fn claim(&mut self, valid: &ValidAssertion, now: Timestamp) -> Result<bool, StoreError> {
        let claims = valid.claims();
        // IDs are unique for their issuer alone: two identity providers may use the same one.
        self.0.claim(&claims.issuer, &claims.assertion_id, claims.expires, now).await
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
