//! Something encrypted → the one element that was in it.
//!
//! In: an EncryptedAssertion, EncryptedID or EncryptedAttribute. Out: [`Decrypted`], a document of
//! its own, read by the same reader and under the same limits as every message. It is as
//! trustworthy as the ciphertext was, and no more.

use std::fmt;

use super::exceptions::Exceptions;
use super::schema::{ASSERTION_NS, is_assertion};
use crate::base::Checks;
use crate::xml::{Document, Element, Limits, Mode, XmlError, ns};
use crate::xmlenc::{Covered, Decryption, XmlencError, decrypt};

/// A decrypted element of the kind that was asked for.
#[derive(Debug)]
pub(in crate::saml) struct Decrypted {
    document: Document,
    /// Whether it needs the namespace declarations around the ciphertext.
    pub(in crate::saml) inherits: bool,
    /// What had to be allowed for it.
    pub(in crate::saml) exceptions: Exceptions,
}

impl Decrypted {
    /// Decrypts `encrypted`, in which there must be one `saml:NAME` and nothing else.
    pub(in crate::saml) fn open(
        encrypted: Element<'_>,
        name: &'static str,
        decryption: Decryption<'_>,
        covered: Covered,
        checks: &mut Checks,
    ) -> Result<Self, XmlencError> {
        let plaintext = decrypt(encrypted, decryption, covered, checks)?;
        let (document, inherits) = plaintext.read(|bytes| Self::read(bytes, encrypted, name))?;
        checks.pass("encryption.decrypted");
        Ok(Self { document, inherits, exceptions: plaintext.needed().into() })
    }

    /// The same for a part of something that a signature covers: an EncryptedID or an
    /// EncryptedAttribute. SAML has no place for a Signature or an Assertion in what is in there.
    pub(in crate::saml) fn open_part(
        encrypted: Element<'_>,
        name: &'static str,
        decryption: Decryption<'_>,
        checks: &mut Checks,
    ) -> Result<Self, XmlencError> {
        let opened = Self::open(encrypted, name, decryption, Covered::BySignature, checks)?;
        let holds = |what: fn(Element<'_>) -> bool| opened.root().descendants().any(what);
        if holds(|inner| inner.is(ns::DS, "Signature")) {
            return Err(XmlencError::Content(
                "there is a Signature in it".to_owned(),
            ));
        }
        if holds(is_assertion) {
            return Err(XmlencError::Content(
                "there is an Assertion in it".to_owned(),
            ));
        }
        Ok(opened)
    }

    /// The element.
    pub(in crate::saml) fn root(&self) -> Element<'_> {
        self.document.root()
    }

    /// As a complete document; and if that lacks nothing but declarations of namespaces, with
    /// those around the ciphertext. xmlsec1 encrypts the bytes between `<` and `>` and leaves the
    /// declarations where they were, and so do pysaml2 and all others who use it.
    fn read(
        bytes: &[u8],
        context: Element<'_>,
        name: &'static str,
    ) -> Result<(Document, bool), Unreadable> {
        let (mode, limits) = (Mode::Message, Limits::default());
        let alone = Document::parse(bytes, mode, &limits);
        let lacking = match &alone {
            Ok(document) => document.root().namespace().is_empty(),
            Err(error) => error.lacks_declaration(),
        };
        let document = if lacking {
            // One document at a time.
            drop(alone);
            Document::parse_within(bytes, context, mode, &limits)?
        } else {
            alone?
        };
        let root = document.root();
        if !root.is(ASSERTION_NS, name) {
            let found = format!("{{{}}}{}", root.namespace(), root.local_name());
            return Err(Unreadable::Other { found, name });
        }
        Ok((document, lacking))
    }
}

/// Why decrypted bytes are not the element.
enum Unreadable {
    Xml(XmlError),
    Other { found: String, name: &'static str },
}

impl From<XmlError> for Unreadable {
    fn from(error: XmlError) -> Self {
        Self::Xml(error)
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Xml(error) => write!(f, "{}: {error}", error.code()),
            Self::Other { found, name } => write!(f, "it is {found}, not saml:{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use openssl::pkey::PKey;

    use super::*;
    use crate::xmlenc::tests::SP_KEY;
    use crate::xmlenc::tests::seal::{AES256_GCM, Seal};
    use crate::xmlenc::{DecryptionKey, DecryptionKeys};

    fn opened(plaintext: &str) -> Result<bool, String> {
        let key = PKey::private_key_from_pem(SP_KEY).unwrap();
        let sealed = Seal::new(AES256_GCM).seal("EncryptedID", plaintext.as_bytes(), &key);
        let document =
            Document::parse(sealed.as_bytes(), Mode::Message, &Limits::default()).unwrap();
        let keys = DecryptionKeys::from_vec(vec![DecryptionKey::from_pem(SP_KEY).unwrap()]);
        let decryption = Decryption {
            keys: &keys,
            allow_cbc_unsigned: false,
            allow_tripledes: false,
            required: false,
        };
        let (covered, checks) = (Covered::BySignature, &mut Checks::off());
        Decrypted::open(document.root(), "NameID", decryption, covered, checks)
            .map(|decrypted| decrypted.inherits)
            .map_err(|error| {
                assert_eq!(error.code().as_str(), "enc.content");
                error.to_string()
            })
    }

    #[test]
    fn what_was_inside_is_one_element_of_the_kind_that_was_asked_for() {
        let own = "<a:NameID xmlns:a=\"urn:oasis:names:tc:SAML:2.0:assertion\">Alice</a:NameID>";
        assert_eq!(opened(own), Ok(false));
        assert_eq!(opened("<saml:NameID>Alice</saml:NameID>"), Ok(true));
        let other = opened("<saml:BaseID/>").unwrap_err();
        let said = "it is {urn:oasis:names:tc:SAML:2.0:assertion}BaseID, not saml:NameID";
        assert!(other.ends_with(said), "{other}");
        let cut = opened("<saml:NameID>Alice").unwrap_err();
        assert!(cut.contains("xml."), "{cut}");
    }
}
