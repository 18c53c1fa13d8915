//! The shape of something encrypted, before any key is used.
//!
//! In: an EncryptedAssertion, EncryptedID or EncryptedAttribute. Out: [`Ciphertext`], the two
//! ciphertexts and how they were made. Nothing is fetched and no ID is looked up beyond the
//! element itself; everything else that XML Encryption has room for is refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::algorithm::{ContentMethod, KeyTransport, OaepDigest, RSA_OAEP, RSA_OAEP_MGF1P};
use super::error::XmlencError;
use super::keys::Decryption;
use crate::xml::{Element, ns};

const TYPE_ELEMENT: &str = "http://www.w3.org/2001/04/xmlenc#Element";
const TYPE_ENCRYPTED_KEY: &str = "http://www.w3.org/2001/04/xmlenc#EncryptedKey";

/// What is needed to decrypt. Nothing about it is proven.
pub(super) struct Ciphertext {
    pub(super) method: ContentMethod,
    pub(super) content: Vec<u8>,
    pub(super) transport: KeyTransport,
    pub(super) wrapped_key: Vec<u8>,
}

impl Ciphertext {
    /// Core 2.2.4, 2.3.4 and 2.7.3.2: one `xenc:EncryptedData`, then any number of
    /// `xenc:EncryptedKey`.
    pub(super) fn of(
        wrapper: Element<'_>,
        decryption: Decryption<'_>,
    ) -> Result<Self, XmlencError> {
        attributes(wrapper, &[])?;
        let mut parts = Parts::of(wrapper)?;
        let data = parts.required(ns::XENC, "EncryptedData")?;
        let mut beside = Vec::new();
        while let Some(key) = parts.optional(ns::XENC, "EncryptedKey") {
            beside.push(key);
        }
        parts.end()?;

        attributes(data, &["Id", "Type", "MimeType"])?;
        // Core 6.2: what is encrypted is an element, whole.
        if data.attribute("Type").is_some_and(|kind| kind != TYPE_ELEMENT) {
            return Err(XmlencError::Structure(
                "the Type of EncryptedData is not Element",
            ));
        }
        let mut parts = Parts::of(data)?;
        let method = content_method(parts.required(ns::XENC, "EncryptionMethod")?)?;
        let info = parts.optional(ns::DS, "KeyInfo");
        let content = cipher_value(parts.required(ns::XENC, "CipherData")?)?;
        parts.end()?;
        if method == ContentMethod::TripleDes && !decryption.allow_tripledes {
            return Err(algorithm("Triple DES is not accepted", method.uri()));
        }

        let key = encrypted_key(info, &beside, decryption)?;
        attributes(key, &["Id", "Recipient", "Type", "MimeType"])?;
        if key.attribute("Type").is_some_and(|kind| kind != TYPE_ENCRYPTED_KEY) {
            return Err(XmlencError::Structure(
                "the Type of EncryptedKey is another one",
            ));
        }
        let mut parts = Parts::of(key)?;
        let transport = key_transport(parts.required(ns::XENC, "EncryptionMethod")?)?;
        // KeyInfo may say which of our keys it is. It is not looked into: we have few and try all.
        parts.optional(ns::DS, "KeyInfo");
        let wrapped_key = cipher_value(parts.required(ns::XENC, "CipherData")?)?;
        if let Some(list) = parts.optional(ns::XENC, "ReferenceList") {
            reference_list(list, data)?;
        }
        parts.optional(ns::XENC, "CarriedKeyName");
        parts.end()?;
        Ok(Self { method, content, transport, wrapped_key })
    }
}

/// The one EncryptedKey that is for us: inside of KeyInfo, named there by a RetrievalMethod, or
/// beside the EncryptedData.
fn encrypted_key<'d>(
    info: Option<Element<'d>>,
    beside: &[Element<'d>],
    decryption: Decryption<'_>,
) -> Result<Element<'d>, XmlencError> {
    let mut inside = Vec::new();
    let mut retrieval = None;
    if let Some(info) = info {
        attributes(info, &["Id"])?;
        let mut parts = Parts::of(info)?;
        // The name that a CarriedKeyName repeats; which key that is, we know by other means.
        parts.optional(ns::DS, "KeyName");
        retrieval = parts.optional(ns::DS, "RetrievalMethod");
        while let Some(key) = parts.optional(ns::XENC, "EncryptedKey") {
            inside.push(key);
        }
        parts.end()?;
    }
    if let Some(retrieval) = retrieval {
        if !inside.is_empty() {
            return Err(XmlencError::Structure(
                "an EncryptedKey beside a RetrievalMethod",
            ));
        }
        return retrieved(retrieval, beside);
    }
    let found = match (inside.as_slice(), beside) {
        (inside, []) => inside,
        ([], beside) => beside,
        _ => {
            return Err(XmlencError::Structure(
                "EncryptedKeys inside and beside the data",
            ));
        }
    };
    if let [only] = found {
        return Ok(*only);
    }
    // Core 6.2: with several recipients, each EncryptedKey says whose it is.
    let ours = |key: &&Element<'d>| {
        decryption
            .keys
            .entity_id()
            .is_some_and(|name| key.attribute("Recipient") == Some(name))
    };
    let mut ours = found.iter().filter(ours);
    match (ours.next(), ours.next()) {
        (Some(only), None) => Ok(*only),
        _ => Err(XmlencError::Structure(
            "not exactly one EncryptedKey is for us",
        )),
    }
}

/// `#id` of one EncryptedKey beside the data. Any other address, and every transform, would make
/// us do what a stranger says (CVE-2021-40690).
fn retrieved<'d>(
    retrieval: Element<'d>,
    beside: &[Element<'d>],
) -> Result<Element<'d>, XmlencError> {
    attributes(retrieval, &["URI", "Type"])?;
    Parts::of(retrieval)?.end()?;
    if retrieval.attribute("Type").is_some_and(|kind| kind != TYPE_ENCRYPTED_KEY) {
        return Err(XmlencError::Structure("a RetrievalMethod of another Type"));
    }
    let id = fragment(retrieval).ok_or(XmlencError::Structure(
        "a RetrievalMethod that points elsewhere",
    ))?;
    let mut named = beside.iter().filter(|key| key.attribute("Id") == Some(id));
    match (named.next(), named.next()) {
        (Some(only), None) => Ok(*only),
        _ => Err(XmlencError::Structure(
            "the RetrievalMethod does not name one EncryptedKey beside the data",
        )),
    }
}

/// One DataReference, to this EncryptedData.
fn reference_list(list: Element<'_>, data: Element<'_>) -> Result<(), XmlencError> {
    attributes(list, &[])?;
    let mut parts = Parts::of(list)?;
    let reference = parts.required(ns::XENC, "DataReference")?;
    parts.end()?;
    attributes(reference, &["URI"])?;
    Parts::of(reference)?.end()?;
    let id = fragment(reference);
    if id.is_none() || id != data.attribute("Id") {
        return Err(XmlencError::Structure("the EncryptedKey is for other data"));
    }
    Ok(())
}

fn content_method(method: Element<'_>) -> Result<ContentMethod, XmlencError> {
    attributes(method, &["Algorithm"])?;
    Parts::of(method)?.end()?;
    let uri = method.attribute("Algorithm").unwrap_or_default();
    ContentMethod::from_uri(uri).ok_or_else(|| algorithm("content encryption is not accepted", uri))
}

fn key_transport(method: Element<'_>) -> Result<KeyTransport, XmlencError> {
    attributes(method, &["Algorithm"])?;
    let uri = method.attribute("Algorithm").unwrap_or_default();
    if uri != RSA_OAEP && uri != RSA_OAEP_MGF1P {
        return Err(algorithm("key transport is not accepted", uri));
    }
    let (mut digest, mut mask, mut label) = (None, None, None);
    for part in Parts::of(method)?.rest {
        // The schema puts OAEPparams first and leaves the order of the others open.
        let twice = if part.is(ns::DS, "DigestMethod") {
            digest.replace(part)
        } else if part.is(ns::XENC11, "MGF") {
            mask.replace(part)
        } else if part.is(ns::XENC, "OAEPparams") {
            label.replace(part)
        } else {
            Some(part)
        };
        if twice.is_some() {
            return Err(XmlencError::Structure(
                "EncryptionMethod has other content than RSA-OAEP",
            ));
        }
    }
    let digest = parameter(
        digest,
        "OAEP digest is not accepted",
        OaepDigest::from_digest_uri,
    )?;
    let mask = parameter(mask, "OAEP mask is not accepted", OaepDigest::from_mask_uri)?;
    if uri == RSA_OAEP_MGF1P && mask != OaepDigest::Sha1 {
        return Err(algorithm(
            "this key transport has its mask in its name",
            uri,
        ));
    }
    let label = label.map(base64).transpose()?.unwrap_or_default();
    Ok(KeyTransport { digest, mask, label })
}

/// XML Encryption 1.1, 5.5.2: SHA-1 where nothing is said.
fn parameter(
    element: Option<Element<'_>>,
    what: &'static str,
    from_uri: fn(&str) -> Option<OaepDigest>,
) -> Result<OaepDigest, XmlencError> {
    let Some(element) = element else {
        return Ok(OaepDigest::Sha1);
    };
    attributes(element, &["Algorithm"])?;
    Parts::of(element)?.end()?;
    let uri = element.attribute("Algorithm").unwrap_or_default();
    from_uri(uri).ok_or_else(|| algorithm(what, uri))
}

/// `CipherValue`; a `CipherReference` would be an address to fetch from.
fn cipher_value(data: Element<'_>) -> Result<Vec<u8>, XmlencError> {
    attributes(data, &[])?;
    let mut parts = Parts::of(data)?;
    let value = parts.required(ns::XENC, "CipherValue")?;
    parts.end()?;
    base64(value)
}

/// Base64 of XML Schema: the standard alphabet and white space; padded; no bits left over.
fn base64(element: Element<'_>) -> Result<Vec<u8>, XmlencError> {
    attributes(element, &[])?;
    let text = element.text().ok_or(XmlencError::Structure("elements in a base64 text"))?;
    let packed = text.bytes().filter(|byte| !b" \t\r\n".contains(byte)).collect::<Vec<_>>();
    STANDARD
        .decode(packed)
        .map_err(|_| XmlencError::Structure("a value is not base64"))
}

/// The ID in `URI="#id"`.
fn fragment(element: Element<'_>) -> Option<&str> {
    element.attribute("URI")?.strip_prefix('#').filter(|id| !id.is_empty())
}

/// None but these attributes.
fn attributes(element: Element<'_>, allowed: &[&str]) -> Result<(), XmlencError> {
    let known = |(namespace, local, _): (&str, &str, &str)| {
        namespace.is_empty() && allowed.contains(&local)
    };
    if element.attributes().all(known) {
        return Ok(());
    }
    Err(XmlencError::Structure(
        "an attribute that SAML has no use for",
    ))
}

fn algorithm(what: &'static str, uri: &str) -> XmlencError {
    XmlencError::Algorithm { what, found: uri.chars().take(200).collect() }
}

/// Child elements in the order of a schema.
struct Parts<'d> {
    rest: std::iter::Peekable<crate::xml::Children<'d>>,
}

impl<'d> Parts<'d> {
    fn of(element: Element<'d>) -> Result<Self, XmlencError> {
        if element.has_text() {
            return Err(XmlencError::Structure("text between the elements"));
        }
        Ok(Self { rest: element.children().peekable() })
    }

    fn optional(&mut self, namespace: &str, name: &str) -> Option<Element<'d>> {
        self.rest.next_if(|next| next.is(namespace, name))
    }

    fn required(&mut self, namespace: &str, name: &str) -> Result<Element<'d>, XmlencError> {
        self.optional(namespace, name).ok_or(XmlencError::Structure(
            "an element is missing, or stands elsewhere",
        ))
    }

    fn end(mut self) -> Result<(), XmlencError> {
        match self.rest.next() {
            None => Ok(()),
            Some(_) => Err(XmlencError::Structure(
                "an element that SAML has no use for",
            )),
        }
    }
}
