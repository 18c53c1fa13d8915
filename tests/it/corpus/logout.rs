//! One logout message, as the `SingleLogoutService` would take it.

use samlgate::base::{Checks, ErrorCode};
use samlgate::dsig::Trust;
use samlgate::saml::binding::query::{Carries, QueryMessage};
use samlgate::saml::binding::soap::SoapMessage;
use samlgate::saml::logout::{
    LogoutExpectations, LogoutResult, SignedMessage, ValidLogoutRequest, issuer_hint,
};
use samlgate::saml::metadata::IdpMetadata;
use samlgate::saml::{NameId, SamlError};
use samlgate::xml::{Document, Element, Limits, Mode};
use samlgate::xmlenc::{Decryption, DecryptionKeys};

use super::case::{Case, Form, Identity, Kind};
use super::play::{Settings, Verdict, decryption_keys, idp};

/// Where logout messages have to be addressed to.
const SLO: &str = "https://sp.example.com/saml/slo";

pub(super) fn play(case: &Case) -> Result<Verdict, String> {
    let settings = Settings::read(case)?;
    let outcome = match (case.form, case.kind) {
        (Form::Query, _) => by_query(case, &settings)?,
        (Form::Xml, Kind::LogoutSoap) => by_soap(case, &settings)?,
        (Form::Xml, _) => by_envelope(case, &settings)?,
        (Form::Base64 | Form::Posted, _) => return Err("body: query or xml".to_owned()),
    };
    Ok(outcome.map_or_else(Verdict::Refused, |identity| {
        Verdict::Accepted(Box::new(identity))
    }))
}

type Outcome = Result<Result<Identity, ErrorCode>, String>;

fn by_query(case: &Case, settings: &Settings) -> Outcome {
    let query = str::from_utf8(&case.body).map_err(|error| error.to_string())?;
    let message = match QueryMessage::read(query) {
        Ok(message) => message,
        Err(error) => return Ok(Err(error.code())),
    };
    let carries = message.carries;
    let document = match Document::parse(message.xml(), Mode::Message, &Limits::default()) {
        Ok(document) => document,
        Err(error) => return Ok(Err(error.code())),
    };
    let Some(idp) = sender(case, document.root())? else {
        return Ok(Err(ErrorCode::IdpUnknown));
    };
    let trust = Trust { keys: &idp.signing_keys, allowed: settings.allowed };
    let verified = match message.verify(trust) {
        Ok(Some(verified)) => verified,
        Ok(None) => return Ok(Err(ErrorCode::SigMissing)),
        Err(error) => return Ok(Err(error.code())),
    };
    let document = verified.parse().map_err(|error| error.to_string())?;
    let ours = decryption_keys(case)?;
    let read = read(
        case,
        settings,
        &idp,
        &ours,
        carries,
        &SignedMessage::from(&document),
    );
    Ok(read
        .map(|identity| Identity {
            relay_state: verified.relay_state().map(ToOwned::to_owned),
            ..identity
        })
        .map_err(|error| error.code()))
}

fn by_envelope(case: &Case, settings: &Settings) -> Outcome {
    let document = match Document::parse(&case.body, Mode::Message, &Limits::default()) {
        Ok(document) => document,
        Err(error) => return Ok(Err(error.code())),
    };
    let ours = decryption_keys(case)?;
    let Some(idp) = sender(case, document.root())? else {
        return Ok(Err(ErrorCode::IdpUnknown));
    };
    let trust = Trust { keys: &idp.signing_keys, allowed: settings.allowed };
    let carries = match case.in_response_to {
        Some(_) => Carries::Response,
        None => Carries::Request,
    };
    let read = SignedMessage::enveloped(&document, trust, &mut Checks::off())
        .and_then(|message| read(case, settings, &idp, &ours, carries, &message));
    Ok(read.map_err(|error| error.code()))
}

fn by_soap(case: &Case, settings: &Settings) -> Outcome {
    let soap = match SoapMessage::read(&case.body) {
        Ok(soap) => soap,
        Err(error) => return Ok(Err(error.code())),
    };
    let Some(idp) = sender(case, soap.message())? else {
        return Ok(Err(ErrorCode::IdpUnknown));
    };
    let ours = decryption_keys(case)?;
    let trust = Trust { keys: &idp.signing_keys, allowed: settings.allowed };
    let read = SignedMessage::in_soap(&soap, trust, &mut Checks::off())
        .and_then(|message| read(case, settings, &idp, &ours, Carries::Request, &message));
    Ok(read.map_err(|error| error.code()))
}

fn read(
    case: &Case,
    settings: &Settings,
    idp: &IdpMetadata,
    ours: &DecryptionKeys,
    carries: Carries,
    message: &SignedMessage<'_>,
) -> Result<Identity, SamlError> {
    let expected = LogoutExpectations {
        slo_url: SLO,
        idp_entity_id: &idp.entity_id,
        vendor: idp.vendor,
        decryption: Decryption {
            keys: ours,
            allow_cbc_unsigned: settings.cbc_unsigned,
            allow_tripledes: settings.tripledes,
            required: false,
        },
        clock_skew: settings.clock_skew,
    };
    if carries == Carries::Response {
        let asked = case.in_response_to.as_deref().unwrap_or_default();
        return LogoutResult::read(message, asked, &expected, &mut Checks::off(), case.now)
            .map(|_| Identity::default());
    }
    let request = ValidLogoutRequest::read(message, &expected, &mut Checks::off(), case.now)?;
    let ends = case.session.as_ref().map(|(issuer, name_id, index)| {
        let name_id = NameId {
            value: name_id.clone(),
            format: Some(NameId::EMAIL.to_owned()),
            name_qualifier: None,
            sp_name_qualifier: None,
            sp_provided_id: None,
        };
        request.ends(issuer, &name_id, Some(index))
    });
    let indexes = request.session_indexes.join(" ");
    Ok(Identity {
        name_id: Some(request.name_id.value),
        format: request.name_id.format,
        session_index: (!indexes.is_empty()).then_some(indexes),
        ends,
        ..Identity::default()
    })
}

/// Whose keys count: those of whom the message names.
fn sender(case: &Case, message: Element<'_>) -> Result<Option<IdpMetadata>, String> {
    let issuer = issuer_hint(message);
    for name in [case.idp.as_str(), "corp", "other"] {
        let known = idp(name, case.now)?;
        if Some(&known.entity_id) == issuer.as_ref() {
            return Ok(Some(known));
        }
    }
    Ok(None)
}
