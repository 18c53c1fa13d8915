//! `samlgate idp remove`: forgets an imported identity provider.

use std::process::ExitCode;

use super::{NamedArgs, output};
use crate::config::Loaded;

/// Removes it; one that is in the configuration can only be removed there.
pub async fn run(args: NamedArgs, loaded: Loaded) -> ExitCode {
    let (_, _) = (args, loaded);
    output::error("idp remove is not available in this version");
    ExitCode::FAILURE
}
