//! `samlgate scim connection`: who provisions, and how.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::connection_name;
use super::guard;
use super::known::{administration, find, idp_names};
use super::made::UnknownMembersArg;
use super::token::base_url;
use crate::base::clock::SystemClock;
use crate::base::{Clock as _, ConnectionName, IdpName, Timestamp};
use crate::cli::output::Table;
use crate::cli::stores::{Stop, with_stores};
use crate::cli::{ConfigFile, configured, idp_name, output};
use crate::config::{Config, Loaded};
use crate::directory::{Connection, GuardState, ScimToken, Share, UnknownMembers};

/// What may be done with connections.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ConnectionCommand {
    /// List the connections.
    List(ListArgs),
    /// Show one connection.
    Show(ShowArgs),
    /// Change the settings of a connection.
    #[command(after_help = "Examples:\n  \
                      samlgate scim connection set okta --idp okta\n  \
                      samlgate scim connection set okta --unknown-members ignore --strict=false\n  \
                      samlgate scim connection set okta --guard-people 100 --guard-share 0.1")]
    Set(SetArgs),
    /// Remove a connection with its tokens, its keys and its groups.
    ///
    /// Its people stay, as people of its identity provider.
    #[command(after_help = "Example:\n  samlgate scim connection remove okta --yes")]
    Remove(RemoveArgs),
}

/// Arguments of `scim connection list`.
#[derive(Args, Debug)]
pub(in crate::cli) struct ListArgs {
    /// Which configuration file.
    #[command(flatten)]
    pub(super) file: ConfigFile,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Arguments of `scim connection show`.
#[derive(Args, Debug)]
pub(in crate::cli) struct ShowArgs {
    /// The connection.
    #[arg(value_name = "NAME", value_parser = connection_name)]
    name: ConnectionName,
    /// Which configuration file.
    #[command(flatten)]
    file: ConfigFile,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Arguments of `scim connection set`.
#[derive(Args, Debug)]
pub(in crate::cli) struct SetArgs {
    /// The connection.
    #[arg(value_name = "NAME", value_parser = connection_name)]
    name: ConnectionName,
    #[command(flatten)]
    wanted: Wanted,
    /// Which configuration file.
    #[command(flatten)]
    file: ConfigFile,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = true)]
struct Wanted {
    /// By which identity provider its people sign in.
    #[arg(long, value_name = "IDP", value_parser = idp_name, conflicts_with = "no_idp")]
    idp: Option<IdpName>,
    /// Its people sign in by no identity provider in particular.
    #[arg(long)]
    no_idp: bool,
    /// Whether attributes that no schema has are refused.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    strict: Option<bool>,
    /// What becomes of members of groups that nobody knows.
    #[arg(long, value_name = "WHAT")]
    unknown_members: Option<UnknownMembersArg>,
    /// The share of its people that may be deactivated at once: 0.2; 1.0 is all, without a guard.
    #[arg(long, value_name = "SHARE", value_parser = guard::share)]
    guard_share: Option<Share>,
    /// How many may be deactivated at once in any case.
    #[arg(long, value_name = "N")]
    guard_people: Option<u32>,
    /// At once means within this time: 1h; 30d at most.
    #[arg(long, value_name = "DURATION", value_parser = guard::window)]
    guard_window: Option<Duration>,
    /// The guard is that of the configuration again.
    #[arg(long, conflicts_with_all = ["guard_share", "guard_people", "guard_window"])]
    guard_default: bool,
}

/// Arguments of `scim connection remove`.
#[derive(Args, Debug)]
pub(in crate::cli) struct RemoveArgs {
    /// The connection.
    #[arg(value_name = "NAME", value_parser = connection_name)]
    name: ConnectionName,
    /// Yes, remove it.
    #[arg(long)]
    yes: bool,
    /// Which configuration file.
    #[command(flatten)]
    file: ConfigFile,
}

pub(super) fn run(command: ConnectionCommand) -> ExitCode {
    match command {
        ConnectionCommand::List(args) => {
            configured(&args.file.clone(), async |loaded| list(args, loaded).await)
        }
        ConnectionCommand::Show(args) => {
            configured(&args.file.clone(), async |loaded| show(args, loaded).await)
        }
        ConnectionCommand::Set(args) => {
            configured(&args.file.clone(), async |loaded| set(args, loaded).await)
        }
        ConnectionCommand::Remove(args) => configured(&args.file.clone(), async |loaded| {
            remove(args, loaded).await
        }),
    }
}

pub(super) async fn list(args: ListArgs, loaded: Loaded) -> ExitCode {
    let now = SystemClock.now();
    with_stores(&loaded.config, async |stores| {
        let all = stores.connections.connections().await?;
        let tokens = stores.connections.tokens(None).await?;
        let live = |connection: &Connection| {
            let own =
                |token: &&ScimToken| token.connection == connection.name && token.is_live(now);
            tokens.iter().filter(own).count()
        };
        let health = stores.requests.health().await?;
        let health_of = |connection: &Connection| {
            let found = health.iter().find(|(name, _)| *name == connection.name);
            found.map(|(_, health)| health.clone()).unwrap_or_default()
        };
        let guards = stores.guards.guards().await?;
        let state = |name: &ConnectionName| {
            let known = guards.iter().find(|state| state.connection == *name);
            known.cloned().unwrap_or_else(|| GuardState::quiet(name.clone()))
        };
        if args.json {
            let one = |connection: &Connection| {
                let word = state(&connection.name).word(now);
                let mut json = as_json(&loaded.config, connection, live(connection), word);
                if let Some(json) = json.as_object_mut() {
                    let health = health_of(connection);
                    json.insert("state".to_owned(), json!(health.state));
                    let since = health.since.map(Timestamp::to_saml);
                    json.insert("state_since".to_owned(), json!(since));
                    let last = health.last_request.map(Timestamp::to_saml);
                    json.insert("last_request".to_owned(), json!(last));
                }
                json
            };
            return Ok(output::json(&all.iter().map(one).collect()));
        }
        if all.is_empty() {
            output::note("there is no connection yet");
            output::hint("samlgate scim token create NAME makes one, and a token for it");
            return Ok(ExitCode::SUCCESS);
        }
        let mut table = Table::new(&[
            "NAME",
            "STATE",
            "IDP",
            "TOKENS",
            "LAST REQUEST",
            "STRICT",
            "UNKNOWN MEMBERS",
            "DEACTIVATIONS",
        ]);
        for connection in &all {
            table.row([
                connection.name.to_string(),
                health_of(connection).state.as_str().to_owned(),
                connection.idp.as_ref().map(IdpName::to_string).unwrap_or_default(),
                live(connection).to_string(),
                health_of(connection)
                    .last_request
                    .map_or_else(|| "never".to_owned(), Timestamp::to_saml),
                yes(connection.settings.strict).to_owned(),
                members(connection).to_owned(),
                guard::word(&loaded.config, connection, &state(&connection.name), now).to_owned(),
            ]);
        }
        Ok(output::data(&table.to_string()))
    })
    .await
}

async fn show(args: ShowArgs, loaded: Loaded) -> ExitCode {
    let now = SystemClock.now();
    with_stores(&loaded.config, async |stores| {
        let connection = find(stores, &args.name).await?;
        let tokens = stores.connections.tokens(Some(&args.name)).await?;
        let live = tokens.iter().filter(|token| token.is_live(now)).count();
        let state = guard::state_of(stores, &args.name).await?;
        let guard = guard::say(&loaded.config, &connection, &state, now);
        Ok(match args.json {
            true => output::json(&as_json(&loaded.config, &connection, live, state.word(now))),
            false => output::data(&as_text(&loaded.config, &connection, live, &guard)),
        })
    })
    .await
}

async fn set(args: SetArgs, loaded: Loaded) -> ExitCode {
    let now = SystemClock.now();
    with_stores(&loaded.config, async |stores| {
        let before = find(stores, &args.name).await?;
        let mut connection = before.clone();
        let wanted = &args.wanted;
        let mut idps = Vec::new();
        if let Some(idp) = &wanted.idp {
            idps = idp_names(&loaded.config, stores, now).await;
            connection.idp = Some(idp.clone());
        }
        if wanted.no_idp {
            connection.idp = None;
        }
        let settings = &mut connection.settings;
        settings.strict = wanted.strict.unwrap_or(settings.strict);
        let members = wanted.unknown_members.map(UnknownMembers::from);
        settings.unknown_members = members.unwrap_or(settings.unknown_members);
        let guard = guard::Wanted {
            share: wanted.guard_share,
            people: wanted.guard_people,
            window: wanted.guard_window,
            default: wanted.guard_default,
        };
        settings.guard = guard.apply(settings.guard, loaded.config.scim.guard);
        administration(stores, &idps, now).update(&before, &connection).await?;
        output::note(&format!(
            "changed {}; it holds from now on",
            connection.name
        ));
        Ok(ExitCode::SUCCESS)
    })
    .await
}

async fn remove(args: RemoveArgs, loaded: Loaded) -> ExitCode {
    let now = SystemClock.now();
    with_stores(&loaded.config, async |stores| {
        let connection = find(stores, &args.name).await?;
        let name = &connection.name;
        if !args.yes {
            return Err(Stop::usage(format!(
                "{name} would be removed with its tokens, its keys and all of its groups, and the roles \
                 that people have by them"
            ))
            .hint("add --yes if that is meant"));
        }
        administration(stores, &[], now).delete(&connection).await?;
        output::note(&format!(
            "removed {name}; its people stay, its groups are gone"
        ));
        Ok(ExitCode::SUCCESS)
    })
    .await
}

pub(super) const fn yes(is: bool) -> &'static str {
    if is { "yes" } else { "no" }
}

pub(super) const fn members(connection: &Connection) -> &'static str {
    match connection.settings.unknown_members {
        UnknownMembers::Refuse => "refuse",
        UnknownMembers::Ignore => "ignore",
    }
}

fn as_json(config: &Config, connection: &Connection, live: usize, deactivations: &str) -> Value {
    json!({
        "name": connection.name,
        "idp": connection.idp,
        "base_url": base_url(config),
        "strict": connection.settings.strict,
        "unknown_members": connection.settings.unknown_members,
        "tokens": live,
        "guard": connection.settings.guard,
        "deactivations": deactivations,
        "created": connection.created_at.to_saml(),
    })
}

fn as_text(config: &Config, connection: &Connection, live: usize, guard: &str) -> String {
    let mut table = Table::plain();
    let idp = connection.idp.as_ref();
    table.row(["name", connection.name.as_str()]);
    table.row(["identity provider", idp.map_or("none", IdpName::as_str)]);
    table.row(["base URL", &base_url(config)]);
    table.row(["strict", yes(connection.settings.strict)]);
    table.row(["unknown members", members(connection)]);
    table.row(["good tokens", &live.to_string()]);
    table.row(["deactivations", guard]);
    table.row(["created", &Timestamp::to_saml(connection.created_at)]);
    table.to_string()
}
