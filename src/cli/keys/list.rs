//! `samlgate keys list`.

use std::fmt::Write as _;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::ListArgs;
use super::seen::{Seen, since};
use crate::app::next_step;
use crate::base::clock::SystemClock;
use crate::base::{Clock as _, Timestamp};
use crate::cli::output::{self, Table};
use crate::config::{Config, Loaded};
use crate::keys::{Ring, Step, Use, Waits};
use crate::store::keys::{KnownKey, Origin, look};

/// Prints a table and what to do next, or JSON.
pub(super) async fn run(args: &ListArgs, loaded: &Loaded) -> ExitCode {
    let now = SystemClock.now();
    let config = &loaded.config;
    let (mut known, warnings) = match look(&config.keys.settings) {
        Ok(found) => found,
        Err(error) => {
            output::error(&error.to_string());
            return ExitCode::FAILURE;
        }
    };
    for warning in &warnings {
        output::warning(warning);
    }
    known.retain(|key| args.common.usage.is_none_or(|usage| usage == key.usage));
    let begun = known.iter().filter_map(changed_at).max();
    let seen = match begun {
        Some(begun) => Some(since(config, begun, now).await),
        None => None,
    };
    if args.common.json {
        return output::json(&as_json(&known, config, seen.as_ref(), now));
    }
    if known.is_empty() {
        output::note("there are no keys yet: the gateway makes them when it starts");
        return ExitCode::SUCCESS;
    }
    let mut text = table(&known, now).to_string();
    for usage in Use::ALL {
        for line in advice(&known, usage, config, now) {
            let _ = writeln!(text, "{line}");
        }
    }
    if let Some(seen) = &seen {
        let _ = write!(text, "\n{seen}");
    }
    output::data(&text)
}

fn table(known: &[KnownKey], now: Timestamp) -> Table {
    let mut table = Table::new(&[
        "USE",
        "KEY",
        "STEP",
        "SINCE",
        "ENDS",
        "CERTIFICATE (SHA-256) OR KID",
    ]);
    for key in known {
        let ends = match key.not_after {
            Some(not_after) => {
                format!("{} ({} d)", day(not_after), not_after.days_left(now))
            }
            None => "-".to_owned(),
        };
        table.row([
            key.usage.as_str().to_owned(),
            key.held.name.clone(),
            key.held.step.for_people(key.usage).to_owned(),
            key.held.since.map(Timestamp::to_saml).unwrap_or_else(|| "-".to_owned()),
            ends,
            key.fingerprint.clone().unwrap_or_else(|| "no certificate".to_owned()),
        ]);
    }
    table
}

fn day(at: Timestamp) -> String {
    let text = at.to_saml();
    text.split('T').next().unwrap_or_default().to_owned()
}

/// When something changed in our metadata, where no key of the identity header is.
fn changed_at(key: &KnownKey) -> Option<Timestamp> {
    match key.held.step {
        _ if key.usage == Use::Jwt => None,
        Step::Published | Step::Previous => key.held.since,
        Step::Next | Step::Active | Step::Retired => None,
    }
}

/// For each step that is not the end of a way: what it means, and what comes next.
pub(super) fn advice(
    known: &[KnownKey],
    usage: Use,
    config: &Config,
    now: Timestamp,
) -> Vec<String> {
    let keys: Vec<&KnownKey> = known.iter().filter(|key| key.usage == usage).collect();
    let is_given = keys.iter().any(|key| key.origin == Origin::Configuration);
    let held = keys.iter().map(|key| key.held.clone()).collect();
    let Some(ring) = Ring::new(usage, held).filter(|_| !is_given) else {
        return Vec::new();
    };
    let waits = Waits::of(usage, config.description.cache);
    let by_itself = next_step(known, config.keys.policy, usage);
    let mut lines = Vec::new();
    for key in ring.iter().filter(|key| key.step != Step::Active) {
        let wait = match ring.safe_from(key, waits) {
            Some(at) if now < at => format!("safe in {}: ", span(at.since(now))),
            _ => String::new(),
        };
        let word = usage.as_str();
        let itself = match by_itself {
            Some(at) if at > now => {
                format!("by itself in {} ({}); or ", span(at.since(now)), day(at))
            }
            Some(_) => "by itself, within a minute; or ".to_owned(),
            None => String::new(),
        };
        let next = match key.step {
            Step::Next => format!("samlgate keys promote --use {word} publishes it"),
            Step::Published => format!("{itself}{wait}samlgate keys promote --use {word}"),
            Step::Previous => format!("{itself}{wait}samlgate keys retire --use {word}"),
            Step::Active | Step::Retired => format!("samlgate keys remove {}", key.name),
        };
        let meaning = key.step.meaning(usage);
        lines.push(format!(
            "{} is {}: {meaning}.\n  next: {next}",
            key.name,
            key.step.for_people(usage)
        ));
    }
    if let Some(policy) = config.keys.policy
        && usage != Use::Jwt
    {
        let next = match by_itself {
            Some(at) => format!("; the next step is due on {}", day(at)),
            None => "; but nothing while a key is held back".to_owned(),
        };
        lines.push(format!(
            "{}: a new key by itself {} before the certificate ends, and each further step after {} \
             and {}{next}",
            usage.as_str(),
            span(policy.rotate_before),
            span(policy.publish_for),
            span(policy.retire_after)
        ));
    }
    if !lines.is_empty() {
        lines.insert(0, String::new());
    }
    lines
}

/// Whether one of its use is on its way.
fn is_under_way(known: &[KnownKey], usage: Use) -> bool {
    let is_moving = |step: Step| matches!(step, Step::Next | Step::Published | Step::Previous);
    known.iter().any(|key| key.usage == usage && is_moving(key.held.step))
}

/// `13 d`, `52 min`.
pub(super) fn span(span: std::time::Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds.div_ceil(60)),
        7200..=172_799 => format!("{} h", seconds.div_ceil(3600)),
        _ => format!("{} d", seconds.div_ceil(86_400)),
    }
}

fn as_json(known: &[KnownKey], config: &Config, seen: Option<&Seen>, now: Timestamp) -> Value {
    let key = |key: &KnownKey| {
        let waits = Waits::of(key.usage, config.description.cache);
        let wait = match key.held.step {
            Step::Published => Some(waits.promote),
            Step::Previous => Some(waits.retire),
            Step::Next | Step::Active | Step::Retired => None,
        };
        let safe = wait.and_then(|wait| Some(key.held.since?.plus(wait)));
        json!({
            "use": key.usage.as_str(),
            "key": key.held.name,
            "step": key.held.step.for_people(key.usage),
            "meaning": key.held.step.meaning(key.usage),
            "since": key.held.since.map(Timestamp::to_rfc3339),
            "not_after": key.not_after.map(Timestamp::to_rfc3339),
            "days_left": key.not_after.map(|at| at.days_left(now)),
            "fingerprint": key.fingerprint,
            "safe_from": safe.map(Timestamp::to_rfc3339),
            "safe": safe.map(|at| now >= at),
            "by_itself_at": match key.held.step {
                Step::Next | Step::Retired => None,
                // The active one is the one that a new one follows upon.
                Step::Active if is_under_way(known, key.usage) => None,
                _ => next_step(known, config.keys.policy, key.usage),
            }.map(Timestamp::to_rfc3339),
            "file": match &key.origin {
                Origin::File(path) => json!(path),
                Origin::Configuration => Value::Null,
            },
        })
    };
    json!({
        "rotate_keys": if config.keys.policy.is_some() { "auto" } else { "manual" },
        "keys": known.iter().map(key).collect::<Value>(),
        "metadata": seen.map(Seen::to_json),
    })
}
