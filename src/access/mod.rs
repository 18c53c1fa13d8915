//! Who may go where.
//!
//! In: the head of a request, and who sent it. Out: the route that it takes ([`routes`]) and the
//! one decision about it ([`gate`]). Routing and policy look at the same normalised path
//! ([`path`]), so that no spelling of an address reaches an application past its rule.

pub mod gate;
pub mod host;
pub mod path;
pub mod require;
pub mod route;
pub mod routes;
pub mod step_up;

pub use gate::{Asked, Decision, Missing, StepUpBy, Unauthenticated, decide};
pub use host::{HostRefusal, host};
pub use path::{PathRefusal, normalise};
pub use require::{Condition, Require, Visitor};
pub use route::{
    Balance, Ejection, FormPost, HeaderEdits, HeaderProfile, HealthCheck, HostMatch, PathMatch,
    Protocol, Route, Timeouts, Underscores, Upstream, UpstreamTls,
};
pub use routes::Routes;
pub use step_up::StepUp;
