//! What the server can do, in its own words: `/ServiceProviderConfig`, `/ResourceTypes`, `/Schemas`
//! (RFC 7644, 4; RFC 7643, 5 to 7; RFC 9865, 4).
//!
//! Nothing in here is null: Entra ID takes no such schema.

use serde_json::{Value, json};

use crate::scim::bulk::{LARGEST_BULK, MOST_OPERATIONS};
use crate::scim::error::ScimError;
use crate::scim::list::{CURSOR_SECONDS, LIST_RESPONSE, MOST_RESULTS, USUAL_RESULTS};
use crate::scim::render::{endpoint, resource_type};
use crate::scim::schema::{Attribute, Mutability, Returned, Uniqueness};
use crate::scim::{Catalogue, Kind, Object, ResourceKind, Schema};

/// The URN of the description of a schema.
pub const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";
/// The URN of the description of a kind of resource.
pub const RESOURCE_TYPE: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";
/// The URN of the description of the server.
pub const SERVICE_PROVIDER_CONFIG: &str =
    "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";

/// `/ServiceProviderConfig`. `base` is the address of the server, `https://…/scim/v2`.
pub fn service_provider_config(base: &str) -> Value {
    json!({
        "schemas": [SERVICE_PROVIDER_CONFIG],
        "patch": {"supported": true},
        "bulk": {
            "supported": true,
            "maxOperations": MOST_OPERATIONS,
            "maxPayloadSize": LARGEST_BULK,
        },
        "filter": {"supported": true, "maxResults": MOST_RESULTS},
        "changePassword": {"supported": false},
        "sort": {"supported": true},
        "etag": {"supported": true},
        "pagination": {
            "cursor": true,
            "index": true,
            "defaultPaginationMethod": "index",
            "defaultPageSize": USUAL_RESULTS,
            "maxPageSize": MOST_RESULTS,
            "cursorTimeout": CURSOR_SECONDS,
        },
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "Bearer token",
            "description": "A token that an administrator of the gateway made, in Authorization.",
            "specUri": "https://www.rfc-editor.org/info/rfc6750",
            "primary": true,
        }, {
            "type": "oauth2",
            "name": "OAuth 2.0 client credentials",
            "description": format!(
                "An access token of {base}/oauth/token, where the client is the connection and its \
                 secret that token, or where it signs an assertion (private_key_jwt)."
            ),
            "specUri": "https://www.rfc-editor.org/info/rfc6749",
            "primary": false,
        }],
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": format!("{base}/ServiceProviderConfig"),
        },
    })
}

/// `/ResourceTypes`.
pub fn resource_types(catalogue: &Catalogue, base: &str) -> Value {
    let kinds = [ResourceKind::User, ResourceKind::Group];
    list(kinds.into_iter().map(|kind| of_kind(kind, catalogue, base)).collect())
}

/// `/ResourceTypes/{name}`.
pub fn one_resource_type(
    catalogue: &Catalogue,
    name: &str,
    base: &str,
) -> Result<Value, ScimError> {
    let kinds = [ResourceKind::User, ResourceKind::Group];
    let kind = kinds.into_iter().find(|kind| resource_type(*kind).eq_ignore_ascii_case(name));
    kind.map(|kind| of_kind(kind, catalogue, base)).ok_or_else(|| nothing(name))
}

/// `/Schemas`.
pub fn schemas(catalogue: &Catalogue, base: &str) -> Value {
    list(catalogue.schemas().map(|schema| of_schema(schema, base)).collect())
}

/// `/Schemas/{urn}`.
pub fn one_schema(catalogue: &Catalogue, urn: &str, base: &str) -> Result<Value, ScimError> {
    let schema = catalogue.schemas().find(|schema| schema.id.eq_ignore_ascii_case(urn));
    schema.map(|schema| of_schema(schema, base)).ok_or_else(|| nothing(urn))
}

fn nothing(name: &str) -> ScimError {
    let short: String = name.chars().filter(|char| !char.is_control()).take(200).collect();
    ScimError::not_found(&short)
}

fn list(resources: Vec<Value>) -> Value {
    json!({
        "schemas": [LIST_RESPONSE],
        "totalResults": resources.len(),
        "itemsPerPage": resources.len(),
        "startIndex": 1,
        "Resources": resources,
    })
}

fn of_kind(kind: ResourceKind, catalogue: &Catalogue, base: &str) -> Value {
    let name = resource_type(kind);
    let extensions = catalogue.extensions(kind).iter();
    let extensions: Vec<Value> = extensions
        .map(|schema| json!({"schema": schema.id, "required": false}))
        .collect();
    json!({
        "schemas": [RESOURCE_TYPE],
        "id": name,
        "name": name,
        "description": catalogue.core(kind).description,
        "endpoint": format!("/{}", endpoint(kind)),
        "schema": catalogue.core(kind).id,
        "schemaExtensions": extensions,
        "meta": {"resourceType": "ResourceType", "location": format!("{base}/ResourceTypes/{name}")},
    })
}

fn of_schema(schema: &Schema, base: &str) -> Value {
    json!({
        "schemas": [SCHEMA],
        "id": schema.id,
        "name": schema.name,
        "description": schema.description,
        "attributes": schema.attributes.iter().map(of_attribute).collect::<Vec<Value>>(),
        "meta": {"resourceType": "Schema", "location": format!("{base}/Schemas/{}", schema.id)},
    })
}

/// RFC 7643, 7: what is true of an attribute, and nothing that means nothing for its type.
fn of_attribute(attribute: &Attribute) -> Value {
    let mut out = Object::new();
    let mut say = |name: &str, value: Value| {
        out.insert(name.to_owned(), value);
    };
    say("name", json!(attribute.name));
    say("type", json!(type_name(attribute.kind)));
    say("multiValued", json!(attribute.multi_valued));
    say("description", json!(attribute.description));
    say("required", json!(attribute.required));
    say("mutability", json!(mutability_name(attribute.mutability)));
    say("returned", json!(returned_name(attribute.returned)));
    say("uniqueness", json!(uniqueness_name(attribute.uniqueness)));
    if matches!(
        attribute.kind,
        Kind::String | Kind::Reference | Kind::Binary
    ) {
        say("caseExact", json!(attribute.case_exact));
    }
    if !attribute.canonical_values.is_empty() {
        say("canonicalValues", json!(attribute.canonical_values));
    }
    if attribute.kind == Kind::Reference {
        // RFC 7643, 2.3.7: each reference says to what.
        let types = attribute.reference_types;
        say(
            "referenceTypes",
            if types.is_empty() {
                json!(["external"])
            } else {
                json!(types)
            },
        );
    }
    if attribute.kind == Kind::Complex {
        let subs: Vec<Value> = attribute.sub_attributes.iter().map(of_attribute).collect();
        say("subAttributes", Value::Array(subs));
    }
    Value::Object(out)
}

const fn type_name(kind: Kind) -> &'static str {
    match kind {
        Kind::String => "string",
        Kind::Boolean => "boolean",
        Kind::Decimal => "decimal",
        Kind::Integer => "integer",
        Kind::DateTime => "dateTime",
        Kind::Binary => "binary",
        Kind::Reference => "reference",
        Kind::Complex => "complex",
    }
}

const fn mutability_name(mutability: Mutability) -> &'static str {
    match mutability {
        Mutability::ReadOnly => "readOnly",
        Mutability::ReadWrite => "readWrite",
        Mutability::Immutable => "immutable",
        Mutability::WriteOnly => "writeOnly",
    }
}

const fn returned_name(returned: Returned) -> &'static str {
    match returned {
        Returned::Always => "always",
        Returned::Never => "never",
        Returned::Default => "default",
        Returned::Request => "request",
    }
}

const fn uniqueness_name(uniqueness: Uniqueness) -> &'static str {
    match uniqueness {
        Uniqueness::None => "none",
        Uniqueness::Server => "server",
        Uniqueness::Global => "global",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::schema::{ENTERPRISE, GROUP, USER};

    const BASE: &str = "https://app.example.com/scim/v2";

    fn has_no_null(value: &Value) -> bool {
        match value {
            Value::Null => false,
            Value::Array(list) => list.iter().all(has_no_null),
            Value::Object(parts) => parts.values().all(has_no_null),
            _ => true,
        }
    }

    fn attribute(urn: &str, path: &[&str]) -> Value {
        let catalogue = Catalogue::standard();
        let mut attributes = one_schema(&catalogue, urn, BASE).unwrap()["attributes"].clone();
        let mut found = Value::Null;
        for name in path {
            let list = attributes.as_array().unwrap();
            found = list.iter().find(|attribute| attribute["name"] == *name).unwrap().clone();
            attributes = found["subAttributes"].clone();
        }
        found
    }

    #[test]
    fn nothing_is_null_and_everything_is_where_it_says() {
        let catalogue = Catalogue::standard();
        let lists = [schemas(&catalogue, BASE), resource_types(&catalogue, BASE)];
        for list in &lists {
            assert!(has_no_null(list));
            assert_eq!(
                list["totalResults"],
                list["Resources"].as_array().unwrap().len()
            );
            for one in list["Resources"].as_array().unwrap() {
                let location =
                    one["meta"]["location"].as_str().unwrap().strip_prefix(BASE).unwrap();
                let again = match location.strip_prefix("/Schemas/") {
                    Some(urn) => one_schema(&catalogue, urn, BASE),
                    None => one_resource_type(
                        &catalogue,
                        location.strip_prefix("/ResourceTypes/").unwrap(),
                        BASE,
                    ),
                };
                assert_eq!(&again.unwrap(), one);
            }
        }
        assert!(has_no_null(&service_provider_config(BASE)));
    }

    #[test]
    fn attributes_have_the_characteristics_of_the_standard() {
        let user_name = attribute(USER, &["userName"]);
        for (name, value) in [
            ("required", json!(true)),
            ("uniqueness", json!("server")),
            ("caseExact", json!(false)),
            ("mutability", json!("readWrite")),
            ("returned", json!("default")),
            ("type", json!("string")),
            ("multiValued", json!(false)),
        ] {
            assert_eq!(user_name[name], value, "{name}");
        }
        let password = attribute(USER, &["password"]);
        assert_eq!(
            (&password["mutability"], &password["returned"]),
            (&json!("writeOnly"), &json!("never"))
        );
        assert_eq!(attribute(USER, &["groups"])["mutability"], "readOnly");
        assert_eq!(
            attribute(USER, &["groups", "$ref"])["referenceTypes"],
            json!(["Group"])
        );
        assert_eq!(
            attribute(GROUP, &["members", "$ref"])["referenceTypes"],
            json!(["User", "Group"])
        );
        assert_eq!(
            attribute(ENTERPRISE, &["manager", "$ref"])["referenceTypes"],
            json!(["User"])
        );
        assert_eq!(
            attribute(ENTERPRISE, &["manager", "displayName"])["mutability"],
            "readOnly"
        );
        assert_eq!(attribute(GROUP, &["displayName"])["required"], true);
        let subs = attribute(GROUP, &["members"])["subAttributes"].clone();
        let names: Vec<&Value> = subs.as_array().unwrap().iter().map(|sub| &sub["name"]).collect();
        assert_eq!(names, ["value", "$ref", "type"]);
        assert_eq!(
            attribute(USER, &["emails", "type"])["canonicalValues"],
            json!(["work", "home", "other"])
        );
        assert_eq!(
            attribute(USER, &["x509Certificates", "value"])["type"],
            "binary"
        );
    }

    #[test]
    fn the_server_says_what_it_can_do() {
        let config = service_provider_config(BASE);
        assert_eq!(
            config["bulk"],
            json!({"supported": true, "maxOperations": 1000, "maxPayloadSize": 1_048_576})
        );
        assert_eq!(
            config["filter"],
            json!({"supported": true, "maxResults": 200})
        );
        assert_eq!(config["changePassword"]["supported"], false);
        assert_eq!(config["pagination"]["defaultPaginationMethod"], "index");
    }

    #[test]
    fn what_is_not_there_is_404() {
        let catalogue = Catalogue::standard();
        assert_eq!(
            one_schema(&catalogue, "urn:x:y", BASE).unwrap_err().status,
            404
        );
        assert_eq!(
            one_resource_type(&catalogue, "Users", BASE).unwrap_err().status,
            404
        );
        assert!(one_schema(&catalogue, &USER.to_uppercase(), BASE).is_ok());
    }
}
