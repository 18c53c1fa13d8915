//! What is true of any request.

use proptest::prelude::*;

use super::*;

fn path() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "title",
        "userName",
        "active",
        "name",
        "name.givenName",
        "emails",
        "emails.type",
        "emails.value",
        "emails[type eq \"work\"]",
        "emails[type eq \"work\"].value",
        "emails[type eq \"work\"].primary",
        "emails[value eq \"a\" or primary eq true]",
        "emails[not (type pr)].display",
        "addresses[type eq \"home\" and primary eq \"True\"].country",
        "roles",
        "manager",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
        "urn:example:2.0:User:tags",
        "urn:example:2.0:User:tags[value eq \"a\"]",
        "urn:example:2.0:User:badge",
        "urn:example:needy:User:may",
    ])
}

fn value() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!("a"),
        json!("B"),
        json!(""),
        json!(null),
        json!(true),
        json!("False"),
        json!(7),
        json!([]),
        json!({}),
        json!(["a", "b"]),
        json!({"value": "a"}),
        json!({"value": "b", "type": "work"}),
        json!({"value": "", "type": "work"}),
        json!([{"value": "a", "type": "work"}, {"value": "b", "primary": true}]),
        json!([{"value": "A", "type": "work", "primary": "True"}]),
        json!([{"type": "work"}, {"display": "x"}]),
        json!({"givenName": "A", "familyName": null}),
        json!({"country": "SE", "type": "home"}),
        json!({"department": "X", "manager": {"value": "m", "$ref": "../m"}}),
        json!({"title": "x", "emails": {"value": "c", "primary": true}, "name.familyName": "F"}),
    ])
}

fn operation() -> impl Strategy<Value = Value> {
    let op = prop::sample::select(vec!["add", "replace", "remove", "Add"]);
    (
        op,
        prop::option::weighted(0.9, path()),
        prop::option::weighted(0.9, value()),
    )
        .prop_map(|(op, path, value)| {
            let mut operation = json!({"op": op});
            path.into_iter().for_each(|path| operation["path"] = json!(path));
            value.into_iter().for_each(|value| operation["value"] = value);
            operation
        })
}

/// A resource that some requests made.
fn resource() -> impl Strategy<Value = Value> {
    prop::collection::vec(operation(), 0..12).prop_map(|operations| {
        let start = json!({"userName": "alice"});
        operations.into_iter().fold(start, |resource, operation| {
            on(User, &resource, &json!([operation])).unwrap_or(resource)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_request_is_its_operations_one_by_one(
        resource in resource(),
        operations in prop::collection::vec(operation(), 1..5),
    ) {
        let whole = on(User, &resource, &json!(operations));
        let one_by_one = operations.iter().try_fold(resource, |resource, operation| {
            on(User, &resource, &json!([operation]))
        });
        // Only between its operations may a resource lack something.
        match (whole, one_by_one) {
            (Ok(whole), Ok(one_by_one)) => prop_assert_eq!(whole, one_by_one),
            (Err(_), Err(_)) => {}
            (whole, one_by_one) => {
                let needy = json!(operations).to_string().contains("needy");
                prop_assert!(needy, "{whole:?} {one_by_one:?}");
            }
        }
    }

    #[test]
    fn what_is_done_twice_is_done_once(resource in resource(), operation in operation()) {
        if let Ok(once) = on(User, &resource, &json!([operation])) {
            // Unless it changed who is meant by it.
            let chooses = operation["path"].as_str().is_some_and(|path| path.contains('['));
            match on(User, &once, &json!([operation])) {
                Ok(twice) if !chooses => prop_assert_eq!(twice, once),
                Ok(_) => {}
                Err(error) => {
                    prop_assert!(chooses);
                    prop_assert_eq!(error.scim_type, Some(ScimType::NoTarget));
                }
            }
        }
    }

    #[test]
    fn a_refusal_says_what_is_wrong(resource in resource(), operation in operation()) {
        if let Err(error) = on(User, &resource, &json!([operation])) {
            prop_assert_eq!(error.status.as_u16(), 400);
            prop_assert!(error.scim_type.is_some());
        }
    }
}
