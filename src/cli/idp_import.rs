//! `samlgate idp import`: adds an identity provider by its metadata.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::{ConfigFile, idp_name, idps, output};
use crate::audit::{Event, EventKind};
use crate::base::clock::SystemClock;
use crate::base::{Clock as _, EmailDomain, IdpName, Timestamp};
use crate::config::{Loaded, metadata_url};
use crate::dsig::TrustedKeys;
use crate::saml::Vendor;
use crate::saml::metadata::IdpMetadata;
use crate::store::Database;
use crate::tasks::refresh::forget_keys;
use crate::trust::{ImportedIdp, ImportedSettings, signers};

mod advice;
mod documents;
mod many;

use documents::Read;

/// Arguments of `idp import`.
#[derive(Args, Debug)]
pub struct ImportArgs {
    /// The SAML metadata: an https URL, a file, or - for standard input.
    ///
    /// A URL is asked again while the gateway runs, every hour or as the metadata says, so that new
    /// keys are known in time; a file is taken as it is now.
    #[arg(value_name = "URL|FILE|-", value_parser = source, required_unless_present = "mdq")]
    pub source: Option<ImportSource>,
    /// The base URL of a server that is asked for one entity (Metadata Query Protocol).
    #[arg(
        long,
        value_name = "URL",
        conflicts_with = "source",
        requires = "entity_ids"
    )]
    pub mdq: Option<String>,
    /// Its short name in commands, addresses and metrics; made from the metadata when missing.
    #[arg(long, value_name = "NAME", value_parser = idp_name)]
    pub name: Option<IdpName>,
    /// What people read on its button; made from the metadata when missing.
    #[arg(long, value_name = "TEXT", value_parser = label)]
    pub label: Option<String>,
    /// Which entity, where the metadata describes several; several times for several of them.
    #[arg(long = "entity-id", value_name = "ENTITYID")]
    pub entity_ids: Vec<String>,
    /// Every identity provider of an aggregate, but those that ask not to be offered.
    #[arg(long, conflicts_with_all = ["entity_ids", "name", "label", "default", "email_domains", "mdq"])]
    pub all: bool,
    /// The certificates (PEM) of whoever signs the metadata: what none of them has signed is refused.
    #[arg(long, value_name = "FILE")]
    pub metadata_signing_certificate: Option<PathBuf>,
    /// Take an aggregate, or the answer of an MDQ server, although nobody has signed it.
    ///
    /// Of one that was imported with --metadata-signing-certificate, it takes that requirement away.
    #[arg(long, conflicts_with = "metadata_signing_certificate")]
    pub allow_unsigned: bool,
    /// What becomes of new metadata with another host, another entityID or a key less.
    #[arg(long, value_name = "POLICY", value_parser = ["apply", "approve"])]
    pub on_change: Option<String>,
    /// Accept sign-ins that begin at its portal.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub allow_idp_initiated: Option<bool>,
    /// Accept its assertions encrypted with AES-CBC in a Response that is not signed.
    ///
    /// Entra ID and AD FS send these when token encryption is on. Whoever holds such a message can
    /// change it and watch how it is refused: sign the Response as well where that is possible.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub allow_cbc_in_unsigned_response: Option<bool>,
    /// Send people here without asking.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub default: Option<bool>,
    /// People with this e-mail domain sign in here; several times for several domains.
    #[arg(long = "email-domain", value_name = "DOMAIN", value_parser = domain)]
    pub email_domains: Vec<String>,
    /// Which configuration file.
    #[command(flatten)]
    pub file: ConfigFile,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Where the metadata to import is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportSource {
    /// `https://…`, or `http://` on loopback.
    Url(String),
    /// A file.
    File(PathBuf),
    /// `-`
    StandardInput,
}

fn source(text: &str) -> Result<ImportSource, String> {
    if text == "-" {
        return Ok(ImportSource::StandardInput);
    }
    let lower = text.to_ascii_lowercase();
    if lower.starts_with("https://") || lower.starts_with("http://") {
        return metadata_url(text).map(ImportSource::Url);
    }
    match text.is_empty() {
        true => Err("is empty".to_owned()),
        false => Ok(ImportSource::File(PathBuf::from(text))),
    }
}

fn domain(text: &str) -> Result<String, String> {
    let domain = EmailDomain::parse(text).map(|domain| domain.as_str().to_owned());
    domain
        .filter(|domain| domain.contains('.'))
        .ok_or_else(|| "write a domain such as example.com".to_owned())
}

fn label(text: &str) -> Result<String, String> {
    let text = text.trim();
    match text.is_empty() || text.chars().any(char::is_control) {
        true => Err("write the words that people will read".to_owned()),
        false => Ok(text.to_owned()),
    }
}

/// Reads, checks and stores it, and prints what was found.
pub async fn run(mut args: ImportArgs, loaded: Loaded) -> ExitCode {
    let now = SystemClock.now();
    let found = match Proof::of(&args) {
        Ok(proof) => documents::read(&args, &loaded, &proof, now).await.map(|found| (found, proof)),
        Err(message) => Err(Refused::from(message)),
    };
    let (found, proof) = match found {
        Ok(found) => found,
        Err(Refused { message, hint }) => {
            output::error(&message);
            if let Some(hint) = hint {
                output::hint(&hint);
            }
            return ExitCode::FAILURE;
        }
    };
    let mut choices = Choices {
        label: args.label.take(),
        pem: proof.pem,
        allow_unsigned: args.allow_unsigned,
        query: args.mdq.is_some(),
        json: args.json,
        on_change: args.on_change.take(),
        allow_idp_initiated: args.allow_idp_initiated,
        allow_cbc_in_unsigned_response: args.allow_cbc_in_unsigned_response,
        default: args.default,
        email_domains: std::mem::take(&mut args.email_domains),
    };
    idps::with_store(&loaded.config, async |store| match found {
        Read::Documents(found) => match found.as_slice() {
            [only] => one(&args, &loaded, store, only, &choices, now).await,
            all => {
                choices.label = None;
                many::documents(&loaded, store, all, &choices, now).await
            }
        },
        Read::Aggregate(opened) => {
            choices.label = None;
            many::aggregate(&loaded, store, &opened, &choices, now).await
        }
    })
    .await
}

/// Stores a single one, and shows it.
async fn one(
    args: &ImportArgs,
    loaded: &Loaded,
    store: &dyn Database,
    found: &Found,
    choices: &Choices,
    now: Timestamp,
) -> ExitCode {
    let metadata = &found.metadata;
    let Some(name) = args.name.clone().or_else(|| idps::propose_name(metadata)) else {
        output::error("no short name can be made of this metadata: add --name");
        return ExitCode::FAILURE;
    };
    if loaded.config.idps.iter().any(|idp| idp.name == name) {
        output::error(&format!(
            "{name} is in the configuration file, which has the last word"
        ));
        output::hint("choose another --name, or change the [[idp]] there");
        return ExitCode::FAILURE;
    }
    let configured = idps::configured(&loaded.config, store, |_| true, now).await;
    let twin = configured.iter().find(|idp| {
        let same = |known: &IdpMetadata| known.entity_id == metadata.entity_id;
        idp.metadata.as_ref().is_ok_and(same)
    });
    if let Some(twin) = twin {
        let (entity_id, name) = (&metadata.entity_id, &twin.settings.name);
        output::error(&format!(
            "{entity_id} is in the configuration file already, as {name}"
        ));
        return ExitCode::FAILURE;
    }
    match keep(store, &name, choices, found, now).await {
        Ok((record, replaced)) => {
            let code = match idps::imported(&record, None, now) {
                Some(known) if args.json => output::json(&idps::as_json(&known, now)),
                Some(known) => output::data(&idps::as_text(&known, now)),
                None => ExitCode::FAILURE,
            };
            let done = if replaced { "replaced" } else { "imported" };
            output::note(&format!(
                "{done} {name}; a running gateway uses it within seconds"
            ));
            if metadata.vendor != Vendor::Generic {
                let vendor = metadata.vendor.as_str();
                output::hint(&format!(
                    "samlgate idp values --vendor {vendor} prints what to enter there"
                ));
            }
            if let Some(settings) = record.to_settings() {
                about_cbc(metadata.vendor, settings.allow_cbc_in_unsigned_response);
            }
            code
        }
        Err(message) => {
            output::error(&message);
            ExitCode::FAILURE
        }
    }
}

/// Why nothing is imported, and what to do.
pub(super) struct Refused {
    message: String,
    hint: Option<String>,
}

impl From<String> for Refused {
    fn from(message: String) -> Self {
        Self { message, hint: None }
    }
}

/// Whose signature the metadata needs.
pub(super) struct Proof {
    pem: Option<String>,
    signers: Option<TrustedKeys>,
    allow_unsigned: bool,
}

impl Proof {
    /// Nothing was said of a signature.
    const fn is_missing(&self) -> bool {
        self.signers.is_none() && !self.allow_unsigned
    }

    fn of(args: &ImportArgs) -> Result<Self, String> {
        let allow_unsigned = args.allow_unsigned;
        let Some(path) = &args.metadata_signing_certificate else {
            return Ok(Self { pem: None, signers: None, allow_unsigned });
        };
        let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let pem = std::fs::read_to_string(path).map_err(|error| wrong(&error))?;
        let signers = signers(pem.as_bytes()).map_err(|error| wrong(&error))?;
        Ok(Self { pem: Some(pem), signers: Some(signers), allow_unsigned })
    }
}

/// An identity provider that is to be imported.
pub(super) struct Found {
    /// What it says.
    metadata: IdpMetadata,
    document: String,
    url: Option<String>,
    /// By which it was chosen.
    entity_id: Option<String>,
    picked_by: Option<String>,
}

/// Two products encrypt with AES-CBC and sign the assertion inside alone. That is refused unless
/// somebody says otherwise, who should know it before people are turned away.
fn about_cbc(vendor: Vendor, allowed: bool) {
    let product = match vendor {
        Vendor::Entra => "Entra ID",
        Vendor::Adfs => "AD FS",
        _ if allowed => "the identity provider",
        _ => return,
    };
    if allowed {
        output::warning(&format!(
            "AES-CBC of {product} is accepted in a Response that is not signed: whoever holds such \
             a message can change it. Let {product} sign the Response as well if it can, and then \
             import again with --allow-cbc-in-unsigned-response=false"
        ));
    } else {
        output::hint(&format!(
            "should you switch token encryption on there: {product} encrypts with AES-CBC, which \
             is accepted in signed Responses only. Let it sign response and assertion, or import \
             again with --allow-cbc-in-unsigned-response"
        ));
    }
}

/// What was said about it on the command line.
pub(super) struct Choices {
    label: Option<String>,
    pem: Option<String>,
    allow_unsigned: bool,
    query: bool,
    json: bool,
    on_change: Option<String>,
    allow_idp_initiated: Option<bool>,
    allow_cbc_in_unsigned_response: Option<bool>,
    default: Option<bool>,
    email_domains: Vec<String>,
}

impl Choices {
    /// The record of one. What an administrator chose for it `before` outlives new metadata.
    fn record(
        &self,
        name: &IdpName,
        found: &Found,
        before: Option<&ImportedIdp>,
        now: Timestamp,
    ) -> Result<ImportedIdp, String> {
        let kept = before.and_then(|before| serde_json::from_value(before.settings.clone()).ok());
        let mut settings: ImportedSettings = kept.unwrap_or_default();
        settings.label = self.label.clone().or(settings.label);
        settings.entity_id = found.entity_id.clone().or(settings.entity_id);
        settings.query = self.query;
        if self.pem.is_some() || self.allow_unsigned {
            settings.metadata_signing_certificate.clone_from(&self.pem);
        }
        let is_kept = self.pem.is_none() && settings.metadata_signing_certificate.is_some();
        settings.picked_by.clone_from(&found.picked_by);
        settings.on_change = self.on_change.clone().or(settings.on_change);
        settings.allow_idp_initiated =
            self.allow_idp_initiated.unwrap_or(settings.allow_idp_initiated);
        settings.allow_cbc_in_unsigned_response = self
            .allow_cbc_in_unsigned_response
            .unwrap_or(settings.allow_cbc_in_unsigned_response);
        settings.default = self.default.unwrap_or(settings.default);
        if !self.email_domains.is_empty() {
            settings.email_domains.clone_from(&self.email_domains);
        }
        let record = ImportedIdp {
            name: name.clone(),
            settings: serde_json::to_value(settings).map_err(|error| error.to_string())?,
            metadata: found.document.clone(),
            url: found.url.clone(),
            updated_at: now,
        };
        if is_kept {
            is_signed(&record, found, now)?;
        }
        Ok(record)
    }
}

/// Whether it fulfils what was asked of the one before: a signature by certain keys.
fn is_signed(record: &ImportedIdp, found: &Found, now: Timestamp) -> Result<(), String> {
    let name = &record.name;
    let settings = record.to_settings();
    let settings = settings.ok_or_else(|| format!("the record of {name} can not be read"))?;
    let (document, picked_by) = (found.document.as_bytes(), found.picked_by.as_deref());
    let read = settings.read_kept(document, picked_by, found.entity_id.as_deref(), now);
    read.map(drop).map_err(|error| {
        format!(
            "{name} was imported with --metadata-signing-certificate, which still counts: {error} \
             ({}). Name the certificate again; only --allow-unsigned takes the requirement away",
            error.code()
        )
    })
}

async fn keep(
    store: &dyn Database,
    name: &IdpName,
    choices: &Choices,
    found: &Found,
    now: Timestamp,
) -> Result<(ImportedIdp, bool), String> {
    let metadata = &found.metadata;
    if let Some(twin) = twin_of(store, name, metadata).await? {
        let entity_id = &metadata.entity_id;
        return Err(format!(
            "{entity_id} is here already, as {twin}: import it with --name {twin} to replace it"
        ));
    }
    let before = store.imported(name).await.map_err(|error| error.detail)?;
    let record = choices.record(name, found, before.as_ref(), now)?;
    store.put(&record).await.map_err(|error| error.detail)?;
    // What waited was about the metadata of before.
    store.forget_refresh(name).await.map_err(|error| error.detail)?;
    let seen = store.seen_keys().await.map_err(|error| error.detail)?;
    forget_keys(store, &seen, name, metadata).await.map_err(|error| error.detail)?;
    let event = Event {
        idp: Some(name.clone()),
        detail: json!({ "entity_id": metadata.entity_id, "replaced": before.is_some() }),
        ..Event::new(EventKind::IdpImported)
    };
    store.record(&event, now).await.map_err(|error| error.detail)?;
    Ok((record, before.is_some()))
}

/// Who else was imported by this entityID. Of a federation never all documents are there at once.
async fn twin_of(
    store: &dyn Database,
    name: &IdpName,
    metadata: &IdpMetadata,
) -> Result<Option<IdpName>, String> {
    let mut after = None;
    loop {
        let some = store.page(after.as_ref(), AT_ONCE).await.map_err(|error| error.detail)?;
        let Some(last) = some.last() else {
            return Ok(None);
        };
        after = Some(last.name.clone());
        let is_twin = |other: &&ImportedIdp| {
            other.name != *name && entity_id_of(other).is_some_and(|id| id == metadata.entity_id)
        };
        if let Some(twin) = some.iter().find(is_twin) {
            return Ok(Some(twin.name.clone()));
        }
    }
}

/// Documents that are looked at at once: some megabytes.
const AT_ONCE: usize = 200;

/// By what it was imported: whoever was chosen by its entityID has it, others' documents say it.
fn entity_id_of(record: &ImportedIdp) -> Option<String> {
    if let Some(chosen) = record.kept_settings().and_then(|kept| kept.entity_id) {
        return Some(chosen);
    }
    let settings = record.to_settings()?;
    let bytes = record.metadata.as_bytes();
    let picked_by = record.picked_by(None);
    let entity_id = settings.entity_id.as_deref();
    let read = settings.read_kept(bytes, picked_by.as_deref(), entity_id, Timestamp::EPOCH);
    read.ok().map(|metadata| metadata.entity_id)
}
