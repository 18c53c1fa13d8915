//! The description of the API (`OpenAPI` 3.1), made from the table of endpoints.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::endpoint::{ENDPOINTS, Endpoint};
use super::failure::{Code, Failure};
use super::{Answer, Asked, BASE};

/// Where it is. It has nothing in it that not everybody may know.
pub(super) const PATH: &str = "/api/v1/openapi.json";

pub(super) async fn describe(_: Asked) -> Result<Answer, Failure> {
    Ok(Answer::ok(document()))
}

/// The whole of it.
pub(super) fn document() -> Value {
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for endpoint in ENDPOINTS {
        let path = paths.entry(endpoint.path).or_default();
        path.insert(endpoint.method.to_ascii_lowercase(), operation(endpoint));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "samlgate",
            "description": "What operators do about provisioning. Durations are seconds.",
            "version": env!("CARGO_PKG_VERSION"),
        },
        "servers": [{ "url": BASE }],
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "description": "admin.token" },
            },
            "schemas": schemas(),
            "responses": {
                "Error": {
                    "description": "It was not done",
                    "content": content("Error"),
                },
            },
        },
    })
}

fn content(schema: &str) -> Value {
    let reference = format!("#/components/schemas/{schema}");
    json!({ "application/json": { "schema": { "$ref": reference } } })
}

fn operation(endpoint: &Endpoint) -> Value {
    let (status, answer) = endpoint.answer;
    let mut done = json!({ "description": endpoint.summary });
    if let Some(schema) = answer {
        put(&mut done, "content", content(schema));
    }
    let mut operation = json!({
        "operationId": endpoint.operation,
        "summary": endpoint.summary,
        "responses": {
            status.to_string(): done,
            "default": { "$ref": "#/components/responses/Error" },
        },
    });
    let parameters: Vec<Value> = ["name", "id"]
        .into_iter()
        .filter(|name| endpoint.path.contains(&format!("{{{name}}}")))
        .map(|name| {
            json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } })
        })
        .collect();
    if !parameters.is_empty() {
        put(&mut operation, "parameters", Value::Array(parameters));
    }
    if let Some(schema) = endpoint.body {
        let required =
            ["NewConnection", "ConnectionChange", "NewKeys", "NewLink"].contains(&schema);
        let body = json!({ "required": required, "content": content(schema) });
        put(&mut operation, "requestBody", body);
    }
    if endpoint.operation == "describe" {
        put(&mut operation, "security", json!([]));
    }
    operation
}

fn put(object: &mut Value, name: &str, value: Value) {
    if let Value::Object(object) = object {
        object.insert(name.to_owned(), value);
    }
}

fn schemas() -> Value {
    let text = || json!({ "type": "string" });
    let moment = || json!({ "type": "string", "format": "date-time" });
    let maybe_moment = || json!({ "type": ["string", "null"], "format": "date-time" });
    let number = || json!({ "type": "integer", "minimum": 0 });
    let maybe_number = || json!({ "type": ["integer", "null"], "minimum": 1 });
    let truth = || json!({ "type": "boolean" });
    let reference = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let list = |of: Value| json!({ "type": "array", "items": of });
    let maybe = |of: Value| json!({ "oneOf": [of, { "type": "null" }] });
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    let members = json!({ "enum": ["refuse", "ignore"] });
    let idp = json!({
        "type": ["string", "null"],
        "description": "By which identity provider its people sign in.",
    });
    let deactivations = json!({ "enum": ["watching", "paused", "approved", "not watched"] });
    json!({
        "Error": object(&["error"], json!({
            "error": object(&["code", "message"], json!({
                "code": { "enum": codes },
                "message": text(),
            })),
        })),
        "Certificates": object(&["certificates", "unknown"], json!({
            "certificates": list(reference("Expiry")),
            "unknown": {
                "type": "array", "items": text(),
                "description": "Identity providers whose metadata is not at hand.",
            },
        })),
        "Expiry": object(
            &["what", "owner", "use", "subject", "fingerprint", "not_before", "not_after",
              "days_left", "ended", "active", "successor_until", "standing", "remedy"],
            json!({
                "what": { "enum": [
                    "idp_certificate", "own_certificate", "tls_certificate", "metadata",
                    "metadata_signer", "scim_token", "jwt_key", "exception",
                ] },
                "owner": text(),
                "use": text(),
                "subject": text(),
                "fingerprint": text(),
                "not_before": maybe_moment(),
                "not_after": moment(),
                "days_left": { "type": "integer" },
                "ended": truth(),
                "active": { "type": ["boolean", "null"] },
                "successor_until": maybe_moment(),
                "standing": { "enum": ["ok", "warning", "critical"] },
                "remedy": text(),
            }),
        ),
        "Notices": object(&["notices", "channels"], json!({
            "notices": list(object(&["key", "text", "advice", "detail", "raised"], json!({
                "key": text(), "text": text(), "advice": text(), "detail": {}, "raised": moment(),
            }))),
            "channels": list(object(
                &["name", "waiting", "attempts", "error", "sent", "again"],
                json!({
                    "name": text(), "waiting": number(), "attempts": number(),
                    "error": { "type": ["string", "null"] }, "sent": maybe_moment(),
                    "again": maybe_moment(),
                }),
            )),
        })),
        "Guard": object(&["share", "people", "window"], json!({
            "share": { "type": "number", "exclusiveMinimum": 0, "maximum": 1 },
            "people": number(),
            "window": number(),
        })),
        "Connection": object(
            &["name", "idp", "base_url", "strict", "unknown_members", "guard", "good_tokens",
              "good_keys", "deactivations", "created"],
            json!({
                "name": text(),
                "idp": idp,
                "base_url": text(),
                "strict": truth(),
                "unknown_members": members,
                "guard": maybe(reference("Guard")),
                "good_tokens": number(),
                "good_keys": number(),
                "deactivations": deactivations,
                "created": moment(),
            }),
        ),
        "Connections": object(&["connections"], json!({
            "connections": list(reference("Connection")),
        })),
        "NewConnection": object(&["name"], json!({
            "name": { "type": "string", "pattern": "^[a-z0-9][a-z0-9._-]{0,63}$" },
            "idp": idp,
            "strict": truth(),
            "unknown_members": members,
            "guard": maybe(reference("Guard")),
        })),
        "ConnectionChange": object(&[], json!({
            "idp": idp,
            "strict": truth(),
            "unknown_members": members,
            "guard": maybe(reference("Guard")),
        })),
        "Scopes": object(&[], json!({
            "users": truth(), "groups": truth(), "read_only": truth(),
        })),
        "Token": object(
            &["id", "connection", "scopes", "created", "expires", "expired", "last_used"],
            json!({
                "id": text(),
                "connection": text(),
                "scopes": reference("Scopes"),
                "created": moment(),
                "expires": maybe_moment(),
                "expired": truth(),
                "last_used": maybe_moment(),
            }),
        ),
        "Tokens": object(&["tokens"], json!({ "tokens": list(reference("Token")) })),
        "NewToken": object(&[], json!({
            "scopes": reference("Scopes"),
            "expires_in": maybe_number(),
        })),
        "MadeToken": object(&["token", "secret"], json!({
            "token": reference("Token"), "secret": text(),
        })),
        "Rotation": object(&[], json!({
            "overlap": number(),
            "expires_in": maybe_number(),
        })),
        "RotatedToken": object(&["token", "secret", "before"], json!({
            "token": reference("Token"),
            "secret": text(),
            "before": list(object(&["id", "ends"], json!({ "id": text(), "ends": moment() }))),
        })),
        "Key": object(
            &["id", "connection", "kid", "kind", "thumbprint", "scopes", "created", "expires",
              "expired", "last_used"],
            json!({
                "id": text(),
                "connection": text(),
                "kid": { "type": ["string", "null"] },
                "kind": text(),
                "thumbprint": { "type": "string", "description": "RFC 7638" },
                "scopes": reference("Scopes"),
                "created": moment(),
                "expires": maybe_moment(),
                "expired": truth(),
                "last_used": maybe_moment(),
            }),
        ),
        "Keys": object(&["keys"], json!({ "keys": list(reference("Key")) })),
        "NewKeys": object(&["key"], json!({
            "key": {
                "type": ["string", "object"],
                "description": "PEM (PUBLIC KEY, CERTIFICATE), a JWK, or a JWKS.",
            },
            "scopes": reference("Scopes"),
            "expires_in": maybe_number(),
        })),
        "Approval": object(&[], json!({ "for": number(), "people": maybe_number() })),
        "Nothing": object(&[], json!({})),
        "NewLink": object(&["idp", "name_id"], json!({ "idp": text(), "name_id": text() })),
        "Link": object(&["user", "idp", "name_id", "created"], json!({
            "user": text(),
            "idp": text(),
            "name_id": text(),
            "created": moment(),
        })),
        "Links": object(&["links"], json!({ "links": list(reference("Link")) })),
        "GuardState": object(
            &["connection", "guard", "state", "paused", "deactivated", "waiting",
              "approved_until", "approved_people", "people"],
            json!({
                "connection": text(),
                "guard": reference("Guard"),
                "state": deactivations,
                "paused": maybe_moment(),
                "deactivated": number(),
                "waiting": number(),
                "approved_until": maybe_moment(),
                "approved_people": maybe_number(),
                "people": list(object(&["id", "user_name", "asked_at"], json!({
                    "id": text(), "user_name": text(), "asked_at": moment(),
                }))),
            }),
        ),
    })
}

/// An object with these properties and no others; of some it is certain that they are there.
fn object(required: &[&str], properties: Value) -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": required,
        "properties": properties,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_endpoint_and_every_schema_it_names_is_described() {
        let document = document();
        for endpoint in ENDPOINTS {
            let method = endpoint.method.to_ascii_lowercase();
            let operation = &document["paths"][endpoint.path][&method];
            assert_eq!(
                operation["operationId"], endpoint.operation,
                "{}",
                endpoint.path
            );
        }
        let mut references = Vec::new();
        collect(&document, &mut references);
        assert!(references.len() > 20);
        for reference in references {
            let place = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(place).is_some(), "{reference}");
        }
    }

    fn collect(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(object) => {
                if let Some(Value::String(reference)) = object.get("$ref") {
                    found.push(reference.clone());
                }
                object.values().for_each(|value| collect(value, found));
            }
            Value::Array(list) => list.iter().for_each(|value| collect(value, found)),
            _ => {}
        }
    }
}
