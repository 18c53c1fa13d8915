//! `samlgate scim log`: what a client asked.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::{connection_name, find_connection};
use crate::base::clock::SystemClock;
use crate::base::{Clock as _, ConnectionName};
use crate::cli::output::Table;
use crate::cli::stores::{count, with_stores};
use crate::cli::{ConfigFile, output};
use crate::config::{Loaded, parse_duration};
use crate::directory::{RequestQuery, ScimRequest};

/// Arguments of `scim log`.
#[derive(Args, Debug)]
pub(in crate::cli) struct LogArgs {
    /// The connection.
    #[arg(value_name = "NAME", value_parser = connection_name)]
    name: ConnectionName,
    /// How far back: 1h, 7d.
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = duration)]
    since: Duration,
    /// Only requests that were refused. Look-ups of who is not there are no failures.
    #[arg(long)]
    failed: bool,
    /// Only requests about this person: a userName, or an id.
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// How many at most; of more, the newest.
    #[arg(long, value_name = "NUMBER", default_value_t = 200)]
    limit: u32,
    /// Which configuration file.
    #[command(flatten)]
    pub(super) file: ConfigFile,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "write a duration such as 30m, 24h or 7d".to_owned())
}

/// Prints a table, or JSON.
pub(super) async fn run(args: LogArgs, loaded: Loaded) -> ExitCode {
    let now = SystemClock.now();
    with_stores(&loaded.config, async |stores| {
        find_connection(stores, &args.name).await?;
        let asked = RequestQuery {
            connection: args.name.clone(),
            since: now.minus(args.since),
            failed: args.failed,
            user: args.user.clone(),
            limit: args.limit,
        };
        let mut requests = stores.requests.requests(&asked).await?;
        requests.reverse();
        if args.json {
            return Ok(output::json(&requests.iter().map(as_json).collect()));
        }
        if requests.is_empty() {
            output::note(&format!("{} asked for nothing of that kind", args.name));
            output::hint("--since 7d looks further back; scim.log_keep says how far it goes");
            return Ok(ExitCode::SUCCESS);
        }
        let said = output::data(&with_bodies(&requests));
        if u32::try_from(requests.len()).is_ok_and(|shown| shown == args.limit) {
            let shown = count(requests.len(), "request");
            output::note(&format!("the newest {shown}; --limit shows more"));
        }
        Ok(said)
    })
    .await
}

/// The table, with bodies below their requests: they would make its columns as wide as they are.
fn with_bodies(requests: &[ScimRequest]) -> String {
    let mut table = Table::new(&["TIME", "STATUS", "REQUEST", "ABOUT", "RESULT", "TOOK"]);
    for request in requests {
        table.row([
            request.at.to_saml(),
            status(request),
            what(request),
            about(request),
            result(request),
            took(request),
        ]);
    }
    let text = table.to_string();
    let mut lines = text.lines();
    let mut all = lines.next().map(|head| format!("{head}\n")).unwrap_or_default();
    for (line, request) in lines.zip(requests) {
        all.push_str(line);
        all.push('\n');
        for (word, body) in [("sent", &request.body), ("answered", &request.answer)] {
            if let Some(body) = body {
                all.push_str(&format!("    {word} {}\n", output::clean(body)));
            }
        }
    }
    all
}

fn status(request: &ScimRequest) -> String {
    match request.status {
        0 => String::new(),
        status => status.to_string(),
    }
}

/// `patch User`
fn what(request: &ScimRequest) -> String {
    format!("{} {}", request.operation, request.resource).trim_end().to_owned()
}

/// The person, else the id, else what was looked for.
fn about(request: &ScimRequest) -> String {
    let known = request.name.as_ref().or(request.target.as_ref()).or(request.filter.as_ref());
    known.cloned().unwrap_or_default()
}

/// `changed: active, title`, `3 found`, `uniqueness: …`
fn result(request: &ScimRequest) -> String {
    if let Some(effect) = request.effect {
        let names: Vec<&str> = request.attributes.iter().map(|name| short(name)).collect();
        return match names.is_empty() {
            true => effect.as_str().to_owned(),
            false => format!("{}: {}", effect.as_str(), names.join(", ")),
        };
    }
    let detail = request.detail.as_deref().unwrap_or_default();
    match (&request.scim_type, request.matched) {
        (Some(scim_type), _) => format!("{scim_type}: {detail}"),
        (None, Some(matched)) if request.status != 0 && request.status < 400 => {
            format!("{matched} found")
        }
        (None, _) => detail.to_owned(),
    }
}

/// `department` of `urn:…:User:department`
fn short(name: &str) -> &str {
    match name.starts_with("urn:") {
        true => name.rsplit(':').next().unwrap_or(name),
        false => name,
    }
}

fn took(request: &ScimRequest) -> String {
    match request.micros {
        0 => String::new(),
        micros => format!("{}.{} ms", micros / 1000, micros / 100 % 10),
    }
}

fn as_json(request: &ScimRequest) -> Value {
    json!({
        "time": request.at.to_rfc3339(),
        "request_id": request.request_id,
        "token": request.token,
        "method": request.method,
        "resource": request.resource,
        "operation": request.operation,
        "target": request.target,
        "user_name": request.name,
        "effect": request.effect,
        "attributes": request.attributes,
        "filter": request.filter,
        "matched": request.matched,
        "status": request.status,
        "scim_type": request.scim_type,
        "detail": request.detail,
        "micros": request.micros,
        "client": request.client,
        "user_agent": request.agent,
        "body": request.body,
        "answer": request.answer,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Timestamp;
    use crate::directory::requests::Effect;

    fn request() -> ScimRequest {
        let okta = ConnectionName::parse("okta").unwrap();
        ScimRequest {
            operation: "patch".into(),
            resource: "User".into(),
            status: 200,
            micros: 1_850,
            ..ScimRequest::of(okta, Timestamp::EPOCH)
        }
    }

    #[test]
    fn a_line_says_what_came_of_a_request() {
        let changed = ScimRequest {
            effect: Some(Effect::Changed),
            attributes: vec![
                "title".to_owned(),
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department".to_owned(),
            ],
            name: Some("alice".to_owned()),
            target: Some("an id".to_owned()),
            ..request()
        };
        assert_eq!(what(&changed), "patch User");
        assert_eq!(about(&changed), "alice");
        assert_eq!(result(&changed), "changed: title, department");
        assert_eq!(took(&changed), "1.8 ms");
        let found = ScimRequest { matched: Some(3), ..request() };
        assert_eq!(result(&found), "3 found");
        let refused = ScimRequest {
            status: 409,
            scim_type: Some("uniqueness".to_owned()),
            detail: Some("somebody else has this userName".to_owned()),
            ..request()
        };
        assert_eq!(
            result(&refused),
            "uniqueness: somebody else has this userName"
        );
    }

    #[test]
    fn bodies_stand_below_their_request() {
        let with = ScimRequest { body: Some("{}".to_owned()), ..request() };
        let text = with_bodies(&[with, request()]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[2], "    sent {}");
    }
}
