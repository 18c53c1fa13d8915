//! `[notices]` and `[[notice_webhook]]`.

use std::path::PathBuf;
use std::sync::Arc;

use url::Url;

use crate::base::url::is_loopback;
use crate::base::{IdpName, Secret};
use crate::config::reader::{Complaint, Reader, Scope, not_empty};
use crate::notice::settings::{
    EmailSettings, MailSecurity, NoticeSettings, WebhookFormat, WebhookSettings,
};

/// A year before is early enough for everybody.
const MOST_DAYS: u32 = 366;
/// What somebody could guess is no secret.
const LEAST_SECRET: usize = 16;

/// When administrators are told, and by what.
pub(in crate::config) fn notices(
    reader: &mut Reader,
    scope: &Scope<'_>,
    webhooks: &[Scope<'_>],
) -> Option<NoticeSettings> {
    let days = reader.integers(scope, "days", 1..=MOST_DAYS);
    let inner = reader.inner(scope, "email");
    let email = inner.map(|inner| email(reader, &inner).map(Arc::new));
    let mut hooks: Vec<Arc<WebhookSettings>> = Vec::new();
    for scope in webhooks {
        let Some(hook) = webhook(reader, scope) else {
            continue;
        };
        if hooks.iter().any(|known| known.name == hook.name) {
            let complaint = Complaint::new("is the name of another one", "give each its own name");
            reader.wrong_at(scope, "name", complaint);
        }
        hooks.push(Arc::new(hook));
    }
    let mut days = days?;
    days.sort_unstable_by(|a, b| b.cmp(a));
    days.dedup();
    let email = match email {
        Some(email) => Some(email?),
        None => None,
    };
    Some(NoticeSettings { days: days.into(), email, webhooks: hooks })
}

fn email(reader: &mut Reader, scope: &Scope<'_>) -> Option<EmailSettings> {
    let server = reader.parsed(scope, "server", |text| {
        let parts = text.rsplit_once(':');
        let parts = parts.and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
        match parts {
            Some((host, port)) if !host.is_empty() && port > 0 => {
                Ok((host.trim_matches(['[', ']']).to_owned(), port))
            }
            _ => Err(Complaint::new(
                format!("\"{text}\" is not a server"),
                "write host:port, for example mail.example.com:587",
            )),
        }
    });
    let choices = [
        ("starttls", MailSecurity::StartTls),
        ("tls", MailSecurity::Tls),
        ("none", MailSecurity::None),
    ];
    let security = reader.choice(scope, "security", &choices);
    let ca = reader.parsed(scope, "ca", |text| Ok(PathBuf::from(not_empty(text)?)));
    let user = reader.text(scope, "user");
    let password = reader.text(scope, "password").map(Secret::new);
    let from = reader.parsed(scope, "from", address);
    let to = reader.parsed_list(scope, "to", address);
    if to.is_empty() && !reader.has_problem(scope) {
        let complaint = Complaint::new("names nobody", "write to = [\"ops@example.com\"]");
        reader.wrong_at(scope, "to", complaint);
    }
    let (host, port) = server?;
    let security = security?;
    if user.is_some() != password.is_some() {
        let complaint = Complaint::new("and password belong together", "set both, or none");
        reader.wrong_at(scope, "user", complaint);
    }
    if security == MailSecurity::None && password.is_some() && !is_loopback(&host) {
        let complaint = Complaint::new(
            "is \"none\": the password would go over the network in the clear",
            "write starttls or tls",
        );
        reader.wrong_at(scope, "security", complaint);
    }
    Some(EmailSettings { host, port, security, ca, user, password, from: from?, to })
}

fn address(text: &str) -> Result<String, Complaint> {
    match text.parse::<lettre::message::Mailbox>() {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(Complaint::new(
            format!("\"{text}\" is not a mail address"),
            "write ops@example.com, or Operations <ops@example.com>",
        )),
    }
}

fn webhook(reader: &mut Reader, scope: &Scope<'_>) -> Option<WebhookSettings> {
    let name = reader.parsed(scope, "name", |text| {
        let name = IdpName::parse(text).map(|name| name.to_string());
        name.ok_or_else(|| {
            let hint = "use up to 64 of a-z 0-9 - _ . and begin with a letter or digit";
            Complaint::new(format!("\"{text}\" is not a name"), hint)
        })
    });
    let url = from_file(reader, scope, "url", "url_file");
    let secret = from_file(reader, scope, "secret", "secret_file");
    let formats = [
        ("json", WebhookFormat::Json),
        ("slack", WebhookFormat::Slack),
    ];
    let format = reader.choice(scope, "format", &formats);
    let Some(url) = url else {
        if !reader.has_problem(scope) {
            let complaint = Complaint::new("is missing", "add url = \"https://…\", or url_file");
            reader.wrong_at(scope, "url", complaint);
        }
        return None;
    };
    let parsed = Url::parse(&url).ok();
    let is_fine = parsed.is_some_and(|url| {
        let host = url.host_str().unwrap_or_default();
        url.scheme() == "https" || url.scheme() == "http" && is_loopback(host)
    });
    if !is_fine {
        let complaint = Complaint::new("is not an https address", "http is for loopback alone");
        reader.wrong_at(scope, "url", complaint);
    }
    if secret.as_ref().is_some_and(|secret| secret.len() < LEAST_SECRET) {
        let complaint = Complaint::new(
            format!("is shorter than {LEAST_SECRET} characters"),
            "draw one: openssl rand -hex 32",
        );
        reader.wrong_at(scope, "secret", complaint);
    }
    Some(WebhookSettings {
        name: name?,
        url: Secret::new(url),
        secret: secret.map(Secret::new),
        format: format?,
    })
}

/// A value that is written here, or in a file.
fn from_file(reader: &mut Reader, scope: &Scope<'_>, key: &str, file: &str) -> Option<String> {
    let written = reader.text(scope, key);
    let path = reader.text(scope, file);
    let Some(path) = path else {
        return written;
    };
    if written.is_some() {
        let complaint = Complaint::new(format!("and {key} are both set"), "set one of them");
        reader.wrong_at(scope, file, complaint);
    }
    match std::fs::read_to_string(&path) {
        Ok(content) => Some(content.trim_end_matches(['\r', '\n']).to_owned()),
        Err(error) => {
            let complaint = Complaint::new(
                format!("{path} can not be read: {error}"),
                "name a file that the gateway may read",
            );
            reader.wrong_at(scope, file, complaint);
            None
        }
    }
}
