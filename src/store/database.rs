//! The database, whichever it is.
//!
//! In: `users.database`. Out: [`Database`], which is everything that is kept in one place and the
//! upkeep of it; the traits of `saml`, `directory`, `session`, `audit` and `trust` are its parts.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;

use super::{PostgresSettings, PostgresStore, SqliteStore, file, postgres};
use crate::audit::AuditSink;
use crate::base::{StoreError, Timestamp};
use crate::directory::{Connections, DirectoryStore, Guards, People, Provisioning, RequestLog};
use crate::keys::FetchLog;
use crate::notice::Notices;
use crate::notice::outbox::Outbox;
use crate::saml::{OneUseStore, PendingStore};
use crate::session::{KeptStore, Login, LoginStore, SessionStore, Written};
use crate::trust::IdpStore;

/// Everything that is kept in one database.
#[async_trait]
pub trait Database:
    OneUseStore
    + PendingStore
    + KeptStore
    + DirectoryStore
    + People
    + Provisioning
    + Connections
    + RequestLog
    + Notices
    + FetchLog
    + Outbox
    + Guards
    + SessionStore
    + LoginStore
    + AuditSink
    + IdpStore
    + 'static
{
    /// Whether the database answers: for `/readyz`.
    async fn ping(&self) -> Result<(), StoreError>;

    /// Removes rows whose time is over, but for sessions, which [`crate::session::Sessions`]
    /// sweeps; how many.
    async fn forget_expired(&self, now: Timestamp) -> Result<u64, StoreError>;

    /// Writes person, login attempt and audit events of a login whose session is kept elsewhere, or
    /// nothing. The assertion is remembered here as well, in case whoever claimed it forgets.
    async fn record_login(&self, login: &Login<'_>, now: Timestamp) -> Result<Written, StoreError>;

    /// Closes what is open. Nothing is lost without it.
    async fn close(&self);
}

/// Gives both the upkeep that they have under their own names.
macro_rules! keep_up {
    ($($store:ty)*) => {
        $(
            #[async_trait]
            impl Database for $store {
                async fn ping(&self) -> Result<(), StoreError> {
                    <$store>::ping(self).await
                }

                async fn forget_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
                    <$store>::sweep(self, now).await
                }

                async fn record_login(
                    &self,
                    login: &Login<'_>,
                    now: Timestamp,
                ) -> Result<Written, StoreError> {
                    <$store>::record_login(self, login, now).await
                }

                async fn close(&self) {
                    <$store>::close(self).await;
                }
            }
        )*
    };
}

keep_up! { SqliteStore PostgresStore }

/// `users.database`. Printed without its password.
#[derive(Clone, Debug)]
pub enum DatabaseAddress {
    /// `sqlite://` and the path of a file.
    Sqlite(PathBuf),
    /// `postgres://…`
    Postgres(PostgresSettings),
}

impl DatabaseAddress {
    /// Reads an address; an error says what is wrong with it, and no password.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return PostgresSettings::parse(text).map(Self::Postgres);
        }
        match text.strip_prefix("sqlite://") {
            // A parameter would be taken for a part of the file's name.
            Some(path) if !path.is_empty() && !path.contains('?') => Ok(Self::Sqlite(path.into())),
            _ => Err(StoreError::new("not a database")),
        }
    }

    /// Opens it, and makes or brings up to date what is in it.
    pub async fn open(&self) -> Result<Arc<dyn Database>, StoreError> {
        Ok(match self {
            Self::Sqlite(path) => Arc::new(SqliteStore::open(&path.display().to_string()).await?),
            Self::Postgres(settings) => Arc::new(PostgresStore::open(settings).await?),
        })
    }

    /// Opens it only to read, and changes nothing. For a moment in the life of a command.
    pub async fn open_to_read(&self) -> Result<Arc<dyn Database>, StoreError> {
        Ok(match self {
            Self::Sqlite(path) => {
                Arc::new(SqliteStore::open_to_read(&path.display().to_string()).await?)
            }
            Self::Postgres(settings) => Arc::new(PostgresStore::open_to_read(settings).await?),
        })
    }

    /// Removes what was removed or written over and is still on its pages.
    pub async fn compact(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(path) => file::compact(path).await,
            Self::Postgres(settings) => postgres::compact(settings).await,
        }
    }

    /// The file that it is in, and that is not there yet.
    pub fn is_still_to_be_made(&self) -> bool {
        match self {
            Self::Sqlite(path) => !path.exists(),
            Self::Postgres(_) => false,
        }
    }

    /// Whether nodes on several machines may use it at once.
    pub const fn is_for_several(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// What is wrong with it, with its name once.
    pub fn complaint(&self, error: &StoreError) -> String {
        let place = self.to_string();
        match error.detail.starts_with(&place) {
            true => format!("database {}", error.detail),
            false => format!("database {place}: {}", error.detail),
        }
    }
}

impl fmt::Display for DatabaseAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => path.display().fmt(f),
            Self::Postgres(settings) => settings.fmt(f),
        }
    }
}
