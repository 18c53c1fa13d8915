//! TOML and environment → every module's own settings.
//!
//! In: a file, environment variables. Out: a [`Config`] in which every value has been checked, or
//! [`Problems`]: all mistakes at once, each with its key, its line and what to do about it. No
//! value is ever ignored in silence: a key that this version does not know, or does not offer yet,
//! is a mistake.

mod problem;
mod settings;

use std::path::PathBuf;

pub use problem::{Problem, Problems, Source};
pub use settings::{
    AdminSettings, Config, LogFormat, ScimSettings, ServerSettings, SessionStoreKind,
    TelemetrySettings,
};

/// What a configuration is read from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// `--config`; `None` tries `SAMLGATE_CONFIG` and then the default places.
    pub file: Option<PathBuf>,
    /// The process environment, or a part of it in tests.
    pub environment: Vec<(String, String)>,
}

/// A configuration that can be used.
#[derive(Debug)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// What is allowed and yet looks like a mistake.
    pub warnings: Vec<Problem>,
    /// The file that was read.
    pub file: PathBuf,
}

/// Reads, overlays and checks; all mistakes at once.
pub fn load(sources: &Sources) -> Result<Loaded, Problems> {
    let _ = sources;
    Err(Problems(Vec::new()))
}
