//! Tells administrators what was raised, by every channel there is.
//!
//! In: parcels of the [`Outbox`]. Out: mails, requests and log lines. A parcel is marked as sent when
//! the other side has taken it and not before; one that it does not take waits, and is tried again,
//! ever more rarely, as long as it takes.

mod email;
mod webhook;
mod words;

use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, gauge};
use tokio::task::JoinSet;

use crate::app::App;
use crate::base::{PublicUrl, Stop, StoreError, Timestamp};
use crate::notice::outbox::{Lease, Outbox, Parcel, pause};
use crate::notice::settings::{EmailSettings, NoticeSettings, WebhookSettings};
use crate::telemetry::{NOTICES_SENT, NOTICES_WAITING};

/// How often we look whether there is something to send.
const LOOKS: Duration = Duration::from_secs(2);
/// How often what is old is forgotten, in rounds of [`LOOKS`].
const FORGETS: u32 = 1800;
/// A notice that no channel could be told for so long is told no more.
const KEPT: Duration = Duration::from_secs(90 * 86_400);
/// How long a channel may take.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Whoever sends and is gone is waited for so long.
const LEASE: Duration = Duration::from_secs(60);
/// All that is raised within so long is told at once.
const SETTLE: Duration = Duration::from_secs(5);

/// One way to tell.
#[derive(Clone, Debug)]
pub enum Channel {
    /// The log of this process.
    Log,
    /// Mail.
    Email(Arc<EmailSettings>),
    /// A request.
    Webhook(Arc<WebhookSettings>),
}

/// Something to be told, and who tells it.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    /// Our address.
    pub gateway: &'a PublicUrl,
    /// What is told.
    pub parcel: &'a Parcel,
    /// When.
    pub now: Timestamp,
}

impl Channel {
    /// All that are configured; the log always is.
    pub fn all(settings: &NoticeSettings) -> Vec<Self> {
        let email = settings.email.iter().cloned().map(Self::Email);
        let webhooks = settings.webhooks.iter().cloned().map(Self::Webhook);
        std::iter::once(Self::Log).chain(email).chain(webhooks).collect()
    }

    /// `log`, `email`, `webhook:NAME`
    pub fn name(&self) -> String {
        match self {
            Self::Log => "log".to_owned(),
            Self::Email(_) => "email".to_owned(),
            Self::Webhook(settings) => format!("webhook:{}", settings.name),
        }
    }

    /// Tells it, once: out comes who of several did not get it, and why. An error is what an operator
    /// reads of it when nobody did.
    pub async fn send(&self, message: &Message<'_>) -> Result<Vec<String>, String> {
        let sent = async {
            match self {
                Self::Log => {
                    words::log(message.parcel);
                    Ok(Vec::new())
                }
                Self::Email(settings) => email::send(settings, message).await,
                Self::Webhook(settings) => {
                    webhook::send(settings, message).await.map(|()| Vec::new())
                }
            }
        };
        let in_time = tokio::time::timeout(TIMEOUT, sent).await;
        in_time.unwrap_or_else(|_| Err(format!("no answer within {} seconds", TIMEOUT.as_secs())))
    }
}

/// Sends until the gateway stops; what has begun then is ended first. `node` tells this process from
/// others that use the same database.
pub async fn keep(app: Arc<App>, node: String, mut stop: Stop) {
    let mut round = 0_u32;
    loop {
        let live = app.settings();
        let mut sending = JoinSet::new();
        for channel in Channel::all(&live.notices) {
            let (app, node) = (Arc::clone(&app), node.clone());
            sending.spawn(async move {
                let own = app.settings().sp.public_url.clone();
                let now = || app.now();
                let sent = send(app.ports.outbox.as_ref(), &channel, &own, &node, &now);
                if let Err(error) = sent.await {
                    tracing::debug!(detail = error.detail, "notices wait for the database");
                }
            });
        }
        while sending.join_next().await.is_some() {}
        if round.is_multiple_of(FORGETS) {
            let now = app.now();
            // It is tried again in an hour.
            let _ = app.ports.outbox.forget_raised(now.minus(KEPT), now).await;
        }
        round = round.wrapping_add(1);
        tokio::select! {
            () = tokio::time::sleep(LOOKS) => {}
            () = stop.stopped() => return,
        }
    }
}

/// Sends what waits for one channel: whether something did.
pub async fn send(
    outbox: &dyn Outbox,
    channel: &Channel,
    gateway: &PublicUrl,
    node: &str,
    now: &(dyn Fn() -> Timestamp + Send + Sync),
) -> Result<bool, StoreError> {
    let name = channel.name();
    outbox.open_channel(&name, now()).await?;
    let lease = Lease { holder: node, time: LEASE, settle: SETTLE };
    let Some(parcel) = outbox.take(&name, &lease, now()).await? else {
        return Ok(false);
    };
    let sent = channel.send(&Message { gateway, parcel: &parcel, now: now() }).await;
    let result = if sent.is_ok() { "ok" } else { "error" };
    counter!(NOTICES_SENT, "channel" => name.clone(), "result" => result).increment(1);
    match sent {
        Ok(refused) => {
            for detail in refused {
                // Those who have it would get it again with it.
                tracing::warn!(
                    channel = name,
                    detail,
                    "one receiver was refused and is not told"
                );
            }
            mark(outbox, &name, parcel.id, now).await?;
            if !matches!(channel, Channel::Log) {
                let notices = parcel.entries.len();
                tracing::info!(channel = name, notices, "administrators were told");
            }
        }
        Err(error) => {
            let next = now().plus(pause(parcel.attempts));
            tracing::warn!(
                channel = name,
                detail = error,
                again_at = next.to_saml(),
                "administrators could not be told: it will be tried again"
            );
            outbox.failed(&name, parcel.id, &error, next, now()).await?;
        }
    }
    for state in outbox.channels().await? {
        if state.name == name {
            let waiting = u32::try_from(state.waiting).unwrap_or(u32::MAX);
            gauge!(NOTICES_WAITING, "channel" => state.name).set(f64::from(waiting));
        }
    }
    Ok(true)
}

/// The other side has it: a database that is busy for a moment must not make it come twice.
async fn mark(
    outbox: &dyn Outbox,
    channel: &str,
    parcel: i64,
    now: &(dyn Fn() -> Timestamp + Send + Sync),
) -> Result<(), StoreError> {
    for _ in 1..MARKS {
        if outbox.sent(channel, parcel, now()).await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(MARK_PAUSE).await;
    }
    outbox.sent(channel, parcel, now()).await
}

const MARKS: u32 = 10;
const MARK_PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
