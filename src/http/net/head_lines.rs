//! Two lengths in one head.
//!
//! A request with `Content-Length` and `Transfer-Encoding` is read by the latter, and hyper takes
//! the former out before anybody can see that it was there (RFC 9112, 6.3, which also lets us
//! refuse it). So the lines of a head are looked at as they come. Of requests that are sent before
//! the answer to the one before them not all are seen; hyper closes their connection, so that
//! nothing can hide behind them.

/// Looks at the lines of one head, in whatever pieces they come.
#[derive(Debug, Default)]
pub(crate) struct HeadLines {
    /// The beginning of a line whose rest has not come.
    partial: Vec<u8>,
    begun: bool,
    length: bool,
    coding: bool,
}

impl HeadLines {
    /// Takes what has come; at the end of a head, whether it has two lengths.
    pub(crate) fn see(&mut self, bytes: &[u8]) -> Option<bool> {
        let mut begin = 0;
        for end in memchr::memchr_iter(b'\n', bytes) {
            let line = bytes.get(begin..end).unwrap_or_default();
            begin = end.saturating_add(1);
            let is_end = if self.partial.is_empty() {
                self.line(line)
            } else {
                let mut whole = std::mem::take(&mut self.partial);
                whole.extend(line.iter().take(LONGEST));
                self.line(&whole)
            };
            if is_end {
                let two = self.length && self.coding;
                *self = Self::default();
                return Some(two);
            }
        }
        let room = LONGEST.saturating_sub(self.partial.len());
        self.partial.extend(bytes.iter().skip(begin).take(room));
        None
    }

    /// Whether it is the empty one.
    fn line(&mut self, line: &[u8]) -> bool {
        let is_empty = matches!(line, b"" | b"\r");
        // Empty lines before a request are none of it (RFC 9112, 2.2).
        if is_empty {
            return self.begun;
        }
        self.begun = true;
        match line.first() {
            Some(b'c' | b'C') => self.length |= names(line, b"content-length"),
            Some(b't' | b'T') => self.coding |= names(line, b"transfer-encoding"),
            _ => {}
        }
        false
    }
}

fn names(line: &[u8], name: &[u8]) -> bool {
    let found = line.get(..name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name));
    found && matches!(line.get(name.len()), None | Some(b':' | b' ' | b'\t'))
}

/// Longer than the names that are looked for.
const LONGEST: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str, piece: usize) -> Option<bool> {
        let mut lines = HeadLines::default();
        text.as_bytes().chunks(piece).find_map(|bytes| lines.see(bytes))
    }

    #[test]
    fn two_lengths_are_found_in_whatever_pieces_they_come() {
        let long = format!("X-Long: {}\r\n", "c".repeat(100));
        for (lines, two) in [
            (
                "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n".to_owned(),
                true,
            ),
            (
                "TRANSFER-ENCODING: chunked\r\nX: y\r\ncontent-length:5\r\n".to_owned(),
                true,
            ),
            (
                format!("{long}content-length: 1\r\n{long}transfer-encoding: chunked\r\n"),
                true,
            ),
            ("Content-Length: 5\r\n".to_owned(), false),
            ("Transfer-Encoding: chunked\r\n".to_owned(), false),
            (
                "Content-Length-Of: 5\r\nTransfer-Encoding: chunked\r\n".to_owned(),
                false,
            ),
            (
                "X: Content-Length: 5\r\nTransfer-Encoding: chunked\r\n".to_owned(),
                false,
            ),
        ] {
            let text =
                format!("\r\nPOST /content-length HTTP/1.1\r\n{lines}\r\nContent-Length: 5\r\n");
            for piece in [1, 2, 3, 7, 1000] {
                assert_eq!(seen(&text, piece), Some(two), "{text} {piece}");
            }
        }
        assert_eq!(seen("GET / HTTP/1.1\r\nHost: a\r\n", 5), None);
    }
}
