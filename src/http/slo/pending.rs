//! A LogoutRequest of ours that waits for its answer.
//!
//! Kept under the hash of its ID, which the answer repeats; taken once, by an answer that is
//! genuine. It is not tied to a browser: the session ended before we asked, so all that an answer
//! decides is what its person reads.

use std::time::Duration;

use openssl::sha::sha256;
use serde::{Deserialize, Serialize};

use crate::base::{IdpName, ReturnTo, StoreError, Timestamp};
use crate::session::KeptStore;

/// What was asked for, and where its person goes on.
#[derive(Debug)]
pub(super) struct PendingLogout {
    /// Whom we asked.
    pub(super) idp: IdpName,
    /// The page that signing out leads to.
    pub(super) return_to: ReturnTo,
    /// The person did not only end up there, somebody wants them to (`rd`).
    pub(super) wanted: bool,
}

impl PendingLogout {
    /// How long an answer is waited for; the same as for a sign-in.
    pub(super) const LIFETIME: Duration = Duration::from_secs(15 * 60);

    /// Keeps it.
    pub(super) async fn keep(
        &self,
        store: &dyn KeptStore,
        request_id: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let kept = Kept {
            idp: self.idp.as_str().to_owned(),
            return_to: self.return_to.to_string(),
            wanted: self.wanted,
        };
        let kept = serde_json::to_vec(&kept).map_err(StoreError::new)?;
        store.keep(key(request_id), &kept, now.plus(Self::LIFETIME)).await
    }

    /// Uses it up. `None`: it was answered before, is too old, or was never asked.
    pub(super) async fn take(
        store: &dyn KeptStore,
        request_id: &str,
        now: Timestamp,
    ) -> Result<Option<Self>, StoreError> {
        let Some(kept) = store.take(&key(request_id), now).await? else {
            return Ok(None);
        };
        let kept: Kept = serde_json::from_slice(&kept).map_err(StoreError::new)?;
        Ok(IdpName::parse(&kept.idp).map(|idp| Self {
            idp,
            return_to: ReturnTo::from_stored(&kept.return_to).unwrap_or_else(ReturnTo::root),
            wanted: kept.wanted,
        }))
    }
}

#[derive(Serialize, Deserialize)]
struct Kept {
    idp: String,
    return_to: String,
    wanted: bool,
}

/// Nobody else's key: all others are hashes of 43 characters, or of more than a prefix.
fn key(request_id: &str) -> [u8; 32] {
    sha256(format!("LogoutRequest {request_id}").as_bytes())
}
