use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::scim::schema::ENTERPRISE;
use crate::scim::{Attribute, Catalogue, Kind, ResourceKind, Schema, ScimType};

const USER: ResourceKind = ResourceKind::User;
const GROUP: ResourceKind = ResourceKind::Group;

fn read_as(kind: ResourceKind, body: Value, unknown: Unknown) -> Result<ReadDocument, ScimError> {
    let Value::Object(body) = body else {
        panic!("not an object")
    };
    Document::read(&body, kind, &Catalogue::standard(), unknown)
}

/// A user `alice` with some attributes more, as it is stored, without her name.
fn alice(mut attributes: Value) -> Result<Value, ScimError> {
    attributes
        .as_object_mut()
        .unwrap()
        .insert("userName".to_owned(), json!("alice"));
    let mut document = read_as(USER, attributes, Unknown::Ignored)?.document;
    document.as_object_mut().remove("userName");
    Ok(Value::Object(document.as_object().clone()))
}

fn same(attributes: Value, expected: Value) {
    assert_eq!(alice(attributes.clone()), Ok(expected), "{attributes}");
}

fn refused(attributes: Value, scim_type: ScimType, named: &str) {
    let error = alice(attributes.clone()).unwrap_err();
    assert_eq!(
        (error.status.as_u16(), error.scim_type),
        (400, Some(scim_type)),
        "{attributes}"
    );
    assert!(error.detail.contains(named), "{} / {named}", error.detail);
}

#[test]
fn names_are_taken_in_any_case() {
    same(
        json!({"NICKNAME": "a", "Name": {"GIVENNAME": "b"}}),
        json!({"nickName": "a", "name": {"givenName": "b"}}),
    );
}

#[test]
fn null_and_empty_mean_unassigned() {
    same(
        json!({
            "nickName": null, "title": "", "emails": [], "name": {}, "active": "",
            "photos": [null], "phoneNumbers": [{}], "ims": [{"value": ""}],
            "x509Certificates": [{"value": null, "type": "work"}], "roles": null,
            "addresses": [{"type": null}], ENTERPRISE: {"department": "", "manager": null},
        }),
        json!({}),
    );
    for nothing in [json!(null), json!(""), json!([]), json!({})] {
        same(json!({ENTERPRISE: nothing, "manager": nothing}), json!({}));
    }
}

#[test]
fn a_required_attribute_that_is_missing_is_invalid_value() {
    for body in [
        json!({}),
        json!({"userName": ""}),
        json!({"userName": null}),
        json!({"userName": " "}),
    ] {
        let error = read_as(USER, body, Unknown::Ignored).unwrap_err();
        assert_eq!(
            error,
            ScimError::bad(ScimType::InvalidValue, "userName is required")
        );
    }
    let error = read_as(GROUP, json!({"members": []}), Unknown::Ignored).unwrap_err();
    assert_eq!(
        error,
        ScimError::bad(ScimType::InvalidValue, "displayName is required")
    );
}

#[test]
fn booleans_may_be_words() {
    same(json!({"active": "True"}), json!({"active": true}));
    same(json!({"active": "FALSE"}), json!({"active": false}));
    same(
        json!({"emails": [{"value": "a", "primary": "true"}]}),
        json!({"emails": [{"value": "a", "primary": true}]}),
    );
    refused(json!({"active": "yes"}), ScimType::InvalidValue, "active");
    refused(json!({"active": 1}), ScimType::InvalidValue, "active");
}

#[test]
fn dotted_names_and_names_with_a_urn_are_one_attribute() {
    let department = format!("{ENTERPRISE}:department");
    let given = format!("{}:name.givenName", crate::scim::schema::USER);
    same(
        json!({"name.familyName": "b", given: "a", "name": {"formatted": "ab"}, department: "d"}),
        json!({
            "name": {"familyName": "b", "givenName": "a", "formatted": "ab"},
            ENTERPRISE: {"department": "d"},
        }),
    );
    same(
        json!({"emails.value": "a@example.com", "emails.type": "work"}),
        json!({"emails": [{"value": "a@example.com", "type": "work"}]}),
    );
    same(
        json!({crate::scim::schema::USER: {"title": "t"}}),
        json!({"title": "t"}),
    );
}

#[test]
fn an_attribute_given_twice_is_invalid_syntax() {
    refused(
        json!({"title": "a", "TITLE": "b"}),
        ScimType::InvalidSyntax,
        "title",
    );
    refused(
        json!({"name": {"givenName": "a"}, "name.givenName": "b"}),
        ScimType::InvalidSyntax,
        "name.givenName",
    );
    refused(
        json!({"name": {"givenName": "a", "givenname": "b"}}),
        ScimType::InvalidSyntax,
        "name",
    );
    same(json!({"title": "a", "TITLE": "a"}), json!({"title": "a"}));
}

#[test]
fn enterprise_attributes_are_taken_beside_the_core() {
    same(
        json!({"department": "d"}),
        json!({ENTERPRISE: {"department": "d"}}),
    );
    // What stands in its place counts.
    same(
        json!({"department": "a", ENTERPRISE.to_uppercase(): {"Department": "b"}}),
        json!({ENTERPRISE: {"department": "b"}}),
    );
}

#[test]
fn a_manager_has_many_forms() {
    let expected = || json!({ENTERPRISE: {"manager": {"value": "m1"}}});
    for manager in [
        json!("m1"),
        json!({"value": "m1"}),
        json!([{"value": "m1"}]),
        json!({"value": "m1", "displayName": "Bob"}),
        json!({"VALUE": "m1", "$ref": null}),
    ] {
        same(
            json!({ENTERPRISE: {"manager": manager.clone()}}),
            expected(),
        );
        same(json!({"manager": manager}), expected());
    }
    same(
        json!({format!("{ENTERPRISE}:manager.value"): "m1"}),
        expected(),
    );
    same(
        json!({ENTERPRISE: {"manager": {"value": "", "displayName": " "}}}),
        json!({}),
    );
    refused(
        json!({"manager": ["a", "b"]}),
        ScimType::InvalidValue,
        "manager",
    );
    refused(json!({"manager": 7}), ScimType::InvalidValue, "manager");
}

#[test]
fn a_role_may_be_json_in_a_text() {
    let packed = r#"{"id":"18d1","value":"Admin","displayName":"Administrator"}"#;
    same(
        json!({"roles": [{"primary": "True", "type": "App", "value": packed}]}),
        json!({"roles": [
            {"primary": true, "type": "App", "value": "Admin", "display": "Administrator"}
        ]}),
    );
    same(
        json!({"roles": [{"value": packed, "display": "Boss"}]}),
        json!({"roles": [{"value": "Admin", "display": "Boss"}]}),
    );
    // Nothing but a text.
    same(
        json!({"roles": ["{1}"]}),
        json!({"roles": [{"value": "{1}"}]}),
    );
    same(
        json!({"roles": [{"value": "{\"a\": 1}"}]}),
        json!({"roles": [{"value": "{\"a\": 1}"}]}),
    );
}

#[test]
fn one_element_needs_no_list() {
    let expected = || json!({"emails": [{"value": "a"}]});
    for emails in [
        json!({"value": "a"}),
        json!("a"),
        json!(["a"]),
        json!([{"value": "a"}, "a"]),
    ] {
        same(json!({"emails": emails}), expected());
    }
}

#[test]
fn what_is_ours_to_say_is_passed_over() {
    same(
        json!({
            "id": 7, "meta": {"created": "yesterday"}, "meta.version": 1, "schemas": "x",
            "groups": [{"value": 1}], "password": {"a": 1}, "title": "t",
        }),
        json!({"title": "t"}),
    );
}

#[test]
fn unknown_names_are_left_out_or_refused() {
    let body = json!({
        "userName": "alice", "shoeSize": 42, "urn:example:x": {"a": 1}, "name": {"nick": "a"},
        ENTERPRISE: {"salary": 1},
    });
    let read = read_as(USER, body, Unknown::Ignored).unwrap();
    let salary = format!("{ENTERPRISE}:salary");
    assert_eq!(
        read.ignored,
        ["name.nick", "shoeSize", "urn:example:x", &salary]
    );
    assert_eq!(read.document.to_json(), r#"{"userName":"alice"}"#);
    for extra in [
        json!({"a": 1}),
        json!({"name": {"x": 1}}),
        json!({ENTERPRISE: {"a": 1}}),
    ] {
        let mut body = json!({"userName": "alice"});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let error = read_as(USER, body, Unknown::Refused).unwrap_err();
        assert_eq!(error.scim_type, Some(ScimType::InvalidSyntax));
    }
    let known =
        json!({"userName": "alice", "schemas": ["urn:other"], "department": "d", "id": "i"});
    assert!(read_as(USER, known, Unknown::Refused).is_ok());
}

#[test]
fn a_value_of_another_type_is_invalid_value() {
    for (attributes, named) in [
        (json!({"title": 1}), "title"),
        (json!({"title": ["a"]}), "title"),
        (json!({"title": {"a": 1}}), "title"),
        (json!({"name": "Alice"}), "name"),
        (json!({"name": {"givenName": true}}), "name.givenName"),
        (json!({"emails": [1]}), "emails"),
        (json!({"emails": [[{"value": "a"}]]}), "emails"),
        (json!({"emails": [{"value": {"a": 1}}]}), "emails.value"),
        (json!({"addresses": "Bonn"}), "addresses"),
        (
            json!({"x509Certificates": [{"value": "not base64!"}]}),
            "x509Certificates.value",
        ),
        (json!({ENTERPRISE: "x"}), ENTERPRISE),
        (json!({"title": "a\0b"}), "U+0000"),
        (json!({"title": "a".repeat(LONGEST + 1)}), "longer"),
    ] {
        refused(attributes, ScimType::InvalidValue, named);
    }
    assert!(alice(json!({"title": "a".repeat(LONGEST)})).is_ok());
    same(
        json!({"x509Certificates": [{"value": "TUlJ\nQQ"}]}),
        json!({"x509Certificates": [{"value": "TUlJ\nQQ"}]}),
    );
}

#[test]
fn two_primary_values_are_invalid_value() {
    let twice =
        json!({"emails": [{"value": "a", "primary": true}, {"value": "b", "primary": "true"}]});
    refused(twice, ScimType::InvalidValue, "emails");
}

#[test]
fn values_are_kept_to_the_last_blank() {
    let as_is = json!({
        "phoneNumbers": [{"value": "tel:+1-555 (0100) "}], "title": " Dr. ", "emails": [{"type": "WORK", "value": "A@b"}],
    });
    same(as_is.clone(), as_is);
}

#[test]
fn members_are_apart_and_each_once() {
    let body = json!({
        "schemas": ["http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
        "displayName": "Admins",
        "externalId": "e",
        "members": [
            {"$ref": null, "value": "u1"}, "u2", {"value": "u1", "display": "Alice"},
            {"value": "g1", "type": "group"},
            {"$ref": "https://example.com/scim/v2/Groups/g2"}, null,
        ],
    });
    let read = read_as(GROUP, body, Unknown::Refused).unwrap();
    assert_eq!(
        read.document.to_json(),
        r#"{"displayName":"Admins","externalId":"e"}"#
    );
    let member = |value: &str, kind| Member { value: value.to_owned(), kind };
    assert_eq!(
        read.members,
        [
            member("u1", None),
            member("u2", None),
            member("g1", Some(GROUP)),
            member("g2", Some(GROUP))
        ]
    );
    for wrong in [
        json!([{"value": ""}]),
        json!([{"display": "a"}]),
        json!([1]),
        json!([{"value": 1}]),
        json!(["a\0"]),
    ] {
        let body = json!({"displayName": "a", "members": wrong});
        let error = read_as(GROUP, body, Unknown::Ignored).unwrap_err();
        assert_eq!(error.scim_type, Some(ScimType::InvalidValue), "{wrong}");
    }
}

fn custom() -> Catalogue {
    let attributes = vec![
        Attribute::new("size", Kind::Integer, ""),
        Attribute::new("weight", Kind::Decimal, ""),
        Attribute::new("since", Kind::DateTime, "").required(),
        Attribute::new("tags", Kind::String, "").multi_valued(),
        Attribute::new("serial", Kind::String, "")
            .mutability(crate::scim::schema::Mutability::Immutable),
    ];
    Catalogue::new(
        vec![Schema::extension("urn:example:x", "X", attributes).unwrap()],
        vec![],
    )
    .unwrap()
}

#[test]
fn what_an_operator_declares_is_checked_too() {
    let read = |extension: Value| {
        let body = json!({"userName": "a", "urn:example:x": extension});
        Document::read(body.as_object().unwrap(), USER, &custom(), Unknown::Ignored)
    };
    let right = json!({"size": 42, "weight": 0.5, "since": "2026-11-22T10:00:00", "tags": ["a", "b", "a", ""]});
    let document = read(right).unwrap().document;
    assert_eq!(
        document.as_object()["urn:example:x"]["tags"],
        json!(["a", "b"])
    );
    for wrong in [
        json!({"size": 4.2, "since": "2026-11-22T10:00:00Z"}),
        json!({"size": "42", "since": "2026-11-22T10:00:00Z"}),
        json!({"since": "yesterday"}),
        json!({"since": "2026-11-22"}),
        json!({"size": 1}),
    ] {
        assert_eq!(
            read(wrong).unwrap_err().scim_type,
            Some(ScimType::InvalidValue)
        );
    }
    assert!(read(json!({})).is_ok());
    let with = |serial: &str| {
        read(json!({"since": "2026-11-22T10:00:00Z", "serial": serial}))
            .unwrap()
            .document
    };
    let change = |new: Document, old: &Document| new.validate_change(old, USER, &custom());
    let error = change(with("2"), &with("1")).unwrap_err();
    assert_eq!(error.scim_type, Some(ScimType::Mutability));
    assert_eq!(change(with("1"), &with("1")), Ok(()));
    assert_eq!(change(with("1"), &with("")), Ok(()));
}

#[test]
fn attributes_are_set_and_unset_with_their_extension() {
    let catalogue = Catalogue::standard();
    let mut document = Document::default();
    let department = catalogue.resolve(USER, "department").unwrap();
    document.set(&department, Some(json!("d")));
    assert_eq!(document.get(&department), Some(&json!("d")));
    assert!(document.as_object().contains_key(ENTERPRISE));
    document.set(&department, None);
    assert_eq!(document, Document::default());
    let title = catalogue.resolve(USER, "title").unwrap();
    document.set(&title, Some(json!("")));
    assert_eq!(document, Document::default());
}

/// Some JSON, with names that mean something in it.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-zA-Zé\\\\\"{}0-9\0 ]{0,6}".prop_map(Value::from),
        Just(json!("True")),
        Just(json!("work")),
    ];
    let name = prop_oneof![
        Just("userName"),
        Just("name"),
        Just("emails"),
        Just("value"),
        Just("TYPE"),
        Just("primary"),
        Just("manager"),
        Just(ENTERPRISE),
        Just("roles"),
        Just("name.givenName"),
        Just("active"),
        Just("addresses"),
        Just("emails.value"),
        Just("department"),
        Just("$ref"),
        Just("members"),
        Just("displayName"),
        Just("Department"),
        Just("shoe"),
        Just("x509Certificates"),
    ];
    leaf.prop_recursive(4, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name.clone(), inner, 0..6).prop_map(|map| {
                Value::Object(
                    map.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
                )
            }),
        ]
    })
}

fn is_canonical(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty() && !text.contains('\0'),
        Value::Array(list) => !list.is_empty() && list.iter().all(is_canonical),
        Value::Object(parts) => !parts.is_empty() && parts.values().all(is_canonical),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

proptest! {
    #[test]
    fn what_was_read_reads_as_itself(body in anything(), group: bool) {
        let Value::Object(mut body) = body else { return Ok(()) };
        let kind = if group { GROUP } else { USER };
        body.insert(if group { "displayName" } else { "userName" }.to_owned(), json!("alice"));
        let catalogue = Catalogue::standard();
        match Document::read(&body, kind, &catalogue, Unknown::Ignored) {
            Ok(read) => {
                prop_assert!(is_canonical(&Value::Object(read.document.as_object().clone())));
                let again = Document::read(read.document.as_object(), kind, &catalogue, Unknown::Refused);
                let stored = Document::stored(&read.document.to_json()).unwrap();
                prop_assert_eq!(&again.unwrap().document, &read.document);
                prop_assert_eq!(stored, read.document);
            }
            Err(error) => prop_assert_eq!(error.status.as_u16(), 400),
        }
    }
}
