//! `POST /saml/acs`: a form from a browser → a session.
//!
//! The handler reads like the picture in the crate's documentation: bytes, parsed, verified,
//! identity, session. Whatever happens, one login attempt is recorded under one reference.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Extension, State};
use axum::response::Response;
use http::{HeaderMap, Method, Request, StatusCode};
use openssl::sha::sha256;
use serde_json::json;

use super::{browser_hash, cookie_value};
use crate::audit::{Event, EventKind, LoginAttempt, LoginOutcome};
use crate::base::clock::Stopwatch;
use crate::base::{ErrorCode, IdpName, LocalPath, Timestamp, UserId, entropy};
use crate::http::context::Context;
use crate::http::error::{GatewayError, Reader};
use crate::http::measure;
use crate::http::respond;
use crate::http::state::Gateway;
use crate::identity;
use crate::saml::binding::post::{MAX_BODY, ResponseForm};
use crate::saml::binding::relay_state::RelayState;
use crate::saml::one_use::OneUse;
use crate::saml::pending::Taken;
use crate::saml::profile::{Origin, Permission};
use crate::saml::response::ResponseMessage;
use crate::session::{EndReason, Session, SessionToken};
use crate::trust::IdpTrust;
use crate::xml::{Document, Limits, Mode};

/// Longest wait for the form: a megabyte over a slow telephone line.
const FORM_TIMEOUT: Duration = Duration::from_secs(30);

/// What is known about an attempt so far: the evidence of a refusal.
#[derive(Debug, Default)]
struct Evidence {
    idp: Option<Arc<IdpTrust>>,
    issuer: Option<String>,
    in_response_to: Option<String>,
    relay_state: Option<&'static str>,
    user: Option<UserId>,
    /// A request of ours to this identity provider is being answered.
    asked: bool,
    /// Where the person was going, as far as the store knows.
    return_to: Option<LocalPath>,
    browser: Option<[u8; 32]>,
}

/// A sign-in that succeeded.
struct SignedIn {
    token: SessionToken,
    session: Arc<Session>,
    landing: LocalPath,
}

/// `POST /saml/acs`.
pub async fn acs(
    State(gateway): State<Arc<Gateway>>,
    Extension(context): Extension<Context>,
    request: Request<Body>,
) -> Response {
    let watch = Stopwatch::start();
    let now = gateway.app.now();
    let (parts, body) = request.into_parts();
    let headers = parts.headers;
    if parts.method != Method::POST {
        let detail = format!("{} at the ACS", parts.method);
        let error = GatewayError::new(ErrorCode::BindingMethod, detail);
        let mut response = gateway.fail(&error, &context, Reader::of(&headers), now);
        response
            .headers_mut()
            .insert(http::header::ALLOW, http::HeaderValue::from_static("POST"));
        return response;
    }
    let mut evidence = Evidence::default();
    let outcome = accept(&gateway, &headers, body, &mut evidence, now).await;
    let reference = entropy::reference(gateway.app.entropy.as_ref());
    let name = evidence.idp.as_ref().map(|idp| idp.settings.name.clone());
    measure::login(
        name.as_ref(),
        outcome.as_ref().err().map(|error| error.code),
        watch.elapsed(),
    );
    match outcome {
        Ok(signed_in) => {
            let detail = detail_of(&evidence, Some(&signed_in.session), None);
            record(&gateway, &context, &evidence, None, &reference, detail, now).await;
            if signed_in.session.identity.created {
                created(&gateway, &context, &signed_in.session, &reference, now).await;
            }
            tracing::info!(
                idp = name.as_ref().map(IdpName::as_str),
                user = signed_in.session.identity.user_name,
                sid = signed_in.session.sid,
                request_id = context.request_id.as_str(),
                client = context.client_text(),
                reference,
                "signed in"
            );
            let mut response = respond::redirect(StatusCode::SEE_OTHER, signed_in.landing.as_str());
            let cookie = gateway.app.cookies.set_session(&signed_in.token);
            respond::set_cookie(&mut response, &cookie);
            response
        }
        Err(error) => {
            refuse(
                &gateway, &context, &headers, &evidence, error, &reference, now,
            )
            .await
        }
    }
}

/// The walk from bytes to session.
async fn accept(
    gateway: &Gateway,
    headers: &HeaderMap,
    body: Body,
    evidence: &mut Evidence,
    now: Timestamp,
) -> Result<SignedIn, GatewayError> {
    let app = &gateway.app;
    let live = app.settings();
    let browser = cookie_value(headers, app.cookies.login).and_then(browser_hash);
    evidence.browser = browser;

    let form = read_form(headers, body).await?; //                                 bytes
    let document = Document::parse(&form.xml, Mode::Message, &Limits::default())
        .map_err(|error| GatewayError::new(error.code(), error))?; //              parsed
    let message = ResponseMessage::parse(&document).map_err(saml)?;
    let issuer = message.issuer_hint();
    let in_response_to = message.in_response_to_hint().map(ToOwned::to_owned);
    evidence.issuer = issuer.as_deref().map(shorten);
    evidence.in_response_to = in_response_to.as_deref().map(shorten);
    let relay_state = RelayState::sort(form.relay_state.as_deref(), &live.sp.public_url);
    evidence.relay_state = Some(match relay_state {
        RelayState::Handle(_) => "handle",
        RelayState::Page(_) => "page",
        RelayState::Ignored if form.relay_state.is_none() => "absent",
        RelayState::Ignored => "ignored",
    });

    let (idp, origin) = origin(gateway, &relay_state, browser, evidence, now).await?;
    let landing = match (&origin, &relay_state) {
        (Origin::Requested(login), _) => login.return_to.clone(),
        (Origin::IdpInitiated(_), RelayState::Page(page)) => page.clone(),
        (Origin::IdpInitiated(_), _) => idp.settings.landing.clone(),
    };
    evidence.return_to = Some(landing.clone());

    let signed = message.verify(&idp.metadata.signing_keys).map_err(saml)?; //     verified
    let valid = signed.validate(origin, &idp.expectations(&live.sp), now).map_err(saml)?;
    let accepted = OneUse::claim(app.ports.one_use.as_ref(), valid, now)
        .await
        .map_err(|error| GatewayError::new(error.code(), error))?;
    let identity = identity::resolve(
        //                                           identity
        &accepted,
        idp.metadata.vendor,
        &idp.settings.name,
        idp.settings.allow_duplicate_attributes,
        &live.identity,
        app.ports.directory.as_ref(),
        app.entropy.as_ref(),
        now,
    )
    .await
    .map_err(|error| GatewayError::new(error.code(), error))?;
    evidence.user = Some(identity.user.clone());
    let previous = match browser {
        Some(browser) => app.sessions.newest_of_browser(&browser, now).await?,
        None => None,
    };
    let (token, session) = app.sessions.open(identity, browser, app.entropy.as_ref(), now).await?; // session
    if let Some(previous) = previous {
        app.sessions.end(&previous, EndReason::Replaced, now).await?;
    }
    Ok(SignedIn { token, session, landing })
}

/// Longest piece of a message that is kept as evidence: the longest entityID (core 8.3.6). Anybody
/// can send messages, and disks are finite.
const EVIDENCE: usize = 1024;

fn shorten(text: &str) -> String {
    match text.char_indices().nth(EVIDENCE) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn saml(error: crate::saml::SamlError) -> GatewayError {
    GatewayError::new(error.code(), error)
}

async fn read_form(headers: &HeaderMap, body: Body) -> Result<ResponseForm, GatewayError> {
    let content_type =
        headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = content_type.and_then(|text| text.split(';').next()).unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        let detail = format!("Content-Type is {kind:?}, a form was expected");
        return Err(GatewayError::new(ErrorCode::BindingMethod, detail));
    }
    let body =
        tokio::time::timeout(FORM_TIMEOUT, to_bytes(body, MAX_BODY))
            .await
            .map_err(|_| {
                let seconds = FORM_TIMEOUT.as_secs();
                GatewayError::new(
                    ErrorCode::BindingSize,
                    format!("the form took more than {seconds} s"),
                )
            })?;
    let body = body.map_err(|error| {
        let detail = format!("the form is larger than {MAX_BODY} bytes, or broke off: {error}");
        GatewayError::new(ErrorCode::BindingSize, detail)
    })?;
    ResponseForm::decode(&body).map_err(|error| GatewayError::new(error.code(), error))
}

/// Which request of ours this answers, and so whose keys it is verified by.
///
/// The record of the request is used up here, whatever follows. RelayState finds it; where an
/// identity provider lost that, InResponseTo does, for this browser alone.
async fn origin(
    gateway: &Gateway,
    relay_state: &RelayState,
    browser: Option<[u8; 32]>,
    evidence: &mut Evidence,
    now: Timestamp,
) -> Result<(Arc<IdpTrust>, Origin), GatewayError> {
    let app = &gateway.app;
    let registry = app.registry();
    let refused = |detail: &str| GatewayError::new(ErrorCode::ProtoInResponseTo, detail);
    // No cookie is nobody's hash: what was asked for in a browser is never answered without it.
    let asked_by = browser.unwrap_or_default();
    let mut taken = match relay_state {
        RelayState::Handle(handle) => {
            app.ports.pending.take(sha256(handle.as_bytes()), asked_by, now).await?
        }
        _ => Taken::Unknown,
    };
    if let (Taken::Unknown, Some(id)) = (&taken, &evidence.in_response_to) {
        taken = app.ports.pending.take_by_request(id, asked_by, now).await?;
    }
    match taken {
        Taken::Login(login) => {
            evidence.return_to = Some(login.return_to.clone());
            let idp = registry.named(&login.idp).cloned().ok_or_else(|| {
                let detail = format!("{} was removed while somebody signed in", login.idp);
                GatewayError::new(ErrorCode::IdpUnknown, detail)
            })?;
            evidence.idp = Some(Arc::clone(&idp));
            evidence.asked = true;
            check_issuer(&registry, &idp, evidence.issuer.as_deref())?;
            enabled(idp, Origin::Requested(login))
        }
        Taken::OtherBrowser if browser.is_none() => Err(refused(
            "the request was ours, but the browser sent no login cookie: it blocks cookies, or \
             came back to another host name than it left from",
        )),
        Taken::OtherBrowser => Err(refused("the request was made in another browser")),
        Taken::UsedOrExpired(return_to) => {
            evidence.return_to = return_to;
            Err(refused(
                "the request was answered before, or is older than 15 minutes",
            ))
        }
        Taken::Unknown if evidence.in_response_to.is_some() => Err(refused(
            "it answers a request that is not one of ours, or is long forgotten",
        )),
        Taken::Unknown => {
            if let RelayState::Page(page) = relay_state {
                evidence.return_to = Some(page.clone());
            }
            let issuer = evidence.issuer.clone().unwrap_or_default();
            let idp = registry.issued_by(&issuer).cloned().ok_or_else(|| {
                let detail = format!("no identity provider here has the entityID {issuer:?}");
                GatewayError::new(ErrorCode::IdpUnknown, detail)
            })?;
            evidence.idp = Some(Arc::clone(&idp));
            let permission = Permission::from_setting(idp.settings.allow_idp_initiated)
                .ok_or_else(|| {
                    let detail = "the Response answers no request, and allow_idp_initiated is off";
                    GatewayError::new(ErrorCode::ProtoUnsolicited, detail)
                })?;
            enabled(idp, Origin::IdpInitiated(permission))
        }
    }
}

/// The request went to one identity provider and another one answers.
fn check_issuer(
    registry: &crate::trust::Registry,
    asked: &IdpTrust,
    issuer: Option<&str>,
) -> Result<(), GatewayError> {
    let other = issuer
        .filter(|issuer| *issuer != asked.metadata.entity_id)
        .and_then(|issuer| registry.issued_by(issuer));
    other.map_or(Ok(()), |other| {
        let detail = format!(
            "asked {}, answered by {}",
            asked.settings.name, other.settings.name
        );
        Err(GatewayError::new(ErrorCode::ProtoMixUp, detail))
    })
}

fn enabled(idp: Arc<IdpTrust>, origin: Origin) -> Result<(Arc<IdpTrust>, Origin), GatewayError> {
    if idp.settings.enabled {
        return Ok((idp, origin));
    }
    let detail = format!("{} is switched off", idp.settings.name);
    Err(GatewayError::new(ErrorCode::IdpDisabled, detail))
}

async fn refuse(
    gateway: &Gateway,
    context: &Context,
    headers: &HeaderMap,
    evidence: &Evidence,
    mut error: GatewayError,
    reference: &str,
    now: Timestamp,
) -> Response {
    let return_to = evidence.return_to.clone().unwrap_or_else(LocalPath::root);
    error.return_to = return_to.clone();
    error.detail = shorten(&error.detail);
    // Only whom we asked is named: a made-up message must not find out whom we know.
    let asked = evidence.idp.as_ref().filter(|_| evidence.asked);
    error.idp = asked.map(|idp| idp.settings.label.clone());
    let goes_on = is_stale(error.code) && has_session(gateway, headers, evidence, now).await;
    let detail = detail_of(evidence, None, Some((&error, goes_on)));
    record(
        gateway,
        context,
        evidence,
        Some(error.code),
        reference,
        detail,
        now,
    )
    .await;
    tracing::warn!(
        code = error.code.as_str(),
        reference,
        request_id = context.request_id.as_str(),
        client = context.client_text(),
        idp = evidence.idp.as_ref().map(|idp| idp.settings.name.as_str()),
        issuer = evidence.issuer,
        in_response_to = evidence.in_response_to,
        detail = error.detail,
        remedy = error.code.remedy(),
        went_on = goes_on,
        "sign-in refused"
    );
    if goes_on {
        return respond::redirect(StatusCode::SEE_OTHER, return_to.as_str());
    }
    gateway.answer(&error, reference, context, Reader::of(headers), now)
}

/// What a reload, the back button or a second tab looks like.
const fn is_stale(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::ProtoInResponseTo
            | ErrorCode::ProtoReplay
            | ErrorCode::TimeExpired
            | ErrorCode::SubjectExpired
            | ErrorCode::TimeIssueInstant
    )
}

/// A stale answer with a valid session just goes on to the page.
///
/// The session cookie is `SameSite=Lax` and does not come with a form from another site, so the
/// login cookie tells which session this browser has. It opens nothing: the page that follows
/// still wants the session cookie.
async fn has_session(
    gateway: &Gateway,
    headers: &HeaderMap,
    evidence: &Evidence,
    now: Timestamp,
) -> bool {
    let sessions = &gateway.app.sessions;
    if let Some(token) = cookie_value(headers, gateway.app.cookies.session)
        && let Ok(Some(_)) = sessions.resolve(token, now).await
    {
        return true;
    }
    match evidence.browser {
        Some(browser) => matches!(sessions.newest_of_browser(&browser, now).await, Ok(Some(_))),
        None => false,
    }
}

/// Somebody came for the first time.
async fn created(
    gateway: &Gateway,
    context: &Context,
    session: &Session,
    reference: &str,
    now: Timestamp,
) {
    let identity = &session.identity;
    let event = Event {
        reference: Some(reference.to_owned()),
        request_id: Some(context.request_id.as_str().to_owned()),
        idp: Some(identity.idp.clone()),
        user: Some(identity.user.clone()),
        detail: json!({ "user_name": identity.user_name, "provisioning": "jit" }),
        ..Event::new(EventKind::UserCreated)
    };
    if let Err(error) = gateway.app.ports.audit.record(&event, now).await {
        tracing::error!(
            reference,
            detail = error.detail,
            "the audit record was not written"
        );
    }
}

fn detail_of(
    evidence: &Evidence,
    session: Option<&Session>,
    refusal: Option<(&GatewayError, bool)>,
) -> serde_json::Value {
    json!({
        "issuer": evidence.issuer,
        "in_response_to": evidence.in_response_to,
        "relay_state": evidence.relay_state,
        "login_cookie": evidence.browser.is_some(),
        "reason": refusal.map(|(error, _)| error.detail.as_str()),
        "remedy": refusal.map(|(error, _)| error.code.remedy()),
        "went_on": refusal.map(|(_, goes_on)| goes_on),
        "sid": session.map(|session| session.sid.as_str()),
        "user_name": session.map(|session| session.identity.user_name.as_str()),
        "roles": session.map(|session| &session.identity.roles),
    })
}

/// Writes the attempt and the event. A record that can not be written is itself in the log; it
/// does not take a session away that is already durable.
async fn record(
    gateway: &Gateway,
    context: &Context,
    evidence: &Evidence,
    code: Option<ErrorCode>,
    reference: &str,
    detail: serde_json::Value,
    now: Timestamp,
) {
    let idp = evidence.idp.as_ref().map(|idp| idp.settings.name.clone());
    let request_id = Some(context.request_id.as_str().to_owned());
    let kind = code.map_or(EventKind::LoginAccepted, |_| EventKind::LoginRefused);
    let event = Event {
        code,
        reference: Some(reference.to_owned()),
        request_id: request_id.clone(),
        idp: idp.clone(),
        user: evidence.user.clone(),
        client: context.client_text(),
        detail: detail.clone(),
        ..Event::new(kind)
    };
    let attempt = LoginAttempt {
        reference: reference.to_owned(),
        at: now,
        idp,
        outcome: code.map_or(LoginOutcome::Accepted, LoginOutcome::Refused),
        user: evidence.user.clone(),
        request_id,
        detail,
    };
    let audit = &gateway.app.ports.audit;
    let written = match audit.record_attempt(&attempt).await {
        Ok(()) => audit.record(&event, now).await,
        Err(error) => Err(error),
    };
    if let Err(error) = written {
        tracing::error!(
            reference,
            detail = error.detail,
            "the audit record was not written"
        );
    }
}
