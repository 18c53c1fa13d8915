//! The one table of keys.
//!
//! Everything that speaks about keys reads this table: the reader, unknown-key hints, environment
//! names, `config template`, `config schema`, `config show` and the tables of
//! `docs/configuration.md`. A key that is not here does not exist.
//!
//! What is here is the form of the table; each file beside has the keys of some sections.

mod idp;
mod notices;
mod roles;
mod route;
mod saml;
mod scim;
mod server;
mod session;
mod users;

pub(super) use idp::IDP;

use notices::{NOTICE_WEBHOOK, NOTICES, TELEMETRY};
use roles::{ATTRIBUTES, ROLE};
use route::ROUTE;
use saml::{SAML, SAML_ATTRIBUTE, SAML_CONTACT};
use scim::{SCIM, SCIM_SCHEMA};
use server::{ADMIN, LIMITS, SERVER};
use session::SESSION;
use users::{AUDIT, USERS};

/// A table of the file, or a list of tables.
#[derive(Debug)]
pub(super) struct Section {
    /// `server`
    pub(super) name: &'static str,
    /// `[name]` or `[[name]]`.
    pub(super) shape: Shape,
    /// What it is about.
    pub(super) doc: &'static str,
    /// Whether the sample shows it switched on.
    pub(super) active: bool,
    /// Its keys, in the order of the sample.
    pub(super) keys: &'static [Key],
}

/// How a section is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// `[server]`, once.
    Table,
    /// `[[idp]]`, any number of times; not settable from the environment.
    List,
}

/// One key.
#[derive(Debug)]
pub(super) struct Key {
    /// `public_url`
    pub(super) name: &'static str,
    /// What may stand there.
    pub(super) kind: Kind,
    /// What holds without it.
    pub(super) fallback: Fallback,
    /// What it means, in whole sentences.
    pub(super) doc: &'static str,
    /// A value for the sample, in TOML.
    pub(super) sample: &'static str,
    /// Whether the sample shows it switched on.
    pub(super) active: bool,
    /// When a change takes effect.
    pub(super) effect: Effect,
    /// Whether this version offers what it switches on.
    pub(super) availability: Availability,
    /// May hold a password: also read from a file, and redacted in `config show`.
    pub(super) secret: bool,
}

/// What may stand at a key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// A string.
    Text,
    /// A string, or a list of strings.
    Texts,
    /// `true` or `false`.
    Boolean,
    /// A whole number, not negative.
    Integer,
    /// A number above 0 and up to 1.
    Share,
    /// A string such as `"15m"`.
    Duration,
    /// A string such as `"365d"`, or `"forever"`.
    Age,
    /// A string such as `"10MiB"`.
    Size,
    /// A string such as `"30/m"`, or `"off"`.
    Rate,
    /// A day, or a time of RFC 3339.
    Moment,
    /// One of these strings.
    Choice(&'static [&'static str]),
    /// A list of these strings.
    Choices(&'static [&'static str]),
    /// A list of whole numbers.
    Integers,
    /// A table of strings.
    TextByName,
    /// A table of strings or lists of strings.
    TextsByName,
    /// A table with keys of its own.
    Inner(&'static [Key]),
}

/// What holds where a key is not set.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fallback {
    /// Nothing: it must be set.
    Required,
    /// This value, in TOML.
    Value(&'static str),
    /// It follows from something else, or nothing happens; in words.
    Words(&'static str),
}

/// When a change takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// With the next reload: SIGHUP, or a changed file.
    Reload,
    /// With the next start.
    Restart,
}

/// Whether this version offers what a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Availability {
    /// Yes.
    Now,
    /// Not yet: setting the key is a mistake, so that nobody believes that it works.
    Later,
}

impl Section {
    /// The key with this name.
    pub(super) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

/// The section with this name.
pub(super) fn section(name: &str) -> Option<&'static Section> {
    SECTIONS.iter().find(|section| section.name == name)
}

/// The environment variable of a key: `SAMLGATE_SERVER__TLS__KEY` for `server`, `tls`, `key`.
pub(super) fn environment_name(path: &[&str]) -> String {
    let words = path.iter().map(|word| word.to_ascii_uppercase()).collect::<Vec<_>>();
    format!("SAMLGATE_{}", words.join("__"))
}

const fn table(name: &'static str, doc: &'static str, keys: &'static [Key]) -> Section {
    Section { name, shape: Shape::Table, doc, active: true, keys }
}

const fn list(name: &'static str, doc: &'static str, keys: &'static [Key]) -> Section {
    Section { name, shape: Shape::List, doc, active: false, keys }
}

impl Section {
    const fn active(mut self) -> Self {
        self.active = true;
        self
    }
}

const fn key(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key {
        name,
        kind,
        fallback: Fallback::Required,
        doc,
        sample: "",
        active: false,
        effect: Effect::Reload,
        availability: Availability::Now,
        secret: false,
    }
}

impl Key {
    /// Has a default value, which the sample shows.
    const fn default(mut self, value: &'static str) -> Self {
        self.fallback = Fallback::Value(value);
        if self.sample.is_empty() {
            self.sample = value;
        }
        self
    }

    /// Has no fixed default.
    const fn otherwise(mut self, words: &'static str) -> Self {
        self.fallback = Fallback::Words(words);
        self
    }

    const fn sample(mut self, sample: &'static str) -> Self {
        self.sample = sample;
        self
    }

    const fn active(mut self) -> Self {
        self.active = true;
        self
    }

    const fn restart(mut self) -> Self {
        self.effect = Effect::Restart;
        self
    }

    #[expect(dead_code, reason = "today no key waits for a later version")]
    const fn later(mut self) -> Self {
        self.availability = Availability::Later;
        self
    }

    const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }
}

/// Every section, in the order of the sample.
pub(super) static SECTIONS: &[Section] = &[
    table(
        "server",
        "The public listener: where browsers and front proxies connect.",
        SERVER,
    ),
    table(
        "admin",
        "The listener for operators and monitoring: /metrics, /livez, /readyz. Keep it off the internet.",
        ADMIN,
    ),
    table(
        "saml",
        "This gateway as a SAML 2.0 service provider (SP).",
        SAML,
    ),
    list(
        "saml_contact",
        "Somebody to ask about this gateway, for our metadata.",
        SAML_CONTACT,
    ),
    list(
        "saml_attribute",
        "An attribute that our metadata asks identity providers for. What they send is read by \
         `[attributes]`, whether it is asked for or not.",
        SAML_ATTRIBUTE,
    ),
    list(
        "idp",
        "An identity provider (IdP). Declared here, or added by `samlgate idp import`.",
        IDP,
    ),
    table(
        "attributes",
        "Which SAML attributes mean what. The first name that the assertion carries wins; they are \
         compared with the attribute's Name, and \"friendly:mail\" with its FriendlyName. The names \
         that each vendor uses are known already and are tried after yours.",
        ATTRIBUTES,
    ),
    list(
        "role",
        "A role of this gateway: granted to people in any of the groups, or with any of the \
         attribute values.",
        ROLE,
    ),
    list(
        "route",
        "Which requests go to which application, and who may make them. At least one.",
        ROUTE,
    )
    .active(),
    table("session", "How long people stay signed in.", SESSION),
    table(
        "limits",
        "How often one client address may ask for what costs most: `30/m` is 30 times a minute, all \
         at once if need be. Whoever asks more often is answered 429 with `Retry-After`. People in \
         one office often share an address; `off` sets no limit.",
        LIMITS,
    ),
    table("users", "Who is known here.", USERS),
    table("audit", "How long what happened is kept.", AUDIT),
    table("scim", "Provisioning by SCIM 2.0.", SCIM),
    list(
        "scim_schema",
        "Attributes of your own, which provisioning clients find at `/scim/v2/Schemas`.",
        SCIM_SCHEMA,
    ),
    table(
        "notices",
        "What administrators are told before something ends: samlgate certs lists what does.",
        NOTICES,
    ),
    list(
        "notice_webhook",
        "Somebody else's server that is told the same by requests.",
        NOTICE_WEBHOOK,
    ),
    table(
        "telemetry",
        "What the gateway says about itself.",
        TELEMETRY,
    ),
];
