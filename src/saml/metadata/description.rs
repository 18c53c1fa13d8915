//! What our metadata says about us besides keys and addresses: for people, and for federations.

use std::time::Duration;

/// Everything that an operator may say about the gateway in its metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpDescription {
    /// `cacheDuration`: identity providers that poll come again after this.
    pub cache: Duration,
    /// `validUntil`, from now; `None` leaves it out.
    pub valid_for: Option<Duration>,
    /// Who runs it.
    pub organization: Option<Organization>,
    /// Whom to ask.
    pub contacts: Vec<Contact>,
    /// How identity providers show it to people.
    pub ui: Ui,
    /// Which attributes it wants, by `AttributeConsumingServiceIndex`.
    pub attributes: Vec<AttributeService>,
    /// The page to which a discovery service sends people back, as a path; `None` where there is no such
    /// service.
    pub discovery: Option<String>,
}

impl SpDescription {
    /// `cacheDuration` where nobody sets it: an hour, after which those who poll know of a new key.
    pub const DEFAULT_CACHE: Duration = Duration::from_secs(3600);
}

impl Default for SpDescription {
    fn default() -> Self {
        Self {
            cache: Self::DEFAULT_CACHE,
            valid_for: None,
            organization: None,
            contacts: Vec::new(),
            ui: Ui::default(),
            attributes: Vec::new(),
            discovery: None,
        }
    }
}

/// A text in a language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Localised {
    /// RFC 5646: `en`.
    pub lang: String,
    /// What is said in it.
    pub text: String,
}

/// Who runs the gateway; all three lists have something in them, as the schema demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// The name as it is in registers.
    pub name: Vec<Localised>,
    /// The name as people know it.
    pub display_name: Vec<Localised>,
    /// Its web site.
    pub url: Vec<Localised>,
}

/// Somebody to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// `technical`, `support`, `administrative`, `billing`, `security`, `other`.
    pub kind: String,
    /// Where they work.
    pub company: Option<String>,
    /// Their given name, or that of a team.
    pub given_name: Option<String>,
    /// Their surname.
    pub surname: Option<String>,
    /// Addresses without `mailto:`.
    pub emails: Vec<String>,
    /// A number to call.
    pub telephone: Option<String>,
}

/// How identity providers show the gateway to people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ui {
    /// Its name.
    pub display_name: Vec<Localised>,
    /// What it is for.
    pub description: Vec<Localised>,
    /// A page about it.
    pub information_url: Vec<Localised>,
    /// What it does with what it is told.
    pub privacy_statement_url: Vec<Localised>,
    /// Its picture.
    pub logo: Option<Logo>,
}

impl Ui {
    /// Whether it says nothing.
    pub const fn is_empty(&self) -> bool {
        self.display_name.is_empty()
            && self.description.is_empty()
            && self.information_url.is_empty()
            && self.privacy_statement_url.is_empty()
            && self.logo.is_none()
    }
}

/// A picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logo {
    /// Where it is.
    pub url: String,
    /// Its width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
}

/// A set of attributes that an AuthnRequest can ask for by its index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeService {
    /// `AttributeConsumingServiceIndex`
    pub index: u32,
    /// What it is called.
    pub name: Vec<Localised>,
    /// At least one.
    pub attributes: Vec<RequestedAttribute>,
}

/// An attribute that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestedAttribute {
    /// Its name.
    pub name: String,
    /// What people call it.
    pub friendly_name: Option<String>,
    /// Whether sign-in makes no sense without it.
    pub required: bool,
    /// Only these values are of interest; all without any.
    pub values: Vec<String>,
}

impl RequestedAttribute {
    /// What the name looks like: a URI, or a plain word.
    pub fn name_format(&self) -> &'static str {
        if self.name.contains(':') {
            "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"
        } else {
            "urn:oasis:names:tc:SAML:2.0:attrname-format:basic"
        }
    }
}
