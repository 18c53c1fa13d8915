//! `headers` and `custom_headers` of a route: what the application learns about a person.

use http::HeaderName;

use crate::access::HeaderProfile;
use crate::config::reader::{Complaint, Reader, Scope, not_empty};

/// `headers` and `custom_headers`.
pub(super) fn headers(
    reader: &mut Reader,
    scope: &Scope<'_>,
) -> (Vec<HeaderProfile>, Vec<(String, String)>) {
    let profiles = reader.choices(scope, "headers", PROFILES);
    let table = reader.text_by_name(scope, "custom_headers");
    let mut custom: Vec<(String, String)> = Vec::new();
    for (name, attribute, source) in table {
        let path = format!("{}.{name}", scope.path("custom_headers"));
        match custom_header(&name, &attribute) {
            Ok((name, _)) if custom.iter().any(|(other, _)| *other == name) => {
                let complaint = Complaint::new("stands there twice", "case makes no difference");
                reader.wrong(path, source, complaint);
            }
            Ok((name, _)) if profiles.iter().any(|profile| profile.has(&name)) => {
                let complaint = Complaint::new(
                    "is set by a profile in `headers` already",
                    "remove one of them, or choose another name",
                );
                reader.wrong(path, source, complaint);
            }
            Ok(header) => custom.push(header),
            Err(complaint) => reader.wrong(path, source, complaint),
        }
    }
    if profiles.contains(&Profile::Custom) && !scope.is_set("custom_headers") {
        let complaint = Complaint::new(
            "has \"custom\", and there is no table of headers",
            "add `custom_headers = { \"X-Dept\" = \"department\" }`",
        );
        reader.wrong_at(scope, "headers", complaint);
    }
    let ours = profiles.into_iter().filter_map(|profile| match profile {
        Profile::Ours(profile) => Some(profile),
        Profile::Custom => None,
    });
    (ours.collect(), custom)
}

/// `headers`: a profile of ours, or the table of the route.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Profile {
    Ours(HeaderProfile),
    Custom,
}

impl Profile {
    /// Whether it sets this header (in lower case).
    fn has(self, name: &str) -> bool {
        let (prefix, words): (_, &[_]) = match self {
            Self::Ours(HeaderProfile::Remote) => ("remote-", &["user", "email", "name", "groups"]),
            Self::Ours(HeaderProfile::XForwarded) => ("x-forwarded-", WORDS),
            Self::Ours(HeaderProfile::XAuthRequest) => ("x-auth-request-", WORDS),
            Self::Ours(HeaderProfile::Shibboleth) => return name.starts_with("shib-"),
            Self::Ours(HeaderProfile::Signed) | Self::Custom => return false,
        };
        let name = name.replace('_', "-");
        name.strip_prefix(prefix).is_some_and(|rest| words.contains(&rest))
    }
}

const WORDS: &[&str] = &["user", "email", "preferred-username", "groups"];

const PROFILES: &[(&str, Profile)] = &[
    ("signed", Profile::Ours(HeaderProfile::Signed)),
    ("remote", Profile::Ours(HeaderProfile::Remote)),
    ("x-forwarded", Profile::Ours(HeaderProfile::XForwarded)),
    ("x-auth-request", Profile::Ours(HeaderProfile::XAuthRequest)),
    ("shibboleth", Profile::Ours(HeaderProfile::Shibboleth)),
    ("custom", Profile::Custom),
];

/// Headers that belong to HTTP, or by which the gateway and its neighbours speak to each other.
const RESERVED: &[&str] = &[
    "accept",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "origin",
    "proxy-authorization",
    "proxy-connection",
    "referer",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-real-ip",
    "x-request-id",
    "x-samlgate-jwt-assertion",
];

fn custom_header(name: &str, attribute: &str) -> Result<(String, String), Complaint> {
    not_empty(attribute)?;
    let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
        Complaint::new(
            format!("\"{name}\" is not the name of a header"),
            "use letters, digits and -",
        )
    })?;
    let lower = header.as_str();
    if RESERVED.contains(&lower.replace('_', "-").as_str()) {
        let message = format!("{name} has a meaning of its own in HTTP or in the gateway");
        return Err(Complaint::new(
            message,
            "choose another name, such as X-Dept",
        ));
    }
    Ok((lower.to_owned(), attribute.to_owned()))
}
