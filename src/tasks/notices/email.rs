//! By mail.

use std::time::UNIX_EPOCH;

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message as Mail};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};

use super::{Message, TIMEOUT, words};
use crate::base::Timestamp;
use crate::notice::settings::{EmailSettings, MailSecurity};

/// One mail to all receivers. What the server took, it has taken.
pub(super) async fn send(settings: &EmailSettings, message: &Message<'_>) -> Result<(), String> {
    let mail = write(settings, message)?;
    let domain = message.gateway.host().to_owned();
    let mut transport =
        AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(settings.host.as_str())
            .port(settings.port)
            .hello_name(ClientId::Domain(domain))
            .timeout(Some(TIMEOUT))
            .tls(tls(settings)?);
    if let (Some(user), Some(password)) = (&settings.user, &settings.password) {
        let password = password.reveal().clone();
        transport = transport.credentials(Credentials::new(user.clone(), password));
    }
    let transport = transport.build();
    transport.send(mail).await.map_err(|error| reason(&error))?;
    Ok(())
}

/// The cause is what helps, and it stands at the end.
fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let more = cause.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = cause.source();
    }
    text
}

fn write(settings: &EmailSettings, message: &Message<'_>) -> Result<Mail, String> {
    let mailbox = |text: &str| {
        let parsed = text.parse::<Mailbox>();
        parsed.map_err(|error| format!("{text} is not an address: {error}"))
    };
    let id = format!("<{}@{}>", words::id(message), message.gateway.host());
    let mut mail = Mail::builder()
        .from(mailbox(&settings.from)?)
        .subject(words::subject(message))
        .message_id(Some(id))
        .date(UNIX_EPOCH + message.now.since(Timestamp::EPOCH))
        .header(ContentType::TEXT_PLAIN);
    for to in &settings.to {
        mail = mail.to(mailbox(to)?);
    }
    mail.body(words::body(message)).map_err(|error| error.to_string())
}

fn tls(settings: &EmailSettings) -> Result<Tls, String> {
    if settings.security == MailSecurity::None {
        return Ok(Tls::None);
    }
    let mut parameters = TlsParameters::builder(settings.host.clone());
    if let Some(ca) = &settings.ca {
        let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", ca.display());
        let pem = std::fs::read(ca).map_err(|error| wrong(&error))?;
        let ca = Certificate::from_pem(&pem).map_err(|error| wrong(&error))?;
        let only = parameters.certificate_store(CertificateStore::None);
        parameters = only.add_root_certificate(ca);
    }
    let parameters = parameters.build().map_err(|error| error.to_string())?;
    Ok(match settings.security {
        MailSecurity::Tls => Tls::Wrapper(parameters),
        MailSecurity::StartTls | MailSecurity::None => Tls::Required(parameters),
    })
}
