//! The ways to the ACS: from this browser, from another one, from the portal, twice, too late.

use super::{NOWHERE, Stage, begin};
use crate::support::gateway::{Gateway, Setup};
use crate::support::http::Answer;
use crate::support::idp::{self, TestIdp};

#[tokio::test]
async fn an_answer_to_another_browsers_request_is_proto_in_response_to() {
    let stage = Stage::set("").await;
    let mut alice = stage.gateway.visitor();
    let request = stage.begin(&mut alice, "/secret-plans").await;
    let xml = stage.idp.write(&stage.idp.answer(&request));

    // Login CSRF: mallory's answer in bob's browser, with and without a login of bob's own.
    let mut bob = stage.gateway.visitor();
    for _ in 0..2 {
        for relay_state in [Some(request.relay_state.as_str()), None] {
            let answer = stage.carry(&mut bob, &xml, relay_state).await;
            stage.refused(&answer, "proto.in_response_to").await.unwrap();
            assert!(!answer.text().contains("secret-plans"));
        }
        stage.begin(&mut bob, "/").await;
    }

    // It is still there for the browser that asked.
    let answer = stage.carry(&mut alice, &xml, Some(&request.relay_state)).await;
    stage.accepted(&mut alice, &answer, "/secret-plans").await;
}

#[tokio::test]
async fn a_browser_that_keeps_no_cookies_is_proto_in_response_to() {
    let stage = Stage::set("").await;
    let mut visitor = stage.gateway.visitor();
    let request = stage.begin(&mut visitor, "/").await;
    visitor.forget();
    let xml = stage.idp.write(&stage.idp.answer(&request));
    let answer = stage.carry(&mut visitor, xml, Some(&request.relay_state)).await;
    stage.refused(&answer, "proto.in_response_to").await.unwrap();
    let reason = stage.newest_detail("reason").await.unwrap();
    assert!(reason.contains("no login cookie"), "{reason}");
}

#[tokio::test]
async fn a_request_is_answered_once() {
    let stage = Stage::set("").await;
    let mut visitor = stage.gateway.visitor();
    let request = stage.begin(&mut visitor, "/once").await;
    let wrong = stage.idp.write(&{
        let mut response = stage.idp.answer(&request);
        response.destination = Some("https://other.example.com/".to_owned());
        response
    });
    let answer = stage.carry(&mut visitor, wrong, Some(&request.relay_state)).await;
    stage.refused(&answer, "proto.destination").await.unwrap();
    // The one that is right comes too late: whatever came first has used the request up.
    let right = stage.idp.write(&stage.idp.answer(&request));
    for relay_state in [Some(request.relay_state.as_str()), None] {
        let answer = stage.carry(&mut visitor, &right, relay_state).await;
        stage.refused(&answer, "proto.in_response_to").await.unwrap();
    }
}

#[tokio::test]
async fn the_sixth_open_request_of_a_browser_ends_the_first() {
    let stage = Stage::set("").await;
    let mut visitor = stage.gateway.visitor();
    let mut requests = Vec::new();
    for page in ["/1", "/2", "/3", "/4", "/5", "/6"] {
        requests.push((page, stage.begin(&mut visitor, page).await));
    }
    let first = requests.remove(0).1;
    let xml = stage.idp.write(&stage.idp.answer(&first));
    let answer = stage.carry(&mut visitor, xml, Some(&first.relay_state)).await;
    stage.refused(&answer, "proto.in_response_to").await.unwrap();
    for (page, request) in requests {
        let xml = stage.idp.write(&stage.idp.answer(&request));
        let answer = stage.carry(&mut visitor, xml, Some(&request.relay_state)).await;
        stage.accepted(&mut visitor, &answer, page).await;
    }
}

#[tokio::test]
async fn a_request_of_sixteen_minutes_ago_is_proto_in_response_to() {
    let stage = Stage::set("").await;
    let mut visitor = stage.gateway.visitor();
    let request = stage.begin(&mut visitor, "/late").await;
    // The only clock that can be stepped from outside is the one in the database.
    let file = stage.gateway.folder().join("data/samlgate.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let writer = sqlx::SqlitePool::connect_with(options).await.unwrap();
    sqlx::query("UPDATE pending_login SET created_at = created_at - 16 * 60 * 1000000")
        .execute(&writer)
        .await
        .unwrap();
    let xml = stage.idp.write(&stage.idp.answer(&request));
    let answer = stage.carry(&mut visitor, xml, Some(&request.relay_state)).await;
    stage.refused(&answer, "proto.in_response_to").await.unwrap();
    let again = "href=\"/.samlgate/sign_in?rd=/late\"";
    assert!(answer.text().contains(again), "{}", answer.text());
}

#[tokio::test]
async fn a_stale_answer_with_a_valid_session_goes_on_to_the_page() {
    let stage = Stage::set("").await;
    let mut visitor = stage.gateway.visitor();
    let page = "/reports?page=2";
    let request = stage.begin(&mut visitor, page).await;
    let xml = stage.idp.write(&stage.idp.answer(&request));
    let answer = stage.carry(&mut visitor, &xml, Some(&request.relay_state)).await;
    stage.accepted(&mut visitor, &answer, page).await;
    let session = visitor.cookie(&stage.gateway.url("/"), "__Host-samlgate");

    // Loading the page again sends the same bytes.
    let answer = stage.carry(&mut visitor, &xml, Some(&request.relay_state)).await;
    stage.accepted(&mut visitor, &answer, page).await;
    assert_eq!(
        visitor.cookie(&stage.gateway.url("/"), "__Host-samlgate"),
        session
    );
    let attempts = stage.gateway.login_attempts().await;
    let codes: Vec<_> = attempts.iter().map(|attempt| attempt.code.as_deref()).collect();
    assert_eq!(codes, [None, Some("proto.in_response_to")]);

    // In another browser the same bytes open nothing and lead nowhere.
    let mut thief = stage.gateway.visitor();
    let answer = stage.carry(&mut thief, &xml, Some(&request.relay_state)).await;
    stage.refused(&answer, "proto.in_response_to").await.unwrap();
}

#[tokio::test]
async fn a_refusal_of_the_message_itself_never_goes_on() {
    let stage = Stage::set("").await;
    let mut visitor = stage.gateway.visitor();
    let request = stage.begin(&mut visitor, "/").await;
    let xml = stage.idp.write(&stage.idp.answer(&request));
    let answer = stage.carry(&mut visitor, &xml, Some(&request.relay_state)).await;
    stage.accepted(&mut visitor, &answer, "/").await;

    let request = stage.begin(&mut visitor, "/").await;
    let xml = stage.idp.write(&stage.idp.answer(&request)).replace("alice@", "bob@");
    let answer = stage.carry(&mut visitor, &xml, Some(&request.relay_state)).await;
    stage.refused(&answer, "sig.digest").await.unwrap();
    // And the session is the one that it was.
    assert_eq!(stage.user(&mut visitor).await, "alice@example.com");
}

#[tokio::test]
async fn the_same_assertion_in_another_response_is_proto_replay() {
    let stage = Stage::set("").await;
    let mut alice = stage.gateway.visitor();
    let request = stage.begin(&mut alice, "/").await;
    let first = stage.idp.answer(&request);
    let xml = stage.idp.write(&first);
    let answer = stage.carry(&mut alice, xml, Some(&request.relay_state)).await;
    stage.accepted(&mut alice, &answer, "/").await;

    let mut other = stage.gateway.visitor();
    let request = stage.begin(&mut other, "/").await;
    let mut second = stage.idp.answer(&request);
    second.assertion().id.clone_from(&first.assertions[0].id);
    let xml = stage.idp.write(&second);
    let answer = stage.carry(&mut other, xml, Some(&request.relay_state)).await;
    stage.refused(&answer, "proto.replay").await.unwrap();
}

#[tokio::test]
async fn an_answer_that_nobody_asked_for_is_proto_unsolicited() {
    let stage = Stage::set("").await;
    for relay_state in [None, Some("/reports"), Some("https://evil.example/")] {
        let response = stage.idp.unsolicited(&stage.gateway.url(""));
        let mut visitor = stage.gateway.visitor();
        let answer = stage.carry(&mut visitor, stage.idp.write(&response), relay_state).await;
        stage.refused(&answer, "proto.unsolicited").await.unwrap();
        assert!(!answer.text().contains("evil"));
    }
}

#[tokio::test]
async fn the_portal_leads_to_its_page_and_never_elsewhere() {
    let stage = Stage::set("allow_idp_initiated = true\nlanding = \"/home\"").await;
    let own = stage.gateway.url("/reports?q=1#top");
    for (relay_state, page) in [
        (None, "/home"),
        (Some(""), "/home"),
        (Some("/reports?week=47"), "/reports?week=47"),
        (Some(own.as_str()), "/reports?q=1#top"),
        (Some("https://evil.example/"), "/home"),
        (Some("//evil.example/"), "/home"),
        (Some("/\\evil.example/"), "/home"),
        (Some("\\\\evil.example"), "/home"),
        (Some("https://localhost@evil.example/"), "/home"),
        (Some("javascript:alert(1)"), "/home"),
        (Some("reports"), "/home"),
        (Some("/a\r\nSet-Cookie: x=y"), "/home"),
        (Some("/.samlgate/sign_out"), "/home"),
        (Some("/saml/acs"), "/home"),
    ] {
        let response = stage.idp.unsolicited(&stage.gateway.url(""));
        let mut visitor = stage.gateway.visitor();
        let xml = stage.idp.write(&response);
        let answer = stage.carry(&mut visitor, &xml, relay_state).await;
        stage.accepted(&mut visitor, &answer, page).await;

        let mut thief = stage.gateway.visitor();
        let answer = stage.carry(&mut thief, &xml, relay_state).await;
        stage.refused(&answer, "proto.replay").await.unwrap();
    }
}

#[tokio::test]
async fn from_the_portal_an_answer_answers_nothing() {
    let stage = Stage::set("allow_idp_initiated = true").await;
    // A request that was never ours, on the Response and on the confirmation alone.
    for place in 0..2 {
        let mut response = stage.idp.unsolicited(&stage.gateway.url(""));
        match place {
            0 => response.in_response_to = Some("_never".to_owned()),
            _ => response.confirmation().in_response_to = Some("_never".to_owned()),
        }
        let mut visitor = stage.gateway.visitor();
        let answer = stage.carry(&mut visitor, stage.idp.write(&response), None).await;
        stage.refused(&answer, "proto.in_response_to").await.unwrap();
    }
    // Somebody else's request does not become a portal's by leaving RelayState away.
    let mut alice = stage.gateway.visitor();
    let request = stage.begin(&mut alice, "/").await;
    let xml = stage.idp.write(&stage.idp.answer(&request));
    let mut bob = stage.gateway.visitor();
    let answer = stage.carry(&mut bob, xml, None).await;
    stage.refused(&answer, "proto.in_response_to").await.unwrap();
}

#[tokio::test]
async fn an_issuer_that_nobody_imported_is_idp_unknown() {
    let stage = Stage::set("allow_idp_initiated = true").await;
    let stranger = TestIdp::new("stranger");
    let response = stranger.unsolicited(&stage.gateway.url(""));
    let mut visitor = stage.gateway.visitor();
    let answer = stage.carry(&mut visitor, stranger.write(&response), None).await;
    stage.refused(&answer, "idp.unknown").await.unwrap();

    let answer = visitor.get(&stage.gateway.url("/.samlgate/start?idp=stranger")).await;
    assert_eq!(answer.status, 403);
    stage.gateway.has_logged("\"idp.unknown\"", 2).await;
}

/// `corp` and `partner`, both from the portal too; `old` is switched off.
async fn three() -> (Stage, TestIdp, TestIdp) {
    let (corp, partner, old) = (
        TestIdp::new("corp"),
        TestIdp::new("partner"),
        TestIdp::new("old"),
    );
    let portal = "allow_idp_initiated = true";
    let gateway = Setup::https()
        .quick_key()
        .idp("corp", &corp.metadata_file(), portal)
        .idp("partner", &partner.metadata_file(), portal)
        .idp(
            "old",
            &old.metadata_file(),
            "enabled = false\nallow_idp_initiated = true",
        )
        .route(NOWHERE, "")
        .start()
        .await;
    let records = gateway.database().await;
    (Stage { gateway, idp: corp, records }, partner, old)
}

#[tokio::test]
async fn an_answer_of_another_identity_provider_is_proto_mix_up() {
    let (stage, partner, _) = three().await;
    for keep_relay_state in [true, false] {
        let mut visitor = stage.gateway.visitor();
        let request = stage.begin(&mut visitor, "/").await;
        let response = partner.answer(&request);
        let relay_state = keep_relay_state.then_some(request.relay_state.as_str());
        let answer = stage.carry(&mut visitor, partner.write(&response), relay_state).await;
        stage.refused(&answer, "proto.mix_up").await.unwrap();
    }
    // Under the name of the one that was asked, with the other one's key.
    let mut visitor = stage.gateway.visitor();
    let request = stage.begin(&mut visitor, "/").await;
    let response = stage.idp.answer(&request);
    let answer = stage
        .carry(
            &mut visitor,
            partner.write(&response),
            Some(&request.relay_state),
        )
        .await;
    stage.refused(&answer, "sig.invalid").await.unwrap();
    // The Response under one name, the Assertion inside under the other.
    let request = stage.begin(&mut visitor, "/").await;
    let mut response = stage.idp.answer(&request);
    response.assertion().issuer = partner.answer(&request).issuer.unwrap();
    let answer = stage
        .carry(
            &mut visitor,
            stage.idp.write(&response),
            Some(&request.relay_state),
        )
        .await;
    stage.refused(&answer, "proto.issuer").await.unwrap();
}

#[tokio::test]
async fn a_person_of_another_identity_provider_with_the_same_name_is_user_conflict() {
    let (stage, partner, _) = three().await;
    let own = stage.gateway.url("");
    let mut alice = stage.gateway.visitor();
    let xml = stage.idp.write(&stage.idp.unsolicited(&own));
    let answer = stage.carry(&mut alice, xml, None).await;
    stage.accepted(&mut alice, &answer, "/").await;

    let mut other = stage.gateway.visitor();
    let answer = stage.carry(&mut other, partner.write(&partner.unsolicited(&own)), None).await;
    stage.refused(&answer, "user.conflict").await.unwrap();
    assert_eq!(stage.user(&mut other).await, "");
}

#[tokio::test]
async fn an_identity_provider_that_is_switched_off_is_idp_disabled() {
    let (stage, _, old) = three().await;
    let mut visitor = stage.gateway.visitor();
    let response = old.unsolicited(&stage.gateway.url(""));
    let answer = stage.carry(&mut visitor, old.write(&response), None).await;
    stage.refused(&answer, "idp.disabled").await.unwrap();

    let answer = visitor.get(&stage.gateway.url("/.samlgate/start?idp=old")).await;
    assert_eq!(answer.status, 403);
    stage.gateway.has_logged("\"idp.disabled\"", 2).await;
}

#[tokio::test]
async fn two_tabs_with_two_identity_providers_each_reach_their_page() {
    let (stage, partner, _) = three().await;
    let mut visitor = stage.gateway.visitor();
    let first = stage.begin(&mut visitor, "/first").await;
    let second = begin(&stage.gateway, &partner, "partner", &mut visitor, "/second").await;
    let mut response = partner.answer(&second);
    response.about("alice@partner.example.com");
    let answer = stage
        .carry(
            &mut visitor,
            partner.write(&response),
            Some(&second.relay_state),
        )
        .await;
    assert_eq!(location(&answer), "/second");
    assert_eq!(stage.user(&mut visitor).await, "alice@partner.example.com");
    let xml = stage.idp.write(&stage.idp.answer(&first));
    let answer = stage.carry(&mut visitor, xml, Some(&first.relay_state)).await;
    stage.accepted(&mut visitor, &answer, "/first").await;
    assert_eq!(
        sessions(&stage.gateway).await,
        1,
        "the second replaced the first"
    );
}

#[tokio::test]
async fn wherever_a_sign_in_is_to_lead_it_stays_on_this_site() {
    let stage = Stage::set("").await;
    for (page, landing) in [
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("/.samlgate/sign_out", "/"),
        ("", "/"),
        (
            "/reports?x=%2F%2Fevil.example",
            "/reports?x=%2F%2Fevil.example",
        ),
    ] {
        let mut visitor = stage.gateway.visitor();
        let request = stage.begin(&mut visitor, page).await;
        let xml = stage.idp.write(&stage.idp.answer(&request));
        let fields = idp::fields(xml, Some(&request.relay_state));
        let answer = visitor.send(idp::post(&stage.acs(), &fields)).await;
        stage.accepted(&mut visitor, &answer, landing).await;
    }
}

fn location(answer: &Answer) -> &str {
    assert_eq!(answer.status, 303, "{}", answer.text());
    answer.header("location")
}

async fn sessions(gateway: &Gateway) -> i64 {
    let query = sqlx::query_scalar("SELECT count(*) FROM session");
    query.fetch_one(&gateway.database().await).await.unwrap()
}

#[tokio::test]
async fn an_address_of_another_identity_provider_s_people_is_user_conflict() {
    let (corp, partner) = (TestIdp::new("corp"), TestIdp::new("partner"));
    let gateway = Setup::https()
        .quick_key()
        .idp("corp", &corp.metadata_file(), "")
        .idp(
            "partner",
            &partner.metadata_file(),
            "email_domains = [\"example.com\"]",
        )
        .route(NOWHERE, "")
        .start()
        .await;
    let records = gateway.database().await;
    let stage = Stage { gateway, idp: corp, records };
    let mut visitor = stage.gateway.visitor();
    let request = stage.begin(&mut visitor, "/").await;
    let xml = stage.idp.write(&stage.idp.answer(&request));
    assert!(xml.contains("alice@example.com"), "{xml}");
    let answer = stage.carry(&mut visitor, xml, Some(&request.relay_state)).await;
    stage.refused(&answer, "user.conflict").await.unwrap();
}
