mod clients;
mod properties;

use serde_json::{Value, json};

use super::*;
use crate::scim::document::Member;
use crate::scim::schema::ENTERPRISE;
use crate::scim::{Attribute, Kind, ScimType};
use ResourceKind::{Group, User};

fn catalogue() -> Catalogue {
    let custom = vec![
        Attribute::new("tags", Kind::String, "").multi_valued(),
        Attribute::new("badge", Kind::Integer, "")
            .mutability(crate::scim::schema::Mutability::Immutable),
        Attribute::new("hired", Kind::DateTime, ""),
    ];
    let custom = Schema::extension("urn:example:2.0:User", "Example", custom).unwrap();
    let needy = vec![
        Attribute::new("must", Kind::String, "").required(),
        Attribute::new("may", Kind::String, ""),
    ];
    let needy = Schema::extension("urn:example:needy:User", "Needy", needy).unwrap();
    Catalogue::new(vec![custom, needy], vec![]).unwrap()
}

fn body(operations: &Value) -> Object {
    let body = json!({"schemas": [PATCH_OP], "Operations": operations});
    body.as_object().unwrap().clone()
}

fn document(kind: ResourceKind, json: &Value) -> Document {
    let read = Document::read(
        json.as_object().unwrap(),
        kind,
        &catalogue(),
        Unknown::Refused,
    );
    read.unwrap().document
}

fn on(kind: ResourceKind, resource: &Value, operations: &Value) -> Result<Value, ScimError> {
    let catalogue = catalogue();
    let before = document(kind, resource);
    let request = PatchRequest::read(&body(operations), kind, &catalogue, Unknown::Ignored)?;
    let Applied { document: after, changed } = request.apply(&before)?;
    assert_eq!(changed, after != before);
    let after = Value::Object(after.as_object().clone());
    // It is in the one form.
    assert_eq!(
        document(kind, &after).as_object(),
        after.as_object().unwrap()
    );
    Ok(after)
}

/// Changes a user; `userName` is neither given nor compared.
fn user(resource: Value, operations: Value) -> Result<Value, ScimError> {
    let mut resource = resource;
    resource["userName"] = json!("alice");
    let mut after = on(User, &resource, &operations)?;
    after.as_object_mut().unwrap().remove("userName");
    Ok(after)
}

fn becomes(resource: Value, operations: Value, expected: Value) {
    let what = operations.to_string();
    assert_eq!(user(resource, operations).expect(&what), expected, "{what}");
}

fn is_refused(resource: Value, operations: Value, scim_type: ScimType) {
    let what = operations.to_string();
    let error = user(resource, operations).expect_err(&what);
    assert_eq!(
        (error.status.as_u16(), error.scim_type),
        (400, Some(scim_type)),
        "{what}: {error}"
    );
}

fn members(operations: Value) -> Result<Vec<MemberChange>, ScimError> {
    let catalogue = catalogue();
    let request = PatchRequest::read(&body(&operations), Group, &catalogue, Unknown::Ignored)?;
    Ok(request.members().to_vec())
}

fn member(id: &str) -> Member {
    Member { value: id.to_owned(), kind: None }
}

fn ids(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|&id| id.to_owned()).collect()
}

#[test]
fn a_body_names_the_message_and_has_operations() {
    let catalogue = catalogue();
    let read = |unknown, body: Value| {
        PatchRequest::read(body.as_object().unwrap(), User, &catalogue, unknown).map(|_| ())
    };
    let operation = || json!({"op": "remove", "path": "title"});
    let syntax = |result: Result<(), ScimError>| {
        assert_eq!(result.unwrap_err().scim_type, Some(ScimType::InvalidSyntax));
    };
    assert!(
        read(
            Unknown::Refused,
            json!({"schemas": [PATCH_OP], "operations": [operation()]})
        )
        .is_ok()
    );
    assert!(read(Unknown::Ignored, json!({"OPERATIONS": [operation()]})).is_ok());
    syntax(read(Unknown::Refused, json!({"Operations": [operation()]})));
    for wrong in [
        json!({"schemas": [], "Operations": [operation()]}),
        json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], "Operations": [operation()]}),
        json!({"schemas": [PATCH_OP]}),
        json!({"schemas": [PATCH_OP], "Operations": []}),
        json!({"schemas": [PATCH_OP], "Operations": operation()}),
        json!({"schemas": [PATCH_OP], "Operations": ["remove"]}),
        json!({"schemas": [PATCH_OP], "Operations": [{"path": "title", "value": "x"}]}),
        json!({"schemas": [PATCH_OP], "Operations": [{"op": "move", "path": "title", "value": "x"}]}),
        json!({"schemas": [PATCH_OP], "Operations": [{"op": 1, "path": "title", "value": "x"}]}),
    ] {
        syntax(read(Unknown::Ignored, wrong));
    }
    let many = |count| json!({"schemas": [PATCH_OP], "Operations": vec![operation(); count]});
    assert!(read(Unknown::Ignored, many(1000)).is_ok());
    let error = read(Unknown::Ignored, many(1001)).unwrap_err();
    assert_eq!((error.status.as_u16(), error.scim_type), (413, None));
}

#[test]
fn add_sets_replaces_merges_and_appends() {
    let add = |path: &str, value: Value| json!([{"op": "add", "path": path, "value": value}]);
    becomes(
        json!({}),
        add("title", json!("Dr.")),
        json!({"title": "Dr."}),
    );
    becomes(
        json!({"title": "Mr."}),
        add("title", json!("Dr.")),
        json!({"title": "Dr."}),
    );
    becomes(
        json!({"name": {"givenName": "A", "familyName": "B"}}),
        add("name", json!({"givenName": "C", "middleName": "D"})),
        json!({"name": {"givenName": "C", "familyName": "B", "middleName": "D"}}),
    );
    becomes(
        json!({"name": {"givenName": "A"}}),
        add("name", json!({})),
        json!({"name": {"givenName": "A"}}),
    );
    becomes(
        json!({"emails": [{"value": "a@x", "type": "work"}]}),
        add(
            "emails",
            json!([{"value": "b@x"}, {"value": "a@x", "type": "work"}]),
        ),
        json!({"emails": [{"value": "a@x", "type": "work"}, {"value": "b@x"}]}),
    );
    becomes(
        json!({"emails": [{"value": "a@x", "type": "work"}]}),
        add(
            "emails",
            json!({"value": "A@X", "type": "Work", "display": "A"}),
        ),
        json!({"emails": [{"value": "A@X", "type": "Work", "display": "A"}]}),
    );
    becomes(
        json!({"urn:example:2.0:User": {"tags": ["a"]}}),
        add("urn:example:2.0:User:tags", json!(["b", "a"])),
        json!({"urn:example:2.0:User": {"tags": ["a", "b"]}}),
    );
    becomes(
        json!({"addresses": [{"country": "DE"}]}),
        add("addresses", json!([{"country": "DE"}, {"country": "SE"}])),
        json!({"addresses": [{"country": "DE"}, {"country": "SE"}]}),
    );
    becomes(
        json!({"title": "x"}),
        json!([{"op": "add", "value": {"nickName": "Al", "name": {"givenName": "A"}}}]),
        json!({"title": "x", "nickName": "Al", "name": {"givenName": "A"}}),
    );
    becomes(json!({}), add("emails", json!([])), json!({}));
}

#[test]
fn the_primary_one_is_so_instead_of_another() {
    let two = || json!({"emails": [{"value": "a", "primary": true}, {"value": "b"}]});
    let expected =
        || json!({"emails": [{"value": "a", "primary": false}, {"value": "b", "primary": true}]});
    for operation in [
        json!({"op": "add", "path": "emails", "value": [{"value": "b", "primary": true}]}),
        json!({"op": "add", "path": "emails[value eq \"b\"]", "value": {"primary": true}}),
        json!({"op": "replace", "path": "emails[value eq \"b\"]", "value": {"value": "b", "primary": true}}),
        json!({"op": "replace", "path": "emails[value eq \"b\"].primary", "value": "True"}),
    ] {
        becomes(two(), json!([operation]), expected());
    }
    becomes(
        two(),
        json!([{"op": "add", "path": "emails", "value": [{"value": "c", "primary": true}]}]),
        json!({"emails": [
            {"value": "a", "primary": false}, {"value": "b"}, {"value": "c", "primary": true},
        ]}),
    );
    for operation in [
        json!({"op": "add", "path": "emails.primary", "value": true}),
        json!({"op": "replace", "path": "emails[value pr].primary", "value": true}),
        json!({"op": "replace", "path": "emails", "value": [
            {"value": "c", "primary": true}, {"value": "d", "primary": true},
        ]}),
    ] {
        is_refused(two(), json!([operation]), ScimType::InvalidValue);
    }
}

#[test]
fn replace_puts_one_thing_in_the_place_of_another() {
    let replace =
        |path: &str, value: Value| json!([{"op": "replace", "path": path, "value": value}]);
    let one =
        || json!({"emails": [{"value": "a@x", "type": "work", "display": "A"}, {"value": "b@x"}]});
    becomes(
        json!({}),
        replace("title", json!("Dr.")),
        json!({"title": "Dr."}),
    );
    becomes(
        one(),
        replace("emails", json!([{"value": "c@x"}])),
        json!({"emails": [{"value": "c@x"}]}),
    );
    becomes(
        one(),
        replace("emails", json!({"value": "c@x"})),
        json!({"emails": [{"value": "c@x"}]}),
    );
    becomes(
        json!({"name": {"givenName": "A", "familyName": "B"}}),
        replace("name", json!({"givenName": "C"})),
        json!({"name": {"givenName": "C", "familyName": "B"}}),
    );
    becomes(
        json!({"name": {"givenName": "A", "familyName": "B"}}),
        replace("name", json!({"GIVENNAME": null, "honorificPrefix": ""})),
        json!({"name": {"familyName": "B"}}),
    );
    becomes(
        one(),
        replace("emails[type eq \"WORK\"]", json!({"value": "c@x"})),
        json!({"emails": [{"value": "c@x", "type": "work"}, {"value": "b@x"}]}),
    );
    becomes(
        one(),
        replace("emails[value eq \"B@X\"].type", json!("home")),
        json!({"emails": [{"value": "a@x", "type": "work", "display": "A"}, {"value": "b@x", "type": "home"}]}),
    );
    becomes(
        one(),
        replace("emails.type", json!("home")),
        json!({"emails": [{"value": "a@x", "type": "home", "display": "A"}, {"value": "b@x", "type": "home"}]}),
    );
    becomes(
        json!({"urn:example:2.0:User": {"tags": ["a", "b"]}}),
        replace("urn:example:2.0:User:tags[value eq \"a\"]", json!("c")),
        json!({"urn:example:2.0:User": {"tags": ["c", "b"]}}),
    );
    becomes(
        json!({}),
        replace(ENTERPRISE, json!({"department": "X", "manager": "m"})),
        json!({ENTERPRISE: {"department": "X", "manager": {"value": "m"}}}),
    );
}

#[test]
fn remove_takes_away_what_is_there() {
    let remove = |path: &str| json!([{"op": "remove", "path": path}]);
    let two =
        || json!({"emails": [{"value": "a@x", "type": "work"}, {"value": "b@x", "type": "home"}]});
    becomes(json!({"title": "x"}), remove("title"), json!({}));
    becomes(json!({}), remove("title"), json!({}));
    becomes(
        json!({"name": {"givenName": "A", "familyName": "B"}}),
        remove("name.givenName"),
        json!({"name": {"familyName": "B"}}),
    );
    becomes(
        json!({"name": {"givenName": "A"}}),
        remove("name.givenName"),
        json!({}),
    );
    becomes(
        json!({"name": {"givenName": "A", "familyName": "B"}}),
        remove("name"),
        json!({}),
    );
    becomes(two(), remove("emails"), json!({}));
    becomes(
        two(),
        remove("emails[type eq \"work\"]"),
        json!({"emails": [{"value": "b@x", "type": "home"}]}),
    );
    becomes(two(), remove("emails[type eq \"other\"]"), two());
    becomes(two(), remove("emails[type eq \"other\"].value"), two());
    becomes(
        two(),
        remove("emails[type eq \"work\"].value"),
        json!({"emails": [{"value": "b@x", "type": "home"}]}),
    );
    becomes(
        two(),
        remove("emails[type eq \"work\"].type"),
        json!({"emails": [{"value": "a@x"}, {"value": "b@x", "type": "home"}]}),
    );
    becomes(
        two(),
        remove("emails.type"),
        json!({"emails": [{"value": "a@x"}, {"value": "b@x"}]}),
    );
    becomes(
        json!({"addresses": [{"type": "work", "country": "DE"}, {"type": "home", "country": "SE", "region": "X"}]}),
        remove("addresses[type pr].country"),
        json!({"addresses": [{"type": "home", "region": "X"}]}),
    );
    becomes(
        json!({ENTERPRISE: {"department": "X", "manager": {"value": "m"}}}),
        remove(ENTERPRISE),
        json!({}),
    );
    becomes(
        json!({ENTERPRISE: {"department": "X"}}),
        remove(&format!("{ENTERPRISE}:department")),
        json!({}),
    );
    // A list of what goes, as Entra ID writes it for members.
    becomes(
        two(),
        json!([{"op": "Remove", "path": "emails", "value": [{"value": "A@X"}, {"value": "b@x", "type": "work"}]}]),
        json!({"emails": [{"value": "b@x", "type": "home"}]}),
    );
    becomes(
        two(),
        json!([{"op": "Remove", "path": "emails", "value": []}]),
        two(),
    );
}

#[test]
fn what_is_required_stays() {
    for operation in [
        json!({"op": "remove", "path": "userName"}),
        json!({"op": "remove", "path": "urn:example:needy:User:must"}),
        json!({"op": "remove", "path": "urn:example:needy:User"}),
    ] {
        is_refused(json!({}), json!([operation]), ScimType::Mutability);
    }
    for operation in [
        json!({"op": "replace", "path": "userName", "value": ""}),
        json!({"op": "replace", "path": "userName", "value": null}),
        json!({"op": "replace", "path": "userName", "value": "  "}),
        json!({"op": "replace", "value": {"userName": ""}}),
        json!({"op": "add", "path": "urn:example:needy:User:may", "value": "x"}),
    ] {
        is_refused(json!({}), json!([operation]), ScimType::InvalidValue);
    }
    let group = |operation: Value| on(Group, &json!({"displayName": "G"}), &json!([operation]));
    let error = group(json!({"op": "remove", "path": "displayName"})).unwrap_err();
    assert_eq!(error.scim_type, Some(ScimType::Mutability));
}

#[test]
fn what_is_immutable_is_given_once() {
    let custom = "urn:example:2.0:User";
    let badge = |op: &str, value: Value| json!([{"op": op, "path": format!("{custom}:badge"), "value": value}]);
    becomes(
        json!({}),
        badge("add", json!(1)),
        json!({custom: {"badge": 1}}),
    );
    becomes(
        json!({custom: {"badge": 1}}),
        badge("replace", json!(1)),
        json!({custom: {"badge": 1}}),
    );
    for (op, value) in [
        ("replace", json!(2)),
        ("replace", json!(null)),
        ("remove", json!(null)),
    ] {
        is_refused(
            json!({custom: {"badge": 1}}),
            badge(op, value),
            ScimType::Mutability,
        );
    }
    is_refused(
        json!({custom: {"badge": 1}}),
        json!([{"op": "remove", "path": custom}]),
        ScimType::Mutability,
    );
}

#[test]
fn a_filter_that_nothing_matches_is_no_target_or_describes_what_is_meant() {
    let replace =
        |path: &str, value: &str| json!([{"op": "replace", "path": path, "value": value}]);
    for path in [
        "emails[value eq \"a@x\"].type",
        "emails[type eq \"work\" and value eq \"a@x\"].display",
        "emails[type eq \"work\" or type eq \"home\"].value",
        "emails[type sw \"work\"].value",
        "emails[not (type eq \"home\")].value",
        "emails[type pr]",
    ] {
        is_refused(json!({}), replace(path, "b@x"), ScimType::NoTarget);
    }
    becomes(
        json!({"emails": [{"value": "a@x", "type": "Home"}]}),
        replace("emails[type eq \"Work\"].value", "b@x"),
        json!({"emails": [{"value": "a@x", "type": "Home"}, {"value": "b@x", "type": "Work"}]}),
    );
    becomes(
        json!({}),
        json!([{"op": "add", "path": "emails[type eq \"work\"]", "value": {"value": "b@x", "display": "B"}}]),
        json!({"emails": [{"value": "b@x", "type": "work", "display": "B"}]}),
    );
    becomes(
        json!({}),
        replace("emails[type eq \"work\"].value", ""),
        json!({}),
    );
    becomes(
        json!({}),
        replace("emails[value eq \"x\"].value", ""),
        json!({}),
    );
}

#[test]
fn what_is_asked_wrongly_says_what_is_wrong() {
    let value = |operation| is_refused(json!({}), json!([operation]), ScimType::InvalidValue);
    value(json!({"op": "add", "path": "title"}));
    value(json!({"op": "replace"}));
    value(json!({"op": "replace", "value": "x"}));
    value(json!({"op": "replace", "path": "title", "value": 5}));
    value(json!({"op": "replace", "path": "title", "value": ["x"]}));
    value(json!({"op": "replace", "path": "active", "value": "perhaps"}));
    value(json!({"op": "replace", "path": "addresses", "value": "x"}));
    value(json!({"op": "replace", "path": "name", "value": "x"}));
    value(json!({"op": "replace", "path": "title", "value": "a\u{0}b"}));
    value(json!({"op": "add", "path": ENTERPRISE, "value": "x"}));
    let many: Vec<_> = (0..=VALUES).map(|number| json!({"value": number.to_string()})).collect();
    value(json!({"op": "add", "path": "emails", "value": many}));
    let path = |operation| is_refused(json!({}), json!([operation]), ScimType::InvalidPath);
    path(json!({"op": "replace", "path": "shoeSize", "value": 42}));
    path(json!({"op": "remove", "path": "members"}));
    path(json!({"op": "remove", "path": "urn:example:unheard:User"}));
    is_refused(json!({}), json!([{"op": "remove"}]), ScimType::NoTarget);
    is_refused(
        json!({}),
        json!([{"op": "remove", "value": {"title": "x"}}]),
        ScimType::NoTarget,
    );
    is_refused(
        json!({}),
        json!([{"op": "replace", "path": "emails[type = \"work\"].value", "value": "x"}]),
        ScimType::InvalidFilter,
    );
    for name in ["id", "meta", "groups", "schemas", "meta.created", "ID"] {
        is_refused(
            json!({}),
            json!([{"op": "replace", "path": name, "value": "x"}]),
            ScimType::Mutability,
        );
    }
}

#[test]
fn what_only_we_write_and_what_nobody_knows_is_passed_over_without_a_path() {
    let operations = json!([{"op": "replace", "value": {
        "id": "x", "meta": {"created": "x"}, "groups": [{"value": "g"}], "schemas": ["x"],
        "shoeSize": 42, "urn:unheard:1.0:User": {"a": 1}, "password": "secret", "title": "Dr.",
        ENTERPRISE: {"shoe": 1},
    }}]);
    becomes(json!({}), operations.clone(), json!({"title": "Dr."}));
    let catalogue = catalogue();
    let read = |unknown| PatchRequest::read(&body(&operations), User, &catalogue, unknown);
    assert_eq!(
        read(Unknown::Ignored).unwrap().ignored,
        ["shoe", "shoeSize", "urn:unheard:1.0:User"]
    );
    assert_eq!(
        read(Unknown::Refused).unwrap_err().scim_type,
        Some(ScimType::InvalidSyntax)
    );
    becomes(
        json!({}),
        json!([{"op": "replace", "path": "password", "value": "x"}]),
        json!({}),
    );
    becomes(
        json!({}),
        json!([{"op": "remove", "path": "password"}]),
        json!({}),
    );
}

#[test]
fn operations_are_done_in_their_order_and_all_or_none() {
    becomes(
        json!({"title": "x"}),
        json!([
            {"op": "remove", "path": "title"},
            {"op": "add", "path": "title", "value": "y"},
            {"op": "add", "path": "emails", "value": [{"value": "a"}]},
            {"op": "replace", "path": "emails[value eq \"a\"].type", "value": "work"},
        ]),
        json!({"title": "y", "emails": [{"value": "a", "type": "work"}]}),
    );
    is_refused(
        json!({}),
        json!([
            {"op": "add", "path": "title", "value": "y"},
            {"op": "replace", "path": "emails[value eq \"a\"].type", "value": "work"},
        ]),
        ScimType::NoTarget,
    );
}

#[test]
fn members_are_changed_apart_from_the_document() {
    assert_eq!(
        members(json!([
            {"op": "add", "path": "members", "value": [{"value": "a"}, {"value": "a"}, "b"]},
            {"op": "remove", "path": "members[value eq \"a\"]"},
            {"op": "remove", "path": "members[value eq \"b\" or value eq \"C\" or value eq \"b\"]"},
            {"op": "replace", "path": "members", "value": {"value": "d", "type": "group"}},
            {"op": "replace", "value": {"members": []}},
            {"op": "remove", "path": "members"},
            {"op": "add", "path": "members", "value": []},
            {"op": "remove", "path": "members", "value": []},
        ]))
        .unwrap(),
        [
            MemberChange::Add(vec![member("a"), member("b")]),
            MemberChange::Remove(ids(&["a"])),
            MemberChange::Remove(ids(&["b", "C"])),
            MemberChange::ReplaceAll(vec![Member { value: "d".into(), kind: Some(Group) }]),
            MemberChange::RemoveAll,
            MemberChange::RemoveAll,
            MemberChange::Remove(vec![]),
        ]
    );
    let changes = members(json!([{"op": "remove", "path": "members[type eq \"Group\"]"}])).unwrap();
    let [MemberChange::RemoveWhere(filter)] = changes.as_slice() else {
        panic!("{changes:?}")
    };
    assert_eq!(filter.to_string(), "members.type eq \"group\"");
}

#[test]
fn members_can_not_be_changed_by_halves() {
    let refused = |operation: Value, scim_type| {
        let error = members(json!([operation])).unwrap_err();
        assert_eq!(
            (error.status.as_u16(), error.scim_type),
            (400, Some(scim_type))
        );
    };
    refused(
        json!({"op": "replace", "path": "members[value eq \"a\"].value", "value": "b"}),
        ScimType::Mutability,
    );
    refused(
        json!({"op": "replace", "path": "members.value", "value": "b"}),
        ScimType::Mutability,
    );
    refused(
        json!({"op": "add", "path": "members[value eq \"a\"]", "value": {"value": "b"}}),
        ScimType::InvalidPath,
    );
    refused(
        json!({"op": "add", "path": "members", "value": [{"display": "b"}]}),
        ScimType::InvalidValue,
    );
    refused(
        json!({"op": "add", "path": "members", "value": [{"value": ""}]}),
        ScimType::InvalidValue,
    );
    refused(
        json!({"op": "add", "path": "members", "value": 5}),
        ScimType::InvalidValue,
    );
    refused(
        json!({"op": "add", "path": "members"}),
        ScimType::InvalidValue,
    );
}

#[test]
fn a_request_about_members_alone_says_so() {
    let catalogue = catalogue();
    let alone = |operations: Value| {
        PatchRequest::read(&body(&operations), Group, &catalogue, Unknown::Ignored)
            .unwrap()
            .touches_only_members()
    };
    let add = || json!({"op": "add", "path": "members", "value": [{"value": "a"}]});
    assert!(alone(json!([add()])));
    assert!(alone(
        json!([{"op": "replace", "value": {"id": "g", "members": []}}])
    ));
    assert!(!alone(
        json!([add(), {"op": "replace", "path": "displayName", "value": "x"}])
    ));
    assert!(!alone(json!([{"op": "replace", "value": {"id": "g"}}])));
}
#[test]
fn a_request_that_is_endless_work_is_refused() {
    let emails: Vec<_> = (0..1000).map(|number| json!({"value": number.to_string()})).collect();
    let operation = json!({"op": "remove", "path": "emails[value eq \"x\" or type eq \"y\"]"});
    let many = |count| {
        user(
            json!({"emails": emails}),
            json!(vec![operation.clone(); count]),
        )
    };
    assert!(many(10).is_ok());
    let error = many(1000).unwrap_err();
    assert_eq!((error.status.as_u16(), error.scim_type), (413, None));
}
