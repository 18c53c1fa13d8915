//! `samlp:AuthnRequest` (core 3.4.1): what we ask an identity provider for.
//!
//! In: [`Wishes`], what an operator wants of a sign-in. Out: by [`Wishes::for_vendor`] the
//! [`Fitting`] ones, and with them the message, for either binding. Promised: what a product is
//! known to fail on is never sent, and where leaving it out would change what was asked for, it is
//! refused with a reason, when the settings are read and not in front of a person.
//!
//! | wish | sent to a product that does not take it |
//! |---|---|
//! | Comparison other than `exact` | as `exact`, with all that is enough by the operator's order |
//! | Subject | as `login_hint` in the address |
//! | AttributeConsumingServiceIndex | not; the answer can be mapped all the same |
//! | AssertionConsumerServiceIndex | refused: the answer would go elsewhere |
//! | Scoping | refused: somebody else could sign the person in |
//!
//! Nothing is wished for by default. Entra ID fails people who sign in without a password on a
//! RequestedAuthnContext (AADSTS75011), and AD FS refuses NameIDPolicy formats that no claim rule
//! fills.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::form_urlencoded::byte_serialize;

use super::accepted::NameId;
use super::asked::{AskedBoth, Comparison};
use super::binding::redirect::request_url;
use super::vendor::{Comparisons, SubjectHint, Taken, Vendor};
use crate::base::Timestamp;
use crate::dsig::{self, DsigError, SigningKey, sign_enveloped};
use crate::saml::schema::{ASSERTION_NS, PROTOCOL_NS};
use crate::xml::write::Writer;

/// `urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST`
pub const POST_BINDING: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST";
/// `urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Artifact`
pub const ARTIFACT_BINDING: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Artifact";

/// One request for authentication, to one identity provider.
#[derive(Clone, Copy, Debug)]
pub struct AuthnRequest<'a> {
    /// From [`crate::base::entropy::message_id`].
    pub id: &'a str,
    /// Now.
    pub issue_instant: Timestamp,
    /// The SingleSignOnService that it is sent to.
    pub destination: &'a str,
    /// Our entityID.
    pub issuer: &'a str,
    /// What we want of it.
    pub wishes: &'a Fitting<'a>,
}

/// What may be wanted of a sign-in. All but [`Wishes::answer_to`] can be left out.
#[derive(Clone, Copy, Debug)]
pub struct Wishes<'a> {
    /// Where the answer goes.
    pub answer_to: AnswerTo<'a>,
    /// By which method, how long ago: what is checked in the answer.
    pub asked: AskedBoth<'a>,
    /// Show nothing to the person: who is not signed in there comes back with `NoPassive`.
    pub passive: bool,
    /// Which NameID.
    pub name_id_policy: Option<NameIdPolicy<'a>>,
    /// Our name, to be shown to the person.
    pub provider_name: Option<&'a str>,
    /// Who the person probably is.
    pub subject: Option<&'a NameId>,
    /// Who may sign them in, where the identity provider passes them on.
    pub scoping: Option<Scoping<'a>>,
    /// Which attributes: the number of an `AttributeConsumingService` in our metadata.
    pub attribute_index: Option<u16>,
}

impl<'a> Wishes<'a> {
    /// An answer to our ACS by HTTP-POST, and nothing else.
    pub fn answer_to(acs_url: &'a str) -> Self {
        Self {
            answer_to: AnswerTo::Url(acs_url, AnswerBy::Post),
            asked: AskedBoth::default(),
            passive: false,
            name_id_policy: None,
            provider_name: None,
            subject: None,
            scoping: None,
            attribute_index: None,
        }
    }

    /// Fits them to what this product takes: see the module.
    pub fn for_vendor(self, vendor: Vendor) -> Result<Fitting<'a>, WishError> {
        let dialect = vendor.sign_in();
        if self.passive && self.asked.forces() {
            return Err(WishError::PassiveAndForced);
        }
        if matches!(self.answer_to, AnswerTo::Index(_)) && dialect.acs_index != Taken::Understood {
            return Err(WishError::AcsIndex(vendor));
        }
        if let Some(scoping) = &self.scoping {
            if dialect.scoping != Taken::Understood {
                return Err(WishError::Scoping(vendor));
            }
            if scoping.idps.iter().any(String::is_empty) {
                return Err(WishError::Empty("an entityID of the IDPList"));
            }
        }
        let format = self.name_id_policy.map(|policy| (policy.format, policy.sp_name_qualifier));
        if let Some((Some(""), _) | (_, Some(""))) = format {
            return Err(WishError::Empty(
                "Format or SPNameQualifier of the NameIDPolicy",
            ));
        }
        let contexts = self.asked.context().map(|asked| match dialect.comparison {
            Comparisons::All => (
                asked.comparison(),
                asked.classes().iter().map(String::as_str).collect(),
            ),
            Comparisons::Exact => (Comparison::Exact, asked.enough().collect()),
        });
        let (subject, login_hint) = match dialect.subject {
            SubjectHint::Element => (self.subject, None),
            SubjectHint::LoginHint => (None, self.subject.map(|name_id| name_id.value.as_str())),
        };
        let attribute_index = match dialect.attribute_index {
            Taken::Understood => self.attribute_index,
            Taken::Ignored | Taken::Refused => None,
        };
        Ok(Fitting {
            wishes: Self { subject, attribute_index, ..self },
            contexts,
            login_hint,
        })
    }
}

/// Where the answer goes. Core 3.4.1: an index, or an address and a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerTo<'a> {
    /// To this ACS.
    Url(&'a str, AnswerBy),
    /// To the AssertionConsumerService with this number in our metadata.
    Index(u16),
}

/// How the answer travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerBy {
    /// [`POST_BINDING`]
    Post,
    /// [`ARTIFACT_BINDING`]
    Artifact,
}

/// `samlp:NameIDPolicy` (core 3.4.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameIdPolicy<'a> {
    /// Of this format.
    pub format: Option<&'a str>,
    /// Qualified by this affiliation instead of us.
    pub sp_name_qualifier: Option<&'a str>,
    /// A new identifier may be made for this person. Not said of transient ones, which are always
    /// new (erratum E14).
    pub allow_create: bool,
}

impl<'a> NameIdPolicy<'a> {
    /// This format; made anew where there is none yet.
    pub const fn of_format(format: &'a str) -> Self {
        Self {
            format: Some(format),
            sp_name_qualifier: None,
            allow_create: true,
        }
    }
}

/// `samlp:Scoping` (core 3.4.1.2): for an identity provider that passes people on to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scoping<'a> {
    /// How often the request may be passed on.
    pub proxy_count: Option<u16>,
    /// The entityIDs of those who may sign the person in; empty allows all.
    pub idps: &'a [String],
}

/// Wishes that a product takes. Made by [`Wishes::for_vendor`] alone.
///
/// ```compile_fail,E0451
/// use samlgate::saml::authn_request::{Fitting, Wishes};
/// fn unfit<'a>(wishes: Wishes<'a>, other: Fitting<'a>) -> Fitting<'a> {
///     Fitting { wishes, ..other }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Fitting<'a> {
    wishes: Wishes<'a>,
    contexts: Option<(Comparison, Vec<&'a str>)>,
    login_hint: Option<&'a str>,
}

/// Why something can not be asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WishError {
    /// Nobody can sign in anew without being shown anything.
    #[error(
        "IsPassive shows nothing to the person, who can not sign in anew like that (ForceAuthn, or a maximum age)"
    )]
    PassiveAndForced,
    /// The answer would go to another address.
    #[error("{0} ignores AssertionConsumerServiceIndex, and would answer to its default address")]
    AcsIndex(Vendor),
    /// Somebody else could sign the person in.
    #[error("{0} does not support Scoping, so it can not be told who may sign people in")]
    Scoping(Vendor),
    /// A name without characters.
    #[error("{0} is empty")]
    Empty(&'static str),
}

/// A request for HTTP-POST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostedRequest {
    /// Where the form goes.
    pub action: String,
    /// The value of its field `SAMLRequest`.
    pub saml_request: String,
}

impl AuthnRequest<'_> {
    /// HTTP-Redirect: the address to send the browser to.
    pub fn redirect_url(
        &self,
        relay_state: &str,
        key: Option<&SigningKey>,
    ) -> Result<String, DsigError> {
        request_url(&self.location(), &self.to_xml(), relay_state, key)
    }

    /// HTTP-POST: the form to send the browser with. `RelayState` is the caller's to add.
    pub fn posted(&self, key: Option<&SigningKey>) -> Result<PostedRequest, DsigError> {
        let xml = match key {
            Some(key) => sign_enveloped(&self.to_xml(), self.id, key, dsig::Place::AfterIssuer)?,
            None => self.to_xml(),
        };
        Ok(PostedRequest { action: self.location(), saml_request: STANDARD.encode(xml) })
    }

    /// The message, unsigned.
    pub fn to_xml(&self) -> String {
        let Fitting { wishes, contexts, .. } = self.wishes;
        let issue_instant = self.issue_instant.to_saml();
        let mut writer = Writer::new();
        writer
            .start("samlp:AuthnRequest")
            .attr("xmlns:samlp", PROTOCOL_NS)
            .attr("xmlns:saml", ASSERTION_NS)
            .attr("ID", self.id)
            .attr("Version", "2.0")
            .attr("IssueInstant", &issue_instant)
            .attr("Destination", self.destination);
        match wishes.answer_to {
            AnswerTo::Url(acs_url, by) => {
                let binding = match by {
                    AnswerBy::Post => POST_BINDING,
                    AnswerBy::Artifact => ARTIFACT_BINDING,
                };
                writer
                    .attr("AssertionConsumerServiceURL", acs_url)
                    .attr("ProtocolBinding", binding);
            }
            AnswerTo::Index(index) => {
                writer.attr("AssertionConsumerServiceIndex", &index.to_string());
            }
        }
        if let Some(index) = wishes.attribute_index {
            writer.attr("AttributeConsumingServiceIndex", &index.to_string());
        }
        writer.attr_opt("ProviderName", wishes.provider_name);
        if wishes.asked.forces() {
            writer.attr("ForceAuthn", "true");
        }
        if wishes.passive {
            writer.attr("IsPassive", "true");
        }
        // The schema's order: Issuer, (Signature), Subject, NameIDPolicy, RequestedAuthnContext,
        // Scoping.
        writer.start("saml:Issuer").text(self.issuer).end();
        if let Some(subject) = wishes.subject {
            writer.start("saml:Subject");
            subject.write(&mut writer);
            writer.end();
        }
        if let Some(policy) = &wishes.name_id_policy {
            policy.write(&mut writer);
        }
        if let Some((comparison, classes)) = contexts {
            writer
                .start("samlp:RequestedAuthnContext")
                .attr("Comparison", comparison.as_str());
            for class in classes {
                writer.leaf("saml:AuthnContextClassRef", class);
            }
            writer.end();
        }
        if let Some(scoping) = &wishes.scoping {
            scoping.write(&mut writer);
        }
        writer.end();
        writer.finish()
    }

    /// Where the browser goes.
    fn location(&self) -> String {
        let Some(hint) = self.wishes.login_hint else {
            return self.destination.to_owned();
        };
        let hint: String = byte_serialize(hint.as_bytes()).collect();
        let separator = if self.destination.contains('?') {
            '&'
        } else {
            '?'
        };
        format!("{}{separator}login_hint={hint}", self.destination)
    }
}

impl NameIdPolicy<'_> {
    fn write(&self, writer: &mut Writer) {
        writer
            .start("samlp:NameIDPolicy")
            .attr_opt("Format", self.format)
            .attr_opt("SPNameQualifier", self.sp_name_qualifier);
        if self.allow_create && self.format != Some(NameId::TRANSIENT) {
            writer.attr("AllowCreate", "true");
        }
        writer.end();
    }
}

impl Scoping<'_> {
    fn write(&self, writer: &mut Writer) {
        let count = self.proxy_count.map(|count| count.to_string());
        writer.start("samlp:Scoping").attr_opt("ProxyCount", count.as_deref());
        if !self.idps.is_empty() {
            writer.start("samlp:IDPList");
            for entity_id in self.idps {
                writer.start("samlp:IDPEntry").attr("ProviderID", entity_id).end();
            }
            writer.end();
        }
        writer.end();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::base::Checks;
    use crate::dsig::{Trust, TrustedKeys};
    use crate::saml::asked::{Asked, AskedContext};
    use crate::saml::binding::query::QueryMessage;
    use crate::xml::{Document, Limits, Mode};

    const SSO: &str = "https://idp.example.com/sso?a&b";
    const ACS: &str = "https://app.example.com/saml/acs";
    static KEY: LazyLock<SigningKey> =
        LazyLock::new(|| SigningKey::generate_ec("sp", Timestamp::EPOCH).unwrap());
    static CAROL: LazyLock<NameId> = LazyLock::new(|| NameId {
        value: "carol+x@example.com".to_owned(),
        format: Some(NameId::EMAIL.to_owned()),
        name_qualifier: None,
        sp_name_qualifier: None,
        sp_provided_id: None,
    });

    fn request<'a>(wishes: &'a Fitting<'a>) -> AuthnRequest<'a> {
        AuthnRequest {
            id: "_request",
            issue_instant: Timestamp::parse_saml("2026-11-21T12:00:00Z").unwrap(),
            destination: SSO,
            issuer: "https://app.example.com/saml/metadata",
            wishes,
        }
    }

    fn to(vendor: Vendor, wishes: Wishes<'_>) -> Result<String, WishError> {
        wishes.for_vendor(vendor).map(|fitting| request(&fitting).to_xml())
    }

    /// What stands behind the Issuer.
    fn children(wishes: Wishes<'_>) -> String {
        let xml = to(Vendor::Generic, wishes).unwrap();
        let (_, rest) = xml.split_once("</saml:Issuer>").unwrap();
        rest.strip_suffix("</samlp:AuthnRequest>").unwrap().to_owned()
    }

    #[test]
    fn a_request_asks_for_what_an_operator_wants_and_for_nothing_else() {
        let start = "<samlp:AuthnRequest \
             xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" \
             xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"_request\" Version=\"2.0\" \
             IssueInstant=\"2026-11-21T12:00:00Z\" \
             Destination=\"https://idp.example.com/sso?a&amp;b\" \
             AssertionConsumerServiceURL=\"https://app.example.com/saml/acs\" \
             ProtocolBinding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST\"";
        let issuer = "<saml:Issuer>https://app.example.com/saml/metadata</saml:Issuer>";
        let end = "</samlp:AuthnRequest>";
        let plain = Wishes::answer_to(ACS);
        assert_eq!(
            to(Vendor::Generic, plain).unwrap(),
            format!("{start}>{issuer}{end}")
        );
        let classes = ["urn:a".to_owned(), "urn:b".to_owned()];
        let asked = Asked {
            context: AskedContext::exact(&classes),
            force_authn: true,
            ..Asked::NOTHING
        };
        let wished = Wishes {
            asked: asked.into(),
            name_id_policy: Some(NameIdPolicy::of_format("urn:format")),
            ..plain
        };
        assert_eq!(
            to(Vendor::Generic, wished).unwrap(),
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

    #[test]
    fn children_stand_in_the_order_of_the_schema() {
        let classes = ["urn:b".to_owned()];
        let order = ["urn:a".to_owned(), "urn:b".to_owned(), "urn:c".to_owned()];
        let idps = ["https://a.example.com".to_owned(), "urn:b".to_owned()];
        let context = AskedContext::new(&classes, Comparison::Minimum, &order).unwrap();
        let wishes = Wishes {
            asked: Asked { context: Some(context), ..Asked::NOTHING }.into(),
            name_id_policy: Some(NameIdPolicy {
                format: None,
                sp_name_qualifier: Some("urn:affiliation"),
                allow_create: false,
            }),
            subject: Some(&CAROL),
            scoping: Some(Scoping { proxy_count: Some(0), idps: &idps }),
            ..Wishes::answer_to(ACS)
        };
        assert_eq!(
            children(wishes),
            "<saml:Subject><saml:NameID \
             Format=\"urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress\">\
             carol+x@example.com</saml:NameID></saml:Subject>\
             <samlp:NameIDPolicy SPNameQualifier=\"urn:affiliation\"/>\
             <samlp:RequestedAuthnContext Comparison=\"minimum\">\
             <saml:AuthnContextClassRef>urn:b</saml:AuthnContextClassRef>\
             </samlp:RequestedAuthnContext>\
             <samlp:Scoping ProxyCount=\"0\"><samlp:IDPList>\
             <samlp:IDPEntry ProviderID=\"https://a.example.com\"/>\
             <samlp:IDPEntry ProviderID=\"urn:b\"/></samlp:IDPList></samlp:Scoping>"
        );
    }

    #[test]
    fn the_answer_goes_to_an_address_or_to_a_number() {
        let with = |change: &dyn Fn(&mut Wishes<'_>)| {
            let mut wishes = Wishes::answer_to(ACS);
            change(&mut wishes);
            let xml = to(Vendor::Generic, wishes).unwrap();
            let (start, _) = xml.split_once('>').unwrap();
            start.split_once("a&amp;b\" ").unwrap().1.to_owned()
        };
        assert_eq!(
            with(&|it| it.answer_to = AnswerTo::Index(7)),
            "AssertionConsumerServiceIndex=\"7\""
        );
        assert_eq!(
            with(&|it| it.answer_to = AnswerTo::Url(ACS, AnswerBy::Artifact)),
            "AssertionConsumerServiceURL=\"https://app.example.com/saml/acs\" \
             ProtocolBinding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Artifact\""
        );
        let all = with(&|it| {
            it.answer_to = AnswerTo::Index(7);
            it.attribute_index = Some(2);
            it.provider_name = Some("A & \"B\"");
            it.passive = true;
        });
        assert_eq!(
            all,
            "AssertionConsumerServiceIndex=\"7\" AttributeConsumingServiceIndex=\"2\" \
             ProviderName=\"A &amp; &quot;B&quot;\" IsPassive=\"true\""
        );
        let aged = with(&|it| it.asked.page.max_age = Some(std::time::Duration::ZERO));
        assert!(aged.ends_with("ForceAuthn=\"true\""), "{aged}");
    }

    #[test]
    fn a_transient_name_is_always_new_and_nobody_says_so() {
        let policy = |format| Wishes {
            name_id_policy: Some(NameIdPolicy::of_format(format)),
            ..Wishes::answer_to(ACS)
        };
        assert!(!children(policy(NameId::TRANSIENT)).contains("AllowCreate"));
        assert!(children(policy(NameId::PERSISTENT)).contains("AllowCreate=\"true\""));
    }

    #[test]
    fn what_entra_does_not_take_is_put_otherwise() {
        let order = ["urn:a".to_owned(), "urn:b".to_owned(), "urn:c".to_owned()];
        let context = AskedContext::new(&order[1..2], Comparison::Minimum, &order).unwrap();
        let wishes = Wishes {
            asked: Asked { context: Some(context), ..Asked::NOTHING }.into(),
            subject: Some(&CAROL),
            attribute_index: Some(1),
            ..Wishes::answer_to(ACS)
        };
        let xml = to(Vendor::Entra, wishes).unwrap();
        assert!(xml.contains(
            "Comparison=\"exact\">\
             <saml:AuthnContextClassRef>urn:b</saml:AuthnContextClassRef>\
             <saml:AuthnContextClassRef>urn:c</saml:AuthnContextClassRef></"
        ));
        assert!(
            !xml.contains("Subject") && !xml.contains("AttributeConsumingServiceIndex"),
            "{xml}"
        );
        assert!(xml.contains("Destination=\"https://idp.example.com/sso?a&amp;b\""));

        let fitting = wishes.for_vendor(Vendor::Entra).unwrap();
        let url = request(&fitting).redirect_url("x", None).unwrap();
        let there = format!("{SSO}&login_hint=carol%2Bx%40example.com");
        assert!(url.starts_with(&format!("{there}&SAMLRequest=")), "{url}");
        assert_eq!(request(&fitting).posted(None).unwrap().action, there);
        let fitting = wishes.for_vendor(Vendor::Generic).unwrap();
        assert_eq!(request(&fitting).posted(None).unwrap().action, SSO);
    }

    #[test]
    fn what_would_mean_something_else_is_refused_with_a_reason() {
        let plain = Wishes::answer_to(ACS);
        let idps = ["urn:a".to_owned()];
        let scoped = Wishes {
            scoping: Some(Scoping { proxy_count: None, idps: &idps }),
            ..plain
        };
        assert_eq!(
            to(Vendor::Entra, scoped),
            Err(WishError::Scoping(Vendor::Entra))
        );
        assert!(to(Vendor::Okta, scoped).is_ok());
        let counted = Wishes {
            scoping: Some(Scoping { proxy_count: Some(0), idps: &[] }),
            ..plain
        };
        assert_eq!(
            to(Vendor::Entra, counted),
            Err(WishError::Scoping(Vendor::Entra))
        );
        let numbered = Wishes { answer_to: AnswerTo::Index(1), ..plain };
        assert_eq!(
            to(Vendor::Entra, numbered),
            Err(WishError::AcsIndex(Vendor::Entra))
        );
        let forced = Asked { force_authn: true, ..Asked::NOTHING };
        let passive = Wishes { passive: true, asked: forced.into(), ..plain };
        assert_eq!(
            to(Vendor::Generic, passive),
            Err(WishError::PassiveAndForced)
        );
        let empty = [String::new()];
        let nobody = Wishes {
            scoping: Some(Scoping { proxy_count: None, idps: &empty }),
            ..plain
        };
        assert!(matches!(
            to(Vendor::Generic, nobody),
            Err(WishError::Empty(_))
        ));
        let nothing = Wishes { name_id_policy: Some(NameIdPolicy::of_format("")), ..plain };
        assert!(matches!(
            to(Vendor::Generic, nothing),
            Err(WishError::Empty(_))
        ));
    }

    #[test]
    fn both_bindings_carry_the_same_message_and_sign_it() {
        let fitting = Wishes::answer_to(ACS).for_vendor(Vendor::Generic).unwrap();
        let request = request(&fitting);
        let keys = TrustedKeys::one(KEY.trusted().unwrap());
        let url = request.redirect_url("handle", Some(&KEY)).unwrap();
        let query = QueryMessage::read(url.split_once("sso?a&b&").unwrap().1).unwrap();
        assert_eq!(query.xml(), request.to_xml().as_bytes());
        assert!(query.verify(Trust::only(&keys)).unwrap().is_some());

        let form = request.posted(Some(&KEY)).unwrap();
        let xml = STANDARD.decode(form.saml_request).unwrap();
        let document = Document::parse(&xml, Mode::Message, &Limits::default()).unwrap();
        let checks = &mut Checks::off();
        let verified = dsig::verify(document.root(), Trust::only(&keys), checks).unwrap();
        assert!(verified.is_some());
        let plain = STANDARD.decode(request.posted(None).unwrap().saml_request).unwrap();
        assert_eq!(plain, request.to_xml().as_bytes());
    }
}
