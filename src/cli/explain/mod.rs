//! `samlgate explain`: one message, every check, and what would come of it.
//!
//! In: a message as somebody has it at hand, and what it is to be checked against. Out: each rule
//! in the order in which it is checked, by the code of the ACS itself; then the person who would
//! be let in, or who has to change what. Nothing is written: no session, no use of the assertion,
//! no user, no file. Nothing secret is printed.

mod advice;
mod explanation;
mod input;
mod known;
mod logout;
mod person;
mod rules;
mod show;
mod walk;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::output;
use crate::base::clock::SystemClock;
use crate::base::{Clock as _, Timestamp};

/// Nobody can say yes or no: wrong usage, or something to check against is missing.
const NO_ANSWER: u8 = 2;

/// Arguments of `explain`.
#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// The message; standard input without it, or as `-`.
    ///
    /// XML, base64 (percent-encoded too), the body of the form that a browser posts
    /// (`SAMLResponse=…`), an address with a message in its query, or a SOAP envelope.
    #[arg(value_name = "FILE|-", default_value = "-", hide_default_value = true)]
    file: PathBuf,
    /// The configuration file: who we are, whom we trust, what attributes mean.
    ///
    /// Without it and without --idp-metadata: the file that `serve` would use.
    #[arg(long, value_name = "FILE", conflicts_with = "idp_metadata")]
    config: Option<PathBuf>,
    /// Instead of a configuration: the metadata of the identity provider, once for each.
    #[arg(long, value_name = "FILE", requires_all = ["sp_entity_id", "acs_url"])]
    idp_metadata: Vec<PathBuf>,
    /// Our entityID, the audience of the assertion.
    #[arg(long, value_name = "E", requires = "idp_metadata")]
    sp_entity_id: Option<String>,
    /// The address of our assertion consumer service.
    #[arg(long, value_name = "U", value_parser = known::acs_url, requires = "idp_metadata")]
    acs_url: Option<String>,
    /// A private key that the assertion may be encrypted to; several times for several keys.
    #[arg(long, value_name = "PEM")]
    decrypt_key: Vec<PathBuf>,
    /// The ID of our request that it has to answer. Without it and --unsolicited the message is
    /// believed about that.
    #[arg(long, value_name = "ID", conflicts_with = "unsolicited")]
    in_response_to: Option<String>,
    /// It has to answer nothing: it was begun at the identity provider's portal.
    #[arg(long)]
    unsolicited: bool,
    /// The time to check it at, as 2026-11-21T12:00:00Z; now without it.
    #[arg(long, value_name = "RFC3339", value_parser = moment)]
    at: Option<Timestamp>,
    /// How it came; told by the input without it.
    #[arg(long, value_enum)]
    binding: Option<BindingName>,
    /// Change a setting of the identity provider for this once: any key of `[[idp]]`.
    #[arg(long, value_name = "KEY=VALUE", value_parser = change)]
    set: Vec<(String, String)>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// How a message travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BindingName {
    /// Through a browser, as a form.
    Post,
    /// Through a browser, in an address.
    Redirect,
    /// From server to server, in an envelope: a logout message.
    Soap,
}

fn moment(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_moment(text)
        .ok_or_else(|| "write a time such as 2026-11-21T12:00:00Z".to_owned())
}

fn change(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE")?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}

/// Explains it: 0 it would be accepted, 1 it would be refused, 2 nobody can say.
pub async fn run(args: ExplainArgs) -> ExitCode {
    // Whole seconds, so that a time that is printed can be given back.
    let clock = || Timestamp::from_unix_seconds(SystemClock.now().unix_seconds());
    let now = args.at.unwrap_or_else(clock);
    let message = match input::read(&args.file, args.binding) {
        Ok(message) => message,
        Err(error) => {
            output::error(&error);
            return ExitCode::from(NO_ANSWER);
        }
    };
    let Some(known) = known::find(&args, now).await else {
        return ExitCode::from(NO_ANSWER);
    };
    let asked = match (args.in_response_to, args.unsolicited) {
        (Some(id), _) => walk::Asked::For(id),
        (None, true) => walk::Asked::ForNothing,
        (None, false) => walk::Asked::AsItSays,
    };
    let explanation = walk::explain(message, asked, &known, now).await;
    known.close().await;
    let printed = match args.json {
        true => output::json(&show::as_json(&explanation)),
        false => output::data(&show::as_text(&explanation, show::Style::of_process())),
    };
    match explanation.refused {
        Some(_) if printed == ExitCode::SUCCESS => ExitCode::FAILURE,
        _ => printed,
    }
}
