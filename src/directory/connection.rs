//! Whoever provisions: connections, their tokens, and who is acting.

use serde::{Deserialize, Serialize};

use crate::base::{ConnectionName, IdpName, Timestamp};
use crate::directory::Guard;

/// One client that provisions people and groups of its own, and sees nobody else's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The name that the operator gave it.
    pub name: ConnectionName,
    /// The identity provider by which its people sign in. It has no other connection.
    pub idp: Option<IdpName>,
    /// What the operator chose.
    pub settings: ConnectionSettings,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What may be chosen of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConnectionSettings {
    /// Attributes that no schema has are refused, instead of being left out.
    pub strict: bool,
    /// What becomes of members that nobody knows.
    pub unknown_members: UnknownMembers,
    /// How many people may be deactivated at once; as `scim.guard` says without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard: Option<Guard>,
}

/// What becomes of a member whose id nobody has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownMembers {
    /// The request is refused, so that the client sees that somebody is missing.
    #[default]
    Refuse,
    /// The others are added.
    Ignore,
}

impl Connection {
    /// The tenant of its people and groups.
    pub fn tenant(&self) -> Tenant {
        Tenant::of_connection(&self.name)
    }
}

/// Whose people somebody is among: those of a connection (`c:okta`), or, without one, those of an
/// identity provider (`i:corp`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tenant(String);

impl Tenant {
    /// That of a connection.
    pub fn of_connection(name: &ConnectionName) -> Self {
        Self(format!("c:{name}"))
    }

    /// That of an identity provider without a connection; of nobody's people without a name.
    pub fn of_idp(idp: Option<&IdpName>) -> Self {
        Self(format!("i:{}", idp.map_or("", IdpName::as_str)))
    }

    /// As a store keeps it.
    pub const fn stored(text: String) -> Self {
        Self(text)
    }

    /// As a store keeps it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The connection whose tenant this is.
    pub fn connection(&self) -> Option<ConnectionName> {
        self.0.strip_prefix("c:").and_then(ConnectionName::parse)
    }
}

/// A token by which a connection's client shows who it is. The token itself is nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScimToken {
    /// What it is called in lists and records.
    pub id: String,
    /// Whose it is.
    pub connection: ConnectionName,
    /// SHA-256 of the token.
    pub hash: [u8; 32],
    /// What it is good for.
    pub scopes: Scopes,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is good for nothing.
    pub expires: Option<Timestamp>,
    /// When it was last used, to a minute or so.
    pub last_used: Option<Timestamp>,
}

impl ScimToken {
    /// Whether it is still good.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}

/// A token that a client was given for its long one or by its key, by OAuth. It is good for as long as
/// both are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessToken {
    /// SHA-256 of it.
    pub hash: [u8; 32],
    /// The id of the long one, or of the key.
    pub token: String,
    /// What it is good for: nothing that the long one is not.
    pub scopes: Scopes,
    /// From when on it is good for nothing.
    pub expires: Timestamp,
}

/// What a token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scopes {
    /// `/Users`
    pub users: bool,
    /// `/Groups`
    pub groups: bool,
    /// Nothing may be changed.
    pub read_only: bool,
}

impl Default for Scopes {
    fn default() -> Self {
        Self { users: true, groups: true, read_only: false }
    }
}

/// On whose behalf something is changed, for the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The connection, with its settings as they were read for this request.
    pub connection: Connection,
    /// The id of the token.
    pub token: String,
    /// From which address.
    pub client: Option<String>,
    /// The request, as in `X-Request-Id`.
    pub request_id: Option<String>,
    /// How many people it may deactivate at once; `None`: as many as it likes, for an operator means
    /// what they do.
    pub guard: Option<Guard>,
}

/// Somebody who runs the gateway, for the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// By which way: `command`, `api`.
    pub way: &'static str,
    /// From which address.
    pub client: Option<String>,
}

impl Operator {
    /// At the command line.
    pub const fn command() -> Self {
        Self { way: "command", client: None }
    }

    /// By the API of the admin listener.
    pub const fn api(client: Option<String>) -> Self {
        Self { way: "api", client }
    }
}
