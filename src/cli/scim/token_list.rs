//! `samlgate scim token list`: every token.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::token::scopes;
use crate::base::clock::SystemClock;
use crate::base::{Clock as _, IdpName, Timestamp};
use crate::cli::output::Table;
use crate::cli::stores::{moment, with_stores};
use crate::cli::{ConfigFile, idps, output};
use crate::config::Loaded;
use crate::directory::{Connection, ScimToken};

/// Arguments of `scim token list`.
#[derive(Args, Debug)]
pub(in crate::cli) struct ListArgs {
    /// Which configuration file.
    #[command(flatten)]
    pub(super) file: ConfigFile,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Prints a table, or JSON. Tokens that have expired are listed until they are revoked.
pub(super) async fn run(args: ListArgs, loaded: Loaded) -> ExitCode {
    let now = SystemClock.now();
    with_stores(&loaded.config, async |stores| {
        let connections = stores.connections.connections().await?;
        let idp = |token: &ScimToken| {
            let of = |connection: &&Connection| connection.name == token.connection;
            connections.iter().find(of).and_then(|connection| connection.idp.clone())
        };
        let tokens = stores.connections.tokens(None).await?;
        if args.json {
            let all = tokens.iter().map(|token| as_json(token, idp(token).as_ref(), now));
            return Ok(output::json(&all.collect()));
        }
        if tokens.is_empty() {
            output::note("there is no token");
            output::hint("samlgate scim token create NAME makes one");
            return Ok(ExitCode::SUCCESS);
        }
        let head = [
            "CONNECTION",
            "TOKEN",
            "SCOPES",
            "CREATED",
            "EXPIRES",
            "",
            "LAST USED",
            "IDP",
        ];
        let mut table = Table::new(&head);
        for token in &tokens {
            let expires = token.expires;
            table.row([
                token.connection.to_string(),
                token.id.clone(),
                scopes(token.scopes),
                token.created_at.to_saml(),
                expires.map_or_else(|| "never".to_owned(), Timestamp::to_saml),
                expires.map(|expires| left(expires, now)).unwrap_or_default(),
                token.last_used.map_or_else(|| "never".to_owned(), |at| moment(Some(at))),
                idp(token).map(|idp| idp.to_string()).unwrap_or_default(),
            ]);
        }
        Ok(output::data(&table.to_string()))
    })
    .await
}

pub(super) fn left(expires: Timestamp, now: Timestamp) -> String {
    match now < expires {
        true => idps::days(expires, now),
        false => "EXPIRED".to_owned(),
    }
}

fn as_json(token: &ScimToken, idp: Option<&IdpName>, now: Timestamp) -> Value {
    json!({
        "connection": token.connection,
        "token": token.id,
        "scopes": token.scopes,
        "created": token.created_at.to_saml(),
        "expires": token.expires.map(Timestamp::to_saml),
        "days_left": token.expires.map(|expires| expires.days_left(now)),
        "expired": !token.is_live(now),
        "last_used": token.last_used.map(Timestamp::to_saml),
        "idp": idp,
    })
}
