//! The settings of an imported identity provider, as the store keeps them: the keys of `[[idp]]`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::reading::Way;
use super::settings::{IdpSettings, MetadataSource, OnChange};
use super::signers::SignersOnce;
use super::store::{ImportedIdp, MetadataCopy};
use crate::base::{IdpName, LocalPath, Timestamp};
use crate::saml::authn_request::AnswerBy;
use crate::saml::{AcsPath, GroupsOverage};

/// `[[idp]]` without `name` and `metadata`, as JSON. What is absent is at its default, so that
/// records of an older version can be read by a newer one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImportedSettings {
    /// `label`
    pub label: Option<String>,
    /// Which entity of an EntitiesDescriptor.
    pub entity_id: Option<String>,
    /// Its address is that of a server that is asked for this entity (MDQ).
    pub query: bool,
    /// Who must have signed the metadata: certificates in PEM.
    pub metadata_signing_certificate: Option<String>,
    /// Who had signed the aggregate that the document was picked out of.
    pub picked_by: Option<String>,
    /// `on_change`
    pub on_change: Option<String>,
    /// `enabled`
    pub enabled: Option<bool>,
    /// `default`
    pub default: bool,
    /// `show_button`
    pub show_button: Option<bool>,
    /// `email_domains`
    pub email_domains: Vec<String>,
    /// `allow_idp_initiated`
    pub allow_idp_initiated: bool,
    /// `landing`
    pub landing: Option<String>,
    /// `sign_requests`
    pub sign_requests: Option<bool>,
    /// `force_authn`
    pub force_authn: bool,
    /// `authn_context`
    pub authn_context: Vec<String>,
    /// `name_id_format`
    pub name_id_format: Option<String>,
    /// `name_id_qualifier`
    pub name_id_qualifier: Option<String>,
    /// `name_id_allow_create`
    pub name_id_allow_create: Option<bool>,
    /// `provider_name`
    pub provider_name: Option<String>,
    /// `scoping_idps`
    pub scoping_idps: Vec<String>,
    /// `scoping_proxy_count`
    pub scoping_proxy_count: Option<u16>,
    /// `attribute_consuming_service_index`
    pub attribute_consuming_service_index: Option<u16>,
    /// `login_hint`
    pub login_hint: bool,
    /// `response_binding`
    pub response_binding: Option<String>,
    /// `acs`
    pub acs: Option<String>,
    /// `groups_overage`
    pub groups_overage: Option<String>,
    /// `clock_skew`, in seconds
    pub clock_skew: Option<u64>,
    /// `user_name_suffix`
    pub user_name_suffix: Option<String>,
    /// `allow_duplicate_attributes`
    pub allow_duplicate_attributes: bool,
    /// `want_encrypted`
    pub want_encrypted: bool,
    /// `allow_sha1_until`, in RFC 3339
    pub allow_sha1_until: Option<String>,
    /// `allow_tripledes_until`, likewise
    pub allow_tripledes_until: Option<String>,
    /// `allow_inclusive_c14n`
    pub allow_inclusive_c14n: bool,
    /// `allow_cbc_in_unsigned_response`
    pub allow_cbc_in_unsigned_response: bool,
}

impl ImportedIdp {
    /// Who had signed the aggregate that [`ImportedIdp::document`] was picked out of.
    pub fn picked_by(&self, copy: Option<&MetadataCopy>) -> Option<String> {
        match self.newer(copy) {
            Some(copy) => copy.picked_by.clone(),
            None => self.kept_settings()?.picked_by,
        }
    }

    /// The copy, if it is newer than the import.
    pub fn newer<'a>(&self, copy: Option<&'a MetadataCopy>) -> Option<&'a MetadataCopy> {
        copy.filter(|copy| {
            Some(&copy.url) == self.url.as_ref() && copy.fetched_at > self.updated_at
        })
    }

    /// The newest document there is: the one that was imported, or what its address gave since.
    pub fn document<'a>(&'a self, copy: Option<&'a MetadataCopy>) -> &'a str {
        self.newer(copy).map_or(&self.metadata, |copy| &copy.metadata)
    }

    /// The settings as they are kept. `None` when the record is not one of ours.
    pub fn kept_settings(&self) -> Option<ImportedSettings> {
        ImportedSettings::deserialize(&self.settings).ok()
    }

    /// The settings under our types. `None` when the record is not one of ours.
    pub fn to_settings(&self) -> Option<IdpSettings> {
        self.kept_settings()?.into_settings(&self.name, &mut SignersOnce::default())
    }
}

impl ImportedSettings {
    /// Under our types; certificates that many have in common are read once.
    pub fn into_settings(self, name: &IdpName, signers: &mut SignersOnce) -> Option<IdpSettings> {
        let kept = self;
        let mut settings = IdpSettings::new(name.clone(), MetadataSource::Stored);
        settings.label = kept.label;
        settings.entity_id = kept.entity_id;
        settings.way = if kept.query {
            Way::Query
        } else {
            Way::Document
        };
        if let Some(pem) = &kept.metadata_signing_certificate {
            // Without the keys that somebody wanted it is not read at all.
            settings.metadata_signers = Some(signers.read(pem)?);
        }
        settings.on_change = kept.on_change.as_deref().and_then(OnChange::find).unwrap_or_default();
        settings.enabled = kept.enabled.unwrap_or(true);
        settings.default = kept.default;
        settings.show_button = kept.show_button.unwrap_or(true);
        settings.email_domains = kept.email_domains;
        settings.allow_idp_initiated = kept.allow_idp_initiated;
        let landing = kept.landing.as_deref().and_then(LocalPath::from_path);
        settings.landing = landing.unwrap_or_else(LocalPath::root);
        settings.sign_requests = kept.sign_requests;
        settings.force_authn = kept.force_authn;
        settings.authn_context = kept.authn_context;
        settings.name_id_format = kept.name_id_format;
        settings.name_id_qualifier = kept.name_id_qualifier;
        settings.name_id_allow_create = kept.name_id_allow_create.unwrap_or(true);
        settings.provider_name = kept.provider_name;
        settings.scoping_idps = kept.scoping_idps;
        settings.scoping_proxy_count = kept.scoping_proxy_count;
        settings.attribute_consuming_service_index = kept.attribute_consuming_service_index;
        settings.login_hint = kept.login_hint;
        if kept.response_binding.as_deref() == Some("artifact") {
            settings.response_binding = AnswerBy::Artifact;
        }
        settings.acs = kept.acs.as_deref().and_then(AcsPath::find);
        let overage = kept.groups_overage.as_deref();
        // A word that is not known lets nobody in who would be let in by none of those that are.
        settings.groups_overage = overage.map_or_else(GroupsOverage::default, |word| {
            GroupsOverage::find(word).unwrap_or(GroupsOverage::Refuse)
        });
        settings.clock_skew = kept.clock_skew.map(Duration::from_secs);
        settings.user_name_suffix = kept.user_name_suffix;
        settings.allow_duplicate_attributes = kept.allow_duplicate_attributes;
        settings.want_encrypted = kept.want_encrypted;
        // An exception whose end can not be read has ended.
        let moment = |text: Option<String>| text.as_deref().and_then(Timestamp::parse_moment);
        settings.allow_sha1_until = moment(kept.allow_sha1_until);
        settings.allow_tripledes_until = moment(kept.allow_tripledes_until);
        settings.allow_inclusive_c14n = kept.allow_inclusive_c14n;
        settings.allow_cbc_in_unsigned_response = kept.allow_cbc_in_unsigned_response;
        Some(settings)
    }
}
