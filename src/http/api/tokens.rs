//! Tokens of a connection: listed, made, rotated, revoked.

use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::said;
use super::failure::{Code, Failure};
use super::{Answer, Asked};
use crate::base::Timestamp;
use crate::directory::{ScimToken, Scopes};

/// What the command line says without `--expires`.
pub(super) const USUAL: u64 = 365 * 86_400;
/// What it says without `--overlap`.
const OVERLAP: u64 = 86_400;
/// A hundred years: sums of times stay in range.
const LONGEST: u64 = 3_155_760_000;

/// The body of a new token.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    #[serde(default)]
    scopes: Wanted,
    #[serde(default, deserialize_with = "said")]
    expires_in: Option<Option<u64>>,
}

/// What a token shall be good for; what is not said is as usual.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Wanted {
    users: bool,
    groups: bool,
    read_only: bool,
}

impl Default for Wanted {
    fn default() -> Self {
        let Scopes { users, groups, read_only } = Scopes::default();
        Self { users, groups, read_only }
    }
}

impl Wanted {
    /// Those that are good for something.
    pub(super) fn check(self) -> Result<Scopes, Failure> {
        let Self { users, groups, read_only } = self;
        if !users && !groups {
            let message = "scopes: what is good for neither users nor groups is good for nothing";
            return Err(Failure::with(Code::Value, message));
        }
        Ok(Scopes { users, groups, read_only })
    }
}

/// The body of a rotation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotation {
    #[serde(default = "usual_overlap")]
    overlap: u64,
    #[serde(default, deserialize_with = "said")]
    expires_in: Option<Option<u64>>,
}

const fn usual_overlap() -> u64 {
    OVERLAP
}

pub(super) async fn list(asked: Asked) -> Result<Answer, Failure> {
    let connection = asked.connection().await?;
    let tokens = asked.gateway.app.ports.connections.tokens(Some(&connection.name)).await?;
    let all: Vec<Value> = tokens.iter().map(|token| shown(token, asked.now)).collect();
    Ok(Answer::ok(json!({ "tokens": all })))
}

pub(super) async fn create(asked: Asked) -> Result<Answer, Failure> {
    let new: New = asked.body.understand()?;
    let scopes = new.scopes.check()?;
    let connection = asked.connection().await?;
    let expires = end(new.expires_in.unwrap_or(Some(USUAL)), asked.now)?;
    let administration = asked.administration(&[]);
    let made = administration.create_token(&connection.name, scopes, expires).await?;
    let (secret, token) = made;
    let body = json!({ "token": shown(&token, asked.now), "secret": secret.reveal() });
    Ok(Answer::of(StatusCode::CREATED, body))
}

pub(super) async fn rotate(asked: Asked) -> Result<Answer, Failure> {
    let rotation: Rotation = asked.body.understand()?;
    let connection = asked.connection().await?;
    let expires = rotation.expires_in.map(|seconds| end(seconds, asked.now)).transpose()?;
    let overlap = Duration::from_secs(rotation.overlap.min(LONGEST));
    let administration = asked.administration(&[]);
    let rotated = administration.rotate(&connection.name, overlap, expires).await?;
    let before = rotated.before.iter().map(|(id, ends)| {
        let ends = ends.unwrap_or(asked.now);
        json!({ "id": id, "ends": ends.to_saml() })
    });
    let body = json!({
        "token": shown(&rotated.token, asked.now),
        "secret": rotated.secret.reveal(),
        "before": before.collect::<Vec<_>>(),
    });
    Ok(Answer::of(StatusCode::CREATED, body))
}

pub(super) async fn revoke(asked: Asked) -> Result<Answer, Failure> {
    let connection = asked.connection().await?;
    let only = Some(asked.id.as_str());
    let _ = asked.administration(&[]).revoke(&connection.name, only).await?;
    Ok(Answer::gone())
}

/// When a token or a key ends that is good for so many seconds; without them it does not.
pub(super) fn end(seconds: Option<u64>, now: Timestamp) -> Result<Option<Timestamp>, Failure> {
    match seconds {
        None => Ok(None),
        Some(seconds @ 1..=LONGEST) => Ok(Some(now.plus(Duration::from_secs(seconds)))),
        Some(_) => {
            let message = "expires_in: seconds, more than none and up to a hundred years; or null";
            Err(Failure::with(Code::Value, message))
        }
    }
}

fn shown(token: &ScimToken, now: Timestamp) -> Value {
    json!({
        "id": token.id,
        "connection": token.connection,
        "scopes": token.scopes,
        "created": token.created_at.to_saml(),
        "expires": token.expires.map(Timestamp::to_saml),
        "expired": !token.is_live(now),
        "last_used": token.last_used.map(Timestamp::to_saml),
    })
}
