//! What ends, and what administrators are told.

use serde_json::{Value, json};

use super::failure::Failure;
use super::{Answer, Asked};
use crate::base::Timestamp;
use crate::notice::Notice;
use crate::watch::Thresholds;

/// The list of `samlgate certs`.
pub(super) async fn certificates(asked: Asked) -> Result<Answer, Failure> {
    let watched = asked.gateway.app.watched(asked.now).await?;
    let thresholds = Thresholds::default();
    let all = watched.expiries.iter().map(|expiry| expiry.to_json(thresholds, asked.now));
    let all: Vec<Value> = all.collect();
    Ok(Answer::ok(
        json!({ "certificates": all, "unknown": watched.absent }),
    ))
}

/// What stands, the most urgent first, and how the channels are.
pub(super) async fn notices(asked: Asked) -> Result<Answer, Failure> {
    let ports = &asked.gateway.app.ports;
    let mut notices = ports.notices.notices().await?;
    notices.sort_by_key(Notice::urgent_at);
    let notices = notices.iter().map(|notice| {
        json!({
            "key": notice.key, "text": notice.text, "advice": notice.advice,
            "detail": notice.detail, "raised": notice.at.to_saml(),
        })
    });
    let channels = ports.outbox.channels().await?;
    let channels = channels.iter().map(|channel| {
        json!({
            "name": channel.name, "waiting": channel.waiting, "attempts": channel.attempts,
            "error": channel.error, "sent": channel.sent_at.map(Timestamp::to_saml),
            "again": channel.next_at.map(Timestamp::to_saml),
        })
    });
    let (notices, channels) = (notices.collect::<Vec<_>>(), channels.collect::<Vec<_>>());
    Ok(Answer::ok(
        json!({ "notices": notices, "channels": channels }),
    ))
}
