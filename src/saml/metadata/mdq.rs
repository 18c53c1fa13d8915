//! Metadata Query Protocol (draft-young-md-query, and -saml): asking a server for one entity.
//!
//! In: an entityID. Out: the address to ask; and of the answer, the metadata, if it is what was
//! asked for. Promised: the answer is one EntityDescriptor with exactly that entityID, signed by the
//! server's key, and says until when it is valid.

use openssl::sha::sha1;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::endpoint::is_safe;
use super::entity::{entity_id_of, valid_until};
use super::error::MetadataError;
use super::idp::IdpMetadata;
use crate::base::entropy::hex;
use crate::base::{Checks, Timestamp};
use crate::dsig::{Place, Trust, verify_at};
use crate::saml::schema::METADATA_NS;
use crate::xml::{Document, Limits, Mode};

/// For `Accept`: draft-young-md-query-saml, 2.2.
pub const ACCEPT: &str = "application/samlmetadata+xml";

/// How an entity is named in the address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Identifier {
    /// By its entityID.
    #[default]
    EntityId,
    /// By SHA-1 of it (draft-young-md-query-saml, 2.1.1): for servers of plain files. What comes
    /// is compared by the entityID, so it does not matter that SHA-1 is weak.
    Sha1,
}

/// A server that answers such questions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MdqServer {
    base: String,
}

impl MdqServer {
    /// By its base URL: `https`, or `http` on loopback; without a query. `None` for others.
    ///
    /// ```
    /// use samlgate::saml::metadata::mdq::{Identifier, MdqServer};
    /// let server = MdqServer::new("https://mdq.example.org/static").unwrap();
    /// let address = server.address("https://idp.example.com/a?b", Identifier::EntityId);
    /// assert_eq!(address, "https://mdq.example.org/static/entities/https%3A%2F%2Fidp.example.com%2Fa%3Fb");
    /// assert!(MdqServer::new("http://mdq.example.org").is_none());
    /// ```
    pub fn new(base: &str) -> Option<Self> {
        let plain = is_safe(base) && !base.contains(['?', '#', ' ', '\\']);
        plain.then(|| Self { base: base.trim_end_matches('/').to_owned() })
    }

    /// Where to ask about an entity.
    pub fn address(&self, entity_id: &str, identifier: Identifier) -> String {
        let name = match identifier {
            Identifier::EntityId => entity_id.to_owned(),
            Identifier::Sha1 => format!("{{sha1}}{}", hex(&sha1(entity_id.as_bytes()))),
        };
        format!(
            "{}/entities/{}",
            self.base,
            utf8_percent_encode(&name, ENCODED)
        )
    }
}

/// Reads the answer to the question about `entity_id`.
pub fn read_answer(
    bytes: &[u8],
    entity_id: &str,
    signers: Trust<'_>,
    now: Timestamp,
) -> Result<IdpMetadata, MetadataError> {
    let document = Document::parse(bytes, Mode::Metadata, &Limits::metadata())?;
    let root = document.root();
    if !root.is(METADATA_NS, "EntityDescriptor") {
        return Err(MetadataError::Root { found: root.local_name().to_owned() });
    }
    let signed = verify_at(root, Place::First, signers, &mut Checks::off())?;
    let signed = signed.ok_or(MetadataError::Unsigned)?;
    let entity = signed.get();
    let found = entity_id_of(entity).ok_or(MetadataError::EntityId)?;
    if found != entity_id {
        return Err(MetadataError::OtherEntity {
            wanted: entity_id.to_owned(),
            found: found.to_owned(),
        });
    }
    valid_until(entity, now)?.ok_or(MetadataError::NoValidUntil)?;
    IdpMetadata::read_entity(entity, now)
}

/// Everything but RFC 3986's unreserved characters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsig::{SigningKey, TrustedKeys, sign_enveloped};
    use crate::saml::metadata::samples;

    const IDP: &str = "https://idp.example.com/metadata";

    #[test]
    fn an_entity_id_becomes_one_segment_of_the_path() {
        let server = MdqServer::new("https://mdq.example.org/").unwrap();
        let ask = |name| server.address(name, Identifier::EntityId);
        // The examples of draft-young-md-query-saml, 2.1.
        assert_eq!(
            ask("http://example.org/service"),
            "https://mdq.example.org/entities/http%3A%2F%2Fexample.org%2Fservice"
        );
        assert_eq!(
            ask("urn:x/../é"),
            "https://mdq.example.org/entities/urn%3Ax%2F..%2F%C3%A9"
        );
        assert_eq!(
            server.address("http://example.org/service", Identifier::Sha1),
            "https://mdq.example.org/entities/%7Bsha1%7D11d72e8cf351eb6c75c721e838f469677ab41bdb"
        );
    }

    #[test]
    fn a_base_url_is_safe_and_has_no_query() {
        for base in [
            "",
            "mdq.example.org",
            "http://mdq.example.org/",
            "https://me@mdq.example.org/",
            "https://mdq.example.org/?x=",
            "https://mdq.example.org/#x",
            "ftp://mdq.example.org/",
        ] {
            assert_eq!(MdqServer::new(base), None, "{base}");
        }
        assert!(MdqServer::new("http://localhost:8080/mdq").is_some());
    }

    #[test]
    fn an_answer_is_the_entity_that_was_asked_for_signed_and_for_a_time() {
        let key = SigningKey::generate_ec("mdq", Timestamp::EPOCH).unwrap();
        let stranger = SigningKey::generate_ec("stranger", Timestamp::EPOCH).unwrap();
        let keys = TrustedKeys::one(key.trusted().unwrap());
        let now = Timestamp::parse_saml("2026-11-21T12:00:00Z").unwrap();
        let read = |xml: &str| {
            read_answer(xml.as_bytes(), IDP, Trust::only(&keys), now)
                .map(|metadata| metadata.entity_id)
                .map_err(|error| error.code().as_str())
        };
        let until = r#"ID="_e" validUntil="2026-12-01T00:00:00Z""#;
        let entity = |name: &str, attributes: &str| samples::entity(name, attributes);
        let sign = |xml: &str, key| sign_enveloped(xml, "_e", key, Place::First).unwrap();

        assert_eq!(read(&sign(&entity(IDP, until), &key)).as_deref(), Ok(IDP));
        assert_eq!(read(&entity(IDP, until)), Err("md.signature"));
        assert_eq!(
            read(&sign(&entity(IDP, until), &stranger)),
            Err("md.signature")
        );
        let other = entity("https://idp.example.com/METADATA", until);
        assert_eq!(read(&sign(&other, &key)), Err("md.entity"));
        assert_eq!(
            read(&sign(&entity(IDP, r#"ID="_e""#), &key)),
            Err("md.valid_until")
        );
        let over = until.replace("2026-12", "2026-10");
        assert_eq!(
            read(&sign(&entity(IDP, &over), &key)),
            Err("md.valid_until")
        );
        let inside = samples::aggregate(until, &entity(IDP, ""));
        assert_eq!(read(&sign(&inside, &key)), Err("md.syntax"));
    }
}
