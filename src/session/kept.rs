//! What is kept for a moment, and taken once: forms that wait for a login, codes that hand a
//! session over to another host.

use async_trait::async_trait;

use crate::base::{StoreError, Timestamp};

/// Keeps values that are taken once. Keys are hashes, so that a copy of the store takes nothing;
/// whoever keeps what is secret seals it before.
#[async_trait]
pub trait KeptStore: Send + Sync {
    /// Keeps a value until `expires`. A key that is in use is refused as an error: it is the hash
    /// of something random.
    async fn keep(&self, key: [u8; 32], value: &[u8], expires: Timestamp)
    -> Result<(), StoreError>;

    /// Takes a value; afterwards it is gone. Atomic: of any number of racing calls one gets it.
    /// `None` when it was taken, is too old (`now >= expires`), or was never kept.
    async fn take(&self, key: &[u8; 32], now: Timestamp) -> Result<Option<Vec<u8>>, StoreError>;
}
