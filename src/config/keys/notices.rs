//! What administrators are told, and how; and the log.

use super::{Key, Kind, key};

pub(super) static NOTICES: &[Key] = &[
    key(
        "days",
        Kind::Integers,
        "How many days before its end administrators are told of a certificate, a token, or whatever \
         else ends; each once, and once more when it has ended.",
    )
    .default("[60, 30, 14, 7, 1]"),
    key(
        "email",
        Kind::Inner(EMAIL),
        "Tell them by mail. All that is due at once is in one mail, the most urgent first.",
    )
    .otherwise("no mails are sent")
    .sample(
        "{ server = \"mail.example.com:587\", from = \"samlgate@example.com\", to = [\"ops@example.com\"] }",
    ),
];

static EMAIL: &[Key] = &[
    key("server", Kind::Text, "The mail server: `host:port`.").sample("\"mail.example.com:587\""),
    key(
        "security",
        Kind::Choice(&["starttls", "tls", "none"]),
        "`starttls`: the server has to offer STARTTLS (port 587). `tls`: TLS from the beginning (port \
         465). `none`: in the clear; with a password on loopback alone.",
    )
    .default("\"starttls\""),
    key(
        "ca",
        Kind::Text,
        "Certificate authorities (PEM) by which the certificate of the server is verified.",
    )
    .otherwise("those of the system")
    .sample("\"certs/mail-ca.pem\""),
    key("user", Kind::Text, "Who we are there.")
        .otherwise("nobody: the server takes mails without")
        .sample("\"samlgate\""),
    key("password", Kind::Text, "The password for it; better from a file.")
        .otherwise("none")
        .sample("\"…\"")
        .secret(),
    key("from", Kind::Text, "The sender.").sample("\"samlgate@example.com\""),
    key("to", Kind::Texts, "The receivers.").sample("[\"ops@example.com\"]"),
];

pub(super) static NOTICE_WEBHOOK: &[Key] = &[
    key(
        "name",
        Kind::Text,
        "What it is called in the log and in metrics: `a-z 0-9 - _ .`, at most 64.",
    )
    .sample("\"ops\""),
    key(
        "url",
        Kind::Text,
        "Where requests go: https (http on loopback alone). `url_file` keeps it out of this file.",
    )
    .otherwise("this or `url_file` is required")
    .sample("\"https://hooks.example.com/samlgate\"")
    .secret(),
    key("url_file", Kind::Text, "A file with the address.")
        .otherwise("none")
        .sample("\"/run/secrets/hook-url\""),
    key(
        "secret",
        Kind::Text,
        "Requests are signed by it (`X-Samlgate-Signature`); at least 16 characters. `secret_file` \
         keeps it out of this file.",
    )
    .otherwise("requests are not signed")
    .sample("\"draw-one-with-openssl-rand-hex-32\"")
    .secret(),
    key("secret_file", Kind::Text, "A file with the secret.")
        .otherwise("none")
        .sample("\"/run/secrets/hook\""),
    key(
        "format",
        Kind::Choice(&["json", "slack"]),
        "`json`: everything, for programs. `slack`: a text, for Slack, Mattermost and others that take \
         the same.",
    )
    .default("\"json\""),
];

pub(super) static TELEMETRY: &[Key] = &[key(
    "log",
    Kind::Choice(&["json", "text"]),
    "`json`: one JSON object a line. `text`: for people.",
)
.default("\"json\"")
.restart()];
