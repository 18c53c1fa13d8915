//! The SAML Discovery Service protocol: another site asks the person which organisation is theirs.
//!
//! In: `saml.discovery`, where people would have to choose. Out: a redirect there, and at
//! `/.samlgate/discovery` the way on with what came back. Promised: what comes back is a name that
//! anybody could have written. It chooses among the identity providers that are known and switched on
//! here; and where it leads afterwards is read as `rd` is everywhere else.

use std::sync::Arc;

use axum::extract::{Extension, RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};

use super::login::{Manner, begin, choose};
use super::return_to;
use crate::app::Live;
use crate::base::{ErrorCode, ReturnTo, Timestamp};
use crate::http::context::Context;
use crate::http::error::{GatewayError, Reader};
use crate::http::form::Fields;
use crate::http::hosts::Place;
use crate::http::state::Gateway;
use crate::http::{links, respond};
use crate::saml::discovery::{Asking, Chosen, DiscoveryRequest, RETURN_ID_PARAM};

/// The redirect to the discovery service; `None` where there is none.
pub(super) fn ask(live: &Live, return_to: &ReturnTo, manner: &Manner) -> Option<Response> {
    let service = live.discovery.as_ref()?;
    let rd = return_to.to_string();
    let kept = manner.kept();
    // The address that it may know from the metadata of another service provider, and its words.
    let before = live.legacy.iter().find_map(|family| family.discovery());
    let mut query = match before {
        Some(_) => vec![("SAMLDS", "1"), ("target", rd.as_str())],
        None => vec![("rd", rd.as_str())],
    };
    query.extend(kept.iter().map(|(name, value)| (*name, value.as_str())));
    let page = links::with_query(before.unwrap_or(links::DISCOVERY), &query);
    let url = service.url(&DiscoveryRequest {
        entity_id: &live.sp.entity_id,
        own: &live.sp.public_url,
        page: &page,
        state: manner.passive.then_some(("passive", "1")),
        return_id_param: None,
        asking: if manner.passive {
            Asking::Passive
        } else {
            Asking::Allowed
        },
        policy: None,
    });
    Some(respond::redirect(StatusCode::FOUND, &url))
}

/// `GET /.samlgate/discovery`: back from there.
pub async fn chosen(
    State(gateway): State<Arc<Gateway>>,
    Extension(context): Extension<Context>,
    Extension(place): Extension<Place>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let now = gateway.app.now();
    let raw = query.unwrap_or_default();
    let answer = go_on(&gateway, &place, &raw, &headers, now).await;
    answer.unwrap_or_else(|error| gateway.fail(&error, &context, Reader::of(&headers), now))
}

async fn go_on(
    gateway: &Gateway,
    place: &Place,
    raw: &str,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Response, GatewayError> {
    let live = gateway.app.settings();
    let query = Fields::of_query(Some(raw));
    let return_to = return_to(
        &live,
        place,
        query.get("rd").or_else(|| query.get("target")),
    );
    if live.discovery.is_none() {
        let detail = "saml.discovery names no discovery service";
        return Err(GatewayError::new(ErrorCode::HttpNotFound, detail));
    }
    let chosen = Chosen::read(raw, RETURN_ID_PARAM)
        .map_err(|error| GatewayError::new(error.code(), error).going_to(&return_to))?;
    let manner = Manner::read(&live, place, &query, &return_to)?;
    let Chosen::Idp(entity_id) = chosen else {
        if manner.passive {
            return super::login::nobody_there(&live, &return_to);
        }
        return Ok(choose(gateway, &return_to, &manner, None));
    };
    let idp = gateway.app.registry().issued_by(&entity_id).cloned().ok_or_else(|| {
        let detail = format!("the discovery service chose {entity_id:?}, which is not known here");
        GatewayError::new(ErrorCode::IdpUnknown, detail).going_to(&return_to)
    })?;
    if !idp.settings.enabled {
        let detail = format!("{} is switched off", idp.settings.name);
        return Err(GatewayError::new(ErrorCode::IdpDisabled, detail).going_to(&return_to));
    }
    begin(gateway, &idp, &return_to, &manner, headers, now).await
}
