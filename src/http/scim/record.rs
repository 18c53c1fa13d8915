//! What the log of a connection is told of a request.
//!
//! In: an operation when it begins, and its answer. Out: a line for [`Recorder`], which a task
//! writes. Beside it stand the few things that neither request nor answer say: what came of it, and
//! which attributes changed ([`Watch`]).
//!
//! [`Recorder`]: crate::directory::Recorder

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::header::USER_AGENT;
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

use crate::base::clock::Stopwatch;
use crate::base::{ConnectionName, Timestamp};
use crate::directory::requests::{Effect, Page};
use crate::directory::{How, Recorded, ScimRequest, Written, discreet};
use crate::http::context::Context;
use crate::http::scim::Scim;
use crate::http::scim::answer::Answer;
use crate::http::scim::auth::Caller;
use crate::http::scim::operation::{Collection, Content, Operation, Place};
use crate::scim::list::ListNumbers;
use crate::scim::patch::MemberChange;
use crate::scim::{Document, Object, ScimError, ScimType, json};

/// Names of attributes that one line has room for.
const MOST_NAMES: usize = 20;

/// What an answer says to the log alone.
#[derive(Clone, Debug, Default)]
pub(in crate::http) struct Seen {
    effect: Option<Effect>,
    attributes: Vec<String>,
    matched: Option<u64>,
    page: Option<Page>,
    scim_type: Option<ScimType>,
    detail: Option<String>,
}

impl Seen {
    /// Nothing.
    pub(in crate::http::scim) const NOTHING: Self = Self {
        effect: None,
        attributes: Vec::new(),
        matched: None,
        page: None,
        scim_type: None,
        detail: None,
    };

    /// Why it was refused.
    pub(in crate::http::scim) fn refused(error: &ScimError) -> Self {
        Self {
            scim_type: error.scim_type,
            detail: Some(error.detail.clone()),
            ..Self::NOTHING
        }
    }

    /// A page of a list.
    pub(in crate::http::scim) fn listed(numbers: &ListNumbers, answered: usize) -> Self {
        let answered = u64::try_from(answered).unwrap_or(u64::MAX);
        let page = |start: u64| Page {
            seen: start.saturating_sub(1).saturating_add(answered),
            total: numbers.total,
            whole: false,
        };
        Self {
            matched: Some(numbers.total),
            page: numbers.start.map(page),
            ..Self::NOTHING
        }
    }

    /// Somebody was removed.
    pub(in crate::http::scim) fn removed() -> Self {
        Self { effect: Some(Effect::Deleted), ..Self::NOTHING }
    }
}

/// Looks on while a store makes a change.
#[derive(Clone, Debug, Default)]
pub(in crate::http::scim) struct Watch(Arc<Mutex<(Vec<String>, bool)>>);

impl Watch {
    /// A document that is new.
    pub(in crate::http::scim) fn note_new(&self, new: &Written) {
        let mut names = names(&Object::new(), new.document.as_object());
        if has_members(&new.members) {
            names.push("members".to_owned());
        }
        *self.lock() = (names, false);
    }

    /// The change, with somebody who looks on.
    pub(in crate::http::scim) fn watching(
        &self,
        change: impl Fn(&Document) -> Result<Written, ScimError> + Send + Sync + 'static,
    ) -> impl Fn(&Document) -> Result<Written, ScimError> + Send + Sync + 'static {
        let this = self.clone();
        move |before| {
            let written = change(before)?;
            let mut names = names(before.as_object(), written.document.as_object());
            // All members anew may be the same ones, which shows only where nothing else changed.
            let anew = matches!(written.members.as_slice(), [MemberChange::ReplaceAll(_)]);
            if has_members(&written.members) && (!anew || names.is_empty()) {
                names.push("members".to_owned());
            }
            let switched_off = before.is_active() && !written.document.is_active();
            *this.lock() = (names, switched_off);
            Ok(written)
        }
    }

    /// What came of it.
    pub(in crate::http::scim) fn seen(&self, how: How) -> Seen {
        let (attributes, switched_off) = std::mem::take(&mut *self.lock());
        let effect = match how {
            How::Created => Effect::Created,
            How::Linked => Effect::Linked,
            How::Returned => Effect::Returned,
            How::Changed if switched_off => Effect::Deactivated,
            How::Changed => Effect::Changed,
            How::Unchanged => Effect::Unchanged,
            How::Deleted => Effect::Deleted,
        };
        let attributes = if how == How::Unchanged {
            Vec::new()
        } else {
            attributes
        };
        Seen { effect: Some(effect), attributes, ..Seen::NOTHING }
    }

    fn lock(&self) -> MutexGuard<'_, (Vec<String>, bool)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn has_members(changes: &[MemberChange]) -> bool {
    changes
        .iter()
        .any(|change| !matches!(change, MemberChange::Add(members) if members.is_empty()))
}

/// The attributes in which two documents differ; of an extension each for itself.
fn names(before: &Object, after: &Object) -> Vec<String> {
    let all: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut differ = Vec::new();
    for name in all {
        let (old, new) = (before.get(name), after.get(name));
        if old == new {
            continue;
        }
        if !name.starts_with("urn:") {
            differ.push(name.clone());
            continue;
        }
        let of =
            |value: Option<&Value>| value.and_then(Value::as_object).cloned().unwrap_or_default();
        let inner = names(&of(old), &of(new));
        differ.extend(inner.into_iter().map(|inner| format!("{name}:{inner}")));
    }
    differ
}

/// A request that is being answered.
pub(in crate::http::scim) struct Begun {
    request: ScimRequest,
    body: Option<Content>,
    bodies: bool,
    took: Stopwatch,
}

impl Scim {
    /// An operation begins.
    pub(in crate::http::scim) fn begin(
        &self,
        caller: &Caller,
        operation: &Operation,
        now: Timestamp,
    ) -> Begun {
        let bodies = self.recorder.logs_bodies(now);
        let place = &operation.place;
        let mut request = ScimRequest::of(caller.actor.connection.name.clone(), now);
        request.token = Some(caller.actor.token.clone());
        request.request_id.clone_from(&caller.actor.request_id);
        request.client.clone_from(&caller.actor.client);
        request.agent.clone_from(&caller.agent);
        request.method = method(&operation.method);
        request.resource = place.resource().into();
        request.operation = operation.word().into();
        if let Place::One(_, id) = place {
            request.target = Some(discreet::sentence(id, 80));
        }
        request.filter = filter(operation);
        // Of a new person who is refused their name is said, which stands in the body alone.
        let is_new =
            matches!(place, Place::All(Collection::Users)) && operation.method == Method::POST;
        let body = (bodies || is_new).then(|| operation.body.clone());
        Begun { request, body, bodies, took: Stopwatch::start() }
    }

    /// It is answered.
    pub(in crate::http::scim) fn record(&self, begun: Begun, answer: &Answer) {
        let Begun { mut request, body, bodies, took } = begun;
        request.micros = u64::try_from(took.elapsed().as_micros()).unwrap_or(u64::MAX);
        answered(&mut request, answer);
        if request.status >= 400 && request.operation == "create" && request.resource == "User" {
            request.name = body.as_ref().and_then(user_name).map(|name| discreet::name(&name));
        }
        let octets = |body: Content| match body {
            Content::Bytes(bytes) => bytes,
            Content::Object(object) => Bytes::from(Value::Object(object).to_string()),
        };
        self.recorder.push(Recorded {
            request,
            body: body.filter(|_| bodies).map(octets),
            answer: answer.body.as_deref().filter(|_| bodies).map(Bytes::copy_from_slice),
        });
    }

    /// A request was refused before it was an operation.
    pub(in crate::http::scim) fn record_refusal(
        &self,
        whose: (&ConnectionName, &str),
        from: Origin<'_>,
        answer: &Answer,
        now: Timestamp,
    ) {
        let (connection, token) = whose;
        let mut request = ScimRequest::of(connection.clone(), now);
        request.token = Some(token.to_owned());
        request.request_id = Some(from.context.request_id.as_str().to_owned());
        request.client = from.context.client_text();
        request.agent = from.agent;
        answered(&mut request, answer);
        self.recorder.push(Recorded { request, body: None, answer: None });
    }
}

impl Scim {
    /// A client was given no token. Without a key it is not known who asked.
    pub(in crate::http::scim) fn record_no_token(
        &self,
        (connection, key): (&ConnectionName, Option<&str>),
        from: Origin<'_>,
        (status, detail): (StatusCode, String),
        now: Timestamp,
    ) {
        let operation = if key.is_some() {
            "refused"
        } else {
            ScimRequest::UNPROVEN
        };
        self.recorder.push(Recorded {
            request: ScimRequest {
                token: key.map(str::to_owned),
                request_id: Some(from.context.request_id.as_str().to_owned()),
                method: "POST".into(),
                resource: "token".into(),
                operation: operation.into(),
                status: status.as_u16(),
                detail: Some(detail),
                client: from.context.client_text(),
                agent: from.agent,
                ..ScimRequest::of(connection.clone(), now)
            },
            body: None,
            answer: None,
        });
    }
}

/// From where a request comes.
pub(in crate::http::scim) struct Origin<'r> {
    /// What the client calls itself.
    pub agent: Option<String>,
    /// The other end.
    pub context: &'r Context,
}

fn answered(request: &mut ScimRequest, answer: &Answer) {
    let seen = &answer.seen;
    request.status = answer.status.as_u16();
    request.effect = seen.effect;
    request.attributes.clone_from(&seen.attributes);
    if request.attributes.len() > MOST_NAMES {
        request.attributes.truncate(MOST_NAMES);
        request.attributes.push("…".to_owned());
    }
    let one = || (request.operation == "get").then(|| u64::from(request.status < 400));
    request.matched = seen.matched.or_else(one);
    let whole = request.filter.is_none() && request.operation == "list";
    request.page = seen.page.map(|page| Page { whole, ..page });
    request.scim_type = seen.scim_type.map(|scim_type| scim_type.as_str().to_owned());
    request.detail = seen.detail.as_deref().map(|detail| discreet::sentence(detail, 300));
    if request.target.is_none() {
        let id = answer.location.as_deref().and_then(|location| location.rsplit('/').next());
        request.target = id.map(str::to_owned);
    }
}

fn method(method: &Method) -> std::borrow::Cow<'static, str> {
    crate::telemetry::method_label(method).into()
}

/// What the client calls itself, as far as a log has room for it.
pub(in crate::http::scim) fn agent(headers: &HeaderMap) -> Option<String> {
    let agent = headers.get(USER_AGENT)?.to_str().ok()?;
    Some(discreet::sentence(agent, 120))
}

fn filter(operation: &Operation) -> Option<String> {
    if matches!(operation.place, Place::Search(_)) {
        let Content::Bytes(body) = &operation.body else {
            return None;
        };
        let body = json::object(body).ok()?;
        let found = body.iter().find(|(name, _)| name.eq_ignore_ascii_case("filter"))?;
        return found.1.as_str().map(discreet::shape);
    }
    if operation.query.is_empty() {
        return None;
    }
    let mut query = url::form_urlencoded::parse(operation.query.as_bytes());
    let found = query.find(|(name, _)| name.eq_ignore_ascii_case("filter"))?;
    Some(discreet::shape(&found.1))
}

fn user_name(body: &Content) -> Option<String> {
    let of = |object: &Object| {
        let mut all = object.iter();
        let found = all.find(|(name, _)| name.eq_ignore_ascii_case("userName"))?;
        found.1.as_str().map(str::to_owned)
    };
    match body {
        Content::Bytes(bytes) => of(&json::object(bytes).ok()?),
        Content::Object(object) => of(object),
    }
}
