//! What an operator says about one identity provider: `[[idp]]`, or `samlgate idp import`.

use std::path::PathBuf;
use std::time::Duration;

use super::reading::Way;
use crate::base::{IdpName, LocalPath, Timestamp};
use crate::dsig::TrustedKeys;
use crate::saml::authn_request::AnswerBy;
use crate::saml::metadata::IdpMetadata;
use crate::saml::{AcsPath, GroupsOverage};

/// Where metadata comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataSource {
    /// Fetched over HTTPS (HTTP on loopback only).
    Url(String),
    /// Read from a file.
    File(PathBuf),
    /// Kept in the store since it was imported from standard input.
    Stored,
}

/// What becomes of new metadata with another entityID, host, or a key less.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnChange {
    /// It counts at once: it came over TLS, or is signed.
    #[default]
    Apply,
    /// An administrator sees it first.
    Approve,
}

impl OnChange {
    /// The words in a configuration.
    pub const ALL: &'static [&'static str] = &["apply", "approve"];

    /// By its word.
    pub fn find(text: &str) -> Option<Self> {
        match text {
            "apply" => Some(Self::Apply),
            "approve" => Some(Self::Approve),
            _ => None,
        }
    }

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Apply => "apply",
            Self::Approve => "approve",
        }
    }
}

/// One identity provider, without what its metadata says.
#[derive(Clone, Debug)]
pub struct IdpSettings {
    /// The short name.
    pub name: IdpName,
    /// What people read on its button; `None` leaves that to its metadata.
    pub label: Option<String>,
    /// Where its metadata comes from.
    pub metadata: MetadataSource,
    /// The address that an import came from.
    pub imported_from: Option<String>,
    /// What that address is.
    pub way: Way,
    /// Who must have signed the metadata; `None` is nobody.
    pub metadata_signers: Option<TrustedKeys>,
    /// What becomes of new metadata that says something else of weight.
    pub on_change: OnChange,
    /// Which entity of an EntitiesDescriptor; needed only where the document holds several.
    pub entity_id: Option<String>,
    /// Switched off: shown nowhere, its answers refused with `idp.disabled`.
    pub enabled: bool,
    /// Sign-in goes straight here without the chooser.
    pub default: bool,
    /// Has a button in the chooser (otherwise it is reached by e-mail domain or `?idp=`).
    pub show_button: bool,
    /// People with these e-mail domains are sent here; lower case.
    pub email_domains: Vec<String>,
    /// Accept Responses that answer no request of ours (profiles 4.1.5).
    pub allow_idp_initiated: bool,
    /// Where such a Response lands when its RelayState names no page of ours.
    pub landing: LocalPath,
    /// Sign our `AuthnRequest`s; `None` does what the metadata asks for.
    pub sign_requests: Option<bool>,
    /// Ask for fresh authentication (core 3.4.1, ForceAuthn).
    pub force_authn: bool,
    /// Accept only these AuthnContextClassRefs, and ask for them; empty asks for nothing.
    pub authn_context: Vec<String>,
    /// NameIDPolicy Format to ask for; `None` sends no NameIDPolicy.
    pub name_id_format: Option<String>,
    /// SPNameQualifier of the NameIDPolicy: the affiliation whose names are asked for.
    pub name_id_qualifier: Option<String>,
    /// `AllowCreate` of the NameIDPolicy.
    pub name_id_allow_create: bool,
    /// `ProviderName`: what the person may be shown there about us.
    pub provider_name: Option<String>,
    /// Scoping: who may sign the person in, where this one passes people on; empty allows all.
    pub scoping_idps: Vec<String>,
    /// Scoping: how often it may pass them on.
    pub scoping_proxy_count: Option<u16>,
    /// AttributeConsumingServiceIndex.
    pub attribute_consuming_service_index: Option<u16>,
    /// It is told who the person probably is (Subject), where somebody says so.
    pub login_hint: bool,
    /// How it is asked to answer. Artifacts are resolved only where it is asked for them.
    pub response_binding: AnswerBy,
    /// Where it is asked to send its answers; `None` is the first of `saml.legacy_paths`, or our ACS.
    pub acs: Option<AcsPath>,
    /// What counts when it leaves a person's groups out.
    pub groups_overage: GroupsOverage,
    /// Overrides `saml.clock_skew`.
    pub clock_skew: Option<Duration>,
    /// What the userName of everybody from there ends with.
    pub user_name_suffix: Option<String>,
    /// One attribute Name in several Attribute elements whose values differ: for single-valued
    /// targets the first value is taken instead of `value.duplicate`.
    pub allow_duplicate_attributes: bool,
    /// Refuse an assertion that is not encrypted.
    pub want_encrypted: bool,
    /// RSA-SHA1 and SHA-1 digests are accepted before this moment.
    pub allow_sha1_until: Option<Timestamp>,
    /// Triple DES is accepted before this moment.
    pub allow_tripledes_until: Option<Timestamp>,
    /// Inclusive C14N 1.0 and 1.1 are accepted.
    pub allow_inclusive_c14n: bool,
    /// AES-CBC is accepted although the Response is not signed.
    pub allow_cbc_in_unsigned_response: bool,
}

impl IdpSettings {
    /// The address of its metadata, if it comes from one.
    pub fn fetched_from(&self) -> Option<&str> {
        match &self.metadata {
            MetadataSource::Url(url) => Some(url),
            MetadataSource::File(_) | MetadataSource::Stored => self.imported_from.as_deref(),
        }
    }

    /// What people read on its button: `label`, else the mdui:DisplayName that its `metadata`
    /// gives, else its name.
    pub fn label<'a>(&'a self, metadata: Option<&'a IdpMetadata>) -> &'a str {
        let theirs = || metadata.and_then(|metadata| metadata.display_name.as_deref());
        self.label.as_deref().or_else(theirs).unwrap_or(self.name.as_str())
    }

    /// Everything at its default.
    pub fn new(name: IdpName, metadata: MetadataSource) -> Self {
        Self {
            name,
            label: None,
            metadata,
            imported_from: None,
            way: Way::Document,
            metadata_signers: None,
            on_change: OnChange::default(),
            entity_id: None,
            enabled: true,
            default: false,
            show_button: true,
            email_domains: Vec::new(),
            allow_idp_initiated: false,
            landing: LocalPath::root(),
            sign_requests: None,
            force_authn: false,
            authn_context: Vec::new(),
            name_id_format: None,
            name_id_qualifier: None,
            name_id_allow_create: true,
            provider_name: None,
            scoping_idps: Vec::new(),
            scoping_proxy_count: None,
            attribute_consuming_service_index: None,
            login_hint: false,
            response_binding: AnswerBy::Post,
            acs: None,
            groups_overage: GroupsOverage::default(),
            clock_skew: None,
            user_name_suffix: None,
            allow_duplicate_attributes: false,
            want_encrypted: false,
            allow_sha1_until: None,
            allow_tripledes_until: None,
            allow_inclusive_c14n: false,
            allow_cbc_in_unsigned_response: false,
        }
    }
}
