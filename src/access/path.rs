//! One path for routing, policy and the application.
//!
//! In: the path of a request as it was sent. Out: its normal form (RFC 3986, 6.2.2), or a refusal
//! when an application could read it as another path than we do. The request goes on with the
//! path as it was sent; what is promised is that no usual reading of it leads anywhere else.

use std::borrow::Cow;

use crate::base::ErrorCode;

/// Why a path is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathRefusal {
    /// `*`, an authority, or nothing.
    #[error("the path does not begin with /")]
    Relative,
    /// A control character, raw or encoded.
    #[error("the path holds a control character")]
    Control,
    /// `\`, `%5C` or `%2F`: some applications read these as `/`.
    #[error("the path holds a backslash or an encoded slash")]
    Separator,
    /// `.` or `..` as a segment, also encoded, also before a path parameter (`/..;/`).
    #[error("the path holds a dot segment")]
    DotSegment,
    /// `//`: some applications read it as `/`.
    #[error("the path holds an empty segment")]
    EmptySegment,
    /// `%` without two hexadecimal digits.
    #[error("the path holds a broken percent-encoding")]
    Encoding,
}

impl PathRefusal {
    /// `proxy.request`, whatever the reason.
    pub const fn code(self) -> ErrorCode {
        ErrorCode::ProxyRequest
    }
}

/// The normal form of a path: unreserved characters are decoded, everything else that is encoded
/// has upper-case digits, bytes outside ASCII are encoded.
///
/// ```
/// use samlgate::access::{PathRefusal, normalise};
/// assert_eq!(normalise("/reports/2026").unwrap(), "/reports/2026");
/// assert_eq!(normalise("/%61dmin/caf%c3%a9").unwrap(), "/admin/caf%C3%A9");
/// assert_eq!(normalise("/a/%2e%2e/admin"), Err(PathRefusal::DotSegment));
/// assert_eq!(normalise("/a%2Fadmin"), Err(PathRefusal::Separator));
/// ```
pub fn normalise(path: &str) -> Result<Cow<'_, str>, PathRefusal> {
    if !path.starts_with('/') {
        return Err(PathRefusal::Relative);
    }
    let plain = |byte: u8| byte > b' ' && byte < 0x7f && !matches!(byte, b'%' | b'\\');
    let normal = if path.bytes().all(plain) {
        Cow::Borrowed(path)
    } else {
        Cow::Owned(decode(path)?)
    };
    let mut segments = normal.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let name = without_parameters(segment);
        if name == "." || name == ".." {
            return Err(PathRefusal::DotSegment);
        }
        // `/;/admin` is `//admin` to them, and `/admin` to those who join slashes.
        let last = segments.peek().is_none();
        if name.is_empty() && !(segment.is_empty() && last) {
            return Err(PathRefusal::EmptySegment);
        }
    }
    Ok(normal)
}

/// A segment as Tomcat and others look at it, who cut `;…` off. Some of them have decoded it before.
pub(in crate::access) fn without_parameters(segment: &str) -> &str {
    let name = segment.split(';').next().unwrap_or_default();
    name.split("%3B").next().unwrap_or_default()
}

fn decode(path: &str) -> Result<String, PathRefusal> {
    let mut normal = String::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let mut digit = || {
                    let digit = bytes.next().and_then(|digit| char::from(digit).to_digit(16));
                    digit.and_then(|digit| u8::try_from(digit).ok()).ok_or(PathRefusal::Encoding)
                };
                let value = digit()? * 16 + digit()?;
                match value {
                    0..=0x1f | 0x7f => return Err(PathRefusal::Control),
                    b'/' | b'\\' => return Err(PathRefusal::Separator),
                    b'-' | b'.' | b'_' | b'~' => normal.push(char::from(value)),
                    _ if value.is_ascii_alphanumeric() => normal.push(char::from(value)),
                    _ => encode(value, &mut normal),
                }
            }
            b'\\' => return Err(PathRefusal::Separator),
            0..=0x1f | 0x7f => return Err(PathRefusal::Control),
            b' ' | 0x80.. => encode(byte, &mut normal),
            _ => normal.push(char::from(byte)),
        }
    }
    Ok(normal)
}

fn encode(byte: u8, out: &mut String) {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
    ];
    out.push('%');
    for digit in [byte >> 4, byte & 15] {
        out.extend(DIGITS.get(usize::from(digit)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_two_programs_could_read_differently_is_refused() {
        for (path, refusal) in [
            ("", PathRefusal::Relative),
            ("*", PathRefusal::Relative),
            ("admin", PathRefusal::Relative),
            ("/a/../admin", PathRefusal::DotSegment),
            ("/..", PathRefusal::DotSegment),
            ("/a/.", PathRefusal::DotSegment),
            ("/a/./b", PathRefusal::DotSegment),
            ("/a/%2e%2E/admin", PathRefusal::DotSegment),
            ("/a/.%2e/admin", PathRefusal::DotSegment),
            ("/a/..;/admin", PathRefusal::DotSegment),
            ("/a/..;x=1/admin", PathRefusal::DotSegment),
            ("/a/..%3b/admin", PathRefusal::DotSegment),
            ("/a/.%3Bx=1/admin", PathRefusal::DotSegment),
            ("/%3bx/admin", PathRefusal::EmptySegment),
            ("//admin", PathRefusal::EmptySegment),
            ("/a//admin", PathRefusal::EmptySegment),
            ("/a//", PathRefusal::EmptySegment),
            ("/;/admin", PathRefusal::EmptySegment),
            ("/;a=b/admin", PathRefusal::EmptySegment),
            ("/a/;x/b", PathRefusal::EmptySegment),
            ("/a/;", PathRefusal::EmptySegment),
            ("/a%2fadmin", PathRefusal::Separator),
            ("/a%2Fadmin", PathRefusal::Separator),
            ("/a%5cadmin", PathRefusal::Separator),
            ("/a\\admin", PathRefusal::Separator),
            ("/\\evil.example", PathRefusal::Separator),
            ("/a%00", PathRefusal::Control),
            ("/a%0d%0aX: y", PathRefusal::Control),
            ("/a%7f", PathRefusal::Control),
            ("/a\tb", PathRefusal::Control),
            ("/a%", PathRefusal::Encoding),
            ("/a%4", PathRefusal::Encoding),
            ("/a%zz", PathRefusal::Encoding),
            ("/a%+1", PathRefusal::Encoding),
        ] {
            assert_eq!(normalise(path), Err(refusal), "{path:?}");
            assert_eq!(refusal.code(), ErrorCode::ProxyRequest);
        }
    }

    #[test]
    fn equal_paths_have_one_normal_form() {
        for (path, normal) in [
            ("/", "/"),
            ("/a/", "/a/"),
            ("/a/b.c/...", "/a/b.c/..."),
            ("/.well-known/x", "/.well-known/x"),
            ("/%41%2d%7e%5F%2e", "/A-~_."),
            ("/caf\u{e9}", "/caf%C3%A9"),
            ("/%3f%23%25", "/%3F%23%25"),
            ("/feature%252Flogin", "/feature%252Flogin"),
            ("/a;v=1/b", "/a;v=1/b"),
            ("/a%3bv=1/b", "/a%3Bv=1/b"),
        ] {
            assert_eq!(normalise(path).as_deref(), Ok(normal), "{path:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn normalising_twice_changes_nothing(path in "/[ -~]{0,40}") {
            if let Ok(once) = normalise(&path) {
                assert_eq!(normalise(&once).as_deref(), Ok(once.as_ref()));
            }
        }
    }
}
