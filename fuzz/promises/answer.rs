//! An application's answer: read the same however its bytes arrive, in one way alone, and without what
//! is for our connection.

use bytes::BytesMut;
use http::HeaderMap;
use http::HeaderName;
use http::Method;
use http::header;
use samlgate::proxy::h1::answer::Framing;
use samlgate::proxy::h1::answer::Head;
use samlgate::proxy::h1::answer::read;
use samlgate::proxy::h1::chunks::Chunks;
use samlgate::proxy::h1::chunks::Decoded;
use samlgate::session::cookie;

/// A byte of settings, and an answer.
pub fn check(bytes: &[u8]) {
    let Some((settings, bytes)) = bytes.split_first() else {
        return;
    };
    let method = if settings & 1 == 0 {
        Method::GET
    } else {
        Method::HEAD
    };
    let mut input = BytesMut::from(bytes);
    let Ok(Some(head)) = read(&mut input, &method) else {
        return;
    };
    let (begin, rest) = bytes.split_at(bytes.len() - input.len());
    arrives_in_pieces(begin, &method, &head);
    is_clean(&head, begin);
    assert_eq!(
        head.framing,
        framing(begin, &method, &head),
        "{}",
        String::from_utf8_lossy(begin)
    );
    assert!(!head.keeps || head.framing != Framing::Close);
    assert_eq!(
        shown(&written(&head), &method),
        Some(show(&head)),
        "written again"
    );
    if head.framing == Framing::Chunked {
        decodes(rest, usize::from(settings >> 1).max(1));
    }
}

fn arrives_in_pieces(begin: &[u8], method: &Method, head: &Head) {
    assert_eq!(
        shown(begin, method),
        Some(show(head)),
        "without what follows"
    );
    let few = begin.len().saturating_sub(300);
    for count in (few..begin.len()).chain([begin.len() / 2]).filter(|count| *count < begin.len()) {
        let early = read(&mut BytesMut::from(&begin[..count]), method);
        assert!(
            matches!(early, Ok(None)),
            "{early:?} after {count} of {}",
            begin.len()
        );
    }
}

type Shown = (u16, Vec<(HeaderName, Vec<u8>)>, Framing, bool);

fn shown(bytes: &[u8], method: &Method) -> Option<Shown> {
    read(&mut BytesMut::from(bytes), method).ok()?.as_ref().map(show)
}

fn show(head: &Head) -> Shown {
    let headers = head.headers.iter();
    let headers = headers.map(|(name, value)| (name.clone(), value.as_bytes().to_vec())).collect();
    (head.status.as_u16(), headers, head.framing, head.keeps)
}

/// As HTTP/1.1 again.
fn written(head: &Head) -> Vec<u8> {
    let mut out = format!("HTTP/1.1 {} again\r\n", head.status.as_u16()).into_bytes();
    for (name, value) in &head.headers {
        out.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    if head.framing == Framing::Chunked {
        out.extend_from_slice(b"transfer-encoding: chunked\r\n");
    }
    if !head.keeps {
        out.extend_from_slice(b"connection: close\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out
}

fn is_clean(head: &Head, begin: &[u8]) {
    for name in [
        "connection",
        "te",
        "transfer-encoding",
        "upgrade",
        "keep-alive",
        "proxy-connection",
    ] {
        assert!(!head.headers.contains_key(name), "{name} goes on");
    }
    for value in head.headers.get_all(header::SET_COOKIE) {
        let name = value.as_bytes().split(|byte| matches!(byte, b'=' | b';')).next();
        let name = name.unwrap_or_default().trim_ascii();
        assert!(
            !cookie::NAMES.iter().any(|own| own.as_bytes() == name),
            "our cookie"
        );
    }
    for (name, value) in lines(begin) {
        if name == "connection" {
            for token in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                let Ok(token) = HeaderName::from_bytes(token) else {
                    continue;
                };
                let kept = token == header::CONTENT_LENGTH || token == header::SET_COOKIE;
                assert!(
                    kept || !head.headers.contains_key(&token),
                    "{token} is nominated"
                );
            }
        }
    }
    for value in head.headers.values() {
        assert!(!value.as_bytes().iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
    }
}

/// The headers of a head, by a reader that knows lines and colons and nothing else.
fn lines(begin: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut lines = begin.split(|byte| *byte == b'\n');
    // Empty ones may come before the first.
    let _ = lines.find(|line| !matches!(*line, b"" | b"\r"));
    let fields = lines.filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = String::from_utf8(line[..colon].to_ascii_lowercase()).ok()?;
        Some((name, line[colon + 1..].trim_ascii().to_vec()))
    });
    fields.collect()
}

/// RFC 9112, 6.3.
fn framing(begin: &[u8], method: &Method, head: &Head) -> Framing {
    let lines = lines(begin);
    let values = |wanted: &str| {
        let values = lines.iter().filter(|(name, _)| name == wanted).map(|(_, value)| value);
        values.collect::<Vec<_>>()
    };
    let (codings, lengths) = (values("transfer-encoding"), values("content-length"));
    assert!(codings.iter().all(|coding| coding.eq_ignore_ascii_case(b"chunked")));
    assert!(codings.len() <= 1, "chunked twice");
    let length = |value: &&Vec<u8>| -> u64 {
        assert!(
            !value.is_empty() && value.iter().all(u8::is_ascii_digit),
            "{value:?}"
        );
        String::from_utf8_lossy(value).parse().expect("a length")
    };
    let lengths: Vec<u64> = lengths.iter().map(length).collect();
    assert!(
        lengths.windows(2).all(|pair| pair[0] == pair[1]),
        "two lengths"
    );
    let (length, chunked) = (lengths.first(), !codings.is_empty());
    assert!(
        !(chunked && length.is_some() && head.keeps),
        "both, and something follows"
    );
    if *method == Method::HEAD || matches!(head.status.as_u16(), 100..=199 | 204 | 304) {
        return Framing::Length(0);
    }
    match (chunked, length) {
        (true, _) => Framing::Chunked,
        (false, Some(length)) => Framing::Length(*length),
        (false, None) => Framing::Close,
    }
}

/// What comes of a body: data, trailers, and what is left; or nothing.
type Body = (Vec<u8>, Option<HeaderMap>, Option<Vec<u8>>);

fn decodes(body: &[u8], piece: usize) {
    let whole = decoded(body, body.len().max(1));
    assert_eq!(decoded(body, piece), whole, "in pieces of {piece}");
    let (data, trailers, Some(rest)) = whole else {
        return;
    };
    let mut out = Vec::new();
    if !data.is_empty() {
        out.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
        out.extend([&data[..], b"\r\n"].concat());
    }
    out.extend_from_slice(b"0\r\n");
    for (name, value) in trailers.iter().flat_map(HeaderMap::iter) {
        out.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    out.extend([b"\r\n", &rest[..]].concat());
    assert_eq!(
        decoded(&out, 4096),
        (data, trailers, Some(rest)),
        "written again"
    );
    is_strict(&body[..body.len().min(4096)]);
}

/// The first size is digits, and after them at most blanks and an extension.
fn is_strict(body: &[u8]) {
    let line = body.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").expect("a line that ends in CR LF");
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let after: Vec<u8> =
        line[digits..].iter().copied().skip_while(|b| b" \t".contains(b)).collect();
    assert!(
        (1..16).contains(&digits) && matches!(after.first(), None | Some(b';')),
        "{line:?}"
    );
}

fn decoded(body: &[u8], piece: usize) -> Body {
    let (mut chunks, mut input) = (Chunks::default(), BytesMut::new());
    let (mut data, mut trailers) = (Vec::new(), None);
    let mut pieces = body.chunks(piece);
    loop {
        match chunks.decode(&mut input) {
            Ok(Decoded::Data(bytes)) => {
                assert!(!bytes.is_empty());
                data.extend_from_slice(&bytes);
            }
            Ok(Decoded::Trailers(headers)) => {
                assert!(!headers.is_empty() && trailers.is_none());
                trailers = Some(headers);
            }
            Ok(Decoded::End) => {
                let rest = input.iter().chain(pieces.flatten()).copied().collect();
                return (data, trailers, Some(rest));
            }
            Ok(Decoded::Nothing) => match pieces.next() {
                Some(piece) => input.extend_from_slice(piece),
                None => return (data, trailers, None),
            },
            Err(_) => return (data, trailers, None),
        }
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let answers: [&[u8]; 9] = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0B;x=\"y\"\r\n and two !\n\r\n0\r\nX-Sum: 1\r\n\r\nHTTP/1.1",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n5 \r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nSet-Cookie: theme=dark\r\nSet-Cookie: __Host-samlgate=x; Path=/\r\nKeep-Alive: timeout=5\r\nConnection: keep-alive, x-hop, set-cookie\r\nX-Hop: 1\r\nUpgrade: h2c\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x05hello",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\nConnection: close\r\n\r\n",
        b"HTTP/1.1 200 \nServer: x\n\nto the end",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    ];
    let with = |settings: u8| answers.map(|answer| [&[settings], answer].concat());
    [with(6), with(1)].concat()
}
