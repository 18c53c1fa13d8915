//! The guard of a connection: looked at, approved, resumed.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::failure::{Code, Failure};
use super::{Answer, Asked};
use crate::base::Timestamp;
use crate::directory::guard::Waiting;
use crate::directory::{Approval, Connection, Guard};

/// How many of those who wait are listed.
const LISTED: u32 = 1000;
/// What the command line says without `--for`.
const USUAL: u64 = 4 * 3600;
/// Whatever is approved for longer would better have no guard.
const LONGEST: u64 = 30 * 86_400;

/// The body of an approval.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Approved {
    #[serde(rename = "for", default = "usual")]
    seconds: u64,
    people: Option<u64>,
}

const fn usual() -> u64 {
    USUAL
}

/// A body without anything in it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

pub(super) async fn show(asked: Asked) -> Result<Answer, Failure> {
    let connection = asked.connection().await?;
    asked.guard(&connection).await
}

pub(super) async fn approve(asked: Asked) -> Result<Answer, Failure> {
    let approved: Approved = asked.body.understand()?;
    if !(1..=LONGEST).contains(&approved.seconds) || approved.people == Some(0) {
        let message =
            "for: seconds, more than none and up to 30 days; people: more than none, or null";
        return Err(Failure::with(Code::Value, message));
    }
    let connection = asked.connection().await?;
    let until = asked.now.plus(Duration::from_secs(approved.seconds));
    let approval = Approval { until, people: approved.people };
    let guards = &asked.gateway.app.ports.guards;
    let _ = guards.approve(&connection.name, approval, &asked.operator, asked.now).await?;
    asked.guard(&connection).await
}

pub(super) async fn resume(asked: Asked) -> Result<Answer, Failure> {
    let Nothing {} = asked.body.understand()?;
    let connection = asked.connection().await?;
    let guards = &asked.gateway.app.ports.guards;
    let _ = guards.resume(&connection.name, &asked.operator, asked.now).await?;
    asked.guard(&connection).await
}

/// A guard as somebody wants it, if it can be one.
pub(super) fn check(guard: Guard) -> Result<Guard, Failure> {
    if guard.is_on() && !(1..=LONGEST).contains(&guard.window.as_secs()) {
        let message = "guard.window: seconds, more than none and up to 30 days";
        return Err(Failure::with(Code::Value, message));
    }
    Ok(guard)
}

impl Asked {
    async fn guard(&self, connection: &Connection) -> Result<Answer, Failure> {
        let name = &connection.name;
        let state = self.guard_of(name).await?;
        let waiting = self.gateway.app.ports.guards.waiting(name, LISTED).await?;
        let guard = connection.settings.guard.unwrap_or_else(|| self.gateway.app.live().guard);
        let approval = state.approval.filter(|approval| approval.holds(self.now));
        Ok(Answer::ok(json!({
            "connection": name,
            "guard": guard,
            "state": if guard.is_on() { state.word(self.now) } else { "not watched" },
            "paused": state.paused_at.map(Timestamp::to_saml),
            "deactivated": state.deactivated,
            "waiting": state.waiting,
            "approved_until": approval.map(|approval| approval.until.to_saml()),
            "approved_people": approval.and_then(|approval| approval.people),
            "people": waiting.iter().map(person).collect::<Vec<_>>(),
        })))
    }
}

fn person(person: &Waiting) -> Value {
    json!({
        "id": person.id,
        "user_name": person.user_name,
        "asked_at": person.asked_at.to_saml(),
    })
}
