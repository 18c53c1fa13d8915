//! `/.samlgate/authorize` on the auth host, `/.samlgate/callback` and the beginning of sign-in on
//! the others.

use std::sync::Arc;

use axum::extract::{Extension, RawQuery, State};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, StatusCode};

use super::Place;
use super::handover::{self, Asking, Code};
use crate::base::{ErrorCode, LocalPath, PublicUrl, ReturnTo, Timestamp};
use crate::http::context::Context;
use crate::http::error::{GatewayError, Reader};
use crate::http::form::Fields;
use crate::http::sso::login::check_navigation;
use crate::http::sso::step_up::is_lacking;
use crate::http::state::Gateway;
use crate::http::{links, respond};

/// Sign-in on another host begins by asking the auth host; comes back to `return_to`.
pub fn ask(
    gateway: &Gateway,
    place: &Place,
    return_to: &ReturnTo,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Response, GatewayError> {
    check_navigation(headers)?;
    let live = gateway.app.live();
    if return_to.site().is_none() || Place::to(return_to) != *place {
        // To a page elsewhere: sign-in begins there.
        let url = live.sp.public_url.join(&links::sign_in(return_to));
        return Ok(respond::redirect(StatusCode::FOUND, &url));
    }
    let (browser, hash) = gateway.browser_or_new(headers);
    gateway.check_loop(place, &hash, return_to, now)?;
    let url = Asking::new(return_to.clone(), &hash).url(&gateway.seal, &live.sp.public_url, now)?;
    let mut response = respond::redirect(StatusCode::FOUND, &url);
    respond::set_cookie(&mut response, &gateway.app.cookies.set_login(&browser));
    Ok(response)
}

/// `GET /.samlgate/authorize`, on the auth host.
pub async fn authorize(
    State(gateway): State<Arc<Gateway>>,
    Extension(context): Extension<Context>,
    Extension(place): Extension<Place>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let now = gateway.app.now();
    let query = Fields::of_query(query.as_deref());
    let answer = answer(&gateway, &place, &query, &headers, now).await;
    answer.unwrap_or_else(|error| gateway.fail(&error, &context, Reader::of(&headers), now))
}

async fn answer(
    gateway: &Gateway,
    place: &Place,
    query: &Fields,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Response, GatewayError> {
    check_navigation(headers)?;
    let asking = Asking::read(query, &gateway.seal, now)?;
    let live = gateway.app.settings();
    // The route may have gone since, and with it the host.
    let still = place.read(&asking.page.to_string(), &live);
    if still.is_none_or(|still| still != asking.page) {
        let detail = format!("no route is for the host of {}", asking.page);
        return Err(GatewayError::new(ErrorCode::SessionHandover, detail));
    }
    let session = gateway.session(headers, place, now).await?;
    if let Some(session) = &session
        && is_lacking(gateway, &live, &asking.page, &session.identity(), now)
    {
        // Handed over, it would only be sent back for more.
        let url = links::start(&session.identity().idp, &asking.page);
        return Ok(respond::redirect(StatusCode::FOUND, &url));
    }
    let url = match session.and_then(|_| gateway.session_token(headers)) {
        Some(token) => handover::hand_over(gateway, &asking, token, now).await?,
        // Whoever has signed in goes to the page, and asks again from there.
        None => links::sign_in(&asking.page),
    };
    Ok(respond::redirect(StatusCode::FOUND, &url))
}

/// `GET /.samlgate/callback`, on another host.
pub async fn callback(
    State(gateway): State<Arc<Gateway>>,
    Extension(context): Extension<Context>,
    Extension(place): Extension<Place>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let now = gateway.app.now();
    let query = Fields::of_query(query.as_deref());
    let live = gateway.app.settings();
    let answer = take(&gateway, place.origin(&live), &query, &headers, now).await;
    let Err(error) = answer else {
        return answer.unwrap_or_default();
    };
    // What a reload and the back button look like: whoever has a session just goes on. The page is
    // only ever one of this host.
    let page = query.get("rd").and_then(LocalPath::from_path).filter(LocalPath::is_landing);
    let page = page.unwrap_or_else(LocalPath::root);
    if error.code == ErrorCode::SessionHandover
        && let Ok(Some(_)) = gateway.session(&headers, &place, now).await
    {
        return respond::redirect(StatusCode::SEE_OTHER, page.as_str());
    }
    let error = error.going_to(&page.into());
    gateway.fail(&error, &context, Reader::of(&headers), now)
}

async fn take(
    gateway: &Gateway,
    site: &PublicUrl,
    query: &Fields,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Response, GatewayError> {
    check_navigation(headers)?;
    let Some((_, hash)) = gateway.browser(headers) else {
        let detail = "the browser sent no login cookie: it blocks cookies, or did not begin here";
        return Err(GatewayError::new(ErrorCode::SessionHandover, detail));
    };
    let browser = URL_SAFE_NO_PAD.encode(hash);
    let code = Code::read(query, &gateway.seal, site, &browser, now)?;
    let page = LocalPath::from_path(code.page).unwrap_or_else(LocalPath::root);
    let (token, session) = code.redeem(gateway, now).await?;
    gateway.loops.signed_in(hash, now);
    tracing::info!(
        host = site.host(),
        user = session.identity().user_name,
        sid = session.sid(),
        "session handed over"
    );
    let mut response = respond::redirect(StatusCode::SEE_OTHER, page.as_str());
    respond::set_cookie(&mut response, &gateway.app.cookies.set_session(&token));
    Ok(response)
}
