//! A client's headers: nothing of what we say about identity, framing and origin comes from it, and
//! everything else goes on as it came.

use std::collections::HashSet;
use std::sync::LazyLock;

use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::header;
use samlgate::access::HeaderEdits;
use samlgate::access::Route;
use samlgate::access::Underscores;
use samlgate::base::ErrorCode;
use samlgate::proxy::IdentityNames;
use samlgate::proxy::headers::Rules;
use samlgate::proxy::identity_headers;
use samlgate::session::cookie;

use super::wire;

/// A byte of settings, and the head of a request.
pub fn check(bytes: &[u8]) {
    let Some((settings, head)) = bytes.split_first() else {
        return;
    };
    let Some(headers) = wire::headers(head) else {
        return;
    };
    let rules = Rules {
        trusted: settings & 1 != 0,
        underscores: match settings & 2 {
            0 => Underscores::Refuse,
            _ => Underscores::Drop,
        },
        prefix: (settings & 4 != 0).then_some("/app"),
        edits: if settings & 8 == 0 { &NONE } else { &EDITS },
    };
    sends_on(&headers, rules);
    cleans_trailers(&headers);
}

static ROUTE: LazyLock<Route> = LazyLock::new(|| Route {
    custom: vec![("X-Badge-Number".to_owned(), "employee_number".to_owned())],
    ..Route::default()
});
static NAMES: LazyLock<IdentityNames> = LazyLock::new(|| IdentityNames::of([&*ROUTE]));
static NONE: HeaderEdits = HeaderEdits { remove: Vec::new(), set: Vec::new() };
static EDITS: LazyLock<HeaderEdits> = LazyLock::new(|| HeaderEdits {
    remove: vec![
        HeaderName::from_static("referer"),
        HeaderName::from_static("accept-language"),
    ],
    set: vec![(
        HeaderName::from_static("x-set"),
        HeaderValue::from_static("ours"),
    )],
});

fn sends_on(headers: &HeaderMap, rules: Rules<'_>) {
    let mut out = Vec::new();
    let written = NAMES.write_request(&mut out, headers, rules);
    let nominated = nominated(headers);
    let forbidden = nominated.as_ref().is_none_or(|names| names.iter().any(must_stay));
    if let Err(error) = written {
        assert_eq!(error.code(), ErrorCode::ProxyRequest);
        let underscores = headers.keys().any(|name| name.as_str().contains('_'));
        let refuses = underscores && rules.underscores == Underscores::Refuse;
        assert!(refuses || forbidden, "{headers:?} is refused: {error}");
        return;
    }
    assert!(!forbidden, "{headers:?} is sent on");
    let nominated = nominated.unwrap_or_default();
    let lines = wire::lines(&out);
    for (name, value) in &lines {
        let set = rules.edits.set.iter().find(|(set, _)| set.as_str() == *name);
        if let Some((_, set)) = set {
            assert_eq!(*value, set.as_bytes());
            continue;
        }
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        assert!(name.bytes().all(plain), "{name} is sent on");
        assert!(!IDENTITY.contains(*name), "{name} comes from the client");
        let nominates = nominated.iter().any(|token| token.as_str() == *name);
        let ours = *name == "x-forwarded-prefix" && rules.prefix.is_some();
        assert!(ours || !nominates, "{name} was for one connection");
        assert!(
            !rules.edits.remove.iter().any(|removed| removed.as_str() == *name),
            "{name}"
        );
        match *name {
            "te" => assert_eq!(*value, b"trailers"),
            "cookie" => {}
            "x-forwarded-prefix" => assert!(rules.trusted || rules.prefix.is_some()),
            _ => assert!(
                rules.trusted || !CLIENTS.contains(name),
                "{name}: a stranger's"
            ),
        }
        let other = !matches!(*name, "te" | "cookie" | "x-forwarded-prefix");
        assert!(!other || !stays(name), "{name} is sent on");
    }
    for (set, _) in &rules.edits.set {
        assert_eq!(
            lines.iter().filter(|(name, _)| *name == set.as_str()).count(),
            1,
            "{set}"
        );
    }
    // Everything else goes on, in its order.
    let goes = |name: &HeaderName| {
        let edited =
            rules.edits.remove.contains(name) || rules.edits.set.iter().any(|(set, _)| set == name);
        let plain = name.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let client = rules.trusted || !CLIENTS.contains(&name.as_str());
        plain && client && !edited && !stays(name.as_str()) && !nominated.contains(name)
    };
    let came = headers.iter().filter(|(name, _)| goes(name));
    let came: Vec<_> = came.map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let ours = |name: &str| {
        ["te", "cookie", "x-forwarded-prefix"].contains(&name)
            || rules.edits.set.iter().any(|(set, _)| set.as_str() == name)
    };
    let went: Vec<_> = lines.iter().filter(|(name, _)| !ours(name)).copied().collect();
    assert_eq!(went, came, "what goes on is what came");
    cookies(headers, &lines);
    if rules.prefix.is_none() {
        let again: HeaderMap = wire::map(&lines);
        let mut once_more = Vec::new();
        NAMES
            .write_request(&mut once_more, &again, rules)
            .expect("what was sent on already");
        assert_eq!(
            String::from_utf8_lossy(&once_more),
            String::from_utf8_lossy(&out)
        );
    }
}

/// Ours stay here, all others go on in one line.
fn cookies(headers: &HeaderMap, lines: &[(&str, &[u8])]) {
    fn pairs(value: &[u8]) -> impl Iterator<Item = &[u8]> {
        value
            .split(|byte| *byte == b';')
            .map(<[u8]>::trim_ascii)
            .filter(|pair| !pair.is_empty())
    }
    let is_ours = |pair: &&[u8]| {
        let name = pair.split(|byte| *byte == b'=').next().unwrap_or(b"").trim_ascii();
        cookie::NAMES.iter().any(|own| own.as_bytes() == name)
    };
    let sent: Vec<_> = lines.iter().filter(|(name, _)| *name == "cookie").collect();
    assert!(sent.len() <= 1, "cookies in two lines");
    let came = headers.get_all(header::COOKIE).iter().flat_map(|value| pairs(value.as_bytes()));
    let came: Vec<_> = came.filter(|pair| !is_ours(pair)).collect();
    let went: Vec<_> = sent.iter().flat_map(|(_, value)| pairs(value)).collect();
    assert_eq!(went, came, "cookies");
}

fn cleans_trailers(headers: &HeaderMap) {
    let mut trailers = headers.clone();
    NAMES.clean_trailers(&mut trailers);
    for name in trailers.keys() {
        let name = name.as_str();
        assert!(!IDENTITY.contains(&as_cgi(name)), "{name} in trailers");
        assert!(
            name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'),
            "{name}"
        );
        let framing = [
            "content-length",
            "host",
            "cookie",
            "transfer-encoding",
            "authorization",
        ];
        assert!(
            !framing.contains(&name) && !name.starts_with("x-forwarded-"),
            "{name}"
        );
        assert!(!ONE_CONNECTION.contains(&name), "{name}");
    }
    let mut again = trailers.clone();
    NAMES.clean_trailers(&mut again);
    assert_eq!(again, trailers);
}

/// What `Connection` names, besides what it may; `None` where it names something else.
fn nominated(headers: &HeaderMap) -> Option<Vec<HeaderName>> {
    let options = [
        "close",
        "keep-alive",
        "upgrade",
        "te",
        "http2-settings",
        "proxy-connection",
    ];
    let values = headers.get_all(header::CONNECTION).iter();
    let tokens = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let tokens = tokens.map(<[u8]>::trim_ascii).filter(|token| !token.is_empty());
    let mut names = Vec::new();
    for token in tokens {
        let name = HeaderName::from_bytes(token).ok()?;
        if !options.contains(&name.as_str()) {
            names.push(name);
        }
    }
    Some(names)
}

/// What a client may not take away by naming it in `Connection`.
fn must_stay(name: &HeaderName) -> bool {
    let name = as_cgi(name.as_str());
    let end_to_end = [
        "host",
        "cookie",
        "authorization",
        "content-length",
        "content-type",
        "content-encoding",
        "transfer-encoding",
        "trailer",
        "origin",
        "forwarded",
        "x-real-ip",
        "x-request-id",
    ];
    IDENTITY.contains(&name) || name.starts_with("x-forwarded-") || end_to_end.contains(&&*name)
}

/// Whether it is not a client's to say.
fn stays(name: &str) -> bool {
    let ours = [
        "host",
        "cookie",
        "content-length",
        "forwarded",
        "x-real-ip",
        "x-request-id",
        "expect",
        "proxy",
        "x-original-url",
        "x-original-uri",
        "x-original-method",
        "x-rewrite-url",
    ];
    IDENTITY.contains(name)
        || ONE_CONNECTION.contains(&name)
        || ours.contains(&name)
        || name.starts_with("x-forwarded-")
}

/// As CGI, WSGI and PHP see a name.
fn as_cgi(name: &str) -> String {
    let letter = |byte: u8| match byte {
        b'a'..=b'z' | b'0'..=b'9' => char::from(byte),
        b'A'..=b'Z' => char::from(byte.to_ascii_lowercase()),
        _ => '-',
    };
    name.bytes().map(letter).collect()
}

static IDENTITY: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let names = identity_headers::all_names().map(|name| name.as_str().to_owned());
    names.chain(["x-badge-number".to_owned()]).collect()
});

const ONE_CONNECTION: [&str; 9] = [
    "connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "transfer-encoding",
    "upgrade",
    "keep-alive",
    "proxy-connection",
    "http2-settings",
];

const CLIENTS: [&str; 7] = [
    "client-ip",
    "true-client-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "cf-connecting-ip",
    "fastly-client-ip",
    "x-forwarded",
];
