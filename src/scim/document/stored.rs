//! A document that nobody has looked into yet.

use std::borrow::Cow;

use super::Document;

/// A document as a store has it: the text that [`Document::to_json`] wrote, until somebody looks
/// into it. Most are only passed on.
#[derive(Clone, Debug)]
pub enum StoredDocument {
    /// Not read.
    Text(String),
    /// Read.
    Read(Document),
}

impl StoredDocument {
    /// The document. What a store kept and is no document is an empty one.
    pub fn read(&self) -> Cow<'_, Document> {
        match self {
            Self::Text(text) => Cow::Owned(Document::stored(text).unwrap_or_default()),
            Self::Read(document) => Cow::Borrowed(document),
        }
    }
}

impl PartialEq for StoredDocument {
    fn eq(&self, other: &Self) -> bool {
        self.read() == other.read()
    }
}

impl From<Document> for StoredDocument {
    fn from(document: Document) -> Self {
        Self::Read(document)
    }
}
