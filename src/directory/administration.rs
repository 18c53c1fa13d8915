//! What those who run the gateway do about connections, tokens and keys, whichever way they come.
//!
//! In: what they want, from the command line or from the API. Out: what was done, or why not. The
//! promise: both have the same rules, since these are they.

use std::time::Duration;

use crate::base::entropy::{self, Entropy};
use crate::base::{ConnectionName, IdpName, StoreError, Timestamp};
use crate::directory::client_key::{KeyError, NamedKey};
use crate::directory::secret::ScimSecret;
use crate::directory::{
    ClientKey, Connection, ConnectionWritten, Connections, Operator, ScimToken, Scopes,
};

/// As many tokens of a connection are good at a time: one, and the one that follows it.
pub const MOST: usize = 2;
/// As many keys a connection has, whether or not they have expired: for one assertion each may have
/// to be tried.
pub const MOST_KEYS: usize = 5;

/// Somebody at work.
#[derive(Clone, Copy)]
pub struct Administration<'a> {
    /// Where connections and tokens are kept.
    pub connections: &'a dyn Connections,
    /// What tokens are drawn from.
    pub entropy: &'a dyn Entropy,
    /// The identity providers that there are.
    pub idps: &'a [IdpName],
    /// Who it is.
    pub by: &'a Operator,
    /// When.
    pub now: Timestamp,
}

/// Why it was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The store did not answer.
    Store(StoreError),
    /// There is no connection of this name; there are those.
    UnknownConnection(ConnectionName, Vec<ConnectionName>),
    /// There is a connection of this name already.
    NameTaken(ConnectionName),
    /// There is no such identity provider; there are those.
    UnknownIdp(IdpName, Vec<IdpName>),
    /// The identity provider has a connection already: that one.
    IdpTaken(IdpName, Option<ConnectionName>),
    /// As many tokens as may be are good already: these.
    TooManyTokens(ConnectionName, Vec<ScimToken>),
    /// It has no token.
    NoToken(ConnectionName),
    /// It has no token of this id; it has those.
    UnknownToken(ConnectionName, String, Vec<String>),
    /// What was handed over is no key that we take.
    BadKey(KeyError),
    /// It would have more keys than it may; it has those.
    TooManyKeys(ConnectionName, Vec<String>),
    /// It has this key already, by this id.
    KnownKey(ConnectionName, String),
    /// It has no key of this id; it has those.
    UnknownKey(ConnectionName, String, Vec<String>),
}

impl From<KeyError> for Refusal {
    fn from(error: KeyError) -> Self {
        Self::BadKey(error)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What came of a rotation.
#[derive(Debug)]
pub struct Rotated {
    /// The new token, as it is shown once.
    pub secret: ScimSecret,
    /// What is kept of it.
    pub token: ScimToken,
    /// The tokens before it, with the time when each ends; `None`: it has ended.
    pub before: Vec<(String, Option<Timestamp>)>,
}

/// The connection of this name.
pub async fn find(
    connections: &dyn Connections,
    name: &ConnectionName,
) -> Result<Connection, Refusal> {
    let all = connections.connections().await?;
    let found = all.iter().find(|connection| connection.name == *name).cloned();
    found.ok_or_else(|| {
        let names = all.into_iter().map(|connection| connection.name).collect();
        Refusal::UnknownConnection(name.clone(), names)
    })
}

impl Administration<'_> {
    /// Makes a connection.
    pub async fn create(&self, connection: &Connection) -> Result<(), Refusal> {
        self.check_idp(connection.idp.as_ref())?;
        let written = self.connections.create_connection(connection, self.by, self.now).await?;
        self.written(connection, written).await
    }

    /// Changes a connection to what it is here.
    pub async fn update(&self, before: &Connection, after: &Connection) -> Result<(), Refusal> {
        if before.idp != after.idp {
            self.check_idp(after.idp.as_ref())?;
        }
        let written = self.connections.update_connection(after, self.by, self.now).await?;
        self.written(after, written).await
    }

    /// Removes a connection with its tokens and its groups.
    pub async fn delete(&self, connection: &Connection) -> Result<(), Refusal> {
        let name = &connection.name;
        let written = self.connections.delete_connection(name, self.by, self.now).await?;
        self.written(connection, written).await
    }

    /// Makes a token. The secret is nowhere else.
    pub async fn create_token(
        &self,
        name: &ConnectionName,
        scopes: Scopes,
        expires: Option<Timestamp>,
    ) -> Result<(ScimSecret, ScimToken), Refusal> {
        let live = self.live(&self.connections.tokens(Some(name)).await?);
        if live.len() >= MOST {
            return Err(Refusal::TooManyTokens(name.clone(), live));
        }
        self.draw(name, scopes, expires).await
    }

    /// Makes a token for the same as the newest one; those before it end after `overlap`. Without
    /// `expires` it is good for as long as the newest was from the beginning.
    pub async fn rotate(
        &self,
        name: &ConnectionName,
        overlap: Duration,
        expires: Option<Option<Timestamp>>,
    ) -> Result<Rotated, Refusal> {
        let tokens = self.connections.tokens(Some(name)).await?;
        let newest = tokens.last().ok_or_else(|| Refusal::NoToken(name.clone()))?;
        let live = self.live(&tokens);
        if live.len() >= MOST && !overlap.is_zero() {
            return Err(Refusal::TooManyTokens(name.clone(), live));
        }
        let like = newest.expires.map(|end| self.now.plus(end.since(newest.created_at)));
        // The new one first: whatever happens between, somebody can go on.
        let (secret, token) = self.draw(name, newest.scopes, expires.unwrap_or(like)).await?;
        let mut before = Vec::new();
        for old in live {
            if overlap.is_zero() {
                self.connections.revoke_token(&old.id, self.by, self.now).await?;
                before.push((old.id, None));
                continue;
            }
            let at = self.now.plus(overlap);
            self.connections.expire_token(&old.id, at, self.by, self.now).await?;
            before.push((old.id, Some(old.expires.map_or(at, |end| end.min(at)))));
        }
        Ok(Rotated { secret, token, before })
    }

    /// Ends all tokens of a connection at once, or one; how many.
    pub async fn revoke(
        &self,
        name: &ConnectionName,
        only: Option<&str>,
    ) -> Result<usize, Refusal> {
        let tokens = self.connections.tokens(Some(name)).await?;
        let mut ids: Vec<String> = tokens.into_iter().map(|token| token.id).collect();
        if let Some(wanted) = only {
            if !ids.iter().any(|id| id == wanted) {
                return Err(Refusal::UnknownToken(name.clone(), wanted.to_owned(), ids));
            }
            ids.retain(|id| id == wanted);
        }
        for id in &ids {
            self.connections.revoke_token(id, self.by, self.now).await?;
        }
        Ok(ids.len())
    }

    /// Adds keys that are good for the same: all of them, unless one can not be added.
    pub async fn add_keys(
        &self,
        name: &ConnectionName,
        keys: Vec<NamedKey>,
        scopes: Scopes,
        expires: Option<Timestamp>,
    ) -> Result<Vec<ClientKey>, Refusal> {
        let known = self.connections.keys(Some(name)).await?;
        let mut added: Vec<ClientKey> = Vec::new();
        for NamedKey { key, kid } in keys {
            let is_it = |known: &&ClientKey| known.key == key;
            if let Some(known) = known.iter().chain(&added).find(is_it) {
                return Err(Refusal::KnownKey(name.clone(), known.id.clone()));
            }
            added.push(ClientKey {
                id: format!("k{}", entropy::hex(&entropy::bytes::<4>(self.entropy))),
                connection: name.clone(),
                key,
                kid,
                scopes,
                created_at: self.now,
                expires,
                last_used: None,
            });
        }
        if known.len().saturating_add(added.len()) > MOST_KEYS {
            return Err(Refusal::TooManyKeys(name.clone(), ids(known)));
        }
        for key in &added {
            match self.connections.create_key(key, self.by, self.now).await? {
                ConnectionWritten::Written => {}
                // Somebody else did it a moment ago.
                ConnectionWritten::NameTaken => {
                    return Err(Refusal::KnownKey(name.clone(), key.id.clone()));
                }
                _ => return Err(self.gone(name).await),
            }
        }
        Ok(added)
    }

    /// Removes a key, and with it whatever was given out for it.
    pub async fn remove_key(&self, name: &ConnectionName, id: &str) -> Result<(), Refusal> {
        let known = self.connections.keys(Some(name)).await?;
        if known.iter().any(|key| key.id == id)
            && self.connections.remove_key(id, self.by, self.now).await?
        {
            return Ok(());
        }
        Err(Refusal::UnknownKey(name.clone(), id.to_owned(), ids(known)))
    }

    async fn draw(
        &self,
        name: &ConnectionName,
        scopes: Scopes,
        expires: Option<Timestamp>,
    ) -> Result<(ScimSecret, ScimToken), Refusal> {
        let secret = ScimSecret::draw(name, self.entropy);
        let token = ScimToken {
            id: entropy::hex(&entropy::bytes::<4>(self.entropy)),
            connection: name.clone(),
            hash: secret.hash(),
            scopes,
            created_at: self.now,
            expires,
            last_used: None,
        };
        match self.connections.create_token(&token, self.by, self.now).await? {
            ConnectionWritten::Written => Ok((secret, token)),
            _ => Err(self.gone(name).await),
        }
    }

    /// It was there a moment ago, or nobody looked.
    async fn gone(&self, name: &ConnectionName) -> Refusal {
        let found = find(self.connections, name).await;
        found
            .err()
            .unwrap_or_else(|| Refusal::UnknownConnection(name.clone(), Vec::new()))
    }

    fn live(&self, tokens: &[ScimToken]) -> Vec<ScimToken> {
        tokens.iter().filter(|token| token.is_live(self.now)).cloned().collect()
    }

    fn check_idp(&self, idp: Option<&IdpName>) -> Result<(), Refusal> {
        match idp {
            Some(idp) if !self.idps.contains(idp) => {
                Err(Refusal::UnknownIdp(idp.clone(), self.idps.to_vec()))
            }
            _ => Ok(()),
        }
    }

    /// What came of writing a connection.
    async fn written(
        &self,
        connection: &Connection,
        written: ConnectionWritten,
    ) -> Result<(), Refusal> {
        let name = &connection.name;
        Err(match (written, &connection.idp) {
            (ConnectionWritten::Written, _) => return Ok(()),
            (ConnectionWritten::IdpTaken, Some(idp)) => {
                let all = self.connections.connections().await?;
                let other = all.into_iter().find(|other| other.idp.as_ref() == Some(idp));
                Refusal::IdpTaken(idp.clone(), other.map(|other| other.name))
            }
            (ConnectionWritten::NotFound, _) => {
                let all = self.connections.connections().await?;
                let names = all.into_iter().map(|connection| connection.name).collect();
                Refusal::UnknownConnection(name.clone(), names)
            }
            (ConnectionWritten::NameTaken | ConnectionWritten::IdpTaken, _) => {
                Refusal::NameTaken(name.clone())
            }
        })
    }
}

fn ids(keys: Vec<ClientKey>) -> Vec<String> {
    keys.into_iter().map(|key| key.id).collect()
}

/// The identity provider of a connection for which none was named: the only one there is, unless
/// another connection has it.
pub fn the_only_idp<'a>(idps: &'a [IdpName], all: &'a [Connection]) -> OnlyIdp<'a> {
    match idps {
        [] => OnlyIdp::None,
        [only] => match all.iter().find(|other| other.idp.as_ref() == Some(only)) {
            None => OnlyIdp::This(only),
            Some(other) => OnlyIdp::Taken(only, other),
        },
        [..] => OnlyIdp::Several(idps.len()),
    }
}

/// Whether there is one identity provider alone.
#[derive(Clone, Copy, Debug)]
pub enum OnlyIdp<'a> {
    /// There is none.
    None,
    /// This one.
    This(&'a IdpName),
    /// This one, and it is that of another connection.
    Taken(&'a IdpName, &'a Connection),
    /// There are so many.
    Several(usize),
}
