//! What metadata says for people: names, pictures, links, whom to call. Nothing is decided by it.
//!
//! Links that are kept can be put on a page: they have a scheme that only shows something.

use url::Url;

use super::endpoint::is_safe;
use crate::saml::schema::METADATA_NS;
use crate::xml::{Element, ns};

/// `urn:oasis:names:tc:SAML:metadata:ui`
const MDUI_NS: &str = "urn:oasis:names:tc:SAML:metadata:ui";
/// `urn:oasis:names:tc:SAML:metadata:rpi`
const MDRPI_NS: &str = "urn:oasis:names:tc:SAML:metadata:rpi";
/// `urn:oasis:names:tc:SAML:metadata:attribute`
const MDATTR_NS: &str = "urn:oasis:names:tc:SAML:metadata:attribute";
/// `urn:mace:shibboleth:metadata:1.0`
const SHIBMD_NS: &str = "urn:mace:shibboleth:metadata:1.0";
/// `http://refeds.org/metadata`
const REMD_NS: &str = "http://refeds.org/metadata";

/// A text in one language.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Localized {
    /// `xml:lang`; empty where it is missing.
    pub language: String,
    /// The text, without white space around it.
    pub text: String,
}

impl Localized {
    /// The one in this language (`de` finds `de-CH`), else the English one, else the first.
    pub fn choose<'a>(all: &'a [Self], language: &str) -> Option<&'a Self> {
        let primary = |tag: &str| tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
        let of = |wanted: &str| all.iter().find(|one| primary(&one.language) == primary(wanted));
        let exact = all.iter().find(|one| one.language.eq_ignore_ascii_case(language));
        exact.or_else(|| of(language)).or_else(|| of("en")).or_else(|| all.first())
    }
}

/// A picture to show.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Logo {
    /// `https:`, or `data:image/`.
    pub url: String,
    /// In pixels, as it says.
    pub width: u32,
    /// In pixels, as it says.
    pub height: u32,
    /// `xml:lang`, where it is given.
    pub language: Option<String>,
}

/// Metadata for login and discovery (mdui).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct UiInfo {
    /// `DisplayName`
    pub names: Vec<Localized>,
    /// `Description`
    pub descriptions: Vec<Localized>,
    /// `Logo`
    pub logos: Vec<Logo>,
    /// `InformationURL`
    pub information_urls: Vec<Localized>,
    /// `PrivacyStatementURL`
    pub privacy_urls: Vec<Localized>,
    /// `DomainHint`: where its people's addresses end. A hint for choosing, nothing else.
    pub domain_hints: Vec<String>,
}

impl UiInfo {
    /// What a role says. Of where people are (`IPHint`, `GeolocationHint`) nothing is kept.
    pub(super) fn read(role: Element<'_>) -> Self {
        let mut ui = Self::default();
        for element in role.descendants() {
            if !element.is(MDUI_NS, element.local_name()) {
                continue;
            }
            match element.local_name() {
                "DisplayName" => ui.names.extend(localized(element)),
                "Description" => ui.descriptions.extend(localized(element)),
                "InformationURL" => ui.information_urls.extend(link(element)),
                "PrivacyStatementURL" => ui.privacy_urls.extend(link(element)),
                "Logo" => ui.logos.extend(logo(element)),
                "DomainHint" => ui.domain_hints.extend(domain(element)),
                _ => {}
            }
        }
        ui
    }
}

/// Metadata 2.3.2.1.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Organization {
    /// `OrganizationName`
    pub names: Vec<Localized>,
    /// `OrganizationDisplayName`
    pub display_names: Vec<Localized>,
    /// `OrganizationURL`
    pub urls: Vec<Localized>,
}

impl Organization {
    /// That of the role, else that of the entity.
    pub(super) fn read(entity: Element<'_>, role: Element<'_>) -> Option<Self> {
        let of = |element: Element<'_>| {
            let mut organization = Self::default();
            for child in element.child(METADATA_NS, "Organization")?.children() {
                match child.local_name() {
                    "OrganizationName" => organization.names.extend(localized(child)),
                    "OrganizationDisplayName" => {
                        organization.display_names.extend(localized(child));
                    }
                    "OrganizationURL" => organization.urls.extend(link(child)),
                    _ => {}
                }
            }
            Some(organization)
        };
        of(role).or_else(|| of(entity))
    }
}

/// What a contact is there for (metadata 2.3.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContactKind {
    /// `technical`
    Technical,
    /// `support`: for the people who sign in.
    Support,
    /// `administrative`
    Administrative,
    /// `billing`
    Billing,
    /// `other`, marked as the one for incidents (REFEDS).
    Security,
    /// `other`
    Other,
}

/// Somebody to call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Contact {
    /// What for.
    pub kind: ContactKind,
    /// `Company`
    pub company: Option<String>,
    /// Given name and surname.
    pub name: Option<String>,
    /// Without `mailto:`.
    pub emails: Vec<String>,
    /// As they are written.
    pub telephones: Vec<String>,
}

/// Those of the role and of the entity.
pub(super) fn contacts(entity: Element<'_>, role: Element<'_>) -> Vec<Contact> {
    let both = role.children().chain(entity.children());
    both.filter(|child| child.is(METADATA_NS, "ContactPerson"))
        .map(contact)
        .collect()
}

fn contact(person: Element<'_>) -> Contact {
    let texts = |name: &'static str| {
        let children = person.children().filter(move |child| child.is(METADATA_NS, name));
        children.filter_map(trimmed)
    };
    let security = person.attribute_ns(REMD_NS, "contactType")
        == Some("http://refeds.org/metadata/contactType/security");
    let name: Vec<String> = texts("GivenName").chain(texts("SurName")).collect();
    let email = |address: String| match address.get(..7) {
        Some(scheme) if scheme.eq_ignore_ascii_case("mailto:") => {
            address.get(7..).unwrap_or_default().to_owned()
        }
        _ => address,
    };
    Contact {
        kind: match person.attribute("contactType") {
            Some("technical") => ContactKind::Technical,
            Some("support") => ContactKind::Support,
            Some("administrative") => ContactKind::Administrative,
            Some("billing") => ContactKind::Billing,
            _ if security => ContactKind::Security,
            _ => ContactKind::Other,
        },
        company: texts("Company").next(),
        name: (!name.is_empty()).then(|| name.join(" ")),
        emails: texts("EmailAddress").map(email).collect(),
        telephones: texts("TelephoneNumber").collect(),
    }
}

/// shibmd:Scope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scopes {
    /// There are some.
    pub(super) listed: bool,
    /// Those that are to be taken literally.
    pub(super) literal: Vec<String>,
    /// Regular expressions. What they would allow is not known here, and so is not allowed.
    pub(super) patterns: Vec<String>,
}

impl Scopes {
    pub(super) fn read(entity: Element<'_>) -> Self {
        let mut scopes = Self::default();
        for scope in entity.descendants().filter(|element| element.is(SHIBMD_NS, "Scope")) {
            scopes.listed = true;
            let Some(text) = scope.text() else { continue };
            let text = text.trim().to_owned();
            match scope.attribute("regexp").map(str::trim) {
                Some("true" | "1") => scopes.patterns.push(text),
                _ => scopes.literal.push(text),
            }
        }
        scopes
    }
}

/// Who has looked at this entity before it was published (mdrpi).
pub(super) fn registration_authority(entity: Element<'_>) -> Option<String> {
    let extensions = entity.child(METADATA_NS, "Extensions")?;
    let info = extensions.child(MDRPI_NS, "RegistrationInfo")?;
    info.attribute("registrationAuthority").map(ToOwned::to_owned)
}

/// An attribute of an entity (SAML metadata extension for entity attributes).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityAttribute {
    /// Its name: `http://macedir.org/entity-category`.
    pub name: String,
    /// Its values: `http://refeds.org/category/hide-from-discovery`.
    pub values: Vec<String>,
}

pub(super) fn entity_attributes(entity: Element<'_>) -> Vec<EntityAttribute> {
    let extensions = entity.child(METADATA_NS, "Extensions");
    let lists = extensions.into_iter().flat_map(Element::children);
    let lists = lists.filter(|child| child.is(MDATTR_NS, "EntityAttributes"));
    let attributes = lists.flat_map(Element::children);
    attributes
        .filter(|child| child.is(ns::SAML, "Attribute"))
        .filter_map(|attribute| {
            Some(EntityAttribute {
                name: attribute.attribute("Name")?.to_owned(),
                values: attribute.children().filter_map(trimmed).collect(),
            })
        })
        .collect()
}

/// REFEDS: it does not want to be offered for choosing.
pub(super) fn hides_from_discovery(attributes: &[EntityAttribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.name == "http://macedir.org/entity-category"
            && attribute
                .values
                .iter()
                .any(|value| value == "http://refeds.org/category/hide-from-discovery")
    })
}

/// The text of an element, if there is any.
pub(super) fn trimmed(element: Element<'_>) -> Option<String> {
    let text = element.text()?.trim().to_owned();
    (!text.is_empty()).then_some(text)
}

fn language(element: Element<'_>) -> Option<String> {
    element.attribute_ns(ns::XML, "lang").map(ToOwned::to_owned)
}

fn localized(element: Element<'_>) -> Option<Localized> {
    let language = language(element).unwrap_or_default();
    Some(Localized { language, text: trimmed(element)? })
}

fn link(element: Element<'_>) -> Option<Localized> {
    localized(element).filter(|link| is_link(&link.text))
}

/// A link for people, which only shows a page.
pub(super) fn is_link(address: &str) -> bool {
    let plain = !address.contains(|char: char| char.is_control() || char.is_whitespace());
    let url = Url::parse(address).ok();
    plain && url.is_some_and(|url| ["https", "http"].contains(&url.scheme()) && url.has_host())
}

/// As large as a picture in the metadata itself may be.
const MOST_PICTURE: usize = 64 * 1024;

fn logo(element: Element<'_>) -> Option<Logo> {
    let url = trimmed(element)?;
    let inline = url.starts_with("data:image/") && url.len() <= MOST_PICTURE;
    let pixels = |name| element.attribute(name).and_then(|text| text.trim().parse().ok());
    (inline || is_safe(&url)).then(|| Logo {
        width: pixels("width").unwrap_or(0),
        height: pixels("height").unwrap_or(0),
        language: language(element),
        url,
    })
}

/// A host name, perhaps with a dot in front.
fn domain(element: Element<'_>) -> Option<String> {
    let domain = trimmed(element)?.trim_start_matches('.').to_ascii_lowercase();
    let host = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte) || byte >= 0x80;
    (domain.contains('.') && domain.bytes().all(host)).then_some(domain)
}
