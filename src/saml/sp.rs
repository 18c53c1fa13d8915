//! Who we are: the service provider as every message names it.

use std::time::Duration;

use crate::base::PublicUrl;

/// Our own side of SAML, from `[server]` and `[saml]`.
#[derive(Clone, Debug)]
pub struct ServiceProvider {
    /// What browsers and identity providers see.
    pub public_url: PublicUrl,
    /// Our entityID. Identity providers compare it character by character.
    pub entity_id: String,
    /// How far the clocks of both sides may differ; at most 300 s (`clock_skew`).
    pub clock_skew: Duration,
}

impl ServiceProvider {
    /// Largest `clock_skew`: wider windows make stolen messages useful for longer.
    pub const MAX_CLOCK_SKEW: Duration = Duration::from_secs(300);

    /// The one AssertionConsumerService.
    pub fn acs_url(&self) -> String {
        self.public_url.join("/saml/acs")
    }

    /// Where our metadata is.
    pub fn metadata_url(&self) -> String {
        self.public_url.join("/saml/metadata")
    }
}
