//! `SAMLart` at the ACS, and what comes of it.

use std::sync::Arc;

use http::Method;
use samlgate::base::Checks;
use samlgate::dsig::{self, Trust};
use samlgate::saml::binding::soap::SoapMessage;

use super::World;
use super::service::{self, Around, Reply};
use crate::support::http::{Answer, Ask, Visitor};
use crate::support::idp::{AuthnRequest, Response, Sign, TestIdp};

const ARTIFACT: &str = "response_binding = \"artifact\"";

async fn world() -> World {
    World::with(ARTIFACT, ARTIFACT, |setup| setup).await
}

/// How a browser brings it.
#[derive(Clone, Copy)]
enum By {
    Query,
    Form,
}

impl World {
    async fn bring(
        &self,
        visitor: &mut Visitor,
        by: By,
        artifact: &str,
        relay_state: Option<&str>,
    ) -> Answer {
        let mut fields = vec![("SAMLart".to_owned(), artifact.to_owned())];
        fields.extend(relay_state.map(|it| ("RelayState".to_owned(), it.to_owned())));
        let acs = self.gateway.url("/saml/acs");
        let page = url::Url::parse("https://idp.example.com/login").unwrap();
        let ask = match by {
            By::Query => {
                let mut url = url::Url::parse(&acs).unwrap();
                url.query_pairs_mut().extend_pairs(&fields);
                Ask::new(Method::GET, url.as_str()).navigating().from(&page)
            }
            By::Form => Ask::new(Method::POST, &acs).navigating().form(&fields).from(&page),
        };
        visitor.send(ask).await
    }

    /// The artifact of an answer of `corp`, and what it is about.
    fn kept(&self, reply: Reply) -> String {
        let artifact = service::artifact(&self.corp.entity_id, 3);
        self.service.keep(&artifact, reply);
        artifact
    }

    fn answer_to(&self, request: &AuthnRequest, bend: fn(&mut Response)) -> String {
        let mut response = self.corp.answer(request);
        bend(&mut response);
        self.corp.write(&response)
    }

    /// One answer by artifact that is refused, in a fresh browser.
    async fn refuses(&self, code: &str, reply: impl FnOnce(&Self, &AuthnRequest) -> Reply) {
        let mut visitor = self.gateway.visitor();
        let request = self.begin(&mut visitor, "corp", "/").await;
        let artifact = self.kept(reply(self, &request));
        let relay_state = Some(request.relay_state.as_str());
        let answer = self.bring(&mut visitor, By::Query, &artifact, relay_state).await;
        self.refused(&mut visitor, &answer, code).await;
    }
}

#[tokio::test]
async fn an_answer_by_artifact_is_fetched_and_lets_the_person_in() {
    let world = world().await;
    let plain: fn(&mut Response) = |_| {};
    for (by, around, bend) in [
        // The Assertion is signed, or the Response, or the message around both alone.
        (By::Query, Around::Plain, plain),
        (By::Form, Around::Plain, |response| {
            response.sign = Sign::Response
        }),
        (By::Query, Around::Signed, |response| {
            response.sign = Sign::Nothing
        }),
        // It did not travel through a browser, so it need not say where to (bindings 3.6).
        (By::Query, Around::Signed, |response| {
            response.sign = Sign::Nothing;
            response.destination = None;
        }),
    ] {
        let mut visitor = world.gateway.visitor();
        let request = world.begin(&mut visitor, "corp", "/reports").await;
        let binding = request.attribute("ProtocolBinding");
        assert!(binding.ends_with("HTTP-Artifact"), "{binding}");
        let message = world.answer_to(&request, bend);
        let artifact = world.kept(service::message(&world.corp, around, message));
        let relay_state = Some(request.relay_state.as_str());
        let answer = world.bring(&mut visitor, by, &artifact, relay_state).await;
        let user = world.accepted(&mut visitor, &answer, "/reports").await;
        assert_eq!(user["user_name"], "alice@example.com", "{user}");
        // Not in our log either, though it was in the address.
        assert!(!world.gateway.log().contains(&artifact));
    }

    // Whoever was asked got a signed question, at the address of the metadata.
    let certificate = std::fs::read(world.gateway.folder().join("certs/sp-signing.crt")).unwrap();
    let certificate = openssl::x509::X509::from_pem(&certificate).unwrap().to_der().unwrap();
    let key = dsig::TrustedKey::from_certificate_der(&certificate).unwrap();
    let keys = dsig::TrustedKeys::from_vec(vec![key]).unwrap();
    let asked = world.service.asked();
    assert_eq!(asked.len(), 4);
    for (action, body) in asked {
        assert_eq!(
            action.as_deref(),
            Some("\"http://www.oasis-open.org/committees/security\"")
        );
        let soap = SoapMessage::read(body.as_bytes()).unwrap();
        let resolve = soap.message();
        assert_eq!(
            resolve.attribute("Destination"),
            Some(world.service.url().as_str())
        );
        let proof = dsig::verify(resolve, Trust::only(&keys), &mut Checks::off()).unwrap();
        assert!(proof.is_some());
    }
}

#[tokio::test]
async fn an_answer_that_lost_its_relay_state_is_found_by_what_it_answers() {
    let world = world().await;
    let mut visitor = world.gateway.visitor();
    let request = world.begin(&mut visitor, "corp", "/lost").await;
    let message = world.answer_to(&request, |_| {});
    let artifact = world.kept(service::message(&world.corp, Around::Plain, message));
    let answer = world.bring(&mut visitor, By::Query, &artifact, None).await;
    world.accepted(&mut visitor, &answer, "/lost").await;
}

#[tokio::test]
async fn an_artifact_counts_once() {
    let world = world().await;
    let mut visitor = world.gateway.visitor();
    let request = world.begin(&mut visitor, "corp", "/").await;
    let message = world.answer_to(&request, |response| response.sign = Sign::Nothing);
    let artifact = world.kept(service::message(&world.corp, Around::Plain, message));
    let relay_state = Some(request.relay_state.as_str());
    let answer = world.bring(&mut visitor, By::Query, &artifact, relay_state).await;
    world.refused(&mut visitor, &answer, "sig.missing").await;
    // The same request, then another one of this browser.
    let answer = world.bring(&mut visitor, By::Query, &artifact, relay_state).await;
    world.refused(&mut visitor, &answer, "proto.in_response_to").await;
    let request = world.begin(&mut visitor, "corp", "/").await;
    let relay_state = Some(request.relay_state.as_str());
    let answer = world.bring(&mut visitor, By::Form, &artifact, relay_state).await;
    world.refused(&mut visitor, &answer, "proto.replay").await;
    assert_eq!(world.service.asked().len(), 1);
}

#[tokio::test]
async fn an_answer_that_does_not_answer_our_question_is_refused_by_its_code() {
    let world = world().await;
    let plain = |world: &World, request: &AuthnRequest| world.answer_to(request, |_| {});
    world
        .refuses("proto.in_response_to", |world, request| {
            let (idp, message) = (world.corp.clone(), plain(world, request));
            Box::new(move |_| {
                let of = &idp.entity_id;
                let answer = service::response(&idp, Around::Signed, of, "_another", &message);
                (200, service::envelope(&answer))
            })
        })
        .await;
    world
        .refuses("proto.issuer", |world, request| {
            let (idp, message) = (world.corp.clone(), plain(world, request));
            Box::new(move |id| {
                let of = "https://idp.example.com/partner";
                let answer = service::response(&idp, Around::Signed, of, id, &message);
                (200, service::envelope(&answer))
            })
        })
        .await;
    world
        .refuses("sig.invalid", |world, request| {
            // Somebody else's signature around what is right.
            let (idp, of) = (world.partner.clone(), world.corp.entity_id.clone());
            let message = plain(world, request);
            Box::new(move |id| {
                let answer = service::response(&idp, Around::Signed, &of, id, &message);
                (200, service::envelope(&answer))
            })
        })
        .await;
    world
        .refuses("proto.destination", |world, request| {
            let message = world.answer_to(request, |response| {
                response.destination = Some("https://other.example.com/acs".to_owned());
            });
            service::message(&world.corp, Around::Signed, message)
        })
        .await;
    world
        .refuses("subject.recipient", |world, request| {
            let message = world.answer_to(request, |response| {
                response.confirmation().recipient = Some("https://other.example.com/".to_owned());
            });
            service::message(&world.corp, Around::Plain, message)
        })
        .await;
    world
        .refuses("sig.missing", |world, request| {
            let message = world.answer_to(request, |response| response.sign = Sign::Nothing);
            service::message(&world.corp, Around::Plain, message)
        })
        .await;
}

#[tokio::test]
async fn a_service_that_gives_no_message_is_named_by_its_code() {
    let world = world().await;
    world
        .refuses("binding.artifact_gone", |world, _| {
            service::message(&world.corp, Around::Signed, String::new())
        })
        .await;
    world
        .refuses("binding.fault", |_, _| {
            Box::new(|_| {
                let fault = "<s:Fault><faultcode>s:Server</faultcode><faultstring>no</faultstring>\
                             </s:Fault>";
                (500, service::envelope(fault))
            })
        })
        .await;
    world
        .refuses("binding.soap", |_, _| {
            Box::new(|_| (200, service::envelope("<a/><b/>")))
        })
        .await;
    // Whatever stands at that address instead: a page, in HTML or XHTML, or nothing.
    for page in [
        "<!DOCTYPE html>\n<html><meta charset=utf-8><p>Please log in<br></html>",
        "<html><br></html>",
        "<html/>",
        "",
    ] {
        world
            .refuses("binding.artifact_unreachable", move |_, _| {
                Box::new(move |_| (200, page.to_owned()))
            })
            .await;
    }
    // An envelope in which something is wrong is one.
    world
        .refuses("xml.syntax", |_, _| {
            Box::new(|_| (200, service::envelope("<a>")))
        })
        .await;
    world
        .refuses("binding.artifact_unreachable", |_, _| {
            Box::new(|_| (500, "oops".to_owned()))
        })
        .await;
    for status in [404, 302, 503] {
        world
            .refuses("binding.artifact_unreachable", |_, _| {
                Box::new(move |_| (status, String::new()))
            })
            .await;
    }
    world
        .refuses("binding.artifact_unreachable", |_, _| {
            Box::new(|_| (200, " ".repeat(10 << 20)))
        })
        .await;
}

#[tokio::test]
async fn nobody_is_asked_for_an_artifact_that_is_none_of_theirs() {
    let world = world().await;
    let corp = &world.corp.entity_id;
    let stranger = service::artifact("https://stranger.example.com", 3);
    for (artifact, code) in [
        (stranger.as_str(), "binding.artifact"),
        // No service has this number.
        (&service::artifact(corp, 9), "binding.artifact"),
        // That of this number is in a network that nobody opened.
        (&service::artifact(corp, 4), "binding.artifact_unreachable"),
        // The person was sent to corp.
        (
            &service::artifact(&world.partner.entity_id, 3),
            "proto.mix_up",
        ),
        ("AAQAAMh48/1oXIM", "binding.artifact"),
        ("", "binding.artifact"),
    ] {
        let mut visitor = world.gateway.visitor();
        let request = world.begin(&mut visitor, "corp", "/").await;
        let relay_state = Some(request.relay_state.as_str());
        let answer = world.bring(&mut visitor, By::Query, artifact, relay_state).await;
        world.refused(&mut visitor, &answer, code).await;
    }
    // Nor in another browser than the one that began it.
    let mut visitor = world.gateway.visitor();
    let request = world.begin(&mut visitor, "corp", "/").await;
    let artifact = service::artifact(corp, 3);
    let mut other = world.gateway.visitor();
    let relay_state = Some(request.relay_state.as_str());
    let answer = world.bring(&mut other, By::Query, &artifact, relay_state).await;
    world.refused(&mut other, &answer, "proto.in_response_to").await;
    // Nor in one that began nothing, as long as nobody may begin at the portal.
    let mut stranger = world.gateway.visitor();
    let answer = world.bring(&mut stranger, By::Form, &artifact, None).await;
    world.refused(&mut stranger, &answer, "proto.unsolicited").await;
    assert!(world.service.asked().is_empty());
}

#[tokio::test]
async fn without_the_option_no_artifact_is_resolved() {
    let world = World::with("", "", |setup| setup).await;
    let mut visitor = world.gateway.visitor();
    let request = world.begin(&mut visitor, "corp", "/").await;
    assert!(request.attribute("ProtocolBinding").ends_with("HTTP-POST"));
    let artifact = service::artifact(&world.corp.entity_id, 3);
    let relay_state = Some(request.relay_state.as_str());
    let answer = world.bring(&mut visitor, By::Query, &artifact, relay_state).await;
    world.refused(&mut visitor, &answer, "binding.artifact").await;
    assert!(world.service.asked().is_empty());
    // And a plain GET at the ACS is what it was.
    let answer = visitor.get(&world.gateway.url("/saml/acs?RelayState=x")).await;
    assert_eq!(world.gateway.code_of(&answer).await, "binding.method");
}

impl World {
    /// `corp` with another key. Its metadata, which says so, is there from now on.
    fn rolled(&self) -> Arc<TestIdp> {
        let corp = TestIdp::new("corp").with_artifacts(&[(3, &self.service.url())]);
        std::fs::copy(corp.metadata_file(), self.corp.metadata_file()).unwrap();
        Arc::new(corp)
    }
}

/// What is signed, and by what stands around it.
const SIGNED: [(Around, Sign); 3] = [
    (Around::Signed, Sign::Nothing),
    (Around::Plain, Sign::Assertion),
    (Around::Signed, Sign::Response),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_has_just_rolled_costs_nobody_the_answer_that_an_artifact_stands_for() {
    for (around, sign) in SIGNED {
        let world = world().await;
        let mut visitor = world.gateway.visitor();
        let request = world.begin(&mut visitor, "corp", "/reports").await;
        let corp = world.rolled();
        let mut response = corp.answer(&request);
        response.sign = sign;
        let artifact = world.kept(service::message(&corp, around, corp.write(&response)));
        let relay_state = Some(request.relay_state.as_str());
        let answer = world.bring(&mut visitor, By::Query, &artifact, relay_state).await;
        world.accepted(&mut visitor, &answer, "/reports").await;
        assert_eq!(world.service.asked().len(), 1, "nobody was asked twice");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_no_metadata_has_is_seen_behind_an_artifact_as_well() {
    for (around, sign) in SIGNED {
        let world = world().await;
        let stranger = Arc::new(TestIdp::new("corp"));
        let pending = || -> Vec<serde_json::Value> {
            let keys = world.run(&["idp", "keys", "corp", "--json"], true);
            let keys: Vec<serde_json::Value> = serde_json::from_str(&keys).unwrap();
            keys.into_iter().filter(|key| key["standing"] == "pending").collect()
        };
        // With another fault it shows no key.
        for (code, recipient) in [("", Some("https://other.example.com/")), ("seen", None)] {
            world
                .refuses("sig.invalid", |world, request| {
                    let mut response = stranger.answer(request);
                    response.sign = sign;
                    if let Some(recipient) = recipient {
                        response.confirmation().recipient = Some(recipient.to_owned());
                    }
                    let message = stranger.write(&response);
                    assert_eq!(world.corp.entity_id, stranger.entity_id);
                    service::message(&stranger, around, message)
                })
                .await;
            assert_eq!(pending().len(), usize::from(code == "seen"), "{code}");
        }
        let fingerprint = stranger.key.signing().fingerprint().to_owned();
        assert_eq!(pending()[0]["fingerprint_sha256"], fingerprint);
    }
}
