//! All identity providers of this gateway, and the ways to find one.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use super::finder::Finder;
use super::idp::IdpTrust;
use super::settings::IdpSettings;
use crate::base::{EmailDomain, ErrorCode, IdpName};
use crate::saml::artifact::{Artifact, source_id};

/// The identity providers whose metadata is at hand. Replaced as a whole when one changes.
///
/// A federation has ten thousand of them, and each sign-in looks some up: by maps.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    idps: Vec<Arc<IdpTrust>>,
    names: HashMap<IdpName, usize>,
    entities: HashMap<String, usize>,
    sources: HashMap<[u8; 20], usize>,
    /// The first that has a domain, and the first of those that are switched on.
    domains: HashMap<EmailDomain, (usize, Option<usize>)>,
    way: Found,
    /// Those that there are, and whose metadata is not at hand.
    absent: HashMap<IdpName, Absent>,
    /// Whose domains are theirs all the same.
    kept: HashMap<EmailDomain, IdpName>,
    /// Made when somebody has to look for theirs.
    finder: OnceLock<Finder>,
}

/// Why an identity provider can not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absent {
    /// The code of the failure.
    pub code: ErrorCode,
    /// What happened, for the log.
    pub detail: String,
}

/// Where to go without a choice, found once.
#[derive(Clone, Copy, Debug, Default)]
enum Found {
    Straight(usize),
    Choose,
    #[default]
    Nowhere,
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
    /// In the order in which people will see them. Of two with one name, entityID or domain the
    /// first is found.
    pub fn new(idps: Vec<Arc<IdpTrust>>) -> Self {
        let mut registry = Self::default();
        for (number, idp) in idps.iter().enumerate() {
            let settings = &idp.settings;
            registry.names.entry(settings.name.clone()).or_insert(number);
            registry.entities.entry(idp.metadata.entity_id.clone()).or_insert(number);
            registry.sources.entry(source_id(&idp.metadata.entity_id)).or_insert(number);
            let enabled = settings.enabled.then_some(number);
            for domain in &settings.email_domains {
                let domain = EmailDomain::read(domain);
                let entry = registry.domains.entry(domain).or_insert((number, enabled));
                entry.1 = entry.1.or(enabled);
            }
        }
        let mut enabled = idps.iter().enumerate().filter(|(_, idp)| idp.settings.enabled);
        let default = enabled.clone().find(|(_, idp)| idp.settings.default);
        registry.way = match (default, enabled.next(), enabled.next()) {
            (Some((number, _)), ..) | (None, Some((number, _)), None) => Found::Straight(number),
            (None, None, _) => Found::Nowhere,
            (None, Some(_), Some(_)) => Found::Choose,
        };
        registry.idps = idps;
        registry
    }

    /// The same, with those that there are besides, and why they can not be used.
    #[must_use]
    pub fn lacking(self, absent: HashMap<IdpName, Absent>) -> Self {
        Self { absent, ..self }
    }

    /// The same, with domains of those whose metadata is not at hand: nobody else may speak for their
    /// people meanwhile.
    #[must_use]
    pub fn keeping<'s>(self, absent: impl IntoIterator<Item = &'s IdpSettings>) -> Self {
        let domains = absent.into_iter().flat_map(|settings| {
            let domains = settings.email_domains.iter();
            domains.map(|domain| (EmailDomain::read(domain), settings.name.clone()))
        });
        Self { kept: domains.collect(), ..self }
    }

    /// Why the one of this name can not be used, if there is such a one.
    pub fn absent(&self, name: &IdpName) -> Option<&Absent> {
        self.absent.get(name)
    }

    /// Why nobody can sign in though there are identity providers.
    pub fn why_nowhere(&self) -> Option<&Absent> {
        let first = self.absent.iter().min_by_key(|(name, _)| *name);
        first.map(|(_, absent)| absent).filter(|_| matches!(self.way, Found::Nowhere))
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
        self.idps.get(*self.names.get(name)?)
    }

    /// By its entityID, exactly; disabled ones too. `issuer` may come from an unverified message:
    /// it only picks the keys, and is compared with the signed Issuer afterwards.
    pub fn issued_by(&self, issuer: &str) -> Option<&Arc<IdpTrust>> {
        self.idps.get(*self.entities.get(issuer)?)
    }

    /// By what a logout message says that it is from: some have a second name there. Disabled ones
    /// too, and unverified as well.
    pub fn signs_out_as(&self, issuer: &str) -> Option<&Arc<IdpTrust>> {
        self.issued_by(issuer).or_else(|| {
            let is = |idp: &&Arc<IdpTrust>| {
                idp.metadata.vendor.signs_out_as(&idp.metadata.entity_id, issuer)
            };
            self.idps.iter().find(is)
        })
    }

    /// By the SourceID of an artifact, which anybody may have made up; disabled ones too.
    pub fn source_of(&self, artifact: &Artifact) -> Option<&Arc<IdpTrust>> {
        self.idps.get(*self.sources.get(artifact.source_id())?)
    }

    /// Whose people have addresses in this domain; those keep theirs that are switched off, or whose
    /// metadata is not at hand.
    pub fn owner_of(&self, domain: &EmailDomain) -> Option<IdpName> {
        let first = self.domains.get(domain).and_then(|(first, _)| self.idps.get(*first));
        first
            .map(|idp| idp.settings.name.clone())
            .or_else(|| self.kept.get(domain).cloned())
    }

    /// By the domain of an e-mail address.
    pub fn of_email(&self, email: &str) -> Option<&Arc<IdpTrust>> {
        let (_, domain) = email.trim().rsplit_once('@')?;
        let (_, enabled) = self.domains.get(&EmailDomain::read(domain))?;
        self.idps.get((*enabled)?)
    }

    /// Those that have a button.
    pub fn shown(&self) -> impl Iterator<Item = &Arc<IdpTrust>> {
        self.enabled().filter(|idp| idp.settings.show_button)
    }

    /// How many have a button.
    pub fn shown_count(&self) -> usize {
        self.finder().len()
    }

    /// Those with a button that a person may mean by some words, best first; all of them for none.
    pub fn find(&self, typed: &str) -> impl ExactSizeIterator<Item = &Arc<IdpTrust>> {
        let found = self.finder().find(typed);
        let found: Vec<_> = found.into_iter().filter_map(|number| self.idps.get(number)).collect();
        found.into_iter()
    }

    fn finder(&self) -> &Finder {
        let shown = |idp: &IdpTrust| idp.settings.enabled && idp.settings.show_button;
        self.finder
            .get_or_init(|| Finder::new(self.idps.iter().enumerate().filter(|(_, idp)| shown(idp))))
    }

    /// Whether a person can be found by their e-mail domain.
    pub fn knows_domains(&self) -> bool {
        self.domains.values().any(|(_, enabled)| enabled.is_some())
    }

    /// One or a default goes straight on.
    pub fn way(&self) -> Way {
        match self.way {
            Found::Nowhere => Way::Nowhere,
            Found::Choose => Way::Choose,
            Found::Straight(number) => {
                self.idps.get(number).map_or(Way::Nowhere, |idp| Way::Straight(Arc::clone(idp)))
            }
        }
    }
}
