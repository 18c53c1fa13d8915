//! Who we are: the service provider as every message names it.

use std::time::Duration;

use crate::base::PublicUrl;

const ACS_PATH: &str = "/saml/acs";

/// Our own side of SAML, from `[server]` and `[saml]`.
#[derive(Clone, Debug)]
pub struct ServiceProvider {
    /// What browsers and identity providers see.
    pub public_url: PublicUrl,
    /// Our entityID. Identity providers compare it character by character.
    pub entity_id: String,
    /// How far the clocks of both sides may differ; at most 300 s (`clock_skew`).
    pub clock_skew: Duration,
    /// Another ACS than that of this gateway: for messages that were sent elsewhere, and are only
    /// looked at (`samlgate explain`).
    pub other_acs: Option<String>,
}

impl ServiceProvider {
    /// Largest `clock_skew`: wider windows make stolen messages useful for longer.
    pub const MAX_CLOCK_SKEW: Duration = Duration::from_secs(300);

    /// `clock_skew` where nobody sets it.
    pub const DEFAULT_CLOCK_SKEW: Duration = Duration::from_secs(180);

    /// The one AssertionConsumerService.
    pub fn acs_url(&self) -> String {
        let ours = || self.public_url.join(ACS_PATH);
        self.other_acs.clone().unwrap_or_else(ours)
    }

    /// The one `SingleLogoutService`.
    pub fn slo_url(&self) -> String {
        self.public_url.join("/saml/slo")
    }

    /// Whether this is [`ServiceProvider::acs_url`].
    pub fn is_acs_url(&self, found: &str) -> bool {
        match &self.other_acs {
            Some(other) => found == other,
            None => found.strip_prefix(self.public_url.as_str()) == Some(ACS_PATH),
        }
    }

    /// Where our metadata is.
    pub fn metadata_url(&self) -> String {
        self.public_url.join("/saml/metadata")
    }
}
