//! Metadata of an identity provider: a document → endpoints and keys.
//!
//! Real metadata holds much that is none of our business (Entra ID and AD FS put WS-Federation
//! roles first); it is stepped over, not validated. What we do use is checked here, once, so that
//! nothing can fail later in front of a person.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::Url;

use super::recognise::recognise;
use crate::base::url::is_loopback;
use crate::base::{Checks, ErrorCode, Timestamp};
use crate::dsig::{DsigError, Place, Trust, TrustedKey, TrustedKeys, verify_at};
use crate::saml::schema::{DSIG_NS, METADATA_NS, PROTOCOL_NS};
use crate::saml::vendor::Vendor;
use crate::xml::{Document, Element, Limits, Mode, XmlError};

/// `urn:oasis:names:tc:SAML:metadata:ui`
const MDUI_NS: &str = "urn:oasis:names:tc:SAML:metadata:ui";

/// `urn:mace:shibboleth:metadata:1.0`
const SHIBMD_NS: &str = "urn:mace:shibboleth:metadata:1.0";

/// How a message can be sent to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// `urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect`
    Redirect,
    /// `urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST`
    Post,
}

impl Binding {
    fn from_uri(uri: &str) -> Option<Self> {
        match uri {
            "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" => Some(Self::Redirect),
            "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" => Some(Self::Post),
            _ => None,
        }
    }

    /// `HTTP-Redirect` or `HTTP-POST`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Redirect => "HTTP-Redirect",
            Self::Post => "HTTP-POST",
        }
    }
}

/// One address of the identity provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// How to send.
    pub binding: Binding,
    /// Where to: `https`, or `http` on loopback.
    pub location: String,
}

/// A signing key in the metadata that can not be used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedKey {
    /// The reason, as a sentence.
    pub reason: String,
}

/// What an identity provider says about itself, as far as we use it.
#[derive(Clone, Debug)]
pub struct IdpMetadata {
    /// Its entityID, verbatim.
    pub entity_id: String,
    /// All of its usable signing keys: `use="signing"` or without `use`.
    pub signing_keys: TrustedKeys,
    /// The others.
    pub refused_keys: Vec<RefusedKey>,
    /// SingleSignOnService by HTTP-Redirect and HTTP-POST; at least one.
    pub sign_on: Vec<Endpoint>,
    /// `SingleLogoutService` by the same bindings.
    pub logout: Vec<Endpoint>,
    /// It wants signed `AuthnRequest`s.
    pub wants_signed_requests: bool,
    /// Not to be used from then on.
    pub valid_until: Option<Timestamp>,
    /// The scopes that it may name in scoped identifiers (shibmd:Scope); `None` when it lists none.
    pub scopes: Option<Vec<String>>,
    /// The name to show to people, when it gives one.
    pub display_name: Option<String>,
    /// Whose product it is.
    pub vendor: Vendor,
}

/// Why metadata is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// Not well-formed XML, or XML of the kind that is refused.
    #[error("this is not well-formed XML: {0}")]
    Xml(#[from] XmlError),
    /// Well-formed, and something else.
    #[error("this is <{found}>, not SAML 2.0 metadata (EntityDescriptor or EntitiesDescriptor)")]
    Root {
        /// The document element.
        found: String,
    },
    /// Several identity providers and no choice.
    #[error("the document holds {count} identity providers; choose one by its entityID: {}", names.join(", "))]
    Several {
        /// How many.
        count: usize,
        /// The first ten.
        names: Vec<String>,
    },
    /// The chosen one is not there.
    #[error(
        "there is no identity provider {wanted} in the document{}",
        suggestion(found)
    )]
    NotFound {
        /// The chosen entityID.
        wanted: String,
        /// The first ten that are there.
        found: Vec<String>,
    },
    /// Metadata of something else.
    #[error(
        "{entity_id} is not a SAML 2.0 identity provider: it has no IDPSSODescriptor for SAML 2.0"
    )]
    NotIdp {
        /// Its entityID.
        entity_id: String,
    },
    /// An entityID that is missing or longer than 1024 characters (core 8.3.6).
    #[error("the EntityDescriptor has no usable entityID")]
    EntityId,
    /// Nothing to send people to.
    #[error("there is no SingleSignOnService by HTTP-Redirect or HTTP-POST with an https address{}",
        if refused.is_empty() { String::new() } else { format!(" (refused: {})", refused.join(", ")) })]
    Endpoint {
        /// Addresses that can not be used.
        refused: Vec<String>,
    },
    /// Nothing to verify by.
    #[error("there is no usable signing certificate{}",
        if refused.is_empty() { String::new() } else { format!(": {}", refused.join("; ")) })]
    Key {
        /// Why those that are there can not be used.
        refused: Vec<String>,
    },
    /// validUntil has passed.
    #[error("the metadata was valid until {valid_until}, it is {now} here")]
    Expired {
        /// validUntil.
        valid_until: Timestamp,
        /// Our time.
        now: Timestamp,
    },
    /// A signed aggregate that does not end.
    #[error("the aggregate has no validUntil, so an old one could not be told from a new one")]
    NoValidUntil,
    /// A signature was asked for.
    #[error("the metadata is not signed")]
    Unsigned,
    /// Not signed by whom it should be, or not in the way that SAML has.
    #[error("the signature of the metadata: {0}")]
    Signature(#[from] DsigError),
    /// validUntil is not a time.
    #[error("validUntil is {found:?}, which is not a UTC time")]
    ValidUntil {
        /// What it is.
        found: String,
    },
}

fn suggestion(found: &[String]) -> String {
    if found.is_empty() {
        return String::new();
    }
    format!("; it has {}", found.join(", "))
}

impl MetadataError {
    /// The code of the failure.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Xml(_) | Self::Root { .. } => ErrorCode::MetadataSyntax,
            Self::Several { .. } | Self::NotFound { .. } | Self::NotIdp { .. } | Self::EntityId => {
                ErrorCode::MetadataEntity
            }
            Self::Endpoint { .. } => ErrorCode::MetadataEndpoint,
            Self::Key { .. } => ErrorCode::MetadataKey,
            Self::Expired { .. } | Self::ValidUntil { .. } | Self::NoValidUntil => {
                ErrorCode::MetadataValidUntil
            }
            Self::Unsigned | Self::Signature(_) => ErrorCode::MetadataSignature,
        }
    }
}

impl IdpMetadata {
    /// Reads one identity provider out of a document.
    ///
    /// `entity_id` picks it out of an EntitiesDescriptor; it may be left out when there is only
    /// one. Trust in the document is the caller's affair: it came over TLS, or from a file.
    pub fn read(
        bytes: &[u8],
        entity_id: Option<&str>,
        now: Timestamp,
    ) -> Result<Self, MetadataError> {
        let document = Document::parse(bytes, Mode::Metadata, &Limits::metadata())?;
        Self::read_entity(pick(document.root(), entity_id)?, now)
    }

    /// The same for a document that is signed: by a federation as a whole, or by the entity itself.
    ///
    /// What no key in `signers` has signed is refused (`md.signature`), and nothing outside of it
    /// is read. An aggregate has to say until when it is valid, or an old one, with keys that were
    /// withdrawn since, would be good forever (deployment profile SDP-MD03).
    pub fn read_signed(
        bytes: &[u8],
        entity_id: Option<&str>,
        signers: &TrustedKeys,
        now: Timestamp,
    ) -> Result<Self, MetadataError> {
        let document = Document::parse(bytes, Mode::Metadata, &Limits::metadata())?;
        let root = document.root();
        let trust = Trust::only(signers);
        let verify = |element| verify_at(element, Place::First, trust, &mut Checks::off());
        let signed = match verify(root)? {
            Some(signed) => signed,
            None => verify(pick(root, entity_id)?)?.ok_or(MetadataError::Unsigned)?,
        };
        let entity = pick(signed.get(), entity_id)?;
        if signed.get().is(METADATA_NS, "EntitiesDescriptor") && valid_until(entity, now)?.is_none()
        {
            return Err(MetadataError::NoValidUntil);
        }
        Self::read_entity(entity, now)
    }

    fn read_entity(entity: Element<'_>, now: Timestamp) -> Result<Self, MetadataError> {
        let valid_until = valid_until(entity, now)?;
        let entity_id = entity_id_of(entity).ok_or(MetadataError::EntityId)?.to_owned();
        let role = idp_role(entity)
            .ok_or_else(|| MetadataError::NotIdp { entity_id: entity_id.clone() })?;

        let mut refused_keys = Vec::new();
        let keys = signing_keys(role, &mut refused_keys);
        let signing_keys = TrustedKeys::from_vec(keys).ok_or_else(|| {
            let refused = refused_keys.iter().map(|key| key.reason.clone()).collect();
            MetadataError::Key { refused }
        })?;
        let mut refused = Vec::new();
        let sign_on = endpoints(role, "SingleSignOnService", &mut refused);
        if sign_on.is_empty() {
            return Err(MetadataError::Endpoint { refused });
        }
        let logout = endpoints(role, "SingleLogoutService", &mut Vec::new());
        let vendor = recognise(&entity_id, &sign_on);
        Ok(Self {
            entity_id,
            signing_keys,
            refused_keys,
            sign_on,
            logout,
            wants_signed_requests: matches!(
                role.attribute("WantAuthnRequestsSigned"),
                Some("true" | "1")
            ),
            valid_until,
            scopes: scopes(entity),
            display_name: display_name(role),
            vendor,
        })
    }
}

/// The chosen EntityDescriptor, or the only one that is an identity provider.
fn pick<'d>(root: Element<'d>, wanted: Option<&str>) -> Result<Element<'d>, MetadataError> {
    let is_entity = |element: &Element<'d>| element.is(METADATA_NS, "EntityDescriptor");
    let entities: Vec<Element<'d>> = if is_entity(&root) {
        vec![root]
    } else if root.is(METADATA_NS, "EntitiesDescriptor") {
        root.descendants().filter(is_entity).collect()
    } else {
        return Err(MetadataError::Root { found: root.local_name().to_owned() });
    };
    let names = |entities: &[Element<'d>]| {
        let names = entities.iter().filter_map(|entity| entity_id_of(*entity));
        names.take(10).map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    if let Some(wanted) = wanted {
        let mut found = entities.iter().filter(|entity| entity_id_of(**entity) == Some(wanted));
        return match (found.next(), found.next()) {
            (Some(entity), None) => Ok(*entity),
            (None, _) => {
                Err(MetadataError::NotFound { wanted: wanted.to_owned(), found: names(&entities) })
            }
            (Some(_), Some(_)) => {
                Err(MetadataError::Several { count: 2, names: vec![wanted.to_owned()] })
            }
        };
    }
    let idps: Vec<Element<'d>> = match entities.as_slice() {
        [only] => return Ok(*only),
        many => many.iter().copied().filter(|entity| idp_role(*entity).is_some()).collect(),
    };
    match idps.as_slice() {
        // By its name: another entity may have the same, and then neither is meant.
        [only] => pick(
            root,
            Some(entity_id_of(*only).ok_or(MetadataError::EntityId)?),
        ),
        many => Err(MetadataError::Several { count: many.len(), names: names(many) }),
    }
}

fn entity_id_of(entity: Element<'_>) -> Option<&str> {
    entity
        .attribute("entityID")
        .filter(|name| !name.is_empty() && name.chars().count() <= 1024)
}

/// Metadata 2.4.3: the role of an identity provider, for SAML 2.0.
fn idp_role(entity: Element<'_>) -> Option<Element<'_>> {
    entity.children().find(|role| {
        role.is(METADATA_NS, "IDPSSODescriptor")
            && role
                .attribute("protocolSupportEnumeration")
                .is_some_and(|list| list.split_ascii_whitespace().any(|name| name == PROTOCOL_NS))
    })
}

/// Metadata 2.3.1: the earliest validUntil of the entity and whatever it stands in.
fn valid_until(entity: Element<'_>, now: Timestamp) -> Result<Option<Timestamp>, MetadataError> {
    let mut earliest = None::<Timestamp>;
    let mut element = Some(entity);
    while let Some(current) = element {
        if let Some(text) = current.attribute("validUntil") {
            let time = Timestamp::parse_saml(text)
                .ok_or_else(|| MetadataError::ValidUntil { found: text.to_owned() })?;
            earliest = Some(earliest.map_or(time, |before| before.min(time)));
        }
        element = current.parent();
    }
    match earliest {
        Some(valid_until) if now >= valid_until => Err(MetadataError::Expired { valid_until, now }),
        fine => Ok(fine),
    }
}

fn signing_keys(role: Element<'_>, refused: &mut Vec<RefusedKey>) -> Vec<TrustedKey> {
    let mut keys: Vec<TrustedKey> = Vec::new();
    for descriptor in role.children().filter(|child| child.is(METADATA_NS, "KeyDescriptor")) {
        if !matches!(descriptor.attribute("use"), None | Some("signing")) {
            continue;
        }
        let certificates: Vec<_> = descriptor
            .descendants()
            .filter(|element| element.is(DSIG_NS, "X509Certificate"))
            .collect();
        if certificates.is_empty() {
            let reason = "a KeyDescriptor has no X509Certificate".to_owned();
            refused.push(RefusedKey { reason });
        }
        for certificate in certificates {
            match read_certificate(certificate) {
                Ok(key) if keys.iter().any(|known| known.fingerprint() == key.fingerprint()) => {}
                Ok(key) => keys.push(key),
                Err(reason) => refused.push(RefusedKey { reason }),
            }
        }
    }
    keys
}

fn read_certificate(element: Element<'_>) -> Result<TrustedKey, String> {
    let text = element.text().ok_or("an X509Certificate holds elements")?;
    let compact: String = text.split_ascii_whitespace().collect();
    let der = STANDARD
        .decode(compact)
        .map_err(|_| "an X509Certificate is not base64".to_owned())?;
    TrustedKey::from_certificate_der(&der).map_err(|refusal| refusal.to_string())
}

fn endpoints(role: Element<'_>, name: &str, refused: &mut Vec<String>) -> Vec<Endpoint> {
    let mut found = Vec::new();
    for service in role.children().filter(|child| child.is(METADATA_NS, name)) {
        let Some(binding) = service.attribute("Binding").and_then(Binding::from_uri) else {
            continue;
        };
        let location = service.attribute("Location").unwrap_or_default();
        if is_safe(location) {
            found.push(Endpoint { binding, location: location.to_owned() });
        } else {
            refused.push(location.to_owned());
        }
    }
    found
}

/// Metadata 2.2.2 says URI; people's browsers are sent there, so it is `https` with a host. On
/// loopback `http` will do: nobody can listen there but this machine.
fn is_safe(location: &str) -> bool {
    let Ok(url) = Url::parse(location) else {
        return false;
    };
    let clean = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    let host = url.host_str().unwrap_or_default();
    // `https:/host` and the like: browsers repair it, and others read it in another way.
    let mut parts = location.splitn(2, "://");
    let written = parts.next().is_some_and(|scheme| scheme.eq_ignore_ascii_case(url.scheme()));
    // DEL is a character of XML and of no address; clients make something else of it each.
    let plain = !location.contains(char::is_control);
    clean
        && written
        && plain
        && !host.is_empty()
        && (url.scheme() == "https" || url.scheme() == "http" && is_loopback(host))
}

/// The scopes of a Shibboleth or federation identity provider. Regular expressions are not among
/// them: what they would allow is not known here, and so is not allowed.
fn scopes(entity: Element<'_>) -> Option<Vec<String>> {
    let listed: Vec<_> =
        entity.descendants().filter(|element| element.is(SHIBMD_NS, "Scope")).collect();
    let literal = listed
        .iter()
        .filter(|scope| !matches!(scope.attribute("regexp"), Some("true" | "1")));
    let texts = literal.filter_map(|scope| scope.text()).map(|text| text.trim().to_owned());
    (!listed.is_empty()).then(|| texts.collect())
}

fn display_name(role: Element<'_>) -> Option<String> {
    let names: Vec<_> = role
        .descendants()
        .filter(|element| element.is(MDUI_NS, "DisplayName"))
        .filter_map(|element| {
            let text = element.text()?.trim().to_owned();
            let language = element.attribute_ns("http://www.w3.org/XML/1998/namespace", "lang");
            (!text.is_empty()).then_some((language == Some("en"), text))
        })
        .collect();
    let english = names.iter().find(|(english, _)| *english);
    english.or_else(|| names.first()).map(|(_, text)| text.clone())
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::dsig::{SigningKey, sign_enveloped};

    static FEDERATION: LazyLock<SigningKey> = LazyLock::new(|| key("federation"));
    static STRANGER: LazyLock<SigningKey> = LazyLock::new(|| key("stranger"));
    const ONE: &str = "https://idp.example.com/metadata";
    const OTHER: &str = "https://other.example.com/metadata";

    fn key(name: &str) -> SigningKey {
        SigningKey::generate_ec(name, Timestamp::EPOCH).unwrap()
    }

    fn now() -> Timestamp {
        Timestamp::parse_saml("2026-11-21T12:00:00Z").unwrap()
    }

    fn entity(name: &str, attributes: &str) -> String {
        let certificate = STANDARD.encode(STRANGER.certificate_der());
        format!(
            r#"<md:EntityDescriptor xmlns:md="{METADATA_NS}" entityID="{name}" {attributes}><md:IDPSSODescriptor protocolSupportEnumeration="{PROTOCOL_NS}"><md:KeyDescriptor><ds:KeyInfo xmlns:ds="{DSIG_NS}"><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor><md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://idp.example.com/sso"/></md:IDPSSODescriptor></md:EntityDescriptor>"#
        )
    }

    fn aggregate(attributes: &str, entities: &str) -> String {
        format!(
            r#"<md:EntitiesDescriptor xmlns:md="{METADATA_NS}" {attributes}>{entities}</md:EntitiesDescriptor>"#
        )
    }

    fn signed(xml: &str, id: &str, key: &SigningKey) -> String {
        sign_enveloped(xml, id, key, Place::First).unwrap()
    }

    fn read(xml: &str, name: &str) -> Result<String, &'static str> {
        let signers = TrustedKeys::one(FEDERATION.trusted().unwrap());
        IdpMetadata::read_signed(xml.as_bytes(), Some(name), &signers, now())
            .map(|metadata| metadata.entity_id)
            .map_err(|error| error.code().as_str())
    }

    const VALID: &str = r#"ID="_all" validUntil="2026-12-01T00:00:00Z""#;

    #[test]
    fn a_signed_entity_and_a_signed_aggregate_are_read() {
        let xml = signed(&entity(ONE, r#"ID="_e""#), "_e", &FEDERATION);
        assert_eq!(read(&xml, ONE).as_deref(), Ok(ONE));
        let both = [entity(ONE, ""), entity(OTHER, "")].concat();
        let xml = signed(&aggregate(VALID, &both), "_all", &FEDERATION);
        assert_eq!(read(&xml, OTHER).as_deref(), Ok(OTHER));
    }

    #[test]
    fn metadata_that_the_configured_key_has_not_signed_is_md_signature() {
        let plain = entity(ONE, r#"ID="_e""#);
        assert_eq!(read(&plain, ONE), Err("md.signature"));
        assert_eq!(
            read(&signed(&plain, "_e", &STRANGER), ONE),
            Err("md.signature")
        );
        let changed = signed(&plain, "_e", &FEDERATION).replace("/sso", "/evil");
        assert_eq!(read(&changed, ONE), Err("md.signature"));
    }

    #[test]
    fn in_an_aggregate_that_is_not_signed_only_the_signed_entity_is_read() {
        let one = signed(&entity(ONE, r#"ID="_e""#), "_e", &FEDERATION);
        let xml = aggregate("", &[one, entity(OTHER, "")].concat());
        assert_eq!(read(&xml, ONE).as_deref(), Ok(ONE));
        assert_eq!(read(&xml, OTHER), Err("md.signature"));
    }

    #[test]
    fn an_entity_id_that_stands_twice_is_md_entity() {
        let service_provider = format!(r#"<md:EntityDescriptor entityID="{ONE}"/>"#);
        let xml = aggregate(VALID, &[entity(ONE, ""), service_provider].concat());
        for wanted in [Some(ONE), None] {
            let error = IdpMetadata::read(xml.as_bytes(), wanted, now()).unwrap_err();
            assert_eq!(error.code().as_str(), "md.entity");
        }
    }

    #[test]
    fn a_signed_aggregate_without_an_end_is_md_valid_until() {
        let xml = signed(
            &aggregate(r#"ID="_all""#, &entity(ONE, "")),
            "_all",
            &FEDERATION,
        );
        assert_eq!(read(&xml, ONE), Err("md.valid_until"));
        let over = VALID.replace("2026-12", "2026-11");
        let xml = signed(&aggregate(&over, &entity(ONE, "")), "_all", &FEDERATION);
        assert_eq!(read(&xml, ONE), Err("md.valid_until"));
    }
}
