//! What happened, to whom, by whom.
//!
//! In: [`Event`]s and [`LoginAttempt`]s. Out: records that an [`AuditSink`] keeps, the events in a
//! chain of hashes. Promised: neither ever holds a secret.

pub mod event;
pub mod sink;
pub use event::{Event, EventKind, LoginAttempt, LoginOutcome};
pub use sink::{AuditSink, Chain, RecordedEvent};
