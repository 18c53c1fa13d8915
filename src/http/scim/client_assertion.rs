//! A client that shows who it is by an assertion (`private_key_jwt`), at the token endpoint.
//!
//! In: an assertion, and who the request says it is from. Out: what stands for the key that made it,
//! as a token does for itself. The promises: the client is told that it is refused and nothing else;
//! the log of its connection is told why. What nobody can have signed but the client is logged as
//! its own. Everything else may be anybody's, and they shall not fill that log, nor make the
//! connection look ill.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderMap, StatusCode};

use crate::base::{ConnectionName, Timestamp};
use crate::directory::client_assertion::{Assertion, AssertionError, Signed};
use crate::directory::{ClientKey, ScimToken};
use crate::http::context::Context;
use crate::http::scim::Scim;
use crate::http::scim::oauth::{self, Wrong};
use crate::http::scim::record::{self, Origin};

/// What is shown.
pub(in crate::http::scim) struct Shown<'r> {
    /// `client_id`, which may be left out: the assertion says it.
    pub id: Option<&'r str>,
    /// `client_assertion`
    pub assertion: &'r str,
    /// What the client calls itself stands there.
    pub headers: &'r HeaderMap,
}

/// Of everything that is wrong with one: whoever made it finds more in the log.
const REFUSED: &str =
    "the assertion is not accepted; the log of the connection says why (samlgate scim log)";

/// The key that made the assertion, used once for it.
pub(in crate::http::scim) async fn check(
    scim: &Scim,
    context: &Context,
    shown: Shown<'_>,
    now: Timestamp,
) -> Result<ScimToken, Wrong> {
    let asking = Asking { scim, context, headers: shown.headers, now };
    let assertion = match Assertion::parse(shown.assertion) {
        Ok(assertion) => assertion,
        Err(error) => {
            let connection = shown.id.and_then(ConnectionName::parse);
            return Err(asking.refuse(connection.as_ref(), None, &error).await);
        }
    };
    let name = assertion.connection().clone();
    let keys = scim.app.ports.connections.keys(Some(&name)).await.map_err(Wrong::store)?;
    let signed = match verify(assertion, &keys, shown.id) {
        Ok(signed) => signed,
        Err(error) => return Err(asking.refuse(Some(&name), None, &error).await),
    };
    let key = signed.key();
    let valid = match signed.validate(&[&oauth::endpoint(scim), &scim.base], now) {
        Ok(valid) => valid,
        Err(error) => return Err(asking.refuse(Some(&name), Some(&key.id), &error).await),
    };
    // Before it is used up: who is too fast may come again with it.
    let rate = scim.rates.load().check_token(&key.id);
    rate.map_err(|often| Wrong::too_often(often.seconds))?;
    let (issuer, id, until) = valid.one_use();
    let ports = &scim.app.ports;
    if !ports.one_use.claim(&issuer, &id, until, now).await.map_err(Wrong::store)? {
        let error = AssertionError::Replayed;
        return Err(asking.refuse(Some(&name), Some(&key.id), &error).await);
    }
    let token = key.as_token();
    ports.connections.note_use(&token, now).await.map_err(Wrong::store)?;
    Ok(token)
}

fn verify<'k>(
    assertion: Assertion<'_>,
    keys: &'k [ClientKey],
    id: Option<&str>,
) -> Result<Signed<'k>, AssertionError> {
    if id.is_some_and(|id| id != assertion.connection().as_str()) {
        return Err(AssertionError::OtherClient);
    }
    assertion.verify(keys)
}

/// A request that is being looked at.
struct Asking<'r> {
    scim: &'r Scim,
    context: &'r Context,
    headers: &'r HeaderMap,
    now: Timestamp,
}

impl Asking<'_> {
    /// Says no to the client, and why to the log of its connection.
    async fn refuse(
        &self,
        connection: Option<&ConnectionName>,
        key: Option<&str>,
        error: &AssertionError,
    ) -> Wrong {
        let Self { scim, context, now, .. } = *self;
        let wrong = Wrong::guess(scim, context, REFUSED);
        // Whoever guesses is told to stop, and is nothing for a log.
        let Some(connection) = connection.filter(|_| wrong.status == StatusCode::UNAUTHORIZED)
        else {
            return wrong;
        };
        let name = connection.as_str();
        tracing::info!(
            connection = name,
            key,
            "provisioning: an assertion is refused: {error}"
        );
        if key.is_some() || scim.strangers.may_be_logged(scim, connection, now).await {
            let from = Origin { agent: record::agent(self.headers), context };
            let answered = (wrong.status, error.to_string());
            scim.record_no_token((connection, key), from, answered, now);
        }
        wrong
    }
}

/// When it was last logged, of which connection, that somebody may only say they are its client.
#[derive(Default)]
pub(in crate::http::scim) struct Strangers(Mutex<HashMap<ConnectionName, Timestamp>>);

/// An administrator who looks for a mistake finds it; the log is for the connection's own requests.
const LOGGED: Duration = Duration::from_secs(10);

impl Strangers {
    async fn may_be_logged(
        &self,
        scim: &Scim,
        connection: &ConnectionName,
        now: Timestamp,
    ) -> bool {
        let is_recent = |last: &Timestamp| now.since(*last) < LOGGED;
        if self.lock().get(connection).is_some_and(is_recent) {
            return false;
        }
        // Those that there are, so that nobody fills the memory with others.
        let all = scim.app.ports.connections.connections().await.unwrap_or_default();
        let is_there = all.iter().any(|known| known.name == *connection);
        if is_there {
            self.lock().insert(connection.clone(), now);
        }
        is_there
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ConnectionName, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
