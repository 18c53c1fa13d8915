//! `samlgate config show`: every value in effect, and why.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::output::Table;
use super::{ConfigFile, load, output};
use crate::config::Effective;

#[derive(Args, Debug)]
pub(super) struct ShowArgs {
    #[command(flatten)]
    file: ConfigFile,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ShowArgs) -> ExitCode {
    let loaded = match load(&args.file) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    output::warnings(&loaded.warnings);
    if args.json {
        let values = loaded.values.iter().map(Effective::to_json).collect::<Value>();
        return output::json(
            &json!({ "file": loaded.file.display().to_string(), "values": values }),
        );
    }
    let mut table = Table::new(&["KEY", "VALUE", "FROM"]);
    for value in &loaded.values {
        table.row([
            value.path.clone(),
            value.display(),
            value.source.to_string(),
        ]);
    }
    output::data(&table.to_string())
}
