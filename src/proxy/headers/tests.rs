use super::*;
use std::net::IpAddr;
use std::net::SocketAddr;

fn names() -> IdentityNames {
    let route = Route {
        custom: vec![("X-Badge-Number".to_owned(), "employee_number".to_owned())],
        ..Route::default()
    };
    IdentityNames::of([&route])
}

fn map(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

fn written(headers: &HeaderMap, underscores: Underscores) -> Result<Vec<(String, String)>, String> {
    let mut out = Vec::new();
    let rules = Rules {
        underscores,
        trusted: false,
        edits: &HeaderEdits::default(),
        prefix: None,
    };
    names().write_request(&mut out, headers, rules).map_err(|error| {
        assert_eq!(error.code().as_str(), "proxy.request");
        error.to_string()
    })?;
    Ok(read(&out))
}

fn cleaned(pairs: &[(&str, &str)]) -> Result<Vec<(String, String)>, String> {
    written(&map(pairs), Underscores::Drop)
}

fn read(lines: &[u8]) -> Vec<(String, String)> {
    let text = str::from_utf8(lines).unwrap();
    let lines = text.split_terminator("\r\n").map(|line| line.split_once(": ").unwrap());
    lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn shown(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}

#[test]
fn no_name_of_any_profile_comes_from_a_client_in_any_spelling() {
    let custom = HeaderName::from_static("x-badge-number");
    for name in identity_headers::all_names().chain([custom]) {
        let name = name.as_str();
        let first_dash = name.replacen('-', "_", 1);
        for spelling in [
            name.to_owned(),
            name.to_ascii_uppercase(),
            name.replace('-', "_"),
            name.replace('-', "_").to_ascii_uppercase(),
            name.replace('-', "."),
            name.replace('-', "~"),
            first_dash,
        ] {
            let sent = [
                (spelling.as_str(), "mallory"),
                ("x-other", "kept"),
                (&spelling, "again"),
            ];
            let kept = cleaned(&sent).unwrap();
            assert_eq!(
                kept,
                [("x-other".to_owned(), "kept".to_owned())],
                "{spelling}"
            );

            let mut trailers = map(&sent);
            names().clean_trailers(&mut trailers);
            assert_eq!(shown(&trailers).len(), 1, "trailer {spelling}");

            let refused = cleaned(&[("connection", &spelling), (name, "x")]);
            assert!(refused.is_err(), "nominated: {spelling}");
        }
    }
}

#[test]
fn what_is_for_one_connection_does_not_go_on() {
    let kept = cleaned(&[
        ("connection", "keep-alive, X-Hop"),
        ("Connection", "upgrade,,x-hop-too"),
        ("x-hop", "1"),
        ("x-hop-too", "1"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("proxy-authorization", "Basic x"),
        ("te", "gzip, Trailers"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("http2-settings", "x"),
        ("proxy", "http://evil.example"),
        ("x-original-url", "/admin"),
        ("x-rewrite-url", "/admin"),
        ("expect", "100-continue"),
        ("x_anything", "1"),
        ("accept", "text/html"),
    ]);
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut kept = kept.unwrap();
    kept.sort();
    assert_eq!(kept, [pair("accept", "text/html"), pair("te", "trailers")]);
}

#[test]
fn a_nomination_of_what_must_arrive_is_refused() {
    for token in [
        "host",
        "Cookie",
        "X-Forwarded-For",
        "x-forwarded-anything",
        "x_forwarded_for",
        "Authorization",
        "content-length",
        "Transfer-Encoding",
        "Forwarded",
        "Remote-User",
        "remote_user",
        "eppn",
        "X-Badge-Number",
        "x-request-id",
        "\u{1}",
        "a b",
    ] {
        let connection = HeaderValue::from_bytes(token.as_bytes());
        let Ok(connection) = connection else { continue };
        let mut headers = HeaderMap::new();
        headers.insert(header::CONNECTION, connection);
        assert!(written(&headers, Underscores::Drop).is_err(), "{token}");
    }
}

#[test]
fn our_cookies_stay_with_us() {
    let mut table = vec![
        (vec!["a=1; b=2"], Some("a=1; b=2")),
        (vec!["__Host-samlgate=secret"], None),
        (vec!["a=1; __Host-samlgate=secret; b=2"], Some("a=1; b=2")),
        (vec!["a=1;samlgate=secret;b=2"], Some("a=1; b=2")),
        (vec!["a=1", "samlgate=secret", "b=2"], Some("a=1; b=2")),
        (vec!["samlgate =secret; a=1"], Some("a=1")),
        (vec!["samlgate; a=1"], Some("a=1")),
        (vec!["samlgate-other=1"], Some("samlgate-other=1")),
        (vec!["x=samlgate"], Some("x=samlgate")),
        (vec![], None),
    ];
    for (sent, kept) in table.drain(..) {
        let pairs: Vec<_> = sent.iter().map(|value| ("cookie", *value)).collect();
        let found: Vec<_> = cleaned(&pairs).unwrap();
        let kept = kept.map(|kept| ("cookie".to_owned(), kept.to_owned()));
        assert_eq!(found, kept.into_iter().collect::<Vec<_>>(), "{sent:?}");
    }
}

#[test]
fn a_name_with_an_underscore_is_refused_where_it_is_not_dropped() {
    let headers = map(&[("accept", "text/html"), ("x_real_ip", "1")]);
    assert!(written(&headers, Underscores::Refuse).is_err());
    assert_eq!(written(&headers, Underscores::Drop).unwrap().len(), 1);
}

#[test]
fn an_operator_s_headers_replace_the_client_s() {
    let edits = HeaderEdits {
        remove: vec![HeaderName::from_static("x-gone")],
        set: vec![(
            HeaderName::from_static("x-set"),
            HeaderValue::from_static("ours"),
        )],
    };
    let headers = map(&[("x-gone", "1"), ("x-set", "theirs"), ("x-kept", "2")]);
    let mut out = Vec::new();
    let rules = Rules {
        underscores: Underscores::Refuse,
        trusted: false,
        edits: &edits,
        prefix: None,
    };
    names().write_request(&mut out, &headers, rules).unwrap();
    assert_eq!(out, b"x-kept: 2\r\nx-set: ours\r\n");
    let mut headers = headers;
    edit(&mut headers, &edits);
    let mut shown = shown(&headers);
    shown.sort();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(shown, [pair("x-kept", "2"), pair("x-set", "ours")]);
}

#[test]
fn an_application_does_not_set_our_cookies() {
    let mut headers = map(&[
        ("set-cookie", "theme=dark"),
        ("set-cookie", "__Host-samlgate=forged; Path=/; Secure"),
        ("set-cookie", " __Host-samlgate =forged"),
        ("set-cookie", "lang=en; Path=/"),
        ("keep-alive", "timeout=5"),
        ("content-type", "text/html"),
    ]);
    clean_response(&mut headers);
    let cookies: Vec<_> = headers.get_all(header::SET_COOKIE).iter().collect();
    assert_eq!(cookies, ["theme=dark", "lang=en; Path=/"]);
    assert_eq!(headers.len(), 3, "{headers:?}");
}

fn forwarded_by(
    address: Option<&str>,
    trusted: bool,
    public_url: &str,
    pairs: &[(&str, &str)],
) -> Vec<(String, String)> {
    let headers = map(pairs);
    let address = address.map(|address| SocketAddr::new(address.parse::<IpAddr>().unwrap(), 1));
    let own = PublicUrl::parse(public_url).unwrap();
    let peer = Peer { address, tls: false };
    let mut out = Vec::new();
    let rules = Rules {
        underscores: Underscores::Refuse,
        trusted,
        edits: &HeaderEdits::default(),
        prefix: None,
    };
    names().write_request(&mut out, &headers, rules).unwrap();
    Forwarding::of(&own).write(&mut out, &headers, "app.example.com", &peer, trusted);
    let mut shown = read(&out);
    shown.sort();
    shown
}

fn expected(real: Option<&str>, forwarded: &str, rest: [(&str, &str); 4]) -> Vec<(String, String)> {
    let mut pairs = vec![("forwarded".to_owned(), forwarded.to_owned())];
    pairs.extend(real.map(|real| ("x-real-ip".to_owned(), real.to_owned())));
    pairs.extend(rest.map(|(name, value)| (format!("x-forwarded-{name}"), value.to_owned())));
    pairs.sort();
    pairs
}

const SAID: &[(&str, &str)] = &[
    ("x-forwarded-for", "198.51.100.7"),
    ("x-forwarded-for", "10.0.0.9"),
    ("x-forwarded-proto", "http"),
    ("x-forwarded-host", "www.example.com"),
    ("x-forwarded-port", "8443"),
    ("x-forwarded-uri", "/admin"),
    ("forwarded", "for=127.0.0.1;proto=https"),
    ("x-real-ip", "198.51.100.7"),
];

#[test]
fn a_stranger_does_not_say_where_a_request_came_from() {
    assert_eq!(
        forwarded_by(Some("192.0.2.1"), false, "https://app.example.com", SAID),
        expected(
            Some("192.0.2.1"),
            "for=192.0.2.1;host=\"app.example.com\";proto=https",
            [
                ("for", "192.0.2.1"),
                ("host", "app.example.com"),
                ("port", "443"),
                ("proto", "https")
            ],
        )
    );
    assert_eq!(
        forwarded_by(Some("::1"), false, "http://127.0.0.1:8080", SAID),
        expected(
            Some("::1"),
            "for=\"[::1]\";host=\"app.example.com\";proto=http",
            [
                ("for", "::1"),
                ("host", "app.example.com"),
                ("port", "8080"),
                ("proto", "http")
            ],
        )
    );
}

#[test]
fn no_stranger_says_under_any_name_what_address_they_have() {
    for name in [
        "x-real-ip",
        "client-ip",
        "true-client-ip",
        "x-client-ip",
        "cf-connecting-ip",
    ] {
        let said = [(name, "127.0.0.1")];
        let sent = forwarded_by(Some("192.0.2.1"), false, "https://app.example.com", &said);
        assert!(
            !sent.iter().any(|(_, value)| value.contains("127.0.0.1")),
            "{name}: {sent:?}"
        );
    }
}

#[test]
fn a_trusted_proxy_s_word_is_kept_and_its_address_added() {
    assert_eq!(
        forwarded_by(Some("10.0.0.1"), true, "https://app.example.com", SAID),
        expected(
            Some("198.51.100.7"),
            "for=198.51.100.7;host=\"www.example.com\";proto=http, for=10.0.0.9, for=10.0.0.1",
            [
                ("for", "198.51.100.7, 10.0.0.9, 10.0.0.1"),
                ("host", "www.example.com"),
                ("port", "8443"),
                ("proto", "http"),
            ],
        )
    );
    let odd = [
        ("x-forwarded-for", "unknown"),
        ("x-forwarded-proto", "gopher"),
        ("x-forwarded-host", "a b"),
        ("x-forwarded-port", "http"),
    ];
    assert_eq!(
        forwarded_by(None, true, "https://app.example.com", &odd),
        expected(
            None,
            "for=unknown;host=\"app.example.com\";proto=https",
            [
                ("for", "unknown"),
                ("host", "app.example.com"),
                ("port", "443"),
                ("proto", "https")
            ],
        )
    );
}

proptest::proptest! {
    #[test]
    fn whatever_a_client_sends_no_name_of_ours_is_left(
        sent in proptest::collection::vec(("[ -~]{1,24}", "[ -~]{0,24}"), 0..12),
        connection in "[ -~]{0,40}",
    ) {
        let mut headers = HeaderMap::new();
        for (name, value) in &sent {
            if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
                headers.append(name, HeaderValue::from_str(value).unwrap());
            }
        }
        headers.append("connection", HeaderValue::from_str(&connection).unwrap());
        let names = names();
        if let Ok(lines) = written(&headers, Underscores::Drop) {
            for (name, _) in lines {
                let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
                assert!(!names.holds(&name) && is_plain(name.as_str()) && name != header::CONNECTION);
            }
        }
    }
}
