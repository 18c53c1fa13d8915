//! One case, through the same functions as in the gateway.

use std::borrow::Cow;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use samlgate::base::{Checks, ErrorCode, IdpName, PublicUrl, ReturnTo, Timestamp};
use samlgate::dsig::{Allowed, Trust, TrustedKey, TrustedKeys};
use samlgate::saml::asked::{self, AskedBoth, AskedContext};
use samlgate::saml::binding::post::{self, ResponseForm};
use samlgate::saml::binding::relay_state::RelayState;
use samlgate::saml::keys::Keys;
use samlgate::saml::metadata::IdpMetadata;
use samlgate::saml::profile::{Expectations, Origin, Permission};
use samlgate::saml::response::ResponseMessage;
use samlgate::saml::{Attribute, Claims, PendingLogin, ServiceProvider};
use samlgate::xml::{Document, Limits, Mode};
use samlgate::xmlenc::{Decryption, DecryptionKey, DecryptionKeys};

use super::case::{Case, Expect, Form, Identity, Kind};
use super::logout;
use crate::beyond_core;

/// What came of a case.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accepted(Box<Identity>),
    Refused(ErrorCode),
    /// Decided in a part of the gateway that is not here.
    Elsewhere,
}

/// Plays a case; `None` if it went as it says.
pub(crate) fn complaint(case: &Case) -> Option<String> {
    let verdict = match play(case) {
        Ok(verdict) => verdict,
        Err(fault) => return Some(format!("can not be played: {fault}")),
    };
    let fine = match (&case.expect, &verdict) {
        (_, Verdict::Elsewhere) => true,
        (Expect::Accept(expected), Verdict::Accepted(found)) => expected == found,
        (Expect::Refuse(codes), Verdict::Refused(code)) => codes.contains(code),
        _ => false,
    };
    (!fine).then(|| match (&case.expect, &verdict) {
        (Expect::Accept(expected), Verdict::Accepted(found)) => {
            format!("accepted as {found:?}, and not as {expected:?}")
        }
        (_, Verdict::Accepted(found)) => format!("accepted as {:?}", found.name_id),
        (Expect::Accept(_), Verdict::Refused(code)) => format!("refused with {code}"),
        (Expect::Refuse(codes), _) => format!("{verdict:?}, and not one of {codes:?}"),
        (Expect::Accept(_), Verdict::Elsewhere) => "nobody knows".to_owned(),
    })
}

fn play(case: &Case) -> Result<Verdict, String> {
    match case.kind {
        Kind::Response => play_response(case),
        Kind::LogoutRedirect | Kind::LogoutPost | Kind::LogoutSoap => logout::play(case),
        Kind::Metadata => play_metadata(case),
    }
}

fn play_metadata(case: &Case) -> Result<Verdict, String> {
    let entity_id = case.entity_id.as_deref();
    let read = match &case.metadata_signing_certificate {
        Some(name) => {
            let signers = TrustedKeys::one(certificate(name)?);
            IdpMetadata::read_signed(&case.body, entity_id, &signers, case.now)
        }
        None => IdpMetadata::read(&case.body, entity_id, case.now),
    };
    let metadata = match read {
        Ok(metadata) => metadata,
        Err(error) => return Ok(Verdict::Refused(error.code())),
    };
    let known = key_names()?;
    let name = |key: &TrustedKey| {
        let name = known.iter().find(|(_, fingerprint)| fingerprint == key.fingerprint());
        name.map_or_else(|| "unknown".to_owned(), |(name, _)| name.clone())
    };
    let keys = metadata.signing_keys.iter().map(name).collect();
    Ok(Verdict::Accepted(Box::new(Identity {
        keys,
        ..Identity::default()
    })))
}

fn play_response(case: &Case) -> Result<Verdict, String> {
    let sp = service_provider();
    let settings = Settings::read(case)?;
    let (xml, relay_state) = match body(case)? {
        Ok(read) => read,
        Err(code) => return Ok(Verdict::Refused(code)),
    };
    let claims = match claims(case, &settings, &sp, &xml)? {
        Ok(claims) => claims,
        Err(code) => return Ok(Verdict::Refused(code)),
    };
    if let Expect::Refuse(codes) = &case.expect
        && codes.iter().any(|code| decides_later(*code))
    {
        let vendor = idp(&case.idp, case.now)?.vendor;
        return Ok(
            match beyond_core::identify(&claims, vendor, settings.duplicates) {
                None => Verdict::Elsewhere,
                Some(Ok(())) => Verdict::Accepted(Box::new(identity(claims, None))),
                Some(Err(code)) => Verdict::Refused(code),
            },
        );
    }
    let taken_for = match &case.expect {
        Expect::Accept(expected) if expected.relay_state.is_some() => Some(taken_for(
            &RelayState::sort(relay_state.as_deref(), &sp.public_url),
        )),
        _ => None,
    };
    Ok(Verdict::Accepted(Box::new(identity(claims, taken_for))))
}

/// The XML of a case that carries a Response, if the binding lets it through.
pub(crate) fn response(case: &Case) -> Option<Vec<u8>> {
    let body = body(case).ok().filter(|_| case.kind == Kind::Response)?;
    body.ok().map(|(xml, _)| xml)
}

/// What is believed when these bytes come in the place of the case's own.
pub(crate) fn believed(case: &Case, xml: &[u8]) -> Result<Claims, ErrorCode> {
    let settings = Settings::read(case).expect("the case can be played");
    claims(case, &settings, &service_provider(), xml).expect("the case can be played")
}

/// XML, and its RelayState.
type Posted = (Vec<u8>, Option<String>);

/// The message, as the ACS gets it out of what a browser sends.
fn body(case: &Case) -> Result<Result<Posted, ErrorCode>, String> {
    let form = match case.form {
        Form::Xml => return Ok(Ok((case.body.clone(), None))),
        Form::Posted => case.body.clone(),
        Form::Base64 => {
            let mut form = b"SAMLResponse=".to_vec();
            form.extend(url::form_urlencoded::byte_serialize(&case.body).flat_map(str::bytes));
            form
        }
        Form::Query => return Err("a Response does not come in a query".to_owned()),
    };
    let read = ResponseForm::decode(&form);
    Ok(read.map(|form| (form.xml, form.relay_state)).map_err(|error| error.code()))
}

/// From the value of `SAMLResponse` to a verdict.
pub(crate) type ReadOne = Box<dyn Fn(&[u8]) -> Result<(), ErrorCode>>;

/// Reads the value of `SAMLResponse` in the circumstances of a case, which are found out before:
/// for measuring what reading alone costs. `None` if the case can not be played.
pub(crate) fn reader(case: &Case) -> Option<ReadOne> {
    let settings = Settings::read(case).ok()?;
    let known = idp(&case.idp, case.now).ok()?;
    let ours = decryption_keys(case).ok()?;
    let name = IdpName::parse(&case.idp)?;
    let sp = service_provider();
    let (now, request) = (case.now, case.in_response_to.clone());
    Some(Box::new(move |value| {
        let checks = &mut Checks::off();
        let xml = post::decode_message(value).map_err(|error| error.code())?;
        let document = Document::parse_owned(xml, Mode::Message, &Limits::default());
        let document = document.map_err(|error| error.code())?;
        let message = ResponseMessage::parse(&document, checks).map_err(|error| error.code())?;
        if message.issuer_hint().is_none_or(|issuer| issuer != known.entity_id) {
            return Err(ErrorCode::IdpUnknown);
        }
        let origin = match &request {
            Some(request_id) => Origin::Requested(PendingLogin {
                request_id: request_id.clone(),
                idp: name.clone(),
                return_to: ReturnTo::root(),
                wish: samlgate::saml::Wish::default(),
                created_at: now.minus(Duration::from_secs(60)),
            }),
            None => Permission::from_setting(settings.idp_initiated)
                .map(Origin::IdpInitiated)
                .ok_or(ErrorCode::ProtoUnsolicited)?,
        };
        let keys = Keys {
            signing: Trust { keys: &known.signing_keys, allowed: settings.allowed },
            decryption: Decryption {
                keys: &ours,
                allow_cbc_unsigned: settings.cbc_unsigned,
                allow_tripledes: settings.tripledes,
                required: settings.want_encrypted,
            },
        };
        let expected = Expectations {
            sp: &sp,
            idp_entity_id: &known.entity_id,
            clock_skew: settings.clock_skew,
            asked: settings.asked(),
            scopes: known.scopes.as_deref(),
            affiliation: None,
        };
        let signed = message.verify(keys, checks).map_err(|error| error.code())?;
        let valid = signed.validate(origin, &expected, checks, now);
        valid.map(drop).map_err(|error| error.code())
    }))
}

fn claims(
    case: &Case,
    settings: &Settings,
    sp: &ServiceProvider,
    xml: &[u8],
) -> Result<Result<Claims, ErrorCode>, String> {
    let checks = &mut Checks::off();
    let document = match Document::parse(xml, Mode::Message, &Limits::default()) {
        Ok(document) => document,
        Err(error) => return Ok(Err(error.code())),
    };
    let message = match ResponseMessage::parse(&document, checks) {
        Ok(message) => message,
        Err(error) => return Ok(Err(error.code())),
    };
    let Some((idp, origin)) = origin(case, settings, message.issuer_hint().map(Cow::into_owned))?
    else {
        return Ok(Err(ErrorCode::IdpUnknown));
    };
    let origin = match origin {
        Ok(origin) => origin,
        Err(code) => return Ok(Err(code)),
    };
    let ours = decryption_keys(case)?;
    let keys = Keys {
        signing: Trust { keys: &idp.signing_keys, allowed: settings.allowed },
        decryption: Decryption {
            keys: &ours,
            allow_cbc_unsigned: settings.cbc_unsigned,
            allow_tripledes: settings.tripledes,
            required: settings.want_encrypted,
        },
    };
    let expected = Expectations {
        sp,
        idp_entity_id: &idp.entity_id,
        clock_skew: settings.clock_skew,
        asked: settings.asked(),
        scopes: idp.scopes.as_deref(),
        affiliation: None,
    };
    let valid = message
        .verify(keys, checks)
        .and_then(|signed| signed.validate(origin, &expected, checks, case.now));
    Ok(valid.map(|valid| valid.claims().clone()).map_err(|error| error.code()))
}

/// Whose keys, and where the sign-in began, or why it could not have.
type Asked = (IdpMetadata, Result<Origin, ErrorCode>);

/// Whose keys count: those of whom we asked, or of whom an answer to nobody names. `None` if that
/// is a stranger. As at the ACS, it is decided by what nobody has verified yet.
fn origin(
    case: &Case,
    settings: &Settings,
    issuer: Option<String>,
) -> Result<Option<Asked>, String> {
    let mut asked = None;
    let mut named = None;
    for name in [case.idp.as_str(), "corp", "other"] {
        let known = idp(name, case.now)?;
        if asked.is_none() {
            asked = Some(known.clone());
        }
        if named.is_none() && Some(&known.entity_id) == issuer.as_ref() {
            named = Some(known);
        }
    }
    let Some(request_id) = &case.in_response_to else {
        let origin = Permission::from_setting(settings.idp_initiated).map(Origin::IdpInitiated);
        return Ok(named.map(|named| (named, origin.ok_or(ErrorCode::ProtoUnsolicited))));
    };
    let login = PendingLogin {
        request_id: request_id.clone(),
        idp: IdpName::parse(&case.idp).ok_or("idp: not a name")?,
        return_to: ReturnTo::root(),
        wish: samlgate::saml::Wish::default(),
        created_at: case.now.minus(Duration::from_secs(60)),
    };
    Ok(asked.map(|asked| {
        let mix_up = named.is_some_and(|named| named.entity_id != asked.entity_id);
        let origin = if mix_up {
            Err(ErrorCode::ProtoMixUp)
        } else {
            Ok(Origin::Requested(login))
        };
        (asked, origin)
    }))
}

fn identity(claims: Claims, relay_state: Option<String>) -> Identity {
    let values = claims.attributes.into_iter().flat_map(|attribute| {
        let Attribute { name, values, .. } = attribute;
        let values = values.iter().map(|value| (name.clone(), value.to_owned()));
        values.collect::<Vec<_>>()
    });
    let attributes = values.collect();
    let (name_id, format) = match claims.name_id {
        Some(name_id) => (Some(name_id.value), name_id.format),
        None => (None, None),
    };
    let session_index = claims.session_index;
    Identity {
        name_id,
        format,
        session_index,
        attributes,
        relay_state,
        ..Identity::default()
    }
}

fn taken_for(relay_state: &RelayState) -> String {
    match relay_state {
        RelayState::Handle(_) => "handle".to_owned(),
        RelayState::Page(page) => format!("page {}", page.as_str()),
        RelayState::Ignored => "ignored".to_owned(),
    }
}

/// What is about the person and no longer about the message.
fn decides_later(code: ErrorCode) -> bool {
    code.as_str().starts_with("value.") && code != ErrorCode::ValueScope
        || code == ErrorCode::SubjectMissing
}

/// The keys of `[[idp]]` that a case sets, decided for its time.
pub(super) struct Settings {
    pub(super) allowed: Allowed,
    pub(super) cbc_unsigned: bool,
    pub(super) tripledes: bool,
    want_encrypted: bool,
    idp_initiated: bool,
    duplicates: bool,
    force_authn: bool,
    authn_context: Vec<String>,
    pub(super) clock_skew: Duration,
}

impl Settings {
    pub(super) fn read(case: &Case) -> Result<Self, String> {
        let mut settings = Self {
            allowed: Allowed::NOTHING,
            cbc_unsigned: false,
            tripledes: false,
            want_encrypted: false,
            idp_initiated: false,
            duplicates: false,
            force_authn: false,
            authn_context: Vec::new(),
            clock_skew: service_provider().clock_skew,
        };
        for (key, value) in &case.settings {
            let wrong = || format!("set: {key}={value}");
            let flag = || value.parse::<bool>().map_err(|_| wrong());
            let before = || {
                let time = Timestamp::parse_saml(&format!("{value}T00:00:00Z"));
                time.or_else(|| Timestamp::parse_saml(value))
                    .map(|until| case.now < until)
                    .ok_or_else(wrong)
            };
            match key.as_str() {
                "allow_sha1_until" => settings.allowed.sha1 = before()?,
                "allow_tripledes_until" => settings.tripledes = before()?,
                "allow_inclusive_c14n" => settings.allowed.inclusive_c14n = flag()?,
                "allow_cbc_in_unsigned_response" => settings.cbc_unsigned = flag()?,
                "want_encrypted" => settings.want_encrypted = flag()?,
                "allow_idp_initiated" => settings.idp_initiated = flag()?,
                "allow_duplicate_attributes" => settings.duplicates = flag()?,
                "force_authn" => settings.force_authn = flag()?,
                "authn_context" => settings.authn_context.push(value.clone()),
                "clock_skew" => {
                    settings.clock_skew = Duration::from_secs(value.parse().map_err(|_| wrong())?);
                }
                _ => return Err(wrong()),
            }
        }
        Ok(settings)
    }

    fn asked(&self) -> AskedBoth<'_> {
        let asked = asked::Asked {
            context: AskedContext::exact(&self.authn_context),
            force_authn: self.force_authn,
            max_age: None,
        };
        asked.into()
    }
}

fn service_provider() -> ServiceProvider {
    ServiceProvider {
        public_url: PublicUrl::parse("https://sp.example.com").unwrap(),
        entity_id: "https://sp.example.com/saml/metadata".to_owned(),
        clock_skew: Duration::from_secs(180),
        other_acs: None,
    }
}

pub(super) fn idp(name: &str, now: Timestamp) -> Result<IdpMetadata, String> {
    IdpMetadata::read(&file("trust", name, "xml")?, None, now).map_err(|error| error.to_string())
}

pub(super) fn decryption_keys(case: &Case) -> Result<DecryptionKeys, String> {
    let read = |name: &String| {
        let pem = file("keys", name, "key")?;
        DecryptionKey::from_pem(&pem).map_err(|error| format!("{name}: {error}"))
    };
    let keys = case.decrypt_keys.iter().map(read).collect::<Result<_, _>>()?;
    Ok(DecryptionKeys::from_vec(keys).known_as(&service_provider().entity_id))
}

/// The certificate of this name.
fn certificate(name: &str) -> Result<TrustedKey, String> {
    let pem = String::from_utf8(file("keys", name, "crt")?).map_err(|error| error.to_string())?;
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = STANDARD.decode(body).map_err(|error| format!("{name}: {error}"))?;
    TrustedKey::from_certificate_der(&der).map_err(|error| format!("{name}: {error}"))
}

/// All that can be trusted, by fingerprint.
fn key_names() -> Result<Vec<(String, String)>, String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder().join("keys")).map_err(|error| error.to_string())? {
        let path = entry.map_err(|error| error.to_string())?.path();
        let is_certificate = path.extension().is_some_and(|extension| extension == "crt");
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if is_certificate && let Ok(key) = certificate(&name) {
            names.push((name, key.fingerprint().to_owned()));
        }
    }
    Ok(names)
}

fn file(kind: &str, name: &str, extension: &str) -> Result<Vec<u8>, String> {
    let path = folder().join(kind).join(format!("{name}.{extension}"));
    std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))
}

/// `tests/corpus/saml`
pub(crate) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/saml")
}

/// A message in base64, as a form holds it.
pub(crate) fn as_base64(xml: &[u8]) -> Vec<u8> {
    STANDARD.encode(xml).into_bytes()
}
