//! `POST /saml/acs`: a form from a browser → a session; `GET`, with an artifact.
//!
//! The handler reads like the picture in the crate's documentation: bytes, parsed, verified,
//! identity, session. Whatever happens, one login attempt is recorded under one reference.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::response::Response;
use http::{Method, Request, StatusCode};

use super::arrival::{self, Delivered};
use super::artifact::{self, Fetched};
use super::attempt::{Attempt, shorten};
use super::entrance::Entrance;
use super::legacy::{self, Arrived};
use super::roll_over::{self, Whole};
use super::step_up::{asked, route_of};
use super::still;
use super::whose::{check_issuer, origin, take};
use crate::base::clock::Stopwatch;
use crate::base::{Checks, ErrorCode, ReturnTo, Timestamp};
use crate::http::context::Context;
use crate::http::error::{GatewayError, Reader};
use crate::http::measure;
use crate::http::respond;
use crate::http::state::Gateway;
use crate::saml::Wish;
use crate::saml::artifact::ArtifactDelivery;
use crate::saml::asked::Asked;
use crate::saml::binding::relay_state::RelayState;
use crate::saml::one_use::OneUse;
use crate::saml::profile::Origin;
use crate::saml::response::ResponseMessage;
use crate::session::{OpenSession, SessionToken};
use crate::trust::IdpTrust;
use crate::xml::{Document, Limits, Mode};

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
    let by_query = parts.uri.query().filter(|query| arrival::has_artifact(query.as_bytes()));
    let by_query = by_query.filter(|_| parts.method == Method::GET);
    let headers = parts.headers;
    if parts.method != Method::POST && by_query.is_none() {
        let detail = format!("{} at the ACS", parts.method);
        let error = GatewayError::new(ErrorCode::BindingMethod, detail);
        let mut response = gateway.fail(&error, &context, Reader::of(&headers), now);
        response
            .headers_mut()
            .insert(http::header::ALLOW, http::HeaderValue::from_static("POST"));
        return response;
    }
    let mut attempt = Attempt::new(&gateway, &context, now);
    let arrived = parts.extensions.get::<Arrived>().copied();
    attempt.evidence.browser = gateway.browser(&headers).map(|(_, hash)| hash);
    let outcome = match by_query {
        Some(query) => Delivered::read(query.as_bytes()),
        None => arrival::read_form(&headers, body).await,
    };
    let outcome = match outcome {
        Ok(delivered) => accept(&mut attempt, delivered, arrived, now).await,
        Err(error) => Err(error),
    };
    if let Err(error) = &outcome
        && let Some(response) = attempt.nobody_there(error)
    {
        return response;
    }
    let code = outcome.as_ref().err().map(|error| error.code);
    measure::login(attempt.idp(), code, watch.elapsed());
    match outcome {
        Ok(signed_in) => {
            attempt.accepted(&signed_in.session);
            if let Some(browser) = attempt.evidence.browser {
                gateway.loops.signed_in(browser, now);
            }
            if signed_in.landing.site().is_some() {
                // There the session of before may be in memory for another moment, and not enough.
                let forgotten = gateway.app.sessions.forget_ended(now).await;
                if let Err(error) = forgotten {
                    tracing::warn!(detail = error.detail, "what has ended is forgotten later");
                }
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
    delivered: Delivered, //                                                       bytes
    arrived: Option<Arrived>,
    now: Timestamp,
) -> Result<SignedIn, GatewayError> {
    let gateway = attempt.gateway;
    let app = &gateway.app;
    let live = app.settings();
    let evidence = &mut attempt.evidence;
    let sp = legacy::sp_at(&live, arrived);

    let own = app.own();
    let checks = &mut Checks::off();
    let given = roll_over::Given { app, own: &own, sp: &sp, now };
    let (document, resolved);
    let (message, whole, sent, fetched) = match delivered {
        Delivered::Form(form) => {
            document = Document::parse_owned(form.xml, Mode::Message, &Limits::default())
                .map_err(|error| GatewayError::new(error.code(), error))?; //      parsed
            let message = ResponseMessage::parse(&document, checks).map_err(saml)?;
            (message, Whole::Posted(&document), form.relay_state, None)
        }
        Delivered::Artifact(ArtifactDelivery { artifact, relay_state: sent }) => {
            let relay_state = RelayState::sort(sent.as_deref(), &live.sp.public_url);
            let (fetched, begun) =
                artifact::fetch_begun(gateway, &live, artifact, &relay_state, evidence, now)
                    .await?;
            let Fetched { resolved: answer, idp } = fetched;
            resolved = answer;
            let read = roll_over::read(given, &resolved, &idp, begun).await; //        parsed
            let (message, begun) = read.map_err(saml)?;
            (
                message,
                Whole::Resolved(&resolved),
                sent,
                Some((idp, begun)),
            )
        }
    };
    let issuer = message.issuer_hint();
    let in_response_to = message.in_response_to_hint().map(ToOwned::to_owned);
    evidence.issuer = issuer.as_deref().map(shorten);
    evidence.in_response_to = in_response_to.as_deref().map(shorten);
    let relay_state = RelayState::sort(sent.as_deref(), &live.sp.public_url);
    evidence.relay_state = Some(match relay_state {
        RelayState::Handle(_) => "handle",
        RelayState::Page(_) => "page",
        RelayState::Ignored if sent.is_none() => "absent",
        RelayState::Ignored => "ignored",
    });

    let (idp, origin) = match fetched {
        Some((_, Some(begun))) => begun,
        other => {
            let taken = take(gateway, &relay_state, evidence, now).await?;
            let (idp, begun) = origin(gateway, taken, &relay_state, evidence, now)?;
            if let Some((asked, _)) = other.filter(|(asked, _)| !Arc::ptr_eq(asked, &idp)) {
                check_issuer(&app.registry(), &idp, Some(&asked.metadata.entity_id))?;
            }
            (idp, begun)
        }
    };
    let landing = match (&origin, &relay_state) {
        (Origin::Requested(login), _) => still(&live, &login.return_to),
        (Origin::IdpInitiated(_), RelayState::Page(page)) => page.clone().into(),
        (Origin::IdpInitiated(_), _) => idp.settings.landing.clone().into(),
    };
    evidence.return_to = Some(landing.clone());

    let verified = roll_over::verify(given, message, whole, idp, origin, checks).await;
    let (idp, origin, signed) = verified.map_err(|(idp, error)| reported(error, &idp))?; // verified
    let said = |error| reported(error, &idp);
    attempt.evidence.verified = true;
    attempt.evidence.exceptions = signed.exceptions();
    // Before the rules: a clock that is too far off is why they refuse it.
    if let (Some(issued), Origin::Requested(_)) = (signed.issue_instant(), &origin) {
        app.clocks.record(&idp.settings.name, issued, now);
    }
    let page = route_of(&live, &landing);
    let wish = match &origin {
        Origin::Requested(login) => login.wish.clone(),
        Origin::IdpInitiated(_) => Wish::default(),
    };
    let mut expected = idp.expectations(&sp);
    if let Origin::Requested(_) = origin {
        expected.asked.page = asked(page.as_ref());
        expected.asked.link = wish.asked(&live.authn_context_order);
    }
    let adds = expected.asked.page != Asked::NOTHING || expected.asked.link != Asked::NOTHING;
    let valid = signed.validate(origin, &expected, checks, now).map_err(said)?;
    let before = match adds {
        true => attempt.session_of_browser().await.map(|session| session.identity()),
        false => None,
    };
    let mut entrance = Entrance { attempt, idp: &idp, live: &live, before, outcome: None };
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

pub(super) fn saml(error: crate::saml::SamlError) -> GatewayError {
    GatewayError::new(error.code(), error)
}

/// The same, with the sentences for what the identity provider reported.
fn reported(error: crate::saml::SamlError, idp: &IdpTrust) -> GatewayError {
    let status = error.reported();
    let said = status.map(|status| (status.kind(), status.remedy(idp.metadata.vendor)));
    GatewayError { said, ..saml(error) }
}
