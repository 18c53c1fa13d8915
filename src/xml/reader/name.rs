//! `QName` and `NCName`.

use super::super::XmlError;
use super::super::chars::{NAME_START, class, is_name_char, is_name_start, name_length};
use super::super::tree::Name;
use super::Reader;
use super::leaf::behind;

impl Reader<'_> {
    /// `QName`: prefix (perhaps none) and local part.
    pub(super) fn qname(&mut self) -> Result<Name, XmlError> {
        let start = self.at();
        let (length, local) = match ascii_qname(self.rest) {
            Some((length, local, rest)) => {
                self.rest = rest;
                (length, local)
            }
            None => self.any_qname()?,
        };
        self.named(start, length, local)
    }

    /// That of an element; and whether its prefix is known to be that of the element around, which
    /// in most of a message it is.
    #[inline]
    pub(super) fn element_name(&mut self) -> Result<(Name, bool), XmlError> {
        let Some(parent) = self.element(self.innermost) else {
            return Ok((self.qname()?, false));
        };
        let prefix = self.name(parent.name.prefix_and_colon());
        if let Some((local, rest)) = behind(prefix, self.rest).and_then(ascii_ncname)
            && (!prefix.is_empty() || rest.first() != Some(&b':'))
        {
            let start = self.at();
            self.rest = rest;
            let length = prefix.len().saturating_add(local.len());
            return Ok((self.named(start, length, prefix.len())?, true));
        }
        Ok((self.qname()?, false))
    }

    /// Also one in letters that are not ASCII: how long it is, and where its local part begins.
    #[cold]
    fn any_qname(&mut self) -> Result<(usize, usize), XmlError> {
        let length = self.ncname()?;
        let [b':', rest @ ..] = self.rest else {
            return Ok((length, 0));
        };
        self.rest = rest;
        let local = length.saturating_add(1);
        Ok((local.saturating_add(self.ncname()?), local))
    }

    /// A name that is so long, and its local part behind so many bytes.
    pub(super) fn named(
        &self,
        start: usize,
        length: usize,
        local: usize,
    ) -> Result<Name, XmlError> {
        self.budget.name(length)?;
        Name::new(start, length, local)
            .ok_or_else(|| XmlError::Limit { what: "bytes in one name", most: u16::MAX.into() })
    }

    /// `NCName`: how long it is.
    pub(super) fn ncname(&mut self) -> Result<usize, XmlError> {
        match ascii_ncname(self.rest) {
            Some((name, rest)) => {
                self.rest = rest;
                Ok(name.len())
            }
            None => self.any_ncname(),
        }
    }

    /// Also one in letters that are not ASCII.
    #[cold]
    fn any_ncname(&mut self) -> Result<usize, XmlError> {
        let rest = self.source.get(self.at()..).unwrap_or_default();
        if !rest.starts_with(is_name_start) {
            return Err(self.syntax("a name is missing"));
        }
        let length = rest.find(|char| !is_name_char(char)).unwrap_or(rest.len());
        self.advance(length);
        Ok(length)
    }
}

/// The `NCName` that comes next, and what follows it; if no letter of it, nor what follows, is
/// beyond ASCII.
#[inline]
pub(super) fn ascii_ncname(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let begins = class(*text.first()?) & NAME_START != 0;
    let (name, rest) = text.split_at_checked(name_length(text))?;
    (begins && rest.first()?.is_ascii()).then_some((name, rest))
}

/// The same of a `QName`: how long it is, where its local part begins, and what follows it.
#[inline]
fn ascii_qname(text: &[u8]) -> Option<(usize, usize, &[u8])> {
    let (name, rest) = ascii_ncname(text)?;
    let [b':', rest @ ..] = rest else {
        return Some((name.len(), 0, rest));
    };
    let start = name.len().saturating_add(1);
    let (local, rest) = ascii_ncname(rest)?;
    Some((start.saturating_add(local.len()), start, rest))
}
