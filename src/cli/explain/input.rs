//! What somebody has at hand → what a browser would have sent.
//!
//! People copy messages out of consoles, address bars and browser tools, in whatever form they find
//! them. Each is put back into the form in which the ACS takes it, so that the ACS's own code reads
//! it; nothing about it is repaired.

use std::io::{IsTerminal as _, Read as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use url::form_urlencoded;

use super::BindingName;
use crate::cli::output;
use crate::saml::binding::post::{MAX_BODY, decode_message};
use crate::saml::binding::query::QueryMessage;
use crate::saml::binding::redirect::deflate;
use crate::saml::binding::soap::SOAP_NS;
use crate::xml::{Document, Limits, Mode};

/// More than the ACS takes, so that what is too large is refused by it and not by us.
const MOST_BYTES: usize = 4 * MAX_BODY;

/// A message, as it would arrive.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// The body of a POST through a browser.
    Post(Vec<u8>),
    /// The body of a POST from server to server.
    Soap(Vec<u8>),
    /// The query of an address, as it stands there: its octets are what is signed.
    Redirect(String),
}

/// Reads a file, or standard input for `-`.
pub(super) fn read(file: &Path, binding: Option<BindingName>) -> Result<Message, String> {
    let most = u64::try_from(MOST_BYTES).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let read = if file.as_os_str() == "-" {
        if std::io::stdin().is_terminal() {
            output::note("paste the message, and end it with Ctrl-D on a line of its own");
        }
        std::io::stdin().take(most).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(most).read_to_end(&mut bytes))
    };
    read.map_err(|error| format!("{}: {error}", file.display()))?;
    recognise(bytes, binding)
}

/// By content: XML, parameters of a form or of an address, else base64.
fn recognise(bytes: Vec<u8>, binding: Option<BindingName>) -> Result<Message, String> {
    if binding == Some(BindingName::Soap) || (binding.is_none() && is_envelope(&bytes)) {
        return Ok(Message::Soap(bytes));
    }
    if is_xml(&bytes) {
        return Ok(match binding {
            Some(BindingName::Redirect) => {
                Message::Redirect(query_of(&STANDARD.encode(deflate(&bytes))))
            }
            _ => Message::Post(form_of(&STANDARD.encode(&bytes))),
        });
    }
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim();
    if text.is_empty() {
        return Err("there is no message: the input is empty".to_owned());
    }
    let Some(parameters) = parameters(text) else {
        if text.contains("://") {
            return Err("the address carries no SAMLResponse and no SAMLRequest".to_owned());
        }
        let plain = percent_decode_str(text).decode_utf8_lossy();
        return Ok(match (binding, text.contains('%')) {
            (Some(BindingName::Redirect), _) => Message::Redirect(query_of(&plain)),
            (_, true) => Message::Post(format!("{}={text}", name_of(&plain)).into_bytes()),
            (_, false) => Message::Post(form_of(text)),
        });
    };
    // The body of a form has no signature of its own, and its message is not deflated.
    let looks_redirected = text.len() != parameters.len()
        || parameters.contains("&Signature=")
        || QueryMessage::read(parameters).is_ok();
    let redirected = binding.map_or(looks_redirected, |name| name == BindingName::Redirect);
    Ok(match redirected {
        true => Message::Redirect(parameters.to_owned()),
        false => Message::Post(parameters.as_bytes().to_vec()),
    })
}

/// `<` first; or a byte order mark of UTF-16, which is XML that the reader refuses by name.
fn is_xml(bytes: &[u8]) -> bool {
    let bare = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    bare.starts_with(b"<") || bytes.starts_with(b"\xfe\xff") || bytes.starts_with(b"\xff\xfe")
}

/// The part of a text that is a query or the body of a form.
fn parameters(text: &str) -> Option<&str> {
    let query = match text.split_once('?') {
        Some((_, query)) => query.split('#').next().unwrap_or_default(),
        None => text,
    };
    const NAMES: &[&str] = &["SAMLResponse=", "SAMLRequest=", "RelayState=", "SigAlg="];
    let named = |part: &str| NAMES.iter().any(|name| part.starts_with(name));
    query.split('&').any(named).then_some(query)
}

/// An envelope of SOAP 1.1, whatever is in it.
fn is_envelope(xml: &[u8]) -> bool {
    let read = Document::parse(xml, Mode::Message, &Limits::default());
    read.is_ok_and(|document| document.root().is(SOAP_NS, "Envelope"))
}

/// A form around a bare message, under the name that its document element asks for.
fn form_of(base64: &str) -> Vec<u8> {
    let value = form_urlencoded::byte_serialize(base64.as_bytes()).collect::<String>();
    format!("{}={value}", name_of(base64)).into_bytes()
}

fn name_of(base64: &str) -> &'static str {
    let xml = decode_message(base64.as_bytes()).ok();
    parameter_of(xml.as_deref())
}

fn parameter_of(xml: Option<&[u8]>) -> &'static str {
    let read = xml.and_then(|xml| Document::parse(xml, Mode::Message, &Limits::default()).ok());
    match read.is_some_and(|document| document.root().local_name().ends_with("Request")) {
        true => "SAMLRequest",
        false => "SAMLResponse",
    }
}

/// A query around a bare message, under the name that its document element asks for.
fn query_of(base64: &str) -> String {
    let base64 = base64.split_ascii_whitespace().collect::<String>();
    let value = form_urlencoded::byte_serialize(base64.as_bytes()).collect::<String>();
    let read = QueryMessage::read(&format!("SAMLResponse={value}")).ok();
    let name = parameter_of(read.as_ref().map(QueryMessage::xml));
    format!("{name}={value}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::saml::binding::soap;

    fn seen(text: &str) -> Message {
        recognise(text.as_bytes().to_vec(), None).unwrap()
    }

    fn post(body: &str) -> Message {
        Message::Post(body.as_bytes().to_vec())
    }

    #[test]
    fn a_message_is_recognised_by_what_is_in_it() {
        let form = "SAMLResponse=PGEvPg%3D%3D";
        for text in ["<a/>", "PGEvPg==", "PGEvPg==\n", "PGEvPg%3D%3D", form] {
            assert_eq!(seen(text), post(form), "{text}");
        }
        assert_eq!(
            seen("RelayState=x&SAMLResponse=PGEvPg%3D%3D\n"),
            post("RelayState=x&SAMLResponse=PGEvPg%3D%3D")
        );
        assert_eq!(seen("anything else"), post("SAMLResponse=anything+else"));
        // A request goes by the name of one.
        for text in ["<aRequest/>", "PGFSZXF1ZXN0Lz4=", "PGFSZXF1ZXN0Lz4%3D"] {
            assert_eq!(seen(text), post("SAMLRequest=PGFSZXF1ZXN0Lz4%3D"), "{text}");
        }
        let envelope = soap::envelope("<a/>");
        assert_eq!(
            seen(&envelope),
            Message::Soap(envelope.clone().into_bytes())
        );
        assert!(recognise(b" \n".to_vec(), None).is_err());
        assert!(recognise(b"https://app.example.com/saml/acs".to_vec(), None).is_err());
    }

    fn redirect(query: &str) -> Message {
        Message::Redirect(query.to_owned())
    }

    #[test]
    fn a_message_in_an_address_is_taken_with_the_octets_of_its_query() {
        // <a/> by raw DEFLATE.
        let query = "SAMLRequest=s0nUtwMA";
        assert_eq!(
            seen(&format!(
                "https://idp.example.com/sso?{query}&RelayState=x#top"
            )),
            redirect("SAMLRequest=s0nUtwMA&RelayState=x")
        );
        for text in [
            format!("x=y&{query}"),
            format!("{query}&SigAlg=a&Signature=b"),
            query.to_owned(),
        ] {
            assert_eq!(seen(&text), redirect(&text));
            assert_eq!(seen(&format!("/sso?{text}\n")), redirect(&text));
        }
        let damaged = "https://idp.example.com/sso?SAMLRequest=!!!";
        assert_eq!(seen(damaged), redirect("SAMLRequest=!!!"));
    }

    #[test]
    fn how_it_came_can_be_said() {
        let said =
            |text: &str, binding| recognise(text.as_bytes().to_vec(), Some(binding)).unwrap();
        assert_eq!(
            said(
                "https://x.example/?SAMLResponse=PGEvPg%3D%3D",
                BindingName::Post
            ),
            post("SAMLResponse=PGEvPg%3D%3D")
        );
        for (message, name) in [("<a/>", "SAMLResponse"), ("<aRequest/>", "SAMLRequest")] {
            let Message::Redirect(query) = said(message, BindingName::Redirect) else {
                panic!("{message}");
            };
            let (found, value) = query.split_once('=').unwrap();
            assert_eq!(found, name);
            assert_eq!(said(value, BindingName::Redirect), redirect(&query));
            let xml = QueryMessage::read(&query).unwrap();
            assert_eq!(xml.xml(), message.as_bytes());
        }
    }
}
