//! samlgate
pub mod access;
pub mod audit;
pub mod base;
pub mod cli;
pub mod config;
pub mod directory;
pub mod dsig;
pub mod http;
pub mod identity;
pub mod proxy;
pub mod saml;
pub mod session;
pub mod store;
pub mod tasks;
pub mod telemetry;
pub mod trust;
pub mod xml;
