//! Many operations in one request (RFC 7644, 3.7): read, put in an order in which each can be done,
//! and answered. Doing them is for others.
//!
//! bytes → [`BulkRequest::read`] → [`BulkRequest::plan`] → each operation, after
//! [`BulkOperation::resolve`] → [`bulk_response`].

mod reference;
mod response;

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};

use http::{Method, StatusCode};
use serde_json::Value;

use crate::scim::error::{ScimError, ScimType};
use crate::scim::{Object, ResourceKind, json};

pub use response::{BulkResult, bulk_response};

/// No request has more operations.
pub const MOST_OPERATIONS: usize = 1000;
/// No request is longer, in octets.
pub const LARGEST_BULK: usize = 1024 * 1024;
/// The URN of a request.
pub const BULK_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
/// The URN of an answer.
pub const BULK_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";

/// Operations that were understood, and those that were not.
#[derive(Clone, Debug, PartialEq)]
pub struct BulkRequest {
    /// After so many errors the rest is left undone; `None`: never.
    pub fail_on_errors: Option<usize>,
    /// In the order in which they were written.
    pub operations: Vec<BulkItem>,
}

/// One operation, and why it can not be done if that is known already.
#[derive(Clone, Debug, PartialEq)]
pub struct BulkItem {
    /// As it was written, to be said in the answer.
    pub method: String,
    /// As it was written, to be said in the answer.
    pub bulk_id: Option<String>,
    /// What is to be done.
    pub operation: Result<BulkOperation, ScimError>,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub struct BulkOperation {
    /// `POST`, `PUT`, `PATCH`, `DELETE`
    pub method: Method,
    /// To which kind of resource.
    pub kind: ResourceKind,
    /// To which resource; `None` for POST.
    pub id: Option<String>,
    /// The version it has to have, as in `If-Match`.
    pub version: Option<String>,
    /// The body; empty for DELETE.
    pub data: Object,
}

impl BulkRequest {
    /// Reads a body. What is wrong with one operation is that operation's error; what is wrong with
    /// the whole is everybody's: too long or too many are 413 (RFC 7644, 3.7.4).
    pub fn read(body: &[u8]) -> Result<Self, ScimError> {
        if body.len() > LARGEST_BULK {
            return Err(too_large(format!(
                "a bulk request has at most {LARGEST_BULK} octets"
            )));
        }
        let body = json::object(body)?;
        let Some(Value::Array(list)) = named(&body, "Operations") else {
            return Err(syntax("Operations has to be a list"));
        };
        if list.len() > MOST_OPERATIONS {
            let detail = format!("a bulk request has at most {MOST_OPERATIONS} operations");
            return Err(too_large(detail));
        }
        let fail_on_errors = match named(&body, "failOnErrors") {
            None | Some(Value::Null) => None,
            Some(number) => {
                let number = number.as_u64().filter(|number| *number > 0);
                let number = number.and_then(|number| usize::try_from(number).ok());
                let detail = "failOnErrors has to be a whole number above zero";
                Some(number.ok_or_else(|| ScimError::bad(ScimType::InvalidValue, detail))?)
            }
        };
        let mut taken = BTreeSet::new();
        let operations = list.iter().map(|one| item(one, &mut taken)).collect();
        Ok(Self { fail_on_errors, operations })
    }

    /// The `bulkId`s that others can refer to, none of them made: for [`BulkOperation::resolve`],
    /// to be filled in while operations are done.
    pub fn unmade(&self) -> HashMap<String, Option<String>> {
        let posts = self.operations.iter().filter(|item| item.method == Method::POST.as_str());
        posts.filter_map(|item| Some((item.bulk_id.clone()?, None))).collect()
    }

    /// The order in which to do the operations, by their places: as they were written, except that
    /// whoever refers to a new resource comes after the one that makes it (RFC 7644, 3.7.2).
    ///
    /// Those that wait for one another can not be done; they are the second list: 409
    /// (3.7.1). So are those that wait for them.
    pub fn plan(&self) -> (Vec<usize>, Vec<usize>) {
        let makers: HashMap<&str, usize> = self
            .operations
            .iter()
            .enumerate()
            .filter(|(_, item)| item.makes())
            .filter_map(|(place, item)| Some((item.bulk_id.as_deref()?, place)))
            .collect();
        let mut waiting: Vec<usize> = vec![0; self.operations.len()];
        let mut waits_for: Vec<Vec<usize>> = vec![Vec::new(); self.operations.len()];
        for ((place, item), left) in self.operations.iter().enumerate().zip(&mut waiting) {
            let Ok(operation) = &item.operation else {
                continue;
            };
            let before: BTreeSet<usize> = operation
                .references()
                .into_iter()
                .filter_map(|id| makers.get(id).copied())
                .collect();
            *left = before.len();
            for maker in before {
                if let Some(after) = waits_for.get_mut(maker) {
                    after.push(place);
                }
            }
        }
        let free = waiting.iter().enumerate().filter(|(_, left)| **left == 0);
        let mut ready: BinaryHeap<Reverse<usize>> = free.map(|(place, _)| Reverse(place)).collect();
        let mut order = Vec::with_capacity(self.operations.len());
        while let Some(Reverse(place)) = ready.pop() {
            order.push(place);
            for after in waits_for.get(place).into_iter().flatten() {
                if let Some(left) = waiting.get_mut(*after) {
                    *left = left.saturating_sub(1);
                    if *left == 0 {
                        ready.push(Reverse(*after));
                    }
                }
            }
        }
        let stuck = waiting.iter().enumerate().filter(|(_, left)| **left > 0);
        (order, stuck.map(|(place, _)| place).collect())
    }
}

/// What is said of those that wait for one another.
pub fn circular() -> ScimError {
    ScimError::of(
        StatusCode::CONFLICT,
        "operations refer to one another in a circle",
    )
}

impl BulkItem {
    /// Whether others can refer to what it makes.
    fn makes(&self) -> bool {
        self.operation.as_ref().is_ok_and(|operation| operation.method == Method::POST)
    }
}

fn item(one: &Value, taken: &mut BTreeSet<String>) -> BulkItem {
    let nothing = Object::new();
    let parts = one.as_object().unwrap_or(&nothing);
    let text = |name| named(parts, name).and_then(Value::as_str);
    let method = text("method").unwrap_or_default().to_ascii_uppercase();
    let bulk_id = text("bulkId").filter(|id| !id.is_empty()).map(str::to_owned);
    let operation = operation(parts, &method, bulk_id.as_deref(), taken);
    // A made-up method is not said again.
    let method = if METHODS.contains(&method.as_str()) {
        method
    } else {
        String::new()
    };
    BulkItem { method, bulk_id, operation }
}

const METHODS: [&str; 4] = ["POST", "PUT", "PATCH", "DELETE"];

fn operation(
    parts: &Object,
    method: &str,
    bulk_id: Option<&str>,
    taken: &mut BTreeSet<String>,
) -> Result<BulkOperation, ScimError> {
    let method = match method {
        "POST" => Method::POST,
        "PUT" => Method::PUT,
        "PATCH" => Method::PATCH,
        "DELETE" => Method::DELETE,
        _ => return Err(syntax("method has to be POST, PUT, PATCH or DELETE")),
    };
    let path = named(parts, "path").and_then(Value::as_str);
    let (kind, id) = target(path.ok_or_else(|| syntax("path is required"))?)?;
    if (method == Method::POST) != id.is_none() {
        return Err(syntax(
            "path has to be of a resource, or of all of them for POST",
        ));
    }
    if method == Method::POST {
        let bulk_id = bulk_id.ok_or_else(|| syntax("bulkId is required for POST"))?;
        if !taken.insert(bulk_id.to_owned()) {
            let detail = "bulkId has to be another for each POST";
            return Err(ScimError::bad(ScimType::InvalidValue, detail));
        }
    }
    let data = match named(parts, "data") {
        Some(Value::Object(data)) => data.clone(),
        _ if method == Method::DELETE => Object::new(),
        _ => return Err(syntax("data has to be an object")),
    };
    let version = named(parts, "version").and_then(Value::as_str).map(str::to_owned);
    Ok(BulkOperation { method, kind, id, version, data })
}

/// `/Users`, `/Users/{id}`; also without the slash, and with the address of the server before it.
fn target(path: &str) -> Result<(ResourceKind, Option<String>), ScimError> {
    let mut parts = path.trim_end_matches('/').rsplit('/');
    let last = parts.next().unwrap_or_default();
    if let Some(kind) = endpoint(last) {
        return Ok((kind, None));
    }
    let kind = parts.next().and_then(endpoint).filter(|_| !last.is_empty());
    let kind = kind.ok_or_else(|| syntax("path has to begin with /Users or /Groups"))?;
    Ok((kind, Some(last.to_owned())))
}

fn endpoint(name: &str) -> Option<ResourceKind> {
    let is = |endpoint: &str| endpoint.eq_ignore_ascii_case(name);
    if is("Users") {
        Some(ResourceKind::User)
    } else if is("Groups") {
        Some(ResourceKind::Group)
    } else {
        None
    }
}

/// The value of a name; case does not count.
fn named<'v>(object: &'v Object, name: &str) -> Option<&'v Value> {
    object.get(name).or_else(|| {
        let mut others = object.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        others.next().map(|(_, value)| value)
    })
}

fn syntax(detail: &str) -> ScimError {
    ScimError::bad(ScimType::InvalidSyntax, detail)
}

fn too_large(detail: String) -> ScimError {
    ScimError::of(StatusCode::PAYLOAD_TOO_LARGE, detail)
}

#[cfg(test)]
mod tests;
