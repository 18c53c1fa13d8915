//! Where metadata is → the identity providers in it that are wanted.
//!
//! A document of one identity provider is read as a whole. An aggregate is read from the disk, piece
//! by piece, whatever its size.

use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _, Write as _};

use super::advice::advice;
use super::{Found, ImportArgs, ImportSource, Proof, Refused};
use crate::base::{IdpName, Timestamp};
use crate::cli::{idps, output};
use crate::config::Loaded;
use crate::dsig::Trust;
use crate::saml::metadata::aggregate::Signers;
use crate::saml::metadata::mdq::{Identifier, MdqServer};
use crate::saml::metadata::{Aggregate, MetadataError};
use crate::tasks::fetch::{Bounds, FetchError, Validators};
use crate::trust::reading::Way;
use crate::trust::{IdpSettings, MetadataSource};

/// Reads what the arguments name.
pub(super) async fn read(
    args: &ImportArgs,
    loaded: &Loaded,
    proof: &Proof,
    now: Timestamp,
) -> Result<Read, Refused> {
    if let Some(base) = &args.mdq {
        return query(args, loaded, base, proof, now).await.map(Read::Documents);
    }
    let (file, url) = match &args.source {
        Some(ImportSource::Url(url)) => (download(args, loaded, url).await?, Some(url.as_str())),
        Some(ImportSource::File(path)) => {
            let file = File::open(path);
            let file = file.map_err(|error| format!("{}: {error}", path.display()))?;
            (file, None)
        }
        Some(ImportSource::StandardInput) | None => (standard_input()?, None),
    };
    let length = file.metadata().map_err(unreadable)?.len();
    if args.all || args.entity_ids.len() > 1 || length > Bounds::DOCUMENT.bytes {
        return open(args, loaded, file, url.map(ToOwned::to_owned), proof, now);
    }
    let mut bytes = Vec::new();
    (&file).read_to_end(&mut bytes).map_err(unreadable)?;
    let entity_id = args.entity_ids.first().cloned();
    // Who is asked again and again for many has to show that it is them.
    if proof.is_missing()
        && let Ok(aggregate) = Aggregate::read(bytes.as_slice(), Signers::Nobody, now)
        && (url.is_some() || is_of_several(&aggregate))
    {
        return Err(unsigned(AGGREGATE));
    }
    let read = settings(proof, Way::Document)?.read(&bytes, entity_id.as_deref(), now);
    let ours = &loaded.config.sp.entity_id;
    let metadata = read.map_err(|error| refused(&error, advice(&error, &bytes, ours)))?;
    let document = String::from_utf8(bytes).map_err(|_| "the metadata is not UTF-8".to_owned())?;
    let url = url.map(ToOwned::to_owned);
    let found = Found { metadata, document, url, entity_id, picked_by: None };
    Ok(Read::Documents(vec![found]))
}

async fn query(
    args: &ImportArgs,
    loaded: &Loaded,
    base: &str,
    proof: &Proof,
    now: Timestamp,
) -> Result<Vec<Found>, Refused> {
    if proof.is_missing() {
        return Err(unsigned("the answer of an MDQ server"));
    }
    let server = MdqServer::new(base);
    let server = server.ok_or_else(|| format!("{base} is not an https URL without a query"))?;
    let fetcher = idps::fetcher(&loaded.config)?;
    let settings = settings(proof, Way::Query)?;
    let mut found = Vec::new();
    for entity_id in &args.entity_ids {
        let url = server.address(entity_id, Identifier::EntityId);
        let fetched = fetcher.fetch(&url).await;
        let fetched = fetched.map_err(|error| format!("{url}: {error} ({})", error.code()))?;
        let read = settings.read(&fetched.body, Some(entity_id), now);
        let metadata = read.map_err(|error| format!("{url}: {error} ({})", error.code()))?;
        let document = String::from_utf8_lossy(&fetched.body).into_owned();
        let (url, entity_id) = (Some(url), Some(entity_id.clone()));
        found.push(Found { metadata, document, url, entity_id, picked_by: None });
    }
    Ok(found)
}

fn settings(proof: &Proof, way: Way) -> Result<IdpSettings, Refused> {
    let name = IdpName::parse("import").ok_or_else(|| "no name".to_owned())?;
    let mut settings = IdpSettings::new(name, MetadataSource::Stored);
    settings.metadata_signers.clone_from(&proof.signers);
    settings.way = way;
    Ok(settings)
}

async fn download(args: &ImportArgs, loaded: &Loaded, url: &str) -> Result<File, Refused> {
    let fetcher = idps::fetcher(&loaded.config)?;
    let may_be_large = args.all || !args.entity_ids.is_empty();
    let bounds = if may_be_large {
        Bounds::AGGREGATE
    } else {
        Bounds::DOCUMENT
    };
    let file = tempfile::tempfile().map_err(unreadable)?;
    let mut writer = tokio::fs::File::from_std(file.try_clone().map_err(unreadable)?);
    let answer = fetcher.download(url, &Validators::default(), &mut writer, bounds).await;
    answer.map_err(|error| Refused {
        message: format!("{url}: {error} ({})", error.code()),
        // Where that is somewhere that nobody may ask, the message has the remedy.
        hint: (!matches!(error, FetchError::Private { .. })).then(|| {
            "open it from this machine; or save the document elsewhere, and import the file"
                .to_owned()
        }),
    })?;
    (&file).rewind().map_err(unreadable)?;
    Ok(file)
}

fn standard_input() -> Result<File, Refused> {
    let mut file = tempfile::tempfile().map_err(unreadable)?;
    let mut input = std::io::stdin().take(Bounds::AGGREGATE.bytes.saturating_add(1));
    let copied = std::io::copy(&mut input, &mut file);
    copied.map_err(|error| format!("standard input: {error}"))?;
    file.flush().and_then(|()| file.rewind()).map_err(unreadable)?;
    Ok(file)
}

/// What was found.
pub(super) enum Read {
    /// These.
    Documents(Vec<Found>),
    /// An aggregate, out of which many are picked one after the other.
    Aggregate(Box<Opened>),
}

/// An aggregate that was verified.
pub(super) struct Opened {
    file: File,
    aggregate: Aggregate,
    url: Option<String>,
    wanted: Vec<String>,
    /// Those that can not be used are left out; else they are meant, and stop everything.
    pub(super) all: bool,
}

impl Opened {
    /// How many are wanted.
    pub(super) const fn count(&self) -> usize {
        self.wanted.len()
    }

    /// Their entityIDs.
    pub(super) fn wanted(&self) -> Vec<&str> {
        self.wanted.iter().map(String::as_str).collect()
    }

    /// Each of them, as the iterator is asked.
    pub(super) fn pick<'a>(
        &'a self,
        wanted: &'a [&'a str],
        now: Timestamp,
    ) -> impl Iterator<Item = Result<Found, String>> + 'a {
        let picked = self.aggregate.pick(BufReader::new(&self.file), wanted, now);
        wanted.iter().zip(picked).map(|(entity_id, picked)| match picked {
            Ok(picked) => Ok(Found {
                picked_by: picked.signed_by().map(ToOwned::to_owned),
                metadata: picked.metadata,
                document: picked.document,
                url: self.url.clone(),
                entity_id: Some((*entity_id).to_owned()),
            }),
            Err(error) => Err(format!("{entity_id}: {error} ({})", error.code())),
        })
    }
}

/// Opens an aggregate, and says who is wanted.
fn open(
    args: &ImportArgs,
    loaded: &Loaded,
    file: File,
    url: Option<String>,
    proof: &Proof,
    now: Timestamp,
) -> Result<Read, Refused> {
    let signers = match &proof.signers {
        Some(keys) => Signers::Keys(Trust::only(keys)),
        None if url.is_none() || proof.allow_unsigned => Signers::Nobody,
        None => return Err(unsigned(AGGREGATE)),
    };
    let aggregate = Aggregate::read(BufReader::new(&file), signers, now).map_err(|error| {
        let mut start = Vec::new();
        let read = (&file).rewind().and_then(|()| (&file).take(1024).read_to_end(&mut start));
        let start = read.map_or(&[][..], |_| start.as_slice());
        refused(&error, advice(&error, start, &loaded.config.sp.entity_id))
    })?;
    if proof.is_missing() && is_of_several(&aggregate) {
        return Err(unsigned(AGGREGATE));
    }
    let idps = || aggregate.entities().filter(|summary| summary.is_idp);
    output::note(&format!(
        "{} entities, {} of them identity providers",
        aggregate.entities().count(),
        idps().count()
    ));
    let wanted: Vec<String> = if args.all {
        idps().filter(|idp| !idp.hidden).map(|idp| idp.entity_id.clone()).collect()
    } else if args.entity_ids.is_empty() {
        let message = "this is an aggregate, and nobody is chosen".to_owned();
        let hint = "add --entity-id for each one that is wanted, or --all".to_owned();
        return Err(Refused { message, hint: Some(hint) });
    } else {
        args.entity_ids.clone()
    };
    let opened = Opened { file, aggregate, url, wanted, all: args.all };
    if opened.all || opened.count() > 1 {
        return Ok(Read::Aggregate(Box::new(opened)));
    }
    let wanted = opened.wanted();
    let found: Result<Vec<Found>, String> = opened.pick(&wanted, now).collect();
    Ok(Read::Documents(found?))
}

/// What is said of one that nobody has signed.
const AGGREGATE: &str = "an aggregate";

/// What somebody wraps around the one document that they have at hand is no federation's.
fn is_of_several(aggregate: &Aggregate) -> bool {
    aggregate.entities().count() > 1
}

fn unreadable(error: std::io::Error) -> Refused {
    Refused::from(format!("the metadata can not be read: {error}"))
}

fn unsigned(what: &str) -> Refused {
    Refused {
        message: format!("{what} has to be signed by somebody whom we know (md.signature)"),
        hint: Some(
            "add --metadata-signing-certificate FILE with their certificate, or --allow-unsigned"
                .to_owned(),
        ),
    }
}

fn refused(error: &MetadataError, hint: Option<&str>) -> Refused {
    Refused {
        message: format!("{error} ({})", error.code()),
        hint: hint.map(ToOwned::to_owned),
    }
}
