//! Identity providers that were imported, and metadata as it was last fetched.
//!
//! Both are bytes that somebody else reads and verifies again: nothing in here is trusted for
//! having been in the store.

use async_trait::async_trait;

use super::over_time::{RefreshState, SeenKey, Standing, WaitingChange};
use crate::base::{IdpName, StoreError, Timestamp};

/// An identity provider added by `samlgate idp import` or in the console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedIdp {
    /// Its short name; one identity provider for each.
    pub name: IdpName,
    /// The keys of `[[idp]]` as JSON.
    pub settings: serde_json::Value,
    /// The metadata document as it was imported.
    pub metadata: String,
    /// Where it was fetched, and will be fetched again; `None` for a file or standard input.
    pub url: Option<String>,
    /// When it was imported or last changed.
    pub updated_at: Timestamp,
}

/// Metadata as it was last fetched from the URL of a configured identity provider: what we go on
/// with when the URL does not answer after a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataCopy {
    /// For which identity provider.
    pub idp: IdpName,
    /// From where: a copy from another URL than the configured one is not used.
    pub url: String,
    /// The document.
    pub metadata: String,
    /// `ETag` of the answer, for asking again cheaply.
    pub etag: Option<String>,
    /// `Last-Modified` of the answer, likewise.
    pub last_modified: Option<String>,
    /// When it was fetched, or last confirmed by a 304.
    pub fetched_at: Timestamp,
    /// It was picked out of an aggregate which this key had signed, by its fingerprint; the document
    /// itself is not signed any more.
    pub picked_by: Option<String>,
}

/// Keeps both.
#[async_trait]
pub trait IdpStore: Send + Sync {
    /// Adds an identity provider, or replaces the one of this name.
    async fn put(&self, idp: &ImportedIdp) -> Result<(), StoreError>;

    /// All imported identity providers by name.
    async fn list(&self) -> Result<Vec<ImportedIdp>, StoreError>;

    /// Those behind this name, by name, and no more than `most`: of a federation, who needs one after
    /// the other does not need 100 MB at once.
    async fn page(
        &self,
        after: Option<&IdpName>,
        most: usize,
    ) -> Result<Vec<ImportedIdp>, StoreError>;

    /// The imported identity provider of this name.
    async fn imported(&self, name: &IdpName) -> Result<Option<ImportedIdp>, StoreError>;

    /// The names of all imported identity providers.
    async fn names(&self) -> Result<Vec<IdpName>, StoreError>;

    /// Adds or replaces several, all or none of them.
    async fn put_all(&self, idps: &[ImportedIdp]) -> Result<(), StoreError>;

    /// Removes one, what is known of it, and the notices of what waited; whether it was there.
    async fn remove(&self, name: &IdpName) -> Result<bool, StoreError>;

    /// Grows with each [`IdpStore::put`], [`IdpStore::remove`] and [`IdpStore::renewed`], whichever
    /// process made it: how a running gateway sees what a command changed.
    async fn revision(&self) -> Result<i64, StoreError>;

    /// Keeps a copy, replacing the one before.
    async fn put_copy(&self, copy: &MetadataCopy) -> Result<(), StoreError>;

    /// Keeps several copies, all or none of them.
    async fn put_copies(&self, copies: &[MetadataCopy]) -> Result<(), StoreError>;

    /// The copies of these were fetched, or confirmed, at this moment.
    async fn confirm_copies(&self, idps: &[IdpName], at: Timestamp) -> Result<(), StoreError>;

    /// A copy is another one by a command: whoever runs loads all of them again.
    async fn renewed(&self) -> Result<(), StoreError>;

    /// The copy for an identity provider.
    async fn copy(&self, idp: &IdpName) -> Result<Option<MetadataCopy>, StoreError>;

    /// The copies for several, of those that have one.
    async fn copies(&self, idps: &[IdpName]) -> Result<Vec<MetadataCopy>, StoreError>;

    /// How asking for metadata went, for all of them.
    async fn refreshes(&self) -> Result<Vec<RefreshState>, StoreError>;

    /// Keeps how it went, for all of these.
    async fn put_refreshes(&self, states: &[RefreshState]) -> Result<(), StoreError>;

    /// Forgets how it went, and the metadata that waits with its notice.
    async fn forget_refresh(&self, idp: &IdpName) -> Result<(), StoreError>;

    /// A message was signed by this key. Only the pending ones that were seen last stay
    /// ([`SeenKey::MOST`]). Whether it is new: what was said of it under another entityID is forgotten.
    async fn saw_key(&self, key: &SeenKey) -> Result<bool, StoreError>;

    /// All keys that were seen, by identity provider and fingerprint.
    async fn seen_keys(&self) -> Result<Vec<SeenKey>, StoreError>;

    /// Says what is to become of a key; whether there is one. Whoever runs hears of it. The notice
    /// about keys ([`SeenKey::notice`]) is cleared when none is pending.
    async fn decide_key(
        &self,
        idp: &IdpName,
        fingerprint: &str,
        standing: Standing,
    ) -> Result<bool, StoreError>;

    /// A key needs no word any more; the notice goes as with [`IdpStore::decide_key`].
    async fn forget_key(&self, idp: &IdpName, fingerprint: &str) -> Result<(), StoreError>;

    /// Keeps metadata that waits, in the place of what waited before.
    async fn put_waiting(&self, change: &WaitingChange) -> Result<(), StoreError>;

    /// All that waits.
    async fn waiting(&self) -> Result<Vec<WaitingChange>, StoreError>;

    /// Nothing waits any more for this identity provider; whether something did.
    async fn forget_waiting(&self, idp: &IdpName) -> Result<bool, StoreError>;

    /// Takes or keeps a lease until some moment; whether it is ours.
    async fn lease(
        &self,
        name: &str,
        holder: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError>;
}
