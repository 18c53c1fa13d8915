//! By mail.

use std::time::{Duration, UNIX_EPOCH};

use lettre::Address;
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message as Mail};
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, CertificateStore, Tls, TlsParameters,
};
use lettre::transport::smtp::commands::{Data, Mail as From, Rcpt};
use lettre::transport::smtp::extension::{ClientId, MailBodyParameter, MailParameter};

use super::{Message, TIMEOUT, Told, words};
use crate::base::Timestamp;
use crate::notice::outbox::Settled;
use crate::notice::settings::{EmailSettings, MailSecurity};

/// One mail to all receivers who are not settled. What the server took, it has taken: out comes how it
/// went with each. It is an error when nobody has it, and nobody was put off.
pub(super) async fn send(settings: &EmailSettings, message: &Message<'_>) -> Result<Told, String> {
    let mail = write(settings, message)?;
    let settled = &message.parcel.settled;
    let is_open = |to: &&Address| settled.iter().all(|settled| settled.receiver != to.to_string());
    let open: Vec<&Address> = mail.envelope().to().iter().filter(is_open).collect();
    let mut told = Told { settled: settled.clone(), put_off: Vec::new() };
    if open.is_empty() {
        // Who was put off is not a receiver any more.
        return Ok(told);
    }
    let mut connection = connect(settings, message).await?;
    let from = mail.envelope().from();
    let sent = deliver(&mut connection, from, &open, &mail.formatted()).await;
    // The server has it or not: how we part changes nothing.
    let _ = tokio::time::timeout(PARTING, connection.abort()).await;
    for (to, answer) in open.iter().zip(sent?) {
        let receiver = to.to_string();
        match answer {
            Answer::Taken => told.settled.push(Settled { receiver, refused: None }),
            Answer::Refused(why) => {
                let refused = Some(format!("{receiver}: {why}"));
                told.settled.push(Settled { receiver, refused });
            }
            Answer::PutOff(why) => told.put_off.push(format!("{receiver}: {why}")),
        }
    }
    if told.put_off.is_empty() && told.settled.iter().all(|settled| settled.refused.is_some()) {
        return Err(told.refused().collect::<Vec<&str>>().join("; "));
    }
    Ok(told)
}

/// What the server says of one receiver.
enum Answer {
    /// They have it.
    Taken,
    /// Never (5xx).
    Refused(String),
    /// Not now (4xx): a full mailbox, or a server that does not know us yet.
    PutOff(String),
}

const PARTING: Duration = Duration::from_secs(1);

async fn connect(
    settings: &EmailSettings,
    message: &Message<'_>,
) -> Result<AsyncSmtpConnection, String> {
    let own = ClientId::Domain(message.gateway.host().to_owned());
    let server = (settings.host.as_str(), settings.port);
    let (at_once, later) = match tls(settings)? {
        Tls::Wrapper(parameters) => (Some(parameters), None),
        Tls::Required(parameters) => (None, Some(parameters)),
        _ => (None, None),
    };
    let wait = Some(TIMEOUT);
    let connected = AsyncSmtpConnection::connect_tokio1(server, wait, &own, at_once, None).await;
    let mut connection = connected.map_err(|error| reason(&error))?;
    if let Some(parameters) = later {
        connection.starttls(parameters, &own).await.map_err(|error| reason(&error))?;
    }
    if let (Some(user), Some(password)) = (&settings.user, &settings.password) {
        let credentials = Credentials::new(user.clone(), password.reveal().clone());
        let shown = connection.auth(DEFAULT_MECHANISMS, &credentials).await;
        shown.map_err(|error| reason(&error))?;
    }
    Ok(connection)
}

/// One mailbox that is gone keeps the mail from nobody else. Out comes an answer for each receiver.
async fn deliver(
    connection: &mut AsyncSmtpConnection,
    from: Option<&Address>,
    receivers: &[&Address],
    mail: &[u8],
) -> Result<Vec<Answer>, String> {
    let mut parameters = Vec::new();
    let mut addresses = receivers.iter().copied().chain(from);
    if addresses.any(|address| !address.to_string().is_ascii()) {
        parameters.push(MailParameter::SmtpUtfEight);
    }
    if !mail.is_ascii() {
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    let from = From::new(from.cloned(), parameters);
    connection.command(from).await.map_err(|error| reason(&error))?;
    let mut answers = Vec::new();
    for to in receivers {
        match connection.command(Rcpt::new((*to).clone(), Vec::new())).await {
            Ok(_) => answers.push(Answer::Taken),
            Err(error) if error.is_permanent() => answers.push(Answer::Refused(reason(&error))),
            Err(error) if error.is_transient() => answers.push(Answer::PutOff(reason(&error))),
            Err(error) => return Err(reason(&error)),
        }
    }
    if answers.iter().any(|answer| matches!(answer, Answer::Taken)) {
        connection.command(Data).await.map_err(|error| reason(&error))?;
        connection.message(mail).await.map_err(|error| reason(&error))?;
    }
    Ok(answers)
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
