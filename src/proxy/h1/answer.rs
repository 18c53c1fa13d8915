//! The head of an application's answer.
//!
//! In: bytes. Out: status and headers as they go on to the client, and how the body is framed
//! (RFC 9112, 6.3). Promised: what is for our connection alone is left out, and so are cookies by
//! which an application would sign somebody in or out here; what can be read in two ways is
//! refused.

use std::mem::MaybeUninit;

use bytes::Buf as _;
use bytes::Bytes;
use bytes::BytesMut;
use http::HeaderMap;
use http::Method;
use http::StatusCode;
use http::header;
use http::header::HeaderName;
use http::header::HeaderValue;

use crate::proxy::headers;

/// An answer before its body.
#[derive(Debug)]
pub struct Head {
    /// Its status.
    pub status: StatusCode,
    /// What of its headers goes on.
    pub headers: HeaderMap,
    /// Where its body ends.
    pub framing: Framing,
    /// Another request may follow on the connection.
    pub keeps: bool,
    /// The protocol that a 101 switches to.
    pub websocket: bool,
}

/// Where the body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// After so many bytes.
    Length(u64),
    /// After the last chunk.
    Chunked,
    /// With the connection.
    Close,
}

/// Reads a head from the front of `input`; `None` when more bytes are needed.
pub fn read(input: &mut BytesMut, method: &Method) -> Result<Option<Head>, &'static str> {
    let mut slots = [const { MaybeUninit::uninit() }; MOST_HEADERS];
    let mut response = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
        &mut response,
        input,
        &mut slots,
    );
    let length = match parsed {
        Ok(httparse::Status::Complete(length)) if length <= LONGEST_HEAD => length,
        Ok(httparse::Status::Complete(_)) => return Err("the head is too long"),
        Ok(httparse::Status::Partial) if input.len() < LONGEST_HEAD => return Ok(None),
        Ok(httparse::Status::Partial) => return Err("the head is too long"),
        Err(httparse::Error::TooManyHeaders) => return Err("too many headers"),
        Err(_) => return Err("no HTTP"),
    };
    let code = response.code.unwrap_or_default();
    let status = StatusCode::from_u16(code).map_err(|_| "no such status")?;
    let is_11 = response.version == Some(1);
    let start = input.as_ptr().addr();
    // A copy, which the values share: the buffer stays ours and is used again as it is.
    let bytes = Bytes::copy_from_slice(input.get(..length).unwrap_or_default());
    // One more: the request's id is added to them.
    let mut reading = Reading::new(is_11, response.headers.len().saturating_add(1));
    for header in response.headers.iter() {
        let begin = header.value.as_ptr().addr().wrapping_sub(start);
        let end = begin.wrapping_add(header.value.len());
        reading.take(header.name, bytes.slice(begin..end))?;
    }
    input.advance(length);

    let bodiless = *method == Method::HEAD
        || status.is_informational()
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED;
    if reading.chunked.is_some() && reading.length.is_some() {
        // The two contradict each other. The coding counts, and nothing may follow.
        reading.headers.remove(header::CONTENT_LENGTH);
        reading.keeps = false;
    }
    let framing = match (reading.chunked, reading.length) {
        _ if bodiless => Framing::Length(0),
        (Some(()), _) => Framing::Chunked,
        (None, Some(length)) => Framing::Length(length),
        (None, None) => Framing::Close,
    };
    for name in reading.nominated {
        // An application that nominates its framing is confused; the framing is still ours to do.
        if name != header::CONTENT_LENGTH && name != header::SET_COOKIE {
            reading.headers.remove(name);
        }
    }
    Ok(Some(Head {
        status,
        headers: reading.headers,
        framing,
        keeps: reading.keeps && framing != Framing::Close,
        websocket: reading.websocket,
    }))
}

struct Reading {
    headers: HeaderMap,
    length: Option<u64>,
    chunked: Option<()>,
    keeps: bool,
    is_11: bool,
    websocket: bool,
    nominated: Vec<HeaderName>,
}

impl Reading {
    fn new(is_11: bool, headers: usize) -> Self {
        Self {
            headers: HeaderMap::with_capacity(headers),
            length: None,
            chunked: None,
            keeps: is_11,
            is_11,
            websocket: false,
            nominated: Vec::new(),
        }
    }

    fn take(&mut self, name: &str, value: Bytes) -> Result<(), &'static str> {
        let name = HeaderName::from_bytes(name.as_bytes());
        let name = name.map_err(|_| "a name of a header is none")?;
        let value = HeaderValue::from_maybe_shared(value);
        let value = value.map_err(|_| "a value of a header is none")?;
        if !is_special(name.as_str()) {
            self.headers.append(name, value);
            return Ok(());
        }
        match name {
            header::CONTENT_LENGTH => {
                let length = digits(value.as_bytes()).ok_or("Content-Length is no number")?;
                if self.length.is_some_and(|earlier| earlier != length) {
                    return Err("two values of Content-Length");
                }
                if self.length.replace(length).is_none() {
                    self.headers.insert(name, value);
                }
            }
            header::TRANSFER_ENCODING => {
                if !self.is_11
                    || self.chunked.is_some()
                    || !value.as_bytes().eq_ignore_ascii_case(b"chunked")
                {
                    return Err("Transfer-Encoding is not chunked alone");
                }
                self.chunked = Some(());
            }
            header::CONNECTION => self.connection(value.as_bytes()),
            header::UPGRADE => {
                self.websocket =
                    !self.websocket && value.as_bytes().eq_ignore_ascii_case(b"websocket");
            }
            header::SET_COOKIE if headers::sets_our_cookie(&value) => {}
            _ if headers::is_hop_by_hop(&name) => {}
            _ => {
                self.headers.append(name, value);
            }
        }
        Ok(())
    }

    fn connection(&mut self, value: &[u8]) {
        for token in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            if token.eq_ignore_ascii_case(b"keep-alive") {
                // HTTP/1.0, where it has to be said.
                self.keeps |= !self.is_11;
            } else if token.eq_ignore_ascii_case(b"close") {
                self.keeps = false;
                // Nothing that follows takes it back.
                self.is_11 = true;
            } else if !token.eq_ignore_ascii_case(b"upgrade") {
                self.nominated.extend(HeaderName::from_bytes(token));
            }
        }
    }
}

/// Whether a name begins like one of those that mean something here. Most do not.
fn is_special(name: &str) -> bool {
    matches!(
        name.as_bytes().first(),
        Some(b'c' | b't' | b'u' | b's' | b'k' | b'p' | b'h')
    )
}

/// RFC 9110, 8.6: digits, and nothing else.
fn digits(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    str::from_utf8(text).ok()?.parse().ok()
}

const MOST_HEADERS: usize = 100;
const LONGEST_HEAD: usize = 128 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    /// Status, framing, whether the connection goes on, headers.
    type Shown = (u16, Framing, bool, Vec<String>);

    fn answer(text: &str) -> Result<Option<Shown>, &'static str> {
        let mut input = BytesMut::from(text);
        let head = read(&mut input, &Method::GET)?;
        Ok(head.map(|head| {
            let shown = |(name, value): (&HeaderName, &HeaderValue)| {
                format!("{name}: {}", value.to_str().unwrap())
            };
            (
                head.status.as_u16(),
                head.framing,
                head.keeps,
                head.headers.iter().map(shown).collect(),
            )
        }))
    }

    fn framed(lines: &str) -> Result<(Framing, bool), &'static str> {
        let head = answer(&format!("HTTP/1.1 200 OK\r\n{lines}\r\n"))?.unwrap();
        Ok((head.1, head.2))
    }

    #[test]
    fn a_body_ends_where_rfc_9112_says() {
        for (lines, framing, keeps) in [
            ("Content-Length: 5\r\n", Framing::Length(5), true),
            (
                "Content-Length: 5\r\ncontent-length: 5\r\n",
                Framing::Length(5),
                true,
            ),
            (
                "Content-Length: 5\r\nConnection: Close\r\n",
                Framing::Length(5),
                false,
            ),
            (
                "Connection: close, keep-alive\r\nContent-Length: 0\r\n",
                Framing::Length(0),
                false,
            ),
            ("Transfer-Encoding: Chunked\r\n", Framing::Chunked, true),
            (
                "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
                Framing::Chunked,
                false,
            ),
            ("", Framing::Close, false),
        ] {
            assert_eq!(framed(lines), Ok((framing, keeps)), "{lines:?}");
        }
        let old = answer("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n").unwrap().unwrap();
        assert!(!old.2);
        let old = answer("HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n");
        assert!(old.unwrap().unwrap().2);
        let both = "HTTP/1.1 304 x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n";
        assert_eq!(
            answer(both),
            Ok(Some((304, Framing::Length(0), false, Vec::new())))
        );
        for bodiless in [
            "HTTP/1.1 204 No Content\r\n\r\n",
            "HTTP/1.1 304 x\r\nContent-Length: 9\r\n\r\n",
        ] {
            assert_eq!(answer(bodiless).unwrap().unwrap().1, Framing::Length(0));
        }
        let mut input = BytesMut::from("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
        let head = read(&mut input, &Method::HEAD).unwrap().unwrap();
        assert_eq!((head.framing, head.headers.len()), (Framing::Length(0), 1));
    }

    #[test]
    fn an_answer_that_can_be_read_in_two_ways_is_refused() {
        for lines in [
            "Content-Length: 5\r\nContent-Length: 6\r\n",
            "Content-Length: 5, 5\r\n",
            "Content-Length: +5\r\n",
            "Content-Length: \r\n",
            "Content-Length: 99999999999999999999999\r\n",
            "Content-Length : 5\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: identity\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "A: 1\r\n b\r\n",
            "A: \u{1}\r\n",
        ] {
            assert!(framed(lines).is_err(), "{lines:?}");
        }
        assert!(answer("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").is_err());
        assert!(answer("HTTP/2 200 OK\r\n\r\n").is_err());
        assert!(answer("no HTTP\r\n\r\n").is_err());
        assert_eq!(answer("HTTP/1.1 200 OK\r\nContent-Le"), Ok(None));
        assert!(answer(&format!("HTTP/1.1 200 OK\r\nA: {}", "a".repeat(200_000))).is_err());
    }

    #[test]
    fn what_is_for_our_connection_stays_here() {
        let text = "HTTP/1.1 200 OK\r\nSet-Cookie: theme=dark\r\nSet-Cookie: __Host-samlgate=x; Path=/\r\n\
            Keep-Alive: timeout=5\r\nConnection: keep-alive, x-hop, set-cookie\r\nX-Hop: 1\r\nUpgrade: h2c\r\n\
            Content-Length: 0\r\n\r\n";
        let (.., headers) = answer(text).unwrap().unwrap();
        assert_eq!(headers, ["set-cookie: theme=dark", "content-length: 0"]);
    }

    #[test]
    fn every_name_that_means_something_is_looked_at() {
        let named = [header::CONTENT_LENGTH, header::SET_COOKIE];
        let hop_by_hop = headers::hop_by_hop().cloned();
        for name in hop_by_hop.chain(named) {
            assert!(is_special(name.as_str()), "{name}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_a_fall(bytes: Vec<u8>, begin in 0..3_u8) {
            let start: &[u8] = match begin { 0 => b"", 1 => b"HTTP/1.1 200 OK\r\n", _ => b"HTTP/1.1 200 OK\r\nA: " };
            let mut input = BytesMut::from(&[start, &bytes, b"\r\n\r\n"].concat()[..]);
            let _ = read(&mut input, &Method::GET);
        }
    }
}
