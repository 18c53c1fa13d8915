//! One resource: made, read, replaced, changed, removed (RFC 7644, 3.3 to 3.6).

use http::{Method, StatusCode};

use crate::base::Timestamp;
use crate::directory::{Change, How, Outcome, Written};
use crate::http::scim::answer::Answer;
use crate::http::scim::auth::Caller;
use crate::http::scim::collection::Collection;
use crate::http::scim::operation::{Operation, Tags};
use crate::http::scim::record::{Seen, Watch};
use crate::http::scim::{Failure, Scim, guard};
use crate::scim::document::Unknown;
use crate::scim::entries::entries;
use crate::scim::list::projection;
use crate::scim::patch::{MemberChange, PatchRequest};
use crate::scim::render::{Renderer, etag, location};
use crate::scim::{Document, Projection, ResourceKind, ScimError};

/// POST (3.3).
pub(in crate::http::scim) async fn create<C: Collection>(
    scim: &Scim,
    collection: &C,
    caller: &Caller,
    operation: Operation,
    now: Timestamp,
) -> Result<Answer, Failure> {
    let wanted = projection(&operation.query, C::KIND, scim.catalogue)?;
    let body = operation.body.object()?;
    let read = Document::read(&body, C::KIND, scim.catalogue, unknown(caller))?;
    tell_ignored(caller, &read.ignored);
    let mut document = read.document;
    say_active(&mut document, C::KIND);
    let new = Written {
        entries: entries(&document, C::KIND, scim.catalogue),
        document,
        members: Vec::from([MemberChange::Add(read.members)]),
    };
    let watch = Watch::default();
    watch.note_new(&new);
    let outcome = collection.create(&caller.actor, new, &wanted, now).await?;
    changed::<C>(scim, caller, &Subject::New, outcome, &watch, &wanted, now).await
}

/// Everything that is done to one that is there.
pub(in crate::http::scim) async fn one<C: Collection>(
    scim: &Scim,
    collection: &C,
    caller: &Caller,
    id: String,
    operation: Operation,
    now: Timestamp,
) -> Result<Answer, Failure> {
    match operation.method {
        Method::GET | Method::HEAD => read(scim, collection, caller, &id, &operation).await,
        Method::PUT => replace(scim, collection, caller, id, operation, now).await,
        Method::PATCH => patch(scim, collection, caller, id, operation, now).await,
        Method::DELETE => delete(scim, collection, caller, id, &operation, now).await,
        _ => Ok(Answer::wrong_method(operation.place.allow())),
    }
}

/// GET (3.4.1).
async fn read<C: Collection>(
    scim: &Scim,
    collection: &C,
    caller: &Caller,
    id: &str,
    operation: &Operation,
) -> Result<Answer, Failure> {
    let wanted = projection(&operation.query, C::KIND, scim.catalogue)?;
    let found = collection.find(&caller.actor, id, &wanted).await?;
    let found = found.ok_or_else(|| ScimError::not_found(id))?;
    let known = operation.if_none_match.as_deref().map(Tags::parse);
    if known.is_some_and(|known| known.names(C::version(&found))) {
        let version = u64::try_from(C::version(&found)).unwrap_or_default();
        return Ok(Answer {
            etag: Some(etag(version)),
            ..Answer::empty(StatusCode::NOT_MODIFIED)
        });
    }
    Ok(rendered::<C>(scim, StatusCode::OK, &found, &wanted))
}

/// PUT (3.5.1). Never makes anything: ids are ours to give.
async fn replace<C: Collection>(
    scim: &Scim,
    collection: &C,
    caller: &Caller,
    id: String,
    operation: Operation,
    now: Timestamp,
) -> Result<Answer, Failure> {
    let wanted = projection(&operation.query, C::KIND, scim.catalogue)?;
    let if_match = if_match(scim, collection, caller, &id, &operation).await?;
    let body = operation.body.object()?;
    let read = Document::read(&body, C::KIND, scim.catalogue, unknown(caller))?;
    tell_ignored(caller, &read.ignored);
    let members = match C::KIND {
        ResourceKind::Group => Vec::from([MemberChange::ReplaceAll(read.members)]),
        ResourceKind::User => Vec::new(),
    };
    let (catalogue, kind) = (scim.catalogue, C::KIND);
    let document = read.document;
    let watch = Watch::default();
    let change = Change::new(watch.watching(move |before| {
        document.validate_change(before, kind, catalogue)?;
        let mut document = document.clone();
        // A body without a word about it is no reason to let somebody in again.
        if kind == ResourceKind::User && document.active().is_none() {
            document.set_active(before.is_active());
        }
        Ok(Written {
            entries: entries(&document, kind, catalogue),
            document,
            members: members.clone(),
        })
    }));
    let outcome = collection.change(&caller.actor, &id, if_match, change, &wanted, now).await?;
    changed::<C>(
        scim,
        caller,
        &Subject::Known(id),
        outcome,
        &watch,
        &wanted,
        now,
    )
    .await
}

/// PATCH (3.5.2). Answered with the resource, which every client takes; 204 where the members of a
/// group are too many.
async fn patch<C: Collection>(
    scim: &Scim,
    collection: &C,
    caller: &Caller,
    id: String,
    operation: Operation,
    now: Timestamp,
) -> Result<Answer, Failure> {
    let wanted = projection(&operation.query, C::KIND, scim.catalogue)?;
    let if_match = if_match(scim, collection, caller, &id, &operation).await?;
    let body = operation.body.object()?;
    let (catalogue, kind) = (scim.catalogue, C::KIND);
    let request = PatchRequest::read(&body, kind, catalogue, unknown(caller))?;
    tell_ignored(caller, &request.ignored);
    let watch = Watch::default();
    let change = Change::new(watch.watching(move |before| {
        let applied = request.apply(before)?;
        if applied.changed {
            applied.document.validate_change(before, kind, catalogue)?;
        }
        Ok(Written {
            entries: entries(&applied.document, kind, catalogue),
            document: applied.document,
            members: request.members().to_vec(),
        })
    }));
    let outcome = collection.change(&caller.actor, &id, if_match, change, &wanted, now).await?;
    changed::<C>(
        scim,
        caller,
        &Subject::Known(id),
        outcome,
        &watch,
        &wanted,
        now,
    )
    .await
}

/// DELETE (3.6).
async fn delete<C: Collection>(
    scim: &Scim,
    collection: &C,
    caller: &Caller,
    id: String,
    operation: &Operation,
    now: Timestamp,
) -> Result<Answer, Failure> {
    let if_match = if_match(scim, collection, caller, &id, operation).await?;
    match collection.delete(&caller.actor, &id, if_match, now).await? {
        Outcome::Done(done) => {
            scim.tell(&done.affected, now).await?;
            Ok(Answer::empty(StatusCode::NO_CONTENT).seeing(Seen::removed()))
        }
        Outcome::Paused(paused) => Err(guard::stopped(caller, paused)),
        other => Err(refused(other, &Subject::Known(id)).into()),
    }
}

/// What a write was about.
enum Subject {
    New,
    Known(String),
}

async fn changed<C: Collection>(
    scim: &Scim,
    caller: &Caller,
    subject: &Subject,
    outcome: Outcome<C::Resource>,
    watch: &Watch,
    wanted: &Projection,
    now: Timestamp,
) -> Result<Answer, Failure> {
    let done = match outcome {
        Outcome::Done(done) => done,
        Outcome::Paused(paused) => return Err(guard::stopped(caller, paused)),
        other => return Err(refused(other, subject).into()),
    };
    scim.tell(&done.affected, now).await?;
    // Somebody who was known already is made this client's own by a POST, which is a 201 like any.
    let status = match done.how {
        How::Created | How::Linked | How::Returned => StatusCode::CREATED,
        How::Changed | How::Unchanged | How::Deleted => StatusCode::OK,
    };
    if !C::is_whole(&done.resource, wanted) && status == StatusCode::OK {
        let version = u64::try_from(C::version(&done.resource)).unwrap_or_default();
        return Ok(Answer {
            etag: Some(etag(version)),
            seen: watch.seen(done.how),
            ..Answer::empty(StatusCode::NO_CONTENT)
        });
    }
    let answer = rendered::<C>(scim, status, &done.resource, wanted);
    Ok(answer.seeing(watch.seen(done.how)))
}

fn refused<T>(outcome: Outcome<T>, subject: &Subject) -> ScimError {
    match (outcome, subject) {
        (Outcome::Refused(error), _) => error,
        (Outcome::PreconditionFailed, _) => other_version(),
        (_, Subject::Known(id)) => ScimError::not_found(id),
        (_, Subject::New) => ScimError::of(StatusCode::NOT_FOUND, "there is no such resource"),
    }
}

fn other_version() -> ScimError {
    let detail = "the resource has another version by now: read it again";
    ScimError::of(StatusCode::PRECONDITION_FAILED, detail)
}

fn rendered<C: Collection>(
    scim: &Scim,
    status: StatusCode,
    resource: &C::Resource,
    wanted: &Projection,
) -> Answer {
    let renderer = Renderer::new(C::KIND, wanted, scim.catalogue, &scim.base);
    let mut body = Vec::with_capacity(1024);
    C::render(&renderer, &mut body, resource);
    let version = u64::try_from(C::version(resource)).unwrap_or_default();
    Answer {
        etag: Some(etag(version)),
        location: Some(location(&scim.base, C::KIND, C::id(resource))),
        ..Answer::of(status, body)
    }
}

/// The version that the resource has to have. Of several that would do, the one that it has.
async fn if_match<C: Collection>(
    scim: &Scim,
    collection: &C,
    caller: &Caller,
    id: &str,
    operation: &Operation,
) -> Result<Option<i64>, Failure> {
    let Some(tags) = operation.if_match.as_deref().map(Tags::parse) else {
        return Ok(None);
    };
    match &tags {
        // That there is one shows anyway.
        Tags::Any => Ok(None),
        Tags::These(versions) if versions.len() == 1 => Ok(versions.first().copied()),
        Tags::These(_) => {
            let none = Projection::of(C::KIND, scim.catalogue, &["id"], &[])?;
            let found = collection.find(&caller.actor, id, &none).await?;
            let version = found.map(|found| C::version(&found));
            let version = version.ok_or_else(|| ScimError::not_found(id))?;
            match tags.names(version) {
                true => Ok(Some(version)),
                false => Err(other_version().into()),
            }
        }
    }
}

/// Whoever is made without a word about it is active (RFC 7643, 4.1.1).
fn say_active(document: &mut Document, kind: ResourceKind) {
    if kind == ResourceKind::User && document.active().is_none() {
        document.set_active(true);
    }
}

const fn unknown(caller: &Caller) -> Unknown {
    match caller.actor.connection.settings.strict {
        true => Unknown::Refused,
        false => Unknown::Ignored,
    }
}

/// Says what was left out, so that an administrator who misses it finds it.
fn tell_ignored(caller: &Caller, ignored: &[String]) {
    if !ignored.is_empty() {
        tracing::debug!(
            connection = caller.actor.connection.name.as_str(),
            request_id = caller.actor.request_id,
            ignored = ignored.join(", "),
            "provisioning: attributes that no schema has"
        );
    }
}
