//! `[[route]]`.

use http::uri::Authority;
use url::{Host, Url};

use super::header_edits::{Side, edits, refuse_identity};
use super::identity_headers::headers;
use super::server::uri;
use super::{require, upstream};
use crate::access::{FormPost, HostMatch, PathMatch, Route, StepUp};
use crate::base::PublicUrl;
use crate::config::problem::Source;
use crate::config::reader::{Complaint, Reader, Scope};
use crate::identity::RoleRule;
use crate::proxy::IdentityNames;
use crate::saml::asked::Comparison;
use crate::trust::IdpSettings;

/// Every `[[route]]`.
pub(in crate::config) fn routes(
    reader: &mut Reader,
    scopes: &[Scope<'_>],
    own: Option<&PublicUrl>,
    roles: &[RoleRule],
    idps: &[IdpSettings],
    order: &[String],
) -> Vec<Route> {
    let mut routes: Vec<(&Scope<'_>, Route)> = Vec::new();
    for scope in scopes {
        let Some(route) = route(reader, scope, own, roles, idps, order) else {
            continue;
        };
        let others = || routes.iter().map(|(_, route)| route);
        let same = |other: &&Route| other.host == route.host && other.path == route.path;
        if let Some(other) = others().find(same) {
            let message = format!("the route {} has this host and path already", other.name);
            reader.wrong_at(scope, "path", Complaint::new(message, "remove one of them"));
        } else if others().any(|other| other.name == route.name) {
            let message = format!("there is another [[route]] named {}", route.name);
            let hint = "give each its own name: logs and metrics tell them apart by it";
            reader.wrong_at(scope, "name", Complaint::new(message, hint));
        }
        routes.push((scope, route));
    }
    let names = IdentityNames::of(routes.iter().map(|(_, route)| route));
    for (scope, route) in &routes {
        refuse_identity(reader, scope, &route.request_headers, &names);
        for path in route.public_paths.iter().filter(|path| **path != route.path) {
            let same = |other: &&Route| other.host == route.host && other.path == *path;
            if let Some(other) = routes.iter().map(|(_, other)| other).find(same) {
                let message = format!("the route {} has this host and path already", other.name);
                let hint = "make that route public, or leave the path out here";
                reader.wrong_at(scope, "public_paths", Complaint::new(message, hint));
            }
        }
        open_to_nobody(reader, scope, route, idps);
    }
    routes.into_iter().map(|(_, route)| route).collect()
}

/// An identity provider of whose people each signs in by a method that is not enough: the request
/// asks for what the route wants, and its answer is held to both.
fn open_to_nobody(reader: &mut Reader, scope: &Scope<'_>, route: &Route, idps: &[IdpSettings]) {
    let Some(step_up) = &route.step_up else {
        return;
    };
    let is_meant = |idp: &&IdpSettings| idp.enabled && route.require.may_admit(&idp.name);
    let closed_to = |idp: &&IdpSettings| {
        let classes = &idp.authn_context;
        !classes.is_empty() && !classes.iter().any(|class| step_up.takes(class))
    };
    let closed_to: Vec<&str> = idps
        .iter()
        .filter(is_meant)
        .filter(closed_to)
        .map(|idp| idp.name.as_str())
        .collect();
    if !closed_to.is_empty() {
        let message = format!(
            "nobody of {} gets in: none of the methods in `authn_context` there is enough here",
            closed_to.join(", ")
        );
        let hint = "add one that is to `authn_context` of the [[idp]]; or say by `require = { idp = … }` \
                    whose people the route is for";
        reader.warn_at(scope, "authn_context", Complaint::new(message, hint));
    }
}

fn route(
    reader: &mut Reader,
    scope: &Scope<'_>,
    own: Option<&PublicUrl>,
    roles: &[RoleRule],
    idps: &[IdpSettings],
    order: &[String],
) -> Option<Route> {
    let name = reader.parsed(scope, "name", route_name);
    let host = reader.parsed(scope, "host", host_match);
    let path = reader.parsed(scope, "path", path_match);
    let upstreams = upstream::upstreams(reader, scope);
    let balance = upstream::balance(reader, scope, &upstreams);
    let ejection = upstream::ejection(reader, scope, &upstreams);
    let health = upstream::health(reader, scope);
    let require = require::require(reader, scope, roles, idps);
    let step_up = step_up(reader, scope, order);
    let public = reader.boolean(scope, "public");
    let public_paths = public_paths(reader, scope, path.as_ref());
    let (headers, custom) = headers(reader, scope);
    let allow_preflight = reader.boolean(scope, "allow_preflight");
    let cors_origins = reader.parsed_list(scope, "cors_origins", origin);
    let forms = [("replay", FormPost::Replay), ("refuse", FormPost::Refuse)];
    let form_post = reader.choice(scope, "form_post", &forms);
    let rewrite = rewrite(reader, scope, path.as_ref());
    let host_header = reader.parsed(scope, "host_header", authority);
    let request_headers = edits(reader, scope, Side::Request);
    let response_headers = edits(reader, scope, Side::Response);
    let timeouts = upstream::timeouts(reader, scope);
    let max_body = reader.size(scope, "max_body");
    let upstream_protocol = upstream::protocol(reader, scope);
    let upstream_tls = upstream::tls(reader, scope, &upstreams);

    if public == Some(true) {
        contradict_public(reader, scope);
    }
    let host = host.unwrap_or_default();
    if let (Some(own), Some(false)) = (own, public) {
        within_reach(reader, scope, &host, own);
    }
    let path = path?;
    let derived = default_name(host.as_str(), &path);
    reader.derived(scope, "name", &derived);
    Some(Route {
        name: name.unwrap_or(derived),
        host,
        path,
        public: public?,
        public_paths,
        require,
        step_up,
        upstreams,
        balance: balance?,
        health,
        ejection: ejection?,
        rewrite,
        upstream_tls,
        upstream_protocol: upstream_protocol?,
        timeouts: timeouts?,
        max_body,
        request_headers,
        response_headers,
        headers,
        custom,
        allow_preflight: allow_preflight?,
        cors_origins,
        form_post: form_post?,
        host_header,
        place: 0,
    })
}

/// `authn_context`, `authn_context_comparison`, `max_authn_age`, `force_authn`.
fn step_up(reader: &mut Reader, scope: &Scope<'_>, order: &[String]) -> Option<StepUp> {
    let before = reader.problems.len();
    let contexts = reader.parsed_list(scope, "authn_context", uri);
    let none_is_written = contexts.is_empty() && reader.problems.len() == before;
    let words = Comparison::ALL.map(|comparison| (comparison.as_str(), comparison));
    let comparison = reader.choice(scope, "authn_context_comparison", &words);
    let max_age = reader.duration(scope, "max_authn_age");
    let force_authn = reader.boolean(scope, "force_authn") == Some(true);
    let key = "authn_context_comparison";
    if contexts.is_empty() && scope.is_set(key) && !scope.is_set("authn_context") {
        let hint = "add `authn_context = [\"…\"]`, or remove it";
        reader.wrong_at(scope, key, Complaint::new("compares with nothing", hint));
    }
    if none_is_written && scope.is_set("authn_context") {
        // Read as "nothing is asked", it would let everybody in who is signed in.
        let hint = "name an AuthnContextClassRef, or remove it";
        reader.wrong_at(scope, "authn_context", Complaint::new("names none", hint));
    }
    let comparison = comparison.unwrap_or_default();
    match StepUp::new(contexts, comparison, order, max_age, force_authn) {
        Ok(step_up) => step_up,
        Err(error) => {
            let hint = "list the ways of signing in from the weakest to the strongest in \
                        `saml.authn_context_order`, or compare with `exact`";
            reader.wrong_at(scope, key, Complaint::new(error.to_string(), hint));
            None
        }
    }
}

/// What only says something where people must sign in.
fn contradict_public(reader: &mut Reader, scope: &Scope<'_>) {
    for name in [
        "require",
        "authn_context",
        "max_authn_age",
        "force_authn",
        "public_paths",
        "form_post",
    ] {
        if scope.is_set(name) {
            let hint = format!("remove `public = true`, or `{name}`");
            let complaint = Complaint::new("has no meaning on a public route", hint);
            reader.wrong_at(scope, name, complaint);
        }
    }
}

/// People come back from sign-in to `https://` and the host of the route, by the port of
/// `public_url`: there must be such an address.
fn within_reach(reader: &mut Reader, scope: &Scope<'_>, host: &HostMatch, own: &PublicUrl) {
    let site = match host {
        HostMatch::Any => return,
        HostMatch::Exact(host) => own.at_host(host),
        HostMatch::Below(host) => own.at_host(&host.replacen('*', "any", 1)),
    };
    if site.is_none() {
        let complaint = Complaint::new(
            format!(
                "can not be reached over {}, where people sign in",
                scheme(own)
            ),
            "give `public_url` https, or make the route public",
        );
        reader.wrong_at(scope, "host", complaint);
    }
}

const fn scheme(own: &PublicUrl) -> &'static str {
    if own.is_secure() { "https" } else { "http" }
}

fn public_paths(
    reader: &mut Reader,
    scope: &Scope<'_>,
    path: Option<&PathMatch>,
) -> Vec<PathMatch> {
    let paths = reader.located_list(scope, "public_paths", path_match);
    let mut found: Vec<PathMatch> = Vec::new();
    for (public, source) in paths {
        let wrong = match path {
            Some(PathMatch::Exact(_)) => Some((
                "has no meaning on a route for one path alone",
                "remove it, or write `public = true`",
            )),
            Some(path) if *path == public => Some((
                "is the path of the route itself",
                "write `public = true` if everyone may open all of it",
            )),
            Some(PathMatch::Prefix(prefix)) if !is_below(&public, prefix) => Some((
                "is not below the path of the route",
                "write the whole path, with that of the route before it",
            )),
            _ if found.contains(&public) => Some(("stands there twice", "remove one of them")),
            _ => None,
        };
        if let Some((message, hint)) = wrong {
            let complaint = Complaint::new(format!("{} {message}", written(&public)), hint);
            reader.wrong(scope.path("public_paths"), source, complaint);
        }
        found.push(public);
    }
    found
}

fn is_below(path: &PathMatch, prefix: &str) -> bool {
    let (PathMatch::Prefix(path) | PathMatch::Exact(path)) = path;
    path.strip_prefix(prefix.trim_end_matches('/'))
        .is_some_and(|rest| rest.starts_with('/'))
}

/// `strip_prefix` and `rewrite`.
fn rewrite(reader: &mut Reader, scope: &Scope<'_>, path: Option<&PathMatch>) -> Option<String> {
    let strip = reader.boolean(scope, "strip_prefix") == Some(true);
    let rewrite = reader.parsed(scope, "rewrite", |text| {
        let exact = text.strip_prefix("exact:").is_some();
        match plain_path(text) {
            Ok(()) if !exact => Ok(text.trim_end_matches('/').to_owned()),
            _ => Err(Complaint::new(
                format!("\"{text}\" is not a plain path"),
                "write a path that begins with /, such as /v2",
            )),
        }
    });
    if strip && scope.is_set("rewrite") {
        let hint = "remove one of them: `rewrite` takes the path of the route away as well";
        reader.wrong_at(
            scope,
            "strip_prefix",
            Complaint::new("contradicts `rewrite`", hint),
        );
    } else if strip && path == Some(&PathMatch::default()) {
        let complaint = Complaint::new(
            "has nothing to take away: the path of the route is /",
            "remove it, or give the route a `path`",
        );
        reader.wrong_at(scope, "strip_prefix", complaint);
    }
    match (rewrite, path) {
        // The path of the route in place of itself.
        (Some(new), Some(PathMatch::Prefix(old))) if new == old.trim_end_matches('/') => {
            let complaint = Complaint::new("is the path of the route itself", "remove it");
            reader.wrong_at(scope, "rewrite", complaint);
            None
        }
        (Some(new), _) => Some(new),
        (None, _) => strip.then(String::new),
    }
}

fn default_name(host: Option<&str>, path: &PathMatch) -> String {
    format!("{}{}", host.unwrap_or_default(), written(path))
}

fn written(path: &PathMatch) -> String {
    match path {
        PathMatch::Prefix(path) => path.clone(),
        PathMatch::Exact(path) => format!("exact:{path}"),
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

fn host_match(text: &str) -> Result<HostMatch, Complaint> {
    let below = text.strip_prefix("*.");
    let name = below.unwrap_or(text);
    let host = Host::parse(name).ok().filter(|_| !name.contains('*'));
    match (host, below) {
        (Some(Host::Domain(host)), Some(_)) => Ok(HostMatch::Below(format!("*.{host}"))),
        (Some(host), None) => Ok(HostMatch::Exact(host.to_string())),
        _ if text == "*" => Err(Complaint::new(
            "\"*\" is not a host name",
            "leave `host` out for every host",
        )),
        _ => Err(Complaint::new(
            format!("\"{text}\" is not a host name"),
            "write the name alone, without scheme or port, such as app.example.com or *.example.com",
        )),
    }
}

/// As browsers write it.
fn origin(text: &str) -> Result<String, Complaint> {
    let url = Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && !text.contains('*'));
    match url.map(|url| url.origin().ascii_serialization()) {
        Some(origin) if origin == text => Ok(origin),
        Some(origin) => Err(Complaint::new(
            format!("\"{text}\" is not the origin of a page"),
            format!("write {origin}"),
        )),
        None => Err(Complaint::new(
            format!("\"{text}\" is not the origin of a page"),
            "write scheme and host as browsers do, such as https://app.example.com",
        )),
    }
}

fn path_match(text: &str) -> Result<PathMatch, Complaint> {
    let exact = text.strip_prefix("exact:");
    let path = exact.unwrap_or(text);
    let hint = "write a path that begins with /, such as /reports, or exact:/reports";
    plain_path(path).map_err(|what| Complaint::new(format!("\"{text}\" {what}"), hint))?;
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

/// Requests are compared after normalisation, so that no other path could ever match.
fn plain_path(path: &str) -> Result<(), &'static str> {
    if !path.starts_with('/') {
        return Err("does not begin with /");
    }
    let odd = |byte: u8| !byte.is_ascii_graphic() || b"?#%\\;*".contains(&byte);
    let dots = path.split('/').any(|segment| segment == "." || segment == "..");
    match path.bytes().any(odd) || path.contains("//") || dots {
        true => Err("is not a plain path"),
        false => Ok(()),
    }
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
