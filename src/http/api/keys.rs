//! Public keys of a connection: listed, added, removed.

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::said;
use super::failure::{Code, Failure};
use super::tokens::{USUAL, Wanted, end};
use super::{Answer, Asked};
use crate::base::Timestamp;
use crate::directory::{ClientKey, Refusal, client_key};

/// The body of a new key.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    key: Value,
    #[serde(default)]
    scopes: Wanted,
    #[serde(default, deserialize_with = "said")]
    expires_in: Option<Option<u64>>,
}

pub(super) async fn list(asked: Asked) -> Result<Answer, Failure> {
    let connection = asked.connection().await?;
    let keys = asked.gateway.app.ports.connections.keys(Some(&connection.name)).await?;
    Ok(Answer::ok(all(&keys, asked.now)))
}

pub(super) async fn add(asked: Asked) -> Result<Answer, Failure> {
    let new: New = asked.body.understand()?;
    let scopes = new.scopes.check()?;
    let text = match new.key {
        Value::String(pem) => pem,
        jwk @ Value::Object(_) => jwk.to_string(),
        _ => {
            let message = "key: PEM in a string, or a JWK or JWKS as an object";
            return Err(Failure::with(Code::Value, message));
        }
    };
    let connection = asked.connection().await?;
    let expires = end(new.expires_in.unwrap_or(Some(USUAL)), asked.now)?;
    let keys = client_key::read(&text).map_err(Refusal::from)?;
    let administration = asked.administration(&[]);
    let added = administration.add_keys(&connection.name, keys, scopes, expires).await?;
    Ok(Answer::of(StatusCode::CREATED, all(&added, asked.now)))
}

pub(super) async fn remove(asked: Asked) -> Result<Answer, Failure> {
    let connection = asked.connection().await?;
    asked.administration(&[]).remove_key(&connection.name, &asked.id).await?;
    Ok(Answer::gone())
}

fn all(keys: &[ClientKey], now: Timestamp) -> Value {
    let all: Vec<Value> = keys.iter().map(|key| shown(key, now)).collect();
    json!({ "keys": all })
}

fn shown(key: &ClientKey, now: Timestamp) -> Value {
    let mut facts = key.facts(now);
    facts.insert("id".to_owned(), json!(key.id));
    facts.insert("connection".to_owned(), json!(key.connection));
    Value::Object(facts)
}
