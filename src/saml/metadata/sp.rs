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
/// It has no encryption key: assertions are protected by TLS on their way through the browser,
/// and identity providers that find a key there encrypt without being asked.
/// It has no `validUntil`: identity providers that import it once would fail on that day.
/// `cacheDuration` is an hour, so that those which poll learn of a new key in time.
pub fn sp_metadata(
    sp: &ServiceProvider,
    keys: &[&SigningKey],
    signing: &SigningKey,
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
    writer
        .start("md:SPSSODescriptor")
        .attr("AuthnRequestsSigned", "true")
        .attr("WantAssertionsSigned", "true")
        .attr("protocolSupportEnumeration", PROTOCOL_NS);
    for key in keys {
        writer.start("md:KeyDescriptor").attr("use", "signing");
        writer.start("ds:KeyInfo").attr("xmlns:ds", DSIG_NS);
        writer.start("ds:X509Data").start("ds:X509Certificate");
        writer.text(&STANDARD.encode(key.certificate_der())).end().end().end().end();
    }
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
