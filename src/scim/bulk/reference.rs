//! `bulkId:…`: a resource that has no id yet (RFC 7644, 3.7.2).
//!
//! It stands where an id would: as a whole value, at the end of a reference, in quotation marks in
//! the path of a change, or in the path of the operation.

use std::collections::{BTreeSet, HashMap};

use http::StatusCode;
use serde_json::Value;

use crate::scim::bulk::BulkOperation;
use crate::scim::error::ScimError;

const PREFIX: &str = "bulkId:";

impl BulkOperation {
    /// The `bulkId`s that it may refer to. A name may look like one and be none: only those that
    /// another operation has are meant.
    pub fn references(&self) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        if let Some(id) = self.id.as_deref().and_then(|id| id.strip_prefix(PREFIX)) {
            found.insert(id);
        }
        for (name, value) in &self.data {
            collect(&mut found, name, value);
        }
        found
    }

    /// Puts ids in the places of references. `made`: the `bulkId` of each POST of the request, and
    /// the id of what it made, if it did. 409 if it did not.
    pub fn resolve(&self, made: &HashMap<String, Option<String>>) -> Result<Self, ScimError> {
        let mut operation = self.clone();
        if let Some(id) = operation.id.as_mut() {
            whole(id, made)?;
        }
        for (name, value) in &mut operation.data {
            replace(name, value, made)?;
        }
        Ok(operation)
    }
}

fn collect<'v>(found: &mut BTreeSet<&'v str>, name: &str, value: &'v Value) {
    match value {
        Value::String(text) => {
            found.extend(at_the_end(text).map(|(_, id)| id));
            if is_path(name) {
                found.extend(quoted(text).map(|(_, id)| id));
            }
        }
        Value::Array(list) => list.iter().for_each(|value| collect(found, name, value)),
        Value::Object(parts) => {
            parts.iter().for_each(|(name, value)| collect(found, name, value));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn replace(
    name: &str,
    value: &mut Value,
    made: &HashMap<String, Option<String>>,
) -> Result<(), ScimError> {
    match value {
        Value::String(text) => {
            whole(text, made)?;
            while is_path(name) {
                let next = quoted(text).find_map(|(at, id)| {
                    Some((
                        at..at.saturating_add(PREFIX.len() + id.len()),
                        made.get(id)?,
                    ))
                });
                let Some((range, id)) = next else { break };
                text.replace_range(range, known(id.as_ref())?);
            }
            Ok(())
        }
        Value::Array(list) => list.iter_mut().try_for_each(|value| replace(name, value, made)),
        Value::Object(parts) => {
            parts.iter_mut().try_for_each(|(name, value)| replace(name, value, made))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

fn whole(text: &mut String, made: &HashMap<String, Option<String>>) -> Result<(), ScimError> {
    let found = at_the_end(text).and_then(|(at, id)| Some((at, made.get(id)?)));
    if let Some((at, id)) = found {
        let id = known(id.as_ref())?;
        text.truncate(at);
        text.push_str(id);
    }
    Ok(())
}

fn known(id: Option<&String>) -> Result<&str, ScimError> {
    id.map(String::as_str).ok_or_else(|| {
        let detail = "the operation that was to make what this one refers to was not done";
        ScimError::of(StatusCode::CONFLICT, detail)
    })
}

/// `bulkId:a`, `../Users/bulkId:a`: where it begins, and `a`.
fn at_the_end(text: &str) -> Option<(usize, &str)> {
    let at = text.rfind('/').map_or(0, |slash| slash.saturating_add(1));
    let id = text.get(at..)?.strip_prefix(PREFIX)?;
    (!id.is_empty()).then_some((at, id))
}

/// Each `"bulkId:a"` of a filter: where it begins, after the quotation mark, and `a`.
fn quoted(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.match_indices(r#""bulkId:"#).filter_map(|(quote, _)| {
        let at = quote.saturating_add(1);
        let (id, _) = text.get(at..)?.strip_prefix(PREFIX)?.split_once('"')?;
        Some((at, id))
    })
}

fn is_path(name: &str) -> bool {
    name.eq_ignore_ascii_case("path")
}
