//! HTTP-POST (bindings 3.5): a form from the browser → the bytes of a Response.

use std::borrow::Cow;

use base64_simd::STANDARD;
use memchr::{memchr, memchr2};

use super::BindingError;

/// Largest body of a POST to the ACS: base64 and percent-encoding of the largest message, thrice.
pub const MAX_BODY: usize = 1024 * 1024;
/// Largest decoded message. A person with a thousand groups comes to 100 KiB.
pub const MAX_MESSAGE: usize = 256 * 1024;

/// A posted Response: bytes that anybody could have sent.
#[derive(Debug)]
pub struct ResponseForm {
    /// The decoded message.
    pub xml: Vec<u8>,
    /// RelayState as it came.
    pub relay_state: Option<String>,
}

impl ResponseForm {
    /// Reads an `application/x-www-form-urlencoded` body.
    ///
    /// ```
    /// use samlgate::saml::binding::post::ResponseForm;
    /// let form = ResponseForm::decode(b"SAMLResponse=PGEvPg%3D%3D&RelayState=x").unwrap();
    /// assert_eq!(form.xml, b"<a/>");
    /// let code = |body: &[u8]| ResponseForm::decode(body).unwrap_err().code().as_str();
    /// assert_eq!(code(b"RelayState=x"), "binding.params");
    /// assert_eq!(code(b"SAMLResponse=PGEvPg"), "binding.base64");
    /// ```
    pub fn decode(body: &[u8]) -> Result<Self, BindingError> {
        if body.len() > MAX_BODY {
            return Err(BindingError::Size {
                what: "the form",
                found: body.len(),
                limit: MAX_BODY,
            });
        }
        let mut response = None;
        let mut relay_state = None;
        for (name, value) in fields(body) {
            match &*decoded(name) {
                b"SAMLResponse" if response.is_none() => response = Some(value),
                b"SAMLResponse" => {
                    return Err(BindingError::Params("there are several SAMLResponse"));
                }
                b"SAMLRequest" => {
                    return Err(BindingError::Params("there is a SAMLRequest at the ACS"));
                }
                b"RelayState" if relay_state.is_none() => {
                    relay_state = Some(String::from_utf8_lossy(&decoded(value)).into_owned());
                }
                b"RelayState" => return Err(BindingError::Params("there are several RelayState")),
                // HTTP-POST-SimpleSign (SSTC 2008) signs the form instead of the message: a second
                // kind of proof, which nobody sends.
                b"Signature" | b"SigAlg" => {
                    return Err(BindingError::Params("SimpleSign is not accepted"));
                }
                _ => {}
            }
        }
        let response = response.ok_or(BindingError::Params("there is no SAMLResponse"))?;
        // Not taken for text first: what is not ASCII is not base64.
        Ok(Self { xml: decode_message(&decoded(response))?, relay_state })
    }
}

/// Names and values of a form, as they are encoded.
fn fields(body: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = Some(body);
    let all = std::iter::from_fn(move || {
        let (field, others) = cut(rest?, b'&');
        rest = others;
        Some(field)
    });
    all.filter(|field| !field.is_empty()).map(|field| {
        let (name, value) = cut(field, b'=');
        (name, value.unwrap_or_default())
    })
}

/// What is before the first such byte, and what is behind it. Most of a form is one value, which is
/// looked through many bytes at a time.
fn cut(text: &[u8], at: u8) -> (&[u8], Option<&[u8]>) {
    let found = memchr(at, text).and_then(|place| text.split_at_checked(place));
    found.map_or((text, None), |(before, behind)| (before, behind.get(1..)))
}

/// A name or a value with `+` and `%XX` replaced, as in the URL Standard, 5.1. What is between them
/// is copied at once: a message is ten thousand characters with a hundred of them.
fn decoded(text: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = memchr2(b'+', b'%', text) else {
        return Cow::Borrowed(text);
    };
    let mut bytes = Vec::with_capacity(text.len());
    let mut place = Some(first);
    let mut rest = text;
    while let Some((run, encoded)) = place.and_then(|place| rest.split_at_checked(place)) {
        bytes.extend_from_slice(run);
        rest = match encoded {
            [b'%', high, low, rest @ ..] if let Some(byte) = hex(*high, *low) => {
                bytes.push(byte);
                rest
            }
            [b'+', rest @ ..] => {
                bytes.push(b' ');
                rest
            }
            [other, rest @ ..] => {
                bytes.push(*other);
                rest
            }
            [] => break,
        };
        place = memchr2(b'+', b'%', rest);
    }
    bytes.extend_from_slice(rest);
    Cow::Owned(bytes)
}

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(high)? * 16 + digit(low)?)
}

/// The message in the value of a parameter: base64 in the standard alphabet, with canonical padding
/// and zero trailing bits. Line breaks are tolerated, since many identity providers wrap at 76
/// columns.
///
/// ```
/// use samlgate::saml::binding::post::decode_message;
/// assert_eq!(decode_message(b"PGEv\r\nPg==\n").unwrap(), b"<a/>");
/// assert!(decode_message(b"PGEvPg").is_err());
/// ```
pub fn decode_message(text: &[u8]) -> Result<Vec<u8>, BindingError> {
    // The form has room for no more; without one, nobody has looked yet.
    if text.len() > MAX_BODY {
        let found = text.len();
        return Err(BindingError::Size { what: "the message", found, limit: MAX_MESSAGE });
    }
    let is_white = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    // The decoder does not say what it dislikes.
    let refused = |_: base64_simd::Error| BindingError::Base64(first_fault(text));
    let bytes = match STANDARD.decode_to_vec(text) {
        // Without white space, as most send it, nothing is copied.
        Ok(bytes) => bytes,
        Err(_) => {
            let mut packed = Vec::with_capacity(text.len());
            packed.extend(text.iter().copied().filter(|byte| !is_white(byte)));
            let length = STANDARD.decode_inplace(&mut packed).map_err(refused)?.len();
            packed.truncate(length);
            // The message keeps them: a quarter would stay empty.
            packed.shrink_to_fit();
            packed
        }
    };
    if bytes.is_empty() {
        return Err(BindingError::Base64("it is empty".to_owned()));
    }
    if bytes.len() > MAX_MESSAGE {
        let found = bytes.len();
        return Err(BindingError::Size { what: "the message", found, limit: MAX_MESSAGE });
    }
    Ok(bytes)
}

fn first_fault(text: &[u8]) -> String {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"+/= \t\r\n".contains(&byte);
    match text.iter().enumerate().find(|(_, byte)| !known(**byte)) {
        Some((at, byte)) => format!("{:?} at byte {at}", char::from(*byte)),
        None => "its end, or the padding of it, is wrong".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(body: &str) -> &'static str {
        ResponseForm::decode(body.as_bytes()).unwrap_err().code().as_str()
    }

    #[test]
    fn parameters_that_a_browser_would_not_send_are_binding_params() {
        assert_eq!(
            code("SAMLResponse=PGEvPg%3D%3D&SAMLResponse=PGEvPg%3D%3D"),
            "binding.params"
        );
        assert_eq!(
            code("SAMLResponse=PGEvPg%3D%3D&SAMLRequest=PGEvPg%3D%3D"),
            "binding.params"
        );
        assert_eq!(
            code("SAMLResponse=PGEvPg%3D%3D&RelayState=a&RelayState=b"),
            "binding.params"
        );
    }

    #[test]
    fn a_response_may_come_with_a_relay_state() {
        let form = |body: &[u8]| ResponseForm::decode(body).unwrap();
        let with = form(b"RelayState=%2Freports+x&SAMLResponse=PGEvPg%3D%3D&lang=de");
        assert_eq!(with.xml, b"<a/>");
        assert_eq!(with.relay_state.as_deref(), Some("/reports x"));
        assert_eq!(form(b"SAMLResponse=PGEvPg%3D%3D").relay_state, None);
    }

    #[test]
    fn a_form_is_read_as_others_read_it() {
        for form in [
            "",
            "&&a=b&",
            "a",
            "=",
            "a=b=c",
            "a+b=c+d",
            "%53AML=%2b%2B+%20",
            "a=%",
            "a=%4",
            "a=%zz%41%",
            "a=%%41",
            "a=%+1",
            "a=%E2%82%AC&b=\u{e4}",
            "%=%&x=%1g&y=%g1",
        ] {
            let ours: Vec<_> = fields(form.as_bytes())
                .map(|(name, value)| (decoded(name).into_owned(), decoded(value).into_owned()))
                .collect();
            let theirs: Vec<_> = url::form_urlencoded::parse(form.as_bytes())
                .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
                .collect();
            assert_eq!(ours, theirs, "{form}");
        }
    }

    #[test]
    fn a_form_that_is_signed_itself_is_binding_params() {
        assert_eq!(
            code("SAMLResponse=PGEvPg%3D%3D&SigAlg=x&Signature=y"),
            "binding.params"
        );
    }

    #[test]
    fn base64_is_read_strictly() {
        for text in [
            "",
            "%3D",
            "PGEvPg%3D",
            "PGEvPh%3D%3D",
            "PGEv_g%3D%3D",
            "PGEvPg%3D%3DAAAA",
        ] {
            assert_eq!(
                code(&format!("SAMLResponse={text}")),
                "binding.base64",
                "{text}"
            );
        }
        assert!(ResponseForm::decode(b"SAMLResponse=PGEv%0D%0APg%3D%3D%0A").is_ok());
    }

    #[test]
    fn the_first_byte_that_is_not_base64_is_named() {
        let fault = |text: &[u8]| decode_message(text).unwrap_err().to_string();
        assert!(fault(b"PGEv\r\n_g==").ends_with("'_' at byte 6"));
        assert!(fault(b"PGEvPg").ends_with("its end, or the padding of it, is wrong"));
    }

    #[test]
    fn a_message_of_256_kib_in_a_form_of_1_mib_is_read_and_more_is_binding_size() {
        let posted = |length| {
            let message = STANDARD.encode_to_string(vec![b'a'; length]).replace('=', "%3D");
            ResponseForm::decode(format!("SAMLResponse={message}").as_bytes())
                .map(|form| form.xml.len())
                .map_err(|error| error.code().as_str())
        };
        assert_eq!(posted(262_144), Ok(262_144));
        assert_eq!(posted(262_145), Err("binding.size"));
        // So large, and nothing in it.
        assert_eq!(code(&"x".repeat(1_048_576)), "binding.params");
        assert_eq!(code(&"x".repeat(1_048_577)), "binding.size");
        // By SOAP there is no form around the message.
        let message = |length| decode_message(&vec![b' '; length]).unwrap_err().code().as_str();
        assert_eq!(message(1_048_576), "binding.base64");
        assert_eq!(message(1_048_577), "binding.size");
    }
}
