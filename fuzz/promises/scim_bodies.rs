//! Bodies and queries: a resource that is read is answered as one that is read as the same; a strict
//! reader takes no more than a lenient one; a bulk is put in an order in which each operation comes
//! after what it refers to; and a list is never longer than we say.
//!
//! The first octet chooses what it is: a user, a group, a bulk, a search, a query.

use std::collections::{HashMap, HashSet};

use http::Method;
use samlgate::base::Timestamp;
use samlgate::scim::bulk::{
    BulkRequest, BulkResult, LARGEST_BULK, MOST_OPERATIONS, bulk_response, circular,
};
use samlgate::scim::document::Unknown;
use samlgate::scim::filter::Target;
use samlgate::scim::list::{ListQuery, MOST_RESULTS, Page};
use samlgate::scim::render::{MemberOf, Renderer, Resource, Source};
use samlgate::scim::{Document, Filter, Object, Projection, ResourceKind, json};
use url::form_urlencoded;

use super::scim::{CATALOGUE, KINDS, SAID, is_a_refusal};

pub fn check(bytes: &[u8]) {
    let Some((kind, body)) = bytes.split_first() else {
        return;
    };
    match kind % 5 {
        0 => resource(body, ResourceKind::User),
        1 => resource(body, ResourceKind::Group),
        2 => bulk(body),
        3 => search(body),
        _ => {
            if let Ok(text) = std::str::from_utf8(body) {
                match ListQuery::from_query(text) {
                    Ok(query) => list(&query),
                    Err(error) => is_a_refusal(&error),
                }
            }
        }
    }
}

fn resource(body: &[u8], kind: ResourceKind) {
    let object = match json::object(body) {
        Ok(object) => object,
        Err(error) => return is_a_refusal(&error),
    };
    let strict = Document::read(&object, kind, &CATALOGUE, Unknown::Refused);
    let read = match Document::read(&object, kind, &CATALOGUE, Unknown::Ignored) {
        Ok(read) => read,
        Err(error) => {
            assert!(strict.is_err(), "the strict reader takes more");
            return is_a_refusal(&error);
        }
    };
    match strict {
        Ok(strict) => assert_eq!(strict, read),
        Err(error) => {
            is_a_refusal(&error);
            assert!(
                !read.ignored.is_empty(),
                "only what is unknown is refused: {error}"
            );
        }
    }
    let ids: HashSet<_> = read.members.iter().map(|member| &member.value).collect();
    assert_eq!(ids.len(), read.members.len());
    let document = read.document;
    let text = document.to_json();
    let members: Vec<MemberOf<'_>> = read
        .members
        .iter()
        .map(|member| MemberOf {
            id: &member.value,
            kind: member.kind.unwrap_or(ResourceKind::User),
        })
        .collect();
    let write = |source| {
        let wanted = Projection::default_of(kind, &CATALOGUE);
        let renderer = Renderer::new(kind, &wanted, &CATALOGUE, "https://app.example.com/scim/v2");
        let at = Timestamp::from_unix_seconds(1_795_000_000);
        renderer.render(&Resource {
            id: "2819c223",
            created: at,
            last_modified: at,
            version: 7,
            document: source,
            groups: &[],
            members: &members,
        })
    };
    let answer = write(Source::Read(&document));
    let stored = write(Source::Stored(&text));
    let answer = json::object(&answer).expect("an answer is JSON");
    // Names that are never returned are left out by both.
    assert_eq!(json::object(&stored).expect("JSON"), answer, "{text}");
    let again = Document::read(&answer, kind, &CATALOGUE, Unknown::Refused);
    let again = again.unwrap_or_else(|error| panic!("{text}: {error}"));
    let secret = text.contains("\"pin\"");
    assert!(secret || again.document == document, "{text}");
    let those: Vec<_> = again.members.iter().map(|member| &member.value).collect();
    assert!(those.iter().eq(&members.iter().map(|member| member.id).collect::<Vec<_>>()));
}

fn bulk(body: &[u8]) {
    let request = match BulkRequest::read(body) {
        Ok(request) => request,
        Err(error) => return is_a_refusal(&error),
    };
    let count = request.operations.len();
    assert!(body.len() <= LARGEST_BULK && count <= MOST_OPERATIONS);
    let (order, stuck) = request.plan();
    let all: HashSet<_> = order.iter().chain(&stuck).collect();
    assert!(
        all.len() == count && order.len() + stuck.len() == count,
        "each has one place"
    );
    let unmade = request.unmade();
    let mut made: HashMap<String, Option<String>> = unmade.clone();
    let mut results = Vec::new();
    for place in order {
        let item = &request.operations[place];
        let mut refuse = |error| {
            is_a_refusal_of_one(&error);
            let bulk_id = item.bulk_id.as_deref();
            results.push(BulkResult::refused(&item.method, bulk_id, None, &error));
        };
        let operation = match &item.operation {
            Ok(operation) => operation,
            Err(error) => {
                refuse(error.clone());
                continue;
            }
        };
        assert_eq!(operation.method == Method::POST, operation.id.is_none());
        match operation.resolve(&made) {
            Ok(resolved) => {
                assert_eq!(resolved.method, operation.method);
                let left: Vec<_> = resolved.references().into_iter().collect();
                let known = left.iter().any(|id| unmade.contains_key(*id));
                assert!(!known, "{left:?} is left of {operation:?}");
            }
            Err(error) => {
                // Only of somebody who could not be made.
                let failed = |id: &&str| matches!(made.get(*id), Some(None));
                assert!(operation.references().iter().any(failed), "{error}");
                refuse(error);
                continue;
            }
        }
        if operation.method == Method::POST
            && let Some(id) = &item.bulk_id
        {
            made.insert(id.clone(), Some(format!("id-{place}")));
        }
    }
    for place in stuck {
        let item = &request.operations[place];
        let references = item.operation.as_ref().map(|operation| operation.references().len());
        assert!(references.is_ok_and(|references| references > 0));
        results.push(BulkResult::refused(
            &item.method,
            item.bulk_id.as_deref(),
            None,
            &circular(),
        ));
    }
    let answer: serde_json::Value =
        serde_json::from_slice(&bulk_response(&results)).expect("an answer is JSON");
    assert_eq!(
        answer["Operations"].as_array().map(Vec::len),
        Some(results.len())
    );
}

fn is_a_refusal_of_one(error: &samlgate::scim::ScimError) {
    assert!(
        error.status == 409 || {
            is_a_refusal(error);
            true
        }
    );
}

fn search(body: &[u8]) {
    let object = match json::object(body) {
        Ok(object) => object,
        Err(error) => return is_a_refusal(&error),
    };
    let query = match ListQuery::from_search(&object) {
        Ok(query) => query,
        Err(error) => return is_a_refusal(&error),
    };
    list(&query);
    if let Some(text) = as_query(&object) {
        let same = ListQuery::from_query(&text);
        assert_eq!(same.as_ref(), Ok(&query), "{text}");
    }
}

/// The same as an address says it, if it can.
fn as_query(object: &Object) -> Option<String> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in object {
        match value {
            serde_json::Value::String(text) => query.append_pair(name, text),
            serde_json::Value::Number(number) if number.is_u64() || number.is_i64() => {
                query.append_pair(name, &number.to_string())
            }
            _ => return None,
        };
    }
    Some(query.finish())
}

fn list(query: &ListQuery) {
    match &query.page {
        Page::Index { start, count } => assert!(*start >= 1 && *count <= MOST_RESULTS),
        Page::Cursor { cursor, count } => {
            assert!(*count <= MOST_RESULTS && cursor.as_ref().is_none_or(|text| !text.is_empty()));
        }
    }
    for kind in KINDS {
        match query.projection(kind, &CATALOGUE) {
            // Whatever was asked for, these are there.
            Ok(wanted) => assert!(wanted.wants("id") && wanted.wants("schemas")),
            Err(error) => is_a_refusal(&error),
        }
        if let Some(found) = query.sort(kind, &CATALOGUE) {
            assert!(!Target::of(found).key.is_empty());
        }
        if let Some(Err(error)) =
            query.filter.as_deref().map(|filter| Filter::parse(&CATALOGUE, kind, filter))
        {
            is_a_refusal(&error);
        }
    }
}

/// Those of the corpus.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for body in &SAID.bodies {
        let kind: u8 = if body.contains("BulkRequest") {
            2
        } else if body.contains("SearchRequest") {
            3
        } else if body.contains("PatchOp") {
            continue;
        } else {
            u8::from(body.contains("members") || body.contains(":Group"))
        };
        seeds.push([&[kind], body.as_bytes()].concat());
    }
    for query in [
        "filter=userName+eq+%22alice%22&startIndex=0&count=500",
        "cursor=&count=2&sortBy=name.familyName&sortOrder=descending",
        "attributes=userName,emails.value&aadOptscim062020",
        "excludedAttributes=urn:example:2.0:User:badge&COUNT=-1",
    ] {
        seeds.push([&[4], query.as_bytes()].concat());
    }
    seeds
}
