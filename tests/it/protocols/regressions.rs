//! The mistakes that authentik's proxy made when it was written anew on the same libraries as ours,
//! one by one, and the tests by which we would notice that we make them too.

use std::fs;
use std::path::{Path, PathBuf};

use super::world::App;
use super::world::Peer;
use super::world::Town;
use super::world::header;
use super::world::route;
use crate::support::gateway::Setup;
use crate::support::h2::Endpoint;
use crate::support::h2::Then;
use crate::support::h2::all;
use crate::support::h2::one;

/// What went wrong there, and which test of which file would show it here.
const REGRESSIONS: &[(&str, &str, &str)] = &[
    (
        "two Host lines to an application by HTTP/1.1, or none",
        "tests/it/protocols/h2_in.rs",
        "a_request_by_http_2_arrives_as_http_1_1_with_one_host",
    ),
    (
        "a Host beside :authority to an application by HTTP/2",
        "tests/it/protocols/h2_out.rs",
        "a_request_by_http_1_1_arrives_with_an_authority_and_no_host",
    ),
    (
        "the same, when the client came by HTTP/2 as well",
        "tests/it/protocols/regressions.rs",
        "by_http_2_on_both_sides_the_authority_is_all_that_names_the_host",
    ),
    (
        "HTTP/2.0 in the request line to an application by HTTP/1.1",
        "tests/it/protocols/h2_in.rs",
        "a_request_by_http_2_arrives_as_http_1_1_with_one_host",
    ),
    (
        "Upgrade compared as it is written, or found within another word",
        "tests/it/protocols/regressions.rs",
        "an_upgrade_is_found_in_any_case_among_other_words_and_not_within_one",
    ),
    (
        "101 to the client before the application was asked",
        "tests/it/protocols/regressions.rs",
        "no_tunnel_opens_before_the_application_has_agreed",
    ),
    (
        "subprotocols and extensions of WebSockets lost, either way",
        "tests/it/protocols/regressions.rs",
        "subprotocols_and_extensions_are_agreed_on_by_the_ends",
    ),
    (
        "subprotocols lost, as a browser sees it",
        "tests/it/browser_protocols.rs",
        "a_websocket_and_a_stream_of_events_live_as_long_as_their_session",
    ),
    (
        "headers that Connection nominates passed on",
        "tests/it/proxy/forged.rs",
        "a_nomination_does_not_take_our_headers_away",
    ),
    (
        "headers for one connection passed on to a client of HTTP/2",
        "tests/it/protocols/h2_in.rs",
        "nothing_that_is_meant_for_one_connection_goes_on_to_a_client_of_http_2",
    ),
    (
        "X_Authentik_Username beside X-Authentik-Username",
        "tests/it/proxy/forged.rs",
        "no_forged_header_arrives_and_ours_arrive_once",
    ),
    (
        "the same, with every name and spelling",
        "src/proxy/headers/tests.rs",
        "no_name_of_any_profile_comes_from_a_client_in_any_spelling",
    ),
    (
        "a cookie's domain that matches without a dot before it",
        "tests/it/hosts/handover.rs",
        "a_host_that_only_ends_like_one_of_ours_is_none_of_ours",
    ),
    (
        "a sign-in that can be finished for ever",
        "src/store/suite.rs",
        "a_pending_login_is_over_after_fifteen_minutes",
    ),
    (
        "redirects in a circle when the identity provider can not be asked",
        "tests/it/protocols/regressions.rs",
        "an_identity_provider_that_is_not_known_yet_is_a_page_and_no_circle",
    ),
    (
        "redirects in a circle when the session does not last",
        "tests/it/hosts/loops.rs",
        "a_browser_that_loses_its_session_three_times_is_told_what_to_check",
    ),
    (
        "a session that could not be written, and nobody was told",
        "tests/it/gateway.rs",
        "a_store_that_is_down_signs_nobody_out",
    ),
];

#[test]
fn each_has_its_test() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let has = |file: &str, name: &str| {
        let text = fs::read_to_string(root.join(Path::new(file))).unwrap_or_default();
        text.contains(&format!("fn {name}(")) || text.contains(&format!("fn {name}<"))
    };
    let missing: Vec<_> = REGRESSIONS.iter().filter(|(_, file, name)| !has(file, name)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

#[tokio::test]
async fn by_http_2_on_both_sides_the_authority_is_all_that_names_the_host() {
    let mut app = Endpoint::start().await;
    let port = app.listen().await;
    let routes = route(
        "/",
        ([127, 0, 0, 1], port).into(),
        "upstream_protocol = \"http2\"",
    );
    let town = Town::https(&routes).await;
    let mut client = Endpoint::start().await;
    let connection = town.h2(&mut client).await;
    let host = town.host();
    let twice = [("host", &*host)];
    for (stream, more) in [(1, [].as_slice()), (3, &twice)] {
        town.ask(
            &mut client,
            (connection, stream),
            ("GET", "/x"),
            more,
            Then::End,
        )
        .await;
        let (place, asked) = app.heard().await;
        assert_eq!(one(&asked["headers"], ":authority"), host);
        assert_eq!(one(&asked["headers"], ":path"), "/x");
        assert!(all(&asked["headers"], "host").is_empty(), "{asked}");
        app.headers(place, &[(":status", "204")], Then::End).await;
        assert_eq!(client.answer((connection, stream)).await.status(), "204");
    }
}

/// A request for a WebSocket of Alice's, with these lines about the upgrade.
async fn ask(town: &Town, upgrade: &str) -> Peer {
    let mut client = town.connect().await;
    let head = format!(
        "GET /socket HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\n{upgrade}\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        town.host(),
        town.cookie()
    );
    client.say(&head).await;
    client
}

const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

#[tokio::test]
async fn an_upgrade_is_found_in_any_case_among_other_words_and_not_within_one() {
    let app = App::start().await;
    let town = Town::http(&app.route("")).await;
    for upgrade in [
        UPGRADE,
        "connection: UPGRADE\r\nupgrade: WebSocket\r\n",
        "Connection: keep-alive, uPgRaDe\r\nUpgrade: WEBSOCKET\r\n",
        "Connection: keep-alive ,\tUpgrade,x-other\r\nUpgrade: websocket\r\n",
        "Connection: keep-alive\r\nUpgrade: websocket\r\nConnection: upgrade\r\n",
    ] {
        let mut client = ask(&town, upgrade).await;
        let mut peer = app.accept().await;
        let head = peer.head().await;
        assert_eq!(header(&head, "upgrade"), ["websocket"], "{head}");
        assert_eq!(header(&head, "connection"), ["Upgrade"], "{head}");
        assert_eq!(header(&head, "remote-user"), ["alice@example.com"]);
        peer.say(&format!(
            "{}\r\n",
            SWITCHING.to_lowercase().replace("http/", "HTTP/")
        ))
        .await;
        let answer = client.head().await;
        assert!(answer.starts_with("HTTP/1.1 101 "), "{upgrade}: {answer}");
        client.say("ping").await;
        assert_eq!(peer.exactly(4).await, "ping");
    }
    for none in [
        "Connection: x-upgrade\r\nUpgrade: websocket\r\n",
        "Connection: upgraded\r\nUpgrade: websocket\r\n",
        "Connection: Upgrade\r\nUpgrade: not-websocket\r\n",
        "Connection: keep-alive\r\nUpgrade: websocket\r\n",
    ] {
        let mut client = ask(&town, none).await;
        let mut peer = app.accept().await;
        let head = peer.head().await;
        assert!(header(&head, "upgrade").is_empty(), "{head}");
        peer.say(
            "HTTP/1.1 426 Upgrade Required\r\nconnection: close\r\ncontent-length: 2\r\n\r\nno",
        )
        .await;
        let answer = client.message().await;
        assert!(
            answer.head.starts_with("HTTP/1.1 426 "),
            "{none}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn no_tunnel_opens_before_the_application_has_agreed() {
    let app = App::start().await;
    let gone = route("/gone", ([127, 0, 0, 1], 9).into(), "");
    let town = Town::http(&(app.route("") + &gone)).await;
    // It is asked, and until it has answered nothing was said to the client: what the client reads
    // first is what the application said.
    let mut client = ask(&town, UPGRADE).await;
    let mut peer = app.accept().await;
    peer.head().await;
    peer.say("HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: 2\r\n\r\nno")
        .await;
    let answer = client.message().await;
    assert!(answer.head.starts_with("HTTP/1.1 403 "), "{answer:?}");
    assert_eq!(answer.body, "no");

    // It goes away without an answer.
    let mut client = ask(&town, UPGRADE).await;
    let mut peer = app.accept().await;
    peer.head().await;
    drop(peer);
    let answer = client.message().await;
    assert!(answer.head.starts_with("HTTP/1.1 502 "), "{answer:?}");

    // It is not there.
    let mut client = town.connect().await;
    let (host, cookie) = (town.host(), town.cookie());
    let head = format!("GET /gone HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n{UPGRADE}\r\n");
    client.say(&head).await;
    let answer = client.message().await;
    assert!(answer.head.starts_with("HTTP/1.1 502 "), "{answer:?}");
}

#[tokio::test]
async fn subprotocols_and_extensions_are_agreed_on_by_the_ends() {
    let app = App::start().await;
    let town = Town::http(&app.route("")).await;
    let offer = "permessage-deflate; client_max_window_bits, x-other";
    let lines = format!(
        "{UPGRADE}Sec-WebSocket-Protocol: chat.v2, chat.v1\r\nSec-WebSocket-Extensions: {offer}\r\n"
    );
    let mut client = ask(&town, &lines).await;
    let mut peer = app.accept().await;
    let head = peer.head().await;
    assert_eq!(
        header(&head, "sec-websocket-protocol"),
        ["chat.v2, chat.v1"]
    );
    assert_eq!(header(&head, "sec-websocket-extensions"), [offer]);
    assert_eq!(
        header(&head, "sec-websocket-key"),
        ["dGhlIHNhbXBsZSBub25jZQ=="]
    );
    assert_eq!(header(&head, "sec-websocket-version"), ["13"]);
    let agreed =
        "Sec-WebSocket-Protocol: chat.v1\r\nSec-WebSocket-Extensions: permessage-deflate\r\n";
    peer.say(&format!("{SWITCHING}{agreed}\r\n")).await;
    let answer = client.head().await;
    assert_eq!(header(&answer, "sec-websocket-protocol"), ["chat.v1"]);
    assert_eq!(
        header(&answer, "sec-websocket-extensions"),
        ["permessage-deflate"]
    );
    assert_eq!(
        header(&answer, "sec-websocket-accept"),
        ["s3pPLMBiTxaQ9kYGzzhZRbK+xOo="]
    );
}

#[tokio::test]
async fn an_identity_provider_that_is_not_known_yet_is_a_page_and_no_circle() {
    let gateway = Setup::http()
        .quick_key()
        .idp("corp", "http://127.0.0.1:9/metadata", "")
        .add(&route("/", ([127, 0, 0, 1], 9).into(), ""))
        .start_unready()
        .await;
    let mut visitor = gateway.visitor();
    let first = visitor.get(&gateway.url("/x")).await;
    assert_eq!(first.status, 302);
    let page = visitor.follow_all(first).await;
    assert_eq!(page.status, 503, "{}", page.text());
    let start = visitor.get(&gateway.url("/.samlgate/start?idp=corp")).await;
    assert!(!start.status.is_redirection(), "{}", start.status);
}
