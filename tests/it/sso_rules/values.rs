//! N1 to N7: who the Assertion is about.

use super::Bend::Parts;
use super::Stage;
use crate::support::idp::{Response, TestIdp, attribute, element};

#[tokio::test]
async fn nobody_is_subject_missing() {
    let stage = Stage::set("").await;
    let code = "subject.missing";
    stage
        .refuses(&[
            (
                "neither NameID nor attributes",
                code,
                Parts(|response| {
                    response.assertion().name_id = None;
                    response.assertion().attributes.clear();
                }),
            ),
            (
                "attributes that name nobody",
                code,
                Parts(|response| {
                    response.assertion().name_id = None;
                }),
            ),
            (
                "an empty address",
                code,
                Parts(|response| {
                    response.assertion().name_id = None;
                    response.assertion().attributes = vec![attribute("mail", &[""])];
                }),
            ),
            (
                "an address under a FriendlyName alone",
                code,
                Parts(|response| {
                    response.assertion().name_id = None;
                    let named = attribute("urn:example:1", &["alice@example.com"]);
                    let named = named.replace(" Name=", " FriendlyName=\"mail\" Name=");
                    response.assertion().attributes = vec![named];
                }),
            ),
        ])
        .await;
}

#[tokio::test]
async fn an_attribute_is_enough_where_there_is_no_name_id() {
    let stage = Stage::set("").await;
    let mut visitor = stage.gateway.visitor();
    let request = stage.begin(&mut visitor, "/").await;
    let mut response = stage.idp.answer(&request);
    response.assertion().name_id = None;
    response.assertion().attributes.push(attribute("mail", &["alice@example.com"]));
    let xml = stage.idp.write(&response);
    let answer = stage.carry(&mut visitor, xml, Some(&request.relay_state)).await;
    stage.accepted(&mut visitor, &answer, "/").await;
}

fn name_id(response: &mut Response, value: &str) {
    response.assertion().name_id = Some(element("saml:NameID", "", value));
}

#[tokio::test]
async fn a_name_that_is_none_is_value_refused() {
    let stage = Stage::set("").await;
    let code = "value.refused";
    stage
        .refuses(&[
            ("empty", code, Parts(|response| name_id(response, ""))),
            (
                "white space",
                code,
                Parts(|response| name_id(response, " \n")),
            ),
            (
                "a space before it",
                code,
                Parts(|response| name_id(response, " alice")),
            ),
            (
                "a space behind it",
                code,
                Parts(|response| name_id(response, "alice ")),
            ),
            (
                "a no-break space behind it",
                code,
                Parts(|response| name_id(response, "alice\u{a0}")),
            ),
            (
                "a line break in it",
                code,
                Parts(|response| name_id(response, "alice\nbob")),
            ),
            (
                "a tab in it",
                code,
                Parts(|response| name_id(response, "alice&#9;bob")),
            ),
            (
                "DEL",
                code,
                Parts(|response| name_id(response, "alice\u{7f}")),
            ),
            (
                "a C1 control",
                code,
                Parts(|response| name_id(response, "al\u{85}ice")),
            ),
            (
                "a line separator",
                code,
                Parts(|response| name_id(response, "alice\u{2028}bob")),
            ),
            (
                "text from right to left",
                code,
                Parts(|response| name_id(response, "al\u{202e}eci")),
            ),
            (
                "257 characters",
                code,
                Parts(|response| name_id(response, &"a".repeat(257))),
            ),
            (
                "an address with a control",
                code,
                Parts(|response| {
                    let mail = attribute("mail", &["alice\u{7f}@example.com"]);
                    response.assertion().attributes.push(mail);
                }),
            ),
        ])
        .await;
}

#[tokio::test]
async fn a_name_that_is_qualified_by_somebody_else_is_subject_qualifier() {
    let stage = Stage::set("").await;
    let code = "subject.qualifier";
    stage
        .refuses(&[
            (
                "another identity provider",
                code,
                Parts(|response| {
                    let qualifier = " NameQualifier=\"https://other.example.com\"";
                    response.assertion().name_id = Some(element("saml:NameID", qualifier, "alice"));
                }),
            ),
            (
                "another service provider",
                code,
                Parts(|response| {
                    let qualifier = " SPNameQualifier=\"https://other.example.com\"";
                    response.assertion().name_id = Some(element("saml:NameID", qualifier, "alice"));
                }),
            ),
        ])
        .await;
}

#[tokio::test]
async fn elements_where_text_belongs_are_value_complex() {
    let stage = Stage::set("").await;
    let code = "value.complex";
    stage
        .refuses(&[
            (
                "in an address",
                code,
                Parts(|response| {
                    let mail = attribute("mail", &["alice<b xmlns=\"urn:x\"/>@example.com"]);
                    response.assertion().attributes.push(mail);
                }),
            ),
            (
                "in a group",
                code,
                Parts(|response| {
                    let group = attribute("groups", &["<b xmlns=\"urn:x\">Board</b>"]);
                    response.assertion().attributes.push(group);
                }),
            ),
        ])
        .await;
}

#[tokio::test]
async fn two_values_where_one_is_possible_are_value_duplicate() {
    let stage = Stage::set("").await;
    let code = "value.duplicate";
    stage
        .refuses(&[
            (
                "in one element",
                code,
                Parts(|response| {
                    let mail = attribute("mail", &["alice@example.com", "al@example.com"]);
                    response.assertion().attributes.push(mail);
                }),
            ),
            (
                "in two",
                code,
                Parts(|response| {
                    let attributes = &mut response.assertion().attributes;
                    attributes.push(attribute("mail", &["alice@example.com"]));
                    attributes.push(attribute("mail", &["al@example.com"]));
                }),
            ),
        ])
        .await;
}

#[tokio::test]
async fn the_first_of_two_values_is_taken_where_that_is_allowed() {
    let stage = Stage::set("allow_duplicate_attributes = true").await;
    let mut visitor = stage.gateway.visitor();
    let request = stage.begin(&mut visitor, "/").await;
    let mut response = stage.idp.answer(&request);
    let mail = attribute("mail", &["alice@example.com", "al@example.com"]);
    response.assertion().attributes.push(mail);
    let xml = stage.idp.write(&response);
    let answer = stage.carry(&mut visitor, xml, Some(&request.relay_state)).await;
    stage.accepted(&mut visitor, &answer, "/").await;
    let user = visitor.get(&stage.gateway.url("/.samlgate/user")).await.json();
    assert_eq!(user["email"], "alice@example.com");
    assert_eq!(user["groups"], serde_json::json!(["IT Managers", "Staff"]));
}

const EPPN: &str = "urn:oid:1.3.6.1.4.1.5923.1.1.1.6";

#[tokio::test]
async fn a_scope_that_the_metadata_does_not_list_is_value_scope() {
    let idp = TestIdp::new("corp").with_scopes(&["example.com", "students.example.com"]);
    let stage = Stage::with(idp, "").await;
    stage
        .refuses(&[
            (
                "another university's",
                "value.scope",
                Parts(|response| {
                    let attribute = attribute(EPPN, &["alice@example.org"]);
                    response.assertion().attributes.push(attribute);
                }),
            ),
            (
                "one of several values",
                "value.scope",
                Parts(|response| {
                    let values = ["staff@example.com", "staff@evil.example.com"];
                    let name = "urn:oid:1.3.6.1.4.1.5923.1.1.1.9";
                    response.assertion().attributes.push(attribute(name, &values));
                }),
            ),
            (
                "none at all",
                "value.scope",
                Parts(|response| {
                    response.assertion().attributes.push(attribute(EPPN, &["alice"]));
                }),
            ),
        ])
        .await;

    let mut visitor = stage.gateway.visitor();
    let request = stage.begin(&mut visitor, "/").await;
    let mut response = stage.idp.answer(&request);
    response
        .assertion()
        .attributes
        .push(attribute(EPPN, &["alice@Students.example.com"]));
    let xml = stage.idp.write(&response);
    let answer = stage.carry(&mut visitor, xml, Some(&request.relay_state)).await;
    stage.accepted(&mut visitor, &answer, "/").await;
}
