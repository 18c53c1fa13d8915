//! Signing what we send: enveloped in XML, or behind a query.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::algorithm::{DigestMethod, ENVELOPED};
use super::canonicalization::EXCLUSIVE;
use super::{DsigError, KeyRefusal, Place, SigningKey};
use crate::xml::{Document, Element, Limits, Mode, Writer, c14n, ns};

/// Signs the element whose `ID` is `id` and puts the Signature into it at `place`.
///
/// Not a byte of the rest changes, so that an assertion can be signed first and the Response
/// around it afterwards. It fails when there is no such element, no room at that place, or a
/// signature already.
pub fn sign_enveloped(
    xml: &str,
    id: &str,
    key: &SigningKey,
    place: Place,
) -> Result<String, DsigError> {
    let refused = |why: &str| DsigError::Signing(why.to_owned());
    let xml = xml.strip_prefix('\u{feff}').unwrap_or(xml);
    let document = Document::parse(xml.as_bytes(), Mode::Message, &Limits::metadata())
        .map_err(|error| DsigError::Signing(error.to_string()))?;
    let root = document.root();
    let element = std::iter::once(root)
        .chain(root.descendants())
        .find(|element| element.attribute("ID") == Some(id))
        .ok_or_else(|| refused("there is no element with this ID"))?;
    if element.child(ns::DS, "Signature").is_some() {
        return Err(refused("the element is signed already"));
    }

    let mut content = Vec::with_capacity(xml.len());
    c14n::exclusive(element, &[], &mut content);
    let digest = DigestMethod::Sha256.digest(&content);
    let signature = signature(id, digest.as_ref(), key)?;
    let (before, behind) = offset(element, place)
        .and_then(|offset| xml.split_at_checked(offset))
        .ok_or_else(|| refused("there is no place for a Signature"))?;
    Ok([before, &signature, behind].concat())
}

/// Bindings 3.4.4.1: signs `SAMLRequest=…&RelayState=…` and returns the whole query, with
/// `SigAlg` and `Signature` behind it.
///
/// The parameters have to be percent-encoded already; the signature is over these octets, so the
/// result goes into the URL as it is.
///
/// ```
/// use samlgate::base::Timestamp;
/// use samlgate::dsig::{SigningKey, sign_query};
/// let key = SigningKey::generate_ec("sp", Timestamp::EPOCH).unwrap();
/// let query = sign_query("SAMLRequest=fZ%2B&RelayState=a", &key).unwrap();
/// assert!(query.starts_with("SAMLRequest=fZ%2B&RelayState=a&SigAlg=http%3A%2F%2Fwww.w3.org%2F"));
/// ```
pub fn sign_query(query: &str, key: &SigningKey) -> Result<String, DsigError> {
    let algorithm = utf8_percent_encode(key.method().uri(), ENCODED);
    let signed = format!("{query}&SigAlg={algorithm}");
    let signature = STANDARD.encode(key.sign(signed.as_bytes())?);
    let signature = utf8_percent_encode(&signature, ENCODED);
    Ok(format!("{signed}&Signature={signature}"))
}

/// Where in the source the Signature goes.
fn offset(element: Element<'_>, place: Place) -> Option<usize> {
    match place {
        Place::AfterIssuer => {
            let first = element.children().next();
            let issuer = first.filter(|first| first.is(ns::SAML, "Issuer"))?;
            Some(issuer.source_places().1)
        }
        Place::First => {
            let (content, behind) = element.source_places();
            (content < behind).then_some(content)
        }
    }
}

/// A whole `ds:Signature`. SignedInfo is written as part of it, canonicalised from it, and signed.
fn signature(id: &str, digest: &[u8], key: &SigningKey) -> Result<String, DsigError> {
    let mut unsigned = Writer::new();
    begin_signature(&mut unsigned, id, digest, key);
    let unsigned = unsigned.finish();
    let document = Document::parse(unsigned.as_bytes(), Mode::Message, &Limits::default())
        .map_err(|error| DsigError::Signing(error.to_string()))?;
    let mut signed_bytes = Vec::with_capacity(2048);
    for signed_info in document.root().children() {
        c14n::exclusive(signed_info, &[], &mut signed_bytes);
    }

    let mut w = Writer::new();
    begin_signature(&mut w, id, digest, key);
    w.leaf(
        "ds:SignatureValue",
        &STANDARD.encode(key.sign(&signed_bytes)?),
    );
    w.start("ds:KeyInfo").start("ds:X509Data");
    w.leaf(
        "ds:X509Certificate",
        &STANDARD.encode(key.certificate_der()),
    );
    Ok(w.finish())
}

fn begin_signature(w: &mut Writer, id: &str, digest: &[u8], key: &SigningKey) {
    let method = |w: &mut Writer, name: &str, uri: &str| {
        w.start(name).attr("Algorithm", uri).end();
    };
    w.start("ds:Signature").attr("xmlns:ds", ns::DS).start("ds:SignedInfo");
    method(w, "ds:CanonicalizationMethod", EXCLUSIVE);
    method(w, "ds:SignatureMethod", key.method().uri());
    w.start("ds:Reference").attr("URI", &format!("#{id}")).start("ds:Transforms");
    method(w, "ds:Transform", ENVELOPED);
    method(w, "ds:Transform", EXCLUSIVE);
    w.end();
    method(w, "ds:DigestMethod", DigestMethod::Sha256.uri());
    w.leaf("ds:DigestValue", &STANDARD.encode(digest)).end().end();
}

impl From<KeyRefusal> for DsigError {
    fn from(refusal: KeyRefusal) -> Self {
        Self::Signing(refusal.to_string())
    }
}

/// Everything but RFC 3986's unreserved characters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
