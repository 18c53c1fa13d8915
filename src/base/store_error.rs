//! A store that can not answer.

use crate::base::ErrorCode;

/// The database or session store did not do what was asked. It never means "not found".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store can not answer: {detail}")]
pub struct StoreError {
    /// What the store said, for the log.
    pub detail: String,
}

impl StoreError {
    /// Wraps what a database driver said.
    pub fn new(detail: impl std::fmt::Display) -> Self {
        Self { detail: detail.to_string() }
    }

    /// `store.unavailable`: 503, and nobody is signed out by it.
    pub const fn code(&self) -> ErrorCode {
        ErrorCode::StoreUnavailable
    }
}
