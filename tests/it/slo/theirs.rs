//! The identity provider signs somebody out.

use std::time::Duration;

use http::Method;
use samlgate::dsig::SigningKey;
use samlgate::saml::NameId;

use super::{ALL, Asking, By, Stage, WAYS, name_id, now};
use crate::support::http::Ask;
use crate::support::idp;
use crate::support::idp::TestIdp;

#[tokio::test]
async fn a_request_by_each_way_ends_the_session_without_any_cookie_and_is_answered() {
    let stage = Stage::set().await;
    for by in WAYS {
        let (mut alice, mut bob) = (
            stage.alice().await,
            stage.person("bob@example.com", "_s1").await,
        );
        let asking = Asking { relay_state: Some("their state"), ..stage.asking() };
        let answer = stage.ask(&asking, by).await;
        let (status, relay_state) = stage.said(&answer, &asking.id).await;
        assert_eq!(status, "Success", "{by:?}");
        if by != By::Soap {
            assert_eq!(relay_state.as_deref(), Some("their state"), "{by:?}");
        }
        // As an identity provider shows it in a frame.
        assert!(!answer.headers.contains_key("x-frame-options"), "{by:?}");
        let policy = answer.header("content-security-policy");
        assert!(!policy.contains("frame-ancestors"), "{policy}");
        assert_eq!(policy.contains("form-action"), by == By::Post, "{policy}");
        assert!(!answer.headers.contains_key("set-cookie"));

        assert!(!stage.is_signed_in(&mut alice).await, "{by:?}");
        assert!(stage.is_signed_in(&mut bob).await, "{by:?}");
        assert_eq!(stage.audited("logout.accepted").await[0], "ok");
        let event = stage.newest("logout.accepted").await;
        assert_eq!(
            event["detail"]["sessions"].as_array().unwrap().len(),
            1,
            "{event}"
        );
        let ended = stage.newest("session.ended").await;
        assert_eq!(ended["detail"]["reason"], "slo", "{ended}");
    }
}

#[tokio::test]
async fn whoever_has_no_session_is_signed_out_by_success() {
    let stage = Stage::set().await;
    let mut alice = stage.alice().await;
    for by in WAYS {
        for asking in [
            Asking { name_id: name_id("nobody@example.com"), ..stage.asking() },
            Asking { indexes: vec!["_other".to_owned()], ..stage.asking() },
            Asking {
                name_id: NameId {
                    format: Some(NameId::PERSISTENT.to_owned()),
                    ..name_id("alice@example.com")
                },
                ..stage.asking()
            },
            Asking {
                name_id: NameId {
                    name_qualifier: Some("https://other.example.com".to_owned()),
                    ..name_id("nobody@example.com")
                },
                ..stage.asking()
            },
        ] {
            let answer = stage.ask(&asking, by).await;
            assert_eq!(stage.said(&answer, &asking.id).await.0, "Success");
            let event = stage.newest("logout.accepted").await;
            assert_eq!(event["detail"]["sessions"].as_array().unwrap().len(), 0);
        }
    }
    assert!(stage.is_signed_in(&mut alice).await);
}

#[tokio::test]
async fn without_a_session_index_all_sessions_of_a_person_end_and_with_several_those() {
    let stage = Stage::set().await;
    let mut people = Vec::new();
    for index in ["_s1", "_s2", "_s3"] {
        people.push(stage.person("alice@example.com", index).await);
    }
    let indexes = ["_s1", "_s3", "_gone"].map(str::to_owned).to_vec();
    let asking = Asking { indexes, ..stage.asking() };
    let answer = stage.ask(&asking, By::Soap).await;
    assert_eq!(stage.said(&answer, &asking.id).await.0, "Success");
    let mut live = Vec::new();
    for person in &mut people {
        live.push(stage.is_signed_in(person).await);
    }
    assert_eq!(live, [false, true, false]);
    let asking = Asking { indexes: Vec::new(), ..stage.asking() };
    stage.ask(&asking, By::Redirect).await;
    assert!(!stage.is_signed_in(&mut people[1]).await);
}

/// Each of these changes nothing; the identity provider is told, the audit has the code.
#[tokio::test]
async fn each_wrong_request_has_its_code_and_ends_nothing() {
    let stage = Stage::set().await;
    let mut alice = stage.alice().await;
    let hour = Duration::from_secs(3600);
    let elsewhere = "https://other.example.com/saml/slo".to_owned();
    let cases = [
        (
            "time.expired",
            "Requester",
            Asking { not_on_or_after: now().minus(hour), ..stage.asking() },
        ),
        (
            "time.issue_instant",
            "Requester",
            Asking { issued: now().minus(hour), ..stage.asking() },
        ),
        (
            "time.issue_instant",
            "Requester",
            Asking { issued: now().plus(hour), ..stage.asking() },
        ),
        (
            "proto.destination",
            "Requester",
            Asking { destination: Some(elsewhere), ..stage.asking() },
        ),
    ];
    for (code, status, asking) in cases {
        for by in WAYS {
            let answer = stage.ask(&asking, by).await;
            assert_eq!(
                stage.said(&answer, &asking.id).await.0,
                status,
                "{code} {by:?}"
            );
            assert_eq!(stage.audited("logout.refused").await[0], code, "{by:?}");
            assert!(stage.is_signed_in(&mut alice).await, "{code} {by:?}");
        }
    }
}

#[tokio::test]
async fn forged_and_unsigned_requests_end_nothing() {
    let stage = Stage::set().await;
    let mut alice = stage.alice().await;
    let mallory = SigningKey::generate_ec("mallory", now()).unwrap();
    for by in WAYS {
        let asking = stage.asking();
        let xml = asking.xml(&stage.address(by), &stage.key);
        let forged = if by == By::Redirect {
            "binding.query_signature"
        } else {
            "sig.invalid"
        };
        for (key, code) in [(Some(&mallory), forged), (None, "sig.missing")] {
            let answer = stage.carry(&xml, &asking.id, None, by, key).await;
            let (status, _) = stage.said(&answer, &asking.id).await;
            assert_eq!(status, "Requester/RequestDenied", "{code} {by:?}");
            assert_eq!(stage.audited("logout.refused").await[0], code, "{by:?}");
            assert!(stage.is_signed_in(&mut alice).await, "{code} {by:?}");
        }
    }
    // Signed, then changed.
    let asking = Asking { name_id: name_id("carol@example.com"), ..stage.asking() };
    let xml = asking.xml(&stage.slo(), &stage.key);
    let signed = samlgate::dsig::sign_enveloped(
        &xml,
        &asking.id,
        &stage.key,
        samlgate::dsig::Place::AfterIssuer,
    );
    let changed = signed.unwrap().replace("carol@", "alice@");
    let answer = stage.carry(&changed, &asking.id, None, By::Post, None).await;
    assert_eq!(
        stage.said(&answer, &asking.id).await.0,
        "Requester/RequestDenied"
    );
    assert_eq!(stage.audited("logout.refused").await[0], "sig.digest");
    assert!(stage.is_signed_in(&mut alice).await);
}

#[tokio::test]
async fn a_request_counts_once() {
    let stage = Stage::set().await;
    for by in WAYS {
        let mut alice = stage.alice().await;
        let asking = stage.asking();
        stage.ask(&asking, by).await;
        assert!(!stage.is_signed_in(&mut alice).await, "{by:?}");
        // She signs in again, and somebody sends it again, by whichever way.
        let mut alice = stage.alice().await;
        let answer = stage.ask(&asking, by).await;
        assert_eq!(
            stage.said(&answer, &asking.id).await.0,
            "Requester/RequestDenied"
        );
        assert_eq!(
            stage.audited("logout.refused").await[0],
            "proto.replay",
            "{by:?}"
        );
        assert!(stage.is_signed_in(&mut alice).await, "{by:?}");
        stage.ask(&stage.asking(), By::Soap).await;
    }
}

/// What a database says when its disk is full, or a moment before it is there again.
async fn fails_at(stage: &Stage, what: &str) -> sqlx::SqlitePool {
    let file = stage.gateway.folder().join("data/samlgate.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let database = sqlx::SqlitePool::connect_with(options).await.unwrap();
    let trigger = format!("CREATE TRIGGER away {what} BEGIN SELECT RAISE(ABORT, 'away'); END");
    sqlx::query(sqlx::AssertSqlSafe(trigger)).execute(&database).await.unwrap();
    database
}

async fn is_back(database: sqlx::SqlitePool) {
    sqlx::query("DROP TRIGGER away").execute(&database).await.unwrap();
    database.close().await;
}

#[tokio::test]
async fn a_request_that_the_store_could_not_follow_counts_when_it_comes_again() {
    let stage = Stage::set().await;
    for by in WAYS {
        let mut alice = stage.alice().await;
        let asking = stage.asking();
        let database = fails_at(&stage, "BEFORE DELETE ON session").await;
        let answer = stage.ask(&asking, by).await;
        assert_eq!(
            stage.said(&answer, &asking.id).await.0,
            "Responder",
            "{by:?}"
        );
        assert_eq!(
            stage.audited("logout.refused").await[0],
            "store.unavailable"
        );
        is_back(database).await;
        assert!(stage.is_signed_in(&mut alice).await, "{by:?}");
        // What they send again is the same request.
        let answer = stage.ask(&asking, by).await;
        assert_eq!(stage.said(&answer, &asking.id).await.0, "Success", "{by:?}");
        assert!(!stage.is_signed_in(&mut alice).await, "{by:?}");
        // And then never more.
        let mut alice = stage.alice().await;
        let answer = stage.ask(&asking, by).await;
        assert_eq!(
            stage.said(&answer, &asking.id).await.0,
            "Requester/RequestDenied"
        );
        assert!(stage.is_signed_in(&mut alice).await, "{by:?}");
        stage.ask(&stage.asking(), By::Soap).await;
    }
}

#[tokio::test]
async fn sessions_end_by_a_request_that_can_not_be_noted_as_used() {
    let stage = Stage::set().await;
    let mut alice = stage.alice().await;
    let asking = stage.asking();
    let database = fails_at(&stage, "BEFORE INSERT ON one_use").await;
    let answer = stage.ask(&asking, By::Soap).await;
    assert_eq!(stage.said(&answer, &asking.id).await.0, "Success");
    assert!(!stage.is_signed_in(&mut alice).await);
    assert_eq!(stage.audited("logout.accepted").await[0], "ok");
    stage.gateway.has_logged("can not be noted as used", 1).await;
    is_back(database).await;
}

#[tokio::test]
async fn somebody_who_is_not_known_is_not_answered() {
    let stage = Stage::set().await;
    let mut alice = stage.alice().await;
    let asking = Asking {
        issuer: "https://idp.example.com/other".to_owned(),
        ..stage.asking()
    };
    for by in WAYS {
        let answer = stage.ask(&asking, by).await;
        assert_eq!(
            stage.audited("logout.refused").await[0],
            "idp.unknown",
            "{by:?}"
        );
        if by == By::Soap {
            assert_eq!(answer.status, 500);
            assert!(
                answer.text().contains("<faultcode>soap:Client</faultcode>"),
                "{}",
                answer.text()
            );
        } else {
            assert!(
                answer.text().contains("This did not sign you out."),
                "{}",
                answer.text()
            );
            assert_eq!(stage.gateway.code_of(&answer).await, "idp.unknown");
        }
    }
    assert!(stage.is_signed_in(&mut alice).await);
}

#[tokio::test]
async fn what_is_no_logout_message_has_its_code() {
    let stage = Stage::set().await;
    let mut visitor = stage.gateway.visitor();
    let slo = stage.slo();
    let get = |query: &str| Ask::new(Method::GET, &format!("{slo}{query}")).navigating();
    let post = |fields: &[(&str, &str)]| {
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Ask::new(Method::POST, &slo).navigating().form(&fields)
    };
    for (ask, code) in [
        (get(""), "binding.query"),
        (get("?SAMLRequest=eJyzSdS3AwACHwDz"), "binding.inflate"),
        (
            get("?SAMLRequest=s0nUtwMA&SAMLResponse=s0nUtwMA"),
            "binding.query",
        ),
        (get("?SAMLRequest=s0nUtwMA"), "idp.unknown"),
        (post(&[]), "binding.params"),
        (post(&[("SAMLRequest", "PGEvPg")]), "binding.base64"),
        (post(&[("SAMLRequest", "PGE+")]), "xml.syntax"),
        (
            post(&[("SAMLRequest", "PGEvPg=="), ("SAMLResponse", "PGEvPg==")]),
            "binding.params",
        ),
        (
            Ask::new(Method::POST, &slo).navigating().body("x"),
            "binding.method",
        ),
    ] {
        let answer = visitor.send(ask).await;
        assert_eq!(stage.gateway.code_of(&answer).await, code);
        assert_eq!(stage.audited("logout.refused").await[0], code);
        assert!(answer.text().contains("This did not sign you out."));
    }
    let put = visitor.send(Ask::new(Method::PUT, &slo)).await;
    assert_eq!(
        (put.status.as_u16(), put.header("allow")),
        (405, "GET, POST")
    );
    for (body, code) in [("", "xml.syntax"), ("<a/>", "binding.soap")] {
        let answer = visitor.send(Ask::new(Method::POST, &stage.soap()).body(body)).await;
        assert_eq!(answer.status, 500);
        assert_eq!(stage.audited("logout.refused").await[0], code);
    }
    assert_eq!(visitor.get(&stage.soap()).await.status, 405);
}

#[tokio::test]
async fn entra_may_ask_under_its_other_name() {
    let sts = "https://sts.windows.net/0a1b2c3d-0000-4000-8000-0123456789ab/";
    let stage = Stage::with(TestIdp::new("corp").called(sts).with_logout(ALL)).await;
    let mut alice = stage.alice().await;
    let issuer = sts.replace("sts.windows.net", "login.microsoftonline.com");
    let asking = Asking { issuer, ..stage.asking() };
    let answer = stage.ask(&asking, By::Redirect).await;
    assert_eq!(stage.said(&answer, &asking.id).await.0, "Success");
    assert!(!stage.is_signed_in(&mut alice).await);
    // It takes no POST, whatever its metadata lists.
    let asking = stage.asking();
    let answer = stage.ask(&asking, By::Post).await;
    assert_eq!(answer.status, 303);
    assert_eq!(stage.said(&answer, &asking.id).await.0, "Success");
}

#[tokio::test]
async fn an_answer_that_has_no_address_is_a_page() {
    let stage = Stage::with(TestIdp::new("corp").with_logout(&["SOAP"])).await;
    let mut alice = stage.alice().await;
    // Nobody but the person reads it: that something is refused, too.
    let mallory = SigningKey::generate_ec("mallory", now()).unwrap();
    for by in [By::Redirect, By::Post] {
        let forged = if by == By::Redirect {
            "binding.query_signature"
        } else {
            "sig.invalid"
        };
        for (key, code) in [(None, "sig.missing"), (Some(&mallory), forged)] {
            let asking = stage.asking();
            let xml = asking.xml(&stage.address(by), &stage.key);
            let answer = stage.carry(&xml, &asking.id, None, by, key).await;
            assert_eq!(answer.status, 403, "{code}");
            assert!(
                answer.text().contains("This did not sign you out"),
                "{}",
                answer.text()
            );
            assert_eq!(stage.audited("logout.refused").await[0], code, "{by:?}");
            assert!(stage.is_signed_in(&mut alice).await, "{code}");
        }
    }
    let answer = stage.ask(&stage.asking(), By::Redirect).await;
    assert_eq!(answer.status, 200);
    assert!(
        answer.text().contains("corp has signed you out"),
        "{}",
        answer.text()
    );
    assert!(!stage.is_signed_in(&mut alice).await);
}

#[tokio::test]
async fn a_session_that_was_signed_in_for_again_ends_by_each_of_its_indexes() {
    let stage = Stage::set().await;
    for index in ["_s1", "_s2"] {
        let mut alice = stage.alice().await;
        let again = stage.gateway.url("/.samlgate/start?idp=corp&rd=/&force=1");
        let request = stage.idp.read(&alice.get(&again).await);
        let response = stage.idp.answer(&request);
        let xml = response.to_xml().replace("SessionIndex=\"_s1\"", "SessionIndex=\"_s2\"");
        let fields = idp::fields(stage.idp.sign(&response, xml), Some(&request.relay_state));
        let acs = request.attribute("AssertionConsumerServiceURL");
        assert_eq!(alice.send(idp::post(&acs, &fields)).await.status, 303);
        assert!(stage.is_signed_in(&mut alice).await);
        let asking = Asking { indexes: vec![index.to_owned()], ..stage.asking() };
        let answer = stage.ask(&asking, By::Soap).await;
        assert_eq!(stage.said(&answer, &asking.id).await.0, "Success");
        assert!(!stage.is_signed_in(&mut alice).await, "{index}");
    }
}
