//! SOAP 1.1 (bindings 3.2): the envelope around a message that travels between two servers.
//!
//! In: the body of a POST, or of the answer to one of ours. Out: [`SoapMessage`], in which there is
//! one message, still anybody's. Promised: there is one element in one Body; no signature stands
//! outside of it; a Fault is never taken for a message. What is signed is the message itself, by
//! `dsig`, as with every other binding: the envelope proves nothing, and neither does TLS here.

use super::BindingError;
use super::post::MAX_MESSAGE;
use crate::dsig::DsigError;
use crate::saml::error::SamlError;
use crate::saml::schema::{Reader, SchemaError};
use crate::saml::status::bounded;
use crate::xml::write::escape_text;
use crate::xml::{Document, Element, Limits, Mode, ns};

/// `http://schemas.xmlsoap.org/soap/envelope/`
pub const SOAP_NS: &str = "http://schemas.xmlsoap.org/soap/envelope/";
/// The value of the header `SOAPAction` (bindings 3.2.3.1), in its quotation marks.
pub const SOAP_ACTION: &str = "\"http://www.oasis-open.org/committees/security\"";
/// What both sides send (SOAP 1.1, over HTTP).
pub const CONTENT_TYPE: &str = "text/xml; charset=utf-8";
/// Largest envelope: as large as a message may be by other bindings.
pub const MAX_BODY: usize = MAX_MESSAGE;

/// How much of something that is no envelope is told: a person sees by it what it is.
const BEGINNING: usize = 80;

/// An envelope with one message in it, of which nobody has looked at a signature.
#[derive(Debug)]
pub struct SoapMessage(Document);

impl SoapMessage {
    /// Reads an envelope.
    ///
    /// ```
    /// use samlgate::saml::binding::soap::{SoapMessage, envelope};
    /// let soap = envelope("<a xmlns='urn:a'/>");
    /// let message = SoapMessage::read(soap.as_bytes()).unwrap();
    /// assert!(message.message().is("urn:a", "a"));
    /// let code = |text: &[u8]| SoapMessage::read(text).unwrap_err().code().as_str();
    /// assert_eq!(code(b"<a/>"), "binding.soap");
    /// assert_eq!(code(envelope("<a/><b/>").as_bytes()), "binding.soap");
    /// assert_eq!(code(b"<a>"), "xml.syntax");
    /// ```
    pub fn read(bytes: &[u8]) -> Result<Self, SamlError> {
        if bytes.len() > MAX_BODY {
            let (what, found, limit) = ("the SOAP message", bytes.len(), MAX_BODY);
            return Err(BindingError::Size { what, found, limit }.into());
        }
        let document = Document::parse(bytes, Mode::Message, &Limits::default())?;
        check(document.root())?;
        Ok(Self(document))
    }

    /// Reads the answer to an envelope of ours. What does not even name SOAP is no message in which
    /// anything could be wrong, but something else that stands at that address.
    pub(in crate::saml) fn read_answer(bytes: &[u8]) -> Result<Self, SamlError> {
        let mut windows = bytes.windows(SOAP_NS.len());
        if !windows.any(|window| window == SOAP_NS.as_bytes()) {
            let begins = bounded(&String::from_utf8_lossy(bytes));
            let begins = begins.chars().take(BEGINNING).collect();
            return Err(BindingError::NoSoap { begins }.into());
        }
        Self::read(bytes)
    }

    /// All of it.
    pub(in crate::saml) fn root(&self) -> Element<'_> {
        self.0.root()
    }

    /// The message in the Body.
    pub fn message(&self) -> Element<'_> {
        let root = self.0.root();
        // `read` has seen both.
        let body = root.child(SOAP_NS, "Body");
        body.and_then(|body| body.children().next()).unwrap_or(root)
    }
}

/// Puts a message into an envelope, byte for byte: an enveloped signature in it stays what it was.
/// It must not begin with an XML declaration; none of ours does.
pub fn envelope(message: &str) -> String {
    format!(
        "<soap:Envelope xmlns:soap=\"{SOAP_NS}\"><soap:Body>{message}</soap:Body></soap:Envelope>"
    )
}

/// Whose fault it is that a message was not understood (SOAP 1.1, 4.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The message is wrong, or can not be believed.
    Client,
    /// It may be right; we can not say so now.
    Server,
    /// It has a header that we do not know, and must.
    MustUnderstand,
}

impl Fault {
    /// The answer that says so, with HTTP status 500. `reason` is for a person at the other side, so
    /// it is one of our public sentences and nothing that helps to forge a message.
    pub fn envelope(self, reason: &str) -> String {
        let code = match self {
            Self::Client => "Client",
            Self::Server => "Server",
            Self::MustUnderstand => "MustUnderstand",
        };
        let reason = escape_text(reason);
        envelope(&format!(
            "<soap:Fault><faultcode>soap:{code}</faultcode><faultstring>{reason}</faultstring>\
             </soap:Fault>"
        ))
    }
}

fn check(root: Element<'_>) -> Result<(), SamlError> {
    let soap = |what| SamlError::from(BindingError::Soap(what));
    if !root.is(SOAP_NS, "Envelope") {
        return Err(soap("it is no SOAP 1.1 Envelope"));
    }
    let children = |element| {
        Reader::children_of(element).map_err(|_: SchemaError| soap("there is text in the envelope"))
    };
    let mut reader = children(root)?;
    if let Some(header) = reader.optional(SOAP_NS, "Header")
        && header.children().any(must_be_understood)
    {
        return Err(soap("a header must be understood, and none is"));
    }
    let Some(body) = reader.optional(SOAP_NS, "Body") else {
        return Err(soap("there is no Body"));
    };
    reader.end().map_err(|_| soap("something stands behind the Body"))?;
    let mut reader = children(body)?;
    let message = reader.any().ok_or_else(|| soap("the Body is empty"))?;
    reader.end().map_err(|_| soap("there is more than one message in the Body"))?;
    if message.namespace() == SOAP_NS {
        return Err(match message.local_name() {
            "Fault" => {
                let (code, reason) = (said(message, "faultcode"), said(message, "faultstring"));
                BindingError::Fault { code, reason }.into()
            }
            _ => soap("there is no message in the Body"),
        });
    }
    // WS-Security would be a second kind of proof, which nobody here reads.
    let is_outside = |element: Element<'_>| !message.contains(element);
    if root
        .descendants()
        .any(|inner| inner.is(ns::DS, "Signature") && is_outside(inner))
    {
        return Err(DsigError::Position("a Signature stands in the message, not around it").into());
    }
    Ok(())
}

/// SOAP 1.1, 4.2.3. What it may say is `0` and `1`; whatever is not `0` is taken for a yes.
fn must_be_understood(header: Element<'_>) -> bool {
    header.attribute_ns(SOAP_NS, "mustUnderstand").is_some_and(|value| value != "0")
}

/// A part of a Fault, for people to read. In SOAP 1.1 these have no namespace.
fn said(fault: Element<'_>, name: &str) -> String {
    let part = fault.children().find(|child| child.local_name() == name);
    part.and_then(Element::text).map(|text| bounded(&text)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
