//! What the `idp` commands share: the store, the documents, and how an identity provider is shown.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::output::{self, Table};
use crate::base::entropy::SystemEntropy;
use crate::base::{IdpName, NonEmpty, Timestamp};
use crate::config::Config;
use crate::dsig::{TrustedKey, TrustedKeys};
use crate::saml::metadata::IdpMetadata;
use crate::store::Database;
use crate::tasks::fetch::Fetcher;
use crate::tasks::refresh::Stores;
use crate::trust::{
    IdpSettings, IdpStore, ImportedIdp, MetadataCopy, MetadataSource, OnChange, RefreshState,
    SeenKey, SignersOnce, Standing, WaitingChange,
};

/// Opens the database of the configuration for one command, and closes it behind it; says why not.
///
/// Closing writes the WAL back. A process that just ends leaves it beside the file, for the next
/// one that opens it to clear up.
pub(super) async fn with_store(
    config: &Config,
    command: impl AsyncFnOnce(&dyn Database) -> ExitCode,
) -> ExitCode {
    match config.database.open().await {
        Ok(store) => {
            let code = command(&*store).await;
            store.close().await;
            code
        }
        Err(error) => {
            output::error(&config.database.complaint(&error));
            ExitCode::FAILURE
        }
    }
}

/// What is known of one identity provider.
pub(super) struct Known {
    /// Its settings.
    pub(super) settings: IdpSettings,
    /// `configured` or `imported`.
    pub(super) origin: &'static str,
    /// Where its metadata comes from, as people write it.
    pub(super) source: String,
    /// Its metadata, or why there is none.
    pub(super) metadata: Result<IdpMetadata, String>,
    /// How asking for it went.
    pub(super) refresh: Option<RefreshState>,
    /// What waits for an administrator: `2 keys`, `a change`.
    pub(super) waiting: Vec<String>,
}

impl Known {
    /// What people read on its button.
    pub(super) fn label(&self) -> &str {
        self.settings.label(self.metadata.as_ref().ok())
    }

    /// Whether a key was seen for the entityID that the name has now, as far as one can tell.
    pub(super) fn is_of_now(&self, key: &SeenKey) -> bool {
        self.metadata
            .as_ref()
            .map_or(true, |metadata| metadata.entity_id == key.entity_id)
    }
}

/// Every identity provider, configured ones first, without asking the network: metadata of
/// addresses is the copy that the gateway keeps.
pub(super) async fn all(config: &Config, store: &dyn Database, now: Timestamp) -> Vec<Known> {
    let mut known = configured(config, store, |_| true, now).await;
    let (mut after, mut signers) = (None, SignersOnce::default());
    loop {
        let mut records = store.page(after.as_ref(), AT_ONCE).await.unwrap_or_default();
        let Some(last) = records.last() else { break };
        after = Some(last.name.clone());
        records.retain(|record| !config.idps.iter().any(|other| other.name == record.name));
        let names: Vec<IdpName> = records.iter().map(|record| record.name.clone()).collect();
        let copies = store.copies(&names).await.unwrap_or_default();
        for record in records {
            let copy = copies.iter().find(|copy| copy.idp == record.name);
            known.extend(imported_by(&record, copy, &mut signers, now));
        }
    }
    over_time(&mut known, store).await;
    known
}

/// The one of this name. The documents of a federation's others are not read.
pub(super) async fn named(
    config: &Config,
    store: &dyn Database,
    name: &IdpName,
    now: Timestamp,
) -> Option<Known> {
    let mut known = configured(config, store, |other| other == name, now).await;
    if known.is_empty()
        && let Some(record) = store.imported(name).await.ok().flatten()
    {
        let copy = store.copy(name).await.ok().flatten();
        known.extend(imported(&record, copy.as_ref(), now));
    }
    over_time(&mut known, store).await;
    known.pop()
}

pub(super) async fn configured(
    config: &Config,
    store: &dyn Database,
    wanted: impl Fn(&IdpName) -> bool,
    now: Timestamp,
) -> Vec<Known> {
    let mut known = Vec::new();
    for settings in config.idps.iter().filter(|settings| wanted(&settings.name)) {
        let entity_id = settings.entity_id.as_deref();
        let read =
            |bytes: &[u8]| settings.read(bytes, entity_id, now).map_err(|error| error.to_string());
        let (source, metadata) = match &settings.metadata {
            MetadataSource::File(path) => {
                let bytes = tokio::fs::read(path).await.map_err(|error| error.to_string());
                (
                    path.display().to_string(),
                    bytes.and_then(|bytes| read(&bytes)),
                )
            }
            MetadataSource::Url(url) => {
                let copy = store.copy(&settings.name).await;
                let copy = copy.ok().flatten().filter(|copy| copy.url == *url);
                let fetch = || "not fetched yet: the gateway fetches it when it starts".to_owned();
                let metadata = copy.ok_or_else(fetch);
                (
                    url.clone(),
                    metadata.and_then(|copy| {
                        let read = settings.read_copy(&copy, entity_id, now);
                        read.map_err(|error| error.to_string())
                    }),
                )
            }
            MetadataSource::Stored => ("imported".to_owned(), Err("not imported".to_owned())),
        };
        known.push(Known {
            settings: settings.clone(),
            origin: "configured",
            source,
            metadata,
            refresh: None,
            waiting: Vec::new(),
        });
    }
    known
}

/// Documents that are read at once: some megabytes.
const AT_ONCE: usize = 200;

/// How asking for their metadata went, and what waits.
async fn over_time(known: &mut [Known], store: &dyn Database) {
    let states = store.refreshes().await.unwrap_or_default();
    let keys = store.seen_keys().await.unwrap_or_default();
    let changes = IdpStore::waiting(store).await.unwrap_or_default();
    let mut states: HashMap<IdpName, RefreshState> =
        states.into_iter().map(|state| (state.idp.clone(), state)).collect();
    for idp in known {
        let name = &idp.settings.name;
        idp.refresh = states.remove(name).filter(|state| state.url == idp.source);
        if let (Err(why), Some(state)) = (&mut idp.metadata, &idp.refresh)
            && state.fetched_at.is_none()
        {
            *why = format!("never fetched: {} ({})", state.detail, state.result);
        }
        let pending = keys.iter().filter(|key| {
            key.idp == *name && key.standing == Standing::Pending && idp.is_of_now(key)
        });
        match pending.count() {
            0 => {}
            1 => idp.waiting.push("a key".to_owned()),
            several => idp.waiting.push(format!("{several} keys")),
        }
        let pending = |change: &&WaitingChange| {
            change.copy.idp == *name && change.standing == Standing::Pending
        };
        if changes.iter().any(|change| pending(&change)) {
            idp.waiting.push("a change".to_owned());
        }
    }
}

/// An imported identity provider.
pub(super) fn imported(
    record: &ImportedIdp,
    copy: Option<&MetadataCopy>,
    now: Timestamp,
) -> Option<Known> {
    imported_by(record, copy, &mut SignersOnce::default(), now)
}

fn imported_by(
    record: &ImportedIdp,
    copy: Option<&MetadataCopy>,
    signers: &mut SignersOnce,
    now: Timestamp,
) -> Option<Known> {
    let kept = record.kept_settings()?;
    let picked_by = match record.newer(copy) {
        Some(copy) => copy.picked_by.clone(),
        None => kept.picked_by.clone(),
    };
    let mut settings = kept.into_settings(&record.name, signers)?;
    settings.imported_from.clone_from(&record.url);
    let entity_id = settings.entity_id.as_deref();
    let document = record.document(copy).as_bytes();
    let metadata = settings.read_kept(document, picked_by.as_deref(), entity_id, now);
    Some(Known {
        origin: "imported",
        source: record.url.clone().unwrap_or_else(|| "a file".to_owned()),
        metadata: metadata.map_err(|error| error.to_string()),
        refresh: None,
        waiting: Vec::new(),
        settings,
    })
}

/// One identity provider as JSON.
pub(super) fn as_json(known: &Known, now: Timestamp) -> Value {
    let settings = &known.settings;
    let mut value = json!({
        "name": settings.name,
        "label": known.label(),
        "origin": known.origin,
        "source": known.source,
        "enabled": settings.enabled,
        "default": settings.default,
        "email_domains": settings.email_domains,
        "allow_idp_initiated": settings.allow_idp_initiated,
        "on_change": settings.on_change.as_str(),
        "metadata_signers": signers(settings).map(|key| json!({
            "fingerprint_sha256": key.fingerprint(),
            "subject": key.subject(),
            "not_after": key.not_after().to_saml(),
        })).collect::<Value>(),
        "waiting": known.waiting,
        "refresh": known.refresh.as_ref().map(|state| json!({
            "tried_at": state.tried_at.to_saml(),
            "fetched_at": state.fetched_at.map(Timestamp::to_saml),
            "next_at": state.next_at.to_saml(),
            "failures": state.failures,
            "result": state.result,
            "detail": state.detail,
        })),
    });
    let more = match &known.metadata {
        Ok(metadata) => facts(metadata, now),
        Err(error) => json!({ "error": error }),
    };
    if let (Value::Object(value), Value::Object(more)) = (&mut value, more) {
        value.extend(more);
    }
    value
}

/// Who must have signed its metadata; nobody in particular when there is none.
fn signers(settings: &IdpSettings) -> impl Iterator<Item = &TrustedKey> {
    settings.metadata_signers.iter().flat_map(TrustedKeys::iter)
}

fn facts(metadata: &IdpMetadata, now: Timestamp) -> Value {
    let endpoints = |list: &[crate::saml::metadata::Endpoint]| {
        let one = |endpoint: &crate::saml::metadata::Endpoint| json!({ "binding": endpoint.binding.as_str(), "location": endpoint.location });
        list.iter().map(one).collect::<Value>()
    };
    let keys = metadata.signing_keys.iter().map(|key| {
        json!({
            "fingerprint_sha256": key.fingerprint(),
            "key": key.description(),
            "subject": key.subject(),
            "not_after": key.not_after().to_saml(),
            "days_left": key.not_after().days_left(now),
        })
    });
    json!({
        "entity_id": metadata.entity_id,
        "vendor": metadata.vendor.as_str(),
        "sign_on": endpoints(&metadata.sign_on),
        "logout": endpoints(&metadata.logout),
        "wants_signed_requests": metadata.wants_signed_requests,
        "valid_until": metadata.valid_until.map(Timestamp::to_saml),
        "signing_keys": keys.collect::<Value>(),
        "refused_keys": metadata.refused_keys.iter().map(|key| key.reason.clone()).collect::<Value>(),
    })
}

/// One identity provider for people.
pub(super) fn as_text(known: &Known, now: Timestamp) -> String {
    let settings = &known.settings;
    let mut table = Table::plain();
    table.row(["name", settings.name.as_str()]);
    table.row(["label", known.label()]);
    table.row(["source", &format!("{} ({})", known.source, known.origin)]);
    if settings.metadata_signers.is_none() {
        table.row(["signature", "not required"]);
    }
    for key in signers(settings) {
        let (subject, until) = (key.subject(), key.not_after());
        table.row([
            "signature",
            &format!(
                "required, by {subject}, {} ({})",
                fingerprint(key.fingerprint()),
                days(until, now)
            ),
        ]);
    }
    let on_change = match settings.on_change {
        OnChange::Apply => "apply: what changes counts at once",
        OnChange::Approve => "approve: big changes wait for you",
    };
    table.row(["on change", on_change]);
    if let Some(state) = &known.refresh {
        let at = |at: Timestamp| at.to_saml();
        let went = match (state.result.as_str(), state.fetched_at) {
            ("ok", _) => format!("ok at {}", at(state.tried_at)),
            (code, last) => format!(
                "{code} at {}, {} times since {}: {}",
                at(state.tried_at),
                state.failures,
                last.map_or_else(|| "the beginning".to_owned(), at),
                state.detail
            ),
        };
        table.row(["asked for", &went]);
        table.row(["next", &at(state.next_at)]);
    }
    if !known.waiting.is_empty() {
        table.row(["waiting for you", &known.waiting.join(", ")]);
    }
    let metadata = match &known.metadata {
        Ok(metadata) => metadata,
        Err(error) => {
            table.row(["metadata", error]);
            return table.to_string();
        }
    };
    table.row(["entityID", &metadata.entity_id]);
    table.row(["vendor", metadata.vendor.as_str()]);
    for endpoint in &metadata.sign_on {
        table.row([
            "sign-on",
            &format!("{} {}", endpoint.binding.as_str(), endpoint.location),
        ]);
    }
    for endpoint in &metadata.logout {
        table.row([
            "logout",
            &format!("{} {}", endpoint.binding.as_str(), endpoint.location),
        ]);
    }
    let signed = settings.sign_requests.unwrap_or(metadata.wants_signed_requests);
    table.row(["requests", if signed { "signed" } else { "not signed" }]);
    let begins = if settings.allow_idp_initiated {
        "allowed"
    } else {
        "not allowed"
    };
    table.row(["IdP-initiated", begins]);
    if !settings.email_domains.is_empty() {
        table.row(["e-mail domains", &settings.email_domains.join(", ")]);
    }
    if let Some(until) = metadata.valid_until {
        table.row([
            "valid until",
            &format!("{} ({})", until.to_saml(), days(until, now)),
        ]);
    }
    let mut text = table.to_string();
    let mut keys = Table::new(&["SIGNING KEY (SHA-256)", "KIND", "VALID UNTIL", ""]);
    for key in metadata.signing_keys.iter() {
        let until = key.not_after();
        keys.row([
            fingerprint(key.fingerprint()),
            key.description(),
            until.to_saml(),
            days(until, now),
        ]);
    }
    let _ = write!(text, "\n{keys}");
    for key in &metadata.refused_keys {
        let _ = writeln!(text, "not used: {}", key.reason);
    }
    text
}

/// `3 days left`, `expired 2 days ago`.
pub(super) fn days(until: Timestamp, now: Timestamp) -> String {
    match until.days_left(now) {
        0 => "expires today".to_owned(),
        1 => "1 day left".to_owned(),
        left if left > 1 => format!("{left} days left"),
        -1 => "EXPIRED".to_owned(),
        left => format!("EXPIRED {} days ago", left.unsigned_abs()),
    }
}

/// The first 16 bytes in pairs, as consoles of identity providers show them; enough to compare.
fn fingerprint(hex: &str) -> String {
    let pairs: Vec<String> = hex
        .as_bytes()
        .chunks(2)
        .take(16)
        .map(|pair| String::from_utf8_lossy(pair).to_uppercase())
        .collect();
    format!("{}…", pairs.join(":"))
}

/// A short name for an identity provider that was given none: of its display name, else of the
/// host in its entityID, else its vendor.
pub(super) fn propose_name(metadata: &IdpMetadata) -> Option<IdpName> {
    let host = url::Url::parse(&metadata.entity_id)
        .ok()
        .and_then(|url| url.host_str().map(ToOwned::to_owned));
    let vendor = metadata.vendor.as_str().to_owned();
    let candidates = [metadata.display_name.clone(), Some(vendor), host];
    let generic = crate::saml::Vendor::Generic.as_str();
    candidates
        .into_iter()
        .flatten()
        .filter(|text| text != generic)
        .find_map(|text| {
            let word = |c: char| {
                if c.is_ascii_alphanumeric() {
                    c.to_ascii_lowercase()
                } else {
                    '-'
                }
            };
            let dashed: String = text.chars().map(word).collect();
            let parts =
                NonEmpty::from_vec(dashed.split('-').filter(|part| !part.is_empty()).collect())?;
            let name = parts.iter().copied().collect::<Vec<_>>().join("-");
            IdpName::parse(&name)
        })
}

/// What fetches metadata, as far as the configuration allows.
pub(super) fn fetcher(config: &Config) -> Result<Fetcher, String> {
    let fetcher = Fetcher::new().map_err(|error| error.to_string())?;
    Ok(fetcher.reaching(config.reach))
}

/// The stores that a refresh needs.
pub(super) fn stores(store: &dyn Database) -> Stores<'_> {
    Stores {
        idps: store,
        audit: store,
        notices: store,
        entropy: &SystemEntropy,
    }
}

/// There is none of this name.
pub(super) fn unknown(name: &IdpName, known: &[Known]) -> ExitCode {
    output::error(&format!("there is no identity provider {name}"));
    let names: Vec<&str> = known.iter().map(|idp| idp.settings.name.as_str()).collect();
    match names.is_empty() {
        true => output::hint("there is none at all: samlgate idp import URL|FILE adds one"),
        false => output::hint(&format!("there is {}", names.join(", "))),
    }
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_by_its_address_is_fetched_from_there() {
        let record = |url: Option<&str>| ImportedIdp {
            name: IdpName::parse("corp").unwrap(),
            settings: json!({}),
            metadata: String::new(),
            url: url.map(str::to_owned),
            updated_at: Timestamp::EPOCH,
        };
        for url in [None, Some("https://idp.example.com/metadata")] {
            let known = imported(&record(url), None, Timestamp::EPOCH).unwrap();
            assert_eq!(known.settings.fetched_from(), url);
        }
    }
}
