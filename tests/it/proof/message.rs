//! Messages that are accepted, and the one question that the proofs ask about any other bytes:
//! what would they make us believe?

use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::asn1::Asn1Time;
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::hash::{MessageDigest, hash};
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::Signer;
use openssl::x509::{X509, X509NameBuilder};
use samlgate::base::{Checks, IdpName, PublicUrl, ReturnTo, Timestamp};
use samlgate::dsig::{Trust, TrustedKey, TrustedKeys};
use samlgate::saml::asked::AskedBoth;
use samlgate::saml::keys::Keys;
use samlgate::saml::profile::{Expectations, Origin};
use samlgate::saml::response::ResponseMessage;
use samlgate::saml::{Claims, PendingLogin, SamlError, ServiceProvider};
use samlgate::xml::{Document, Element, Limits, Mode, c14n, ns};
use samlgate::xmlenc::{Decryption, DecryptionKeys};

pub(crate) const EXC_C14N: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const IDP: &str = "https://idp.example.com/metadata";
const REQUEST: &str = "_request";

/// 2026-11-21T12:00:00Z
pub(crate) const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_262_400);

/// What the gateway believes when these bytes come as the answer to its request.
pub(crate) fn believed(bytes: &[u8]) -> Result<Claims, SamlError> {
    believed_from(bytes, &KEY.trusted)
}

/// The same for other keys.
pub(crate) fn believed_from(bytes: &[u8], keys: &TrustedKeys) -> Result<Claims, SamlError> {
    static OURS: LazyLock<(ServiceProvider, DecryptionKeys)> = LazyLock::new(|| {
        let sp = ServiceProvider {
            public_url: PublicUrl::parse("https://sp.example.com").unwrap(),
            entity_id: "https://sp.example.com/saml/metadata".to_owned(),
            clock_skew: Duration::from_secs(180),
            other_acs: None,
        };
        (sp, DecryptionKeys::default())
    });
    let (sp, decryption_keys) = &*OURS;
    let expected = Expectations {
        sp,
        idp_entity_id: IDP,
        clock_skew: sp.clock_skew,
        asked: AskedBoth::default(),
        scopes: None,
        affiliation: None,
    };
    let origin = Origin::Requested(PendingLogin {
        request_id: REQUEST.to_owned(),
        idp: IdpName::parse("corp").unwrap(),
        return_to: ReturnTo::root(),
        wish: samlgate::saml::Wish::default(),
        created_at: NOW,
    });
    let decryption = Decryption {
        keys: decryption_keys,
        allow_cbc_unsigned: false,
        allow_tripledes: false,
        required: false,
    };
    let checks = &mut Checks::off();
    let document = Document::parse(bytes, Mode::Message, &Limits::default())?;
    let message = ResponseMessage::parse(&document, checks)?;
    let signed = message.verify(Keys { signing: Trust::only(keys), decryption }, checks)?;
    let valid = signed.validate(origin, &expected, checks, NOW)?;
    Ok(valid.claims().clone())
}

/// As Shibboleth writes: the Response is signed, `xsd` is declared outside and used inside a value.
pub(crate) fn response_signed() -> String {
    let content = format!(
        "<saml2p:Response xmlns:saml2p=\"{SAMLP}\" xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" \
         {response}><saml2:Issuer xmlns:saml2=\"{SAML}\">{IDP}</saml2:Issuer>{{_r}}\
         <saml2p:Status><saml2p:StatusCode Value=\"{success}\"/></saml2p:Status>\
         <saml2:Assertion xmlns:saml2=\"{SAML}\" ID=\"_a\" {issued}>\
         <saml2:Issuer>{IDP}</saml2:Issuer>{assertion}</saml2:Assertion></saml2p:Response>",
        SAMLP = ns::SAMLP,
        SAML = ns::SAML,
        response = RESPONSE,
        issued = ISSUED,
        success = SUCCESS,
        assertion = assertion("saml2:"),
    );
    accepted(signed(content, &[("_r", &["xsd"])], "ds:"))
}

/// As Entra ID writes: the Assertion is signed, everything is in default namespaces.
pub(crate) fn assertion_signed() -> String {
    let content = format!(
        "<samlp:Response {response} xmlns:samlp=\"{SAMLP}\"><Issuer xmlns=\"{SAML}\">{IDP}</Issuer>\
         <samlp:Status><samlp:StatusCode Value=\"{success}\"/></samlp:Status>\
         <Assertion ID=\"_a\" {issued} xmlns=\"{SAML}\" \
         xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\"><Issuer>{IDP}</Issuer>{{_a}}{assertion}\
         </Assertion></samlp:Response>",
        SAMLP = ns::SAMLP,
        SAML = ns::SAML,
        response = RESPONSE,
        issued = ISSUED,
        success = SUCCESS,
        assertion = assertion(""),
    );
    accepted(signed(content, &[("_a", &[])], ""))
}

/// As Okta and ADFS can: both are signed, with white space, a declaration, and a `PrefixList`.
pub(crate) fn both_signed() -> String {
    let content = format!(
        "<?xml version='1.0' encoding='UTF-8'?>\n<p:Response xmlns:p='{SAMLP}' {response} \
         xmlns:xsd='http://www.w3.org/2001/XMLSchema' xmlns:a='{SAML}'>\n  \
         <a:Issuer Format='urn:oasis:names:tc:SAML:2.0:nameid-format:entity'>{IDP}</a:Issuer>{{_r}}\
         \n  <p:Status>\r\n    <p:StatusCode Value='{success}'></p:StatusCode>\n  </p:Status>\n  \
         <a:Assertion xmlns:a='{SAML}' {issued} ID='_a'>\n    <a:Issuer\n>{IDP}</a:Issuer>{{_a}}\
         {assertion}\n  </a:Assertion>\n</p:Response>\n",
        SAMLP = ns::SAMLP,
        SAML = ns::SAML,
        response = RESPONSE,
        issued = ISSUED,
        success = SUCCESS,
        assertion = assertion("a:").replace("><", ">\n    <"),
    );
    accepted(signed(
        content,
        &[("_a", &["xsd", "#default"]), ("_r", &["xsd"])],
        "dsig:",
    ))
}

const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";
const RESPONSE: &str = "ID=\"_r\" InResponseTo=\"_request\" Version=\"2.0\" \
    IssueInstant=\"2026-11-21T12:00:00Z\" Destination=\"https://sp.example.com/saml/acs\"";
const ISSUED: &str = "Version=\"2.0\" IssueInstant=\"2026-11-21T12:00:00Z\"";

/// Panics unless it is.
fn accepted(xml: String) -> String {
    believed(xml.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{xml}"));
    xml
}

/// What stands behind Issuer and Signature, about alice.
fn assertion(p: &str) -> String {
    let attributes = format!(
        "<{p}AttributeStatement><{p}Attribute Name=\"email\" FriendlyName=\"mail\">\
         <{p}AttributeValue xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xsi:type=\"xsd:string\">alice@example.com</{p}AttributeValue></{p}Attribute>\
         <{p}Attribute Name=\"groups\"><{p}AttributeValue>R&amp;D</{p}AttributeValue>\
         <{p}AttributeValue>Zürich</{p}AttributeValue></{p}Attribute></{p}AttributeStatement>"
    );
    let subject = subject(p, "alice@example.com");
    [subject, conditions(p), authn_statement(p), attributes].concat()
}

fn subject(p: &str, name: &str) -> String {
    format!(
        "<{p}Subject><{p}NameID Format=\"urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress\">\
         {name}</{p}NameID>\
         <{p}SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\">\
         <{p}SubjectConfirmationData InResponseTo=\"{REQUEST}\" \
         NotOnOrAfter=\"2026-11-21T12:05:00Z\" Recipient=\"https://sp.example.com/saml/acs\"/>\
         </{p}SubjectConfirmation></{p}Subject>"
    )
}

fn conditions(p: &str) -> String {
    format!(
        "<{p}Conditions NotBefore=\"2026-11-21T11:55:00Z\" NotOnOrAfter=\"2026-11-21T12:05:00Z\">\
         <{p}AudienceRestriction><{p}Audience>https://sp.example.com/saml/metadata</{p}Audience>\
         </{p}AudienceRestriction></{p}Conditions>"
    )
}

fn authn_statement(p: &str) -> String {
    format!(
        "<{p}AuthnStatement AuthnInstant=\"2026-11-21T11:59:00Z\" SessionIndex=\"_s1\">\
         <{p}AuthnContext><{p}AuthnContextClassRef>\
         urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport\
         </{p}AuthnContextClassRef></{p}AuthnContext></{p}AuthnStatement>"
    )
}

/// Replaces each `{ID}` by a Signature of the element with that ID, in this order; the inner ones
/// have to come first. `p` is the prefix of XML Signature with its colon, or nothing.
fn signed(mut xml: String, signatures: &[(&str, &[&str])], p: &str) -> String {
    for (id, prefixes) in signatures {
        let place = format!("{{{id}}}");
        let unsigned = signatures.iter().fold(xml.clone(), |xml, (id, _)| {
            xml.replace(&format!("{{{id}}}"), "")
        });
        let signature = signature(&KEY, p, id, prefixes, &digest(&unsigned, id, prefixes));
        xml = xml.replace(&place, &signature);
    }
    xml
}

/// The digest of the element with this ID.
fn digest(xml: &str, id: &str, prefixes: &[&str]) -> Vec<u8> {
    let document = Document::parse(xml.as_bytes(), Mode::Message, &Limits::default()).unwrap();
    let element = with_id(&document, id).unwrap();
    let mut content = Vec::new();
    c14n::exclusive(element, prefixes, &mut content);
    hash(MessageDigest::sha256(), &content).unwrap().to_vec()
}

pub(crate) fn with_id<'d>(document: &'d Document, id: &str) -> Option<Element<'d>> {
    let root = document.root();
    std::iter::once(root)
        .chain(root.descendants())
        .find(|element| element.attribute("ID") == Some(id))
}

/// A whole Signature that says: the element with this ID had this digest.
pub(crate) fn signature(key: &Key, p: &str, id: &str, prefixes: &[&str], digest: &[u8]) -> String {
    let declared = match p.strip_suffix(':') {
        Some(prefix) => format!(" xmlns:{prefix}=\"{}\"", ns::DS),
        None => format!(" xmlns=\"{}\"", ns::DS),
    };
    let list = match prefixes {
        [] => String::new(),
        prefixes => format!(
            "<ec:InclusiveNamespaces xmlns:ec=\"{EXC_C14N}\" PrefixList=\"{}\"></ec:InclusiveNamespaces>",
            prefixes.join(" ")
        ),
    };
    let signed_info = |declared: &str| {
        format!(
            "<{p}SignedInfo{declared}><{p}CanonicalizationMethod Algorithm=\"{EXC_C14N}\">\
             </{p}CanonicalizationMethod><{p}SignatureMethod \
             Algorithm=\"{method}\"></{p}SignatureMethod>\
             <{p}Reference URI=\"#{id}\"><{p}Transforms><{p}Transform \
             Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"></{p}Transform>\
             <{p}Transform Algorithm=\"{EXC_C14N}\">{list}</{p}Transform></{p}Transforms>\
             <{p}DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\">\
             </{p}DigestMethod><{p}DigestValue>{}</{p}DigestValue></{p}Reference></{p}SignedInfo>",
            STANDARD.encode(digest),
            method = key.method(),
        )
    };
    // The canonical form of SignedInfo is written down rather than computed: one that is wrong
    // would not verify.
    let value = STANDARD.encode(key.sign(signed_info(&declared).as_bytes()));
    let key_info = format!(
        "<{p}KeyInfo><{p}X509Data><{p}X509Certificate>MIIC</{p}X509Certificate></{p}X509Data>\
         </{p}KeyInfo>"
    );
    format!(
        "<{p}Signature{declared}>{}<{p}SignatureValue>{value}</{p}SignatureValue>{key_info}\
         </{p}Signature>",
        signed_info("")
    )
}

/// The identity provider's key. RSA, since its signatures are the quickest to verify.
pub(crate) static KEY: LazyLock<Key> =
    LazyLock::new(|| Key::certified(PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap()));

/// Another one of its keys. P-256, since its signatures are the quickest to make.
pub(crate) static QUICK_KEY: LazyLock<Key> = LazyLock::new(|| {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    Key::certified(PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap())
});

pub(crate) struct Key {
    key: PKey<Private>,
    certificate: X509,
    pub(crate) trusted: TrustedKeys,
}

impl Key {
    fn certified(key: PKey<Private>) -> Self {
        let mut name = X509NameBuilder::new().unwrap();
        name.append_entry_by_text("CN", "idp.example.com").unwrap();
        let mut certificate = X509::builder().unwrap();
        certificate.set_subject_name(&name.build()).unwrap();
        certificate.set_not_before(&Asn1Time::from_unix(0).unwrap()).unwrap();
        certificate.set_not_after(&Asn1Time::from_unix(1 << 32).unwrap()).unwrap();
        certificate.set_pubkey(&key).unwrap();
        certificate.sign(&key, MessageDigest::sha256()).unwrap();
        let certificate = certificate.build();
        let der = certificate.to_der().unwrap();
        let trusted = TrustedKeys::one(TrustedKey::from_certificate_der(&der).unwrap());
        Self { key, certificate, trusted }
    }

    /// What XML Signature calls it, with SHA-256.
    pub(crate) fn method(&self) -> &'static str {
        if self.key.id() == Id::RSA {
            "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
        } else {
            "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
        }
    }

    fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        if self.key.id() == Id::RSA {
            let mut signer = Signer::new(MessageDigest::sha256(), &self.key).unwrap();
            return signer.sign_oneshot_to_vec(bytes).unwrap();
        }
        let digest = hash(MessageDigest::sha256(), bytes).unwrap();
        let signature = EcdsaSig::sign(&digest, &self.key.ec_key().unwrap()).unwrap();
        let parts = [signature.r(), signature.s()].map(|part| part.to_vec_padded(32).unwrap());
        parts.concat()
    }

    pub(crate) fn certificate_pem(&self) -> Vec<u8> {
        self.certificate.to_pem().unwrap()
    }

    pub(crate) fn pem(&self) -> Vec<u8> {
        self.key.private_key_to_pem_pkcs8().unwrap()
    }
}
