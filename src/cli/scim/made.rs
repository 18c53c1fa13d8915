//! What `scim token create` and `scim key add` share: a connection that is made by the way, and what a
//! token or a key is good for.

use clap::{Args, ValueEnum};

use super::known::{administration, idp_names};
use crate::base::{ConnectionName, IdpName, Timestamp};
use crate::cli::stores::{Stop, Stores};
use crate::cli::{idp_name, output};
use crate::config::Config;
use crate::directory::administration::{OnlyIdp, the_only_idp};
use crate::directory::{Connection, ConnectionSettings, Scopes, UnknownMembers};

/// `--users-only`, `--groups-only`, `--read-only`
#[derive(Args, Debug)]
pub(super) struct GoodFor {
    /// It is good for users, not for groups.
    #[arg(long, conflicts_with = "groups_only")]
    users_only: bool,
    /// It is good for groups, not for users.
    #[arg(long)]
    groups_only: bool,
    /// It can read, and change nothing.
    #[arg(long)]
    read_only: bool,
}

impl GoodFor {
    /// The same.
    pub(super) const fn scopes(&self) -> Scopes {
        Scopes {
            users: !self.groups_only,
            groups: !self.users_only,
            read_only: self.read_only,
        }
    }
}

/// What a connection shall be, where there is none of the name yet.
#[derive(Args, Debug)]
pub(super) struct NewConnection {
    /// By which identity provider its people sign in; the only one, where there is one alone.
    #[arg(long, value_name = "IDP", value_parser = idp_name)]
    idp: Option<IdpName>,
    /// What a new connection does with attributes that no schema has: they are refused.
    #[arg(long)]
    strict: bool,
    /// What a new connection does with members of groups that nobody knows.
    #[arg(long, value_name = "WHAT")]
    unknown_members: Option<UnknownMembersArg>,
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

impl NewConnection {
    /// Makes it, where there is none of the name yet.
    pub(super) async fn make(
        &self,
        name: &ConnectionName,
        config: &Config,
        stores: &Stores,
        now: Timestamp,
    ) -> Result<(), Stop> {
        let all = stores.connections.connections().await?;
        match all.iter().find(|connection| connection.name == *name) {
            Some(known) => check_same(self, known),
            None => create(self, name, config, stores, (&all, now)).await,
        }
    }
}

/// A connection that is there already is not changed by the way.
fn check_same(wanted: &NewConnection, known: &Connection) -> Result<(), Stop> {
    let other_idp = wanted.idp.is_some() && wanted.idp != known.idp;
    let members = wanted.unknown_members.map(UnknownMembers::from);
    let other_settings = wanted.strict && !known.settings.strict
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
    wanted: &NewConnection,
    name: &ConnectionName,
    config: &Config,
    stores: &Stores,
    (all, now): (&[Connection], Timestamp),
) -> Result<(), Stop> {
    let idps = idp_names(config, stores, now).await;
    let (idp, why) = match &wanted.idp {
        Some(idp) => (Some(idp.clone()), String::new()),
        None => match the_only_idp(&idps, all) {
            OnlyIdp::None => (None, ": there is none".to_owned()),
            OnlyIdp::This(only) => (Some(only.clone()), ", the only one there is".to_owned()),
            OnlyIdp::Taken(only, other) => (None, format!(": {only} is that of {}", other.name)),
            OnlyIdp::Several(number) => (None, format!(": there are {number}")),
        },
    };
    let connection = Connection {
        name: name.clone(),
        idp,
        settings: ConnectionSettings {
            strict: wanted.strict,
            unknown_members: wanted.unknown_members.map(UnknownMembers::from).unwrap_or_default(),
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
