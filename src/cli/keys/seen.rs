//! Who has fetched our metadata since it changed, as far as that can be known.
//!
//! An identity provider is recognised by its address alone: that of the host in its own metadata. One that
//! comes through a proxy, or whose pages are elsewhere than what fetches (as everywhere in clouds), is
//! one of the others.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};
use url::Url;

use crate::base::Timestamp;
use crate::cli::{idps, output};
use crate::config::Config;
use crate::keys::Fetch;
use crate::trust::MetadataSource;

/// Who came, and which identity providers are not known to have.
pub(super) struct Seen {
    since: Timestamp,
    /// Each identity provider, and who came from its address.
    idps: Vec<(String, Vec<Fetch>)>,
    /// Who came from elsewhere.
    others: Vec<Fetch>,
}

/// Asks the database, and resolves the hosts of identity providers.
pub(super) async fn since(config: &Config, since: Timestamp, now: Timestamp) -> Seen {
    let mut seen = Seen { since, idps: Vec::new(), others: Vec::new() };
    if config.database.is_still_to_be_made() {
        return seen;
    }
    let store = match config.database.open_to_read().await {
        Ok(store) => store,
        Err(error) => {
            output::warning(&config.database.complaint(&error));
            return seen;
        }
    };
    let fetches = store.fetches().await.unwrap_or_else(|error| {
        output::warning(&error.detail);
        Vec::new()
    });
    let mut fetches: Vec<Fetch> = fetches.into_iter().filter(|fetch| fetch.last >= since).collect();
    for idp in idps::all(config, &*store, now).await {
        let mut hosts = BTreeSet::new();
        if let Ok(metadata) = &idp.metadata {
            hosts.extend(metadata.sign_on.iter().filter_map(|sso| host(&sso.location)));
            hosts.extend(host(&metadata.entity_id));
        }
        if let MetadataSource::Url(url) = &idp.settings.metadata {
            hosts.extend(host(url));
        }
        let mut addresses = BTreeSet::new();
        for host in hosts {
            addresses.extend(resolve(&host).await);
        }
        let (own, others) =
            fetches.into_iter().partition(|fetch| addresses.contains(&fetch.address));
        fetches = others;
        seen.idps.push((idp.settings.name.as_str().to_owned(), own));
    }
    store.close().await;
    seen.others = fetches;
    seen
}

impl Seen {
    /// The same for programs.
    pub(super) fn to_json(&self) -> Value {
        let fetch = |fetch: &Fetch| {
            json!({
                "address": fetch.address, "agent": fetch.agent, "count": fetch.count,
                "first": fetch.first.to_rfc3339(), "last": fetch.last.to_rfc3339(),
            })
        };
        let idp = |(name, fetches): &(String, Vec<Fetch>)| json!({ "idp": name, "fetches": fetches.iter().map(fetch).collect::<Value>() });
        json!({
            "changed_at": self.since.to_rfc3339(),
            "idps": self.idps.iter().map(idp).collect::<Value>(),
            "others": self.others.iter().map(fetch).collect::<Value>(),
        })
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "Who fetched our metadata since {}:",
            self.since.to_saml()
        )?;
        let mut table = output::Table::plain();
        let mut row = |who: &str, fetch: &Fetch| {
            table.row([
                format!("  {who}"),
                fetch.last.to_saml(),
                fetch.address.clone(),
                fetch.agent.clone(),
            ]);
        };
        for (name, fetches) in &self.idps {
            for fetch in fetches {
                row(name, fetch);
            }
        }
        for fetch in &self.others {
            row("?", fetch);
        }
        write!(f, "{table}")?;
        let missing = self.idps.iter().filter(|(_, fetches)| fetches.is_empty());
        let missing: Vec<&str> = missing.map(|(name, _)| name.as_str()).collect();
        if !missing.is_empty() {
            writeln!(
                f,
                "  not seen: {}. That may mean nothing, since many come from other addresses; or that \
                 somebody has to upload the metadata there.",
                missing.join(", ")
            )?;
        }
        Ok(())
    }
}

fn host(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let host = url.host_str()?;
    Some(host.trim_start_matches('[').trim_end_matches(']').to_owned())
}

async fn resolve(host: &str) -> Vec<String> {
    // A name server that does not answer should not keep anybody from their keys.
    let looked_up =
        tokio::time::timeout(Duration::from_secs(3), tokio::net::lookup_host((host, 443)));
    match looked_up.await {
        Ok(Ok(addresses)) => addresses.map(|address| address.ip().to_string()).collect(),
        _ => Vec::new(),
    }
}
