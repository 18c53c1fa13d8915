//! `samlp:AuthnRequest` (core 3.4.1): what we ask an identity provider for.

use crate::base::Timestamp;
use crate::saml::schema::{ASSERTION_NS, PROTOCOL_NS};
use crate::xml::write::Writer;

/// `urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST`
pub const POST_BINDING: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST";

/// One request for authentication.
///
/// No RequestedAuthnContext and no NameIDPolicy are sent unless an operator asks for them: Entra
/// ID fails people who sign in without a password on the first (AADSTS75011), and AD FS refuses
/// formats on the second that no claim rule fills.
#[derive(Clone, Debug)]
pub struct AuthnRequest<'a> {
    /// From [`crate::base::entropy::message_id`].
    pub id: &'a str,
    /// Now.
    pub issue_instant: Timestamp,
    /// The SingleSignOnService that it is sent to.
    pub destination: &'a str,
    /// Our ACS.
    pub acs_url: &'a str,
    /// Our entityID.
    pub issuer: &'a str,
    /// Ask for fresh authentication.
    pub force_authn: bool,
    /// NameIDPolicy Format.
    pub name_id_format: Option<&'a str>,
    /// RequestedAuthnContext, Comparison `exact` (the only one that Entra ID knows).
    pub authn_context: &'a [String],
}

impl AuthnRequest<'_> {
    /// The message, unsigned.
    pub fn to_xml(&self) -> String {
        let issue_instant = self.issue_instant.to_saml();
        let mut writer = Writer::new();
        writer
            .start("samlp:AuthnRequest")
            .attr("xmlns:samlp", PROTOCOL_NS)
            .attr("xmlns:saml", ASSERTION_NS)
            .attr("ID", self.id)
            .attr("Version", "2.0")
            .attr("IssueInstant", &issue_instant)
            .attr("Destination", self.destination)
            .attr("AssertionConsumerServiceURL", self.acs_url)
            .attr("ProtocolBinding", POST_BINDING);
        if self.force_authn {
            writer.attr("ForceAuthn", "true");
        }
        writer.start("saml:Issuer").text(self.issuer).end();
        if let Some(format) = self.name_id_format {
            writer
                .start("samlp:NameIDPolicy")
                .attr("Format", format)
                .attr("AllowCreate", "true")
                .end();
        }
        if !self.authn_context.is_empty() {
            writer.start("samlp:RequestedAuthnContext").attr("Comparison", "exact");
            for class in self.authn_context {
                writer.start("saml:AuthnContextClassRef").text(class).end();
            }
            writer.end();
        }
        writer.end();
        writer.finish()
    }
}
