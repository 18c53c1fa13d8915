//! Who asks: the bearer token of a connection.
//!
//! In: the headers of a request. Out: the connection, and what its token is good for; or the answer
//! that says why not. The promise: a token that was revoked is good for two seconds more at most.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};

use crate::base::{StoreError, Timestamp};
use crate::directory::secret::{access_hash_of, hash_of};
use crate::directory::{Actor, Connection, Connections, ScimToken, Scopes};
use crate::http::context::Context;
use crate::http::scim::answer::Answer;
use crate::http::scim::operation::{Collection, Operation, Place};
use crate::http::scim::record::{self, Origin};
use crate::http::scim::{Failure, Scim};
use crate::scim::ScimError;

/// How long a token is believed that was looked up: a client asks some hundred times a second.
const BELIEVED: Duration = Duration::from_secs(2);
/// How often it is written down that a token is used.
const NOTED: Duration = Duration::from_secs(60);
/// Tokens that are remembered; more than a gateway has connections.
const REMEMBERED: usize = 1000;

/// Whoever asks.
#[derive(Clone, Debug)]
pub(in crate::http::scim) struct Caller {
    /// For the record.
    pub actor: Actor,
    /// What the token is good for.
    pub scopes: Scopes,
    /// What it calls itself.
    pub agent: Option<String>,
}

impl Caller {
    /// Whether the token is good for an operation.
    pub(in crate::http::scim) fn may(&self, operation: &Operation) -> Result<(), ScimError> {
        let among = match &operation.place {
            Place::All(among) | Place::One(among, _) | Place::Search(Some(among)) => Some(*among),
            _ => None,
        };
        let scopes = self.scopes;
        let in_scope = match among {
            Some(Collection::Users) => scopes.users,
            Some(Collection::Groups) => scopes.groups,
            None => true,
        };
        let reads = matches!(operation.place, Place::Search(_)) || operation.method.is_safe();
        // What a bulk holds is looked at one by one.
        let may = in_scope && (reads || !scopes.read_only || operation.place == Place::Bulk);
        let detail = "this token is not good for that";
        may.then_some(()).ok_or_else(|| ScimError::of(StatusCode::FORBIDDEN, detail))
    }
}

/// Tokens that were looked up a moment ago.
#[derive(Default)]
pub(in crate::http::scim) struct Tokens(Mutex<HashMap<[u8; 32], Known>>);

/// By which hash a store knows what was shown.
#[derive(Clone, Copy, Debug)]
pub(in crate::http::scim) enum Shown {
    /// A token that an operator made.
    Long([u8; 32]),
    /// One that was given out for it.
    Access([u8; 32]),
}

#[derive(Clone)]
struct Known {
    token: Arc<(ScimToken, Connection)>,
    at: Timestamp,
}

impl Tokens {
    /// The token behind what was shown; an access token's is the long one, as far as it goes.
    pub(in crate::http::scim) async fn find(
        &self,
        shown: Shown,
        store: &dyn Connections,
        now: Timestamp,
    ) -> Result<Option<Arc<(ScimToken, Connection)>>, StoreError> {
        let (Shown::Long(hash) | Shown::Access(hash)) = shown;
        let known = self.lock().get(&hash).cloned();
        if let Some(known) = known.filter(|known| now.since(known.at) < BELIEVED) {
            return Ok(Some(known.token));
        }
        let found = match shown {
            Shown::Long(hash) => store.find_token(&hash).await?,
            Shown::Access(hash) => store.find_access(&hash).await?,
        };
        let Some(found) = found else {
            self.lock().remove(&hash);
            return Ok(None);
        };
        let token = Arc::new(found);
        if token.0.last_used.is_none_or(|used| now.since(used) >= NOTED) {
            store.note_use(&token.0, now).await?;
        }
        let mut tokens = self.lock();
        if tokens.len() >= REMEMBERED {
            tokens.clear();
        }
        tokens.insert(hash, Known { token: Arc::clone(&token), at: now });
        Ok(Some(token))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<[u8; 32], Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Scim {
    /// Who asks, or the answer that refuses them.
    pub(in crate::http::scim) async fn admit(
        &self,
        headers: &HeaderMap,
        context: &Context,
        now: Timestamp,
    ) -> Result<Caller, Answer> {
        let Some(token) = bearer(headers) else {
            return Err(Answer::unauthorized("a bearer token is needed", None));
        };
        let long = hash_of(token).map(Shown::Long);
        let found = match long.or_else(|| access_hash_of(token).map(Shown::Access)) {
            Some(shown) => self.tokens.find(shown, &*self.app.ports.connections, now).await,
            None => Ok(None),
        };
        let found = found.map_err(|error| Answer::failure(&Failure::Store(error)))?;
        let Some(found) = found else {
            let refused = self.unknown(context.client, "this token is not known, or was revoked");
            if let Some(hash) = hash_of(token)
                && let Ok(Some((connection, id))) =
                    self.app.ports.requests.revoked_token(&hash).await
            {
                let from = Origin { agent: record::agent(headers), context };
                self.record_refusal((&connection, &id), from, &refused, now);
            }
            return Err(refused);
        };
        let (token, connection) = &*found;
        if token.expires.is_some_and(|expires| expires <= now) {
            let refused = self.unknown(context.client, "this token has expired");
            let whose = (&connection.name, token.id.as_str());
            let from = Origin { agent: record::agent(headers), context };
            self.record_refusal(whose, from, &refused, now);
            return Err(refused);
        }
        if let Err(often) = self.rates.load().check_token(&token.id) {
            let refused = Answer::too_often(often.seconds);
            let whose = (&connection.name, token.id.as_str());
            let from = Origin { agent: record::agent(headers), context };
            self.record_refusal(whose, from, &refused, now);
            return Err(refused);
        }
        Ok(Caller {
            actor: Actor {
                connection: connection.clone(),
                token: token.id.clone(),
                client: context.client.map(|client| client.to_string()),
                request_id: Some(context.request_id.as_str().to_owned()),
                guard: Some(connection.settings.guard.unwrap_or_else(|| self.app.live().guard)),
            },
            scopes: token.scopes,
            agent: record::agent(headers),
        })
    }

    /// 401; 429 for whoever guesses.
    fn unknown(&self, client: Option<IpAddr>, detail: &str) -> Answer {
        match client.map(|client| self.rates.load().check_failure(client)) {
            Some(Err(often)) => Answer::too_often(often.seconds),
            _ => Answer::unauthorized(detail, Some("invalid_token")),
        }
    }
}

/// The token of `Authorization: Bearer`, whose first word may be in any case (RFC 9110, 11.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
