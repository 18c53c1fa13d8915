//! What the commands about people, connections, sessions and records share: the stores, and how a
//! command ends that can not go on.

use std::process::ExitCode;
use std::sync::Arc;

use super::output;
use crate::audit::AuditSink;
use crate::base::clock::SystemClock;
use crate::base::entropy::SystemEntropy;
use crate::base::{StoreError, Timestamp};
use crate::config::{Config, SessionStoreKind};
use crate::directory::{Connections, DirectoryStore, Guards, People, Provisioning, RequestLog};
use crate::notice::Notices;
use crate::session::SessionStore;
use crate::store::{Database, RedisStore};

/// The stores of the configuration, each by what is asked of it.
pub(super) struct Stores {
    /// The database itself, which has the identity providers.
    pub(super) database: Arc<dyn Database>,
    /// People, for logins.
    pub(super) directory: Arc<dyn DirectoryStore>,
    /// People and groups, for operators.
    pub(super) people: Arc<dyn People>,
    /// People and groups, for whoever provisions.
    pub(super) provisioning: Arc<dyn Provisioning>,
    /// Connections and their tokens.
    pub(super) connections: Arc<dyn Connections>,
    /// What their clients asked.
    pub(super) requests: Arc<dyn RequestLog>,
    /// What administrators are told.
    pub(super) notices: Arc<dyn Notices>,
    /// What keeps them from deactivating everybody.
    pub(super) guards: Arc<dyn Guards>,
    /// Events.
    pub(super) audit: Arc<dyn AuditSink>,
    /// Sessions, wherever `session.store` says that they are.
    pub(super) sessions: Arc<dyn SessionStore>,
}

/// Opens the stores for one command, and closes them behind it; says what went wrong.
pub(super) async fn with_stores(
    config: &Config,
    command: impl AsyncFnOnce(&Stores) -> Result<ExitCode, Stop>,
) -> ExitCode {
    let database = match config.database.open().await {
        Ok(database) => database,
        Err(error) => return Stop::new(config.database.complaint(&error)).say(),
    };
    let done = match open(config, &database) {
        Ok(stores) => command(&stores).await,
        Err(stop) => Err(stop),
    };
    database.close().await;
    done.unwrap_or_else(|stop| stop.say())
}

fn open(config: &Config, database: &Arc<dyn Database>) -> Result<Stores, Stop> {
    let sessions: Arc<dyn SessionStore> = match &config.session_store {
        SessionStoreKind::Embedded { .. } => database.clone(),
        SessionStoreKind::Redis { settings, .. } => {
            let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
            let redis = RedisStore::new(settings, Arc::clone(database), clock, entropy);
            let wrong = |error: StoreError| Stop::new(format!("session.store: {}", error.detail));
            Arc::new(redis.map_err(wrong)?)
        }
    };
    Ok(Stores {
        database: Arc::clone(database),
        directory: database.clone(),
        people: database.clone(),
        provisioning: database.clone(),
        connections: database.clone(),
        requests: database.clone(),
        notices: database.clone(),
        guards: database.clone(),
        audit: database.clone(),
        sessions,
    })
}

/// Why a command does not go on.
#[derive(Debug)]
pub(super) struct Stop {
    code: u8,
    message: String,
    hints: Vec<String>,
}

impl Stop {
    /// Exits with 1.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { code: 1, message: message.into(), hints: Vec::new() }
    }

    /// Exits with 2: the command was not called as it has to be.
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self { code: 2, ..Self::new(message) }
    }

    /// What to do about it; several are printed one below the other.
    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Says it, and gives the exit code.
    pub(super) fn say(&self) -> ExitCode {
        output::error(&self.message);
        for hint in &self.hints {
            output::hint(hint);
        }
        ExitCode::from(self.code)
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::new(error.detail)
    }
}

/// A moment in a table; nothing for none.
pub(super) fn moment(at: Option<Timestamp>) -> String {
    at.map(Timestamp::to_saml).unwrap_or_default()
}

/// `1 session`, `3 sessions`.
pub(super) fn count(number: usize, thing: &str) -> String {
    match number {
        1 => format!("1 {thing}"),
        number => format!("{number} {thing}s"),
    }
}
