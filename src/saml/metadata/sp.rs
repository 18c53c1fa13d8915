//! Our own metadata: what an identity provider's admin imports.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::sha::sha256;

use crate::base::{Entropy, entropy};
use crate::dsig::{DsigError, Place, SigningKey, sign_enveloped};
use crate::saml::ServiceProvider;
use crate::saml::authn_request::POST_BINDING;
use crate::saml::schema::{DSIG_NS, METADATA_NS, PROTOCOL_NS};
use crate::xml::write::Writer;

/// Our metadata as it is served, made once at start.
#[derive(Clone, Debug)]
pub struct SpMetadata {
    /// The signed document.
    pub xml: String,
    /// For `ETag`: changes when the document does.
    pub etag: String,
}

/// Writes and signs our EntityDescriptor.
///
/// `encryption` is the certificate of the key that others encrypt to, in DER. With it go the
/// algorithms that we would choose, best first: identity providers that read them take the first
/// that they know. Many that find a key there encrypt without being asked, and what AD FS and
/// Entra ID then send is AES-CBC; docs/idp says what to do there.
/// It has no `validUntil`: identity providers that import it once would fail on that day.
/// `cacheDuration` is an hour, so that those which poll learn of a new key in time.
pub fn sp_metadata(
    sp: &ServiceProvider,
    keys: &[&SigningKey],
    signing: &SigningKey,
    encryption: &[u8],
    entropy: &dyn Entropy,
) -> Result<SpMetadata, DsigError> {
    let id = entropy::message_id(entropy);
    let acs_url = sp.acs_url();
    let mut writer = Writer::new();
    writer
        .start("md:EntityDescriptor")
        .attr("xmlns:md", METADATA_NS)
        .attr("ID", &id)
        .attr("cacheDuration", "PT1H")
        .attr("entityID", &sp.entity_id);
    // No AuthnRequestsSigned: we sign for those that ask for it, and whoever reads that we always do
    // refuses everything else (SimpleSAMLphp does).
    writer
        .start("md:SPSSODescriptor")
        .attr("WantAssertionsSigned", "true")
        .attr("protocolSupportEnumeration", PROTOCOL_NS);
    for key in keys {
        key_descriptor(&mut writer, "signing", key.certificate_der());
        writer.end();
    }
    key_descriptor(&mut writer, "encryption", encryption);
    for algorithm in ENCRYPTION_METHODS {
        writer.start("md:EncryptionMethod").attr("Algorithm", algorithm).end();
    }
    writer.end();
    for format in [
        "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
        "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
        "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified",
        "urn:oasis:names:tc:SAML:2.0:nameid-format:transient",
    ] {
        writer.start("md:NameIDFormat").text(format).end();
    }
    writer
        .start("md:AssertionConsumerService")
        .attr("Binding", POST_BINDING)
        .attr("Location", &acs_url)
        .attr("index", "0")
        .attr("isDefault", "true")
        .end();
    writer.end().end();
    let xml = sign_enveloped(&writer.finish(), &id, signing, Place::First)?;
    let etag = format!("\"{}\"", entropy::hex(&sha256(xml.as_bytes())));
    Ok(SpMetadata {
        xml: format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{xml}\n"),
        etag,
    })
}

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

/// A KeyDescriptor, still open: what belongs behind its KeyInfo may follow.
fn key_descriptor(writer: &mut Writer, purpose: &str, certificate_der: &[u8]) {
    writer.start("md:KeyDescriptor").attr("use", purpose);
    writer.start("ds:KeyInfo").attr("xmlns:ds", DSIG_NS);
    writer.start("ds:X509Data").start("ds:X509Certificate");
    writer.text(&STANDARD.encode(certificate_der)).end().end().end();
}
