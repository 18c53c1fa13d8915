//! HTTP-Redirect (bindings 3.4), received: a raw query → a message, and whose it is.
//!
//! In: the octets behind the `?`, as they came. Out: [`QueryMessage`], which is still anybody's,
//! and by [`QueryMessage::verify`] a [`VerifiedQuery`]. Promised: what is verified are the received
//! octets themselves, never ones that were decoded and encoded again; and the message inside of a
//! [`VerifiedQuery`] was inflated from exactly those.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::bufread::DeflateDecoder;
use percent_encoding::percent_decode_str;

use super::BindingError;
use crate::dsig::{SignedBy, Trust, verify_query};
use crate::xml::{Document, Limits, Mode, XmlError};

/// Longest query: 256 KiB of XML do not fit into an address anywhere; browsers and servers stop
/// between 2 and 64 KiB.
pub const MAX_QUERY: usize = 64 * 1024;

/// Most bytes of XML: the same as by HTTP-POST.
pub use super::post::MAX_MESSAGE;

/// `urn:oasis:names:tc:SAML:2.0:bindings:URL-Encoding:DEFLATE`, the one encoding (3.4.4).
const DEFLATE: &str = "urn:oasis:names:tc:SAML:2.0:bindings:URL-Encoding:DEFLATE";

/// Which of the two a query carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carries {
    /// `SAMLRequest`
    Request,
    /// `SAMLResponse`
    Response,
}

/// A message in a query: bytes that anybody could have sent.
#[derive(Clone, Debug)]
pub struct QueryMessage {
    /// Request or response.
    pub carries: Carries,
    /// RelayState, decoded.
    pub relay_state: Option<String>,
    xml: Vec<u8>,
    /// `SAMLRequest=…&RelayState=…&SigAlg=…` as received.
    signed: Vec<u8>,
    signature: Option<(String, Vec<u8>)>,
}

impl QueryMessage {
    /// Reads a raw query, without its `?`.
    ///
    /// Parameters that SAML does not know may be there, and are not signed. Those that it knows
    /// come once each and in the order in which they are signed (bindings 3.4.4.1).
    ///
    /// ```
    /// use samlgate::saml::binding::query::QueryMessage;
    /// let message = QueryMessage::read("SAMLRequest=s0nUtwMA&RelayState=a%20b").unwrap();
    /// assert_eq!(message.xml(), b"<a/>");
    /// assert_eq!(message.relay_state.as_deref(), Some("a b"));
    /// let code = |query| QueryMessage::read(query).unwrap_err().code().as_str();
    /// assert_eq!(code("SAMLRequest=s0nUtwMA&SAMLRequest=s0nUtwMA"), "binding.query");
    /// assert_eq!(code("SAMLRequest=eJyzSdS3AwACHwDz"), "binding.inflate"); // zlib
    /// ```
    pub fn read(query: &str) -> Result<Self, BindingError> {
        if query.len() > MAX_QUERY {
            let (what, found, limit) = ("the query", query.len(), MAX_QUERY);
            return Err(BindingError::Size { what, found, limit });
        }
        let parameters = Parameters::read(query)?;
        let (carries, message) = match (parameters.request, parameters.response) {
            (Some(request), None) => (Carries::Request, request),
            (None, Some(response)) => (Carries::Response, response),
            _ => return Err(BindingError::Query("there is not exactly one SAML message")),
        };
        if let Some(encoding) = parameters.encoding
            && decoded(value(encoding))? != DEFLATE
        {
            return Err(BindingError::Inflate("SAMLEncoding is not DEFLATE"));
        }
        let relay_state = parameters.relay_state.map(|pair| decoded(value(pair))).transpose()?;
        let signature = match (parameters.sig_alg, parameters.signature) {
            (None, None) => None,
            (Some(sig_alg), Some(signature)) => {
                // One that is no base64 is no key's: it fails where every other one does.
                let signature = decode_base64(value(signature)).unwrap_or_default();
                Some((decoded(value(sig_alg))?, signature))
            }
            _ => return Err(BindingError::Query("SigAlg and Signature come together")),
        };
        let signed = [Some(message), parameters.relay_state, parameters.sig_alg];
        Ok(Self {
            carries,
            relay_state,
            xml: inflate(&decode_base64(value(message))?)?,
            signed: signed.into_iter().flatten().collect::<Vec<_>>().join("&").into_bytes(),
            signature,
        })
    }

    /// The message, before anybody has looked at its signature: to find out who says it.
    pub fn xml(&self) -> &[u8] {
        &self.xml
    }

    /// Whether there is a signature at all.
    pub const fn is_signed(&self) -> bool {
        self.signature.is_some()
    }

    /// Verifies the signature over the query; `None` when there is none.
    ///
    /// An XML signature in the message is not looked for: bindings 3.4.4.1 has it removed.
    pub fn verify(self, trust: Trust<'_>) -> Result<Option<VerifiedQuery>, BindingError> {
        let Some((sig_alg, signature)) = &self.signature else {
            return Ok(None);
        };
        let signed_by = verify_query(&self.signed, sig_alg, signature, trust)
            .map_err(BindingError::QuerySignature)?;
        Ok(Some(VerifiedQuery {
            xml: self.xml,
            relay_state: self.relay_state,
            signed_by,
        }))
    }
}

/// A message whose query a trusted key has signed, whole. Made by [`QueryMessage::verify`] alone.
///
/// ```compile_fail,E0451
/// use samlgate::saml::binding::query::VerifiedQuery;
/// fn forge(genuine: VerifiedQuery) -> VerifiedQuery {
///     VerifiedQuery { xml: b"<samlp:LogoutRequest/>".to_vec(), ..genuine }
/// }
/// ```
#[derive(Debug)]
pub struct VerifiedQuery {
    xml: Vec<u8>,
    relay_state: Option<String>,
    signed_by: SignedBy,
}

impl VerifiedQuery {
    /// Reads the signed message.
    pub fn parse(&self) -> Result<VerifiedDocument, XmlError> {
        Document::parse(&self.xml, Mode::Message, &Limits::default()).map(VerifiedDocument)
    }

    /// RelayState, which is signed as well.
    pub fn relay_state(&self) -> Option<&str> {
        self.relay_state.as_deref()
    }

    /// Whose key it was.
    pub const fn signed_by(&self) -> &SignedBy {
        &self.signed_by
    }
}

/// The document in a [`VerifiedQuery`]: all of it was signed.
#[derive(Debug)]
pub struct VerifiedDocument(Document);

impl VerifiedDocument {
    /// The document.
    pub const fn get(&self) -> &Document {
        &self.0
    }
}

/// The parameters that SAML knows, each as the raw `name=value`.
#[derive(Default)]
struct Parameters<'q> {
    request: Option<&'q str>,
    response: Option<&'q str>,
    encoding: Option<&'q str>,
    relay_state: Option<&'q str>,
    sig_alg: Option<&'q str>,
    signature: Option<&'q str>,
}

impl<'q> Parameters<'q> {
    fn read(query: &'q str) -> Result<Self, BindingError> {
        let mut found = Self::default();
        let mut last = 0;
        for pair in query.split('&') {
            let raw = pair.split_once('=').map_or(pair, |(name, _)| name);
            // A second way of writing a name would be a second parameter for another reader.
            let name = percent_decode_str(raw).decode_utf8_lossy();
            let (slot, place) = match name.as_ref() {
                "SAMLRequest" => (&mut found.request, 1),
                "SAMLResponse" => (&mut found.response, 1),
                "RelayState" => (&mut found.relay_state, 2),
                "SigAlg" => (&mut found.sig_alg, 3),
                "Signature" => (&mut found.signature, 4),
                // Not signed, and so without a place in the order.
                "SAMLEncoding" => (&mut found.encoding, last.max(1)),
                other if other.starts_with("SAML") || other.starts_with("Sig") => {
                    return Err(BindingError::Query(
                        "there is a parameter that SAML does not know",
                    ));
                }
                _ => continue,
            };
            if name != raw {
                return Err(BindingError::Query(
                    "the name of a parameter is percent-encoded",
                ));
            }
            if slot.replace(pair).is_some() {
                return Err(BindingError::Query("a parameter comes twice"));
            }
            if place < last {
                return Err(BindingError::Query("the parameters are not in their order"));
            }
            last = place;
        }
        Ok(found)
    }
}

fn value(pair: &str) -> &str {
    pair.split_once('=').map_or("", |(_, value)| value)
}

/// Percent-decoded, `+` as a space (HTML's rule, which browsers follow).
fn decoded(value: &str) -> Result<String, BindingError> {
    let spaced = value.replace('+', " ");
    let text = percent_decode_str(&spaced).decode_utf8();
    text.map(std::borrow::Cow::into_owned)
        .map_err(|_| BindingError::Query("a parameter is not UTF-8"))
}

/// Some senders leave the `+` of base64 as it is; a space is not in its alphabet.
fn decode_base64(value: &str) -> Result<Vec<u8>, BindingError> {
    let bytes = percent_decode_str(value).collect::<Vec<_>>();
    STANDARD.decode(bytes).map_err(|error| BindingError::Base64(error.to_string()))
}

/// RFC 1951, one stream that ends where the input ends, and no bombs.
fn inflate(bytes: &[u8]) -> Result<Vec<u8>, BindingError> {
    let mut decoder = DeflateDecoder::new(bytes);
    let mut xml = Vec::new();
    let most = u64::try_from(MAX_MESSAGE).unwrap_or(u64::MAX);
    decoder
        .by_ref()
        .take(most.saturating_add(1))
        .read_to_end(&mut xml)
        .map_err(|_| BindingError::Inflate("it is not raw DEFLATE"))?;
    if xml.len() > MAX_MESSAGE {
        return Err(BindingError::Inflate("it inflates to more than 256 KiB"));
    }
    if xml.is_empty() {
        return Err(BindingError::Inflate("it is empty"));
    }
    // The reader stops behind the last block; what follows would be seen by nobody, or by others.
    if decoder.total_in() != u64::try_from(bytes.len()).unwrap_or(u64::MAX) {
        return Err(BindingError::Inflate(
            "something follows the DEFLATE stream",
        ));
    }
    Ok(xml)
}

#[cfg(test)]
mod tests;
