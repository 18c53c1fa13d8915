//! What happened, to whom, by whom.
//!
//! In: [`Event`]s and [`LoginAttempt`]s. Out: records that an [`AuditSink`] keeps, the events in a
//! chain of hashes. Promised: neither ever holds a secret, and what an event says of somebody can be
//! taken out of it with the chain still whole.

pub mod event;
pub mod recorded;
pub mod sequences;
pub mod sink;
pub use event::{Event, EventKind, LoginAttempt, LoginOutcome};
pub use recorded::RecordedEvent;
pub use sink::{AuditSink, Chain, Older};
