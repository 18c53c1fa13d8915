//! Addresses of an identity provider.

use url::Url;

use crate::base::url::is_loopback;
use crate::saml::schema::METADATA_NS;
use crate::xml::Element;

/// How a message can be sent to an endpoint by way of the browser.
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

const SOAP: &str = "urn:oasis:names:tc:SAML:2.0:bindings:SOAP";

/// One address of the identity provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// How to send.
    pub binding: Binding,
    /// Where to: `https`, or `http` on loopback.
    pub location: String,
    /// Where answers go, if that is somewhere else (metadata 2.2.2). As safe as `location`.
    pub response_location: Option<String>,
}

impl Endpoint {
    /// Where to send an answer.
    pub fn for_responses(&self) -> &str {
        self.response_location.as_deref().unwrap_or(&self.location)
    }
}

/// An address that a server asks, one of several with a number (metadata 2.2.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexedEndpoint {
    /// Its number, which an artifact names.
    pub index: u16,
    /// `isDefault`, where it is said.
    pub is_default: Option<bool>,
    /// Where to: `https`, or `http` on loopback.
    pub location: String,
}

/// Metadata 2.2.3: the one that says it is the default, else the first that does not say it is
/// not, else the first.
pub fn default_endpoint(endpoints: &[IndexedEndpoint]) -> Option<&IndexedEndpoint> {
    let mut all = endpoints.iter();
    let said = all.find(|endpoint| endpoint.is_default == Some(true));
    said.or_else(|| endpoints.iter().find(|endpoint| endpoint.is_default.is_none()))
        .or_else(|| endpoints.first())
}

/// Those that the browser can be sent to.
pub(super) fn endpoints(role: Element<'_>, name: &str, refused: &mut Vec<String>) -> Vec<Endpoint> {
    let mut found = Vec::new();
    for service in role.children().filter(|child| child.is(METADATA_NS, name)) {
        let Some(binding) = service.attribute("Binding").and_then(Binding::from_uri) else {
            continue;
        };
        let location = service.attribute("Location").unwrap_or_default();
        // Metadata 2.2.2: sign-on has no answers that we would send.
        let answers = name != "SingleSignOnService";
        let response = service.attribute("ResponseLocation").filter(|_| answers);
        match [Some(location), response].into_iter().flatten().find(|place| !is_safe(place)) {
            None => found.push(Endpoint {
                binding,
                location: location.to_owned(),
                response_location: response.map(ToOwned::to_owned),
            }),
            Some(unsafe_place) => refused.push(unsafe_place.to_owned()),
        }
    }
    found
}

/// Those that we ask ourselves, by SOAP.
pub(super) fn soap_endpoints(role: Element<'_>, name: &str) -> Vec<String> {
    let soap = soap_services(role, name).filter_map(|service| service.attribute("Location"));
    soap.filter(|location| is_safe(location)).map(ToOwned::to_owned).collect()
}

/// The same where they have numbers. Of two with the same number the first counts.
pub(super) fn indexed_endpoints(role: Element<'_>, name: &str) -> Vec<IndexedEndpoint> {
    let mut found = Vec::<IndexedEndpoint>::new();
    for service in soap_services(role, name) {
        let location = service.attribute("Location").unwrap_or_default();
        let index = service.attribute("index").and_then(|index| index.trim().parse().ok());
        let Some(index) = index.filter(|_| is_safe(location)) else {
            continue;
        };
        if found.iter().all(|other| other.index != index) {
            let is_default = match service.attribute("isDefault") {
                Some("true" | "1") => Some(true),
                Some(_) => Some(false),
                None => None,
            };
            found.push(IndexedEndpoint { index, is_default, location: location.to_owned() });
        }
    }
    found
}

fn soap_services<'d>(role: Element<'d>, name: &str) -> impl Iterator<Item = Element<'d>> {
    role.children().filter(move |child| {
        child.is(METADATA_NS, name) && child.attribute("Binding") == Some(SOAP)
    })
}

/// Metadata 2.2.2 says URI; people's browsers are sent there, so it is `https` with a host. On
/// loopback `http` will do: nobody can listen there but this machine.
pub(super) fn is_safe(location: &str) -> bool {
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
