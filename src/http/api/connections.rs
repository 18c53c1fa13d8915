//! Connections: listed, made, changed, removed.

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::said;
use super::failure::{Code, Failure};
use super::{Answer, Asked, BASE, guard};
use crate::base::{ConnectionName, IdpName, StoreError, Timestamp};
use crate::directory::administration::{self, OnlyIdp, the_only_idp};
use crate::directory::{
    ClientKey, Connection, ConnectionSettings, Guard, GuardState, ScimToken, UnknownMembers,
};
use crate::http::scim;

/// The body of POST.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    name: String,
    #[serde(default, deserialize_with = "said")]
    idp: Option<Option<String>>,
    #[serde(default)]
    strict: bool,
    #[serde(default)]
    unknown_members: UnknownMembers,
    #[serde(default)]
    guard: Option<Guard>,
}

/// The body of PATCH: what is named is changed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    #[serde(default, deserialize_with = "said")]
    idp: Option<Option<String>>,
    strict: Option<bool>,
    unknown_members: Option<UnknownMembers>,
    #[serde(default, deserialize_with = "said")]
    guard: Option<Option<Guard>>,
}

pub(super) async fn list(asked: Asked) -> Result<Answer, Failure> {
    let ports = &asked.gateway.app.ports;
    let all = ports.connections.connections().await?;
    let tokens = ports.connections.tokens(None).await?;
    let keys = ports.connections.keys(None).await?;
    let guards = ports.guards.guards().await?;
    let one = |connection: &Connection| {
        let guard = guards.iter().find(|state| state.connection == connection.name);
        shown(&asked, connection, (&tokens, &keys), guard)
    };
    let all: Vec<Value> = all.iter().map(one).collect();
    Ok(Answer::ok(json!({ "connections": all })))
}

pub(super) async fn show(asked: Asked) -> Result<Answer, Failure> {
    let connection = asked.connection().await?;
    Ok(Answer::ok(asked.show(&connection).await?))
}

pub(super) async fn create(asked: Asked) -> Result<Answer, Failure> {
    let new: New = asked.body.understand()?;
    let name = ConnectionName::parse(&new.name).ok_or_else(|| {
        let rule = "name: up to 64 of a-z 0-9 - _ . and a letter or digit first";
        Failure::with(Code::Value, rule)
    })?;
    let idps = asked.idps();
    let idp = match new.idp {
        Some(idp) => idp.as_deref().map(idp_name).transpose()?,
        None => {
            let all = asked.gateway.app.ports.connections.connections().await?;
            match the_only_idp(&idps, &all) {
                OnlyIdp::This(only) => Some(only.clone()),
                OnlyIdp::None | OnlyIdp::Taken(..) | OnlyIdp::Several(_) => None,
            }
        }
    };
    let connection = Connection {
        name,
        idp,
        settings: ConnectionSettings {
            strict: new.strict,
            unknown_members: new.unknown_members,
            guard: new.guard.map(guard::check).transpose()?,
        },
        created_at: asked.now,
    };
    asked.administration(&idps).create(&connection).await?;
    Ok(Answer {
        location: Some(format!("{BASE}/scim/connections/{}", connection.name)),
        ..Answer::of(StatusCode::CREATED, asked.show(&connection).await?)
    })
}

pub(super) async fn change(asked: Asked) -> Result<Answer, Failure> {
    let change: Change = asked.body.understand()?;
    let before = asked.connection().await?;
    let mut after = before.clone();
    if let Some(idp) = change.idp {
        after.idp = idp.as_deref().map(idp_name).transpose()?;
    }
    let settings = &mut after.settings;
    settings.strict = change.strict.unwrap_or(settings.strict);
    settings.unknown_members = change.unknown_members.unwrap_or(settings.unknown_members);
    if let Some(guard) = change.guard {
        settings.guard = guard.map(guard::check).transpose()?;
    }
    if after != before {
        asked.administration(&asked.idps()).update(&before, &after).await?;
    }
    Ok(Answer::ok(asked.show(&after).await?))
}

pub(super) async fn remove(asked: Asked) -> Result<Answer, Failure> {
    let connection = asked.connection().await?;
    asked.administration(&[]).delete(&connection).await?;
    Ok(Answer::gone())
}

impl Asked {
    /// The connection of the path.
    pub(super) async fn connection(&self) -> Result<Connection, Failure> {
        let unknown = || {
            let message = format!("There is no connection {}.", self.name);
            Failure::with(Code::ConnectionUnknown, message)
        };
        let name = ConnectionName::parse(&self.name).ok_or_else(unknown)?;
        Ok(administration::find(&*self.gateway.app.ports.connections, &name).await?)
    }

    /// How its guard stands.
    pub(super) async fn guard_of(&self, name: &ConnectionName) -> Result<GuardState, StoreError> {
        let all = self.gateway.app.ports.guards.guards().await?;
        let known = all.into_iter().find(|state| state.connection == *name);
        Ok(known.unwrap_or_else(|| GuardState::quiet(name.clone())))
    }

    async fn show(&self, connection: &Connection) -> Result<Value, StoreError> {
        let name = &connection.name;
        let connections = &self.gateway.app.ports.connections;
        let tokens = connections.tokens(Some(name)).await?;
        let keys = connections.keys(Some(name)).await?;
        let guard = self.guard_of(name).await?;
        Ok(shown(self, connection, (&tokens, &keys), Some(&guard)))
    }
}

fn idp_name(text: &str) -> Result<IdpName, Failure> {
    IdpName::parse(text).ok_or_else(|| {
        let message = format!("There is no identity provider {text}.");
        Failure::with(Code::IdpUnknown, message)
    })
}

fn shown(
    asked: &Asked,
    connection: &Connection,
    (tokens, keys): (&[ScimToken], &[ClientKey]),
    state: Option<&GuardState>,
) -> Value {
    let live = asked.gateway.app.live();
    let own = live.sp.public_url.to_string();
    let is_its =
        |token: &&ScimToken| token.connection == connection.name && token.is_live(asked.now);
    let is_its_key = |key: &&ClientKey| key.connection == connection.name && key.is_live(asked.now);
    let settings = &connection.settings;
    let deactivations = match (settings.guard.unwrap_or(live.guard).is_on(), state) {
        (false, _) => "not watched",
        (true, None) => "watching",
        (true, Some(state)) => state.word(asked.now),
    };
    json!({
        "name": connection.name,
        "idp": connection.idp,
        "base_url": format!("{}{}", own.trim_end_matches('/'), scim::BASE),
        "strict": settings.strict,
        "unknown_members": settings.unknown_members,
        "guard": settings.guard,
        "good_tokens": tokens.iter().filter(is_its).count(),
        "good_keys": keys.iter().filter(is_its_key).count(),
        "deactivations": deactivations,
        "created": Timestamp::to_saml(connection.created_at),
    })
}
