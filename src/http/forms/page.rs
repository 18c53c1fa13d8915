//! `GET /.samlgate/form`: back from login, on the way to send the form again.

use std::sync::Arc;

use axum::extract::{Extension, RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};

use crate::base::{ErrorCode, LocalPath, Timestamp, entropy};
use crate::http::context::Context;
use crate::http::error::{GatewayError, Reader};
use crate::http::form::Fields;
use crate::http::forms::replay::FIELD;
use crate::http::hosts::Place;
use crate::http::state::Gateway;
use crate::http::views::{Field, SendForm};
use crate::http::{links, respond};

/// The address of the page for a kept form.
pub(super) fn address(token: &str, target: &str) -> String {
    links::with_query(links::FORM, &[("form", token), ("to", target)])
}

/// Where the form goes for which this is the page; `None` for any other page.
pub fn target(page: &LocalPath) -> Option<LocalPath> {
    let (path, query) = page.as_str().split_once('?')?;
    let query = Fields::of_query(Some(query));
    let to = (path == links::FORM).then(|| query.get("to").and_then(LocalPath::from_path))?;
    to.filter(|to| !to.is_gateway_page())
}

/// The page with the note. It says to whose address, but what is sent there is the form that was
/// kept for this very address, or nothing.
pub async fn page(
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
    let token = query.get("form").filter(|token| entropy::is_token(token.as_bytes()));
    let to = query
        .get("to")
        .and_then(LocalPath::from_path)
        .filter(|to| !to.is_gateway_page());
    let (Some(token), Some(to)) = (token, to) else {
        let detail = "the address names no form that was kept";
        return Err(GatewayError::new(ErrorCode::FormGone, detail));
    };
    let Some(session) = gateway.session(headers, place, now).await? else {
        let here = LocalPath::from_path(&address(token, to.as_str()));
        let here = here.unwrap_or_else(LocalPath::root);
        let location = links::sign_in(&here.into());
        return Ok(respond::redirect(StatusCode::FOUND, &location));
    };
    let identity = session.identity();
    let live = gateway.app.live();
    let view = SendForm {
        name: identity.profile.name().unwrap_or_else(|| identity.user_name.clone()),
        action: place.origin(&live).join(to.as_str()),
        fields: vec![Field::new(FIELD, token)],
    };
    Ok(respond::page(&gateway.pages.load(), StatusCode::OK, &view))
}
