//! The start tags that are open around a piece.
//!
//! A piece in its frame is a small document, and the frame is what it inherits: namespaces, and until
//! when it is valid.

use super::scan::name_in;
use crate::saml::metadata::error::MetadataError;
use crate::xml::{Document, Element, Limits, Mode, XmlError};

#[derive(Clone, Debug, Default)]
pub(super) struct Frame {
    /// Outermost first.
    start_tags: Vec<u8>,
    /// Of those further out than the innermost.
    outer_end_tags: Vec<u8>,
    /// Of the innermost.
    end_tag: Vec<u8>,
    depth: usize,
}

impl Frame {
    /// It is a part of every piece.
    const MOST_BYTES: usize = 16 * 1024;

    /// The same with one more open inside.
    pub(super) fn with(&self, start_tag: &[u8]) -> Result<Self, MetadataError> {
        let start_tags = [&self.start_tags, start_tag].concat();
        if start_tags.len() > Self::MOST_BYTES {
            let most = Self::MOST_BYTES;
            return Err(XmlError::Limit { what: "bytes in open start tags", most }.into());
        }
        Ok(Self {
            start_tags,
            outer_end_tags: [&*self.end_tag, &self.outer_end_tags].concat(),
            end_tag: [b"</", name_in(start_tag), b">"].concat(),
            depth: self.depth.saturating_add(1),
        })
    }

    /// The frame with this in it.
    pub(super) fn around(&self, piece: &[u8]) -> Vec<u8> {
        [&self.start_tags, piece, &self.end_tag, &self.outer_end_tags].concat()
    }

    /// The frame with nothing in it and this end tag for its own.
    pub(super) fn ending_in(&self, end_tag: &[u8]) -> Vec<u8> {
        [&self.start_tags, end_tag, &self.outer_end_tags].concat()
    }

    /// The frame with this in it, read.
    pub(super) fn document(&self, piece: &[u8]) -> Result<Document, MetadataError> {
        let (mode, limits) = (Mode::Metadata, Limits::metadata());
        Ok(Document::parse_owned(self.around(piece), mode, &limits)?)
    }

    /// The one element that stands in the frame.
    pub(super) fn only_child<'d>(&self, root: Element<'d>) -> Result<Element<'d>, MetadataError> {
        let innermost = self.innermost(root)?;
        let mut children = innermost.children();
        match (children.next(), children.next()) {
            (Some(only), None) if !innermost.has_text() => Ok(only),
            _ => Err(cut_elsewhere()),
        }
    }

    /// The innermost element of the frame, if there is only white space in it.
    pub(super) fn nothing_in<'d>(&self, root: Element<'d>) -> Result<Element<'d>, MetadataError> {
        let innermost = self.innermost(root)?;
        if innermost.children().next().is_some() || innermost.has_text() {
            return Err(cut_elsewhere());
        }
        Ok(innermost)
    }

    fn innermost<'d>(&self, root: Element<'d>) -> Result<Element<'d>, MetadataError> {
        let mut innermost = root;
        for _ in 1..self.depth {
            innermost = innermost.children().next().ok_or_else(cut_elsewhere)?;
        }
        Ok(innermost)
    }
}

fn cut_elsewhere() -> MetadataError {
    let what = "between entities stands something else";
    XmlError::Syntax { what, at: 0 }.into()
}
