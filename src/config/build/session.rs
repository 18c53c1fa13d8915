//! `[session]`, `[limits]`, `[scim]` and `[telemetry]`.

use crate::config::reader::{Complaint, Reader, Scope};
use crate::config::settings::{RateLimits, ScimSettings, SessionStoreKind, TelemetrySettings};
use crate::config::show::redact;
use crate::session::Lifetimes;
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

/// `session.store`.
pub(in crate::config) fn store(reader: &mut Reader, scope: &Scope<'_>) -> Option<SessionStoreKind> {
    reader.parsed(scope, "store", |text| {
        let hint = "write \"embedded\", or remove the key";
        if text == "embedded" {
            return Ok(SessionStoreKind::Embedded);
        }
        let scheme = text.split("://").next().unwrap_or_default();
        if scheme.starts_with("redis") && text.contains("://") {
            return Err(Complaint::new(
                "Redis is not available in this version",
                hint,
            ));
        }
        Err(Complaint::new(
            format!("\"{}\" is not a session store", redact(text)),
            hint,
        ))
    })
}

/// `[limits]`.
pub(in crate::config) fn limits(reader: &mut Reader, scope: &Scope<'_>) -> Option<RateLimits> {
    let sign_in = reader.rate(scope, "sign_in");
    let acs = reader.rate(scope, "acs");
    let scim = reader.rate(scope, "scim");
    Some(RateLimits { sign_in: sign_in?, acs: acs?, scim: scim? })
}

/// `[scim]`.
pub(in crate::config) fn scim(reader: &mut Reader, scope: &Scope<'_>) -> Option<ScimSettings> {
    let enabled = reader.boolean(scope, "enabled")?;
    if enabled {
        let complaint = Complaint::new(
            "SCIM is not available in this version: nothing is provisioned",
            "remove the key until it is",
        );
        reader.warn_at(scope, "enabled", complaint);
    }
    Some(ScimSettings { enabled })
}

/// `[telemetry]`.
pub(in crate::config) fn telemetry(
    reader: &mut Reader,
    scope: &Scope<'_>,
) -> Option<TelemetrySettings> {
    let formats = [("json", LogFormat::Json), ("text", LogFormat::Text)];
    Some(TelemetrySettings { log: reader.choice(scope, "log", &formats)? })
}
