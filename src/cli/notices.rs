//! `samlgate notices`: what administrators are told, and whether it reaches them.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

use super::output::{self, Table};
use super::stores::{Stop, count, moment, with_stores};
use super::{ConfigFile, configured};
use crate::base::Clock as _;
use crate::base::clock::SystemClock;
use crate::config::Loaded;
use crate::notice::Notice;
use crate::notice::outbox::{Entry, Parcel};
use crate::tasks::notices::{Channel, Message};

/// What may be done.
#[derive(Debug, Subcommand)]
pub(super) enum NoticesCommand {
    /// List what stands, the most urgent first, and how the channels are.
    List(ListArgs),
    /// Send one notice by every channel, now, to see whether it arrives.
    ///
    /// It is marked as a test, and is kept nowhere. Exits with 1 when a channel did not take it.
    Test(TestArgs),
}

/// Arguments of `notices list`.
#[derive(Args, Debug)]
pub(super) struct ListArgs {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Which configuration file.
    #[command(flatten)]
    file: ConfigFile,
}

/// Arguments of `notices test`.
#[derive(Args, Debug)]
pub(super) struct TestArgs {
    /// Only by this channel: log, email, webhook:NAME.
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,
    /// Which configuration file.
    #[command(flatten)]
    file: ConfigFile,
}

/// Does it.
pub(super) fn run(command: NoticesCommand) -> ExitCode {
    match command {
        NoticesCommand::List(args) => {
            configured(&args.file.clone(), async |loaded| list(args, loaded).await)
        }
        NoticesCommand::Test(args) => {
            configured(&args.file.clone(), async |loaded| test(args, loaded).await)
        }
    }
}

async fn list(args: ListArgs, loaded: Loaded) -> ExitCode {
    with_stores(&loaded.config, async |stores| {
        let mut notices = stores.notices.notices().await?;
        notices.sort_by_key(Notice::urgent_at);
        let known: Vec<String> =
            Channel::all(&loaded.config.notices).iter().map(Channel::name).collect();
        let mut channels = stores.database.channels().await?;
        channels.retain(|channel| known.contains(&channel.name));
        if args.json {
            let notices = notices.iter().map(|notice| {
                json!({
                    "key": notice.key, "text": notice.text, "advice": notice.advice,
                    "detail": notice.detail, "raised_at": notice.at.to_saml(),
                })
            });
            let states = channels.iter().map(|channel| {
                json!({
                    "name": channel.name, "waiting": channel.waiting,
                    "attempts": channel.attempts, "error": channel.error,
                    "sent_at": channel.sent_at.map(crate::base::Timestamp::to_saml),
                    "again_at": channel.next_at.map(crate::base::Timestamp::to_saml),
                })
            });
            return Ok(output::json(&json!({
                "notices": notices.collect::<Vec<_>>(),
                "channels": states.collect::<Vec<_>>(),
            })));
        }
        if notices.is_empty() {
            output::note("there is nothing to tell");
        }
        let mut text = String::new();
        for notice in &notices {
            let (at, said, advice) = (notice.at.to_saml(), &notice.text, &notice.advice);
            text.push_str(&output::clean(&format!("{at}  {said}\n    {advice}\n")));
        }
        let mut table = Table::new(&["CHANNEL", "WAITING", "LAST SENT", "TRIED AGAIN", "ERROR"]);
        for channel in &channels {
            table.row([
                channel.name.as_str(),
                &channel.waiting.to_string(),
                &moment(channel.sent_at),
                &moment(channel.next_at),
                channel.error.as_deref().unwrap_or_default(),
            ]);
        }
        if !channels.is_empty() {
            text.push_str(&format!("\n{table}"));
        }
        Ok(output::data(&text))
    })
    .await
}

async fn test(args: TestArgs, loaded: Loaded) -> ExitCode {
    let now = SystemClock.now();
    let channels = Channel::all(&loaded.config.notices).into_iter();
    // Nobody reads a log by a command that has none.
    let channels = channels.filter(|channel| !matches!(channel, Channel::Log));
    let wanted =
        |channel: &Channel| args.channel.as_ref().is_none_or(|wanted| channel.name() == *wanted);
    let channels: Vec<Channel> = channels.filter(wanted).collect();
    if channels.is_empty() {
        let stop = Stop::new("no such channel is configured");
        return stop.hint("[notices] email and [[notice_webhook]] are channels").say();
    }
    let notice = Notice {
        key: "test".to_owned(),
        text: "this is a test: samlgate notices test was called".to_owned(),
        advice: "nothing is to be done".to_owned(),
        detail: json!({ "test": true }),
        at: now,
    };
    let entries = vec![Entry { notice, stands: true }];
    let parcel = Parcel { id: 0, attempts: 0, settled: Vec::new(), entries };
    let gateway = &loaded.config.sp.public_url;
    let mut failed = 0_usize;
    for channel in &channels {
        let name = channel.name();
        match channel.send(&Message { gateway, parcel: &parcel, now }).await {
            Ok(told) => {
                let put_off = told.put_off.iter().map(String::as_str);
                let without: Vec<&str> = told.refused().chain(put_off).collect();
                if without.is_empty() {
                    output::note(&format!("{name} took it"));
                } else {
                    failed = failed.saturating_add(1);
                    let without = without.join("; ");
                    output::error(&format!("{name} took it, but not for {without}"));
                }
            }
            Err(error) => {
                failed = failed.saturating_add(1);
                output::error(&format!("{name}: {error}"));
            }
        }
    }
    match failed {
        0 => ExitCode::SUCCESS,
        failed => Stop::new(format!(
            "{} did not take it for everybody",
            count(failed, "channel")
        ))
        .say(),
    }
}
