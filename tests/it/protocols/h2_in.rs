//! HTTP/2 from the client, HTTP/1.1 to the application: by curl and nghttp, and by frames that
//! neither of them sends.

use super::world::App;
use super::world::Town;
use super::world::header;
use crate::support::h2::Endpoint;
use crate::support::h2::Then;
use crate::support::h2::all;
use crate::support::h2::one;

const OK: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test]
async fn a_request_by_http_2_arrives_as_http_1_1_with_one_host() {
    let app = App::start().await;
    let town = Town::https(&app.route("")).await;
    let curl = town.curl(
        "/a%20b?c=d",
        &["--http2", "-w", "|%{http_version}", "-H", "X-Case: Kept"],
    );
    let mut peer = app.accept().await;
    let head = peer.head().await;
    assert!(head.starts_with("GET /a%20b?c=d HTTP/1.1\r\n"), "{head}");
    assert_eq!(header(&head, "host"), [town.host()]);
    assert_eq!(header(&head, "x-case"), ["Kept"]);
    assert_eq!(header(&head, "remote-user"), ["alice@example.com"]);
    assert_eq!(header(&head, "x-forwarded-proto"), ["https"]);
    for absent in [":authority", "connection", "content-length", "te", "cookie"] {
        assert!(header(&head, absent).is_empty(), "{absent}: {head}");
    }
    peer.say(OK).await;
    assert_eq!(curl.output().await, "ok|2");
}

#[tokio::test]
async fn nothing_that_is_meant_for_one_connection_goes_on_to_a_client_of_http_2() {
    let app = App::start().await;
    let town = Town::https(&app.route("")).await;
    let mut client = Endpoint::start().await;
    let connection = town.h2(&mut client).await;
    town.ask(&mut client, (connection, 1), ("GET", "/x"), &[], Then::End).await;
    let mut peer = app.accept().await;
    peer.head().await;
    peer.say("HTTP/1.1 200 OK\r\nconnection: keep-alive, x-hop\r\nkeep-alive: timeout=5\r\n")
        .await;
    peer.say("x-hop: 1\r\nproxy-connection: keep-alive\r\ntransfer-encoding: chunked\r\n")
        .await;
    peer.say("x-app: yes\r\n\r\n2\r\nok\r\n0\r\n\r\n").await;
    let answer = client.answer((connection, 1)).await;
    assert_eq!((answer.status(), &*answer.body), ("200", "ok"));
    assert_eq!(all(&answer.headers, "x-app"), ["yes"]);
    for absent in [
        "connection",
        "keep-alive",
        "x-hop",
        "proxy-connection",
        "transfer-encoding",
    ] {
        let found = all(&answer.headers, absent);
        assert!(found.is_empty(), "{absent}: {found:?}");
    }
}

#[tokio::test]
async fn cookies_that_were_split_arrive_as_one_line_and_ours_stays_here() {
    let app = App::start().await;
    let town = Town::https(&app.route("")).await;
    let mut client = Endpoint::start().await;
    let connection = town.h2(&mut client).await;
    let crumbs = [("cookie", "theme=dark"), ("cookie", "lang=de; a=b")];
    town.ask(
        &mut client,
        (connection, 1),
        ("GET", "/x"),
        &crumbs,
        Then::End,
    )
    .await;
    let mut peer = app.accept().await;
    let head = peer.head().await;
    // RFC 9113, 8.2.3.
    assert_eq!(header(&head, "cookie"), ["theme=dark; lang=de; a=b"]);
    assert_eq!(header(&head, "remote-user"), ["alice@example.com"]);
    peer.say(OK).await;
    assert_eq!(client.answer((connection, 1)).await.status(), "200");
}

#[tokio::test]
async fn a_head_has_the_length_of_the_whole_and_no_body() {
    let app = App::start().await;
    let town = Town::https(&app.route("")).await;
    let curl = town.curl("/x", &["--http2", "--head"]);
    let mut peer = app.accept().await;
    assert!(peer.head().await.starts_with("HEAD /x HTTP/1.1\r\n"));
    peer.say("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n").await;
    let answer = curl.output().await;
    assert!(answer.starts_with("HTTP/2 200 \r\n"), "{answer}");
    assert_eq!(header(&answer, "content-length"), ["1000"]);
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn trailers_go_both_ways() {
    let app = App::start().await;
    let town = Town::https(&app.route("")).await;
    let file = town.gateway.folder().join("upload");
    std::fs::write(&file, "hello").unwrap();
    let nghttp = town.nghttp(
        "/x",
        &[
            "--data",
            file.to_str().unwrap(),
            "--no-content-length",
            "--header=te: trailers",
            "--trailer=x-sum: 6",
            "--trailer=remote-user: mallory",
        ],
    );
    let mut peer = app.accept().await;
    let asked = peer.message().await;
    assert!(asked.head.starts_with("POST /x HTTP/1.1\r\n"), "{asked:?}");
    assert_eq!(header(&asked.head, "te"), ["trailers"]);
    assert_eq!(asked.body, "hello");
    // Trailers are no way in for who somebody is.
    assert_eq!(asked.trailers, "x-sum: 6\r\n");
    peer.say("HTTP/1.1 200 OK\r\ntrailer: x-check\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    peer.say("2\r\nok\r\n0\r\nx-check: 9\r\n\r\n").await;
    let answer = nghttp.output().await;
    let (head, trailers) = answer.split_once("recv DATA frame").unwrap();
    assert!(head.contains(":status: 200"), "{answer}");
    assert!(trailers.contains("x-check: 9"), "{answer}");
}

#[tokio::test]
async fn whoever_waits_for_100_continue_is_served() {
    let app = App::start().await;
    let town = Town::https(&app.route("")).await;
    let file = town.gateway.folder().join("upload");
    std::fs::write(&file, "hello").unwrap();
    let upload = ["--expect-continue", "--data", file.to_str().unwrap()];
    let nghttp = town.nghttp("/x", &upload);
    let mut peer = app.accept().await;
    let head = peer.head().await;
    if header(&head, "expect") == ["100-continue"] {
        peer.say("HTTP/1.1 100 Continue\r\n\r\n").await;
    }
    assert_eq!(peer.rest(head).await.body, "hello");
    peer.say(OK).await;
    let answer = nghttp.output().await;
    assert!(answer.contains(":status: 200"), "{answer}");
}

#[tokio::test]
async fn an_application_may_refuse_an_upload_before_it_comes() {
    let app = App::start().await;
    let town = Town::https(&app.route("")).await;
    let mut client = Endpoint::start().await;
    let connection = town.h2(&mut client).await;
    let expecting = [("content-length", "5"), ("expect", "100-continue")];
    town.ask(
        &mut client,
        (connection, 1),
        ("PUT", "/x"),
        &expecting,
        Then::More,
    )
    .await;
    let mut peer = app.accept().await;
    assert_eq!(header(&peer.head().await, "expect"), ["100-continue"]);
    peer.say("HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno").await;
    let answer = client.answer((connection, 1)).await;
    assert_eq!((answer.status(), &*answer.body), ("413", "no"));
    // The connection goes on.
    town.ask(&mut client, (connection, 3), ("GET", "/y"), &[], Then::End).await;
    let mut peer = app.accept().await;
    assert!(peer.head().await.starts_with("GET /y "));
    peer.say(OK).await;
    assert_eq!(client.answer((connection, 3)).await.status(), "200");
}

#[tokio::test]
async fn heads_are_large_and_not_endless() {
    let app = App::start().await;
    let town = Town::https(&app.route("")).await;
    let long = "a".repeat(8000);
    let names: Vec<String> = (0..40).map(|place| format!("x-long-{place}")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (&**name, &*long)).collect();
    let large = format!(
        "HTTP/1.1 200 OK\r\nx-large: {long}\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"
    );

    // curl sends no more than 64 KiB by HTTP/2.
    for (version, count) in [("--http2", 7), ("--http1.1", 12)] {
        let headers = many[..count].iter().map(|(name, value)| format!("{name}: {value}"));
        let mut arguments = vec![version.to_owned()];
        arguments.extend(headers.flat_map(|header| ["-H".to_owned(), header]));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let curl = town.curl("/x", &arguments);
        let mut peer = app.accept().await;
        let head = peer.head().await;
        assert_eq!(header(&head, names[count - 1].as_str()), [&long]);
        peer.say(&large).await;
        assert_eq!(curl.output().await, "ok", "{version}");
    }

    let mut client = Endpoint::start().await;
    let connection = town.h2(&mut client).await;
    town.ask(
        &mut client,
        (connection, 1),
        ("GET", "/x"),
        &many[..12],
        Then::End,
    )
    .await;
    let mut peer = app.accept().await;
    assert_eq!(header(&peer.head().await, "x-long-11"), [&long]);
    peer.say(&large).await;
    let answer = client.answer((connection, 1)).await;
    assert_eq!(all(&answer.headers, "x-large"), [&long]);

    town.ask(
        &mut client,
        (connection, 3),
        ("GET", "/x"),
        &many,
        Then::End,
    )
    .await;
    // ENHANCE_YOUR_CALM
    let refused = client
        .until(|event| event["code"] == 11 || (event["event"] == "headers" && event["stream"] == 3))
        .await;
    let status = one(&refused["headers"], ":status");
    assert!(refused["event"] == "goaway" || status == "431", "{refused}");
    assert!(!app.is_asked().await);
}

#[tokio::test]
async fn what_http_2_forbids_is_refused_and_reaches_nobody() {
    let app = App::start().await;
    let town = Town::https(&app.route("")).await;
    let mut client = Endpoint::start().await;
    for (name, value) in [
        // RFC 9113, 8.2.2.
        ("connection", "close"),
        ("connection", "remote-user"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "websocket"),
        ("te", "gzip"),
        // 8.2.1.
        ("X-Upper", "x"),
        // 8.3.
        (":path", "/two"),
        (":unknown", "x"),
    ] {
        let connection = town.h2(&mut client).await;
        town.ask(
            &mut client,
            (connection, 1),
            ("GET", "/x"),
            &[(name, value)],
            Then::End,
        )
        .await;
        let refused = client
            .until(|event| event["connection"] == connection && event["event"] != "settings")
            .await;
        // PROTOCOL_ERROR, of the stream or of the whole connection.
        assert_eq!(refused["code"], 1, "{name}: {refused}");
    }
    // These are well-formed, and would be read by some program in another way than by us.
    let connection = town.h2(&mut client).await;
    let mut stream = 1;
    for more in [
        [("host", "evil.example")].as_slice(),
        &[("remote_user", "mallory")],
        &[("content-length", "5"), ("content-length", "6")],
    ] {
        town.ask(
            &mut client,
            (connection, stream),
            ("GET", "/x"),
            more,
            Then::End,
        )
        .await;
        let answer = client.answer((connection, stream)).await;
        assert!(
            answer.reset == Some(1) || answer.status() == "400",
            "{more:?}: {answer:?}"
        );
        stream += 2;
    }
    assert!(!app.is_asked().await);
    // Identity that a client claims is left out, as ever.
    let forged = [("remote-user", "mallory"), ("x-forwarded-user", "mallory")];
    town.ask(
        &mut client,
        (connection, stream),
        ("GET", "/y"),
        &forged,
        Then::End,
    )
    .await;
    let mut peer = app.accept().await;
    let head = peer.head().await;
    assert!(
        head.starts_with("GET /y ") && !head.contains("mallory"),
        "{head}"
    );
    peer.say(OK).await;
    assert_eq!(client.answer((connection, stream)).await.status(), "200");
}
