//! What we send, against the schemas of OASIS (by pysaml2, in `tests/peers/schema.py`).

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use samlgate::base::{StoreError, Timestamp};
use samlgate::dsig::SigningKey;
use samlgate::saml::artifact::{Artifact, ResolveRequest};
use samlgate::saml::asked::{Asked, AskedContext, Comparison};
use samlgate::saml::authn_request::{
    AnswerBy, AnswerTo, AuthnRequest, NameIdPolicy, Scoping, Wishes,
};
use samlgate::saml::binding::soap::Fault;
use samlgate::saml::logout::{LogoutAnswer, LogoutReason, LogoutRequest, LogoutResponse};
use samlgate::saml::status::StatusCode;
use samlgate::saml::{NameId, OneUse, OneUseStore, Vendor};

const IDP: &str = "https://idp.example.com/metadata";
const SP: &str = "https://sp.example.com/saml/metadata";
const ACS: &str = "https://sp.example.com/saml/acs";
const THERE: &str = "https://idp.example.com/there?a=b&c=d";
const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_262_400);

/// What is wrong about each of these documents.
pub(crate) fn faults(documents: &[String]) -> Vec<String> {
    let peers = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers");
    let mut python = Command::new(format!("{peers}/venv/bin/python"))
        .arg(format!("{peers}/schema.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("tests/peers is installed (make peers)");
    let mut stdin = python.stdin.take().unwrap();
    for document in documents {
        stdin.write_all(document.as_bytes()).unwrap();
        stdin.write_all(b"\0").unwrap();
    }
    drop(stdin);
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    let lines = String::from_utf8(output.stdout).unwrap();
    let lines = lines.lines().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(lines.len(), documents.len());
    lines
}

fn carol() -> NameId {
    NameId {
        value: "<carol> & co".to_owned(),
        format: Some(NameId::PERSISTENT.to_owned()),
        name_qualifier: Some(IDP.to_owned()),
        sp_name_qualifier: Some(SP.to_owned()),
        sp_provided_id: None,
    }
}

/// Each wish alone and all of them together, to every vendor that takes them.
fn authn_requests(key: &SigningKey) -> Vec<String> {
    let (classes, carol) = (["urn:a", "urn:b", "urn:c"].map(str::to_owned), carol());
    let idps = [IDP.to_owned(), "urn:other".to_owned()];
    let context = AskedContext::new(&classes[..2], Comparison::Minimum, &classes).unwrap();
    let plain = Wishes::answer_to(ACS);
    let all = Wishes {
        answer_to: AnswerTo::Index(3),
        asked: Asked {
            context: Some(context),
            force_authn: true,
            max_age: Some(Duration::from_secs(60)),
        }
        .into(),
        passive: false,
        name_id_policy: Some(NameIdPolicy {
            format: Some(NameId::EMAIL),
            sp_name_qualifier: Some(SP),
            allow_create: true,
        }),
        provider_name: Some("Reports & more"),
        subject: Some(&carol),
        scoping: Some(Scoping { proxy_count: Some(2), idps: &idps }),
        attribute_index: Some(1),
    };
    let mut many = vec![
        plain,
        all,
        Wishes { passive: true, ..plain },
        Wishes { answer_to: AnswerTo::Url(ACS, AnswerBy::Artifact), ..plain },
        Wishes {
            name_id_policy: Some(NameIdPolicy::of_format(NameId::TRANSIENT)),
            ..plain
        },
        Wishes {
            scoping: Some(Scoping { proxy_count: Some(0), idps: &[] }),
            ..plain
        },
        Wishes {
            scoping: Some(Scoping { proxy_count: None, idps: &idps }),
            ..plain
        },
        Wishes {
            answer_to: AnswerTo::Url(ACS, AnswerBy::Post),
            scoping: None,
            ..all
        },
    ];
    for comparison in Comparison::ALL {
        let context = AskedContext::new(&classes[..2], comparison, &classes).unwrap();
        many.push(Wishes {
            asked: Asked { context: Some(context), ..Asked::NOTHING }.into(),
            ..plain
        });
    }
    let mut documents = Vec::new();
    for (wishes, vendor) in
        many.iter().flat_map(|one| Vendor::ALL.iter().map(move |vendor| (one, vendor)))
    {
        // What one does not take at all is refused before.
        let Ok(fitting) = wishes.for_vendor(*vendor) else {
            continue;
        };
        let request = AuthnRequest {
            id: "_request",
            issue_instant: NOW,
            destination: THERE,
            issuer: SP,
            wishes: &fitting,
        };
        documents.push(request.to_xml());
        if *vendor == Vendor::Generic {
            let signed = STANDARD.decode(request.posted(Some(key)).unwrap().saml_request).unwrap();
            documents.push(String::from_utf8(signed).unwrap());
        }
    }
    documents
}

fn logout_messages(key: &SigningKey) -> Vec<String> {
    let carol = carol();
    let indexes = ["_one".to_owned(), "_two".to_owned()];
    let mut documents = Vec::new();
    for (session_indexes, reason) in [
        (&indexes[..], LogoutReason::User),
        (&[], LogoutReason::Admin),
    ] {
        let request = LogoutRequest {
            id: "_logout",
            issue_instant: NOW,
            destination: THERE,
            issuer: SP,
            name_id: &carol,
            session_indexes,
            reason,
            not_on_or_after: NOW.plus(Duration::from_secs(300)),
        };
        documents.push(request.to_signed_xml(key).unwrap());
        documents.push(request.soap(key).unwrap());
    }
    for answer in [
        LogoutAnswer::Done,
        LogoutAnswer::Partial,
        LogoutAnswer::Failed,
        LogoutAnswer::Refused(None),
        LogoutAnswer::Refused(Some(StatusCode::RequestDenied)),
    ] {
        let response = LogoutResponse {
            id: "_response",
            issue_instant: NOW,
            destination: THERE,
            issuer: SP,
            in_response_to: "_theirs",
            answer,
        };
        documents.push(response.to_signed_xml(key).unwrap());
        documents.push(response.soap(key).unwrap());
    }
    documents.push(Fault::Client.envelope("no & never"));
    documents
}

/// Has seen nothing yet.
struct Fresh;

#[async_trait]
impl OneUseStore for Fresh {
    async fn claim(
        &self,
        _: &str,
        _: &str,
        _: Timestamp,
        _: Timestamp,
    ) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn is_claimed(&self, _: &str, _: &str, _: Timestamp) -> Result<bool, StoreError> {
        Ok(false)
    }
}

async fn artifact_resolve(key: &SigningKey) -> String {
    let mut bytes = vec![0, 4, 0, 1];
    bytes.extend(openssl::sha::sha1(IDP.as_bytes()));
    bytes.extend([7; 20]);
    let artifact = Artifact::parse(&STANDARD.encode(bytes)).unwrap();
    let fresh = OneUse::claim_artifact(&Fresh, artifact, IDP, NOW).await.unwrap();
    let request = ResolveRequest {
        id: "_resolve",
        issue_instant: NOW,
        destination: THERE,
        issuer: SP,
    };
    fresh.resolve(&request, key).unwrap().soap().to_owned()
}

#[tokio::test]
async fn every_message_that_we_send_is_as_the_schema_says() {
    let key = SigningKey::generate_ec("sp", Timestamp::EPOCH).unwrap();
    let mut documents = authn_requests(&key);
    documents.extend(logout_messages(&key));
    documents.push(artifact_resolve(&key).await);
    assert!(documents.len() > 100, "{}", documents.len());
    // One that is not, so that the schema is known to have been looked at.
    let bad = documents[0].replace("<saml:Issuer>", "<samlp:Scoping/><saml:Issuer>");
    let faults = faults(&[documents.as_slice(), &[bad]].concat());
    let (last, others) = faults.split_last().unwrap();
    assert_ne!(last, "ok");
    for (document, fault) in documents.iter().zip(others) {
        assert_eq!(fault, "ok", "{document}");
    }
}
