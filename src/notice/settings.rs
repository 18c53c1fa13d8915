//! `[notices]` and `[[notice_webhook]]`: when administrators are told, and by what.

use std::path::PathBuf;
use std::sync::Arc;

use crate::base::Secret;

/// When and where.
#[derive(Clone, Debug)]
pub struct NoticeSettings {
    /// How many days before an end it is told; each once. Falling, without 0.
    pub days: Arc<[u32]>,
    /// By e-mail.
    pub email: Option<Arc<EmailSettings>>,
    /// By requests to others.
    pub webhooks: Vec<Arc<WebhookSettings>>,
}

impl Default for NoticeSettings {
    fn default() -> Self {
        Self { days: DAYS.into(), email: None, webhooks: Vec::new() }
    }
}

/// In time for whoever has to ask somebody else, for whoever has not, and when it is about to happen.
pub const DAYS: [u32; 5] = [60, 30, 14, 7, 1];

/// A mail server, and whom to write to.
#[derive(Clone, Debug)]
pub struct EmailSettings {
    /// Its host name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How it is talked to.
    pub security: MailSecurity,
    /// Certificate authorities for it, in PEM, and no others.
    pub ca: Option<PathBuf>,
    /// Who we are there.
    pub user: Option<String>,
    /// And how we show it.
    pub password: Option<Secret<String>>,
    /// The sender.
    pub from: String,
    /// The receivers; at least one.
    pub to: Vec<String>,
}

/// How a mail server is talked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailSecurity {
    /// STARTTLS, which it has to offer (port 587).
    StartTls,
    /// TLS from the first byte (port 465).
    Tls,
    /// In the clear.
    None,
}

/// Somebody who takes requests.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    /// What it is called in the log and in metrics.
    pub name: String,
    /// Where. May hold a secret, as those of Slack do.
    pub url: Secret<String>,
    /// What our requests are signed by.
    pub secret: Option<Secret<String>>,
    /// What they look like.
    pub format: WebhookFormat,
}

/// What a request looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookFormat {
    /// Everything, for programs.
    Json,
    /// `{"text": …}`, for Slack, Mattermost and whoever takes the same.
    Slack,
}
