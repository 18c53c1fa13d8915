//! The site map: every path that is the gateway's own. Everything else is the application's.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, State};
use axum::response::Response;
use axum::routing::{any, get, post};
use http::HeaderMap;
use http::Method;

use crate::app::ForwardAuth;
use crate::base::ErrorCode;
use crate::base::url::OWN_PATHS;
use crate::http::authz;
use crate::http::context::Context;
use crate::http::error::{GatewayError, Reader};
use crate::http::forms;
use crate::http::hosts::{Place, pages};
use crate::http::links;
use crate::http::scim;
use crate::http::slo;
use crate::http::sso::{acs, discovery, login, metadata, sign_out, user};
use crate::http::state::Gateway;

/// Whether a path is the gateway's own. It is never passed on, even where nothing is found.
pub fn is_own(path: &str) -> bool {
    let below = |prefix: &str| {
        path.strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    OWN_PATHS.into_iter().any(below)
}

/// Whether a page of ours is there on a host. Sign-in is the auth host's alone, but begins anywhere.
pub fn is_here(path: &str, place: &Place) -> bool {
    const EVERYWHERE: [&str; 6] = [
        links::SIGN_IN,
        links::START,
        links::SIGN_OUT,
        links::FORM,
        "/.samlgate/user",
        "/.well-known/samlgate/jwks.json",
    ];
    match path {
        _ if EVERYWHERE.contains(&path) => true,
        _ if path.starts_with(links::AUTHZ) || path.starts_with(links::OAUTH2) => true,
        links::CALLBACK => place.host().is_some(),
        _ => place.host().is_none(),
    }
}

/// Whether a path is asked for by other proxies, and the operator lets them ask.
pub fn is_on(path: &str, forward_auth: ForwardAuth) -> bool {
    match path {
        _ if path.starts_with(links::OAUTH2) => is_oauth2(path, forward_auth),
        _ if path.starts_with(links::AUTHZ) => forward_auth.enabled,
        _ => true,
    }
}

/// Whether a path is one that oauth2-proxy has, and the operator wants it to be ours.
pub fn is_oauth2(path: &str, forward_auth: ForwardAuth) -> bool {
    let below = path.strip_prefix(links::OAUTH2).is_some_and(|rest| rest.starts_with('/'));
    below && forward_auth.enabled && forward_auth.oauth2_proxy_paths
}

/// The gateway's own pages.
pub fn router(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route(links::METADATA, get(metadata::metadata))
        .route(links::ACS, any(acs::acs))
        .route(links::SLO, any(slo::slo))
        .route(links::SLO_SOAP, post(slo::soap))
        .route(
            "/.samlgate/sign_in",
            get(login::sign_in).post(login::by_email),
        )
        .route("/.samlgate/start", get(login::start))
        .route(links::DISCOVERY, get(discovery::chosen))
        .route(
            "/.samlgate/sign_out",
            get(sign_out::confirm).post(sign_out::sign_out),
        )
        .route("/.samlgate/user", get(user::user))
        .route(links::AUTHORIZE, get(pages::authorize))
        .route(links::FORM, get(forms::page))
        .route(links::CALLBACK, get(pages::callback))
        .route("/.well-known/samlgate/jwks.json", get(metadata::jwks))
        .route("/.samlgate/authz/auth-request", any(authz::auth_request))
        .route("/.samlgate/authz/forward-auth", any(authz::forward_auth))
        .route(links::EXT_AUTHZ, any(authz::ext_authz))
        .route("/.samlgate/authz/ext-authz/", any(authz::ext_authz))
        .route("/.samlgate/authz/ext-authz/{*path}", any(authz::ext_authz))
        .route(scim::METADATA, get(scim::metadata))
        .route("/oauth2/auth", any(authz::oauth2::auth))
        .route("/oauth2/userinfo", get(authz::oauth2::userinfo))
        .route("/oauth2/sign_in", get(authz::oauth2::sign_in))
        .route("/oauth2/start", get(authz::oauth2::sign_in))
        .route("/oauth2/sign_out", get(authz::oauth2::sign_out))
        .method_not_allowed_fallback(wrong_method)
        .fallback(not_found)
        .with_state(gateway)
}

async fn not_found(
    State(gateway): State<Arc<Gateway>>,
    Extension(context): Extension<Context>,
    headers: HeaderMap,
) -> Response {
    let error = GatewayError::new(ErrorCode::HttpNotFound, "the gateway has no such page");
    gateway.fail(&error, &context, Reader::of(&headers), gateway.app.now())
}

async fn wrong_method(
    State(gateway): State<Arc<Gateway>>,
    Extension(context): Extension<Context>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let error = GatewayError::new(
        ErrorCode::HttpMethod,
        format!("{method} is not offered here"),
    );
    gateway.fail(&error, &context, Reader::of(&headers), gateway.app.now())
}
