//! Whole bodies as the identity providers write them, from their guides and their own test suites.

use serde_json::{Value, json};

use crate::scim::document::Unknown;
use crate::scim::schema::ENTERPRISE;
use crate::scim::{Catalogue, Document, ResourceKind};

/// The document, the ids of the members, and what was left out.
fn read(kind: ResourceKind, body: Value) -> (Value, Vec<String>, Vec<String>) {
    let catalogue = Catalogue::standard();
    let read = Document::read(
        body.as_object().unwrap(),
        kind,
        &catalogue,
        Unknown::Ignored,
    );
    let read = read.unwrap();
    let members = read.members.into_iter().map(|member| member.value).collect();
    (
        Value::Object(read.document.as_object().clone()),
        members,
        read.ignored,
    )
}

fn user(body: Value) -> (Value, Vec<String>) {
    let (document, _, ignored) = read(ResourceKind::User, body);
    (document, ignored)
}

#[test]
fn entra_id_creates_a_user() {
    let (document, ignored) = user(json!({
        "schemas": [
            "urn:ietf:params:scim:schemas:core:2.0:User",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
        ],
        "externalId": "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef",
        "userName": "Test_User_ab6490ee-1e48-479e-a20b-2d77186b5dd1",
        "active": true,
        "emails": [{"primary": true, "type": "work", "value": "Test_User_fd0ea19b@example.com"}],
        "meta": {"resourceType": "User"},
        "name": {"formatted": "givenName familyName", "familyName": "familyName", "givenName": "givenName"},
        "roles": []
    }));
    assert_eq!(
        document,
        json!({
            "externalId": "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef",
            "userName": "Test_User_ab6490ee-1e48-479e-a20b-2d77186b5dd1",
            "active": true,
            "emails": [{"primary": true, "type": "work", "value": "Test_User_fd0ea19b@example.com"}],
            "name": {
                "formatted": "givenName familyName", "familyName": "familyName",
                "givenName": "givenName"
            }
        })
    );
    assert_eq!(ignored, <[String; 0]>::default());
}

#[test]
fn entra_ids_validator_creates_a_user() {
    let (document, ignored) = user(json!({
        "userName": "alma@example.com", "active": "True", "displayName": "HWVX", "title": null,
        "emails": [{"type": "work", "value": "a@example.com", "primary": "True"}],
        "preferredLanguage": "", "userType": null,
        "name": {"givenName": "Wade", "familyName": null},
        "addresses": [
            {"type": "work", "formatted": "BZLF", "primary": "true"},
            {"type": "other", "formatted": null}
        ],
        "phoneNumbers": [{"type": "work", "value": "28-100-3740"}, {"type": "fax", "value": null}],
        "roles": [{"primary": "True", "display": "EAKO", "value": "GNOT", "type": "YDLF"}],
        "department": "VRMA", "manager": "SCKL",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber": "RFJT",
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"]
    }));
    assert_eq!(
        document,
        json!({
            "userName": "alma@example.com", "active": true, "displayName": "HWVX",
            "emails": [{"type": "work", "value": "a@example.com", "primary": true}],
            "name": {"givenName": "Wade"},
            "addresses": [{"type": "work", "formatted": "BZLF", "primary": true}, {"type": "other"}],
            "phoneNumbers": [{"type": "work", "value": "28-100-3740"}],
            "roles": [{"primary": true, "display": "EAKO", "value": "GNOT", "type": "YDLF"}],
            ENTERPRISE: {"department": "VRMA", "manager": {"value": "SCKL"}, "employeeNumber": "RFJT"}
        })
    );
    assert_eq!(ignored, <[String; 0]>::default());
}

#[test]
fn entra_id_creates_a_group() {
    let (document, members, ignored) = read(
        ResourceKind::Group,
        json!({
            "schemas": [
                "urn:ietf:params:scim:schemas:core:2.0:Group",
                "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"
            ],
            "externalId": "8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159",
            "displayName": "displayName",
            "meta": {"resourceType": "Group"}
        }),
    );
    assert_eq!(document["displayName"], "displayName");
    assert_eq!((members.len(), ignored.len()), (0, 0));
}

#[test]
fn okta_creates_a_user() {
    let (document, ignored) = user(json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "test.user@okta.local",
        "name": {"givenName": "Test", "familyName": "User"},
        "emails": [{"primary": true, "value": "test.user@okta.local", "type": "work"}],
        "displayName": "Test User", "locale": "en-US", "externalId": "00ujl29u0le5T6Aj10h7",
        "groups": [], "password": "1mz050nq", "active": true
    }));
    assert_eq!(
        document,
        json!({
            "userName": "test.user@okta.local",
            "name": {"givenName": "Test", "familyName": "User"},
            "emails": [{"primary": true, "value": "test.user@okta.local", "type": "work"}],
            "displayName": "Test User", "locale": "en-US", "externalId": "00ujl29u0le5T6Aj10h7",
            "active": true
        })
    );
    assert_eq!(ignored, <[String; 0]>::default());
}

#[test]
fn okta_puts_back_what_it_got() {
    let (document, _) = user(json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "id": "23a35c27", "userName": "test.user@okta.local", "active": false,
        "groups": [{"value": "g1", "display": "Admins"}],
        "meta": {"resourceType": "User", "version": "W/\"3\"", "created": "2026-11-22T10:00:00Z"}
    }));
    assert_eq!(
        document,
        json!({"userName": "test.user@okta.local", "active": false})
    );
}

#[test]
fn okta_pushes_a_group() {
    let (_, members, _) = read(
        ResourceKind::Group,
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "id": "abf4dd94", "displayName": "Test SCIMv2",
            "members": [
                {"value": "b1c794f2", "display": "a@example.com"},
                {"value": "cc32b3c4", "display": "b@example.com"},
                {"value": "b1c794f2", "display": "a@example.com"}
            ]
        }),
    );
    assert_eq!(members, ["b1c794f2", "cc32b3c4"]);
}

#[test]
fn jumpcloud_creates_and_updates_a_user() {
    let (document, ignored) = user(json!({
        "schemas": [
            "urn:ietf:params:scim:schemas:core:2.0:User",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
        ],
        "active": true, "addresses": [{"type": "work", "country": "US"}], "displayName": "Ann Lee",
        "emails": [{"value": "ann@example.com", "type": "work", "primary": true}],
        "externalId": "5f1b0c0e1a2b3c4d5e6f7a8b",
        "name": {"givenName": "Ann", "familyName": "Lee"},
        "phoneNumbers": [{"value": "tel:+1-201-555-0123", "type": "mobile"}],
        "photos": [{"value": "https://example.com/ann.png"}],
        "userName": "ann"
    }));
    assert_eq!(document["phoneNumbers"][0]["value"], "tel:+1-201-555-0123");
    assert_eq!(document.get(ENTERPRISE), None);
    assert_eq!(ignored, <[String; 0]>::default());
    let (document, _) = user(json!({
        "id": "x", "userName": "ann", "emails": null, "addresses": [], "phoneNumbers": [],
        "active": false
    }));
    assert_eq!(document, json!({"userName": "ann", "active": false}));
}

#[test]
fn onelogins_template_leaves_empty_places() {
    let (document, ignored) = user(json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "id": null, "userName": "ann@example.com", "active": "true",
        "emails": {"value": "ann@example.com", "type": "work", "primary": "true"},
        "name": {"givenName": "Ann", "familyName": "", "formatted": "Ann "},
        ENTERPRISE: {"department": "", "manager": {"value": "", "displayName": " "}},
        "customfield": "x"
    }));
    assert_eq!(
        document,
        json!({
            "userName": "ann@example.com", "active": true,
            "emails": [{"value": "ann@example.com", "type": "work", "primary": true}],
            "name": {"givenName": "Ann", "formatted": "Ann "}
        })
    );
    assert_eq!(ignored, ["customfield"]);
}
