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
use crate::notice::outbox::{Lease, Outbox, Parcel, Settled, pause};
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

/// How it went with each of several receivers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Those who have it, and those who were refused for good; those of before among them.
    pub settled: Vec<Settled>,
    /// Those who may get it another time, and why not now.
    pub put_off: Vec<String>,
}

impl Told {
    /// Those who were refused for good, and why.
    pub fn refused(&self) -> impl Iterator<Item = &str> {
        self.settled.iter().filter_map(|settled| settled.refused.as_deref())
    }
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

    /// Tells it, once: out comes who of several got it, who never will, and who may later. An error is
    /// what an operator reads of it when nobody got it.
    pub async fn send(&self, message: &Message<'_>) -> Result<Told, String> {
        let sent = async {
            match self {
                Self::Log => {
                    words::log(message.parcel);
                    Ok(Told::default())
                }
                Self::Email(settings) => email::send(settings, message).await,
                Self::Webhook(settings) => {
                    webhook::send(settings, message).await.map(|()| Told::default())
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
    let is_through = sent.as_ref().is_ok_and(|told| told.put_off.is_empty());
    let result = if is_through { "ok" } else { "error" };
    counter!(NOTICES_SENT, "channel" => name.clone(), "result" => result).increment(1);
    match sent {
        Ok(told) => {
            let new = told.settled.iter().filter(|settled| !parcel.settled.contains(settled));
            for detail in new.filter_map(|settled| settled.refused.as_deref()) {
                tracing::warn!(
                    channel = name,
                    detail,
                    "one receiver was refused and is not told"
                );
            }
            mark(outbox, &name, &parcel, &told, now).await?;
            if !told.put_off.is_empty() {
                tracing::warn!(
                    channel = name,
                    detail = told.put_off.join("; "),
                    "some receivers were put off: they will be tried again"
                );
            } else if !matches!(channel, Channel::Log) {
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
            // When nobody has it yet, all are asked again.
            let has = parcel.settled.iter().any(|settled| settled.refused.is_none());
            let settled = if has { parcel.settled.as_slice() } else { &[] };
            outbox.failed(&name, parcel.id, &error, settled, next, now()).await?;
        }
    }
    waiting(outbox, name).await
}

/// Something was sent.
async fn waiting(outbox: &dyn Outbox, name: String) -> Result<bool, StoreError> {
    for state in outbox.channels().await? {
        if state.name == name {
            let waiting = u32::try_from(state.waiting).unwrap_or(u32::MAX);
            gauge!(NOTICES_WAITING, "channel" => state.name).set(f64::from(waiting));
        }
    }
    Ok(true)
}

/// Who has it, has it: a database that is busy for a moment must not make it come twice.
async fn mark(
    outbox: &dyn Outbox,
    channel: &str,
    parcel: &Parcel,
    told: &Told,
    now: &(dyn Fn() -> Timestamp + Send + Sync),
) -> Result<(), StoreError> {
    let refused: Vec<&str> = told.refused().collect();
    let refused = Some(refused.join("; ")).filter(|refused| !refused.is_empty());
    let put_off = told.put_off.join("; ");
    for left in (0..MARKS).rev() {
        let marked = if told.put_off.is_empty() {
            outbox.sent(channel, parcel.id, refused.as_deref(), now()).await
        } else {
            let (settled, next) = (&told.settled, now().plus(pause(parcel.attempts)));
            outbox.failed(channel, parcel.id, &put_off, settled, next, now()).await
        };
        if marked.is_ok() || left == 0 {
            return marked;
        }
        tokio::time::sleep(MARK_PAUSE).await;
    }
    Ok(())
}

const MARKS: u32 = 10;
const MARK_PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
