//! All identity providers of this gateway, and the ways to find one.

use std::sync::Arc;

use super::idp::IdpTrust;
use crate::base::IdpName;

/// The identity providers whose metadata is at hand. Replaced as a whole when one changes.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    idps: Vec<Arc<IdpTrust>>,
}

/// Where to go when a person has to sign in and names no identity provider.
#[derive(Clone, Debug)]
pub enum Way {
    /// There is one, or a default.
    Straight(Arc<IdpTrust>),
    /// They have to choose.
    Choose,
    /// There is none.
    Nowhere,
}

impl Registry {
    /// In the order in which people will see them.
    pub const fn new(idps: Vec<Arc<IdpTrust>>) -> Self {
        Self { idps }
    }

    /// All of them, disabled ones too.
    pub fn all(&self) -> &[Arc<IdpTrust>] {
        &self.idps
    }

    fn enabled(&self) -> impl Iterator<Item = &Arc<IdpTrust>> {
        self.idps.iter().filter(|idp| idp.settings.enabled)
    }

    /// By its short name; disabled ones too.
    pub fn named(&self, name: &IdpName) -> Option<&Arc<IdpTrust>> {
        self.idps.iter().find(|idp| idp.settings.name == *name)
    }

    /// By its entityID, exactly; disabled ones too. `issuer` may come from an unverified message:
    /// it only picks the keys, and is compared with the signed Issuer afterwards.
    pub fn issued_by(&self, issuer: &str) -> Option<&Arc<IdpTrust>> {
        self.idps.iter().find(|idp| idp.metadata.entity_id == issuer)
    }

    /// Whose people have addresses in this domain, in lower case; disabled ones keep theirs.
    pub fn owner_of(&self, domain: &str) -> Option<IdpName> {
        let owns =
            |idp: &&Arc<IdpTrust>| idp.settings.email_domains.iter().any(|own| own == domain);
        self.idps.iter().find(owns).map(|idp| idp.settings.name.clone())
    }

    /// By the domain of an e-mail address.
    pub fn of_email(&self, email: &str) -> Option<&Arc<IdpTrust>> {
        let (_, domain) = email.trim().rsplit_once('@')?;
        let domain = domain.to_ascii_lowercase();
        self.enabled().find(|idp| idp.settings.email_domains.contains(&domain))
    }

    /// Those that have a button.
    pub fn shown(&self) -> impl Iterator<Item = &Arc<IdpTrust>> {
        self.enabled().filter(|idp| idp.settings.show_button)
    }

    /// Whether a person can be found by their e-mail domain.
    pub fn knows_domains(&self) -> bool {
        self.enabled().any(|idp| !idp.settings.email_domains.is_empty())
    }

    /// One or a default goes straight on.
    pub fn way(&self) -> Way {
        if let Some(default) = self.enabled().find(|idp| idp.settings.default) {
            return Way::Straight(Arc::clone(default));
        }
        let mut enabled = self.enabled();
        match (enabled.next(), enabled.next()) {
            (None, _) => Way::Nowhere,
            (Some(only), None) => Way::Straight(Arc::clone(only)),
            (Some(_), Some(_)) => Way::Choose,
        }
    }
}
