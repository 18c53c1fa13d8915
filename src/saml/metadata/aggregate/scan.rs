//! Where one thing ends and the next begins, in a document that is never there as a whole.
//!
//! In: bytes, as they come from a file or a buffer. Out: pieces: the text up to a tag, a tag, a
//! whole element. Only as much is held as the piece at hand needs.
//!
//! What is said here is believed by nobody. Each piece is read by the one reader ([`crate::xml`]), inside
//! the start tags around it, and has to be there what it was taken for here. Content of an
//! element that stands on its own, beside more of the same, is the content of that element: so
//! the pieces together are the document, wherever they were cut.

use std::io::{ErrorKind, Read};

use memchr::memmem;

use super::super::error::MetadataError;
use crate::xml::XmlError;

/// What begins at a `<` that begins no comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    Start,
    End,
}

/// A start tag: how long it is, and whether it is the end tag as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StartTag {
    pub(super) length: usize,
    pub(super) empty: bool,
}

pub(super) struct Scanner<R> {
    source: R,
    window: Vec<u8>,
    /// Where in the window the next piece begins.
    start: usize,
    /// How many bytes have come before the window.
    before: u64,
    /// How many may come altogether.
    most: u64,
    /// How many bytes a piece may have.
    most_piece: usize,
}

/// As much is asked for at once.
const CHUNK: usize = 64 * 1024;

impl<R: Read> Scanner<R> {
    pub(super) const fn new(source: R, most: u64, most_piece: usize) -> Self {
        Self {
            source,
            window: Vec::new(),
            start: 0,
            before: 0,
            most,
            most_piece,
        }
    }

    /// What stands before the document element: how long it is.
    pub(super) fn prolog(&mut self) -> Result<usize, MetadataError> {
        const MARK: &[u8] = b"\xef\xbb\xbf";
        let mark = if self.comes(0, MARK)? { MARK.len() } else { 0 };
        if self.comes(mark, b"<?xml")? {
            let end = self.find(mark, b"?>")?.saturating_add(2);
            return self.text_from(end);
        }
        self.text_from(mark)
    }

    /// What stands before the next tag: how long it is. Comments are a part of it.
    pub(super) fn text(&mut self) -> Result<usize, MetadataError> {
        self.text_from(0)
    }

    fn text_from(&mut self, from: usize) -> Result<usize, MetadataError> {
        let mut at = self.find(from, b"<")?;
        while self.comes(at, b"<!--")? {
            at = self.behind_comment(at)?;
            at = self.find(at, b"<")?;
        }
        Ok(at)
    }

    /// What the next tag is.
    pub(super) fn tag(&mut self) -> Result<Tag, MetadataError> {
        self.tag_at(0)
    }

    fn tag_at(&mut self, at: usize) -> Result<Tag, MetadataError> {
        match self.byte(at.saturating_add(1))? {
            Some(b'/') => Ok(Tag::End),
            Some(b'!' | b'?') => Err(self.forbidden(at)?.into()),
            _ => Ok(Tag::Start),
        }
    }

    /// The local name of the start tag that comes, as it stands.
    pub(super) fn local_name(&mut self) -> Result<String, MetadataError> {
        let StartTag { length, .. } = self.start_tag()?;
        let name = name_in(self.held().get(..length).unwrap_or_default());
        let local = name.rsplit(|byte| *byte == b':').next().unwrap_or_default();
        Ok(String::from_utf8_lossy(local).into_owned())
    }

    /// The start tag that comes.
    pub(super) fn start_tag(&mut self) -> Result<StartTag, MetadataError> {
        let (length, empty) = self.start_tag_at(0)?;
        Ok(StartTag { length, empty })
    }

    /// Where a start tag ends, and whether the element does too.
    fn start_tag_at(&mut self, at: usize) -> Result<(usize, bool), MetadataError> {
        let mut at = at.saturating_add(1);
        loop {
            let byte = self.byte(at)?.ok_or_else(|| self.ends_too_early())?;
            match byte {
                b'>' => {
                    let empty = self.byte(at.saturating_sub(1))? == Some(b'/');
                    return Ok((at.saturating_add(1), empty));
                }
                b'<' => return Err(self.syntax("a tag does not end", at).into()),
                quote @ (b'"' | b'\'') => {
                    at = self.find(at.saturating_add(1), &[quote])?.saturating_add(1);
                }
                _ => at = at.saturating_add(1),
            }
        }
    }

    /// The end tag that comes: how long it is.
    pub(super) fn end_tag(&mut self) -> Result<usize, MetadataError> {
        Ok(self.find(0, b">")?.saturating_add(1))
    }

    /// The element that comes: how long it is.
    pub(super) fn element(&mut self) -> Result<usize, MetadataError> {
        let (mut at, empty) = self.start_tag_at(0)?;
        let mut depth = u32::from(!empty);
        while depth > 0 {
            at = self.text_from(at)?;
            if self.tag_at(at)? == Tag::End {
                at = self.find(at, b">")?.saturating_add(1);
                depth = depth.saturating_sub(1);
            } else {
                let (behind, empty) = self.start_tag_at(at)?;
                at = behind;
                depth = depth.saturating_add(u32::from(!empty));
            }
        }
        Ok(at)
    }

    /// All that is left: how long it is.
    pub(super) fn rest(&mut self) -> Result<usize, MetadataError> {
        while self.fill()? {}
        Ok(self.held().len())
    }

    /// Where in the whole the next piece begins.
    pub(super) fn at(&self) -> u64 {
        self.before.saturating_add(u64::try_from(self.start).unwrap_or(u64::MAX))
    }

    /// The piece that has this length; the next one begins behind it.
    pub(super) fn take(&mut self, length: usize) -> &[u8] {
        let start = self.start;
        let end = start.saturating_add(length).min(self.window.len());
        self.start = end;
        self.window.get(start..end).unwrap_or_default()
    }

    fn held(&self) -> &[u8] {
        self.window.get(self.start..).unwrap_or_default()
    }

    fn byte(&mut self, at: usize) -> Result<Option<u8>, MetadataError> {
        loop {
            if let Some(byte) = self.held().get(at) {
                return Ok(Some(*byte));
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// Whether this text stands there.
    fn comes(&mut self, at: usize, text: &[u8]) -> Result<bool, MetadataError> {
        let end = at.saturating_add(text.len());
        while self.held().len() < end && self.fill()? {}
        Ok(self.held().get(at..end) == Some(text))
    }

    /// Where this text stands first, from there on.
    fn find(&mut self, from: usize, text: &[u8]) -> Result<usize, MetadataError> {
        let mut from = from;
        loop {
            let held = self.held().get(from..).unwrap_or_default();
            let found = match text {
                [byte] => memchr::memchr(*byte, held),
                _ => memmem::find(held, text),
            };
            if let Some(found) = found {
                return Ok(from.saturating_add(found));
            }
            // Its beginning may be there already.
            let searched = held.len().saturating_sub(text.len().saturating_sub(1));
            from = from.saturating_add(searched);
            if !self.fill()? {
                return Err(self.ends_too_early());
            }
        }
    }

    fn behind_comment(&mut self, at: usize) -> Result<usize, MetadataError> {
        let end = self.find(at.saturating_add(4), b"-->")?;
        Ok(end.saturating_add(3))
    }

    /// Asks for more; whether any came.
    fn fill(&mut self) -> Result<bool, MetadataError> {
        if self.held().len() > self.most_piece {
            let most = self.most_piece;
            return Err(XmlError::Limit { what: "bytes in one entity", most }.into());
        }
        if self.start >= CHUNK {
            self.before = self.at();
            self.window.drain(..self.start);
            self.start = 0;
        }
        let held = self.window.len();
        self.window.resize(held.saturating_add(CHUNK), 0);
        let read = self.read_at(held);
        self.window.truncate(held.saturating_add(*read.as_ref().unwrap_or(&0)));
        let whole = u64::try_from(self.window.len()).unwrap_or(u64::MAX);
        if self.before.saturating_add(whole) > self.most {
            let most = usize::try_from(self.most).unwrap_or(usize::MAX);
            return Err(XmlError::Limit { what: "bytes", most }.into());
        }
        Ok(read? > 0)
    }

    fn read_at(&mut self, held: usize) -> Result<usize, MetadataError> {
        let room = self.window.get_mut(held..).unwrap_or_default();
        loop {
            match self.source.read(room) {
                Ok(read) => return Ok(read.min(room.len())),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(MetadataError::Read(error.to_string())),
            }
        }
    }

    /// What begins with `<!` or `<?` and is no comment.
    fn forbidden(&mut self, at: usize) -> Result<XmlError, MetadataError> {
        let place = self.place(at);
        Ok(if self.comes(at, b"<?")? {
            XmlError::ForbiddenNode { what: "a processing instruction", at: place }
        } else if self.comes(at, b"<![CDATA[")? {
            XmlError::ForbiddenNode { what: "a CDATA section", at: place }
        } else if self.comes(at, b"<!DOCTYPE")? {
            XmlError::Dtd { what: "a DOCTYPE", at: place }
        } else {
            XmlError::Syntax { what: "not the beginning of anything", at: place }
        })
    }

    fn ends_too_early(&self) -> MetadataError {
        self.syntax("the document ends too early", self.held().len()).into()
    }

    fn syntax(&self, what: &'static str, at: usize) -> XmlError {
        XmlError::Syntax { what, at: self.place(at) }
    }

    fn place(&self, at: usize) -> usize {
        usize::try_from(self.at()).unwrap_or(usize::MAX).saturating_add(at)
    }
}

/// The name in a tag, as it stands.
pub(super) fn name_in(tag: &[u8]) -> &[u8] {
    let name = tag.strip_prefix(b"<").unwrap_or(tag);
    let end = name.iter().position(|byte| b" \t\r\n/>".contains(byte));
    name.get(..end.unwrap_or(name.len())).unwrap_or_default()
}
