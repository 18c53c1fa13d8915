//! Changes: one that is done leaves a document in the one form, and says truly whether it changed
//! anything; several are the same as one after the other; what is done twice is done once.
//!
//! The first octet chooses a document and what becomes of unknown names; the rest is the body.

use std::collections::HashSet;

use samlgate::scim::document::Unknown;
use samlgate::scim::entries::entries;
use samlgate::scim::patch::{MemberChange, OPERATIONS, PatchRequest, VALUES};
use samlgate::scim::{Document, Object, ResourceKind, ScimError, json};
use serde_json::Value;

use super::scim::{CATALOGUE, DOCUMENTS, SAID, is_a_refusal};

pub fn check(bytes: &[u8]) {
    let Some((settings, body)) = bytes.split_first() else {
        return;
    };
    let settings = usize::from(*settings);
    let unknown = if settings & 0x80 == 0 {
        Unknown::Ignored
    } else {
        Unknown::Refused
    };
    let (kind, before) = &DOCUMENTS[settings % DOCUMENTS.len()];
    let Ok(body) = json::object(body) else {
        return;
    };
    let request = match PatchRequest::read(&body, *kind, &CATALOGUE, unknown) {
        Ok(request) => request,
        Err(error) => return is_a_refusal(&error),
    };
    assert!(unknown == Unknown::Ignored || request.ignored.is_empty());
    request.members().iter().for_each(each_once);
    assert!(*kind == ResourceKind::Group || request.members().is_empty());
    let result = request.apply(before);
    let whole = result.as_ref().map(|applied| applied.document.clone());
    match &result {
        Ok(applied) => {
            assert_eq!(applied.changed, applied.document != *before);
            is_in_the_one_form(&applied.document, *kind);
            let _ = entries(&applied.document, *kind, &CATALOGUE);
        }
        Err(error) => is_a_refusal(error),
    }
    one_by_one(&body, *kind, unknown, before, whole);
}

fn each_once(change: &MemberChange) {
    let ids: Vec<&str> = match change {
        MemberChange::Add(members) | MemberChange::ReplaceAll(members) => {
            members.iter().map(|member| member.value.as_str()).collect()
        }
        MemberChange::Remove(ids) => ids.iter().map(String::as_str).collect(),
        MemberChange::RemoveAll | MemberChange::RemoveWhere(_) => Vec::new(),
    };
    let some: HashSet<_> = ids.iter().collect();
    assert_eq!(some.len(), ids.len(), "{ids:?}");
    let adds = matches!(change, MemberChange::Add(_) | MemberChange::ReplaceAll(_));
    assert!(
        !adds || ids.iter().all(|id| !id.is_empty()),
        "a member without an id"
    );
}

/// What is stored is read as it is, and nothing of it is left out.
fn is_in_the_one_form(document: &Document, kind: ResourceKind) {
    let text = document.to_json();
    assert_eq!(Document::stored(&text).expect("JSON"), *document);
    let object = json::object(text.as_bytes()).expect("a body");
    let read = Document::read(&object, kind, &CATALOGUE, Unknown::Refused);
    let read = read.unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(read.document, *document, "{text}");
}

/// Operations in requests of their own come to the same. Only between them may something be
/// missing, or may two be the primary one.
fn one_by_one(
    body: &Object,
    kind: ResourceKind,
    unknown: Unknown,
    before: &Document,
    whole: Result<Document, &ScimError>,
) {
    let name = body.keys().find(|name| *name == "Operations");
    let name = name.or_else(|| body.keys().find(|name| name.eq_ignore_ascii_case("Operations")));
    let Some((name, Some(Value::Array(operations)))) = name.map(|name| (name, body.get(name)))
    else {
        panic!("a request without operations");
    };
    assert!(operations.len() <= OPERATIONS);
    // What comes of many is a matter of time.
    if operations.len() > 16 {
        return;
    }
    let mut document = before.clone();
    for operation in operations {
        let mut alone = body.clone();
        alone.insert(name.clone(), Value::Array(vec![operation.clone()]));
        let request = PatchRequest::read(&alone, kind, &CATALOGUE, unknown);
        let request = request.unwrap_or_else(|error| panic!("alone it is refused: {error}"));
        let Ok(applied) = request.apply(&document) else {
            return;
        };
        is_in_the_one_form(&applied.document, kind);
        document = applied.document;
        let chooses = operation.to_string().contains('[');
        if !chooses && let Ok(again) = request.apply(&document) {
            assert!(
                !again.changed,
                "{operation} twice: {}",
                again.document.to_json()
            );
        }
    }
    match whole {
        Ok(whole) => assert_eq!(whole, document, "one after the other"),
        // So much at once is another matter.
        Err(error) => assert_eq!(error.status, 413, "together they are refused: {error}"),
    }
    for list in document.as_object().values().filter_map(Value::as_array) {
        assert!(list.len() <= VALUES);
    }
}

/// Those of the corpus.
pub fn seeds() -> Vec<Vec<u8>> {
    let patches = SAID.bodies.iter().filter(|body| body.contains("PatchOp"));
    let places = 0..u8::try_from(DOCUMENTS.len()).unwrap_or_default();
    let with = |body: &String| {
        let body = body.clone();
        places.clone().map(move |place| [&[place], body.as_bytes()].concat())
    };
    let mut seeds: Vec<_> = patches.flat_map(with).collect();
    let all = r#"{"Operations": [
        {"op": "add", "path": "urn:example:2.0:User:badge:tags", "value": ["c", "A"]},
        {"op": "replace", "path": "urn:example:2.0:User:badge:doors[floor eq 2].name", "value": "South"},
        {"op": "add", "path": "urn:example:2.0:User:badge:number", "value": "n1"},
        {"op": "remove", "path": "emails[not (type eq \"work\")]"},
        {"op": "replace", "value": {"name.givenName": "R", "emails[type eq \"work\"].primary": "True",
            "urn:example:2.0:User:badge": {"level": 8, "lost": "true"}}},
        {"op": "remove", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"}]}"#;
    seeds.push([&[1], all.as_bytes()].concat());
    seeds
}
