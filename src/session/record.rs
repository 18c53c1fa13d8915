//! One session, as a store keeps it.

use crate::base::Timestamp;
use crate::identity::Identity;
use crate::session::TokenHash;

/// A signed-in browser.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its id for people and logs, a UUID; no secret, opens nothing. One login has one, whatever
    /// hosts its sessions are for: they are a family, and end together.
    pub sid: String,
    /// The hash of the browser's token.
    pub hash: TokenHash,
    /// Who is signed in.
    pub identity: Identity,
    /// SHA-256 of the login cookie of the browser that began the login.
    pub browser: Option<[u8; 32]>,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it ends at the latest.
    pub not_after: Timestamp,
    /// The one host that it is good for, if it was handed over to one; `None` is the host of
    /// `public_url`, where the login was.
    pub host: Option<String>,
    last_seen: Timestamp,
}

impl Session {
    /// A session as it was opened, or as the store kept it.
    pub const fn new(
        sid: String,
        hash: TokenHash,
        identity: Identity,
        browser: Option<[u8; 32]>,
        opened_at: Timestamp,
        not_after: Timestamp,
        last_seen: Timestamp,
    ) -> Self {
        Self {
            sid,
            hash,
            identity,
            browser,
            opened_at,
            not_after,
            host: None,
            last_seen,
        }
    }

    /// The same, for one other host.
    #[must_use]
    pub fn at_host(self, host: Option<String>) -> Self {
        Self { host, ..self }
    }

    /// When a request last came.
    pub const fn last_seen(&self) -> Timestamp {
        self.last_seen
    }
}

/// Why a session ended: a label of `samlgate_sessions_ended_total` and a word in the audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// The person signed out here.
    SignOut,
    /// The identity provider asked for it.
    SingleLogout,
    /// The same browser signed in again.
    Replaced,
    /// No request for `session.idle_timeout`.
    Idle,
    /// `session.lifetime` or SessionNotOnOrAfter was reached.
    Lifetime,
    /// An admin ended it.
    Revoked,
    /// The person was switched off.
    UserDisabled,
}

impl EndReason {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignOut => "sign_out",
            Self::SingleLogout => "slo",
            Self::Replaced => "replaced",
            Self::Idle => "idle",
            Self::Lifetime => "lifetime",
            Self::Revoked => "revoked",
            Self::UserDisabled => "user_disabled",
        }
    }
}
