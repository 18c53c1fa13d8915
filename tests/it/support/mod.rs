//! What the tests stand on: processes, the gateway, a person without and one with a browser.
//!
//! Everything here belongs to one test: ports, folders and processes are its own, and end with it.
//! Nothing is shared, so tests may run side by side and in any order.

pub(crate) mod app;
pub(crate) mod browser;
pub(crate) mod certificate;
pub(crate) mod clock;
pub(crate) mod encryption;
pub(crate) mod forms;
pub(crate) mod gateway;
pub(crate) mod h2;
pub(crate) mod http;
pub(crate) mod idp;
pub(crate) mod names;
pub(crate) mod office;
pub(crate) mod peers;
pub(crate) mod ports;
pub(crate) mod postgres;
pub(crate) mod process;
pub(crate) mod redis;
pub(crate) mod stage;
pub(crate) mod tls;
