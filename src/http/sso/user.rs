//! `GET /.samlgate/user`: one's own identity, as the gateway sees it.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde_json::json;

use crate::base::ReturnTo;
use crate::http::context::Context;
use crate::http::error::Reader;
use crate::http::error_json::nobody_signed_in;
use crate::http::hosts::Place;
use crate::http::links;
use crate::http::respond;
use crate::http::state::Gateway;

/// JSON in any case: this is for the application's own scripts. 401 without a session.
pub async fn user(
    State(gateway): State<Arc<Gateway>>,
    Extension(context): Extension<Context>,
    Extension(place): Extension<Place>,
    headers: HeaderMap,
) -> Response {
    let now = gateway.app.now();
    let session = match gateway.session(&headers, &place, now).await {
        Ok(Some(session)) => session,
        Ok(None) => {
            let path = links::sign_in(&ReturnTo::root());
            let login_url = place.origin(&gateway.app.live()).join(&path);
            return nobody_signed_in(&context, &login_url);
        }
        Err(error) => return gateway.fail(&error.into(), &context, Reader::Program, now),
    };
    let identity = session.identity();
    let profile = &identity.profile;
    respond::json(
        StatusCode::OK,
        &json!({
            "sub": identity.user,
            "user_name": identity.user_name,
            "email": profile.email,
            "name": profile.name(),
            "first_name": profile.first_name,
            "last_name": profile.last_name,
            "department": profile.department,
            "title": profile.title,
            "employee_number": profile.employee_number,
            "manager": profile.manager,
            "groups": profile.groups,
            "roles": identity.roles,
            "idp": identity.idp_entity_id,
            "acr": identity.authn_context,
            "auth_time": identity.authn_instant.unix_seconds(),
            "sid": session.sid(),
            "opened_at": session.opened_at.to_saml(),
            "expires_at": session.not_after.to_saml(),
        }),
    )
}
