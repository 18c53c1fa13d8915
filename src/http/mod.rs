//! What browsers and programs see of the gateway.
//!
//! The only module that names axum. [`door`] is where every request comes in; [`router`] is the
//! site map of our own pages, and [`application`] everything that is not ours. [`error`] is the one
//! place that knows statuses, [`pages`] what people look at.

pub mod admin;
pub mod answers;
pub mod api;
pub mod application;
pub mod authz;
pub mod context;
mod cors;
pub mod door;
pub mod error;
pub mod error_json;
mod form;
pub mod forms;
pub mod hosts;
pub mod links;
mod measure;
pub mod net;
pub mod outgoing;
pub mod pages;
pub mod rates;
pub mod respond;
pub mod router;
pub mod scim;
pub mod seal;
pub mod server;
pub mod slo;
pub mod sso;
pub mod state;
pub mod tls;
pub mod views;
pub mod workers;

pub use context::Context;
pub use door::Door;
pub use error_json::error_json;
pub use pages::{PageSettings, Pages, Rendered};
pub use state::Gateway;
