//! The demo's application, "Acme Reports". It knows nothing of SAML: it shows the headers that it
//! received, and verifies the signed one as a real application would.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, StatusCode, Uri};
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::nid::Nid;
use openssl::sha::sha256;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::base::ReturnTo;
use crate::http::views::Field;
use crate::http::views::demo::{App, AppPage, AppUser};
use crate::http::{Pages, links, respond};
use crate::tasks::fetch::Fetcher;

struct Shop {
    jwks_url: String,
    pages: Arc<Pages>,
}

/// Its pages; `gateway` is where it finds the keys of the signed header.
pub(super) fn router(gateway: &str, pages: Arc<Pages>) -> Router {
    let jwks_url = format!("{gateway}/.well-known/samlgate/jwks.json");
    Router::new().fallback(show).with_state(Arc::new(Shop { jwks_url, pages }))
}

async fn show(State(shop): State<Arc<Shop>>, uri: Uri, headers: HeaderMap) -> Response {
    let page = match uri.path() {
        "/" => AppPage::Home,
        "/reports" => AppPage::Reports,
        "/admin" => AppPage::Admin,
        "/public" => AppPage::Public,
        _ => AppPage::Other,
    };
    let text = |name: &str| {
        let value = headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
        value.map(|value| percent_decode_str(&value).decode_utf8_lossy().into_owned())
    };
    let filled = |name: &str| text(name).filter(|value| !value.is_empty());
    let token = filled("x-samlgate-jwt-assertion");
    let claims = match &token {
        Some(token) => verify(&shop.jwks_url, token).await,
        None => None,
    };
    let identity = [
        "remote-user",
        "remote-name",
        "remote-email",
        "remote-groups",
    ];
    let user = filled("remote-user").map(|user| AppUser {
        name: filled("remote-name").unwrap_or(user),
        email: text("remote-email").unwrap_or_default(),
        roles: claims.as_ref().map(|claims| strings(&claims["roles"])).unwrap_or_default(),
    });
    let view = App {
        page,
        path: uri.path_and_query().map_or_else(String::new, ToString::to_string),
        user,
        identity: identity
            .into_iter()
            .map(|name| Field::new(&title(name), raw(&headers, name)))
            .collect(),
        claims_verified: claims.is_some(),
        claims: claims.as_ref().map(fields).unwrap_or_default(),
        headers: headers
            .iter()
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                Field::new(&title(name.as_str()), value)
            })
            .collect(),
        sign_out: links::sign_out(&ReturnTo::root()),
    };
    let status = if page == AppPage::Other {
        StatusCode::NOT_FOUND
    } else {
        StatusCode::OK
    };
    respond::page(&shop.pages, status, &view)
}

fn raw(headers: &HeaderMap, name: &str) -> String {
    let value = headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    value.unwrap_or_default().into_owned()
}

/// `remote-user` → `Remote-User`, as people write it.
fn title(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    name.split('-').map(word).collect::<Vec<_>>().join("-")
}

fn strings(list: &Value) -> Vec<String> {
    let texts = list.as_array().into_iter().flatten().filter_map(Value::as_str);
    texts.map(ToOwned::to_owned).collect()
}

fn fields(claims: &Value) -> Vec<Field> {
    let claims = claims.as_object().into_iter().flatten();
    claims.map(|(name, value)| Field::new(name, value.to_string())).collect()
}

/// The claims of an ES256 token, if a key of the gateway made it (RFC 7515, RFC 7518, 3.4).
async fn verify(jwks_url: &str, token: &str) -> Option<Value> {
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let json =
        |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
    let header = json(header)?;
    let fetched = Fetcher::new().ok()?.fetch(jwks_url).await.ok()?;
    let jwks: Value = serde_json::from_slice(&fetched.body).ok()?;
    let keys = jwks.get("keys")?.as_array()?;
    let key = keys.iter().find(|key| key.get("kid") == header.get("kid"))?;
    let number = |name: &str| {
        BigNum::from_slice(&URL_SAFE_NO_PAD.decode(key.get(name)?.as_str()?).ok()?).ok()
    };
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).ok()?;
    let (x, y) = (number("x")?, number("y")?);
    let key = EcKey::from_public_key_affine_coordinates(&group, &x, &y).ok()?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    let (r, s) = signature.split_at_checked(32)?;
    let (r, s) = (BigNum::from_slice(r).ok()?, BigNum::from_slice(s).ok()?);
    let signature = EcdsaSig::from_private_components(r, s).ok()?;
    let genuine = signature.verify(&sha256(signed.as_bytes()), &key).ok()?;
    genuine.then(|| json(claims))?
}
