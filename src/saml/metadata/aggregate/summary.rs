//! What is kept of each entity of an aggregate, to choose by.

use super::{entity_id_of, idp_roles};
use crate::base::Timestamp;
use crate::saml::metadata::about::{
    Localized, Logo, Organization, Scopes, UiInfo, entity_attributes, hides_from_discovery,
    registration_authority,
};
use crate::saml::metadata::entity::earliest;
use crate::saml::metadata::error::MetadataError;
use crate::xml::Element;

/// An entity in a few words. All of it has a bounded size, so texts may be cut and lists end early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Its entityID, verbatim.
    pub entity_id: String,
    /// It is an identity provider for SAML 2.0. Whether one that we can use, picking it tells.
    pub is_idp: bool,
    /// Its names, or else those of its organization.
    pub names: Vec<Localized>,
    /// Pictures that have an address.
    pub logos: Vec<Logo>,
    /// shibmd:Scope, without regular expressions, and mdui:DomainHint.
    pub domains: Vec<String>,
    /// Who has registered it.
    pub registration_authority: Option<String>,
    /// It asks not to be offered (REFEDS hide-from-discovery).
    pub hidden: bool,
    /// When it ends, or what it stands in; `None` also when that can not be read.
    pub valid_until: Option<Timestamp>,
}

impl Summary {
    const MOST_NAMES: usize = 8;
    const MOST_LOGOS: usize = 4;
    const MOST_DOMAINS: usize = 64;
    /// Characters of a text.
    const MOST_TEXT: usize = 256;

    pub(super) fn read(entity: Element<'_>) -> Result<Self, MetadataError> {
        let role = idp_roles(entity).next();
        let entity_id = entity_id_of(entity).ok_or(MetadataError::EntityId)?;
        let mut ui = UiInfo::read(role.unwrap_or(entity));
        if ui.names.is_empty() {
            let organization = Organization::read(entity, role.unwrap_or(entity));
            ui.names = organization.unwrap_or_default().display_names;
        }
        let names = ui.names.into_iter().take(Self::MOST_NAMES).map(|name| Localized {
            language: shortened(&name.language),
            text: shortened(&name.text),
        });
        let logos = ui
            .logos
            .into_iter()
            .filter(|logo| logo.url.starts_with("https:") && logo.url.len() <= Self::MOST_TEXT);
        let mut domains = Scopes::read(entity).literal;
        domains.append(&mut ui.domain_hints);
        domains.dedup();
        domains.retain(|domain| domain.len() <= Self::MOST_TEXT);
        domains.truncate(Self::MOST_DOMAINS);
        Ok(Self {
            entity_id: entity_id.to_owned(),
            is_idp: role.is_some(),
            names: names.collect(),
            logos: logos.take(Self::MOST_LOGOS).collect(),
            domains,
            registration_authority: registration_authority(entity).as_deref().map(shortened),
            hidden: hides_from_discovery(&entity_attributes(entity)),
            valid_until: earliest(entity).ok().flatten(),
        })
    }

    /// The name in this language, or else another; the entityID when there is none.
    pub fn name(&self, language: &str) -> &str {
        Localized::choose(&self.names, language).map_or(&self.entity_id, |name| &name.text)
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(Summary::MOST_TEXT).collect()
}
