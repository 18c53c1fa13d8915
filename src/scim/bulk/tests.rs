use proptest::prelude::*;
use serde_json::json;

use super::*;

fn read(operations: Value) -> BulkRequest {
    let body = json!({"schemas": [BULK_REQUEST], "Operations": operations});
    BulkRequest::read(body.to_string().as_bytes()).unwrap()
}

fn post(kind: &str, bulk_id: &str, members: &[&str]) -> Value {
    let members: Vec<Value> =
        members.iter().map(|id| json!({"value": format!("bulkId:{id}")})).collect();
    json!({"method": "POST", "path": kind, "bulkId": bulk_id, "data": {"members": members}})
}

fn refused(operation: Value) -> (u16, Option<ScimType>) {
    let request = read(json!([operation]));
    let error = request.operations[0].operation.clone().unwrap_err();
    (error.status.as_u16(), error.scim_type)
}

#[test]
fn a_request_is_read() {
    let request = read(json!([
        {"method": "post", "path": "/Users", "bulkId": "a", "data": {"userName": "alice"}},
        {"method": "PATCH", "path": "Groups/7", "version": "W/\"1\"", "data": {"Operations": []}},
        {"method": "DELETE", "path": "https://app.example.com/scim/v2/Users/8/"},
    ]));
    let operations: Vec<BulkOperation> =
        request.operations.iter().map(|item| item.operation.clone().unwrap()).collect();
    assert_eq!(
        (&operations[0].method, operations[0].kind, &operations[0].id),
        (&Method::POST, ResourceKind::User, &None)
    );
    assert_eq!(request.operations[0].bulk_id.as_deref(), Some("a"));
    assert_eq!(
        (operations[1].kind, operations[1].id.as_deref()),
        (ResourceKind::Group, Some("7"))
    );
    assert_eq!(operations[1].version.as_deref(), Some("W/\"1\""));
    assert_eq!(
        (&operations[2].method, operations[2].id.as_deref()),
        (&Method::DELETE, Some("8"))
    );
    assert_eq!(request.fail_on_errors, None);
}

#[test]
fn a_request_of_another_form_is_refused_as_a_whole() {
    for (body, status, scim_type) in [
        (json!({}), 400, Some(ScimType::InvalidSyntax)),
        (
            json!({"Operations": {}}),
            400,
            Some(ScimType::InvalidSyntax),
        ),
        (
            json!({"Operations": [], "failOnErrors": 0}),
            400,
            Some(ScimType::InvalidValue),
        ),
        (
            json!({"Operations": [], "failOnErrors": "1"}),
            400,
            Some(ScimType::InvalidValue),
        ),
        (
            json!({"Operations": vec![0; MOST_OPERATIONS + 1]}),
            413,
            None,
        ),
        (
            json!({"Operations": [], "x": "a".repeat(LARGEST_BULK)}),
            413,
            None,
        ),
    ] {
        let error = BulkRequest::read(body.to_string().as_bytes()).unwrap_err();
        assert_eq!(
            (error.status.as_u16(), error.scim_type),
            (status, scim_type)
        );
    }
    let request = BulkRequest::read(br#"{"operations": [], "failOnErrors": 2}"#).unwrap();
    assert_eq!(request.fail_on_errors, Some(2));
}

#[test]
fn an_operation_of_another_form_is_refused_by_itself() {
    let syntax = (400, Some(ScimType::InvalidSyntax));
    for operation in [
        json!(1),
        json!({"path": "/Users/1"}),
        json!({"method": "GET", "path": "/Users/1"}),
        json!({"method": "DELETE"}),
        json!({"method": "DELETE", "path": "/Users"}),
        json!({"method": "DELETE", "path": "/Shoes/1"}),
        json!({"method": "DELETE", "path": "/"}),
        json!({"method": "PUT", "path": "/Users/1"}),
        json!({"method": "PUT", "path": "/Users/1", "data": []}),
        json!({"method": "POST", "path": "/Users", "data": {}}),
        json!({"method": "POST", "path": "/Users/1", "bulkId": "a", "data": {}}),
    ] {
        assert_eq!(refused(operation.clone()), syntax, "{operation}");
    }
    let request = read(json!([post("/Users", "a", &[]), post("/Users", "a", &[])]));
    assert!(request.operations[0].operation.is_ok());
    let error = request.operations[1].operation.clone().unwrap_err();
    assert_eq!(error.scim_type, Some(ScimType::InvalidValue));
}

#[test]
fn whoever_refers_comes_after_what_is_referred_to() {
    let request = read(json!([
        post("/Groups", "g", &["u", "h"]),
        {"method": "PATCH", "path": "/Groups/bulkId:g", "data": {"Operations": [
            {"op": "remove", "path": "members[value eq \"bulkId:u\"]"}
        ]}},
        post("/Groups", "h", &["u"]),
        {"method": "DELETE", "path": "/Users/1"},
        post("/Users", "u", &["nobody"]),
    ]));
    assert_eq!(request.plan(), (vec![3, 4, 2, 0, 1], vec![]));
    assert_eq!(
        request.unmade(),
        ["g", "h", "u"].map(|id| (id.to_owned(), None)).into()
    );
}

#[test]
fn a_circle_is_told_apart() {
    let request = read(json!([
        post("/Groups", "a", &["b"]),
        post("/Groups", "b", &["a"]),
        post("/Groups", "c", &["c"]),
        post("/Groups", "d", &["a"]),
        post("/Users", "e", &[]),
    ]));
    assert_eq!(request.plan(), (vec![4], vec![0, 1, 2, 3]));
    assert_eq!(circular().status, 409);
}

#[test]
fn references_become_ids() {
    let request = read(
        json!([{"method": "PATCH", "path": "/Groups/bulkId:g", "data": {
            "Operations": [
                {"op": "remove", "path": "members[value eq \"bulkId:u\" or value eq \"bulkId:x\"]"},
                {"op": "add", "path": "members", "value": [
                    {"value": "bulkId:u", "$ref": "../Users/bulkId:u"}, {"value": "bulkId:x"}
                ]},
            ],
        }}]),
    );
    let operation = request.operations[0].operation.clone().unwrap();
    assert_eq!(operation.references(), BTreeSet::from(["g", "u", "x"]));
    let made = |user: Option<&str>| {
        HashMap::from([
            ("g".to_owned(), Some("7".to_owned())),
            ("u".to_owned(), user.map(str::to_owned)),
        ])
    };
    let resolved = operation.resolve(&made(Some("8"))).unwrap();
    assert_eq!(resolved.id.as_deref(), Some("7"));
    assert_eq!(
        Value::Object(resolved.data),
        json!({"Operations": [
            {"op": "remove", "path": "members[value eq \"8\" or value eq \"bulkId:x\"]"},
            {"op": "add", "path": "members", "value": [
                {"value": "8", "$ref": "../Users/8"}, {"value": "bulkId:x"}
            ]},
        ]})
    );
    assert_eq!(operation.resolve(&made(None)).unwrap_err().status, 409);
}

#[test]
fn an_answer_says_what_became_of_each() {
    let error = ScimError::taken("userName is taken");
    let body = bulk_response(&[
        BulkResult {
            method: "POST".to_owned(),
            bulk_id: Some("a".to_owned()),
            location: Some("https://app.example.com/scim/v2/Users/1".to_owned()),
            version: Some("W/\"1\"".to_owned()),
            status: StatusCode::CREATED,
            response: None,
        },
        BulkResult::refused("POST", Some("b"), None, &error),
    ]);
    assert_eq!(
        serde_json::from_slice::<Value>(&body).unwrap(),
        json!({"schemas": [BULK_RESPONSE], "Operations": [
            {
                "method": "POST", "bulkId": "a", "version": "W/\"1\"", "status": "201",
                "location": "https://app.example.com/scim/v2/Users/1",
            },
            {"method": "POST", "bulkId": "b", "status": "409", "response": error.body()},
        ]})
    );
}

proptest! {
    #[test]
    fn a_plan_has_each_operation_once_and_in_order(edges in prop::collection::vec(prop::collection::vec(0_usize..12, 0..3), 1..12)) {
        let names: Vec<String> = (0..12).map(|number| format!("n{number}")).collect();
        let operations: Vec<Value> = edges.iter().enumerate().map(|(place, to)| {
            let to: Vec<&str> = to.iter().map(|number| names[*number].as_str()).collect();
            post("/Groups", &names[place], &to)
        }).collect();
        let (order, stuck) = read(Value::Array(operations)).plan();
        let mut all: Vec<usize> = order.iter().chain(&stuck).copied().collect();
        all.sort_unstable();
        prop_assert_eq!(all, (0..edges.len()).collect::<Vec<_>>());
        for (done, place) in order.iter().enumerate() {
            for to in edges[*place].iter().filter(|to| **to < edges.len()) {
                prop_assert!(order[..done].contains(to));
            }
        }
        // Nobody is stuck without a reason.
        for place in &stuck {
            prop_assert!(edges[*place].iter().any(|to| stuck.contains(to)));
        }
    }

    #[test]
    fn any_text_may_look_like_a_reference(text in r#"[a/"]{0,3}(bulkId:)?[a-c"/é]{0,3}(bulkId:)?[a"]{0,2}"#) {
        let request = read(json!([{"method": "PUT", "path": "/Users/1", "data": {"path": text}}]));
        let operation = request.operations[0].operation.clone().unwrap();
        let made = operation.references().iter().map(|id| (id.to_string(), Some("7".to_owned()))).collect();
        let resolved = operation.resolve(&made).unwrap();
        let left = resolved.references().into_iter().filter(|id| made.contains_key(*id)).count();
        prop_assert_eq!(left, 0);
    }
}
