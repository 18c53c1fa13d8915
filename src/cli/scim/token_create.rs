//! `samlgate scim token create`: a token, and a connection for it.

use std::process::ExitCode;

use clap::Args;

use super::connection_name;
use super::known::administration;
use super::made::{GoodFor, NewConnection};
use super::token::{Expires, say_where};
use crate::base::clock::SystemClock;
use crate::base::{Clock as _, ConnectionName};
use crate::cli::stores::with_stores;
use crate::cli::{ConfigFile, output};
use crate::config::Loaded;

/// Arguments of `scim token create`.
#[derive(Args, Debug)]
pub(in crate::cli) struct CreateArgs {
    /// The connection, by a short name of your choice; it is made where there is none of it yet.
    #[arg(value_name = "NAME", value_parser = connection_name)]
    name: ConnectionName,
    /// How long the token is good: 365d, 12h, never.
    #[arg(long, value_name = "DURATION", default_value = "365d")]
    expires: Expires,
    #[command(flatten)]
    good_for: GoodFor,
    #[command(flatten)]
    new: NewConnection,
    /// Which configuration file.
    #[command(flatten)]
    pub(super) file: ConfigFile,
}

/// Prints the token alone to standard output.
pub(super) async fn run(args: CreateArgs, loaded: Loaded) -> ExitCode {
    let now = SystemClock.now();
    with_stores(&loaded.config, async |stores| {
        args.new.make(&args.name, &loaded.config, stores, now).await?;
        let expires = args.expires.from(now);
        let administration = administration(stores, &[], now);
        let (secret, token) =
            administration.create_token(&args.name, args.good_for.scopes(), expires).await?;
        say_where(&loaded.config, &token, now);
        Ok(output::data(&format!("{}\n", secret.reveal())))
    })
    .await
}
