use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::base::{IdpName, Outcome, PublicUrl, ReturnTo};
use crate::dsig::TrustedKeys;
use crate::saml::asked::AskedBoth;
use crate::saml::keys::Keys;
use crate::saml::profile::{Expectations, Origin};
use crate::saml::{PendingLogin, ServiceProvider};
use crate::xmlenc::{Decryption, DecryptionKeys};

const IDP: &str = "https://idp.example.com/metadata";
const SKEW: Duration = Duration::from_secs(180);
static THEIRS: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate_ec("idp", Timestamp::EPOCH).unwrap());
static OURS: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate_ec("sp", Timestamp::EPOCH).unwrap());

fn now() -> Timestamp {
    Timestamp::parse_saml("2026-11-21T12:00:00Z").unwrap()
}

fn text_of(entity_id: &str, index: u16, handle: u8) -> String {
    let mut bytes = vec![0, 4];
    bytes.extend(index.to_be_bytes());
    bytes.extend(sha1(entity_id.as_bytes()));
    bytes.extend([handle; 20]);
    STANDARD.encode(bytes)
}

fn resolution() -> Resolution {
    let artifact = Artifact::parse(&text_of(IDP, 1, 7)).unwrap();
    let request = ResolveRequest {
        id: "_resolve",
        issue_instant: now(),
        destination: "https://idp.example.com/ars",
        issuer: "https://app.example.com/saml/metadata",
    };
    FreshArtifact::new(artifact, IDP).resolve(&request, &OURS).unwrap()
}

const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";
const ISSUED: &str = "Version=\"2.0\" IssueInstant=\"2026-11-21T12:00:00Z\"";

/// What the artifact stands for.
fn response() -> String {
    format!(
        "<samlp:Response ID=\"_r\" {ISSUED} InResponseTo=\"_request\" \
         Destination=\"https://app.example.com/saml/acs\"><saml:Issuer>{IDP}</saml:Issuer>\
         <samlp:Status><samlp:StatusCode Value=\"{SUCCESS}\"/></samlp:Status>\
         <saml:Assertion ID=\"_a\" {ISSUED}><saml:Issuer>{IDP}</saml:Issuer>\
         <saml:Subject><saml:NameID>alice@example.com</saml:NameID>\
         <saml:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\">\
         <saml:SubjectConfirmationData Recipient=\"https://app.example.com/saml/acs\" \
         InResponseTo=\"_request\" NotOnOrAfter=\"2026-11-21T12:05:00Z\"/>\
         </saml:SubjectConfirmation></saml:Subject><saml:Conditions><saml:AudienceRestriction>\
         <saml:Audience>https://app.example.com/saml/metadata</saml:Audience>\
         </saml:AudienceRestriction></saml:Conditions>\
         <saml:AuthnStatement AuthnInstant=\"2026-11-21T12:00:00Z\"><saml:AuthnContext/>\
         </saml:AuthnStatement></saml:Assertion></samlp:Response>"
    )
}

fn answer_with(content: &str) -> String {
    format!(
        "<samlp:ArtifactResponse xmlns:samlp=\"{PROTOCOL_NS}\" xmlns:saml=\"{ASSERTION_NS}\" \
         ID=\"_answer\" InResponseTo=\"_resolve\" {ISSUED}><saml:Issuer>{IDP}</saml:Issuer>\
         <samlp:Status><samlp:StatusCode Value=\"{SUCCESS}\"/></samlp:Status>{content}\
         </samlp:ArtifactResponse>"
    )
}

fn answer() -> String {
    answer_with(&response())
}

/// The element with this ID is signed by the identity provider.
fn signed(xml: &str, id: &str) -> String {
    sign_enveloped(xml, id, &THEIRS, dsig::Place::AfterIssuer).unwrap()
}

fn read_with(xml: &str, checks: &mut Checks) -> Result<String, &'static str> {
    read_as(xml, IDP, checks)
}

/// Whom the Response in an ArtifactResponse lets in, by the way of the ACS.
fn read_as(xml: &str, idp_entity_id: &str, checks: &mut Checks) -> Result<String, &'static str> {
    let keys = TrustedKeys::one(THEIRS.trusted().unwrap());
    let trust = Trust::only(&keys);
    let sp = ServiceProvider {
        public_url: PublicUrl::parse("https://app.example.com").unwrap(),
        entity_id: "https://app.example.com/saml/metadata".to_owned(),
        clock_skew: SKEW,
        other_acs: None,
    };
    let ours = DecryptionKeys::default();
    let decryption = Decryption {
        keys: &ours,
        allow_cbc_unsigned: false,
        allow_tripledes: false,
        required: false,
    };
    let expected = Expectations {
        sp: &sp,
        idp_entity_id,
        clock_skew: SKEW,
        asked: AskedBoth::default(),
        scopes: None,
        affiliation: None,
    };
    let origin = Origin::Requested(PendingLogin {
        request_id: "_request".to_owned(),
        idp: IdpName::parse("corp").unwrap(),
        return_to: ReturnTo::root(),
        wish: crate::saml::Wish::default(),
        created_at: now(),
    });
    resolution()
        .answered(soap::envelope(xml).as_bytes())
        .and_then(|resolved| {
            let message = resolved.read(trust, SKEW, checks, now())?;
            let signed = message.verify(Keys { signing: trust, decryption }, checks)?;
            signed.validate(origin, &expected, checks, now())
        })
        .map(|valid| valid.claims().name_id.clone().unwrap().value)
        .map_err(|error| error.code().as_str())
}

fn read(xml: &str) -> Result<String, &'static str> {
    read_with(xml, &mut Checks::off())
}

#[test]
fn any_signature_that_covers_the_assertion_is_enough_and_none_is_sig_missing() {
    let alice = || Ok("alice@example.com".to_owned());
    assert_eq!(read(&answer()), Err("sig.missing"));
    for id in ["_a", "_r", "_answer"] {
        assert_eq!(read(&signed(&answer(), id)), alice(), "{id}");
    }
    let all = signed(&signed(&signed(&answer(), "_a"), "_r"), "_answer");
    assert_eq!(read(&all), alice());
}

#[test]
fn what_the_signature_around_does_not_cover_is_refused() {
    let around = signed(&answer(), "_answer");
    assert_eq!(read(&around.replace("alice@", "carol@")), Err("sig.digest"));
    // A good one inside does not help a bad one around it.
    let both = signed(&signed(&answer(), "_a"), "_answer");
    assert_eq!(
        read(&both.replace("ID=\"_r\"", "ID=\"_s\"")),
        Err("sig.digest")
    );
    // By a key of somebody else.
    let stranger = sign_enveloped(&answer(), "_answer", &OURS, dsig::Place::AfterIssuer).unwrap();
    assert_eq!(read(&stranger), Err("sig.invalid"));
}

#[test]
fn an_answer_that_is_signed_for_one_identity_provider_vouches_for_no_other() {
    let around = signed(&answer(), "_answer");
    let other = "https://other.example.com/metadata";
    assert_eq!(
        read_as(&around, other, &mut Checks::off()),
        Err("proto.issuer")
    );
    let inside = answer().replace(IDP, other).replacen(other, IDP, 1);
    assert_eq!(
        read_as(&signed(&inside, "_answer"), other, &mut Checks::off()),
        Err("proto.issuer")
    );
}

#[test]
fn a_response_without_a_destination_did_not_come_through_a_browser() {
    let fetched = answer().replace(" Destination=\"https://app.example.com/saml/acs\"", "");
    assert!(read(&signed(&fetched, "_answer")).is_ok());
    assert_eq!(read(&signed(&fetched, "_r")), Err("proto.destination"));
    let elsewhere = answer().replace("Destination=\"https://app", "Destination=\"https://other");
    assert_eq!(
        read(&signed(&elsewhere, "_answer")),
        Err("proto.destination")
    );
}

#[test]
fn each_rule_of_an_artifact_response_has_its_code() {
    // Each is signed afterwards: the rules hold whoever it is.
    let with = |from: &str, to: &str| {
        let changed = answer().replacen(from, to, 1);
        assert_ne!(changed, answer(), "{from}");
        read(&signed(&changed, "_answer"))
    };
    let issuer = format!("<saml:Issuer>{IDP}</saml:Issuer>");
    assert_eq!(
        with("InResponseTo=\"_resolve\"", "InResponseTo=\"_x\""),
        Err("proto.in_response_to")
    );
    assert_eq!(
        with(" InResponseTo=\"_resolve\"", ""),
        Err("proto.in_response_to")
    );
    assert_eq!(
        with("Version=\"2.0\"", "Version=\"2.1\""),
        Err("proto.version")
    );
    assert_eq!(with(IDP, "https://other.example.com"), Err("proto.issuer"));
    assert_eq!(with("12:00:00Z", "12:03:01Z"), Err("time.issue_instant"));
    assert_eq!(with("12:00:00Z", "11:46:59Z"), Err("time.issue_instant"));
    assert!(with("12:00:00Z", "12:03:00Z").is_ok());
    assert!(with("12:00:00Z", "11:47:00Z").is_ok());
    assert_eq!(with("12:00:00Z", "today"), Err("time.syntax"));
    assert_eq!(
        with("status:Success", "status:RequestDenied"),
        Err("idp.status")
    );
    assert_eq!(with(" Version", " Other=\"\" Version"), Err("xml.schema"));
    let twice = format!("{}<samlp:Extensions/>", response());
    assert_eq!(
        read(&signed(&answer_with(&twice), "_answer")),
        Err("xml.schema")
    );
    assert_eq!(read(&answer().replacen(&issuer, "", 1)), Err("xml.schema"));
    assert_eq!(
        read(&signed(&answer_with(""), "_answer")),
        Err("binding.artifact_gone")
    );
    assert_eq!(read(&response().replacen("<samlp:Response", "<samlp:Response xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\"", 1)), Err("proto.root"));
    let request = "<samlp:LogoutRequest/>";
    assert_eq!(
        read(&signed(&answer_with(request), "_answer")),
        Err("proto.root")
    );
}

#[test]
fn nothing_that_somebody_could_read_stands_beside_the_response() {
    let beside = |what: &str| {
        let extensions = format!("</saml:Issuer><samlp:Extensions>{what}</samlp:Extensions>");
        read(&signed(
            &answer().replacen("</saml:Issuer>", &extensions, 1),
            "_r",
        ))
    };
    assert!(beside("<x/>").is_ok());
    let signature = format!("<d:Signature xmlns:d=\"{}\"/>", ns::DS);
    assert_eq!(beside(&signature), Err("sig.position"));
    assert_eq!(
        beside("<saml:Assertion ID=\"_evil\"/>"),
        Err("proto.assertion_count")
    );
    let two = answer().replace(
        "</samlp:Response>",
        "<saml:Assertion ID=\"_b\"/></samlp:Response>",
    );
    assert_eq!(read(&signed(&two, "_answer")), Err("proto.assertion_count"));
    // Wrapped: the signed Response in a place that nobody reads, another one where it was.
    let genuine = signed(&answer(), "_r");
    let (_, rest) = genuine.split_once("<samlp:Response").unwrap();
    let (inner, _) = rest.split_once("</samlp:Response>").unwrap();
    let moved =
        format!("<samlp:Extensions><samlp:Response{inner}</samlp:Response></samlp:Extensions>");
    let evil = answer()
        .replace("alice@", "carol@")
        .replace("\"_r\"", "\"_evil\"")
        .replace("\"_a\"", "\"_evil-a\"")
        .replacen("</saml:Issuer>", &format!("</saml:Issuer>{moved}"), 1);
    assert_eq!(read(&evil), Err("sig.position"));
}

#[test]
fn each_rule_has_a_line_in_the_order_of_the_list() {
    let mut checks = Checks::on();
    read_with(&signed(&answer(), "_answer"), &mut checks).unwrap();
    let lines = checks.lines().iter().filter(|line| !line.name.contains("artifact.signature."));
    let names = lines.filter_map(|line| line.name.strip_prefix("artifact."));
    assert_eq!(names.collect::<Vec<_>>(), RULES);
    let mut checks = Checks::on();
    read_with(&signed(&answer(), "_r"), &mut checks).unwrap();
    let signature = checks.lines().iter().find(|line| line.name == "artifact.signature");
    assert_eq!(signature.unwrap().outcome, Outcome::Skip);
}

#[test]
fn what_we_ask_is_signed_and_in_the_order_of_the_schema() {
    let resolution = resolution();
    let soap = SoapMessage::read(resolution.soap().as_bytes()).unwrap();
    let message = soap.message();
    assert!(message.is(PROTOCOL_NS, "ArtifactResolve"));
    let names: Vec<_> = message.children().map(Element::local_name).collect();
    assert_eq!(names, ["Issuer", "Signature", "Artifact"]);
    let keys = TrustedKeys::one(OURS.trusted().unwrap());
    let verified = dsig::verify(message, Trust::only(&keys), &mut Checks::off()).unwrap().unwrap();
    let artifact = verified.child(PROTOCOL_NS, "Artifact").unwrap();
    assert_eq!(artifact.get().text().unwrap(), text_of(IDP, 1, 7));
    let shown = format!(
        "{resolution:?} {:?}",
        Artifact::parse(&text_of(IDP, 1, 7)).unwrap()
    );
    assert!(!shown.contains(&text_of(IDP, 1, 7)), "{shown}");
}

#[test]
fn what_is_no_artifact_is_binding_artifact() {
    let good = text_of(IDP, 258, 7);
    let artifact = Artifact::parse(&good).unwrap();
    assert_eq!(artifact.endpoint_index, 258);
    assert!(artifact.is_from(IDP) && !artifact.is_from("https://other.example.com"));
    let type_1 = STANDARD.encode([[0, 1].as_slice(), &[0; 42]].concat());
    let spaced = good.replacen('A', " ", 1);
    let url_safe = "-".repeat(TEXT_LENGTH);
    for text in [
        "",
        "AAQ=",
        good.split_at(4).1,
        &format!("{good}AAAA"),
        &type_1,
        &spaced,
        &url_safe,
    ] {
        let error = Artifact::parse(text).unwrap_err();
        assert_eq!(error.code().as_str(), "binding.artifact", "{text}");
    }
}

#[test]
fn a_browser_brings_one_artifact_and_nothing_that_could_be_taken_for_the_message() {
    let art = text_of(IDP, 0, 1).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let read = |fields: &str| {
        ArtifactDelivery::read(fields.as_bytes())
            .map(|delivery| delivery.map(|delivery| delivery.relay_state))
            .map_err(|error| error.code().as_str())
    };
    assert_eq!(read(&format!("SAMLart={art}")), Ok(Some(None)));
    assert_eq!(
        read(&format!("a=b&SAMLart={art}&RelayState=x+y")),
        Ok(Some(Some("x y".to_owned())))
    );
    assert_eq!(read("SAMLResponse=x"), Ok(None));
    assert_eq!(read(""), Ok(None));
    for fields in [
        format!("SAMLart={art}&SAMLart={art}"),
        format!("SAMLart={art}&RelayState=&RelayState="),
        format!("SAMLart={art}&SAMLResponse=x"),
        format!("SAMLRequest=x&SAMLart={art}"),
        "SAMLart=".to_owned(),
    ] {
        assert_eq!(read(&fields), Err("binding.artifact"), "{fields}");
    }
    assert_eq!(read(&"x".repeat(MAX_QUERY + 1)), Err("binding.size"));
}

proptest! {
    #[test]
    fn an_artifact_is_44_bytes_of_type_4_and_nothing_else(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let text = STANDARD.encode(&bytes);
        let is_one = bytes.len() == LENGTH && bytes[..2] == [0, 4];
        prop_assert_eq!(Artifact::parse(&text).is_ok(), is_one);
    }

    #[test]
    fn whatever_stands_for_one_does_not_panic(text in ".{0,80}", bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Artifact::parse(&text);
        let _ = ArtifactDelivery::read(&bytes);
    }

    /// One byte of a signed answer, changed: it is refused, or says the same of Alice.
    #[test]
    fn a_changed_answer_is_refused_or_says_the_same(at in any::<proptest::sample::Index>(), byte in any::<u8>()) {
        static GOOD: LazyLock<String> = LazyLock::new(|| signed(&answer(), "_answer"));
        let mut bytes = GOOD.clone().into_bytes();
        let place = at.index(bytes.len());
        bytes[place] = byte;
        if let Ok(text) = String::from_utf8(bytes)
            && let Ok(who) = read(&text)
        {
            prop_assert_eq!(who, "alice@example.com");
        }
    }
}

#[test]
fn a_document_with_the_same_id_inside_and_around_is_xml_id() {
    let same = answer().replace("\"_answer\"", "\"_a\"");
    assert_eq!(read(&same), Err("xml.id"));
}
