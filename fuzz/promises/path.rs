//! Paths: policy looks at the place where every usual program finds what is sent on.

use std::sync::LazyLock;

use http::Request;
use http::Uri;
use percent_encoding::percent_decode;
use samlgate::access::PathMatch;
use samlgate::access::Route;
use samlgate::access::Routes;
use samlgate::access::normalise;
use samlgate::proxy::forward::write_target;
use url::Url;

use super::wire;

pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let path = text.split('?').next().unwrap_or_default();
    let spelt = spelt_out(path);
    let Ok(normal) = normalise(path) else {
        assert!(
            normalise(&spelt).is_err(),
            "{spelt:?} is taken, {path:?} is not"
        );
        return;
    };
    is_normal(&normal);
    assert_eq!(normalise(&normal).as_deref(), Ok(&*normal), "once more");
    assert_eq!(
        normalise(&spelt).as_deref(),
        Ok(&*normal),
        "{spelt:?} is {path:?}"
    );
    let decoded = decode(normal.as_bytes());
    assert_eq!(as_nginx(path), decoded);
    assert_eq!(
        as_tomcat(path),
        decode(&without_parameters(normal.as_bytes()))
    );
    assert_eq!(as_an_old_one(path), without_parameters(&decoded));
    assert_eq!(as_a_browser(path), decoded);
    is_sent_on_as_decided(text);
}

/// One spelling, and no second reading of it.
fn is_normal(path: &str) {
    assert!(path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic()));
    assert!(!path.contains("//") && !path.contains('\\'), "{path}");
    for segment in path.split('/') {
        let name = segment.split(';').next().unwrap_or_default();
        assert!(name != "." && name != "..", "{path}");
    }
    for rest in path.split('%').skip(1) {
        let digits = rest.get(..2).expect("two digits");
        assert!(
            digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'A'..=b'F')),
            "{path}"
        );
        let byte = u8::from_str_radix(digits, 16).expect("a byte");
        assert!(
            !byte.is_ascii_control() && byte != b'/' && byte != b'\\',
            "{path}"
        );
        assert!(
            !byte.is_ascii_alphanumeric() && !b"-._~".contains(&byte),
            "{path}"
        );
    }
}

/// The same, with everything encoded that may be.
fn spelt_out(path: &str) -> String {
    let mut spelt = String::new();
    let mut encoded = 0;
    for (place, letter) in path.char_indices() {
        let is_ours = encoded == 0 && letter.is_ascii() && place > 0;
        encoded = if letter == '%' {
            2_u8
        } else {
            encoded.saturating_sub(1)
        };
        if is_ours && (letter.is_ascii_alphanumeric() || "-._~".contains(letter)) {
            spelt.push_str(&format!("%{:02x}", u32::from(letter)));
        } else {
            spelt.push(letter);
        }
    }
    spelt
}

/// Decodes, takes `\` for `/`, joins slashes, follows dots.
fn as_nginx(path: &str) -> Vec<u8> {
    followed(&decode(path.as_bytes()))
}

/// Cuts parameters off, then decodes and follows dots.
fn as_tomcat(path: &str) -> Vec<u8> {
    followed(&decode(&without_parameters(path.as_bytes())))
}

/// Decodes, then cuts parameters off and follows dots.
fn as_an_old_one(path: &str) -> Vec<u8> {
    followed(&without_parameters(&decode(path.as_bytes())))
}

/// Follows dots, encoded or not, then decodes.
fn as_a_browser(path: &str) -> Vec<u8> {
    let here = Url::parse("http://app.example.com/here/").expect("an address");
    let there = here.join(&path.replace('#', "%23").replace(' ', "%20")).expect("an address");
    assert_eq!(
        there.host_str(),
        here.host_str(),
        "{path:?} leads to another host"
    );
    decode(there.path().as_bytes())
}

fn decode(path: &[u8]) -> Vec<u8> {
    percent_decode(path).collect()
}

fn without_parameters(path: &[u8]) -> Vec<u8> {
    let segments = path.split(|byte| *byte == b'/');
    let names = segments.map(|segment| segment.split(|byte| *byte == b';').next().unwrap_or(b""));
    names.collect::<Vec<_>>().join(&b'/')
}

fn followed(path: &[u8]) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    let segments: Vec<_> = path.split(|byte| matches!(byte, b'/' | b'\\')).collect();
    let ends = matches!(segments.last(), Some(&(b"" | b"." | b"..")));
    for segment in segments {
        match segment {
            b"" | b"." => {}
            b".." => drop(kept.pop()),
            name => kept.push(name),
        }
    }
    let slash: &[u8] = if ends && !kept.is_empty() { b"/" } else { b"" };
    [b"/", &*kept.join(&b'/'), slash].concat()
}

static ROUTES: LazyLock<Routes> = LazyLock::new(|| {
    let route = |path: PathMatch, rewrite: Option<&str>| Route {
        path,
        rewrite: rewrite.map(str::to_owned),
        ..Route::default()
    };
    let prefix = |path: &str| PathMatch::Prefix(path.to_owned());
    Routes::new(vec![
        route(prefix("/"), None),
        route(prefix("/a"), Some("")),
        route(prefix("/a/b/"), Some("/v2")),
        route(prefix("/caf\u{e9}"), Some("/menu")),
        route(PathMatch::Exact("/x".to_owned()), Some("/y/z")),
    ])
});

/// What the application is asked for is below the route that was decided about, and has no reading
/// that the path which came had not.
fn is_sent_on_as_decided(text: &str) {
    let Ok(uri) = text.parse::<Uri>() else {
        return;
    };
    // Without what follows a `#`, which is no part of a request.
    let Ok(normal) = normalise(uri.path()) else {
        return;
    };
    let Some(route) = ROUTES.find("app.example.com", &normal) else {
        assert!(normal.contains([';', '%']), "no route is for {normal}");
        return;
    };
    let names = normal.replace("%3B", ";");
    let names = names.split('/').map(|segment| segment.split(';').next().unwrap_or_default());
    let names = names.collect::<Vec<_>>().join("/");
    let other = ROUTES.find("app.example.com", &names).expect("a route");
    assert_eq!(other.path, route.path, "{normal} without its parameters");
    let (PathMatch::Prefix(own) | PathMatch::Exact(own)) = &route.path;
    let own = own.trim_end_matches('/');
    let rest = normal.strip_prefix(own).expect("below its route");
    assert!(
        rest.is_empty() || rest.starts_with('/'),
        "{normal} is not below {own}"
    );
    let (parts, ()) = Request::builder().uri(uri.clone()).body(()).expect("a request").into_parts();
    let mut out = Vec::new();
    write_target(&mut out, &parts, route).expect("a target");
    let sent = String::from_utf8(out).expect("text");
    assert!(
        sent.bytes().all(|byte| byte > b' ' && byte != 0x7f),
        "{sent:?}"
    );
    let (path, query) = match sent.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (&*sent, None),
    };
    assert_eq!(query, uri.query());
    let rest = rest.to_owned();
    let wanted = match route.rewrite.as_deref() {
        None => {
            assert_eq!(path, uri.path());
            normal.into_owned()
        }
        Some("") if rest.is_empty() => "/".to_owned(),
        Some(rewrite) => format!("{rewrite}{rest}"),
    };
    assert_eq!(
        normalise(path).as_deref(),
        Ok(&*wanted),
        "{text:?} is sent on as {sent:?}"
    );
}

/// Those of the corpus, and spellings that programs have read differently.
pub fn seeds() -> Vec<Vec<u8>> {
    let requests = wire::requests();
    let targets = requests
        .iter()
        .filter_map(|request| request.split(|byte| *byte == b' ').nth(1).map(<[u8]>::to_vec));
    let others = [
        "/a",
        "/a/",
        "/a/x?y=/../z",
        "/%61/b/c",
        "/a/%62/",
        "/caf\u{e9}/x",
        "/caf%c3%a9",
        "/x",
        "/%78",
        "/a/b;v=1/c",
        "/a/..;/b",
        "/;/a",
        "/a/%2e%2e/b",
        "/a%2fb",
        "/a%5cb",
        "/a%00b",
        "//a",
        "/a%252e",
        "/.well-known/x",
        "/a/...",
        "/%3f%23",
        "/a b",
        "/a#b",
    ];
    targets.chain(others.iter().map(|path| path.as_bytes().to_vec())).collect()
}
