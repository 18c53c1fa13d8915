//! Several hosts behind one sign-in.
//!
//! `public_url` is the auth host: sign-in ends there. A host that a route names and that is another
//! one gets a session of its own, handed over from there.

pub mod handover;
mod loops;
pub mod pages;
mod place;

pub use loops::Loops;
pub use place::Place;
