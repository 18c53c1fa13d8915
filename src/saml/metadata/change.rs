//! What is other in a new version of an identity provider's metadata.
//!
//! In: two versions of one, the old and the new. Out: [`MetadataChange`], as data and as sentences
//! for whoever has to agree to it. Dates that move with every version (validUntil, cacheDuration)
//! are no change.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;
use url::Url;

use super::idp::IdpMetadata;
use super::key::{KeyUse, ListedKey};
use crate::dsig::Certificate;

/// How much depends on a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// What people read.
    Small,
    /// What messages go by; no more people can sign in, and to no other place, than before.
    Notable,
    /// Another name, another host, a key that counts no more, more that it may say of people. Under
    /// the policy `approve` an admin sees it before it counts.
    Big,
}

/// Which service an address is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// `SingleSignOnService`
    SignOn,
    /// `SingleLogoutService`
    Logout,
    /// `ArtifactResolutionService`
    ArtifactResolution,
}

impl Service {
    const fn as_str(self) -> &'static str {
        match self {
            Self::SignOn => "sign-on",
            Self::Logout => "logout",
            Self::ArtifactResolution => "artifact resolution",
        }
    }
}

/// One thing that is other. As a text it is a sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
#[expect(missing_docs, reason = "each field is what the sentence calls it")]
pub enum Change {
    /// It has another name, and what it has signed until now is of somebody else.
    EntityId { old: String, new: String },
    /// A service is on a host where it was not before; `kept`: also on one of the old ones.
    Host { service: Service, old: Vec<String>, new: String, kept: bool },
    /// There is an address more.
    EndpointAdded { service: Service, binding: String, location: String },
    /// There is an address less.
    EndpointRemoved { service: Service, binding: String, location: String },
    /// A certificate more.
    KeyAdded(Key),
    /// A certificate less.
    KeyRemoved(Key),
    /// It may speak for one scope more.
    ScopeAdded { scope: String },
    /// It may speak for one scope less.
    ScopeRemoved { scope: String },
    /// It lists no scopes any more, so that what it says is not held against any.
    ScopesGone,
    /// It begins or ceases to want signed requests.
    SignedRequests { wanted: bool },
    /// The NameID formats that it has.
    NameIdFormats { old: Vec<String>, new: Vec<String> },
    /// The name that people read.
    DisplayName { old: Option<String>, new: Option<String> },
    /// Pictures, descriptions, links, its organization.
    Appearance,
    /// Whom to call.
    Contacts,
    /// Where people whom we turn away may read more.
    ErrorUrl { old: Option<String>, new: Option<String> },
    /// Another has registered it.
    RegistrationAuthority { old: Option<String>, new: Option<String> },
}

impl Change {
    /// How much depends on it.
    pub fn severity(&self) -> Severity {
        match self {
            Self::EntityId { .. }
            | Self::Host { .. }
            | Self::ScopeAdded { .. }
            | Self::ScopesGone => Severity::Big,
            Self::KeyRemoved(key) if key.key_use.signs() => Severity::Big,
            Self::KeyRemoved(_)
            | Self::KeyAdded(_)
            | Self::EndpointAdded { .. }
            | Self::EndpointRemoved { .. }
            | Self::ScopeRemoved { .. }
            | Self::SignedRequests { .. }
            | Self::NameIdFormats { .. }
            | Self::RegistrationAuthority { .. } => Severity::Notable,
            Self::DisplayName { .. }
            | Self::Appearance
            | Self::Contacts
            | Self::ErrorUrl { .. } => Severity::Small,
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nothing = "nothing";
        let or_nothing = |text: &Option<String>| {
            text.as_ref().map_or_else(|| nothing.to_owned(), |text| format!("{text:?}"))
        };
        match self {
            Self::EntityId { old, new } => write!(f, "The entityID was {old} and is {new}."),
            Self::Host { service, old, new, kept } => {
                let old = if old.is_empty() {
                    nothing.to_owned()
                } else {
                    old.join(", ")
                };
                write!(
                    f,
                    "The host for {} was {old} and is now{} {new}.",
                    service.as_str(),
                    if *kept { " also" } else { "" }
                )
            }
            Self::EndpointAdded { service, binding, location } => {
                write!(
                    f,
                    "There is a new {} address by {binding}: {location}.",
                    service.as_str()
                )
            }
            Self::EndpointRemoved { service, binding, location } => {
                write!(
                    f,
                    "The {} address by {binding} is gone: {location}.",
                    service.as_str()
                )
            }
            Self::KeyAdded(key) => write!(f, "There is a new certificate for {key}."),
            Self::KeyRemoved(key) => write!(f, "A certificate for {key} is gone."),
            Self::ScopeAdded { scope } => write!(f, "It may now speak for {scope}."),
            Self::ScopeRemoved { scope } => write!(f, "It may no longer speak for {scope}."),
            Self::ScopesGone => f.write_str(
                "It lists no scopes any more, so the scopes in what it says are no longer checked.",
            ),
            Self::SignedRequests { wanted: true } => f.write_str("It now wants signed requests."),
            Self::SignedRequests { wanted: false } => {
                f.write_str("It no longer wants signed requests.")
            }
            Self::NameIdFormats { old, new } => {
                write!(
                    f,
                    "Its NameID formats were [{}] and are [{}].",
                    old.join(", "),
                    new.join(", ")
                )
            }
            Self::DisplayName { old, new } => {
                write!(
                    f,
                    "The name was {} and is {}.",
                    or_nothing(old),
                    or_nothing(new)
                )
            }
            Self::Appearance => {
                f.write_str("Pictures, descriptions, links or the organization changed.")
            }
            Self::Contacts => f.write_str("The contacts changed."),
            Self::ErrorUrl { old, new } => {
                write!(
                    f,
                    "The page for errors was {} and is {}.",
                    or_nothing(old),
                    or_nothing(new)
                )
            }
            Self::RegistrationAuthority { old, new } => {
                write!(
                    f,
                    "It was registered by {} and is by {}.",
                    or_nothing(old),
                    or_nothing(new)
                )
            }
        }
    }
}

/// A certificate in a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Key {
    /// For one of the two uses.
    pub key_use: KeyUse,
    /// SHA-256 of the certificate.
    pub fingerprint: String,
    /// Whose it says it is.
    pub subject: String,
    /// When it ends.
    pub not_after: String,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key_use, fingerprint, subject, not_after } = self;
        let key_use = key_use.as_str();
        write!(
            f,
            "{key_use}, of {subject}, valid until {not_after}, SHA-256 {fingerprint}"
        )
    }
}

/// All that is other in a new version; the most important first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MetadataChange {
    /// The identity provider, by the name that it had.
    pub entity_id: String,
    /// How much depends on it altogether.
    pub severity: Severity,
    /// One by one; never empty.
    pub changes: Vec<Change>,
}

impl MetadataChange {
    /// `None` when nothing is other.
    pub fn between(old: &IdpMetadata, new: &IdpMetadata) -> Option<Self> {
        let mut changes = Vec::new();
        if old.entity_id != new.entity_id {
            let (old, new) = (old.entity_id.clone(), new.entity_id.clone());
            changes.push(Change::EntityId { old, new });
        }
        hosts(old, new, &mut changes);
        keys(old, new, &mut changes);
        scopes(old, new, &mut changes);
        endpoints(old, new, &mut changes);
        others(old, new, &mut changes);
        changes.sort_by_key(|change| std::cmp::Reverse(change.severity()));
        let severity = changes.first()?.severity();
        Some(Self { entity_id: old.entity_id.clone(), severity, changes })
    }

    /// Whether an admin sees it before it counts, under the policy `approve`.
    pub fn is_big(&self) -> bool {
        self.severity == Severity::Big
    }

    /// A sentence for each, the most important first.
    pub fn sentences(&self) -> impl Iterator<Item = String> {
        self.changes.iter().map(ToString::to_string)
    }
}

/// Service, binding, address.
type Address<'m> = (Service, &'static str, &'m str);

fn addresses(metadata: &IdpMetadata) -> BTreeSet<Address<'_>> {
    let mut addresses = BTreeSet::new();
    for endpoint in &metadata.sign_on {
        addresses.insert((
            Service::SignOn,
            endpoint.binding.as_str(),
            &*endpoint.location,
        ));
    }
    for endpoint in &metadata.logout {
        let binding = endpoint.binding.as_str();
        addresses.insert((Service::Logout, binding, &*endpoint.location));
        if let Some(response) = &endpoint.response_location {
            addresses.insert((Service::Logout, binding, &**response));
        }
    }
    for location in &metadata.logout_soap {
        addresses.insert((Service::Logout, "SOAP", &**location));
    }
    for endpoint in &metadata.artifact_resolution {
        addresses.insert((Service::ArtifactResolution, "SOAP", &*endpoint.location));
    }
    addresses
}

/// A host for one service that was none for it before. One that is not needed any more is no
/// danger, and shown as an address that is gone.
fn hosts(old: &IdpMetadata, new: &IdpMetadata, changes: &mut Vec<Change>) {
    let of = |metadata: &IdpMetadata, service: Service| -> BTreeSet<String> {
        let all = addresses(metadata);
        all.iter()
            .filter(|(of, ..)| *of == service)
            .map(|(.., location)| host(location))
            .collect()
    };
    for service in [
        Service::SignOn,
        Service::Logout,
        Service::ArtifactResolution,
    ] {
        let (before, after) = (of(old, service), of(new, service));
        let kept = !after.is_disjoint(&before);
        for new in after.difference(&before) {
            let (old, new) = (before.iter().cloned().collect(), new.clone());
            changes.push(Change::Host { service, old, new, kept });
        }
    }
}

/// Host and port.
fn host(location: &str) -> String {
    let url = Url::parse(location).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or(location);
    match url.as_ref().and_then(Url::port) {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

fn endpoints(old: &IdpMetadata, new: &IdpMetadata, changes: &mut Vec<Change>) {
    let (before, after) = (addresses(old), addresses(new));
    let parts = |(service, binding, location): &Address<'_>| {
        (*service, (*binding).to_owned(), (*location).to_owned())
    };
    for (service, binding, location) in after.difference(&before).map(parts) {
        changes.push(Change::EndpointAdded { service, binding, location });
    }
    for (service, binding, location) in before.difference(&after).map(parts) {
        changes.push(Change::EndpointRemoved { service, binding, location });
    }
}

fn keys(old: &IdpMetadata, new: &IdpMetadata, changes: &mut Vec<Change>) {
    let (before, after) = (certificates(old), certificates(new));
    let described = |key_use: KeyUse, certificate: &Certificate| Key {
        key_use,
        fingerprint: certificate.fingerprint().to_owned(),
        subject: certificate.subject().to_owned(),
        not_after: certificate.not_after().to_saml(),
    };
    for ((key_use, fingerprint), certificate) in &before {
        if !after.contains_key(&(*key_use, fingerprint)) {
            changes.push(Change::KeyRemoved(described(*key_use, certificate)));
        }
    }
    for ((key_use, fingerprint), certificate) in &after {
        if !before.contains_key(&(*key_use, fingerprint)) {
            changes.push(Change::KeyAdded(described(*key_use, certificate)));
        }
    }
}

/// One that is for both uses is there twice.
fn certificates(metadata: &IdpMetadata) -> BTreeMap<(KeyUse, &str), &Certificate> {
    let mut certificates = BTreeMap::new();
    for ListedKey { key_use, certificate } in &metadata.listed_keys {
        let fingerprint = certificate.fingerprint();
        if key_use.signs() {
            certificates.insert((KeyUse::Signing, fingerprint), certificate);
        }
        if key_use.encrypts() {
            certificates.insert((KeyUse::Encryption, fingerprint), certificate);
        }
    }
    certificates
}

fn scopes(old: &IdpMetadata, new: &IdpMetadata, changes: &mut Vec<Change>) {
    let (Some(before), after) = (&old.scopes, &new.scopes) else {
        return;
    };
    let Some(after) = after else {
        changes.push(Change::ScopesGone);
        return;
    };
    for scope in after.iter().filter(|scope| !before.contains(scope)) {
        changes.push(Change::ScopeAdded { scope: scope.clone() });
    }
    for scope in before.iter().filter(|scope| !after.contains(scope)) {
        changes.push(Change::ScopeRemoved { scope: scope.clone() });
    }
}

fn others(old: &IdpMetadata, new: &IdpMetadata, changes: &mut Vec<Change>) {
    if old.wants_signed_requests != new.wants_signed_requests {
        changes.push(Change::SignedRequests { wanted: new.wants_signed_requests });
    }
    if old.name_id_formats != new.name_id_formats {
        let (old, new) = (old.name_id_formats.clone(), new.name_id_formats.clone());
        changes.push(Change::NameIdFormats { old, new });
    }
    if old.registration_authority != new.registration_authority {
        let (old, new) = (
            old.registration_authority.clone(),
            new.registration_authority.clone(),
        );
        changes.push(Change::RegistrationAuthority { old, new });
    }
    if old.display_name != new.display_name {
        let (old, new) = (old.display_name.clone(), new.display_name.clone());
        changes.push(Change::DisplayName { old, new });
    } else if old.shown.appearance != new.shown.appearance {
        changes.push(Change::Appearance);
    }
    if old.shown.contacts != new.shown.contacts {
        changes.push(Change::Contacts);
    }
    if old.error_url != new.error_url {
        let written = |metadata: &IdpMetadata| {
            metadata.error_url.as_ref().map(|url| url.as_written().to_owned())
        };
        changes.push(Change::ErrorUrl { old: written(old), new: written(new) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::saml::metadata::samples::{
        FEDERATION, ONE, OTHER, STRANGER, entity_of, key_descriptor, least, now, role, service,
    };

    fn read(name: &str, attributes: &str, inside: &str) -> IdpMetadata {
        let xml = entity_of(name, "", &role(attributes, inside));
        IdpMetadata::read(xml.as_bytes(), None, now()).unwrap()
    }

    fn before() -> IdpMetadata {
        read(ONE, "", &least())
    }

    fn between(new: &IdpMetadata) -> MetadataChange {
        MetadataChange::between(&before(), new).unwrap()
    }

    fn sign_on(location: &str) -> String {
        let location = format!(r#"Location="{location}""#);
        key_descriptor(None, STRANGER.certificate_der())
            + &service("SingleSignOnService", "HTTP-POST", &location)
    }

    #[test]
    fn the_same_again_is_no_change_whatever_its_dates() {
        assert_eq!(MetadataChange::between(&before(), &before()), None);
        let dated = r#"validUntil="2026-12-01T00:00:00Z" cacheDuration="PT1H""#;
        assert_eq!(
            MetadataChange::between(&before(), &read(ONE, dated, &least())),
            None
        );
    }

    #[test]
    fn another_name_another_host_and_a_key_that_is_gone_are_big() {
        let renamed = between(&read(OTHER, "", &least()));
        assert!(renamed.is_big());
        assert_eq!(
            renamed.sentences().next().unwrap(),
            "The entityID was https://idp.example.com/metadata and is https://other.example.com/metadata."
        );

        let moved = between(&read(ONE, "", &sign_on("https://evil.example/sso")));
        assert!(moved.is_big());
        assert!(matches!(&moved.changes[0], Change::Host { new, .. } if new == "evil.example"));
        assert!(between(&read(ONE, "", &sign_on("https://idp.example.com:8443/sso"))).is_big());
        let first = |change: &MetadataChange| change.sentences().next().unwrap();
        assert!(
            first(&moved).ends_with("and is now evil.example."),
            "{}",
            first(&moved)
        );
        let more = service(
            "SingleSignOnService",
            "HTTP-Redirect",
            r#"Location="https://more.example/sso""#,
        );
        let more = between(&read(ONE, "", &(least() + &more)));
        assert!(
            first(&more).ends_with("and is now also more.example."),
            "{}",
            first(&more)
        );

        let changed = least().replace(
            &key_descriptor(None, STRANGER.certificate_der()),
            &key_descriptor(None, FEDERATION.certificate_der()),
        );
        let changed = between(&read(ONE, "", &changed));
        assert!(changed.is_big());
        let gone = changed.changes.iter().filter(|one| matches!(one, Change::KeyRemoved(_)));
        assert_eq!(gone.count(), 2, "for signing and for encryption");
    }

    #[test]
    fn another_page_on_the_same_host_and_a_key_more_are_notable() {
        let page = between(&read(ONE, "", &sign_on("https://idp.example.com/sso2")));
        assert_eq!((page.severity, page.changes.len()), (Severity::Notable, 2));
        let more = least() + &key_descriptor(Some("signing"), FEDERATION.certificate_der());
        let more = between(&read(ONE, "", &more));
        assert_eq!((more.severity, more.changes.len()), (Severity::Notable, 1));
        let sentence = more.sentences().next().unwrap();
        assert!(
            sentence.contains(FEDERATION.trusted().unwrap().fingerprint()),
            "{sentence}"
        );
    }

    #[test]
    fn a_key_that_is_no_longer_for_signing_is_gone_for_signing() {
        let both = least() + &key_descriptor(None, FEDERATION.certificate_der());
        let encryption =
            least() + &key_descriptor(Some("encryption"), FEDERATION.certificate_der());
        let (both, encryption) = (read(ONE, "", &both), read(ONE, "", &encryption));
        assert!(MetadataChange::between(&both, &encryption).unwrap().is_big());
    }

    #[test]
    fn more_that_it_may_say_of_people_is_big() {
        let scoped = |scopes: &[&str]| {
            let scopes = scopes.iter().map(|scope| {
                format!(r#"<s:Scope xmlns:s="urn:mace:shibboleth:metadata:1.0">{scope}</s:Scope>"#)
            });
            let scopes: String = scopes.collect();
            read(
                ONE,
                "",
                &format!("<md:Extensions>{scopes}</md:Extensions>{}", least()),
            )
        };
        let old = scoped(&["example.com"]);
        let more = scoped(&["example.com", "bank.example"]);
        let change =
            |old: &IdpMetadata, new: &IdpMetadata| MetadataChange::between(old, new).unwrap();
        assert!(change(&old, &more).is_big());
        assert!(change(&old, &before()).is_big());
        assert_eq!(change(&more, &old).severity, Severity::Notable);
    }

    #[test]
    fn what_people_read_is_small_and_the_whole_is_data() {
        let named = format!(
            r#"<md:Extensions><u:UIInfo xmlns:u="urn:oasis:names:tc:SAML:metadata:ui"><u:DisplayName xml:lang="en">Contoso</u:DisplayName></u:UIInfo></md:Extensions>{}"#,
            least()
        );
        let named = between(&read(ONE, "", &named));
        assert_eq!(
            serde_json::to_value(&named).unwrap(),
            serde_json::json!({
                "entity_id": ONE,
                "severity": "small",
                "changes": [{ "change": "display_name", "old": null, "new": "Contoso" }],
            })
        );
    }
}
