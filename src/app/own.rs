//! Our keys, and the metadata that publishes them: one value, so that nobody sees the keys of before
//! beside the metadata of now.

use std::sync::Arc;

use crate::base::Timestamp;
use crate::dsig::{DsigError, SigningKey};
use crate::saml::metadata::{MetadataKeys, SpDescription, SpMetadata, sp_metadata};
use crate::saml::{Family, ServiceProvider};
use crate::store::keys::SpKeys;
use crate::xmlenc::DecryptionKeys;

/// Our keys and our metadata.
#[derive(Debug)]
pub struct Own {
    /// The keys, with their steps.
    pub keys: Arc<SpKeys>,
    /// What others encrypt to us is decrypted by.
    pub decryption_keys: DecryptionKeys,
    /// What identity providers import.
    pub metadata: SpMetadata,
    /// The same with the addresses of others, where those are ours as well.
    pub legacy: Vec<(Family, SpMetadata)>,
}

impl Own {
    /// Signs the metadata of these keys.
    pub fn new(
        sp: &ServiceProvider,
        legacy: &[Family],
        description: &SpDescription,
        keys: Arc<SpKeys>,
        now: Timestamp,
    ) -> Result<Self, DsigError> {
        let published = MetadataKeys {
            signing: &keys.signing_certificates,
            encryption: &keys.encryption_certificates,
        };
        let about =
            |sp: &ServiceProvider| sp_metadata(sp, description, published, &keys.signing, now);
        let metadata = about(sp)?;
        let legacy = legacy
            .iter()
            .map(|family| Ok((*family, about(&Family::acs_at(sp, family.post()))?)))
            .collect::<Result<_, DsigError>>()?;
        let decryption_keys = DecryptionKeys::from_vec(keys.decryption.clone());
        Ok(Self {
            decryption_keys: decryption_keys.known_as(&sp.entity_id),
            metadata,
            legacy,
            keys,
        })
    }

    /// What identity providers import at an address of a family, if it is ours.
    pub fn metadata_of(&self, family: Option<Family>) -> &SpMetadata {
        let found = self.legacy.iter().find(|(of, _)| Some(*of) == family);
        found.map_or(&self.metadata, |(_, metadata)| metadata)
    }

    /// What our messages are signed by.
    pub fn signing_key(&self) -> &SigningKey {
        &self.keys.signing
    }
}
