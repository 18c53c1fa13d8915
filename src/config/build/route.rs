//! `[[route]]`.

use std::path::PathBuf;

use http::HeaderName;
use http::uri::Authority;
use url::{Host, Url};

use super::server::role_name;
use crate::access::{Condition, HeaderProfile, HostMatch, PathMatch, Require, Route, Upstream};
use crate::base::{PublicUrl, RoleName};
use crate::config::problem::Source;
use crate::config::reader::{Complaint, Reader, Scope, not_empty};
use crate::identity::RoleRule;

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

/// Every `[[route]]`.
pub(in crate::config) fn routes(
    reader: &mut Reader,
    scopes: &[Scope<'_>],
    own: Option<&PublicUrl>,
    roles: &[RoleRule],
) -> Vec<Route> {
    let mut routes: Vec<Route> = Vec::new();
    for scope in scopes {
        let Some(route) = route(reader, scope, own, roles) else {
            continue;
        };
        let same = |other: &&Route| other.host == route.host && other.path == route.path;
        if let Some(other) = routes.iter().find(same) {
            let message = format!("the route {} has this host and path already", other.name);
            reader.wrong_at(scope, "path", Complaint::new(message, "remove one of them"));
        } else if routes.iter().any(|other| other.name == route.name) {
            let message = format!("there is another [[route]] named {}", route.name);
            let hint = "give each its own name: logs and metrics tell them apart by it";
            reader.wrong_at(scope, "name", Complaint::new(message, hint));
        }
        routes.push(route);
    }
    routes
}

fn route(
    reader: &mut Reader,
    scope: &Scope<'_>,
    own: Option<&PublicUrl>,
    roles: &[RoleRule],
) -> Option<Route> {
    let name = reader.parsed(scope, "name", route_name);
    let host = reader.parsed(scope, "host", host_name);
    let path = reader.parsed(scope, "path", path_match);
    let before = reader.problems.len();
    let upstreams = reader.parsed_list(scope, "upstream", upstream);
    if upstreams.is_empty() && reader.problems.len() == before {
        let hint = "for example `upstream = [\"http://127.0.0.1:3000\"]`";
        reader.wrong_at(
            scope,
            "upstream",
            Complaint::new("names no application", hint),
        );
    }
    let require = require(reader, scope, roles);
    let public = reader.boolean(scope, "public");
    let (headers, custom) = headers(reader, scope);
    let allow_preflight = reader.boolean(scope, "allow_preflight");
    let host_header = reader.parsed(scope, "host_header", authority);

    if public == Some(true) && scope.is_set("require") {
        let hint = "remove `public = true`, or `require`";
        reader.wrong_at(
            scope,
            "require",
            Complaint::new("has no meaning on a public route", hint),
        );
    }
    let path = path?;
    let derived = default_name(host.as_deref(), &path);
    reader.derived(scope, "name", &derived);
    Some(Route {
        name: name.unwrap_or(derived),
        host: host.map_or(HostMatch::Any, HostMatch::Exact),
        path,
        upstreams,
        public: public?,
        require,
        headers,
        custom,
        allow_preflight: allow_preflight?,
        host_header,
        ..Route::default()
    })
}

fn default_name(host: Option<&str>, path: &PathMatch) -> String {
    let path = match path {
        PathMatch::Prefix(path) => path.clone(),
        PathMatch::Exact(path) => format!("exact:{path}"),
    };
    match host {
        Some(host) => format!("{host}{path}"),
        None => path,
    }
}

fn route_name(text: &str) -> Result<String, Complaint> {
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    match plain && !text.is_empty() && text.len() <= 64 {
        true => Ok(text.to_owned()),
        false => Err(Complaint::new(
            format!("\"{text}\" is not the name of a route"),
            "use up to 64 visible ASCII characters without spaces",
        )),
    }
}

fn host_name(text: &str) -> Result<String, Complaint> {
    let host = Host::parse(text).map(|host| host.to_string());
    match host {
        Ok(host) if !text.contains('*') => Ok(host),
        _ => Err(Complaint::new(
            format!("\"{text}\" is not a host name"),
            "write the name alone, without scheme, port or wildcard, such as app.example.com",
        )),
    }
}

fn path_match(text: &str) -> Result<PathMatch, Complaint> {
    let exact = text.strip_prefix("exact:");
    let path = exact.unwrap_or(text);
    let hint = "write a path that begins with /, such as /reports, or exact:/reports";
    if !path.starts_with('/') {
        return Err(Complaint::new(
            format!("\"{text}\" does not begin with /"),
            hint,
        ));
    }
    // Requests are compared after normalisation, so that none of these could ever match.
    let odd = |byte: u8| !byte.is_ascii_graphic() || b"?#%\\;*".contains(&byte);
    let dots = path.split('/').any(|segment| segment == "." || segment == "..");
    if path.bytes().any(odd) || path.contains("//") || dots {
        return Err(Complaint::new(
            format!("\"{text}\" is not a plain path"),
            hint,
        ));
    }
    let below = |page: &str| {
        path.strip_prefix(page)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if [
        "/.samlgate",
        "/saml/acs",
        "/saml/metadata",
        "/saml/slo",
        "/.well-known/samlgate",
    ]
    .into_iter()
    .any(below)
    {
        let hint = "choose another path for the application";
        return Err(Complaint::new(
            format!("{path} is a page of the gateway itself"),
            hint,
        ));
    }
    Ok(match exact {
        Some(path) => PathMatch::Exact(path.to_owned()),
        // `/reports/` and `/reports` are the same prefix, since it ends at a boundary.
        None if path.len() > 1 => PathMatch::Prefix(path.trim_end_matches('/').to_owned()),
        None => PathMatch::Prefix(path.to_owned()),
    })
}

fn upstream(text: &str) -> Result<Upstream, Complaint> {
    let hint = "write http://host:port, https://host:port or unix:/path";
    if let Some(path) = text.strip_prefix("unix:") {
        return match path.starts_with('/') && path.len() > 1 {
            true => Ok(Upstream::Unix(PathBuf::from(path))),
            false => Err(Complaint::new(
                format!("\"{text}\" is not an absolute path"),
                hint,
            )),
        };
    }
    let url = Url::parse(text)
        .map_err(|error| Complaint::new(format!("\"{text}\" is not an address: {error}"), hint))?;
    let tls = match url.scheme() {
        "http" => false,
        "https" => true,
        other => return Err(Complaint::new(format!("{other}:// is not possible"), hint)),
    };
    let credentials = !url.username().is_empty() || url.password().is_some();
    if credentials {
        return Err(Complaint::new("carries a user name or password", hint));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        let message = format!("\"{text}\" has a path or query");
        let hint = "write scheme, host and port alone; requests keep the path that they came with";
        return Err(Complaint::new(message, hint));
    }
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().filter(|port| *port > 0);
    let port = port.ok_or_else(|| Complaint::new(format!("\"{text}\" has no port"), hint))?;
    Ok(Upstream::Tcp { tls, authority: format!("{host}:{port}") })
}

fn require(reader: &mut Reader, scope: &Scope<'_>, roles: &[RoleRule]) -> Require {
    let Some(inner) = reader.inner(scope, "require") else {
        return Require::default();
    };
    let required: Vec<RoleName> = reader.parsed_list(&inner, "roles", role_name);
    for role in &required {
        if !roles.iter().any(|rule| rule.name == *role) {
            let complaint = Complaint::new(
                format!("no [[role]] grants {role}: nobody has it"),
                format!("add a [[role]] with `name = \"{role}\"` and its groups"),
            );
            reader.warn_at(&inner, "roles", complaint);
        }
    }
    let groups = reader.texts(&inner, "groups");
    let written = inner.is_set("roles") || inner.is_set("groups");
    if !written || (required.is_empty() && groups.is_empty() && !reader.has_problem(&inner)) {
        // An empty list reads like "nobody" and would mean "anybody who is signed in".
        let complaint = Complaint::new(
            "names no role and no group",
            "name one, or remove `require` to let any signed-in person enter",
        );
        reader.wrong_at(scope, "require", complaint);
    }
    let roles = required.into_iter().map(Condition::Role);
    let groups = groups.into_iter().map(Condition::Group);
    Require { any: roles.chain(groups).collect(), ..Require::default() }
}

fn headers(reader: &mut Reader, scope: &Scope<'_>) -> (Vec<HeaderProfile>, Vec<(String, String)>) {
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

fn authority(text: &str) -> Result<String, Complaint> {
    let authority = text.parse::<Authority>().ok();
    match authority.filter(|authority| !authority.as_str().contains('@')) {
        Some(authority) => Ok(authority.to_string()),
        None => Err(Complaint::new(
            format!("\"{text}\" is not a host"),
            "write a host name, with a port where it has one: app.internal:8443",
        )),
    }
}

/// Where the list of routes as a whole is missing.
pub(in crate::config) fn none(reader: &mut Reader, file: Source) {
    let complaint = Complaint::new(
        "there is no [[route]]: nothing could be reached",
        "add one with `upstream = [\"http://127.0.0.1:3000\"]`",
    );
    reader.wrong("route".to_owned(), file, complaint);
}
