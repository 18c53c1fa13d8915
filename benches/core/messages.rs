//! The messages that are measured: a Response in the manner of Entra ID, signed by RSA-2048.
//!
//! In: how many signatures, how many bytes, a number. Out: the signed message. The key is made by
//! this run; everything else depends on the arguments alone.

use std::error::Error;
use std::fmt::Write as _;
use std::time::Duration;

use samlgate::base::{IdpName, PublicUrl, ReturnTo, Timestamp};
use samlgate::dsig::{Place, SigningKey, Trust, TrustedKey, TrustedKeys, sign_enveloped};
use samlgate::saml::asked::AskedBoth;
use samlgate::saml::binding::post;
use samlgate::saml::keys::Keys;
use samlgate::saml::pending::PendingLogin;
use samlgate::saml::profile::{Expectations, Origin};
use samlgate::saml::response::ResponseMessage;
use samlgate::saml::{ServiceProvider, ValidAssertion};
use samlgate::xml::{Document, Limits, Mode};
use samlgate::xmlenc::{Decryption, DecryptionKeys};

pub(crate) type Outcome<T> = Result<T, Box<dyn Error>>;

/// What is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signed {
    /// The Assertion.
    Assertion,
    /// The Assertion, and then the Response around it.
    Both,
}

/// An identity provider.
pub(crate) struct Idp(pub(crate) SigningKey);

/// Our side of a sign-in.
pub(crate) struct World {
    pub(crate) keys: TrustedKeys,
    sp: ServiceProvider,
    decryption: DecryptionKeys,
    now: Timestamp,
}

pub(crate) const IDP: &str = "https://idp.example.com/metadata";
pub(crate) const SP: &str = "https://sp.example.com/saml/metadata";
pub(crate) const ACS: &str = "https://sp.example.com/saml/acs";
pub(crate) const REQUEST: &str = "_b3a1f0c7d2e94856a0b1c2d3e4f50617";

impl Idp {
    pub(crate) fn new(now: Timestamp) -> Outcome<Self> {
        Ok(Self(SigningKey::generate_rsa(
            2048,
            "idp.example.com",
            now,
        )?))
    }

    /// A message of about `bytes` bytes: as many groups as there is room for.
    pub(crate) fn message(
        &self,
        signed: Signed,
        bytes: usize,
        number: usize,
        now: Timestamp,
    ) -> Outcome<String> {
        let empty = self.signed(signed, 0, number, now)?.len();
        let one = self.signed(signed, 1, number, now)?.len() - empty;
        let groups = bytes.saturating_sub(empty) / one;
        self.signed(signed, groups, number, now)
    }

    fn signed(
        &self,
        signed: Signed,
        groups: usize,
        number: usize,
        now: Timestamp,
    ) -> Outcome<String> {
        let xml = unsigned(groups, number, now)?;
        let assertion = format!("_assertion-{number:032x}");
        let xml = sign_enveloped(&xml, &assertion, &self.0, Place::AfterIssuer)?;
        if signed == Signed::Assertion {
            return Ok(xml);
        }
        let response = format!("_response-{number:032x}");
        Ok(sign_enveloped(
            &xml,
            &response,
            &self.0,
            Place::AfterIssuer,
        )?)
    }
}

impl World {
    /// Trusts one key.
    pub(crate) fn new(key: TrustedKey, now: Timestamp) -> Outcome<Self> {
        let sp = ServiceProvider {
            public_url: PublicUrl::parse("https://sp.example.com")?,
            entity_id: SP.to_owned(),
            clock_skew: Duration::from_secs(180),
            other_acs: None,
        };
        let keys = TrustedKeys::one(key);
        Ok(Self { keys, sp, decryption: DecryptionKeys::default(), now })
    }

    /// The request of ours that a message answers.
    pub(crate) fn origin(&self) -> Outcome<Origin> {
        Ok(Origin::Requested(PendingLogin {
            request_id: REQUEST.to_owned(),
            idp: IdpName::parse("corp").ok_or("not a name")?,
            return_to: ReturnTo::root(),
            wish: samlgate::saml::Wish::default(),
            created_at: self.now,
        }))
    }

    /// What the ACS does with the value of `SAMLResponse`, by the functions that it calls.
    pub(crate) fn sign_in(&self, value: &[u8], origin: Origin) -> Outcome<ValidAssertion> {
        let xml = post::decode_message(value)?;
        self.read(xml, origin)
    }

    /// The same with the decoded message.
    pub(crate) fn read(&self, xml: Vec<u8>, origin: Origin) -> Outcome<ValidAssertion> {
        let checks = &mut samlgate::base::Checks::off();
        let document = Document::parse_owned(xml, Mode::Message, &Limits::default())?;
        let message = ResponseMessage::parse(&document, checks)?;
        if message.issuer_hint().as_deref() != Some(IDP) {
            return Err("another issuer".into());
        }
        if message.in_response_to_hint() != Some(REQUEST) {
            return Err("another request".into());
        }
        let signed = message.verify(self.trusted(), checks)?;
        Ok(signed.validate(origin, &self.expected(), checks, self.now)?)
    }

    pub(crate) fn trusted(&self) -> Keys<'_> {
        Keys {
            signing: Trust::only(&self.keys),
            decryption: Decryption {
                keys: &self.decryption,
                allow_cbc_unsigned: false,
                allow_tripledes: false,
                required: false,
            },
        }
    }

    pub(crate) fn expected(&self) -> Expectations<'_> {
        Expectations {
            sp: &self.sp,
            idp_entity_id: IDP,
            clock_skew: self.sp.clock_skew,
            asked: AskedBoth::default(),
            scopes: None,
            affiliation: None,
        }
    }
}

/// Ten attributes and so many groups, each by the name of a GUID, as Entra ID sends them.
fn unsigned(groups: usize, number: usize, now: Timestamp) -> Outcome<String> {
    const CLAIMS: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims";
    const MICROSOFT: &str = "http://schemas.microsoft.com/identity/claims";
    const GROUPS: &str = "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups";
    let at = now.to_saml();
    let (before, until) = (
        now.minus(Duration::from_secs(300)).to_saml(),
        now.plus(Duration::from_secs(3600)).to_saml(),
    );
    let mut xml = format!(
        concat!(
            r#"<samlp:Response ID="_response-{number:032x}" Version="2.0" IssueInstant="{at}" "#,
            r#"Destination="{acs}" InResponseTo="{request}" xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol">"#,
            r#"<Issuer xmlns="urn:oasis:names:tc:SAML:2.0:assertion">{idp}</Issuer>"#,
            r#"<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>"#,
            r#"<Assertion ID="_assertion-{number:032x}" IssueInstant="{at}" Version="2.0" xmlns="urn:oasis:names:tc:SAML:2.0:assertion">"#,
            r#"<Issuer>{idp}</Issuer>"#,
            r#"<Subject><NameID Format="urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress">user{number}@example.com</NameID>"#,
            r#"<SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">"#,
            r#"<SubjectConfirmationData InResponseTo="{request}" NotOnOrAfter="{until}" Recipient="{acs}"/>"#,
            r#"</SubjectConfirmation></Subject>"#,
            r#"<Conditions NotBefore="{before}" NotOnOrAfter="{until}"><AudienceRestriction><Audience>{sp}</Audience></AudienceRestriction></Conditions>"#,
            r#"<AttributeStatement>"#,
        ),
        number = number,
        at = at,
        acs = ACS,
        request = REQUEST,
        idp = IDP,
        until = until,
        before = before,
        sp = SP,
    );
    let attributes = [
        (
            MICROSOFT,
            "tenantid",
            format!("5f0d2c1e-7a3b-4c8d-9e6f-{number:012x}"),
        ),
        (
            MICROSOFT,
            "objectidentifier",
            format!("8c9d0e1f-2a3b-4c5d-6e7f-{number:012x}"),
        ),
        (
            MICROSOFT,
            "displayname",
            format!("Zoë Müller &amp; {number}"),
        ),
        (
            MICROSOFT,
            "identityprovider",
            "https://sts.example.com/5f0d2c1e-7a3b-4c8d/".to_owned(),
        ),
        (
            MICROSOFT,
            "authnmethodsreferences",
            "http://schemas.example.com/authenticationmethod/password".to_owned(),
        ),
        (CLAIMS, "givenname", "Zoë".to_owned()),
        (CLAIMS, "surname", "Müller".to_owned()),
        (CLAIMS, "emailaddress", format!("user{number}@example.com")),
        (CLAIMS, "name", format!("user{number}@example.com")),
    ];
    for (space, name, value) in attributes {
        write!(
            xml,
            r#"<Attribute Name="{space}/{name}"><AttributeValue>{value}</AttributeValue></Attribute>"#
        )?;
    }
    write!(xml, r#"<Attribute Name="{GROUPS}">"#)?;
    write!(xml, "<AttributeValue>everyone</AttributeValue>")?;
    for group in 0..groups {
        write!(
            xml,
            "<AttributeValue>{:08x}-2b3c-4d5e-8f90-{number:012x}</AttributeValue>",
            (group * 2_654_435_761) & 0xffff_ffff
        )?;
    }
    write!(
        xml,
        concat!(
            r#"</Attribute></AttributeStatement>"#,
            r#"<AuthnStatement AuthnInstant="{at}" SessionIndex="_assertion-{number:032x}"><AuthnContext>"#,
            r#"<AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</AuthnContextClassRef>"#,
            r#"</AuthnContext></AuthnStatement></Assertion></samlp:Response>"#,
        ),
        at = at,
        number = number,
    )?;
    Ok(xml)
}
