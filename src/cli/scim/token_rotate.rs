//! `samlgate scim token rotate`: a new token in the place of the old one.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::known::administration;
use super::token::{Expires, overlap, say_where};
use super::{connection_name, find_connection};
use crate::base::clock::SystemClock;
use crate::base::{Clock as _, ConnectionName};
use crate::cli::stores::with_stores;
use crate::cli::{ConfigFile, output};
use crate::config::Loaded;

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
        let expires = args.expires.map(|expires| expires.from(now));
        let administration = administration(stores, &[], now);
        let rotated = administration.rotate(name, args.overlap, expires).await?;
        for (id, ends) in &rotated.before {
            output::note(&match ends {
                None => format!("token {id} has ended"),
                Some(at) => format!("token {id} ends at {}", at.to_saml()),
            });
        }
        say_where(&loaded.config, &rotated.token, now);
        Ok(output::data(&format!("{}\n", rotated.secret.reveal())))
    })
    .await
}
