//! A document of somebody's metadata → the metadata, by the proof that the operator wants.

use super::settings::IdpSettings;
use super::store::MetadataCopy;
use crate::base::Timestamp;
use crate::dsig::Trust;
use crate::saml::metadata::{IdpMetadata, MetadataError, mdq};

/// What an operator wants to see, of metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Way {
    /// A document at an address, or in a file.
    #[default]
    Document,
    /// The answer of a server that is asked for one entity (MDQ).
    Query,
}

impl IdpSettings {
    /// Reads a document as it came from its address or file. With keys in `metadata_signers` one of
    /// them has to have signed it.
    pub fn read(
        &self,
        bytes: &[u8],
        entity_id: Option<&str>,
        now: Timestamp,
    ) -> Result<IdpMetadata, MetadataError> {
        match (&self.metadata_signers, self.way, entity_id) {
            (Some(signers), Way::Query, Some(entity_id)) => {
                mdq::read_answer(bytes, entity_id, Trust::only(signers), now)
            }
            (Some(signers), ..) => IdpMetadata::read_signed(bytes, entity_id, signers, now),
            (None, ..) => IdpMetadata::read(bytes, entity_id, now),
        }
    }

    /// Reads a copy. What was picked out of an aggregate was verified with it: then it counts as long
    /// as the key that had signed the aggregate is one that the operator wants.
    pub fn read_copy(
        &self,
        copy: &MetadataCopy,
        entity_id: Option<&str>,
        now: Timestamp,
    ) -> Result<IdpMetadata, MetadataError> {
        self.read_kept(
            copy.metadata.as_bytes(),
            copy.picked_by.as_deref(),
            entity_id,
            now,
        )
    }

    /// The same, for a document and whoever signed the aggregate that it is from.
    pub fn read_kept(
        &self,
        bytes: &[u8],
        picked_by: Option<&str>,
        entity_id: Option<&str>,
        now: Timestamp,
    ) -> Result<IdpMetadata, MetadataError> {
        let signers = self.metadata_signers.as_ref();
        let still = |fingerprint: &str| {
            signers.is_none_or(|keys| keys.iter().any(|key| key.fingerprint() == fingerprint))
        };
        if picked_by.is_some_and(still) {
            return IdpMetadata::read(bytes, entity_id, now);
        }
        self.read(bytes, entity_id, now)
    }
}
