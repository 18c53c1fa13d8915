//! `samlgate scim connection`: who provisions, and how.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::connection_name;
use super::known::{check_idp, find, written};
use super::token::{base_url, is_live};
use super::token_create::UnknownMembersArg;
use crate::base::clock::SystemClock;
use crate::base::{Clock as _, ConnectionName, IdpName, Timestamp};
use crate::cli::output::Table;
use crate::cli::stores::{Stop, with_stores};
use crate::cli::{ConfigFile, configured, idp_name, output};
use crate::config::{Config, Loaded};
use crate::directory::{Connection, ScimToken, UnknownMembers};

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
                      samlgate scim connection set okta --unknown-members ignore --strict=false")]
    Set(SetArgs),
    /// Remove a connection with its tokens and its groups.
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
                |token: &&ScimToken| token.connection == connection.name && is_live(token, now);
            tokens.iter().filter(own).count()
        };
        let health = stores.requests.health().await?;
        let health_of = |connection: &Connection| {
            let found = health.iter().find(|(name, _)| *name == connection.name);
            found.map(|(_, health)| health.clone()).unwrap_or_default()
        };
        if args.json {
            let one = |connection| {
                let mut json = as_json(&loaded.config, connection, live(connection));
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
        let live = tokens.iter().filter(|token| is_live(token, now)).count();
        Ok(match args.json {
            true => output::json(&as_json(&loaded.config, &connection, live)),
            false => output::data(&as_text(&loaded.config, &connection, live)),
        })
    })
    .await
}

async fn set(args: SetArgs, loaded: Loaded) -> ExitCode {
    let now = SystemClock.now();
    with_stores(&loaded.config, async |stores| {
        let mut connection = find(stores, &args.name).await?;
        let wanted = &args.wanted;
        if let Some(idp) = &wanted.idp {
            check_idp(&loaded.config, stores, idp, now).await?;
            connection.idp = Some(idp.clone());
        }
        if wanted.no_idp {
            connection.idp = None;
        }
        let settings = &mut connection.settings;
        settings.strict = wanted.strict.unwrap_or(settings.strict);
        let members = wanted.unknown_members.map(UnknownMembers::from);
        settings.unknown_members = members.unwrap_or(settings.unknown_members);
        let answer = stores.connections.update_connection(&connection, now).await?;
        written(stores, &connection, answer).await?;
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
                "{name} would be removed with its tokens and all of its groups, and the roles \
                 that people have by them"
            ))
            .hint("add --yes if that is meant"));
        }
        let answer = stores.connections.delete_connection(name, now).await?;
        written(stores, &connection, answer).await?;
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

fn as_json(config: &Config, connection: &Connection, live: usize) -> Value {
    json!({
        "name": connection.name,
        "idp": connection.idp,
        "base_url": base_url(config),
        "strict": connection.settings.strict,
        "unknown_members": connection.settings.unknown_members,
        "tokens": live,
        "created": connection.created_at.to_saml(),
    })
}

fn as_text(config: &Config, connection: &Connection, live: usize) -> String {
    let mut table = Table::plain();
    let idp = connection.idp.as_ref();
    table.row(["name", connection.name.as_str()]);
    table.row(["identity provider", idp.map_or("none", IdpName::as_str)]);
    table.row(["base URL", &base_url(config)]);
    table.row(["strict", yes(connection.settings.strict)]);
    table.row(["unknown members", members(connection)]);
    table.row(["good tokens", &live.to_string()]);
    table.row(["created", &Timestamp::to_saml(connection.created_at)]);
    table.to_string()
}
