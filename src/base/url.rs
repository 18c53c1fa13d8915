//! Addresses: the one that the world knows us by, and the ones that a person may be sent to.

use std::fmt;
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use url::Url;

/// What browsers and identity providers see: scheme, host, port; no path, no trailing slash.
///
/// Always from configuration, never derived from a request: that is what makes `Destination`,
/// `Recipient` and the cookie's `Secure` right behind any number of proxies.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PublicUrl {
    origin: String,
    host: String,
    secure: bool,
}

/// Why a text is not a [`PublicUrl`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublicUrlError {
    /// Not an absolute URL at all.
    #[error("not a URL such as https://app.example.com")]
    Syntax,
    /// Neither `https` nor, on loopback, `http`.
    #[error("must begin with https:// (http:// only for localhost and loopback addresses)")]
    Scheme,
    /// A path, query, fragment or user name.
    #[error("must be scheme, host and port alone, without a path or query")]
    Extra,
}

impl PublicUrl {
    /// Reads an origin; a single trailing slash and a default port are dropped.
    ///
    /// ```
    /// use samlgate::base::PublicUrl;
    /// let url = PublicUrl::parse("https://app.example.com:443/").unwrap();
    /// assert_eq!(url.as_str(), "https://app.example.com");
    /// assert_eq!(url.join("/saml/acs"), "https://app.example.com/saml/acs");
    /// assert!(PublicUrl::parse("http://app.example.com").is_err());
    /// assert!(PublicUrl::parse("http://127.0.0.1:8080").is_ok());
    /// ```
    pub fn parse(text: &str) -> Result<Self, PublicUrlError> {
        let url = Url::parse(text).map_err(|_| PublicUrlError::Syntax)?;
        let host = url.host_str().ok_or(PublicUrlError::Syntax)?.to_owned();
        let secure = match url.scheme() {
            "https" => true,
            "http" if is_loopback(&host) => false,
            _ => return Err(PublicUrlError::Scheme),
        };
        let bare = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if !bare {
            return Err(PublicUrlError::Extra);
        }
        Ok(Self { origin: url.origin().ascii_serialization(), host, secure })
    }

    /// `https://app.example.com`.
    pub fn as_str(&self) -> &str {
        &self.origin
    }

    /// `app.example.com`, without the port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// `app.example.com:8443`, as a `Host` header carries it: without a default port.
    pub fn authority(&self) -> &str {
        self.origin.split_once("://").map_or("", |(_, authority)| authority)
    }

    /// Whether cookies can be `Secure`.
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// The same scheme and port at another host; `None` where browsers could not keep our cookies.
    ///
    /// ```
    /// use samlgate::base::PublicUrl;
    /// let own = PublicUrl::parse("https://login.example.com:8443").unwrap();
    /// let wiki = own.at_host("wiki.example.com").unwrap();
    /// assert_eq!(wiki.as_str(), "https://wiki.example.com:8443");
    /// assert!(own.at_host("wiki.example.com/x").is_none());
    /// ```
    pub fn at_host(&self, host: &str) -> Option<Self> {
        let (scheme, _) = self.origin.split_once("://")?;
        let port = self.authority().strip_prefix(&self.host).unwrap_or_default();
        let url = Self::parse(&format!("{scheme}://{host}{port}")).ok()?;
        url.host.eq_ignore_ascii_case(host).then_some(url)
    }

    /// This origin with a path that begins with `/`.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)
    }
}

impl fmt::Debug for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)
    }
}

/// Whether a host name or address is this machine itself.
pub fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost"
        || bare.ends_with(".localhost")
        || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Below these, everything is the gateway's own and nothing the application's.
pub const OWN_PATHS: [&str; 5] = [
    "/saml",
    "/.samlgate",
    "/.well-known/samlgate",
    "/scim/v2",
    "/.well-known/oauth-authorization-server/scim/v2",
];

/// A path and query on our own origin: the only thing a redirect after login may point to.
///
/// ```
/// use samlgate::base::{LocalPath, PublicUrl};
/// let own = PublicUrl::parse("https://app.example.com").unwrap();
/// let ours = |text| LocalPath::parse(text, &own).map(|path| path.to_string());
/// assert_eq!(ours("/reports?q=1"), Some("/reports?q=1".into()));
/// assert_eq!(ours("https://app.example.com/reports"), Some("/reports".into()));
/// assert_eq!(ours("https://evil.example/"), None);
/// assert_eq!(ours("//evil.example/"), None);
/// assert_eq!(ours("/\\evil.example/"), None);
/// assert_eq!(ours("javascript:alert(1)"), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalPath(String);

impl LocalPath {
    /// Longest path and query that is kept over a login. Browsers and proxies cut off near 8 KB.
    pub const MAX: usize = 4096;

    /// `/`.
    pub fn root() -> Self {
        Self("/".to_owned())
    }

    /// Reads a path of ours, or an absolute URL on `own` origin; anything else is `None`.
    pub fn parse(text: &str, own: &PublicUrl) -> Option<Self> {
        let path = text.strip_prefix(own.as_str()).unwrap_or(text);
        let path = if path.is_empty() && !text.is_empty() {
            "/"
        } else {
            path
        };
        Self::from_path(path)
    }

    /// Reads a path of ours, as the store kept it.
    pub fn from_path(path: &str) -> Option<Self> {
        // Browsers read `\` as `/`, drop tabs and newlines, and take `//host` for another site.
        let clean = path.bytes().all(|byte| byte > b' ' && byte < 0x7f && byte != b'\\');
        let local = path.starts_with('/') && !path.starts_with("//");
        let path = (clean && local && path.len() <= Self::MAX).then(|| Self(path.to_owned()))?;
        // Nor may it become one to a proxy that decodes it, or that leaves out `/.` before us.
        let seen = path.as_browsers_see_it();
        (!seen.starts_with("//") && !seen.starts_with("/\\")).then_some(path)
    }

    /// The path and query.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is one of the gateway's own pages, however it is written: they are no place to
    /// land after login.
    ///
    /// ```
    /// use samlgate::base::LocalPath;
    /// let own = |text| LocalPath::from_path(text).unwrap().is_gateway_page();
    /// assert!(own("/.samlgate/sign_out") && own("/%2Esamlgate/sign_out?rd=/"));
    /// assert!(own("/x/../.samlgate/sign_out") && own("/%2e/saml/logout"));
    /// assert!(!own("/samlgate") && !own("/reports?to=/saml/acs"));
    /// ```
    pub fn is_gateway_page(&self) -> bool {
        let path = self.as_browsers_see_it();
        OWN_PATHS.iter().any(|own| {
            path.strip_prefix(own)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    /// Whether a person may land here after login: on any page of the application, and on the one
    /// of ours that sends a kept form again.
    pub fn is_landing(&self) -> bool {
        let path = self.0.split('?').next().unwrap_or_default();
        path == FORM_PAGE || !self.is_gateway_page()
    }

    /// The path alone, decoded, after `.` and `..` (`%2e` too) have been followed.
    fn as_browsers_see_it(&self) -> String {
        let path = self.0.split(['?', '#']).next().unwrap_or_default();
        let url = Url::parse("http://localhost").and_then(|host| host.join(path));
        let resolved = url.map(|url| url.path().to_owned()).unwrap_or_default();
        percent_decode_str(&resolved).decode_utf8_lossy().into_owned()
    }
}

/// The page that sends a kept form again: the one page of the gateway's own to land on after login.
pub const FORM_PAGE: &str = "/.samlgate/form";

/// Where a person is going: a page on our own origin, or on another host that a route names.
///
/// The only thing a redirect may point to. It is read from what strangers write, so a host counts
/// only when a route names it, with the scheme and port of our own origin.
///
/// ```
/// use samlgate::base::{PublicUrl, ReturnTo};
/// let own = PublicUrl::parse("https://login.example.com").unwrap();
/// let routed = |host: &str| host == "wiki.example.com";
/// let read = |text| ReturnTo::parse(text, &own, routed).map(|to| to.to_string());
/// assert_eq!(read("/reports?q=1"), Some("/reports?q=1".into()));
/// assert_eq!(read("https://wiki.example.com/a?b"), Some("https://wiki.example.com/a?b".into()));
/// assert_eq!(read("http://wiki.example.com/"), None);
/// assert_eq!(read("https://wiki.example.com:444/"), None);
/// assert_eq!(read("https://evil.example/"), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnTo {
    site: Option<Arc<PublicUrl>>,
    path: LocalPath,
}

impl ReturnTo {
    /// `/` on our own origin.
    pub fn root() -> Self {
        LocalPath::root().into()
    }

    /// A page on another host of ours.
    pub fn at(site: impl Into<Arc<PublicUrl>>, path: LocalPath) -> Self {
        Self { site: Some(site.into()), path }
    }

    /// Reads a path, or an absolute address on `own` origin or on a host that is `routed`.
    pub fn parse(text: &str, own: &PublicUrl, routed: impl Fn(&str) -> bool) -> Option<Self> {
        if let Some(path) = LocalPath::parse(text, own) {
            return Some(path.into());
        }
        let to = Self::from_stored(text)?;
        let site = to.site.as_ref()?;
        let ours = own.at_host(site.host()).is_some_and(|at| at == **site);
        (ours && routed(site.host())).then_some(to)
    }

    /// Reads what a store kept. Where a route may have gone since, ask [`ReturnTo::parse`].
    pub fn from_stored(text: &str) -> Option<Self> {
        let absolute =
            text.split_once("://").filter(|(scheme, _)| ["http", "https"].contains(scheme));
        let Some((scheme, rest)) = absolute else {
            return LocalPath::from_path(text).map(Self::from);
        };
        let (authority, path) = match rest.find('/') {
            Some(slash) => rest.split_at_checked(slash)?,
            None => (rest, "/"),
        };
        // No user names, no backslashes, no queries: nothing that two readers could cut elsewhere.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
        if authority.starts_with('.') || authority.contains("..") {
            return None;
        }
        let site = authority
            .bytes()
            .all(plain)
            .then(|| PublicUrl::parse(&format!("{scheme}://{authority}")).ok())??;
        Some(Self::at(site, LocalPath::from_path(path)?))
    }

    /// The other host's origin; `None` is our own.
    pub const fn site(&self) -> Option<&Arc<PublicUrl>> {
        self.site.as_ref()
    }

    /// The path and query there.
    pub const fn path(&self) -> &LocalPath {
        &self.path
    }

    /// `/` on the same host.
    #[must_use]
    pub fn home(&self) -> Self {
        Self { site: self.site.clone(), path: LocalPath::root() }
    }
}

impl From<LocalPath> for ReturnTo {
    fn from(path: LocalPath) -> Self {
        Self { site: None, path }
    }
}

impl fmt::Display for ReturnTo {
    /// As a link writes it, and a store keeps it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(site) = &self.site {
            site.fmt(f)?;
        }
        self.path.fmt(f)
    }
}

impl fmt::Display for LocalPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_an_origin() {
        let refused = |text| PublicUrl::parse(text).unwrap_err();
        assert_eq!(refused("app.example.com"), PublicUrlError::Syntax);
        assert_eq!(refused("ftp://app.example.com"), PublicUrlError::Scheme);
        assert_eq!(
            refused("https://app.example.com/base"),
            PublicUrlError::Extra
        );
        assert_eq!(refused("https://me@app.example.com"), PublicUrlError::Extra);
        assert_eq!(
            PublicUrl::parse("http://[::1]:8080").unwrap().authority(),
            "[::1]:8080"
        );
    }

    #[test]
    fn a_page_on_a_host_that_no_route_names_is_nowhere_to_return_to() {
        let own = PublicUrl::parse("https://login.example.com:8443").unwrap();
        let routed = |host: &str| host == "wiki.example.com" || host.ends_with(".apps.example.com");
        let read = |text: &str| ReturnTo::parse(text, &own, routed).map(|to| to.to_string());
        for text in [
            "https://wiki.example.com:8443/a?b=https://evil.example/",
            "https://x.apps.example.com:8443/",
        ] {
            assert_eq!(read(text).as_deref(), Some(text));
        }
        assert_eq!(
            read("https://WIKI.example.com:8443").as_deref(),
            Some("https://wiki.example.com:8443/")
        );
        for text in [
            "https://evil.example:8443/",
            "https://wiki.example.com/",
            "http://wiki.example.com:8443/",
            "https://apps.example.com:8443/",
            "https://wiki.example.com.evil.example:8443/",
            "https://wiki.example.com:8443@evil.example/",
            "https://evil.example\\.wiki.example.com:8443/",
            "https://evil.example?.wiki.example.com:8443/",
            "https://evil.example#.wiki.example.com:8443/",
            "https:/wiki.example.com:8443/",
            "https:wiki.example.com:8443/",
            "//wiki.example.com:8443/",
            "https://wiki.example.com:8443//evil.example",
            "https://wiki.example.com:8443/\\evil.example",
            "https://wiki.example.com:8443/a b",
            " https://wiki.example.com:8443/",
            "https://wiki%2eexample.com:8443/",
            "javascript://wiki.example.com:8443/%0aalert(1)",
            "https://.apps.example.com:8443/",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    #[test]
    fn only_our_own_paths_are_local() {
        let own = PublicUrl::parse("https://app.example.com").unwrap();
        for text in [
            "",
            "reports",
            "//evil.example",
            "///evil.example",
            "/\t/evil.example",
            "/\\evil",
            "https://app.example.com.evil.example/",
            "https://app.example.com@evil.example/",
            "https:evil.example",
            "http://app.example.com/",
            "/caf\u{e9}",
            "/a b",
            "\u{0}/",
            "/.//evil.example",
            "/x/..//evil.example",
            "/%2F%2Fevil.example",
            "/%5Cevil.example",
        ] {
            assert_eq!(LocalPath::parse(text, &own), None, "{text:?}");
        }
        assert_eq!(
            LocalPath::parse(&format!("/{}", "a".repeat(4096)), &own),
            None
        );
    }
}
