//! What happened, to whom, by whom.
pub mod event;
pub mod sink;
pub use event::{Event, EventKind, LoginAttempt, LoginOutcome};
pub use sink::{AuditSink, Chain, RecordedEvent};
