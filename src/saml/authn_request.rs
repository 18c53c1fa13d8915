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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_asks_for_what_an_operator_wants_and_for_nothing_else() {
        let plain = AuthnRequest {
            id: "_request",
            issue_instant: Timestamp::parse_saml("2026-11-21T12:00:00Z").unwrap(),
            destination: "https://idp.example.com/sso?a&b",
            acs_url: "https://app.example.com/saml/acs",
            issuer: "https://app.example.com/saml/metadata",
            force_authn: false,
            name_id_format: None,
            authn_context: &[],
        };
        let start = "<samlp:AuthnRequest \
             xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" \
             xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"_request\" Version=\"2.0\" \
             IssueInstant=\"2026-11-21T12:00:00Z\" \
             Destination=\"https://idp.example.com/sso?a&amp;b\" \
             AssertionConsumerServiceURL=\"https://app.example.com/saml/acs\" \
             ProtocolBinding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST\"";
        let issuer = "<saml:Issuer>https://app.example.com/saml/metadata</saml:Issuer>";
        let end = "</samlp:AuthnRequest>";
        assert_eq!(plain.to_xml(), format!("{start}>{issuer}{end}"));
        let classes = ["urn:a".to_owned(), "urn:b".to_owned()];
        let wished = AuthnRequest {
            force_authn: true,
            name_id_format: Some("urn:format"),
            authn_context: &classes,
            ..plain
        };
        assert_eq!(
            wished.to_xml(),
            format!(
                "{start} ForceAuthn=\"true\">{issuer}\
                 <samlp:NameIDPolicy Format=\"urn:format\" AllowCreate=\"true\"/>\
                 <samlp:RequestedAuthnContext Comparison=\"exact\">\
                 <saml:AuthnContextClassRef>urn:a</saml:AuthnContextClassRef>\
                 <saml:AuthnContextClassRef>urn:b</saml:AuthnContextClassRef>\
                 </samlp:RequestedAuthnContext>{end}"
            )
        );
    }
}
