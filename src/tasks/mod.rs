//! What runs besides the requests.

pub mod supervise;

pub use supervise::Supervisor;
