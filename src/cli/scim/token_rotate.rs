//! `samlgate scim token rotate`: a new token in the place of the old one.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::token::{Expires, MOST, add, is_live, overlap, say_where};
use super::{connection_name, find_connection};
use crate::base::clock::SystemClock;
use crate::base::{Clock as _, ConnectionName, Timestamp};
use crate::cli::stores::{Stop, Stores, with_stores};
use crate::cli::{ConfigFile, output};
use crate::config::Loaded;
use crate::directory::ScimToken;

/// Arguments of `scim token rotate`.
#[derive(Args, Debug)]
pub(in crate::cli) struct RotateArgs {
    /// The connection.
    #[arg(value_name = "NAME", value_parser = connection_name)]
    name: ConnectionName,
    /// How long the old token is still good: 24h, 7d; 0 ends it at once.
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = overlap)]
    overlap: Duration,
    /// How long the new one is good; as long as the one before without it.
    #[arg(long, value_name = "DURATION")]
    expires: Option<Expires>,
    /// Which configuration file.
    #[command(flatten)]
    pub(super) file: ConfigFile,
}

/// Prints the new token alone to standard output.
pub(super) async fn run(args: RotateArgs, loaded: Loaded) -> ExitCode {
    let now = SystemClock.now();
    with_stores(&loaded.config, async |stores| {
        let name = &args.name;
        find_connection(stores, name).await?;
        let tokens = stores.connections.tokens(Some(name)).await?;
        let Some(newest) = tokens.last() else {
            return Err(Stop::new(format!("{name} has no token"))
                .hint(format!("samlgate scim token create {name} makes one")));
        };
        let live: Vec<&ScimToken> = tokens.iter().filter(|token| is_live(token, now)).collect();
        if live.len() >= MOST && !args.overlap.is_zero() {
            return Err(still_rotating(name, &live));
        }
        let expires = match args.expires {
            Some(expires) => expires.from(now),
            None => like(newest, now),
        };
        // The new one first: whatever happens between, somebody can go on.
        let (secret, token) = add(stores, name, newest.scopes, expires, now).await?;
        for old in &live {
            end(stores, old, args.overlap, now).await?;
        }
        say_where(&loaded.config, &token, now);
        Ok(output::data(&format!("{}\n", secret.reveal())))
    })
    .await
}

/// As long as the one before was good from the beginning. A rotation shortens older ones alone.
fn like(before: &ScimToken, now: Timestamp) -> Option<Timestamp> {
    before.expires.map(|expires| now.plus(expires.since(before.created_at)))
}

fn still_rotating(name: &ConnectionName, live: &[&ScimToken]) -> Stop {
    let until = |token: &&ScimToken| match token.expires {
        None => format!("{} (does not expire)", token.id),
        Some(expires) => format!("{} (until {})", token.id, expires.to_saml()),
    };
    let tokens: Vec<String> = live.iter().map(until).collect();
    Stop::new(format!("{name} has two good tokens: {}", tokens.join(", ")))
        .hint(format!(
            "samlgate scim token revoke {name} --token ID ends the one that nobody uses"
        ))
        .hint(format!(
            "samlgate scim token rotate {name} --overlap 0 ends both"
        ))
}

async fn end(
    stores: &Stores,
    old: &ScimToken,
    overlap: Duration,
    now: Timestamp,
) -> Result<(), Stop> {
    let id = &old.id;
    if overlap.is_zero() {
        stores.connections.revoke_token(id, now).await?;
        output::note(&format!("token {id} has ended"));
        return Ok(());
    }
    let at = now.plus(overlap);
    stores.connections.expire_token(id, at, now).await?;
    let at = old.expires.map_or(at, |expires| expires.min(at));
    output::note(&format!("token {id} ends at {}", at.to_saml()));
    Ok(())
}
