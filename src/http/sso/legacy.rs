//! Addresses of `mod_shib` and `mod_auth_mellon`, where the operator wants them to be ours
//! (`saml.legacy_paths`).
//!
//! In: a request below `/Shibboleth.sso` or `/mellon`. Out: the page of ours that stands behind it,
//! and with it where the request arrived ([`Arrived`]): a message is checked against that very
//! address. Whatever else is there has no page; the application behind us never sees it.

use axum::body::Body;
use http::request::Parts;
use http::uri::{PathAndQuery, Uri};
use http::{Method, Request};

use crate::app::Live;
use crate::http::form::Fields;
use crate::http::links;
use crate::saml::authn_request::{AnswerBy, AnswerTo};
use crate::saml::{AcsPath, Family, ServiceProvider};
use crate::trust::{IdpTrust, Registry};

/// At which address of a family a request arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// Whose it is.
    pub family: Family,
    /// Its path.
    pub path: &'static str,
}

/// What stands behind an address of a family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Behind {
    /// A page of ours; the request has been given its path.
    Page(Arrived),
    /// Another address, where the person goes on.
    There(String),
    /// Nothing.
    Nothing,
}

/// Whether a path is one of the families'.
pub fn is_below(path: &str, families: &[Family]) -> bool {
    families.iter().any(|family| family.has(path))
}

/// What stands behind this request, if it is for an address of a family.
pub fn behind(parts: &mut Parts, live: &Live, registry: &Registry) -> Option<Behind> {
    let path = parts.uri.path();
    let family = live.legacy.iter().copied().find(|family| family.has(path))?;
    let query = Fields::of_query(parts.uri.query());
    let is_message = parts.method == Method::POST
        || ["SAMLRequest", "SAMLResponse"].iter().any(|name| query.get(name).is_some());
    let page = match (family, path) {
        (_, path) if path == family.metadata() => Some((links::METADATA, family.metadata())),
        (_, path) if path == family.post() => Some((links::ACS, family.post())),
        (_, path) if path == family.artifact() => Some((links::ACS, family.artifact())),
        (Family::Shibboleth, path) if path == family.logout() => {
            Some((links::SLO, family.logout()))
        }
        (Family::Shibboleth, path) if path == family.logout_post() => {
            Some((links::SLO, family.logout_post()))
        }
        (Family::Shibboleth, SHIBBOLETH_SOAP) => Some((links::SLO_SOAP, SHIBBOLETH_SOAP)),
        // By whichever way: its metadata names the one address for all.
        (Family::Mellon, MELLON_LOGOUT) if is_soap(parts) => Some((links::SLO_SOAP, MELLON_LOGOUT)),
        (Family::Mellon, MELLON_LOGOUT) if is_message => Some((links::SLO, MELLON_LOGOUT)),
        (Family::Mellon, OLD_LOGOUT) if is_message => Some((links::SLO, OLD_LOGOUT)),
        // Back from the discovery service.
        (Family::Shibboleth, LOGIN)
            if query.get("SAMLDS").is_some() && live.discovery.is_some() =>
        {
            Some((links::DISCOVERY, LOGIN))
        }
        _ => None,
    };
    if let Some((page, arrived)) = page {
        return Some(match moved(&parts.uri, page) {
            Some(uri) => {
                parts.uri = uri;
                Behind::Page(Arrived { family, path: arrived })
            }
            None => Behind::Nothing,
        });
    }
    Some(match path {
        LOGIN => sign_in(registry, &query, &SHIBBOLETH),
        "/mellon/login" => sign_in(registry, &query, &MELLON),
        "/Shibboleth.sso/Logout" => sign_out(query.get("return")),
        MELLON_LOGOUT | OLD_LOGOUT => sign_out(query.get("ReturnTo")),
        "/Shibboleth.sso/Session" => Behind::There(links::USER.to_owned()),
        _ => Behind::Nothing,
    })
}

const SHIBBOLETH_SOAP: &str = Family::Shibboleth.logout_soap();
const LOGIN: &str = "/Shibboleth.sso/Login";
const MELLON_LOGOUT: &str = Family::Mellon.logout();
/// What it was called before version 0.0.7 of `mod_auth_mellon`.
const OLD_LOGOUT: &str = "/mellon/logoutRequest";

/// What a link that begins a sign-in calls its parameters.
struct Words {
    /// The page to come back to, for us `rd`.
    to: &'static str,
    /// The entityID of an identity provider, for us `idp`.
    entity_id: &'static str,
    /// Others, and what they are called here.
    others: &'static [(&'static str, &'static str)],
}

const SHIBBOLETH: Words = Words {
    to: "target",
    entity_id: "entityID",
    others: &[
        ("isPassive", "passive"),
        ("forceAuthn", "force"),
        ("authnContextClassRef", "authn_context"),
        ("authnContextComparison", "authn_context_comparison"),
    ],
};
const MELLON: Words = Words {
    to: "ReturnTo",
    entity_id: "IdP",
    others: &[("IsPassive", "passive")],
};

/// A message from server to server.
fn is_soap(parts: &Parts) -> bool {
    let kind = parts
        .headers
        .get(http::header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
    let xml = ["text/xml", "application/soap+xml"];
    parts.method == Method::POST && xml.iter().any(|one| one.eq_ignore_ascii_case(kind))
}

/// The same query at another path.
fn moved(uri: &Uri, path: &'static str) -> Option<Uri> {
    let whole = match uri.query() {
        Some(query) => PathAndQuery::try_from(format!("{path}?{query}")).ok()?,
        None => PathAndQuery::from_static(path),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(whole);
    Uri::from_parts(parts).ok()
}

/// To the identity provider with this entityID, or to whichever there is. What else the link asks for
/// goes along; whether it may is decided there.
fn sign_in(registry: &Registry, query: &Fields, words: &Words) -> Behind {
    let entity_id = query.get(words.entity_id);
    let known = entity_id.and_then(|entity_id| registry.issued_by(entity_id));
    // One that nobody knows is said to be unknown, where the names are known.
    let idp = known.map(|idp| idp.settings.name.as_str()).or(entity_id);
    let own = [("idp", idp), ("rd", query.get(words.to))];
    let others = words.others.iter().map(|(theirs, ours)| (*ours, query.get(theirs)));
    let all = own.into_iter().chain(others);
    let all: Vec<_> = all.filter_map(|(name, value)| Some((name, value?))).collect();
    Behind::There(links::also(links::START, &all))
}

/// To the page that asks first: a link alone must not sign anybody out.
fn sign_out(to: Option<&str>) -> Behind {
    Behind::There(match to {
        Some(to) => links::with_query(links::SIGN_OUT, &[("rd", to)]),
        None => links::SIGN_OUT.to_owned(),
    })
}

/// To which of our addresses this identity provider is asked to send its answers, if not to our ACS.
fn family_of(live: &Live, idp: &IdpTrust) -> Option<Family> {
    match idp.settings.acs {
        Some(AcsPath::Own) => None,
        // It may have been imported when the family was still ours.
        Some(AcsPath::Legacy(family)) => Some(family).filter(|own| live.legacy.contains(own)),
        None => live.legacy.first().copied(),
    }
}

/// The address at which this identity provider's answer is to arrive.
pub fn answer_address(live: &Live, idp: &IdpTrust) -> String {
    let sp = &live.sp;
    match (family_of(live, idp), idp.settings.response_binding) {
        (None, _) => sp.acs_url(),
        (Some(family), AnswerBy::Post) => sp.public_url.join(family.post()),
        (Some(family), AnswerBy::Artifact) => sp.public_url.join(family.artifact()),
    }
}

/// The same for an AuthnRequest, with how it is to travel.
pub fn answer_to<'a>(address: &'a str, idp: &IdpTrust) -> AnswerTo<'a> {
    AnswerTo::Url(address, idp.settings.response_binding)
}

/// The address of a family at which a request arrived, if it is one.
pub fn address(live: &Live, request: &Request<Body>) -> Option<String> {
    let arrived = request.extensions().get::<Arrived>()?;
    Some(live.sp.public_url.join(arrived.path))
}

/// Us, as a message has to name us that arrived there.
pub fn sp_at(live: &Live, arrived: Option<Arrived>) -> ServiceProvider {
    match arrived {
        Some(arrived) => Family::acs_at(&live.sp, arrived.path),
        None => live.sp.clone(),
    }
}
