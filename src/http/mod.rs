//! What the outside sees.

pub mod admin;
pub mod net;
pub mod server;
pub mod tls;
//! What browsers and programs see of the gateway.
pub mod error_json;
pub mod links;
pub mod pages;
pub mod views;
pub use error_json::error_json;
pub use pages::{PageSettings, Pages, Rendered};
