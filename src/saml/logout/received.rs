//! A logout message as it came, by any of its ways.
//!
//! In: a query, a form or an envelope. Out: [`ReceivedLogout`], of which nobody has looked at a
//! signature: who it says it is from is only to find keys by. With them it becomes a
//! [`SignedMessage`], for as long as somebody reads it.

use url::form_urlencoded;

use super::{SignedMessage, issuer_hint};
use crate::base::Checks;
use crate::dsig::Trust;
use crate::saml::binding::BindingError;
use crate::saml::binding::post::{MAX_BODY, decode_message};
use crate::saml::binding::query::{Carries, QueryMessage};
use crate::saml::binding::soap::SoapMessage;
use crate::saml::error::SamlError;
use crate::saml::schema::PROTOCOL_NS;
use crate::xml::{Document, Element, Limits, Mode};

/// A logout message: bytes that anybody could have sent.
#[derive(Debug)]
pub struct ReceivedLogout {
    /// Request or answer.
    pub carries: Carries,
    /// RelayState as it came. By SOAP there is none.
    pub relay_state: Option<String>,
    form: Form,
}

#[derive(Debug)]
enum Form {
    /// The document is what the query says before anybody has verified that.
    Query(Box<QueryMessage>, Document),
    Posted(Document),
    Soap(SoapMessage),
}

impl ReceivedLogout {
    /// HTTP-Redirect: the octets behind the `?`.
    pub fn of_query(query: &str) -> Result<Self, SamlError> {
        let message = QueryMessage::read(query)?;
        let document = Document::parse(message.xml(), Mode::Message, &Limits::default())?;
        Ok(Self {
            carries: message.carries,
            relay_state: message.relay_state.clone(),
            form: Form::Query(Box::new(message), document),
        })
    }

    /// HTTP-POST: the body of a form.
    ///
    /// ```
    /// use samlgate::saml::binding::query::Carries;
    /// use samlgate::saml::logout::ReceivedLogout;
    /// let received = ReceivedLogout::of_form(b"SAMLRequest=PGEvPg%3D%3D&RelayState=x").unwrap();
    /// assert_eq!(received.carries, Carries::Request);
    /// assert_eq!(received.relay_state.as_deref(), Some("x"));
    /// let code = |body: &[u8]| ReceivedLogout::of_form(body).unwrap_err().code().as_str();
    /// assert_eq!(code(b"RelayState=x"), "binding.params");
    /// assert_eq!(code(b"SAMLRequest=PGEvPg%3D%3D&SAMLResponse=PGEvPg%3D%3D"), "binding.params");
    /// assert_eq!(code(b"SAMLResponse=PGEvPg"), "binding.base64");
    /// ```
    pub fn of_form(body: &[u8]) -> Result<Self, SamlError> {
        if body.len() > MAX_BODY {
            let (what, found, limit) = ("the form", body.len(), MAX_BODY);
            return Err(BindingError::Size { what, found, limit }.into());
        }
        let (mut message, mut relay_state) = (None, None);
        for (name, value) in form_urlencoded::parse(body) {
            let carries = match &*name {
                "SAMLRequest" => Carries::Request,
                "SAMLResponse" => Carries::Response,
                "RelayState" => {
                    if relay_state.replace(value.into_owned()).is_some() {
                        return Err(BindingError::Params("there are several RelayState").into());
                    }
                    continue;
                }
                // As at the ACS: SimpleSign would be a second kind of proof.
                "Signature" | "SigAlg" => {
                    return Err(BindingError::Params("SimpleSign is not accepted").into());
                }
                _ => continue,
            };
            if message.replace((carries, value)).is_some() {
                return Err(BindingError::Params("there are several SAML messages").into());
            }
        }
        let (carries, value) = message.ok_or(BindingError::Params("there is no SAML message"))?;
        let xml = decode_message(value.as_bytes())?;
        let document = Document::parse_owned(xml, Mode::Message, &Limits::default())?;
        Ok(Self { carries, relay_state, form: Form::Posted(document) })
    }

    /// SOAP: the body of a POST.
    pub fn of_soap(body: &[u8]) -> Result<Self, SamlError> {
        let soap = SoapMessage::read(body)?;
        let is_response = soap.message().is(PROTOCOL_NS, "LogoutResponse");
        let carries = if is_response {
            Carries::Response
        } else {
            Carries::Request
        };
        Ok(Self { carries, relay_state: None, form: Form::Soap(soap) })
    }

    /// The message. Unverified.
    pub fn message(&self) -> Element<'_> {
        match &self.form {
            Form::Query(_, document) | Form::Posted(document) => document.root(),
            Form::Soap(soap) => soap.message(),
        }
    }

    /// Who says it. Unverified.
    pub fn issuer(&self) -> Option<String> {
        issuer_hint(self.message())
    }

    /// Whether it is a `samlp:LogoutRequest`, and which. Unverified: an answer may name it, which
    /// tells its sender nothing new.
    pub fn request_id(&self) -> Option<String> {
        let message = self.message();
        let id = message.is(PROTOCOL_NS, "LogoutRequest").then(|| message.attribute("ID"))??;
        (!id.is_empty() && id.len() <= LONGEST_ID).then(|| id.to_owned())
    }

    /// Which request of ours it says it answers. Unverified.
    pub fn in_response_to(&self) -> Option<String> {
        self.message().attribute("InResponseTo").map(ToOwned::to_owned)
    }

    /// Verifies the signature of that way, and reads what was signed. `sig.missing` without one.
    ///
    /// It may be read again with other keys: what it does is used up by its ID, not by reading.
    pub fn read<T>(
        &self,
        trust: Trust<'_>,
        checks: &mut Checks,
        read: impl FnOnce(&SignedMessage<'_>, &mut Checks) -> Result<T, SamlError>,
    ) -> Result<T, SamlError> {
        match &self.form {
            Form::Query(message, _) => {
                let verified =
                    QueryMessage::clone(message).verify(trust)?.ok_or(SamlError::UnsignedLogout)?;
                let document = verified.parse()?;
                read(&SignedMessage::from(&document), checks)
            }
            Form::Posted(document) => {
                let message = SignedMessage::enveloped(document, trust, checks)?;
                read(&message, checks)
            }
            Form::Soap(soap) => {
                let message = SignedMessage::in_soap(soap, trust, checks)?;
                read(&message, checks)
            }
        }
    }
}

/// Longest ID of a request that an answer repeats. Ours have 41 characters, and none was seen with a
/// hundred.
const LONGEST_ID: usize = 256;
