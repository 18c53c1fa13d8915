//! `samlgate idp refresh`: fetches the metadata of an identity provider again.

use std::process::ExitCode;

use super::{NamedArgs, idps, output};
use crate::base::clock::SystemClock;
use crate::base::{Clock as _, Timestamp};
use crate::config::Loaded;
use crate::saml::metadata::IdpMetadata;
use crate::store::Database;
use crate::tasks::fetch::Fetched;
use crate::trust::{IdpStore, ImportedIdp, MetadataCopy, MetadataSource};

/// Fetches, checks, stores and prints it. What is refused changes nothing.
pub async fn run(args: NamedArgs, loaded: Loaded) -> ExitCode {
    let now = SystemClock.now();
    idps::with_store(&loaded.config, async |store| {
        let known = idps::all(&loaded.config, store, now).await;
        let Some(idp) = known.iter().find(|idp| idp.settings.name == args.name) else {
            return idps::unknown(&args.name, &known);
        };
        let configured = match &idp.settings.metadata {
            MetadataSource::Url(url) => Some(url.clone()),
            MetadataSource::File(path) => {
                output::error(&format!(
                    "{} is read from {} whenever the gateway starts or reloads",
                    args.name,
                    path.display()
                ));
                return ExitCode::FAILURE;
            }
            MetadataSource::Stored => None,
        };
        let entity_id = idp.settings.entity_id.as_deref();
        let result = match configured {
            Some(url) => copy(store, &args, &url, entity_id, now).await,
            None => record(store, &args, entity_id, now).await,
        };
        match result {
            Ok(()) => {
                let known = idps::all(&loaded.config, store, now).await;
                output::note(&format!("refreshed {}", args.name));
                let idp = known.iter().find(|idp| idp.settings.name == args.name);
                output::data(&idp.map_or_else(String::new, |idp| idps::as_text(idp, now)))
            }
            Err(message) => {
                output::error(&message);
                output::hint("nothing was changed: the metadata from before stays in use");
                ExitCode::FAILURE
            }
        }
    })
    .await
}

async fn copy(
    store: &dyn Database,
    args: &NamedArgs,
    url: &str,
    entity_id: Option<&str>,
    now: Timestamp,
) -> Result<(), String> {
    let fetched = fetch(url, entity_id, now).await?;
    let copy = MetadataCopy {
        idp: args.name.clone(),
        url: url.to_owned(),
        metadata: text(&fetched)?,
        etag: fetched.etag,
        last_modified: fetched.last_modified,
        fetched_at: now,
    };
    store.put_copy(&copy).await.map_err(|error| error.detail)?;
    store.renewed().await.map_err(|error| error.detail)
}

async fn record(
    store: &dyn Database,
    args: &NamedArgs,
    entity_id: Option<&str>,
    now: Timestamp,
) -> Result<(), String> {
    let records = IdpStore::list(store).await.map_err(|error| error.detail)?;
    let record = records.into_iter().find(|record| record.name == args.name);
    let record = record.ok_or("it was removed meanwhile")?;
    let url = record
        .url
        .clone()
        .ok_or("it was imported from a file: import the new file instead")?;
    let fetched = fetch(&url, entity_id, now).await?;
    let record = ImportedIdp { metadata: text(&fetched)?, updated_at: now, ..record };
    store.put(&record).await.map_err(|error| error.detail)
}

async fn fetch(url: &str, entity_id: Option<&str>, now: Timestamp) -> Result<Fetched, String> {
    let fetched = idps::fetch(url).await?;
    let read = IdpMetadata::read(&fetched.body, entity_id, now);
    read.map_err(|error| format!("{url}: {error} ({})", error.code()))?;
    Ok(fetched)
}

fn text(fetched: &Fetched) -> Result<String, String> {
    String::from_utf8(fetched.body.to_vec()).map_err(|_| "the metadata is not UTF-8".to_owned())
}
