//! Applications that are reached by TLS, by HTTP/2 or by a Unix socket: a real nginx, behind the
//! program itself.

mod authority;
mod nginx;

use std::time::Duration;

use nginx::{Kind, Nginx};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::gateway::{Gateway, Setup};
use crate::support::idp::TestIdp;

/// Longer than anything here takes.
const SOON: Duration = Duration::from_secs(25);

/// A gateway with one public route to this nginx; `more` are further lines of the route.
async fn before(nginx: &Nginx, more: &str) -> (Gateway, TestIdp) {
    let idp = TestIdp::new("corp");
    let setup = Setup::http().quick_key().idp("corp", &idp.metadata_file(), "");
    let route = format!(
        "[[route]]\nname = \"app\"\npath = \"/\"\npublic = true\nupstream = {:?}\n{}\n{more}",
        nginx.upstreams(),
        nginx.kind().protocol(),
    );
    (setup.add(&route).start().await, idp)
}

async fn said(gateway: &Gateway) -> (u16, String) {
    let answer = gateway.visitor().get(&gateway.url("/who?a=b")).await;
    (answer.status.as_u16(), answer.text().trim().to_owned())
}

#[tokio::test]
async fn an_application_over_tls_is_asked_by_its_name_and_shown_our_certificate() {
    for (kind, protocol) in [(Kind::Tls, "HTTP/1.1"), (Kind::TlsHttp2, "HTTP/2.0")] {
        let nginx = Nginx::start(kind, 1).await;
        let (gateway, _idp) = before(&nginx, &nginx.authority().route("app.internal")).await;
        for _ in 0..3 {
            let wanted = format!("0 {protocol} app.internal CN=samlgate SUCCESS /who?a=b");
            assert_eq!(said(&gateway).await, (200, wanted));
        }
        let body = "x".repeat(200_000);
        let post = crate::support::http::Ask::new(http::Method::POST, &gateway.url("/length"));
        let answer = gateway.visitor().send(post.body(body)).await;
        assert_eq!(answer.text().trim(), "200000");
    }
}

#[tokio::test]
async fn an_application_that_can_not_prove_who_it_is_is_proxy_upstream() {
    for kind in [Kind::Tls, Kind::TlsHttp2] {
        let nginx = Nginx::start(kind, 1).await;
        let known = nginx.authority();
        let other = authority::Authority::new();
        // Another authority, another name, an authority of the system.
        let stranger = format!(
            "upstream_tls = {{ ca = {:?}, server_name = \"app.internal\" }}",
            other.ca()
        );
        for tls in [
            stranger,
            known.route("other.internal"),
            "upstream_tls = { server_name = \"app.internal\" }".to_owned(),
        ] {
            let (gateway, _idp) = before(&nginx, &tls).await;
            let answer = gateway.visitor().get(&gateway.url("/")).await;
            assert_eq!(answer.status, 502, "{tls}");
            assert_eq!(gateway.code_of(&answer).await, "proxy.upstream");
        }
        // An application that wants a certificate says so itself.
        let anonymous = format!(
            "upstream_tls = {{ ca = {:?}, server_name = \"app.internal\" }}",
            known.ca()
        );
        let (gateway, _idp) = before(&nginx, &anonymous).await;
        let (status, text) = said(&gateway).await;
        assert_eq!(status, 400);
        assert!(text.contains("No required SSL certificate"), "{text}");
    }
}

#[tokio::test]
async fn an_application_that_offers_no_http_2_where_the_route_wants_it_is_proxy_upstream() {
    let nginx = Nginx::start(Kind::Tls, 1).await;
    let tls = nginx.authority().route("app.internal");
    let more = format!("upstream_protocol = \"http2\"\n{tls}");
    let (gateway, _idp) = before(&nginx, &more).await;
    let answer = gateway.visitor().get(&gateway.url("/")).await;
    assert_eq!(answer.status, 502);
    assert_eq!(gateway.code_of(&answer).await, "proxy.upstream");
}

#[tokio::test]
async fn http_2_needs_no_tls_and_a_unix_socket_speaks_either_version() {
    for (kind, protocol) in [
        (Kind::Plain, "HTTP/1.1"),
        (Kind::Http2, "HTTP/2.0"),
        (Kind::Unix, "HTTP/1.1"),
        (Kind::UnixHttp2, "HTTP/2.0"),
    ] {
        let nginx = Nginx::start(kind, 1).await;
        let (gateway, _idp) = before(&nginx, "").await;
        for _ in 0..3 {
            let wanted = format!("0 {protocol} - - - /who?a=b");
            assert_eq!(said(&gateway).await, (200, wanted), "{kind:?}");
        }
    }
}

/// Waits until this upstream is well, or is not.
async fn until(gateway: &Gateway, upstream: &str, well: bool) {
    let line = format!(
        "samlgate_upstream_healthy{{route=\"app\",upstream=\"{upstream}\"}} {}",
        u8::from(well)
    );
    let wait = async { while !gateway.admin("/metrics").await.text().contains(&line) {} };
    tokio::time::timeout(SOON, wait)
        .await
        .unwrap_or_else(|_| panic!("never: {line}"));
}

/// Who answers, of several requests.
async fn answering(gateway: &Gateway) -> Vec<String> {
    let mut names = Vec::new();
    for _ in 0..6 {
        let (status, text) = said(gateway).await;
        assert_eq!(status, 200, "{text}");
        names.push(text.split(' ').next().unwrap().to_owned());
    }
    names.sort();
    names.dedup();
    names
}

async fn is_taken_out_and_let_in_again(kind: Kind) {
    let nginx = Nginx::start(kind, 2).await;
    let tls = match kind.is_tls() {
        true => nginx.authority().route("app.internal"),
        false => String::new(),
    };
    let check = "health = { path = \"/health\", interval = \"1s\", timeout = \"5s\", healthy = 2, \
                 unhealthy = 2 }";
    let (gateway, _idp) = before(&nginx, &format!("{check}\n{tls}")).await;
    assert_eq!(answering(&gateway).await, ["0", "1"]);
    nginx.is_sick(0, true);
    until(&gateway, &nginx.upstreams()[0], false).await;
    assert_eq!(answering(&gateway).await, ["1"]);
    nginx.is_sick(0, false);
    until(&gateway, &nginx.upstreams()[0], true).await;
    assert_eq!(answering(&gateway).await, ["0", "1"]);
}

#[tokio::test]
async fn health_is_asked_over_tls() {
    is_taken_out_and_let_in_again(Kind::Tls).await;
}

#[tokio::test]
async fn health_is_asked_over_tls_and_http_2() {
    is_taken_out_and_let_in_again(Kind::TlsHttp2).await;
}

#[tokio::test]
async fn health_is_asked_over_http_2() {
    is_taken_out_and_let_in_again(Kind::Http2).await;
}

#[tokio::test]
async fn health_is_asked_over_a_unix_socket() {
    is_taken_out_and_let_in_again(Kind::Unix).await;
}

#[tokio::test]
async fn an_application_that_ends_and_begins_again_is_found_again() {
    let mut nginx = Nginx::start(Kind::Tls, 1).await;
    let check = "health = { path = \"/health\", interval = \"1s\", timeout = \"5s\", healthy = 1, \
                 unhealthy = 1 }";
    let tls = nginx.authority().route("app.internal");
    let (gateway, _idp) = before(&nginx, &format!("{check}\n{tls}")).await;
    assert_eq!(said(&gateway).await.0, 200);
    nginx.stop().await;
    until(&gateway, &nginx.upstreams()[0], false).await;
    let answer = gateway.visitor().get(&gateway.url("/")).await;
    assert_eq!(answer.status, 502);
    assert_eq!(gateway.code_of(&answer).await, "proxy.upstream");
    nginx.start_again().await;
    until(&gateway, &nginx.upstreams()[0], true).await;
    assert_eq!(said(&gateway).await.0, 200);
}

/// What HTTP/2 makes of it: there, the body goes its own way.
#[tokio::test]
async fn a_body_that_is_too_slow_or_too_long_is_refused_over_http_2_as_well() {
    let nginx = Nginx::start(Kind::Http2, 1).await;
    let more = "timeouts = { body = \"1s\" }\nmax_body = \"1KiB\"";
    let (gateway, _idp) = before(&nginx, more).await;
    let chunk = format!("500\r\n{}\r\n0\r\n\r\n", "x".repeat(0x500));
    for (body, status, code) in [
        (
            "Content-Length: 100\r\n\r\nbegun".to_owned(),
            "408",
            "proxy.body_too_slow",
        ),
        (
            "Transfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n".to_owned(),
            "408",
            "proxy.body_too_slow",
        ),
        (
            format!("Transfer-Encoding: chunked\r\n\r\n{chunk}"),
            "413",
            "proxy.body_too_large",
        ),
    ] {
        let address = gateway.url("").replace("http://", "");
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head =
            "POST /length HTTP/1.1\r\nHost: a\r\nAccept: application/json\r\nConnection: close\r\n";
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        let mut answer = String::new();
        let read = tokio::time::timeout(SOON, stream.read_to_string(&mut answer)).await;
        read.expect("the connection stays open").unwrap();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        gateway.has_logged(&format!("\"code\":\"{code}\""), 1).await;
    }
    assert_eq!(said(&gateway).await.0, 200);
}
