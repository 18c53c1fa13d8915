//! Connections by name, and the identity providers that they may have.

use crate::base::{ConnectionName, IdpName, Timestamp};
use crate::cli::idps;
use crate::cli::stores::{Stop, Stores};
use crate::config::Config;
use crate::directory::{Connection, ConnectionWritten};

/// The connection of this name.
pub(in crate::cli) async fn find(
    stores: &Stores,
    name: &ConnectionName,
) -> Result<Connection, Stop> {
    let all = stores.connections.connections().await?;
    if let Some(found) = all.iter().find(|connection| connection.name == *name) {
        return Ok(found.clone());
    }
    Err(unknown(name, &all))
}

fn unknown(name: &ConnectionName, all: &[Connection]) -> Stop {
    let stop = Stop::new(format!("there is no connection {name}"));
    let names: Vec<&str> = all.iter().map(|connection| connection.name.as_str()).collect();
    match names.is_empty() {
        true => stop.hint(format!(
            "there is none at all: samlgate scim token create {name} makes it"
        )),
        false => stop.hint(format!("there is {}", names.join(", "))),
    }
}

/// The names of all identity providers, configured and imported.
pub(super) async fn idp_names(config: &Config, stores: &Stores, now: Timestamp) -> Vec<IdpName> {
    let all = idps::all(config, &*stores.database, now).await;
    all.into_iter().map(|idp| idp.settings.name).collect()
}

/// Refuses an identity provider that nobody has heard of.
pub(super) async fn check_idp(
    config: &Config,
    stores: &Stores,
    idp: &IdpName,
    now: Timestamp,
) -> Result<(), Stop> {
    let names = idp_names(config, stores, now).await;
    if names.contains(idp) {
        return Ok(());
    }
    let stop = Stop::new(format!("there is no identity provider {idp}"));
    let names: Vec<&str> = names.iter().map(IdpName::as_str).collect();
    Err(match names.is_empty() {
        true => stop.hint("there is none at all: samlgate idp import URL|FILE adds one"),
        false => stop.hint(format!("there is {}", names.join(", "))),
    })
}

/// What came of writing a connection, if it was not written.
pub(super) async fn written(
    stores: &Stores,
    connection: &Connection,
    written: ConnectionWritten,
) -> Result<(), Stop> {
    let name = &connection.name;
    match (written, &connection.idp) {
        (ConnectionWritten::Written, _) => Ok(()),
        (ConnectionWritten::IdpTaken, Some(idp)) => {
            let all = stores.connections.connections().await?;
            let other = all.iter().find(|other| other.idp.as_ref() == Some(idp));
            let other = other.map_or_else(String::new, |other| format!(", {}", other.name));
            Err(
                Stop::new(format!("{idp} has a connection already{other}")).hint(
                    "the people of one identity provider are provisioned by one connection: \
                 leave --idp out, or use that one",
                ),
            )
        }
        (ConnectionWritten::NotFound, _) => {
            Err(unknown(name, &stores.connections.connections().await?))
        }
        (ConnectionWritten::NameTaken | ConnectionWritten::IdpTaken, _) => {
            Err(Stop::new(format!("there is a connection {name} already")))
        }
    }
}
