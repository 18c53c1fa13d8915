//! `samlgate scim show`: how a connection is.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::connection::{members, yes};
use super::token::{base_url, scopes};
use super::token_list::left;
use super::{connection_name, find_connection, key};
use crate::base::clock::SystemClock;
use crate::base::{Clock as _, ConnectionName, IdpName, StoreError, Timestamp};
use crate::cli::output::Table;
use crate::cli::stores::{Stores, with_stores};
use crate::cli::{ConfigFile, output};
use crate::config::{Config, Loaded};
use crate::directory::health::{State, Why};
use crate::directory::run::Run;
use crate::directory::{
    Begin, ClientKey, Connection, GroupParts, Health, Query, ScimToken, UserParts,
};
use crate::notice::Notice;

/// Arguments of `scim show`.
#[derive(Args, Debug)]
pub(in crate::cli) struct ShowArgs {
    /// The connection.
    #[arg(value_name = "NAME", value_parser = connection_name)]
    name: ConnectionName,
    /// Which configuration file.
    #[command(flatten)]
    pub(super) file: ConfigFile,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Everything that is known.
struct Known {
    connection: Connection,
    health: Health,
    tokens: Vec<ScimToken>,
    keys: Vec<ClientKey>,
    notices: Vec<Notice>,
    people: u64,
    groups: u64,
}

/// Prints tables, or JSON.
pub(super) async fn run(args: ShowArgs, loaded: Loaded) -> ExitCode {
    let now = SystemClock.now();
    with_stores(&loaded.config, async |stores| {
        let connection = find_connection(stores, &args.name).await?;
        let known = look(stores, connection).await?;
        if args.json {
            return Ok(output::json(&as_json(&loaded.config, &known, now)));
        }
        let mut text = as_text(&loaded.config, &known, now);
        if !known.tokens.is_empty() {
            text.push('\n');
            text.push_str(&tokens(&known.tokens, now));
        }
        if !known.keys.is_empty() {
            text.push('\n');
            text.push_str(&key::table(&known.keys, now));
        }
        let said = output::data(&text);
        for notice in &known.notices {
            output::warning(&notice.text);
            output::hint(&notice.advice);
        }
        Ok(said)
    })
    .await
}

async fn look(stores: &Stores, connection: Connection) -> Result<Known, StoreError> {
    let name = &connection.name;
    let health = stores.requests.health().await?;
    let health = health.into_iter().find(|(known, _)| known == name);
    let count = Query {
        filter: None,
        sort: None,
        from: Begin::Offset(0),
        count: 0,
        total: true,
    };
    let tenant = connection.tenant();
    let people = stores.provisioning.users(&tenant, &count, UserParts::default()).await?;
    let groups = stores.provisioning.groups(&tenant, &count, GroupParts::default()).await?;
    let own = |notice: &Notice| {
        let mut parts = notice.key.split('/');
        let kind = parts.next().unwrap_or_default();
        ["scim-state", "scim-token"].contains(&kind) && parts.next() == Some(name.as_str())
    };
    let notices = stores.notices.notices().await?;
    Ok(Known {
        health: health.map(|(_, health)| health).unwrap_or_default(),
        tokens: stores.connections.tokens(Some(name)).await?,
        keys: stores.connections.keys(Some(name)).await?,
        notices: notices.into_iter().filter(own).collect(),
        people: people.total.unwrap_or_default(),
        groups: groups.total.unwrap_or_default(),
        connection,
    })
}

fn as_text(config: &Config, known: &Known, now: Timestamp) -> String {
    let Known { connection, health, .. } = known;
    let mut table = Table::plain();
    let idp = connection.idp.as_ref();
    let never = |at: Option<Timestamp>| at.map_or_else(|| "never".to_owned(), Timestamp::to_saml);
    table.row(["name", connection.name.as_str()]);
    table.row(["state", &state(health)]);
    table.row(["identity provider", idp.map_or("none", IdpName::as_str)]);
    table.row(["base URL", &base_url(config)]);
    table.row(["strict", yes(connection.settings.strict)]);
    table.row(["unknown members", members(connection)]);
    table.row(["people", &known.people.to_string()]);
    table.row(["groups", &known.groups.to_string()]);
    table.row(["created", &connection.created_at.to_saml()]);
    table.row(["last request", &last_request(health, now)]);
    table.row(["last success", &never(health.last_success)]);
    if let Some(failure) = &health.last_failure {
        let (at, what) = (never(failure.at), &failure.what);
        let line = format!("{at}  {} {what}: {}", failure.status, failure.detail);
        table.row(["last failure", line.trim_end_matches([':', ' '])]);
    }
    if let Some(run) = health.current_run(now) {
        table.row(["current run", &in_words(run)]);
    }
    if let Some(run) = health.finished_run(now) {
        table.row(["last run", &in_words(run)]);
    }
    if let Some(cycle) = health.cycle {
        let every = format!("every {} min, on average", cycle.div_ceil(60));
        table.row(["runs", &every]);
    }
    table.to_string()
}

/// `failing since 2026-11-22T13:20:00Z: its last ten changes were all refused`
fn state(health: &Health) -> String {
    let word = health.state.as_str();
    let since = health
        .since
        .map(|since| format!(" since {}", since.to_saml()))
        .unwrap_or_default();
    match (health.state, health.why) {
        (State::Failing | State::Quarantined, Some(why)) => {
            format!("{word}{since}: {}", why.sentence())
        }
        _ if health.last_request.is_none() => format!("{word} (nothing was asked yet)"),
        _ => format!("{word}{since}"),
    }
}

fn last_request(health: &Health, now: Timestamp) -> String {
    match (health.last_request, health.silent_since(now)) {
        (None, _) => "never".to_owned(),
        (Some(at), None) => at.to_saml(),
        (Some(at), Some(_)) => {
            let hours = now.since(at).as_secs() / 3600;
            format!("{}  silent for {hours} h, longer than usual", at.to_saml())
        }
    }
}

/// `2026-11-22T13:20:00Z to 13:24:10Z: 1204 requests, 4.8/s; 900 created, 3 failed`
fn in_words(run: &Run) -> String {
    let counts = [
        (run.created, "created"),
        (run.updated, "updated"),
        (run.deactivated, "deactivated"),
        (run.deleted, "deleted"),
        (run.unchanged, "unchanged"),
        (run.looked_up, "looked up"),
        (run.failed, "failed"),
    ];
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    let counts: Vec<String> = counts.map(|(count, word)| format!("{count} {word}")).collect();
    let (begun, last) = (run.begun.to_saml(), run.last.to_saml());
    let mut text = format!("{begun} to {last}: {} requests", run.requests);
    if run.last.since(run.begun).as_secs() > 0 {
        text.push_str(&format!(", {:.1}/s", run.per_second()));
    }
    if !counts.is_empty() {
        text.push_str(&format!("; {}", counts.join(", ")));
    }
    if let Some(listed) = run.listed {
        let (seen, total) = (listed.seen.min(listed.total), listed.total);
        text.push_str(&format!(
            "; listed {seen} of {total} ({} %)",
            listed.percent()
        ));
    }
    text
}

fn tokens(tokens: &[ScimToken], now: Timestamp) -> String {
    let mut table = Table::new(&["TOKEN", "SCOPES", "EXPIRES", "", "LAST USED"]);
    for token in tokens {
        table.row([
            token.id.clone(),
            scopes(token.scopes),
            token.expires.map_or_else(|| "never".to_owned(), Timestamp::to_saml),
            token.expires.map(|expires| left(expires, now)).unwrap_or_default(),
            token.last_used.map_or_else(|| "never".to_owned(), Timestamp::to_saml),
        ]);
    }
    table.to_string()
}

fn as_json(config: &Config, known: &Known, now: Timestamp) -> Value {
    let Known { connection, health, .. } = known;
    let time = |at: Option<Timestamp>| at.map(Timestamp::to_rfc3339);
    let token = |token: &ScimToken| {
        json!({
            "token": token.id, "scopes": token.scopes, "expires": time(token.expires),
            "expired": !token.is_live(now), "last_used": time(token.last_used),
        })
    };
    let notice = |notice: &Notice| {
        json!({
            "key": notice.key, "time": notice.at.to_rfc3339(), "text": notice.text,
            "advice": notice.advice,
        })
    };
    let failure = health.last_failure.as_ref().map(|failure| {
        json!({
            "time": time(failure.at), "status": failure.status, "request": failure.what,
            "detail": failure.detail,
        })
    });
    json!({
        "name": connection.name,
        "state": health.state,
        "state_since": time(health.since),
        "why": health.why.map(Why::sentence),
        "idp": connection.idp,
        "base_url": base_url(config),
        "strict": connection.settings.strict,
        "unknown_members": connection.settings.unknown_members,
        "people": known.people,
        "groups": known.groups,
        "created": connection.created_at.to_rfc3339(),
        "last_request": time(health.last_request),
        "silent": health.silent_since(now).is_some(),
        "last_success": time(health.last_success),
        "last_failure": failure,
        "current_run": health.current_run(now).map(run_json),
        "last_run": health.finished_run(now).map(run_json),
        "cycle_seconds": health.cycle,
        "tokens": known.tokens.iter().map(token).collect::<Vec<_>>(),
        "keys": known.keys.iter().map(|each| key::as_json(each, now)).collect::<Vec<_>>(),
        "notices": known.notices.iter().map(notice).collect::<Vec<_>>(),
    })
}

fn run_json(run: &Run) -> Value {
    json!({
        "begun": run.begun.to_rfc3339(), "last": run.last.to_rfc3339(),
        "requests": run.requests, "per_second": run.per_second(), "created": run.created,
        "updated": run.updated, "deactivated": run.deactivated, "deleted": run.deleted,
        "unchanged": run.unchanged, "looked_up": run.looked_up, "failed": run.failed,
        "listed": run.listed.map(|listed| {
            json!({ "seen": listed.seen, "total": listed.total, "percent": listed.percent() })
        }),
    })
}
