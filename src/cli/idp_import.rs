//! `samlgate idp import`: adds an identity provider by its metadata.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::{ConfigFile, idp_name, idps, output};
use crate::audit::{Event, EventKind};
use crate::base::clock::SystemClock;
use crate::base::{Clock as _, IdpName, Timestamp};
use crate::config::{Loaded, metadata_url};
use crate::saml::Vendor;
use crate::saml::metadata::{IdpMetadata, MetadataError};
use crate::store::Database;
use crate::trust::{IdpStore, ImportedIdp, ImportedSettings};

/// Most that is read from standard input: the limit of the metadata reader and one byte.
const MOST_BYTES: u64 = 8 * 1024 * 1024 + 1;

/// Arguments of `idp import`.
#[derive(Args, Debug)]
pub struct ImportArgs {
    /// The SAML metadata: an https URL, a file, or - for standard input.
    ///
    /// A URL is asked again every hour while the gateway runs, so that new keys are known in time;
    /// a file is taken as it is now.
    #[arg(value_name = "URL|FILE|-", value_parser = source)]
    pub source: ImportSource,
    /// Its short name in commands, addresses and metrics; made from the metadata when missing.
    #[arg(long, value_name = "NAME", value_parser = idp_name)]
    pub name: Option<IdpName>,
    /// What people read on its button; made from the metadata when missing.
    #[arg(long, value_name = "TEXT", value_parser = label)]
    pub label: Option<String>,
    /// Which entity, where the metadata describes several.
    #[arg(long, value_name = "ENTITYID")]
    pub entity_id: Option<String>,
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
    let domain = text.to_ascii_lowercase();
    let word = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
    let fine = domain.contains('.') && domain.bytes().all(word) && !domain.starts_with('.');
    fine.then_some(domain)
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
pub async fn run(args: ImportArgs, loaded: Loaded) -> ExitCode {
    let now = SystemClock.now();
    let (bytes, url) = match read(&args.source).await {
        Ok(found) => found,
        Err(message) => {
            output::error(&message);
            return ExitCode::FAILURE;
        }
    };
    let metadata = match IdpMetadata::read(&bytes, args.entity_id.as_deref(), now) {
        Ok(metadata) => metadata,
        Err(error) => {
            output::error(&format!("{error} ({})", error.code()));
            if matches!(error, MetadataError::Several { .. }) {
                output::hint("add --entity-id with one of them");
            }
            return ExitCode::FAILURE;
        }
    };
    let Some(name) = args.name.or_else(|| idps::propose_name(&metadata)) else {
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
    idps::with_store(&loaded.config, async |store| {
        let configured = idps::all(&loaded.config, store, now).await;
        let twin = configured.iter().find(|idp| {
            let same = |known: &IdpMetadata| known.entity_id == metadata.entity_id;
            idp.origin == "configured" && idp.metadata.as_ref().is_ok_and(same)
        });
        if let Some(twin) = twin {
            let (entity_id, name) = (&metadata.entity_id, &twin.settings.name);
            output::error(&format!(
                "{entity_id} is in the configuration file already, as {name}"
            ));
            return ExitCode::FAILURE;
        }
        let choices = Choices {
            label: args.label,
            entity_id: args.entity_id,
            allow_idp_initiated: args.allow_idp_initiated,
            allow_cbc_in_unsigned_response: args.allow_cbc_in_unsigned_response,
            default: args.default,
            email_domains: args.email_domains,
        };
        match keep(store, &name, choices, &metadata, bytes, url, now).await {
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
    })
    .await
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

async fn read(source: &ImportSource) -> Result<(Vec<u8>, Option<String>), String> {
    match source {
        ImportSource::Url(url) => {
            let fetched = idps::fetch(url).await?;
            Ok((fetched.body.to_vec(), Some(url.clone())))
        }
        ImportSource::File(path) => {
            let bytes = tokio::fs::read(path).await;
            let bytes = bytes.map_err(|error| format!("{}: {error}", path.display()))?;
            Ok((bytes, None))
        }
        ImportSource::StandardInput => {
            let mut bytes = Vec::new();
            let read = std::io::stdin().take(MOST_BYTES).read_to_end(&mut bytes);
            read.map_err(|error| format!("standard input: {error}"))?;
            Ok((bytes, None))
        }
    }
}

/// What was said about it on the command line.
struct Choices {
    label: Option<String>,
    entity_id: Option<String>,
    allow_idp_initiated: Option<bool>,
    allow_cbc_in_unsigned_response: Option<bool>,
    default: Option<bool>,
    email_domains: Vec<String>,
}

async fn keep(
    store: &dyn Database,
    name: &IdpName,
    choices: Choices,
    metadata: &IdpMetadata,
    bytes: Vec<u8>,
    url: Option<String>,
    now: Timestamp,
) -> Result<(ImportedIdp, bool), String> {
    let known = IdpStore::list(store).await.map_err(|error| error.detail)?;
    let twin = known.iter().find(|other| {
        let entity_id = other.to_settings().and_then(|settings| settings.entity_id);
        let read = IdpMetadata::read(other.metadata.as_bytes(), entity_id.as_deref(), now);
        other.name != *name && read.is_ok_and(|read| read.entity_id == metadata.entity_id)
    });
    if let Some(twin) = twin {
        let (entity_id, twin) = (&metadata.entity_id, &twin.name);
        return Err(format!(
            "{entity_id} is here already, as {twin}: import it with --name {twin} to replace it"
        ));
    }
    let before = known.iter().find(|other| other.name == *name);
    // What an admin chose for this identity provider outlives new metadata.
    let kept = before.and_then(|before| serde_json::from_value(before.settings.clone()).ok());
    let mut settings: ImportedSettings = kept.unwrap_or_default();
    settings.label = choices.label.or(settings.label).or_else(|| metadata.display_name.clone());
    settings.entity_id = choices.entity_id.or(settings.entity_id);
    settings.allow_idp_initiated =
        choices.allow_idp_initiated.unwrap_or(settings.allow_idp_initiated);
    settings.allow_cbc_in_unsigned_response = choices
        .allow_cbc_in_unsigned_response
        .unwrap_or(settings.allow_cbc_in_unsigned_response);
    settings.default = choices.default.unwrap_or(settings.default);
    if !choices.email_domains.is_empty() {
        settings.email_domains = choices.email_domains;
    }
    let record = ImportedIdp {
        name: name.clone(),
        settings: serde_json::to_value(settings).map_err(|error| error.to_string())?,
        metadata: String::from_utf8(bytes).map_err(|_| "the metadata is not UTF-8".to_owned())?,
        url,
        updated_at: now,
    };
    store.put(&record).await.map_err(|error| error.detail)?;
    let event = Event {
        idp: Some(name.clone()),
        detail: json!({ "entity_id": metadata.entity_id, "replaced": before.is_some() }),
        ..Event::new(EventKind::IdpImported)
    };
    store.record(&event, now).await.map_err(|error| error.detail)?;
    Ok((record, before.is_some()))
}
