//! `samlgate idp refresh`: fetches metadata again.

use std::process::ExitCode;

use super::{NamedArgs, output};
use crate::config::Loaded;

/// Fetches, checks and stores it; on failure the old metadata stays.
pub async fn run(args: NamedArgs, loaded: Loaded) -> ExitCode {
    let (_, _) = (args, loaded);
    output::error("idp refresh is not available in this version");
    ExitCode::FAILURE
}
