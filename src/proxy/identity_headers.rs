//! The headers by which an application learns who is there.
//!
//! In: a session's identity and a route. Out: every header of the route's profiles, empty when
//! the value is not known. Promised: a value is always visible ASCII (and inner spaces), and
//! percent-decoding it gives back exactly what the identity provider said.
//!
//! Encoding: bytes outside visible ASCII, outer spaces and `%` itself are written `%XX` (UTF-8).
//! In a comma-separated list a comma inside a value is `%2C`. The `shibboleth` profile separates
//! by `;` and writes `\;` inside a value, as Shibboleth does.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::HeaderName;
use http::header::HeaderValue;

use crate::access::HeaderProfile;
use crate::access::Route;
use crate::base::RoleName;
use crate::base::Timestamp;
use crate::base::UserId;
use crate::directory::profile::Profile;

/// What the headers are made of: a session's identity, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct IdentityView<'a> {
    /// Our id of the person.
    pub user: &'a UserId,
    /// Their userName.
    pub user_name: &'a str,
    /// What we know about them.
    pub profile: &'a Profile,
    /// The roles that the gateway granted.
    pub roles: &'a [RoleName],
    /// Attributes by Name.
    pub attributes: &'a [(String, Vec<String>)],
    /// The entityID of the identity provider.
    pub idp_entity_id: &'a str,
    /// The value of the NameID.
    pub name_id: Option<&'a str>,
    /// NameQualifier, SPNameQualifier and value of a persistent NameID.
    pub persistent_id: Option<[&'a str; 3]>,
    /// The SessionIndex at the identity provider.
    pub session_index: Option<&'a str>,
    /// AuthnContextClassRef.
    pub acr: Option<&'a str>,
    /// The session's public id; never its token.
    pub sid: &'a str,
    /// When the person authenticated.
    pub auth_time: Timestamp,
}

/// Sets the headers of a route's profiles.
#[derive(Clone, Copy, Debug)]
pub struct IdentityHeaders;

impl IdentityHeaders {
    /// Sets every header that the route asks for; `assertion` is for the profile `signed`.
    ///
    /// The client's headers of these names must be gone already; a value that is still there is
    /// replaced.
    pub fn set(
        headers: &mut HeaderMap,
        route: &Route,
        view: &IdentityView<'_>,
        assertion: Option<&HeaderValue>,
    ) {
        for profile in &route.headers {
            match profile {
                HeaderProfile::Signed => {
                    let value = assertion.cloned();
                    headers.insert(ASSERTION, value.unwrap_or(HeaderValue::from_static("")));
                }
                HeaderProfile::Remote => plain(headers, &REMOTE, view),
                HeaderProfile::XForwarded => plain(headers, &X_FORWARDED, view),
                HeaderProfile::XAuthRequest => plain(headers, &X_AUTH_REQUEST, view),
                HeaderProfile::Shibboleth => shibboleth(headers, view),
            }
        }
        for (name, attribute) in &route.custom {
            if let Ok(name) = HeaderName::try_from(name.as_str()) {
                headers.insert(name, list(view.values(attribute)));
            }
        }
    }

    /// Every header of the route's profiles, empty: for a request without an identity.
    pub fn set_empty(headers: &mut HeaderMap, route: &Route) {
        let profiles = route.headers.iter().flat_map(|profile| names(*profile));
        let custom = route.custom.iter().filter_map(|(name, _)| name.parse().ok());
        for name in profiles.chain(custom) {
            headers.insert(name, HeaderValue::from_static(""));
        }
    }
}

/// What one header of the profiles `remote`, `x-forwarded` and `x-auth-request` says.
#[derive(Clone, Copy, Debug)]
enum Says {
    UserName,
    Email,
    Name,
    Groups,
}

type Plain = [(HeaderName, Says); 4];

fn plain(headers: &mut HeaderMap, table: &Plain, view: &IdentityView<'_>) {
    for (name, says) in table {
        let value = match says {
            Says::UserName => one(view.user_name),
            Says::Email => one(view.profile.email.as_deref().unwrap_or_default()),
            Says::Name => one(&view.profile.name().unwrap_or_default()),
            Says::Groups => list(view.profile.groups.iter().map(String::as_str)),
        };
        headers.insert(name.clone(), value);
    }
}

fn shibboleth(headers: &mut HeaderMap, view: &IdentityView<'_>) {
    for (name, source) in SHIBBOLETH_SESSION {
        let instant;
        let value = match source {
            ShibSession::Application => "default",
            ShibSession::SessionId => view.sid,
            ShibSession::IdentityProvider => view.idp_entity_id,
            ShibSession::Instant => {
                instant = view.auth_time.to_saml();
                &instant
            }
            ShibSession::ContextClass => view.acr.unwrap_or_default(),
            ShibSession::SessionIndex => view.session_index.unwrap_or_default(),
        };
        headers.insert(HeaderName::from_static(name), one(value));
    }
    for (name, attribute_names, field) in SHIBBOLETH_ATTRIBUTES {
        let sent: Vec<_> = attribute_names
            .iter()
            .flat_map(|name| view.attribute(name))
            .map(Cow::Borrowed)
            .collect();
        let values = match field {
            Some(field) if sent.is_empty() => view.values(field),
            _ => sent,
        };
        headers.insert(HeaderName::from_static(name), shibboleth_list(&values));
    }
}

impl<'a> IdentityView<'a> {
    /// The values of a key of `[attributes]`, else of the attribute with this Name.
    fn values(&self, key: &str) -> Vec<Cow<'a, str>> {
        let profile = self.profile;
        let one =
            |value: &'a Option<String>| value.as_deref().map(Cow::Borrowed).into_iter().collect();
        match key {
            "user_name" => vec![Cow::Borrowed(self.user_name)],
            "email" => one(&profile.email),
            "first_name" => one(&profile.first_name),
            "last_name" => one(&profile.last_name),
            "display_name" => profile.name().map(Cow::Owned).into_iter().collect(),
            "department" => one(&profile.department),
            "title" => one(&profile.title),
            "employee_number" => one(&profile.employee_number),
            "manager" => one(&profile.manager),
            "groups" => profile.groups.iter().map(|group| Cow::Borrowed(group.as_str())).collect(),
            "name_id" => self.name_id.map(Cow::Borrowed).into_iter().collect(),
            PERSISTENT_ID => self
                .persistent_id
                .map(|parts| Cow::Owned(parts.join("!")))
                .into_iter()
                .collect(),
            name => self.attribute(name).map(Cow::Borrowed).collect(),
        }
    }

    fn attribute(&self, name: &str) -> impl Iterator<Item = &'a str> {
        let attributes = self.attributes.iter().filter(move |(own, _)| own == name);
        attributes.flat_map(|(_, values)| values.iter().map(String::as_str))
    }
}

/// One value.
fn one(text: &str) -> HeaderValue {
    let mut encoded = String::with_capacity(text.len());
    encode(text, None, &mut encoded);
    value(encoded)
}

/// Values with commas between them.
fn list<T: AsRef<str>>(values: impl IntoIterator<Item = T>) -> HeaderValue {
    let mut encoded = String::new();
    for text in values {
        if !encoded.is_empty() {
            encoded.push(',');
        }
        encode(text.as_ref(), Some(b','), &mut encoded);
    }
    value(encoded)
}

fn shibboleth_list(values: &[Cow<'_, str>]) -> HeaderValue {
    let mut encoded = String::new();
    for text in values {
        if !encoded.is_empty() {
            encoded.push(';');
        }
        encode(&text.replace(';', "\\;"), None, &mut encoded);
    }
    value(encoded)
}

fn encode(text: &str, separator: Option<u8>, out: &mut String) {
    let last = text.len().saturating_sub(1);
    for (place, byte) in text.bytes().enumerate() {
        let inner_space = byte == b' ' && place != 0 && place != last;
        let plain = byte.is_ascii_graphic() && byte != b'%' && Some(byte) != separator;
        if plain || inner_space {
            out.push(char::from(byte));
        } else {
            out.push_str(percent_encoding::percent_encode_byte(byte));
        }
    }
}

/// What [`encode`] has written is visible ASCII and spaces, which a header can hold.
fn value(encoded: String) -> HeaderValue {
    HeaderValue::try_from(encoded).unwrap_or(HeaderValue::from_static(""))
}

/// The names of every profile, on or off, and those that a Shibboleth SP would set besides.
pub fn all_names() -> impl Iterator<Item = HeaderName> {
    let profiles = [
        HeaderProfile::Signed,
        HeaderProfile::Remote,
        HeaderProfile::XForwarded,
        HeaderProfile::XAuthRequest,
        HeaderProfile::Shibboleth,
    ];
    let others = SHIBBOLETH_UNSET.iter().map(|name| HeaderName::from_static(name));
    profiles.into_iter().flat_map(names).chain(others)
}

fn names(profile: HeaderProfile) -> Vec<HeaderName> {
    let plain = |table: &Plain| table.iter().map(|(name, _)| name.clone()).collect();
    match profile {
        HeaderProfile::Signed => vec![ASSERTION],
        HeaderProfile::Remote => plain(&REMOTE),
        HeaderProfile::XForwarded => plain(&X_FORWARDED),
        HeaderProfile::XAuthRequest => plain(&X_AUTH_REQUEST),
        HeaderProfile::Shibboleth => {
            let session = SHIBBOLETH_SESSION.iter().map(|(name, _)| *name);
            let attributes = SHIBBOLETH_ATTRIBUTES.iter().map(|(name, _, _)| *name);
            session.chain(attributes).map(HeaderName::from_static).collect()
        }
    }
}

/// `X-Samlgate-Jwt-Assertion`
pub const ASSERTION: HeaderName = HeaderName::from_static("x-samlgate-jwt-assertion");

const REMOTE: Plain = [
    (HeaderName::from_static("remote-user"), Says::UserName),
    (HeaderName::from_static("remote-email"), Says::Email),
    (HeaderName::from_static("remote-name"), Says::Name),
    (HeaderName::from_static("remote-groups"), Says::Groups),
];

// oauth2-proxy: `User` is the id that policies use, `Preferred-Username` what people read; both
// are the userName here, since the id of ours means nothing to an application that knows people
// already.
const X_FORWARDED: Plain = [
    (HeaderName::from_static("x-forwarded-user"), Says::UserName),
    (HeaderName::from_static("x-forwarded-email"), Says::Email),
    (
        HeaderName::from_static("x-forwarded-preferred-username"),
        Says::UserName,
    ),
    (HeaderName::from_static("x-forwarded-groups"), Says::Groups),
];

const X_AUTH_REQUEST: Plain = [
    (
        HeaderName::from_static("x-auth-request-user"),
        Says::UserName,
    ),
    (HeaderName::from_static("x-auth-request-email"), Says::Email),
    (
        HeaderName::from_static("x-auth-request-preferred-username"),
        Says::UserName,
    ),
    (
        HeaderName::from_static("x-auth-request-groups"),
        Says::Groups,
    ),
];

#[derive(Clone, Copy, Debug)]
enum ShibSession {
    Application,
    SessionId,
    IdentityProvider,
    Instant,
    ContextClass,
    SessionIndex,
}

const SHIBBOLETH_SESSION: &[(&str, ShibSession)] = &[
    ("shib-application-id", ShibSession::Application),
    ("shib-session-id", ShibSession::SessionId),
    ("shib-identity-provider", ShibSession::IdentityProvider),
    ("shib-authentication-instant", ShibSession::Instant),
    ("shib-authentication-method", ShibSession::ContextClass),
    ("shib-authncontext-class", ShibSession::ContextClass),
    ("shib-session-index", ShibSession::SessionIndex),
];

/// As Shibboleth's `$NameQualifier!$SPNameQualifier!$Name` says who a person is: some applications know
/// them by this alone.
const PERSISTENT_ID: &str = "persistent_id";

/// Shibboleth's attribute-map.xml: the id there, the attribute's Names, and the key of
/// `[attributes]` that stands in when the provider calls it something else.
const SHIBBOLETH_ATTRIBUTES: &[(&str, &[&str], Option<&str>)] = &[
    (
        "eppn",
        &[
            "urn:oid:1.3.6.1.4.1.5923.1.1.1.6",
            "urn:mace:dir:attribute-def:eduPersonPrincipalName",
        ],
        Some("user_name"),
    ),
    (
        "affiliation",
        &[
            "urn:oid:1.3.6.1.4.1.5923.1.1.1.9",
            "urn:mace:dir:attribute-def:eduPersonScopedAffiliation",
        ],
        None,
    ),
    (
        "unscoped-affiliation",
        &[
            "urn:oid:1.3.6.1.4.1.5923.1.1.1.1",
            "urn:mace:dir:attribute-def:eduPersonAffiliation",
        ],
        None,
    ),
    (
        "primary-affiliation",
        &[
            "urn:oid:1.3.6.1.4.1.5923.1.1.1.5",
            "urn:mace:dir:attribute-def:eduPersonPrimaryAffiliation",
        ],
        None,
    ),
    (
        "entitlement",
        &[
            "urn:oid:1.3.6.1.4.1.5923.1.1.1.7",
            "urn:mace:dir:attribute-def:eduPersonEntitlement",
        ],
        None,
    ),
    ("assurance", &["urn:oid:1.3.6.1.4.1.5923.1.1.1.11"], None),
    (
        "member",
        &["urn:oid:1.3.6.1.4.1.5923.1.5.1.1"],
        Some("groups"),
    ),
    (
        "subject-id",
        &["urn:oasis:names:tc:SAML:attribute:subject-id"],
        None,
    ),
    (
        "pairwise-id",
        &["urn:oasis:names:tc:SAML:attribute:pairwise-id"],
        None,
    ),
    (
        "persistent-id",
        &["urn:oid:1.3.6.1.4.1.5923.1.1.1.10"],
        Some(PERSISTENT_ID),
    ),
    (
        "cn",
        &["urn:oid:2.5.4.3", "urn:mace:dir:attribute-def:cn"],
        Some("display_name"),
    ),
    (
        "sn",
        &["urn:oid:2.5.4.4", "urn:mace:dir:attribute-def:sn"],
        Some("last_name"),
    ),
    (
        "givenname",
        &["urn:oid:2.5.4.42", "urn:mace:dir:attribute-def:givenName"],
        Some("first_name"),
    ),
    (
        "displayname",
        &[
            "urn:oid:2.16.840.1.113730.3.1.241",
            "urn:mace:dir:attribute-def:displayName",
        ],
        Some("display_name"),
    ),
    (
        "mail",
        &[
            "urn:oid:0.9.2342.19200300.100.1.3",
            "urn:mace:dir:attribute-def:mail",
        ],
        Some("email"),
    ),
    (
        "uid",
        &[
            "urn:oid:0.9.2342.19200300.100.1.1",
            "urn:mace:dir:attribute-def:uid",
        ],
        Some("user_name"),
    ),
    (
        "title",
        &["urn:oid:2.5.4.12", "urn:mace:dir:attribute-def:title"],
        Some("title"),
    ),
    (
        "ou",
        &["urn:oid:2.5.4.11", "urn:mace:dir:attribute-def:ou"],
        Some("department"),
    ),
    (
        "o",
        &["urn:oid:2.5.4.10", "urn:mace:dir:attribute-def:o"],
        None,
    ),
    (
        "employeenumber",
        &[
            "urn:oid:2.16.840.1.113730.3.1.3",
            "urn:mace:dir:attribute-def:employeeNumber",
        ],
        Some("employee_number"),
    ),
];

/// What a Shibboleth SP sets and we do not; an application that moved over may still read it.
const SHIBBOLETH_UNSET: &[&str] = &[
    "shib-authncontext-decl",
    "shib-assertion-count",
    "shib-handler",
    "shib-cookie-name",
    "shib-session-expires",
    "shib-session-inactivity",
    "shib-session-unique",
    "targeted-id",
    "nickname",
    "primary-orgunit-dn",
    "orgunit-dn",
    "org-dn",
    "entityid",
];

#[cfg(test)]
mod tests;
