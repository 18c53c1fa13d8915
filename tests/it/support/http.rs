//! A person with a browser that has no JavaScript: requests, cookies, redirects one at a time.
//!
//! In: what the person does. Out: each answer, unfollowed, so that a test sees every step. Cookies
//! are kept and sent as browsers do it (RFC 6265bis), since the sign-in depends on exactly that:
//! `Secure`, `Path`, `Max-Age` and `SameSite` with the site that began the request.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{COOKIE, HOST, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

use super::forms::{self, Form};

/// Longer than anything the gateway is allowed to take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Somebody who visits pages.
pub(crate) struct Visitor {
    tls: Option<TlsConnector>,
    cookies: Vec<Cookie>,
}

impl Visitor {
    /// Speaks plain HTTP only.
    pub(crate) fn new() -> Self {
        Self { tls: None, cookies: Vec::new() }
    }

    /// Trusts this certificate (DER), and none other.
    pub(crate) fn trusting(certificate: &[u8]) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(certificate.to_vec())).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self {
            tls: Some(TlsConnector::from(Arc::new(config))),
            cookies: Vec::new(),
        }
    }

    /// Types an address.
    pub(crate) async fn get(&mut self, url: &str) -> Answer {
        self.send(Ask::new(Method::GET, url).navigating()).await
    }

    /// Goes where the answer says. Does nothing more: the next answer may be another redirect.
    pub(crate) async fn follow(&mut self, answer: &Answer) -> Answer {
        let target = answer.target();
        let mut ask = Ask::new(Method::GET, target.as_str()).navigating();
        ask.from.clone_from(&answer.from);
        self.send(ask).await
    }

    /// Goes on until there is a page, ten redirects at most.
    pub(crate) async fn follow_all(&mut self, mut answer: Answer) -> Answer {
        for _ in 0..10 {
            if !answer.status.is_redirection() {
                return answer;
            }
            answer = self.follow(&answer).await;
        }
        panic!("ten redirects, the last to {}", answer.target());
    }

    /// Sends a form of a page.
    pub(crate) async fn submit(&mut self, page: &Answer, form: &Form) -> Answer {
        let target = page.url.join(&form.action).unwrap();
        let mut ask = if form.method == "post" {
            Ask::new(Method::POST, target.as_str()).form(&form.inputs)
        } else {
            let mut target = target;
            target.query_pairs_mut().clear().extend_pairs(&form.inputs);
            Ask::new(Method::GET, target.as_str())
        };
        ask = ask.navigating().from(&page.url);
        self.send(ask).await
    }

    /// The value of a cookie that would go to this address.
    pub(crate) fn cookie(&self, url: &str, name: &str) -> Option<String> {
        let url = Url::parse(url).unwrap();
        let cookie = self.cookies.iter().find(|cookie| cookie.name == name && cookie.reaches(&url));
        cookie.map(|cookie| cookie.value.clone())
    }

    /// Puts a cookie there that no answer set.
    pub(crate) fn plant(&mut self, url: &str, name: &str, value: &str) {
        let url = Url::parse(url).unwrap();
        let cookie = Cookie::read(&format!("{name}={value}; Path=/"), &url).unwrap();
        self.keep(cookie);
    }

    /// Forgets every cookie.
    pub(crate) fn forget(&mut self) {
        self.cookies.clear();
    }

    /// Sends a request, with the cookies that belong to it unless it has its own.
    pub(crate) async fn send(&mut self, ask: Ask) -> Answer {
        let url = ask.url.clone();
        let mut request = Request::builder()
            .method(ask.method.clone())
            .uri(
                ask.target
                    .as_deref()
                    .unwrap_or_else(|| &url[url::Position::BeforePath..url::Position::AfterQuery]),
            )
            .body(Full::new(ask.body.clone()))
            .unwrap();
        *request.headers_mut() = ask.headers.clone();
        let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
        request
            .headers_mut()
            .entry(HOST)
            .or_insert(HeaderValue::from_str(host).unwrap());
        request.headers_mut().insert("connection", HeaderValue::from_static("close"));
        let cookies = self.cookies_for(&ask);
        if !cookies.is_empty() && !request.headers().contains_key(COOKIE) {
            request.headers_mut().insert(COOKIE, HeaderValue::from_str(&cookies).unwrap());
        }
        let answer = tokio::time::timeout(PATIENCE, self.exchange(&url, request))
            .await
            .unwrap_or_else(|_| panic!("no answer from {url}"));
        let (head, body) = answer.into_parts();
        for value in head.headers.get_all(SET_COOKIE) {
            if let Some(cookie) = Cookie::read(value.to_str().unwrap(), &url) {
                self.keep(cookie);
            }
        }
        Answer {
            url,
            from: ask.from,
            status: head.status,
            headers: head.headers,
            body,
        }
    }

    async fn exchange(&self, url: &Url, request: Request<Full<Bytes>>) -> http::Response<Bytes> {
        // `localhost` may have two addresses; the programs under test listen on this one.
        let port = url.port_or_known_default().unwrap();
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
            .await
            .unwrap_or_else(|error| panic!("nobody answers at {url}: {error}"));
        if url.scheme() == "https" {
            let tls = self.tls.as_ref().expect("this visitor trusts no certificate");
            let name = ServerName::try_from(url.host_str().unwrap().to_owned()).unwrap();
            send_over(tls.connect(name, stream).await.unwrap(), request).await
        } else {
            send_over(stream, request).await
        }
    }

    fn cookies_for(&self, ask: &Ask) -> String {
        let same_site = ask.from.as_ref().is_none_or(|from| site(from) == site(&ask.url));
        let top_level_get = ask.navigation && matches!(ask.method, Method::GET | Method::HEAD);
        let allowed = |cookie: &&Cookie| match cookie.same_site {
            _ if same_site => true,
            SameSite::None => true,
            SameSite::Lax => top_level_get,
            SameSite::Strict => false,
        };
        let cookies = self.cookies.iter().filter(|cookie| cookie.reaches(&ask.url)).filter(allowed);
        let pairs: Vec<String> =
            cookies.map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        pairs.join("; ")
    }

    fn keep(&mut self, cookie: Cookie) {
        self.cookies.retain(|old| {
            (&old.name, &old.host, &old.path) != (&cookie.name, &cookie.host, &cookie.path)
        });
        if !cookie.expired {
            self.cookies.push(cookie);
        }
    }
}

/// A request that is about to be sent.
pub(crate) struct Ask {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Bytes,
    from: Option<Url>,
    navigation: bool,
    target: Option<String>,
}

impl Ask {
    /// Without any header of a browser: this is a script, or a program.
    pub(crate) fn new(method: Method, url: &str) -> Self {
        Self {
            method,
            url: Url::parse(url).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            from: None,
            navigation: false,
            target: None,
        }
    }

    /// A navigation: the whole window goes there.
    pub(crate) fn navigating(mut self) -> Self {
        self.navigation = true;
        self.header("sec-fetch-mode", "navigate")
            .header("sec-fetch-dest", "document")
            .header(
                "accept",
                "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            )
    }

    /// One more header; the same name again is sent again.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().unwrap();
        self.headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        self
    }

    /// With this path and query in the request line, as they are: an address would be put in order.
    pub(crate) fn with_target(mut self, target: &str) -> Self {
        self.target = Some(target.to_owned());
        self
    }

    /// These bytes as the body.
    pub(crate) fn body(mut self, bytes: impl Into<Bytes>) -> Self {
        self.body = bytes.into();
        self
    }

    /// These fields as the body, form encoded.
    pub(crate) fn form(self, fields: &[(String, String)]) -> Self {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        self.header("content-type", "application/x-www-form-urlencoded").body(body)
    }

    /// The page that begins this request; without one the person typed the address.
    pub(crate) fn from(mut self, page: &Url) -> Self {
        if self.method == Method::POST {
            self = self.header("origin", &page.origin().ascii_serialization());
        }
        self.from = Some(page.clone());
        self
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Who answered.
    pub(crate) url: Url,
    /// Which page began it.
    from: Option<Url>,
    /// The status.
    pub(crate) status: StatusCode,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The body.
    pub(crate) body: Bytes,
}

impl Answer {
    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// One header, empty when it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Where it sends us.
    pub(crate) fn target(&self) -> Url {
        let location = self.headers.get(LOCATION);
        let location = location.unwrap_or_else(|| panic!("{} is no redirect", self.status));
        self.url.join(location.to_str().unwrap()).unwrap()
    }

    /// Its forms.
    pub(crate) fn forms(&self) -> Vec<Form> {
        forms::find(&self.text())
    }

    /// Its only form.
    pub(crate) fn form(&self) -> Form {
        let mut forms = self.forms();
        assert_eq!(forms.len(), 1, "forms in {}:\n{}", self.url, self.text());
        forms.remove(0)
    }
}

struct Cookie {
    name: String,
    value: String,
    host: String,
    path: String,
    secure: bool,
    same_site: SameSite,
    expired: bool,
}

#[derive(Clone, Copy)]
enum SameSite {
    None,
    Lax,
    Strict,
}

impl Cookie {
    /// `None` where a browser would drop it.
    fn read(text: &str, url: &Url) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (name, value) = parts.next()?.split_once('=')?;
        let mut cookie = Self {
            name: name.to_owned(),
            value: value.to_owned(),
            host: url.host_str()?.to_owned(),
            path: "/".to_owned(),
            secure: false,
            same_site: SameSite::Lax,
            expired: false,
        };
        let mut has_path = false;
        for part in parts {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            match key.to_ascii_lowercase().as_str() {
                "secure" => cookie.secure = true,
                "path" => {
                    cookie.path = value.to_owned();
                    has_path = true;
                }
                "max-age" => cookie.expired = value.parse::<i64>().ok()? <= 0,
                "samesite" => {
                    cookie.same_site = match value.to_ascii_lowercase().as_str() {
                        "none" => SameSite::None,
                        "strict" => SameSite::Strict,
                        _ => SameSite::Lax,
                    }
                }
                _ => {}
            }
        }
        let safe = url.scheme() == "https" || !cookie.secure;
        let none_is_secure = cookie.secure || !matches!(cookie.same_site, SameSite::None);
        let host_prefix = !name.starts_with("__Host-")
            || (cookie.secure && has_path && cookie.path == "/" && !text.contains("Domain="));
        (safe && none_is_secure && host_prefix).then_some(cookie)
    }

    fn reaches(&self, url: &Url) -> bool {
        let below = url.path() == self.path
            || url
                .path()
                .strip_prefix(self.path.as_str())
                .is_some_and(|rest| self.path.ends_with('/') || rest.starts_with('/'));
        url.host_str() == Some(self.host.as_str())
            && below
            && (!self.secure || url.scheme() == "https")
    }
}

/// Scheme and host: ports are the same site.
fn site(url: &Url) -> (&str, Option<&str>) {
    (url.scheme(), url.host_str())
}

async fn send_over(
    stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    request: Request<Full<Bytes>>,
) -> http::Response<Bytes> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let answer = async {
        let (head, body) = sender.send_request(request).await.unwrap().into_parts();
        http::Response::from_parts(head, body.collect().await.unwrap().to_bytes())
    };
    // Whatever goes wrong on the connection shows in the answer.
    let (answer, _) = tokio::join!(answer, connection);
    answer
}

#[test]
fn a_lax_cookie_stays_away_from_another_sites_post() {
    let mut visitor = Visitor::new();
    let url = Url::parse("https://localhost/").unwrap();
    for cookie in [
        "__Host-a=1; Path=/; Secure; HttpOnly; SameSite=Lax",
        "__Host-b=2; Path=/; Secure; SameSite=None",
        "c=3; SameSite=None",
        "__Host-d=4; Secure",
    ] {
        if let Some(cookie) = Cookie::read(cookie, &url) {
            visitor.keep(cookie);
        }
    }
    let idp = Url::parse("http://127.0.0.1:8000/login").unwrap();
    let acs = "https://localhost/saml/acs";
    let post = Ask::new(Method::POST, acs).navigating().from(&idp);
    assert_eq!(visitor.cookies_for(&post), "__Host-b=2");
    let get = Ask::new(Method::GET, acs).navigating().from(&idp);
    assert_eq!(visitor.cookies_for(&get), "__Host-a=1; __Host-b=2");
    let plain = Ask::new(Method::GET, "http://localhost/").navigating();
    assert_eq!(visitor.cookies_for(&plain), "");
}
