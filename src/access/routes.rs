//! Which route a request takes.
//!
//! In: the host, and the path as [`super::normalise`] returned it. Out: the one route that fits
//! best. A route for the very host goes before one for every host, an exact path before a prefix,
//! a longer prefix before a shorter one. A look-up allocates nothing.

use std::cmp::Reverse;
use std::sync::Arc;

use crate::access::host::without_port;
use crate::access::path::normalise;
use crate::access::route::{HostMatch, PathMatch, Route};

/// All routes, best match first.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    routes: Vec<Arc<Route>>,
    /// The host that a request is for when no route names the one that it says.
    own_host: String,
}

impl Routes {
    /// Puts the routes into the order in which they are tried, and their paths into the form in
    /// which requests are looked up.
    pub fn new(mut routes: Vec<Route>) -> Self {
        for (place, route) in routes.iter_mut().enumerate() {
            route.place = place;
            let (PathMatch::Exact(path) | PathMatch::Prefix(path)) = &mut route.path;
            if let Ok(normal) = normalise(path) {
                *path = normal.into_owned();
            }
        }
        let mut routes: Vec<_> = routes.into_iter().map(Arc::new).collect();
        routes.sort_by_key(|route| {
            let (rank, length) = match &route.path {
                PathMatch::Exact(_) => (0, 0),
                PathMatch::Prefix(prefix) => (1, prefix.trim_end_matches('/').len()),
            };
            (route.host == HostMatch::Any, rank, Reverse(length))
        });
        Self { routes, own_host: String::new() }
    }

    /// Takes every host that no route names for `host`, that of our public address.
    ///
    /// `Host` is whatever a client sends. Without this, a made-up one would step past the routes of
    /// our own host to those without a host.
    #[must_use]
    pub fn at(mut self, host: &str) -> Self {
        host.clone_into(&mut self.own_host);
        self
    }

    /// The route for a host (its port does not count) and a normalised path.
    ///
    /// Some applications cut path parameters off (`/admin;v=1` is `/admin` to Tomcat), others do
    /// not. A path with parameters therefore takes a route only when it takes the same one
    /// without them.
    pub fn find(&self, host: &str, path: &str) -> Option<&Arc<Route>> {
        let host = without_port(host);
        let found = self.best(host, path)?;
        if !path.contains(';') {
            return Some(found);
        }
        let bare = path.split('/').map(|segment| segment.split(';').next().unwrap_or_default());
        let bare = bare.collect::<Vec<_>>().join("/");
        self.best(host, &bare).filter(|other| Arc::ptr_eq(found, other))
    }

    /// Whether a route is for this very host; without a port.
    pub fn names(&self, host: &str) -> bool {
        let mut hosts = self.routes.iter().filter_map(|route| route.host.as_deref());
        hosts.any(|own| own.eq_ignore_ascii_case(host))
    }

    /// Every route, in the order in which they are tried.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.routes.iter()
    }

    fn best(&self, host: &str, path: &str) -> Option<&Arc<Route>> {
        // A fully qualified name may end with a dot; it is the same host.
        let host = host.strip_suffix('.').unwrap_or(host);
        let names = |route: &Route, host: &str| {
            route.host.as_str().is_some_and(|own| own.eq_ignore_ascii_case(host))
        };
        let known = self.routes.iter().any(|route| names(route, host));
        let host = if known { host } else { &self.own_host };
        let ours = |route: &Route| route.host == HostMatch::Any || names(route, host);
        self.routes.iter().find(|route| ours(route) && covers(&route.path, path))
    }
}

fn covers(rule: &PathMatch, path: &str) -> bool {
    match rule {
        PathMatch::Exact(exact) => path == exact,
        PathMatch::Prefix(prefix) => path
            .strip_prefix(prefix.trim_end_matches('/'))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes() -> Routes {
        let route = |name: &str, host: Option<&str>, path| Route {
            name: name.to_owned(),
            host: host.map_or(HostMatch::Any, |host| HostMatch::Exact(host.to_owned())),
            path,
            ..Route::default()
        };
        let prefix = |text: &str| PathMatch::Prefix(text.to_owned());
        let exact = |text: &str| PathMatch::Exact(text.to_owned());
        Routes::new(vec![
            route("root", None, prefix("/")),
            route("admin", None, prefix("/admin")),
            route("admin-api", None, prefix("/admin/api/")),
            route("health", None, exact("/admin/health")),
            route("wiki", Some("wiki.example.com"), prefix("/")),
            route("menu", Some("wiki.example.com"), prefix("/caf\u{e9}")),
            route("wiki-edit", Some("wiki.example.com"), prefix("/edit")),
        ])
    }

    #[test]
    fn the_most_specific_route_wins() {
        let routes = routes();
        for (host, path, name) in [
            ("app.example.com", "/", "root"),
            ("app.example.com:8443", "/x", "root"),
            ("app.example.com", "/admin", "admin"),
            ("app.example.com", "/admin/", "admin"),
            ("app.example.com", "/admin/x", "admin"),
            ("app.example.com", "/administration", "root"),
            ("app.example.com", "/Admin", "root"),
            ("app.example.com", "/admin/api", "admin-api"),
            ("app.example.com", "/admin/api/v1", "admin-api"),
            ("app.example.com", "/admin/apis", "admin"),
            ("app.example.com", "/admin/health", "health"),
            ("app.example.com", "/admin/health/", "admin"),
            ("wiki.example.com", "/admin", "wiki"),
            ("WIKI.example.com:80", "/edit/page", "wiki-edit"),
            ("wiki.example.com.", "/", "wiki"),
            ("wiki.example.com", "/caf%C3%A9/today", "menu"),
            ("evil.wiki.example.com", "/", "root"),
            ("app.example.com", "/page;v=1", "root"),
            ("app.example.com", "/admin/x;v=1", "admin"),
        ] {
            let found = routes.find(host, path).map(|route| route.name.as_str());
            assert_eq!(found, Some(name), "{host} {path}");
        }
    }

    #[test]
    fn a_host_that_no_route_names_is_our_own() {
        let routes = routes().at("wiki.example.com");
        let found = |host| routes.find(host, "/edit/page").map(|route| route.name.clone());
        assert_eq!(found("evil.example").as_deref(), Some("wiki-edit"));
        assert_eq!(found("127.0.0.1:8080").as_deref(), Some("wiki-edit"));
    }

    #[test]
    fn a_path_parameter_leads_past_no_rule() {
        for path in ["/admin;v=1", "/admin;/x", "/admin/health;v=1"] {
            let found = routes().find("app.example.com", path).map(|route| route.name.clone());
            assert_eq!(found, None, "{path}");
        }
    }

    #[test]
    fn without_a_route_there_is_none() {
        assert!(Routes::default().find("app.example.com", "/").is_none());
    }
}
