//! `[session]`, `[limits]`, `[audit]` and `[telemetry]`.

use std::path::PathBuf;

use crate::config::reader::{Complaint, Reader, Scope, not_empty};
use crate::config::settings::{RateLimits, SessionStoreKind, TelemetrySettings};
use crate::config::show::redact;
use crate::session::Lifetimes;
use crate::store::redis::{RedisSettings, SealKeys};
use crate::tasks::retention::Retention;
use crate::telemetry::LogFormat;

/// `session.idle_timeout` and `session.lifetime`.
pub(in crate::config) fn lifetimes(reader: &mut Reader, scope: &Scope<'_>) -> Option<Lifetimes> {
    let idle = reader.duration(scope, "idle_timeout");
    let absolute = reader.duration(scope, "lifetime");
    for (name, duration) in [("idle_timeout", idle), ("lifetime", absolute)] {
        if duration.is_some_and(|duration| duration.is_zero()) {
            let complaint = Complaint::new("is zero: nobody could sign in", "for example 1h");
            reader.wrong_at(scope, name, complaint);
        }
    }
    let lifetimes = Lifetimes { idle: idle?, absolute: absolute? };
    if lifetimes.idle > lifetimes.absolute {
        let (name, complaint) = match scope.is_set("idle_timeout") {
            true => (
                "idle_timeout",
                "is longer than session.lifetime, and could never be reached",
            ),
            false => ("lifetime", "is shorter than session.idle_timeout"),
        };
        let hint = "idle_timeout may be at most lifetime";
        reader.wrong_at(scope, name, Complaint::new(complaint, hint));
    }
    Some(lifetimes)
}

/// `session.store`, and what belongs to Redis.
pub(in crate::config) fn store(reader: &mut Reader, scope: &Scope<'_>) -> Option<SessionStoreKind> {
    let place = reader.parsed(scope, "store", |text| {
        let hint = "write \"embedded\", or redis://host:6379 or rediss://host:6379";
        if text == "embedded" {
            return Ok(None);
        }
        match RedisSettings::is_tls(text) {
            Ok(tls) => Ok(Some((text.to_owned(), tls))),
            Err(_) => {
                let message = format!("\"{}\" is not a session store", redact(text));
                Err(Complaint::new(message, hint))
            }
        }
    });
    let keys = reader.text(scope, "seal_key");
    let ca = reader.parsed(scope, "ca", |text| Ok(PathBuf::from(not_empty(text)?)));
    let grace = reader.duration(scope, "grace");
    let Some((url, tls)) = place? else {
        return Some(SessionStoreKind::Embedded { grace: grace? });
    };
    let keys = keys.ok_or_else(|| "is needed for Redis".to_owned());
    let keys = keys.and_then(|text| SealKeys::parse(&text).map_err(|error| error.to_string()));
    let keys = match keys {
        Ok(keys) => Some(keys),
        Err(message) => {
            let hint = "make one by `openssl rand -base64 32`, and give it to every node";
            reader.wrong_at(scope, "seal_key", Complaint::new(message, hint));
            None
        }
    };
    if ca.is_some() && !tls {
        let complaint = Complaint::new("is for TLS alone", "write rediss://, or remove it");
        reader.wrong_at(scope, "ca", complaint);
    }
    match RedisSettings::new(&url, ca, keys?) {
        Ok(settings) => Some(SessionStoreKind::Redis { settings, grace: grace? }),
        Err(error) => {
            reader.wrong_at(
                scope,
                "store",
                Complaint::new(error.detail, "write redis://host:6379"),
            );
            None
        }
    }
}

/// `[limits]`.
pub(in crate::config) fn limits(reader: &mut Reader, scope: &Scope<'_>) -> Option<RateLimits> {
    let sign_in = reader.rate(scope, "sign_in");
    let acs = reader.rate(scope, "acs");
    let scim = reader.rate(scope, "scim");
    Some(RateLimits { sign_in: sign_in?, acs: acs?, scim: scim? })
}

/// `[audit]`, and `users.keep_deleted`.
pub(in crate::config) fn retention(
    reader: &mut Reader,
    audit: &Scope<'_>,
    users: &Scope<'_>,
) -> Option<Retention> {
    let events = reader.age(audit, "keep");
    let attempts = reader.age(audit, "keep_attempts");
    let deleted = reader.age(users, "keep_deleted");
    Some(Retention { events: events?, attempts: attempts?, deleted: deleted? })
}

/// `[telemetry]`.
pub(in crate::config) fn telemetry(
    reader: &mut Reader,
    scope: &Scope<'_>,
) -> Option<TelemetrySettings> {
    let formats = [("json", LogFormat::Json), ("text", LogFormat::Text)];
    Some(TelemetrySettings { log: reader.choice(scope, "log", &formats)? })
}
