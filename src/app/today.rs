//! Who the people in sessions are by now: the directory, and the rules in force.

use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;

use crate::base::StoreError;
use crate::directory::DirectoryStore;
use crate::identity::{self, Identity, IdentitySettings};
use crate::session::People;

/// Answers what sessions ask.
pub struct Today {
    directory: Arc<dyn DirectoryStore>,
    settings: ArcSwap<IdentitySettings>,
}

impl Today {
    /// By this directory and these rules.
    pub fn new(directory: Arc<dyn DirectoryStore>, settings: IdentitySettings) -> Self {
        Self { directory, settings: ArcSwap::from_pointee(settings) }
    }

    /// By other rules from now on.
    pub fn replace(&self, settings: IdentitySettings) {
        self.settings.store(Arc::new(settings));
    }
}

#[async_trait]
impl People for Today {
    async fn today(&self, identity: Identity) -> Result<Option<Identity>, StoreError> {
        let asserted = identity.asserted.as_deref().unwrap_or(&identity.profile);
        let standing = self
            .directory
            .standing(&identity.user, &asserted.groups, identity.authn_instant)
            .await?;
        let Some(standing) = standing else {
            // No record is ever removed. Where nodes share their sessions and not their people, it
            // was another one that they signed in at.
            return Ok(Some(identity));
        };
        Ok(identity::today(identity, &standing, &self.settings.load()))
    }
}
