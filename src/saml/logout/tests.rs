use std::sync::LazyLock;
use std::time::Duration;

use super::*;
use crate::dsig::{SigningKey, TrustedKeys, sign_enveloped};
use crate::saml::binding::query::{Carries, QueryMessage};
use crate::saml::binding::soap;
use crate::xml::{Limits, Mode};
use crate::xmlenc::tests::SP_KEY;
use crate::xmlenc::tests::seal::{AES256_GCM, Seal};
use crate::xmlenc::{DecryptionKey, DecryptionKeys};

const OURS: &str = "https://sp.example.com/saml/slo";
const IDP: &str = "https://idp.example.com/metadata";
static KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate_ec("idp", Timestamp::EPOCH).unwrap());
static NAME: LazyLock<NameId> = LazyLock::new(|| NameId {
    value: "alice@example.com".to_owned(),
    format: Some(NameId::EMAIL.to_owned()),
    name_qualifier: None,
    sp_name_qualifier: None,
    sp_provided_id: None,
});

fn now() -> Timestamp {
    Timestamp::parse_saml("2026-11-21T12:00:00Z").unwrap()
}

fn expected() -> LogoutExpectations<'static> {
    let clock_skew = Duration::from_secs(180);
    LogoutExpectations {
        slo_url: OURS,
        idp_entity_id: IDP,
        vendor: Vendor::Generic,
        decryption: Decryption {
            keys: &KEYS,
            allow_cbc_unsigned: false,
            allow_tripledes: false,
            required: false,
        },
        clock_skew,
    }
}

static KEYS: LazyLock<DecryptionKeys> =
    LazyLock::new(|| DecryptionKeys::from_vec(vec![DecryptionKey::from_pem(SP_KEY).unwrap()]));
static SESSION: LazyLock<[String; 1]> = LazyLock::new(|| ["_session".to_owned()]);

fn request() -> LogoutRequest<'static> {
    LogoutRequest {
        id: "_logout",
        issue_instant: now(),
        destination: OURS,
        issuer: IDP,
        name_id: &NAME,
        session_indexes: &*SESSION,
        reason: LogoutReason::User,
        not_on_or_after: now().plus(Duration::from_secs(300)),
    }
}

/// By HTTP-POST.
fn posted(xml: &str, later: u64) -> Result<ValidLogoutRequest, &'static str> {
    posted_to(&expected(), xml, later)
}

fn posted_to(
    expected: &LogoutExpectations<'_>,
    xml: &str,
    later: u64,
) -> Result<ValidLogoutRequest, &'static str> {
    let keys = TrustedKeys::one(KEY.trusted().unwrap());
    let document = Document::parse(xml.as_bytes(), Mode::Message, &Limits::default()).unwrap();
    let checks = &mut Checks::off();
    SignedMessage::enveloped(&document, Trust::only(&keys), checks)
        .and_then(|message| {
            let now = now().plus(Duration::from_secs(later));
            ValidLogoutRequest::read(&message, expected, &mut Checks::off(), now)
        })
        .map_err(|error| error.code().as_str())
}

fn signed(request: &LogoutRequest<'_>) -> String {
    request.to_signed_xml(&KEY).unwrap()
}

#[test]
fn a_request_that_we_write_is_read_by_both_bindings() {
    let by_post = posted(&signed(&request()), 0).unwrap();
    assert_eq!(by_post.name_id, *NAME);
    assert_eq!(by_post.session_indexes, ["_session"]);
    assert_eq!(by_post.expires, now().plus(Duration::from_secs(300 + 180)));

    let url = request().redirect_url(&KEY).unwrap();
    let (_, query) = url.split_once('?').unwrap();
    let keys = TrustedKeys::one(KEY.trusted().unwrap());
    let message = QueryMessage::read(query).unwrap();
    let verified = message.verify(Trust::only(&keys)).unwrap().unwrap();
    let document = verified.parse().unwrap();
    let message = SignedMessage::from(&document);
    let checks = &mut Checks::on();
    let by_query = ValidLogoutRequest::read(&message, &expected(), checks, now()).unwrap();
    assert_eq!(by_query, by_post);
    let rules = checks.lines().iter().map(|line| line.name.as_str());
    assert!(rules.eq(REQUEST_RULES.iter().map(|rule| format!("logout.{rule}"))));
}

#[test]
fn the_issuer_is_found_before_anything_is_verified() {
    let hint = |xml: &str| {
        let document = Document::parse(xml.as_bytes(), Mode::Message, &Limits::default());
        issuer_hint(document.unwrap().root())
    };
    let xml = request().unsigned();
    assert_eq!(hint(&xml).as_deref(), Some(IDP));
    assert_eq!(hint(&xml.replace("Issuer", "Other")), None);
}

#[test]
fn a_request_without_a_signature_is_sig_missing() {
    assert_eq!(posted(&request().unsigned(), 0), Err("sig.missing"));
}

#[test]
fn a_request_that_was_changed_is_sig_digest() {
    let changed = signed(&request()).replace("alice@", "carol@");
    assert_eq!(posted(&changed, 0), Err("sig.digest"));
}

#[test]
fn each_rule_of_a_request_has_its_code() {
    let with = |change: &dyn Fn(&mut LogoutRequest<'static>)| {
        let mut request = request();
        change(&mut request);
        posted(&signed(&request), 0)
    };
    let elsewhere = with(&|request| request.destination = "https://other.example.com/slo");
    assert_eq!(elsewhere, Err("proto.destination"));
    let other = with(&|request| request.issuer = "https://other.example.com");
    assert_eq!(other, Err("proto.issuer"));
    let hour = Duration::from_secs(3600);
    let over = with(&|request| request.not_on_or_after = now().minus(hour));
    assert_eq!(over, Err("time.expired"));
    let ahead = with(&|request| request.issue_instant = now().plus(hour));
    assert_eq!(ahead, Err("time.issue_instant"));
    // As old as it may be, and as far ahead; and a second more.
    let (skew, second) = (Duration::from_secs(180), Duration::from_secs(1));
    let oldest = now().minus(MAX_AGE).minus(skew);
    let latest = now().plus(skew);
    for (instant, outcome) in [
        (oldest, Ok(())),
        (oldest.minus(second), Err("time.issue_instant")),
        (latest, Ok(())),
        (latest.plus(second), Err("time.issue_instant")),
    ] {
        let read = with(&|request| request.issue_instant = instant);
        assert_eq!(read.map(|_| ()), outcome);
    }
    assert_eq!(posted(&signed(&request()), 479).map(|_| ()), Ok(()));
    assert_eq!(posted(&signed(&request()), 480), Err("time.expired"));
    let message = request().unsigned().replace("LogoutRequest", "LogoutResponse");
    let message = sign_enveloped(&message, "_logout", &KEY, dsig::Place::AfterIssuer).unwrap();
    assert_eq!(posted(&message, 0), Err("proto.root"));
}

#[test]
fn a_request_ends_the_sessions_that_it_names_and_no_others() {
    let valid = posted(&signed(&request()), 0).unwrap();
    assert!(valid.ends(IDP, &NAME, Some("_session")));
    assert!(!valid.ends(IDP, &NAME, Some("_other")));
    assert!(!valid.ends(IDP, &NAME, None));
    assert!(!valid.ends("https://other.example.com", &NAME, Some("_session")));
    let other = |change: &dyn Fn(&mut NameId)| {
        let mut name_id = NAME.clone();
        change(&mut name_id);
        valid.ends(IDP, &name_id, Some("_session"))
    };
    assert!(!other(&|name| name.value = "carol@example.com".to_owned()));
    assert!(!other(&|name| name.format = None));
    assert!(other(&|name| name.name_qualifier = Some(IDP.to_owned())));

    let all = LogoutRequest { session_indexes: &[], ..request() };
    let all = posted(&signed(&all), 0).unwrap();
    assert!(all.ends(IDP, &NAME, Some("_any")) && all.ends(IDP, &NAME, None));
}

#[test]
fn a_name_qualified_otherwise_is_another_person() {
    let mut qualified = NAME.clone();
    qualified.name_qualifier = Some("https://idp.example.com/a".to_owned());
    qualified.sp_name_qualifier = Some("https://sp.example.com/a".to_owned());
    let valid = posted(&signed(&request()), 0).unwrap();
    let valid = ValidLogoutRequest { name_id: qualified.clone(), ..valid };
    let ends = |name_id: &NameId| valid.ends(IDP, name_id, Some("_session"));
    // Left out, a qualifier stands for the two parties.
    assert!(ends(&qualified) && !ends(&NAME));
    let (idp, sp) = ("https://idp.example.com/a", "https://sp.example.com/a");
    let between = qualified.clone().between(|name| name == idp, sp);
    assert!(qualified.is_meant_by(&between) && NAME.is_meant_by(&between));
    let other = Some("https://other.example.com".to_owned());
    assert!(!ends(&NameId {
        name_qualifier: other.clone(),
        ..qualified.clone()
    }));
    assert!(!ends(&NameId { sp_name_qualifier: other, ..qualified }));
}

#[test]
fn a_name_without_a_format_is_unspecified() {
    let unspecified = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified";
    let valid = posted(&signed(&request()), 0).unwrap();
    let name_id = NameId { format: None, ..NAME.clone() };
    let valid = ValidLogoutRequest { name_id: name_id.clone(), ..valid };
    let said = NameId { format: Some(unspecified.to_owned()), ..name_id };
    assert!(valid.ends(IDP, &said, Some("_session")));
    assert!(!valid.ends(IDP, &NAME, Some("_session")));
}

#[test]
fn a_response_answers_our_request_or_is_proto_in_response_to() {
    let response = LogoutResponse {
        id: "_response",
        issue_instant: now(),
        destination: OURS,
        issuer: IDP,
        in_response_to: "_logout",
        answer: LogoutAnswer::Partial,
    };
    let xml = response.to_signed_xml(&KEY).unwrap();
    let keys = TrustedKeys::one(KEY.trusted().unwrap());
    let document = Document::parse(xml.as_bytes(), Mode::Message, &Limits::default()).unwrap();
    let message =
        SignedMessage::enveloped(&document, Trust::only(&keys), &mut Checks::off()).unwrap();
    let checks = &mut Checks::on();
    let result = LogoutResult::read(&message, "_logout", &expected(), checks, now()).unwrap();
    let rules = checks.lines().iter().map(|line| line.name.as_str());
    assert!(rules.eq(RESPONSE_RULES.iter().map(|rule| format!("logout.{rule}"))));
    assert_eq!(result.outcome(), LogoutOutcome::Partial);
    let error =
        LogoutResult::read(&message, "_else", &expected(), &mut Checks::off(), now()).unwrap_err();
    assert_eq!(error.code().as_str(), "proto.in_response_to");
}

/// By SOAP.
fn by_soap(envelope: &str) -> Result<ValidLogoutRequest, &'static str> {
    let keys = TrustedKeys::one(KEY.trusted().unwrap());
    let checks = &mut Checks::off();
    SoapMessage::read(envelope.as_bytes())
        .and_then(|soap| {
            let message = SignedMessage::in_soap(&soap, Trust::only(&keys), checks)?;
            ValidLogoutRequest::read(&message, &expected(), &mut Checks::off(), now())
        })
        .map_err(|error| error.code().as_str())
}

#[test]
fn by_soap_the_signature_is_that_of_the_message_inside() {
    let by_post = posted(&signed(&request()), 0).unwrap();
    assert_eq!(by_soap(&request().soap(&KEY).unwrap()), Ok(by_post));
    assert_eq!(
        by_soap(&soap::envelope(&request().unsigned())),
        Err("sig.missing")
    );
    let changed = request().soap(&KEY).unwrap().replace("alice@", "carol@");
    assert_eq!(by_soap(&changed), Err("sig.digest"));
    assert_eq!(by_soap(&signed(&request())), Err("binding.soap"));
    // Wrapped: what is signed stands where nobody reads, and another one is the message.
    let genuine = signed(&request());
    let evil = request().unsigned().replace("alice@", "carol@").replace("_logout", "_evil");
    let hidden = format!("<samlp:Extensions>{genuine}</samlp:Extensions>");
    let evil = evil.replacen("</saml:Issuer>", &format!("</saml:Issuer>{hidden}"), 1);
    assert_eq!(by_soap(&soap::envelope(&evil)), Err("sig.position"));
    let header = format!("<soap:Header>{genuine}</soap:Header><soap:Body>");
    let evil = soap::envelope(&request().unsigned()).replacen("<soap:Body>", &header, 1);
    assert_eq!(by_soap(&evil), Err("xml.id"));
    let evil = evil.replacen("ID=\"_logout\"", "ID=\"_other\"", 1);
    assert_eq!(by_soap(&evil), Err("sig.position"));
}

#[test]
fn a_message_that_goes_from_server_to_server_need_not_say_where_to() {
    let xml = request().unsigned().replace(&format!(" Destination=\"{OURS}\""), "");
    let xml = sign_enveloped(&xml, "_logout", &KEY, dsig::Place::AfterIssuer).unwrap();
    assert_eq!(posted(&xml, 0), Err("proto.destination"));
    assert!(by_soap(&soap::envelope(&xml)).is_ok());
    let elsewhere = LogoutRequest { destination: "https://other.example.com", ..request() };
    assert_eq!(
        by_soap(&elsewhere.soap(&KEY).unwrap()),
        Err("proto.destination")
    );
}

#[test]
fn every_session_and_the_reason_are_said() {
    let indexes = ["_one".to_owned(), "_two & more".to_owned()];
    let many = LogoutRequest {
        session_indexes: &indexes,
        reason: LogoutReason::Admin,
        ..request()
    };
    assert_eq!(posted(&signed(&many), 0).unwrap().session_indexes, indexes);
    assert!(many.unsigned().contains("Reason=\"urn:oasis:names:tc:SAML:2.0:logout:admin\""));
    assert!(
        request()
            .unsigned()
            .contains("Reason=\"urn:oasis:names:tc:SAML:2.0:logout:user\"")
    );
}

#[test]
fn a_name_keeps_all_of_its_parts() {
    let name_id = NameId {
        value: "<opaque> & co".to_owned(),
        format: Some(NameId::PERSISTENT.to_owned()),
        name_qualifier: Some(IDP.to_owned()),
        sp_name_qualifier: Some("https://sp.example.com/saml/metadata".to_owned()),
        sp_provided_id: None,
    };
    let named = LogoutRequest { name_id: &name_id, ..request() };
    assert_eq!(posted(&signed(&named), 0).unwrap().name_id, name_id);
}

#[test]
fn entra_may_sign_people_out_under_its_other_name_and_the_sessions_are_found() {
    let (sts, login) = (
        "https://sts.windows.net/0a1b2c/",
        "https://login.microsoftonline.com/0a1b2c/",
    );
    let entra = LogoutExpectations { idp_entity_id: sts, vendor: Vendor::Entra, ..expected() };
    for issuer in [sts, login] {
        let request = LogoutRequest { issuer, ..request() };
        let valid = posted_to(&entra, &signed(&request), 0).unwrap();
        assert_eq!(valid.issuer, sts);
        assert!(valid.ends(sts, &NAME, Some("_session")));
    }
    let request = LogoutRequest { issuer: login, ..request() };
    let other = LogoutExpectations { vendor: Vendor::Generic, ..entra };
    assert_eq!(posted_to(&other, &signed(&request), 0), Err("proto.issuer"));
    let tenant = LogoutExpectations { idp_entity_id: "https://sts.windows.net/0a1b2d/", ..entra };
    assert_eq!(
        posted_to(&tenant, &signed(&request), 0),
        Err("proto.issuer")
    );
}

/// A request whose NameID is encrypted to us, signed afterwards.
fn encrypted(plaintext: &str) -> String {
    let key = openssl::pkey::PKey::private_key_from_pem(SP_KEY).unwrap();
    let sealed = Seal::new(AES256_GCM).seal("EncryptedID", plaintext.as_bytes(), &key);
    let xml = request().unsigned();
    let (before, rest) = xml.split_once("<saml:NameID").unwrap();
    let (_, behind) = rest.split_once("</saml:NameID>").unwrap();
    let xml = [before, &sealed, behind].concat();
    sign_enveloped(&xml, "_logout", &KEY, dsig::Place::AfterIssuer).unwrap()
}

#[test]
fn an_encrypted_name_is_read_with_our_key() {
    let name = "<a:NameID xmlns:a=\"urn:oasis:names:tc:SAML:2.0:assertion\">Alice</a:NameID>";
    let valid = posted(&encrypted(name), 0).unwrap();
    assert_eq!(valid.name_id.value, "Alice");
    assert_eq!(valid.exceptions, Exceptions::NONE);
    let stranger = DecryptionKeys::default();
    let decryption = Decryption { keys: &stranger, ..expected().decryption };
    let without = LogoutExpectations { decryption, ..expected() };
    assert_eq!(posted_to(&without, &encrypted(name), 0), Err("enc.failed"));
    let other = "<a:BaseID xmlns:a=\"urn:oasis:names:tc:SAML:2.0:assertion\"/>";
    assert_eq!(posted(&encrypted(other), 0), Err("enc.content"));
    // What was encrypted says whom it is about, and so does what is beside it.
    let both = request()
        .unsigned()
        .replace("</saml:NameID>", "</saml:NameID><saml:EncryptedID/>");
    let both = sign_enveloped(&both, "_logout", &KEY, dsig::Place::AfterIssuer).unwrap();
    assert_eq!(posted(&both, 0), Err("xml.schema"));
}

#[test]
fn a_request_about_nobody_is_xml_schema() {
    let xml = request().unsigned();
    let (before, rest) = xml.split_once("<saml:NameID").unwrap();
    let (_, behind) = rest.split_once("</saml:NameID>").unwrap();
    for whom in ["", "<saml:BaseID/>"] {
        let xml = [before, whom, behind].concat();
        let xml = sign_enveloped(&xml, "_logout", &KEY, dsig::Place::AfterIssuer).unwrap();
        assert_eq!(posted(&xml, 0), Err("xml.schema"), "{whom}");
    }
}

fn response(answer: LogoutAnswer) -> LogoutResponse<'static> {
    LogoutResponse {
        id: "_response",
        issue_instant: now(),
        destination: OURS,
        issuer: IDP,
        in_response_to: "_logout",
        answer,
    }
}

#[test]
fn whatever_became_of_a_request_is_said_and_understood_by_every_way() {
    let keys = TrustedKeys::one(KEY.trusted().unwrap());
    let read = |message: &SignedMessage<'_>| {
        let checks = &mut Checks::off();
        LogoutResult::read(message, "_logout", &expected(), checks, now())
            .unwrap()
            .outcome()
    };
    for (answer, outcome) in [
        (LogoutAnswer::Done, LogoutOutcome::Done),
        (LogoutAnswer::Partial, LogoutOutcome::Partial),
        (
            LogoutAnswer::Failed,
            LogoutOutcome::Failed(StatusCode::Responder),
        ),
        (
            LogoutAnswer::Refused(None),
            LogoutOutcome::Failed(StatusCode::Requester),
        ),
        (
            LogoutAnswer::Refused(Some(StatusCode::RequestDenied)),
            LogoutOutcome::Failed(StatusCode::RequestDenied),
        ),
        (
            LogoutAnswer::Refused(Some(StatusCode::Other)),
            LogoutOutcome::Failed(StatusCode::Requester),
        ),
    ] {
        let response = response(answer);
        let envelope = SoapMessage::read(response.soap(&KEY).unwrap().as_bytes()).unwrap();
        let checks = &mut Checks::off();
        let message = SignedMessage::in_soap(&envelope, Trust::only(&keys), checks).unwrap();
        assert_eq!(read(&message), outcome);

        for relay_state in [None, Some("theirs")] {
            let url = response.redirect_url(relay_state, &KEY).unwrap();
            let query = QueryMessage::read(url.split_once('?').unwrap().1).unwrap();
            assert_eq!(query.carries, Carries::Response);
            assert_eq!(query.relay_state.as_deref(), relay_state);
            let verified = query.verify(Trust::only(&keys)).unwrap().unwrap();
            assert_eq!(
                read(&SignedMessage::from(&verified.parse().unwrap())),
                outcome
            );
        }
    }
}

#[test]
fn a_form_carries_a_signed_message_under_its_name() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let decode = |message: PostedMessage| {
        (
            message.field,
            String::from_utf8(STANDARD.decode(message.value).unwrap()).unwrap(),
        )
    };
    let (field, xml) = decode(request().posted(&KEY).unwrap());
    assert_eq!(field, "SAMLRequest");
    assert!(posted(&xml, 0).is_ok());
    let (field, xml) = decode(response(LogoutAnswer::Done).posted(&KEY).unwrap());
    assert_eq!(field, "SAMLResponse");
    let keys = TrustedKeys::one(KEY.trusted().unwrap());
    let document = Document::parse(xml.as_bytes(), Mode::Message, &Limits::default()).unwrap();
    let checks = &mut Checks::off();
    assert!(SignedMessage::enveloped(&document, Trust::only(&keys), checks).is_ok());
}
