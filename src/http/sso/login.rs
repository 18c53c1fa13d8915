//! `GET, POST /.samlgate/sign_in` and `GET /.samlgate/start`: a person wants in → an
//! AuthnRequest on its way to an identity provider.

use std::fmt::Display;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode};
use openssl::sha::sha256;

use super::step_up::{asked, is_lacking, route_of};
use super::{discovery, legacy, return_to};
use crate::app::Live;
use crate::base::{ErrorCode, IdpName, ReturnTo, Timestamp, entropy};
use crate::http::context::Context;
use crate::http::error::{GatewayError, Reader};
use crate::http::form::Fields;
use crate::http::hosts::Place;
use crate::http::hosts::pages::ask;
use crate::http::state::Gateway;
use crate::http::views::{Choose, Field, MANY, PAGE, Post, Shown};
use crate::http::{links, respond};
use crate::saml::authn_request::{AuthnRequest, Wishes};
use crate::saml::metadata::Binding;
use crate::saml::pending::PendingLogin;
use crate::saml::status::StatusCode::NoPassive;
use crate::saml::{NameId, Wish};
use crate::trust::{Absent, IdpTrust, Way};

/// `GET /.samlgate/sign_in?rd=`: straight on, or the chooser.
pub async fn sign_in(
    State(gateway): State<Arc<Gateway>>,
    Extension(context): Extension<Context>,
    Extension(place): Extension<Place>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let now = gateway.app.now();
    let query = Fields::of_query(query.as_deref());
    let return_to = return_to(&gateway.app.live(), &place, query.get("rd"));
    let answer = if place.host().is_some() {
        ask(&gateway, &place, &return_to, &headers, now)
    } else {
        let way = gateway.app.registry().way();
        match Manner::read(&gateway.app.live(), &place, &query, &return_to) {
            Ok(manner) => {
                let manner = Manner { passive: false, ..manner };
                go(&gateway, way, &return_to, &manner, &headers, now).await
            }
            Err(error) => Err(error),
        }
    };
    answer.unwrap_or_else(|error| gateway.fail(&error, &context, Reader::of(&headers), now))
}

/// `POST /.samlgate/sign_in`: the e-mail form. It is a form with a body so that addresses stay out
/// of access logs and histories.
pub async fn by_email(
    State(gateway): State<Arc<Gateway>>,
    Extension(context): Extension<Context>,
    Extension(place): Extension<Place>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let now = gateway.app.now();
    let kept = Fields::of_query(query.as_deref());
    let form = Fields::of_body(body).await;
    let return_to = return_to(&gateway.app.live(), &place, form.get("rd"));
    if place.host().is_some() {
        return respond::redirect(StatusCode::SEE_OTHER, &links::sign_in(&return_to));
    }
    let email = form.get("email").unwrap_or_default();
    let registry = gateway.app.registry();
    let manner = Manner::read(&gateway.app.live(), &place, &kept, &return_to);
    let answer = match (manner, registry.of_email(email)) {
        (Ok(manner), Some(idp)) => {
            let manner = Manner { hint: hint(email), ..manner };
            begin(&gateway, idp, &return_to, &manner, &headers, now).await
        }
        (Ok(manner), None) => Ok(choose(&gateway, &return_to, &manner, Some(email))),
        (Err(error), _) => Err(error),
    };
    answer.unwrap_or_else(|error| gateway.fail(&error, &context, Reader::of(&headers), now))
}

/// What else is wanted of one sign-in, besides that it leads to a page.
#[derive(Clone, Debug, Default)]
pub(super) struct Manner {
    /// `passive=1`: nothing is shown to the person (IsPassive).
    pub(super) passive: bool,
    /// `login_hint=`: who the person probably is. Anybody can have written it; it goes to identity
    /// providers that the operator wants to have it, and is believed by nobody.
    pub(super) hint: Option<String>,
    /// `for=`: the page for which it is needed, where they come back to another one.
    pub(super) needed: Option<ReturnTo>,
    /// `force=1`, `authn_context=`, `authn_context_comparison=`: what else the answer has to be.
    pub(super) wish: Wish,
    /// `q=`, `page=`: what is looked for in the chooser.
    pub(super) looking: Looking,
}

/// What a person looks for in the chooser, where there are many organisations.
#[derive(Clone, Debug, Default)]
pub(super) struct Looking {
    typed: String,
    /// From 1; 0 is the first too.
    page: usize,
}

impl Looking {
    fn read(query: &Fields) -> Self {
        let typed = query.get("q").unwrap_or_default().trim();
        Self {
            typed: typed.chars().filter(|char| !char.is_control()).take(LONGEST_SEARCH).collect(),
            page: query.get("page").and_then(|page| page.parse().ok()).unwrap_or(1),
        }
    }
}

/// The longest text that is looked for.
const LONGEST_SEARCH: usize = 100;

/// The parameters of [`Manner`], wherever a sign-in passes by before it begins.
const MANNER: [&str; 6] = [
    "passive",
    "login_hint",
    "for",
    "force",
    "authn_context",
    "authn_context_comparison",
];

impl Manner {
    /// A sign-in that leads to `return_to`. A wish that can not be read is an error, and never a
    /// sign-in of which less is asked.
    pub(super) fn read(
        live: &Live,
        place: &Place,
        query: &Fields,
        return_to: &ReturnTo,
    ) -> Result<Self, GatewayError> {
        let is_set = |name| matches!(query.get(name), Some("1" | "true"));
        let classes = query.get("authn_context").unwrap_or_default();
        let comparison = query.get("authn_context_comparison");
        let wish = Wish::read(classes, comparison, is_set("force")).ok_or_else(|| {
            let detail = "the link asks for an authentication context that no request can have";
            GatewayError::new(ErrorCode::AuthnLink, detail).going_to(return_to)
        })?;
        Ok(Self {
            passive: is_set("passive"),
            hint: query.get("login_hint").and_then(hint),
            needed: query
                .get("for")
                .and_then(|page| place.read(page, live))
                .filter(|page| !page.path().is_gateway_page()),
            wish,
            looking: Looking::read(query),
        })
    }

    /// The same as parameters of a link, but for `passive`: whoever sees this one is shown something.
    pub(super) fn kept(&self) -> Vec<(&'static str, String)> {
        let classes = self.wish.classes();
        let comparison = classes.as_ref().map(|_| self.wish.comparison().as_str().to_owned());
        let kept = [
            ("login_hint", self.hint.clone()),
            ("for", self.needed.as_ref().map(ToString::to_string)),
            ("force", self.wish.force_authn().then(|| "1".to_owned())),
            ("authn_context", classes),
            ("authn_context_comparison", comparison),
        ];
        kept.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// The hint as a name of a person.
    fn subject(&self) -> Option<NameId> {
        let value = self.hint.clone()?;
        let format = value.contains('@').then(|| NameId::EMAIL.to_owned());
        Some(NameId {
            value,
            format,
            name_qualifier: None,
            sp_name_qualifier: None,
            sp_provided_id: None,
        })
    }
}

/// A hint that can be passed on.
fn hint(text: &str) -> Option<String> {
    let text = text.trim();
    let plain =
        !text.is_empty() && text.len() <= LONGEST_HINT && !text.chars().any(char::is_control);
    plain.then(|| text.to_owned())
}

/// The longest hint: an e-mail address (RFC 5321) fits.
const LONGEST_HINT: usize = 256;

/// `GET /.samlgate/start?idp=&rd=`: to this identity provider, now.
pub async fn start(
    State(gateway): State<Arc<Gateway>>,
    Extension(context): Extension<Context>,
    Extension(place): Extension<Place>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let now = gateway.app.now();
    let query = Fields::of_query(query.as_deref());
    let return_to = return_to(&gateway.app.live(), &place, query.get("rd"));
    let live = gateway.app.settings();
    if place.host().is_some() {
        // The choice is made here, the login happens at the auth host.
        let to = return_to.to_string();
        let mut kept = vec![("rd", to.as_str())];
        kept.extend(query.get("idp").map(|idp| ("idp", idp)));
        kept.extend(MANNER.iter().filter_map(|name| Some((*name, query.get(name)?))));
        let path = links::with_query(links::START, &kept);
        return respond::redirect(StatusCode::FOUND, &live.sp.public_url.join(&path));
    }
    let manner = match Manner::read(&live, &place, &query, &return_to) {
        Ok(manner) => manner,
        Err(error) => return gateway.fail(&error, &context, Reader::of(&headers), now),
    };
    if manner.passive
        && manner.wish.is_nothing()
        && let Ok(Some(session)) = gateway.session(&headers, &place, now).await
        && !is_lacking(&gateway, &live, &return_to, &session.identity(), now)
    {
        return respond::redirect(StatusCode::FOUND, &return_to.to_string());
    }
    let answer = match way(&gateway, query.get("idp"), &return_to) {
        Ok(way) => go(&gateway, way, &return_to, &manner, &headers, now).await,
        Err(error) => Err(error),
    };
    answer.unwrap_or_else(|error| gateway.fail(&error, &context, Reader::of(&headers), now))
}

/// To the named identity provider; without a name, whichever way there is.
fn way(gateway: &Gateway, name: Option<&str>, return_to: &ReturnTo) -> Result<Way, GatewayError> {
    let registry = gateway.app.registry();
    let Some(name) = name else {
        return Ok(registry.way());
    };
    let parsed = IdpName::parse(name);
    let missing = || match parsed.as_ref().and_then(|name| registry.absent(name)) {
        Some(absent) => not_ready(absent, return_to),
        None => {
            let detail = format!("there is no identity provider {name:?}");
            GatewayError::new(ErrorCode::IdpUnknown, detail).going_to(return_to)
        }
    };
    let idp = parsed.as_ref().and_then(|name| registry.named(name).cloned());
    let idp = idp.ok_or_else(missing)?;
    if !idp.settings.enabled {
        let detail = format!("{name} is switched off");
        return Err(GatewayError::new(ErrorCode::IdpDisabled, detail).going_to(return_to));
    }
    Ok(Way::Straight(idp))
}

async fn go(
    gateway: &Gateway,
    way: Way,
    return_to: &ReturnTo,
    manner: &Manner,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Response, GatewayError> {
    let live = gateway.app.settings();
    match way {
        Way::Straight(idp) => begin(gateway, &idp, return_to, manner, headers, now).await,
        Way::Choose => match discovery::ask(&live, return_to, manner) {
            Some(elsewhere) => Ok(elsewhere),
            None if manner.passive => nobody_there(&live, return_to),
            None => Ok(choose(gateway, return_to, manner, None)),
        },
        Way::Nowhere => match gateway.app.registry().why_nowhere() {
            Some(absent) => Err(not_ready(absent, return_to)),
            None => Ok(nowhere(gateway, return_to)),
        },
    }
}

/// There is such an identity provider, and nothing can be sent there.
fn not_ready(absent: &Absent, return_to: &ReturnTo) -> GatewayError {
    GatewayError::new(absent.code, &absent.detail).going_to(return_to)
}

/// Nobody is signed in where nothing could be shown to ask who it is: an open page is opened as
/// nobody, and for any other one a page says so.
pub(super) fn nobody_there(live: &Live, page: &ReturnTo) -> Result<Response, GatewayError> {
    if route_of(live, page).is_some_and(|route| route.public) {
        return Ok(respond::redirect(StatusCode::SEE_OTHER, &page.to_string()));
    }
    let detail = "nobody is signed in, and nothing may be shown to them (passive)";
    let error = GatewayError::new(ErrorCode::IdpStatus, detail).going_to(page);
    Err(error.said(NoPassive, NoPassive.remedy().into()))
}

/// Nobody can sign in yet: there is no identity provider.
fn nowhere(gateway: &Gateway, return_to: &ReturnTo) -> Response {
    tracing::error!("somebody wants to sign in, and no identity provider is ready");
    let view = Choose::new([], false, return_to, &[]);
    let mut response = respond::page(
        &gateway.pages.load(),
        StatusCode::SERVICE_UNAVAILABLE,
        &view,
    );
    response
        .headers_mut()
        .insert(http::header::RETRY_AFTER, HeaderValue::from_static("30"));
    response
}

pub(super) fn choose(
    gateway: &Gateway,
    return_to: &ReturnTo,
    manner: &Manner,
    unmatched: Option<&str>,
) -> Response {
    let registry = gateway.app.registry();
    let button = |idp: &'_ Arc<IdpTrust>| (idp.settings.name.clone(), idp.label().to_owned());
    let total = registry.shown_count();
    let (kept, to) = (manner.kept(), return_to.to_string());
    let mut around = vec![("rd", to.as_str())];
    around.extend(kept.iter().map(|(name, value)| (*name, value.as_str())));
    let mut view = if total > MANY {
        let found = registry.find(&manner.looking.typed);
        let (count, pages) = (found.len(), found.len().div_ceil(PAGE).max(1));
        let before = manner.looking.page.clamp(1, pages).saturating_sub(1).saturating_mul(PAGE);
        let buttons: Vec<(IdpName, String)> = found.skip(before).take(PAGE).map(button).collect();
        let shown = Shown {
            query: &manner.looking.typed,
            total,
            found: count,
            first: before.saturating_add(1),
            last: match buttons.len() {
                0 => 0,
                some => before.saturating_add(some),
            },
        };
        let buttons = buttons.iter().map(|(name, label)| (name, label.as_str()));
        Choose::new(buttons, registry.knows_domains(), return_to, &kept).searched(&shown, &around)
    } else {
        let buttons = registry.shown().map(|idp| (&idp.settings.name, idp.label()));
        Choose::new(buttons, registry.knows_domains(), return_to, &kept)
    };
    if let Some(email) = unmatched {
        view = view.unmatched(email);
    }
    respond::page(&gateway.pages.load(), StatusCode::OK, &view)
}

/// A sign-in begins with a person who goes somewhere. A picture on another site's page that begins
/// one would push that person's own attempts out.
pub(in crate::http) fn check_navigation(headers: &HeaderMap) -> Result<(), GatewayError> {
    let mode = headers.get("sec-fetch-mode").and_then(|mode| mode.to_str().ok());
    if mode.is_none_or(|mode| mode == "navigate") {
        return Ok(());
    }
    let detail = "a sign-in that no navigation begins";
    Err(GatewayError::new(ErrorCode::AccessCrossSite, detail))
}

/// A link asks for no method that the operator never heard of, for none that is less than what people
/// bring by themselves, and for nothing at most.
fn check_known(
    live: &Live,
    idp: &IdpTrust,
    manner: &Manner,
    return_to: &ReturnTo,
) -> Result<(), GatewayError> {
    let of_idp = |class: &str| idp.settings.authn_context.iter().any(|one| one == class);
    let of_route = |class: &str| {
        let mut asking = live.routes.iter().filter_map(|route| route.step_up.as_ref());
        asking.any(|step_up| step_up.asks_for(class))
    };
    let refused =
        |detail: String| Err(GatewayError::new(ErrorCode::AuthnLink, detail).going_to(return_to));
    let wish = &manner.wish;
    if wish.is_upper_bound() {
        return refused(format!(
            "the link asks for {} or weaker (maximum): whatever it names, that can only be less",
            wish.classes().unwrap_or_default()
        ));
    }
    match wish.known_by(&live.authn_context_order, |class| {
        of_idp(class) || of_route(class)
    }) {
        Ok(true) => Ok(()),
        Ok(false) => refused(format!(
            "the link asks for {} ({}), and not all that would be enough is above the weakest in \
             saml.authn_context_order, or in authn_context of {} or a route",
            wish.classes().unwrap_or_default(),
            wish.comparison().as_str(),
            idp.settings.name
        )),
        Err(error) => refused(format!("the link asks for what can not be asked: {error}")),
    }
}

/// Remembers the request, ties it to this browser, and sends the person on.
pub(super) async fn begin(
    gateway: &Gateway,
    idp: &IdpTrust,
    return_to: &ReturnTo,
    manner: &Manner,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Response, GatewayError> {
    check_navigation(headers)?;
    if let Some(until) = idp.ended(now) {
        let detail = format!(
            "the metadata of {} was valid until {until}",
            idp.settings.name
        );
        return Err(GatewayError::new(ErrorCode::MetadataValidUntil, detail).going_to(return_to));
    }
    let app = &gateway.app;
    let live = app.settings();
    let entropy = app.entropy.as_ref();
    let route = route_of(&live, manner.needed.as_ref().unwrap_or(return_to));
    let mut asked = idp.asked().and(asked(route.as_ref()));
    check_known(&live, idp, manner, return_to)?;
    asked.link = manner.wish.asked(&live.authn_context_order);
    if manner.passive && asked.forces() {
        return nobody_there(&live, return_to);
    }
    // One cookie for all tabs of a browser; what tells them apart is the RelayState.
    let (browser, browser_hash) = gateway.browser_or_new(headers);
    let session = gateway.session(headers, &Place::default(), now).await.ok().flatten();
    if let Some(session) = session {
        gateway.check_round(&live, browser_hash, &session, &asked, return_to, now)?;
    } else {
        if gateway.browser(headers).is_some() {
            gateway.ask_other_nodes(&browser_hash, now).await;
        }
        gateway.check_loop(&Place::default(), &browser_hash, return_to, now)?;
    }
    let handle = entropy::token(entropy);
    let login = PendingLogin {
        request_id: entropy::message_id(entropy),
        idp: idp.settings.name.clone(),
        return_to: return_to.clone(),
        wish: manner.wish.clone(),
        created_at: now,
    };
    app.ports
        .pending
        .keep(sha256(handle.as_bytes()), browser_hash, &login, now)
        .await?;

    let endpoint = idp.sign_on().ok_or_else(|| {
        GatewayError::new(
            ErrorCode::MetadataEndpoint,
            "the identity provider has no address",
        )
    })?;
    let acs_url = legacy::answer_address(&live, idp);
    let subject = manner.subject().filter(|_| idp.settings.login_hint);
    let wishes = Wishes {
        answer_to: legacy::answer_to(&acs_url, idp),
        asked,
        passive: manner.passive,
        subject: subject.as_ref(),
        ..idp.wishes(&acs_url)
    };
    let internal = |error: &dyn Display| GatewayError::new(ErrorCode::Internal, error);
    let wishes = wishes
        .for_vendor(idp.metadata.vendor)
        .map_err(|error| GatewayError::new(ErrorCode::ConfigValue, error))?;
    let request = AuthnRequest {
        id: &login.request_id,
        issue_instant: now,
        destination: &endpoint.location,
        issuer: &live.sp.entity_id,
        wishes: &wishes,
    };
    let own = app.own();
    let key = idp.signs_requests().then(|| own.signing_key());
    let mut response = match endpoint.binding {
        Binding::Redirect => {
            let url = request.redirect_url(&handle, key).map_err(|error| internal(&error))?;
            respond::redirect(StatusCode::FOUND, &url)
        }
        Binding::Post => {
            let form = request.posted(key).map_err(|error| internal(&error))?;
            let view = Post {
                label: idp.label().to_owned(),
                action: form.action,
                fields: vec![
                    Field::new("SAMLRequest", form.saml_request),
                    Field::new("RelayState", handle),
                ],
            };
            respond::page(&gateway.pages.load(), StatusCode::OK, &view)
        }
    };
    respond::set_cookie(&mut response, &app.cookies.set_login(&browser));
    tracing::info!(
        idp = idp.settings.name.as_str(),
        binding = endpoint.binding.as_str(),
        authn_request = login.request_id,
        signed = key.is_some(),
        asked_by = route.as_ref().map(|route| route.name.as_str()),
        "sign-in begun"
    );
    Ok(response)
}
