//! Which route a request takes.
//!
//! In: the host, and the path as [`super::normalise`] returned it. Out: the one route that fits
//! best. A route for the very host goes before one for `*.` and its domain, and that before one
//! for every host; an exact path goes before a prefix, a longer prefix before a shorter one. The
//! `public_paths` of a route are found in the same way: what is decided about a path and where it
//! leads can not differ. A look-up allocates nothing, and takes as long with a thousand routes as
//! with one.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use crate::access::host::without_port;
use crate::access::path::normalise;
use crate::access::path::without_parameters;
use crate::access::require::Require;
use crate::access::route::{HostMatch, PathMatch, Route};

/// All routes.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    /// Best match first.
    all: Vec<Arc<Route>>,
    /// By name.
    hosts: HashMap<Box<str>, Site>,
    /// By what follows the `*`: `.example.com`.
    below: HashMap<Box<str>, Site>,
    /// For every other host.
    elsewhere: Site,
}

/// What is looked through for one host: its own routes first, those for every host last.
type Site = Arc<[Arc<Table>]>;

/// Routes by path.
#[derive(Debug, Default)]
struct Table {
    exact: HashMap<Box<str>, Arc<Route>>,
    /// Without a `/` at the end: `/` itself is empty.
    prefixes: HashMap<Box<str>, Arc<Route>>,
    /// The length of the longest prefix.
    longest: usize,
}

impl Routes {
    /// Sorts the routes, and puts their paths into the form in which requests are looked up.
    pub fn new(mut routes: Vec<Route>) -> Self {
        for (place, route) in routes.iter_mut().enumerate() {
            route.place = place;
            for path in std::iter::once(&mut route.path).chain(&mut route.public_paths) {
                let (PathMatch::Exact(path) | PathMatch::Prefix(path)) = path;
                if let Ok(normal) = normalise(path) {
                    *path = normal.into_owned();
                }
            }
        }
        let mut all: Vec<_> = routes.into_iter().map(Arc::new).collect();
        all.sort_by_key(|route| {
            let host = match &route.host {
                HostMatch::Exact(_) => (0, Reverse(0)),
                HostMatch::Below(host) => (1, Reverse(host.len())),
                HostMatch::Any => (2, Reverse(0)),
            };
            let path = match &route.path {
                PathMatch::Exact(_) => (0, Reverse(0)),
                PathMatch::Prefix(prefix) => (1, Reverse(prefix.trim_end_matches('/').len())),
            };
            (host, path)
        });
        let mut tables: Vec<(HostMatch, Table)> = Vec::new();
        for route in &all {
            match tables.iter_mut().find(|(host, _)| *host == route.host) {
                Some((_, table)) => table.add(route),
                None => {
                    let mut table = Table::default();
                    table.add(route);
                    tables.push((route.host.clone(), table));
                }
            }
        }
        for (_, table) in &mut tables {
            table.open();
        }
        let tables: Vec<_> =
            tables.into_iter().map(|(host, table)| (host, Arc::new(table))).collect();
        let site = |name: &str| -> Site {
            let fits = tables.iter().filter(|(host, _)| covers(host, name));
            fits.map(|(_, table)| Arc::clone(table)).collect()
        };
        let mut sites = Self { elsewhere: site(""), ..Self::default() };
        for (host, _) in &tables {
            match host {
                HostMatch::Any => {}
                HostMatch::Exact(name) => {
                    sites.hosts.insert(name.to_ascii_lowercase().into(), site(name));
                }
                HostMatch::Below(_) => {
                    let suffix = suffix(host).to_ascii_lowercase();
                    let below = site(&format!("*{suffix}"));
                    sites.below.insert(suffix.into(), below);
                }
            }
        }
        Self { all, ..sites }
    }

    /// Takes every host that no route names for `host`, that of our public address.
    ///
    /// `Host` is whatever a client sends. Without this, a made-up one would step past the routes of
    /// our own host to those without a host.
    #[must_use]
    pub fn at(mut self, host: &str) -> Self {
        if let Some(site) = self.site(&host.to_ascii_lowercase()) {
            self.elsewhere = Arc::clone(site);
        }
        self
    }

    /// The route for a host (its port does not count) and a normalised path.
    ///
    /// Some applications cut path parameters off (`/admin;v=1` is `/admin` to Tomcat), others do
    /// not. A path with parameters therefore takes a route only when it takes the same one
    /// without them.
    pub fn find(&self, host: &str, path: &str) -> Option<&Arc<Route>> {
        let site = self.site(&bare(host)).unwrap_or(&self.elsewhere);
        let best = |path: &str| site.iter().find_map(|table| table.find(path));
        let found = best(path)?;
        if !path.contains([';', '%']) {
            return Some(found);
        }
        let bare = path.split('/').map(without_parameters).collect::<Vec<_>>().join("/");
        best(&bare).filter(|other| Arc::ptr_eq(found, other))
    }

    /// Whether a route names this host, itself or by `*.`: people can be signed in there.
    pub fn is_named(&self, host: &str) -> bool {
        self.site(&bare(host)).is_some()
    }

    /// Every route, best match first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.all.iter()
    }

    fn site(&self, host: &str) -> Option<&Site> {
        if let Some(site) = self.hosts.get(host) {
            return Some(site);
        }
        if self.below.is_empty() {
            return None;
        }
        // From the left: the longest ending comes first.
        let mut dots = host.bytes().enumerate().filter(|(_, byte)| *byte == b'.');
        dots.find_map(|(dot, _)| {
            let below = host.get(dot..).filter(|_| dot > 0)?;
            self.below.get(below)
        })
    }
}

/// A host as it is looked up: without port, in lower case, without the dot at the end by which a
/// name is fully qualified.
fn bare(host: &str) -> Cow<'_, str> {
    let host = without_port(host);
    let host = host.strip_suffix('.').unwrap_or(host);
    match host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(host.to_ascii_lowercase()),
        false => Cow::Borrowed(host),
    }
}

/// Whether the routes of `host` are for a name, or for every name below one that begins with `*`.
fn covers(host: &HostMatch, name: &str) -> bool {
    match host {
        HostMatch::Any => true,
        HostMatch::Exact(own) => own.eq_ignore_ascii_case(name),
        HostMatch::Below(_) => {
            let (own, name) = (suffix(host).to_ascii_lowercase(), name.to_ascii_lowercase());
            name.len() > own.len() && name.ends_with(&own)
        }
    }
}

/// `.example.com` of `*.example.com`.
fn suffix(host: &HostMatch) -> &str {
    host.as_str().map_or("", |host| host.trim_start_matches('*'))
}

impl Table {
    fn add(&mut self, route: &Arc<Route>) {
        self.put(&route.path, route);
    }

    /// Adds what is public of the routes in it, where no route stands already.
    fn open(&mut self) {
        let mut routes: Vec<_> =
            self.exact.values().chain(self.prefixes.values()).cloned().collect();
        routes.sort_by_key(|route| route.place);
        for route in routes.iter().filter(|route| !route.public_paths.is_empty()) {
            let public = Arc::new(Route {
                public: true,
                public_paths: Vec::new(),
                require: Require::default(),
                step_up: None,
                ..Route::clone(route)
            });
            for path in &route.public_paths {
                self.put(path, &public);
            }
        }
    }

    fn put(&mut self, path: &PathMatch, route: &Arc<Route>) {
        match path {
            PathMatch::Exact(path) => {
                self.exact.entry(path.as_str().into()).or_insert_with(|| Arc::clone(route));
            }
            PathMatch::Prefix(path) => {
                let path = path.trim_end_matches('/');
                self.longest = self.longest.max(path.len());
                self.prefixes.entry(path.into()).or_insert_with(|| Arc::clone(route));
            }
        }
    }

    fn find(&self, path: &str) -> Option<&Arc<Route>> {
        if !self.exact.is_empty()
            && let Some(route) = self.exact.get(path)
        {
            return Some(route);
        }
        // What is longer than every prefix is cut without a look.
        let mut rest = path;
        if path.len() > self.longest {
            let slash = path.bytes().take(self.longest.saturating_add(1)).rposition(|b| b == b'/');
            rest = path.get(..slash?)?;
        }
        loop {
            if let Some(route) = self.prefixes.get(rest) {
                return Some(route);
            }
            rest = rest.rsplit_once('/')?.0;
        }
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
        for path in [
            "/admin;v=1",
            "/admin;/x",
            "/admin/health;v=1",
            "/admin%3Bv=1",
        ] {
            let found = routes().find("app.example.com", path).map(|route| route.name.clone());
            assert_eq!(found, None, "{path}");
        }
    }

    #[test]
    fn without_a_route_there_is_none() {
        assert!(Routes::default().find("app.example.com", "/").is_none());
    }

    fn named(name: &str, host: HostMatch, path: PathMatch) -> Route {
        Route { name: name.to_owned(), host, path, ..Route::default() }
    }

    fn below(host: &str) -> HostMatch {
        HostMatch::Below(host.to_owned())
    }

    fn prefix(path: &str) -> PathMatch {
        PathMatch::Prefix(path.to_owned())
    }

    #[test]
    fn an_exact_host_goes_before_a_wildcard_and_a_longer_wildcard_before_a_shorter_one() {
        let exact = |host: &str| HostMatch::Exact(host.to_owned());
        let routes = Routes::new(vec![
            named("any", HostMatch::Any, prefix("/")),
            named("deep", HostMatch::Any, prefix("/a/b/c")),
            named("wide", below("*.example.com"), prefix("/")),
            named("wide-x", below("*.example.com"), prefix("/x")),
            named("eu", below("*.eu.example.com"), prefix("/shop")),
            named("wiki", exact("wiki.eu.example.com"), prefix("/wiki")),
        ]);
        for (host, path, name) in [
            ("wiki.eu.example.com", "/wiki/page", "wiki"),
            ("wiki.eu.example.com", "/shop", "eu"),
            ("wiki.eu.example.com", "/x", "wide-x"),
            ("wiki.eu.example.com", "/a/b/c", "wide"),
            ("WIKI.EU.example.com.:8443", "/wiki", "wiki"),
            ("a.b.eu.example.com", "/shop/1", "eu"),
            ("eu.example.com", "/shop", "wide"),
            ("a.example.com", "/a/b/c", "wide"),
            ("example.com", "/a/b/c", "deep"),
            (".example.com", "/", "any"),
            ("badexample.com", "/x", "any"),
        ] {
            let found = routes.find(host, path).map(|route| route.name.as_str());
            assert_eq!(found, Some(name), "{host} {path}");
        }
        assert!(routes.is_named("x.Example.com:80") && !routes.is_named("example.com"));
        // A made-up host takes the way of our own, which may be one below a wildcard.
        let routes = routes.at("app.eu.example.com");
        let found = routes.find("evil.example", "/shop").map(|route| route.name.as_str());
        assert_eq!(found, Some("eu"));
    }

    #[test]
    fn a_public_path_leads_where_its_route_leads_and_is_open() {
        let mut app = named("app", HostMatch::Any, prefix("/app"));
        app.public_paths = vec![
            prefix("/app/assets"),
            PathMatch::Exact("/app/login".to_owned()),
            prefix("/app/admin"),
        ];
        app.require.any = vec![crate::access::Condition::Group("staff".to_owned())];
        let routes = Routes::new(vec![
            app,
            named("secret", HostMatch::Any, prefix("/app/assets/secret")),
            named("admin", HostMatch::Any, prefix("/app/admin")),
        ]);
        for (path, name, public) in [
            ("/app", "app", false),
            ("/app/x", "app", false),
            ("/app/assets", "app", true),
            ("/app/assets/logo.png", "app", true),
            ("/app/assets2", "app", false),
            ("/app/login", "app", true),
            ("/app/login/", "app", false),
            ("/app/assets/secret/x", "secret", false),
            // What has a route of its own is that route's to open.
            ("/app/admin/x", "admin", false),
        ] {
            let route = routes.find("a", path).unwrap();
            assert_eq!(
                (route.name.as_str(), route.public),
                (name, public),
                "{path}"
            );
            assert_eq!(
                route.place,
                ["app", "secret", "admin"].iter().position(|n| *n == name).unwrap()
            );
            assert_eq!(route.public, route.require.is_empty() && route.public);
        }
        // Tomcat would serve /app/assets/x here, and others something else.
        for path in ["/app/assets;v=1/x", "/app/login;v=1"] {
            assert!(routes.find("a", path).is_none(), "{path}");
        }
        assert_eq!(routes.iter().count(), 3);
    }

    /// The same, looked for one by one.
    fn slowly<'r>(routes: &'r Routes, host: &str, path: &str) -> Option<&'r str> {
        let fits = |rule: &PathMatch| match rule {
            PathMatch::Exact(exact) => path == exact,
            PathMatch::Prefix(prefix) => path
                .strip_prefix(prefix.trim_end_matches('/'))
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
        };
        let known = |name: &str| {
            routes
                .all
                .iter()
                .any(|route| route.host != HostMatch::Any && covers(&route.host, name))
        };
        let host = if known(host) { host } else { "" };
        let mut routes = routes.all.iter();
        let found = routes.find(|route| covers(&route.host, host) && fits(&route.path));
        found.map(|route| route.name.as_str())
    }

    proptest::proptest! {
        #[test]
        fn a_look_up_finds_what_looking_through_all_would_find(
            rules in proptest::collection::vec(
                ("(a\\.ex|\\*\\.ex|\\*\\.a\\.ex|)", "(exact:)?(/[ab]{1,2}){0,3}/?"), 0..12),
            asked in proptest::collection::vec(
                ("(a\\.ex|b\\.a\\.ex|b\\.ex|ex|c)", "(/[ab]{1,2}){0,4}/?"), 1..20),
        ) {
            let route = |(name, (host, path)): (usize, &(String, String))| {
                let host = match host.as_str() {
                    "" => HostMatch::Any,
                    host if host.starts_with('*') => below(host),
                    host => HostMatch::Exact(host.to_owned()),
                };
                let path = match path.strip_prefix("exact:") {
                    Some(path) => PathMatch::Exact(path.to_owned()),
                    None => PathMatch::Prefix(path.clone()),
                };
                named(&name.to_string(), host, path)
            };
            let mut all: Vec<Route> = Vec::new();
            for one in rules.iter().enumerate().map(route) {
                let trimmed = |path: &PathMatch| match path {
                    PathMatch::Exact(path) => (true, path.clone()),
                    PathMatch::Prefix(path) => (false, path.trim_end_matches('/').to_owned()),
                };
                let same = |o: &Route| o.host == one.host && trimmed(&o.path) == trimmed(&one.path);
                if !all.iter().any(same) {
                    all.push(one);
                }
            }
            let routes = Routes::new(all);
            for (host, path) in asked {
                let found = routes.find(&host, &path).map(|route| route.name.as_str());
                proptest::prop_assert_eq!(found, slowly(&routes, &host, &path), "{} {}", host, path);
            }
        }

        /// Routing and policy look at one path: no other spelling leads elsewhere, or is open.
        #[test]
        fn however_a_path_is_spelled_it_leads_to_one_route(
            segments in proptest::collection::vec("(admin|open|a|%)", 1..5),
            spelling in proptest::collection::vec(0_u8..3, 40),
        ) {
            let mut app = named("app", HostMatch::Any, prefix("/"));
            app.public_paths = vec![prefix("/open")];
            let routes = Routes::new(vec![
                app,
                named("admin", HostMatch::Any, prefix("/admin")),
                named("inner", HostMatch::Any, prefix("/open/admin")),
            ]);
            let plain: String = segments.iter().map(|s| format!("/{}", s.replace('%', "%25"))).collect();
            let mut choices = spelling.iter().cycle();
            let other: String = segments
                .iter()
                .map(|segment| {
                    let letter = |letter: char| match (letter, choices.next()) {
                        ('%', _) => "%25".to_owned(),
                        (_, Some(0)) => letter.to_string(),
                        (_, Some(1)) => format!("%{:02x}", u32::from(letter)),
                        (_, _) => format!("%{:02X}", u32::from(letter)),
                    };
                    format!("/{}", segment.chars().map(letter).collect::<String>())
                })
                .collect();
            let (plain, other) = (normalise(&plain).unwrap(), normalise(&other).unwrap());
            proptest::prop_assert_eq!(&plain, &other);
            let one = routes.find("a", &plain).unwrap();
            let two = routes.find("a", &other).unwrap();
            proptest::prop_assert!(Arc::ptr_eq(one, two));
            let open = segments[0] == "open" && segments.get(1).is_none_or(|next| next != "admin");
            proptest::prop_assert_eq!(one.public, open);
        }
    }
}
