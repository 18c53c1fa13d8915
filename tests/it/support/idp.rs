//! An identity provider that signs, then bends.
//!
//! In: an AuthnRequest that the gateway sent. Out: a [`Response`] that it accepts, all of whose
//! parts are open: a test changes one, or the XML before or after it is signed. It needs no HTTP
//! of its own, since the visitor carries its answers. Its signatures are made here, by OpenSSL,
//! so that they can be wrong in every way; only the canonical bytes come from the gateway's code
//! (xmlsec1 has an opinion about those in `dsig_xmlsec.rs`).

use std::io::Read as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::hash::{MessageDigest, hash};
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::{Signer, Verifier};
use openssl::x509::X509;
use samlgate::base::Clock as _;
use samlgate::base::clock::SystemClock;
use samlgate::base::{Checks, Timestamp};
use samlgate::dsig::{self, SigningKey, Trust};
use samlgate::xml::{Document, Limits, Mode, c14n};
use tempfile::TempDir;
use url::Url;

use super::certificate::self_signed;
use super::clock::SteppedClock;
use super::encryption::encrypted;
use super::encryption::seal::Seal;
use super::http::{Answer, Ask};

pub(crate) const EXC_C14N: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";
const EMAIL: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";
const PASSWORD: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport";

/// A private key with a certificate that signed itself.
pub(crate) struct Key {
    key: PKey<Private>,
    certificate: Vec<u8>,
}

impl Key {
    /// RSA of this size.
    pub(crate) fn rsa(bits: u32) -> Self {
        Self::certified(PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap())
    }

    /// EC on this curve.
    pub(crate) fn ec(curve: Nid) -> Self {
        let group = EcGroup::from_curve_name(curve).unwrap();
        Self::certified(PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap())
    }

    fn certified(key: PKey<Private>) -> Self {
        let certificate = self_signed(&key, "idp.example.com", None).to_der().unwrap();
        Self { key, certificate }
    }

    /// The same, for messages that the gateway's own code writes.
    pub(crate) fn signing(&self) -> SigningKey {
        let certificate = X509::from_der(&self.certificate).unwrap().to_pem().unwrap();
        SigningKey::from_pem(&self.key.private_key_to_pem_pkcs8().unwrap(), &certificate).unwrap()
    }

    /// What XML Signature calls this kind of key with this digest.
    fn method(&self, digest: &str) -> String {
        let kind = if self.key.id() == Id::RSA {
            "rsa"
        } else {
            "ecdsa"
        };
        if digest == "sha1" {
            return format!("http://www.w3.org/2000/09/xmldsig#{kind}-sha1");
        }
        format!("http://www.w3.org/2001/04/xmldsig-more#{kind}-{digest}")
    }

    fn sign(&self, bytes: &[u8], digest: &str) -> Vec<u8> {
        let digest = message_digest(digest);
        if self.key.id() == Id::RSA {
            let mut signer = Signer::new(digest, &self.key).unwrap();
            return signer.sign_oneshot_to_vec(bytes).unwrap();
        }
        let key = self.key.ec_key().unwrap();
        let field = i32::try_from(key.group().degree().div_ceil(8)).unwrap();
        let signature = EcdsaSig::sign(&hash(digest, bytes).unwrap(), &key).unwrap();
        let mut raw = signature.r().to_vec_padded(field).unwrap();
        raw.extend(signature.s().to_vec_padded(field).unwrap());
        raw
    }
}

fn message_digest(name: &str) -> MessageDigest {
    match name {
        "sha1" => MessageDigest::sha1(),
        "sha384" => MessageDigest::sha384(),
        "sha512" => MessageDigest::sha512(),
        _ => MessageDigest::sha256(),
    }
}

fn digest_method(name: &str) -> &'static str {
    match name {
        "sha1" => "http://www.w3.org/2000/09/xmldsig#sha1",
        "sha384" => "http://www.w3.org/2001/04/xmldsig-more#sha384",
        "sha512" => "http://www.w3.org/2001/04/xmlenc#sha512",
        _ => "http://www.w3.org/2001/04/xmlenc#sha256",
    }
}

/// How it wants to be asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binding {
    /// HTTP-Redirect.
    Redirect,
    /// HTTP-POST.
    Post,
}

/// An identity provider.
pub(crate) struct TestIdp {
    /// Its entityID.
    pub(crate) entity_id: String,
    /// What it signs with.
    pub(crate) key: Key,
    binding: Binding,
    wants_signed: bool,
    folder: TempDir,
    clock: Option<SteppedClock>,
}

impl TestIdp {
    /// `https://idp.example.com/NAME`, asked by redirect, unsigned. With a P-256 key: an RSA key
    /// takes longer to make than most tests to run.
    pub(crate) fn new(name: &str) -> Self {
        let key = Key::ec(Nid::X9_62_PRIME256V1);
        Self::with(name, key, Binding::Redirect, false)
    }

    /// The same with everything chosen.
    pub(crate) fn with(name: &str, key: Key, binding: Binding, wants_signed: bool) -> Self {
        let folder = tempfile::Builder::new().prefix("samlgate-it-").tempdir().unwrap();
        let entity_id = format!("https://idp.example.com/{name}");
        let clock = None;
        let idp = Self { entity_id, key, binding, wants_signed, folder, clock };
        std::fs::write(idp.metadata_file(), idp.metadata()).unwrap();
        idp
    }

    /// Going by this clock.
    pub(crate) fn by(mut self, clock: &SteppedClock) -> Self {
        self.clock = Some(clock.clone());
        self
    }

    /// Where its metadata is.
    pub(crate) fn metadata_file(&self) -> String {
        self.folder.path().join("metadata.xml").to_str().unwrap().to_owned()
    }

    /// Lists scopes in its metadata; to be called before a gateway reads it.
    pub(crate) fn with_scopes(self, scopes: &[&str]) -> Self {
        let listed = scopes.iter().map(|scope| {
            format!("<Scope xmlns=\"urn:mace:shibboleth:metadata:1.0\">{scope}</Scope>")
        });
        let extensions = format!("<Extensions>{}</Extensions>", listed.collect::<String>());
        let metadata =
            self.metadata()
                .replacen("<KeyDescriptor", &format!("{extensions}<KeyDescriptor"), 1);
        std::fs::write(self.metadata_file(), metadata).unwrap();
        self
    }

    /// Names a page that helps people in its metadata; to be called before a gateway reads it.
    pub(crate) fn with_error_url(self, url: &str) -> Self {
        let role = format!("<IDPSSODescriptor errorURL=\"{url}\" ");
        let metadata = self.metadata().replacen("<IDPSSODescriptor ", &role, 1);
        std::fs::write(self.metadata_file(), metadata).unwrap();
        self
    }

    /// Lists `SingleLogoutService`s by these bindings (`HTTP-Redirect`, `SOAP`) in its metadata; to be
    /// called before a gateway reads it.
    pub(crate) fn with_logout(self, bindings: &[&str]) -> Self {
        let listed = bindings.iter().map(|binding| {
            format!(
                "<SingleLogoutService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:{binding}\" \
                 Location=\"{}\" ResponseLocation=\"{}/done\"/>",
                self.slo(),
                self.slo()
            )
        });
        let listed = listed.collect::<String>();
        let metadata = self.metadata();
        let metadata = metadata.replacen("<SingleSignOn", &format!("{listed}<SingleSignOn"), 1);
        std::fs::write(self.metadata_file(), metadata).unwrap();
        self
    }

    /// Lists `ArtifactResolutionService`s in its metadata, by their numbers; to be called before a
    /// gateway reads it.
    pub(crate) fn with_artifacts(self, services: &[(u16, &str)]) -> Self {
        let listed = services.iter().map(|(index, location)| {
            format!(
                "<ArtifactResolutionService index=\"{index}\" Location=\"{location}\" \
                 Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:SOAP\"/>"
            )
        });
        let listed = listed.collect::<String>() + "<SingleSignOnService";
        let metadata = self.metadata().replacen("<SingleSignOnService", &listed, 1);
        std::fs::write(self.metadata_file(), metadata).unwrap();
        self
    }

    /// The same under another entityID.
    pub(crate) fn called(mut self, entity_id: &str) -> Self {
        entity_id.clone_into(&mut self.entity_id);
        std::fs::write(self.metadata_file(), self.metadata()).unwrap();
        self
    }

    /// Where it is asked to sign people out.
    pub(crate) fn slo(&self) -> String {
        format!("{}/slo", self.entity_id)
    }

    /// Signs the element with this ID, whatever it is.
    pub(crate) fn sign_element(&self, xml: String, id: &str) -> String {
        sign(xml, id, &self.key, &self.response("", "", None))
    }

    /// What it says about itself.
    pub(crate) fn metadata(&self) -> String {
        let binding = match self.binding {
            Binding::Redirect => "HTTP-Redirect",
            Binding::Post => "HTTP-POST",
        };
        format!(
            "<EntityDescriptor xmlns=\"urn:oasis:names:tc:SAML:2.0:metadata\" entityID=\"{}\">\
             <IDPSSODescriptor WantAuthnRequestsSigned=\"{}\" \
             protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">\
             <KeyDescriptor use=\"signing\"><KeyInfo xmlns=\"http://www.w3.org/2000/09/xmldsig#\">\
             <X509Data><X509Certificate>{}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>\
             <SingleSignOnService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:{binding}\" \
             Location=\"{}\"/></IDPSSODescriptor></EntityDescriptor>",
            self.entity_id,
            self.wants_signed,
            STANDARD.encode(&self.key.certificate),
            self.sso(),
        )
    }

    /// Where people are sent.
    pub(crate) fn sso(&self) -> String {
        format!("{}/sso", self.entity_id)
    }

    /// Reads the request that an answer of the gateway carries, by whichever binding it came.
    pub(crate) fn read(&self, answer: &Answer) -> AuthnRequest {
        let request = match self.binding {
            Binding::Redirect => AuthnRequest::from_redirect(answer),
            Binding::Post => AuthnRequest::from_form(answer),
        };
        assert_eq!(request.sent_to, self.sso());
        assert_eq!(request.attribute("Destination"), self.sso());
        request
    }

    /// An answer to this request about alice, right in every way.
    pub(crate) fn answer(&self, request: &AuthnRequest) -> Response {
        let issuer = request.root_child_text("Issuer");
        let acs = request.attribute("AssertionConsumerServiceURL");
        self.response(&acs, &issuer, Some(&request.attribute("ID")))
    }

    /// What its portal sends when nobody asked.
    pub(crate) fn unsolicited(&self, public_url: &str) -> Response {
        let (acs, sp) = (
            format!("{public_url}/saml/acs"),
            format!("{public_url}/saml/metadata"),
        );
        self.response(&acs, &sp, None)
    }

    fn response(&self, acs: &str, sp: &str, in_response_to: Option<&str>) -> Response {
        let now = self.clock.as_ref().map_or_else(|| SystemClock.now(), SteppedClock::now);
        let at = |seconds| from(now, seconds);
        let in_response_to = in_response_to.map(str::to_owned);
        Response {
            id: fresh_id(),
            version: "2.0".to_owned(),
            issue_instant: at(0),
            destination: Some(acs.to_owned()),
            in_response_to: in_response_to.clone(),
            issuer: Some(element("saml:Issuer", "", &self.entity_id)),
            status: status("urn:oasis:names:tc:SAML:2.0:status:Success"),
            assertions: vec![Assertion {
                id: fresh_id(),
                version: "2.0".to_owned(),
                issue_instant: at(0),
                issuer: element("saml:Issuer", "", &self.entity_id),
                name_id: Some(element(
                    "saml:NameID",
                    &format!(" Format=\"{EMAIL}\""),
                    "alice@example.com",
                )),
                confirmations: vec![Confirmation {
                    method: BEARER.to_owned(),
                    in_response_to,
                    recipient: Some(acs.to_owned()),
                    not_before: None,
                    not_on_or_after: Some(at(300)),
                }],
                conditions: Some(Conditions {
                    not_before: Some(at(-60)),
                    not_on_or_after: Some(at(300)),
                    audiences: vec![vec![sp.to_owned()]],
                    more: String::new(),
                }),
                authn_statements: vec![AuthnStatement {
                    authn_instant: at(-30),
                    session_not_on_or_after: Some(at(8 * 3600)),
                    context: Some(PASSWORD.to_owned()),
                }],
                attributes: vec![
                    attribute("displayName", &["Alice Example"]),
                    attribute("groups", &["IT Managers", "Staff"]),
                    attribute("department", &["IT"]),
                ],
            }],
            sign: Sign::Assertion,
            digest: "sha256",
            signed_info: None,
            signature: None,
            encrypt: None,
        }
    }

    /// Writes and signs it.
    pub(crate) fn write(&self, response: &Response) -> String {
        self.sign(response, response.to_xml())
    }

    /// Signs this XML as `response` says; whatever was changed in it is signed as well.
    pub(crate) fn sign(&self, response: &Response, mut xml: String) -> String {
        if matches!(response.sign, Sign::Assertion | Sign::Both) {
            for assertion in &response.assertions {
                xml = sign(xml, &assertion.id, &self.key, response);
            }
        }
        if let Some(seal) = response.encrypt {
            xml = encrypted(&xml, "Assertion", "EncryptedAssertion", seal);
        }
        if matches!(response.sign, Sign::Response | Sign::Both) {
            xml = sign(xml, &response.id, &self.key, response);
        }
        xml
    }
}

/// An AuthnRequest as it arrived.
pub(crate) struct AuthnRequest {
    /// The message.
    pub(crate) xml: String,
    /// What has to come back with the answer.
    pub(crate) relay_state: String,
    sent_to: String,
    signed: Option<SignedQuery>,
}

/// Bindings 3.4.4.1: octets, algorithm, signature.
struct SignedQuery {
    octets: String,
    algorithm: String,
    signature: Vec<u8>,
}

impl AuthnRequest {
    fn from_redirect(answer: &Answer) -> Self {
        assert_eq!(answer.status, 302, "{}", answer.text());
        let url = answer.target();
        let value = |name: &str| {
            let found = url.query_pairs().find(|(key, _)| key == name);
            found.map(|(_, value)| value.into_owned())
        };
        let deflated = STANDARD.decode(value("SAMLRequest").unwrap()).unwrap();
        let mut xml = String::new();
        flate2::read::DeflateDecoder::new(deflated.as_slice())
            .read_to_string(&mut xml)
            .unwrap();
        let query = url.query().unwrap();
        let signed = value("Signature").map(|signature| SignedQuery {
            octets: query.split("&Signature=").next().unwrap().to_owned(),
            algorithm: value("SigAlg").unwrap(),
            signature: STANDARD.decode(signature).unwrap(),
        });
        let mut address = url.clone();
        address.set_query(None);
        Self {
            xml,
            relay_state: value("RelayState").unwrap(),
            sent_to: address.to_string(),
            signed,
        }
    }

    fn from_form(answer: &Answer) -> Self {
        assert_eq!(answer.status, 200, "{}", answer.text());
        let form = answer.form();
        assert_eq!(form.method, "post");
        let xml = STANDARD.decode(form.value("SAMLRequest").unwrap()).unwrap();
        Self {
            xml: String::from_utf8(xml).unwrap(),
            relay_state: form.value("RelayState").unwrap().to_owned(),
            sent_to: form.action,
            signed: None,
        }
    }

    fn document(&self) -> Document {
        Document::parse(self.xml.as_bytes(), Mode::Message, &Limits::default()).unwrap()
    }

    /// An attribute of the request.
    pub(crate) fn attribute(&self, name: &str) -> String {
        self.document().root().attribute(name).unwrap_or_default().to_owned()
    }

    fn root_child_text(&self, name: &str) -> String {
        let document = self.document();
        let child = document.root().children().find(|child| child.local_name() == name);
        child.unwrap().text().unwrap().into_owned()
    }

    /// Whether the key of this certificate (DER) signed it; `None` when nobody did.
    pub(crate) fn signed_by(&self, certificate: &[u8]) -> Option<bool> {
        if let Some(query) = &self.signed {
            assert!(
                query.algorithm.ends_with("#rsa-sha256"),
                "{}",
                query.algorithm
            );
            let key = X509::from_der(certificate).unwrap().public_key().unwrap();
            let mut verifier = Verifier::new(MessageDigest::sha256(), &key).unwrap();
            return Some(
                verifier.verify_oneshot(&query.signature, query.octets.as_bytes()).unwrap(),
            );
        }
        let key = dsig::TrustedKey::from_certificate_der(certificate).unwrap();
        let keys = dsig::TrustedKeys::from_vec(vec![key]).unwrap();
        let document = self.document();
        match dsig::verify(document.root(), Trust::only(&keys), &mut Checks::off()) {
            Ok(None) => None,
            verified => Some(verified.is_ok()),
        }
    }
}

/// Which elements are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    /// The Response around everything.
    Response,
    /// Each Assertion.
    Assertion,
    /// The Assertions, then the Response.
    Both,
    /// Nothing.
    Nothing,
}

/// A `samlp:Response` in parts. Times are texts, so that they can be none.
pub(crate) struct Response {
    pub(crate) id: String,
    pub(crate) version: String,
    pub(crate) issue_instant: String,
    pub(crate) destination: Option<String>,
    pub(crate) in_response_to: Option<String>,
    /// The whole element.
    pub(crate) issuer: Option<String>,
    /// The whole element.
    pub(crate) status: String,
    pub(crate) assertions: Vec<Assertion>,
    pub(crate) sign: Sign,
    /// `sha1`, `sha256`, `sha384`, `sha512`: of content and signature.
    pub(crate) digest: &'static str,
    /// Changes SignedInfo before it is signed: the signature is right, and says something else.
    pub(crate) signed_info: Option<fn(String) -> String>,
    /// Changes the Signature when it is made, before anything around it is signed.
    pub(crate) signature: Option<fn(String) -> String>,
    /// Encrypts the Assertion when it is signed, before the Response is.
    pub(crate) encrypt: Option<Seal>,
}

/// A `saml:Assertion` in parts.
#[derive(Clone)]
pub(crate) struct Assertion {
    pub(crate) id: String,
    pub(crate) version: String,
    pub(crate) issue_instant: String,
    /// The whole element.
    pub(crate) issuer: String,
    /// The whole element.
    pub(crate) name_id: Option<String>,
    pub(crate) confirmations: Vec<Confirmation>,
    pub(crate) conditions: Option<Conditions>,
    pub(crate) authn_statements: Vec<AuthnStatement>,
    /// Whole `saml:Attribute` elements.
    pub(crate) attributes: Vec<String>,
}

/// A `saml:SubjectConfirmation`.
#[derive(Clone)]
pub(crate) struct Confirmation {
    pub(crate) method: String,
    pub(crate) in_response_to: Option<String>,
    pub(crate) recipient: Option<String>,
    pub(crate) not_before: Option<String>,
    pub(crate) not_on_or_after: Option<String>,
}

/// `saml:Conditions`.
#[derive(Clone)]
pub(crate) struct Conditions {
    pub(crate) not_before: Option<String>,
    pub(crate) not_on_or_after: Option<String>,
    /// One list for each AudienceRestriction.
    pub(crate) audiences: Vec<Vec<String>>,
    /// Further conditions, as XML.
    pub(crate) more: String,
}

/// A `saml:AuthnStatement`.
#[derive(Clone)]
pub(crate) struct AuthnStatement {
    pub(crate) authn_instant: String,
    pub(crate) session_not_on_or_after: Option<String>,
    pub(crate) context: Option<String>,
}

impl Response {
    /// The only Assertion.
    pub(crate) fn assertion(&mut self) -> &mut Assertion {
        &mut self.assertions[0]
    }

    /// The only SubjectConfirmation.
    pub(crate) fn confirmation(&mut self) -> &mut Confirmation {
        &mut self.assertion().confirmations[0]
    }

    /// The Conditions.
    pub(crate) fn conditions(&mut self) -> &mut Conditions {
        self.assertion().conditions.as_mut().unwrap()
    }

    /// The only AuthnStatement.
    pub(crate) fn statement(&mut self) -> &mut AuthnStatement {
        &mut self.assertion().authn_statements[0]
    }

    /// Says it is about this NameID.
    pub(crate) fn about(&mut self, name_id: &str) {
        let format = format!(" Format=\"{EMAIL}\"");
        self.assertion().name_id = Some(element("saml:NameID", &format, name_id));
    }

    /// The XML, unsigned.
    pub(crate) fn to_xml(&self) -> String {
        let assertions: String = self.assertions.iter().map(Assertion::to_xml).collect();
        format!(
            "<samlp:Response xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" \
             xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"{}\" Version=\"{}\" \
             IssueInstant=\"{}\"{}{}>{}{}{assertions}</samlp:Response>",
            self.id,
            self.version,
            self.issue_instant,
            optional("Destination", &self.destination),
            optional("InResponseTo", &self.in_response_to),
            self.issuer.as_deref().unwrap_or_default(),
            self.status,
        )
    }
}

impl Assertion {
    fn to_xml(&self) -> String {
        let confirmations: String = self.confirmations.iter().map(Confirmation::to_xml).collect();
        let subject = format!(
            "<saml:Subject>{}{confirmations}</saml:Subject>",
            self.name_id.as_deref().unwrap_or_default()
        );
        let nobody = self.name_id.is_none() && self.confirmations.is_empty();
        let conditions = self.conditions.as_ref().map(Conditions::to_xml).unwrap_or_default();
        let statements: String = self.authn_statements.iter().map(AuthnStatement::to_xml).collect();
        let attributes = match self.attributes.is_empty() {
            true => String::new(),
            false => format!(
                "<saml:AttributeStatement>{}</saml:AttributeStatement>",
                self.attributes.concat()
            ),
        };
        // The namespace again, so that the element is whole by itself.
        format!(
            "<saml:Assertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"{}\" \
             Version=\"{}\" IssueInstant=\"{}\">{}{}{conditions}{statements}{attributes}\
             </saml:Assertion>",
            self.id,
            self.version,
            self.issue_instant,
            self.issuer,
            if nobody { "" } else { &subject },
        )
    }
}

impl Confirmation {
    fn to_xml(&self) -> String {
        format!(
            "<saml:SubjectConfirmation Method=\"{}\"><saml:SubjectConfirmationData{}{}{}{}/>\
             </saml:SubjectConfirmation>",
            self.method,
            optional("InResponseTo", &self.in_response_to),
            optional("Recipient", &self.recipient),
            optional("NotBefore", &self.not_before),
            optional("NotOnOrAfter", &self.not_on_or_after),
        )
    }
}

impl Conditions {
    fn to_xml(&self) -> String {
        let restriction = |names: &Vec<String>| {
            let names: String =
                names.iter().map(|name| element("saml:Audience", "", name)).collect();
            element("saml:AudienceRestriction", "", &names)
        };
        let restrictions: String = self.audiences.iter().map(restriction).collect();
        format!(
            "<saml:Conditions{}{}>{restrictions}{}</saml:Conditions>",
            optional("NotBefore", &self.not_before),
            optional("NotOnOrAfter", &self.not_on_or_after),
            self.more
        )
    }
}

impl AuthnStatement {
    fn to_xml(&self) -> String {
        let class = self.context.as_ref();
        let class = class.map(|class| element("saml:AuthnContextClassRef", "", class));
        format!(
            "<saml:AuthnStatement AuthnInstant=\"{}\" SessionIndex=\"_s1\"{}>\
             <saml:AuthnContext>{}</saml:AuthnContext></saml:AuthnStatement>",
            self.authn_instant,
            optional("SessionNotOnOrAfter", &self.session_not_on_or_after),
            class.unwrap_or_default()
        )
    }
}

/// `<name attributes>content</name>`
pub(crate) fn element(name: &str, attributes: &str, content: &str) -> String {
    format!("<{name}{attributes}>{content}</{name}>")
}

/// A whole `saml:Attribute`; values are XML.
pub(crate) fn attribute(name: &str, values: &[&str]) -> String {
    let value = |value: &&str| element("saml:AttributeValue", "", value);
    let values: String = values.iter().map(value).collect();
    element("saml:Attribute", &format!(" Name=\"{name}\""), &values)
}

/// A whole `samlp:Status`.
pub(crate) fn status(code: &str) -> String {
    format!("<samlp:Status><samlp:StatusCode Value=\"{code}\"/></samlp:Status>")
}

fn optional(name: &str, value: &Option<String>) -> String {
    let value = value.as_ref();
    value.map(|value| format!(" {name}=\"{value}\"")).unwrap_or_default()
}

/// So many seconds from now.
pub(crate) fn at(seconds: i64) -> String {
    from(SystemClock.now(), seconds)
}

fn from(now: Timestamp, seconds: i64) -> String {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    let time: Timestamp = if seconds < 0 {
        now.minus(distance)
    } else {
        now.plus(distance)
    };
    time.to_saml()
}

fn fresh_id() -> String {
    let mut bytes = [0; 16];
    openssl::rand::rand_bytes(&mut bytes).unwrap();
    format!("_{:032x}", u128::from_be_bytes(bytes))
}

/// Puts a Signature by `key` into the element with this ID, behind its Issuer.
fn sign(xml: String, id: &str, key: &Key, response: &Response) -> String {
    let digest = response.digest;
    let document = Document::parse(xml.as_bytes(), Mode::Message, &Limits::metadata()).unwrap();
    let root = document.root();
    let element = std::iter::once(root)
        .chain(root.descendants())
        .find(|element| element.attribute("ID") == Some(id))
        .unwrap();
    let mut content = Vec::new();
    c14n::exclusive(element, &[], &mut content);
    let value = STANDARD.encode(hash(message_digest(digest), &content).unwrap());
    let mut signed_info = format!(
        "<ds:SignedInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">\
         <ds:CanonicalizationMethod Algorithm=\"{EXC_C14N}\"></ds:CanonicalizationMethod>\
         <ds:SignatureMethod Algorithm=\"{}\"></ds:SignatureMethod>\
         <ds:Reference URI=\"#{id}\"><ds:Transforms>\
         <ds:Transform Algorithm=\"{ENVELOPED}\"></ds:Transform>\
         <ds:Transform Algorithm=\"{EXC_C14N}\"></ds:Transform></ds:Transforms>\
         <ds:DigestMethod Algorithm=\"{}\"></ds:DigestMethod>\
         <ds:DigestValue>{value}</ds:DigestValue></ds:Reference></ds:SignedInfo>",
        key.method(digest),
        digest_method(digest),
    );
    if let Some(bend) = response.signed_info {
        signed_info = bend(signed_info);
    }
    let value = STANDARD.encode(key.sign(signed_info.as_bytes(), digest));
    let mut signature = format!(
        "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">{}\
         <ds:SignatureValue>{value}</ds:SignatureValue><ds:KeyInfo><ds:X509Data>\
         <ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></ds:Signature>",
        signed_info.replacen(" xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"", "", 1),
        STANDARD.encode(&key.certificate),
    );
    if let Some(bend) = response.signature {
        signature = bend(signature);
    }
    let start = xml.find(&format!(" ID=\"{id}\"")).unwrap();
    let issuer = "</saml:Issuer>";
    let place = start + xml[start..].find(issuer).unwrap() + issuer.len();
    [&xml[..place], &signature, &xml[place..]].concat()
}

/// The form that carries a Response.
pub(crate) fn fields(xml: impl AsRef<[u8]>, relay_state: Option<&str>) -> Vec<(String, String)> {
    let mut fields = vec![("SAMLResponse".to_owned(), STANDARD.encode(xml))];
    if let Some(relay_state) = relay_state {
        fields.push(("RelayState".to_owned(), relay_state.to_owned()));
    }
    fields
}

/// The browser sends that form, from a page of the identity provider.
pub(crate) fn post(acs: &str, fields: &[(String, String)]) -> Ask {
    let page = Url::parse("https://idp.example.com/login").unwrap();
    Ask::new(Method::POST, acs).navigating().form(fields).from(&page)
}
