//! `samlgate keys rotate`, `promote`, `retire` and `remove`.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::list::{advice, span};
use super::{Common, PromoteArgs, RemoveArgs, RetireArgs, RotateArgs};
use crate::base::clock::SystemClock;
use crate::base::{Clock as _, Timestamp};
use crate::cli::output;
use crate::config::{Config, Loaded};
use crate::keys::{Command, Held, Refusal, Ring, Step, Use, Waits};
use crate::store::keys::{Changed, KeyFolderError, change, look, new_name};

pub(super) fn rotate(args: &RotateArgs, loaded: &Loaded) -> ExitCode {
    let now = SystemClock.now();
    let settings = &loaded.config.keys.settings;
    let command =
        |ring: &Ring| Command::Rotate { name: new_name(settings, ring, now), held_back: args.hold };
    each(&args.common, &loaded.config, command, now)
}

pub(super) fn promote(args: &PromoteArgs, loaded: &Loaded) -> ExitCode {
    let command = |_: &Ring| Command::Promote { force: args.force };
    each(&args.common, &loaded.config, command, SystemClock.now())
}

pub(super) fn retire(args: &RetireArgs, loaded: &Loaded) -> ExitCode {
    let command = |_: &Ring| Command::Retire { name: args.key.clone(), force: args.force };
    each(&args.common, &loaded.config, command, SystemClock.now())
}

pub(super) fn remove(args: &RemoveArgs, loaded: &Loaded) -> ExitCode {
    let now = SystemClock.now();
    // Names begin with what keys are for.
    let usage = Use::ALL.into_iter().find(|usage| args.key.starts_with(usage.first_name()));
    let Some(usage) = usage else {
        output::error(&format!("there is no key {}", args.key));
        output::hint("samlgate keys list names them");
        return ExitCode::FAILURE;
    };
    let command = |_: &Ring| Command::Remove { name: args.key.clone() };
    several(&[usage], args.json, &loaded.config, command, now)
}

fn each(
    common: &Common,
    config: &Config,
    command: impl Fn(&Ring) -> Command,
    now: Timestamp,
) -> ExitCode {
    match common.usage {
        Some(usage) => several(&[usage], common.json, config, command, now),
        // The JWT key is no business of identity providers, and has a pace of its own.
        None => several(
            &[Use::Signing, Use::Encryption],
            common.json,
            config,
            command,
            now,
        ),
    }
}

/// Takes a step for each use. What is refused for one does not keep the others from it.
fn several(
    usages: &[Use],
    is_json: bool,
    config: &Config,
    command: impl Fn(&Ring) -> Command,
    now: Timestamp,
) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    let mut done: Vec<(Use, Changed)> = Vec::new();
    let mut refused: Vec<Value> = Vec::new();
    for usage in usages {
        let waits = Waits::of(*usage, config.description.cache);
        let decide = |ring: &Ring| Some(command(ring));
        match change(&config.keys.settings, *usage, waits, decide, now) {
            Ok(changed) => done.extend(changed.map(|changed| (*usage, changed))),
            Err(error) => {
                let hint = refuse(*usage, &error, now);
                refused.push(json!({
                    "use": usage.as_str(), "error": error.to_string(), "hint": hint,
                }));
                code = ExitCode::FAILURE;
            }
        }
    }
    if is_json {
        let all = done.iter().flat_map(as_json).chain(refused);
        let printed = output::json(&all.collect());
        return if code == ExitCode::SUCCESS {
            printed
        } else {
            code
        };
    }
    for (usage, changed) in &done {
        for key in &changed.moved {
            let is_gone = changed.ring.iter().all(|other| other.name != key.name);
            if is_gone {
                output::note(&format!("{} is removed", key.name));
            } else if key.step == Step::Active {
                output::note(&format!(
                    "{} is {} now: {}",
                    key.name,
                    key.step.for_people(*usage),
                    key.step.meaning(*usage)
                ));
            }
        }
    }
    // What the folder says now, for what comes next.
    if !done.is_empty()
        && let Ok((known, _)) = look(&config.keys.settings)
    {
        let moved = done.iter().flat_map(|(usage, _)| advice(&known, *usage, config, now));
        for line in moved.filter(|line| !line.is_empty()) {
            output::note(&line);
        }
        output::note(
            "a running gateway takes it within seconds; samlgate keys list shows who has seen it",
        );
    }
    code
}

/// Says why not, and what to do, which it returns.
fn refuse(usage: Use, error: &KeyFolderError, now: Timestamp) -> Option<String> {
    output::error(&format!("{}: {error}", usage.as_str()));
    let word = usage.as_str();
    let KeyFolderError::Refused(refusal) = error else {
        return None;
    };
    let hint = match refusal {
        Refusal::UnderWay { step: Step::Previous, .. } => {
            format!("end it first: samlgate keys retire --use {word}")
        }
        Refusal::UnderWay { name, .. } => format!(
            "go on with samlgate keys promote --use {word}, or give it up with samlgate keys retire \
             --use {word} --key {name}"
        ),
        Refusal::NoNewKey => format!("samlgate keys rotate --use {word} makes one"),
        Refusal::PublishedJustNow { until, .. } => format!(
            "wait {}, or use --force: whoever does not know the key then refuses us",
            span(until.since(now))
        ),
        Refusal::UsedJustNow { until, .. } => format!(
            "wait {}, or use --force: logins that are under way may fail then",
            span(until.since(now))
        ),
        Refusal::OnlyKey { .. } => format!(
            "samlgate keys rotate --use {word} makes another one, which takes its place with promote"
        ),
        Refusal::NotRetired { .. } => format!("samlgate keys retire --use {word} comes first"),
        Refusal::NoPreviousKey
        | Refusal::Unknown { .. }
        | Refusal::RetiredAlready { .. }
        | Refusal::Taken { .. } => "samlgate keys list shows where they are".to_owned(),
    };
    output::hint(&hint);
    Some(hint)
}

fn as_json((usage, changed): &(Use, Changed)) -> Vec<Value> {
    let key = |key: &Held| {
        let is_there = changed.ring.iter().any(|other| other.name == key.name);
        json!({
            "use": usage.as_str(),
            "key": key.name,
            "step": if is_there { key.step.for_people(*usage) } else { "removed" },
            "since": key.since.map(Timestamp::to_rfc3339),
        })
    };
    changed.moved.iter().map(key).collect()
}
