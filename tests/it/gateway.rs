//! The running gateway in front of an application that says what it was asked.
//!
//! At `http://127.0.0.1`, so that a test can send bytes that no client library would.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::nid::Nid;
use openssl::sha::sha256;
use samlgate::audit::{AuditSink as _, Chain};
use samlgate::store::SqliteStore;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::app::{App, received};
use crate::support::gateway::{Gateway, Setup};
use crate::support::http::{Answer, Ask, Visitor};
use crate::support::idp::{self, TestIdp};
use crate::support::names::PROFILES;

/// Longer than anything here takes.
const SOON: Duration = Duration::from_secs(10);

const EVERYTHING: &str = "headers = [\"signed\", \"remote\", \"x-forwarded\", \"x-auth-request\", \
    \"shibboleth\", \"custom\"]\ncustom_headers = { \"X-Dept\" = \"department\" }\n";

const ROLES: &str = "[[role]]\nname = \"it-manager\"\ngroups = [\"IT Managers\"]\n\
    [[role]]\nname = \"it\"\nattributes = { department = [\"IT\"] }\n\
    [[role]]\nname = \"board\"\ngroups = [\"Board\"]\n";

/// A gateway, its identity provider `corp`, and an application.
struct Town {
    gateway: Gateway,
    idp: TestIdp,
    app: App,
}

impl Town {
    /// With one route for everything.
    async fn found(route: &str) -> Self {
        Self::with(route, |setup, _| setup).await
    }

    async fn with(route: &str, more: impl FnOnce(Setup, &App) -> Setup) -> Self {
        let (idp, app) = (TestIdp::new("corp"), App::start().await);
        let setup = Setup::http().quick_key().idp("corp", &idp.metadata_file(), "");
        let setup = more(setup.route(&app.url(), route), &app);
        Self { gateway: setup.start().await, idp, app }
    }

    /// Alice signs in.
    async fn alice(&self) -> Visitor {
        let mut visitor = self.gateway.visitor();
        let answer = self.sign_in(&mut visitor).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        visitor
    }

    async fn sign_in(&self, visitor: &mut Visitor) -> Answer {
        let start = visitor.get(&self.gateway.url("/.samlgate/start?idp=corp")).await;
        let request = self.idp.read(&start);
        let xml = self.idp.write(&self.idp.answer(&request));
        self.carry(visitor, &xml, Some(&request.relay_state)).await
    }

    async fn carry(&self, visitor: &mut Visitor, xml: &str, relay_state: Option<&str>) -> Answer {
        let acs = Ask::new(Method::POST, &self.gateway.url("/saml/acs"));
        visitor.send(acs.navigating().form(&idp::fields(xml, relay_state))).await
    }

    /// Alice's session cookie, to be put into requests by hand.
    async fn token(&self) -> String {
        token(&self.gateway, &self.alice().await)
    }

    /// Sends bytes, and reads until the gateway closes the connection.
    async fn exchange(&self, bytes: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let read = tokio::time::timeout(SOON, stream.read_to_end(&mut answer)).await;
        read.expect("the connection stays open").unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.host()).await.unwrap()
    }

    fn host(&self) -> String {
        self.gateway.url("").replace("http://", "")
    }
}

fn token(gateway: &Gateway, visitor: &Visitor) -> String {
    visitor.cookie(&gateway.url("/"), "samlgate").unwrap()
}

/// The JSON behind the head of an answer.
fn echo(answer: &str) -> Value {
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let json = body.find('{').zip(body.rfind('}'));
    let (start, end) = json.unwrap_or_else(|| panic!("no JSON in {answer}"));
    serde_json::from_str(&body[start..=end]).unwrap()
}

#[tokio::test]
async fn forged_identity_headers_never_arrive_and_the_real_ones_do() {
    let town = Town::found(EVERYTHING).await;
    let token = town.token().await;
    let refused = town
        .exchange(&format!(
            "GET /x HTTP/1.1\r\nHost: {}\r\nRemote_User: mallory\r\nCookie: samlgate={token}\r\n\
             Connection: close\r\n\r\n",
            town.host()
        ))
        .await;
    assert!(refused.starts_with("HTTP/1.1 400"), "{refused}");
    town.gateway.has_logged("\"proxy.request\"", 1).await;
    drop(town);

    let dropping = |setup: Setup, _: &App| setup.set("server", "underscore_headers = \"drop\"");
    let town = Town::with(EVERYTHING, dropping).await;
    let token = town.token().await;
    for name in PROFILES.iter().chain(&["X-Dept"]) {
        let lower = name.to_lowercase();
        let spellings = [
            (*name).to_owned(),
            name.to_uppercase(),
            name.replace('-', "_"),
            name.replace('-', "_").to_uppercase(),
        ];
        let mut forged: String =
            spellings.iter().map(|spelling| format!("{spelling}: mallory\r\n")).collect();
        // The same one more than once.
        forged.push_str(&format!("{name}: mallory\r\n{name}: mallory, mallory\r\n"));
        let answer = town
            .exchange(&format!(
                "GET /x HTTP/1.1\r\nHost: {}\r\n{forged}Cookie: samlgate={token}\r\n\
                 Connection: close\r\n\r\n",
                town.host()
            ))
            .await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(!answer.contains("mallory"), "{name}: {answer}");
        let echo = echo(&answer);
        assert_eq!(received(&echo, &lower).len(), 1, "{name}: {echo}");
        assert_eq!(received(&echo, "remote-user"), ["alice@example.com"]);
        assert_eq!(received(&echo, "remote-groups"), ["IT Managers,Staff"]);
        assert_eq!(received(&echo, "x-forwarded-email"), ["alice@example.com"]);
        assert_eq!(
            received(&echo, "x-auth-request-groups"),
            ["IT Managers,Staff"]
        );
        assert_eq!(received(&echo, "x-dept"), ["IT"]);
    }
}

#[tokio::test]
async fn a_connection_header_takes_no_identity_away() {
    let town = Town::found(EVERYTHING).await;
    let token = town.token().await;
    let nominations = [
        "Remote-User",
        "X-Samlgate-Jwt-Assertion",
        "Cookie",
        "X-Forwarded-For",
    ];
    for (times, nominated) in (1..).zip(nominations) {
        let answer = town
            .exchange(&format!(
                "GET /x HTTP/1.1\r\nHost: {}\r\nCookie: samlgate={token}\r\n\
                 Connection: close, {nominated}\r\n\r\n",
                town.host()
            ))
            .await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{nominated}: {answer}");
        town.gateway.has_logged("\"proxy.request\"", times).await;
    }
}

#[tokio::test]
async fn our_cookies_stay_here_and_the_applications_pass() {
    let town = Town::found("").await;
    let token = town.token().await;
    let answer = town
        .exchange(&format!(
            "GET /x HTTP/1.1\r\nHost: {}\r\nCookie: theme=dark; samlgate={token}; \
             samlgate-login={token}; lang=en\r\nCookie: __Host-samlgate=x; __Host-samlgate-login=y; \
             cart=1\r\nConnection: close\r\n\r\n",
            town.host()
        ))
        .await;
    let echo = echo(&answer);
    assert_eq!(received(&echo, "cookie"), ["theme=dark; lang=en; cart=1"]);
    assert!(!answer.contains(&token));
    // The other way round the application can not sign anybody in.
    assert!(
        answer.contains("set-cookie: theme=dark; Path=/"),
        "{answer}"
    );
    assert!(!answer.contains("stolen"), "{answer}");
}

#[tokio::test]
async fn the_signed_header_verifies_by_the_published_key() {
    let town = Town::with("", |setup, _| setup.add(ROLES)).await;
    let mut alice = town.alice().await;
    let echo = alice.get(&town.gateway.url("/x")).await.json();
    let jwt = received(&echo, "x-samlgate-jwt-assertion")[0].to_owned();
    let jwks = alice.get(&town.gateway.url("/.well-known/samlgate/jwks.json")).await;
    assert_eq!(jwks.header("content-type"), "application/jwk-set+json");
    let key = &jwks.json()["keys"][0];

    let parts: Vec<&str> = jwt.split('.').collect();
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let header: Value = serde_json::from_slice(&decode(parts[0])).unwrap();
    assert_eq!(
        header,
        json!({ "alg": "ES256", "typ": "JWT", "kid": key["kid"] })
    );
    let number = |bytes: &[u8]| BigNum::from_slice(bytes).unwrap();
    let coordinate = |name: &str| number(&decode(key[name].as_str().unwrap()));
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let public =
        EcKey::from_public_key_affine_coordinates(&group, &coordinate("x"), &coordinate("y"));
    let (r, s) = (
        decode(parts[2])[..32].to_vec(),
        decode(parts[2])[32..].to_vec(),
    );
    let signature = EcdsaSig::from_private_components(number(&r), number(&s)).unwrap();
    let signed = sha256(format!("{}.{}", parts[0], parts[1]).as_bytes());
    assert!(signature.verify(&signed, &public.unwrap()).unwrap());

    let claims: Value = serde_json::from_slice(&decode(parts[1])).unwrap();
    let user = alice.get(&town.gateway.url("/.samlgate/user")).await.json();
    assert_eq!(claims["iss"], town.gateway.url(""));
    assert_eq!(claims["aud"], "127.0.0.1");
    assert_eq!(claims["sub"], user["sub"]);
    assert_eq!(claims["sid"], user["sid"]);
    assert_eq!(claims["email"], "alice@example.com");
    assert_eq!(claims["name"], "Alice Example");
    assert_eq!(claims["preferred_username"], "alice@example.com");
    assert_eq!(claims["groups"], json!(["IT Managers", "Staff"]));
    assert_eq!(claims["roles"], json!(["it", "it-manager"]));
    assert_eq!(claims["idp"], town.idp.entity_id);
    assert_eq!(claims["auth_time"], user["auth_time"]);
    assert!(claims["acr"].as_str().unwrap().ends_with(":PasswordProtectedTransport"));
    let time = |name: &str| claims[name].as_i64().unwrap();
    assert_eq!(time("exp") - time("iat"), 300);
    assert_eq!(time("nbf"), time("iat"));
    assert!(claims["jti"].is_string());
}

#[tokio::test]
async fn a_role_opens_its_route_and_its_absence_is_never_a_redirect() {
    let more = |setup: Setup, app: &App| {
        let route = |path: &str, role: &str| {
            format!(
                "[[route]]\npath = {path:?}\nupstream = [{:?}]\nrequire = {{ roles = [{role:?}] }}\n",
                app.url()
            )
        };
        setup
            .add(ROLES)
            .add(&route("/it", "it-manager"))
            .add(&route("/computers", "it"))
            .add(&route("/board", "board"))
    };
    let town = Town::with("", more).await;
    let mut alice = town.alice().await;
    for path in ["/", "/it", "/it/plans", "/computers"] {
        assert_eq!(
            alice.get(&town.gateway.url(path)).await.status,
            200,
            "{path}"
        );
    }
    let page = alice.get(&town.gateway.url("/board/minutes")).await;
    assert_eq!(page.status, 403);
    assert!(page.text().contains("<h1>You may not open this page.</h1>"));
    assert!(page.text().contains("Alice Example"));
    assert!(
        page.text().contains("<span>role</span> board"),
        "{}",
        page.text()
    );
    let ask = Ask::new(Method::GET, &town.gateway.url("/board"));
    let answer = alice.send(ask.header("accept", "application/json")).await;
    assert_eq!(answer.status, 403);
    assert_eq!(answer.json()["error"], "forbidden");
    assert_eq!(answer.header("location"), "");
    // The same path written another way is the same route.
    let answer = alice.get(&town.gateway.url("/%62oard")).await;
    assert_eq!(answer.status, 403);
    // And the longest path is not undone by a longer name.
    assert_eq!(alice.get(&town.gateway.url("/boards")).await.status, 200);
}

#[tokio::test]
async fn without_a_session_everybody_is_told_in_their_own_words() {
    let more = |setup: Setup, app: &App| {
        setup.add(&format!(
            "[[route]]\npath = \"/open\"\nupstream = [{:?}]\npublic = true\nheaders = [\"remote\"]",
            app.url()
        ))
    };
    let town = Town::with("", more).await;
    let mut nobody = town.gateway.visitor();
    let url = |path: &str| town.gateway.url(path);
    let sign_in = url("/.samlgate/sign_in");

    // A person goes to sign in, and back to the page afterwards.
    for method in [Method::GET, Method::HEAD] {
        let ask = Ask::new(method, &url("/reports?week=47&q=a%26b")).navigating();
        let answer = nobody.send(ask).await;
        assert_eq!(answer.status, 302);
        let target = answer.target();
        assert!(target.as_str().starts_with(&sign_in), "{target}");
        let rd = target.query_pairs().find(|(name, _)| name == "rd").unwrap().1.into_owned();
        assert_eq!(rd, "/reports?week=47&q=a%26b");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    // A program is told where, and never sent.
    for (name, value) in [
        ("accept", "application/json"),
        ("sec-fetch-mode", "cors"),
        ("x-requested-with", "XMLHttpRequest"),
        ("upgrade", "websocket"),
    ] {
        let answer = nobody.send(Ask::new(Method::GET, &url("/api")).header(name, value)).await;
        assert_eq!(answer.status, 401, "{name}");
        let json = answer.json();
        assert_eq!(json["error"], "unauthenticated");
        assert_eq!(json["request_id"], answer.header("x-request-id"));
        assert!(json["login_url"].as_str().unwrap().starts_with(&sign_in));
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    // A token of somebody else's is answered as RFC 6750 says.
    let ask = Ask::new(Method::GET, &url("/api")).header("authorization", "Bearer abc");
    let answer = nobody.send(ask).await;
    assert_eq!(answer.status, 401);
    assert!(answer.header("www-authenticate").starts_with("Bearer"));
    // A form is not lost silently.
    let form = [("a".to_owned(), "1".to_owned())];
    let answer = nobody
        .send(Ask::new(Method::POST, &url("/save")).form(&form).navigating())
        .await;
    assert_eq!(answer.status, 401);
    assert!(answer.text().contains("<h1>Your form was not sent.</h1>"));
    // A public page is everybody's, and nobody's name is on the request.
    let ask = Ask::new(Method::GET, &url("/open/x")).header("remote-user", "mallory");
    let echo = nobody.send(ask).await.json();
    assert_eq!(received(&echo, "remote-user"), [""]);
}

#[tokio::test]
async fn one_sees_ones_own_identity() {
    let town = Town::with("", |setup, _| setup.add(ROLES)).await;
    let mut nobody = town.gateway.visitor();
    let answer = nobody.get(&town.gateway.url("/.samlgate/user")).await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.json()["error"], "unauthenticated");

    let mut alice = town.alice().await;
    let answer = alice.get(&town.gateway.url("/.samlgate/user")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
    let user = answer.json();
    assert_eq!(user["user_name"], "alice@example.com");
    assert_eq!(user["email"], "alice@example.com");
    assert_eq!(user["name"], "Alice Example");
    assert_eq!(user["department"], "IT");
    assert_eq!(user["groups"], json!(["IT Managers", "Staff"]));
    assert_eq!(user["roles"], json!(["it", "it-manager"]));
    assert_eq!(user["idp"], town.idp.entity_id);
    assert!(!answer.text().contains(&token(&town.gateway, &alice)));
}

#[tokio::test]
async fn signing_out_asks_first_and_then_ends_every_copy() {
    let town = Town::found("").await;
    let mut alice = town.alice().await;
    let stolen = token(&town.gateway, &alice);
    let url = town.gateway.url("/.samlgate/sign_out");
    let page = alice.get(&url).await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains("alice@example.com"));

    // A form on another site ends nothing, whether it says so by Sec-Fetch-Site or by Origin.
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("origin", "https://evil.example"),
    ] {
        let answer = alice.send(Ask::new(Method::POST, &url).header(name, value)).await;
        assert_eq!(answer.status, 403, "{name}");
    }
    assert_eq!(alice.get(&town.gateway.url("/x")).await.status, 200);

    // It leads nowhere else either.
    let away = format!("{url}?rd=https%3A%2F%2Fevil.example%2F");
    assert!(!alice.get(&away).await.text().contains("evil"));

    let answer = alice.submit(&page, &page.form()).await;
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("signed out"), "{}", answer.text());
    assert_eq!(alice.cookie(&url, "samlgate"), None);
    let mut thief = town.gateway.visitor();
    thief.plant(&url, "samlgate", &stolen);
    assert_eq!(
        thief.get(&town.gateway.url("/.samlgate/user")).await.status,
        401
    );
    assert_eq!(thief.get(&town.gateway.url("/x")).await.status, 302);
    let kinds: Vec<String> = sqlx::query_scalar("SELECT kind FROM audit_event ORDER BY sequence")
        .fetch_all(&town.gateway.database().await)
        .await
        .unwrap();
    assert_eq!(
        kinds.last().map(String::as_str),
        Some("session.ended"),
        "{kinds:?}"
    );
}

#[tokio::test]
async fn three_identity_providers_are_a_choice() {
    let (corp, partner, hidden) = (
        TestIdp::new("corp"),
        TestIdp::new("partner"),
        TestIdp::new("hidden"),
    );
    let gateway = Setup::http()
        .quick_key()
        .idp("corp", &corp.metadata_file(), "")
        .idp(
            "partner",
            &partner.metadata_file(),
            "email_domains = [\"partner.example.com\"]",
        )
        .idp("hidden", &hidden.metadata_file(), "show_button = false")
        .route("http://127.0.0.1:9", "")
        .start()
        .await;
    let mut visitor = gateway.visitor();
    let page = visitor.get(&gateway.url("/.samlgate/sign_in?rd=/reports")).await;
    assert_eq!(page.status, 200);
    assert!(
        page.text().contains(">corp<") && page.text().contains(">partner<"),
        "{}",
        page.text()
    );
    assert!(!page.text().contains("idp=hidden") && !page.text().contains(">hidden<"));

    let form = page.form().with("email", " Alice@PARTNER.example.com ");
    let answer = visitor.submit(&page, &form).await;
    let request = partner.read(&answer);
    let mut response = partner.answer(&request);
    response.about("alice@partner.example.com");
    let fields = idp::fields(partner.write(&response), Some(&request.relay_state));
    let acs = Ask::new(Method::POST, &gateway.url("/saml/acs"));
    let answer = visitor.send(acs.navigating().form(&fields)).await;
    assert_eq!(answer.header("location"), "/reports");

    let form = page.form().with("email", "bob@elsewhere.example");
    let answer = visitor.submit(&page, &form).await;
    assert_eq!(answer.status, 200, "no match is the same page again");
    assert!(
        answer.text().contains("bob@elsewhere.example"),
        "{}",
        answer.text()
    );

    // The button and the hidden one by its name.
    corp.read(&visitor.get(&gateway.url("/.samlgate/start?idp=corp")).await);
    hidden.read(&visitor.get(&gateway.url("/.samlgate/start?idp=hidden")).await);
}

#[tokio::test]
async fn a_default_goes_straight_on() {
    let (corp, partner) = (TestIdp::new("corp"), TestIdp::new("partner"));
    let gateway = Setup::http()
        .quick_key()
        .idp("corp", &corp.metadata_file(), "")
        .idp("partner", &partner.metadata_file(), "default = true")
        .route("http://127.0.0.1:9", "")
        .start()
        .await;
    let mut visitor = gateway.visitor();
    let answer = visitor.get(&gateway.url("/reports")).await;
    let answer = visitor.follow(&answer).await;
    partner.read(&answer);
}

#[tokio::test]
async fn our_metadata_is_signed_and_need_not_be_fetched_twice() {
    let town = Town::found("").await;
    let mut visitor = town.gateway.visitor();
    let url = town.gateway.url("/saml/metadata");
    let answer = visitor.get(&url).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        "application/samlmetadata+xml"
    );
    assert!(answer.header("cache-control").contains("max-age"));
    let xml = answer.text();
    assert!(xml.contains(&format!("entityID=\"{url}\"")));
    // We sign for those that ask: no promise that others would hold us to.
    assert!(!xml.contains("AuthnRequestsSigned"), "{xml}");
    assert!(xml.contains(&format!("Location=\"{}\"", town.gateway.url("/saml/acs"))));

    let file = town.gateway.folder().join("metadata.xml");
    std::fs::write(&file, &xml).unwrap();
    let verified = std::process::Command::new("xmlsec1")
        .args(["--verify", "--enabled-key-data", "x509", "--id-attr:ID"])
        .arg("urn:oasis:names:tc:SAML:2.0:metadata:EntityDescriptor")
        .arg("--pubkey-cert-pem")
        .arg(town.gateway.folder().join("certs/sp-signing.crt"))
        .arg(&file)
        .output()
        .unwrap();
    assert!(
        verified.status.success(),
        "{}",
        String::from_utf8_lossy(&verified.stderr)
    );

    let ask = Ask::new(Method::GET, &url).header("if-none-match", answer.header("etag"));
    let answer = visitor.send(ask).await;
    assert_eq!(answer.status, 304);
    assert!(answer.body.is_empty());
    let ask = Ask::new(Method::GET, &url).header("if-none-match", "\"other\"");
    assert_eq!(visitor.send(ask).await.status, 200);
}

#[tokio::test]
async fn reserved_paths_never_reach_the_application() {
    let town = Town::found("").await;
    let mut alice = town.alice().await;
    for path in [
        "/saml",
        "/saml/x",
        "/.samlgate",
        "/.samlgate/",
        "/.samlgate/nothing",
        "/%2esamlgate/nothing",
        "/.well-known/samlgate/x",
    ] {
        let answer = alice.get(&town.gateway.url(path)).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.header("x-app"), "", "{path}");
    }
    let scim = alice.get(&town.gateway.url("/scim/v2/Users")).await;
    assert_eq!((scim.status.as_u16(), scim.header("x-app")), (401, ""));
    for path in ["/samlx", "/.well-known/x", "/scim"] {
        assert_eq!(
            alice.get(&town.gateway.url(path)).await.header("x-app"),
            "yes",
            "{path}"
        );
    }
}

#[tokio::test]
async fn bodies_stream_both_ways() {
    let town = Town::found("").await;
    let token = town.token().await;
    let mut stream = town.connect().await;
    let head = format!(
        "POST /stream HTTP/1.1\r\nHost: {}\r\nCookie: samlgate={token}\r\n\
         Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
        town.host()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut seen = String::new();
    // Each piece comes back before the next one is sent.
    for piece in ["first", "second", "third"] {
        let chunk = format!("{:x}\r\n{piece}\r\n", piece.len());
        stream.write_all(chunk.as_bytes()).await.unwrap();
        let read = async {
            let mut bytes = [0; 4096];
            while !seen.contains(piece) {
                let count = stream.read(&mut bytes).await.unwrap();
                assert_ne!(count, 0, "closed after {seen}");
                seen.push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        };
        tokio::time::timeout(SOON, read).await.unwrap();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert!(rest.ends_with("0\r\n\r\n"));
}

#[tokio::test]
async fn our_pages_can_not_be_framed_kept_or_scripted() {
    let town = Town::found("").await;
    let mut visitor = town.gateway.visitor();
    let failed = visitor.get(&town.gateway.url("/.samlgate/nothing")).await;
    let signed_out = visitor.get(&town.gateway.url("/.samlgate/sign_out")).await;
    for page in [failed, signed_out] {
        assert_eq!(page.header("x-frame-options"), "DENY");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert_eq!(page.header("cache-control"), "no-store");
        assert_eq!(page.header("referrer-policy"), "same-origin");
        let policy = page.header("content-security-policy");
        for rule in [
            "default-src 'none'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(rule), "{policy}");
        }
        assert!(
            !policy.contains("unsafe-inline") && !policy.contains("unsafe-eval"),
            "{policy}"
        );
        assert_eq!(page.header("x-request-id").len(), 32);
    }
}

#[tokio::test]
async fn a_request_that_could_be_read_in_two_ways_is_refused() {
    let town = Town::found("").await;
    let (token, host) = (town.token().await, town.host());
    let cookie = format!("Cookie: samlgate={token}\r\nConnection: close\r\n\r\n");
    for head in [
        format!("GET /a/../board HTTP/1.1\r\nHost: {host}\r\n"),
        format!("GET /a/%2e%2e/board HTTP/1.1\r\nHost: {host}\r\n"),
        format!("GET //board HTTP/1.1\r\nHost: {host}\r\n"),
        format!("GET /a%2fboard HTTP/1.1\r\nHost: {host}\r\n"),
        format!("GET /a;/..;/board HTTP/1.1\r\nHost: {host}\r\n"),
        format!("GET /a%00 HTTP/1.1\r\nHost: {host}\r\n"),
        format!("GET /a HTTP/1.1\r\nHost: {host}\r\nHost: evil.example\r\n"),
        format!("GET http://evil.example/a HTTP/1.1\r\nHost: {host}\r\n"),
        "GET /a HTTP/1.1\r\nHost: evil.example/x\r\n".to_owned(),
        "GET /a HTTP/1.1\r\n".to_owned(),
        format!("POST /a HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1\r\nContent-Length: 2\r\n"),
    ] {
        let answer = town.exchange(&format!("{head}{cookie}")).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{head}{answer}");
        assert!(!answer.contains("x-app"), "{head}");
    }
}

#[tokio::test]
async fn nobody_enters_who_is_not_provisioned_where_scim_provisions() {
    let town = Town::with("", |setup, _| setup.set("users", "provisioning = \"scim\"")).await;
    let mut visitor = town.gateway.visitor();
    let answer = town.sign_in(&mut visitor).await;
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("<h1>We could not let you in.</h1>"));
    assert_eq!(visitor.cookie(&town.gateway.url("/"), "samlgate"), None);
    let attempts = town.gateway.login_attempts().await;
    assert_eq!(attempts[0].code.as_deref(), Some("user.not_provisioned"));
    assert_eq!(users(&town.gateway).await, 0);
}

#[tokio::test]
async fn people_are_created_when_they_first_sign_in() {
    let town = Town::found("").await;
    let mut alice = town.alice().await;
    let first = alice.get(&town.gateway.url("/.samlgate/user")).await.json();
    let again = town.alice().await.get(&town.gateway.url("/.samlgate/user")).await.json();
    assert_eq!(first["sub"], again["sub"]);
    assert_ne!(first["sid"], again["sid"]);
    assert_eq!(users(&town.gateway).await, 1);
}

async fn users(gateway: &Gateway) -> i64 {
    let query = sqlx::query_scalar("SELECT count(*) FROM user");
    query.fetch_one(&gateway.database().await).await.unwrap()
}

#[tokio::test]
async fn after_a_power_cut_sessions_live_on_and_used_answers_stay_used() {
    let idp = TestIdp::new("corp");
    let app = App::start().await;
    let gateway = Setup::http()
        .quick_key()
        .idp("corp", &idp.metadata_file(), "allow_idp_initiated = true")
        .route(&app.url(), "")
        .start()
        .await;
    let mut town = Town { gateway, idp, app };
    let xml = town.idp.write(&town.idp.unsolicited(&town.gateway.url("")));
    let mut alice = town.gateway.visitor();
    assert_eq!(town.carry(&mut alice, &xml, Some("/x")).await.status, 303);
    assert_eq!(alice.get(&town.gateway.url("/x")).await.status, 200);

    town.gateway.kill9();
    town.gateway.start_again().await;
    assert_eq!(alice.get(&town.gateway.url("/x")).await.status, 200);
    let mut thief = town.gateway.visitor();
    assert_eq!(town.carry(&mut thief, &xml, Some("/x")).await.status, 403);
    let attempts = town.gateway.login_attempts().await;
    assert_eq!(
        attempts.last().unwrap().code.as_deref(),
        Some("proto.replay")
    );
    assert_eq!(thief.get(&town.gateway.url("/x")).await.status, 302);
    let file = town.gateway.folder().join("data/samlgate.db");
    let store = SqliteStore::open(file.to_str().unwrap()).await.unwrap();
    let chain = store.verify().await.unwrap();
    // Started, came in, started, was refused.
    assert!(
        matches!(chain, Chain::Whole { events: 4.., .. }),
        "{chain:?}"
    );
}

#[tokio::test]
async fn of_many_who_bring_the_same_answer_at_once_one_comes_in() {
    let idp = TestIdp::new("corp");
    let gateway = Setup::http()
        .quick_key()
        .idp("corp", &idp.metadata_file(), "allow_idp_initiated = true")
        .route("http://127.0.0.1:9", "")
        .start()
        .await;
    for _ in 0..5 {
        let fields = idp::fields(idp.write(&idp.unsolicited(&gateway.url(""))), None);
        let mut racing = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let acs = Ask::new(Method::POST, &gateway.url("/saml/acs"));
            let ask = acs.navigating().form(&fields);
            racing.spawn(async move { Visitor::new().send(ask).await.status.as_u16() });
        }
        let mut statuses = racing.join_all().await;
        statuses.sort_unstable();
        assert_eq!(statuses, [303, 403, 403, 403, 403, 403, 403, 403]);
    }
    let attempts = gateway.login_attempts().await;
    let accepted = attempts.iter().filter(|attempt| attempt.code.is_none());
    assert_eq!(accepted.count(), 5);
    let refused = attempts.iter().filter_map(|attempt| attempt.code.as_deref());
    assert!(
        refused.clone().all(|code| code == "proto.replay"),
        "{attempts:?}"
    );
}

#[tokio::test]
async fn an_open_stream_ends_with_its_session() {
    let town = Town::found("").await;
    let mut alice = town.alice().await;
    let mut stream = town.connect().await;
    let head = format!(
        "POST /stream HTTP/1.1\r\nHost: {}\r\nCookie: samlgate={}\r\n\
         Accept: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        town.host(),
        token(&town.gateway, &alice)
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut seen = String::new();
    let mut bytes = [0; 4096];
    while !seen.contains("hello") {
        let count = stream.read(&mut bytes).await.unwrap();
        assert_ne!(count, 0, "{seen}");
        seen.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
    let url = town.gateway.url("/.samlgate/sign_out");
    assert_eq!(alice.send(Ask::new(Method::POST, &url)).await.status, 200);
    // Within the five seconds that ended sessions have.
    let mut rest = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest));
    assert!(closed.await.is_ok(), "the stream is still open");
    assert!(
        !rest.ends_with(b"0\r\n\r\n"),
        "it looks as if it had ended well"
    );
}

#[tokio::test]
async fn nobody_enters_who_was_switched_off() {
    let town = Town::found("").await;
    town.alice().await;
    let file = town.gateway.folder().join("data/samlgate.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let writer = sqlx::SqlitePool::connect_with(options).await.unwrap();
    sqlx::query("UPDATE user SET active = 0").execute(&writer).await.unwrap();
    let mut visitor = town.gateway.visitor();
    let answer = town.sign_in(&mut visitor).await;
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("<h1>We could not let you in.</h1>"));
    assert_eq!(visitor.cookie(&town.gateway.url("/"), "samlgate"), None);
    let attempts = town.gateway.login_attempts().await;
    assert_eq!(attempts[1].code.as_deref(), Some("user.disabled"));
}

#[tokio::test]
async fn a_store_that_is_down_signs_nobody_out() {
    let more = |setup: Setup, app: &App| {
        setup.add(&format!(
            "[[route]]\npath = \"/open\"\nupstream = [{:?}]\npublic = true",
            app.url()
        ))
    };
    let town = Town::with("", more).await;
    let mut alice = town.alice().await;
    let mut bob = town.gateway.visitor();
    bob.plant(&town.gateway.url("/"), "samlgate", &"b".repeat(43));
    assert_eq!(bob.get(&town.gateway.url("/x")).await.status, 302);

    let file = town.gateway.folder().join("data/samlgate.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let writer = sqlx::SqlitePool::connect_with(options).await.unwrap();
    sqlx::query("ALTER TABLE session RENAME TO broken")
        .execute(&writer)
        .await
        .unwrap();
    // Whoever is in memory goes on.
    assert_eq!(alice.get(&town.gateway.url("/x")).await.status, 200);
    // Whoever is not may have a session; to send them to sign in would sign them out.
    for path in ["/x", "/.samlgate/user", "/.samlgate/sign_out"] {
        let answer = bob.get(&town.gateway.url(path)).await;
        assert_eq!(answer.status, 503, "{path}");
        assert_eq!(answer.header("retry-after"), "5", "{path}");
        assert_eq!(answer.header("set-cookie"), "", "{path}");
    }
    let ask = || Ask::new(Method::POST, &town.gateway.url("/x"));
    let json = bob.send(ask().header("accept", "application/json")).await;
    assert_eq!(
        (json.status.as_u16(), json.header("retry-after")),
        (503, "5")
    );
    assert_eq!(json.json()["error"], "unavailable");
    let grpc = bob.send(ask().header("content-type", "application/grpc")).await;
    assert_eq!(
        (grpc.status.as_u16(), grpc.header("grpc-status")),
        (200, "14")
    );
    let page = bob.get(&town.gateway.url("/x")).await.text();
    assert!(page.contains("<h1>This does not work at the moment.</h1>"));
    assert_eq!(bob.get(&town.gateway.url("/open")).await.status, 200);
    let mut carol = town.gateway.visitor();
    assert_eq!(town.sign_in(&mut carol).await.status, 503);
    let attempts = town.gateway.login_attempts().await;
    assert_eq!(attempts[1].code.as_deref(), Some("store.unavailable"));

    sqlx::query("ALTER TABLE broken RENAME TO session")
        .execute(&writer)
        .await
        .unwrap();
    assert_eq!(alice.get(&town.gateway.url("/x")).await.status, 200);
    assert_eq!(bob.get(&town.gateway.url("/x")).await.status, 302);
    assert_eq!(town.sign_in(&mut carol).await.status, 303);
}

#[tokio::test]
async fn told_to_end_it_ends_well_and_keeps_everybody_signed_in() {
    let mut town = Town::found("").await;
    let mut alice = town.alice().await;
    assert_eq!(town.gateway.stop().await.code(), Some(0));
    town.gateway.start_again().await;
    assert_eq!(alice.get(&town.gateway.url("/x")).await.status, 200);
}

/// Waits for a line on the admin listener that begins like this.
async fn metric(gateway: &Gateway, line: &str) {
    let shown = tokio::time::timeout(SOON, async {
        while !gateway
            .admin("/metrics")
            .await
            .text()
            .lines()
            .any(|shown| shown.starts_with(line))
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(
        shown.await.is_ok(),
        "no {line}:\n{}",
        gateway.admin("/metrics").await.text()
    );
}

#[tokio::test]
async fn a_changed_configuration_takes_effect_and_a_bad_one_does_not() {
    let town = Town::found("").await;
    let mut nobody = town.gateway.visitor();
    let url = town.gateway.url("/open/x");
    assert_eq!(nobody.get(&url).await.status, 302);
    let route = format!(
        "[[route]]\npath = \"/open\"\nupstream = [{:?}]\npublic = true\n",
        town.app.url()
    );
    // A changed file is noticed within two seconds; the signal below makes it at once.
    town.gateway.rewrite(|config| config + &route);
    let opened = tokio::time::timeout(SOON, async {
        while nobody.get(&url).await.status != 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(opened.await.is_ok());
    metric(&town.gateway, "samlgate_config_last_reload_successful 1").await;

    town.gateway.reload(|config| config.replace("public = true", "publik = true"));
    metric(&town.gateway, "samlgate_config_last_reload_successful 0").await;
    assert_eq!(
        nobody.get(&url).await.status,
        200,
        "the configuration in force stays"
    );
    town.gateway.has_logged("publik", 1).await;

    town.gateway
        .reload(|config| config.replace(&route.replace("public", "publik"), ""));
    metric(&town.gateway, "samlgate_config_last_reload_successful 1").await;
    assert_eq!(nobody.get(&url).await.status, 302);
}

#[tokio::test]
async fn the_admin_listener_shows_the_metrics_of_the_contract() {
    let town = Town::found("").await;
    let mut alice = town.alice().await;
    alice.get(&town.gateway.url("/x")).await;
    let mut nobody = town.gateway.visitor();
    town.carry(&mut nobody, "<a/>", None).await;
    metric(&town.gateway, "samlgate_sessions_active ").await;
    metric(
        &town.gateway,
        "samlgate_logins_total{idp=\"corp\",result=\"ok\"} 1",
    )
    .await;
    let metrics = town.gateway.admin("/metrics").await;
    assert!(metrics.header("content-type").starts_with("text/plain; version=0.0.4"));
    let text = metrics.text();
    for name in [
        "samlgate_build_info{",
        "samlgate_http_requests_total{route=",
        "samlgate_http_request_duration_seconds_bucket{route=",
        "samlgate_http_requests_in_flight ",
        "samlgate_overhead_duration_seconds_bucket{",
        "samlgate_login_duration_seconds_bucket{idp=\"corp\"",
        "samlgate_sessions_active ",
        "samlgate_session_lookups_total{source=",
        "samlgate_certificate_not_after_timestamp_seconds{owner=\"sp\"",
        "samlgate_certificate_not_after_timestamp_seconds{owner=\"corp\"",
        "samlgate_config_last_reload_successful 1",
        "samlgate_config_last_reload_success_timestamp_seconds ",
    ] {
        assert!(
            text.lines().any(|line| line.starts_with(name)),
            "{name}:\n{text}"
        );
    }
    let own = "samlgate_certificate_not_after_timestamp_seconds{owner=\"sp\"";
    let own: Vec<_> = text.lines().filter(|line| line.starts_with(own)).collect();
    assert_eq!(own.len(), 2, "signing and encryption, once each: {own:?}");
    assert!(text.contains("result=\"proto.root\""), "{text}");
    for secret in ["alice", "/x", "reports", &token(&town.gateway, &alice)] {
        assert!(!text.contains(secret), "{secret}");
    }
    assert_eq!(town.gateway.admin("/livez").await.status, 200);
    assert_eq!(town.gateway.admin("/readyz").await.status, 200);
    // They are nobody's business outside.
    assert_eq!(nobody.get(&town.gateway.url("/metrics")).await.status, 302);
}

#[tokio::test]
async fn keys_and_database_are_nobody_elses() {
    let idp = TestIdp::new("corp");
    let gateway = Setup::http()
        .idp("corp", &idp.metadata_file(), "")
        .route("http://127.0.0.1:9", "")
        .start()
        .await;
    for file in [
        "certs/sp-signing.key",
        "certs/sp-encryption.key",
        "certs/jwt-signing.key",
        "data/samlgate.db",
        "data/samlgate.db-wal",
    ] {
        let mode = std::fs::metadata(gateway.folder().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}
