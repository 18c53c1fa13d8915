//! A1 to A13: the Assertion: who may present it, when, to whom.

use super::Bend::{Parts, Xml};
use super::Stage;
use crate::support::idp::{Sign, at};

#[tokio::test]
async fn an_assertion_made_too_far_from_now_is_time_issue_instant() {
    let stage = Stage::set("").await;
    let code = "time.issue_instant";
    stage
        .refuses(&[
            (
                "tomorrow",
                code,
                Parts(|response| {
                    response.assertion().issue_instant = at(86_400);
                }),
            ),
            (
                "an hour ago",
                code,
                Parts(|response| {
                    response.assertion().issue_instant = at(-3600);
                }),
            ),
            (
                "signed in tomorrow",
                code,
                Parts(|response| {
                    response.statement().authn_instant = at(86_400);
                }),
            ),
        ])
        .await;
}

#[tokio::test]
async fn nobody_whom_the_bearer_could_be_is_subject_confirmation() {
    let stage = Stage::set("").await;
    let code = "subject.confirmation";
    stage
        .refuses(&[
            (
                "no Subject",
                code,
                Parts(|response| {
                    response.assertion().confirmations.clear();
                    response.assertion().name_id = None;
                }),
            ),
            (
                "no confirmation",
                code,
                Parts(|response| {
                    response.assertion().confirmations.clear();
                }),
            ),
            (
                "holder-of-key alone",
                code,
                Parts(|response| {
                    response.confirmation().method =
                        "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key".to_owned();
                }),
            ),
            (
                "sender-vouches alone",
                code,
                Parts(|response| {
                    response.confirmation().method =
                        "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches".to_owned();
                }),
            ),
        ])
        .await;
}

#[tokio::test]
async fn another_recipient_is_subject_recipient() {
    let stage = Stage::set("").await;
    let code = "subject.recipient";
    stage
        .refuses(&[
            (
                "another application",
                code,
                Parts(|response| {
                    response.confirmation().recipient =
                        Some("https://other.example.com/saml/acs".to_owned());
                }),
            ),
            (
                "none",
                code,
                Parts(|response| response.confirmation().recipient = None),
            ),
            (
                "a slash more",
                code,
                Parts(|response| {
                    response.confirmation().recipient.as_mut().unwrap().push('/');
                }),
            ),
            (
                "no data at all",
                code,
                Xml(|xml| {
                    let start = xml.find("<saml:SubjectConfirmationData").unwrap();
                    let end = start + xml[start..].find("/>").unwrap() + 2;
                    [&xml[..start], &xml[end..]].concat()
                }),
            ),
        ])
        .await;
}

#[tokio::test]
async fn a_confirmation_that_is_over_is_subject_expired() {
    let stage = Stage::set("").await;
    let code = "subject.expired";
    stage
        .refuses(&[
            (
                "four minutes ago",
                code,
                Parts(|response| {
                    response.confirmation().not_on_or_after = Some(at(-240));
                }),
            ),
            (
                "exactly the skew ago: the end is exclusive",
                code,
                Parts(|response| {
                    response.confirmation().not_on_or_after = Some(at(-180));
                }),
            ),
            (
                "without an end",
                code,
                Parts(|response| {
                    response.confirmation().not_on_or_after = None;
                }),
            ),
        ])
        .await;
}

#[tokio::test]
async fn a_bearer_confirmation_with_a_beginning_is_subject_not_before() {
    let stage = Stage::set("").await;
    stage
        .refuses(&[(
            "an hour ago",
            "subject.not_before",
            Parts(|response| {
                response.confirmation().not_before = Some(at(-3600));
            }),
        )])
        .await;
}

#[tokio::test]
async fn conditions_of_another_time_are_refused() {
    let stage = Stage::set("").await;
    stage
        .refuses(&[
            (
                "from tomorrow on",
                "time.not_yet",
                Parts(|response| {
                    response.conditions().not_before = Some(at(86_400));
                    response.conditions().not_on_or_after = Some(at(90_000));
                }),
            ),
            (
                "in four minutes",
                "time.not_yet",
                Parts(|response| {
                    response.conditions().not_before = Some(at(240));
                }),
            ),
            (
                "until yesterday",
                "time.expired",
                Parts(|response| {
                    response.conditions().not_before = None;
                    response.conditions().not_on_or_after = Some(at(-86_400));
                }),
            ),
            (
                "exactly the skew ago: the end is exclusive",
                "time.expired",
                Parts(|response| {
                    response.conditions().not_before = None;
                    response.conditions().not_on_or_after = Some(at(-180));
                }),
            ),
            (
                "over before they begin",
                "time.expired",
                Parts(|response| {
                    response.conditions().not_before = Some(at(60));
                    response.conditions().not_on_or_after = Some(at(30));
                }),
            ),
            (
                "over when they begin",
                "time.expired",
                Parts(|response| {
                    let now = at(0);
                    response.conditions().not_before = Some(now.clone());
                    response.conditions().not_on_or_after = Some(now);
                }),
            ),
        ])
        .await;
}

#[tokio::test]
async fn another_audience_is_proto_audience() {
    let stage = Stage::set("").await;
    let code = "proto.audience";
    stage
        .refuses(&[
            (
                "another application",
                code,
                Parts(|response| {
                    response.conditions().audiences =
                        vec![vec!["https://other.example.com".to_owned()]];
                }),
            ),
            (
                "no restriction",
                code,
                Parts(|response| response.conditions().audiences.clear()),
            ),
            (
                "no Conditions",
                code,
                Parts(|response| response.assertion().conditions = None),
            ),
            (
                "no Conditions in a signed Response",
                code,
                Parts(|response| {
                    response.assertion().conditions = None;
                    response.sign = Sign::Response;
                }),
            ),
            (
                "two restrictions, one without us",
                code,
                Parts(|response| {
                    let other = vec!["https://other.example.com".to_owned()];
                    response.conditions().audiences.push(other);
                }),
            ),
            (
                "a slash more",
                code,
                Parts(|response| {
                    response.conditions().audiences[0][0].push('/');
                }),
            ),
            (
                "in capitals",
                code,
                Parts(|response| {
                    let audience = &mut response.conditions().audiences[0][0];
                    *audience = audience.replace("metadata", "Metadata");
                }),
            ),
        ])
        .await;
}

#[tokio::test]
async fn a_condition_that_nobody_knows_is_proto_condition() {
    let stage = Stage::set("").await;
    stage
        .refuses(&[(
            "an extension",
            "proto.condition",
            Parts(|response| {
                response.conditions().more = "<saml:Condition \
                xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns:x=\"urn:x\" \
                xsi:type=\"x:OnSundays\"/>"
                    .to_owned();
            }),
        )])
        .await;
}

#[tokio::test]
async fn no_sign_in_at_the_identity_provider_is_refused() {
    let stage = Stage::set("").await;
    stage
        .refuses(&[
            (
                "no AuthnStatement",
                "authn.missing",
                Parts(|response| {
                    response.assertion().authn_statements.clear();
                }),
            ),
            (
                "its session is over",
                "time.session",
                Parts(|response| {
                    response.statement().session_not_on_or_after = Some(at(-600));
                }),
            ),
        ])
        .await;
}

#[tokio::test]
async fn another_way_to_sign_in_than_the_configured_is_authn_context() {
    let stage = Stage::set("authn_context = [\"https://refeds.org/profile/mfa\"]").await;
    stage
        .refuses(&[
            (
                "a password alone",
                "authn.context",
                Parts(|response| {
                    let context = response.statement().context.as_deref().unwrap();
                    assert!(context.ends_with(":PasswordProtectedTransport"));
                }),
            ),
            (
                "not said",
                "authn.context",
                Parts(|response| response.statement().context = None),
            ),
        ])
        .await;

    let mut visitor = stage.gateway.visitor();
    let request = stage.begin(&mut visitor, "/").await;
    assert!(
        request
            .xml
            .contains("<saml:AuthnContextClassRef>https://refeds.org/profile/mfa<")
    );
    let mut response = stage.idp.answer(&request);
    response.statement().context = Some("https://refeds.org/profile/mfa".to_owned());
    let xml = stage.idp.write(&response);
    let answer = stage.carry(&mut visitor, xml, Some(&request.relay_state)).await;
    stage.accepted(&mut visitor, &answer, "/").await;
}

#[tokio::test]
async fn a_sign_in_of_before_is_authn_age_where_a_fresh_one_was_asked_for() {
    let stage = Stage::set("force_authn = true\nclock_skew = \"10s\"").await;
    stage
        .refuses(&[(
            "an hour ago",
            "authn.age",
            Parts(|response| response.statement().authn_instant = at(-3600)),
        )])
        .await;

    let mut visitor = stage.gateway.visitor();
    let request = stage.begin(&mut visitor, "/").await;
    assert!(
        request.xml.contains("ForceAuthn=\"true\""),
        "{}",
        request.xml
    );
    let mut response = stage.idp.answer(&request);
    response.statement().authn_instant = at(0);
    let xml = stage.idp.write(&response);
    let answer = stage.carry(&mut visitor, xml, Some(&request.relay_state)).await;
    stage.accepted(&mut visitor, &answer, "/").await;
}

#[tokio::test]
async fn what_is_no_utc_time_is_time_syntax() {
    let stage = Stage::set("").await;
    let code = "time.syntax";
    stage
        .refuses(&[
            (
                "with an offset",
                code,
                Parts(|response| {
                    response.issue_instant = response.issue_instant.replace('Z', "+00:00");
                }),
            ),
            (
                "without a zone",
                code,
                Parts(|response| {
                    response.issue_instant = response.issue_instant.replace('Z', "");
                }),
            ),
            (
                "a date",
                code,
                Parts(|response| {
                    response.conditions().not_on_or_after = Some("2037-01-01".to_owned());
                }),
            ),
            (
                "24 o'clock",
                code,
                Parts(|response| {
                    response.conditions().not_on_or_after = Some("2037-01-01T24:00:00Z".to_owned());
                }),
            ),
            (
                "a leap second",
                code,
                Parts(|response| {
                    response.conditions().not_on_or_after = Some("2037-12-31T23:59:60Z".to_owned());
                }),
            ),
            (
                "29 February of another year",
                code,
                Parts(|response| {
                    response.conditions().not_on_or_after = Some("2037-02-29T00:00:00Z".to_owned());
                }),
            ),
            (
                "the year 10000",
                code,
                Parts(|response| {
                    response.conditions().not_on_or_after =
                        Some("10000-01-01T00:00:00Z".to_owned());
                }),
            ),
            (
                "before 1970",
                code,
                Parts(|response| {
                    response.conditions().not_before = Some("1969-12-31T23:59:59Z".to_owned());
                }),
            ),
            (
                "ten digits of a second",
                code,
                Parts(|response| {
                    response.assertion().issue_instant = at(0).replace('Z', ".0123456789Z");
                }),
            ),
            (
                "white space around it",
                code,
                Parts(|response| {
                    response.statement().authn_instant = format!(" {}", at(0));
                }),
            ),
            (
                "a number",
                code,
                Parts(|response| {
                    response.confirmation().not_on_or_after = Some("2114380800".to_owned());
                }),
            ),
            (
                "empty",
                code,
                Parts(|response| {
                    response.statement().session_not_on_or_after = Some(String::new());
                }),
            ),
        ])
        .await;
}
