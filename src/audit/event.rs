//! Events and login attempts.
//!
//! Neither ever holds a secret: no token, no cookie, no key, no signed message.

use crate::base::{ErrorCode, IdpName, Timestamp, UserId};

/// Something that an auditor will ask about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// Why it was refused; `None` when it succeeded.
    pub code: Option<ErrorCode>,
    /// What the person at the browser was shown.
    pub reference: Option<String>,
    /// The request, as in `X-Request-Id`.
    pub request_id: Option<String>,
    /// Which identity provider took part.
    pub idp: Option<IdpName>,
    /// To whom it happened.
    pub user: Option<UserId>,
    /// From which address.
    pub client: Option<String>,
    /// All the values.
    pub detail: serde_json::Value,
    /// What stays when client, reference and detail are erased: nothing personal.
    pub public: serde_json::Value,
}

impl Event {
    /// An event about which nothing else is known.
    pub const fn new(kind: EventKind) -> Self {
        Self {
            kind,
            code: None,
            reference: None,
            request_id: None,
            idp: None,
            user: None,
            client: None,
            detail: serde_json::Value::Null,
            public: serde_json::Value::Null,
        }
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident $text:literal,)*) => {
        /// The kinds of events. A word is never reused for something else.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum EventKind {
            $($(#[$doc])* $variant,)*
        }

        impl EventKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The dotted words: `login.accepted`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The kind with these words.
            pub fn find(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|kind| kind.as_str() == text)
            }
        }
    };
}

kinds! {
    /// The gateway began to serve.
    ServerStarted "server.started",
    /// The gateway stopped on purpose.
    ServerStopped "server.stopped",
    /// A configuration took effect, or was refused (with a code).
    ConfigReloaded "config.reloaded",
    /// A key of ours took a step, or was removed.
    KeysChanged "keys.changed",
    /// Somebody signed in.
    LoginAccepted "login.accepted",
    /// Somebody was not let in.
    LoginRefused "login.refused",
    /// A logout message was followed: what an identity provider asked for, or its answer to us.
    LogoutAccepted "logout.accepted",
    /// A logout message changed nothing, or an identity provider did not do what we asked for.
    LogoutRefused "logout.refused",
    /// A session ended before its time.
    SessionEnded "session.ended",
    /// A first login created a person.
    UserCreated "user.created",
    /// An identity provider was imported or changed.
    IdpImported "idp.imported",
    /// An identity provider was removed.
    IdpRemoved "idp.removed",
    /// New metadata of an identity provider, with other content, counts.
    IdpChanged "idp.changed",
    /// New metadata of an identity provider waits for an administrator.
    IdpChangeWaiting "idp.change_waiting",
    /// An administrator lets metadata count that waited.
    IdpChangeApproved "idp.change_approved",
    /// An administrator does not let metadata count that waited.
    IdpChangeRejected "idp.change_rejected",
    /// A message of an identity provider was signed by a key that is not in its metadata.
    IdpKeySeen "idp.key_seen",
    /// An administrator trusts such a key.
    IdpKeyApproved "idp.key_approved",
    /// An administrator does not trust such a key, or not any more.
    IdpKeyRejected "idp.key_rejected",
    /// An administrator locked somebody out.
    UserLocked "user.locked",
    /// An administrator let somebody in again.
    UserUnlocked "user.unlocked",
    /// An administrator linked somebody to an identity provider's name for them.
    UserLinked "user.linked",
    /// An administrator took such a link away.
    UserUnlinked "user.unlinked",
    /// What was known of somebody was erased.
    UserErased "user.erased",
    /// Events up to some moment were removed from the beginning of the chain.
    AuditPruned "audit.pruned",
    /// A connection was made, by which people are provisioned.
    ConnectionMade "idm_integration_activate",
    /// The settings of a connection were changed.
    ConnectionChanged "idm_integration_update",
    /// A token of a connection was made, shortened or revoked.
    ConnectionTokens "idm_integration_reauth",
    /// A connection was removed.
    ConnectionRemoved "idm_integration_delete",
    /// More people were to be deactivated at once than the guard lets through.
    GuardPaused "deprovision_guard_paused",
    /// Somebody who runs the gateway lets them through.
    GuardApproved "deprovision_guard_approved",
    /// It was a mistake: whom the guard kept from being deactivated stay.
    GuardRejected "deprovision_guard_rejected",
    /// A person was provisioned.
    UserProvisioned "user_create_provision",
    /// A person was changed by whoever provisions them.
    UserChanged "user_update_provision",
    /// A person was switched off by whoever provisions them.
    UserDeprovisioned "user_deprovision",
    /// A person was switched on again, or came back.
    UserReactivated "user_reactivate_provision",
    /// A person was removed by whoever provisions them.
    UserRemoved "user_delete_provision",
    /// Whoever provisions looked people up: the first of them, or how many within a minute.
    UserLookedUp "user_lookup_provision",
    /// Somebody who was known already is provisioned from now on.
    IdentityLinked "identity_linked",
    /// A group was provisioned.
    GroupProvisioned "group_create_provision",
    /// A group, or who is in it, was changed by whoever provisions it.
    GroupChanged "group_update_provision",
    /// A group was removed by whoever provisions it.
    GroupRemoved "group_delete_provision",
}

/// One `Response` that came to the ACS, for whoever looks up a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginAttempt {
    /// What the person at the browser was shown: `7F3K-92QA`.
    pub reference: String,
    /// When.
    pub at: Timestamp,
    /// Which identity provider, as far as that was known.
    pub idp: Option<IdpName>,
    /// How it ended.
    pub outcome: LoginOutcome,
    /// Who signed in or would have.
    pub user: Option<UserId>,
    /// The request, as in `X-Request-Id`.
    pub request_id: Option<String>,
    /// Every check with what was expected and found.
    pub detail: serde_json::Value,
}

/// How a login attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginOutcome {
    /// With a session.
    Accepted,
    /// With an error page.
    Refused(ErrorCode),
}

impl LoginOutcome {
    /// `ok` or the code: the label `result` of `samlgate_logins_total`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "ok",
            Self::Refused(code) => code.as_str(),
        }
    }

    /// From the same words.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "ok" => Some(Self::Accepted),
            code => ErrorCode::find(code).map(Self::Refused),
        }
    }
}
