//! Single logout at the addresses of `mod_shib` and `mod_auth_mellon`, which the identity provider has
//! known all along.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use samlgate::dsig::{Place, SigningKey, sign_enveloped};
use samlgate::saml::binding::{redirect, soap};
use samlgate::saml::logout::LogoutAnswer;

use super::ours::{asked, sign_out};
use super::{ALL, Asking, At, By, Stage, WAYS, now};
use crate::support::http::Visitor;
use crate::support::idp::TestIdp;

const FAMILIES: [At; 2] = [At::Shibboleth, At::Mellon];

async fn stage() -> Stage {
    let idp = TestIdp::new("corp").with_logout(ALL);
    Stage::prepared(idp, |setup| {
        setup.set("saml", "legacy_paths = [\"shibboleth\", \"mellon\"]")
    })
    .await
}

/// Where a message may be meant to go.
fn addresses(stage: &Stage) -> Vec<String> {
    let paths = [
        "/saml/slo",
        "/saml/slo/soap",
        "/Shibboleth.sso/SLO/Redirect",
        "/Shibboleth.sso/SLO/POST",
        "/Shibboleth.sso/SLO/SOAP",
        "/mellon/logout",
    ];
    paths.map(|path| stage.gateway.url(path)).to_vec()
}

#[tokio::test]
async fn a_request_at_each_of_their_addresses_ends_the_session_and_is_answered() {
    let mut stage = stage().await;
    for at in FAMILIES {
        stage.at = at;
        for by in WAYS {
            let (mut alice, mut bob) = (
                stage.alice().await,
                stage.person("bob@example.com", "_s1").await,
            );
            let asking = Asking { relay_state: Some("their state"), ..stage.asking() };
            let answer = stage.ask(&asking, by).await;
            let (status, relay_state) = stage.said(&answer, &asking.id).await;
            assert_eq!(status, "Success", "{at:?} {by:?}");
            if by != By::Soap {
                assert_eq!(relay_state.as_deref(), Some("their state"));
            }
            assert!(!stage.is_signed_in(&mut alice).await, "{at:?} {by:?}");
            assert!(stage.is_signed_in(&mut bob).await, "{at:?} {by:?}");
            assert_eq!(stage.audited("logout.accepted").await[0], "ok");
        }
    }
}

#[tokio::test]
async fn explain_knows_where_a_request_has_come() {
    let mut stage = stage().await;
    for at in [At::Own, At::Shibboleth, At::Mellon] {
        stage.at = at;
        for by in WAYS {
            let asking = stage.asking();
            let xml = asking.xml(&stage.address(by), &stage.key);
            let signed =
                || sign_enveloped(&xml, &asking.id, &stage.key, Place::AfterIssuer).unwrap();
            let message = match by {
                By::Redirect => {
                    let to = stage.address(by);
                    redirect::request_url(&to, &xml, "", Some(&stage.key)).unwrap()
                }
                By::Post => url::form_urlencoded::Serializer::new(String::new())
                    .append_pair("SAMLRequest", &STANDARD.encode(signed()))
                    .finish(),
                By::Soap => soap::envelope(&signed()),
            };
            let file = stage.gateway.folder().join("message");
            std::fs::write(&file, message).unwrap();
            let file = file.to_str().unwrap();
            let explained = stage.gateway.command(&["explain", file]).output().unwrap();
            assert!(explained.status.success(), "{at:?} {by:?} {explained:?}");
        }
    }
}

#[tokio::test]
async fn a_request_for_another_address_of_ours_changes_nothing() {
    let mut stage = stage().await;
    let mut alice = stage.alice().await;
    for at in FAMILIES {
        stage.at = at;
        for by in WAYS {
            let here = stage.address(by);
            for elsewhere in addresses(&stage).into_iter().filter(|address| *address != here) {
                let asking = Asking { destination: Some(elsewhere.clone()), ..stage.asking() };
                let answer = stage.ask(&asking, by).await;
                let (status, _) = stage.said(&answer, &asking.id).await;
                assert_eq!(status, "Requester", "{elsewhere} at {here}");
                assert_eq!(
                    stage.audited("logout.refused").await[0],
                    "proto.destination"
                );
                assert!(
                    stage.is_signed_in(&mut alice).await,
                    "{elsewhere} at {here}"
                );
            }
        }
    }
}

#[tokio::test]
async fn forged_unsigned_late_and_repeated_requests_change_nothing_there() {
    let mut stage = stage().await;
    let mallory = SigningKey::generate_ec("mallory", now()).unwrap();
    for at in FAMILIES {
        stage.at = at;
        for by in WAYS {
            let mut alice = stage.alice().await;
            let asking = stage.asking();
            let xml = asking.xml(&stage.address(by), &stage.key);
            let forged = match by {
                By::Redirect => "binding.query_signature",
                By::Post | By::Soap => "sig.invalid",
            };
            for (key, code) in [(Some(&mallory), forged), (None, "sig.missing")] {
                let answer = stage.carry(&xml, &asking.id, None, by, key).await;
                let (status, _) = stage.said(&answer, &asking.id).await;
                assert_eq!(status, "Requester/RequestDenied", "{code} {at:?} {by:?}");
                assert_eq!(
                    stage.audited("logout.refused").await[0],
                    code,
                    "{at:?} {by:?}"
                );
            }
            let hour = Duration::from_secs(3600);
            let late = Asking { not_on_or_after: now().minus(hour), ..stage.asking() };
            stage.ask(&late, by).await;
            assert_eq!(
                stage.audited("logout.refused").await[0],
                "time.expired",
                "{at:?} {by:?}"
            );
            assert!(stage.is_signed_in(&mut alice).await, "{at:?} {by:?}");

            let asking = stage.asking();
            stage.ask(&asking, by).await;
            assert!(!stage.is_signed_in(&mut alice).await, "{at:?} {by:?}");
            let mut alice = stage.alice().await;
            stage.ask(&asking, by).await;
            assert_eq!(
                stage.audited("logout.refused").await[0],
                "proto.replay",
                "{at:?} {by:?}"
            );
            // What was made for one address is used up at the others.
            let own = Asking { id: asking.id.clone(), ..stage.asking() };
            stage.at = At::Own;
            stage.ask(&own, by).await;
            assert_eq!(
                stage.audited("logout.refused").await[0],
                "proto.replay",
                "{at:?} {by:?}"
            );
            stage.at = at;
            assert!(stage.is_signed_in(&mut alice).await, "{at:?} {by:?}");
        }
    }
}

#[tokio::test]
async fn the_answer_to_our_request_comes_to_their_addresses() {
    let mut stage = stage().await;
    for at in FAMILIES {
        stage.at = at;
        for form in [false, true] {
            let (mut alice, request) = leaves(&stage).await;
            let mut done = stage.answering(&request, LogoutAnswer::Done);
            done.destination = stage.address(if form { By::Post } else { By::Redirect });
            let page = stage.carry_back(&mut alice, &done, form).await;
            let text = page.text();
            assert!(
                text.contains("and so has the one at corp"),
                "{at:?} {form}: {text}"
            );
        }
    }
}

#[tokio::test]
async fn an_answer_for_another_address_or_of_somebody_else_says_nothing_there() {
    let mut stage = stage().await;
    let mallory = SigningKey::generate_ec("mallory", now()).unwrap();
    for at in FAMILIES {
        stage.at = at;
        for form in [false, true] {
            let here = stage.address(if form { By::Post } else { By::Redirect });
            let others = addresses(&stage).into_iter().filter(|address| *address != here);
            let others = others.map(|address| (address, Some(&stage.key), "proto.destination"));
            let forged = if form {
                "sig.invalid"
            } else {
                "binding.query_signature"
            };
            let wrong = [
                (here.clone(), Some(&mallory), forged),
                (here.clone(), None, "sig.missing"),
            ];
            for (destination, key, code) in others.chain(wrong) {
                let (mut alice, request) = leaves(&stage).await;
                let mut answer = stage.answering(&request, LogoutAnswer::Done);
                (answer.destination, answer.key) = (destination, key);
                let page = stage.carry_back(&mut alice, &answer, form).await;
                let text = page.text();
                assert!(
                    !text.contains("and so has the one at corp"),
                    "{code} {at:?}: {text}"
                );
                assert_eq!(
                    stage.audited("logout.refused").await[0],
                    code,
                    "{at:?} {form}"
                );
            }
        }
    }
}

/// Alice signs out here; the ID of our request.
async fn leaves(stage: &Stage) -> (Visitor, String) {
    let mut alice = stage.alice().await;
    let leaving = sign_out(stage, &mut alice, "").await;
    let request = asked(stage, &leaving).await;
    assert!(!stage.is_signed_in(&mut alice).await);
    (alice, request.id)
}
