//! Who we are: the service provider as every message names it.

use std::time::Duration;

use super::legacy::Family;
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

    /// Where logout messages come through browsers.
    pub const SLO_PATH: &str = "/saml/slo";

    /// Where they come from server to server.
    pub const SLO_SOAP_PATH: &str = "/saml/slo/soap";

    /// The one AssertionConsumerService.
    pub fn acs_url(&self) -> String {
        let ours = || self.public_url.join(ACS_PATH);
        self.other_acs.clone().unwrap_or_else(ours)
    }

    /// The `SingleLogoutService` by HTTP-Redirect.
    pub fn slo_url(&self) -> String {
        let path = self.family().map_or(Self::SLO_PATH, Family::logout);
        self.public_url.join(path)
    }

    /// The same by HTTP-POST: `mod_shib` has two addresses.
    pub fn slo_post_url(&self) -> String {
        let path = self.family().map_or(Self::SLO_PATH, Family::logout_post);
        self.public_url.join(path)
    }

    /// The `SingleLogoutService` by SOAP.
    pub fn slo_soap_url(&self) -> String {
        let path = self.family().map_or(Self::SLO_SOAP_PATH, Family::logout_soap);
        self.public_url.join(path)
    }

    /// The same for artifacts: the addresses of others have two.
    pub fn artifact_url(&self) -> String {
        let ours = |family: Family| self.public_url.join(family.artifact());
        self.family().map_or_else(|| self.acs_url(), ours)
    }

    /// Whose ACS [`ServiceProvider::other_acs`] is, if it is one of those that can be ours as well.
    pub fn family(&self) -> Option<Family> {
        let path = self.other_acs.as_deref()?.strip_prefix(self.public_url.as_str())?;
        let families = Family::ALL.iter().map(|(_, family)| *family);
        families
            .into_iter()
            .find(|family| path == family.post() || path == family.artifact())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn sp(other_acs: Option<&str>) -> ServiceProvider {
        ServiceProvider {
            public_url: PublicUrl::parse("https://app.example.com").unwrap(),
            entity_id: "https://app.example.com/saml/metadata".to_owned(),
            clock_skew: ServiceProvider::DEFAULT_CLOCK_SKEW,
            other_acs: other_acs.map(str::to_owned),
        }
    }

    #[test]
    fn our_addresses_are_below_the_public_url() {
        let sp = sp(None);
        assert_eq!(sp.acs_url(), "https://app.example.com/saml/acs");
        assert_eq!(sp.slo_url(), "https://app.example.com/saml/slo");
        assert_eq!(sp.slo_post_url(), sp.slo_url());
        assert_eq!(sp.slo_soap_url(), "https://app.example.com/saml/slo/soap");
        assert_eq!(sp.metadata_url(), "https://app.example.com/saml/metadata");
    }

    #[test]
    fn the_acs_is_one_address_to_the_byte() {
        let ours = "https://app.example.com/saml/acs";
        assert!(sp(None).is_acs_url(ours));
        for other in [
            "",
            "/saml/acs",
            "http://app.example.com/saml/acs",
            "https://app.example.com",
            "https://app.example.com/saml/acs/",
            "https://app.example.com/saml/acs?x",
            "https://app.example.com.evil.example/saml/acs",
            "https://APP.example.com/saml/acs",
        ] {
            assert!(!sp(None).is_acs_url(other), "{other}");
        }
        let theirs = "https://sp.example.net/acs";
        let looked_at = sp(Some(theirs));
        assert_eq!(looked_at.acs_url(), theirs);
        assert!(looked_at.is_acs_url(theirs));
        assert!(!looked_at.is_acs_url(ours));
    }
}
