//! A federation's aggregate: verified as a whole, looked through, and a few entities picked out.
//!
//! In: a signed EntitiesDescriptor of any size, from a file, a connection or a buffer. Out:
//! [`Aggregate`], a list of who is in it; and of those that are wanted, metadata and a small document
//! each. Promised:
//!
//! - There is never a tree of the whole, and of the source no more in memory than one entity. What
//!   stays of an entity is a [`Summary`] of bounded size.
//! - The signature is that of the document element over itself, under the rules of
//!   [`crate::dsig`]; what is digested is what [`Pieces`] says. Nothing of the content can be read
//!   before all of it was verified, and what is picked later has to be what was digested.
//! - Where things are cut decides nothing: see [`scan`].
//! - It says until when it is valid, or it is refused: an old one, with keys that were withdrawn
//!   since, would be good forever (deployment profile SDP-MD03).
//!
//! Stricter than the way over a tree ([`IdpMetadata::read_signed`]), of a signed aggregate, are three
//! rules: its own start tag has the validUntil; between entities stands nothing that metadata
//! 2.3.1 has no place for; and what is in an entity keeps to the limits of one document by itself.

use std::collections::{HashMap, HashSet};
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::time::Duration;

use openssl::sha::sha256;

use super::entity::{cache_duration, entity_id_of, idp_roles, valid_until};
use super::error::MetadataError;
use super::idp::IdpMetadata;
use crate::base::{Checks, Timestamp};
use crate::dsig::{DsigError, Pieces, Trust, TrustedKeys, Verified, Whole};
use crate::saml::schema::METADATA_NS;
use crate::xml::{Document, Element, Limits, Mode, XmlError, ns};
use frame::Frame;
use scan::{Scanner, StartTag, Tag, name_in};

mod frame;
mod scan;
mod summary;
#[cfg(test)]
mod tests;

pub use summary::Summary;

/// Who must have signed an aggregate.
#[derive(Clone, Copy, Debug)]
pub enum Signers<'k> {
    /// One of these.
    Keys(Trust<'k>),
    /// Nobody: what it says is as good as where it came from. An operator has to have said so.
    Nobody,
}

/// A federation's aggregate that was read to its end, and verified if it had to be.
#[derive(Debug)]
pub struct Aggregate {
    standing: Standing,
    frames: Vec<Frame>,
    name: Option<String>,
    valid_until: Option<Timestamp>,
    cache_duration: Option<Duration>,
}

/// What was read, and why it may be.
#[derive(Debug)]
enum Standing {
    Signed(Verified<Whole<Listed>>),
    /// It was not asked for.
    Unsigned(Vec<Listed>),
}

/// An entity, and where it stands.
#[derive(Clone, Debug)]
struct Listed {
    summary: Summary,
    place: Range<u64>,
    /// The number of its frame.
    frame: usize,
}

/// An entity that was picked out of an aggregate.
#[derive(Clone, Debug)]
pub struct Picked {
    /// What it says.
    pub metadata: IdpMetadata,
    /// The same as a document of its own: the entity as it stood, inside the start tags around it, which
    /// say until when it is valid. It is not signed any more; [`Picked::signed_by`] is what
    /// remains of that, and it can be read again with [`IdpMetadata::read`].
    pub document: String,
    signed_by: Option<String>,
}

impl Picked {
    /// The fingerprint of the certificate whose key had signed the aggregate; `None` when nobody's
    /// signature was asked for.
    pub fn signed_by(&self) -> Option<&str> {
        self.signed_by.as_deref()
    }
}

impl Aggregate {
    /// Bytes that it may have.
    pub const MOST_BYTES: u64 = 512 * 1024 * 1024;
    /// Entities that it may have. The largest federation has some ten thousand.
    pub const MOST_ENTITIES: usize = 100_000;
    /// EntitiesDescriptors that it may have.
    const MOST_GROUPS: usize = 1000;
    /// EntitiesDescriptors that may be in each other.
    const MOST_DEPTH: usize = 8;
    /// Attributes called ID that it may have.
    const MOST_IDS: usize = 1_000_000;

    /// Reads a signed one that is there as a whole: see [`Aggregate::read`].
    pub fn verify(
        bytes: &[u8],
        signers: &TrustedKeys,
        now: Timestamp,
    ) -> Result<Self, MetadataError> {
        Self::read(bytes, Signers::Keys(Trust::only(signers)), now)
    }

    /// Reads one to its end, from wherever it comes.
    ///
    /// With [`Signers::Keys`] it has to be signed by one of them as a whole, and must not have
    /// ended; a Signature in one of its entities counts for nothing.
    pub fn read(
        source: impl Read,
        signers: Signers<'_>,
        now: Timestamp,
    ) -> Result<Self, MetadataError> {
        let mut reading = Reading::new(source);
        let root = reading.root()?;
        let valid_until = valid_until(root.root(), now)?;
        let cache_duration = cache_duration(root.root());
        let name = root.root().attribute("Name").map(|name| name.chars().take(1024).collect());
        let head = reading.head()?;
        reading.sink = match signers {
            Signers::Keys(_) if valid_until.is_none() => return Err(MetadataError::NoValidUntil),
            Signers::Keys(trust) => {
                let head = head.ok_or(MetadataError::Unsigned)?;
                let pieces = Pieces::begin(&root, &head, trust, &mut Checks::off())?;
                Sink::Signed(Box::new(pieces.ok_or(MetadataError::Unsigned)?))
            }
            Signers::Nobody => Sink::Unsigned(Vec::new()),
        };
        reading.content()?;
        let standing = match reading.sink {
            Sink::Signed(pieces) => Standing::Signed(pieces.finish()?),
            Sink::Unsigned(listed) => Standing::Unsigned(listed),
        };
        Ok(Self {
            standing,
            frames: reading.frames,
            name,
            valid_until,
            cache_duration,
        })
    }

    /// Who is in it, in its order. Those without a usable entityID are not listed.
    pub fn entities(&self) -> impl Iterator<Item = &Summary> {
        self.listed().map(|listed| &listed.summary)
    }

    /// What it calls itself.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Not to be used from then on. An entity may end before.
    pub const fn valid_until(&self) -> Option<Timestamp> {
        self.valid_until
    }

    /// To be fetched again after that. An entity may ask for it sooner.
    pub const fn cache_duration(&self) -> Option<Duration> {
        self.cache_duration
    }

    /// The fingerprint of the certificate whose key has signed it; `None` when nobody's signature
    /// was asked for.
    pub fn signed_by(&self) -> Option<&str> {
        match &self.standing {
            Standing::Signed(whole) => Some(whole.signed_by()),
            Standing::Unsigned(_) => None,
        }
    }

    /// Picks identity providers out of it by their entityIDs: for each its metadata, or why not;
    /// one after the other, as the iterator is asked.
    ///
    /// `source` has to hold what was read before. Of what was signed, an entity that is not the
    /// same any more is refused (`md.signature`).
    pub fn pick<'a>(
        &'a self,
        mut source: impl Read + Seek + 'a,
        wanted: &'a [&'a str],
        now: Timestamp,
    ) -> impl Iterator<Item = Result<Picked, MetadataError>> + 'a {
        let mut places = HashMap::<&str, Place<'a>>::new();
        for (number, listed) in self.listed().enumerate() {
            let place = places.entry(&listed.summary.entity_id).or_insert(Place::Nowhere);
            *place = match place {
                Place::Nowhere => Place::Once(number, listed),
                _ => Place::Twice,
            };
        }
        wanted.iter().map(move |wanted| {
            let place = places.get(wanted).unwrap_or(&Place::Nowhere);
            self.pick_one(&mut source, wanted, place, now)
        })
    }

    fn pick_one(
        &self,
        source: &mut (impl Read + Seek),
        wanted: &str,
        place: &Place<'_>,
        now: Timestamp,
    ) -> Result<Picked, MetadataError> {
        let (number, listed) = match place {
            Place::Once(number, listed) => (*number, *listed),
            Place::Nowhere => {
                let idps = self.entities().filter(|summary| summary.is_idp);
                let found = idps.take(10).map(|summary| summary.entity_id.clone()).collect();
                return Err(MetadataError::NotFound { wanted: wanted.to_owned(), found });
            }
            // Then neither is meant.
            Place::Twice => {
                let names = vec![wanted.to_owned()];
                return Err(MetadataError::Several { count: 2, names });
            }
        };
        let frame = self.frames.get(listed.frame).ok_or(MetadataError::EntityId)?;
        let text = frame.around(&piece(source, &listed.place)?);
        let document = Document::parse(&text, Mode::Metadata, &Limits::metadata())?;
        let root = match &self.standing {
            Standing::Signed(whole) => {
                let piece = whole.piece(number, &document);
                piece.ok_or(MetadataError::Signature(DsigError::Digest))?.get()
            }
            Standing::Unsigned(_) => document.root(),
        };
        let entity = frame.only_child(root)?;
        if entity_id_of(entity) != Some(wanted) {
            return Err(MetadataError::Read("it has changed meanwhile".to_owned()));
        }
        Ok(Picked {
            metadata: IdpMetadata::read_entity(entity, now)?,
            document: String::from_utf8_lossy(&text).into_owned(),
            signed_by: self.signed_by().map(ToOwned::to_owned),
        })
    }

    fn listed(&self) -> impl Iterator<Item = &Listed> {
        let (signed, unsigned) = match &self.standing {
            Standing::Signed(whole) => (Some(whole.kept()), None),
            Standing::Unsigned(listed) => (None, Some(listed.iter())),
        };
        signed.into_iter().flatten().chain(unsigned.into_iter().flatten())
    }
}

/// Where an entityID stands.
enum Place<'a> {
    Nowhere,
    /// With its number.
    Once(usize, &'a Listed),
    Twice,
}

/// The bytes at a place.
fn piece(source: &mut (impl Read + Seek), place: &Range<u64>) -> Result<Vec<u8>, MetadataError> {
    let refused = |error: std::io::Error| MetadataError::Read(error.to_string());
    source.seek(SeekFrom::Start(place.start)).map_err(refused)?;
    let length = place.end.saturating_sub(place.start);
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    source.take(length).read_to_end(&mut bytes).map_err(refused)?;
    Ok(bytes)
}

/// An aggregate that is being read.
struct Reading<R> {
    scanner: Scanner<R>,
    frames: Vec<Frame>,
    /// The numbers of the frames that are open, innermost last.
    open: Vec<usize>,
    /// The beginnings of SHA-256 of all IDs.
    ids: HashSet<[u8; 16]>,
    entities: usize,
    sink: Sink,
}

/// Where pieces go. Until it is known who must have signed, none comes.
enum Sink {
    Signed(Box<Pieces<Listed>>),
    Unsigned(Vec<Listed>),
}

impl<R: Read> Reading<R> {
    fn new(source: R) -> Self {
        let most_piece = Limits::metadata().bytes;
        Self {
            scanner: Scanner::new(source, Aggregate::MOST_BYTES, most_piece),
            frames: Vec::new(),
            open: Vec::new(),
            ids: HashSet::new(),
            entities: 0,
            sink: Sink::Unsigned(Vec::new()),
        }
    }

    /// Up to the end of the document element's start tag: its tags.
    fn root(&mut self) -> Result<Document, MetadataError> {
        let length = self.scanner.prolog()?;
        let prolog = self.scanner.take(length).to_vec();
        self.scanner.tag()?;
        let StartTag { length, empty } = self.scanner.start_tag()?;
        let start_tag = self.scanner.take(length).to_vec();
        let frame = Frame::default().with(&start_tag)?;
        // With the prolog once, to have that looked at too.
        let whole = if empty { start_tag } else { frame.around(b"") };
        let looked_at = [prolog, whole].concat();
        let document = Document::parse_owned(looked_at, Mode::Metadata, &Limits::metadata())?;
        let root = document.root();
        if !root.is(METADATA_NS, "EntitiesDescriptor") {
            return Err(MetadataError::NotAggregate { found: root.local_name().to_owned() });
        }
        if empty {
            return Err(MetadataError::Several { count: 0, names: Vec::new() });
        }
        let document = frame.document(b"")?;
        frame.nothing_in(document.root())?;
        self.id(document.root())?;
        self.open.push(self.frames.len());
        self.frames.push(frame);
        Ok(document)
    }

    /// What comes up to and including the Signature of the document element, in its tags; `None` if
    /// the first element is not a Signature.
    fn head(&mut self) -> Result<Option<Document>, MetadataError> {
        let text = self.scanner.text()?;
        let text = self.scanner.take(text).to_vec();
        let frame = self.innermost()?;
        frame.nothing_in(frame.document(&text)?.root())?;
        if self.scanner.tag()? != Tag::Start || self.scanner.local_name()? != "Signature" {
            return Ok(None);
        }
        let length = self.scanner.element()?;
        let signature = self.scanner.take(length).to_vec();
        let frame = self.innermost()?;
        let document = frame.document(&[text, signature].concat())?;
        let found = frame.only_child(document.root())?;
        if !found.is(ns::DS, "Signature") {
            return Err(MetadataError::Content { found: found.local_name().to_owned() });
        }
        self.ids_of(found)?;
        Ok(Some(document))
    }

    /// The rest, to the end of the document.
    fn content(&mut self) -> Result<(), MetadataError> {
        while !self.open.is_empty() {
            self.text()?;
            if self.scanner.tag()? == Tag::End {
                self.close()?;
            } else if self.scanner.local_name()? == "EntitiesDescriptor" {
                self.group()?;
            } else {
                self.element()?;
            }
        }
        let length = self.scanner.rest()?;
        let rest = self.scanner.take(length).to_vec();
        let root = self.frames.first().ok_or(MetadataError::EntityId)?;
        let document = [root.around(b""), rest].concat();
        Document::parse_owned(document, Mode::Metadata, &Limits::metadata())?;
        Ok(())
    }

    /// White space and comments.
    fn text(&mut self) -> Result<(), MetadataError> {
        let length = self.scanner.text()?;
        if length == 0 {
            return Ok(());
        }
        let text = self.scanner.take(length).to_vec();
        let frame = self.innermost()?;
        let document = frame.document(&text)?;
        frame.nothing_in(document.root())?;
        self.sink.pass(&document)
    }

    /// The start tag of an EntitiesDescriptor inside of another.
    fn group(&mut self) -> Result<(), MetadataError> {
        let StartTag { length, empty } = self.scanner.start_tag()?;
        let start_tag = self.scanner.take(length).to_vec();
        let frame = self.innermost()?.with(&start_tag)?;
        let most = |what, most| Err(XmlError::Limit { what, most }.into());
        if self.open.len() >= Aggregate::MOST_DEPTH {
            return most(
                "EntitiesDescriptors inside each other",
                Aggregate::MOST_DEPTH,
            );
        }
        if self.frames.len() >= Aggregate::MOST_GROUPS {
            return most("EntitiesDescriptors", Aggregate::MOST_GROUPS);
        }
        // One that is empty has no end tag, and the frame would be one of something else.
        if empty {
            let found = String::from_utf8_lossy(name_in(&start_tag)).into_owned();
            return Err(MetadataError::Content { found });
        }
        let document = frame.document(b"")?;
        let group = frame.nothing_in(document.root())?;
        if !group.is(METADATA_NS, "EntitiesDescriptor") {
            return Err(MetadataError::Content { found: group.local_name().to_owned() });
        }
        self.id(group)?;
        if let Sink::Signed(pieces) = &mut self.sink {
            pieces.open(&document)?;
        }
        self.open.push(self.frames.len());
        self.frames.push(frame);
        Ok(())
    }

    /// The end tag of the innermost EntitiesDescriptor.
    fn close(&mut self) -> Result<(), MetadataError> {
        let length = self.scanner.end_tag()?;
        let end_tag = self.scanner.take(length).to_vec();
        let innermost = self.innermost()?;
        let document = innermost.ending_in(&end_tag);
        let document = Document::parse_owned(document, Mode::Metadata, &Limits::metadata())?;
        innermost.nothing_in(document.root())?;
        self.open.pop();
        if let Sink::Signed(pieces) = &mut self.sink {
            pieces.close()?;
        }
        Ok(())
    }

    /// An EntityDescriptor, or what may stand beside it.
    fn element(&mut self) -> Result<(), MetadataError> {
        let start = self.scanner.at();
        let length = self.scanner.element()?;
        let end = start.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        let piece = self.scanner.take(length).to_vec();
        let number = self.open.last().copied().unwrap_or_default();
        let frame = self.innermost()?;
        let document = frame.document(&piece)?;
        let element = frame.only_child(document.root())?;
        self.ids_of(element)?;
        if element.is(METADATA_NS, "EntityDescriptor") {
            return self.entity(&document, start..end, number);
        }
        if element.is(ns::DS, "Signature") && self.open.len() == 1 {
            let refusal = DsigError::Position("the Signature is the first child, once");
            return Err(refusal.into());
        }
        let known = element.is(METADATA_NS, "Extensions") || element.is(ns::DS, "Signature");
        if !known {
            return Err(MetadataError::Content { found: element.local_name().to_owned() });
        }
        self.sink.pass(&document)
    }

    fn entity(
        &mut self,
        document: &Document,
        place: Range<u64>,
        number: usize,
    ) -> Result<(), MetadataError> {
        self.entities = self.entities.saturating_add(1);
        let most = Aggregate::MOST_ENTITIES;
        if self.entities > most {
            return Err(XmlError::Limit { what: "entities", most }.into());
        }
        let frame = self.frames.get(number).ok_or(MetadataError::EntityId)?;
        if entity_id_of(frame.only_child(document.root())?).is_none() {
            return self.sink.pass(document);
        }
        let read = |root: Element<'_>| {
            let summary = Summary::read(frame.only_child(root)?)?;
            Ok(Listed { summary, place, frame: number })
        };
        match &mut self.sink {
            Sink::Signed(pieces) => pieces.keep(document, read),
            Sink::Unsigned(listed) => {
                listed.push(read(document.root())?);
                Ok(())
            }
        }
    }

    fn innermost(&self) -> Result<&Frame, MetadataError> {
        let number = self.open.last().copied();
        number.and_then(|number| self.frames.get(number)).ok_or(MetadataError::EntityId)
    }

    /// Core 1.3.4: each ID once in the whole document.
    fn ids_of(&mut self, element: Element<'_>) -> Result<(), MetadataError> {
        self.id(element)?;
        element.descendants().try_for_each(|inner| self.id(inner))
    }

    fn id(&mut self, element: Element<'_>) -> Result<(), MetadataError> {
        let Some(id) = element.attribute("ID") else {
            return Ok(());
        };
        let [short @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = sha256(id.as_bytes());
        if !self.ids.insert(short) {
            let value = id.chars().take(80).collect();
            return Err(XmlError::Id { what: "an ID occurs twice", value }.into());
        }
        if self.ids.len() > Aggregate::MOST_IDS {
            return Err(XmlError::Limit { what: "IDs", most: Aggregate::MOST_IDS }.into());
        }
        Ok(())
    }
}

impl Sink {
    /// A piece of which nothing is kept.
    fn pass(&mut self, document: &Document) -> Result<(), MetadataError> {
        match self {
            Self::Signed(pieces) => Ok(pieces.pass(document)?),
            Self::Unsigned(_) => Ok(()),
        }
    }
}
