//! Elements that are signed, and too large for one tree.
//!
//! In: the content of such an element, piece by piece. Each comes in a small document of its own,
//! inside the start tags that are open around it there: a *frame*. Out: [`Whole`], verified, or the
//! reason against it. Promised:
//!
//! - What is digested is the canonical form of the whole. C14N of an element depends on the start
//!   tags around it and on itself; both are in the small document. What the tags of the frame
//!   come to is known from the frame alone, and what lies between them is what the piece adds.
//! - SignedInfo, its signature and its Reference are under the rules of `dsig::verify`, which see the
//!   root's start tag with the Signature in it.
//! - Nothing can be read before all of it was digested and compared: what [`Pieces::keep`] makes of a
//!   piece is locked up until [`Pieces::finish`].
//! - A piece that comes again later has to have the same canonical bytes, frame included
//!   (`Verified::<Whole>::piece`).

use openssl::sha::sha256;

use super::algorithm::{DigestMethod, Digesting};
use super::canonicalization::Canonicalization;
use super::signed_info::SignedInfo;
use super::verify::announced;
use super::{DsigError, SignedBy, Trust};
use crate::base::Checks;
use crate::xml::c14n::{self, Output as _};
use crate::xml::{Document, Element, ns};

/// A signed element whose content comes in pieces. See the module.
pub struct Pieces<T> {
    announced: Announced,
    digesting: Digesting,
    frame: Frame,
    kept: Vec<Kept<T>>,
    /// For canonical bytes, used again and again.
    buffer: Vec<u8>,
}

impl<T> Pieces<T> {
    /// Begins with the root element. `frame` is its start tag and its end tag; `head` is the same
    /// with what stands in it up to and including its Signature. `None` when there is no Signature.
    ///
    /// What the Signature announces is signed by a key of `trust` when this returns.
    pub fn begin(
        frame: &Document,
        head: &Document,
        trust: Trust<'_>,
        checks: &mut Checks,
    ) -> Result<Option<Self>, DsigError> {
        let Some(announced) = announced(head.root(), trust, checks)? else {
            return Ok(None);
        };
        let mut pieces = Self {
            digesting: Digesting::new(announced.digest_method),
            announced,
            frame: Frame::default(),
            kept: Vec::new(),
            buffer: Vec::new(),
        };
        pieces.open(frame)?;
        let root = head.root();
        pieces.digest(root.narrowed(root.child(ns::DS, "Signature")))?;
        Ok(Some(pieces))
    }

    /// An element begins whose content comes in pieces too: `frame` is all start tags that are open
    /// then, and their end tags.
    pub fn open(&mut self, frame: &Document) -> Result<(), DsigError> {
        self.canonicalize(frame.root());
        let start_tag = self.frame.open(&self.buffer, frame)?;
        self.digesting.write(start_tag);
        Ok(())
    }

    /// The element that began last ends.
    pub fn close(&mut self) -> Result<(), DsigError> {
        let end_tag = self.frame.close()?;
        self.digesting.write(&end_tag);
        Ok(())
    }

    /// A piece that nobody will ask for, in its frame.
    pub fn pass(&mut self, document: &Document) -> Result<(), DsigError> {
        self.digest(document.root())
    }

    /// A piece of which something is kept, in its frame. `read` sees what is digested and nothing
    /// else; what it says can be read when all was verified.
    pub fn keep<E: From<DsigError>>(
        &mut self,
        document: &Document,
        read: impl FnOnce(Element<'_>) -> Result<T, E>,
    ) -> Result<(), E> {
        let root = document.root();
        self.digest(root)?;
        let fingerprint = sha256(&self.buffer);
        let value = read(root)?;
        self.kept.push(Kept { fingerprint, value });
        Ok(())
    }

    /// All of it, and whose it is, if the digest is the one that was signed.
    pub(super) fn ended(self) -> Result<(Whole<T>, SignedBy), DsigError> {
        if !self.frame.ends.is_empty() {
            return Err(OUT_OF_PLACE);
        }
        let digest = self.digesting.finish();
        if digest.as_ref() != self.announced.digest.as_slice() {
            return Err(DsigError::Digest);
        }
        let whole = Whole { c14n: self.announced.c14n, kept: self.kept };
        Ok((whole, self.announced.signed_by))
    }

    fn digest(&mut self, root: Element<'_>) -> Result<(), DsigError> {
        self.canonicalize(root);
        let piece = self.frame.inside(&self.buffer)?;
        self.digesting.write(piece);
        Ok(())
    }

    fn canonicalize(&mut self, root: Element<'_>) {
        self.buffer.clear();
        self.announced.c14n.write(root, &mut self.buffer);
    }
}

impl<T> std::fmt::Debug for Pieces<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pieces").field("kept", &self.kept.len()).finish_non_exhaustive()
    }
}

/// All pieces of an element that was signed.
#[derive(Clone, Debug)]
pub struct Whole<T> {
    c14n: C14n,
    kept: Vec<Kept<T>>,
}

impl<T> Whole<T> {
    pub(super) fn kept(&self) -> impl ExactSizeIterator<Item = &T> {
        self.kept.iter().map(|kept| &kept.value)
    }

    pub(super) fn is_piece<'d>(
        &self,
        number: usize,
        document: &'d Document,
    ) -> Option<Element<'d>> {
        let root = document.root();
        let mut bytes = Vec::new();
        self.c14n.write(root, &mut bytes);
        let kept = self.kept.get(number)?;
        (kept.fingerprint == sha256(&bytes)).then(|| root.narrowed(None))
    }
}

#[derive(Clone, Debug)]
struct Kept<T> {
    /// SHA-256 of its canonical form, with the frame.
    fingerprint: [u8; 32],
    value: T,
}

/// What a signature says of content that has not come yet. The signature itself was verified.
pub(super) struct Announced {
    c14n: C14n,
    digest_method: DigestMethod,
    digest: Vec<u8>,
    signed_by: SignedBy,
}

impl Announced {
    pub(super) fn new(signed_info: &SignedInfo<'_>, signed_by: SignedBy) -> Self {
        let c14n = match &signed_info.c14n {
            Canonicalization::Exclusive(prefixes) => {
                C14n::Exclusive(prefixes.iter().map(|prefix| (*prefix).to_owned()).collect())
            }
            Canonicalization::Inclusive(version) => C14n::Inclusive(*version),
        };
        Self {
            c14n,
            digest_method: signed_info.digest_method,
            digest: signed_info.digest.clone(),
            signed_by,
        }
    }
}

/// [`Canonicalization`] without the document that named it.
#[derive(Clone, Debug)]
enum C14n {
    Exclusive(Vec<String>),
    Inclusive(c14n::Version),
}

impl C14n {
    fn write(&self, element: Element<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Exclusive(prefixes) => {
                let prefixes: Vec<&str> = prefixes.iter().map(String::as_str).collect();
                c14n::exclusive(element, &prefixes, out);
            }
            Self::Inclusive(version) => c14n::inclusive(element, *version, out),
        }
    }
}

/// The tags that are open, in canonical form.
#[derive(Default)]
struct Frame {
    /// The start tags, outermost first.
    before: Vec<u8>,
    /// Where in `before` each of them begins, and its end tag.
    ends: Vec<(usize, Vec<u8>)>,
}

impl Frame {
    /// One more is open: the innermost of `frame`, whose canonical form is given. Its start tag.
    fn open<'c>(&mut self, canonical: &'c [u8], frame: &Document) -> Result<&'c [u8], DsigError> {
        let mut innermost = frame.root();
        let mut depth = 1_usize;
        while let Some(child) = innermost.children().next() {
            innermost = child;
            depth = depth.saturating_add(1);
        }
        let colon = if innermost.prefix().is_empty() {
            ""
        } else {
            ":"
        };
        let name = [innermost.prefix(), colon, innermost.local_name()].concat();
        let end_tag = format!("</{name}>").into_bytes();
        let both = self.inside(canonical)?;
        let start_tag = both.strip_suffix(end_tag.as_slice()).ok_or(OUT_OF_PLACE)?;
        if depth != self.ends.len().saturating_add(1) || !start_tag.starts_with(b"<") {
            return Err(OUT_OF_PLACE);
        }
        self.ends.push((self.before.len(), end_tag));
        self.before.extend_from_slice(start_tag);
        Ok(start_tag)
    }

    /// The innermost one ends. Its end tag.
    fn close(&mut self) -> Result<Vec<u8>, DsigError> {
        let (start, end_tag) = self.ends.pop().ok_or(OUT_OF_PLACE)?;
        self.before.truncate(start);
        Ok(end_tag)
    }

    /// What a canonical form has between the tags that are open.
    fn inside<'c>(&self, canonical: &'c [u8]) -> Result<&'c [u8], DsigError> {
        let mut inside = canonical.strip_prefix(self.before.as_slice()).ok_or(OUT_OF_PLACE)?;
        for (_, end_tag) in &self.ends {
            inside = inside.strip_suffix(end_tag.as_slice()).ok_or(OUT_OF_PLACE)?;
        }
        Ok(inside)
    }
}

const OUT_OF_PLACE: DsigError =
    DsigError::Structure("a piece of the document does not stand in its place");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Timestamp;
    use crate::dsig::{Place, SigningKey, TrustedKeys, Verified, sign_enveloped};
    use crate::xml::{Limits, Mode};

    fn read(text: &str) -> Document {
        Document::parse(text.as_bytes(), Mode::Metadata, &Limits::metadata()).unwrap()
    }

    fn framed(piece: &str) -> Document {
        read(&format!("<a ID='_a'>{piece}</a>"))
    }

    /// `<a>` with `<b>1</b><c>2</c>` in it is signed; these come.
    fn with(pieces: &[&str]) -> Result<Verified<Whole<String>>, DsigError> {
        let key = SigningKey::generate_ec("idp", Timestamp::EPOCH).unwrap();
        let whole = "<a ID='_a'><b>1</b><c>2</c></a>";
        let signed = sign_enveloped(whole, "_a", &key, Place::First).unwrap();
        let keys = TrustedKeys::one(key.trusted().unwrap());
        let head = read(&signed.replace("<b>1</b><c>2</c>", ""));
        let trust = Trust::only(&keys);
        let mut all = Pieces::begin(&framed(""), &head, trust, &mut Checks::off())?.unwrap();
        for piece in pieces {
            all.keep(&framed(piece), |root| {
                let texts = root.children().filter_map(Element::text);
                Ok::<_, DsigError>(texts.collect::<String>())
            })?;
        }
        all.close()?;
        all.finish()
    }

    #[test]
    fn what_was_kept_can_be_read_when_all_of_it_was_there_and_in_order() {
        for pieces in [
            ["<b>1</b>", "<c>2</c>"].as_slice(),
            &["<b>1</b><c>2</c>"],
            &["<!-- x --><b >1</b >", "", "<c>2</c>"],
        ] {
            let kept: String = with(pieces).unwrap().kept().map(String::as_str).collect();
            assert_eq!(kept, "12");
        }
        for pieces in [
            [].as_slice(),
            &["<b>1</b>"],
            &["<c>2</c>", "<b>1</b>"],
            &["<b>1</b>", "<c>3</c>"],
            &["<b>1</b>", "<c>2</c>", "<c>2</c>"],
        ] {
            let error = with(pieces).unwrap_err();
            assert_eq!(error.code().as_str(), "sig.digest", "{pieces:?}");
        }
    }

    #[test]
    fn a_piece_that_comes_again_is_the_one_of_its_number() {
        let whole = with(&["<b>1</b>", "<c>2</c>"]).unwrap();
        let is = |number, text: &str| whole.piece(number, &read(text)).is_some();
        assert!(is(0, "<a ID='_a'><b>1</b></a>"));
        assert!(is(1, "<a  ID=\"_a\"><!-- the same --><c>2</c></a>"));
        assert!(!is(1, "<a ID='_a'><b>1</b></a>"));
        assert!(!is(0, "<a ID='_b'><b>1</b></a>"));
        assert!(!is(0, "<b>1</b>"));
        assert!(!is(2, "<a ID='_a'><c>2</c></a>"));
    }

    #[test]
    fn a_piece_in_another_frame_and_an_end_that_is_missing_are_sig_structure() {
        let key = SigningKey::generate_ec("idp", Timestamp::EPOCH).unwrap();
        let head = sign_enveloped("<a ID='_a'></a>", "_a", &key, Place::First).unwrap();
        let keys = TrustedKeys::one(key.trusted().unwrap());
        let begin = || {
            let (head, trust) = (read(&head), Trust::only(&keys));
            Pieces::<()>::begin(&framed(""), &head, trust, &mut Checks::off())
                .unwrap()
                .unwrap()
        };
        let structure = |error: DsigError| assert_eq!(error.code().as_str(), "sig.structure");
        structure(begin().pass(&read("<a ID='_a' b='c'><d/></a>")).unwrap_err());
        structure(begin().open(&framed("")).unwrap_err());
        structure(begin().open(&framed("text<b/>")).unwrap_err());
        structure(begin().open(&framed("<b/><c/>")).unwrap_err());
        structure(begin().finish().unwrap_err());
        let mut closed = begin();
        closed.close().unwrap();
        structure(closed.close().unwrap_err());
        assert!(closed.finish().is_ok());
    }
}
