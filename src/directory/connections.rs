//! What may be asked of connections, their tokens and their keys.

use async_trait::async_trait;

use crate::base::{ConnectionName, StoreError, Timestamp};
use crate::directory::{AccessToken, ClientKey, Connection, Operator, ScimToken};

/// Connections, their tokens and their keys.
#[async_trait]
pub trait Connections: Send + Sync {
    /// Adds a connection. The people of its identity provider are its people from then on.
    async fn create_connection(
        &self,
        connection: &Connection,
        by: &Operator,
        now: Timestamp,
    ) -> Result<ConnectionWritten, StoreError>;

    /// Replaces the identity provider and the settings.
    async fn update_connection(
        &self,
        connection: &Connection,
        by: &Operator,
        now: Timestamp,
    ) -> Result<ConnectionWritten, StoreError>;

    /// Removes a connection, its tokens, its keys and its groups. Its people stay, as people of its identity
    /// provider.
    async fn delete_connection(
        &self,
        name: &ConnectionName,
        by: &Operator,
        now: Timestamp,
    ) -> Result<ConnectionWritten, StoreError>;

    /// All connections, by name.
    async fn connections(&self) -> Result<Vec<Connection>, StoreError>;

    /// Adds a token.
    async fn create_token(
        &self,
        token: &ScimToken,
        by: &Operator,
        now: Timestamp,
    ) -> Result<ConnectionWritten, StoreError>;

    /// The token of this hash and its connection, whether or not it has expired.
    async fn find_token(
        &self,
        hash: &[u8; 32],
    ) -> Result<Option<(ScimToken, Connection)>, StoreError>;

    /// The tokens of a connection, or of all, the oldest first.
    async fn tokens(
        &self,
        connection: Option<&ConnectionName>,
    ) -> Result<Vec<ScimToken>, StoreError>;

    /// Ends a token at this time, if it does not end before; whether there is one.
    async fn expire_token(
        &self,
        id: &str,
        at: Timestamp,
        by: &Operator,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Forgets a token; whether there was one.
    async fn revoke_token(
        &self,
        id: &str,
        by: &Operator,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Adds a public key; [`ConnectionWritten::NameTaken`] if the connection has it already.
    async fn create_key(
        &self,
        key: &ClientKey,
        by: &Operator,
        now: Timestamp,
    ) -> Result<ConnectionWritten, StoreError>;

    /// The public keys of a connection, or of all, the oldest first.
    async fn keys(&self, connection: Option<&ConnectionName>)
    -> Result<Vec<ClientKey>, StoreError>;

    /// Forgets a public key, and the access tokens that were given out for it; whether there was one.
    async fn remove_key(&self, id: &str, by: &Operator, now: Timestamp)
    -> Result<bool, StoreError>;

    /// Adds an access token. Of very many of one long token the oldest go.
    async fn create_access(&self, access: &AccessToken, now: Timestamp) -> Result<(), StoreError>;

    /// The long token, or what stands for the key, behind the access token of this hash, with the
    /// scopes of the access token and no longer good than that; and its connection. Whether or not it
    /// has expired.
    async fn find_access(
        &self,
        hash: &[u8; 32],
    ) -> Result<Option<(ScimToken, Connection)>, StoreError>;

    /// Notes that a token, or the key that it stands for, was used, unless that was noted within the last minute.
    async fn note_use(&self, token: &ScimToken, now: Timestamp) -> Result<(), StoreError>;
}

/// What came of a change of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum ConnectionWritten {
    /// It is written.
    Written,
    /// There is no connection of this name.
    NotFound,
    /// There is one of this name already; of keys: this one.
    NameTaken,
    /// The identity provider has another connection.
    IdpTaken,
}
