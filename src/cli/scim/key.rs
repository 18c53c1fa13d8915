//! `samlgate scim key`: the public keys by which clients show who they are.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::known::administration;
use super::made::{GoodFor, NewConnection};
use super::token::{Expires, base_url, scopes};
use super::token_list::left;
use super::{connection_name, find_connection};
use crate::base::clock::SystemClock;
use crate::base::{Clock as _, ConnectionName, Timestamp};
use crate::cli::output::Table;
use crate::cli::stores::{Stop, with_stores};
use crate::cli::{ConfigFile, configured, output};
use crate::config::Loaded;
use crate::directory::{ClientKey, Refusal, client_key};

/// What may be done with keys.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum KeyCommand {
    /// Add a public key, and its connection where there is none of that name yet.
    ///
    /// RSA of 2048 bits or more, EC on P-256, or Ed25519; at most five of a connection. The private key
    /// stays with the client.
    #[command(after_help = "Examples:\n  \
                      samlgate scim key add okta public.pem\n  \
                      samlgate scim key add okta jwks.json --expires never --read-only\n  \
                      openssl pkey -in private.pem -pubout | samlgate scim key add okta -")]
    Add(AddArgs),
    /// List the keys of a connection.
    List(ListArgs),
    /// Remove a key; the access tokens that were given out for it end.
    #[command(after_help = "Example:\n  samlgate scim key remove okta k5d0c77e1")]
    Remove(RemoveArgs),
}

/// Arguments of `scim key add`.
#[derive(Args, Debug)]
pub(in crate::cli) struct AddArgs {
    /// The connection, by a short name of your choice; it is made where there is none of it yet.
    #[arg(value_name = "NAME", value_parser = connection_name)]
    name: ConnectionName,
    /// PEM (PUBLIC KEY, CERTIFICATE), a JWK or a JWKS; `-` reads standard input.
    #[arg(value_name = "FILE")]
    from: PathBuf,
    /// How long it is good: 365d, 12h, never.
    #[arg(long, value_name = "DURATION", default_value = "365d")]
    expires: Expires,
    #[command(flatten)]
    good_for: GoodFor,
    #[command(flatten)]
    new: NewConnection,
    /// Which configuration file.
    #[command(flatten)]
    file: ConfigFile,
}

/// Arguments of `scim key list`.
#[derive(Args, Debug)]
pub(in crate::cli) struct ListArgs {
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

/// Arguments of `scim key remove`.
#[derive(Args, Debug)]
pub(in crate::cli) struct RemoveArgs {
    /// The connection.
    #[arg(value_name = "NAME", value_parser = connection_name)]
    name: ConnectionName,
    /// The key, as `scim key list` names it.
    #[arg(value_name = "ID")]
    id: String,
    /// Which configuration file.
    #[command(flatten)]
    file: ConfigFile,
}

/// Does it.
pub(super) fn run(command: KeyCommand) -> ExitCode {
    match command {
        KeyCommand::Add(args) => {
            configured(&args.file.clone(), async |loaded| add(args, loaded).await)
        }
        KeyCommand::List(args) => {
            configured(&args.file.clone(), async |loaded| list(args, loaded).await)
        }
        KeyCommand::Remove(args) => configured(&args.file.clone(), async |loaded| {
            remove(args, loaded).await
        }),
    }
}

/// Prints the ids alone to standard output.
async fn add(args: AddArgs, loaded: Loaded) -> ExitCode {
    let now = SystemClock.now();
    with_stores(&loaded.config, async |stores| {
        // First, so that a wrong file makes no connection.
        let keys = client_key::read(&text(&args.from)?).map_err(Refusal::from)?;
        args.new.make(&args.name, &loaded.config, stores, now).await?;
        let expires = args.expires.from(now);
        let administration = administration(stores, &[], now);
        let scopes = args.good_for.scopes();
        let added = administration.add_keys(&args.name, keys, scopes, expires).await?;
        let mut ids = String::new();
        for ClientKey { id, key, .. } in &added {
            let until = expires.map_or_else(
                || "does not expire".to_owned(),
                |at| format!("is good until {}", at.to_saml()),
            );
            output::note(&format!(
                "key {id} ({}) of {} {until}",
                key.description(),
                args.name
            ));
            ids.push_str(&format!("{id}\n"));
        }
        let base = base_url(&loaded.config);
        output::note(&format!("token endpoint: {base}/oauth/token"));
        output::hint(&format!(
            "client id, iss and sub of the assertion: {}; aud: the token endpoint; exp: at most 10 \
             minutes ahead; jti: another one each time",
            args.name
        ));
        if !loaded.config.scim.enabled {
            output::warning("scim.enabled is false: nobody can provision anything");
        }
        Ok(output::data(&ids))
    })
    .await
}

/// More than a key has, and a little more, so that it is seen.
const MOST_BYTES: u64 = (64 << 10) + 1;

fn text(path: &Path) -> Result<String, Stop> {
    let mut text = String::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().take(MOST_BYTES).read_to_string(&mut text)
    } else {
        let file = std::fs::File::open(path);
        file.and_then(|file| file.take(MOST_BYTES).read_to_string(&mut text))
    };
    match read {
        Ok(_) => Ok(text),
        Err(error) => Err(Stop::new(format!("{}: {error}", path.display()))),
    }
}

/// Prints a table, or JSON.
async fn list(args: ListArgs, loaded: Loaded) -> ExitCode {
    let now = SystemClock.now();
    with_stores(&loaded.config, async |stores| {
        let name = &args.name;
        find_connection(stores, name).await?;
        let keys = stores.connections.keys(Some(name)).await?;
        if args.json {
            return Ok(output::json(
                &keys.iter().map(|key| as_json(key, now)).collect(),
            ));
        }
        if keys.is_empty() {
            output::note(&format!("{name} has no key"));
            output::hint(&format!("samlgate scim key add {name} FILE adds one"));
            return Ok(ExitCode::SUCCESS);
        }
        Ok(output::data(&table(&keys, now)))
    })
    .await
}

async fn remove(args: RemoveArgs, loaded: Loaded) -> ExitCode {
    let now = SystemClock.now();
    with_stores(&loaded.config, async |stores| {
        let (name, id) = (&args.name, &args.id);
        find_connection(stores, name).await?;
        administration(stores, &[], now).remove_key(name, id).await?;
        output::note(&format!(
            "removed the key {id} of {name}, and what was given out for it"
        ));
        Ok(ExitCode::SUCCESS)
    })
    .await
}

/// Each key in a line.
pub(super) fn table(keys: &[ClientKey], now: Timestamp) -> String {
    let never = || "never".to_owned();
    let mut table = Table::new(&["KEY", "KIND", "KID", "SCOPES", "EXPIRES", "", "LAST USED"]);
    for key in keys {
        table.row([
            key.id.clone(),
            key.key.description(),
            key.kid.clone().unwrap_or_default(),
            scopes(key.scopes),
            key.expires.map_or_else(never, Timestamp::to_saml),
            key.expires.map(|expires| left(expires, now)).unwrap_or_default(),
            key.last_used.map_or_else(never, Timestamp::to_saml),
        ]);
    }
    table.to_string()
}

/// The same for programs.
pub(super) fn as_json(key: &ClientKey, now: Timestamp) -> Value {
    let mut facts = key.facts(now);
    facts.insert("key".to_owned(), key.id.clone().into());
    Value::Object(facts)
}
