//! What runs without a request.
//!
//! [`trust`] keeps the identity providers up to date, [`housekeeping`] the sessions, [`keys`]
//! our own keys and metadata, [`guards`] who waits for an operator; [`expiry`] looks at what runs out
//! and [`notices`] tells administrators; [`retention`] forgets what is old;
//! [`Supervisor`] starts them, starts them again when they fall, and waits for them at the end.

pub mod ask;
pub mod expiry;
pub mod fetch;
pub mod guards;
pub mod health;
pub mod housekeeping;
pub mod keys;
pub mod notices;
pub mod people;
pub mod provisioning;
pub mod refresh;
pub mod registry;
pub mod retention;
pub mod supervise;
pub mod trust;

pub use supervise::Supervisor;
