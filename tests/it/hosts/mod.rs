//! Several hosts behind one sign-in, forms that wait for it, and browsers that go round in circles.

mod answers;
mod forms;
mod handover;
mod loops;
pub(crate) mod world;
