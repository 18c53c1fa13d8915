//! `/scim/v2/oauth/token`: a token for an hour, by OAuth 2.0 client credentials (RFC 6749, 4.4).
//!
//! In: the name of a connection, and a token of it that an operator made, as the client's id and
//! secret; or an assertion by a key of it ([`client_assertion`]). Out: an access token that is good
//! for an hour and for nothing that the secret or the key is not. The promise: it ends with it, since
//! it is looked up with it. So there is one thing to keep, to rotate and to revoke, whichever way a
//! client likes to show it.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, PRAGMA,
    RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{HeaderMap, Method, StatusCode};
use metrics::counter;
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::base::{StoreError, Timestamp};
use crate::directory::client_key::Algorithm;
use crate::directory::secret::{ScimSecret, hash_of};
use crate::directory::{AccessToken, Connection, ScimToken, Scopes};
use crate::http::context::Context;
use crate::http::respond;
use crate::http::scim::auth::Shown;
use crate::http::scim::{BASE, Scim, client_assertion};
use crate::telemetry::SCIM_REQUESTS;

/// How long an access token is good, unless its secret ends before.
const GOOD: Duration = Duration::from_secs(3600);
/// A form with an id, a secret or an assertion, and a few words.
const LARGEST: usize = 16 << 10;
const BODY_TIME: Duration = Duration::from_secs(10);

/// Everything that the secret is good for.
const ALL: &str = "scim";
/// The same, without changes.
const READ: &str = "scim.read";

/// Whether this is the path.
pub(in crate::http::scim) fn is_asked(path: &str) -> bool {
    let below = path.strip_prefix(BASE).unwrap_or_default();
    below.trim_end_matches('/') == "/oauth/token"
}

/// What is said at `/.well-known/oauth-authorization-server/scim/v2` (RFC 8414).
pub(in crate::http::scim) fn metadata(scim: &Scim) -> Response {
    let algorithms = Algorithm::ALL.map(|(_, name)| name);
    let document = json!({
        "issuer": scim.base,
        "token_endpoint": endpoint(scim),
        "grant_types_supported": [GRANT],
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported":
            ["client_secret_basic", "client_secret_post", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": algorithms,
        "scopes_supported": [ALL, READ],
    });
    respond::json(StatusCode::OK, &document)
}

/// The address of this.
pub(in crate::http::scim) fn endpoint(scim: &Scim) -> String {
    format!("{}/oauth/token", scim.base)
}

/// Answers one request for a token.
pub(in crate::http::scim) async fn token(
    scim: &Scim,
    context: &Context,
    request: Request,
    now: Timestamp,
) -> Response {
    let answered = give(scim, context, request, now).await;
    let response = answered.unwrap_or_else(|wrong| wrong.answer());
    let status = response.status().as_str().to_owned();
    counter!(SCIM_REQUESTS, "resource" => "oauth", "operation" => "token", "status" => status)
        .increment(1);
    response
}

async fn give(
    scim: &Scim,
    context: &Context,
    request: Request,
    now: Timestamp,
) -> Result<Response, Wrong> {
    if request.method() != Method::POST {
        return Err(Wrong::method());
    }
    let (parts, body) = request.into_parts();
    let form = Form::read(&parts.headers, body).await?;
    let secret = match Client::of(&parts.headers, &form)? {
        Client::Secret { id, secret } => by_secret(scim, context, &id, &secret, now).await?,
        Client::Assertion { id, assertion } => {
            let shown = client_assertion::Shown { id, assertion, headers: &parts.headers };
            client_assertion::check(scim, context, shown, now).await?
        }
    };
    match form.get("grant_type")? {
        Some(GRANT) => {}
        Some(_) => {
            return Err(Wrong::of(
                "unsupported_grant_type",
                "only client_credentials",
            ));
        }
        None => return Err(Wrong::of("invalid_request", "grant_type is missing")),
    }
    let (scopes, scope) = scopes(form.get("scope")?, secret.scopes)?;
    let drawn = ScimSecret::draw_access(&secret.connection, scim.app.entropy.as_ref());
    let end = now.plus(GOOD);
    let expires = secret.expires.map_or(end, |own| own.min(end));
    let access = AccessToken {
        hash: drawn.hash(),
        token: secret.id.clone(),
        scopes,
        expires,
    };
    let kept = scim.app.ports.connections.create_access(&access, now).await;
    kept.map_err(Wrong::store)?;
    let body = json!({
        "access_token": drawn.reveal(),
        "token_type": "Bearer",
        "expires_in": expires.since(now).as_secs(),
        "scope": scope,
    });
    Ok(no_store(respond::json(StatusCode::OK, &body)))
}

const GRANT: &str = "client_credentials";

/// The token that is a client's secret.
async fn by_secret(
    scim: &Scim,
    context: &Context,
    id: &str,
    secret: &str,
    now: Timestamp,
) -> Result<ScimToken, Wrong> {
    let found = match hash_of(secret) {
        Some(hash) => scim.tokens.find(Shown::Long(hash), &*scim.app.ports.connections, now).await,
        None => Ok(None),
    };
    let found = found.map_err(Wrong::store)?;
    let is_its =
        |found: &(ScimToken, Connection)| found.1.name.as_str() == id && found.0.is_live(now);
    let Some(found) = found.filter(|found| is_its(found)) else {
        let description = "no such client, or this is not its secret, or not any more";
        return Err(Wrong::guess(scim, context, description));
    };
    let rate = scim.rates.load().check_token(&found.0.id);
    rate.map_err(|often| Wrong::too_often(often.seconds))?;
    Ok(found.0.clone())
}

/// What was asked for, as far as the secret goes, and what it is called.
fn scopes(asked: Option<&str>, secret: Scopes) -> Result<(Scopes, &'static str), Wrong> {
    let mut read_only = secret.read_only;
    let words: Vec<&str> =
        asked.unwrap_or(ALL).split(' ').filter(|word| !word.is_empty()).collect();
    if words.iter().any(|word| ![ALL, READ].contains(word)) {
        return Err(Wrong::of(
            "invalid_scope",
            "the scopes are scim and scim.read",
        ));
    }
    read_only |= words.contains(&READ) && !words.contains(&ALL);
    let name = if read_only { READ } else { ALL };
    Ok((Scopes { read_only, ..secret }, name))
}

/// The fields of the request.
struct Form(Vec<(String, String)>);

impl Form {
    async fn read(headers: &HeaderMap, body: Body) -> Result<Self, Wrong> {
        let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            let description = "send a form: application/x-www-form-urlencoded";
            return Err(Wrong::of("invalid_request", description));
        }
        let read = tokio::time::timeout(BODY_TIME, to_bytes(body, LARGEST)).await;
        let bytes = read.ok().and_then(Result::ok);
        let bytes = bytes
            .ok_or_else(|| Wrong::of("invalid_request", "the body is too long, or did not come"))?;
        Ok(Self(form_urlencoded::parse(&bytes).into_owned().collect()))
    }

    /// A field, which must not be there twice (RFC 6749, 3.2); empty is as good as not there.
    fn get(&self, name: &str) -> Result<Option<&str>, Wrong> {
        let mut values = self.0.iter().filter(|(own, _)| own == name);
        let (first, second) = (values.next(), values.next());
        if second.is_some() {
            return Err(Wrong::of("invalid_request", "a parameter is there twice"));
        }
        Ok(first.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty()))
    }
}

/// Who says to be who (RFC 6749, 2.3.1; RFC 7521, 4.2).
enum Client<'f> {
    Secret { id: String, secret: String },
    Assertion { id: Option<&'f str>, assertion: &'f str },
}

/// What says that an assertion is a JWT (RFC 7523, 2.2).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

impl<'f> Client<'f> {
    fn of(headers: &HeaderMap, form: &'f Form) -> Result<Self, Wrong> {
        let named = form.get("client_id")?;
        let secret = form.get("client_secret")?;
        let assertion = form.get("client_assertion")?;
        let kind = form.get("client_assertion_type")?;
        let header = headers.get(AUTHORIZATION);
        let ways = [
            header.is_some(),
            secret.is_some(),
            assertion.is_some() || kind.is_some(),
        ];
        if ways.iter().filter(|way| **way).count() > 1 {
            let description = "the client shows who it is twice";
            return Err(Wrong::of("invalid_request", description));
        }
        if let Some(header) = header {
            let client = header.to_str().ok().and_then(Self::basic);
            let (id, secret) = client.ok_or_else(|| Wrong::client("this is no HTTP Basic"))?;
            return match named {
                Some(named) if named != id => {
                    Err(Wrong::of("invalid_request", "two clients are named"))
                }
                _ => Ok(Self::Secret { id, secret }),
            };
        }
        match (assertion, kind, named, secret) {
            (Some(assertion), Some(JWT_BEARER), id, _) => Ok(Self::Assertion { id, assertion }),
            (Some(_), Some(_), ..) => {
                Err(Wrong::client("client_assertion_type is not that of a JWT"))
            }
            (Some(_), None, ..) | (None, Some(_), ..) => Err(Wrong::of(
                "invalid_request",
                "client_assertion and client_assertion_type belong together",
            )),
            (None, None, Some(id), Some(secret)) => {
                Ok(Self::Secret { id: id.to_owned(), secret: secret.to_owned() })
            }
            (None, None, ..) => Err(Wrong::client(
                "show client_id and client_secret, or a client_assertion",
            )),
        }
    }

    /// Both are encoded as in a form, before they are joined and encoded again.
    fn basic(header: &str) -> Option<(String, String)> {
        let (scheme, encoded) = header.split_once(' ')?;
        let decoded = STANDARD.decode(encoded.trim()).ok()?;
        let text = String::from_utf8(decoded).ok()?;
        let (id, secret) = text.split_once(':')?;
        let plain = |text: &str| {
            let text = text.replace('+', " ");
            let text = percent_encoding::percent_decode_str(&text).decode_utf8();
            text.ok().map(std::borrow::Cow::into_owned)
        };
        let is_basic = scheme.eq_ignore_ascii_case("basic");
        Some((plain(id)?, plain(secret)?)).filter(|_| is_basic)
    }
}

/// Why there is no token (RFC 6749, 5.2).
pub(in crate::http::scim) struct Wrong {
    pub(in crate::http::scim) status: StatusCode,
    error: &'static str,
    description: &'static str,
    header: Option<(HeaderName, HeaderValue)>,
}

impl Wrong {
    const fn of(error: &'static str, description: &'static str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error,
            description,
            header: None,
        }
    }

    /// 401, with the way in which a client may show who it is.
    fn client(description: &'static str) -> Self {
        let challenge = HeaderValue::from_static("Basic realm=\"samlgate SCIM\"");
        Self {
            status: StatusCode::UNAUTHORIZED,
            header: Some((WWW_AUTHENTICATE, challenge)),
            ..Self::of("invalid_client", description)
        }
    }

    fn method() -> Self {
        Self {
            status: StatusCode::METHOD_NOT_ALLOWED,
            header: Some((ALLOW, HeaderValue::from_static("POST"))),
            ..Self::of("invalid_request", "only POST is offered here")
        }
    }

    /// The same, or 429 for whoever comes so too often.
    pub(in crate::http::scim) fn guess(
        scim: &Scim,
        context: &Context,
        description: &'static str,
    ) -> Self {
        match context.client.map(|client| scim.rates.load().check_failure(client)) {
            Some(Err(often)) => Self::too_often(often.seconds),
            _ => Self::client(description),
        }
    }

    pub(in crate::http::scim) fn too_often(seconds: u64) -> Self {
        Self {
            status: StatusCode::TOO_MANY_REQUESTS,
            header: Some((RETRY_AFTER, HeaderValue::from(seconds))),
            ..Self::of(
                "temporarily_unavailable",
                "too many requests; try again later",
            )
        }
    }

    pub(in crate::http::scim) fn store(error: StoreError) -> Self {
        tracing::error!(
            detail = error.detail,
            "provisioning: the store did not answer"
        );
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            header: Some((RETRY_AFTER, HeaderValue::from_static("5"))),
            ..Self::of(
                "temporarily_unavailable",
                "the directory can not be reached; try again",
            )
        }
    }

    fn answer(self) -> Response {
        let body: Value = json!({
            "error": self.error,
            "error_description": self.description,
        });
        let mut response = no_store(respond::json(self.status, &body));
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

/// RFC 6749, 5.1.
fn no_store(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_never_wider_than_the_secret() {
        let writes = Scopes::default();
        let reads = Scopes { read_only: true, ..Scopes::default() };
        let given = |asked, secret| scopes(asked, secret).ok();
        assert_eq!(given(None, writes), Some((writes, "scim")));
        assert_eq!(given(Some("scim.read"), writes), Some((reads, "scim.read")));
        assert_eq!(
            given(Some("scim scim.read"), writes),
            Some((writes, "scim"))
        );
        assert_eq!(given(Some("scim"), reads), Some((reads, "scim.read")));
        assert_eq!(given(Some("scim admin"), writes), None);
        let users = Scopes { groups: false, ..Scopes::default() };
        assert_eq!(given(None, users), Some((users, "scim")));
    }

    #[test]
    fn the_client_of_http_basic_is_decoded_twice() {
        let header = |text: &str| format!("basic {}", STANDARD.encode(text));
        let client = Client::basic(&header("ok%74a:scim_a+b%3A:")).unwrap();
        assert_eq!(client, ("okta".to_owned(), "scim_a b::".to_owned()));
        assert!(Client::basic(&header("okta")).is_none());
        assert!(Client::basic("Bearer b2t0YTp4").is_none());
    }
}
