//! Parcels that are sent to nobody.

use std::sync::Arc;

use serde_json::json;

use super::webhook::signature;
use super::*;
use crate::base::Secret;
use crate::notice::outbox::Entry;
use crate::notice::settings::WebhookFormat;
use crate::notice::{Notice, Notices as _};
use crate::store::SqliteStore;

fn at(second: i64) -> Timestamp {
    Timestamp::from_unix_seconds(1_800_000_000 + second)
}

fn own() -> PublicUrl {
    PublicUrl::parse("https://app.example.com").unwrap()
}

fn notice(key: &str, second: i64) -> Notice {
    Notice {
        key: key.to_owned(),
        text: "the signing certificate of corp ends within 7 days".to_owned(),
        advice: "ask its administrator".to_owned(),
        detail: json!({}),
        at: at(second),
    }
}

fn message(parcel: &Parcel) -> (String, String, String) {
    let own = own();
    let message = Message { gateway: &own, parcel, now: at(0) };
    (
        words::subject(&message),
        words::body(&message),
        words::id(&message),
    )
}

#[test]
fn a_mail_says_what_stands_and_what_is_over() {
    let entry = |key, second, stands| Entry { notice: notice(key, second), stands };
    let entries = vec![
        entry("a", 7, true),
        entry("b", 5, true),
        entry("c", 9, false),
    ];
    let parcel = Parcel { id: 12, attempts: 0, settled: Vec::new(), entries };
    let (subject, body, id) = message(&parcel);
    assert_eq!(
        subject,
        "[app.example.com] the signing certificate of corp ends within 7 days (and 2 more)"
    );
    assert_eq!(id, "12-1800000005000000");
    insta::assert_snapshot!(body, @"
    samlgate at https://app.example.com

    1. The signing certificate of corp ends within 7 days.
       Ask its administrator.

    2. The signing certificate of corp ends within 7 days.
       Ask its administrator.

    Over by now, nothing is to be done:
    - The signing certificate of corp ends within 7 days.

    `samlgate notices list` shows what stands, `samlgate certs` what ends when.
    ");
}

#[test]
fn a_request_is_signed_over_its_time_and_its_body() {
    let signed = signature(b"key", "{}", at(0)).unwrap();
    // printf '1800000000.{}' | openssl dgst -sha256 -hmac key
    assert_eq!(
        signed,
        "t=1800000000,v1=7321475872b03ff21bdc2dfd86ea2d99ec29c479fbe4a77aa6acf4509505493f"
    );
}

#[tokio::test]
async fn what_nobody_takes_waits_ever_longer_and_is_not_lost() {
    let store = SqliteStore::open(":memory:").await.unwrap();
    let url = Secret::new("http://127.0.0.1:1/nobody".to_owned());
    let format = WebhookFormat::Json;
    let settings = WebhookSettings { name: "ops".to_owned(), url, secret: None, format };
    let channel = Channel::Webhook(Arc::new(settings));
    let sent =
        async |second: i64| send(&store, &channel, &own(), "one", &|| at(second)).await.unwrap();
    assert!(!sent(0).await);
    assert!(store.raise(&notice("a/7", 1), None, at(1)).await.unwrap());
    assert!(sent(10).await);
    assert!(!sent(14).await, "not yet");
    assert!(sent(15).await);
    assert!(!sent(24).await);
    assert!(sent(25).await);
    let channels = store.channels().await.unwrap();
    assert_eq!(
        (channels[0].name.as_str(), channels[0].attempts),
        ("webhook:ops", 3)
    );
    assert_eq!(channels[0].waiting, 1);
    assert!(channels[0].error.is_some());
}

#[tokio::test]
async fn who_was_put_off_gets_it_later_and_alone() {
    let store = SqliteStore::open(":memory:").await.unwrap();
    store.open_channel("email", at(0)).await.unwrap();
    assert!(store.raise(&notice("a/7", 1), None, at(1)).await.unwrap());
    let lease = Lease { holder: "one", time: LEASE, settle: SETTLE };
    let take = async |second: i64| store.take("email", &lease, at(second)).await.unwrap();
    assert_eq!(take(10).await.unwrap().settled, []);
    let refused = Some("b@example.com: 550".to_owned());
    let settled = [
        Settled { receiver: "a@example.com".to_owned(), refused: None },
        Settled { receiver: "b@example.com".to_owned(), refused },
    ];
    let put_off = "c@example.com: 451";
    store.failed("email", 1, put_off, &settled, at(20), at(11)).await.unwrap();
    assert_eq!(take(20).await.unwrap().settled, settled);
    let refused = Some("b@example.com: 550");
    store.sent("email", 1, refused, at(21)).await.unwrap();
    let state = &store.channels().await.unwrap()[0];
    assert_eq!((state.error.as_deref(), state.waiting), (refused, 0));
    // Of the next one all are told.
    assert!(store.raise(&notice("b/7", 30), None, at(30)).await.unwrap());
    assert_eq!(take(40).await.unwrap().settled, []);
    store.sent("email", 2, None, at(41)).await.unwrap();
    assert_eq!(store.channels().await.unwrap()[0].error, None);
}

#[tokio::test]
async fn what_the_log_took_it_does_not_get_again() {
    let store = SqliteStore::open(":memory:").await.unwrap();
    let sent = async |second: i64| {
        send(&store, &Channel::Log, &own(), "one", &|| at(second)).await.unwrap()
    };
    assert!(!sent(0).await);
    assert!(store.raise(&notice("a/7", 1), None, at(1)).await.unwrap());
    assert!(sent(10).await);
    assert!(!sent(20).await && !sent(4000).await);
}

/// A mail server that knows no `gone@example.com`, and where `full@example.com` has no room: what it was
/// asked, line by line, without the mail.
async fn mail_server(listener: tokio::net::TcpListener) -> Vec<String> {
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

    let (stream, _) = listener.accept().await.unwrap();
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let mut asked = Vec::new();
    let mut in_mail = false;
    write.write_all(b"220 here\r\n").await.unwrap();
    while let Some(line) = lines.next_line().await.unwrap() {
        let answer = match line.as_str() {
            "." => "250 taken\r\n",
            _ if in_mail => continue,
            "DATA" => "354 go on\r\n",
            "QUIT" => "221 bye\r\n",
            line if line.contains("gone@") => "550 nobody\r\n",
            line if line.contains("full@") => "452 no room\r\n",
            _ => "250 yes\r\n",
        };
        in_mail = line == "DATA";
        let is_over = line == "QUIT";
        asked.push(line);
        write.write_all(answer.as_bytes()).await.unwrap();
        if is_over {
            break;
        }
    }
    asked
}

#[tokio::test]
async fn a_mailbox_that_is_gone_keeps_the_mail_from_nobody_else() {
    let sent = async |to: &[&str], settled: &[Settled]| {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let settings = EmailSettings {
            host: "127.0.0.1".to_owned(),
            port: listener.local_addr().unwrap().port(),
            security: crate::notice::settings::MailSecurity::None,
            ca: None,
            user: None,
            password: None,
            from: "samlgate@example.com".to_owned(),
            to: to.iter().map(|to| (*to).to_owned()).collect(),
        };
        let entries = vec![Entry { notice: notice("a", 1), stands: true }];
        let settled = settled.to_vec();
        let parcel = Parcel { id: 1, attempts: 0, settled, entries };
        let (own, channel) = (own(), Channel::Email(Arc::new(settings)));
        let message = Message { gateway: &own, parcel: &parcel, now: at(2) };
        let (sent, asked) = tokio::join!(channel.send(&message), mail_server(listener));
        (sent, asked.join("\n"))
    };
    let all = ["gone@example.com", "full@example.com", "c@example.com"];
    let (told, asked) = sent(&all, &[]).await;
    let told = told.unwrap();
    let refused: Vec<&str> = told.refused().collect();
    assert!(
        refused.len() == 1 && refused[0].starts_with("gone@example.com: "),
        "{told:?}"
    );
    assert!(
        told.put_off.len() == 1 && told.put_off[0].starts_with("full@example.com: "),
        "{told:?}"
    );
    assert!(
        asked.contains("RCPT TO:<c@example.com>\nDATA\n."),
        "{asked}"
    );
    // Once more, for whom there was no room alone.
    let (again, asked) = sent(&all, &told.settled).await;
    assert_eq!(again.unwrap(), told);
    assert!(
        asked.contains("full@") && !asked.contains("c@") && !asked.contains("DATA"),
        "{asked}"
    );
    let (nobody, asked) = sent(&["gone@example.com"], &[]).await;
    assert!(
        nobody.unwrap_err().contains("550") && !asked.contains("DATA"),
        "{asked}"
    );
}

/// A database that is busy for a moment.
#[derive(Default)]
struct Busy(std::sync::atomic::AtomicUsize);

impl Busy {
    fn asked(&self) -> Result<(), StoreError> {
        match self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => Err(StoreError::new("database is locked")),
            _ => Ok(()),
        }
    }
}

#[async_trait::async_trait]
impl Outbox for Busy {
    async fn open_channel(&self, _: &str, _: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }

    async fn take(
        &self,
        _: &str,
        _: &Lease<'_>,
        _: Timestamp,
    ) -> Result<Option<Parcel>, StoreError> {
        Ok(None)
    }

    async fn sent(&self, _: &str, _: i64, _: Option<&str>, _: Timestamp) -> Result<(), StoreError> {
        self.asked()
    }

    async fn failed(
        &self,
        _: &str,
        _: i64,
        _: &str,
        _: &[Settled],
        _: Timestamp,
        _: Timestamp,
    ) -> Result<(), StoreError> {
        self.asked()
    }

    async fn channels(&self) -> Result<Vec<crate::notice::outbox::ChannelState>, StoreError> {
        Ok(Vec::new())
    }

    async fn forget_raised(&self, _: Timestamp, _: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }
}

#[tokio::test]
async fn a_database_that_is_busy_for_a_moment_makes_nothing_come_twice() {
    let has = Settled { receiver: "a@example.com".to_owned(), refused: None };
    for put_off in [Vec::new(), vec!["b@example.com: 451".to_owned()]] {
        let told = Told { settled: vec![has.clone()], put_off };
        let parcel = Parcel { id: 1, attempts: 0, settled: Vec::new(), entries: Vec::new() };
        let busy = Busy::default();
        mark(&busy, "email", &parcel, &told, &|| at(1)).await.unwrap();
        assert_eq!(busy.0.into_inner(), 2);
    }
}
