//! `/Bulk` (RFC 7644, 3.7): its operations go the way of any request, one by one.

use std::collections::HashMap;

use http::StatusCode;

use crate::base::Timestamp;
use crate::http::scim::answer::Answer;
use crate::http::scim::auth::Caller;
use crate::http::scim::operation::{Collection, Content, Operation, Place};
use crate::http::scim::{Failure, Scim};
use crate::scim::bulk::{BulkOperation, BulkRequest, BulkResult, bulk_response, circular};
use crate::scim::render::location;
use crate::scim::{ResourceKind, ScimError};

/// POST.
pub(in crate::http::scim) async fn perform(
    scim: &Scim,
    caller: &Caller,
    operation: Operation,
    now: Timestamp,
) -> Result<Answer, Failure> {
    let Content::Bytes(body) = operation.body else {
        return Err(ScimError::of(StatusCode::BAD_REQUEST, "a bulk holds no bulk").into());
    };
    let request = BulkRequest::read(&body)?;
    let (order, stuck) = request.plan();
    let mut made: HashMap<String, Option<String>> = HashMap::new();
    let mut results: Vec<(usize, BulkResult)> = Vec::with_capacity(request.operations.len());
    let mut errors = 0_usize;
    for place in order.iter().chain(&stuck) {
        if request.fail_on_errors.is_some_and(|most| errors >= most) {
            break;
        }
        let Some(item) = request.operations.get(*place) else {
            continue;
        };
        let operation = match &item.operation {
            Ok(_) if stuck.contains(place) => Err(circular()),
            Ok(operation) => operation.resolve(&made),
            Err(error) => Err(error.clone()),
        };
        // Said of each but a POST that failed (3.7.3).
        let known = operation.as_ref().ok().and_then(|operation| {
            let id = operation.id.as_deref()?;
            Some(location(&scim.base, operation.kind, id))
        });
        let answer = match operation {
            Ok(operation) => Box::pin(scim.answer(caller, of_bulk(operation), now)).await,
            Err(error) => Answer::refusal(&error),
        };
        let failed = !answer.status.is_success();
        errors = errors.saturating_add(usize::from(failed));
        if let Some(bulk_id) = &item.bulk_id {
            let id = answer.location.as_deref().and_then(|location| location.rsplit('/').next());
            made.insert(bulk_id.clone(), id.filter(|_| !failed).map(str::to_owned));
        }
        results.push((
            *place,
            BulkResult {
                method: item.method.clone(),
                bulk_id: item.bulk_id.clone(),
                status: answer.status,
                location: answer.location.or(known),
                version: answer.etag,
                response: answer.body.filter(|_| failed),
            },
        ));
    }
    results.sort_by_key(|(place, _)| *place);
    let results: Vec<BulkResult> = results.into_iter().map(|(_, result)| result).collect();
    Ok(Answer::of(StatusCode::OK, bulk_response(&results)))
}

fn of_bulk(operation: BulkOperation) -> Operation {
    let among = match operation.kind {
        ResourceKind::User => Collection::Users,
        ResourceKind::Group => Collection::Groups,
    };
    Operation {
        method: operation.method,
        place: operation.id.map_or(Place::All(among), |id| Place::One(among, id)),
        query: String::new(),
        if_match: operation.version,
        if_none_match: None,
        body: Content::Object(operation.data),
    }
}
