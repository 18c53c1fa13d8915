//! HTTP-POST (bindings 3.5): a form from the browser → the bytes of a Response.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::form_urlencoded;

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
        for (name, value) in form_urlencoded::parse(body) {
            match name.as_ref() {
                "SAMLResponse" if response.is_none() => response = Some(value),
                "SAMLResponse" => {
                    return Err(BindingError::Params("there are several SAMLResponse"));
                }
                "SAMLRequest" => {
                    return Err(BindingError::Params("there is a SAMLRequest at the ACS"));
                }
                "RelayState" if relay_state.is_none() => relay_state = Some(value.into_owned()),
                "RelayState" => return Err(BindingError::Params("there are several RelayState")),
                _ => {}
            }
        }
        let response = response.ok_or(BindingError::Params("there is no SAMLResponse"))?;
        Ok(Self { xml: decode_message(response.as_bytes())?, relay_state })
    }
}

/// Standard alphabet, canonical padding, zero trailing bits; line breaks are tolerated since many
/// identity providers wrap at 76 columns.
pub fn decode_message(text: &[u8]) -> Result<Vec<u8>, BindingError> {
    let is_white = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    // The decoder does not say what it dislikes.
    let refused = |_: base64_simd::Error| BindingError::Base64(first_fault(text));
    // Without white space, as most send it, nothing is copied.
    let bytes = match STANDARD.decode_to_vec(text) {
        Ok(bytes) => bytes,
        Err(error) if !text.iter().any(is_white) => return Err(refused(error)),
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
    fn too_much_is_binding_size() {
        let message = "A".repeat(MAX_MESSAGE / 3 * 4 + 8);
        assert_eq!(code(&format!("SAMLResponse={message}")), "binding.size");
        assert_eq!(code(&"x".repeat(MAX_BODY + 1)), "binding.size");
    }
}
