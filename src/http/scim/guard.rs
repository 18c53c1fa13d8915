//! What a client is told whose deactivations are paused, and what the operator.
//!
//! 503, of all statuses: a client takes it for a fault that passes, and keeps the deactivation to
//! try it again. 403 is final for many, and 429 slows the whole client down, while everything else
//! that it does is welcome.

use http::StatusCode;
use metrics::gauge;

use crate::directory::Paused;
use crate::http::scim::Failure;
use crate::http::scim::auth::Caller;
use crate::scim::ScimError;
use crate::telemetry::SCIM_GUARD_PAUSED;

/// Somebody has to look, so asking each second would not help.
const RETRY_AFTER: u64 = 600;

/// Says that nothing was written, and who can do something about it; the first time to the operator
/// too.
pub(in crate::http::scim) fn stopped(caller: &Caller, paused: Paused) -> Failure {
    let connection = &caller.actor.connection.name;
    if paused.began {
        let name = connection.as_str().to_owned();
        gauge!(SCIM_GUARD_PAUSED, "connection" => name).set(1.0);
        tracing::warn!(
            connection = connection.as_str(),
            deactivated = paused.deactivated,
            people = paused.people,
            request_id = caller.actor.request_id,
            "provisioning: deactivations are paused, too many people were to be deactivated at once: \
             look with `samlgate scim guard {connection}`, then `samlgate scim approve {connection}`, \
             or `samlgate scim resume {connection}` if it was a mistake"
        );
    }
    let detail = format!(
        "deactivating people is paused for this connection: {} of {} were deactivated within a short \
         time, and another one would be too many. Nothing of this request was written. An \
         administrator of the gateway has to run `samlgate scim approve {connection}`, or, if it was \
         a mistake, put it right here and run `samlgate scim resume {connection}`",
        paused.deactivated, paused.people,
    );
    Failure::Later(
        ScimError::of(StatusCode::SERVICE_UNAVAILABLE, detail),
        RETRY_AFTER,
    )
}
