//! P1 to P7: the Response around the Assertion.

use super::Bend::{Parts, Xml};
use super::Stage;
use crate::support::idp::{Sign, at, element, status};

#[tokio::test]
async fn another_version_is_proto_version() {
    let stage = Stage::set("").await;
    let code = "proto.version";
    stage
        .refuses(&[
            (
                "the Response's",
                code,
                Parts(|response| response.version = "1.1".to_owned()),
            ),
            (
                "the Assertion's",
                code,
                Parts(|response| {
                    response.assertion().version = "2.1".to_owned();
                }),
            ),
            (
                "a space more",
                code,
                Parts(|response| response.version = "2.0 ".to_owned()),
            ),
        ])
        .await;
}

#[tokio::test]
async fn another_destination_is_proto_destination() {
    let stage = Stage::set("").await;
    let code = "proto.destination";
    stage
        .refuses(&[
            (
                "another host",
                code,
                Parts(|response| {
                    response.destination = Some("https://other.example.com/saml/acs".to_owned());
                }),
            ),
            (
                "a slash more",
                code,
                Parts(|response| {
                    response.destination.as_mut().unwrap().push('/');
                }),
            ),
            (
                "in capitals",
                code,
                Parts(|response| {
                    let destination = response.destination.as_ref().unwrap();
                    response.destination = Some(destination.replace("localhost", "LOCALHOST"));
                }),
            ),
            (
                "empty",
                code,
                Parts(|response| response.destination = Some(String::new())),
            ),
            (
                "none though the Response is signed",
                code,
                Parts(|response| {
                    response.destination = None;
                    response.sign = Sign::Response;
                }),
            ),
            (
                "none though both are signed",
                code,
                Parts(|response| {
                    response.destination = None;
                    response.sign = Sign::Both;
                }),
            ),
        ])
        .await;
}

#[tokio::test]
async fn another_issuer_is_proto_issuer() {
    let stage = Stage::set("").await;
    let code = "proto.issuer";
    stage
        .refuses(&[
            (
                "the Response's",
                code,
                Parts(|response| {
                    response.issuer = Some(element("saml:Issuer", "", "https://idp.example.com"));
                }),
            ),
            (
                "the Assertion's",
                code,
                Parts(|response| {
                    response.assertion().issuer =
                        element("saml:Issuer", "", "https://idp.example.com/Corp");
                }),
            ),
            (
                "white space around it",
                code,
                Parts(|response| {
                    response.assertion().issuer =
                        element("saml:Issuer", "", " https://idp.example.com/corp ");
                }),
            ),
            (
                "empty",
                code,
                Parts(|response| {
                    response.assertion().issuer = element("saml:Issuer", "", "");
                }),
            ),
            (
                "of another Format",
                code,
                Parts(|response| {
                    let format =
                        " Format=\"urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified\"";
                    let issuer = element("saml:Issuer", format, "https://idp.example.com/corp");
                    response.assertion().issuer = issuer;
                }),
            ),
            (
                "signed as a whole",
                code,
                Parts(|response| {
                    response.sign = Sign::Response;
                    response.assertion().issuer =
                        element("saml:Issuer", "", "https://other.example.com");
                }),
            ),
        ])
        .await;
}

#[tokio::test]
async fn an_error_of_the_identity_provider_is_idp_status() {
    let stage = Stage::set("").await;
    let code = "idp.status";
    stage
        .refuses(&[
            (
                "with the Assertion",
                code,
                Parts(|response| {
                    response.status = status("urn:oasis:names:tc:SAML:2.0:status:Requester");
                }),
            ),
            (
                "without one, unsigned",
                code,
                Parts(|response| {
                    response.status = status("urn:oasis:names:tc:SAML:2.0:status:Responder");
                    response.assertions.clear();
                }),
            ),
            (
                "without one, signed",
                code,
                Parts(|response| {
                    response.status = status("urn:oasis:names:tc:SAML:2.0:status:Responder");
                    response.assertions.clear();
                    response.sign = Sign::Response;
                }),
            ),
            (
                "with a second code and a message",
                code,
                Parts(|response| {
                    response.status = "<samlp:Status><samlp:StatusCode \
                    Value=\"urn:oasis:names:tc:SAML:2.0:status:Responder\"><samlp:StatusCode \
                    Value=\"urn:oasis:names:tc:SAML:2.0:status:AuthnFailed\"/></samlp:StatusCode>\
                    <samlp:StatusMessage>not today</samlp:StatusMessage></samlp:Status>"
                        .to_owned();
                    response.assertions.clear();
                }),
            ),
            (
                "Success as the second code",
                code,
                Parts(|response| {
                    response.status = "<samlp:Status><samlp:StatusCode \
                    Value=\"urn:oasis:names:tc:SAML:2.0:status:Responder\"><samlp:StatusCode \
                    Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/></samlp:StatusCode>\
                    </samlp:Status>"
                        .to_owned();
                }),
            ),
        ])
        .await;
    let reason = stage.newest_detail("reason").await.unwrap();
    assert!(reason.starts_with("status urn:oasis"), "{reason}");
}

#[tokio::test]
async fn an_answer_to_another_request_is_proto_in_response_to() {
    let stage = Stage::set("").await;
    let code = "proto.in_response_to";
    stage
        .refuses(&[
            (
                "the Response's",
                code,
                Parts(|response| {
                    response.in_response_to = Some("_other".to_owned());
                }),
            ),
            (
                "the confirmation's",
                code,
                Parts(|response| {
                    response.confirmation().in_response_to = Some("_other".to_owned());
                }),
            ),
            (
                "none at the confirmation",
                code,
                Parts(|response| {
                    response.confirmation().in_response_to = None;
                }),
            ),
            (
                "none at all",
                code,
                Parts(|response| {
                    response.in_response_to = None;
                    response.confirmation().in_response_to = None;
                }),
            ),
            (
                "both another",
                code,
                Parts(|response| {
                    response.in_response_to = Some("_other".to_owned());
                    response.confirmation().in_response_to = Some("_other".to_owned());
                }),
            ),
        ])
        .await;
}

#[tokio::test]
async fn none_or_several_assertions_are_proto_assertion_count() {
    let stage = Stage::set("").await;
    let code = "proto.assertion_count";
    stage
        .refuses(&[
            ("none", code, Parts(|response| response.assertions.clear())),
            (
                "none, signed",
                code,
                Parts(|response| {
                    response.assertions.clear();
                    response.sign = Sign::Response;
                }),
            ),
            (
                "two, both signed",
                code,
                Parts(|response| {
                    let mut second = response.assertion().clone();
                    second.id = "_second".to_owned();
                    response.assertions.push(second);
                }),
            ),
            (
                "one plain, one encrypted",
                code,
                Xml(|xml| {
                    xml.replace(
                        "</samlp:Response>",
                        "<saml:EncryptedAssertion/></samlp:Response>",
                    )
                }),
            ),
        ])
        .await;
}

#[tokio::test]
async fn a_response_made_too_far_from_now_is_time_issue_instant() {
    let stage = Stage::set("").await;
    let code = "time.issue_instant";
    stage
        .refuses(&[
            (
                "tomorrow",
                code,
                Parts(|response| response.issue_instant = at(86_400)),
            ),
            (
                "four minutes ahead",
                code,
                Parts(|response| response.issue_instant = at(240)),
            ),
            (
                "an hour ago",
                code,
                Parts(|response| response.issue_instant = at(-3600)),
            ),
        ])
        .await;
}
