//! Our own metadata: what an identity provider's admin imports.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::sha::sha256;

use super::description::{AttributeService, Contact, Localised, Organization, SpDescription, Ui};
use crate::base::{Timestamp, entropy};
use crate::dsig::{DsigError, Place, SigningKey, sign_enveloped};
use crate::saml::authn_request::{ARTIFACT_BINDING, POST_BINDING};
use crate::saml::schema::{ASSERTION_NS, DSIG_NS, METADATA_NS, PROTOCOL_NS};
use crate::saml::{Family, ServiceProvider};
use crate::xml::write::Writer;

/// Our metadata as it is served.
#[derive(Clone, Debug)]
pub struct SpMetadata {
    /// The signed document.
    pub xml: String,
    /// For `ETag`: changes when what the document says does. The same on every node with the same keys.
    pub etag: String,
    /// For how long it may be kept.
    pub cache: Duration,
    /// When it has to be made again, since its `validUntil` comes nearer.
    pub renew_at: Option<Timestamp>,
}

/// The certificates that go into our metadata, in DER.
#[derive(Clone, Copy, Debug)]
pub struct MetadataKeys<'k> {
    /// Those of keys that sign, or will; the active one first.
    pub signing: &'k [Vec<u8>],
    /// Those that others may encrypt to; the one that they should take first.
    pub encryption: &'k [Vec<u8>],
}

/// Writes and signs our EntityDescriptor.
///
/// With the keys that others encrypt to go the algorithms that we would choose, best first: identity
/// providers that read them take the first that they know. Many that find a key there encrypt
/// without being asked, and what AD FS and Entra ID then send is AES-CBC; docs/idp says what to do
/// there.
///
/// It has no `validUntil` unless the operator wants one: identity providers that import it once would
/// fail on that day. `cacheDuration` is an hour, so that those which poll learn of a new key in time.
pub fn sp_metadata(
    sp: &ServiceProvider,
    description: &SpDescription,
    keys: MetadataKeys<'_>,
    signing: &SigningKey,
    now: Timestamp,
) -> Result<SpMetadata, DsigError> {
    let (valid_until, renew_at) = description.valid_for.map(|span| validity(span, now)).unzip();
    let write = |id: &str| descriptor(sp, description, keys, id, valid_until);
    // Named by what it says: nodes with the same keys serve the same document, and caches keep it.
    let digest = entropy::hex(&sha256(write("_").as_bytes()));
    let id = format!("_{digest}");
    let xml = sign_enveloped(&write(&id), &id, signing, Place::First)?;
    // The signature is a part of it: the same words signed by another key are news.
    let signer = signing.fingerprint();
    let etag = entropy::hex(&sha256(format!("{digest} {signer}").as_bytes()));
    Ok(SpMetadata {
        xml: format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{xml}\n"),
        etag: format!("\"{etag}\""),
        cache: description.cache,
        renew_at,
    })
}

/// Until when metadata of now is valid, and when the next has to be made: at steps of an eighth, which
/// all nodes take at the same time.
fn validity(span: Duration, now: Timestamp) -> (Timestamp, Timestamp) {
    let seconds = i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
    let step = seconds.checked_div(8).unwrap_or(1).max(1);
    let begun = now.unix_seconds().div_euclid(step).saturating_mul(step);
    let at = |seconds: i64| Timestamp::from_unix_seconds(seconds);
    (
        at(begun.saturating_add(seconds)),
        at(begun.saturating_add(step)),
    )
}

fn descriptor(
    sp: &ServiceProvider,
    description: &SpDescription,
    keys: MetadataKeys<'_>,
    id: &str,
    valid_until: Option<Timestamp>,
) -> String {
    let mut writer = Writer::new();
    writer
        .start("md:EntityDescriptor")
        .attr("xmlns:md", METADATA_NS)
        .attr("ID", id)
        .attr_opt("validUntil", valid_until.map(Timestamp::to_saml).as_deref())
        .attr("cacheDuration", &lasting(description.cache))
        .attr("entityID", &sp.entity_id);
    // No AuthnRequestsSigned: we sign for those that ask for it, and whoever reads that we always do
    // refuses everything else (SimpleSAMLphp does).
    writer
        .start("md:SPSSODescriptor")
        .attr("WantAssertionsSigned", "true")
        .attr("protocolSupportEnumeration", PROTOCOL_NS);
    extensions(&mut writer, sp, description);
    for certificate in keys.signing {
        key_descriptor(&mut writer, "signing", certificate);
        writer.end();
    }
    for certificate in keys.encryption {
        key_descriptor(&mut writer, "encryption", certificate);
        for algorithm in ENCRYPTION_METHODS {
            writer.start("md:EncryptionMethod").attr("Algorithm", algorithm).end();
        }
        writer.end();
    }
    endpoints(&mut writer, sp);
    for (place, service) in description.attributes.iter().enumerate() {
        attribute_service(&mut writer, service, place == 0);
    }
    writer.end();
    if let Some(organization) = &description.organization {
        write_organization(&mut writer, organization);
    }
    for contact in &description.contacts {
        write_contact(&mut writer, contact);
    }
    writer.end();
    writer.finish()
}

/// `PT1H`, `PT90S`.
fn lasting(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds.checked_div(3600) {
        Some(hours) if hours > 0 && seconds.is_multiple_of(3600) => format!("PT{hours}H"),
        _ => format!("PT{seconds}S"),
    }
}

/// What stands between the keys and the requested attributes, in the order of the schema.
fn endpoints(writer: &mut Writer, sp: &ServiceProvider) {
    let (slo_url, post_url, soap_url) = (sp.slo_url(), sp.slo_post_url(), sp.slo_soap_url());
    for (binding, location) in [
        (REDIRECT_BINDING, &slo_url),
        (POST_BINDING, &post_url),
        (SOAP_BINDING, &soap_url),
    ] {
        writer
            .start("md:SingleLogoutService")
            .attr("Binding", binding)
            .attr("Location", location)
            .end();
    }
    for format in [
        "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
        "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
        "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified",
        "urn:oasis:names:tc:SAML:2.0:nameid-format:transient",
    ] {
        writer.start("md:NameIDFormat").text(format).end();
    }
    let acs_url = sp.acs_url();
    writer
        .start("md:AssertionConsumerService")
        .attr("Binding", POST_BINDING)
        .attr("Location", &acs_url)
        .attr("index", "0")
        .attr("isDefault", "true")
        .end();
    writer
        .start("md:AssertionConsumerService")
        .attr("Binding", ARTIFACT_BINDING)
        .attr("Location", &sp.artifact_url())
        .attr("index", "1")
        .end();
}

fn extensions(writer: &mut Writer, sp: &ServiceProvider, description: &SpDescription) {
    let discovery = description.discovery.as_deref();
    if description.ui.is_empty() && discovery.is_none() {
        return;
    }
    writer.start("md:Extensions");
    if !description.ui.is_empty() {
        write_ui(writer, &description.ui);
    }
    if let Some(path) = discovery {
        let path = sp.family().and_then(Family::discovery).unwrap_or(path);
        writer
            .start("idpdisc:DiscoveryResponse")
            .attr("xmlns:idpdisc", DISCOVERY)
            .attr("Binding", DISCOVERY)
            .attr("Location", &sp.public_url.join(path))
            .attr("index", "0")
            .attr("isDefault", "true")
            .end();
    }
    writer.end();
}

/// SAML V2.0 Metadata Extensions for Login and Discovery User Interface 1.0, 2.1.
fn write_ui(writer: &mut Writer, ui: &Ui) {
    writer.start("mdui:UIInfo").attr("xmlns:mdui", MDUI_NS);
    localised(writer, "mdui:DisplayName", &ui.display_name);
    localised(writer, "mdui:Description", &ui.description);
    localised(writer, "mdui:InformationURL", &ui.information_url);
    localised(
        writer,
        "mdui:PrivacyStatementURL",
        &ui.privacy_statement_url,
    );
    if let Some(logo) = &ui.logo {
        writer
            .start("mdui:Logo")
            .attr("height", &logo.height.to_string())
            .attr("width", &logo.width.to_string())
            .text(&logo.url)
            .end();
    }
    writer.end();
}

/// Metadata 2.3.2.1.
fn write_organization(writer: &mut Writer, organization: &Organization) {
    writer.start("md:Organization");
    localised(writer, "md:OrganizationName", &organization.name);
    localised(
        writer,
        "md:OrganizationDisplayName",
        &organization.display_name,
    );
    localised(writer, "md:OrganizationURL", &organization.url);
    writer.end();
}

/// Metadata 2.3.2.2.
fn write_contact(writer: &mut Writer, contact: &Contact) {
    writer.start("md:ContactPerson");
    if contact.kind == "security" {
        // REFEDS Security Contact Metadata Extension 1.0.
        writer.attr("contactType", "other").attr("xmlns:remd", REFEDS_NS).attr(
            "remd:contactType",
            "http://refeds.org/metadata/contactType/security",
        );
    } else {
        writer.attr("contactType", &contact.kind);
    }
    let leaf = |writer: &mut Writer, name: &str, text: &Option<String>| {
        if let Some(text) = text {
            writer.leaf(name, text);
        }
    };
    leaf(writer, "md:Company", &contact.company);
    leaf(writer, "md:GivenName", &contact.given_name);
    leaf(writer, "md:SurName", &contact.surname);
    for email in &contact.emails {
        writer.leaf("md:EmailAddress", &format!("mailto:{email}"));
    }
    leaf(writer, "md:TelephoneNumber", &contact.telephone);
    writer.end();
}

/// Metadata 2.4.4.1.
fn attribute_service(writer: &mut Writer, service: &AttributeService, is_default: bool) {
    writer
        .start("md:AttributeConsumingService")
        .attr("index", &service.index.to_string());
    if is_default {
        writer.attr("isDefault", "true");
    }
    localised(writer, "md:ServiceName", &service.name);
    for attribute in &service.attributes {
        writer
            .start("md:RequestedAttribute")
            .attr("Name", &attribute.name)
            .attr("NameFormat", attribute.name_format())
            .attr_opt("FriendlyName", attribute.friendly_name.as_deref())
            .attr(
                "isRequired",
                if attribute.required { "true" } else { "false" },
            );
        for value in &attribute.values {
            writer
                .start("saml:AttributeValue")
                .attr("xmlns:saml", ASSERTION_NS)
                .text(value)
                .end();
        }
        writer.end();
    }
    writer.end();
}

fn localised(writer: &mut Writer, name: &str, texts: &[Localised]) {
    for text in texts {
        writer.start(name).attr("xml:lang", &text.lang).text(&text.text).end();
    }
}

const REDIRECT_BINDING: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect";
const SOAP_BINDING: &str = "urn:oasis:names:tc:SAML:2.0:bindings:SOAP";

/// Metadata 2.4.1.1. AES-GCM first, since it guards itself; AES-CBC for those that have nothing
/// else. Every name of RSA-OAEP goes with every cipher, and the older one is the one that all know.
const ENCRYPTION_METHODS: [&str; 6] = [
    "http://www.w3.org/2009/xmlenc11#aes256-gcm",
    "http://www.w3.org/2009/xmlenc11#aes128-gcm",
    "http://www.w3.org/2001/04/xmlenc#aes256-cbc",
    "http://www.w3.org/2001/04/xmlenc#aes128-cbc",
    "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p",
    "http://www.w3.org/2009/xmlenc11#rsa-oaep",
];

/// The namespace of the element, and its binding.
const DISCOVERY: &str = "urn:oasis:names:tc:SAML:profiles:SSO:idp-discovery-protocol";
const MDUI_NS: &str = "urn:oasis:names:tc:SAML:metadata:ui";
const REFEDS_NS: &str = "http://refeds.org/metadata";

/// A KeyDescriptor, still open: what belongs behind its KeyInfo may follow.
fn key_descriptor(writer: &mut Writer, purpose: &str, certificate_der: &[u8]) {
    writer.start("md:KeyDescriptor").attr("use", purpose);
    writer.start("ds:KeyInfo").attr("xmlns:ds", DSIG_NS);
    writer.start("ds:X509Data").start("ds:X509Certificate");
    writer.text(&STANDARD.encode(certificate_der)).end().end().end();
}
