//! `/oauth2/…`, for those who come from oauth2-proxy: the same addresses, so that the front proxy's
//! configuration can stay for a while. Off unless `server.forward_auth.oauth2_proxy_paths`.

use std::sync::Arc;

use axum::extract::{Extension, RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, Request, StatusCode};
use serde_json::json;

use super::{Mode, Verdict};
use crate::access::{HeaderProfile, Route};
use crate::base::{ErrorCode, ReturnTo};
use crate::http::context::Context;
use crate::http::error::{GatewayError, Reader};
use crate::http::error_json::nobody_signed_in;
use crate::http::form::Fields;
use crate::http::hosts::Place;
use crate::http::state::Gateway;
use crate::http::{links, respond};
use crate::session::OpenSession;

/// `/oauth2/auth`: 202, 401 or 403. `allowed_groups` and `allowed_emails` in its query are met in
/// addition to what the route requires.
pub async fn auth(
    State(gateway): State<Arc<Gateway>>,
    Extension(context): Extension<Context>,
    Extension(place): Extension<Place>,
    request: Request<axum::body::Body>,
) -> Response {
    let now = gateway.app.now();
    let live = gateway.app.settings();
    let head = request.into_parts().0;
    let verdict = Verdict::about(&gateway, &live, &context, &head, Mode::OAuth2, now).await;
    let query = Fields::of_query(head.uri.query());
    match verdict {
        Ok(Verdict::Pass(mut response)) => {
            let session = gateway.session(&head.headers, &place, now).await;
            if !is_allowed(&query, session.ok().flatten().as_deref()) {
                let detail = "neither allowed_groups nor allowed_emails names this person";
                let error = GatewayError::new(ErrorCode::AccessRole, detail);
                return gateway.fail(&error, &context, Reader::Program, now);
            }
            *response.status_mut() = StatusCode::ACCEPTED;
            response
        }
        Ok(Verdict::Stop(response)) => response,
        Err(error) => gateway.fail(&error, &context, Reader::Program, now),
    }
}

/// `/oauth2/userinfo`: who is signed in.
pub async fn userinfo(
    State(gateway): State<Arc<Gateway>>,
    Extension(context): Extension<Context>,
    Extension(place): Extension<Place>,
    headers: HeaderMap,
) -> Response {
    let now = gateway.app.now();
    match gateway.session(&headers, &place, now).await {
        Ok(Some(session)) => {
            let identity = session.identity();
            let body = json!({
                "user": identity.user_name,
                "email": identity.profile.email,
                "groups": identity.profile.groups,
                "preferredUsername": identity.user_name,
            });
            respond::json(StatusCode::OK, &body)
        }
        Ok(None) => {
            let login_url =
                place.origin(&gateway.app.live()).join(&links::sign_in(&ReturnTo::root()));
            nobody_signed_in(&context, &login_url)
        }
        Err(error) => gateway.fail(&error.into(), &context, Reader::Program, now),
    }
}

/// `/oauth2/sign_in` and `/oauth2/start`: to our own.
pub async fn sign_in(RawQuery(query): RawQuery) -> Response {
    elsewhere(links::SIGN_IN, query.as_deref())
}

/// `/oauth2/sign_out`: to our own, which asks first.
pub async fn sign_out(RawQuery(query): RawQuery) -> Response {
    elsewhere(links::SIGN_OUT, query.as_deref())
}

fn elsewhere(page: &str, query: Option<&str>) -> Response {
    let query = Fields::of_query(query);
    let rd = query.get("rd").unwrap_or("/");
    respond::redirect(StatusCode::FOUND, &links::with_query(page, &[("rd", rd)]))
}

/// A route with the headers that oauth2-proxy answers (`set_xauthrequest`).
pub(super) fn its_headers() -> Route {
    Route {
        headers: vec![HeaderProfile::XAuthRequest],
        ..Route::default()
    }
}

fn is_allowed(query: &Fields, session: Option<&OpenSession>) -> bool {
    let profile = session.map(|session| session.identity().profile).unwrap_or_default();
    let (groups, email) = (profile.groups, profile.email.as_deref());
    let names = |name: &str, found: &dyn Fn(&str) -> bool| {
        query.get(name).is_none_or(|list| list.split(',').map(str::trim).any(found))
    };
    names("allowed_groups", &|group| {
        groups.iter().any(|own| own == group)
    }) && names("allowed_emails", &|address| Some(address) == email)
}
