//! Routes of the running gateway: who may enter which, and where it leads.

use std::time::Duration;

use http::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::app::App;
use crate::support::gateway::{Gateway, Setup};
use crate::support::http::{Ask, Visitor};
use crate::support::idp::{self, TestIdp};

/// Alice of `corp`, with the groups IT Managers and Staff, and the department IT, has signed in.
async fn alice(gateway: &Gateway, idp: &TestIdp) -> Visitor {
    let mut visitor = gateway.visitor();
    let start = visitor.get(&gateway.url("/.samlgate/start?idp=corp")).await;
    let request = idp.read(&start);
    let xml = idp.write(&idp.answer(&request));
    let acs = Ask::new(Method::POST, &gateway.url("/saml/acs"));
    let form = idp::fields(&xml, Some(&request.relay_state));
    let answer = visitor.send(acs.navigating().form(&form)).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    visitor
}

async fn started(app: &App, routes: &str) -> (Gateway, TestIdp) {
    let idp = TestIdp::new("corp");
    let upstream = format!("upstream = [{:?}]", app.url());
    let setup = Setup::http().quick_key().idp("corp", &idp.metadata_file(), "");
    let setup = setup.add(&routes.replace("[[route]]", &format!("[[route]]\n{upstream}")));
    (setup.start().await, idp)
}

const POLICY: &str = r#"
[[role]]
name = "it-manager"
groups = ["IT Managers"]
[[route]]
path = "/"
public_paths = ["/open", "exact:/favicon.ico"]
[[route]]
path = "/any"
require = { roles = ["board", "it-manager"] }
[[role]]
name = "board"
groups = ["Board"]
[[route]]
path = "/all"
require = { roles = ["it-manager"], groups = ["Staff"], attributes = { department = ["HR", "IT"] }, idp = ["corp"], match = "all" }
[[route]]
path = "/both"
require = { groups = ["Staff", "Board", "Union"], match = "all" }
[[route]]
path = "/strong"
require = { authn_context = ["https://refeds.org/profile/mfa"] }
[[route]]
path = "/other"
require = { idp = ["partner"] }
[[route]]
path = "/archive"
require = { methods = ["GET"] }
[[route]]
path = "/open/admin"
require = { groups = ["Board"] }
[[route]]
path = "/board"
public_paths = "/board/news"
require = { groups = ["Board"] }
"#;

#[tokio::test]
async fn what_a_route_requires_is_decided_about_the_path_that_leads_there() {
    let app = App::start().await;
    let (gateway, idp) = started(&app, POLICY).await;
    let mut alice = alice(&gateway, &idp).await;
    let mut nobody = gateway.visitor();
    for (path, method, of_alice, of_nobody) in [
        ("/", Method::GET, 200, 302),
        ("/open", Method::GET, 200, 200),
        ("/open/a/b", Method::POST, 200, 200),
        ("/%6fpen/a", Method::GET, 200, 200),
        ("/opening", Method::GET, 200, 302),
        ("/favicon.ico", Method::GET, 200, 200),
        ("/favicon.ico/x", Method::GET, 200, 302),
        // No spelling of an address leads past its rule.
        ("/open/admin", Method::GET, 403, 302),
        ("/open/%61dmin/x", Method::GET, 403, 302),
        ("/open/..%2fadmin", Method::GET, 400, 400),
        ("/open/x/../admin", Method::GET, 400, 400),
        ("/open//admin", Method::GET, 400, 400),
        ("/open%5cadmin", Method::GET, 400, 400),
        ("/open;x/admin", Method::GET, 404, 404),
        ("/any/x", Method::GET, 200, 302),
        ("/all", Method::GET, 200, 302),
        ("/both", Method::GET, 403, 302),
        ("/strong", Method::GET, 403, 302),
        ("/other", Method::GET, 403, 302),
        ("/archive", Method::GET, 200, 302),
        ("/archive", Method::HEAD, 200, 302),
        ("/archive", Method::DELETE, 403, 401),
        // What is public of a route is told who comes, and is no way in.
        ("/board", Method::GET, 403, 302),
        ("/board/news", Method::GET, 200, 200),
        ("/board", Method::GET, 403, 302),
        ("/board/news/x", Method::GET, 200, 200),
    ] {
        for (who, visitor, status) in [
            ("alice", &mut alice, of_alice),
            ("nobody", &mut nobody, of_nobody),
        ] {
            let url = gateway.url("") + path;
            // A client library would tidy such a path up.
            if url::Url::parse(&url).unwrap().as_str() != url {
                continue;
            }
            let ask = Ask::new(method.clone(), &url).navigating();
            let answer = visitor.send(ask).await;
            assert_eq!(answer.status, status, "{who} {method} {path}");
        }
    }
}

#[tokio::test]
async fn the_page_says_whether_one_or_all_is_needed_and_nothing_of_the_rest() {
    let app = App::start().await;
    let (gateway, idp) = started(&app, POLICY).await;
    let mut alice = alice(&gateway, &idp).await;
    let page = alice.get(&gateway.url("/both")).await.text();
    assert!(
        page.contains("This page is for people with all of these:"),
        "{page}"
    );
    assert!(
        page.contains("<span>group</span> Board") && page.contains("Union"),
        "{page}"
    );
    // What they have is not missing.
    assert!(!page.contains("Staff"), "{page}");
    for path in ["/strong", "/other"] {
        let page = alice.get(&gateway.url(path)).await.text();
        assert!(page.contains("You may not open this page."), "{page}");
        assert!(
            !page.contains("refeds") && !page.contains("partner"),
            "{page}"
        );
    }
    let ask = Ask::new(Method::PUT, &gateway.url("/archive")).navigating();
    let page = alice.send(ask).await.text();
    assert!(
        page.contains("You are signed in, but may not do this here."),
        "{page}"
    );
    gateway.has_logged("access.method", 1).await;
}

#[tokio::test]
async fn a_wildcard_host_has_routes_of_its_own_and_every_upstream_a_gauge() {
    let app = App::start().await;
    let routes = r#"
[[route]]
path = "/"
public = true
[[route]]
host = "*.apps.localhost"
public = true
rewrite = "/below"
health = { path = "/health" }
[[route]]
name = "wiki"
host = "wiki.apps.localhost"
path = "/wiki"
public = true
strip_prefix = true
"#;
    let (gateway, _) = started(&app, routes).await;
    let mut nobody = gateway.visitor();
    for (host, path, asked) in [
        ("a.apps.localhost", "/x", "/below/x"),
        ("A.B.Apps.localhost:8080", "/x", "/below/x"),
        ("wiki.apps.localhost", "/x", "/below/x"),
        ("wiki.apps.localhost", "/wiki/Home?edit", "/Home?edit"),
        ("apps.localhost", "/x", "/x"),
        ("evil.example", "/x", "/x"),
    ] {
        let ask = Ask::new(Method::GET, &gateway.url(path)).header("host", host);
        let answer = nobody.send(ask).await;
        assert_eq!(answer.json()["path"], asked, "{host} {path}");
    }
    let metrics = gateway.admin("/metrics").await.text();
    for route in ["/", "*.apps.localhost/", "wiki"] {
        let line = format!(
            "samlgate_upstream_healthy{{route=\"{route}\",upstream=\"{}\"}} 1",
            app.url()
        );
        assert!(metrics.contains(&line), "{metrics}");
    }
}

#[tokio::test]
async fn after_sigterm_new_connections_are_taken_until_balancers_have_heard_of_it() {
    let app = App::start().await;
    let setup = Setup::http().quick_key().set("server", "shutdown_delay = '1h'");
    let mut gateway = setup.route(&app.url(), "public = true").start().await;
    gateway.signal("TERM");
    let stopping = async { while gateway.admin("/readyz").await.status != 503 {} };
    tokio::time::timeout(Duration::from_secs(10), stopping).await.unwrap();
    assert_eq!(gateway.visitor().get(&gateway.url("/x")).await.status, 200);
    // Saying it twice ends the wait.
    let status = tokio::time::timeout(Duration::from_secs(10), gateway.stop()).await.unwrap();
    assert!(status.success());
}

#[tokio::test]
async fn a_reload_leads_the_next_request_of_an_open_connection_along_the_new_routes() {
    let app = App::start().await;
    let setup = Setup::http().quick_key();
    let gateway = setup.route(&app.url(), "public = true\nrewrite = '/old'").start().await;
    let host = gateway.url("").replace("http://", "");
    let mut stream = tokio::net::TcpStream::connect(&host).await.unwrap();
    let mut ask = async || {
        let request = format!("GET /x HTTP/1.1\r\nHost: {host}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        let mut bytes = [0; 4096];
        // The JSON ends with the body, which is empty.
        while !text.ends_with('}') {
            let count = stream.read(&mut bytes).await.unwrap();
            assert_ne!(count, 0, "closed after {text}");
            text.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
        text
    };
    assert!(ask().await.contains("/old/x"));
    gateway.reload(|text| text.replace("/old", "/new"));
    let changed = async { while !ask().await.contains("/new/x") {} };
    tokio::time::timeout(Duration::from_secs(10), changed).await.unwrap();
}
