//! Documents for tests.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::base::Timestamp;
use crate::dsig::{Place, SigningKey, TrustedKeys, sign_enveloped};
use crate::saml::schema::{DSIG_NS, METADATA_NS, PROTOCOL_NS};

pub(super) static FEDERATION: LazyLock<SigningKey> = LazyLock::new(|| key("federation"));
pub(super) static STRANGER: LazyLock<SigningKey> = LazyLock::new(|| key("stranger"));
pub(super) const ONE: &str = "https://idp.example.com/metadata";
pub(super) const OTHER: &str = "https://other.example.com/metadata";
/// An aggregate that can be signed, and is valid for a while.
pub(super) const VALID: &str = r#"ID="_all" validUntil="2026-12-01T00:00:00Z""#;

pub(super) fn key(name: &str) -> SigningKey {
    SigningKey::generate_ec(name, Timestamp::EPOCH).unwrap()
}

pub(super) fn signers() -> TrustedKeys {
    TrustedKeys::one(FEDERATION.trusted().unwrap())
}

pub(super) fn now() -> Timestamp {
    Timestamp::parse_saml("2026-11-21T12:00:00Z").unwrap()
}

pub(super) fn key_descriptor(key_use: Option<&str>, certificate: &[u8]) -> String {
    let key_use = key_use.map(|word| format!(r#" use="{word}""#)).unwrap_or_default();
    format!(
        r#"<md:KeyDescriptor{key_use}><ds:KeyInfo xmlns:ds="{DSIG_NS}"><ds:X509Data><ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"#,
        STANDARD.encode(certificate)
    )
}

pub(super) fn service(name: &str, binding: &str, more: &str) -> String {
    format!(r#"<md:{name} Binding="urn:oasis:names:tc:SAML:2.0:bindings:{binding}" {more}/>"#)
}

pub(super) fn role(attributes: &str, inside: &str) -> String {
    format!(
        r#"<md:IDPSSODescriptor protocolSupportEnumeration="{PROTOCOL_NS}" {attributes}>{inside}</md:IDPSSODescriptor>"#
    )
}

/// An EntityDescriptor with this in it.
pub(super) fn entity_of(name: &str, attributes: &str, inside: &str) -> String {
    format!(
        r#"<md:EntityDescriptor xmlns:md="{METADATA_NS}" entityID="{name}" {attributes}>{inside}</md:EntityDescriptor>"#
    )
}

/// The least that a role needs.
pub(super) fn least() -> String {
    let sign_on = service(
        "SingleSignOnService",
        "HTTP-POST",
        r#"Location="https://idp.example.com/sso""#,
    );
    key_descriptor(None, STRANGER.certificate_der()) + &sign_on
}

/// An identity provider.
pub(super) fn entity(name: &str, attributes: &str) -> String {
    entity_of(name, attributes, &role("", &least()))
}

pub(super) fn aggregate(attributes: &str, entities: &str) -> String {
    format!(
        r#"<md:EntitiesDescriptor xmlns:md="{METADATA_NS}" {attributes}>{entities}</md:EntitiesDescriptor>"#
    )
}

pub(super) fn signed(xml: &str, id: &str, key: &SigningKey) -> String {
    sign_enveloped(xml, id, key, Place::First).unwrap()
}
