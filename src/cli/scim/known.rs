//! Connections by name, the identity providers that they may have, and what is said where something
//! can not be done about them.

use crate::base::entropy::SystemEntropy;
use crate::base::{ConnectionName, IdpName, Timestamp};
use crate::cli::idps;
use crate::cli::stores::{Stop, Stores};
use crate::config::Config;
use crate::directory::administration::MOST_KEYS;
use crate::directory::{Administration, Connection, Operator, Refusal, ScimToken, administration};

/// The connection of this name.
pub(in crate::cli) async fn find(
    stores: &Stores,
    name: &ConnectionName,
) -> Result<Connection, Stop> {
    Ok(administration::find(&*stores.connections, name).await?)
}

const COMMAND: &Operator = &Operator::command();

/// What is done about connections, by whoever is at the command line.
pub(super) fn administration<'a>(
    stores: &'a Stores,
    idps: &'a [IdpName],
    now: Timestamp,
) -> Administration<'a> {
    Administration {
        connections: &*stores.connections,
        entropy: &SystemEntropy,
        idps,
        by: COMMAND,
        now,
    }
}

/// The names of all identity providers, configured and imported.
pub(super) async fn idp_names(config: &Config, stores: &Stores, now: Timestamp) -> Vec<IdpName> {
    let all = idps::all(config, &*stores.database, now).await;
    all.into_iter().map(|idp| idp.settings.name).collect()
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Store(error) => error.into(),
            Refusal::UnknownConnection(name, all) => {
                let stop = Self::new(format!("there is no connection {name}"));
                match all.is_empty() {
                    true => stop.hint(format!(
                        "there is none at all: samlgate scim token create {name} makes it"
                    )),
                    false => stop.hint(format!("there is {}", list(&all))),
                }
            }
            Refusal::NameTaken(name) => Self::new(format!("there is a connection {name} already")),
            Refusal::UnknownIdp(idp, all) => {
                let stop = Self::new(format!("there is no identity provider {idp}"));
                match all.is_empty() {
                    true => {
                        stop.hint("there is none at all: samlgate idp import URL|FILE adds one")
                    }
                    false => stop.hint(format!("there is {}", list(&all))),
                }
            }
            Refusal::IdpTaken(idp, other) => {
                let other = other.map_or_else(String::new, |other| format!(", {other}"));
                Self::new(format!("{idp} has a connection already{other}")).hint(
                    "the people of one identity provider are provisioned by one connection: \
                     leave --idp out, or use that one",
                )
            }
            Refusal::TooManyTokens(name, live) => Self::new(format!(
                "{name} has {} good tokens already: {}",
                live.len(),
                list(&live.iter().map(until).collect::<Vec<_>>())
            ))
            .hint(format!(
                "samlgate scim token revoke {name} --token ID ends one"
            ))
            .hint(format!(
                "samlgate scim token rotate {name} --overlap 0 ends both, and makes a new one"
            )),
            Refusal::NoToken(name) => Self::new(format!("{name} has no token"))
                .hint(format!("samlgate scim token create {name} makes one")),
            Refusal::UnknownToken(name, id, all) => Self::new(format!("{name} has no token {id}"))
                .hint(format!("it has: {}", list(&all))),
            Refusal::BadKey(error) => Self::new(error.to_string()),
            Refusal::TooManyKeys(name, all) => {
                Self::new(format!("{name} would have more than {MOST_KEYS} keys"))
                    .hint(format!("it has: {}", list(&all)))
                    .hint(format!("samlgate scim key remove {name} ID removes one"))
            }
            Refusal::KnownKey(name, id) => Self::new(format!("{name} has this key already: {id}")),
            Refusal::UnknownKey(name, id, all) if all.is_empty() => {
                Self::new(format!("{name} has no key {id}, nor any other"))
            }
            Refusal::UnknownKey(name, id, all) => {
                Self::new(format!("{name} has no key {id}")).hint(format!("it has: {}", list(&all)))
            }
        }
    }
}

fn list(all: &[impl ToString]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn until(token: &ScimToken) -> String {
    match token.expires {
        None => format!("{} (does not expire)", token.id),
        Some(expires) => format!("{} (until {})", token.id, expires.to_saml()),
    }
}
