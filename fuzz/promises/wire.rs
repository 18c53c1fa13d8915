//! HTTP/1.1 as it is on the wire: read into what hyper would hand us, and read again from what we
//! write. And the requests of `tests/corpus/http`, which fuzzing starts from.

use std::fs;

use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;

use super::seeds;

/// The headers of a request; `None` where hyper would refuse it.
pub fn headers(head: &[u8]) -> Option<HeaderMap> {
    let whole = [head, b"\r\n\r\n"].concat();
    let mut slots = [httparse::EMPTY_HEADER; 100];
    let mut request = httparse::Request::new(&mut slots);
    request.parse(&whole).ok()?.is_complete().then_some(())?;
    let mut headers = HeaderMap::new();
    for header in request.headers.iter() {
        let name = HeaderName::from_bytes(header.name.as_bytes()).ok()?;
        headers.append(name, HeaderValue::from_bytes(header.value).ok()?);
    }
    Some(headers)
}

/// Lines that we have written: a second reader finds the same as whoever cuts them at their ends.
pub fn lines(out: &[u8]) -> Vec<(&str, &[u8])> {
    let mut lines = Vec::new();
    let mut rest = out;
    while !rest.is_empty() {
        let end = rest.windows(2).position(|pair| pair == b"\r\n").expect("the end of a line");
        let (line, after) = rest.split_at(end);
        let colon = line.windows(2).position(|pair| pair == b": ").expect("a colon");
        let name = std::str::from_utf8(&line[..colon]).expect("a name");
        let value = &line[colon + 2..];
        assert!(
            !value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)),
            "{name}"
        );
        lines.push((name, value));
        rest = &after[2..];
    }
    let whole = [out, b"\r\n"].concat();
    let mut slots = vec![httparse::EMPTY_HEADER; lines.len() + 1];
    let parsed = httparse::parse_headers(&whole, &mut slots).expect("headers");
    let httparse::Status::Complete((length, found)) = parsed else {
        panic!("headers without an end");
    };
    assert_eq!((length, found.len()), (whole.len(), lines.len()));
    for (one, (name, value)) in found.iter().zip(&lines) {
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        let begin = value.iter().position(|byte| !blank(byte)).unwrap_or(value.len());
        let end = value.iter().rposition(|byte| !blank(byte)).map_or(begin, |last| last + 1);
        assert_eq!((one.name, one.value), (*name, &value[begin..end]));
    }
    lines
}

/// The same as a map.
pub fn map(lines: &[(&str, &[u8])]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        headers.append(name, HeaderValue::from_bytes(value).expect("a value"));
    }
    headers
}

/// The requests of the corpus.
pub fn requests() -> Vec<Vec<u8>> {
    let mut requests = Vec::new();
    seeds::walk(&seeds::corpus().join("../http"), &mut |path| {
        let text = fs::read_to_string(path).unwrap_or_default();
        if let Some((_, body)) = text.split_once("\n---\n")
            && !body.contains("{{repeat")
        {
            requests.push(unescape(body));
        }
    });
    assert!(!requests.is_empty(), "tests/corpus/http is empty");
    requests
}

fn unescape(body: &str) -> Vec<u8> {
    let mut body = body.replace('\n', "");
    for (blank, filled) in [
        ("{{host}}", "app.example.com"),
        (
            "{{cookie}}",
            "Cookie: theme=dark; samlgate=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\\r\\n",
        ),
        ("{{name}}", "Remote-User"),
        ("{{lower}}", "remote-user"),
        ("{{upper}}", "REMOTE-USER"),
        ("{{under}}", "Remote_User"),
        ("{{UNDER}}", "REMOTE_USER"),
    ] {
        body = body.replace(blank, filled);
    }
    let mut bytes = Vec::new();
    let mut rest = body.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let (byte, length) = match (byte, after.first()) {
            (b'\\', Some(b'r')) => (b'\r', 1),
            (b'\\', Some(b'n')) => (b'\n', 1),
            (b'\\', Some(b't')) => (b'\t', 1),
            (b'\\', Some(b'x')) => {
                let digits = after.get(1..3).and_then(|digits| std::str::from_utf8(digits).ok());
                (
                    u8::from_str_radix(digits.unwrap_or_default(), 16).expect("a byte"),
                    3,
                )
            }
            (b'\\', Some(_)) => (b'\\', 1),
            (byte, _) => (*byte, 0),
        };
        bytes.push(byte);
        rest = &after[length..];
    }
    bytes
}
