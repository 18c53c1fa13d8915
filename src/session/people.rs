//! What sessions ask about the people in them.

use async_trait::async_trait;

use crate::base::StoreError;
use crate::identity::Identity;

/// Tells who somebody is today: a session lives longer than what was true when it began.
#[async_trait]
pub trait People: Send + Sync {
    /// The identity of a session as it is now; `None`: they may not go on.
    async fn today(&self, identity: Identity) -> Result<Option<Identity>, StoreError>;
}
