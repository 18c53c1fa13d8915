//! `samlgate scim token create`: a token, and a connection for it.

use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::connection_name;
use super::known::{administration, idp_names};
use super::token::{Expires, say_where};
use crate::base::clock::SystemClock;
use crate::base::{Clock as _, ConnectionName, IdpName, Timestamp};
use crate::cli::stores::{Stop, Stores, with_stores};
use crate::cli::{ConfigFile, idp_name, output};
use crate::config::{Config, Loaded};
use crate::directory::administration::{OnlyIdp, the_only_idp};
use crate::directory::{Connection, ConnectionSettings, Scopes, UnknownMembers};

/// Arguments of `scim token create`.
#[derive(Args, Debug)]
pub(in crate::cli) struct CreateArgs {
    /// The connection, by a short name of your choice; it is made where there is none of it yet.
    #[arg(value_name = "NAME", value_parser = connection_name)]
    name: ConnectionName,
    /// By which identity provider its people sign in; the only one, where there is one alone.
    #[arg(long, value_name = "IDP", value_parser = idp_name)]
    idp: Option<IdpName>,
    /// How long the token is good: 365d, 12h, never.
    #[arg(long, value_name = "DURATION", default_value = "365d")]
    expires: Expires,
    /// It is good for users, not for groups.
    #[arg(long, conflicts_with = "groups_only")]
    users_only: bool,
    /// It is good for groups, not for users.
    #[arg(long)]
    groups_only: bool,
    /// It can read, and change nothing.
    #[arg(long)]
    read_only: bool,
    /// What a new connection does with attributes that no schema has: they are refused.
    #[arg(long)]
    strict: bool,
    /// What a new connection does with members of groups that nobody knows.
    #[arg(long, value_name = "WHAT")]
    unknown_members: Option<UnknownMembersArg>,
    /// Which configuration file.
    #[command(flatten)]
    pub(super) file: ConfigFile,
}

/// `--unknown-members`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum UnknownMembersArg {
    /// The request is refused, so that the client tries again.
    Refuse,
    /// The others are added.
    Ignore,
}

impl From<UnknownMembersArg> for UnknownMembers {
    fn from(word: UnknownMembersArg) -> Self {
        match word {
            UnknownMembersArg::Refuse => Self::Refuse,
            UnknownMembersArg::Ignore => Self::Ignore,
        }
    }
}

/// Prints the token alone to standard output.
pub(super) async fn run(args: CreateArgs, loaded: Loaded) -> ExitCode {
    let now = SystemClock.now();
    with_stores(&loaded.config, async |stores| {
        let all = stores.connections.connections().await?;
        match all.iter().find(|connection| connection.name == args.name) {
            Some(known) => check_same(&args, known)?,
            None => create(&args, &loaded.config, stores, &all, now).await?,
        }
        let scopes = Scopes {
            users: !args.groups_only,
            groups: !args.users_only,
            read_only: args.read_only,
        };
        let expires = args.expires.from(now);
        let administration = administration(stores, &[], now);
        let (secret, token) = administration.create_token(&args.name, scopes, expires).await?;
        say_where(&loaded.config, &token, now);
        Ok(output::data(&format!("{}\n", secret.reveal())))
    })
    .await
}

/// A connection that is there already is not changed by the way.
fn check_same(args: &CreateArgs, known: &Connection) -> Result<(), Stop> {
    let other_idp = args.idp.is_some() && args.idp != known.idp;
    let members = args.unknown_members.map(UnknownMembers::from);
    let other_settings = args.strict && !known.settings.strict
        || members.is_some_and(|members| members != known.settings.unknown_members);
    if other_idp || other_settings {
        let name = &known.name;
        return Err(Stop::new(format!(
            "the connection {name} is there already, with other settings"
        ))
        .hint(format!("samlgate scim connection show {name} prints them"))
        .hint(format!(
            "samlgate scim connection set {name} … changes them"
        )));
    }
    Ok(())
}

async fn create(
    args: &CreateArgs,
    config: &Config,
    stores: &Stores,
    all: &[Connection],
    now: Timestamp,
) -> Result<(), Stop> {
    let idps = idp_names(config, stores, now).await;
    let (idp, why) = match &args.idp {
        Some(idp) => (Some(idp.clone()), String::new()),
        None => match the_only_idp(&idps, all) {
            OnlyIdp::None => (None, ": there is none".to_owned()),
            OnlyIdp::This(only) => (Some(only.clone()), ", the only one there is".to_owned()),
            OnlyIdp::Taken(only, other) => (None, format!(": {only} is that of {}", other.name)),
            OnlyIdp::Several(number) => (None, format!(": there are {number}")),
        },
    };
    let connection = Connection {
        name: args.name.clone(),
        idp,
        settings: ConnectionSettings {
            strict: args.strict,
            unknown_members: args.unknown_members.map(UnknownMembers::from).unwrap_or_default(),
            guard: None,
        },
        created_at: now,
    };
    administration(stores, &idps, now).create(&connection).await?;
    let name = &connection.name;
    match &connection.idp {
        Some(idp) => output::note(&format!(
            "made the connection {name}; its people sign in by {idp}{why}"
        )),
        None => {
            output::note(&format!(
                "made the connection {name}; its people sign in by no identity provider yet{why}"
            ));
            output::hint(&format!(
                "samlgate scim connection set {name} --idp IDP says by which"
            ));
        }
    }
    Ok(())
}
