//! `POST /saml/acs`: a form from a browser → a session.
//!
//! The handler reads like the picture in the crate's documentation: bytes, parsed, verified,
//! identity, session. Whatever happens, one login attempt is recorded under one reference.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use axum::extract::{Extension, State};
use axum::response::Response;
use http::{HeaderMap, Method, Request, StatusCode};
use openssl::sha::sha256;

use super::attempt::{Attempt, Evidence, shorten};
use super::{roll_over, still};
use crate::app::Live;
use crate::base::clock::Stopwatch;
use crate::base::{Checks, ErrorCode, ReturnTo, StoreError, Timestamp};
use crate::http::context::Context;
use crate::http::error::{GatewayError, Reader};
use crate::http::measure;
use crate::http::respond;
use crate::http::state::Gateway;
use crate::identity::{self, Asserter, Identity, IdentityError, Keeper, Kept, Person};
use crate::saml::binding::post::{MAX_BODY, ResponseForm};
use crate::saml::binding::relay_state::RelayState;
use crate::saml::one_use::{Claimer, OneUse};
use crate::saml::pending::Taken;
use crate::saml::profile::{Origin, Permission};
use crate::saml::response::ResponseMessage;
use crate::saml::{Claims, ValidAssertion};
use crate::session::{OpenSession, Prepared, SessionToken, TokenHash, Written};
use crate::trust::IdpTrust;
use crate::xml::{Document, Limits, Mode};

/// Longest wait for the form: a megabyte over a slow telephone line.
const FORM_TIMEOUT: Duration = Duration::from_secs(30);

/// A sign-in that succeeded.
struct SignedIn {
    token: SessionToken,
    session: Arc<OpenSession>,
    landing: ReturnTo,
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
    let mut attempt = Attempt::new(&gateway, &context, now);
    let outcome = accept(&mut attempt, &headers, body, now).await;
    let code = outcome.as_ref().err().map(|error| error.code);
    measure::login(attempt.idp(), code, watch.elapsed());
    match outcome {
        Ok(signed_in) => {
            attempt.accepted(&signed_in.session);
            if let Some(browser) = attempt.evidence.browser {
                gateway.loops.signed_in(browser, now);
            }
            let mut response =
                respond::redirect(StatusCode::SEE_OTHER, &signed_in.landing.to_string());
            let cookie = gateway.app.cookies.set_session(&signed_in.token);
            respond::set_cookie(&mut response, &cookie);
            response
        }
        Err(error) => attempt.refused(error, &headers).await,
    }
}

/// The walk from bytes to session.
async fn accept(
    attempt: &mut Attempt<'_>,
    headers: &HeaderMap,
    body: Body,
    now: Timestamp,
) -> Result<SignedIn, GatewayError> {
    let gateway = attempt.gateway;
    let evidence = &mut attempt.evidence;
    let app = &gateway.app;
    let live = app.settings();
    let browser = gateway.browser(headers).map(|(_, hash)| hash);
    evidence.browser = browser;

    let form = read_form(headers, body).await?; //                                 bytes
    let document = Document::parse_owned(form.xml, Mode::Message, &Limits::default())
        .map_err(|error| GatewayError::new(error.code(), error))?; //              parsed
    let checks = &mut Checks::off();
    let message = ResponseMessage::parse(&document, checks).map_err(saml)?;
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
        (Origin::Requested(login), _) => still(&live, &login.return_to),
        (Origin::IdpInitiated(_), RelayState::Page(page)) => page.clone().into(),
        (Origin::IdpInitiated(_), _) => idp.settings.landing.clone().into(),
    };
    evidence.return_to = Some(landing.clone());

    let verified = message.verify(idp.keys(&app.decryption_keys, now), checks);
    let (idp, origin, signed) = match verified {
        Ok(signed) => (idp, origin, signed), //                                    verified
        Err(error) if roll_over::may_be_new_key(&error) => {
            // Its metadata is asked for again, and the same message verified by what comes.
            let newer = roll_over::newer(app, &idp, now).await;
            let again = match &newer {
                None => Err(error),
                Some(newer) => ResponseMessage::parse(&document, checks).and_then(|message| {
                    message.verify(newer.keys(&app.decryption_keys, now), checks)
                }),
            };
            let idp = newer.unwrap_or(idp);
            match again {
                Ok(signed) => (idp, origin, signed),
                Err(error) => {
                    if roll_over::may_be_new_key(&error) {
                        roll_over::note(app, &document, &idp, &live.sp, origin, now).await;
                    }
                    return Err(saml(error));
                }
            }
        }
        Err(error) => return Err(saml(error)),
    };
    attempt.evidence.exceptions = signed.exceptions();
    let valid = signed
        .validate(origin, &idp.expectations(&live.sp), checks, now)
        .map_err(saml)?;
    let mut entrance = Entrance { attempt, idp: &idp, live: &live, outcome: None };
    let accepted = OneUse::claim_with(&mut entrance, valid, now)
        .await
        .map_err(|error| GatewayError::new(error.code(), error))?; //              accepted
    let (prepared, replaced) = match entrance.outcome {
        Some(Ok(entered)) => entered,
        Some(Err(error)) => return Err(GatewayError::new(error.code(), error)),
        None => {
            return Err(GatewayError::new(
                ErrorCode::Internal,
                "nobody was looked for",
            ));
        }
    };
    let (token, session) = app.sessions.open(prepared, replaced, &accepted); //    session
    attempt.evidence.user = Some(session.identity().user);
    Ok(SignedIn { token, session, landing })
}

/// Where a valid assertion turns into a session: its one use, the person, the session and the
/// records of it are written together or not at all.
struct Entrance<'a, 'g> {
    attempt: &'a Attempt<'g>,
    idp: &'a IdpTrust,
    live: &'a Live,
    outcome: Option<Result<(Prepared, Option<TokenHash>), IdentityError>>,
}

#[async_trait]
impl Claimer for Entrance<'_, '_> {
    async fn claim(&mut self, valid: &ValidAssertion, now: Timestamp) -> Result<bool, StoreError> {
        let claims = valid.claims();
        let app = &self.attempt.gateway.app;
        let registry = app.registry();
        let asserter = Asserter {
            idp: &self.idp.settings.name,
            vendor: self.idp.metadata.vendor,
            allow_duplicates: self.idp.settings.allow_duplicate_attributes,
            owner_of: &|domain| registry.owner_of(domain),
        };
        let mut writing = Writing { attempt: self.attempt, claims, now, written: None };
        let resolved = identity::resolve(
            valid,
            asserter,
            &self.live.identity,
            app.ports.directory.as_ref(),
            &mut writing,
            app.entropy.as_ref(),
            now,
        );
        match resolved.await {
            Ok(()) => {
                let first = writing.written.is_some();
                self.outcome = writing.written.map(Ok);
                Ok(first)
            }
            Err(IdentityError::Store(error)) => Err(error),
            Err(error) => {
                // Nobody came in, and it is used up all the same: it was for this one attempt.
                let one_use = &app.ports.one_use;
                let id = &claims.assertion_id;
                let first = one_use.claim(&claims.issuer, id, claims.expires, now).await?;
                self.outcome = Some(Err(error));
                Ok(first)
            }
        }
    }
}

/// Writes the person that was found, and everything else of the login with them.
struct Writing<'a, 'g> {
    attempt: &'a Attempt<'g>,
    claims: &'a Claims,
    now: Timestamp,
    /// Nothing, if the assertion was used before.
    written: Option<(Prepared, Option<TokenHash>)>,
}

#[async_trait]
impl Keeper for Writing<'_, '_> {
    async fn keep(&mut self, person: Person, identity: Identity) -> Result<Kept, StoreError> {
        let app = &self.attempt.gateway.app;
        let browser = self.attempt.evidence.browser;
        let prepared = app.sessions.prepare(identity, browser, app.entropy.as_ref(), self.now);
        let login = self.attempt.login(self.claims, &person, prepared.session());
        Ok(match app.ports.logins.log_in(&login, self.now).await? {
            Written::Done { replaced } => {
                self.written = Some((prepared, replaced));
                Kept::Kept
            }
            Written::Replayed => Kept::Kept,
            Written::Stale => Kept::Stale,
            Written::Taken(field) => Kept::Taken(field),
        })
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
            enabled(idp, Origin::Requested(login), now)
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
                evidence.return_to = Some(page.clone().into());
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
            enabled(idp, Origin::IdpInitiated(permission), now)
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

fn enabled(
    idp: Arc<IdpTrust>,
    origin: Origin,
    now: Timestamp,
) -> Result<(Arc<IdpTrust>, Origin), GatewayError> {
    if let Some(until) = idp.ended(now) {
        let detail = format!(
            "the metadata of {} was valid until {until}",
            idp.settings.name
        );
        return Err(GatewayError::new(ErrorCode::MetadataValidUntil, detail));
    }
    if idp.settings.enabled {
        return Ok((idp, origin));
    }
    let detail = format!("{} is switched off", idp.settings.name);
    Err(GatewayError::new(ErrorCode::IdpDisabled, detail))
}
