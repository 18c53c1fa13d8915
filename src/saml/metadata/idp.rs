//! Metadata of an identity provider: a document → endpoints and keys.
//!
//! Real metadata holds much that is none of our business (Entra ID and AD FS put WS-Federation
//! roles first); it is stepped over, not validated. What we do use is checked here, once, so that
//! nothing can fail later in front of a person.

use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::time::Duration;

use super::about::{
    Contact, EntityAttribute, Organization, Scopes, UiInfo, contacts, entity_attributes,
    registration_authority, trimmed,
};
use super::endpoint::{Endpoint, IndexedEndpoint, endpoints, indexed_endpoints, soap_endpoints};
use super::entity::{cache_duration, entity_id_of, idp_roles, pick, valid_until};
use super::error::MetadataError;
use super::error_url::ErrorUrl;
use super::key::{KeyAges, Keys, ListedKey, RefusedKey};
use super::recognise::recognise;
use crate::base::{Checks, Timestamp};
use crate::dsig::{Place, Trust, TrustedKeys, verify_at};
use crate::saml::schema::METADATA_NS;
use crate::saml::vendor::Vendor;
use crate::xml::{Document, Element, Limits, Mode};

/// What an identity provider says about itself, as far as we use it.
#[derive(Clone, Debug)]
pub struct IdpMetadata {
    /// Its entityID, verbatim.
    pub entity_id: String,
    /// All of its usable signing keys: `use="signing"` or without `use`, whatever the dates of
    /// their certificates.
    pub signing_keys: TrustedKeys,
    /// The others.
    pub refused_keys: Vec<RefusedKey>,
    /// All certificates that it lists, also those for encryption and those that are refused.
    pub listed_keys: Vec<ListedKey>,
    /// SingleSignOnService by HTTP-Redirect and HTTP-POST; at least one.
    pub sign_on: Vec<Endpoint>,
    /// `SingleLogoutService` by the same bindings.
    pub logout: Vec<Endpoint>,
    /// `SingleLogoutService` by SOAP.
    pub logout_soap: Vec<String>,
    /// `ArtifactResolutionService` by SOAP.
    pub artifact_resolution: Vec<IndexedEndpoint>,
    /// `NameIDFormat`, in its order.
    pub name_id_formats: Vec<String>,
    /// It wants signed `AuthnRequest`s.
    pub wants_signed_requests: bool,
    /// Not to be used from then on: the earliest of the role, the entity and what it stands in.
    pub valid_until: Option<Timestamp>,
    /// To be fetched again after that: the shortest of the same.
    pub cache_duration: Option<Duration>,
    /// The scopes that it may name in scoped identifiers (shibmd:Scope); `None` when it lists none.
    pub scopes: Option<Vec<String>>,
    /// Scopes that are regular expressions. They allow nothing; an admin is shown them.
    pub scope_patterns: Vec<String>,
    /// The name to show to people, when it gives one.
    pub display_name: Option<String>,
    /// Names in all languages, pictures, descriptions, domains.
    pub ui: UiInfo,
    /// Whose it is.
    pub organization: Option<Organization>,
    /// Whom to call.
    pub contacts: Vec<Contact>,
    /// Where people whom we turn away may read more.
    pub error_url: Option<ErrorUrl>,
    /// Who has registered it, in a federation.
    pub registration_authority: Option<String>,
    /// Categories and the like.
    pub entity_attributes: Vec<EntityAttribute>,
    /// Whose product it is.
    pub vendor: Vendor,
    /// By which a change of what is shown, and of whom to call, is seen.
    pub(super) shown: Shown,
}

/// Hashes of what is only compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) appearance: u64,
    pub(super) contacts: u64,
}

fn hashed(thing: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    thing.hash(&mut hasher);
    hasher.finish()
}

impl IdpMetadata {
    /// Reads one identity provider out of a document.
    ///
    /// `entity_id` picks it out of an EntitiesDescriptor; it may be left out when there is only
    /// one. Trust in the document is the caller's affair: it came over TLS, or from a file.
    pub fn read(
        bytes: &[u8],
        entity_id: Option<&str>,
        now: Timestamp,
    ) -> Result<Self, MetadataError> {
        let document = Document::parse(bytes, Mode::Metadata, &Limits::metadata())?;
        Self::read_entity(pick(document.root(), entity_id)?, now)
    }

    /// The same for a document that is signed: by a federation as a whole, or by the entity itself.
    ///
    /// What no key in `signers` has signed is refused (`md.signature`), and nothing outside of it
    /// is read. An aggregate has to say until when it is valid, or an old one, with keys that were
    /// withdrawn since, would be good forever (deployment profile SDP-MD03).
    pub fn read_signed(
        bytes: &[u8],
        entity_id: Option<&str>,
        signers: &TrustedKeys,
        now: Timestamp,
    ) -> Result<Self, MetadataError> {
        let document = Document::parse(bytes, Mode::Metadata, &Limits::metadata())?;
        let root = document.root();
        let trust = Trust::only(signers);
        let verify = |element| verify_at(element, Place::First, trust, &mut Checks::off());
        let signed = match verify(root)? {
            Some(signed) => signed,
            None => verify(pick(root, entity_id)?)?.ok_or(MetadataError::Unsigned)?,
        };
        let entity = pick(signed.get(), entity_id)?;
        if signed.get().is(METADATA_NS, "EntitiesDescriptor") && valid_until(entity, now)?.is_none()
        {
            return Err(MetadataError::NoValidUntil);
        }
        Self::read_entity(entity, now)
    }

    /// Without what a gateway never looks at while it runs: descriptions, links, pictures, whom to
    /// call and categories are half of what a federation's metadata takes in memory. A change of it is
    /// seen all the same.
    #[must_use]
    pub fn without_descriptions(mut self) -> Self {
        self.ui = UiInfo {
            names: self.ui.names,
            domain_hints: self.ui.domain_hints,
            ..UiInfo::default()
        };
        self.organization = self.organization.map(|organization| Organization {
            display_names: organization.display_names,
            ..Organization::default()
        });
        self.contacts = Vec::new();
        self.entity_attributes = Vec::new();
        self
    }

    /// How its signing certificates stand: see [`KeyAges::Mixed`].
    pub fn key_ages(&self, now: Timestamp) -> KeyAges {
        KeyAges::of(&self.listed_keys, now)
    }

    /// Reads an EntityDescriptor: its first role as an identity provider that can be used.
    pub(super) fn read_entity(entity: Element<'_>, now: Timestamp) -> Result<Self, MetadataError> {
        valid_until(entity, now)?;
        let entity_id = entity_id_of(entity).ok_or(MetadataError::EntityId)?.to_owned();
        let mut refusal = None;
        for role in idp_roles(entity) {
            match Self::read_role(&entity_id, entity, role, now) {
                Ok(metadata) => return Ok(metadata),
                Err(error) => refusal = refusal.or(Some(error)),
            }
        }
        Err(refusal.unwrap_or(MetadataError::NotIdp { entity_id }))
    }

    fn read_role(
        entity_id: &str,
        entity: Element<'_>,
        role: Element<'_>,
        now: Timestamp,
    ) -> Result<Self, MetadataError> {
        let valid_until = valid_until(role, now)?;
        let keys = Keys::read(role);
        let signing_keys = TrustedKeys::from_vec(keys.signing).ok_or_else(|| {
            let refused = keys.refused.iter().map(|key| key.reason.clone()).collect();
            MetadataError::Key { refused }
        })?;
        let mut refused = Vec::new();
        let sign_on = endpoints(role, "SingleSignOnService", &mut refused);
        if sign_on.is_empty() {
            return Err(MetadataError::Endpoint { refused });
        }
        let formats = role.children().filter(|child| child.is(METADATA_NS, "NameIDFormat"));
        let wants_signed = role.attribute("WantAuthnRequestsSigned");
        let scopes = Scopes::read(entity);
        let ui = UiInfo::read(role);
        let organization = Organization::read(entity, role);
        let contacts = contacts(entity, role);
        Ok(Self {
            shown: Shown {
                appearance: hashed((&ui, &organization)),
                contacts: hashed(&contacts),
            },
            vendor: recognise(entity_id, &sign_on),
            entity_id: entity_id.to_owned(),
            signing_keys,
            refused_keys: keys.refused,
            listed_keys: keys.listed,
            sign_on,
            logout: endpoints(role, "SingleLogoutService", &mut Vec::new()),
            logout_soap: soap_endpoints(role, "SingleLogoutService"),
            artifact_resolution: indexed_endpoints(role, "ArtifactResolutionService"),
            name_id_formats: formats.filter_map(trimmed).collect(),
            wants_signed_requests: matches!(wants_signed, Some("true" | "1")),
            valid_until,
            cache_duration: cache_duration(role),
            scopes: scopes.listed.then_some(scopes.literal),
            scope_patterns: scopes.patterns,
            display_name: display_name(&ui),
            ui,
            organization,
            contacts,
            error_url: role.attribute("errorURL").and_then(ErrorUrl::parse),
            registration_authority: registration_authority(entity),
            entity_attributes: entity_attributes(entity),
        })
    }
}

/// The English one, or the first.
fn display_name(ui: &UiInfo) -> Option<String> {
    let english = ui.names.iter().find(|name| name.language == "en");
    english.or_else(|| ui.names.first()).map(|name| name.text.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::saml::metadata::samples::{
        FEDERATION, ONE, OTHER, STRANGER, VALID, aggregate, entity, now, signed, signers,
    };

    fn read(xml: &str, name: &str) -> Result<String, &'static str> {
        IdpMetadata::read_signed(xml.as_bytes(), Some(name), &signers(), now())
            .map(|metadata| metadata.entity_id)
            .map_err(|error| error.code().as_str())
    }

    #[test]
    fn a_signed_entity_and_a_signed_aggregate_are_read() {
        let xml = signed(&entity(ONE, r#"ID="_e""#), "_e", &FEDERATION);
        assert_eq!(read(&xml, ONE).as_deref(), Ok(ONE));
        let both = [entity(ONE, ""), entity(OTHER, "")].concat();
        let xml = signed(&aggregate(VALID, &both), "_all", &FEDERATION);
        assert_eq!(read(&xml, OTHER).as_deref(), Ok(OTHER));
    }

    #[test]
    fn metadata_that_the_configured_key_has_not_signed_is_md_signature() {
        let plain = entity(ONE, r#"ID="_e""#);
        assert_eq!(read(&plain, ONE), Err("md.signature"));
        assert_eq!(
            read(&signed(&plain, "_e", &STRANGER), ONE),
            Err("md.signature")
        );
        let changed = signed(&plain, "_e", &FEDERATION).replace("/sso", "/evil");
        assert_eq!(read(&changed, ONE), Err("md.signature"));
    }

    #[test]
    fn in_an_aggregate_that_is_not_signed_only_the_signed_entity_is_read() {
        let one = signed(&entity(ONE, r#"ID="_e""#), "_e", &FEDERATION);
        let xml = aggregate("", &[one, entity(OTHER, "")].concat());
        assert_eq!(read(&xml, ONE).as_deref(), Ok(ONE));
        assert_eq!(read(&xml, OTHER), Err("md.signature"));
    }

    #[test]
    fn an_entity_id_that_stands_twice_is_md_entity() {
        let service_provider = format!(r#"<md:EntityDescriptor entityID="{ONE}"/>"#);
        let xml = aggregate(VALID, &[entity(ONE, ""), service_provider].concat());
        for wanted in [Some(ONE), None] {
            let error = IdpMetadata::read(xml.as_bytes(), wanted, now()).unwrap_err();
            assert_eq!(error.code().as_str(), "md.entity");
        }
    }

    #[test]
    fn a_signed_aggregate_without_an_end_is_md_valid_until() {
        let xml = signed(
            &aggregate(r#"ID="_all""#, &entity(ONE, "")),
            "_all",
            &FEDERATION,
        );
        assert_eq!(read(&xml, ONE), Err("md.valid_until"));
        let over = VALID.replace("2026-12", "2026-11");
        let xml = signed(&aggregate(&over, &entity(ONE, "")), "_all", &FEDERATION);
        assert_eq!(read(&xml, ONE), Err("md.valid_until"));
    }
}
