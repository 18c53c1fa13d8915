//! A form without a session → kept, and its sender on the way to sign-in.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::response::Response;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, ORIGIN, REFRESH};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode};

use super::{KeptForm, LARGEST, LIFETIME, Ticket};
use crate::access::{FormPost, Route};
use crate::base::{LocalPath, entropy};
use crate::http::answers::Answers;
use crate::http::forms::page::address;
use crate::http::forms::replay::token_of;
use crate::http::respond;
use crate::http::seal::Purpose;
use crate::http::views::FormKept;
use crate::session::OpenSession;

/// Longest wait for a form: a megabyte over a slow telephone line.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Keeps the form if it is one to be kept. `None`: the sender is told that it is lost. `session` is
/// that of somebody who has to sign in better.
pub async fn keep<B>(
    answers: Answers<'_>,
    route: &Route,
    session: Option<&OpenSession>,
    head: &Parts,
    body: B,
) -> Option<Response>
where
    B: hyper::body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<crate::proxy::BoxError>,
{
    let content_type = is_kept(answers, route, head)?.to_owned();
    let target = answers.here(head);
    let body = tokio::time::timeout(TIMEOUT, to_bytes(Body::new(body), LARGEST)).await;
    let body = body.ok()?.ok()?;
    let Answers { gateway, live, context, place, now } = answers;
    if !gateway.allowance.take(body.len(), now) {
        tracing::warn!(
            "no form is kept at the moment: too much was, for people who do not sign in"
        );
        return None;
    }
    let target = target.path().as_str();
    if let Some(token) = token_of(&body) {
        // A note, and the session has ended once more: back to where it came from.
        let back = LocalPath::from_path(&address(token, target))?;
        return Some(respond::redirect(
            StatusCode::SEE_OTHER,
            &answers.way_in(&back, session),
        ));
    }
    let form = KeptForm { content_type, body: body.to_vec() };
    let entropy = gateway.app.entropy.as_ref();
    let token = entropy::token(entropy);
    let back = LocalPath::from_path(&address(&token, target))?;
    let (browser, hash) = gateway.browser_or_new(&head.headers);
    let ticket = Ticket::new(&token, place.origin(live), &hash, target);
    let sealed = gateway
        .seal
        .seal(
            Purpose::Form,
            &token,
            &ticket.bound_to(),
            &form.write(),
            entropy,
        )
        .inspect_err(|error| tracing::error!(%error, "a form could not be sealed"))
        .ok()?;
    let kept = gateway.app.ports.kept.keep(ticket.key(), &sealed, now.plus(LIFETIME));
    kept.await
        .inspect_err(|error| tracing::error!(detail = error.detail, "a form could not be kept"))
        .ok()?;
    tracing::info!(
        request_id = context.request_id.as_str(),
        route = route.name,
        bytes = form.body.len(),
        "a form is kept until its sender has signed in"
    );
    // A page, and not a redirect: an application may forbid its forms to lead anywhere else
    // (`form-action`), and browsers count redirects as where a form leads.
    let view = FormKept::new(answers.way_in(&back, session));
    let mut response = respond::page(&gateway.pages.load(), StatusCode::UNAUTHORIZED, &view);
    if let Ok(refresh) = HeaderValue::try_from(format!("0; url={}", view.sign_in)) {
        response.headers_mut().insert(REFRESH, refresh);
    }
    respond::set_cookie(&mut response, &gateway.app.cookies.set_login(&browser));
    Some(response)
}

/// The Content-Type of a form that is worth and safe keeping.
fn is_kept<'h>(answers: Answers<'_>, route: &Route, head: &'h Parts) -> Option<&'h str> {
    let headers = &head.headers;
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let length = length.map_or(Some(0), |length| length.parse::<usize>().ok())?;
    let fits = length <= LARGEST;
    let wanted = route.form_post == FormPost::Replay && head.method == Method::POST;
    let content_type = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    let form = FORMS.iter().any(|form| kind.eq_ignore_ascii_case(form));
    (fits && wanted && form && is_of_this_site(answers, headers)).then_some(content_type)
}

/// Whether a page of ours sent the form. After login it is sent in the person's name: a page of
/// another site could use that, and the session cookie, being `SameSite=Lax`, would not have come
/// with such a form either. A neighbouring host (`same-site`) could always send one with the cookie.
fn is_of_this_site(answers: Answers<'_>, headers: &HeaderMap) -> bool {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    match (text(&SEC_FETCH_SITE), text(&ORIGIN)) {
        (Some(site), _) => matches!(site, "same-origin" | "same-site"),
        (None, Some(origin)) => origin == answers.place.origin(answers.live).as_str(),
        (None, None) => false,
    }
}

const FORMS: [&str; 2] = ["application/x-www-form-urlencoded", "multipart/form-data"];
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
