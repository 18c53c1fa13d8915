//! Does what an operation asks.

use std::sync::Arc;

use arc_swap::ArcSwap;
use http::{Method, StatusCode};
use metrics::counter;
use tokio::sync::Notify;

use crate::app::App;
use crate::base::{StoreError, Timestamp};
use crate::directory::{Affected, Recorder};
use crate::http::rates::Rates;
use crate::http::scim::answer::Answer;
use crate::http::scim::auth::{Caller, Tokens};
use crate::http::scim::client_assertion::Strangers;
use crate::http::scim::groups::Groups;
use crate::http::scim::operation::{Collection, Operation, Place};
use crate::http::scim::users::Users;
use crate::http::scim::{BASE, Failure, bulk, resources, search};
use crate::scim::list::ListQuery;
use crate::scim::{Catalogue, ScimError, discovery};
use crate::telemetry::SCIM_REQUESTS;

/// The server of SCIM, without HTTP.
pub struct Scim {
    pub(in crate::http::scim) app: Arc<App>,
    pub(in crate::http::scim) catalogue: &'static Catalogue,
    /// `https://app.example.com/scim/v2`
    pub(in crate::http::scim) base: String,
    pub(in crate::http::scim) tokens: Tokens,
    pub(in crate::http::scim) rates: Arc<ArcSwap<Rates>>,
    /// Told when somebody's sessions have to be looked at.
    pub(in crate::http::scim) changed: Arc<Notify>,
    pub(in crate::http::scim) recorder: Arc<Recorder>,
    pub(in crate::http::scim) strangers: Strangers,
}

/// What [`Scim::new`] is made of.
pub struct ScimParts {
    /// Everything below HTTP.
    pub app: Arc<App>,
    /// The schemas. They are those of the start, as long as the process lives.
    pub catalogue: &'static Catalogue,
    /// `server.public_url`, without a slash at its end.
    pub public_url: String,
    /// How often whom; replaced on reload.
    pub rates: Arc<ArcSwap<Rates>>,
    /// Told when somebody's sessions have to be looked at.
    pub changed: Arc<Notify>,
    /// Takes what the log is told.
    pub recorder: Arc<Recorder>,
}

impl Scim {
    /// Puts the parts together.
    pub fn new(parts: ScimParts) -> Self {
        Self {
            app: parts.app,
            catalogue: parts.catalogue,
            base: format!("{}{BASE}", parts.public_url),
            tokens: Tokens::default(),
            rates: parts.rates,
            changed: parts.changed,
            recorder: parts.recorder,
            strangers: Strangers::default(),
        }
    }

    /// Does one operation, and counts it.
    pub(in crate::http::scim) async fn answer(
        &self,
        caller: &Caller,
        operation: Operation,
        now: Timestamp,
    ) -> Answer {
        let (resource, word) = (operation.place.resource(), operation.word());
        let begun = self.begin(caller, &operation, now);
        let answer = self.perform(caller, operation, now).await;
        let answer = answer.unwrap_or_else(|failure| Answer::failure(&failure));
        self.record(begun, &answer);
        let status = answer.status.as_str().to_owned();
        counter!(SCIM_REQUESTS, "resource" => resource, "operation" => word, "status" => status)
            .increment(1);
        answer
    }

    /// Does one operation.
    pub(in crate::http::scim) async fn perform(
        &self,
        caller: &Caller,
        operation: Operation,
        now: Timestamp,
    ) -> Result<Answer, Failure> {
        caller.may(&operation)?;
        let method = match operation.method {
            Method::HEAD => Method::GET,
            ref method => method.clone(),
        };
        let allow = operation.place.allow();
        match (method, operation.place.clone()) {
            (Method::POST, Place::Bulk) => bulk::perform(self, caller, operation, now).await,
            (Method::POST, Place::Search(among)) => {
                let asked = search::of_body(operation.body)?;
                search::list(self, caller, among, &asked, now).await
            }
            (Method::GET, Place::All(among)) => {
                let asked = ListQuery::from_query(&operation.query)?;
                search::list(self, caller, Some(among), &asked, now).await
            }
            (Method::GET, Place::Root) => {
                let asked = ListQuery::from_query(&operation.query)?;
                search::list(self, caller, None, &asked, now).await
            }
            (Method::POST, Place::All(Collection::Users)) => {
                resources::create(self, &Users(self), caller, operation, now).await
            }
            (Method::POST, Place::All(Collection::Groups)) => {
                resources::create(self, &Groups(self), caller, operation, now).await
            }
            (_, Place::One(Collection::Users, id)) => {
                resources::one(self, &Users(self), caller, id, operation, now).await
            }
            (_, Place::One(Collection::Groups, id)) => {
                resources::one(self, &Groups(self), caller, id, operation, now).await
            }
            (_, Place::Me) => {
                let detail = "a token of a connection is nobody's own";
                Err(ScimError::of(StatusCode::NOT_IMPLEMENTED, detail).into())
            }
            (Method::GET, place) => self.discover(&place, &operation),
            _ => Ok(Answer::wrong_method(allow)),
        }
    }

    /// Looks at the sessions of whom a change is about before the change is answered: whoever is
    /// switched off has no request left. Of very many people others look at it, within a second.
    pub(in crate::http::scim) async fn tell(
        &self,
        affected: &Affected,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if affected.everybody || affected.people.len() > LOOKED_AT {
            self.changed.notify_one();
            return Ok(());
        }
        if affected.people.is_empty() {
            return Ok(());
        }
        let sessions = &self.app.sessions;
        sessions.forget_ended(now).await?;
        for user in &affected.people {
            sessions.renew_user(user, now).await?;
        }
        Ok(())
    }

    /// What the server can do (RFC 7644, 4).
    fn discover(&self, place: &Place, operation: &Operation) -> Result<Answer, Failure> {
        let filters = url::form_urlencoded::parse(operation.query.as_bytes())
            .any(|(name, _)| name.eq_ignore_ascii_case("filter"));
        if filters {
            let detail = "there is nothing to filter here";
            return Err(ScimError::of(StatusCode::FORBIDDEN, detail).into());
        }
        let (catalogue, base) = (self.catalogue, self.base.as_str());
        let document = match place {
            Place::ServiceProviderConfig => discovery::service_provider_config(base),
            Place::ResourceTypes(None) => discovery::resource_types(catalogue, base),
            Place::ResourceTypes(Some(name)) => {
                discovery::one_resource_type(catalogue, name, base)?
            }
            Place::Schemas(None) => discovery::schemas(catalogue, base),
            Place::Schemas(Some(urn)) => discovery::one_schema(catalogue, urn, base)?,
            _ => return Ok(Answer::wrong_method(place.allow())),
        };
        Ok(Answer::document(&document))
    }
}

/// People whose sessions are looked at while a client waits: some milliseconds.
const LOOKED_AT: usize = 100;
