//! Our own keys over time: which of them are published, which one signs, and what may be done next.
//!
//! In: what is known of the keys of one [`Use`], a [`Command`], the time. Out: the same keys a step
//! further, or why not. Nothing here reads a key or a file: [`Ring::after`] is a function of its
//! arguments, and whoever holds the keys (`store::keys`) does what it says.
//!
//! ```text
//!            rotate                promote                retire
//!   (next) ────────► published ────────────► signing ···► previous ────────► retired ──► removed
//!   made,            in metadata,            it signs     still in           verifies and
//!   nobody knows     beside the one          from now on  metadata           signs nothing
//! ```
//!
//! [`due()`] is the same by the clock (`saml.rotate_keys = "auto"`). [`fetch`] is who came for our
//! metadata in the meantime.

mod due;
pub mod fetch;
mod ring;
#[cfg(test)]
mod tests;

pub use due::{JWT_AGE, Policy, due, due_at};
pub use fetch::{Fetch, FetchLog, Fetches};
pub use ring::{Command, Held, Refusal, Ring, Step, Use, Waits};
