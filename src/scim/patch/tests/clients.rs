//! What clients really send.

use super::*;

fn entra_user() -> Value {
    json!({
        "active": true, "displayName": "Bjfe",
        "emails": [{"type": "work", "value": "bjfe@example.com", "primary": true}],
        "name": {"givenName": "Bj", "familyName": "Fe"},
    })
}

#[test]
fn entra_disables_with_a_word_for_a_boolean() {
    for value in [json!("False"), json!("false"), json!(false)] {
        for op in ["Replace", "Add", "replace"] {
            becomes(
                json!({"active": true}),
                json!([{"op": op, "path": "active", "value": value}]),
                json!({"active": false}),
            );
        }
    }
}

#[test]
fn entra_changes_many_things_in_its_older_dialect() {
    // "Replace Attributes Verbose" of its validator, on a user who has none of it.
    becomes(
        json!({}),
        json!([
            {"op": "Replace", "path": "active", "value": "True"},
            {"op": "Replace", "path": "displayName", "value": "NPVGLBWOAMBJ"},
            {"op": "Add", "path": "emails[type eq \"work\"].value", "value": "w@example.com"},
            {"op": "Replace", "path": "emails[type eq \"work\"].primary", "value": "True"},
            {"op": "Replace", "path": "name.givenName", "value": "Ada"},
            {"op": "Add", "path": "name.familyName", "value": "Lovelace"},
            {"op": "Replace", "path": "addresses[type eq \"work\"].formatted", "value": "1 Road"},
            {"op": "Replace", "path": "addresses[type eq \"work\"].streetAddress", "value": "Road 1"},
            {"op": "Replace", "path": "addresses[type eq \"work\"].country", "value": "Sweden"},
            {"op": "Replace", "path": "addresses[type eq \"work\"].primary", "value": true},
            {"op": "Replace", "path": "phoneNumbers[type eq \"work\"].value", "value": "27-486-5896"},
            {"op": "Replace", "path": "phoneNumbers[type eq \"mobile\"].value", "value": "+1 (5)"},
            {"op": "Replace", "path": "roles[primary eq \"True\"].display", "value": "Admin"},
            {"op": "Replace", "path": "roles[primary eq \"True\"].value", "value": "admin"},
            {"op": "Replace", "path": "roles[primary eq \"True\"].type", "value": "x"},
            {"op": "Replace", "path": format!("{ENTERPRISE}:employeeNumber"), "value": "7"},
            {"op": "Replace", "path": format!("{ENTERPRISE}:department"), "value": "R&D"},
        ]),
        json!({
            "active": true, "displayName": "NPVGLBWOAMBJ",
            "emails": [{"type": "work", "value": "w@example.com", "primary": true}],
            "name": {"givenName": "Ada", "familyName": "Lovelace"},
            "addresses": [{"type": "work", "formatted": "1 Road", "streetAddress": "Road 1",
                "country": "Sweden", "primary": true}],
            "phoneNumbers": [
                {"type": "work", "value": "27-486-5896"}, {"type": "mobile", "value": "+1 (5)"},
            ],
            "roles": [{"primary": true, "display": "Admin", "value": "admin", "type": "x"}],
            ENTERPRISE: {"employeeNumber": "7", "department": "R&D"},
        }),
    );
}

#[test]
fn entra_changes_many_things_in_its_newer_dialect() {
    // With aadOptscim062020.
    becomes(
        entra_user(),
        json!([
            {"op": "replace", "path": "emails[type eq \"work\"].value", "value": "new@example.com"},
            {"op": "replace", "value": {
                "displayName": "Kkom", "name.givenName": "Kkom", "name.familyName": "Aklq",
                format!("{ENTERPRISE}:employeeNumber"): "Aklq",
                format!("{ENTERPRISE}:manager"): {"value": "m1"},
                "addresses[type eq \"work\"].country": "Sweden",
                "addresses[type eq \"work\"].region": "Skåne",
            }},
        ]),
        json!({
            "active": true, "displayName": "Kkom",
            "emails": [{"type": "work", "value": "new@example.com", "primary": true}],
            "name": {"givenName": "Kkom", "familyName": "Aklq"},
            "addresses": [{"type": "work", "country": "Sweden", "region": "Skåne"}],
            ENTERPRISE: {"employeeNumber": "Aklq", "manager": {"value": "m1"}},
        }),
    );
}

#[test]
fn entra_finds_the_primary_one_by_true_and_by_its_word() {
    for filter in [
        "primary eq true",
        "primary eq \"true\"",
        "primary eq \"True\"",
    ] {
        becomes(
            json!({"emails": [{"value": "a", "primary": true}, {"value": "b"}]}),
            json!([{"op": "Replace", "path": format!("emails[{filter}].value"), "value": "c"}]),
            json!({"emails": [{"value": "c", "primary": true}, {"value": "b"}]}),
        );
    }
}

#[test]
fn entra_names_a_manager_in_many_ways() {
    let urn = format!("{ENTERPRISE}:manager");
    for operation in [
        json!({"op": "Add", "path": "manager", "value": "m1"}),
        json!({"op": "Add", "path": "manager", "value": [{"value": "m1"}]}),
        json!({"op": "Replace", "path": urn, "value": "m1"}),
        json!({"op": "Replace", "path": urn, "value": {"value": "m1"}}),
        json!({"op": "Replace", "path": urn, "value": {"value": "m1", "displayName": " "}}),
        json!({"op": "Add", "path": format!("{urn}.value"), "value": "m1"}),
        json!({"op": "replace", "value": {urn.clone(): "m1"}}),
        json!({"op": "replace", "value": {format!("{urn}.value"): "m1"}}),
        json!({"op": "replace", "value": {ENTERPRISE: {"manager": {"value": "m1"}}}}),
        json!({"op": "replace", "value": {"manager": {"value": "m1"}}}),
    ] {
        for before in [
            json!({}),
            json!({ENTERPRISE: {"manager": {"value": "m0", "$ref": "../m0"}}}),
        ] {
            becomes(
                before,
                json!([operation]),
                json!({ENTERPRISE: {"manager": {"value": "m1"}}}),
            );
        }
    }
    becomes(
        json!({ENTERPRISE: {"manager": {"value": "m0", "$ref": "../m0"}}}),
        json!([{"op": "Add", "path": "manager", "value": [{"$ref": "../m1", "value": "m1"}]}]),
        json!({ENTERPRISE: {"manager": {"value": "m1", "$ref": "../m1"}}}),
    );
}

#[test]
fn entra_takes_a_manager_away_in_many_ways() {
    let urn = format!("{ENTERPRISE}:manager");
    for operation in [
        json!({"op": "Replace", "path": "manager", "value": {"value": ""}}),
        json!({"op": "Replace", "path": "manager", "value": [{"value": null}]}),
        json!({"op": "Replace", "path": "manager", "value": ""}),
        json!({"op": "Replace", "path": urn, "value": null}),
        json!({"op": "Replace", "path": urn, "value": {"value": "", "displayName": " "}}),
        json!({"op": "Replace", "path": format!("{urn}.value"), "value": ""}),
        json!({"op": "Remove", "path": urn}),
        json!({"op": "Remove", "path": format!("{urn}.value")}),
        json!({"op": "Remove", "path": "manager", "value": {"value": "m0"}}),
        json!({"op": "replace", "value": {urn: ""}}),
        json!({"op": "replace", "value": {ENTERPRISE: null}}),
    ] {
        becomes(
            json!({"title": "x", ENTERPRISE: {"manager": {"value": "m0", "$ref": "../m0"}}}),
            json!([operation]),
            json!({"title": "x"}),
        );
    }
}

#[test]
fn entra_unassigns_with_nothing_and_with_an_empty_text() {
    for nothing in [json!(""), json!(null)] {
        becomes(
            json!({
                "title": "x", "nickName": "y", "name": {"givenName": "A"},
                "phoneNumbers": [{"type": "mobile", "value": "1"}],
                "addresses": [{"type": "work", "country": "SE"}],
                ENTERPRISE: {"department": "X"},
            }),
            json!([
                {"op": "Replace", "path": "title", "value": nothing},
                {"op": "replace", "value": {"nickName": nothing, "name.givenName": nothing}},
                {"op": "Replace", "path": "phoneNumbers[type eq \"mobile\"].value", "value": nothing},
                {"op": "Replace", "path": "addresses[type eq \"work\"].country", "value": nothing},
                {"op": "Replace", "path": format!("{ENTERPRISE}:department"), "value": nothing},
            ]),
            json!({}),
        );
    }
}

#[test]
fn entra_writes_roles_as_json_in_a_text() {
    let packed = "{\"id\":\"18d14569\",\"value\":\"Admin\",\"displayName\":\"Admin\"}";
    becomes(
        json!({}),
        json!([{"op": "Add", "path": "roles", "value": [{"value": packed}]}]),
        json!({"roles": [{"value": "Admin", "display": "Admin"}]}),
    );
    becomes(
        json!({"roles": [{"value": "User"}]}),
        json!([{"op": "replace", "path": "roles", "value": [{"value": packed, "primary": "True"}]}]),
        json!({"roles": [{"value": "Admin", "display": "Admin", "primary": true}]}),
    );
}

#[test]
fn entra_adds_and_removes_members_by_lists() {
    assert_eq!(
        members(json!([{"op": "Add", "path": "members", "value": [
            {"$ref": null, "value": "f648f8d5ea4e4cd38e9c"}, {"$ref": null, "value": "u2"},
        ]}]))
        .unwrap(),
        [MemberChange::Add(vec![
            member("f648f8d5ea4e4cd38e9c"),
            member("u2")
        ])]
    );
    // Without the flag: only those who are listed go.
    assert_eq!(
        members(
            json!([{"op": "Remove", "path": "members", "value": [{"$ref": null, "value": "u1"}]}])
        )
        .unwrap(),
        [MemberChange::Remove(ids(&["u1"]))]
    );
    // With it.
    assert_eq!(
        members(json!([{"op": "remove", "path": "members[value eq \"u1\"]"}])).unwrap(),
        [MemberChange::Remove(ids(&["u1"]))]
    );
}

#[test]
fn okta_deactivates_without_a_path() {
    let operations = json!([{"op": "replace", "value": {"active": false}}]);
    becomes(
        json!({"active": true}),
        operations.clone(),
        json!({"active": false}),
    );
    let catalogue = catalogue();
    let body = json!({"Operations": operations});
    let body = body.as_object().unwrap();
    assert!(PatchRequest::read(body, User, &catalogue, Unknown::Ignored).is_ok());
    becomes(
        json!({"active": true}),
        json!([{"op": "replace", "value": {"password": "1mz050nq"}}]),
        json!({"active": true}),
    );
}

#[test]
fn okta_renames_a_group_with_its_id() {
    let operations = json!([{"op": "replace", "value": {"id": "abf4dd94", "displayName": "New"}}]);
    let after = on(Group, &json!({"displayName": "Old"}), &operations);
    assert_eq!(after.unwrap(), json!({"displayName": "New"}));
}

#[test]
fn okta_pushes_members_in_one_request() {
    assert_eq!(
        members(json!([
            {"op": "remove", "path": "members[value eq \"89bb1940-b905-4575-9e7f-6f887cfb368e\"]"},
            {"op": "add", "path": "members", "value": [
                {"value": "23a35c27-23d3-4c03-b4c5-6443c09e7173", "display": "test.user@okta.local"},
            ]},
        ]))
        .unwrap(),
        [
            MemberChange::Remove(ids(&["89bb1940-b905-4575-9e7f-6f887cfb368e"])),
            MemberChange::Add(vec![member("23a35c27-23d3-4c03-b4c5-6443c09e7173")]),
        ]
    );
    assert_eq!(
        members(json!([{"op": "replace", "path": "members", "value": [
            {"value": "u1", "display": "a@example.com"}, {"value": "u2", "display": "b@example.com"},
        ]}]))
        .unwrap(),
        [MemberChange::ReplaceAll(vec![member("u1"), member("u2")])]
    );
}

#[test]
fn jumpcloud_adds_members_twice_and_deactivates() {
    assert_eq!(
        members(json!([
            {"op": "add", "path": "members", "value": [{"value": "u1"}]},
            {"op": "add", "path": "members", "value": [{"value": "u1"}]},
            {"op": "remove", "path": "members", "value": [{"value": "u2"}]},
        ]))
        .unwrap(),
        [
            MemberChange::Add(vec![member("u1")]),
            MemberChange::Add(vec![member("u1")]),
            MemberChange::Remove(ids(&["u2"])),
        ]
    );
    becomes(
        json!({"active": true, "emails": [{"value": "a"}]}),
        json!([{"op": "replace", "value": {"active": false, "emails": null}}]),
        json!({"active": false}),
    );
}

#[test]
fn onelogin_writes_words_objects_and_nothing() {
    becomes(
        json!({"active": false, ENTERPRISE: {"manager": {"value": "m"}}}),
        json!([{"op": "replace", "value": {
            "id": null, "active": "true", "emails": {"value": "a@example.com", "primary": true},
            ENTERPRISE: {"manager": {"value": "", "displayName": " "}, "department": "X"},
        }}]),
        json!({
            "active": true, "emails": [{"value": "a@example.com", "primary": true}],
            ENTERPRISE: {"department": "X"},
        }),
    );
}
