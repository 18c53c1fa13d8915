//! The chunked transfer coding (RFC 9112, 7.1).
//!
//! In: bytes as an application sends them, in whatever pieces. Out: data and trailers. Whatever is
//! not exactly a chunk ends the connection: a reader that guesses can be played against another.

use bytes::Buf as _;
use bytes::Bytes;
use bytes::BytesMut;
use http::HeaderMap;
use http::header::HeaderName;
use http::header::HeaderValue;

/// What comes next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Chunks {
    /// The line with a chunk's size.
    #[default]
    Size,
    /// So many bytes of a chunk.
    Data(u64),
    /// The end of the line after a chunk's data.
    DataEnd,
    /// Trailers, and the empty line.
    Trailers,
    /// Nothing.
    End,
}

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub enum Decoded {
    /// Of the body.
    Data(Bytes),
    /// What follows it; at least one.
    Trailers(HeaderMap),
    /// There is nothing more.
    End,
    /// More bytes are needed.
    Nothing,
}

impl Chunks {
    /// Takes what it can from the front of `input`.
    pub fn decode(&mut self, input: &mut BytesMut) -> Result<Decoded, &'static str> {
        loop {
            match *self {
                Self::Size => {
                    let Some(end) = memchr::memchr(b'\n', input) else {
                        return if input.len() > LONGEST_LINE {
                            Err("a chunk without size")
                        } else {
                            Ok(Decoded::Nothing)
                        };
                    };
                    if end > LONGEST_LINE {
                        return Err("a chunk without size");
                    }
                    let line = input.split_to(end.saturating_add(1));
                    let line =
                        line.strip_suffix(b"\r\n").ok_or("a chunk's size ends without CR")?;
                    *self = match size(line).ok_or("a chunk's size is no number")? {
                        0 => Self::Trailers,
                        size => Self::Data(size),
                    };
                }
                Self::Data(left) => {
                    if input.is_empty() {
                        return Ok(Decoded::Nothing);
                    }
                    let count = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
                    let data = input.split_to(count).freeze();
                    let left = left.saturating_sub(u64::try_from(count).unwrap_or(u64::MAX));
                    *self = if left == 0 {
                        Self::DataEnd
                    } else {
                        Self::Data(left)
                    };
                    return Ok(Decoded::Data(data));
                }
                Self::DataEnd => {
                    let Some(end) = input.get(..2) else {
                        return Ok(Decoded::Nothing);
                    };
                    if end != b"\r\n" {
                        return Err("a chunk is longer than its size");
                    }
                    input.advance(2);
                    *self = Self::Size;
                }
                Self::Trailers => {
                    let mut slots = [httparse::EMPTY_HEADER; MOST_TRAILERS];
                    let (length, trailers) = match httparse::parse_headers(input, &mut slots) {
                        Ok(httparse::Status::Complete((length, headers)))
                            if length <= LONGEST_TRAILERS =>
                        {
                            (length, read(headers)?)
                        }
                        Ok(httparse::Status::Partial) if input.len() < LONGEST_TRAILERS => {
                            return Ok(Decoded::Nothing);
                        }
                        _ => return Err("the trailers are no headers"),
                    };
                    input.advance(length);
                    *self = Self::End;
                    if !trailers.is_empty() {
                        return Ok(Decoded::Trailers(trailers));
                    }
                }
                Self::End => return Ok(Decoded::End),
            }
        }
    }
}

/// Hexadecimal digits, and extensions that are ignored.
fn size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|byte| *byte == b';').next()?;
    let blanks = digits.iter().rev().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let digits = digits.get(..digits.len().saturating_sub(blanks)).unwrap_or_default();
    // 15 digits are a petabyte, and do not overflow.
    if digits.is_empty() || digits.len() > 15 || line.contains(&b'\r') {
        return None;
    }
    digits.iter().try_fold(0_u64, |sum, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        sum.checked_mul(16)?.checked_add(u64::from(digit))
    })
}

fn read(headers: &[httparse::Header<'_>]) -> Result<HeaderMap, &'static str> {
    let mut trailers = HeaderMap::with_capacity(headers.len());
    for header in headers {
        let name = HeaderName::from_bytes(header.name.as_bytes());
        let value = HeaderValue::from_bytes(header.value);
        let (Ok(name), Ok(value)) = (name, value) else {
            return Err("the trailers are no headers");
        };
        trailers.append(name, value);
    }
    Ok(trailers)
}

/// Extensions are allowed and never used; nobody sends long ones for a good reason.
const LONGEST_LINE: usize = 1024;
const LONGEST_TRAILERS: usize = 16 * 1024;
const MOST_TRAILERS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of bytes that arrive in pieces of this length.
    fn decoded(
        text: &[u8],
        piece: usize,
    ) -> Result<(String, Option<String>, String), &'static str> {
        let (mut chunks, mut input) = (Chunks::default(), BytesMut::new());
        let (mut data, mut trailers) = (Vec::new(), None);
        let mut pieces = text.chunks(piece);
        loop {
            match chunks.decode(&mut input)? {
                Decoded::Data(bytes) => data.extend_from_slice(&bytes),
                Decoded::Trailers(headers) => trailers = Some(format!("{headers:?}")),
                Decoded::End => {
                    let rest: Vec<u8> =
                        input.iter().copied().chain(pieces.flatten().copied()).collect();
                    return Ok((
                        String::from_utf8(data).unwrap(),
                        trailers,
                        String::from_utf8(rest).unwrap(),
                    ));
                }
                Decoded::Nothing => input.extend_from_slice(pieces.next().ok_or("cut off")?),
            }
        }
    }

    #[test]
    fn chunks_are_put_together_however_they_arrive() {
        let text = b"3\r\none\r\n0B;x=\"y\"\r\n and two !\n\r\n0\r\nX-Sum: 1\r\n\r\nHTTP/1.1";
        for piece in 1..text.len() {
            let (data, trailers, rest) = decoded(text, piece).unwrap();
            assert_eq!(data, "one and two !\n");
            assert_eq!(trailers.as_deref(), Some("{\"x-sum\": \"1\"}"));
            assert_eq!(rest, "HTTP/1.1");
        }
        assert_eq!(
            decoded(b"0\r\n\r\n", 9).unwrap(),
            (String::new(), None, String::new())
        );
    }

    #[test]
    fn what_is_not_exactly_a_chunk_is_refused() {
        for text in [
            "\r\n",
            "x\r\n",
            "-1\r\n",
            "+1\r\na\r\n",
            " 1\r\na\r\n",
            "0x1\r\na\r\n",
            "1\na\r\n0\r\n\r\n",
            "1\r\nab\r\n0\r\n\r\n",
            "1\r\na\n0\r\n\r\n",
            "1000000000000000\r\n",
            ";x\r\n",
            "1\r\r\na\r\n",
            "1\x0c\r\na\r\n0\r\n\r\n",
            "0\r\nno trailer\r\n\r\n",
            "0\r\n X: folded\r\n\r\n",
        ] {
            assert!(decoded(text.as_bytes(), 100).is_err(), "{text:?}");
        }
        assert!(decoded(&[b'0'; 2000], 100).is_err());
        assert_eq!(decoded(b"5\r\nabc", 100).unwrap_err(), "cut off");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_a_fall(bytes: Vec<u8>) {
            let _ = decoded(&bytes, 7);
        }
    }
}
