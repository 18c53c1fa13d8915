//! The assertion by which a client shows who it is, without telling a secret (`private_key_jwt`;
//! RFC 7523, 2.2 and 3).
//!
//! In: a JWT. Out: which key of which connection made it for us, just now, and what is to be
//! remembered so that it counts once. The steps are types: an [`Assertion`] was read, a [`Signed`]
//! one was made by a key of the connection that it names, a [`Valid`] one is for us and of today.
//! Nothing in the header finds a key but among those that an operator added.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::sha::sha256;
use serde_json::Value;

use crate::base::{ConnectionName, Timestamp, entropy};
use crate::directory::ClientKey;
use crate::directory::client_key::Algorithm;
use crate::scim::{Object, json};

/// What is longer is no assertion.
pub const LONGEST: usize = 8 << 10;
/// How far ahead an assertion may end: the longer it is good, the longer one that leaked before it
/// was used is, and the longer its use has to be remembered. Clients make one for each request.
pub const FURTHEST: Duration = Duration::from_secs(600);
/// How much clocks may differ.
const SKEW: Duration = Duration::from_secs(60);

/// An assertion that was read, and is not believed.
#[derive(Clone, Debug)]
pub struct Assertion<'t> {
    algorithm: Algorithm,
    kid: Option<String>,
    connection: ConnectionName,
    claims: Object,
    signed: &'t str,
    signature: Vec<u8>,
}

/// One that a key of its connection has made.
#[derive(Clone, Debug)]
pub struct Signed<'k> {
    key: &'k ClientKey,
    claims: Object,
}

/// One that is good, if it comes for the first time.
#[derive(Clone, Debug)]
pub struct Valid<'k> {
    key: &'k ClientKey,
    id: String,
    expires: Timestamp,
}

/// Why an assertion is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssertionError {
    /// RFC 7515, 3.1: three parts, of base64url without padding.
    #[error("the assertion is no JWT of three parts")]
    NoJwt,
    /// It is longer than [`LONGEST`].
    #[error("the assertion is longer than 8 KiB")]
    TooLong,
    /// Header or claims are no object, or name something twice.
    #[error("{0} is no JSON object, or names something twice")]
    Json(&'static str),
    /// RFC 7515, 4.1.11: we know no extension.
    #[error("the header has crit")]
    Critical,
    /// `none`, one with a secret, or one that nobody needs.
    #[error("alg is none of RS256, PS256, ES256, EdDSA")]
    Algorithm,
    /// It is not there, or of another type.
    #[error("{0} is missing, or not of its type")]
    Claim(&'static str),
    /// RFC 7523, 3: a client speaks for itself.
    #[error("iss and sub differ: both are the client id, which is the name of the connection")]
    Subject,
    /// It is not what the request says.
    #[error("client_id of the request is not that of the assertion")]
    OtherClient,
    /// There is nothing to verify it with.
    #[error("the connection has no key")]
    NoKey,
    /// The header names a key that is not there.
    #[error("no key of the connection has the kid of the assertion")]
    UnknownKey,
    /// No key of that type, or none that made it.
    #[error("the signature was made by none of the connection's keys")]
    Signature,
    /// An operator ended it.
    #[error("the key has expired")]
    KeyExpired,
    /// It was made for somebody else.
    #[error("aud is neither the token endpoint nor the issuer")]
    Audience,
    /// Its time is over.
    #[error("the assertion has expired")]
    Expired,
    /// It ends later than [`FURTHEST`] from now.
    #[error("exp is more than 10 minutes ahead")]
    TooFar,
    /// Its time has not begun.
    #[error("{0} is in the future")]
    Future(&'static str),
    /// It was used before.
    #[error("jti was used before")]
    Replayed,
}

impl<'t> Assertion<'t> {
    /// Reads it.
    pub fn parse(text: &'t str) -> Result<Self, AssertionError> {
        if text.len() > LONGEST {
            return Err(AssertionError::TooLong);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(AssertionError::NoJwt)?;
        let (header, claims) = signed.split_once('.').ok_or(AssertionError::NoJwt)?;
        let header = object(header, "the header")?;
        if header.contains_key("crit") {
            return Err(AssertionError::Critical);
        }
        let algorithm = header.get("alg").and_then(Value::as_str);
        let algorithm = algorithm.and_then(Algorithm::parse).ok_or(AssertionError::Algorithm)?;
        let kid = header.get("kid").map(|kid| kid.as_str().ok_or(AssertionError::Claim("kid")));
        let kid = kid.transpose()?.map(str::to_owned);
        let claims = object(claims, "the body")?;
        let issuer = text_of(&claims, "iss")?;
        if text_of(&claims, "sub")? != issuer {
            return Err(AssertionError::Subject);
        }
        Ok(Self {
            algorithm,
            kid,
            connection: ConnectionName::parse(issuer).ok_or(AssertionError::Claim("iss"))?,
            claims,
            signed,
            signature: decode(signature)?,
        })
    }

    /// The connection that it says it is from.
    pub const fn connection(&self) -> &ConnectionName {
        &self.connection
    }

    /// Looks for the key that made it, among those of the connection.
    pub fn verify<'k>(self, keys: &'k [ClientKey]) -> Result<Signed<'k>, AssertionError> {
        let own = || keys.iter().filter(|key| key.connection == self.connection);
        if own().next().is_none() {
            return Err(AssertionError::NoKey);
        }
        let mut candidates: Vec<&ClientKey> = own().collect();
        if let Some(kid) = &self.kid {
            let is_named = |key: &ClientKey| match &key.kid {
                Some(own) => own == kid,
                None => key.id == *kid || key.key.thumbprint().is_ok_and(|own| own == *kid),
            };
            candidates.retain(|key| is_named(key));
            if candidates.is_empty() {
                // Those for which nobody said a name may have any.
                candidates = own().filter(|key| key.kid.is_none()).collect();
            }
            if candidates.is_empty() {
                return Err(AssertionError::UnknownKey);
            }
        }
        let message = self.signed.as_bytes();
        let made_it = |key: &&ClientKey| key.key.verifies(self.algorithm, message, &self.signature);
        match candidates.into_iter().find(made_it) {
            Some(key) => Ok(Signed { key, claims: self.claims }),
            None => Err(AssertionError::Signature),
        }
    }
}

impl<'k> Signed<'k> {
    /// The key that made it.
    pub const fn key(&self) -> &'k ClientKey {
        self.key
    }

    /// Whether it is for one of these, and its time is now.
    pub fn validate(self, audiences: &[&str], now: Timestamp) -> Result<Valid<'k>, AssertionError> {
        if !self.key.is_live(now) {
            return Err(AssertionError::KeyExpired);
        }
        let is_ours = |value: &Value| value.as_str().is_some_and(|text| audiences.contains(&text));
        let for_us = match self.claims.get("aud") {
            Some(Value::Array(all)) => all.iter().any(is_ours),
            Some(value @ Value::String(_)) => is_ours(value),
            _ => return Err(AssertionError::Claim("aud")),
        };
        if !for_us {
            return Err(AssertionError::Audience);
        }
        let expires = time(&self.claims, "exp")?.ok_or(AssertionError::Claim("exp"))?;
        let expires = expires.plus(SKEW);
        if now >= expires {
            return Err(AssertionError::Expired);
        }
        if expires > now.plus(FURTHEST).plus(SKEW).plus(SKEW) {
            return Err(AssertionError::TooFar);
        }
        for name in ["iat", "nbf"] {
            if time(&self.claims, name)?.is_some_and(|time| time > now.plus(SKEW)) {
                return Err(AssertionError::Future(name));
            }
        }
        let id = text_of(&self.claims, "jti")?;
        if id.is_empty() {
            return Err(AssertionError::Claim("jti"));
        }
        Ok(Valid { key: self.key, id: id.to_owned(), expires })
    }
}

impl<'k> Valid<'k> {
    /// The key that made it.
    pub const fn key(&self) -> &'k ClientKey {
        self.key
    }

    /// What is remembered so that it counts once: whose, what, until when. Whose is said by the key
    /// itself, so that one that was removed and added again does not forget.
    pub fn one_use(&self) -> (String, String, Timestamp) {
        let key = entropy::hex(self.key.key.hash());
        let whose = format!("client {} {key}", self.key.connection);
        (
            whose,
            entropy::hex(&sha256(self.id.as_bytes())),
            self.expires,
        )
    }
}

fn decode(part: &str) -> Result<Vec<u8>, AssertionError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| AssertionError::NoJwt)
}

fn object(part: &str, which: &'static str) -> Result<Object, AssertionError> {
    let bytes = decode(part)?;
    // What stands before it, as a byte order mark does, is nothing that a signer writes.
    let object = bytes.starts_with(b"{").then(|| json::object(&bytes).ok()).flatten();
    object.ok_or(AssertionError::Json(which))
}

fn text_of<'j>(claims: &'j Object, name: &'static str) -> Result<&'j str, AssertionError> {
    claims.get(name).and_then(Value::as_str).ok_or(AssertionError::Claim(name))
}

/// A `NumericDate` (RFC 7519, 2): seconds, of which parts are cut off.
fn time(claims: &Object, name: &'static str) -> Result<Option<Timestamp>, AssertionError> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    let wrong = AssertionError::Claim(name);
    let Value::Number(number) = value else {
        return Err(wrong);
    };
    let text = number.to_string();
    let whole = text.split('.').next().and_then(|whole| whole.parse().ok()).ok_or(wrong)?;
    Ok(Some(Timestamp::from_unix_seconds(whole)))
}

#[cfg(test)]
mod tests;
