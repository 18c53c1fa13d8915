//! What other identity providers call somebody: looked at, linked, taken away.

use serde::Deserialize;
use serde_json::{Value, json};

use super::failure::{Code, Failure};
use super::{Answer, Asked};
use crate::base::{IdpName, Timestamp};
use crate::directory::User;
use crate::directory::links::{Link, Linked};
use crate::identity::value::check_identifier;
use crate::session::EndReason;

/// The body of a new link.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    idp: String,
    name_id: String,
}

/// As many people of one name are told apart.
const MOST: u32 = 2;

pub(super) async fn list(asked: Asked) -> Result<Answer, Failure> {
    let user = asked.person().await?;
    let links = asked.gateway.app.ports.directory.links(&user.id).await?;
    let links: Vec<Value> = links.iter().map(shown).collect();
    Ok(Answer::ok(json!({ "links": links })))
}

pub(super) async fn create(asked: Asked) -> Result<Answer, Failure> {
    let New { idp, name_id } = asked.body.understand()?;
    let user = asked.person().await?;
    let known = asked.idps();
    let idp = IdpName::parse(&idp).filter(|idp| known.contains(idp)).ok_or_else(|| {
        Failure::with(
            Code::IdpUnknown,
            format!("There is no identity provider {idp}."),
        )
    })?;
    check_identifier(&name_id)
        .map_err(|fault| Failure::with(Code::Value, format!("name_id {name_id:?} {fault}.")))?;
    let link = Link { person: user.id, idp, name_id, created_at: asked.now };
    let links = &asked.gateway.app.ports.directory;
    match links.link(&link, &asked.operator).await? {
        Linked::Linked | Linked::Already => Ok(Answer::of(http::StatusCode::CREATED, shown(&link))),
        Linked::Other(other) => {
            let message = format!("The person is {other:?} of {} already.", link.idp);
            Err(Failure::with(Code::LinkTaken, message))
        }
        Linked::Taken { person, user_name } => {
            let message = format!("That NameID is {user_name} ({person}) already.");
            Err(Failure::with(Code::LinkTaken, message))
        }
        Linked::Nobody => Err(Failure::of(Code::UserUnknown)),
    }
}

pub(super) async fn remove(asked: Asked) -> Result<Answer, Failure> {
    let user = asked.person().await?;
    let app = &asked.gateway.app;
    let unknown = || Failure::of(Code::LinkUnknown);
    let idp = IdpName::parse(&asked.id).ok_or_else(unknown)?;
    let links = &app.ports.directory;
    if !links.unlink(&user.id, &idp, &asked.operator, asked.now).await? {
        return Err(unknown());
    }
    app.sessions.end_user(&user.id, EndReason::Revoked, asked.now).await?;
    Ok(Answer::gone())
}

impl Asked {
    /// The one person whom the path names, by id, userName or e-mail address.
    async fn person(&self) -> Result<User, Failure> {
        let mut found = self.gateway.app.ports.people.look_up(&self.name, MOST).await?;
        match (found.pop(), found.is_empty()) {
            (Some(record), true) => Ok(record.user),
            (Some(_), false) => {
                let message = format!("{} means several people: name one by id.", self.name);
                Err(Failure::with(Code::UserUnknown, message))
            }
            (None, _) => Err(Failure::of(Code::UserUnknown)),
        }
    }
}

fn shown(link: &Link) -> Value {
    json!({
        "user": link.person.as_str(),
        "idp": link.idp,
        "name_id": link.name_id,
        "created": Timestamp::to_saml(link.created_at),
    })
}
