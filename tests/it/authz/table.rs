//! One table of requests, which get the same decision through every proxy and through the gateway.

use http::Method;
use serde_json::Value;

use super::front::Front;
use super::world::Town;
use crate::support::app::received;
use crate::support::http::{Answer, Ask};

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// The application sees Alice.
    Alice,
    /// The application sees nobody.
    Nobody,
    /// 302 to sign-in.
    Redirected,
    /// 401, and it says where a person would sign in.
    Unauthenticated,
    /// 403.
    Forbidden,
    /// Some other refusal: what can not be read, and what no route is for. nginx can say 403 alone.
    Refused,
}

struct Row {
    name: &'static str,
    method: Method,
    target: &'static str,
    alice: bool,
    headers: &'static [(&'static str, &'static str)],
    fate: Fate,
}

const PAGE: &[(&str, &str)] = &[
    ("accept", "text/html,application/xhtml+xml,*/*;q=0.8"),
    ("sec-fetch-mode", "navigate"),
];
const FETCH: &[(&str, &str)] = &[("accept", "*/*"), ("sec-fetch-mode", "cors")];
const FORGED: &[(&str, &str)] = &[
    ("sec-fetch-mode", "cors"),
    ("remote-user", "mallory"),
    ("remote-email", "mallory@evil.example"),
    ("remote-groups", "Board"),
    ("x-original-url", "http://127.0.0.1/open"),
    ("x-original-uri", "/open"),
    ("x-original-method", "GET"),
    ("x-forwarded-uri", "/open"),
    ("x-forwarded-method", "GET"),
];
const PREFLIGHT: &[(&str, &str)] = &[
    ("origin", "https://other.example"),
    ("access-control-request-method", "PUT"),
];
const SOCKET: &[(&str, &str)] = &[
    ("connection", "upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("sec-websocket-version", "13"),
    ("origin", "https://evil.example"),
];
const BEARER: &[(&str, &str)] = &[("authorization", "Bearer x"), PAGE[0]];
const XHR: &[(&str, &str)] = &[PAGE[0], ("x-requested-with", "XMLHttpRequest")];
const GRPC: &[(&str, &str)] = &[("content-type", "application/grpc"), ("te", "trailers")];

fn table() -> Vec<Row> {
    use Fate::{Alice, Forbidden, Nobody, Redirected, Refused, Unauthenticated};
    let row = |name, method: Method, target, alice, headers, fate| Row {
        name,
        method,
        target,
        alice,
        headers,
        fate,
    };
    let (get, post) = (|| Method::GET, || Method::POST);
    vec![
        row("a page", get(), "/page?a=1&b=%20", false, PAGE, Redirected),
        row("its head", Method::HEAD, "/page", false, PAGE, Redirected),
        row(
            "a page, signed in",
            get(),
            "/page?a=1&b=%20",
            true,
            PAGE,
            Alice,
        ),
        row("a script", get(), "/api", false, FETCH, Unauthenticated),
        row("a script, signed in", get(), "/api", true, FETCH, Alice),
        row(
            "an older script",
            get(),
            "/api",
            false,
            XHR,
            Unauthenticated,
        ),
        row(
            "a program",
            get(),
            "/api",
            false,
            &[("accept", "application/json")],
            Unauthenticated,
        ),
        row("a bearer", get(), "/api", false, BEARER, Unauthenticated),
        row("posted", post(), "/api", false, FETCH, Unauthenticated),
        row("posted, signed in", post(), "/api", true, FETCH, Alice),
        row("deleted", Method::DELETE, "/api/1", true, FETCH, Alice),
        row("a role she has", get(), "/it/x", true, PAGE, Alice),
        row("a role she lacks", get(), "/admin", true, PAGE, Forbidden),
        row(
            "written differently",
            get(),
            "/%61dmin/x",
            true,
            PAGE,
            Forbidden,
        ),
        row(
            "a script without the role",
            get(),
            "/admin/x",
            true,
            FETCH,
            Forbidden,
        ),
        row("nobody there", get(), "/admin", false, PAGE, Redirected),
        row(
            "a method that is allowed",
            get(),
            "/read",
            true,
            FETCH,
            Alice,
        ),
        row(
            "a method that is not",
            post(),
            "/read",
            true,
            FETCH,
            Forbidden,
        ),
        row("public", get(), "/open/x", false, PAGE, Nobody),
        row("public, signed in", get(), "/open/x", true, PAGE, Alice),
        row("public, posted", post(), "/open/x", false, FETCH, Nobody),
        row(
            "a preflight",
            Method::OPTIONS,
            "/cors",
            false,
            PREFLIGHT,
            Nobody,
        ),
        row(
            "a preflight elsewhere",
            Method::OPTIONS,
            "/api",
            false,
            PREFLIGHT,
            Unauthenticated,
        ),
        row(
            "forged, nobody",
            get(),
            "/api",
            false,
            FORGED,
            Unauthenticated,
        ),
        row("forged, signed in", get(), "/api", true, FORGED, Alice),
        row(
            "forged, a role she lacks",
            post(),
            "/admin",
            true,
            FORGED,
            Forbidden,
        ),
        row("forged, public", get(), "/open", false, FORGED, Nobody),
        row(
            "a foreign WebSocket",
            get(),
            "/socket",
            true,
            SOCKET,
            Forbidden,
        ),
        row(
            "a WebSocket, nobody",
            get(),
            "/socket",
            false,
            &SOCKET[..4],
            Unauthenticated,
        ),
        row(
            "gRPC, nobody",
            post(),
            "/pkg.Service/Get",
            false,
            GRPC,
            Unauthenticated,
        ),
        row(
            "gRPC, a role she lacks",
            post(),
            "/admin/Get",
            true,
            GRPC,
            Forbidden,
        ),
        row("dots", get(), "/open/../admin", true, PAGE, Refused),
        row(
            "encoded dots",
            get(),
            "/open/%2e%2e/admin",
            true,
            PAGE,
            Refused,
        ),
        row("an encoded slash", get(), "/open%2Fx", true, PAGE, Refused),
        row(
            "an encoded backslash",
            get(),
            "/open%5Cx",
            true,
            PAGE,
            Refused,
        ),
        row("an encoded NUL", get(), "/open%00", true, PAGE, Refused),
        row("two slashes", get(), "//admin", true, PAGE, Refused),
        row("a parameter", get(), "/admin;v=1", true, PAGE, Refused),
    ]
}

#[tokio::test]
async fn every_request_has_the_same_fate_through_every_proxy() {
    let town = Town::found().await;
    let token = town.token().await;
    let mut wrong = Vec::new();
    let fronts = Front::all(&town.gateway.url(""), &town.app.url()).await;
    for row in table() {
        let direct = ask(&town, &row, &town.gateway.url(row.target), &token).await;
        check("samlgate", &town, &row, &direct, &mut wrong);
        for front in &fronts {
            let answer = ask(&town, &row, &front.url(row.target), &token).await;
            check(front.name, &town, &row, &answer, &mut wrong);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // And through each of them one can sign in.
    for front in &fronts {
        let ask = Ask::new(Method::GET, &front.url("/.samlgate/sign_in?rd=/page"));
        let start =
            town.gateway.visitor().send(ask.navigating().header("host", &town.host())).await;
        assert_eq!(start.status, 302, "{}: {}", front.name, start.text());
        assert_eq!(
            start.target().host_str(),
            Some("idp.example.com"),
            "{}",
            front.name
        );
    }
}

/// Sends the row's request as it is written: `url` would put `..` together.
async fn ask(town: &Town, row: &Row, url: &str, token: &str) -> Answer {
    let mut ask = Ask::new(row.method.clone(), url).with_target(row.target);
    ask = ask.header("host", &town.host());
    for (name, value) in row.headers {
        ask = ask.header(name, value);
    }
    if row.alice {
        ask = ask.header("cookie", &format!("theme=dark; samlgate={token}"));
    }
    if row.method == Method::POST {
        ask = ask.body("a=1");
    }
    town.gateway.visitor().send(ask).await
}

fn check(proxy: &str, town: &Town, row: &Row, answer: &Answer, wrong: &mut Vec<String>) {
    let found = fate(proxy, town, row, answer);
    let same = match found {
        Ok(fate) => fate == row.fate || (proxy == "nginx" && fate == nginx(row.fate)),
        Err(_) => false,
    };
    if !same {
        wrong.push(format!(
            "{proxy}: {}: {found:?}, not {:?}: {} {:?} {}",
            row.name,
            row.fate,
            answer.status,
            answer.headers,
            answer.text()
        ));
    }
}

fn nginx(fate: Fate) -> Fate {
    match fate {
        Fate::Refused => Fate::Forbidden,
        other => other,
    }
}

fn fate(proxy: &str, town: &Town, row: &Row, answer: &Answer) -> Result<Fate, String> {
    let login = town.gateway.url("/.samlgate/sign_in?rd=");
    match answer.status.as_u16() {
        200 if proxy == "samlgate" && row.headers == GRPC => match answer.header("grpc-status") {
            "16" => Ok(Fate::Unauthenticated),
            "7" => Ok(Fate::Forbidden),
            other => Err(format!("grpc-status {other:?}")),
        },
        200 => seen(row, answer),
        302 if answer.header("location").starts_with(&login) => Ok(Fate::Redirected),
        401 => {
            let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            let login_url = json["login_url"].as_str().unwrap_or_default();
            let page = answer.text().contains("Your form was not sent");
            if page || (json["error"] == "unauthenticated" && login_url.starts_with(&login)) {
                Ok(Fate::Unauthenticated)
            } else {
                Err("a 401 without a login_url".to_owned())
            }
        }
        403 => Ok(Fate::Forbidden),
        400 | 404 => Ok(Fate::Refused),
        other => Err(format!("{other}")),
    }
}

/// Whom the application saw.
fn seen(row: &Row, answer: &Answer) -> Result<Fate, String> {
    let echo = answer.json();
    if echo["path"] != row.target || echo["method"] != row.method.as_str() {
        return Err("another request arrived".to_owned());
    }
    if row.method == Method::POST && echo["body"] != "a=1" {
        return Err("another body arrived".to_owned());
    }
    if echo.to_string().contains("mallory") {
        return Err("what the client says of itself arrived".to_owned());
    }
    let said = ["remote-user", "remote-email", "remote-groups"]
        .map(|name| received(&echo, name).join("|"));
    match said.each_ref().map(String::as_str) {
        ["", "", ""] => Ok(Fate::Nobody),
        [
            "alice@example.com",
            "alice@example.com",
            "IT Managers,Staff",
        ] => Ok(Fate::Alice),
        _ => Err(format!("{said:?} arrived")),
    }
}
