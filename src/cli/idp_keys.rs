//! `samlgate idp keys`, `samlgate idp changes`: what is trusted, and what waits for a decision.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::output::Table;
use super::{ConfigFile, idp_name, idps, output};
use crate::base::clock::SystemClock;
use crate::base::{Clock as _, IdpName, Timestamp};
use crate::config::Loaded;
use crate::dsig::Certificate;
use crate::store::Database;
use crate::trust::{IdpStore, SeenKey, Standing, WaitingChange};

/// Arguments of both.
#[derive(Args, Clone, Debug)]
pub struct KeysArgs {
    /// The short name of the identity provider.
    #[arg(value_name = "NAME", value_parser = idp_name)]
    pub name: IdpName,
    /// Which configuration file.
    #[command(flatten)]
    pub file: ConfigFile,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// A key as it is shown.
struct Shown {
    fingerprint: String,
    subject: String,
    not_after: Timestamp,
    /// `metadata`, `approved`, `pending`, `rejected`; `other`: it was seen when the name had another
    /// entityID, and counts for nothing.
    standing: &'static str,
    seen: Option<SeenKey>,
}

/// Prints the keys: those in the metadata first.
pub async fn keys(args: KeysArgs, loaded: Loaded) -> ExitCode {
    let now = SystemClock.now();
    idps::with_store(&loaded.config, async |store| {
        let Some(idp) = idps::named(&loaded.config, store, &args.name, now).await else {
            return idps::unknown(&args.name, &idps::all(&loaded.config, store, now).await);
        };
        let mut shown: Vec<Shown> = Vec::new();
        if let Ok(metadata) = &idp.metadata {
            shown.extend(metadata.signing_keys.iter().map(|key| Shown {
                fingerprint: key.fingerprint().to_owned(),
                subject: key.subject().to_owned(),
                not_after: key.not_after(),
                standing: "metadata",
                seen: None,
            }));
        }
        match seen(store, &args.name).await {
            Ok(seen) => shown.extend(seen.into_iter().filter_map(|key| of_seen(key, &idp))),
            Err(message) => {
                output::error(&message);
                return ExitCode::FAILURE;
            }
        }
        if args.json {
            return output::json(&shown.iter().map(|key| as_json(key, now)).collect());
        }
        let mut table = Table::new(&["SHA-256", "STANDING", "SEEN", "SUBJECT", "VALID UNTIL"]);
        for key in &shown {
            let times = key.seen.as_ref().map_or_else(String::new, |seen| {
                format!("{} times, last {}", seen.seen, seen.last_seen.to_saml())
            });
            let until = format!(
                "{} ({})",
                key.not_after.to_saml(),
                idps::days(key.not_after, now)
            );
            table.row([
                &*key.fingerprint,
                key.standing,
                &times,
                &key.subject,
                &until,
            ]);
        }
        if shown.iter().any(|key| key.standing == Standing::Pending.as_str()) {
            output::hint(&format!(
                "ask them for the SHA-256 of their certificate, and let it count by: samlgate idp \
                 approve {} SHA-256",
                args.name
            ));
        }
        output::data(&table.to_string())
    })
    .await
}

/// Keys that were seen in messages of one identity provider.
pub(super) async fn seen(store: &dyn Database, name: &IdpName) -> Result<Vec<SeenKey>, String> {
    let seen = store.seen_keys().await.map_err(|error| error.detail)?;
    Ok(seen.into_iter().filter(|key| key.idp == *name).collect())
}

fn of_seen(seen: SeenKey, idp: &idps::Known) -> Option<Shown> {
    let certificate = Certificate::from_der(&seen.certificate).ok()?;
    Some(Shown {
        fingerprint: seen.fingerprint.clone(),
        subject: certificate.subject().to_owned(),
        not_after: certificate.not_after(),
        standing: match idp.is_of_now(&seen) {
            true => seen.standing.as_str(),
            false => "other",
        },
        seen: Some(seen),
    })
}

fn as_json(key: &Shown, now: Timestamp) -> Value {
    let seen = key.seen.as_ref();
    json!({
        "fingerprint_sha256": key.fingerprint,
        "subject": key.subject,
        "not_after": key.not_after.to_saml(),
        "days_left": key.not_after.days_left(now),
        "standing": key.standing,
        "seen": seen.map(|seen| seen.seen),
        "first_seen": seen.map(|seen| seen.first_seen.to_saml()),
        "last_seen": seen.map(|seen| seen.last_seen.to_saml()),
    })
}

/// Prints what is other in the metadata that waits.
pub async fn changes(args: KeysArgs, loaded: Loaded) -> ExitCode {
    let now = SystemClock.now();
    idps::with_store(&loaded.config, async |store| {
        if idps::named(&loaded.config, store, &args.name, now).await.is_none() {
            return idps::unknown(&args.name, &idps::all(&loaded.config, store, now).await);
        }
        let waiting = match waiting(store, &args.name).await {
            Ok(waiting) => waiting,
            Err(message) => {
                output::error(&message);
                return ExitCode::FAILURE;
            }
        };
        let Some(waiting) = waiting else {
            if args.json {
                return output::json(&Value::Null);
            }
            output::note(&format!("nothing of {} waits", args.name));
            return ExitCode::SUCCESS;
        };
        if args.json {
            return output::json(&json!({
                "since": waiting.seen_at.to_saml(),
                "standing": waiting.standing.as_str(),
                "word": waiting.word(),
                "change": waiting.change,
            }));
        }
        let since = waiting.seen_at.to_saml();
        let standing = waiting.standing.as_str();
        output::note(&format!("new metadata, {standing}, since {since}:"));
        let name = &args.name;
        let word = waiting.word();
        output::hint(&match waiting.standing {
            Standing::Rejected => {
                format!("samlgate idp approve {name} {word} lets it count after all")
            }
            _ => format!(
                "samlgate idp approve {name} {word} lets it count, samlgate idp reject {name} {word} \
                 does not"
            ),
        });
        output::data(&sentences(&waiting).join("\n"))
    })
    .await
}

/// What waits for one identity provider.
pub(super) async fn waiting(
    store: &dyn Database,
    name: &IdpName,
) -> Result<Option<WaitingChange>, String> {
    let waiting = IdpStore::waiting(store).await.map_err(|error| error.detail)?;
    Ok(waiting.into_iter().find(|waiting| waiting.copy.idp == *name))
}

/// A sentence for each thing that is other.
pub(super) fn sentences(waiting: &WaitingChange) -> Vec<String> {
    let sentences = waiting.change.get("sentences").and_then(Value::as_array);
    let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
    sentences.into_iter().flatten().filter_map(text).collect()
}
