//! TOML and environment → every module's own settings.
//!
//! In: a file, environment variables. Out: a [`Config`] in which every value has been checked, or
//! [`Problems`]: all mistakes at once, each with its key, its line and what to do about it. No
//! value is ever ignored in silence: a key that this version does not know, or does not offer yet,
//! is a mistake.

mod build;
mod duration;
mod environment;
mod keys;
mod load;
mod manual;
mod names;
mod nearest;
mod node;
mod problem;
mod reader;
mod schema;
mod settings;
mod show;
mod size;
mod template;

pub use build::idp::{metadata_url, set_idp};
pub use duration::parse_duration;
pub use load::{DEFAULT_FILES, Loaded, Sources, admin_listen, load, load_text};
pub use manual::manual;
pub use problem::{Problem, Problems, Source};
pub use schema::schema;
pub use settings::{
    AdminSettings, Config, ConnectionLimits, ForwardAuth, KeyConfig, RateLimits, ScimSettings,
    ServerSettings, SessionStoreKind, TelemetrySettings,
};
pub use show::{Effective, waiting_for_restart};
pub use size::parse_size;
pub use template::template;

#[cfg(test)]
mod tests;
