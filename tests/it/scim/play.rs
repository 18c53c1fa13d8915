//! One story, told to a server.

use std::fmt::Write as _;

use http::Method;
use serde_json::Value;
use tokio::task::JoinSet;

use super::check::{self, Check, Operator, Subject};
use super::fill::{Variable, Variables, fill, fill_json, fill_target};
use super::story::{Act, Expect, Step, Story, Times};
use crate::support::http::{Answer, Ask, Visitor};

/// How much of an answer a complaint shows.
const SHOWN: usize = 600;

/// The people of a story, who sign in and come back.
pub(super) trait People {
    /// Brings an assertion; the answer is what the person's browser gets.
    async fn sign_in(&mut self, name: &str) -> Answer;
    /// Asks who they are.
    async fn visit(&mut self, name: &str) -> Answer;
    /// Whether an answer to an assertion let the person in.
    fn is_in(&self, name: &str) -> bool;
}

/// Where a story is told, and what is known of it.
pub(super) struct Scene<P> {
    /// `http://127.0.0.1:8080`
    pub(super) origin: String,
    /// `{base}`, `{token}`, `{NAME.token}` of each other connection; then all that is kept.
    pub(super) known: Variables,
    pub(super) people: P,
}

/// Takes every step, and says what came differently.
pub(super) async fn play<P: People>(story: &Story, scene: &mut Scene<P>) -> Vec<String> {
    let mut complaints = Vec::new();
    for step in &story.steps {
        let rounds = match &step.times {
            Times::Once | Times::Parallel(_) => vec![Vec::new()],
            Times::Repeat(range) => {
                range.clone().map(|n| vec![("n".to_owned(), n.to_string())]).collect()
            }
            Times::Each(columns, rows) => {
                let row = |row: &Vec<String>| {
                    columns.iter().cloned().zip(row.iter().cloned()).collect::<Vec<_>>()
                };
                rows.iter().map(row).collect()
            }
        };
        for round in rounds {
            let mut note = String::new();
            for (name, value) in &round {
                write!(note, " [{name}: {value}]").unwrap();
            }
            let names: Vec<_> = round.iter().map(|(name, _)| name.clone()).collect();
            let found = match enter(round, scene) {
                Ok(()) => take(step, scene).await,
                Err(complaint) => Err(complaint),
            };
            for name in names {
                scene.known.remove(&name);
            }
            let found = found.unwrap_or_else(|complaint| vec![complaint]);
            complaints
                .extend(found.into_iter().map(|what| format!("line {}{note}: {what}", step.line)));
        }
    }
    complaints
}

/// A row of a table: its cells may name what was kept before.
fn enter<P>(round: Vec<(String, String)>, scene: &mut Scene<P>) -> Result<(), String> {
    for (name, value) in round {
        let value = fill(&value, &scene.known)?;
        if scene.known.insert(name.clone(), Variable::Cell(value)).is_some() {
            return Err(format!("{name} is kept already"));
        }
    }
    Ok(())
}

async fn take<P: People>(step: &Step, scene: &mut Scene<P>) -> Result<Vec<String>, String> {
    let (answer, is_in) = match &step.act {
        Act::Request { .. } => {
            if let Times::Parallel(range) = &step.times {
                return at_once(step, range.clone(), scene).await;
            }
            (send(asked(step, scene)?).await, false)
        }
        Act::SignIn(name) => {
            let answer = scene.people.sign_in(name).await;
            (answer, scene.people.is_in(name))
        }
        Act::Visit(name) => {
            let answer = scene.people.visit(name).await;
            let is_in = answer.status == 200;
            (answer, is_in)
        }
    };
    let as_expected = match &step.expect {
        Expect::Status(statuses) => statuses.contains(&answer.status.as_u16()),
        Expect::In => is_in,
        Expect::Out => !is_in,
        Expect::Counts(_) => false,
    };
    let mut complaints = Vec::new();
    if !as_expected {
        complaints.push(format!(
            "{:?} expected, it is {}",
            step.expect, answer.status
        ));
    }
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    for (line, check) in &step.checks {
        if let Some(complaint) = apply(check, &answer, body.as_ref(), &mut scene.known)? {
            complaints.push(format!("line {line}: {complaint}"));
        }
    }
    if !complaints.is_empty() {
        let text = answer.text();
        let shown: String = text.chars().take(SHOWN).collect();
        complaints.push(format!("the answer was {} {shown}", answer.status));
    }
    Ok(complaints)
}

/// The request of a step.
fn asked<P>(step: &Step, scene: &Scene<P>) -> Result<Ask, String> {
    let Act::Request { method, target, headers, body } = &step.act else {
        return Err("no request".to_owned());
    };
    let known = &scene.known;
    let base = fill("{base}", known)?;
    let here = |address: &str| {
        let path = address.strip_prefix(&scene.origin).map(str::to_owned);
        path.ok_or_else(|| format!("{address} is elsewhere"))
    };
    // An address that was kept is asked for as it is.
    let path = if target.starts_with('{') {
        here(&fill(target, known)?)?
    } else {
        here(&base)? + &fill_target(target, known)?
    };
    let body = fill_json(body, known)?;
    let method = Method::from_bytes(method.as_bytes()).map_err(|error| error.to_string())?;
    let mut ask = Ask::new(method, &scene.origin).with_target(&path);
    let has = |name: &str| headers.iter().any(|(found, _)| found.eq_ignore_ascii_case(name));
    if !has("authorization") && step.who != "nobody" {
        let name = match step.who.as_str() {
            "" => "{token}".to_owned(),
            who => format!("{{{who}.token}}"),
        };
        ask = ask.header("authorization", &format!("Bearer {}", fill(&name, known)?));
    }
    if !has("content-type") && !body.is_empty() {
        ask = ask.header("content-type", "application/scim+json");
    }
    if !has("accept") {
        ask = ask.header("accept", "application/scim+json");
    }
    for (name, value) in headers {
        ask = ask.header(name, &fill(value, known)?);
    }
    Ok(ask.body(body))
}

async fn send(ask: Ask) -> Answer {
    Visitor::new().send(ask).await
}

/// All of them at the same time.
async fn at_once<P: People>(
    step: &Step,
    range: std::ops::RangeInclusive<u32>,
    scene: &mut Scene<P>,
) -> Result<Vec<String>, String> {
    let mut sending = JoinSet::new();
    for n in range {
        scene.known.insert("n".to_owned(), Variable::Value(n.to_string()));
        sending.spawn(send(asked(step, scene)?));
    }
    let mut statuses = Vec::new();
    while let Some(answer) = sending.join_next().await {
        let answer = answer.map_err(|error| error.to_string())?;
        statuses.push(answer.status.as_u16());
    }
    statuses.sort_unstable();
    let Expect::Counts(counts) = &step.expect else {
        return Err("how many of each?".to_owned());
    };
    let as_expected = counts.iter().all(|(one_of, times)| {
        statuses.iter().filter(|status| one_of.contains(status)).count() == *times
    });
    let all: usize = counts.iter().map(|(_, times)| times).sum();
    if as_expected && all == statuses.len() {
        return Ok(Vec::new());
    }
    Ok(vec![format!("{counts:?} expected, they are {statuses:?}")])
}

/// A complaint, if it is not so.
fn apply(
    check: &Check,
    answer: &Answer,
    body: Option<&Value>,
    known: &mut Variables,
) -> Result<Option<String>, String> {
    let find = |subject: &Subject| match subject {
        Subject::Header(name) => {
            let values: Vec<_> = answer
                .headers
                .get_all(name)
                .iter()
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
                .collect();
            Ok((!values.is_empty()).then(|| Value::String(values.join(", "))))
        }
        Subject::Body(path) => match body {
            Some(body) => check::find(body, &fill(path, known)?),
            None => Ok(None),
        },
    };
    match check {
        Check::Save(name, subject) => {
            let Some(value) = find(subject)? else {
                return Err(format!("there is no {subject:?} to keep as {name}"));
            };
            let text = |value: Value| match value {
                Value::String(text) => text,
                other => other.to_string(),
            };
            let name = fill(name, known)?;
            // `save u* = …`: u1, u2, …
            match (name.strip_suffix('*'), value) {
                (Some(name), Value::Array(list)) => {
                    let names = (1..).map(|number| format!("{name}{number}"));
                    known.extend(
                        names.zip(list.into_iter().map(|value| Variable::Value(text(value)))),
                    );
                }
                (_, value) => {
                    known.insert(name, Variable::Value(text(value)));
                }
            }
            Ok(None)
        }
        Check::Assert(subject, operator, operand, _) => {
            let found = find(subject)?;
            let operand = fill_json(operand, known)?;
            // Of a body that is no JSON nothing can be said but that it is absent.
            let is_empty = matches!(subject, Subject::Body(path) if path.is_empty());
            if is_empty && *operator == Operator::Absent {
                let found = answer.body.is_empty();
                return Ok((!found).then(|| "there is a body".to_owned()));
            }
            let holds = check::holds(found.as_ref(), *operator, &operand)?;
            let found = found.map_or_else(|| "nothing".to_owned(), |found| found.to_string());
            let line = check.to_string();
            let filled = match line.ends_with(&operand) {
                true => String::new(),
                false => format!(" ({operand})"),
            };
            Ok((!holds).then(|| format!("{line}{filled}: found {found}")))
        }
    }
}
