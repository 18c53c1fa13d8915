//! What provisioning clients asked: a log for each connection.
//!
//! In: requests, as they were answered. Out: the same to read, and what follows from them: how the
//! connection is ([`Health`]), and which look-ups the audit is told of. The promise: whose a person
//! is stands here by id alone, so that who is erased is erased here too; names of attributes, no
//! values; and writing it never makes a request wait.

use std::borrow::Cow;
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;

use crate::base::{ConnectionName, StoreError, Timestamp};
use crate::directory::{Health, Transition};

/// One request, or one inside a bulk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScimRequest {
    /// When it was answered.
    pub at: Timestamp,
    /// Whose client asked.
    pub connection: ConnectionName,
    /// By which token.
    pub token: Option<String>,
    /// As in `X-Request-Id`.
    pub request_id: Option<String>,
    /// `PATCH`
    pub method: Cow<'static, str>,
    /// `User`, `Group`, …
    pub resource: Cow<'static, str>,
    /// `list`, `create`, …
    pub operation: Cow<'static, str>,
    /// The id of the person or group.
    pub target: Option<String>,
    /// Their `userName`: when it is read, the one that they have by then. Of somebody who was
    /// refused, and so has no id, the one that was sent, without its address.
    pub name: Option<String>,
    /// What came of it.
    pub effect: Option<Effect>,
    /// The attributes that changed.
    pub attributes: Vec<String>,
    /// What was looked for, without its literals.
    pub filter: Option<String>,
    /// How many were found.
    pub matched: Option<u64>,
    /// Which part of a list was answered; not kept.
    pub page: Option<Page>,
    /// The status of the answer.
    pub status: u16,
    /// Its keyword, if it was refused with one.
    pub scim_type: Option<String>,
    /// Why it was refused.
    pub detail: Option<String>,
    /// How long it took, in microseconds.
    pub micros: u64,
    /// From which address.
    pub client: Option<String>,
    /// What the client calls itself.
    pub agent: Option<String>,
    /// The body, redacted; only while bodies are logged.
    pub body: Option<String>,
    /// The body of the answer, likewise.
    pub answer: Option<String>,
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It is new.
    Created,
    /// It was known by a login, and is provisioned from now on.
    Linked,
    /// It had been deleted, and is there again.
    Returned,
    /// It is different.
    Changed,
    /// They may not enter any more.
    Deactivated,
    /// It was so already.
    Unchanged,
    /// It is gone.
    Deleted,
}

impl Effect {
    /// Every one, with the word that a store keeps.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::Created, "created"),
        (Self::Linked, "linked"),
        (Self::Returned, "returned"),
        (Self::Changed, "changed"),
        (Self::Deactivated, "deactivated"),
        (Self::Unchanged, "unchanged"),
        (Self::Deleted, "deleted"),
    ];

    /// The word.
    pub fn as_str(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(effect, _)| *effect == self)
            .map_or("", |(_, word)| *word)
    }

    /// From the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == word).map(|(effect, _)| *effect)
    }
}

/// Part of a list that is read by numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// The number of the last that was answered.
    pub seen: u64,
    /// How many there are.
    pub total: u64,
    /// Whether all there is was asked for, without a filter.
    pub whole: bool,
}

impl ScimRequest {
    /// The operation of whoever names a connection and does not show that it is theirs. It says
    /// nothing of the connection's own client.
    pub const UNPROVEN: &'static str = "unproven";

    /// A request of a connection about which nothing else is known.
    pub const fn of(connection: ConnectionName, at: Timestamp) -> Self {
        Self {
            at,
            connection,
            token: None,
            request_id: None,
            method: Cow::Borrowed(""),
            resource: Cow::Borrowed(""),
            operation: Cow::Borrowed("refused"),
            target: None,
            name: None,
            effect: None,
            attributes: Vec::new(),
            filter: None,
            matched: None,
            page: None,
            status: 0,
            scim_type: None,
            detail: None,
            micros: 0,
            client: None,
            agent: None,
            body: None,
            answer: None,
        }
    }

    /// In the place of requests that are not written, because too many came.
    pub fn missing(connection: ConnectionName, count: u64, at: Timestamp) -> Self {
        Self {
            operation: Cow::Borrowed("missing"),
            matched: Some(count),
            detail: Some(format!(
                "{count} requests stand not here: too many came at once"
            )),
            ..Self::of(connection, at)
        }
    }

    /// Whether something was to be changed.
    pub fn is_write(&self) -> bool {
        WRITES.contains(&&*self.operation)
    }

    /// Whether it asked for something that is not there: clients ask before they create.
    pub fn is_vain_look_up(&self) -> bool {
        self.status == 404 && LOOK_UPS.contains(&&*self.operation)
    }

    /// Whether somebody was looked up, or some were listed.
    pub fn is_look_up_of_people(&self) -> bool {
        let found = self.status < 400 || self.status == 404;
        self.resource == "User" && found && LOOK_UPS.contains(&&*self.operation)
    }
}

const LOOK_UPS: [&str; 3] = ["get", "list", "search"];
const WRITES: [&str; 5] = ["create", "replace", "patch", "delete", "bulk"];

/// The log of requests.
#[async_trait]
pub trait RequestLog: Send + Sync {
    /// Appends requests in their order, all or none; those of connections that are gone are passed
    /// over. What they say of a connection is put to its [`Health`] in the same transaction, and
    /// events about that are appended to the audit. Looked at is also how `reviewed` are by now.
    async fn append(
        &self,
        requests: Vec<ScimRequest>,
        reviewed: Vec<ConnectionName>,
        now: Timestamp,
    ) -> Result<Vec<(ConnectionName, Transition)>, StoreError>;

    /// Requests of a connection, the newest first.
    async fn requests(&self, asked: &RequestQuery) -> Result<Vec<ScimRequest>, StoreError>;

    /// How connections are that ever asked for anything.
    async fn health(&self) -> Result<Vec<(ConnectionName, Health)>, StoreError>;

    /// The connection and the id of a token that was revoked, by its hash.
    async fn revoked_token(
        &self,
        hash: &[u8; 32],
    ) -> Result<Option<(ConnectionName, String)>, StoreError>;

    /// Forgets requests that are older than `keep`, and of each connection those beyond `most`;
    /// bodies beyond `most_bodies`. Not all at once; whether there are more.
    async fn forget_requests(&self, kept: Kept, now: Timestamp) -> Result<bool, StoreError>;
}

/// How much of the log is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// For how long.
    pub keep: Duration,
    /// How many requests of a connection at most.
    pub most: u32,
    /// How many of them with bodies.
    pub most_bodies: u32,
}

/// Which requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestQuery {
    /// Whose.
    pub connection: ConnectionName,
    /// From then on.
    pub since: Timestamp,
    /// Those that were refused, but for look-ups of what is not there.
    pub failed: bool,
    /// About this person: by id, or by `userName`.
    pub user: Option<String>,
    /// At most so many.
    pub limit: u32,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A request about a person.
    pub(crate) fn request(operation: &str, status: u16, at: Timestamp) -> ScimRequest {
        ScimRequest {
            method: "PATCH".into(),
            resource: "User".into(),
            operation: operation.to_owned().into(),
            effect: match (operation, status) {
                ("create", 201) => Some(Effect::Created),
                _ => None,
            },
            status,
            micros: 100,
            ..ScimRequest::of(ConnectionName::parse("okta").unwrap(), at)
        }
    }
}
